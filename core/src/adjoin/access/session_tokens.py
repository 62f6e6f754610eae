"""What a browser holds to be signed in: two tokens joined by a dot.

The first stays the same as long as the session and names it: the session's id is a part of its SHA-256. The second is
renewed now and then. Whoever shows the first half with a second one that is neither the current nor the last has an
older copy, however old it is; nobody can make that up from the id, which is no secret.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from adjoin.tokens import SESSION, hash_token, kind_of, new_token

__all__ = ["SessionToken", "Standing", "is_unused", "standing_of"]

_FAMILY = "f"
_ID_LENGTH = 32  # hex digits: 128 bits
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class SessionToken:
    """A session's token in its two halves."""

    family: str = field(repr=False)
    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> SessionToken:
        """Make the token of a new session."""
        return cls(new_token(_FAMILY), new_token(SESSION))

    @classmethod
    def read(cls, text: str) -> SessionToken | None:
        """Read the text of a token; None for anything else. It may still be unknown."""
        if len(text) > _LONGEST:
            return None
        family, _, secret = text.partition(".")
        if kind_of(family) != _FAMILY or kind_of(secret) != SESSION:
            return None
        return cls(family, secret)

    def renewed(self) -> SessionToken:
        """Return another token of the same session."""
        return SessionToken(self.family, new_token(SESSION))

    @property
    def text(self) -> str:
        """What the browser keeps."""
        return f"{self.family}.{self.secret}"

    @property
    def session_id(self) -> str:
        return hash_token(self.family).hex()[:_ID_LENGTH]

    @property
    def hash(self) -> bytes:
        """What is stored of the second half."""
        return hash_token(self.secret)


class Standing(Enum):
    """What the second half of a token is worth."""

    CURRENT = "current"
    PREVIOUS = "previous"  #: good for a moment, or until the current one is seen for the first time
    OLD = "old"


class _Stored(Protocol):
    """A row of sessions, as far as it matters here."""

    @property
    def token_hash(self) -> bytes: ...
    @property
    def previous_hash(self) -> bytes | None: ...
    @property
    def rotated_at(self) -> datetime: ...
    @property
    def last_seen_at(self) -> datetime: ...


def standing_of(row: _Stored, shown: SessionToken, grace: timedelta, *, now: datetime) -> Standing:
    """Say what a token of this session is worth, by comparisons that take as long for each."""
    current = hmac.compare_digest(row.token_hash, shown.hash)
    previous = hmac.compare_digest(row.previous_hash or b"", shown.hash)
    if current:
        return Standing.CURRENT
    if previous and (is_unused(row) or now - row.rotated_at < grace):
        return Standing.PREVIOUS
    return Standing.OLD


def is_unused(row: _Stored) -> bool:
    """Say whether the current token was never seen, so that it may not have arrived."""
    return row.last_seen_at <= row.rotated_at
