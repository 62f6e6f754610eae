"""Rules as members see and change them. Analysts make their own; whoever manages alerts changes all.

The functions that change something take a session of `store.write()` and belong to its transaction; the audit log
tells what they did.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access._locks import lock_staying
from adjoin.access._names import clean_name
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission, required
from adjoin.alerts.states import NEXT, Event
from adjoin.alerts.terms import Terms, read_terms, store_terms
from adjoin.db.alerts import AlertEntry, AlertRule, AlertState, AlertTarget
from adjoin.db.people import Member, User
from adjoin.errors import BadInput, StateError, UnknownName
from adjoin.sync.cron import next_cron

__all__ = [
    "LONGEST_MUTE",
    "MOST",
    "RuleLine",
    "Wanted",
    "change",
    "create",
    "delete",
    "entries_of",
    "find",
    "mute",
    "rules_of",
    "switch",
    "unmute",
]

#: Rules that a workspace may have.
MOST = 200
#: How long a rule may be muted at a time; for longer it is switched off.
LONGEST_MUTE = timedelta(days=366)
_LONGEST_COOL_DOWN = timedelta(days=366)
_MOST_PEOPLE = 100
_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants of a rule. `people` are members by id, `targets` those of the workspace."""

    name: str
    terms: Terms
    cron: str
    time_zone: str
    people: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    cool_down: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """A rule as a member sees it. `terms` is None where this release cannot read them; `note` says why, or what waits.

    `since` is when what goes on in its state began; `author` is a name.
    """

    id: str
    name: str
    terms: Terms | None
    cron: str
    time_zone: str
    cool_down: timedelta
    people: tuple[str, ...]
    targets: tuple[str, ...]
    enabled: bool
    state: AlertState
    muted_until: datetime | None
    since: datetime | None
    checked_at: datetime | None
    next_at: datetime | None
    note: str
    author: str
    mine: bool


def rules_of(session: Session, workspace_id: str, *, user_id: str = "", now: datetime) -> Sequence[RuleLine]:
    """Return the rules of a workspace: what is firing first, then what is broken, then by name."""
    query = (
        select(AlertRule, User)
        .join(User, col(User.id) == col(AlertRule.user_id), isouter=True)
        .where(col(AlertRule.workspace_id) == workspace_id)
    )
    going_on = select(AlertEntry).where(
        col(AlertEntry.workspace_id) == workspace_id, col(AlertEntry.ended_at).is_(None)
    )
    began = {(one.rule_id, one.kind.value): one.began_at for one in session.exec(going_on)}
    lines = [_line(rule, user, began, user_id=user_id, now=now) for rule, user in session.exec(query)]
    order = [AlertState.FIRING, AlertState.BROKEN, AlertState.OK, AlertState.MUTED]
    return sorted(lines, key=lambda one: (not one.enabled, order.index(one.state), one.name.casefold(), one.id))


def entries_of(session: Session, workspace_id: str, rule_id: str, *, limit: int = _SHOWN) -> Sequence[AlertEntry]:
    """Return the history of a rule, the newest first."""
    query = (
        select(AlertEntry)
        .where(col(AlertEntry.workspace_id) == workspace_id, col(AlertEntry.rule_id) == rule_id)
        .order_by(col(AlertEntry.began_at).desc(), col(AlertEntry.id))
    )
    return session.exec(query.limit(limit)).all()


def find(session: Session, workspace_id: str, named: str) -> AlertRule:
    """Return the rule with an id or a name. Raises UnknownName, also where several have the name."""
    rules = session.exec(select(AlertRule).where(col(AlertRule.workspace_id) == workspace_id)).all()
    found = [one for one in rules if one.id == named] or [
        one for one in rules if one.name.casefold() == named.strip().casefold()
    ]
    if len(found) == 1:
        return found[0]
    raise UnknownName(f"there is no alert {named[:80]!r}; `adjoin alerts list` names those there are")


def create(session: Session, workspace_id: str, wanted: Wanted, *, by: Actor, now: datetime) -> AlertRule:
    """Make a rule. Raises BadInput for what is wanted, StateError for one too many, Forbidden, UnknownName."""
    lock_staying(session, workspace_id, by, Permission.WRITE_ALERTS)
    if by.user_id is None:
        raise BadInput("alerts are made by people, in the dashboard")
    names = session.exec(select(AlertRule.name).where(col(AlertRule.workspace_id) == workspace_id)).all()
    if len(names) >= MOST:
        raise StateError(f"the workspace has {MOST} alerts already; delete one that is not needed any more")
    rule = AlertRule(
        workspace_id=workspace_id,
        user_id=by.user_id,
        name="",
        cron="",
        time_zone="",
        next_at=now,
        created_at=now,
        changed_at=now,
    )
    _apply(session, rule, wanted, now=now)
    session.add(rule)
    by.note(session, workspace_id, "alert.created", of=("alert", rule.id), after=_told(rule), now=now)
    return rule


def change(session: Session, workspace_id: str, rule_id: str, wanted: Wanted, *, by: Actor, now: datetime) -> AlertRule:
    """Change a rule. What goes on by its old terms ends without a word. Raises as `create`."""
    rule = _mine(session, workspace_id, rule_id, by)
    before, terms = _told(rule), rule.terms
    _apply(session, rule, wanted, now=now)
    if rule.terms != terms:
        rule.state = AlertState.MUTED if rule.state is AlertState.MUTED else AlertState.OK
        rule.note = ""
        _end_all(session, rule, now=now)
    session.add(rule)
    by.note(session, workspace_id, "alert.changed", of=("alert", rule.id), before=before, after=_told(rule), now=now)
    return rule


def delete(session: Session, workspace_id: str, rule_id: str, *, by: Actor, now: datetime) -> AlertRule:
    """Delete a rule with its history. Raises Forbidden, UnknownName."""
    rule = _mine(session, workspace_id, rule_id, by)
    by.note(session, workspace_id, "alert.deleted", of=("alert", rule.id), before=_told(rule), now=now)
    session.connection().execute(
        sa.delete(AlertRule).where(col(AlertRule.workspace_id) == workspace_id, col(AlertRule.id) == rule_id)
    )
    session.expunge(rule)
    return rule


def switch(session: Session, workspace_id: str, rule_id: str, *, on: bool, by: Actor, now: datetime) -> AlertRule:
    """Switch a rule on or off. Off, what goes on ends without a word. Raises Forbidden, UnknownName."""
    rule = _mine(session, workspace_id, rule_id, by)
    if rule.enabled is on:
        return rule
    rule.enabled, rule.epoch, rule.changed_at = on, rule.epoch + 1, now
    rule.next_at, rule.note = next_cron(rule.cron, rule.time_zone, now), ""
    if not on:
        rule.state, rule.muted_until = AlertState.OK, None
        _end_all(session, rule, now=now)
    session.add(rule)
    action = "alert.switched_on" if on else "alert.switched_off"
    by.note(session, workspace_id, action, of=("alert", rule.id), after={"name": rule.name}, now=now)
    return rule


def mute(session: Session, workspace_id: str, rule_id: str, *, until: datetime, by: Actor, now: datetime) -> AlertRule:
    """Tell nobody of a rule up to an instant. It is checked meanwhile; what goes on then is told then.

    Raises BadInput for an instant that has passed or is too far away, Forbidden, UnknownName.
    """
    rule = _mine(session, workspace_id, rule_id, by)
    if not now < until <= now + LONGEST_MUTE:
        raise BadInput(f"an alert may be muted for up to {LONGEST_MUTE.days} days; switch it off for longer")
    rule.state, rule.muted_until = NEXT[rule.state, Event.MUTE], until
    session.add(rule)
    after = {"name": rule.name, "until": until.isoformat()}
    by.note(session, workspace_id, "alert.muted", of=("alert", rule.id), after=after, now=now)
    return rule


def unmute(session: Session, workspace_id: str, rule_id: str, *, by: Actor, now: datetime) -> AlertRule:
    """Have a rule tell again; it is checked at once. Raises Forbidden, UnknownName."""
    rule = _mine(session, workspace_id, rule_id, by)
    if rule.state is not AlertState.MUTED:
        return rule
    rule.state, rule.muted_until = NEXT[rule.state, Event.UNMUTE], None
    rule.next_at, rule.epoch = now, rule.epoch + 1
    session.add(rule)
    by.note(session, workspace_id, "alert.unmuted", of=("alert", rule.id), after={"name": rule.name}, now=now)
    return rule


def _mine(session: Session, workspace_id: str, rule_id: str, by: Actor) -> AlertRule:
    _, role = lock_staying(session, workspace_id, by, Permission.WRITE_ALERTS)
    query = select(AlertRule).where(col(AlertRule.workspace_id) == workspace_id, col(AlertRule.id) == rule_id)
    rule = session.exec(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if rule is None:
        raise UnknownName(f"there is no alert {rule_id[:80]!r}; it may have been deleted")
    if by.user_id not in (None, rule.user_id):
        required(role, Permission.MANAGE_ALERTS)
    return rule


def _apply(session: Session, rule: AlertRule, wanted: Wanted, *, now: datetime) -> None:
    """Put what is wanted into a rule, and have it checked at its next time."""
    rule.name = _free_name(session, rule, wanted.name)
    rule.terms = store_terms(wanted.terms)
    if not timedelta(0) <= wanted.cool_down <= _LONGEST_COOL_DOWN:
        raise BadInput(f"the pause between messages may be up to {_LONGEST_COOL_DOWN.days} days")
    rule.next_at = next_cron(wanted.cron, wanted.time_zone, now)
    rule.cron, rule.time_zone = wanted.cron, wanted.time_zone
    rule.cool_down_seconds = int(wanted.cool_down.total_seconds())
    rule.people = _known(
        session.exec(select(Member.user_id).where(col(Member.workspace_id) == rule.workspace_id)).all(),
        wanted.people,
        rule.people,
        "member",
    )
    rule.targets = _known(
        session.exec(select(AlertTarget.id).where(col(AlertTarget.workspace_id) == rule.workspace_id)).all(),
        wanted.targets,
        rule.targets,
        "target",
    )
    rule.epoch, rule.changed_at = rule.epoch + 1, now


def _known(there: Collection[str], wanted: Sequence[str], had: Sequence[str], what: str) -> list[str]:
    """Return those that are wanted and there; one that was there before and has gone is left out silently."""
    unknown = [one for one in wanted if one not in there and one not in had]
    if unknown:
        raise UnknownName(f"there is no such {what} in this workspace any more; choose again")
    if len(wanted) > _MOST_PEOPLE:
        raise BadInput(f"an alert tells {_MOST_PEOPLE} people at most")
    return [one for one in dict.fromkeys(wanted) if one in there]


def _free_name(session: Session, rule: AlertRule, name: str) -> str:
    wanted = clean_name(name, "the name of an alert")
    query = select(AlertRule.name).where(col(AlertRule.workspace_id) == rule.workspace_id, col(AlertRule.id) != rule.id)
    if wanted.casefold() in {one.casefold() for one in session.exec(query)}:
        raise BadInput(f"there is an alert {wanted!r} already; choose another name")
    return wanted


def _end_all(session: Session, rule: AlertRule, *, now: datetime) -> None:
    session.connection().execute(
        sa.update(AlertEntry)
        .where(
            col(AlertEntry.workspace_id) == rule.workspace_id,
            col(AlertEntry.rule_id) == rule.id,
            col(AlertEntry.ended_at).is_(None),
        )
        .values(ended_at=now)
    )


def _line(
    rule: AlertRule,
    user: User | None,
    began: Mapping[tuple[str, str], datetime],
    *,
    user_id: str,
    now: datetime,
) -> RuleLine:
    terms, note = None, rule.note
    try:
        terms = read_terms(rule.terms)
    except BadInput as error:
        note = str(error)
    over = rule.state is AlertState.MUTED and (rule.muted_until is None or rule.muted_until <= now)
    state = AlertState.OK if over else rule.state
    return RuleLine(
        id=rule.id,
        name=rule.name,
        terms=terms,
        cron=rule.cron,
        time_zone=rule.time_zone,
        cool_down=timedelta(seconds=rule.cool_down_seconds),
        people=tuple(rule.people),
        targets=tuple(rule.targets),
        enabled=rule.enabled,
        state=state,
        muted_until=rule.muted_until if state is AlertState.MUTED else None,
        since=began.get((rule.id, state.value)),
        checked_at=rule.checked_at,
        next_at=rule.next_at if rule.enabled else None,
        note=note,
        author="" if user is None else user.name or user.email,
        mine=rule.user_id == user_id,
    )


def _told(rule: AlertRule) -> dict[str, object]:
    return {
        "name": rule.name,
        "watches": {name: value for name, value in rule.terms.items() if value not in ("", [], {})},
        "checked": f"{rule.cron} {rule.time_zone}",
        "people": len(rule.people),
        "targets": len(rule.targets),
    }
