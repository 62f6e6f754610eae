"""Passwords to hashes: Argon2id, and the same work for somebody who is unknown."""

from __future__ import annotations

import secrets
import threading
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

__all__ = ["MOST_BYTES", "Argon2", "Hasher", "Verdict", "prepared"]

#: The longest password, in UTF-8. Longer ones are refused before any work is done for them.
MOST_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password fits, and its hash under today's parameters if the stored one is of others."""

    fits: bool
    renewed: str | None = None


class Hasher(Protocol):
    """What hashes passwords. Both take a password as `prepared` returns it, and may be called from any thread."""

    def hash(self, password: bytes) -> str:
        """Return the text to store."""
        ...

    def verify(self, password: bytes, stored: str | None) -> Verdict:
        """Compare. With nothing stored the same work is done, and nothing fits."""
        ...


def prepared(password: str) -> bytes | None:
    """Return the bytes to hash: NFKC, so that all keyboards' spellings are one. None if it cannot be a password."""
    try:
        if len(password.encode()) > MOST_BYTES:
            return None
        return unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:
        return None


class Argon2:
    """Argon2id with 64 MiB and three passes, the second choice of RFC 9106. At most `at_once` run at a time."""

    def __init__(self, *, memory_kib: int = 65_536, passes: int = 3, parallelism: int = 4, at_once: int = 4) -> None:
        self._hash = PasswordHash((Argon2Hasher(passes, memory_kib, parallelism),))
        self._turns = threading.BoundedSemaphore(at_once)

    def hash(self, password: bytes) -> str:
        with self._turns:
            return self._hash.hash(password)

    def verify(self, password: bytes, stored: str | None) -> Verdict:
        nobody = self._nobody  # made before anybody is compared, so that it costs the first one alike
        with self._turns:
            fits, renewed = self._hash.verify_and_update(password, nobody if stored is None else stored)
        return Verdict(fits and stored is not None, renewed)

    @cached_property
    def _nobody(self) -> str:
        return self.hash(secrets.token_bytes(32))
