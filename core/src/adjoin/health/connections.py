"""The health of connections, put together from what the database says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.ads import v2
from adjoin.db.access import Access
from adjoin.db.models import Account, ConnectionState, FactFile
from adjoin.facts.store import FactStore
from adjoin.health import checks
from adjoin.health.holes import Hole, find_holes, hole_findings
from adjoin.health.model import ConnectionHealth, Finding, Problem, Severity, verdict_of
from adjoin.health.silence import AccountKey, Shrunk, Silence, find_shrunk, find_silence
from adjoin.health.snapshot import Snapshot, snapshots
from adjoin.sync.gaps import Calendar

__all__ = ["connection_health"]

_ORDER = (Severity.BROKEN, Severity.ATTENTION, Severity.NOTE)
_LATELY = timedelta(days=100)


def connection_health(
    store: Access,
    facts: FactStore,
    *,
    now: datetime,
    platforms: Mapping[str, v2.Description],
    workspace_id: str | None = None,
    calendars: Sequence[Calendar] = (),
) -> list[ConnectionHealth]:
    """Return how the connections of a workspace are, or those of all workspaces; the oldest first.

    `platforms` is what the loaded plugins say of themselves, by name. The number of queries does not grow with that of
    connections. Of fact files only those of accounts that seem silent are looked into (see `silence`). Gaps are told
    where the `calendars` are given, which cost more to read. Blocks.
    """
    with store.read() as session:
        found = snapshots(session, now=now, workspace_id=workspace_id)
        clocks = [now + one.ahead for one in found] or [now]
        silent = find_silence(session, facts, earliest=min(clocks), latest=max(clocks), workspace_id=workspace_id)
        shrunk = find_shrunk(session, now=now, workspace_id=workspace_id)
        read_before = _read_before(session, found, min(clocks))
    holes = find_holes(calendars)
    return [
        _health(
            one,
            now,
            platforms.get(one.connection.platform),
            silent,
            shrunk,
            read_before,
            holes.get(one.connection.id, []),
        )
        for one in found
    ]


def _health(
    one: Snapshot,
    now: datetime,
    described: v2.Description | None,
    silent: Mapping[AccountKey, Silence],
    shrunk: Mapping[AccountKey, list[Shrunk]],
    read_before: set[AccountKey],
    holes: Sequence[Hole],
) -> ConnectionHealth:
    connection = one.connection
    due = checks.due_at(one)
    mine = {account.id for account in one.accounts if _key(account) in read_before}
    findings = [
        *checks.authorisation_findings(one, now=now, described=described),
        *checks.failure_findings(one, now=now),
        *checks.run_findings(one, now=now),
        *checks.lateness_findings(one, now=now, due=due),
        *checks.schedule_findings(one, now=now),
        *checks.account_findings(one, now=now, read_before=mine),
        *_silence_findings(one, silent, shrunk),
        *checks.difference_findings(one),
        *hole_findings(one, holes),
    ]
    findings.sort(key=lambda finding: _ORDER.index(finding.severity))
    overdue = due is not None and connection.state is not ConnectionState.DISABLED
    return ConnectionHealth(
        workspace_id=connection.workspace_id,
        connection_id=connection.id,
        platform=connection.platform,
        label=connection.label,
        verdict=verdict_of(findings),
        synced_at=connection.last_sync_at,
        due_at=due,
        late=max(now - due, timedelta(0)) if overdue and due is not None else timedelta(0),
        findings=tuple(findings),
    )


def _silence_findings(
    one: Snapshot, silent: Mapping[AccountKey, Silence], shrunk: Mapping[AccountKey, list[Shrunk]]
) -> Iterator[Finding]:
    for account in one.accounts:
        if account.gone_at is not None or not account.readable or not account.selected:
            continue
        name = one.name_of(account.id)
        quiet = silent.get(_key(account))
        if quiet is not None:
            where = f" in {', '.join(quiet.datasets)}" if quiet.others else ""
            why = "the days were read and came back empty, though a campaign runs and"
            if quiet.others:
                why = f"{', '.join(quiet.others)} {'has' if len(quiet.others) == 1 else 'have'} rows for them, and"
            yield Finding(
                problem=Problem.SILENT,
                severity=Severity.ATTENTION,
                what=f"account {name} has no rows{where} from {quiet.first} to {quiet.last}",
                why=f"{why} the same weekdays of the four weeks before had some",
                advice="Look in the platform: budget, payment, dates of the campaigns. If it shows figures there, run "
                f"`adjoin sync --platform {account.platform} --account {account.id} --since {quiet.first}`.",
                since=datetime.combine(quiet.first, time(), _zone(account)).astimezone(UTC),
                account_id=account.id,
            )
        for month in shrunk.get(_key(account), []):
            yield Finding(
                problem=Problem.SHRUNK,
                severity=Severity.ATTENTION,
                what=f"account {name}: {month.dataset} of {month.month:%Y-%m} went from {month.before:,} to "
                f"{month.rows:,} rows",
                why="the platform answered with less when the days were read again",
                advice="`adjoin report --restated` shows what moved. If the platform shows the old figures, run "
                f"`adjoin sync --platform {account.platform} --account {account.id} --since {month.month}`.",
                since=month.since,
                account_id=account.id,
            )


def _read_before(session: Session, found: list[Snapshot], now: datetime) -> set[AccountKey]:
    """Return those of the unreadable accounts that have had rows lately."""
    closed = [_key(account) for one in found for account in one.accounts if not account.readable]
    if not closed:
        return set()
    key = (col(FactFile.workspace_id), col(FactFile.platform), col(FactFile.account_id))
    query = (
        select(*key)
        .where(
            sa.tuple_(*key).in_(closed),
            col(FactFile.superseded_at).is_(None),
            col(FactFile.last_date) >= (now - _LATELY).date(),
        )
        .distinct()
    )
    return {(workspace, platform, account) for workspace, platform, account in session.exec(query)}


def _key(account: Account) -> AccountKey:
    return account.workspace_id, account.platform, account.id


def _zone(account: Account) -> ZoneInfo:
    try:
        return ZoneInfo(account.time_zone)
    except (ValueError, OSError, KeyError):  # what zoneinfo raises for names that are none
        return ZoneInfo("UTC")
