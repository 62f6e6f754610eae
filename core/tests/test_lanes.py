"""Lanes: slots, the plugin's loop, context, and what is left behind."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from textwrap import dedent
from typing import TypeVar

import pytest

from adjoin.errors import PluginBusy, PluginError, PluginTimeout
from adjoin.lanes import Lane

T = TypeVar("T")

SHORT = 0.1
GENEROUS = 5.0
TENANT = contextvars.ContextVar("tenant", default="nobody")


@contextmanager
def opened(slots: int = 2) -> Iterator[Lane]:
    lane = Lane("toy", slots=slots)
    try:
        yield lane
    finally:
        lane.close()


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """Something to hang on, let go at the end."""
    event = threading.Event()
    yield event
    event.set()


def test_context_variables_are_copied_into_threads_and_coroutines() -> None:
    async def later() -> str:
        return TENANT.get()

    before = TENANT.set("acme")
    with opened() as lane:
        assert lane.start("work", TENANT.get).wait(GENEROUS) == "acme"
        assert lane.start("work", later).wait(GENEROUS) == "acme"
    TENANT.reset(before)


def test_what_a_plugin_sets_in_its_context_stays_there() -> None:
    with opened() as lane:
        lane.start("work", lambda: TENANT.set("somebody else")).wait(GENEROUS)

    assert TENANT.get() == "nobody"


def test_coroutines_of_a_plugin_share_one_loop() -> None:
    """So that a plugin may keep an async client between its calls."""

    async def loop_id() -> int:
        return id(asyncio.get_running_loop())

    with opened() as lane:
        assert lane.start("work", loop_id).wait(GENEROUS) == lane.start("work", loop_id).wait(GENEROUS)


def test_a_blocked_loop_is_replaced(hang: threading.Event) -> None:
    async def block() -> None:
        hang.wait()

    async def answer() -> str:
        return "well"

    with opened() as lane:
        with pytest.raises(PluginTimeout):
            lane.start("work", block).wait(SHORT)

        assert lane.start("work", answer).wait(GENEROUS) == "well"


def test_a_loop_that_was_alive_a_moment_ago_may_be_blocked_now(hang: threading.Event) -> None:
    """Two calls are under way: one is merely late, then the other blocks."""
    late, go = asyncio.Event(), threading.Event()

    async def block_later() -> None:
        await asyncio.to_thread(go.wait)
        hang.wait()

    async def answer() -> str:
        return "well"

    with opened(slots=4) as lane:
        waiting, blocking = lane.start("work", late.wait), lane.start("work", block_later)
        with pytest.raises(PluginTimeout):
            waiting.wait(SHORT)
        go.set()
        with pytest.raises(PluginTimeout):
            blocking.wait(SHORT)

        assert lane.start("work", answer).wait(GENEROUS) == "well"


def test_a_replaced_loop_ends_once_it_is_no_longer_blocked(hang: threading.Event) -> None:
    """Or every passing blockage would leave a thread behind."""
    blocked: list[threading.Thread] = []

    async def block() -> None:
        blocked.append(threading.current_thread())
        hang.wait()

    async def answer() -> str:
        return "well"

    with opened() as lane:
        with pytest.raises(PluginTimeout):
            lane.start("work", block).wait(SHORT)
        lane.start("work", answer).wait(GENEROUS)
        hang.set()
        blocked[0].join(GENEROUS)

        assert not blocked[0].is_alive()


def test_a_slow_but_living_loop_is_kept() -> None:
    """A coroutine that is merely late says nothing about the loop."""

    async def loop_id() -> int:
        return id(asyncio.get_running_loop())

    with opened() as lane:
        before = lane.start("work", loop_id).wait(GENEROUS)
        with pytest.raises(PluginTimeout):
            lane.start("work", asyncio.Event().wait).wait(SHORT)

        assert lane.start("work", loop_id).wait(GENEROUS) == before


def test_hung_threads_keep_their_slots_and_give_them_back_when_they_return(hang: threading.Event) -> None:
    with opened(slots=1) as lane:
        started = lane.start("work", hang.wait)
        with pytest.raises(PluginTimeout):
            started.wait(SHORT)
        with pytest.raises(
            PluginBusy, match="plugin 'toy' is busy: 1 calls have not come back, so more was not started"
        ):
            lane.start("more", hang.wait)

        hang.set()

        assert until(lambda: lane.start("more", lambda: "well").wait(GENEROUS)) == "well"


def test_a_thread_started_from_a_coroutine_keeps_the_slot_of_its_call(hang: threading.Event) -> None:
    """As with a plain v1 plugin behind an upgrader: cancelling the upgrader does not end the plugin's thread."""

    async def lifted() -> bool:
        return await lane.in_thread("work", hang.wait)

    with opened(slots=1) as lane:
        with pytest.raises(PluginTimeout):
            lane.start("work", lifted).wait(SHORT)

        with pytest.raises(PluginBusy):
            lane.start("more", lambda: "well")

        hang.set()
        assert until(lambda: lane.start("more", lambda: "well").wait(GENEROUS)) == "well"


def test_a_coroutine_and_its_thread_take_one_slot_together() -> None:
    async def lifted() -> str:
        return await lane.in_thread("work", lambda: "well")

    with opened(slots=1) as lane:
        assert lane.start("work", lifted).wait(GENEROUS) == "well"
        assert until(lambda: lane.start("work", lifted).wait(GENEROUS)) == "well"


def test_an_awaitable_that_came_too_late_is_not_awaited(hang: threading.Event) -> None:
    """Nor does it complain that it was not."""

    async def later() -> None:
        raise AssertionError

    def plain() -> object:
        hang.wait()
        return later()

    with opened(slots=1) as lane:
        with pytest.raises(PluginTimeout):
            lane.start("work", plain).wait(SHORT)
        hang.set()

        assert until(lambda: lane.start("more", lambda: "well").wait(GENEROUS)) == "well"


def test_a_stream_that_will_not_close_does_not_hold_up_its_reader(
    hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adjoin.lanes._CLOSING_GRACE", SHORT)

    async def stubborn() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.to_thread(hang.wait)

    async def read() -> None:
        with opened() as lane:
            items = lane.stream("work", stubborn, GENEROUS)
            async for _ in items:
                break
            started = time.monotonic()
            await items.aclose()
            assert time.monotonic() - started < GENEROUS
            hang.set()

    asyncio.run(read())


def test_an_abandoned_stream_frees_its_slot() -> None:
    async def endless() -> AsyncIterator[int]:
        while True:
            yield 1

    async def read() -> None:
        with opened(slots=1) as lane:
            for _ in range(5):
                items = lane.stream("work", endless, GENEROUS)
                async for _ in items:
                    break
                await items.aclose()

    asyncio.run(read())


def test_a_closed_lane_takes_no_calls() -> None:
    lane = Lane("toy")
    lane.close()

    with pytest.raises(PluginError, match="plugin 'toy' is shut down, so work was not started"):
        lane.start("work", lambda: None)


def test_closing_cancels_what_runs_and_leaves_behind_what_hangs(hang: threading.Event) -> None:
    closed = threading.Event()

    async def patient() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.set()

    with opened() as lane:
        waiting = lane.start("work", patient)
        hanging = lane.start("work", hang.wait)
        with pytest.raises(PluginTimeout):
            waiting.wait(SHORT)
        lane.close()

        assert closed.is_set()
        assert not hanging.future.done()


def test_hung_threads_do_not_delay_the_end_of_the_process() -> None:
    program = """
        import asyncio, threading
        from adjoin.errors import PluginTimeout
        from adjoin.lanes import Lane

        async def block():
            threading.Event().wait()

        lane = Lane("toy")
        for hang in (threading.Event().wait, block, asyncio.Event().wait):
            try:
                lane.start("work", hang).wait(0.05)
            except PluginTimeout:
                print("late")
    """
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", dedent(program)], capture_output=True, text=True, timeout=60, check=False
    )

    assert (run.returncode, run.stdout.split(), run.stderr) == (0, ["late"] * 3, "")


def until(call: Callable[[], T]) -> T:
    """Call until the lane is no longer busy; being refused takes no time, so this only spins."""
    end = time.monotonic() + GENEROUS
    while True:
        try:
            return call()
        except PluginBusy:
            if time.monotonic() > end:
                raise
