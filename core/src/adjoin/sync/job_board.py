"""The job board: a schedule in the store for each job, so that its next time outlives restarts.

A job that is taken is put off until after its deadline and gets its next slot when it ends. So it never runs twice at
once, and one whose process was killed is due again. The schedule of a job that is not there at the moment waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

import structlog
from sqlmodel import col, select

from adjoin.db.models import DEFAULT_WORKSPACE, CatchUp, Schedule
from adjoin.db.upsert import upsert
from adjoin.errors import AdjoinError, BadInput
from adjoin.sync.jobs import ScheduledJob
from adjoin.sync.leases import Held, check_lease
from adjoin.sync.slots import first_slot, is_missed, next_after

if TYPE_CHECKING:
    from adjoin.clock import Clock
    from adjoin.db import Store

__all__ = ["AS_OFFERED", "JobBoard", "JobsAtWork", "Taken"]

#: The name of a job's schedule while nobody has set another time for it.
AS_OFFERED = "as offered"

_MARGIN = timedelta(minutes=1)  # beyond the deadline, until a job that was taken counts as lost
_UNUSABLE_FOR = timedelta(hours=1)
_KEPT = "its schedule is kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A job that is ours to run: for which slot, and the time that its schedule was put off to meanwhile."""

    job: ScheduledJob
    schedule_id: str
    slot: datetime
    put_off_to: datetime


class JobBoard:
    """The schedules of the jobs that this process has. All methods block."""

    def __init__(self, store: Store, jobs: Sequence[ScheduledJob], *, clock: Clock) -> None:
        self._store = store
        self._jobs = {job.key: job for job in jobs}
        self._clock = clock

    def put_up(self) -> None:
        """Give each job its schedule, follow a plugin that has changed its interval, and note which jobs are missing.

        A time that the operator has set stays, and so does the schedule of a job whose plugin is not loaded.
        """
        now = self._clock.now()
        with self._store.write() as session:
            rows = [self._new(job, now).model_dump() for job in self._jobs.values()]
            upsert(session, Schedule, rows, update=())  # beside another process that does the same
            for schedule in session.exec(select(Schedule).where(col(Schedule.job).is_not(None))):
                job = self._jobs.get(schedule.job or "")
                if job is None:
                    plugin = (schedule.job or "").partition("/")[0]
                    schedule.last_error = f"plugin {plugin!r} is not loaded or has no such job; {_KEPT}"
                elif schedule.last_error is not None and schedule.last_error.endswith(_KEPT):
                    schedule.last_error = None
                if job is not None and schedule.name == AS_OFFERED and schedule.every_seconds != _seconds(job.every):
                    schedule.every_seconds = _seconds(job.every)
                    if schedule.enabled:
                        schedule.next_run_at = min(schedule.next_run_at, first_slot(schedule, now))
                session.add(schedule)

    def take_due(self, *, lease: Held | None = None) -> list[Taken]:
        """Take the jobs that are due. Raises Fenced when `lease` was taken over."""
        now = self._clock.now()
        query = select(Schedule).where(
            col(Schedule.next_run_at) <= now,
            col(Schedule.enabled).is_(True),
            col(Schedule.job).in_(list(self._jobs)),
        )
        with self._store.read() as session:  # most times nothing is, and waits for no writer
            if session.exec(query.limit(1)).first() is None:
                return []
        with self._store.write() as session:
            if lease is not None:
                check_lease(session, lease)
            due = session.exec(query.with_for_update(skip_locked=True)).all()
            taken = [self._take(schedule, now) for schedule in due]
            session.add_all(due)
        return [one for one in taken if one is not None]

    def done(self, taken: Taken, error: str | None) -> None:
        """Give a job that has ended its next slot. A time that was set meanwhile stays."""
        now = self._clock.now()
        with self._store.write() as session:
            schedule = self._still_ours(session.get(Schedule, (DEFAULT_WORKSPACE, taken.schedule_id)), taken)
            if schedule is None:
                return
            schedule.next_run_at = taken.slot
            try:
                schedule.next_run_at = next_after(schedule, taken.slot if schedule.catch_up is CatchUp.ALL else now)
            except (BadInput, OverflowError) as unusable:
                schedule.next_run_at, error = now + _UNUSABLE_FOR, str(unusable)
            schedule.last_error = error
            session.add(schedule)

    def give_back(self, taken: Taken) -> None:
        """Make a job that was interrupted due again."""
        with self._store.write() as session:
            schedule = self._still_ours(session.get(Schedule, (DEFAULT_WORKSPACE, taken.schedule_id)), taken)
            if schedule is not None:
                schedule.next_run_at = taken.slot
                session.add(schedule)

    def _take(self, schedule: Schedule, now: datetime) -> Taken | None:
        job, slot = self._jobs[schedule.job or ""], schedule.next_run_at
        try:
            skipped = schedule.catch_up is CatchUp.NONE and is_missed(schedule, now)
            schedule.next_run_at = next_after(schedule, now)  # also tells whether the schedule can be used at all
        except (BadInput, OverflowError) as error:
            schedule.next_run_at, schedule.last_error = now + _UNUSABLE_FOR, str(error)
            return None
        if skipped:
            return None
        schedule.next_run_at = now + job.timeout + _MARGIN
        schedule.last_run_at = now
        return Taken(job=job, schedule_id=schedule.id, slot=slot, put_off_to=schedule.next_run_at)

    def _still_ours(self, schedule: Schedule | None, taken: Taken) -> Schedule | None:
        return schedule if schedule is not None and schedule.next_run_at == taken.put_off_to else None

    def _new(self, job: ScheduledJob, now: datetime) -> Schedule:
        digest = blake2b(job.key.encode(), digest_size=16).hexdigest()
        made = Schedule(
            workspace_id=DEFAULT_WORKSPACE,
            id=digest,  # the same in every process, so that two of them make one row
            job=job.key,
            name=AS_OFFERED,
            every_seconds=_seconds(job.every),
            next_run_at=now,
        )
        made.next_run_at = first_slot(made, now)
        return made


def _seconds(every: timedelta) -> int:
    return max(int(every.total_seconds()), 1)


class JobsAtWork:
    """The jobs that this process runs at the moment."""

    def __init__(self, board: JobBoard) -> None:
        self._board = board
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, taken: Iterable[Taken]) -> None:
        """Run jobs, all at once."""
        for one in taken:
            task = asyncio.create_task(self._run(one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Interrupt what runs; it is due again at once."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, taken: Taken) -> None:
        try:
            error = await taken.job.run()
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.to_thread(self._board.give_back, taken))
            raise
        try:
            await asyncio.to_thread(self._board.done, taken, error)
        except AdjoinError as failure:  # it is due again when its time has run out
            structlog.get_logger("adjoin.jobs").error(
                "a job's end cannot be noted", job=taken.job.key, error=str(failure)
            )
