"""The timetable: the schedules as the operator sees and sets them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from adjoin.db.models import DEFAULT_WORKSPACE, CatchUp, Connection, Schedule
from adjoin.errors import BadInput, UnknownName
from adjoin.sync.job_board import AS_OFFERED
from adjoin.sync.slots import LONGEST, first_slot, park, unpark

if TYPE_CHECKING:
    from adjoin.db.access import Access

__all__ = ["SHORTEST", "Entry", "Timetable", "Timing"]

#: The shortest interval that may be set: syncing more often only costs quota.
SHORTEST = timedelta(minutes=1)
_LONGEST_JITTER = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What is to be changed about a schedule; None leaves it as it is. Setting `cron` clears `every`, and back."""

    cron: str | None = None
    every: timedelta | None = None
    time_zone: str | None = None
    jitter: timedelta | None = None
    catch_up: CatchUp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A schedule with what it is for: a connection, a job, or all connections where both are None."""

    schedule: Schedule
    connection: Connection | None = None

    @property
    def target(self) -> str:
        if self.schedule.job is not None:
            return self.schedule.job
        return "all connections" if self.connection is None else self.connection.label

    @property
    def next_run_at(self) -> datetime | None:
        """When it is due next; None while it is paused."""
        return self.schedule.next_run_at if self.schedule.enabled else None


class Timetable:
    """The schedules of a workspace; those of jobs, which serve all of them, are in the default one. All methods block.

    A target is a connection by its id, its label or its platform, or a job by its name. UnknownName when there is no
    such thing, BadInput when several are meant.
    """

    def __init__(self, store: Access, workspace_id: str = DEFAULT_WORKSPACE, *, jobs: bool = True) -> None:
        """Without `jobs` only the schedules of connections are there: the others are not the workspace's to change."""
        self._store = store
        self._workspace_id = workspace_id
        self._mine = [col(Schedule.workspace_id) == workspace_id, *(() if jobs else (col(Schedule.job).is_(None),))]

    def entries(self) -> list[Entry]:
        """Return all schedules: those of connections first, by what comes next."""
        query = (
            select(Schedule, Connection)
            .outerjoin(
                Connection,
                (col(Connection.workspace_id) == col(Schedule.workspace_id))
                & (col(Connection.id) == col(Schedule.connection_id)),
            )
            .where(*self._mine)
            .order_by(col(Schedule.job).is_not(None), col(Schedule.next_run_at), col(Schedule.id))
        )
        with self._store.read() as session:
            return [Entry(schedule=schedule, connection=connection) for schedule, connection in session.exec(query)]

    def set(self, target: str, timing: Timing, *, now: datetime) -> Entry:
        """Change when a target is due, or give it a schedule where it has none. Raises BadInput for a bad time."""
        with self._store.write() as session:
            connection, found = self._find(session, target)
            if not found:
                if connection is None:
                    raise UnknownName(f"there is no schedule of {target!r}; `adjoin schedules` lists them")
                if timing.cron is None and timing.every is None:
                    raise BadInput(f"{target!r} has no schedule yet; say when with --cron or --every")
                found = [
                    Schedule(workspace_id=self._workspace_id, connection_id=connection.id, name="sync", next_run_at=now)
                ]
            if len(found) > 1:
                raise BadInput(f"{target!r} has {len(found)} schedules; remove them, then set the one you want")
            (schedule,) = found
            _apply(schedule, timing)
            schedule.next_run_at, schedule.last_error = first_slot(schedule, now), None
            if not schedule.enabled:
                park(schedule, now)
            session.add(schedule)
            return Entry(schedule=schedule, connection=connection)

    def pause(self, target: str, *, now: datetime) -> list[Entry]:
        """Let the schedules of a target rest until `resume`; what they miss meanwhile is not made up for."""
        return self._change(target, lambda schedule: park(schedule, now) if schedule.enabled else None)

    def resume(self, target: str, *, now: datetime) -> list[Entry]:
        """Let paused schedules go on with their next slot."""
        return self._change(target, lambda schedule: None if schedule.enabled else unpark(schedule, now))

    def remove(self, target: str) -> list[Entry]:
        """Delete the schedules of a target. At the scheduler's next start a job gets the one its plugin asks for."""
        with self._store.write() as session:
            connection, found = self._find(session, target)
            self._require(found, target)
            for schedule in found:
                session.delete(schedule)
        return [Entry(schedule=schedule, connection=connection) for schedule in found]

    def _change(self, target: str, change: Callable[[Schedule], None]) -> list[Entry]:
        with self._store.write() as session:
            connection, found = self._find(session, target)
            self._require(found, target)
            for schedule in found:
                change(schedule)
                session.add(schedule)
        return [Entry(schedule=schedule, connection=connection) for schedule in found]

    def _require(self, found: Sequence[Schedule], target: str) -> None:
        if not found:
            raise UnknownName(f"{target!r} has no schedule; `adjoin schedules` lists them, `... set` makes one")

    def _find(self, session: Session, target: str) -> tuple[Connection | None, list[Schedule]]:
        """Return the connection that is meant, None for a job, and the schedules."""
        mine = select(Schedule).where(*self._mine)
        jobs = list(session.exec(mine.where(col(Schedule.job) == target).with_for_update()).all())
        if jobs:
            return None, jobs
        connection = self._connection(session, target)
        return connection, list(
            session.exec(mine.where(col(Schedule.connection_id) == connection.id).with_for_update()).all()
        )

    def _connection(self, session: Session, target: str) -> Connection:
        all_of_them = session.exec(
            select(Connection)
            .where(col(Connection.workspace_id) == self._workspace_id)
            .order_by(col(Connection.created_at), col(Connection.id))
        ).all()
        for meant in (
            [one for one in all_of_them if one.id == target],
            [one for one in all_of_them if one.label == target],
            [one for one in all_of_them if one.platform == target],
            [one for one in all_of_them if len(target) >= _ENOUGH and one.id.startswith(target)],
        ):
            if len(meant) > 1:
                several = ", ".join(f"{one.id[:8]} ({one.label})" for one in meant)
                raise BadInput(f"{target!r} means several connections: {several}; name one by its id")
            if meant:
                return meant[0]
        known = ", ".join(dict.fromkeys(one.label for one in all_of_them)) or "none yet"
        raise UnknownName(f"there is no connection or job {target!r}; the connections are: {known}")


_ENOUGH = 6  # letters of an id


def _apply(schedule: Schedule, timing: Timing) -> None:
    if timing.cron is not None and timing.every is not None:
        raise BadInput("a schedule has either a cron line or an interval; leave out --cron or --every")
    if timing.cron is not None:
        schedule.cron, schedule.every_seconds = timing.cron, None
    if timing.every is not None:
        if not SHORTEST <= timing.every <= LONGEST:
            raise BadInput(f"an interval may be from 1 minute to {LONGEST.days} days, not {timing.every}")
        schedule.cron, schedule.every_seconds = None, int(timing.every.total_seconds())
    if timing.time_zone is not None:
        schedule.time_zone = timing.time_zone
    if timing.jitter is not None:
        schedule.jitter_seconds = int(timing.jitter.total_seconds())
    longest = _LONGEST_JITTER if schedule.every_seconds is None else timedelta(seconds=schedule.every_seconds)
    if not 0 <= schedule.jitter_seconds <= longest.total_seconds():
        raise BadInput(
            "the jitter must not be longer than the interval, nor than a day where there is none; "
            "set a shorter one with --jitter"
        )
    if timing.catch_up is not None:
        schedule.catch_up = timing.catch_up
    if schedule.name == AS_OFFERED:
        schedule.name = "set"
