"""A made-up platform whose answers are functions, and an installation that syncs it."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
import structlog
from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.ads.datasets import arrow_schema
from adjoin.clock import ManualClock
from adjoin.contract import hookimpl
from adjoin.contracts import CONTRACTS
from adjoin.db import Store
from adjoin.db.models import (
    DEFAULT_WORKSPACE,
    Account,
    Connection,
    Coverage,
    Entity,
    FactFile,
    Run,
    RunTrigger,
    Slice,
)
from adjoin.facts.layout import sort_keys
from adjoin.facts.store import FactStore
from adjoin.http.limiter import Limiter
from adjoin.kernel import Kernel
from adjoin.secrets import Keyring, Vault
from adjoin.sync.connections import Connections
from adjoin.sync.engine import Engine
from adjoin.sync.executor import Executor
from adjoin.sync.runs import Attempt, RunBook
from adjoin.sync.workers.schema import install

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
TODAY = NOW.date()
URL = "https://fake.example"

#: The clicks of each campaign of an account on a day: all that a test has to state.
Clicks = Callable[[str, date], Mapping[str, int]]
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def account(account_id: str, **options: Any) -> v2.Account:
    return v2.Account(
        **({"id": account_id, "name": f"Shop {account_id}", "currency": "EUR", "time_zone": "UTC"} | options)
    )


def usual(account_id: str, day: date) -> dict[str, int]:
    """Two campaigns that click every day, each day differently."""
    return {"c1": day.toordinal() % 97 + 1, "c2": day.day}


def rows(clicks: Clicks, dataset: str, account_id: str, day: date) -> list[Row]:
    """The rows of a dataset that these clicks make, exact to the last digit."""
    campaigns = clicks(account_id, day)
    grains = campaigns if dataset == "campaign_daily" else {"": sum(campaigns.values())} if campaigns else {}
    return [
        dict.fromkeys(arrow_schema(dataset).names)
        | {"date": day, "account_id": account_id, "impressions": count * 10, "clicks": count}
        | {"cost_micros": count * 1_000_003, "conversions": Decimal(count) / 8}
        | ({"campaign_id": campaign} if campaign else {})
        for campaign, count in grains.items()
    ]


def batch(dataset: str, found: Iterable[Row]) -> v2.FactBatch:
    return v2.FactBatch(dataset=dataset, rows=pa.RecordBatch.from_pylist(list(found), schema=arrow_schema(dataset)))


def days(window: v2.DateWindow) -> list[date]:
    return [window.since + timedelta(days=n) for n in range(window.days)]


STREAMS = (
    v2.Stream(name="campaigns", kind="entities"),
    v2.Stream(name="account_daily", kind="facts", look_back=(v2.LookBack(days=3),)),
    v2.Stream(name="campaign_daily", kind="facts", look_back=(v2.LookBack(days=3),)),
)


@dataclass(eq=False)
class Platform:
    """The platform and its plugin. Tests change what it answers; `asked` holds what it was asked."""

    listing: list[v2.Account] = field(default_factory=lambda: [account("a1"), account("a2")])
    streams: tuple[v2.Stream, ...] = STREAMS
    clicks: Clicks = usual
    campaigns: Callable[[str], Iterable[str]] = lambda account_id: ("c1", "c2")
    #: Called before each reading; what it returns is raised.
    refuse: Callable[[v2.ReadRequest], BaseException | None] = lambda request: None
    #: Answers instead of the usual rows where it returns batches.
    answer: Callable[[v2.ReadRequest], Iterable[v2.Batch] | None] = lambda request: None
    #: Works without end on the requests that it names, and sets `held`.
    hold: Callable[[v2.ReadRequest], bool] = lambda request: False
    held: threading.Event = field(default_factory=threading.Event)
    listing_fault: BaseException | None = None
    #: Each is raised once.
    listing_faults: list[BaseException] = field(default_factory=list)
    concurrency: int = 4
    known_gaps: Mapping[str, str] = field(default_factory=dict)
    asked: list[v2.ReadRequest] = field(default_factory=list)

    @hookimpl
    def describe(self) -> v2.Description:
        return v2.Description(
            title="Fake",
            base_url=URL,
            api_version="1",
            auth=v2.Auth(methods=("token",)),
            streams=self.streams,
            max_concurrency=self.concurrency,
            known_gaps=self.known_gaps,
        )

    @hookimpl
    async def accounts(self, client: v2.Client) -> list[v2.Account]:
        if self.listing_fault is not None:
            raise self.listing_fault
        if self.listing_faults:
            raise self.listing_faults.pop()
        return list(self.listing)

    @hookimpl
    async def read(self, request: v2.ReadRequest, client: v2.Client):
        self.asked.append(request)
        if self.hold(request):
            self.held.set()
            await asyncio.Event().wait()
        fault = self.refuse(request)
        if fault is not None:
            raise fault
        answer = self.answer(request)
        if answer is not None:
            for one in answer:
                yield one
        elif request.window is None:
            ids = self.campaigns(request.account.id)
            yield v2.EntityBatch(entities=tuple(campaign(request.account.id, one) for one in ids))
        else:
            for day in days(request.window):
                found = rows(self.clicks, request.stream, request.account.id, day)
                if found:
                    yield batch(request.stream, found)

    account = staticmethod(account)
    batch = staticmethod(batch)
    campaign = staticmethod(lambda account_id, campaign_id, **options: campaign(account_id, campaign_id, **options))

    def rows(self, dataset: str, account_id: str, day: date) -> list[Row]:
        """The rows of a day as they are by default."""
        return rows(self.clicks, dataset, account_id, day)

    def windows(self, stream: str, account_id: str = "a1") -> list[v2.DateWindow]:
        """What was asked for, in order."""
        return [
            one.window for one in self.asked if one.stream == stream and one.account.id == account_id and one.window
        ]

    def truth(self, dataset: str, since: date, until: date, *accounts: str) -> list[Row]:
        chosen = accounts or [one.id for one in self.listing]
        window = v2.DateWindow(since=since, until=until)
        found = [row for one in chosen for day in days(window) for row in rows(self.clicks, dataset, one, day)]
        return sorted(found, key=lambda row: _key(dataset, row))


def campaign(account_id: str, campaign_id: str, **options: Any) -> v2.Campaign:
    return v2.Campaign(
        id=campaign_id,
        account_id=account_id,
        name=f"Campaign {campaign_id}",
        status=v2.Status.ACTIVE,
        native_status="ACTIVE",
        **options,
    )


def _key(dataset: str, row: Row) -> tuple[Any, ...]:
    return (row["account_id"], *(row[name] for name in sort_keys(dataset)))


@dataclass
class House:
    """An installation with one connection to the platform."""

    store: Store
    home: Path
    platform: Platform
    clock: ManualClock
    kernel: Kernel
    history_days: int = 10

    def __post_init__(self) -> None:
        self.facts = FactStore(self.home)
        self.book = RunBook(self.store)
        self.vault = Vault(Keyring([os.urandom(32)]))
        self.connections = Connections(
            store=self.store,
            kernel=self.kernel,
            vault=self.vault,
            limiter=Limiter(self.clock),
            clock=self.clock,
            environ={},
        )
        self.connection = self.connect()

    @property
    def engine(self) -> Engine:
        return Engine(
            store=self.store,
            kernel=self.kernel,
            connections=self.connections,
            facts=self.facts,
            clock=self.clock,
            history_days=self.history_days,
        )

    @property
    def executor(self) -> Executor:
        return Executor(
            engine=self.engine, runs=self.book, kernel=self.kernel, clock=self.clock, lock_file=self.home / "lock"
        )

    def connect(self, token: str = "token", platform: str = "fake") -> Connection:
        made = self.connections.connect(platform, base_url=URL, credential=v2.Credential(access_token=token))
        return asyncio.run(made).connection

    def enqueue(
        self, since: date | None = None, until: date | None = None, trigger: RunTrigger = RunTrigger.PERSON
    ) -> Run:
        run, _ = self.book.enqueue(
            workspace_id=DEFAULT_WORKSPACE,
            connection_id=self.connection.id,
            trigger=trigger,
            now=self.clock.now(),
            since=since,
            until=until,
        )
        return run

    def take(self) -> Attempt:
        attempt = self.book.take_next(now=self.clock.now())
        assert attempt is not None
        return attempt

    def sync(self, since: date | None = None, until: date | None = None) -> Run:
        """Run a sync to its end."""
        self.enqueue(since, until)
        return self.execute(self.take())

    def execute(self, attempt: Attempt) -> Run:
        asyncio.run(self.engine.execute(attempt))
        return self.book.get(DEFAULT_WORKSPACE, attempt.run_id)

    def interrupted(self, when: Callable[[v2.ReadRequest], bool], *, gently: bool = False) -> Attempt:
        """Begin a sync and leave it as a killed process does while the platform works on a request that `when` names.

        `gently` leaves it as a process that is told to stop. Slices are read one at a time.
        """
        self.enqueue()
        attempt = self.take()
        self.platform.concurrency, concurrency = 1, self.platform.concurrency
        self.platform.hold = when
        engine = self.engine

        async def main() -> None:
            task = asyncio.create_task(engine.execute(attempt) if gently else engine._execute(attempt))
            held = asyncio.create_task(asyncio.to_thread(self.platform.held.wait, 20))
            await asyncio.wait({task, held}, return_when=asyncio.FIRST_COMPLETED)
            assert self.platform.held.is_set(), "the request never came"
            task.cancel()
            await asyncio.gather(task, held, return_exceptions=True)

        asyncio.run(main())
        self.platform.held.clear()
        self.platform.hold = lambda request: False
        self.platform.concurrency = concurrency
        return attempt

    def resume(self) -> Run:
        """Do what the next process does."""
        assert self.book.requeue_orphans() == 1
        self.platform.asked.clear()
        return self.execute(self.take())

    def committed(self, dataset: str) -> list[Row]:
        """The rows of the current files, checked against what the manifest says of them."""
        found: list[Row] = []
        with self.store.read() as session:
            files = session.exec(
                select(FactFile).where(col(FactFile.dataset) == dataset, col(FactFile.superseded_at).is_(None))
            ).all()
        for file in files:
            table = pq.read_table(self.facts.intact(file.path, expected=file.checksum))
            assert table.num_rows == file.rows
            found += table.drop_columns(["platform", "currency"]).to_pylist()
        return sorted(found, key=lambda row: _key(dataset, row))

    def covered(self, dataset: str, account_id: str = "a1") -> dict[date, datetime]:
        with self.store.read() as session:
            query = select(Coverage).where(Coverage.dataset == dataset, Coverage.account_id == account_id)
            return {one.day: one.fetched_at for one in session.exec(query)}

    def slices(self, run: Run | Attempt) -> list[Slice]:
        run_id = run.id if isinstance(run, Run) else run.run_id
        with self.store.read() as session:
            return list(session.exec(select(Slice).where(Slice.run_id == run_id).order_by(col(Slice.id))))

    def entities(self, account_id: str = "a1") -> dict[str, Entity]:
        with self.store.read() as session:
            return {one.id: one for one in session.exec(select(Entity).where(Entity.account_id == account_id))}

    def account(self, account_id: str) -> Account:
        with self.store.read() as session:
            return session.get_one(Account, (DEFAULT_WORKSPACE, "fake", account_id))

    def stored_connection(self) -> Connection:
        with self.store.read() as session:
            return session.get_one(Connection, (DEFAULT_WORKSPACE, self.connection.id))

    def files(self) -> set[str]:
        """All Parquet files below the home, finished or not."""
        return {
            str(path.relative_to(self.home))
            for folder in ("facts", "staging")
            for path in (self.home / folder).rglob("*")
            if path.is_file()
        }

    def assert_whole(self, since: date, until: date = TODAY, *accounts: str) -> None:
        """What is committed is the truth, in every dataset, and there is no file besides."""
        for stream in self.platform.streams:
            if stream.kind == "facts":
                assert self.committed(stream.name) == self.platform.truth(stream.name, since, until, *accounts)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with tables, to be copied: making it anew takes longer than a sync."""
    path = tmp_path_factory.mktemp("template") / "adjoin.db"
    with Store.open(f"sqlite:///{path}", check_schema=False) as store:
        store.initialise(now=NOW)
    return path


@pytest.fixture
def sqlite_store(tmp_path: Path, empty_database: Path) -> Iterator[Store]:
    """An initialised store on SQLite."""
    path = tmp_path / "adjoin.db"
    shutil.copyfile(empty_database, path)
    with Store.open(f"sqlite:///{path}") as store:
        # Nothing here outlives the tests, so nothing waits for the disk.
        sa.event.listen(store._engine, "connect", lambda made, _: made.execute("PRAGMA synchronous=OFF").close())
        store.close()
        yield store


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def kernel(platform: Platform) -> Iterator[Kernel]:
    kernel = Kernel(CONTRACTS)
    kernel.add("fake", "ads", 2, platform)
    yield kernel
    kernel.close()


@pytest.fixture
def house(sqlite_store: Store, tmp_path: Path, platform: Platform, clock: ManualClock, kernel: Kernel) -> House:
    """On SQLite, where the kind of database does not matter."""
    return House(store=sqlite_store, home=tmp_path, platform=platform, clock=clock, kernel=kernel)


@pytest.fixture
def any_house(store: Store, tmp_path: Path, platform: Platform, clock: ManualClock, kernel: Kernel) -> House:
    """On each kind of database."""
    return House(store=store, home=tmp_path, platform=platform, clock=clock, kernel=kernel)


@pytest.fixture
def queue_house(postgres_store: Store, tmp_path: Path, platform: Platform, clock: ManualClock, kernel: Kernel) -> House:
    """On PostgreSQL, with the queue that workers serve."""
    install(postgres_store)
    return House(store=postgres_store, home=tmp_path, platform=platform, clock=clock, kernel=kernel)
