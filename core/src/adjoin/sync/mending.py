"""Puts schedules right after a clock that ran ahead was set back: they would rest until it has caught up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlmodel import col, select

from adjoin.db.models import Schedule
from adjoin.errors import BadInput
from adjoin.sync.slots import next_after

if TYPE_CHECKING:
    from adjoin.clock import Clock
    from adjoin.db import Store

__all__ = ["ClockWatch", "mend_schedules"]

_JUMP = timedelta(seconds=30)  # by less, clocks are corrected every day


class ClockWatch:
    """Notices that the clock was set back, by comparing it with one that never is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = self._measure()

    def went_back(self) -> bool:
        """Say whether the clock was set back since the last look."""
        before, self._offset = self._offset, self._measure()
        return before - self._offset > _JUMP

    def _measure(self) -> timedelta:
        return timedelta(seconds=self._clock.now().timestamp() - self._clock.monotonic())


def mend_schedules(store: Store, *, now: datetime) -> int:
    """Give those that were last run in what is the future now their next slot after `now`. Returns how many.

    Reads all schedules: for the start of a process, and for when its clock was set back.
    """
    with store.write() as session:
        query = select(Schedule).where(col(Schedule.last_run_at) > now + _JUMP).with_for_update(skip_locked=True)
        early = session.exec(query).all()
        for schedule in early:
            schedule.last_run_at = now
            try:
                schedule.next_run_at = next_after(schedule, now) if schedule.enabled else schedule.next_run_at
            except (BadInput, OverflowError):  # the next tick says so
                schedule.next_run_at = now
            session.add(schedule)
    if early:
        structlog.get_logger("adjoin.schedules").warning("the clock was set back; schedules mended", count=len(early))
    return len(early)
