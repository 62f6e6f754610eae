"""Checks the rules that are due, and does what follows.

Each rule is taken by one process, which looks without a transaction and then writes what it found, what follows from
it and the messages in one. A process that dies in the middle leaves the rule to others after LEASE; one that wakes up
after that finds another epoch and writes nothing. So nobody is told twice of the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select

from adjoin.alerts.judging import Found, Outcome, Waiting, judge
from adjoin.alerts.messages import MessageEvent
from adjoin.alerts.states import ACTS, NEXT, Act, Event
from adjoin.alerts.telling import Post, message_of
from adjoin.alerts.terms import read_terms
from adjoin.db.alerts import AlertEntry, AlertRule, AlertState, EntryKind
from adjoin.db.models import Workspace
from adjoin.errors import AdjoinError, BadInput
from adjoin.http.redaction import redact_text
from adjoin.sync.cron import next_cron

if TYPE_CHECKING:
    from adjoin.alerts.judging import Looker
    from adjoin.clock import Clock
    from adjoin.db import Store
    from adjoin.db.scope import Scope
    from adjoin.runtime import Runtime

__all__ = ["KEPT", "LEASE", "Checked", "Failed", "check_due", "look", "run", "settle"]

#: How long a process has for a rule that it took; then another one takes it.
LEASE = timedelta(minutes=10)
#: How much of a rule's history stays: so many entries, and none that began longer ago.
KEPT = (200, timedelta(days=400))

_AGAIN = timedelta(minutes=30)  # after which a check that has to wait for data is tried again
_LONGEST_NOTE = 500
_MOST = 200  # rules in one go
_LONGEST_ROUND = timedelta(minutes=5)  # what is left then is for the next round


class Failed(msgspec.Struct, frozen=True):
    """The rule could not be checked, and why."""

    why: str


#: What came of a check.
Came: TypeAlias = Found | Waiting | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of a round: how many rules were checked, and how often somebody was told something."""

    checked: int = 0
    told: int = 0

    def __bool__(self) -> bool:
        return bool(self.checked)

    def __str__(self) -> str:
        return f"{self.checked} alerts checked, {self.told} messages"


@dataclass(frozen=True, slots=True)
class _Taken:
    workspace_id: str
    rule_id: str
    epoch: int
    terms: dict[str, Any]
    time_zone: str


def run(runtime: Runtime) -> str | None:
    """Check what is due, and post what waits, as the scheduler does each minute. Returns what there is to tell."""
    from adjoin.alerts.delivery import deliver_due, poster
    from adjoin.alerts.judging import looker_of

    store, clock = runtime.store, runtime.clock
    checked = Checked()
    if _is_due(store, now=clock.now()):
        looker = looker_of(runtime.kernel, runtime.facts, clock)
        post = Post(runtime.vault, runtime.settings.base_url)
        checked = check_due(store, looker, post, clock=clock)
    delivered = deliver_due(
        store,
        lambda: runtime.vault,
        poster(runtime.settings.outgoing_allow),
        clock=clock,
        base_url=runtime.settings.base_url,
    )
    return "; ".join(str(one) for one in (checked, delivered) if one) or None


def check_due(
    store: Store, looker: Callable[[Scope], Looker], post: Post, *, clock: Clock, most: int = _MOST
) -> Checked:
    """Check the rules that are due, at most so many. Blocks; only reads where none is."""
    total, end = Checked(), clock.now() + _LONGEST_ROUND
    while total.checked < most and clock.now() < end and _is_due(store, now=clock.now()):
        taken = _take(store, now=clock.now())
        if taken is None:
            break
        came = look(partial(_judged, store, looker, taken), rule=taken.rule_id)
        with store.write() as session:
            told = settle(session, post, taken.workspace_id, taken.rule_id, taken.epoch, came, now=clock.now())
        total = replace(total, checked=total.checked + 1, told=total.told + told)
    return total


def look(judging: Callable[[], Outcome], *, rule: str) -> Came:
    """Judge, and turn what goes wrong into why: a rule of one workspace stops no other's."""
    log = structlog.get_logger("adjoin.alerts").bind(rule=rule)
    try:
        return judging()
    except AdjoinError as error:
        log.info("alert cannot be checked", error=str(error))
        return Failed(redact_text(str(error))[:_LONGEST_NOTE])
    except Exception as error:  # the boundary around what plugins and rules may bring
        log.exception("alert cannot be checked")
        return Failed(f"an unexpected {type(error).__name__}; the log of the scheduler has the details")


def settle(
    session: Session, post: Post, workspace_id: str, rule_id: str, epoch: int, came: Came, *, now: datetime
) -> int:
    """Write what came of a check and what follows; return how often somebody is told something.

    Does nothing where the rule was changed, deleted or taken by somebody else since it had this epoch.
    """
    query = select(AlertRule).where(col(AlertRule.workspace_id) == workspace_id, col(AlertRule.id) == rule_id)
    rule = session.exec(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if rule is None or rule.epoch != epoch or not rule.enabled:
        return 0
    try:
        rule.next_at = next_cron(rule.cron, rule.time_zone, now)
    except BadInput as error:
        rule.next_at, came = now + timedelta(days=1), Failed(str(error))
    rule.checked_at = now
    session.add(rule)
    if rule.state is AlertState.MUTED and (rule.muted_until is None or rule.muted_until <= now):
        rule.state, rule.muted_until = NEXT[rule.state, Event.UNMUTE], None
    if isinstance(came, Waiting):
        rule.note, rule.next_at = came.why[:_LONGEST_NOTE], min(rule.next_at, now + _AGAIN)
        return 0
    rule.note = came.why if isinstance(came, Failed) else ""
    event = Event.FAIL if isinstance(came, Failed) else Event.TRIP if came.so else Event.CLEAR
    rule.state = NEXT[rule.state, event]
    following = _Following(session, post, rule, came, now)
    for act in ACTS[event]:
        following.do(act, event)
    return following.told


class _Following:
    """Does what follows from a check, in its transaction."""

    def __init__(self, session: Session, post: Post, rule: AlertRule, came: Found | Failed, now: datetime) -> None:
        self.session = session
        self.post = post
        self.rule = rule
        self.came = came
        self.now = now
        self.told = 0
        self.quiet = rule.state is AlertState.MUTED

    def do(self, act: Act, event: Event) -> None:
        match act:
            case Act.BEGIN:
                self._begin()
            case Act.END:
                self._end()
            case Act.BREAK:
                self._break()
            case Act.MEND:
                self._mend(say=event is Event.CLEAR and self._open(EntryKind.FIRING) is None)

    def _begin(self) -> None:
        entry = self._open(EntryKind.FIRING) or self._add(EntryKind.FIRING)
        rule = self.rule
        pause = timedelta(seconds=rule.cool_down_seconds)
        if entry.told_at is None and not self.quiet and (rule.told_at is None or rule.told_at + pause <= self.now):
            self._tell(MessageEvent.FIRING, entry)
            entry.told_at = rule.told_at = self.now

    def _end(self) -> None:
        entry = self._open(EntryKind.FIRING)
        if entry is None:
            return
        entry.ended_at = self.now
        if entry.told_at is not None and not self.quiet:
            self._tell(MessageEvent.ENDED, entry)

    def _break(self) -> None:
        if self.quiet or self._open(EntryKind.BROKEN) is not None:
            return
        entry = self._add(EntryKind.BROKEN)
        self._tell(MessageEvent.BROKEN, entry)
        entry.told_at = self.now

    def _mend(self, *, say: bool) -> None:
        entry = self._open(EntryKind.BROKEN)
        if entry is None:
            return
        entry.ended_at = self.now
        if say and entry.told_at is not None and not self.quiet:
            self._tell(MessageEvent.MENDED, entry)

    def _open(self, kind: EntryKind) -> AlertEntry | None:
        query = select(AlertEntry).where(
            col(AlertEntry.workspace_id) == self.rule.workspace_id,
            col(AlertEntry.rule_id) == self.rule.id,
            col(AlertEntry.kind) == kind,
            col(AlertEntry.ended_at).is_(None),
        )
        return self.session.exec(query).one_or_none()

    def _add(self, kind: EntryKind) -> AlertEntry:
        entry = AlertEntry(
            workspace_id=self.rule.workspace_id,
            rule_id=self.rule.id,
            kind=kind,
            began_at=self.now,
            found=msgspec.to_builtins(self.came),
        )
        self.session.add(entry)
        self.session.flush()
        _forget_old(self.session, self.rule, now=self.now)
        return entry

    def _tell(self, event: MessageEvent, entry: AlertEntry) -> None:
        message = message_of(
            self.session,
            self.rule,
            event,
            key=entry.id,
            now=self.now,
            found=self.came if isinstance(self.came, Found) else None,
            began_at=entry.began_at,
            why=self.came.why if isinstance(self.came, Failed) else "",
        )
        self.told += self.post.send(self.session, self.rule, message, now=self.now)


def _is_due(store: Store, *, now: datetime) -> bool:
    with store.read() as session:
        return session.exec(_due(now).limit(1)).first() is not None


def _due(now: datetime) -> Any:
    return (
        select(AlertRule)
        .join(Workspace, col(Workspace.id) == col(AlertRule.workspace_id))
        .where(
            col(AlertRule.next_at) <= now,
            col(AlertRule.enabled).is_(True),
            col(Workspace.delete_after).is_(None),
        )
        .order_by(col(AlertRule.next_at), col(AlertRule.id))
    )


def _take(store: Store, *, now: datetime) -> _Taken | None:
    with store.write() as session:
        rule = session.exec(_due(now).limit(1).with_for_update(skip_locked=True, of=AlertRule)).first()
        if rule is None:
            return None
        rule.next_at, rule.epoch = now + LEASE, rule.epoch + 1
        session.add(rule)
        return _Taken(rule.workspace_id, rule.id, rule.epoch, rule.terms, rule.time_zone)


def _judged(store: Store, looker: Callable[[Scope], Looker], taken: _Taken) -> Outcome:
    terms = read_terms(taken.terms)
    return judge(terms, looker(store.scoped(taken.workspace_id, None)), time_zone=taken.time_zone)


def _forget_old(session: Session, rule: AlertRule, *, now: datetime) -> None:
    most, longest = KEPT
    mine = (col(AlertEntry.workspace_id) == rule.workspace_id, col(AlertEntry.rule_id) == rule.id)
    newest = session.exec(
        select(AlertEntry.began_at).where(*mine).order_by(col(AlertEntry.began_at).desc()).offset(most).limit(1)
    ).first()
    before = now - longest if newest is None else max(newest, now - longest)
    session.connection().execute(
        sa.delete(AlertEntry).where(*mine, col(AlertEntry.ended_at).is_not(None), col(AlertEntry.began_at) <= before)
    )
