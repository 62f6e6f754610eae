"""Who is behind a request: what the door knows about a session, and the one query that finds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import col

from adjoin.access.permissions import Permission, may, required
from adjoin.db.models import Workspace
from adjoin.db.people import Member, Role, Session, User
from adjoin.errors import Forbidden

if TYPE_CHECKING:
    from adjoin.settings import Settings

__all__ = ["FIND", "SessionLevel", "SessionRules", "SignedIn", "as_signed_in"]


class SessionLevel(StrEnum):
    """How a session was proven. `pending` has shown a password and still owes a second factor: it opens nothing."""

    PENDING = "pending"
    PASSWORD = "password"  # noqa: S105 - no secret
    SECOND_FACTOR = "second_factor"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """How long things last. `lifetime` is from the sign-in on, `idle` from the last request.

    The token is renewed `rotate_after` at the earliest, and the one before is good for `grace` more, as other tabs
    and requests under way still have it. `seen_every` is how exact the last request is known.
    """

    lifetime: timedelta = timedelta(days=30)
    idle: timedelta = timedelta(days=7)
    pending: timedelta = timedelta(minutes=10)
    rotate_after: timedelta = timedelta(hours=1)
    grace: timedelta = timedelta(minutes=1)
    seen_every: timedelta = timedelta(minutes=1)

    @classmethod
    def of(cls, settings: Settings) -> SessionRules:
        """Read the operator's settings."""
        return cls(lifetime=timedelta(days=settings.session_days), idle=timedelta(hours=settings.session_idle_hours))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Somebody who is signed in. `workspace_id` and `role` are None until they have chosen one of their workspaces.

    `proven_at` is when they last proved to be themselves. `rotate_due` asks for a new token where an answer can carry
    one, `touch_due` for noting that the session was used. `kept` is what the provider wants kept, sealed.
    """

    session_id: str
    user_id: str
    email: str
    name: str
    picture_url: str
    locale: str
    time_zone: str
    number_format: str
    date_format: str
    provider: str
    subject: str
    level: SessionLevel
    workspace_id: str | None
    workspace_name: str
    role: Role | None
    created_at: datetime
    proven_at: datetime
    expires_at: datetime
    rotate_due: bool
    touch_due: bool
    kept: bytes | None = field(repr=False)

    def may(self, permission: Permission) -> bool:
        """Say whether they may do it in their workspace. Costs no query, and may be a second out of date."""
        return self.role is not None and may(self.role, permission)

    def required(self, permission: Permission) -> None:
        """Raise Forbidden unless they may do it in their workspace."""
        if self.role is None:
            raise Forbidden("no workspace is chosen: choose one of yours, or ask an owner to invite you")
        required(self.role, permission)

    def proven_within(self, span: timedelta, *, now: datetime) -> bool:
        """Say whether they have proven to be themselves that recently, for what matters more than reading."""
        return now - self.proven_at <= span


#: Finds a session by `id`, with its user, and its workspace where the user is a member of it.
FIND: sa.Select[*tuple[Any, ...]] = (
    sa.select(
        col(Session.token_hash),
        col(Session.previous_hash),
        col(Session.rotated_at),
        col(Session.last_seen_at),
        col(Session.id).label("session_id"),
        col(Session.user_id),
        col(Session.provider),
        col(Session.subject),
        col(Session.level),
        col(Session.kept),
        col(Session.created_at),
        col(Session.proven_at),
        col(Session.expires_at),
        col(User.email),
        col(User.name),
        col(User.picture_url),
        col(User.locale),
        col(User.time_zone),
        col(User.number_format),
        col(User.date_format),
        col(Member.workspace_id),
        col(Member.role),
        col(Workspace.name).label("workspace_name"),
    )
    .join(User, col(User.id) == col(Session.user_id))
    .outerjoin(
        Member,
        sa.and_(col(Member.workspace_id) == col(Session.workspace_id), col(Member.user_id) == col(Session.user_id)),
    )
    .outerjoin(Workspace, col(Workspace.id) == col(Member.workspace_id))
    .where(
        col(Session.id) == sa.bindparam("id"),
        col(User.disabled_at).is_(None),
        col(User.deleted_at).is_(None),
    )
)

_TAKEN = (
    "session_id", "user_id", "email", "name", "picture_url", "locale", "time_zone", "number_format", "date_format",
    "provider", "subject", "workspace_id", "role", "created_at", "proven_at", "expires_at", "kept",
)  # fmt: skip


def as_signed_in(row: sa.Row[Any], rules: SessionRules, *, now: datetime) -> SignedIn:
    """Make what the door knows out of a row of FIND."""
    values = row._mapping  # noqa: SLF001 - the documented way to a row's names
    unused = values["last_seen_at"] <= values["rotated_at"]  # since the token was renewed
    return SignedIn(
        **{name: values[name] for name in _TAKEN},
        level=SessionLevel(values["level"]),
        workspace_name=values["workspace_name"] or "",
        rotate_due=now - values["rotated_at"] >= rules.rotate_after,
        touch_due=unused or now - values["last_seen_at"] >= rules.seen_every,
    )
