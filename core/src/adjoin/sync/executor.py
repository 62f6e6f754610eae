"""Executes queued runs in this process: the embedded executor, one process at a time per installation."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import structlog

from adjoin.clock import Clock
from adjoin.errors import StateError
from adjoin.kernel import Kernel
from adjoin.sync.engine import Engine
from adjoin.sync.execution import Execution
from adjoin.sync.runs import RunBook

__all__ = ["Executor", "RunExecutor"]


class RunExecutor(Protocol):
    """Where a process has its runs executed: within itself, or by workers elsewhere."""

    def exclusive(self) -> AbstractContextManager[bool]:
        """Try to take the place of the executing process; yields False if another one has it."""
        ...

    async def run_until_idle(self) -> None:
        """Return when nothing is left that is queued and due."""
        ...

    async def serve(self, stop: asyncio.Event) -> None:
        """Have runs executed as they become due, until `stop` is set."""
        ...


class Executor:
    """Takes runs from the queue and executes them, `concurrency` at once.

    A lock file keeps it to one process: what is `running` when the lock is obtained belongs to a process that is
    gone, and is resumed. The operating system frees the lock of a process however it ends. Where other machines reach
    the database too, `alone` gives a lock that they see.
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
        alone: Callable[[], AbstractContextManager[bool]] = lambda: nullcontext(True),
    ) -> None:
        self._execution = Execution(engine=engine, runs=runs, kernel=kernel, clock=clock)
        self._runs = runs
        self._clock = clock
        self._lock_file = lock_file
        self._concurrency = concurrency
        self._poll_seconds = poll_seconds
        self._alone = alone
        self._log = structlog.get_logger("adjoin.executor")

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
            with self._alone() as mine:
                if mine:
                    orphans = self._runs.requeue_orphans()
                    if orphans:
                        self._log.info("interrupted runs will be resumed", runs=orphans)
                yield mine

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
        if self._execution.unrecorded and not running:  # what still counts as running has ended here
            await asyncio.to_thread(self._runs.requeue_orphans)
            self._execution.unrecorded = False
        while len(running) < self._concurrency:
            attempt = await asyncio.to_thread(self._runs.take_next, now=self._clock.now())
            if attempt is None:
                return
            running.add(asyncio.create_task(self._execution.perform(attempt)))


async def _stop(tasks: Iterable[asyncio.Task[Any]]) -> None:
    stopped = list(tasks)
    for task in stopped:
        task.cancel()
    await asyncio.gather(*stopped, return_exceptions=True)
