"""What the Sync runs page says, read from the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlmodel import Session, col, select

from adjoin.db.models import Account, Connection, Run, RunState, RunTrigger, Slice, SliceState
from adjoin_dashboard import numbers

__all__ = ["FailedSlice", "RunLine", "connection_name", "difference_sentences", "failed_slices", "load_runs"]

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
    RunTrigger.RESUME: "Resumed",
}
_METRICS = {"cost_micros": "spend", "conversion_value_micros": "conversion value"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run, in words. `share` of its slices is done, from 0 to 1; `silent` is set when its worker seems gone."""

    id: str
    state: RunState
    state_text: str
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
    silent: bool

    @property
    def name(self) -> str:
        """Whose run it is."""
        return connection_name(self.platform, self.connection)

    @property
    def active(self) -> bool:
        return not self.state.ended

    @property
    def effort(self) -> str:
        """What it asked of the platform: requests, and what they cost of its quota where that is not the same."""
        said = f"{numbers.count(self.requests)} {'request' if self.requests == 1 else 'requests'}"
        if self.operations in (0, self.requests):  # runs of earlier releases have not counted operations
            return said
        return f"{said} ({numbers.count(self.operations)} API {'operation' if self.operations == 1 else 'operations'})"

    @property
    def share(self) -> float:
        return min(self.slices_done / self.slices_total, 1.0) if self.slices_total else 0.0

    @property
    def remark(self) -> str:
        """What to know about it at a glance."""
        if self.error:
            return self.error
        unexplained = sum(1 for one in self.differences if not one.get("known"))
        if unexplained:
            return f"{unexplained} unexplained {'difference' if unexplained == 1 else 'differences'}"
        return f"{len(self.notes)} notes" if len(self.notes) > 1 else "".join(self.notes)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedSlice:
    """A part of a run that failed for good."""

    account: str
    stream: str
    days: str
    error: str


def connection_name(platform: str, label: str) -> str:
    """Name a connection by its platform and its label, once where they are the same."""
    return platform if label in ("", platform) else f"{platform} ({label})"


def load_runs(
    session: Session, workspace_id: str, *, title: Callable[[str], str], now: datetime, limit: int, skip: int = 0
) -> list[RunLine]:
    """Return runs, the newest first. `title` names a platform."""
    found = session.exec(
        select(Run, Connection)
        .where(Run.workspace_id == workspace_id)
        .where(Connection.workspace_id == Run.workspace_id)
        .where(Connection.id == Run.connection_id)
        .order_by(col(Run.created_at).desc(), col(Run.id))
        .offset(skip)
        .limit(limit)
    ).all()
    return [_line(run, connection, title(connection.platform), now) for run, connection in found]


def failed_slices(session: Session, workspace_id: str, run_id: str) -> list[FailedSlice]:
    """Return the parts of a run that failed."""
    found = session.exec(
        select(Slice)
        .where(Slice.workspace_id == workspace_id)
        .where(Slice.run_id == run_id)
        .where(Slice.state == SliceState.FAILED)
        .order_by(col(Slice.account_id), col(Slice.stream), col(Slice.since))
    ).all()
    names = dict(session.exec(select(Account.id, Account.name).where(Account.workspace_id == workspace_id)).all())
    return [
        FailedSlice(
            account=names.get(one.account_id, one.account_id),
            stream=one.stream,
            days=numbers.days(one.since, one.until) if one.since and one.until else "",
            error=one.error or "no reason was recorded",
        )
        for one in found
    ]


def difference_sentences(
    differences: Sequence[Mapping[str, Any]], names: Mapping[str, str], currencies: Mapping[str, str]
) -> list[str]:
    """Say where two grains of an account do not add up to the same, the unexplained ones first."""
    return [
        _sentence(one, names, currencies) for one in sorted(differences, key=lambda one: one.get("known") is not None)
    ]


def _line(run: Run, connection: Connection, title: str, now: datetime) -> RunLine:
    seen = run.heartbeat_at or run.started_at
    return RunLine(
        id=run.id,
        state=run.state,
        state_text=_STATES[run.state],
        platform=title,
        connection=connection.label,
        trigger=_TRIGGERS[run.trigger],
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
        silent=run.state is RunState.RUNNING and seen is not None and now - seen > SILENCE,
    )


def _sentence(one: Mapping[str, Any], names: Mapping[str, str], currencies: Mapping[str, str]) -> str:
    account = str(one["account_id"])
    metric = str(one["metric"])
    amount = Decimal(str(one["difference"]))
    if metric.endswith("_micros"):
        shown = numbers.money(abs(amount), currencies.get(account, ""))
    else:
        shown = numbers.count(abs(amount))
    more, less = (one["coarser"], one["finer"]) if amount > 0 else (one["finer"], one["coarser"])
    days = f"{one['first_day']} to {one['last_day']}" if one["first_day"] != one["last_day"] else f"{one['first_day']}"
    what = _METRICS.get(metric, metric)
    why = f" {one['known']}" if one.get("known") else " The reason is not known."
    return f"{names.get(account, account)}, {days}: {more} has {shown} more {what} than {less}.{why}"
