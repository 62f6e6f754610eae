"""The database's clock, which all machines share: theirs may differ by minutes, or be set while they work."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from adjoin.clock import Clock, SystemClock

if TYPE_CHECKING:
    from adjoin.db import Store

__all__ = ["SharedClock"]

_NOW = sa.select(sa.func.clock_timestamp())


class SharedClock:
    """Tells the time of a PostgreSQL server: asked now and then, and counted on from there. Usable from any thread.

    Heartbeats and the decision that one is too old are then read off one clock, whatever the machines' own say.
    """

    def __init__(self, store: Store, *, base: Clock | None = None) -> None:
        self._store = store
        self._base = base or SystemClock()
        self._known = self._ask()

    def synchronise(self) -> None:
        """Ask the server again. Raises StateError where it cannot be reached; the clock goes on as it was."""
        self._known = self._ask()

    def now(self) -> datetime:
        told, at = self._known
        return told + timedelta(seconds=self._base.monotonic() - at)

    def monotonic(self) -> float:
        return self._base.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._base.sleep(seconds)

    def _ask(self) -> tuple[datetime, float]:
        with self._store.statements() as connection:
            before = self._base.monotonic()
            told: datetime = connection.execute(_NOW).scalar_one()
            after = self._base.monotonic()
        return told, (before + after) / 2
