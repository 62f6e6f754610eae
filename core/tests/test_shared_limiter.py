"""The limiter that processes share: it decides as the one in memory does, for all of them together."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select

from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import RateBucket
from adjoin.errors import StateError
from adjoin.http.limiter import Bucket, Limiter
from adjoin.http.shared_limiter import SharedLimiter

pytestmark = pytest.mark.postgres

_HAMMER = """
import asyncio, sys, time
from adjoin.db import Store
from adjoin.http.limiter import Bucket
from adjoin.http.shared_limiter import SharedLimiter

limiter = SharedLimiter(Store.open(sys.argv[1]))
bucket = Bucket(key="b", per_second=float(sys.argv[2]), burst=1)
other = Bucket(key="a")

async def work(until):
    while time.time() < until:
        permit = await limiter.ask([bucket, other])
        if permit.wait > 0:
            await asyncio.sleep(min(permit.wait, max(until - time.time(), 0)))
        if permit.granted and time.time() < until:
            print(time.time())

async def main():
    await limiter.ask([other])
    print("ready", flush=True)
    sys.stdin.readline()
    until = time.time() + float(sys.argv[3])
    await asyncio.gather(*(work(until) for _ in range(4)))

asyncio.run(main())
"""


def hammer(url: str, *, processes: int, per_second: float, seconds: float, meanwhile=lambda: None) -> list[float]:
    """Let processes ask for the same bucket as fast as they can; returns when they were granted a permit."""
    command = [sys.executable, "-c", _HAMMER, url, str(per_second), str(seconds)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    try:
        for one in running:
            assert one.stdout.readline() == "ready\n"
        for one in running:
            one.stdin.write("go\n")
            one.stdin.flush()
        meanwhile()
        said = [one.communicate(timeout=60)[0] for one in running]
    finally:
        for one in running:
            one.kill()
            one.wait()
    return sorted(float(line) for text in said for line in text.split())


@pytest.mark.parametrize("seed", range(3))
def test_it_decides_as_the_limiter_in_memory(postgres_store: Store, seed: int) -> None:
    """Question by question and hint by hint, whatever the order."""
    chosen = random.Random(seed)
    clock = ManualClock()
    memory, shared = Limiter(clock), SharedLimiter(postgres_store, now=lambda: clock.now().timestamp())
    buckets = [Bucket(key="a", per_second=5, burst=3), Bucket(key="b"), Bucket(key="c", per_second=0.7)]
    waits = [None, timedelta(0), timedelta(seconds=3), timedelta(seconds=100), timedelta(days=9)]
    few = [None] * 10 + waits

    async def work() -> int:
        granted = 0
        for step in range(150):
            clock.advance(200_000 if step % 15 == 0 else chosen.choice([0, 0.01, 0.3, 2, 40]))
            if chosen.random() < 0.3:
                used, wait = chosen.choice([0, 0.3, 0.6, 0.8, 0.93, 0.97, 1.0]), chosen.choice(few)
                bucket = chosen.choice(buckets)
                for one in (memory, shared):
                    await one.report(bucket, used=used, wait=wait)
                continue
            asked, cost = chosen.sample(buckets, chosen.randint(1, 3)), chosen.choice([1, 1, 2, 9])
            expected, found = await memory.ask(asked, cost), await shared.ask(asked, cost)
            assert (found.granted, found.wait) == (expected.granted, pytest.approx(expected.wait, abs=1e-4)), step
            granted += found.granted
        return granted

    assert asyncio.run(work()) > 10


def test_several_processes_keep_the_rate_together(postgres_url: str, postgres_store: Store) -> None:
    """Not each its own."""
    granted = hammer(postgres_url, processes=3, per_second=40, seconds=3)
    # GCRA paces: in any second no more than the rate; what is above that is the machine's own delay in telling.
    most = max(sum(start <= one < start + 1 for one in granted) for start in granted)
    assert most <= 40 * 1.15
    assert len(granted) <= 40 * 3 + 2
    assert len(granted) >= 40 * 3 * 0.5


def test_a_block_that_one_process_is_told_of_holds_for_all(postgres_url: str, postgres_store: Store) -> None:
    """Nothing is granted inside it, and all go on when it is over."""
    told: list[float] = []

    def block() -> None:
        time.sleep(0.7)
        limiter = SharedLimiter(postgres_store)
        asyncio.run(limiter.report(Bucket(key="b"), wait=timedelta(seconds=1.2)))
        told.append(time.time())

    granted = hammer(postgres_url, processes=3, per_second=50, seconds=3, meanwhile=block)
    (begun,) = told
    # What was granted a moment ahead of the block may be used within the limiter's horizon.
    inside = [one for one in granted if begun + 0.3 < one < begun + 1.1]
    assert inside == []
    assert any(one < begun for one in granted)
    assert any(one > begun + 1.2 for one in granted)


def test_buckets_in_another_order_do_not_lock_each_other_out(postgres_store: Store) -> None:
    """They are always taken in the order of their names."""
    limiter = SharedLimiter(postgres_store)
    buckets = [Bucket(key=str(n)) for n in range(8)]
    failures: list[BaseException] = []

    def ask(seed: int) -> None:
        chosen = random.Random(seed)

        async def work() -> None:
            for _ in range(40):
                await limiter.ask(chosen.sample(buckets, 5))

        try:
            asyncio.run(work())
        except BaseException as error:  # noqa: BLE001 - looked at below
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_what_brings_no_news_changes_no_row(postgres_store: Store) -> None:
    """An answer without a complaint comes with most requests; it must cost nothing."""
    limiter = SharedLimiter(postgres_store)
    bucket = Bucket(key="b")

    async def work() -> None:
        for _ in range(3):
            await limiter.ask([bucket])
            await limiter.report(bucket, used=0.2)

    def version() -> str:
        with postgres_store.read() as session:
            return str(session.connection().scalar(sa.text("SELECT ctid FROM rate_buckets")))

    asyncio.run(work())
    before = version()
    asyncio.run(work())
    assert version() == before
    with postgres_store.read() as session:
        (row,) = session.exec(select(RateBucket)).all()
    assert (row.key, row.factor, row.blocked_until) == ("b", 1.0, 0.0)


def test_without_buckets_nothing_is_asked() -> None:
    """Not even the database."""
    store = Store.open("postgresql://127.0.0.1:1/none", check_schema=False)
    permit = asyncio.run(SharedLimiter(store).ask([]))
    assert (permit.granted, permit.wait) == (True, 0.0)


def test_a_database_that_is_away_is_said() -> None:
    """Rather than let requests through without a limit."""
    store = Store.open("postgresql://127.0.0.1:1/none", check_schema=False)
    with pytest.raises(StateError, match="cannot be reached"):
        asyncio.run(SharedLimiter(store).ask([Bucket(key="b")]))
