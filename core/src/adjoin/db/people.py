"""The tables of people: users, how they are known, members of workspaces, invitations, sessions, tokens, audit log,
and what they were sent to consent to.

Users, their identities, sessions and mails belong to the installation; everything else to a workspace. Tokens are
stored as the SHA-256 of their text, never the text.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from adjoin.db.columns import JSON, EnumText, Instant, Sealed
from adjoin.db.models import Base, new_id

__all__ = [
    "ApiToken",
    "AuditEntry",
    "ConsentAttempt",
    "Identity",
    "Invitation",
    "Member",
    "OutgoingMail",
    "Role",
    "Session",
    "User",
]


class Role(StrEnum):
    """What a member may do in a workspace; each may do all that the ones before it may."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    ADMIN = "admin"
    OWNER = "owner"


def _refers(columns: list[str], target: str, keys: list[str]) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(columns, [f"{target}.{key}" for key in keys], deferrable=True, initially="DEFERRED")


class User(Base, table=True):
    """A person. `email` is as it is compared: trimmed, NFC, lower case; it is unique among users that are not deleted.

    Deleting empties the row of everything personal and keeps it, so that the audit log still names somebody.
    """

    __tablename__ = "users"
    __table_args__ = (
        sa.Index(
            "uq_users_email",
            "email",
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    email: str
    email_verified_at: datetime | None = Field(default=None, sa_type=Instant)
    name: str = ""
    picture_url: str = ""
    locale: str = "en"
    time_zone: str = ""
    number_format: str = ""
    date_format: str = ""
    created_at: datetime = Field(sa_type=Instant)
    last_sign_in_at: datetime | None = Field(default=None, sa_type=Instant)
    disabled_at: datetime | None = Field(default=None, sa_type=Instant)
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)


class Identity(Base, table=True):
    """How a user is known to who vouches for them: `issuer` and `subject` as in OpenID Connect."""

    __tablename__ = "identities"
    __table_args__ = (_refers(["user_id"], "users", ["id"]), sa.Index(None, "user_id"))

    issuer: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    user_id: str
    created_at: datetime = Field(sa_type=Instant)


class Member(Base, table=True):
    """A user in a workspace."""

    __tablename__ = "members"
    __table_args__ = (
        _refers(["workspace_id"], "workspaces", ["id"]),
        _refers(["user_id"], "users", ["id"]),
        sa.Index(None, "user_id"),
    )

    workspace_id: str = Field(primary_key=True)
    user_id: str = Field(primary_key=True)
    role: Role = Field(sa_type=EnumText(Role))
    created_at: datetime = Field(sa_type=Instant)
    invited_by: str | None = None


class Invitation(Base, table=True):
    """Somebody is asked to become a member. Open until it expires, is accepted or revoked. A mail has its own token."""

    __tablename__ = "invitations"
    __table_args__ = (
        _refers(["workspace_id"], "workspaces", ["id"]),
        sa.Index("uq_invitations_token", "token_hash", unique=True),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    email: str
    role: Role = Field(sa_type=EnumText(Role))
    token_hash: bytes
    invited_by: str
    created_at: datetime = Field(sa_type=Instant)
    sent_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    accepted_at: datetime | None = Field(default=None, sa_type=Instant)
    accepted_by: str | None = None
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)


class Session(Base, table=True):
    """A browser that is signed in. Its token is renewed now and then; for a moment the one before is good as well.

    `level` is how it was proven: `password` or `second_factor`. `kept` is what the auth provider wants kept with it,
    sealed. `workspace_id` is the one that is looked at.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        _refers(["user_id"], "users", ["id"]),
        sa.Index("uq_sessions_token", "token_hash", unique=True),
        sa.Index("ix_sessions_previous", "previous_hash"),
        sa.Index(None, "user_id"),
        sa.Index(None, "expires_at"),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    token_hash: bytes
    previous_hash: bytes | None = None
    rotated_at: datetime = Field(sa_type=Instant)
    user_id: str
    provider: str
    subject: str
    level: str
    kept: bytes | None = Field(default=None, sa_type=Sealed("session", workspace=None))
    workspace_id: str | None = None
    created_at: datetime = Field(sa_type=Instant)
    last_seen_at: datetime = Field(sa_type=Instant)
    proven_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    address: str = ""
    agent: str = ""


class ApiToken(Base, table=True):
    """A key for scripts, of one workspace. It may do what its scopes say, and never more than who made it."""

    __tablename__ = "api_tokens"
    __table_args__ = (
        _refers(["workspace_id"], "workspaces", ["id"]),
        sa.Index("uq_api_tokens_token", "token_hash", unique=True),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    name: str
    token_hash: bytes
    scopes: list[str] = Field(default_factory=list, sa_type=JSON)
    user_id: str
    created_at: datetime = Field(sa_type=Instant)
    expires_at: datetime | None = Field(default=None, sa_type=Instant)
    last_used_at: datetime | None = Field(default=None, sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)


class AuditEntry(Base, table=True):
    """Who did what, on what, and from where. The database refuses to change or remove one."""

    __tablename__ = "audit"
    __table_args__ = (_refers(["workspace_id"], "workspaces", ["id"]), sa.Index(None, "workspace_id", "at"))

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    at: datetime = Field(sa_type=Instant)
    actor: str
    action: str
    object_kind: str = ""
    object_id: str = ""
    before: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    after: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    address: str = ""


class ConsentAttempt(Base, table=True):
    """Somebody was sent to a platform's consent page, and its answer may come back once until `expires_at`.

    Bound to the browser's session (by the hash of its id), the user, the workspace, and to what was asked for: a
    platform at an address, a new connection or the one to authorise again. `verifier` is the PKCE verifier, where the
    platform has it; it goes when the answer comes.
    """

    __tablename__ = "consent_attempts"
    __table_args__ = (
        _refers(["workspace_id"], "workspaces", ["id"]),
        sa.Index("uq_consent_attempts_state", "state_hash", unique=True),
        sa.Index(None, "expires_at"),
    )

    workspace_id: str = Field(primary_key=True)
    id: str = Field(default_factory=new_id, primary_key=True)
    state_hash: bytes
    verifier: bytes | None = Field(default=None, sa_type=Sealed("verifier"))
    session_hash: bytes
    user_id: str
    platform: str
    base_url: str
    label: str = ""
    connection_id: str | None = None
    redirect_uri: str
    created_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)


class OutgoingMail(Base, table=True):
    """A mail that waits to leave, or has left. `message` is sealed, for its links let people in; sent, it goes."""

    __tablename__ = "mails"
    __table_args__ = (sa.Index(None, "next_at"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    kind: str
    message: bytes | None = Field(default=None, sa_type=Sealed("mail", workspace=None))
    created_at: datetime = Field(sa_type=Instant)
    next_at: datetime | None = Field(default=None, sa_type=Instant)
    tries: int = 0
    sent_at: datetime | None = Field(default=None, sa_type=Instant)
    last_error: str | None = None
