"""Pacing: how fast, who shares it, and what hints of the platform do to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.ads.v2 import Hint, RateLimit
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.errors import ErrorKind, PlatformError
from adjoin.http.limiter import Bucket, Limiter, Pace, RateLimiter
from adjoin.http.shared_limiter import SharedLimiter

T = TypeVar("T")

BUCKET = Bucket(key="b", per_second=10, burst=1)


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


Make = Callable[[ManualClock], RateLimiter]


@pytest.fixture(params=["memory", pytest.param("shared", marks=pytest.mark.postgres)])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a limiter of each kind: what is promised holds for both."""
    if request.param == "memory":
        return Limiter
    store: Store = request.getfixturevalue("postgres_store")
    return lambda clock: SharedLimiter(store, now=lambda: clock.now().timestamp())


def pace(limiter: RateLimiter, clock: ManualClock, *limits: RateLimit, connection: str = "c", app: str = "app") -> Pace:
    return Pace(
        limiter, clock=clock, platform="meta", client_id=app, connection=connection, limits=limits,
        waits_at_most=timedelta(seconds=60),
    )  # fmt: skip


async def seconds_for(count: int, clock: ManualClock, pace: Pace, account: str = "", cost: int = 1) -> float:
    started = clock.monotonic()
    for _ in range(count):
        await pace.acquire(account, cost)
    return clock.monotonic() - started


class TestRate:
    def test_an_idle_bucket_answers_at_once(self, make: Make) -> None:
        assert run(make(ManualClock()).ask([BUCKET])).wait == pytest.approx(0)

    def test_the_declared_rate_is_kept(self, make: Make) -> None:
        clock = ManualClock()
        limit = RateLimit(scope="app", per_second=10, burst=1)
        assert run(seconds_for(101, clock, pace(make(clock), clock, limit))) == pytest.approx(10)

    def test_a_burst_goes_at_once_and_then_the_rate_holds(self, make: Make) -> None:
        clock = ManualClock()
        paced = pace(make(clock), clock, RateLimit(scope="app", per_second=2, burst=5))
        assert run(seconds_for(5, clock, paced)) == pytest.approx(0)
        assert run(seconds_for(4, clock, paced)) == pytest.approx(2)

    def test_the_slowest_bucket_decides(self, make: Make) -> None:
        clock = ManualClock()
        limits = (RateLimit(scope="app", per_second=100), RateLimit(scope="account", per_second=1))
        assert run(seconds_for(11, clock, pace(make(clock), clock, *limits), "a")) == pytest.approx(10)

    def test_two_limits_of_one_scope_both_hold(self, make: Make) -> None:
        clock = ManualClock()
        limits = (RateLimit(scope="app", per_second=10, burst=100), RateLimit(scope="app", per_second=100, burst=1))
        assert run(seconds_for(101, clock, pace(make(clock), clock, *limits))) == pytest.approx(1, abs=0.1)

    def test_a_refused_request_takes_from_no_bucket(self, make: Make) -> None:
        clock = ManualClock()
        limiter = make(clock)
        slow = Bucket(key="slow", per_second=0.1)
        run(limiter.ask([slow]))
        assert not run(limiter.ask([BUCKET, slow])).granted
        assert run(limiter.ask([BUCKET])).wait == pytest.approx(0)

    def test_a_cost_above_the_burst_is_granted_and_paid_off_later(self, make: Make) -> None:
        clock = ManualClock()
        paced = pace(make(clock), clock, RateLimit(scope="app", per_second=1, burst=1))
        assert run(seconds_for(1, clock, paced, cost=5)) == pytest.approx(0)
        assert run(seconds_for(1, clock, paced)) == pytest.approx(5)

    def test_many_tasks_share_the_rate(self, make: Make) -> None:
        clock = ManualClock()
        limiter = make(clock)
        granted: list[float] = []

        async def work(paced: Pace) -> None:
            for _ in range(20):
                await paced.acquire()
                granted.append(clock.monotonic())

        async def all_of_them() -> None:
            limit = RateLimit(scope="app", per_second=100)
            await asyncio.gather(*(work(pace(limiter, clock, limit, connection=str(n))) for n in range(5)))

        run(all_of_them())
        assert len(granted) == 100
        assert clock.monotonic() >= 99 / 100

    def test_without_limits_nothing_is_held_back(self, make: Make) -> None:
        clock = ManualClock()
        assert run(seconds_for(1000, clock, pace(make(clock), clock), "a")) == 0

    @pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
    def test_a_limit_that_allows_nothing_is_a_mistake(self, rate: float, burst: int) -> None:
        with pytest.raises(ValueError, match="bucket x"):
            Bucket(key="x", per_second=rate, burst=burst)

    @given(
        rate=st.floats(0.5, 50), burst=st.integers(1, 20), costs=st.lists(st.integers(1, 30), min_size=1, max_size=40)
    )
    def test_no_window_gets_more_than_burst_and_rate(self, rate: float, burst: int, costs: list[int]) -> None:
        clock = ManualClock()
        limiter = Limiter(clock)
        bucket = Bucket(key="b", per_second=rate, burst=burst)

        async def work() -> None:
            spent = 0
            for cost in costs:
                permit = await limiter.ask([bucket], cost)
                while not permit.granted:
                    clock.advance(permit.wait)
                    permit = await limiter.ask([bucket], cost)
                clock.advance(permit.wait)
                # What was spent before this one must have been earned; its own excess is a debt.
                assert spent <= max(0, burst - min(cost, burst)) + rate * clock.monotonic() + 1e-6
                spent += cost

        run(work())


class TestSharing:
    def test_connections_of_an_app_share_its_blocks(self, make: Make) -> None:
        clock = ManualClock()
        limiter = make(clock)
        one, other = pace(limiter, clock, connection="1"), pace(limiter, clock, connection="2")
        run(one.report(Hint(scope="app", wait=timedelta(seconds=30))))
        assert run(seconds_for(1, clock, other)) == pytest.approx(30)

    def test_a_credentials_block_is_its_own(self, make: Make) -> None:
        clock = ManualClock()
        limiter = make(clock)
        run(pace(limiter, clock, connection="1").report(Hint(scope="credential", wait=timedelta(seconds=30))))
        assert run(seconds_for(1, clock, pace(limiter, clock, connection="2"))) == 0

    def test_an_accounts_block_reaches_all_connections_to_it(self, make: Make) -> None:
        clock = ManualClock()
        limiter = make(clock)
        one, other = pace(limiter, clock, connection="1"), pace(limiter, clock, connection="2")
        run(one.report(Hint(scope="account", account="a", wait=timedelta(seconds=30))))
        assert run(seconds_for(1, clock, other, "b")) == 0
        assert run(seconds_for(1, clock, other, "a")) == pytest.approx(30)

    def test_a_hint_without_account_is_about_the_request(self, make: Make) -> None:
        clock = ManualClock()
        paced = pace(make(clock), clock)
        run(paced.report(Hint(scope="account", wait=timedelta(seconds=30)), "a"))
        run(paced.report(Hint(scope="account", wait=timedelta(seconds=50)), ""))
        assert run(seconds_for(1, clock, paced, "a")) == pytest.approx(30)


class TestHints:
    @pytest.mark.parametrize(
        ("used", "per_second"), [(0.0, 10), (0.5, 10), (0.625, 7.5), (0.75, 5), (0.825, 3), (0.9, 1), (0.94, 1)]
    )
    def test_a_fuller_bucket_is_slower(self, make: Make, used: float, per_second: float) -> None:
        clock = ManualClock()
        paced = pace(make(clock), clock, RateLimit(scope="app", per_second=10))
        run(paced.acquire())
        run(paced.report(Hint(scope="app", used=used)))
        assert run(seconds_for(20, clock, paced)) == pytest.approx(20 / per_second, rel=0.06)

    def test_an_undeclared_bucket_slows_down_too(self, make: Make) -> None:
        clock = ManualClock()
        paced = pace(make(clock), clock)
        run(paced.report(Hint(scope="app", used=0.9)))
        run(paced.acquire())
        assert run(seconds_for(10, clock, paced)) == pytest.approx(10)

    def test_it_recovers_in_steps(self, make: Make) -> None:
        clock = ManualClock()
        paced = pace(make(clock), clock, RateLimit(scope="app", per_second=10))
        run(paced.report(Hint(scope="app", used=0.9)))
        speeds = []
        for _ in range(6):
            run(paced.acquire())
            took = run(seconds_for(1, clock, paced))
            speeds.append(round(1 / took))
            clock.advance(30 - 2 * took if took > 0.5 else 30)
        assert speeds[:1] == [1]
        assert speeds == sorted(speeds)
        assert speeds[-1] == 10

    def test_a_lower_usage_does_not_jump_back_to_full_speed(self, make: Make) -> None:
        clock = ManualClock()
        paced = pace(make(clock), clock, RateLimit(scope="app", per_second=10))
        run(paced.report(Hint(scope="app", used=0.9)))
        run(paced.report(Hint(scope="app", used=0.1)))
        run(paced.acquire())
        assert run(seconds_for(1, clock, paced)) == pytest.approx(1)

    def test_a_full_bucket_is_left_alone_for_longer_each_time(self, make: Make) -> None:
        clock = ManualClock()
        paced = Pace(
            make(clock), clock=clock, platform="m", client_id="a", connection="c", waits_at_most=timedelta(hours=1)
        )
        waits = []
        for _ in range(6):
            run(paced.report(Hint(scope="app", used=0.97)))
            waits.append(run(seconds_for(1, clock, paced)))
        assert waits == pytest.approx([60, 120, 240, 480, 600, 600])

    def test_answers_that_were_under_way_do_not_prolong_a_block(self, make: Make) -> None:
        clock = ManualClock()
        paced = pace(make(clock), clock)
        for _ in range(5):
            run(paced.report(Hint(scope="app", used=1.0)))
        assert run(seconds_for(1, clock, paced)) == pytest.approx(60)

    def test_a_shorter_block_does_not_end_a_longer_one(self, make: Make) -> None:
        clock = ManualClock()
        paced = pace(make(clock), clock)
        run(paced.report(Hint(scope="app", wait=timedelta(seconds=50))))
        run(paced.report(Hint(scope="app", wait=timedelta(seconds=5))))
        assert run(seconds_for(1, clock, paced)) == pytest.approx(50)

    def test_a_senseless_wait_is_bounded(self) -> None:
        clock = ManualClock()
        blocks: dict[str, datetime] = {}
        paced = pace(Limiter(clock, persist=blocks.__setitem__), clock)
        run(paced.report(Hint(scope="app", wait=timedelta.max)))
        assert blocks == {"app:meta:app": clock.now() + timedelta(days=2)}

    def test_too_long_a_wait_is_for_the_engine(self, make: Make) -> None:
        clock = ManualClock()
        paced = pace(make(clock), clock)
        run(paced.report(Hint(scope="app", wait=timedelta(minutes=10))))
        with pytest.raises(PlatformError, match="no room for another request within 600 seconds") as caught:
            run(paced.acquire())
        assert (caught.value.kind, caught.value.retry_after) == (ErrorKind.WAIT, timedelta(minutes=10))
        assert clock.sleeps == []

    def test_a_block_outlives_a_restart(self) -> None:
        clock = ManualClock()
        blocks: dict[str, datetime] = {}
        before = pace(Limiter(clock, persist=blocks.__setitem__), clock)
        run(before.report(Hint(scope="app", wait=timedelta(seconds=50))))
        clock.advance(20)
        after = pace(Limiter(clock, blocked=blocks), clock)
        assert run(seconds_for(1, clock, after)) == pytest.approx(30)

    def test_a_block_that_is_over_holds_nobody(self) -> None:
        clock = ManualClock()
        limiter = Limiter(clock, blocked={"app:meta:app": clock.now() - timedelta(days=1)})
        assert run(seconds_for(1, clock, pace(limiter, clock))) == 0
