"""Letting go of what is over: buckets, links, sign-ups that nobody confirmed, enrollments, old addresses."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from adjoin_auth.local.desk import Desk
from adjoin_auth.local.tables import Account, KnownAddress, Link, SecondFactor
from adjoin_auth.local.throttle import Rule, Turn, clear_buckets, take

__all__ = ["ENROLLMENT_FOR", "forget", "leave_a_trace", "sweep"]

#: How long a second factor may take to be set up.
ENROLLMENT_FOR = timedelta(minutes=10)
#: An expired link is told apart from an unknown one for as long.
_LINKS_FOR = timedelta(days=30)
_SIGN_UPS_FOR = timedelta(days=30)
_ADDRESSES_FOR = timedelta(days=90)

#: Once a minute, whoever comes, in all processes together.
_SWEEP = Rule("sweep", burst=1, interval=timedelta(minutes=1))
_TRACE = Rule("trace", burst=1_000_000, interval=timedelta(microseconds=1))


def sweep(desk: Desk) -> None:
    """Clear the tables, at most once a minute."""
    with desk.context.write() as session:
        if take(session, Turn(_SWEEP, ""), desk.now) is None:
            _clear(session, desk.now)


def _clear(session: Session, now: datetime) -> None:
    run = session.connection().execute
    clear_buckets(session, now)
    run(sa.delete(Link).where(col(Link.expires_at) < now - _LINKS_FOR))
    run(
        sa.delete(Account).where(
            col(Account.email_confirmed_at).is_(None), col(Account.created_at) < now - _SIGN_UPS_FOR
        )
    )
    run(sa.delete(KnownAddress).where(col(KnownAddress.last_seen_at) < now - _ADDRESSES_FOR))
    pending = sa.delete(SecondFactor).where(col(SecondFactor.active_at).is_(None))
    run(pending.where(col(SecondFactor.created_at) < now - ENROLLMENT_FOR))


def leave_a_trace(desk: Desk) -> None:
    """Write one row that means nothing, in a transaction of its own."""
    with desk.context.write() as session:
        take(session, Turn(_TRACE, ""), desk.now)


def forget(desk: Desk, subject: str) -> None:
    """Remove an account with all that hangs on it."""
    with desk.context.write() as session:
        session.connection().execute(sa.delete(Account).where(col(Account.id) == subject))
