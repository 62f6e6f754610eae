"""Posts messages to targets, through the client that is made for addresses which people enter.

Each message is tried again, ever more rarely, until it is a day old; one that the other side refuses for good is given
up at once. What was sent or given up stays for a month. A target that does not take messages says so on the page until
it does.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import sqlalchemy as sa
import structlog
from sqlmodel import col, select

from adjoin.access._locks import lock_staying
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission
from adjoin.alerts.messages import Message, MessageEvent, as_json, as_slack
from adjoin.alerts.targets import Address, open_address, target_of
from adjoin.alerts.telling import link_of
from adjoin.db.alerts import AlertDelivery, AlertTarget, TargetKind
from adjoin.db.models import Workspace, new_id
from adjoin.errors import AdjoinError, StateError
from adjoin.http.redaction import redact_text
from adjoin.outgoing.errors import OutgoingError, Reason
from adjoin.writing import Writer

if TYPE_CHECKING:
    from adjoin.clock import Clock
    from adjoin.db import Store
    from adjoin.reports.messages import ReportMessage
    from adjoin.secrets import Vault

__all__ = ["GIVE_UP", "LEASE", "Delivered", "Poster", "deliver_due", "poster", "sign", "try_target"]

#: How long a message is tried.
GIVE_UP = timedelta(days=1)
#: How long a process has for messages that it took; then another one takes them.
LEASE = timedelta(minutes=5)

_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)
_KEPT = timedelta(days=30)
_AT_ONCE = 10  # messages that are under way at the same time
_MOST = 100  # messages in one go
_LONGEST_ROUND = timedelta(minutes=2)  # what is left then is for the next round
_LONGEST_ANSWER = 64_000  # bytes of an answer, of which only the status counts
_MAY_PASS = frozenset({408, 409, 423, 425, 429})  # statuses below 500 after which trying again makes sense

#: Posts a body as JSON to an address with headers and returns the status. Raises OutgoingError.
Poster: TypeAlias = Callable[[str, bytes, Mapping[str, str]], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of a round: how many were sent, will be tried again, and were given up."""

    sent: int = 0
    again: int = 0
    given_up: int = 0

    def __bool__(self) -> bool:
        return bool(self.sent or self.again or self.given_up)

    def __str__(self) -> str:
        return f"{self.sent} messages posted, {self.again} to try again, {self.given_up} given up"


class _Refused(AdjoinError):
    def __init__(self, why: str, *, may_pass: bool) -> None:
        super().__init__(why)
        self.may_pass = may_pass


def poster(outgoing_allow: str) -> Poster:
    """Return what posts, by the operator's setting of addresses that are allowed beside public ones."""
    from adjoin.outgoing.addresses import read_allowed
    from adjoin.outgoing.fetch import Bounds, Outgoing

    outgoing = Outgoing(
        allowed=read_allowed(outgoing_allow), bounds=Bounds(raw_bytes=_LONGEST_ANSWER, body_bytes=_LONGEST_ANSWER)
    )

    async def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        answer = await outgoing.post(url, body, content_type="application/json", headers=headers)
        return answer.status

    return post


def sign(secret: str, at: datetime, body: bytes) -> str:
    """Return the signature of a webhook's body: `t=<unix seconds>,v1=<hex>`.

    The second part is the HMAC-SHA256, with the secret as its key, of the seconds, a full stop and the body.
    """
    seconds = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def deliver_due(
    store: Store,
    vault: Callable[[], Vault],
    post: Poster,
    *,
    clock: Clock,
    base_url: str = "",
    most: int = _MOST,
) -> Delivered:
    """Post what is due, at most so many, and return what came of it. Blocks; only reads where nothing waits.

    Each message is taken by one process. One that dies in the middle leaves it to others after LEASE, so a message may
    arrive twice, with the same id.
    """
    total, end = Delivered(), clock.now() + _LONGEST_ROUND
    while clock.now() < end and total.sent + total.again + total.given_up < most:
        with store.read() as session:
            if session.exec(_due(clock.now()).limit(1)).first() is None:
                break
        taken = _take(store, now=clock.now())
        if not taken:
            break
        why = asyncio.run(_post_all(vault(), post, taken, now=clock.now(), base_url=base_url))
        for one, problem in zip(taken, why, strict=True):
            total = _add(total, _settle(store, one, problem, now=clock.now()))
    if total:
        with store.write() as session:
            old = clock.now() - _KEPT
            session.connection().execute(
                sa.delete(AlertDelivery).where(
                    col(AlertDelivery.next_at).is_(None), col(AlertDelivery.created_at) < old
                )
            )
    return total


def try_target(
    store: Store,
    vault: Vault,
    post: Poster,
    workspace_id: str,
    target_id: str,
    *,
    by: Actor,
    clock: Clock,
    base_url: str = "",
) -> None:
    """Post a test to a target at once. Raises StateError with why it did not arrive, Forbidden, UnknownName."""
    now = clock.now()
    with store.write() as session:
        lock_staying(session, workspace_id, by, Permission.MANAGE_ALERTS)
        target = target_of(session, workspace_id, target_id)
        workspace = session.get_one(Workspace, workspace_id)
        by.note(
            session,
            workspace_id,
            "alert_target.tested",
            of=("alert_target", target_id),
            after={"name": target.name},
            now=now,
        )
        message = Message(
            id=f"{new_id()}-{MessageEvent.TEST}",
            event=MessageEvent.TEST,
            at=now,
            workspace_id=workspace_id,
            workspace=workspace.name,
            rule_id="",
            rule=target.name,
        )
        session.expunge(target)
    problem = asyncio.run(_post(vault, post, target, message, now=now, base_url=base_url))
    _note_target(store, workspace_id, target_id, None if problem is None else str(problem), now=clock.now())
    if problem is not None:
        raise StateError(f"the test did not arrive: {problem}")


@dataclass(frozen=True, slots=True)
class _Taken:
    delivery: AlertDelivery
    target: AlertTarget


def _due(now: datetime) -> Any:
    return (
        select(AlertDelivery)
        .where(col(AlertDelivery.next_at) <= now)
        .order_by(col(AlertDelivery.next_at), col(AlertDelivery.id))
    )


def _take(store: Store, *, now: datetime) -> list[_Taken]:
    """Take some messages, at most one of each target: one that is slow keeps the others of it from waiting in vain."""
    with store.write() as session:
        found: dict[tuple[str, str], AlertDelivery] = {}
        for one in session.exec(_due(now).limit(_MOST).with_for_update(skip_locked=True)):
            if len(found) < _AT_ONCE:
                found.setdefault((one.workspace_id, one.target_id), one)
        taken = []
        for one in found.values():
            one.next_at, one.tries = now + LEASE, one.tries + 1
            session.add(one)
            taken.append(_Taken(one, session.get_one(AlertTarget, (one.workspace_id, one.target_id))))
        session.flush()
        for each in taken:
            session.expunge(each.delivery)
            if each.target in session:
                session.expunge(each.target)
        return taken


async def _post_all(
    vault: Vault, post: Poster, taken: list[_Taken], *, now: datetime, base_url: str
) -> list[AdjoinError | None]:
    async def one(each: _Taken) -> AdjoinError | None:
        try:
            message = _read(each.delivery.message)
        except msgspec.ValidationError:
            return _Refused("the message is not in a form that this release reads", may_pass=False)
        return await _post(vault, post, each.target, message, now=now, base_url=base_url)

    return list(await asyncio.gather(*(one(each) for each in taken)))


def _read(stored: Mapping[str, Any]) -> Message | ReportMessage:
    """Read what is to be told: of an alert, or a report. Raises ValidationError for what this release cannot read."""
    from adjoin.reports.messages import ReportMessage

    if stored.get("type") == "report":
        return msgspec.convert(stored, ReportMessage)
    return msgspec.convert(stored, Message)


async def _post(
    vault: Vault, post: Poster, target: AlertTarget, message: Message | ReportMessage, *, now: datetime, base_url: str
) -> AdjoinError | None:
    """Post a message; return what went wrong, in words that hold nothing of the address but its host."""
    try:
        address = open_address(vault, target)
        body, headers = _written(target.kind, address, message, now=now, link=link_of(base_url))
        status = await post(address.url, body, headers)
    except AdjoinError as error:
        return error
    if 200 <= status < 300:
        return None
    return _Refused(f"the server answers with the status {status}", may_pass=status >= 500 or status in _MAY_PASS)


def _written(
    kind: TargetKind, address: Address, message: Message | ReportMessage, *, now: datetime, link: str
) -> tuple[bytes, dict[str, str]]:
    from adjoin.reports import messages as reports

    if isinstance(message, reports.ReportMessage):
        told = reports.as_slack(message) if kind is TargetKind.SLACK else reports.as_json(message)
    else:
        told = as_slack(message, write=Writer(), link=link) if kind is TargetKind.SLACK else as_json(message, link=link)
    body = _json(told)
    if kind is TargetKind.SLACK:
        return body, {}
    return body, {"Adjoin-Delivery": message.id, "Adjoin-Signature": sign(address.secret, now, body)}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _settle(store: Store, taken: _Taken, problem: AdjoinError | None, *, now: datetime) -> Delivered:
    one = taken.delivery
    log = structlog.get_logger("adjoin.alerts").bind(delivery=one.id, target=one.target_id, tries=one.tries)
    if problem is None:
        _change(store, one, sent_at=now, next_at=None, last_error=None)
        _note_target(store, one.workspace_id, one.target_id, None, now=now)
        log.info("alert posted")
        return Delivered(sent=1)
    why = redact_text(str(problem))
    _note_target(store, one.workspace_id, one.target_id, why, now=now)
    wait = min(_FIRST_WAIT * 2 ** min(one.tries - 1, 10), _LONGEST_WAIT)
    if _is_hopeless(problem) or now + wait - one.created_at > GIVE_UP:
        _change(store, one, next_at=None, last_error=why)
        log.error("alert given up", error=why)
        return Delivered(given_up=1)
    _change(store, one, next_at=now + wait, last_error=why)
    log.warning("alert not posted yet", error=why)
    return Delivered(again=1)


def _is_hopeless(problem: AdjoinError) -> bool:
    if isinstance(problem, OutgoingError):
        return problem.reason in (Reason.BAD_URL, Reason.BAD_REQUEST, Reason.REDIRECT)
    return isinstance(problem, _Refused) and not problem.may_pass


def _change(store: Store, one: AlertDelivery, **values: object) -> None:
    """Change a message that is still ours: whoever has taken it since has counted one more try."""
    mine = (
        col(AlertDelivery.workspace_id) == one.workspace_id,
        col(AlertDelivery.id) == one.id,
        col(AlertDelivery.tries) == one.tries,
    )
    with store.write() as session:
        session.connection().execute(sa.update(AlertDelivery).where(*mine).values(**values))


def _note_target(store: Store, workspace_id: str, target_id: str, problem: str | None, *, now: datetime) -> None:
    with store.write() as session:
        target = session.get(AlertTarget, (workspace_id, target_id))
        if target is None:  # deleted meanwhile
            return
        if problem is None:
            target.delivered_at, target.failing_since, target.last_error = now, None, None
        else:
            target.failing_since, target.last_error = target.failing_since or now, redact_text(problem)
        session.add(target)


def _add(one: Delivered, other: Delivered) -> Delivered:
    return Delivered(one.sent + other.sent, one.again + other.again, one.given_up + other.given_up)
