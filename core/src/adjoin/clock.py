"""The clock: asked for the time and for waiting, so that tests need neither."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

__all__ = ["Clock", "ManualClock", "PlatformClock", "SystemClock"]


_HEADER_RESOLUTION = timedelta(seconds=2)  # a Date header has whole seconds, and the answer takes its time


class Clock(Protocol):
    """What tells the time and waits."""

    def now(self) -> datetime:
        """The instant, aware UTC. It may jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment, for measuring durations. Never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; other tasks go on. Zero or less only gives them a turn."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))


class PlatformClock:
    """The time as a platform tells it in its answers' Date headers, or ours until it has.

    Which days there are to be read, and whether a token is still good, is for the platform's clock to say: ours may be
    wrong, and a sandbox lives on a day of its own. Usable from several threads.
    """

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._heard: tuple[datetime, float] | None = None  # the time we were told last, and when by the stopwatch

    def hear(self, header: str) -> None:
        """Take the Date header of a fresh answer; one that cannot be read is passed over."""
        try:
            told = parsedate_to_datetime(header)
        except ValueError:
            return
        if told.tzinfo is not None:
            ours = self._base.now()
            differs = abs(told - ours) > _HEADER_RESOLUTION
            self._heard = (told.astimezone(UTC) if differs else ours, self._base.monotonic())

    def now(self) -> datetime:
        if self._heard is None:
            return self._base.now()
        told, at = self._heard  # ours may have been set since; the stopwatch has not
        return told + timedelta(seconds=self._base.monotonic() - at)

    def monotonic(self) -> float:
        return self._base.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._base.sleep(seconds)


class ManualClock:
    """A clock that moves only when told, for tests. Sleeping advances it at once and is recorded in `sleeps`.

    Several tasks that sleep at once add up, as if they slept one after another. Usable from several threads.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        if start.tzinfo is None:
            raise ValueError("the start must be an aware datetime")
        self._start = start.astimezone(UTC)
        self._elapsed = 0.0
        self._lock = threading.Lock()
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Move the time forward."""
        if seconds < 0:
            raise ValueError("time does not go back")
        with self._lock:
            self._elapsed += seconds

    async def sleep(self, seconds: float) -> None:
        with self._lock:
            self.sleeps.append(seconds)
            self._elapsed += max(seconds, 0.0)
        await asyncio.sleep(0)
