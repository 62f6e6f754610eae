"""The job board: a job's next time outlives restarts and missing plugins, and no job runs twice at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import CatchUp, Schedule
from adjoin.sync.job_board import JobBoard, JobsAtWork, Taken

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class Tidy:
    """A job that notes that it was run."""

    key: str = "house/tidy"
    every: timedelta = HOUR
    timeout: timedelta = timedelta(minutes=10)
    error: str | None = None
    hangs: bool = False
    runs: list[str] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> str | None:
        self.runs.append(self.key)
        self.began.set()
        if self.hangs:
            await asyncio.Event().wait()
        return self.error


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


def board(store: Store, clock: ManualClock, *jobs: Tidy) -> JobBoard:
    made = JobBoard(store, jobs, clock=clock)
    made.put_up()
    return made


def stored(store: Store, key: str = "house/tidy") -> Schedule:
    with store.read() as session:
        return session.exec(select(Schedule).where(Schedule.job == key)).one()


def change(store: Store, **values: object) -> None:
    with store.write() as session:
        schedule = session.exec(select(Schedule).where(Schedule.job == "house/tidy")).one()
        for name, value in values.items():
            setattr(schedule, name, value)
        session.add(schedule)


def work(made: JobBoard) -> int:
    """Run all that is due to its end."""
    taken = made.take_due()

    async def all_of_them() -> None:
        jobs = JobsAtWork(made)
        jobs.start(taken)
        await asyncio.gather(*jobs._tasks)

    asyncio.run(all_of_them())
    return len(taken)


def test_a_job_is_due_one_interval_after_it_was_first_seen(store: Store, clock: ManualClock) -> None:
    """And then each interval, in step, however often the process is started anew."""
    job = Tidy()
    assert work(board(store, clock, job)) == 0
    clock.advance(3500)
    assert work(board(store, clock, job)) == 0
    clock.advance(130)
    assert work(board(store, clock, job)) == 1
    assert (stored(store).next_run_at, stored(store).last_run_at) == (NOW + 2 * HOUR, clock.now())
    assert work(board(store, clock, job)) == 0
    assert job.runs == ["house/tidy"]


def test_two_processes_make_one_schedule_and_run_it_once(store: Store, clock: ManualClock) -> None:
    """While a job is at work nobody else takes it, and its slot comes after its end."""
    one, two = board(store, clock, Tidy()), board(store, clock, Tidy())
    clock.advance(3600)
    (taken,) = one.take_due()
    assert two.take_due() == []
    clock.advance(300)
    assert two.take_due() == []
    one.done(taken, None)
    assert stored(store).next_run_at == NOW + 2 * HOUR
    assert two.take_due() == []


def test_the_job_of_a_killed_process_is_due_again(store: Store, clock: ManualClock) -> None:
    """As soon as its deadline is over, not a whole interval later."""
    job = Tidy(every=timedelta(days=1))
    board(store, clock, job)
    clock.advance(86400)
    assert len(board(store, clock, job).take_due()) == 1  # and then it was killed
    clock.advance(600)
    assert board(store, clock, job).take_due() == []
    clock.advance(60)
    assert len(board(store, clock, job).take_due()) == 1


def test_an_interrupted_job_is_due_at_once(store: Store, clock: ManualClock) -> None:
    """The process was told to stop: the next one does it."""
    job = Tidy(hangs=True)
    made = board(store, clock, job)
    clock.advance(3600)

    async def interrupted() -> None:
        jobs = JobsAtWork(made)
        jobs.start(made.take_due())
        await job.began.wait()
        await jobs.stop()

    asyncio.run(interrupted())
    assert stored(store).next_run_at == NOW + HOUR
    assert len(made.take_due()) == 1


def test_a_missing_plugin_keeps_its_schedule(store: Store, clock: ManualClock) -> None:
    """One start without it, as after an update that went wrong: what it missed is made up for when it is back."""
    job = Tidy(every=timedelta(days=7))
    board(store, clock, job)
    change(store, cron="0 3 * * sun", every_seconds=None, name="set", next_run_at=NOW + timedelta(days=3))
    clock.advance(5 * 86400)
    without = board(store, clock, Tidy(key="other/job"))
    assert without.take_due() == []
    found = stored(store)
    assert (found.cron, found.next_run_at) == ("0 3 * * sun", NOW + timedelta(days=3))
    assert found.last_error == "plugin 'house' is not loaded or has no such job; its schedule is kept"
    assert work(board(store, clock, job)) == 1
    assert stored(store).last_error is None
    assert stored(store).next_run_at == datetime(2026, 3, 22, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("every", "name", "expected"),
    [
        (timedelta(minutes=10), "as offered", (600, NOW + timedelta(minutes=10))),
        (timedelta(hours=5), "as offered", (18000, NOW + HOUR)),
        (timedelta(minutes=10), "set", (3600, NOW + HOUR)),
    ],
)
def test_a_plugin_may_change_its_interval_but_not_the_operators(
    sqlite_store: Store, clock: ManualClock, every: timedelta, name: str, expected: tuple[int, datetime]
) -> None:
    """A shorter one counts from now on; what the operator has set stays."""
    board(sqlite_store, clock, Tidy())
    change(sqlite_store, name=name)
    board(sqlite_store, clock, Tidy(every=every))
    assert (stored(sqlite_store).every_seconds, stored(sqlite_store).next_run_at) == expected


def test_what_went_wrong_is_kept_until_it_goes_well(sqlite_store: Store, clock: ManualClock) -> None:
    """And the next time comes as if it had gone well."""
    job = Tidy(error="the disk is full")
    made = board(sqlite_store, clock, job)
    clock.advance(3600)
    assert work(made) == 1
    assert (stored(sqlite_store).last_error, stored(sqlite_store).next_run_at) == ("the disk is full", NOW + 2 * HOUR)
    job.error = None
    clock.advance(3600)
    assert work(made) == 1
    assert stored(sqlite_store).last_error is None


@pytest.mark.parametrize(("catch_up", "runs"), [(CatchUp.LATEST, 1), (CatchUp.NONE, 0), (CatchUp.ALL, 5)], ids=str)
def test_missed_times(sqlite_store: Store, clock: ManualClock, catch_up: CatchUp, runs: int) -> None:
    """After five hours without a scheduler."""
    made = board(sqlite_store, clock, Tidy())
    change(sqlite_store, catch_up=catch_up)
    clock.advance(5 * 3600)
    done = 0
    while found := work(made):
        done += found
    assert done == runs
    assert stored(sqlite_store).next_run_at == NOW + 6 * HOUR


def test_a_time_that_is_set_while_the_job_runs_stays(sqlite_store: Store, clock: ManualClock) -> None:
    """Its end does not overwrite it."""
    made = board(sqlite_store, clock, Tidy())
    clock.advance(3600)
    (taken,) = made.take_due()
    change(sqlite_store, next_run_at=NOW + 40 * HOUR)
    made.done(taken, None)
    assert stored(sqlite_store).next_run_at == NOW + 40 * HOUR
    made.give_back(taken)
    assert stored(sqlite_store).next_run_at == NOW + 40 * HOUR


def test_a_schedule_that_cannot_be_used_leaves_the_other_jobs_alone(sqlite_store: Store, clock: ManualClock) -> None:
    """It says why, and is looked at again in an hour."""
    other = Tidy(key="other/job")
    made = board(sqlite_store, clock, Tidy(), other)
    change(sqlite_store, cron="0 25 * * *", every_seconds=None)
    clock.advance(3600)
    assert work(made) == 1
    assert other.runs == ["other/job"]
    assert "'25' is no hour" in stored(sqlite_store).last_error
    assert stored(sqlite_store).next_run_at == clock.now() + HOUR


def test_a_paused_job_is_not_run(sqlite_store: Store, clock: ManualClock) -> None:
    """Its schedule is switched off like that of a sync."""
    made = board(sqlite_store, clock, Tidy())
    change(sqlite_store, enabled=False)
    clock.advance(7200)
    assert made.take_due() == []


def test_what_is_taken_names_its_slot(sqlite_store: Store, clock: ManualClock) -> None:
    """So that it can be given back as it was."""
    job = Tidy()
    made = board(sqlite_store, clock, job)
    clock.advance(3700)
    (taken,) = made.take_due()
    assert taken == Taken(
        job=job,
        schedule_id=stored(sqlite_store).id,
        slot=NOW + HOUR,
        put_off_to=clock.now() + timedelta(minutes=11),
    )
