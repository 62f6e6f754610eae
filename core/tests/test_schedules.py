"""Schedules: each slot queues once, none is lost, and one that cannot be used harms no other."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlmodel import select

from adjoin.db import Store
from adjoin.db.models import CatchUp, Connection, ConnectionState, Run, RunState, RunTrigger, Schedule
from adjoin.errors import BadInput
from adjoin.sync.cron import next_cron
from adjoin.sync.schedules import DEFAULT_EVERY, dispatch_due, ensure_schedule, next_after

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)  # a Wednesday
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def connect(store: Store, name: str = "c1", state: ConnectionState = ConnectionState.OK) -> None:
    with store.write() as session:
        session.add(
            Connection(workspace_id="default", id=name, platform="meta", label=name, created_at=NOW, state=state)
        )


def schedule(store: Store, name: str = "s1", **options: object) -> None:
    values = {"connection_id": "c1", "every_seconds": 3600, "next_run_at": NOW} | options
    with store.write() as session:
        session.add(Schedule(workspace_id="default", id=name, name="sync", **values))


def stored(store: Store, name: str = "s1") -> Schedule:
    with store.read() as session:
        return session.get_one(Schedule, ("default", name))


def runs(store: Store) -> list[Run]:
    with store.read() as session:
        return list(session.exec(select(Run)))


def finish_all(store: Store) -> None:
    with store.write() as session:
        for run in session.exec(select(Run)):
            run.state = RunState.SUCCEEDED
            session.add(run)


def test_a_due_slot_queues_one_run(store: Store) -> None:
    """Once, with what a schedule's run has; the schedule moves on."""
    connect(store)
    schedule(store)
    assert dispatch_due(store, now=NOW - timedelta(seconds=1)) == []
    (queued,) = dispatch_due(store, now=NOW)
    assert dispatch_due(store, now=NOW) == []
    (run,) = runs(store)
    assert (run.id, run.connection_id, run.state, run.trigger) == (queued, "c1", RunState.QUEUED, RunTrigger.SCHEDULE)
    assert (stored(store).next_run_at, stored(store).last_run_at) == (NOW + HOUR, NOW)


def test_racing_dispatchers_queue_once(store: Store) -> None:
    """Two schedulers at once are as good as one."""
    for number in range(5):
        connect(store, f"c{number}")
        schedule(store, f"s{number}", connection_id=f"c{number}")
    schedule(store, "all", connection_id=None)
    barrier = Barrier(3)

    def dispatch(_: int) -> list[str]:
        barrier.wait(10)
        return [run for _ in range(3) for run in dispatch_due(store, now=NOW)]

    with ThreadPoolExecutor(3) as pool:
        queued = [run for found in pool.map(dispatch, range(3)) for run in found]
    assert sorted(queued) == sorted(run.id for run in runs(store))
    assert sorted(run.connection_id for run in runs(store)) == [f"c{number}" for number in range(5)]


def test_a_run_that_is_still_active_takes_the_slot(store: Store) -> None:
    """There is one active run per connection, so the slot passes; the next one counts again."""
    connect(store)
    schedule(store)
    dispatch_due(store, now=NOW)
    assert dispatch_due(store, now=NOW + HOUR) == []
    finish_all(store)
    assert len(dispatch_due(store, now=NOW + 2 * HOUR)) == 1


@pytest.mark.parametrize(
    ("state", "queues"),
    [
        (ConnectionState.OK, True),
        (ConnectionState.ERROR, True),
        (ConnectionState.RECONNECT, False),
        (ConnectionState.DISABLED, False),
    ],
)
def test_connections_that_cannot_be_used_are_left_alone(
    sqlite_store: Store, state: ConnectionState, queues: bool
) -> None:
    """One that failed is tried again; one that waits for a person, or is switched off, is not."""
    connect(sqlite_store, state=state)
    schedule(sqlite_store)
    assert bool(dispatch_due(sqlite_store, now=NOW)) == queues
    assert stored(sqlite_store).next_run_at == NOW + HOUR


def test_a_schedule_without_a_connection_counts_for_all(sqlite_store: Store) -> None:
    """Of its workspace, as far as they can be used and are idle."""
    for name, state in [("c1", ConnectionState.OK), ("c2", ConnectionState.OK), ("c3", ConnectionState.RECONNECT)]:
        connect(sqlite_store, name, state)
    schedule(sqlite_store, connection_id=None)
    assert len(dispatch_due(sqlite_store, now=NOW)) == 2


def test_a_schedule_that_is_switched_off_queues_nothing(sqlite_store: Store) -> None:
    """It keeps its next slot for the day that it is switched on again."""
    connect(sqlite_store)
    schedule(sqlite_store, enabled=False)
    assert dispatch_due(sqlite_store, now=NOW + DAY) == []
    assert stored(sqlite_store).next_run_at == NOW


def test_a_schedule_that_cannot_be_used_leaves_the_others_alone(sqlite_store: Store) -> None:
    """It is passed over and looked at again in an hour."""
    connect(sqlite_store)
    connect(sqlite_store, "c2")
    schedule(sqlite_store, "bad", every_seconds=None, cron="every day")
    schedule(sqlite_store, "good", connection_id="c2")
    assert len(dispatch_due(sqlite_store, now=NOW)) == 1
    assert stored(sqlite_store, "bad").next_run_at == NOW + HOUR


class TestCatchUp:
    """A day without a scheduler has passed: 24 hourly slots were missed, the 25th is due now."""

    def dispatch(self, store: Store, ticks: int) -> int:
        """Tick, and end each run at once."""
        queued = 0
        for _ in range(ticks):
            queued += len(dispatch_due(store, now=NOW + DAY))
            finish_all(store)
        return queued

    @pytest.mark.parametrize(
        ("catch_up", "expected"), [(CatchUp.LATEST, 1), (CatchUp.NONE, 0), (CatchUp.ALL, 25)], ids=str
    )
    def test_missed_slots(self, sqlite_store: Store, catch_up: CatchUp, expected: int) -> None:
        """One run for all that was missed, none, or one for each."""
        connect(sqlite_store)
        schedule(sqlite_store, catch_up=catch_up)
        assert self.dispatch(sqlite_store, 30) == expected
        assert stored(sqlite_store).next_run_at == NOW + DAY + HOUR

    def test_each_missed_slot_waits_for_the_run_of_the_last(self, sqlite_store: Store) -> None:
        """None is swallowed because the one before is still at work."""
        connect(sqlite_store)
        schedule(sqlite_store, catch_up=CatchUp.ALL)
        assert len(dispatch_due(sqlite_store, now=NOW + DAY)) == 1
        assert dispatch_due(sqlite_store, now=NOW + DAY) == []
        assert stored(sqlite_store).next_run_at == NOW + HOUR
        finish_all(sqlite_store)
        assert len(dispatch_due(sqlite_store, now=NOW + DAY)) == 1

    def test_a_slot_that_is_a_little_late_is_not_missed(self, sqlite_store: Store) -> None:
        """`none` is about downtime, not about a tick that came a minute late."""
        connect(sqlite_store)
        schedule(sqlite_store, catch_up=CatchUp.NONE)
        assert len(dispatch_due(sqlite_store, now=NOW + timedelta(minutes=1))) == 1

    @pytest.mark.parametrize("late", [timedelta(minutes=30), timedelta(hours=2)])
    def test_a_cron_slot_is_missed_after_an_hour(self, sqlite_store: Store, late: timedelta) -> None:
        """A cron line has no interval to tell."""
        connect(sqlite_store)
        schedule(sqlite_store, catch_up=CatchUp.NONE, every_seconds=None, cron="0 12 * * *")
        assert bool(dispatch_due(sqlite_store, now=NOW + late)) == (late < HOUR)
        assert stored(sqlite_store).next_run_at == NOW + DAY


class TestNextSlot:
    @pytest.mark.parametrize(
        ("passed", "expected"),
        [
            (timedelta(0), HOUR),
            (timedelta(minutes=59), HOUR),
            (HOUR, 2 * HOUR),
            (timedelta(hours=30, minutes=1), 31 * HOUR),
            (-timedelta(minutes=1), timedelta(0)),
        ],
    )
    def test_intervals_keep_their_phase(self, passed: timedelta, expected: timedelta) -> None:
        """However long nothing ran, slots stay where they were."""
        hourly = Schedule(workspace_id="default", name="sync", every_seconds=3600, next_run_at=NOW)
        assert next_after(hourly, NOW + passed) == NOW + expected

    def test_jitter_spreads_cron_slots(self) -> None:
        """By so many seconds at most, so that not all connections start on the hour."""
        daily = Schedule(workspace_id="default", name="sync", cron="0 13 * * *", jitter_seconds=300, next_run_at=NOW)
        slots = {next_after(daily, NOW, random.Random(seed)) for seed in range(20)}
        assert len(slots) == 20
        assert all(NOW + HOUR <= slot <= NOW + HOUR + timedelta(seconds=300) for slot in slots)

    def test_neither_cron_nor_interval_is_refused(self) -> None:
        """A schedule must say when."""
        empty = Schedule(workspace_id="default", name="nightly", next_run_at=NOW)
        with pytest.raises(BadInput, match="schedule 'nightly' has neither a cron line nor an interval"):
            next_after(empty, NOW)


def days(line: str, count: int = 7) -> str:
    """The weekdays of the next slots of a line."""
    found, now = [], NOW
    for _ in range(count):
        now = next_cron(line, "UTC", now)
        found.append(f"{now:%a}")
    return " ".join(found)


class TestCron:
    @pytest.mark.parametrize(
        ("field", "expected"),
        [
            ("0", "Sun Sun Sun"),
            ("7", "Sun Sun Sun"),
            ("1", "Mon Mon Mon"),
            ("sun", "Sun Sun Sun"),
            ("FRI", "Fri Fri Fri"),
            ("1-5", "Thu Fri Mon Tue Wed Thu"),
            ("0-2", "Sun Mon Tue Sun Mon"),
            ("0-6", "Thu Fri Sat Sun Mon"),
            ("5-7", "Fri Sat Sun Fri"),
            ("fri-sun", "Fri Sat Sun Fri"),
            ("mon,3,5", "Fri Mon Wed Fri"),
            ("1-5/2", "Fri Mon Wed Fri"),
            ("*/2", "Thu Sat Sun Tue Thu"),
            ("0,6", "Sat Sun Sat"),
            ("0-7", "Thu Fri Sat Sun"),
            ("2/3", "Fri Tue Fri"),
            ("*", "Thu Fri Sat"),
        ],
    )
    def test_weekdays_are_those_of_cron(self, field: str, expected: str) -> None:
        """0 and 7 are Sunday, in single numbers, ranges, lists and steps; names mean what they say."""
        assert days(f"0 8 * * {field}", len(expected.split())) == expected

    def test_day_and_weekday_together_mean_either(self) -> None:
        """As in cron: the 13th, and each Friday."""
        found, now = [], NOW
        for _ in range(4):
            now = next_cron("0 0 16 * 5", "UTC", now)
            found.append(now.day)
        assert found == [13, 16, 20, 27]

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("30 6 * * *", datetime(2026, 3, 12, 6, 30, tzinfo=UTC)),
            ("0 12 * * *", datetime(2026, 3, 12, 12, tzinfo=UTC)),
            ("*/15 * * * *", datetime(2026, 3, 11, 12, 15, tzinfo=UTC)),
            ("0 0 1 jan *", datetime(2027, 1, 1, tzinfo=UTC)),
            ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ],
    )
    def test_the_next_slot_is_after_now(self, line: str, expected: datetime) -> None:
        """Never now itself, or a slot would fire twice."""
        assert next_cron(line, "UTC", NOW) == expected

    def test_slots_follow_the_zone_through_summer_time(self) -> None:
        """Six in the morning stays six in the morning; the hour that is missing fires when it would have been."""
        before = next_cron("0 6 * * *", "Europe/Berlin", datetime(2026, 3, 28, 0, tzinfo=UTC))
        after = next_cron("0 6 * * *", "Europe/Berlin", datetime(2026, 3, 29, 0, tzinfo=UTC))
        assert (before, after) == (datetime(2026, 3, 28, 5, tzinfo=UTC), datetime(2026, 3, 29, 4, tzinfo=UTC))
        night = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)  # 2:00 in Berlin, for the first time that night
        assert next_cron("0 3 * * *", "Europe/Berlin", night) == datetime(2026, 10, 25, 2, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("line", "zone", "message"),
        [
            ("0 6 * *", "UTC", "must have five fields: minute hour day month weekday"),
            ("", "UTC", "must have five fields"),
            ("61 6 * * *", "UTC", "cannot be used"),
            ("a 6 * * *", "UTC", "cannot be used"),
            ("0 6 * * 8", "UTC", "'8' is no weekday; write 0 to 7 or sun to sat"),
            ("0 6 * * someday", "UTC", "'someday' is no weekday"),
            ("0 6 * * 5-2", "UTC", "the weekdays '5-2' are the wrong way round"),
            ("0 6 * * 1/0", "UTC", "cannot be used"),
            ("0 6 * * ,", "UTC", "cannot be used"),
            ("0 6 * * *", "Mars/Olympus", "in 'Mars/Olympus' cannot be used"),
            ("0 6 * * *", "", "cannot be used"),
            ("0 6 30 2 *", "UTC", "never comes due"),
        ],
    )
    def test_what_cannot_be_used_is_refused(self, line: str, zone: str, message: str) -> None:
        """With what is wrong."""
        with pytest.raises(BadInput, match=message):
            next_cron(line, zone, NOW)


def test_a_new_connection_gets_one_schedule(sqlite_store: Store) -> None:
    """Its first slot is an interval away, as connecting syncs by itself; connecting again changes nothing."""
    connect(sqlite_store)
    for moment in (NOW, NOW + HOUR):
        with sqlite_store.write() as session:
            ensure_schedule(session, workspace_id="default", connection_id="c1", now=moment)
    with sqlite_store.read() as session:
        (made,) = session.exec(select(Schedule)).all()
    assert (made.connection_id, made.next_run_at) == ("c1", NOW + DEFAULT_EVERY)
