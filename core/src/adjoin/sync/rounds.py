"""Rounds: what a process does again and again, each on its own beat, none twice at once, and no failure ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from adjoin.errors import AdjoinError, Fenced

if TYPE_CHECKING:
    from adjoin.monitor.vitals import Vitals

__all__ = ["Rounds"]

T = TypeVar("T")

_LATE = 30.0  # seconds without a round that are worth a word, however short its beat
_THREADS = 8


class Rounds:
    """A metronome and what it sets off. APScheduler keeps nothing here: what is due is for the store to say.

    What blocks runs in threads of its own, so that syncs that keep all others busy do not hold up a round.
    """

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals
        self._metronome = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1})
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="round")
        self._under_way: set[asyncio.Task[None]] = set()
        self._failing: dict[str, str] = {}
        self._log = structlog.get_logger("adjoin.rounds")

    def every(self, seconds: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do `work` every so many seconds; a beat that finds the last round still under way is left out."""
        self._vitals.expect(name, within=max(10 * seconds, _LATE))
        self._metronome.add_job(
            self._round, "interval", args=[name, work], seconds=seconds, id=name, misfire_grace_time=None
        )

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do what blocks in a thread of the rounds."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def start(self) -> None:
        """Begin."""
        self._metronome.start()

    async def stop(self) -> None:
        """Begin nothing more, and wait until what is under way is done whole."""
        self._metronome.pause()
        while self._under_way:
            await asyncio.wait(self._under_way)
        self._metronome.shutdown(wait=False)
        self._threads.shutdown(wait=False)

    async def _round(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        try:
            with self._vitals.round(name):
                await work()
        except Fenced as error:
            self._log.warning("another process leads", round=name, reason=str(error))
        except AdjoinError as error:  # such as a store that is out of reach: the next round tries again
            if self._failing.get(name) != str(error):  # once, not each second of an outage
                self._log.error("round failed; it is tried again", round=name, error=str(error))
            self._failing[name] = str(error)
        except Exception as error:  # noqa: BLE001 - the boundary: one round must not end the others
            self._log.error("round failed unexpectedly", round=name, error=type(error).__name__, exc_info=True)
        else:
            if self._failing.pop(name, None) is not None:
                self._log.info("round works again", round=name)
