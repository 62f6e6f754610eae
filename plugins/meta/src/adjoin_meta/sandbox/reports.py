"""Asynchronous reports: a run moves on with each poll, not with the clock, so that tests need not wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from adjoin_meta.sandbox.errors import no_such_object
from adjoin_meta.sandbox.insights import Query

__all__ = ["QUICK", "USUAL", "Reports", "Run", "State"]

_LIFE = timedelta(days=30)
_FIRST_ID = 6_023_920_149_050


@dataclass(frozen=True, slots=True)
class State:
    """What a poll shows."""

    status: str
    percent: int
    error: tuple[int, int, str] | None = None


#: What polls show one after the other; the last one stays. Small reports are complete by the first poll.
QUICK = (State("Job Completed", 100),)
USUAL = (State("Job Running", 40), State("Job Completed", 100))


@dataclass(slots=True, kw_only=True)
class Run:
    """One report that was ordered."""

    id: str
    query: Query
    made_at: datetime
    states: tuple[State, ...] = USUAL
    unknown_polls: int = 0
    polls: int = 0

    @property
    def completed(self) -> bool:
        return self.polls >= len(self.states) and self.states[-1].status == "Job Completed"

    def poll(self) -> dict[str, Any]:
        """Return the node and move on. A run that is not known yet is refused."""
        if self.unknown_polls:
            self.unknown_polls -= 1
            raise no_such_object(self.id)
        state = self.states[min(self.polls, len(self.states) - 1)]
        self.polls += 1
        node: dict[str, Any] = {
            "id": self.id,
            "account_id": self.query.account_id.removeprefix("act_"),
            "time_ref": int(self.made_at.timestamp()),
            "async_status": state.status,
            "async_percent_completion": state.percent,
            "date_start": self.query.since.isoformat(),
            "date_stop": self.query.until.isoformat(),
        }
        if state.status == "Job Completed":
            node["time_completed"] = int(self.made_at.timestamp()) + self.polls
        if state.error is not None:
            node["error_code"], node["error_subcode"], node["error_message"] = state.error
        return node


@dataclass(slots=True)
class Reports:
    """All runs by id."""

    _runs: dict[str, Run] = field(default_factory=dict)

    def order(self, query: Query, now: datetime, *, states: tuple[State, ...] = USUAL, unknown_polls: int = 0) -> Run:
        """Start a run."""
        run_id = str(_FIRST_ID + len(self._runs) * 7)
        run = Run(id=run_id, query=query, made_at=now, states=states, unknown_polls=unknown_polls)
        self._runs[run_id] = run
        return run

    def find(self, run_id: str, now: datetime) -> Run | None:
        """Return a run; None if there is none of this id or it has expired."""
        run = self._runs.get(run_id)
        return run if run is not None and now - run.made_at < _LIFE else None
