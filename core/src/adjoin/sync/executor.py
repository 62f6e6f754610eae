"""Executes queued runs in this process: the embedded executor, one process at a time per installation."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from adjoin.clock import Clock
from adjoin.db.models import RunState
from adjoin.errors import AdjoinError, Fenced, StateError
from adjoin.kernel import Kernel
from adjoin.surface import v1 as surface
from adjoin.sync.engine import Engine
from adjoin.sync.runs import Attempt, RunBook

__all__ = ["Executor"]


class Executor:
    """Takes runs from the queue and executes them, `concurrency` at once.

    A lock file keeps it to one process: what is `running` when the lock is obtained belongs to a process that is
    gone, and is resumed. The operating system frees the lock of a process however it ends.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        runs: RunBook,
        kernel: Kernel,
        clock: Clock,
        lock_file: Path,
        concurrency: int = 3,
        poll_seconds: float = 1.0,
    ) -> None:
        self._engine = engine
        self._runs = runs
        self._kernel = kernel
        self._clock = clock
        self._lock_file = lock_file
        self._concurrency = concurrency
        self._poll_seconds = poll_seconds
        self._log = structlog.get_logger("adjoin.executor")
        self._unrecorded = False  # whether a run has failed and the store could not be told

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        """Try to become the one executing process; yields False if another one is. Queues orphaned runs again."""
        try:
            file = self._lock_file.open("a+")
        except OSError as error:
            raise StateError(f"{self._lock_file} cannot be opened: {error.strerror}") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            orphans = self._runs.requeue_orphans()
            if orphans:
                self._log.info("interrupted runs will be resumed", runs=orphans)
            yield True

    async def run_until_idle(self) -> None:
        """Execute what is queued and due, and return when nothing is left."""
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                await self._take(running)
                if not running:
                    return
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _stop(running)

    async def serve(self, stop: asyncio.Event) -> None:
        """Execute runs as they become due until `stop` is set; what is under way then goes back to the queue.

        A store that cannot be reached for a while is tried again at each poll.
        """
        running: set[asyncio.Task[None]] = set()
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                try:
                    await self._take(running)
                except StateError as error:
                    self._log.error("runs cannot be taken", error=str(error))
                poll = asyncio.create_task(self._clock.sleep(self._poll_seconds))
                await asyncio.wait({poll, stopping, *running}, return_when=asyncio.FIRST_COMPLETED)
                await _stop([poll])
        finally:
            await _stop([stopping, *running])

    async def _take(self, running: set[asyncio.Task[None]]) -> None:
        """Let go of the runs that have ended, and start as many as there is room for."""
        for task in [task for task in running if task.done()]:
            running.remove(task)
            task.result()
        if self._unrecorded and not running:  # what still counts as running has ended here
            await asyncio.to_thread(self._runs.requeue_orphans)
            self._unrecorded = False
        while len(running) < self._concurrency:
            attempt = await asyncio.to_thread(self._runs.take_next, now=self._clock.now())
            if attempt is None:
                return
            running.add(asyncio.create_task(self._execute(attempt)))

    async def _execute(self, attempt: Attempt) -> None:
        try:
            state = await self._engine.execute(attempt)
        except Fenced as error:
            self._log.warning("run was taken over", run=attempt.run_id, reason=str(error))
            return
        except Exception as error:  # noqa: BLE001 - the boundary: one run must not stop the others
            self._log.error("run failed unexpectedly", run=attempt.run_id, error=type(error).__name__, exc_info=True)
            await asyncio.to_thread(self._give_up, attempt, error)
            state = RunState.FAILED
        await self._announce(attempt, state)

    def _give_up(self, attempt: Attempt, error: Exception) -> None:
        text = str(error) if isinstance(error, AdjoinError) else f"unexpected {type(error).__name__}; see the log"
        try:
            self._runs.finish(attempt, now=self._clock.now(), state=RunState.FAILED, error=text)
        except AdjoinError as failure:
            self._unrecorded = self._unrecorded or not isinstance(failure, Fenced)
            self._log.error("the failed run could not be recorded", run=attempt.run_id, error=str(failure))

    async def _announce(self, attempt: Attempt, state: RunState) -> None:
        event = surface.Event(
            name="sync.finished",
            workspace_id=attempt.workspace_id,
            at=self._clock.now(),
            data={"run_id": attempt.run_id, "connection_id": attempt.connection_id, "state": str(state)},
        )
        results = await self._kernel.hook(surface.Surface.on_event).aall(event=event)
        for plugin, error in results.errors.items():
            self._log.warning("a plugin could not handle the event", plugin=plugin, error=str(error))


async def _stop(tasks: Iterable[asyncio.Task[Any]]) -> None:
    stopped = list(tasks)
    for task in stopped:
        task.cancel()
    await asyncio.gather(*stopped, return_exceptions=True)
