"""A context for providers under test: a real database and real sealing, and mails that are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime

from sqlmodel import Session

from adjoin.auth.v1 import LinkKind
from adjoin.clock import Clock
from adjoin.db import Store
from adjoin.mail.v1 import Mail
from adjoin.secrets import Keyring, Vault

__all__ = ["RecordingContext"]


class RecordingContext:
    """What a provider may use. `mails` are those it has sent, oldest first."""

    def __init__(self, store: Store, clock: Clock, *, settings: Mapping[str, str] | None = None) -> None:
        self._store = store
        self._clock = clock
        self._vault = Vault(Keyring([bytes(range(32))]))
        self._settings = dict(settings or {})
        self.mails: list[Mail] = []

    def now(self) -> datetime:
        return self._clock.now()

    def read(self) -> AbstractContextManager[Session]:
        return self._store.read()

    def write(self) -> AbstractContextManager[Session]:
        return self._store.write()

    def seal(self, data: bytes, *, purpose: str, record: str) -> bytes:
        return self._vault.seal(data, workspace="", purpose=purpose, record=record)

    def unseal(self, blob: bytes, *, purpose: str, record: str) -> bytes:
        return self._vault.open(blob, workspace="", purpose=purpose, record=record)

    async def send(self, mail: Mail) -> None:
        self.mails.append(mail)

    def link(self, kind: LinkKind, token: str) -> str:
        return f"https://adjoin.test/auth/{kind.value}#{token}"

    @property
    def settings(self) -> Mapping[str, str]:
        return self._settings

    def to(self, email: str) -> list[Mail]:
        """The mails to one person, oldest first."""
        return [mail for mail in self.mails if mail.to == email]

    def token(self, email: str, kind: LinkKind) -> str | None:
        """The token of the newest link of a kind that was mailed to somebody; None if there was none."""
        wanted = re.compile(re.escape(self.link(kind, "")) + r"([^\s\"<]+)")
        for mail in reversed(self.to(email)):
            if found := wanted.search(mail.text):
                return found[1]
        return None
