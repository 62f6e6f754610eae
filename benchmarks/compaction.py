"""What packing closed months brings: files, bytes, and the time of queries over years.

    python benchmarks/compaction.py [--accounts 20] [--months 24] [--campaigns 8] [--repeat 5] [--json]

Reports over all months, of one account and of one month are timed, each in a query of its own, before and after
packing. The results are compared, and all files verified: exit code 1 if anything differs.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow
from adjoin.analytics.context import WorkspaceContext
from adjoin.analytics.report import conditions, report
from adjoin.clock import SystemClock
from adjoin.db import Store, cover
from adjoin.db.models import Account, Connection
from adjoin.facts.commit import Replacement, Target, replace_month, swap
from adjoin.facts.compact import compact
from adjoin.facts.layout import FACTS, month_end, months
from adjoin.facts.query import FactQuery
from adjoin.facts.retention import clean
from adjoin.facts.store import FactStore
from adjoin.facts.verify import verify
from adjoin.memory import hold_little
from adjoin_analytics import Analyst

FIRST = date(2024, 1, 1)
NOW = datetime.now(UTC)
DATASET = "campaign_daily"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure packing.")
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--campaigns", type=int, default=8, help="rows a day and account")
    parser.add_argument("--repeat", type=int, default=5, help="how often each query is timed; the median counts")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    given = parser.parse_args()
    hold_little()
    last = month_end(list(months(FIRST, FIRST + timedelta(days=31 * given.months)))[given.months - 1])
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/a.db", check_schema=False) as store:
        facts = FactStore(Path(folder))
        fill(store, facts, accounts=given.accounts, campaigns=given.campaigns, last=last)
        before, answers = measure(store, facts, last, given.repeat)
        began = time.perf_counter()
        packed = list(compact(store, facts, now=NOW, look_back={"meta": 28}))
        seconds = time.perf_counter() - began
        clean(store, facts, now=NOW + timedelta(days=2), keep_superseded_days=35, keep_runs_days=400)
        after, same = measure(store, facts, last, given.repeat)
        damage = verify(store, facts, workspace_id="default", now=NOW).damage
    result = {"months_packed": len(packed), "packing_s": round(seconds, 2), "before": before, "after": after}
    if given.json:
        print(json.dumps(result))
    else:
        print(f"packed {len(packed)} months of {given.accounts} accounts in {seconds:.1f} s")
        for name in before:
            print(f"{name:>32}: {before[name]:>12,} before {after[name]:>12,} after")
    wrong = [name for name in answers if answers[name] != same[name]] + [str(one) for one in damage]
    for one in wrong:
        print(f"WRONG: {one}", file=sys.stderr)
    return 1 if wrong else 0


def fill(store: Store, facts: FactStore, *, accounts: int, campaigns: int, last: date) -> None:
    """Commit all months of all accounts, a file each."""
    store.initialise(now=NOW)
    chance = random.Random(1)
    schema = arrow_schema(DATASET)
    window = DateWindow(since=FIRST, until=last)
    with store.write() as session:
        session.add(Connection(workspace_id="default", id="meta", platform="meta", label="meta", created_at=NOW))
        session.add_all(account(number) for number in range(accounts))
    for number in range(accounts):
        name = f"{number:012d}"
        rows = [
            dict.fromkeys(schema.names)
            | {"date": FIRST + timedelta(days=day), "account_id": name, "campaign_id": f"{number:04d}{campaign:08d}"}
            | {"impressions": chance.randrange(50_000), "clicks": chance.randrange(2_000)}
            | {"cost_micros": chance.randrange(10**9), "conversions": Decimal(chance.randrange(50))}
            for day in range(window.days)
            for campaign in range(campaigns)
        ]
        with facts.stage(
            run_id="run", slice_id=name, dataset=DATASET, platform="meta", account_id=name, window=window
        ) as writer:
            writer.append(pa.RecordBatch.from_pylist(rows, schema=schema))
        part = Replacement(window=window, staged=writer.staged)
        target = {"workspace_id": "default", "platform": "meta", "account_id": name, "currency": "EUR"}
        made = [
            replace_month(
                facts, Target(**target, dataset=DATASET, month=month), [part], current=None, run_id="run", now=NOW
            )
            for month in months(FIRST, last)
        ]
        days = [FIRST + timedelta(days=day) for day in range(window.days)]
        with store.write() as session:
            swap(session, [one for one in made if one is not None], now=NOW)
            cover(
                session,
                workspace_id="default",
                platform="meta",
                account_id=name,
                dataset=DATASET,
                days=days,
                run_id="run",
                fetched_at=NOW,
            )
    facts.clear_staging("run")


def account(number: int) -> Account:
    return Account(
        workspace_id="default",
        platform="meta",
        id=f"{number:012d}",
        connection_id="meta",
        name=f"Account {number}",
        currency="EUR",
        time_zone="UTC",
        first_seen_at=NOW,
        last_seen_at=NOW,
    )


def measure(store: Store, facts: FactStore, last: date, repeat: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return files, bytes and milliseconds, and what the queries answered."""
    files = list(facts.list(FACTS))
    figures: dict[str, Any] = {"files": len(files), "bytes": sum(file.bytes for file in files)}
    answers: dict[str, Any] = {}
    one_account = conditions(accounts=[f"{1:012d}"])
    analyst = Analyst()

    def ask(name: str, **options: Any) -> None:
        def once() -> Any:
            with FactQuery(store, facts, "default") as query:
                place = WorkspaceContext(store.scoped("default", None), query, {}, SystemClock())
                return report(partial(analyst.ask, place), **({"since": FIRST, "until": last} | options)).rows

        answers[name] = once()
        times = [timed(once) for _ in range(repeat)]
        figures[f"{name}, ms"] = round(1000 * median(wall for wall, _ in times))
        figures[f"{name}, CPU ms"] = round(1000 * median(cpu for _, cpu in times))

    ask("all months by account", by="account")
    ask("all months by campaign", by="campaign")
    ask("one account by campaign", by="campaign", where=one_account)
    ask("one month by account", by="account", since=last.replace(day=1))
    return figures, answers


def timed(function: Callable[[], Any]) -> tuple[float, float]:
    """Return wall and CPU seconds, of all threads."""
    began, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - began, time.process_time() - cpu


if __name__ == "__main__":
    sys.exit(main())
