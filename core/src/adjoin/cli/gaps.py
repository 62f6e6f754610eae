"""The command that shows which days are there and which are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from adjoin.cli._output import print_json, print_table

if TYPE_CHECKING:
    from adjoin.sync.gaps import Calendar, Span

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("gaps")(gaps)


def gaps(
    context: typer.Context,
    platform: str = typer.Option("", "--platform", help="Only the connections of this platform."),
    account: list[str] = typer.Option([], "--account", help="Only this account; may be repeated."),
    dataset: list[str] = typer.Option([], "--dataset", help="Only this dataset; may be repeated."),
    since: str = typer.Option("", "--since", metavar="DAY", help="The first day to show (default: where it begins)."),
    until: str = typer.Option("", "--until", metavar="DAY", help="The last day to show (default: today)."),
    every: bool = typer.Option(False, "--all", help="Show the days that are there, too."),
    as_json: bool = typer.Option(False, "--json", help="Print the calendars as JSON, with all their days."),
) -> None:
    """Show the days that are missing, per account and dataset, and why. The next syncs read what they can.

    Example: adjoin gaps --platform meta --since 2026-01-01
    """
    from adjoin.cli._place import place_of
    from adjoin.cli.syncing import parse_day
    from adjoin.errors import BadInput
    from adjoin.sync.choosing import choose
    from adjoin.sync.gaps import DayState, calendars

    shown = (DayState.MISSING, DayState.UNDER_WAY, DayState.FAILED)
    first = parse_day(since, "--since") if since else None
    last = parse_day(until, "--until") if until else None
    if first is not None and last is not None and first > last:
        raise BadInput(f"--since {first} lies after --until {last}")
    with place_of(context) as place:
        runtime = place.runtime
        choose(  # complains of names that are not there
            place.store,
            runtime.connections,
            workspace_id=place.workspace_id,
            platform=platform or None,
            accounts=account,
            datasets=dataset,
        )
        found = calendars(
            place.store,
            runtime.connections.describe,
            workspace_id=place.workspace_id,
            now=place.now,
            history_days=runtime.settings.history_days,
            platform=platform or None,
            accounts=account,
            datasets=dataset,
            since=first,
            until=last,
        )
    if as_json:
        print_json([_as_json(calendar) for calendar in found])
        return
    print_table(
        [
            ("platform", False),
            ("account", False),
            ("dataset", False),
            ("first day", False),
            ("last day", False),
            ("days", True),
            ("what", False),
        ],
        [
            (
                calendar.platform,
                calendar.account_name,
                calendar.dataset,
                str(span.since),
                str(span.until),
                f"{span.days:,}",
                _words(span),
            )
            for calendar in found
            for span in calendar.spans
            if every or span.state in shown
        ],
        empty="No day is missing.",
    )


def _words(span: Span) -> str:
    from adjoin.sync.gaps import DayState

    return {
        DayState.COVERED: "there",
        DayState.MISSING: "missing: not read yet, the next syncs do",
        DayState.UNDER_WAY: "being read: a run waits or is under way",
        DayState.FAILED: f"missing: {span.reason or 'reading failed'}",
        DayState.BEYOND_RETENTION: "the platform does not answer that far back",
        DayState.BEFORE_HISTORY: "before the start of history (see `adjoin connections history`)",
        DayState.TO_COME: "still to come",
    }[span.state]


def _as_json(calendar: Calendar) -> dict[str, Any]:
    return {
        "platform": calendar.platform,
        "connection_id": calendar.connection_id,
        "account_id": calendar.account_id,
        "account": calendar.account_name,
        "dataset": calendar.dataset,
        "missing_days": calendar.missing_days,
        "spans": [
            {
                "since": span.since,
                "until": span.until,
                "days": span.days,
                "state": str(span.state),
                "reason": span.reason or None,
            }
            for span in calendar.spans
        ],
    }
