"""Executes one attempt to its end, whatever happens, and tells the plugins how it went."""

from __future__ import annotations

import asyncio

import structlog

from adjoin.clock import Clock
from adjoin.db.models import RunState
from adjoin.errors import AdjoinError, Fenced
from adjoin.kernel import Kernel
from adjoin.surface import v1 as surface
from adjoin.sync.engine import Engine
from adjoin.sync.runs import Attempt, RunBook

__all__ = ["Execution"]


class Execution:
    """What executors of all kinds do with an attempt.

    `unrecorded` is set where an attempt has ended and the store could not be told: its run still counts as running.
    """

    def __init__(self, *, engine: Engine, runs: RunBook, kernel: Kernel, clock: Clock) -> None:
        self._engine = engine
        self._runs = runs
        self._kernel = kernel
        self._clock = clock
        self._log = structlog.get_logger("adjoin.executor")
        self.unrecorded = False

    async def perform(self, attempt: Attempt) -> None:
        """Bring the attempt to its end. Raises nothing: one run must not stop the others. Cancelling gives it back."""
        try:
            state = await self._engine.execute(attempt)
        except Fenced as error:
            self._log.warning("run was taken over", run=attempt.run_id, reason=str(error))
            return
        except Exception as error:  # the boundary: one run must not stop the others
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # it could not be given back, so whoever comes next resumes it
                self._log.error("interrupted run could not be given back", run=attempt.run_id, error=str(error))
                self.unrecorded = True
                raise asyncio.CancelledError from error
            self._log.error("run failed unexpectedly", run=attempt.run_id, error=type(error).__name__, exc_info=True)
            await asyncio.to_thread(self._give_up, attempt, error)
            state = RunState.FAILED
        await self._tell(attempt, state)

    def _give_up(self, attempt: Attempt, error: Exception) -> None:
        text = str(error) if isinstance(error, AdjoinError) else f"unexpected {type(error).__name__}; see the log"
        try:
            self._runs.finish(attempt, now=self._clock.now(), state=RunState.FAILED, error=text)
        except AdjoinError as failure:
            self.unrecorded = self.unrecorded or not isinstance(failure, Fenced)
            self._log.error("the failed run could not be recorded", run=attempt.run_id, error=str(failure))

    async def _tell(self, attempt: Attempt, state: RunState) -> None:
        event = surface.Event(
            name="sync.finished",
            workspace_id=attempt.workspace_id,
            at=self._clock.now(),
            data={"run_id": attempt.run_id, "connection_id": attempt.connection_id, "state": str(state)},
        )
        results = await self._kernel.hook(surface.Surface.on_event).aall(event=event)
        for plugin, error in results.errors.items():
            self._log.warning("a plugin could not handle the event", plugin=plugin, error=str(error))
