"""The heartbeat of an attempt, from a thread of its own: a long computation in the loop that works must not stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import structlog

from adjoin.errors import AdjoinError, Fenced

if TYPE_CHECKING:
    from adjoin.clock import Clock
    from adjoin.sync.runs import Attempt, RunBook

__all__ = ["BEAT_SECONDS", "Pulse"]

#: Seconds of real time between two heartbeats, and until a request to cancel is heard.
BEAT_SECONDS = 5.0


class Pulse:
    """Sends heartbeats while its block runs, and calls `stop` where the attempt is not to go on.

    `stop` is called in the pulse's thread, once at most and never after the block; then `cancel_asked` or `fenced` says
    why. A store that is out of reach is asked again at the next beat.
    """

    def __init__(
        self,
        book: RunBook,
        attempt: Attempt,
        *,
        clock: Clock,
        stop: Callable[[], object],
        every: float = BEAT_SECONDS,
    ) -> None:
        self._book = book
        self._attempt = attempt
        self._clock = clock
        self._stop = stop
        self._every = every
        self._over = threading.Event()
        self._deciding = threading.Lock()
        self._thread = threading.Thread(target=self._beat, name=f"adjoin-pulse-{attempt.run_id[:8]}", daemon=True)
        self._log = structlog.get_logger("adjoin.sync").bind(run=attempt.run_id)
        self.cancel_asked = False
        self.fenced: Fenced | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._deciding:  # a thread that waits for the database is not waited for
            self._over.set()

    def _beat(self) -> None:
        while not self._over.wait(self._every):
            try:
                cancel_asked, fenced = self._book.heartbeat(self._attempt, now=self._clock.now()), None
            except Fenced as error:
                cancel_asked, fenced = False, error
            except AdjoinError as error:
                self._log.warning("no heartbeat", error=str(error))
                continue
            except Exception as error:  # noqa: BLE001 - the boundary: the thread must go on beating
                self._log.error("heartbeat failed unexpectedly", error=type(error).__name__, exc_info=True)
                continue
            if not cancel_asked and fenced is None:
                continue
            with self._deciding:
                if not self._over.is_set():
                    self.cancel_asked, self.fenced = cancel_asked, fenced
                    self._stop()
            return
