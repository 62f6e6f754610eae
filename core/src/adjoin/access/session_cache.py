"""What is known about sessions for less than a second, so that a page of fifty files asks the database once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adjoin.access.signed_in import SignedIn
    from adjoin.clock import Clock

__all__ = ["LIFE_SECONDS", "SessionCache"]

#: How long an answer is good, counted from before the database was asked. So a sign-out in any process, and a change
#: of role, holds everywhere within a second, and no message between processes can get lost.
LIFE_SECONDS = 0.9
_MOST = 10_000


class SessionCache:
    """Answers by the hash of the token they were given for, or by the session's id. Safe from any thread.

    What this process itself ends or changes is forgotten at once, also by a reader that asked the database before.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[bytes | str, tuple[float, SignedIn]] = {}
        self._keys: dict[str, set[bytes | str]] = {}  # by session
        self._turn = 0

    def get(self, key: bytes | str) -> SignedIn | None:
        """Return the answer if it is still good."""
        entry = self._entries.get(key)
        if entry is None or not 0 <= self._clock.monotonic() - entry[0] < LIFE_SECONDS:
            return None
        return entry[1]

    def ticket(self) -> tuple[int, float]:
        """Return what `put` needs; take it before asking the database."""
        return self._turn, self._clock.monotonic()

    def put(self, key: bytes | str, found: SignedIn, ticket: tuple[int, float]) -> None:
        """Keep an answer, unless something was forgotten since the ticket was taken."""
        turn, asked_at = ticket
        with self._lock:
            if turn != self._turn:
                return
            if len(self._entries) >= _MOST:
                self._entries.clear()
                self._keys.clear()
            self._entries[key] = (asked_at, found)
            self._keys.setdefault(found.session_id, set()).add(key)

    def forget(self, session_id: str) -> None:
        """Forget a session."""
        with self._lock:
            self._turn += 1
            for key in self._keys.pop(session_id, ()):
                self._entries.pop(key, None)

    def forget_all(self) -> None:
        """Forget everything."""
        with self._lock:
            self._turn += 1
            self._entries.clear()
            self._keys.clear()
