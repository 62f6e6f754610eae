"""The monitor: alive, ready or why not, and figures that say what is the matter without saying whose it is."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import (
    Account,
    Connection,
    ConnectionState,
    Lease,
    RateBucket,
    Run,
    RunState,
    RunTrigger,
    Schedule,
    Throttle,
    Worker,
)
from adjoin.errors import BadInput
from adjoin.health.model import ConnectionHealth, Finding, Problem, Severity, Verdict
from adjoin.monitor import Vitals, monitoring, parse_address
from adjoin.monitor.figures import Figures
from adjoin.monitor.server import monitor_app

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def vitals(clock: ManualClock) -> Vitals:
    return Vitals(role="scheduler", clock=clock)


async def get(store: Store, vitals: Vitals, clock: ManualClock, *paths: str) -> list[httpx.Response]:
    transport = httpx.ASGITransport(monitor_app(store=store, vitals=vitals, clock=clock))
    async with httpx.AsyncClient(transport=transport, base_url="http://monitor") as client:
        return [await client.get(path) for path in paths]


def figures(store: Store, vitals: Vitals, clock: ManualClock) -> dict[str, float]:
    """All figures: name, and its labels where it has any."""
    (answer,) = asyncio.run(get(store, vitals, clock, "/metrics"))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        sample.name + (str(dict(sorted(sample.labels.items()))) if sample.labels else ""): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def add(store: Store, *rows: object) -> None:
    with store.write() as session:
        session.add_all(rows)


def connection(name: str = "c1", **options: object) -> Connection:
    values = {"workspace_id": "default", "id": name, "platform": "meta", "label": "ACME Inc.", "created_at": NOW}
    return Connection(**values | options)


def run(name: str, state: RunState = RunState.SUCCEEDED, **options: object) -> Run:
    values = {
        "workspace_id": "default",
        "id": name,
        "connection_id": name,
        "state": state,
        "trigger": RunTrigger.SCHEDULE,
        "created_at": NOW - 5 * MINUTE,
    }
    return Run(**values | options)


class TestReady:
    def test_a_process_that_makes_its_rounds_is_ready(self, store: Store, vitals: Vitals, clock: ManualClock) -> None:
        """And alive."""
        vitals.expect("dispatch", within=30)
        clock.advance(29)
        alive, ready = asyncio.run(get(store, vitals, clock, "/healthz", "/readyz"))
        assert (alive.status_code, alive.json()) == (200, {"status": "ok", "role": "scheduler"})
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "role": "scheduler", "reasons": []})

    def test_what_is_wrong_is_said(self, sqlite_store: Store, vitals: Vitals, clock: ManualClock) -> None:
        """A round that is not made any more, and what a part of the process has reported, until it takes it back."""
        vitals.expect("dispatch", within=30)
        vitals.expect("lease", within=30)
        clock.advance(31)
        vitals.beat("lease")
        vitals.problem("executor", "engine.lock cannot be opened")
        (ready,) = asyncio.run(get(sqlite_store, vitals, clock, "/readyz"))
        assert ready.status_code == 503
        assert ready.json()["reasons"] == ["executor: engine.lock cannot be opened", "dispatch: not done for 31 s"]
        vitals.beat("dispatch")
        vitals.problem("executor", None)
        (ready,) = asyncio.run(get(sqlite_store, vitals, clock, "/readyz"))
        assert ready.status_code == 200

    def test_a_round_that_fails_does_not_count_as_made(self, vitals: Vitals, clock: ManualClock) -> None:
        """However often it is begun."""
        vitals.expect("dispatch", within=30)
        for _ in range(4):
            clock.advance(10)
            with pytest.raises(ZeroDivisionError), vitals.round("dispatch"):
                raise ZeroDivisionError
        assert vitals.reasons() == ["dispatch: not done for 40 s"]
        with vitals.round("dispatch"):
            pass
        assert vitals.reasons() == []

    def test_without_a_database_it_lives_but_is_not_ready(
        self, sqlite_store: Store, vitals: Vitals, clock: ManualClock
    ) -> None:
        """A restart would not help; and the figures still answer, with what is known."""
        assert sqlite_store.path is not None
        sqlite_store.close()
        sqlite_store.path.rename(sqlite_store.path.with_suffix(".away"))
        alive, ready = asyncio.run(get(sqlite_store, vitals, clock, "/healthz", "/readyz"))
        assert (alive.status_code, ready.status_code) == (200, 503)
        assert "store: There is no store at" in ready.json()["reasons"][0]
        found = figures(sqlite_store, Vitals(role="scheduler", clock=clock), clock)
        assert found["adjoin_store_up"] == 0
        assert "adjoin_queue_length" not in found


class TestFigures:
    def test_an_empty_installation(self, store: Store, vitals: Vitals, clock: ManualClock) -> None:
        """Every figure without labels is there from the start: an alarm needs something to compare with."""
        found = figures(store, vitals, clock)
        zero = {
            "queue_length",
            "queue_due",
            "queue_oldest_due_seconds",
            "runs_repeated",
            "retries_planned",
            "schedules_sync_due",
            "schedules_sync_lag_seconds",
            "schedules_job_due",
            "schedules_job_lag_seconds",
            "schedules_failing",
            "buckets_blocked",
            "buckets_blocked_seconds",
            "buckets_slowed",
            "workers",
            "workers_stale",
            "workers_running",
            "workers_capacity",
            "leading",
            "executing",
        }
        assert {name: found[f"adjoin_{name}"] for name in zero} == dict.fromkeys(zero, 0)
        assert found["adjoin_store_up"] == 1

    def test_runs_and_the_queue(self, store: Store, vitals: Vitals, clock: ManualClock) -> None:
        """By state and trigger; of the queue, what could go now and how long it has waited."""
        add(store, *(connection(name) for name in ("r1", "r2", "r3", "r4", "r5")))
        add(store, run("r1", rows=100, attempts=1), run("r2", rows=20, attempts=3))
        add(store, run("r3", RunState.FAILED, retry_at=NOW + MINUTE), run("r4", RunState.QUEUED, attempts=2))
        add(store, run("r5", RunState.QUEUED, trigger=RunTrigger.RESUME, not_before=NOW + MINUTE))
        found = figures(store, vitals, clock)
        done = "{'state': 'succeeded', 'trigger': 'schedule'}"
        assert found[f"adjoin_runs{done}"] == 2
        assert found[f"adjoin_runs_rows{done}"] == 120
        assert found[f"adjoin_runs_attempts{done}"] == 4
        assert found["adjoin_runs{'state': 'queued', 'trigger': 'resume'}"] == 1
        assert (found["adjoin_queue_length"], found["adjoin_queue_due"]) == (2, 1)
        assert found["adjoin_queue_oldest_due_seconds"] == 300
        assert (found["adjoin_runs_repeated"], found["adjoin_retries_planned"]) == (1, 1)

    def test_how_late_schedules_are(self, store: Store, vitals: Vitals, clock: ManualClock) -> None:
        """Syncs and jobs apart; what is paused or yet to come is not late."""
        add(store, connection())

        def due(name: str, late: timedelta, **options: object) -> Schedule:
            return Schedule(
                workspace_id="default", id=name, name="s", every_seconds=60, next_run_at=NOW - late, **options
            )

        add(
            store,
            due("a", 2 * MINUTE, connection_id="c1", last_error="no"),
            due("b", MINUTE, connection_id="c1"),
            due("c", -MINUTE, connection_id="c1"),
            due("d", 9 * MINUTE, connection_id="c1", enabled=False),
            due("e", 3 * MINUTE, job="core/retention"),
        )
        found = figures(store, vitals, clock)
        assert (found["adjoin_schedules_sync_due"], found["adjoin_schedules_sync_lag_seconds"]) == (2, 120)
        assert (found["adjoin_schedules_job_due"], found["adjoin_schedules_job_lag_seconds"]) == (1, 180)
        assert found["adjoin_schedules_failing"] == 1

    def test_throttling_leases_and_workers(self, store: Store, vitals: Vitals, clock: ManualClock) -> None:
        """What holds syncs up, and who is there to do them."""
        seconds = NOW.timestamp()
        add(
            store,
            Throttle(workspace_id="default", key="app:meta:1234:c1", blocked_until=NOW + MINUTE),
            Throttle(workspace_id="default", key="app:meta:1234:c2", blocked_until=NOW - MINUTE),
            RateBucket(key="app:google:5678", blocked_until=seconds + 90, factor=0.5),
            RateBucket(key="app:google:9999", blocked_until=seconds - 90),
            Lease(name="scheduler", holder="host/1/ab", epoch=3, expires_at=NOW + timedelta(seconds=8)),
            Worker(host="h", pid=1, version="1", concurrency=10, running=4, started_at=NOW, heartbeat_at=NOW),
            Worker(host="h", pid=2, version="1", concurrency=10, running=1, started_at=NOW, heartbeat_at=NOW - MINUTE),
        )
        found = figures(store, vitals, clock)
        assert found["adjoin_buckets_blocked"] == 2
        assert found["adjoin_buckets_blocked_seconds"] == pytest.approx(90)
        assert found["adjoin_buckets_slowed"] == 1
        assert found["adjoin_lease_epoch{'lease': 'scheduler'}"] == 3
        assert found["adjoin_lease_age_seconds{'lease': 'scheduler'}"] == 2
        assert found["adjoin_lease_seconds_left{'lease': 'scheduler'}"] == 8
        assert (found["adjoin_workers"], found["adjoin_workers_stale"]) == (2, 1)
        assert (found["adjoin_workers_running"], found["adjoin_workers_capacity"]) == (5, 20)

    def test_connections_go_by_their_ids(self, store: Store, vitals: Vitals, clock: ManualClock) -> None:
        """No name of a company, an account or an app, and no error's text, is in the figures."""
        add(store, connection(last_sync_at=NOW - 60 * MINUTE, last_error="token of jane@acme.example is dead"))
        add(store, connection("c2", state=ConnectionState.RECONNECT))
        add(
            store,
            Account(
                workspace_id="default",
                platform="meta",
                id="act_777",
                connection_id="c1",
                name="ACME secret campaign",
                currency="EUR",
                time_zone="UTC",
                first_seen_at=NOW,
                last_seen_at=NOW,
            ),
            Throttle(workspace_id="default", key="app:meta:1234:c1", blocked_until=NOW + MINUTE),
        )
        found = figures(store, vitals, clock)
        assert found["adjoin_connection_sync_age_seconds{'connection': 'c1', 'platform': 'meta'}"] == 3600
        assert found["adjoin_connection_usable{'connection': 'c1', 'platform': 'meta'}"] == 1
        assert found["adjoin_connection_usable{'connection': 'c2', 'platform': 'meta'}"] == 0
        text = " ".join(found)
        assert not [word for word in ("ACME", "acme", "act_777", "1234", "jane") if word in text]

    def test_how_the_connections_are(self, sqlite_store: Store, vitals: Vitals, clock: ManualClock) -> None:
        """Findings are counted by kind; they are looked for once a minute."""
        late = Finding(problem=Problem.LATE, severity=Severity.ATTENTION, what="ACME is late")
        asked = []

        def health() -> list[ConnectionHealth]:
            asked.append(clock.now())
            return [
                ConnectionHealth(
                    workspace_id="default",
                    connection_id="c1",
                    platform="meta",
                    label="ACME Inc.",
                    verdict=Verdict.ATTENTION,
                    synced_at=None,
                    due_at=None,
                    late=2 * MINUTE,
                    findings=(late, late),
                )
            ]

        reader = Figures(sqlite_store, clock, health)
        for _ in range(12):
            found = {metric.name: metric for metric in reader.collect()}
            clock.advance(5)
        (sample,) = found["adjoin_connection_findings"].samples
        assert sample.value == 2
        assert sample.labels == {
            "connection": "c1",
            "platform": "meta",
            "problem": "late",
            "severity": "attention",
        }
        assert found["adjoin_connection_late_seconds"].samples[0].value == 120
        assert len(asked) == 1
        list(reader.collect())
        assert len(asked) == 2

    def test_what_the_process_did(self, sqlite_store: Store, vitals: Vitals, clock: ManualClock) -> None:
        """Rounds with what they took, failures, runs queued, and whether it leads."""
        vitals.expect("dispatch", within=30)
        for seconds in (0.5, 2):
            with vitals.round("dispatch"):
                clock.advance(seconds)
        with pytest.raises(ZeroDivisionError), vitals.round("dispatch"):
            raise ZeroDivisionError
        vitals.queued(3, by="schedule")
        vitals.queued(0, by="retry")
        vitals.lead(True)
        vitals.executing = True
        clock.advance(7)
        found = figures(sqlite_store, vitals, clock)
        assert found["adjoin_round_seconds_count{'round': 'dispatch'}"] == 2
        assert found["adjoin_round_seconds_sum{'round': 'dispatch'}"] == 2.5
        assert found["adjoin_round_failures_total{'round': 'dispatch'}"] == 1
        assert found["adjoin_round_age_seconds{'round': 'dispatch'}"] == 7
        assert found["adjoin_runs_queued_total{'by': 'schedule'}"] == 3
        assert (found["adjoin_leading"], found["adjoin_executing"]) == (1, 1)

    def test_the_store_is_asked_every_few_seconds_only(
        self, sqlite_store: Store, vitals: Vitals, clock: ManualClock
    ) -> None:
        """However many ask for the figures."""
        app = monitor_app(store=sqlite_store, vitals=vitals, clock=clock)

        async def length() -> float:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://m") as client:
                text = (await client.get("/metrics")).text
            (line,) = [line for line in text.splitlines() if line.startswith("adjoin_queue_length ")]
            return float(line.split()[1])

        assert asyncio.run(length()) == 0
        add(sqlite_store, connection(), run("r1", RunState.QUEUED, connection_id="c1"))
        clock.advance(4)
        assert asyncio.run(length()) == 0
        clock.advance(1)
        assert asyncio.run(length()) == 1


class TestServer:
    @pytest.mark.parametrize(
        ("text", "host", "port"),
        [("127.0.0.1:9464", "127.0.0.1", 9464), ("[::1]:0", "::1", 0), ("0.0.0.0:80", "0.0.0.0", 80)],
    )
    def test_addresses(self, text: str, host: str, port: int) -> None:
        """Host and port; brackets around what has colons."""
        found = parse_address(text)
        assert (found.host, found.port, str(found)) == (host, port, text)

    @pytest.mark.parametrize("text", ["9464", ":9464", "localhost", "localhost:", "localhost:x", "localhost:99999"])
    def test_what_is_no_address_is_refused(self, text: str) -> None:
        """With how to write one."""
        with pytest.raises(BadInput, match=r"is not an address; write HOST:PORT, such as 127\.0\.0\.1:9464"):
            parse_address(text)

    def test_it_serves_while_the_block_runs(self, sqlite_store: Store, vitals: Vitals, clock: ManualClock) -> None:
        """Over HTTP, beside the process's own work, and its signals stay its own."""

        async def ask() -> tuple[httpx.Response, str]:
            async with monitoring("127.0.0.1:0", store=sqlite_store, vitals=vitals, clock=clock) as address:
                url = f"http://{address}/readyz"
                async with httpx.AsyncClient(trust_env=False) as client:
                    return await client.get(url), url

        answer, url = asyncio.run(ask())
        assert answer.json()["ready"] is True
        assert "server" not in answer.headers
        with pytest.raises(httpx.ConnectError):
            httpx.get(url, trust_env=False)

    def test_it_is_off_by_default(self, sqlite_store: Store, vitals: Vitals, clock: ManualClock) -> None:
        """An empty address opens no port."""

        async def ask() -> object:
            async with monitoring("", store=sqlite_store, vitals=vitals, clock=clock) as address:
                return address

        assert asyncio.run(ask()) is None

    def test_a_port_that_is_taken_is_said(self, sqlite_store: Store, vitals: Vitals, clock: ManualClock) -> None:
        """At the start, with what to do."""

        async def ask(port: int) -> None:
            async with monitoring(f"127.0.0.1:{port}", store=sqlite_store, vitals=vitals, clock=clock):
                raise AssertionError("it started")

        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(BadInput, match=f"cannot listen on 127.0.0.1:{port}: .*; set ADJOIN_MONITOR to another"):
                asyncio.run(ask(port))
