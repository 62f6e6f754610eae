"""Puts messages on their way, in the transaction in which it was found that they are due: to people and to targets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from sqlmodel import Session, col, select

from adjoin.access._locks import lock_staying
from adjoin.access.actors import Actor
from adjoin.access.context import DEFAULT_BASE_URL
from adjoin.access.permissions import Permission, required
from adjoin.alerts.messages import Message, MessageEvent, as_mail, watched
from adjoin.alerts.rules import find
from adjoin.alerts.terms import read_terms
from adjoin.db.alerts import AlertDelivery, AlertRule, AlertTarget
from adjoin.db.models import Workspace, new_id
from adjoin.db.people import Member, User
from adjoin.errors import BadInput, StateError
from adjoin.mail.outbox import put
from adjoin.writing import DateFormat, NumberFormat, Writer

if TYPE_CHECKING:
    from adjoin.alerts.judging import Found
    from adjoin.secrets import Vault

__all__ = ["Post", "link_of", "message_of", "send_test"]

#: How long somebody has to wait until they may try a rule again.
_BETWEEN_TESTS = timedelta(seconds=10)


def link_of(base_url: str) -> str:
    """Return the address of the page."""
    return f"{(base_url or DEFAULT_BASE_URL).rstrip('/')}/alerts"


@dataclass(frozen=True)
class Post:
    """Where messages are put. `base_url` is the dashboard's address."""

    vault: Vault
    base_url: str

    def send(self, session: Session, rule: AlertRule, message: Message, *, now: datetime) -> int:
        """Put a message to everybody that a rule tells; return to how many.

        Who is no member any more, or may not sign in, is told nothing.
        """
        people = select(User).join(Member, col(Member.user_id) == col(User.id))
        people = people.where(
            col(Member.workspace_id) == rule.workspace_id,
            col(User.id).in_(rule.people),
            col(User.disabled_at).is_(None),
            col(User.deleted_at).is_(None),
        )
        sent = 0
        for user in session.exec(people.order_by(col(User.id))):
            write = Writer(
                locale=user.locale,
                numbers=NumberFormat(user.number_format),
                dates=DateFormat(user.date_format),
                time_zone=user.time_zone or rule.time_zone,
            )
            mail = as_mail(message, to=user.email, write=write, link=link_of(self.base_url))
            put(session, self.vault, mail, now=now)
            sent += 1
        targets = select(AlertTarget.id).where(
            col(AlertTarget.workspace_id) == rule.workspace_id, col(AlertTarget.id).in_(rule.targets)
        )
        for target in session.exec(targets.order_by(col(AlertTarget.id))):
            session.add(
                AlertDelivery(
                    workspace_id=rule.workspace_id,
                    target_id=target,
                    message=msgspec.to_builtins(message),
                    created_at=now,
                    next_at=now,
                )
            )
            sent += 1
        return sent


def message_of(
    session: Session,
    rule: AlertRule,
    event: MessageEvent,
    *,
    key: str,
    now: datetime,
    found: Found | None = None,
    began_at: datetime | None = None,
    why: str = "",
) -> Message:
    """Make a message about a rule. `key` is of what it tells: with the event it makes the message's id."""
    workspace = session.get_one(Workspace, rule.workspace_id)
    kind, words = "", ""
    try:
        terms = read_terms(rule.terms)
    except BadInput:
        pass
    else:
        kind = str(rule.terms.get("kind", ""))
        title = "" if found is None else found.title
        words = watched(terms, Writer(), title=title, unit=None if found is None else found.unit)
    return Message(
        id=f"{key}-{event}",
        event=event,
        at=now,
        workspace_id=rule.workspace_id,
        workspace=workspace.name,
        rule_id=rule.id,
        rule=rule.name,
        kind=kind,
        watched=words,
        found=found,
        began_at=began_at,
        why=why,
    )


def send_test(
    session: Session, post: Post, workspace_id: str, named: str, *, by: Actor, now: datetime
) -> tuple[AlertRule, int]:
    """Send a test to everybody that a rule tells; return the rule and to how many.

    Raises StateError where the rule tells nobody, Forbidden, UnknownName.
    """
    _, role = lock_staying(session, workspace_id, by, Permission.WRITE_ALERTS)
    rule = find(session, workspace_id, named)
    if by.user_id not in (None, rule.user_id):
        required(role, Permission.MANAGE_ALERTS)
    waiting = select(AlertDelivery.id).where(
        col(AlertDelivery.workspace_id) == workspace_id,
        col(AlertDelivery.target_id).in_(rule.targets),
        col(AlertDelivery.created_at) > now - _BETWEEN_TESTS,
    )
    if session.exec(waiting.limit(1)).first() is not None:
        raise StateError("something was sent there a moment ago; wait ten seconds")
    message = message_of(session, rule, MessageEvent.TEST, key=new_id(), now=now)
    sent = post.send(session, rule, message, now=now)
    if not sent:
        raise StateError(f"the alert {rule.name!r} tells nobody; choose people or targets for it")
    by.note(session, workspace_id, "alert.tested", of=("alert", rule.id), after={"name": rule.name}, now=now)
    return rule, sent
