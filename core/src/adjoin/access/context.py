"""What an auth provider may use of Adjoin: the clock, the store, sealing, the outbox, links and its settings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

from sqlmodel import Session

from adjoin.auth.v1 import LinkKind

if TYPE_CHECKING:
    from adjoin.clock import Clock
    from adjoin.db import Store
    from adjoin.mail.v1 import Mail
    from adjoin.secrets import Vault

__all__ = ["DEFAULT_BASE_URL", "LINK_PATHS", "Context", "auth_settings"]

#: Where the dashboard is as long as nobody says otherwise.
DEFAULT_BASE_URL = "http://localhost:8501"

#: The pages of the dashboard that redeem mailed links.
LINK_PATHS: Mapping[LinkKind, str] = MappingProxyType(
    {
        LinkKind.CONFIRM: "/auth/confirm",
        LinkKind.RESET: "/auth/reset",
        LinkKind.CHANGE_EMAIL: "/auth/change-email",
    }
)

_PREFIX = "ADJOIN_AUTH_"


def auth_settings(environ: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Return the provider's settings: the variables ADJOIN_AUTH_<NAME> that are not empty, by name in small letters."""
    values = os.environ if environ is None else environ
    return MappingProxyType(
        {
            name.removeprefix(_PREFIX).lower(): value
            for name, value in values.items()
            if name.startswith(_PREFIX) and name != _PREFIX and value
        }
    )


class Context:
    """The `AuthContext` of this installation. Safe from any thread.

    What a provider seals is bound to the installation, the purpose and the record: put into another row or column it
    does not open. Ask nothing of a provider while a transaction is open here: it writes in its own.
    """

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        clock: Clock,
        outbox: Callable[[Session, Mail], object],
        base_url: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._outbox = outbox
        self._base_url = (base_url or DEFAULT_BASE_URL).rstrip("/")
        self._settings = MappingProxyType(dict(settings or {}))

    def __repr__(self) -> str:
        return f"Context({self._base_url})"

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
        await asyncio.to_thread(self._put, mail)

    def link(self, kind: LinkKind, token: str) -> str:
        return f"{self._base_url}{LINK_PATHS[kind]}#{quote(token, safe='')}"

    @property
    def settings(self) -> Mapping[str, str]:
        return self._settings

    def _put(self, mail: Mail) -> None:
        with self._store.write() as session:
            self._outbox(session, mail)
