"""Leases: one holder at a time, a frozen or killed one is followed soon, and wrong clocks do no harm."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlmodel import select

from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import Lease
from adjoin.errors import Fenced
from adjoin.sync.leases import TTL, LeaseKeeper, check_lease

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)


class JumpyClock(ManualClock):
    """A clock whose wall time can be set; what it measures goes on."""

    off = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.off


@pytest.fixture
def clock() -> JumpyClock:
    return JumpyClock(NOW)


def keeper(store: Store, clock: ManualClock, holder: str) -> LeaseKeeper:
    return LeaseKeeper(store, "scheduler", clock=clock, holder=holder)


def row(store: Store) -> Lease:
    with store.read() as session:
        return session.exec(select(Lease)).one()


def test_the_first_one_leads_and_the_others_stand_by(store: Store, clock: JumpyClock) -> None:
    """As long as the first renews, which it does each third of the time it has."""
    first, second = keeper(store, clock, "first"), keeper(store, clock, "second")
    held = first.keep()
    assert held is not None
    assert (held.holder, held.epoch) == ("first", 1)
    for _ in range(40):
        assert second.keep() is None
        clock.advance(1)
        assert first.keep() == held
    assert (row(store).holder, row(store).epoch) == ("first", 1)


def test_it_is_written_each_few_seconds_only(sqlite_store: Store, clock: JumpyClock) -> None:
    """Not with every look at it."""
    one = keeper(sqlite_store, clock, "one")
    one.keep()
    clock.advance(3)
    one.keep()
    assert row(sqlite_store).expires_at == NOW + TTL
    clock.advance(1)
    one.keep()
    assert row(sqlite_store).expires_at == NOW + timedelta(seconds=4) + TTL


def test_one_that_is_gone_is_followed_when_its_time_has_run_out(store: Store, clock: JumpyClock) -> None:
    """Under a new epoch; should it come back, it is told at its next transaction and stands by."""
    frozen, other = keeper(store, clock, "frozen"), keeper(store, clock, "other")
    held = frozen.keep()
    assert held is not None
    clock.advance(TTL.total_seconds() - 0.1)
    assert other.keep() is None
    clock.advance(0.1)
    assert frozen.held is None  # it knows by itself that it may be too late
    taken = other.keep()
    assert taken is not None
    assert taken.epoch == 2
    with store.read() as session, pytest.raises(Fenced, match=r"taken over by another process \(epoch 2, ours 1\)"):
        check_lease(session, held)
    assert frozen.keep() is None
    with store.read() as session:
        check_lease(session, taken)


def test_one_that_stops_gives_it_back(store: Store, clock: JumpyClock) -> None:
    """The next one need not wait; giving back what was lost meanwhile takes nothing from the new holder."""
    first, second = keeper(store, clock, "first"), keeper(store, clock, "second")
    first.keep()
    assert second.keep() is None
    first.release()
    assert first.held is None
    assert second.keep() is not None
    third = keeper(store, clock, "third")
    clock.advance(11)
    assert third.keep() is not None
    second.release()
    assert row(store).holder == "third"
    first.release()  # nothing to give back
    assert row(store).holder == "third"


def test_of_many_that_find_it_free_one_gets_it(store: Store, clock: JumpyClock) -> None:
    """However close together they look."""
    keepers = [keeper(store, clock, f"k{n}") for n in range(4)]
    barrier = Barrier(4)
    for round_number in range(1, 6):
        with ThreadPoolExecutor(4) as pool:

            def take(one: LeaseKeeper) -> bool:
                barrier.wait(30)
                return one.keep() is not None

            assert sum(pool.map(take, keepers)) == 1
        assert row(store).epoch == round_number
        for one in keepers:
            one.release()


class TestWrongClocks:
    @pytest.mark.parametrize("hours", [-1, 1])
    def test_a_leader_whose_clock_jumps_is_followed_when_it_is_gone(
        self, sqlite_store: Store, clock: JumpyClock, hours: int
    ) -> None:
        """A lease that says it holds for an hour more is free once nobody has renewed it for its time."""
        leader, standby = keeper(sqlite_store, clock, "leader"), keeper(sqlite_store, clock, "standby")
        leader.keep()
        clock.off = timedelta(hours=hours)
        clock.advance(5)
        leader.keep()
        clock.off = timedelta(0)
        looks = 0
        while standby.keep() is None:  # the leader is gone
            clock.advance(1)
            looks += 1
        assert looks == (0 if hours < 0 else 10)

    @pytest.mark.parametrize("minutes", [-30, 30])
    def test_clocks_that_differ_do_not_pass_it_to_and_fro(
        self, sqlite_store: Store, clock: JumpyClock, minutes: int
    ) -> None:
        """One takes it over once at most, and then it stays."""
        other_clock = JumpyClock(NOW)
        other_clock.off = timedelta(minutes=minutes)
        keepers = [keeper(sqlite_store, clock, "one"), keeper(sqlite_store, other_clock, "other")]
        for _ in range(60):
            for one in keepers:
                one.keep()
            clock.advance(1)
            other_clock.advance(1)
        assert row(sqlite_store).epoch <= 2
        assert sum(one.held is not None for one in keepers) == 1
