"""The outbox: mail is stored sealed with what it is about, in the same transaction, and leaves a moment later.

Each mail is tried again, ever more rarely, until it is a day old. What was sent or given up is erased but for its
kind and what went wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from adjoin.db.models import new_id
from adjoin.db.people import OutgoingMail
from adjoin.errors import AdjoinError, BadInput, MailError, PluginError, SecretError
from adjoin.http.redaction import redact_text
from adjoin.mail.message import check
from adjoin.mail.v1 import Mail, Mailer

if TYPE_CHECKING:
    from adjoin.clock import Clock
    from adjoin.db import Store
    from adjoin.kernel import Kernel
    from adjoin.secrets import Vault

__all__ = ["GIVE_UP", "LEASE", "Sent", "is_due", "put", "send_due", "sender"]

#: How long a mail is tried: what is in it, such as a link, is of no use any more.
GIVE_UP = timedelta(days=1)
#: How long a process has for a mail that it took; then another one takes it. More than a mailer's deadline.
LEASE = timedelta(minutes=5)

_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)
_KEPT = timedelta(days=30)  # how long it is remembered that a mail was sent, or was not
_MOST = 100  # mails in one go
_PURPOSE = "mail"


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a round: how many were sent, will be tried again, and were given up."""

    sent: int = 0
    again: int = 0
    given_up: int = 0

    def __bool__(self) -> bool:
        return bool(self.sent or self.again or self.given_up)


def put(session: Session, vault: Vault, mail: Mail, *, now: datetime) -> str:
    """Add a mail to the outbox in the caller's transaction; returns its id, which is its key unless it has one.

    Raises BadInput for one that no mailer could send.
    """
    try:
        check(mail)
    except MailError as error:
        raise BadInput(str(error)) from None
    made = new_id()
    whole = msgspec.json.encode(replace(mail, key=mail.key or made, headers=dict(mail.headers)))
    blob = vault.seal(whole, workspace="", purpose=_PURPOSE, record=made)
    session.add(OutgoingMail(id=made, kind=mail.kind, message=blob, created_at=now, next_at=now))
    return made


def sender(kernel: Kernel, mailer: str) -> Callable[[Mail], None]:
    """Return how to send by the mailer that the operator has chosen."""
    hook = kernel.hook(Mailer.send)

    def send(mail: Mail) -> None:
        hook.one(mailer, mail=mail)

    return send


def is_due(store: Store, *, now: datetime) -> bool:
    """Say whether a mail is to be sent now."""
    with store.read() as session:
        return session.exec(_due(now).limit(1)).first() is not None


def send_due(store: Store, vault: Vault, send: Callable[[Mail], None], *, clock: Clock, most: int = _MOST) -> Sent:
    """Send what is due, at most so many, and return what came of it. Blocks; only reads where nothing waits.

    Each mail is taken by one process. One that dies in the middle leaves it to others after LEASE, so a mail may go out
    twice, with the same key. A mailer's failure is noted in the row and raised by nobody.
    """
    if not is_due(store, now=clock.now()):
        return Sent()
    total = Sent()
    while total.sent + total.again + total.given_up < most:
        taken = _take(store, now=clock.now())
        if taken is None:
            break
        total = _add(total, _try(store, vault, send, taken, clock=clock))
    with store.write() as session:
        old = clock.now() - _KEPT
        session.connection().execute(
            sa.delete(OutgoingMail).where(col(OutgoingMail.next_at).is_(None), col(OutgoingMail.created_at) < old)
        )
    return total


@dataclass(frozen=True, slots=True)
class _Taken:
    """A mail that is ours until its lease ends; `tries` tells whether another process has it by now."""

    id: str
    kind: str
    message: bytes | None
    created_at: datetime
    tries: int


def _due(now: datetime) -> SelectOfScalar[OutgoingMail]:
    return select(OutgoingMail).where(col(OutgoingMail.next_at) <= now).order_by(col(OutgoingMail.next_at))


def _take(store: Store, *, now: datetime) -> _Taken | None:
    with store.write() as session:
        row = session.exec(_due(now).limit(1).with_for_update(skip_locked=True)).first()
        if row is None:
            return None
        row.next_at, row.tries = now + LEASE, row.tries + 1
        session.add(row)
        return _Taken(row.id, row.kind, row.message, row.created_at, row.tries)


def _try(store: Store, vault: Vault, send: Callable[[Mail], None], taken: _Taken, *, clock: Clock) -> Sent:
    log = structlog.get_logger("adjoin.mail").bind(mail=taken.id, kind=taken.kind, tries=taken.tries)
    try:
        send(_opened(vault, taken))
    except AdjoinError as error:
        why, now = _told(error), clock.now()
        wait = min(_FIRST_WAIT * 2 ** min(taken.tries - 1, 10), _LONGEST_WAIT)
        # Only a mailer knows that trying again is no use; a plugin that is missing, or hung, may be there next time.
        hopeless = isinstance(error, MailError) and not error.may_pass
        if hopeless or now + wait - taken.created_at > GIVE_UP:
            _settle(store, taken, next_at=None, message=None, last_error=why)
            log.error("mail given up", error=why)
            return Sent(given_up=1)
        _settle(store, taken, next_at=now + wait, last_error=why)
        log.warning("mail not sent yet", error=why)
        return Sent(again=1)
    with store.write() as session:  # whoever else has it by now need not send it again
        change = sa.update(OutgoingMail).where(col(OutgoingMail.id) == taken.id)
        session.connection().execute(change.values(sent_at=clock.now(), next_at=None, message=None, last_error=None))
    log.info("mail sent")
    return Sent(sent=1)


def _told(error: AdjoinError) -> str:
    """What may be told: what a plugin raised by mistake may quote the mail."""
    if isinstance(error, PluginError) and error.__cause__ is not None:
        return f"the mailer {error.plugin!r} failed with {type(error.__cause__).__name__}"
    return redact_text(str(error))


def _opened(vault: Vault, taken: _Taken) -> Mail:
    if taken.message is None:
        raise MailError("the mail is empty", may_pass=False)
    data = vault.open(taken.message, workspace="", purpose=_PURPOSE, record=taken.id)
    try:
        return msgspec.json.decode(data, type=Mail)
    except msgspec.DecodeError:  # the cause would quote it
        raise SecretError(f"the mail {taken.id} is not in a form that this release reads") from None


def _settle(store: Store, taken: _Taken, **values: object) -> None:
    mine = (
        col(OutgoingMail.id) == taken.id,
        col(OutgoingMail.tries) == taken.tries,
        col(OutgoingMail.sent_at).is_(None),
    )
    with store.write() as session:
        session.connection().execute(sa.update(OutgoingMail).where(*mine).values(**values))


def _add(one: Sent, other: Sent) -> Sent:
    return Sent(one.sent + other.sent, one.again + other.again, one.given_up + other.given_up)
