"""Buckets: a burst, one at a time after it, and a table that does not grow."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin_auth.local.tables import Bucket
from adjoin_auth.local.throttle import Rule, Turn, clear_buckets, give_back, network_of, take

RULE = Rule("test", burst=3, interval=timedelta(seconds=10))
ADA, EVE = Turn(RULE, "ada"), Turn(RULE, "eve")


def count(session: Session) -> int:
    return int(session.connection().execute(sa.select(sa.func.count()).select_from(Bucket)).scalar_one())


def test_a_burst_passes_and_then_one_each_interval(store: Store, clock: ManualClock) -> None:
    with store.write() as session:
        assert [take(session, ADA, clock.now()) for _ in range(3)] == [None] * 3
        assert take(session, ADA, clock.now()) == timedelta(seconds=10)
        clock.advance(4)
        assert take(session, ADA, clock.now()) == timedelta(seconds=6)
        clock.advance(6)
        assert take(session, ADA, clock.now()) is None
        assert take(session, ADA, clock.now()) == timedelta(seconds=10)


def test_attempts_that_are_refused_do_not_count(store: Store, clock: ManualClock) -> None:
    """Whoever goes on trying makes nobody wait longer."""
    with store.write() as session:
        for _ in range(50):
            take(session, ADA, clock.now())

        assert take(session, ADA, clock.now()) == timedelta(seconds=10)


def test_everybody_has_a_bucket_of_their_own(store: Store, clock: ManualClock) -> None:
    with store.write() as session:
        for _ in range(4):
            take(session, ADA, clock.now())

        assert take(session, EVE, clock.now()) is None


def test_what_is_given_back_does_not_count(store: Store, clock: ManualClock) -> None:
    with store.write() as session:
        for _ in range(20):
            assert take(session, ADA, clock.now()) is None
            give_back(session, [ADA])


def test_who_comes_at_once_is_counted_one_by_one(store: Store, clock: ManualClock) -> None:
    passed = []
    barrier = Barrier(8)

    def attempt() -> None:
        barrier.wait()
        with store.write() as session:
            wait = take(session, ADA, clock.now())
        passed.append(wait is None)

    threads = [Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(passed) == [False] * 5 + [True] * 3


def test_buckets_that_have_recovered_are_cleared(store: Store, clock: ManualClock) -> None:
    with store.write() as session:
        take(session, ADA, clock.now())
        clock.advance(5)
        take(session, EVE, clock.now())
        clock.advance(6)

        clear_buckets(session, clock.now())

        assert count(session) == 1
        take(session, EVE, clock.now())
        take(session, EVE, clock.now())
        assert take(session, EVE, clock.now()) is not None, "the one that has not recovered is kept"


def test_there_are_never_more_than_so_many(store: Store, clock: ManualClock) -> None:
    with store.write() as session:
        for number in range(30):
            take(session, Turn(RULE, str(number)), clock.now())
        for _ in range(3):
            take(session, ADA, clock.now())

        clear_buckets(session, clock.now(), most=10)

        assert count(session) == 10
        assert take(session, ADA, clock.now()) is not None, "the ones that recover first are let go"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (" unix ", "unix"),
        ("", ""),
    ],
)
def test_an_address_counts_as_its_network(address: str, network: str) -> None:
    assert network_of(address) == network
