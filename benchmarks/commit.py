"""What a commit costs when there is much history: replacing 28 days of one account, with 1 and with 36 months stored.

    python benchmarks/commit.py [--ads 350] [--repeat 5] [--json]

Fact files hold a month each, so that the cost should not depend on the history: the target is a ratio below 1.3. Both
kinds of history take turns. The result is checked: rows and sums of the manifest. Exit code 1 if one is wrong.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import structlog
from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import Account, Connection, FactFile, RunState, RunTrigger, Slice, SliceState
from adjoin.facts.store import FactStore
from adjoin.memory import hold_little
from adjoin.sync.commit import AccountCommit
from adjoin.sync.runs import Attempt, RunBook

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)  # the 28 days lie in one month, whatever is stored before them
DAYS = 28
DATASET = "ad_daily"
MONTHS = (1, 36)


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure a commit.")
    parser.add_argument("--ads", type=int, default=350, help="rows a day")
    parser.add_argument("--repeat", type=int, default=5, help="commits with each history, in turns")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    given = parser.parse_args()
    hold_little()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    wrong: list[str] = []
    wall: dict[int, list[float]] = {months: [] for months in MONTHS}
    cpu: dict[int, list[float]] = {months: [] for months in MONTHS}
    with tempfile.TemporaryDirectory() as folder:
        places = {months: Place.make(Path(folder) / str(months), given.ads, months) for months in MONTHS}
        for turn in range(given.repeat + 1):
            for months, place in places.items():
                wall_s, cpu_s = place.replace(turn)
                if turn:  # the first one loads modules
                    wall[months].append(wall_s)
                    cpu[months].append(cpu_s)
        for months, place in places.items():
            wrong += [f"{months} months: {problem}" for problem in place.problems(given.repeat)]
            place.store.close()
    summary: dict[str, Any] = {
        "days": DAYS,
        "rows": DAYS * given.ads,
        "seconds": {str(months): round(median(wall[months]), 4) for months in MONTHS},
        "cpu_seconds": {str(months): round(median(cpu[months]), 4) for months in MONTHS},
        "wrong": wrong,
    }
    short, long = (median(wall[months]) for months in MONTHS)
    summary["ratio"] = round(long / short, 2)
    summary["ratio_cpu"] = round(median(cpu[MONTHS[1]]) / median(cpu[MONTHS[0]]), 2)
    print(json.dumps(summary) if given.json else _text(summary))
    return 1 if wrong else 0


@dataclass(frozen=True)
class Place:
    """An installation with one account and so many months of it."""

    store: Store
    facts: FactStore
    ads: int
    connection: Connection

    @classmethod
    def make(cls, folder: Path, ads: int, months: int) -> Place:
        folder.mkdir()
        store = Store.open(f"sqlite:///{folder / 'adjoin.db'}", check_schema=False)
        store.initialise(now=NOW)
        connection = Connection(workspace_id="default", platform="meta", label="Meta", created_at=NOW)
        account = Account(
            workspace_id="default",
            platform="meta",
            id="1",
            connection_id=connection.id,
            name="One",
            currency="EUR",
            time_zone="UTC",
            first_seen_at=NOW,
            last_seen_at=NOW,
        )
        with store.write() as session:
            session.add_all([connection, account])
        place = cls(store, FactStore(folder), ads, connection)
        first = NOW.date().replace(day=1)
        for _ in range(months - 1):
            first = (first - timedelta(days=1)).replace(day=1)
            last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
            place.commit(v2.DateWindow(since=first, until=last), turn=0)
        place.commit(_window(), turn=0)
        return place

    def replace(self, turn: int) -> tuple[float, float]:
        """Replace the last 28 days; returns the seconds of wall time and of CPU that the commit took."""
        return self.commit(_window(), turn=turn + 1)

    def commit(self, window: v2.DateWindow, *, turn: int) -> tuple[float, float]:
        book = RunBook(self.store)
        run, _ = book.enqueue(
            workspace_id="default", connection_id=self.connection.id, trigger=RunTrigger.PERSON, now=NOW
        )
        attempt = book.take_next(now=NOW)
        assert attempt is not None
        self._stage(attempt, window, turn)
        committing = AccountCommit(
            attempt=attempt,
            connection=self.connection,
            description=v2.Description(
                title="Meta",
                base_url="https://example.com",
                api_version="1",
                auth=v2.Auth(methods=("token",)),
                streams=(v2.Stream(name=DATASET, kind="facts"),),
            ),
            book=book,
            store=self.store,
            facts=self.facts,
            clock=ManualClock(NOW + timedelta(minutes=turn)),
            platform_now=lambda: NOW,
        )
        wall, cpu = time.perf_counter(), time.process_time()
        committing.commit(v2.Account(id="1", name="One", currency="EUR", time_zone="UTC"))
        took = time.perf_counter() - wall, time.process_time() - cpu
        book.finish(attempt, now=NOW, state=RunState.SUCCEEDED)
        self.facts.clear_staging(run.id)
        return took

    def _stage(self, attempt: Attempt, window: v2.DateWindow, turn: int) -> None:
        with self.facts.stage(
            run_id=attempt.run_id,
            slice_id="1",
            dataset=DATASET,
            platform="meta",
            account_id="1",
            window=window,
        ) as writer:
            for day in _days(window):
                writer.append(_rows(day, self.ads, turn))
        with self.store.write() as session:
            session.add(
                Slice(
                    workspace_id="default",
                    run_id=attempt.run_id,
                    account_id="1",
                    stream=DATASET,
                    since=window.since,
                    until=window.until,
                    state=SliceState.STAGED,
                    rows=writer.rows,
                    staged=[asdict(writer.staged)],
                    started_at=NOW,
                )
            )

    def problems(self, turns: int) -> Iterator[str]:
        """Tell what the manifest has wrong after the last commit."""
        window = _window()
        with self.store.read() as session:
            current = session.exec(select(FactFile).where(col(FactFile.superseded_at).is_(None))).all()
        expected = sum(sum(_clicks(day, self.ads, turns + 1)) for day in _days(window))
        found = 0
        for file in current:
            path = self.facts.intact(file.path, expected=file.checksum)
            table = pq.read_table(path, columns=["date", "clicks"])
            if table.num_rows != file.rows:
                yield f"{file.month:%Y-%m} has {table.num_rows} rows instead of {file.rows}"
            dates, clicks = table["date"].to_pylist(), table["clicks"].to_pylist()
            found += sum(n for day, n in zip(dates, clicks, strict=True) if window.since <= day <= window.until)
        if found != expected:
            yield f"the {DAYS} days have {found} clicks instead of {expected}"


def _window() -> v2.DateWindow:
    return v2.DateWindow(since=NOW.date() - timedelta(days=DAYS - 1), until=NOW.date())


def _days(window: v2.DateWindow) -> Iterator[date]:
    for offset in range(window.days):
        yield window.since + timedelta(days=offset)


def _clicks(day: date, ads: int, turn: int) -> list[int]:
    chance = random.Random(day.toordinal() * 1_000 + turn)
    return [chance.randint(1, 400) for _ in range(ads)]


def _rows(day: date, ads: int, turn: int) -> pa.RecordBatch:
    schema = arrow_schema(DATASET)
    clicks = _clicks(day, ads, turn)
    exact = [Decimal(number) for number in clicks]
    metrics = {
        name: pa.array(exact if pa.types.is_decimal(schema.field(name).type) else clicks, schema.field(name).type)
        for name in DATASETS[DATASET].metrics
    }
    columns = {
        "date": pa.array([day] * ads, pa.date32()),
        "account_id": pa.array(["1"] * ads),
        "campaign_id": pa.array([f"c{number // 25:06d}" for number in range(ads)]),
        "ad_group_id": pa.array([f"g{number // 5:06d}" for number in range(ads)]),
        "ad_id": pa.array([f"a{number:06d}" for number in range(ads)]),
        **metrics,
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def _text(summary: dict[str, Any]) -> str:
    lines = [f"replacing {summary['days']} days, {summary['rows']:,} rows, of one account:"]
    lines += [
        f"  {months} months stored: {summary['seconds'][months]:.3f} s, {summary['cpu_seconds'][months]:.3f} s of CPU"
        for months in summary["seconds"]
    ]
    lines.append(f"  ratio {summary['ratio']} (CPU {summary['ratio_cpu']}); the target is below 1.3")
    return "\n".join([*lines, *summary["wrong"]])


if __name__ == "__main__":
    sys.exit(main())
