"""A connection's credential as the store has it, for processes that use it at the same time."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa

from adjoin.db.models import Connection, ConnectionState
from adjoin.errors import ErrorKind, PlatformError, StateError
from adjoin.secrets import open_credential, seal_credential

if TYPE_CHECKING:
    from adjoin.ads.v2 import Credential
    from adjoin.db import Store
    from adjoin.secrets import Vault

__all__ = ["SharedCredential", "put_credential"]

_LOOK_AGAIN = 0.05  # seconds between two tries to get the lock
_LONGEST_RENEWAL = 120.0  # seconds to wait for another process that renews


class SharedCredential:
    """What a CredentialKeeper needs of the store: the common lock, the stored credential, and a careful save."""

    def __init__(self, store: Store, vault: Vault, connection: Connection) -> None:
        self._store = store
        self._vault = vault
        self._key = (connection.workspace_id, connection.id)
        self._version = connection.credential_version

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Keep other processes, of all machines that share the store, from renewing meanwhile.

        PlatformError(kind=retry) when another one takes too long.
        """
        lock = _postgres_lock if self._store.dialect == "postgresql" else _file_lock
        clock = asyncio.get_running_loop()
        deadline = clock.time() + _LONGEST_RENEWAL
        while clock.time() < deadline:
            holding = lock(self._store, "/".join(self._key))
            granted = await asyncio.to_thread(holding.__enter__)
            try:
                if granted:
                    yield
                    return
            finally:
                await asyncio.shield(asyncio.to_thread(holding.__exit__, None, None, None))
            await asyncio.sleep(_LOOK_AGAIN)
        raise PlatformError(
            f"Another process has been renewing this authorisation for {_LONGEST_RENEWAL:.0f} seconds",
            kind=ErrorKind.RETRY,
            code="renewing",
        )

    async def load(self) -> Credential:
        """Return what is stored now. Raises StateError where the connection is gone, SecretError where it is locked."""
        return await asyncio.to_thread(self._load)

    async def save(self, credential: Credential) -> Credential:
        """Store what follows the credential that was loaded, and return it.

        Where another one was stored meanwhile, as when a person has connected again, that one stays and is returned.
        """
        return await asyncio.to_thread(self._save, credential)

    def _load(self) -> Credential:
        with self._store.read() as session:
            stored = session.get(Connection, self._key)
        return self._opened(stored)

    def _save(self, credential: Credential) -> Credential:
        with self._store.write() as session:
            stored = session.get(Connection, self._key, with_for_update=True)
            if stored is not None and stored.credential_version == self._version:
                put_credential(self._vault, stored, credential)
                if stored.state is ConnectionState.RECONNECT:  # what was just renewed is alive
                    stored.state, stored.last_error = ConnectionState.OK, None
                session.add(stored)
        return self._opened(stored)

    def _opened(self, stored: Connection | None) -> Credential:
        if stored is None or stored.credential is None:
            raise StateError("the connection was removed while it was in use")
        credential = open_credential(self._vault, stored.credential, workspace=self._key[0], connection=self._key[1])
        self._version = stored.credential_version
        return credential


def put_credential(vault: Vault, connection: Connection, credential: Credential) -> None:
    """Set a connection's credential, encrypted, with what follows from it. The row is the caller's to save."""
    connection.credential = seal_credential(
        vault, credential, workspace=connection.workspace_id, connection=connection.id
    )
    connection.credential_version += 1
    # Where the token renews itself, what ends the authorisation is the end of the renewing.
    connection.expires_at = credential.refresh_expires_at if credential.can_renew else credential.expires_at
    connection.can_renew = credential.can_renew


@contextmanager
def _postgres_lock(store: Store, name: str) -> Iterator[bool]:
    """An advisory lock of a session: if the session is lost, the version that is compared on saving still guards."""
    values = {"key": int.from_bytes(_digest(name), "big", signed=True)}
    with store.statements() as connection:
        granted = connection.scalar(sa.text("SELECT pg_try_advisory_lock(:key)"), values) is True
        try:
            yield granted
        finally:
            if granted:
                with suppress(sa.exc.DBAPIError):  # a lost session holds nothing
                    connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), values)


@contextmanager
def _file_lock(store: Store, name: str) -> Iterator[bool]:
    """A lock on a file beside the database, which the operating system frees however the process ends."""
    path = store.path
    if path is None:
        raise RuntimeError("SQLite stores have a file")
    folder = path.parent / "locks"
    try:
        folder.mkdir(exist_ok=True)
        file = (folder / f"credential-{_digest(name).hex()}").open("a")
    except OSError as error:
        raise StateError(f"The lock of a credential cannot be made in {folder}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def _digest(name: str) -> bytes:
    return hashlib.blake2b(f"credential {name}".encode(), digest_size=8).digest()
