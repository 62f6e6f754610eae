"""The tables of the workers' queue: procrastinate's own, beside ours in the same database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from adjoin.errors import StateError

if TYPE_CHECKING:
    from adjoin.db import Store

__all__ = ["check", "install"]

#: Names the lock that keeps two installations apart.
_INSTALL_LOCK = 0x41444A5155
_MARK = "adjoin: "
_THERE = sa.text("SELECT to_regclass('procrastinate_jobs') IS NOT NULL")
_COMMENT = sa.text("SELECT obj_description(to_regclass('procrastinate_jobs'))")
# procrastinate has no index for what is asked most here: what waits under a lock.
_INDEX = """
CREATE INDEX IF NOT EXISTS adjoin_procrastinate_jobs_waiting_lock ON procrastinate_jobs (lock) WHERE status = 'todo'
"""


def install(store: Store) -> bool:
    """Make the queue's tables or bring them to the installed procrastinate's version. True if anything was done.

    Does nothing on SQLite. Tables that something else than Adjoin has made are used as they are.
    """
    if store.dialect != "postgresql":
        return False
    steps = _migrations()
    newest = steps[-1].stem
    with store.write() as session:
        connection = session.connection()
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_INSTALL_LOCK)))
        # Whole scripts: the driver takes several statements at once only where there are no parameters.
        driver = connection.connection.driver_connection
        if driver is None:
            raise RuntimeError("the connection is closed")
        if not connection.scalar(_THERE):
            driver.execute((_folder() / "schema.sql").read_text(encoding="utf-8"))
        else:
            current = _marked(connection)
            todo = [step for step in steps if step.stem > current] if current else []
            if not todo:
                return False
            for step in todo:
                driver.execute(step.read_text(encoding="utf-8"))
        driver.execute(_INDEX)
        driver.execute(f"COMMENT ON TABLE procrastinate_jobs IS '{_MARK}{newest}'")
    return True


def check(store: Store) -> None:
    """Raise StateError unless the queue is there in the version that this process needs."""
    store.conninfo()
    with store.read() as session:
        connection = session.connection()
        there = connection.scalar(_THERE)
        current = _marked(connection)
    if not there:
        raise StateError(f"The database {store} has no queue for workers yet: run `adjoin db upgrade`")
    newest = _migrations()[-1].stem
    if current and current < newest:
        raise StateError(f"The workers' queue in {store} is of an older release: run `adjoin db upgrade`")
    if current > newest:
        raise StateError(f"The workers' queue in {store} is of a newer release: upgrade Adjoin on this machine")


def _marked(connection: sa.Connection) -> str:
    """The last step that was taken here; empty where the tables are missing or someone else's."""
    comment: str = connection.scalar(_COMMENT) or ""
    return comment.removeprefix(_MARK) if comment.startswith(_MARK) else ""


def _folder() -> Path:
    try:
        from procrastinate import sql
    except ModuleNotFoundError as error:
        raise StateError("Workers need procrastinate: install adjoin[postgres].") from error

    return Path(sql.__file__).parent


def _migrations() -> list[Path]:
    """The library's scripts in their order, which their names give; the whole schema contains them all."""
    return sorted((_folder() / "migrations").glob("*.sql"))
