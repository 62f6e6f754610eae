"""What the Alerts page says, read from the database, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from adjoin.access.members import members_of
from adjoin.access.permissions import Permission
from adjoin.alerts import rules, targets
from adjoin.alerts.delivery import poster, try_target
from adjoin.alerts.judging import read_found
from adjoin.alerts.messages import figures, watched
from adjoin.alerts.rules import RuleLine, Wanted
from adjoin.alerts.targets import TargetLine
from adjoin.alerts.telling import Post, send_test
from adjoin.alerts.terms import Cadence
from adjoin.analytics.v1 import Metric
from adjoin.db.alerts import AlertEntry, AlertState, EntryKind, TargetKind
from adjoin.db.models import Account, Connection, Workspace
from adjoin.errors import AdjoinError
from adjoin.writing import duration
from adjoin_dashboard.context import Context

__all__ = [
    "COOL_DOWNS",
    "MUTES",
    "WEEKDAYS",
    "AlertsPage",
    "add_target",
    "change",
    "delete_target",
    "history",
    "load_alerts",
    "save",
    "send_test_of",
    "state_of",
    "try_out",
    "watches",
    "when",
]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: How long an alert may stay silent after it has told something, as the page offers it.
COOL_DOWNS: Mapping[str, timedelta] = {
    "none": timedelta(0),
    "4 hours": timedelta(hours=4),
    "1 day": timedelta(days=1),
    "3 days": timedelta(days=3),
    "1 week": timedelta(days=7),
}
#: For how long an alert may be muted, as the page offers it.
MUTES: Mapping[str, timedelta] = {
    "4 hours": timedelta(hours=4),
    "1 day": timedelta(days=1),
    "3 days": timedelta(days=3),
    "1 week": timedelta(days=7),
    "30 days": timedelta(days=30),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsPage:
    """The page. `people`, `connections` and `accounts` are names by id, `metrics` those that can be asked.

    `problem` says why figures cannot be watched, empty where they can.
    """

    lines: tuple[RuleLine, ...]
    targets: tuple[TargetLine, ...]
    people: Mapping[str, str]
    connections: Mapping[str, str]
    accounts: Mapping[str, str]
    platforms: Mapping[str, str]
    currencies: tuple[str, ...]
    metrics: Mapping[str, Metric]
    problem: str
    leaving_at: datetime | None
    may_write: bool
    may_manage: bool

    def line(self, rule_id: str) -> RuleLine | None:
        """Return an alert by its id."""
        return next((one for one in self.lines if one.id == rule_id), None)

    def target(self, target_id: str) -> TargetLine | None:
        """Return a target by its id."""
        return next((one for one in self.targets if one.id == target_id), None)

    def may_change(self, line: RuleLine) -> bool:
        """Say whether who looks may change an alert."""
        return self.may_manage or (self.may_write and line.mine)


def load_alerts(context: Context) -> AlertsPage:
    """Read the page."""
    with context.store.read() as session:
        workspace = session.get_one(Workspace, context.workspace_id)
        lines = rules.rules_of(session, context.workspace_id, user_id=context.signed_in.user_id, now=context.now())
        found = targets.targets_of(session, context.workspace_id)
        people = {one.user_id: one.name or one.email for one in members_of(session, context.workspace_id) if one.active}
        connections = session.exec(select(Connection).order_by(col(Connection.label))).all()
        accounts = session.exec(
            select(Account).where(col(Account.selected).is_(True)).order_by(col(Account.name), col(Account.id))
        ).all()
    metrics, problem = _metrics(context)
    stays = workspace.delete_after is None
    return AlertsPage(
        lines=tuple(lines),
        targets=tuple(found),
        people=people,
        connections={one.id: one.label for one in connections},
        accounts={f"{one.platform}/{one.id}": one.name or one.id for one in accounts},
        platforms={one: context.host.platform_title(one) for one in sorted({one.platform for one in accounts})},
        currencies=tuple(dict.fromkeys([context.currency, *sorted({one.currency for one in accounts})])),
        metrics=metrics,
        problem=problem,
        leaving_at=workspace.delete_after,
        may_write=stays and context.may(Permission.WRITE_ALERTS),
        may_manage=stays and context.may(Permission.MANAGE_ALERTS),
    )


def _metrics(context: Context) -> tuple[dict[str, Metric], str]:
    try:
        return {one.name: one for one in context.definitions().metrics}, ""
    except AdjoinError as error:
        return {}, str(error)


def state_of(context: Context, line: RuleLine) -> str:
    """Return how an alert is, in words and in Markdown."""
    since = "" if line.since is None else f" since {context.write.moment(line.since)}"
    if not line.enabled:
        return ":gray-badge[Switched off]"
    match line.state:
        case AlertState.FIRING:
            return f":red-badge[Firing]{since}"
        case AlertState.BROKEN:
            return f":orange-badge[Cannot be checked]{since}"
        case AlertState.MUTED:
            until = "" if line.muted_until is None else f" until {context.write.moment(line.muted_until)}"
            return f":gray-badge[Muted]{until}"
        case _:
            return ":green-badge[Quiet]" if line.checked_at is not None else ":gray-badge[Not checked yet]"


def watches(page: AlertsPage, context: Context, line: RuleLine) -> str:
    """Say in words what an alert watches for."""
    if line.terms is None:
        return "Something that this release cannot read"
    metric = page.metrics.get(getattr(line.terms, "metric", ""))
    told = watched(
        line.terms,
        context.write,
        title="" if metric is None else metric.title,
        unit=None if metric is None else metric.unit,
    )
    return told[:1].upper() + told[1:]


def when(line: RuleLine) -> str:
    """Say in words when an alert is checked."""
    cadence = Cadence.of(line.cron)
    if cadence.every == "hour":
        return f"each hour at minute {cadence.at.minute}"
    day = "each day" if cadence.every == "day" else f"each {WEEKDAYS[cadence.weekday]}"
    return f"{day} at {cadence.at:%H:%M} ({line.time_zone})"


def history(context: Context, rule_id: str) -> list[dict[str, Any]]:
    """Return what became of an alert, the newest first, for a table."""
    with context.store.read() as session:
        entries = rules.entries_of(session, context.workspace_id, rule_id)
    return [_entry(context, one) for one in entries]


def _entry(context: Context, one: AlertEntry) -> dict[str, Any]:
    ended = one.ended_at
    return {
        "What": "Fired" if one.kind is EntryKind.FIRING else "Could not be checked",
        "From": context.write.stamp(one.began_at),
        "Lasted": "goes on" if ended is None else duration(ended - one.began_at),
        "Told": "yes" if one.told_at is not None else "no",
        "Found": " ".join(_found(context, one)),
    }


def _found(context: Context, one: AlertEntry) -> Sequence[str]:
    if one.kind is EntryKind.BROKEN:
        return [str(one.found.get("why", ""))]
    found = read_found(one.found)
    return [] if found is None else figures(found, context.write)


def save(context: Context, wanted: Wanted, rule_id: str = "") -> str:
    """Make an alert, or change the one with the id; return its name."""
    made = change(context, rules.change, rule_id, wanted) if rule_id else change(context, rules.create, wanted)
    return str(made.name)


def change(context: Context, act: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Do something about the alerts of the workspace, as who looks, in a transaction."""
    with context.host.store.write() as session:
        return act(session, context.workspace_id, *args, by=context.actor, now=context.now(), **options)


def send_test_of(context: Context, rule_id: str) -> int:
    """Send a test to everybody that an alert tells; return to how many."""

    def send(session: Session, workspace_id: str, **options: Any) -> int:
        return send_test(session, _post(context), workspace_id, rule_id, **options)[1]

    return int(change(context, send))


def add_target(context: Context, *, kind: TargetKind, name: str, url: str) -> str:
    """Add a target; return the secret that signs what is sent there, which is told this once."""

    def add(session: Session, workspace_id: str, **options: Any) -> str:
        runtime = context.host.runtime
        return targets.add(
            session,
            runtime.vault,
            workspace_id,
            kind=kind,
            name=name,
            url=url,
            outgoing_allow=runtime.settings.outgoing_allow,
            **options,
        )[1]

    return str(change(context, add))


def delete_target(context: Context, target_id: str) -> str:
    """Delete a target; return its name."""
    return str(change(context, targets.delete, target_id).name)


def try_out(context: Context, target_id: str) -> None:
    """Post a test to a target. Raises StateError with why it did not arrive. Blocks for up to ten seconds."""
    runtime = context.host.runtime
    try_target(
        runtime.store,
        runtime.vault,
        poster(runtime.settings.outgoing_allow),
        context.workspace_id,
        target_id,
        by=context.actor,
        clock=context.host.clock,
        base_url=runtime.settings.base_url,
    )


def _post(context: Context) -> Post:
    return Post(context.host.runtime.vault, context.host.runtime.settings.base_url)
