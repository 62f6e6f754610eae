"""Gaps: days between read ones that were never read, or that failed to be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adjoin.health.model import Finding, Problem, Severity
from adjoin.health.snapshot import Snapshot
from adjoin.health.words import short
from adjoin.sync.gaps import Calendar, DayState, Span

__all__ = ["Hole", "find_holes", "hole_findings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Days of a dataset that should be there."""

    account_id: str
    dataset: str
    span: Span


def find_holes(calendars: Sequence[Calendar]) -> dict[str, list[Hole]]:
    """Return the gaps by connection.

    What was never read before the first and after the last day that is there is history that is still to come, and
    lateness; only what failed counts there.
    """
    found: dict[str, list[Hole]] = defaultdict(list)
    for calendar in calendars:
        covered = [place for place, span in enumerate(calendar.spans) if span.state is DayState.COVERED]
        for place, span in enumerate(calendar.spans):
            inside = bool(covered) and covered[0] < place < covered[-1]
            if span.state is DayState.FAILED or (span.state is DayState.MISSING and inside):
                found[calendar.connection_id].append(
                    Hole(account_id=calendar.account_id, dataset=calendar.dataset, span=span)
                )
    return dict(found)


def hole_findings(one: Snapshot, holes: Sequence[Hole]) -> Iterator[Finding]:
    """Say how many days are missing, with the longest gap as the example."""
    if not holes:
        return
    days = sum(hole.span.days for hole in holes)
    longest = max(holes, key=lambda hole: hole.span.days)
    span = longest.span
    datasets = len({(hole.account_id, hole.dataset) for hole in holes})
    more = f" (in {datasets} datasets of accounts; this is the longest gap)" if len(holes) > 1 else ""
    yield Finding(
        problem=Problem.GAPS,
        severity=Severity.ATTENTION,
        what=f"{days} {'day is' if days == 1 else 'days are'} missing: {longest.dataset} of "
        f"{one.name_of(longest.account_id)} from {span.since} to {span.until}{more}",
        why=short(span.reason) or "they were never read",
        advice="The next run reads them. To read them now: "
        f"`adjoin sync --platform {one.connection.platform} --account {longest.account_id} --since {span.since} "
        f"--until {span.until}`.",
        account_id=longest.account_id,
    )
