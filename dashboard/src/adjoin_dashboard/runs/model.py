"""What the Sync runs page says, read from the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.db.models import Connection, Run, RunState, RunTrigger
from adjoin.sync.asking import PRIORITY
from adjoin.sync.differences import difference_sentence, state_text, unexplained
from adjoin.sync.retries import Missing
from adjoin.writing import Writer

__all__ = [
    "EVERYTHING",
    "STATES",
    "MissingLine",
    "RunFilter",
    "RunLine",
    "connection_name",
    "count_runs",
    "difference_sentences",
    "load_active",
    "load_runs",
    "missing_lines",
]

#: A worker shows a sign of life every few seconds; after this long it is gone or frozen.
SILENCE = timedelta(minutes=2)

_STATES = {
    RunState.QUEUED: "○ Waiting",
    RunState.RUNNING: "◌ Running",
    RunState.SUCCEEDED: "✓ Done",
    RunState.PARTLY: "◐ Partly",
    RunState.FAILED: "✕ Failed",
    RunState.CANCELLED: "– Cancelled",
}
_TRIGGERS = {
    RunTrigger.PERSON: "By hand",
    RunTrigger.SCHEDULE: "Schedule",
    RunTrigger.BACKFILL: "Backfill",
    RunTrigger.RESUME: "Retry",
}
_WITH_DIFFERENCES = "≠ Differences"

#: The states by the words that a filter has for them.
STATES: Mapping[str, RunState] = {text.partition(" ")[2]: state for state, text in _STATES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs are asked for; what is empty filters nothing."""

    connection_id: str = ""
    states: tuple[RunState, ...] = ()

    def conditions(self, workspace_id: str) -> list[sa.ColumnElement[bool]]:
        """Return what a run has to be, in SQL."""
        found = [col(Run.workspace_id) == workspace_id]
        if self.connection_id:
            found.append(col(Run.connection_id) == self.connection_id)
        if self.states:
            found.append(col(Run.state).in_(self.states))
        return found


EVERYTHING = RunFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run, in words. `share` of its slices is done, from 0 to 1; `silent` is set when its worker seems gone.

    `outcome` is its state in full, `state_text` what fits a cell. `unexplained` counts the differences that nothing
    explains, which may be more than are kept. What failed for now is tried again at `retry_at`.
    """

    id: str
    connection_id: str
    state: RunState
    state_text: str
    outcome: str
    platform: str
    connection: str
    trigger: str
    started_at: datetime | None
    duration: timedelta | None
    rows: int
    requests: int
    operations: int
    slices_done: int
    slices_total: int
    error: str | None
    notes: tuple[str, ...]
    differences: tuple[Mapping[str, Any], ...]
    unexplained: int
    retry_at: datetime | None
    not_before: datetime | None
    created_at: datetime
    cancelling: bool
    priority: int
    urgency: str
    worker: str | None
    attempts: int
    silent: bool

    @property
    def name(self) -> str:
        """Whose run it is."""
        return connection_name(self.platform, self.connection)

    @property
    def active(self) -> bool:
        return not self.state.ended

    @property
    def lacks_something(self) -> bool:
        """Whether it has ended without having brought everything."""
        return self.state in (RunState.PARTLY, RunState.FAILED, RunState.CANCELLED)

    def effort(self, write: Writer) -> str:
        """What it asked of the platform: requests, and what they cost of its quota where that is not the same."""
        said = f"{write.counted(self.requests, 'request')}"
        if self.operations in (0, self.requests):  # runs of earlier releases have not counted operations
            return said
        return f"{said} ({write.counted(self.operations, 'API operation')})"

    @property
    def share(self) -> float:
        return min(self.slices_done / self.slices_total, 1.0) if self.slices_total else 0.0

    @property
    def remark(self) -> str:
        """What to know about it at a glance."""
        if self.cancelling and self.active:
            return "is being cancelled"
        if self.error:
            return self.error
        if self.unexplained:
            return f"{self.unexplained} unexplained {'difference' if self.unexplained == 1 else 'differences'}"
        return f"{len(self.notes)} notes" if len(self.notes) > 1 else "".join(self.notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingLine:
    """Parts of a run that are missing for one reason, and whether they are tried again by themselves."""

    account: str
    stream: str
    days: str
    why: str
    again: str


def connection_name(platform: str, label: str) -> str:
    """Name a connection by its platform and its label, once where they are the same."""
    return platform if label in ("", platform) else f"{platform} ({label})"


def load_runs(
    session: Session,
    workspace_id: str,
    *,
    title: Callable[[str], str],
    now: datetime,
    limit: int,
    skip: int = 0,
    wanted: RunFilter = EVERYTHING,
) -> list[RunLine]:
    """Return runs, the newest first. `title` names a platform."""
    found = session.exec(
        select(Run, Connection)
        .where(*wanted.conditions(workspace_id))
        .where(Connection.workspace_id == Run.workspace_id)
        .where(Connection.id == Run.connection_id)
        .order_by(col(Run.created_at).desc(), col(Run.id))
        .offset(skip)
        .limit(limit)
    ).all()
    return [_line(run, connection, title(connection.platform), now) for run, connection in found]


def load_active(
    session: Session, workspace_id: str, *, title: Callable[[str], str], now: datetime, limit: int
) -> list[RunLine]:
    """Return the runs that wait or are under way, the newest first."""
    active = RunFilter(states=(RunState.QUEUED, RunState.RUNNING))
    return load_runs(session, workspace_id, title=title, now=now, limit=limit, wanted=active)


def count_runs(session: Session, workspace_id: str, wanted: RunFilter) -> int:
    """Return how many runs there are."""
    return session.exec(select(sa.func.count()).select_from(Run).where(*wanted.conditions(workspace_id))).one()


def missing_lines(
    missing: Sequence[Missing], names: Mapping[str, str], *, retry_at: datetime | None, write: Writer
) -> list[MissingLine]:
    """Say what a run did not bring in. `names` are those of accounts; `retry_at` is when it is tried again."""
    again = "no more; the next full run reads it" if retry_at is None else write.stamp(retry_at)
    return [
        MissingLine(
            account=names.get(one.account_id, one.account_id),
            stream=one.stream,
            days=write.days(one.since, one.until) if one.since and one.until else "",
            why=one.reason or "no reason was recorded",
            again=again if one.passing else "not by itself: it needs somebody",
        )
        for one in missing
    ]


def difference_sentences(
    differences: Sequence[Mapping[str, Any]], names: Mapping[str, str], currencies: Mapping[str, str], write: Writer
) -> list[str]:
    """Say where two grains of an account do not add up to the same, the unexplained ones first."""
    found = []
    for one in sorted(differences, key=lambda one: bool(one.get("known"))):
        account = str(one["account_id"])
        name, currency = names.get(account, account), currencies.get(account, "")
        found.append(difference_sentence(one, name=name, money=write.money, currency=currency))
    return found


def _line(run: Run, connection: Connection, title: str, now: datetime) -> RunLine:
    seen = run.heartbeat_at or run.started_at
    unknown = max(run.unexplained, len(unexplained(run.differences)))  # earlier releases did not count them
    differing = run.state is RunState.SUCCEEDED and unknown > 0
    return RunLine(
        id=run.id,
        connection_id=run.connection_id,
        state=run.state,
        state_text=_WITH_DIFFERENCES if differing else _STATES[run.state],
        outcome=state_text(run),
        platform=title,
        connection=connection.label,
        trigger=_trigger(run),
        started_at=run.started_at,
        duration=None if run.started_at is None else (run.finished_at or now) - run.started_at,
        rows=run.rows,
        requests=run.requests,
        operations=run.operations,
        slices_done=run.slices_done,
        slices_total=run.slices_total,
        error=run.error,
        notes=tuple(run.notes),
        differences=tuple(run.differences),
        unexplained=unknown,
        retry_at=run.retry_at,
        not_before=run.not_before,
        created_at=run.created_at,
        cancelling=run.cancel_requested_at is not None,
        priority=run.priority,
        urgency=_urgency(run),
        worker=run.worker,
        attempts=run.attempts,
        silent=run.state is RunState.RUNNING and seen is not None and now - seen > SILENCE,
    )


def _trigger(run: Run) -> str:
    if run.trigger is RunTrigger.PERSON and run.retry_of is not None:
        return "Retry by hand"
    told = _TRIGGERS[run.trigger]
    return f"{told} {run.tries}" if run.trigger is RunTrigger.RESUME and run.tries else told


def _urgency(run: Run) -> str:
    """Say where a run stands in the queue where that is not where its trigger puts it."""
    usual = PRIORITY[run.trigger]
    if run.priority == usual:
        return ""
    return "moved ahead" if run.priority > usual else "put back"
