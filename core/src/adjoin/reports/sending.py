"""Sends the reports that are due, once for each time, and those that somebody wants now.

Each report is taken by one process, which makes it without a transaction and then writes the history and the messages
in one. A process that dies in the middle leaves it to others after LEASE; one that wakes up after that finds another
epoch and writes nothing. Beside that, the history takes each time of a report once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select

from adjoin.access.actors import Actor
from adjoin.access.context import DEFAULT_BASE_URL
from adjoin.alerts.telling import Post
from adjoin.db.alerts import AlertDelivery, AlertTarget
from adjoin.db.models import Workspace, new_id
from adjoin.db.people import Member, User
from adjoin.db.reports import Outcome, ReportSend, ScheduledReport, SendKind
from adjoin.errors import AdjoinError, BadInput, StateError, UnknownName
from adjoin.http.redaction import redact_text
from adjoin.mail.outbox import put
from adjoin.reports import figures as asking
from adjoin.reports.defining import required_for
from adjoin.reports.figures import Figures
from adjoin.reports.messages import Heading, ReportMessage, Written, mail_of, message_of, notice_of, write
from adjoin.reports.terms import read_terms
from adjoin.reports.timing import latest_slot
from adjoin.sync.cron import find_zone, next_cron
from adjoin.writing import DateFormat, NumberFormat, Writer

if TYPE_CHECKING:
    from adjoin.alerts.judging import Looker
    from adjoin.clock import Clock
    from adjoin.db import Store
    from adjoin.db.scope import Scope
    from adjoin.runtime import Runtime

__all__ = ["KEPT", "LEASE", "TRIES", "Rendered", "Sent", "Taken", "preview", "run", "send_due", "send_now", "settle"]

#: How long a process has for a report that it took; then another one takes it.
LEASE = timedelta(minutes=10)
#: How often a report is tried that cannot be made, and how long it waits between. Then people are told.
TRIES, BETWEEN = 3, timedelta(minutes=10)
#: How much of a report's history stays: so many lines, and none that is older.
KEPT = (200, timedelta(days=400))

_MOST = 50  # reports in one go
_LONGEST_ROUND = timedelta(minutes=5)  # what is left then is for the next round
_LATE = timedelta(hours=1)  # from when on a report says that it comes late
_LONGEST_NOTE = 500
#: How long somebody has to wait until a report is sent by hand again.
_BETWEEN_HANDS = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What came of a round: how many reports were sent, and to how many, and how many could not be made."""

    sent: int = 0
    told: int = 0
    failed: int = 0

    def __bool__(self) -> bool:
        return bool(self.sent or self.failed)

    def __str__(self) -> str:
        return f"{self.sent} reports sent to {self.told}, {self.failed} failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A report that a process has until its lease ends. `slot_at` is the time that it is sent for."""

    report: ScheduledReport
    workspace: str
    slot_at: datetime
    kind: SendKind = SendKind.SCHEDULED

    @property
    def epoch(self) -> int:
        return self.report.epoch


@dataclass(slots=True)
class Rendered:
    """A report that was made, or `error`, why it was not. It is written once for all who read alike."""

    figures: Figures | None = None
    error: str = ""
    heading: Heading | None = None
    with_pdf: bool = True
    made: dict[Writer, Written] = field(default_factory=dict)

    def written(self, writer: Writer) -> Written:
        """Return the report as a reader is sent it. Raises StateError where its PDF file cannot be made."""
        if writer not in self.made:
            assert self.figures is not None
            assert self.heading is not None
            self.made[writer] = write(self.figures, self.heading, writer, with_pdf=self.with_pdf)
        return self.made[writer]


def run(runtime: Runtime) -> str | None:
    """Send what is due, as the scheduler does each minute. Returns what there is to tell."""
    from adjoin.alerts.judging import looker_of

    store, clock = runtime.store, runtime.clock
    if not _is_due(store, now=clock.now()):
        return None
    looker = looker_of(runtime.kernel, runtime.facts, clock)
    sent = send_due(store, looker, Post(runtime.vault, runtime.settings.base_url), clock=clock)
    return str(sent) if sent else None


def send_due(store: Store, looker: Callable[[Scope], Looker], post: Post, *, clock: Clock, most: int = _MOST) -> Sent:
    """Send the reports that are due, at most so many. Blocks; only reads where none is."""
    total, end, number = Sent(), clock.now() + _LONGEST_ROUND, 0
    while number < most and clock.now() < end and _is_due(store, now=clock.now()):
        taken = _take(store, now=clock.now())
        if taken is None:
            break
        number += 1
        rendered = None if _is_muted(taken, clock.now()) else make(store, looker, post, taken, clock=clock)
        with store.write() as session:
            send = settle(session, post, taken, rendered, now=clock.now())
        if send is not None and send.outcome is not Outcome.MUTED:
            failed = send.outcome is Outcome.FAILED
            total = replace(
                total,
                sent=total.sent + (not failed),
                told=total.told + (0 if failed else send.told),
                failed=total.failed + failed,
            )
    return total


def send_now(
    store: Store,
    looker: Callable[[Scope], Looker],
    post: Post,
    workspace_id: str,
    report_id: str,
    *,
    to: str = "",
    by: Actor,
    clock: Clock,
) -> ReportSend:
    """Send a report at once to everybody that it goes to, or as a test to one member by id. Its times stay as they are.

    Raises StateError where it cannot be made, goes to nobody, or was sent a moment ago; Forbidden, UnknownName.
    """
    now = clock.now()
    with store.write() as session:
        report = required_for(session, workspace_id, report_id, by)
        recent = select(ReportSend.id).where(
            col(ReportSend.workspace_id) == workspace_id,
            col(ReportSend.report_id) == report_id,
            col(ReportSend.kind) != SendKind.SCHEDULED,
            col(ReportSend.at) > now - _BETWEEN_HANDS,
        )
        if session.exec(recent.limit(1)).first() is not None:
            raise StateError("it was sent a moment ago; wait ten seconds")
        kind = SendKind.TEST if to else SendKind.BY_HAND
        workspace = session.get_one(Workspace, workspace_id).name
        session.expunge(report)
    taken = Taken(report=report, workspace=workspace, slot_at=now, kind=kind)
    rendered = make(store, looker, post, taken, clock=clock)
    if rendered.error:
        raise StateError(f"the report cannot be made: {rendered.error}")
    with store.write() as session:
        now = clock.now()
        fresh = required_for(session, workspace_id, report_id, by)
        told, key = 0, new_id()
        people = _people(session, fresh, [to] if to else fresh.people)
        if to and not people:
            raise UnknownName("there is no such member of the workspace, or they may not sign in")
        told = _send(session, post, fresh, rendered, people, key=key, targets=not to, now=now)
        if not told:
            raise StateError(f"the report {fresh.name!r} goes to nobody; choose people or targets for it")
        send = _history(fresh, key, taken, rendered, outcome=Outcome.SENT, told=told, now=now)
        session.add(send)
        action = "report.tested" if to else "report.sent"
        by.note(session, workspace_id, action, of=("report", report_id), after={"name": fresh.name}, now=now)
        session.flush()
        session.expunge(send)
    return send


def preview(
    looker: Looker, report: ScheduledReport, *, workspace: str, writer: Writer, base_url: str, now: datetime
) -> Written:
    """Return a report as a reader would be sent it now, without its file. Nothing is sent. Raises as `figures.gather`.

    `report` need not be stored.
    """
    taken = Taken(report=report, workspace=workspace, slot_at=now, kind=SendKind.BY_HAND)
    figures = asking.gather(read_terms(report.terms), looker, at=now, time_zone=report.time_zone)
    return write(figures, _heading(taken, base_url, now), writer, with_pdf=False)


def make(store: Store, looker: Callable[[Scope], Looker], post: Post, taken: Taken, *, clock: Clock) -> Rendered:
    """Make a report for all who are sent it, and turn what goes wrong into why: one report stops no other."""
    report = taken.report
    log = structlog.get_logger("adjoin.reports").bind(report=report.id)
    heading = _heading(taken, post.base_url, clock.now())
    rendered = Rendered(heading=heading, with_pdf=report.with_pdf)
    try:
        terms = read_terms(report.terms)
        here = looker(store.scoped(report.workspace_id, None))
        rendered.figures = asking.gather(terms, here, at=taken.slot_at, time_zone=report.time_zone)
        with store.read() as session:
            people = _people(session, report, report.people)
        for user in people:
            rendered.written(_writer(user, report))
    except AdjoinError as error:
        log.info("report cannot be made", error=str(error))
        rendered.error = redact_text(str(error))[:_LONGEST_NOTE]
    except Exception as error:  # the boundary around what plugins and reports may bring
        log.exception("report cannot be made")
        rendered.error = f"an unexpected {type(error).__name__}; the log of the scheduler has the details"
    return rendered


def settle(
    session: Session, post: Post, taken: Taken, rendered: Rendered | None, *, now: datetime
) -> ReportSend | None:
    """Write what came of a report that was due, and what people are sent; None of a rendered one: it was muted.

    Does nothing where the report was changed, deleted or taken by somebody else since it had this epoch, and where
    something was sent for its time already. One that could not be made is tried again a few times, before people are
    told.
    """
    report = _locked(session, taken)
    if report is None:
        return None
    if rendered is not None and rendered.error and report.tries < TRIES:
        report.next_at, report.note = now + BETWEEN, rendered.error
        session.add(report)
        return None
    try:
        report.slot_at = report.next_at = next_cron(report.cron, report.time_zone, max(now, taken.slot_at))
    except BadInput as error:
        report.next_at, rendered = now + timedelta(days=1), Rendered(error=str(error), heading=_heading(taken, "", now))
    report.tries = 0
    report.note = "" if rendered is None else rendered.error
    session.add(report)
    if _is_sent(session, taken):
        return None
    key = new_id()
    if rendered is None:
        send = _history(report, key, taken, Rendered(), outcome=Outcome.MUTED, told=0, now=now)
    else:
        people = _people(session, report, report.people)
        told = _send(session, post, report, rendered, people, key=key, targets=True, now=now)
        if not told and not rendered.error:
            rendered.error = report.note = "it goes to nobody; choose people or targets for it"
        outcome = Outcome.FAILED if rendered.error else Outcome.SENT
        send = _history(report, key, taken, rendered, outcome=outcome, told=told, now=now)
    session.add(send)
    session.flush()
    _forget_old(session, report, now=now)
    session.expunge(send)
    return send


def _send(
    session: Session,
    post: Post,
    report: ScheduledReport,
    rendered: Rendered,
    people: Sequence[User],
    *,
    key: str,
    targets: bool,
    now: datetime,
) -> int:
    heading = rendered.heading
    assert heading is not None
    for user in people:
        if rendered.error:
            mail = notice_of(heading, rendered.error, to=user.email, key=key)
        else:
            mail = mail_of(rendered.written(_writer(user, report)), heading, to=user.email, key=key)
        put(session, post.vault, mail, now=now)
    if not targets:
        return len(people)
    if rendered.figures is None or rendered.error:
        message = ReportMessage(id=key, heading=heading, error=rendered.error)
    else:
        message = message_of(rendered.figures, heading, key=key)
    there = select(AlertTarget.id).where(
        col(AlertTarget.workspace_id) == report.workspace_id, col(AlertTarget.id).in_(report.targets)
    )
    found = session.exec(there.order_by(col(AlertTarget.id))).all()
    for target in found:
        session.add(
            AlertDelivery(
                workspace_id=report.workspace_id,
                target_id=target,
                message=msgspec.to_builtins(message),
                created_at=now,
                next_at=now,
            )
        )
    return len(people) + len(found)


def _history(
    report: ScheduledReport,
    key: str,
    taken: Taken,
    rendered: Rendered,
    *,
    outcome: Outcome,
    told: int,
    now: datetime,
) -> ReportSend:
    figures = rendered.figures
    return ReportSend(
        workspace_id=report.workspace_id,
        id=key,
        report_id=report.id,
        kind=taken.kind,
        slot_at=taken.slot_at if taken.kind is SendKind.SCHEDULED else None,
        at=now,
        outcome=outcome,
        since=None if figures is None else figures.since,
        until=None if figures is None else figures.until,
        told=told,
        problems=0 if figures is None else len(figures.ready.lacks) + len(figures.ready.troubles),
        why=rendered.error,
    )


def _people(session: Session, report: ScheduledReport, wanted: Sequence[str]) -> Sequence[User]:
    """Return those of the wanted who are members and may sign in: nobody else is sent anything."""
    query = select(User).join(Member, col(Member.user_id) == col(User.id))
    query = query.where(
        col(Member.workspace_id) == report.workspace_id,
        col(User.id).in_(wanted),
        col(User.disabled_at).is_(None),
        col(User.deleted_at).is_(None),
    )
    return session.exec(query.order_by(col(User.id))).all()


def _writer(user: User, report: ScheduledReport) -> Writer:
    return Writer(
        locale=user.locale,
        numbers=NumberFormat(user.number_format),
        dates=DateFormat(user.date_format),
        time_zone=user.time_zone or report.time_zone,
    )


def _heading(taken: Taken, base_url: str, now: datetime) -> Heading:
    report = taken.report
    due = f"{taken.slot_at.astimezone(find_zone(report.time_zone)):%Y-%m-%d %H:%M} ({report.time_zone})"
    late = taken.kind is SendKind.SCHEDULED and now - taken.slot_at >= _LATE
    why = f"Sent by the scheduled report “{report.name}” of the workspace “{taken.workspace}”."
    return Heading(
        report_id=report.id,
        name=report.name,
        workspace_id=report.workspace_id,
        workspace=taken.workspace,
        kind=taken.kind,
        due=taken.slot_at,
        at=now,
        link=f"{(base_url or DEFAULT_BASE_URL).rstrip('/')}/reports",
        why=f"{why} It is late: it was due {due}." if late else why,
    )


def _is_muted(taken: Taken, now: datetime) -> bool:
    return taken.report.muted_until is not None and taken.report.muted_until > now


def _is_due(store: Store, *, now: datetime) -> bool:
    with store.read() as session:
        return session.exec(_due(now).limit(1)).first() is not None


def _due(now: datetime) -> Any:
    return (
        select(ScheduledReport)
        .join(Workspace, col(Workspace.id) == col(ScheduledReport.workspace_id))
        .where(
            col(ScheduledReport.next_at) <= now,
            col(ScheduledReport.enabled).is_(True),
            col(Workspace.delete_after).is_(None),
        )
        .order_by(col(ScheduledReport.next_at), col(ScheduledReport.id))
    )


def _take(store: Store, *, now: datetime) -> Taken | None:
    with store.write() as session:
        report = session.exec(_due(now).limit(1).with_for_update(skip_locked=True, of=ScheduledReport)).first()
        if report is None:
            return None
        try:
            report.slot_at = latest_slot(report.cron, report.time_zone, report.slot_at, now)
        except BadInput:  # `settle` says so
            report.tries = TRIES
        report.next_at, report.epoch, report.tries = now + LEASE, report.epoch + 1, report.tries + 1
        session.add(report)
        workspace = session.get_one(Workspace, report.workspace_id).name
        session.flush()
        session.expunge(report)
        return Taken(report=report, workspace=workspace, slot_at=report.slot_at)


def _locked(session: Session, taken: Taken) -> ScheduledReport | None:
    mine = taken.report
    query = select(ScheduledReport).where(
        col(ScheduledReport.workspace_id) == mine.workspace_id, col(ScheduledReport.id) == mine.id
    )
    found = session.exec(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    return found if found is not None and found.epoch == taken.epoch and found.enabled else None


def _is_sent(session: Session, taken: Taken) -> bool:
    query = select(ReportSend.id).where(
        col(ReportSend.workspace_id) == taken.report.workspace_id,
        col(ReportSend.report_id) == taken.report.id,
        col(ReportSend.slot_at) == taken.slot_at,
    )
    return session.exec(query).first() is not None


def _forget_old(session: Session, report: ScheduledReport, *, now: datetime) -> None:
    most, longest = KEPT
    mine = (col(ReportSend.workspace_id) == report.workspace_id, col(ReportSend.report_id) == report.id)
    newest = session.exec(
        select(ReportSend.at).where(*mine).order_by(col(ReportSend.at).desc()).offset(most).limit(1)
    ).first()
    before = now - longest if newest is None else max(newest, now - longest)
    session.connection().execute(sa.delete(ReportSend).where(*mine, col(ReportSend.at) <= before))
