"""Scheduled reports as members see and change them. Analysts make their own; whoever manages reports changes all.

The functions that change something take a session of `store.write()` and belong to its transaction; the audit log
tells what they did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access._locks import lock_staying
from adjoin.access._names import clean_name
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission, required
from adjoin.access.workspace_settings import settings_of
from adjoin.db.alerts import AlertTarget
from adjoin.db.models import Account, Workspace
from adjoin.db.people import Member, User
from adjoin.db.reports import Outcome, ReportSend, ScheduledReport
from adjoin.errors import BadInput, StateError, UnknownName
from adjoin.reports.terms import Terms, read_terms, store_terms
from adjoin.reports.timing import Cadence
from adjoin.sync.cron import next_cron

__all__ = [
    "LONGEST_MUTE",
    "MOST",
    "ReportLine",
    "Wanted",
    "change",
    "create",
    "delete",
    "find",
    "forget_target",
    "mute",
    "reports_of",
    "required_for",
    "sends_of",
    "switch",
    "unmute",
    "usual",
]

#: Scheduled reports that a workspace may have.
MOST = 100
#: How long a report may be muted at a time; for longer it is paused.
LONGEST_MUTE = timedelta(days=366)
_MOST_PEOPLE = 100
_SHOWN = 50
_THE_OPERATOR = "the operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants of a report. `people` are members by id, `targets` those of alerts."""

    name: str
    terms: Terms
    cadence: Cadence
    time_zone: str
    people: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    with_pdf: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLine:
    """A report as a member sees it. `terms` is None where this release cannot read them; `note` says why, or what went
    wrong last. `next_at` is when it is sent next, None while it is paused; `last` is the newest line of its history.
    """

    id: str
    name: str
    terms: Terms | None
    cadence: Cadence
    time_zone: str
    people: tuple[str, ...]
    targets: tuple[str, ...]
    with_pdf: bool
    enabled: bool
    muted_until: datetime | None
    next_at: datetime | None
    note: str
    author: str
    mine: bool
    last: ReportSend | None


def reports_of(session: Session, workspace_id: str, *, user_id: str = "", now: datetime) -> Sequence[ReportLine]:
    """Return the reports of a workspace by name, those that are paused last."""
    query = (
        select(ScheduledReport, User)
        .join(User, col(User.id) == col(ScheduledReport.user_id), isouter=True)
        .where(col(ScheduledReport.workspace_id) == workspace_id)
    )
    newest = (
        select(col(ReportSend.report_id), sa.func.max(col(ReportSend.at)).label("at"))
        .where(col(ReportSend.workspace_id) == workspace_id)
        .group_by(col(ReportSend.report_id))
        .subquery()
    )
    sends = select(ReportSend).join(
        newest, sa.and_(col(ReportSend.report_id) == newest.c.report_id, col(ReportSend.at) == newest.c.at)
    )
    last = {one.report_id: one for one in session.exec(sends.where(col(ReportSend.workspace_id) == workspace_id))}
    lines = [_line(one, user, last.get(one.id), user_id=user_id, now=now) for one, user in session.exec(query)]
    return sorted(lines, key=lambda one: (not one.enabled, one.name.casefold(), one.id))


def sends_of(session: Session, workspace_id: str, report_id: str, *, limit: int = _SHOWN) -> Sequence[ReportSend]:
    """Return the history of a report, the newest first."""
    query = (
        select(ReportSend)
        .where(col(ReportSend.workspace_id) == workspace_id, col(ReportSend.report_id) == report_id)
        .order_by(col(ReportSend.at).desc(), col(ReportSend.id))
    )
    return session.exec(query.limit(limit)).all()


def find(session: Session, workspace_id: str, named: str) -> ScheduledReport:
    """Return the report with an id or a name. Raises UnknownName, also where several have the name."""
    reports = session.exec(select(ScheduledReport).where(col(ScheduledReport.workspace_id) == workspace_id)).all()
    found = [one for one in reports if one.id == named] or [
        one for one in reports if one.name.casefold() == named.strip().casefold()
    ]
    if len(found) == 1:
        return found[0]
    raise UnknownName(f"there is no scheduled report {named[:80]!r}; `adjoin reports list` names those there are")


def usual(session: Session, workspace_id: str) -> tuple[str, str]:
    """Return the currency and the time zone of a workspace: those of its settings, else those that most accounts have.

    "USD" and "UTC" where there is neither.
    """
    settings = settings_of(session.get_one(Workspace, workspace_id))
    accounts = session.exec(
        select(Account.currency, Account.time_zone).where(col(Account.workspace_id) == workspace_id)
    ).all()
    currencies = sorted(Counter(one[0] for one in accounts).items(), key=lambda one: (-one[1], one[0]))
    zones = sorted(Counter(one[1] for one in accounts).items(), key=lambda one: (-one[1], one[0]))
    currency = settings.currency or (currencies[0][0] if currencies else "USD")
    return currency, settings.time_zone or (zones[0][0] if zones else "UTC")


def create(session: Session, workspace_id: str, wanted: Wanted, *, by: Actor, now: datetime) -> ScheduledReport:
    """Make a report. Raises BadInput for what is wanted, StateError for one too many, Forbidden, UnknownName."""
    lock_staying(session, workspace_id, by, Permission.SCHEDULE_REPORTS)
    counted = select(sa.func.count()).select_from(ScheduledReport)
    if session.exec(counted.where(col(ScheduledReport.workspace_id) == workspace_id)).one() >= MOST:
        raise StateError(f"the workspace has {MOST} scheduled reports already; delete one that is not needed any more")
    report = ScheduledReport(
        workspace_id=workspace_id,
        user_id=by.user_id,
        name="",
        cron="",
        time_zone="",
        slot_at=now,
        next_at=now,
        created_at=now,
        changed_at=now,
    )
    _apply(session, report, wanted, now=now)
    session.add(report)
    by.note(session, workspace_id, "report.created", of=("report", report.id), after=_told(report), now=now)
    return report


def change(
    session: Session, workspace_id: str, report_id: str, wanted: Wanted, *, by: Actor, now: datetime
) -> ScheduledReport:
    """Change a report; it is sent at its next time from now on. Raises as `create`."""
    report = required_for(session, workspace_id, report_id, by)
    before = _told(report)
    _apply(session, report, wanted, now=now)
    session.add(report)
    by.note(
        session, workspace_id, "report.changed", of=("report", report.id), before=before, after=_told(report), now=now
    )
    return report


def delete(session: Session, workspace_id: str, report_id: str, *, by: Actor, now: datetime) -> ScheduledReport:
    """Delete a report with its history. Raises Forbidden, UnknownName."""
    report = required_for(session, workspace_id, report_id, by)
    by.note(session, workspace_id, "report.deleted", of=("report", report.id), before=_told(report), now=now)
    session.connection().execute(
        sa.delete(ScheduledReport).where(
            col(ScheduledReport.workspace_id) == workspace_id, col(ScheduledReport.id) == report_id
        )
    )
    session.expunge(report)
    return report


def switch(
    session: Session, workspace_id: str, report_id: str, *, on: bool, by: Actor, now: datetime
) -> ScheduledReport:
    """Pause a report, or have it sent again from its next time on. Raises Forbidden, UnknownName."""
    report = required_for(session, workspace_id, report_id, by)
    if report.enabled is not on:
        report.enabled, report.muted_until, report.note = on, None, ""
        _from_now_on(report, now=now)
        session.add(report)
    action = "report.resumed" if on else "report.paused"
    by.note(session, workspace_id, action, of=("report", report.id), after={"name": report.name}, now=now)
    return report


def mute(
    session: Session, workspace_id: str, report_id: str, *, until: datetime, by: Actor, now: datetime
) -> ScheduledReport:
    """Leave out the times of a report up to an instant.

    Raises BadInput for an instant that has passed or is too far away, Forbidden, UnknownName.
    """
    report = required_for(session, workspace_id, report_id, by)
    if not now < until <= now + LONGEST_MUTE:
        raise BadInput(f"a report may be muted for up to {LONGEST_MUTE.days} days; pause it for longer")
    report.muted_until, report.changed_at = until, now
    session.add(report)
    after = {"name": report.name, "until": until.isoformat()}
    by.note(session, workspace_id, "report.muted", of=("report", report.id), after=after, now=now)
    return report


def unmute(session: Session, workspace_id: str, report_id: str, *, by: Actor, now: datetime) -> ScheduledReport:
    """Have a report sent again. Raises Forbidden, UnknownName."""
    report = required_for(session, workspace_id, report_id, by)
    if report.muted_until is None:
        return report
    report.muted_until, report.changed_at = None, now
    session.add(report)
    by.note(session, workspace_id, "report.unmuted", of=("report", report.id), after={"name": report.name}, now=now)
    return report


def forget_target(session: Session, workspace_id: str, target_id: str) -> None:
    """Take a target that is deleted out of the reports that go to it."""
    query = select(ScheduledReport).where(col(ScheduledReport.workspace_id) == workspace_id).with_for_update()
    for report in session.exec(query):
        if target_id in report.targets:
            report.targets = [one for one in report.targets if one != target_id]
            session.add(report)


def required_for(session: Session, workspace_id: str, report_id: str, by: Actor) -> ScheduledReport:
    """Return a report that somebody may change, locked. Raises Forbidden, UnknownName, StateError as `lock_staying`."""
    _, role = lock_staying(session, workspace_id, by, Permission.SCHEDULE_REPORTS)
    query = select(ScheduledReport).where(
        col(ScheduledReport.workspace_id) == workspace_id, col(ScheduledReport.id) == report_id
    )
    report = session.exec(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if report is None:
        raise UnknownName(f"there is no scheduled report {report_id[:80]!r}; it may have been deleted")
    if by.user_id not in (None, report.user_id):
        required(role, Permission.MANAGE_REPORTS)
    return report


def _apply(session: Session, report: ScheduledReport, wanted: Wanted, *, now: datetime) -> None:
    """Put what is wanted into a report, and have it sent at its next time."""
    report.name = _free_name(session, report, wanted.name)
    report.terms = store_terms(wanted.terms)
    report.cron, report.time_zone = wanted.cadence.cron, wanted.time_zone
    report.with_pdf = wanted.with_pdf
    members = select(Member.user_id).where(col(Member.workspace_id) == report.workspace_id)
    targets = select(AlertTarget.id).where(col(AlertTarget.workspace_id) == report.workspace_id)
    report.people = _known(session.exec(members).all(), wanted.people, report.people, "member")
    report.targets = _known(session.exec(targets).all(), wanted.targets, report.targets, "target")
    if not report.people and not report.targets:
        raise BadInput("choose who is sent the report: people, or targets")
    report.note = ""
    _from_now_on(report, now=now)


def _from_now_on(report: ScheduledReport, *, now: datetime) -> None:
    report.slot_at = report.next_at = next_cron(report.cron, report.time_zone, now)
    report.tries, report.epoch, report.changed_at = 0, report.epoch + 1, now


def _known(there: Collection[str], wanted: Sequence[str], had: Sequence[str], what: str) -> list[str]:
    """Return those that are wanted and there; one that was there before and has gone is left out silently."""
    if any(one not in there and one not in had for one in wanted):
        raise UnknownName(f"there is no such {what} in this workspace any more; choose again")
    if len(wanted) > _MOST_PEOPLE:
        raise BadInput(f"a report goes to {_MOST_PEOPLE} people at most")
    return [one for one in dict.fromkeys(wanted) if one in there]


def _free_name(session: Session, report: ScheduledReport, name: str) -> str:
    wanted = clean_name(name, "the name of a report")
    query = select(ScheduledReport.name).where(
        col(ScheduledReport.workspace_id) == report.workspace_id, col(ScheduledReport.id) != report.id
    )
    if wanted.casefold() in {one.casefold() for one in session.exec(query)}:
        raise BadInput(f"there is a scheduled report {wanted!r} already; choose another name")
    return wanted


def _line(
    report: ScheduledReport, user: User | None, last: ReportSend | None, *, user_id: str, now: datetime
) -> ReportLine:
    terms, note = None, report.note
    try:
        terms = read_terms(report.terms)
    except BadInput as error:
        note = str(error)
    muted = report.muted_until is not None and report.muted_until > now
    author = _THE_OPERATOR if report.user_id is None else ""
    return ReportLine(
        id=report.id,
        name=report.name,
        terms=terms,
        cadence=Cadence.of(report.cron),
        time_zone=report.time_zone,
        people=tuple(report.people),
        targets=tuple(report.targets),
        with_pdf=report.with_pdf,
        enabled=report.enabled,
        muted_until=report.muted_until if muted else None,
        next_at=report.next_at if report.enabled else None,
        note=note if note or last is None or last.outcome is not Outcome.FAILED else last.why,
        author=author if user is None else user.name or user.email,
        mine=report.user_id == user_id,
        last=last,
    )


def _told(report: ScheduledReport) -> dict[str, object]:
    return {
        "name": report.name,
        "about": {name: value for name, value in report.terms.items() if value not in ("", [], {})},
        "sent": f"{report.cron} {report.time_zone}",
        "people": len(report.people),
        "targets": len(report.targets),
    }
