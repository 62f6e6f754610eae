"""Databases for tests: core's migrations run once a process, and what they made is copied from then on."""

from __future__ import annotations

import tempfile
from datetime import datetime
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from adjoin.db import Store

__all__ = ["initialise", "postgres_template"]

_TEMPLATE = "adjoin_template"


def initialise(store: Store, *, now: datetime) -> None:
    """Do what `store.initialise` does, quickly where the store is a SQLite file that does not exist yet.

    Whoever tests migrations calls `store.initialise` itself.
    """
    path = store.path
    if path is not None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(_empty_file())
    store.initialise(now=now)


@cache
def postgres_template(server: str) -> str:
    """Return the name of a database with core's tables, for `CREATE DATABASE ... TEMPLATE` on this server.

    It is made at the first call in a process. `server` is the URL of a login that may make databases; nobody may be
    connected to the template while it is copied.
    """
    url = sa.make_url(server).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{_TEMPLATE}"')
    with Store.open(url.set(database=_TEMPLATE).render_as_string(hide_password=False), check_schema=False) as store:
        store.upgrade()
    return _TEMPLATE


@cache
def _empty_file() -> bytes:
    with tempfile.TemporaryDirectory(prefix="adjoin-template-") as folder:
        path = Path(folder) / "adjoin.db"
        with Store.open(f"sqlite:///{path}", check_schema=False) as store:
            store.upgrade()
        return path.read_bytes()
