"""What a database driver's errors mean to a person."""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa

from adjoin.errors import DiskFull, StateError, StoreDamaged, StoreUnreachable

__all__ = ["explain", "shown"]

_WHOLE_CODE = 0xFF  # SQLite's extended codes carry the plain one in their low byte


def shown(url: sa.URL) -> str:
    """Write a database URL without its password and options."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    bare = sa.URL.create(
        url.get_backend_name(), username=url.username, host=url.host, port=url.port, database=url.database
    )
    return bare.render_as_string()


def explain(error: BaseException, url: sa.URL, *, reading: bool = False) -> StateError | None:
    """Return what to raise instead of a driver's error, or None where it is a matter of the caller's data.

    `reading` leaves alone a write that was refused because the transaction only reads: that is a mistake in
    the code.
    """
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _sqlite(cause, shown(url), reading=reading)
    if isinstance(error, sa.exc.DBAPIError):
        return _postgres(error, shown(url))
    return None


def _sqlite(error: sqlite3.Error, path: str, *, reading: bool) -> StateError | None:
    code = getattr(error, "sqlite_errorcode", 0)
    if reading and code == sqlite3.SQLITE_READONLY:
        return None
    match code & _WHOLE_CODE:
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return StoreDamaged(
                f"The database {path} is damaged ({error}). Restore it from a backup, or move it away "
                "and run `adjoin init` to start with an empty one."
            )
        case sqlite3.SQLITE_FULL:
            return DiskFull(f"The disk that holds {path} is full. Free some space and try again.")
        case sqlite3.SQLITE_READONLY:
            return StateError(f"The database {path} cannot be written: the file or its folder is read-only.")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StateError(
                f"The database {path} cannot be opened: the folder does not exist, or may not be read or written."
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StateError(f"Another process has been writing to {path} for too long. Try again.")
        case sqlite3.SQLITE_IOERR:
            return StateError(f"The disk that holds {path} reported an error ({error}).")
    return None


def _postgres(error: sa.exc.DBAPIError, url: str) -> StateError | None:
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == "53100":
        return StateError(f"The disk of the database server at {url} is full. Free some space and try again.")
    if state in {"40P01", "40001", "55P03"}:
        return StateError(f"Two processes got in each other's way in the database {url} ({_line(error)}). Try again.")
    if state in {"XX001", "XX002"}:
        return StoreDamaged(f"The database {url} is damaged ({_line(error)}). Restore it from a backup.")
    # Errors without a state never reached the server; 08 is the connection, 28 the sign-in, 3D an unknown
    # database, 57P the server going down, 53 its resources.
    lost = isinstance(error, sa.exc.OperationalError) and not state
    if lost or state[:2] in {"08", "53"} or state.startswith("57P"):
        return StoreUnreachable(f"The database {url} cannot be reached: {_line(error)}")
    if state[:2] in {"28", "3D"}:
        return StateError(f"The database {url} cannot be reached: {_line(error)}")
    return None


def _line(error: sa.exc.DBAPIError) -> str:
    return " ".join(str(error.orig).split())
