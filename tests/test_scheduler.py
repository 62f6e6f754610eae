"""The scheduler as a real process: stopped, killed, started twice, and beside `adjoin sync`."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
from sqlmodel import col, select

from adjoin.ads.v2 import Credential
from adjoin.db import Store
from adjoin.db.models import Connection, FactFile, Run, RunState, Schedule
from adjoin.mail.outbox import put
from adjoin.mail.v1 import Mail
from adjoin.secrets import Keyring, Vault, seal_credential
from adjoin.sync.schedules import ensure_schedule
from adjoin.testing.packages import Packages

ROOT = Path(__file__).resolve().parents[1]
DEADLINE = 300  # seconds; far more than is needed, for a machine that is busy

#: A platform with a gate: it notes what it is asked, and keeps the second account waiting while there is a file `hold`.
PLUGIN = """
import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pyarrow as pa

from adjoin.ads import v2
from adjoin.ads.datasets import arrow_schema
from adjoin.contract import hookimpl
from adjoin.surface import v1 as surface

GATE = Path(os.environ["GATE"])


class Plugin:
    @hookimpl
    def describe(self):
        return v2.Description(
            title="Gated", base_url="https://gated.example", api_version="1", auth=v2.Auth(methods=("token",)),
            streams=(v2.Stream(name="account_daily", kind="facts", look_back=(v2.LookBack(days=3),)),),
            max_concurrency=1,
        )

    @hookimpl
    async def accounts(self, client):
        return [v2.Account(id=name, name=name, currency="EUR", time_zone="UTC") for name in ("a1", "a2")]

    @hookimpl
    async def read(self, request, client):
        window, account = request.window, request.account.id
        with (GATE / "asked").open("a") as file:
            file.write(f"{account} {window.since} {window.until}\\n")
        if account == "a2" and (GATE / "hold").exists():
            (GATE / "held").touch()
            while (GATE / "hold").exists():
                await asyncio.sleep(0.01)
        rows = [
            dict.fromkeys(arrow_schema("account_daily").names)
            | {"date": window.since + timedelta(days=n), "account_id": account, "clicks": n + 1}
            for n in range(window.days)
        ]
        schema = arrow_schema("account_daily")
        yield v2.FactBatch(dataset="account_daily", rows=pa.RecordBatch.from_pylist(rows, schema=schema))


class Product:
    @hookimpl
    def jobs(self):
        return [surface.Job(name="tidy", run=tidy, every=timedelta(seconds=1))]


async def tidy(context):
    (GATE / "tidied").touch()
    await asyncio.Event().wait()


plugin, product = Plugin(), Product()
"""


def until(condition, process=None):
    """Wait for what another process does."""
    begun = time.monotonic()
    while not condition():
        assert process is None or process.poll() is None, process.said()
        assert time.monotonic() - begun < DEADLINE, process.said() if process else "it never happened"
        time.sleep(0.05)


class Scheduler(subprocess.Popen):
    """The process, and what it has logged so far."""

    def said(self) -> str:
        return self.log.read_text()


@dataclass
class House:
    """An installation that is connected to the gated platform."""

    installation: object
    gate: Path

    @property
    def home(self) -> Path:
        return self.installation.home

    @property
    def store(self) -> Store:
        return Store.open(f"sqlite:///{self.home / 'adjoin.db'}")

    @contextmanager
    def scheduler(self):
        """Run it; what is still alive at the end is killed."""
        log = self.gate / f"log-{time.monotonic_ns()}"
        with log.open("w") as file:
            process = Scheduler(
                [sys.executable, str(ROOT / "scheduler.py")],
                env=self.installation.environment,
                stdout=subprocess.DEVNULL,
                stderr=file,
                text=True,
            )
        process.log = log
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def stop(self, process) -> str:
        """Tell it to stop; it does within the deadline, and cleanly."""
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=DEADLINE)
        said = process.said()
        assert process.returncode == 0, said
        assert "scheduler stopped" in said
        assert "Traceback" not in said
        return said

    def make_due(self) -> None:
        with self.store as store, store.write() as session:
            (schedule,) = session.exec(select(Schedule).where(col(Schedule.job).is_(None))).all()
            schedule.next_run_at = datetime.now(UTC) - timedelta(seconds=1)
            session.add(schedule)

    def runs(self) -> list[Run]:
        with self.store as store, store.read() as session:
            return list(session.exec(select(Run).order_by(col(Run.created_at))))

    def asked(self) -> list[str]:
        path = self.gate / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def hold(self) -> None:
        (self.gate / "hold").touch()

    def held(self) -> bool:
        return (self.gate / "held").exists()

    def let_go(self) -> None:
        (self.gate / "hold").unlink()

    def ended(self) -> bool:
        with closing(sqlite3.connect(self.home / "adjoin.db")) as database:
            states = {state for (state,) in database.execute("SELECT state FROM runs")}
        return bool(states) and not states & {"queued", "running"}

    def assert_whole(self) -> None:
        """What is committed is what the platform answered: each window once, each day once."""
        expected = {}
        for line in self.asked():
            account, since, last = line.split()
            first = date.fromisoformat(since)
            for n in range((date.fromisoformat(last) - first).days + 1):
                expected[account, first + timedelta(days=n)] = n + 1
        found = {}
        with self.store as store, store.read() as session:
            for file in session.exec(select(FactFile).where(col(FactFile.superseded_at).is_(None))):
                for row in pq.read_table(self.home / file.path).to_pylist():
                    assert (row["account_id"], row["date"]) not in found
                    found[row["account_id"], row["date"]] = row["clicks"]
        assert len(expected) == 2 * 41
        assert found == expected
        assert not list((self.home / "staging").rglob("*.parquet"))


def connect(home: Path) -> None:
    """Do what `adjoin init` and `adjoin connect gated --token` do."""
    now = datetime.now(UTC)
    credential = Credential(access_token="token")
    with Store.open(f"sqlite:///{home / 'adjoin.db'}", check_schema=False) as store:
        store.initialise(now=now)
        vault = Vault(Keyring.create_file(home / "key"))
        with store.write() as session:
            made = Connection(workspace_id="default", platform="gated", label="Gated", created_at=now)
            made.base_url = "https://gated.example"
            made.credential = seal_credential(vault, credential, workspace="default", connection=made.id)
            session.add(made)
            ensure_schedule(session, workspace_id="default", connection_id=made.id, now=now)


@pytest.fixture(scope="module")
def connected(tmp_path_factory) -> Path:
    """The home folder and the package, made once and copied."""
    folder = tmp_path_factory.mktemp("gated")
    Packages(folder / "packages").add(
        "adjoin-gated",
        modules={"gated": PLUGIN},
        entry_points={
            "adjoin.ads.v2": {"gated": "gated:plugin"},
            "adjoin.surface.v1": {"gated": "gated:product"},
        },
    )
    return folder


@pytest.fixture
def house(connected: Path, installation, tmp_path: Path) -> House:
    gate = tmp_path / "gate"
    gate.mkdir()
    settings = {"PYTHONPATH": str(connected / "packages"), "GATE": str(gate), "ADJOIN_HISTORY_DAYS": "40"}
    installation = replace(installation, settings=settings)
    template = connected / "home"
    if not template.exists():
        connect(template)
    shutil.copytree(template, installation.home)
    return House(installation, gate)


def test_a_due_sync_runs_and_a_signal_stops_it_cleanly(house):
    """Stopped in the middle of a run it puts the run back; the next process goes on and fetches nothing twice."""
    house.make_due()
    house.hold()
    with house.scheduler() as process:
        until(lambda: house.held() and (house.gate / "tidied").exists(), process)  # a job of the plugin is at work, too
        said = house.stop(process)
    assert "run interrupted" in said
    (run,) = house.runs()
    assert (run.state, run.attempts) == (RunState.QUEUED, 1)
    before = house.asked()
    house.let_go()
    with house.scheduler() as process:
        until(house.ended, process)
        house.stop(process)
    (run,) = house.runs()
    assert (run.state, run.attempts, run.error) == (RunState.SUCCEEDED, 2, None)
    again = house.asked()[len(before) :]
    assert [line for line in again if line in before[:-1]] == []
    assert again[0] == before[-1]  # the one that was under way
    house.assert_whole()


def test_mail_that_waits_is_sent(house):
    """By the mailer that keeps files, within seconds."""
    vault = Vault(Keyring.from_file(house.home / "key"))
    with house.store as store, store.write() as session:
        mail = Mail(to="someone@example.com", subject="Hello", text="canary-91", kind="test.hello")
        put(session, vault, mail, now=datetime.now(UTC))
    with house.scheduler() as process:
        until(lambda: list((house.home / "mail").glob("*.eml")), process)
        said = house.stop(process)
    (file,) = (house.home / "mail").iterdir()
    assert b"canary-91" in file.read_bytes()
    assert "test.hello" in said
    assert "canary-91" not in said
    assert "someone@example.com" not in said


def test_a_killed_run_is_resumed(house):
    """kill -9 leaves the run as running; the next process knows that nobody works on it any more."""
    house.make_due()
    house.hold()
    with house.scheduler() as process:
        until(house.held, process)
        process.kill()
        process.wait()
    assert [run.state for run in house.runs()] == [RunState.RUNNING]
    before = house.asked()
    house.let_go()
    with house.scheduler() as process:
        until(house.ended, process)
        said = house.stop(process)
    assert "interrupted runs will be resumed" in said
    (run,) = house.runs()
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 2)
    assert not set(house.asked()[len(before) :]) & set(before[:-1])
    house.assert_whole()


def test_a_sync_waits_for_the_scheduler(house):
    """One process executes; who asks for a sync beside it is told its result."""
    house.make_due()
    house.hold()
    with house.scheduler() as first:
        until(house.held, first)
        sync = house.installation.start("sync", "--json")
        assert sync.stderr.readline() == "another process executes the runs; waiting for it\n"
        assert sync.poll() is None
        house.let_go()
        out, said = sync.communicate(timeout=DEADLINE)
        assert sync.returncode == 0, said
        (told,) = json.loads(out)
        (run,) = house.runs()
        assert (told["run_id"], told["state"], told["rows"]) == (run.id, "succeeded", 2 * 41)
        house.stop(first)
    house.assert_whole()


def test_a_scheduler_waits_for_a_sync(house):
    """It leads at once and executes as soon as the other process is done."""
    house.hold()
    sync = house.installation.start("sync", "--json")
    until(house.held)
    with house.scheduler() as scheduler:
        until(lambda: "executing nothing for now" in scheduler.said(), scheduler)
        assert "leading" in scheduler.said()
        house.let_go()
        _, said = sync.communicate(timeout=DEADLINE)
        assert sync.returncode == 0, said
        house.make_due()
        until(lambda: len(house.runs()) == 2 and house.ended(), scheduler)
        house.stop(scheduler)
    house.assert_whole()


@pytest.mark.parametrize("end", ["stopped", "killed"])
def test_a_second_scheduler_stands_by_and_takes_over(house, end):
    """At once when the first one is told to stop, soon when it is killed; what was under way is gone on with."""
    house.make_due()
    house.hold()
    with house.scheduler() as first:
        until(house.held, first)
        with house.scheduler() as second:
            until(lambda: "standing by" in second.said() and "executing nothing for now" in second.said(), second)
            begun = time.monotonic()
            if end == "stopped":
                house.stop(first)
            else:
                first.kill()
                first.wait()
            until(lambda: "leading" in second.said(), second)
            waited = time.monotonic() - begun
            assert waited < DEADLINE / 2
            house.let_go()
            until(house.ended, second)
            house.make_due()
            until(lambda: len(house.runs()) == 2 and house.ended(), second)
            house.stop(second)
    first_run, _ = house.runs()
    assert (first_run.state, first_run.attempts) == (RunState.SUCCEEDED, 2)
    house.assert_whole()


def test_it_ends_in_time_whatever_hangs(house):
    """What has not stopped by the deadline is left behind, its run back in the queue; the exit code is 0."""
    house.make_due()
    house.hold()
    hurried = replace(house.installation, settings={**house.installation.settings, "ADJOIN_STOP_SECONDS": "0.001"})
    with replace(house, installation=hurried).scheduler() as process:
        until(house.held, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=DEADLINE) == 0
        assert "did not stop in time" in process.said()
    (run,) = house.runs()
    assert run.state is RunState.QUEUED
    house.let_go()
    with house.scheduler() as process:
        until(house.ended, process)
        house.stop(process)
    house.assert_whole()


def test_its_monitor_says_how_it_is(house):
    """Alive, ready, and in figures; and its jobs have schedules that outlive it."""
    watched = replace(house.installation, settings={**house.installation.settings, "ADJOIN_MONITOR": "127.0.0.1:0"})
    house.make_due()
    with replace(house, installation=watched).scheduler() as process:
        until(lambda: house.ended() and "monitor serves" in process.said(), process)
        (address,) = re.findall(r"monitor serves +address=(\S+)", process.said())
        ready = httpx.get(f"http://{address}/readyz", trust_env=False)
        assert (ready.status_code, ready.json()["reasons"]) == (200, [])
        assert httpx.get(f"http://{address}/healthz", trust_env=False).json()["role"] == "scheduler"
        figures = httpx.get(f"http://{address}/metrics", trust_env=False).text
        for line in (
            "adjoin_leading 1.0",
            "adjoin_executing 1.0",
            'adjoin_runs{state="succeeded",trigger="schedule"} 1.0',
            'adjoin_lease_epoch{lease="scheduler"} 1.0',
        ):
            assert line in figures.splitlines()
        assert "Gated" not in figures
        house.stop(process)
    schedules = house.installation.json("schedules", "--json")
    jobs = {one["job"]: one["next_run_at"] for one in schedules if one["job"]}
    assert {"gated/tidy", "core/retention", "core/compaction"} <= set(jobs)
    with house.scheduler() as process:
        until(lambda: "scheduler started" in process.said(), process)
        house.stop(process)
    again = {one["job"]: one["next_run_at"] for one in house.installation.json("schedules", "--json")}
    assert again["core/retention"] == jobs["core/retention"]


def test_a_monitor_that_cannot_listen_is_said(house):
    """At the start, in one line."""
    wrong = replace(house.installation, settings={**house.installation.settings, "ADJOIN_MONITOR": "9464"})
    with replace(house, installation=wrong).scheduler() as process:
        assert process.wait(timeout=DEADLINE) == 1
        assert "error: ADJOIN_MONITOR '9464' is not an address; write HOST:PORT" in process.said()
        assert "Traceback" not in process.said()


def test_without_an_installation_it_says_what_to_run(installation):
    """One line and no traceback."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scheduler.py")],
        env=installation.environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "adjoin init" in done.stderr
