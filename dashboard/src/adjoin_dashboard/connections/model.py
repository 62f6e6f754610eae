"""What the Connections page says: each connection with its health, its accounts and its schedule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, select

from adjoin.access.connection_changes import is_disconnected
from adjoin.connecting import Authorising
from adjoin.db.models import Account, Connection, Schedule
from adjoin.health import ConnectionHealth, Finding, Problem, Verdict, connection_health
from adjoin.sync.asking import active_run
from adjoin.writing import Writer
from adjoin_dashboard.context import Context
from adjoin_dashboard.runs.model import connection_name

__all__ = ["AccountLine", "ConnectionLine", "Offer", "load_connections", "load_offers", "schedule_text"]

#: What the page has a button for, so that the advice to run a command would only be in the way.
_BUTTONS = frozenset({Problem.RECONNECT, Problem.EXPIRES, Problem.SWITCHED_OFF})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """An account in words."""

    name: str
    id: str
    currency: str
    time_zone: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLine:
    """A connection in words. `findings` are what is worth knowing, the worst first, each with its advice or none."""

    id: str
    platform: str
    name: str
    verdict: Verdict
    disconnected: bool
    can_authorise: bool
    read: int
    readable: int
    accounts: tuple[AccountLine, ...]
    synced: str
    due: str
    authorised: str
    schedule: str
    paused: bool
    scheduled: bool
    syncing: bool
    findings: tuple[tuple[Finding, str], ...]

    def reach(self, write: Writer) -> str:
        """How many of the accounts that can be read are."""
        return f"{write.count(self.read)} of {write.count(self.readable)} read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A platform that can be connected. `missing` are settings that the operator has to make first."""

    platform: str
    title: str
    missing: tuple[str, ...]
    by_token: bool


def load_connections(context: Context) -> list[ConnectionLine]:
    """Read the connections of the workspace, the oldest first; those that were disconnected come last."""
    healths = {
        one.connection_id: one
        for one in connection_health(
            context.store,
            context.host.runtime.facts,
            now=context.now(),
            platforms=context.host.platforms,
            workspace_id=context.workspace_id,
        )
    }
    accounts: dict[str, list[Account]] = defaultdict(list)
    schedules: dict[str, list[Schedule]] = defaultdict(list)
    with context.store.read() as session:
        connections = session.exec(select(Connection)).all()
        for account in session.exec(select(Account)):
            accounts[account.connection_id].append(account)
        for schedule in session.exec(select(Schedule)):
            if schedule.connection_id is not None:
                schedules[schedule.connection_id].append(schedule)
        lines = [
            _line(
                context,
                session,
                one,
                healths.get(one.id),
                sorted(accounts[one.id], key=lambda account: (account.name.casefold(), account.id)),
                schedules[one.id],
            )
            for one in sorted(connections, key=lambda one: (one.created_at, one.id))
        ]
    return sorted(lines, key=lambda line: line.disconnected)


def load_offers(context: Context) -> list[Offer]:
    """Return the installed platforms by title."""
    host = context.host
    offers = []
    for platform, described in host.platforms.items():
        missing: list[str] = []
        if not host.runtime.settings.sandbox:
            missing = Authorising(host.kernel, host.runtime.connections, platform).missing()
        offers.append(
            Offer(
                platform=platform,
                title=described.title,
                missing=tuple(missing),
                by_token="oauth" not in described.auth.methods,
            )
        )
    return sorted(offers, key=lambda offer: offer.title)


def _line(
    context: Context,
    session: Session,
    connection: Connection,
    health: ConnectionHealth | None,
    accounts: Sequence[Account],
    schedules: Sequence[Schedule],
) -> ConnectionLine:
    gone = is_disconnected(connection)
    readable = [one for one in accounts if one.gone_at is None and one.readable]
    described = context.host.platforms.get(connection.platform)
    findings = [] if health is None or gone else list(health.findings)
    due = None if health is None else health.due_at
    run = active_run(session, context.workspace_id, connection.id)
    return ConnectionLine(
        id=connection.id,
        platform=connection.platform,
        name=connection_name(context.host.platform_title(connection.platform), connection.label),
        verdict=Verdict.HEALTHY if health is None else health.verdict,
        disconnected=gone,
        can_authorise=described is not None and "oauth" in described.auth.methods,
        read=sum(one.selected for one in readable),
        readable=len(readable),
        accounts=tuple(_account(one) for one in accounts),
        synced="never" if connection.last_sync_at is None else context.write.stamp(connection.last_sync_at),
        due="" if due is None or gone else context.write.stamp(due),
        authorised=_authorised(connection, context.write),
        schedule=schedule_text(schedules, context.write),
        paused=bool(schedules) and not any(one.enabled for one in schedules),
        scheduled=bool(schedules),
        syncing=run is not None,
        findings=tuple((one, "" if one.problem in _BUTTONS else one.advice) for one in findings),
    )


def _account(account: Account) -> AccountLine:
    if account.gone_at is not None:
        state = "not listed any more"
    elif not account.readable:
        state = f"cannot be read: {(account.note or account.native_status).removeprefix('not read: ')}"
    else:
        state = "read" if account.selected else "left out"
    return AccountLine(
        name=account.name or account.id,
        id=account.id,
        currency=account.currency,
        time_zone=account.time_zone,
        state=state,
    )


def _authorised(connection: Connection, write: Writer) -> str:
    if connection.credential is None:
        return "not any more"
    return "no end known" if connection.expires_at is None else f"until {write.stamp(connection.expires_at)}"


def schedule_text(schedules: Sequence[Schedule], write: Writer) -> str:
    """Say when the schedules of a connection are due: "every 6 h"."""
    if not schedules:
        return "none"
    if not any(one.enabled for one in schedules):
        return "paused"
    return ", ".join(_timing(one, write) for one in schedules if one.enabled)


def _timing(schedule: Schedule, write: Writer) -> str:
    if schedule.every_seconds is None:
        return f"by `{schedule.cron}` ({schedule.time_zone})"
    every = timedelta(seconds=schedule.every_seconds)
    if every % timedelta(days=1) == timedelta(0):
        return "every day" if every.days == 1 else f"every {every.days} days"
    if every % timedelta(hours=1) == timedelta(0):
        return "every hour" if every == timedelta(hours=1) else f"every {every // timedelta(hours=1)} h"
    return f"every {write.counted(every // timedelta(minutes=1), 'minute')}"
