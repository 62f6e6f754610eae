"""The connections of a workspace as the page Sync runs needs them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sqlmodel import col, select

from adjoin.access.connection_changes import is_disconnected
from adjoin.db.models import Connection, Run, RunState, Schedule
from adjoin_dashboard.connections.model import schedule_text
from adjoin_dashboard.context import Context
from adjoin_dashboard.runs.model import connection_name

__all__ = ["Line", "Machinery", "load_lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A connection with its schedule, in words. `problem` is why its last slot came to nothing."""

    id: str
    platform: str
    name: str
    disconnected: bool
    schedule: str
    due: str
    last: str
    scheduled: bool
    paused: bool
    problem: str
    syncing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Machinery:
    """The connections, the oldest first; `why_not` says why no sync can be asked for, empty: one can."""

    connections: tuple[Line, ...]
    why_not: str

    @property
    def in_use(self) -> list[Line]:
        return [one for one in self.connections if not one.disconnected]

    def name(self, connection_id: str) -> str:
        """Return what a connection is called."""
        return next((one.name for one in self.connections if one.id == connection_id), connection_id)


def load_lines(context: Context) -> list[Line]:
    """Read the connections of the workspace, also those that were disconnected."""
    schedules: dict[str, list[Schedule]] = defaultdict(list)
    with context.store.read() as session:
        connections = session.exec(select(Connection)).all()
        for schedule in session.exec(select(Schedule)):
            if schedule.connection_id is not None:
                schedules[schedule.connection_id].append(schedule)
        active = set(
            session.exec(
                select(Run.connection_id)
                .where(Run.workspace_id == context.workspace_id)
                .where(col(Run.state).in_((RunState.QUEUED, RunState.RUNNING)))
            )
        )
    return [
        _line(context, one, schedules[one.id], syncing=one.id in active)
        for one in sorted(connections, key=lambda one: (one.created_at, one.id))
    ]


def _line(context: Context, connection: Connection, schedules: list[Schedule], *, syncing: bool) -> Line:
    due = min((one.next_run_at for one in schedules if one.enabled), default=None)
    last = max((one.last_run_at for one in schedules if one.last_run_at is not None), default=None)
    return Line(
        id=connection.id,
        platform=connection.platform,
        name=connection_name(context.host.platform_title(connection.platform), connection.label),
        disconnected=is_disconnected(connection),
        schedule=schedule_text(schedules, context.write),
        due="" if due is None else context.write.moment(due),
        last="" if last is None else context.write.moment(last),
        scheduled=bool(schedules),
        paused=bool(schedules) and not any(one.enabled for one in schedules),
        problem=next((one.last_error for one in schedules if one.last_error), ""),
        syncing=syncing,
    )
