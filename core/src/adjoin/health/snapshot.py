"""What the database says about connections, read in a handful of queries however many connections there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.db.models import Account, Connection, Run, RunState, RunTrigger, Schedule, Slice, SliceState

__all__ = ["Failure", "Snapshot", "snapshots"]

#: Ended runs are looked for so far back; what an older one came to is on the connection itself.
_RECENT = timedelta(days=40)
_RUNS = 3  # of a connection, and as many of its backfill
_TOLD = (RunState.SUCCEEDED, RunState.PARTLY, RunState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The parts of a run that failed for an account in one way. `error` is one of them."""

    account_id: str
    kind: str
    parts: int
    error: str


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """What is known of one connection.

    `ended` are its latest ended runs, newest first, and `failures` what failed in each, by its id. `ahead` is how much
    the platform's clock is ahead of ours.
    """

    connection: Connection
    schedules: list[Schedule] = field(default_factory=list)
    active: Run | None = None
    ended: list[Run] = field(default_factory=list)
    failures: dict[str, list[Failure]] = field(default_factory=dict)
    accounts: list[Account] = field(default_factory=list)
    ahead: timedelta = timedelta(0)

    @property
    def current(self) -> list[Run]:
        """The ended runs that tell how things are: the newest, back to one that read everything that was due.

        Of backfill, which reads older days, it is the last one.
        """
        backfill = [run for run in self.ended if run.trigger is RunTrigger.BACKFILL][:1]
        others = [run for run in self.ended if run.trigger is not RunTrigger.BACKFILL]
        whole = next((place for place, run in enumerate(others) if _is_whole(run)), len(others))
        return [*others[: whole + 1], *backfill]

    def name_of(self, account_id: str) -> str:
        """Return an account's name with its id."""
        found = next((one.name for one in self.accounts if one.id == account_id), "")
        return f"{found} ({account_id})" if found and found != account_id else account_id


def snapshots(session: Session, *, now: datetime, workspace_id: str | None) -> list[Snapshot]:
    """Read the connections of a workspace, or of all with None; the oldest first."""
    query = _of(select(Connection), Connection, workspace_id)
    found = [
        Snapshot(connection=one) for one in session.exec(query.order_by(col(Connection.created_at), col(Connection.id)))
    ]
    by_key = {(one.connection.workspace_id, one.connection.id): one for one in found}
    _add_schedules(session, by_key, workspace_id)
    for run in session.exec(_of(select(Run).where(col(Run.state).in_(_ACTIVE)), Run, workspace_id)):
        if (run.workspace_id, run.connection_id) in by_key:
            by_key[run.workspace_id, run.connection_id].active = run
    for run in _ended(session, now, workspace_id):
        if (run.workspace_id, run.connection_id) in by_key:
            by_key[run.workspace_id, run.connection_id].ended.append(run)
    for account in session.exec(
        _of(select(Account), Account, workspace_id).order_by(col(Account.name), col(Account.id))
    ):
        if (account.workspace_id, account.connection_id) in by_key:
            by_key[account.workspace_id, account.connection_id].accounts.append(account)
    _add_slices(session, found)
    return found


_ACTIVE = (RunState.QUEUED, RunState.RUNNING)


def _is_whole(run: Run) -> bool:
    return run.accounts is None and run.streams is None and run.since is None and run.until is None


def _of(query: Any, model: Any, workspace_id: str | None) -> Any:
    return query if workspace_id is None else query.where(col(model.workspace_id) == workspace_id)


def _add_schedules(session: Session, by_key: Mapping[tuple[str, str], Snapshot], workspace_id: str | None) -> None:
    whole: dict[str, list[Schedule]] = defaultdict(list)
    query = _of(select(Schedule).where(col(Schedule.job).is_(None)), Schedule, workspace_id)
    for schedule in session.exec(query.order_by(col(Schedule.next_run_at), col(Schedule.id))):
        if schedule.connection_id is None:
            whole[schedule.workspace_id].append(schedule)
        elif (schedule.workspace_id, schedule.connection_id) in by_key:
            by_key[schedule.workspace_id, schedule.connection_id].schedules.append(schedule)
    for (workspace, _), one in by_key.items():
        one.schedules += whole[workspace]


def _ended(session: Session, now: datetime, workspace_id: str | None) -> Collection[Run]:
    """Return the latest ended runs of each connection, newest first; those of its backfill are counted apart."""
    rank = sa.func.row_number().over(
        partition_by=(
            col(Run.workspace_id),
            col(Run.connection_id),
            sa.case((col(Run.trigger) == RunTrigger.BACKFILL, 1), else_=0),
        ),
        order_by=(col(Run.created_at).desc(), col(Run.id)),
    )
    recent = select(col(Run.workspace_id), col(Run.id), rank.label("place")).where(
        col(Run.created_at) >= now - _RECENT, col(Run.state).in_(_TOLD)
    )
    ranked = _of(recent, Run, workspace_id).subquery()
    query = (
        select(Run)
        .join(ranked, sa.and_(ranked.c.workspace_id == col(Run.workspace_id), ranked.c.id == col(Run.id)))
        .where(ranked.c.place <= _RUNS)
        .order_by(col(Run.created_at).desc(), col(Run.id))
    )
    return list(session.exec(query))


def _add_slices(session: Session, found: Collection[Snapshot]) -> None:
    """Add what failed in these runs, and the platform's clock as its answers told it."""
    by_run = {run.id: one for one in found for run in one.current}
    if not by_run:
        return
    workspaces = {one.connection.workspace_id for one in found}
    mine = sa.and_(col(Slice.workspace_id).in_(workspaces), col(Slice.run_id).in_(by_run))
    key: Any = (col(Slice.run_id), col(Slice.account_id), col(Slice.error_kind))
    failed = (
        sa.select(*key, sa.func.count(), sa.func.min(col(Slice.error)))
        .where(mine, col(Slice.state) == SliceState.FAILED)
        .group_by(*key)
        .order_by(*key)
    )
    answered: Any = session.exec(cast("Any", failed))
    for run_id, account_id, kind, parts, error in answered:
        failure = Failure(account_id=account_id, kind=kind or "", parts=parts, error=error or "")
        by_run[run_id].failures.setdefault(run_id, []).append(failure)
    clocks = (
        sa.select(col(Slice.run_id), sa.func.min(col(Slice.asked_at)), sa.func.min(col(Slice.started_at)))
        .where(mine, col(Slice.asked_at).is_not(None))
        .group_by(col(Slice.run_id))
    )
    answered = session.exec(cast("Any", clocks))
    told: dict[str, timedelta] = {run_id: asked - started for run_id, asked, started in answered if asked and started}
    for one in found:
        one.ahead = next((told[run.id] for run in one.current if run.id in told), timedelta(0))
