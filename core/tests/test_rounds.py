"""Rounds: a failure ends nothing and is told once, and a stop waits for what is under way."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from adjoin.clock import ManualClock
from adjoin.errors import Fenced, StateError
from adjoin.monitor import Vitals
from adjoin.sync.rounds import Rounds


@pytest.fixture
def log() -> Iterator[list[Any]]:
    capture = LogCapture()
    structlog.configure(processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    yield capture.entries
    structlog.reset_defaults()


@pytest.fixture
def vitals() -> Vitals:
    return Vitals(role="scheduler", clock=ManualClock())


def rounds_of(vitals: Vitals, *outcomes: BaseException | None) -> None:
    """Make a round for each outcome."""

    async def make() -> None:
        rounds = Rounds(vitals)
        for outcome in outcomes:

            async def work(outcome: BaseException | None = outcome) -> None:
                if outcome is not None:
                    raise outcome

            await rounds._round("dispatch", work)

    asyncio.run(make())


def test_a_failure_that_lasts_is_told_once(vitals: Vitals, log: list[Any]) -> None:
    """And its end, too."""
    away, full = StateError("the database is away"), StateError("the disk is full")
    rounds_of(vitals, None, away, away, away, full, None, None)
    assert [(entry["event"], entry.get("error")) for entry in log] == [
        ("round failed; it is tried again", "the database is away"),
        ("round failed; it is tried again", "the disk is full"),
        ("round works again", None),
    ]


def test_no_failure_ends_the_rounds(vitals: Vitals, log: list[Any]) -> None:
    """Not even one that nobody thought of; and who has lost the lease says who leads."""
    rounds_of(vitals, RuntimeError("oops"), Fenced("taken over"), None)
    assert [(entry["log_level"], entry["event"]) for entry in log] == [
        ("error", "round failed unexpectedly"),
        ("warning", "another process leads"),
    ]
    assert vitals.age("dispatch") == 0


def test_a_stop_waits_for_what_is_under_way(vitals: Vitals) -> None:
    """What is being queued is queued whole: the thread is done when `stop` comes back."""
    gate, done = threading.Event(), threading.Event()

    def slow() -> None:
        gate.wait(30)
        done.set()

    async def stop() -> None:
        rounds = Rounds(vitals)
        rounds.start()
        asyncio.create_task(rounds._round("dispatch", lambda: rounds.in_thread(slow)))  # noqa: RUF006 - ends with `stop`
        while not rounds._under_way:  # noqa: ASYNC110 - a turn of the loop
            await asyncio.sleep(0)
        stopping = asyncio.create_task(rounds.stop())
        await asyncio.sleep(0)
        assert not stopping.done()
        gate.set()
        await stopping
        assert done.is_set()

    asyncio.run(stop())


def test_a_round_is_expected_from_its_first_beat_on(vitals: Vitals) -> None:
    """A round that never comes about makes the process unready, after ten beats or half a minute."""

    async def begin() -> None:
        rounds = Rounds(vitals)
        rounds.every(1, "dispatch", lambda: rounds.in_thread(lambda: None))
        rounds.every(10, "sweep", lambda: rounds.in_thread(lambda: None))

    asyncio.run(begin())
    vitals._clock.advance(31)  # type: ignore[attr-defined]
    assert vitals.reasons() == ["dispatch: not done for 31 s"]
    vitals._clock.advance(70)  # type: ignore[attr-defined]
    assert vitals.reasons() == ["dispatch: not done for 101 s", "sweep: not done for 101 s"]
