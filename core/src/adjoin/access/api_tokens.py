"""API tokens: keys for scripts, of one workspace, with scopes and an end. The text is shown once and stored hashed.

A token may do what its scopes say and what its maker may do now: who loses a role takes it from their tokens too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access._locks import lock_for, lock_staying
from adjoin.access._names import clean_name
from adjoin.access.actors import Actor
from adjoin.access.audit import by_token
from adjoin.access.permissions import Permission, may, permissions_of
from adjoin.db.people import ApiToken, Member, Role, User
from adjoin.errors import BadInput, Forbidden, UnknownName
from adjoin.tokens import API, hash_token, kind_of, new_token

if TYPE_CHECKING:
    from adjoin.clock import Clock
    from adjoin.db import Store

__all__ = ["LONGEST_LIFE", "MOST", "ApiTokens", "NewApiToken", "TokenHolder", "create", "revoke", "tokens_of"]

#: How long a token may be good at most, where it ends at all.
LONGEST_LIFE = timedelta(days=3660)
#: Tokens of one member in one workspace that are good at the same time.
MOST = 50

_NOTE_USE_EVERY = timedelta(minutes=5)
_MOST_NOTED = 10_000


@dataclass(frozen=True, slots=True)
class NewApiToken:
    """A token that has just been made. `token` is its text, which cannot be had again."""

    token: str = field(repr=False)
    row: ApiToken


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHolder:
    """A script that has shown its token. `permissions` is what it may do now."""

    token_id: str
    name: str
    workspace_id: str
    user_id: str
    role: Role
    permissions: frozenset[Permission]

    def actor(self, *, address: str = "") -> Actor:
        """Return who acts, for the audit log."""
        return Actor.token(self.token_id, self.user_id, address=address)

    def may(self, permission: Permission) -> bool:
        """Say whether the token may do it. Costs no query."""
        return permission in self.permissions

    def required(self, permission: Permission) -> None:
        """Raise Forbidden unless the token may do it."""
        if permission not in self.permissions:
            raise Forbidden(
                f"the API token {self.name!r} may not do this ({permission}): make one with this scope, or ask for a "
                "role that allows it"
            )


def create(
    session: Session,
    workspace_id: str,
    *,
    name: str,
    scopes: Iterable[str],
    lifetime: timedelta | None,
    by: Actor,
    now: datetime,
) -> NewApiToken:
    """Make a token of the actor's own, in the caller's transaction; None for `lifetime`: until it is revoked.

    Raises BadInput for a name, scope or lifetime that is off and for one token too many; Forbidden for a scope
    beyond the actor's role, for a token that asks for another one, and for the operator, who is no member.
    """
    if by.user_id is None or by.name.startswith(by_token("")):
        raise Forbidden("API tokens are made by members who are signed in, for themselves")
    _, role = lock_staying(session, workspace_id, by, Permission.CREATE_TOKENS)
    wanted = sorted(_scopes(scopes))
    beyond = [scope for scope in wanted if not may(role, scope)]
    if beyond:
        raise Forbidden(
            f"your role {role} does not allow {', '.join(beyond)}, so no token of yours can; leave that out"
        )
    if lifetime is not None and not timedelta(0) < lifetime <= LONGEST_LIFE:
        raise BadInput(f"an API token is good for up to {LONGEST_LIFE.days:,} days, or until it is revoked")
    good = [one for one in tokens_of(session, workspace_id, user_id=by.user_id) if _is_good(one, now)]
    if len(good) >= MOST:
        raise BadInput(f"you have {MOST} API tokens here already; revoke one that is not used any more")
    text = new_token(API)
    row = ApiToken(
        workspace_id=workspace_id,
        name=clean_name(name, "the name of an API token"),
        token_hash=hash_token(text),
        scopes=[str(scope) for scope in wanted],
        user_id=by.user_id,
        created_at=now,
        expires_at=None if lifetime is None else now + lifetime,
    )
    session.add(row)
    after = {"name": row.name, "scopes": row.scopes, "expires_at": row.expires_at}
    by.note(session, workspace_id, "api_token.created", of=("api_token", row.id), after=after, now=now)
    return NewApiToken(text, row)


def revoke(session: Session, workspace_id: str, token_id: str, *, by: Actor, now: datetime) -> ApiToken:
    """End a token: one's own, or any with the permission for it. Doing it again changes nothing.

    Raises UnknownName, also for somebody else's where the actor may not see it.
    """
    _, role = lock_for(session, workspace_id, by, Permission.READ_REPORTS)
    found = session.get(ApiToken, (workspace_id, token_id), populate_existing=True)
    if found is None or (found.user_id != by.user_id and not may(role, Permission.MANAGE_TOKENS)):
        raise UnknownName(f"there is no API token {token_id[:40]!r} of yours in this workspace")
    if found.revoked_at is None:
        found.revoked_at = now
        session.add(found)
        before = {"name": found.name, "user": found.user_id}
        by.note(session, workspace_id, "api_token.revoked", of=("api_token", found.id), before=before, now=now)
    return found


def tokens_of(session: Session, workspace_id: str, *, user_id: str | None = None) -> Sequence[ApiToken]:
    """Return the tokens of a workspace, or one member's of them, newest first; those that have ended as well."""
    query = select(ApiToken).where(ApiToken.workspace_id == workspace_id)
    if user_id is not None:
        query = query.where(ApiToken.user_id == user_id)
    return session.exec(query.order_by(col(ApiToken.created_at).desc(), col(ApiToken.id))).all()


class ApiTokens:
    """Finds who is behind a token. Safe from any thread; it blocks."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._noted: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def find(self, token: str) -> TokenHolder | None:
        """Return what a token stands for; None for one that is malformed, unknown, over or revoked.

        Also None once its maker is no member any more or switched off. One query; every five minutes it is noted in a
        second one that the token is used.
        """
        if kind_of(token) != API:
            return None
        now = self._clock.now()
        with self._store.read() as session:
            found = session.exec(_FIND, params={"hash": hash_token(token)}).one_or_none()
        if found is None or not _is_good(found[0], now):
            return None
        row, role = found
        known = {scope for scope in Permission if scope in row.scopes}
        if row.last_used_at is None or now - row.last_used_at >= _NOTE_USE_EVERY:
            self._note_use(row, now)
        return TokenHolder(
            token_id=row.id,
            name=row.name,
            workspace_id=row.workspace_id,
            user_id=row.user_id,
            role=role,
            permissions=permissions_of(role) & known,
        )

    def _note_use(self, row: ApiToken, now: datetime) -> None:
        with self._lock:
            last = self._noted.get(row.id)
            if last is not None and now - last < _NOTE_USE_EVERY:
                return  # a request beside this one is at it
            if len(self._noted) >= _MOST_NOTED:
                self._noted.clear()
            self._noted[row.id] = now
        key = sa.and_(col(ApiToken.workspace_id) == row.workspace_id, col(ApiToken.id) == row.id)
        with self._store.write() as session:
            session.connection().execute(sa.update(ApiToken).where(key).values(last_used_at=now))


_FIND = (
    select(ApiToken, col(Member.role))
    .join(
        Member,
        sa.and_(col(Member.workspace_id) == col(ApiToken.workspace_id), col(Member.user_id) == col(ApiToken.user_id)),
    )
    .join(User, col(User.id) == col(ApiToken.user_id))
    .where(
        col(ApiToken.token_hash) == sa.bindparam("hash"),
        col(User.disabled_at).is_(None),
        col(User.deleted_at).is_(None),
    )
)


def _is_good(row: ApiToken, now: datetime) -> bool:
    return row.revoked_at is None and (row.expires_at is None or now < row.expires_at)


def _scopes(texts: Iterable[str]) -> set[Permission]:
    found = set()
    for text in texts:
        try:
            found.add(Permission(text))
        except ValueError:
            raise BadInput(f"there is no scope {text[:60]!r}; choose from {', '.join(sorted(Permission))}") from None
    if not found:
        raise BadInput(f"an API token needs at least one scope; choose from {', '.join(sorted(Permission))}")
    return found
