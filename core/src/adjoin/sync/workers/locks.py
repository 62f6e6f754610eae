"""Locks that live as long as a session of the database: whoever loses the session knows that it lost the locks."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

from adjoin.errors import StateError

if TYPE_CHECKING:
    import psycopg

    from adjoin.db import Store

__all__ = ["LockSession", "end_session", "execute_alone"]

#: Workers hold it together, an embedded executor alone, so that only one kind is at work.
_EXECUTION = "adjoin execution"
_SESSION_NAME = "adjoin locks "

# A machine that vanishes says nothing: both sides find out within half a minute, not after the usual two hours.
_CLIENT = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
_SERVER = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"


class LockSession:
    """A session of PostgreSQL that holds advisory locks by name. Usable from any thread; every method blocks.

    `owner` names the session, so that `end_session` finds it when its process hangs. After the session is lost, every
    method raises StateError until `open` is called again, and nothing is held.
    """

    def __init__(self, store: Store, owner: str) -> None:
        self._store = store
        self._owner = owner
        self._guard = threading.Lock()
        self._connection: psycopg.Connection | None = None
        self._held: set[str] = set()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Begin the session, if there is none. Raises StateError where the database cannot be reached."""
        import psycopg

        with self._guard:
            if self._connection is not None:
                return
            made = None
            try:
                made = psycopg.connect(
                    self._store.conninfo(),
                    autocommit=True,
                    application_name=_SESSION_NAME + self._owner,
                    **_CLIENT,  # type: ignore[arg-type]
                )
                made.execute(_SERVER)
            except psycopg.Error as error:
                if made is not None:
                    made.close()
                raise StateError(f"The database {self._store} cannot be reached: {_line(error)}") from error
            self._connection = made

    def close(self) -> None:
        """End the session; all its locks are free."""
        with self._guard:
            self._drop()

    def check(self) -> None:
        """Raise StateError if the session is lost."""
        self._ask("SELECT true", ())

    def join_workers(self) -> bool:
        """Take the place of a worker; False while another process executes runs alone."""
        return self._ask("SELECT pg_try_advisory_lock_shared(%s)", (_key(_EXECUTION),))

    def be_alone(self) -> bool:
        """Take the place of the only executing process; False while there is another or a worker."""
        return self._ask("SELECT pg_try_advisory_lock(%s)", (_key(_EXECUTION),))

    def try_lock(self, name: str) -> bool:
        """Take the lock of a name; False while it is held, be it by this session."""
        with self._guard:
            if name in self._held:
                return False
            granted = self._query("SELECT pg_try_advisory_lock(%s)", (_key(name),))
            if granted:
                self._held.add(name)
            return granted

    def unlock(self, name: str) -> None:
        """Free the lock of a name; nothing happens where it is not held, as after the session was lost."""
        with self._guard:
            if name not in self._held:
                return
            self._held.discard(name)
            with suppress(StateError):  # a lost session holds nothing
                self._query("SELECT pg_advisory_unlock(%s)", (_key(name),))

    def _ask(self, statement: str, values: tuple[object, ...]) -> bool:
        with self._guard:
            return self._query(statement, values)

    def _query(self, statement: str, values: tuple[object, ...]) -> bool:
        import psycopg

        if self._connection is None:
            raise StateError(f"The session that holds this process's locks in {self._store} is lost")
        try:
            row = self._connection.execute(statement, values).fetchone()
        except psycopg.Error as error:
            self._drop()
            raise StateError(
                f"The session that held this process's locks in {self._store} is lost: {_line(error)}"
            ) from error
        return row is not None and row[0] is True

    def _drop(self) -> None:
        self._held.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def execute_alone(store: Store) -> Iterator[bool]:
    """Try to be the only process of all machines that executes runs; yields False if there is another or a worker."""
    with LockSession(store, "embedded") as session:
        yield session.be_alone()


def end_session(store: Store, owner: str) -> int:
    """End the lock sessions of a process that hangs, so that others get its locks. Returns how many there were."""
    statement = sa.text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = :name")
    with store.statements() as connection:
        return int(connection.scalar(statement, {"name": _SESSION_NAME + owner}) or 0)


def _key(name: str) -> int:
    """PostgreSQL's locks are numbers of 64 bits."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
