"""An installation for tests: a store in a folder, the installed plugins, and syncs that take no time.

    with running(sandbox_app({"meta": sandbox}, world)) as url:
        house = House(tmp_path, kernel=kernel, now=world.now)
        connection = house.connect("meta", f"{url}/meta")
        run = house.sync(connection)
        assert house.rows("meta", "ad_daily") == truth

Requests go over real HTTP; waits only move the house's clock.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE, Account, Connection, Coverage, FactFile, Run, RunTrigger, Slice
from adjoin.facts.store import FactStore
from adjoin.http.limiter import Limiter
from adjoin.kernel import Kernel
from adjoin.secrets import Keyring, Vault
from adjoin.sync.connections import Connections
from adjoin.sync.engine import Engine
from adjoin.sync.runs import RunBook
from adjoin.testing.stores import initialise

__all__ = ["House"]

_BACK = "http://127.0.0.1:8765/callback"


class House:
    """One workspace with its connections, on SQLite below `home`. Close it when done."""

    def __init__(
        self, home: Path, *, kernel: Kernel, now: datetime, store: Store | None = None, history_days: int = 10
    ) -> None:
        self.home = home
        self.kernel = kernel
        self.clock = ManualClock(now)
        self.history_days = history_days
        self._given = store

    @cached_property
    def store(self) -> Store:
        if self._given is not None:
            return self._given
        store = Store.open(f"sqlite:///{self.home / 'adjoin.db'}", check_schema=False)
        initialise(store, now=self.clock.now())
        return store

    @cached_property
    def facts(self) -> FactStore:
        return FactStore(self.home)

    @cached_property
    def connections(self) -> Connections:
        return Connections(
            store=self.store,
            kernel=self.kernel,
            vault=Vault(Keyring([os.urandom(32)])),
            limiter=Limiter(self.clock),
            clock=self.clock,
            environ={},
        )

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    # --- connecting and syncing -------------------------------------------------------------------------------------

    def connect(self, platform: str, base_url: str, *, token: str = "", label: str = "") -> Connection:
        """Connect as a person does, through the sandbox's consent page; with a token, by pasting it."""
        credential = v2.Credential(access_token=token) if token else self.consent(platform, base_url)
        made = self.connections.connect(platform, base_url=base_url, credential=credential, label=label)
        return asyncio.run(made).connection

    def consent(self, platform: str, base_url: str) -> v2.Credential:
        """Let the sandbox's consent page lead back with a code, and redeem it."""
        import httpx

        app = self.connections.app(platform, base_url)
        consent = v2.Consent(redirect_uri=_BACK, state="state")
        url = self.kernel.hook(v2.Ads.consent_url).one(platform, app, consent, base_url=base_url)
        answer = httpx.get(url, follow_redirects=False, trust_env=False)
        code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        grant = v2.CodeGrant(code=code, redirect_uri=_BACK)

        async def redeem() -> v2.Credential:
            client = self.connections.bare_client(platform, base_url)
            try:
                return await self.kernel.hook(v2.Ads.redeem).aone(platform, grant, client=client)
            finally:
                await client.aclose()

        return asyncio.run(redeem())

    def keep(self, platform: str, account_ids: Collection[str]) -> None:
        """Choose the accounts that are synced; the others are left out."""
        with self.store.write() as session:
            for account in session.exec(select(Account).where(Account.platform == platform)):
                account.selected = account.id in account_ids
                session.add(account)

    def sync(self, connection: Connection) -> Run:
        """Run a sync of a connection to its end and return what became of it, after the runs that read its history."""
        book = RunBook(self.store)
        now = self.clock.now()
        book.enqueue(workspace_id=DEFAULT_WORKSPACE, connection_id=connection.id, trigger=RunTrigger.PERSON, now=now)
        attempt = book.take_next(now=now)
        assert attempt is not None, "another run is under way"
        engine = Engine(
            store=self.store,
            kernel=self.kernel,
            connections=self.connections,
            facts=self.facts,
            clock=self.clock,
            history_days=self.history_days,
        )
        first = attempt
        while attempt is not None:
            asyncio.run(engine.execute(attempt))
            attempt = book.take_next(now=self.clock.now())
        return book.get(DEFAULT_WORKSPACE, first.run_id)

    # --- what came of it --------------------------------------------------------------------------------------------

    def connection(self, connection: Connection) -> Connection:
        """The connection as it is stored now."""
        with self.store.read() as session:
            return session.get_one(Connection, (connection.workspace_id, connection.id))

    def accounts(self, platform: str) -> list[Account]:
        """The platform's accounts, sorted by id."""
        with self.store.read() as session:
            return list(session.exec(select(Account).where(Account.platform == platform).order_by(col(Account.id))))

    def slices(self, run: Run) -> list[Slice]:
        """The slices of a run, in the order of the plan."""
        with self.store.read() as session:
            return list(session.exec(select(Slice).where(Slice.run_id == run.id).order_by(col(Slice.id))))

    def covered(self, platform: str, dataset: str) -> set[tuple[str, Any]]:
        """Account and day of all that was read of a dataset."""
        with self.store.read() as session:
            query = select(col(Coverage.account_id), col(Coverage.day)).where(
                col(Coverage.platform) == platform, col(Coverage.dataset) == dataset
            )
            return {(account, day) for account, day in session.exec(query)}

    def rows(self, platform: str, dataset: str) -> list[dict[str, Any]]:
        """The current rows of a dataset in its published columns, from files that are checked against the manifest."""
        import pyarrow.parquet as pq

        with self.store.read() as session:
            files = session.exec(
                select(FactFile).where(
                    col(FactFile.platform) == platform,
                    col(FactFile.dataset) == dataset,
                    col(FactFile.superseded_at).is_(None),
                )
            ).all()
        found: list[dict[str, Any]] = []
        for file in files:
            table = pq.read_table(self.facts.intact(file.path, expected=file.checksum))
            assert table.num_rows == file.rows, f"{file.path}: the manifest says {file.rows} rows"
            found += table.drop_columns(["platform", "currency"]).to_pylist()
        return found
