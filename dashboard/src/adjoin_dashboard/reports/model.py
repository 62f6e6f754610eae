"""What the Reports page says, read from the database, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select

from adjoin.access import saved_views
from adjoin.access.members import members_of
from adjoin.access.permissions import Permission
from adjoin.access.saved_views import ViewLine
from adjoin.alerts.judging import Looker
from adjoin.alerts.targets import TargetLine, targets_of
from adjoin.alerts.telling import Post
from adjoin.analytics.v1 import Dimension, Metric
from adjoin.db.models import Account, Workspace
from adjoin.db.reports import Outcome, ReportSend, ScheduledReport, SendKind
from adjoin.errors import AdjoinError
from adjoin.reports import defining
from adjoin.reports.defining import ReportLine, Wanted
from adjoin.reports.messages import Written
from adjoin.reports.sending import preview, send_now
from adjoin.reports.terms import store_terms
from adjoin.reports.timing import Cadence
from adjoin_dashboard.context import Context

__all__ = [
    "MUTES",
    "WEEKDAYS",
    "ReportsPage",
    "change",
    "history",
    "load_reports",
    "look_at",
    "save",
    "send_to_all",
    "send_to_me",
    "state_of",
    "when",
]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: For how long a report may be muted, as the page offers it.
MUTES: Mapping[str, timedelta] = {
    "1 week": timedelta(days=7),
    "2 weeks": timedelta(days=14),
    "30 days": timedelta(days=30),
    "90 days": timedelta(days=90),
}
#: The pages whose saved views a report can be made of.
_PAGES = ("overview", "campaigns")
_OUTCOMES = {Outcome.SENT: "Sent", Outcome.MUTED: "Left out: muted", Outcome.FAILED: "Could not be made"}
_KINDS = {SendKind.SCHEDULED: "on time", SendKind.BY_HAND: "by hand", SendKind.TEST: "a test"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsPage:
    """The page. `people` and `accounts` are names by id; `metrics` and `dimensions` are those that can be asked.

    `problem` says why no report can be made, empty where one can.
    """

    lines: tuple[ReportLine, ...]
    targets: tuple[TargetLine, ...]
    people: Mapping[str, str]
    accounts: Mapping[str, str]
    platforms: Mapping[str, str]
    currencies: tuple[str, ...]
    views: tuple[ViewLine, ...]
    metrics: Mapping[str, Metric]
    dimensions: Mapping[str, Dimension]
    problem: str
    leaving_at: datetime | None
    may_write: bool
    may_manage: bool

    def line(self, report_id: str) -> ReportLine | None:
        """Return a report by its id."""
        return next((one for one in self.lines if one.id == report_id), None)

    def may_change(self, line: ReportLine) -> bool:
        """Say whether who looks may change a report."""
        return self.may_manage or (self.may_write and line.mine)


def load_reports(context: Context) -> ReportsPage:
    """Read the page."""
    me = context.signed_in.user_id
    with context.store.read() as session:
        workspace = session.get_one(Workspace, context.workspace_id)
        lines = defining.reports_of(session, context.workspace_id, user_id=me, now=context.now())
        targets = targets_of(session, context.workspace_id)
        people = {one.user_id: one.name or one.email for one in members_of(session, context.workspace_id) if one.active}
        accounts = session.exec(
            select(Account).where(col(Account.selected).is_(True)).order_by(col(Account.name), col(Account.id))
        ).all()
        views = [one for page in _PAGES for one in saved_views.views_of(session, context.workspace_id, me, page=page)]
    metrics: dict[str, Metric] = {}
    dimensions: dict[str, Dimension] = {}
    problem = ""
    try:
        known = context.definitions()
        metrics = {one.name: one for one in known.metrics}
        dimensions = {one.name: one for one in known.dimensions}
    except AdjoinError as error:
        problem = str(error)
    stays = workspace.delete_after is None
    return ReportsPage(
        lines=tuple(lines),
        targets=tuple(targets),
        people=people,
        accounts={f"{one.platform}/{one.id}": one.name or one.id for one in accounts},
        platforms={one: context.host.platform_title(one) for one in sorted({one.platform for one in accounts})},
        currencies=tuple(dict.fromkeys([context.currency, *sorted({one.currency for one in accounts})])),
        views=tuple(views),
        metrics=metrics,
        dimensions=dimensions,
        problem=problem,
        leaving_at=workspace.delete_after,
        may_write=stays and context.may(Permission.SCHEDULE_REPORTS),
        may_manage=stays and context.may(Permission.MANAGE_REPORTS),
    )


def state_of(context: Context, line: ReportLine) -> str:
    """Return how a report is, in words and in Markdown."""
    if not line.enabled:
        return ":gray-badge[Paused]"
    if line.muted_until is not None:
        return f":gray-badge[Muted] until {context.write.moment(line.muted_until)}"
    if line.note:
        return ":orange-badge[Could not be made]"
    return ":green-badge[On]"


def when(cadence: Cadence, time_zone: str) -> str:
    """Say in words when a report is sent."""
    day = {
        "day": "each day",
        "week": f"each {WEEKDAYS[cadence.weekday]}",
        "month": f"on day {cadence.day} of each month",
    }[cadence.every]
    return f"{day} at {cadence.at:%H:%M} ({time_zone})"


def history(context: Context, report_id: str) -> list[dict[str, Any]]:
    """Return what was sent, the newest first, for a table."""
    with context.store.read() as session:
        sends = defining.sends_of(session, context.workspace_id, report_id)
    return [_entry(context, one) for one in sends]


def _entry(context: Context, one: ReportSend) -> dict[str, Any]:
    days = "" if one.since is None or one.until is None else context.write.days(one.since, one.until)
    doubts = context.write.counted(one.problems, "warning") if one.problems else ""
    return {
        "When": context.write.stamp(one.at),
        "Why": _KINDS[one.kind],
        "Days": days,
        "What": _OUTCOMES[one.outcome],
        "To": context.write.count(one.told),
        "Remarks": one.why or doubts,
    }


def save(context: Context, wanted: Wanted, report_id: str = "") -> str:
    """Make a report, or change the one with the id; return its name."""
    if report_id:
        return str(change(context, defining.change, report_id, wanted).name)
    return str(change(context, defining.create, wanted).name)


def change(context: Context, act: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Do something about the reports of the workspace, as who looks, in a transaction."""
    with context.host.store.write() as session:
        return act(session, context.workspace_id, *args, by=context.actor, now=context.now(), **options)


def send_to_me(context: Context, report_id: str) -> ReportSend:
    """Send a report as a test to who looks. Blocks while it is made."""
    return _send(context, report_id, context.signed_in.user_id)


def send_to_all(context: Context, report_id: str) -> ReportSend:
    """Send a report to everybody that it goes to. Blocks while it is made."""
    return _send(context, report_id, "")


def _send(context: Context, report_id: str, to: str) -> ReportSend:
    runtime = context.host.runtime
    return send_now(
        runtime.store,
        lambda _: _looker(context),
        Post(runtime.vault, runtime.settings.base_url),
        context.workspace_id,
        report_id,
        to=to,
        by=context.actor,
        clock=context.host.clock,
    )


def look_at(context: Context, wanted: Wanted) -> Written:
    """Return a report as who looks would be sent it now. Sends and stores nothing. Raises BadInput, UnknownName."""
    now = context.now()
    with context.store.read() as session:
        workspace = session.get_one(Workspace, context.workspace_id).name
    report = ScheduledReport(
        workspace_id=context.workspace_id,
        name=wanted.name.strip() or "Report",
        terms=store_terms(wanted.terms),
        cron=wanted.cadence.cron,
        time_zone=wanted.time_zone,
        slot_at=now,
        next_at=now,
        created_at=now,
        changed_at=now,
    )
    return preview(
        _looker(context),
        report,
        workspace=workspace,
        writer=context.write,
        base_url=context.host.runtime.settings.base_url,
        now=now,
    )


def _looker(context: Context) -> Looker:
    runtime = context.host.runtime
    return Looker(runtime.kernel, context.store, runtime.facts, context.platforms, context.host.clock)
