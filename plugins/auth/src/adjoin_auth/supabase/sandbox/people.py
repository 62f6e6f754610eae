"""What the stand-in keeps: users, identities, factors, sessions, links, flows."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

__all__ = [
    "Challenge",
    "Factor",
    "Flow",
    "Identity",
    "Link",
    "Mail",
    "RefreshToken",
    "Session",
    "User",
    "instant",
    "password_hash",
]


def instant(at: datetime | None) -> str | None:
    """Write an instant as the server does."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def password_hash(password: str) -> str:
    """Hash a password, quickly: nobody's are kept here."""
    return hashlib.sha256(f"stand-in\n{password}".encode()).hexdigest()


@dataclass
class Identity:
    """How a user is known to a party, or to the server itself (`email`)."""

    provider: str
    subject: str
    data: dict[str, Any]
    created_at: datetime
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass
class Challenge:
    """An invitation to show a code of a factor."""

    id: str
    expires_at: datetime
    address: str
    verified: bool = False


@dataclass
class Factor:
    """A second factor."""

    id: str
    label: str
    seed: str = field(repr=False)
    created_at: datetime
    kind: str = "totp"
    verified: bool = False
    challenges: dict[str, Challenge] = field(default_factory=dict)


@dataclass
class User:
    """Somebody."""

    email: str
    created_at: datetime
    password: str | None = field(default=None, repr=False)
    metadata: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid4()))
    email_confirmed_at: datetime | None = None
    last_sign_in_at: datetime | None = None
    banned_until: datetime | None = None
    sent_at: dict[str, datetime] = field(default_factory=dict)
    new_email: str = ""
    confirmed_once: bool = False
    identities: list[Identity] = field(default_factory=list)
    factors: list[Factor] = field(default_factory=list)

    @property
    def verified_factors(self) -> list[Factor]:
        return [factor for factor in self.factors if factor.verified]


@dataclass
class RefreshToken:
    """One of a session's; only one at a time is not revoked."""

    parent: str | None
    updated_at: datetime
    token: str = field(default_factory=lambda: secrets.token_hex(6))
    revoked: bool = False


@dataclass
class Session:
    """A sign-in."""

    user_id: str
    created_at: datetime
    methods: list[dict[str, Any]]
    second_factor: bool = False
    by_factor: str = ""
    id: str = field(default_factory=lambda: str(uuid4()))
    tokens: list[RefreshToken] = field(default_factory=list)

    def find(self, token: str) -> RefreshToken | None:
        return next((one for one in self.tokens if one.token == token), None)

    @property
    def active(self) -> RefreshToken | None:
        return next((one for one in self.tokens if not one.revoked), None)


@dataclass(frozen=True)
class Link:
    """A link that was mailed and not used. `kind`: confirmation, recovery, email_change_new, email_change_current."""

    user_id: str
    kind: str
    sent_at: datetime


@dataclass
class Flow:
    """A sign-in by a party that is under way; `user_id` once the party has answered."""

    provider: str
    challenge: str
    redirect_to: str
    created_at: datetime
    user_id: str = ""


@dataclass(frozen=True)
class Mail:
    """A mail that the server has sent."""

    to: str
    template: str
    html: str
