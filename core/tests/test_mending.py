"""Schedules after the clock ran ahead and was set back: they go on at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import Connection, Schedule
from adjoin.sync.mending import ClockWatch, mend_schedules
from adjoin.sync.schedules import dispatch_due

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
AHEAD = timedelta(days=3, minutes=7)


class SetClock(ManualClock):
    """A clock that can be set."""

    off = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.off


@pytest.mark.parametrize(
    ("timing", "expected"),
    [({"every_seconds": 3600}, NOW + HOUR), ({"cron": "30 * * * *"}, NOW + HOUR / 2), ({"cron": "no"}, NOW)],
)
def test_a_schedule_that_ran_in_the_future_is_due_again_soon(
    store: Store, timing: dict[str, object], expected: datetime
) -> None:
    """Its next slot is the first one by the clock as it is now; intervals keep their phase."""
    with store.write() as session:
        for name in ("ran", "paused", "other"):
            session.add(Connection(workspace_id="default", id=name, platform="m", label=name, created_at=NOW))
        session.flush()

        def add(name: str, **values: object) -> None:
            session.add(Schedule(workspace_id="default", id=name, name="sync", connection_id=name, **timing, **values))

        add("ran", next_run_at=NOW)
        add("other", next_run_at=NOW + 100 * AHEAD, last_run_at=NOW)
        add("paused", next_run_at=NOW + 100 * AHEAD, last_run_at=NOW + AHEAD, enabled=False)
    dispatch_due(store, now=NOW + AHEAD)
    if timing == {"cron": "no"}:
        with store.write() as session:  # it could be used then
            schedule = session.get_one(Schedule, ("default", "ran"))
            schedule.last_run_at = NOW + AHEAD
            session.add(schedule)
    assert mend_schedules(store, now=NOW) == 2
    with store.read() as session:
        found = {name: session.get_one(Schedule, ("default", name)) for name in ("ran", "paused", "other")}
    assert found["ran"].next_run_at == expected
    assert found["paused"].next_run_at == found["other"].next_run_at == NOW + 100 * AHEAD
    assert mend_schedules(store, now=NOW) == 0


def test_a_clock_that_is_set_back_is_noticed_once() -> None:
    """Going on, running ahead and small corrections are not."""
    clock = SetClock(NOW)
    watch = ClockWatch(clock)
    clock.advance(3600)
    assert not watch.went_back()
    clock.off = timedelta(hours=5)
    assert not watch.went_back()
    clock.off = timedelta(hours=5, seconds=-20)
    assert not watch.went_back()
    clock.off = timedelta(0)
    assert watch.went_back()
    assert not watch.went_back()
