"""Mailed links: hashed, good once, for a while; a newer one takes the place of the older."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.auth.v1 import LinkKind
from adjoin.tokens import RESET, VERIFICATION, hash_token, kind_of, new_token
from adjoin_auth.local.refusals import bad_link, link_expired
from adjoin_auth.local.tables import Link

__all__ = ["LIFETIMES", "issue", "look_up", "redeem", "void"]

LIFETIMES = {
    LinkKind.CONFIRM: timedelta(hours=24),
    LinkKind.RESET: timedelta(hours=1),
    LinkKind.CHANGE_EMAIL: timedelta(hours=24),
}
_TOKENS = {LinkKind.CONFIRM: VERIFICATION, LinkKind.RESET: RESET, LinkKind.CHANGE_EMAIL: "e"}


def issue(session: Session, account_id: str, kind: LinkKind, email: str, now: datetime) -> str:
    """Make a link that proves `email`, in place of the one of this kind; return its token."""
    void(session, account_id, kind)
    token = new_token(_TOKENS[kind])
    link = Link(
        account_id=account_id,
        kind=kind,
        token_hash=hash_token(token),
        email=email,
        expires_at=now + LIFETIMES[kind],
    )
    session.add(link)
    session.flush()
    return token


def look_up(session: Session, kind: LinkKind, token: str, now: datetime) -> Link:
    """Find the link of a token. Raises AuthError of kind `bad_link` or `link_expired`."""
    if kind_of(token) != _TOKENS[kind]:
        raise bad_link()
    chosen = select(Link).where(Link.token_hash == hash_token(token), Link.kind == kind)
    link = session.exec(chosen).one_or_none()
    if link is None:
        raise bad_link()
    if link.expires_at <= now:
        raise link_expired()
    return link


def redeem(session: Session, kind: LinkKind, token: str, now: datetime) -> Link:
    """Use a link up. Of two who try at once, one gets `bad_link`. Raises as `look_up` does."""
    link = look_up(session, kind, token, now)
    gone = session.connection().execute(sa.delete(Link).where(col(Link.token_hash) == link.token_hash))
    if gone.rowcount != 1:
        raise bad_link()
    session.expunge(link)
    return link


def void(session: Session, account_id: str, *kinds: LinkKind) -> None:
    """Make the links of an account void: of these kinds, or all."""
    chosen = sa.delete(Link).where(col(Link.account_id) == account_id)
    session.connection().execute(chosen.where(col(Link.kind).in_(kinds)) if kinds else chosen)
