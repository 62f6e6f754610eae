"""An event loop in a daemon thread of its own, which can be asked for a sign of life and left behind."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress

__all__ = ["LoopThread"]

_GRACE = 0.2  # seconds that a loop may take to answer before it counts as blocked


class LoopThread:
    """A running loop. A daemon, so that code which hangs in it does not hold up the end of the process."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._asked_at = 0.0
        self._answer: threading.Event | None = None
        self._ending: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def post(self, function: Callable[[], object]) -> bool:
        """Have the loop call a function soon; False if the loop has ended."""
        try:
            self.loop.call_soon_threadsafe(function)
        except RuntimeError:
            return False
        return True

    def probe(self) -> None:
        """Ask for a sign of life, which `blocked` looks for."""
        if self._answer is None or self._answer.is_set():  # an answer from before says nothing about now
            self._answer = threading.Event()
            self._asked_at = time.monotonic()
            self.post(self._answer.set)

    def blocked(self) -> bool:
        """Say whether the last probe has gone unanswered for too long; waits a moment if it was sent just now."""
        if self._answer is None:
            return False
        if self._answer.wait(max(self._asked_at + _GRACE - time.monotonic(), 0)):
            self._answer = None
            return False
        return True

    def retire(self) -> None:
        """End the loop when all its tasks have come to their end. Does not wait."""
        self._wind_down(cancel=False)

    def stop(self) -> None:
        """Cancel all tasks and end the loop as soon as they have closed what they hold. Does not wait."""
        self._wind_down(cancel=True)

    def join(self, timeout: float) -> bool:
        """Wait for the end; False if the loop is still blocked after `timeout` seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def _wind_down(self, *, cancel: bool) -> None:
        def begin() -> None:
            for task in self._others() if cancel else ():
                task.cancel()
            if self._ending is None:
                self._ending = self.loop.create_task(self._end())

        # The task is made inside the loop: a blocked loop would leave a coroutine behind that is never awaited.
        self.post(begin)

    def _others(self) -> list[asyncio.Task[object]]:
        return [task for task in asyncio.all_tasks(self.loop) if task is not self._ending]

    async def _end(self) -> None:
        while rest := self._others():
            await asyncio.wait(rest)
            for task in rest:
                if not task.cancelled():
                    task.exception()  # seen, so that asyncio does not complain about it
        with suppress(Exception):
            await self.loop.shutdown_asyncgens()
        self.loop.stop()
