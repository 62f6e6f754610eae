"""The rows of slices, and the progress that they make of a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.db.models import Connection, Run, Slice, SliceState
from adjoin.sync.planner import Listing, PlannedSlice
from adjoin.sync.states import SLICE_TABLE, SliceEvent

__all__ = ["add_slices", "listings", "move_slice", "slices_of"]

#: Nothing is fetched of these any more.
_DONE = frozenset({SliceState.STAGED, SliceState.FAILED, SliceState.SPLIT, SliceState.COMMITTED})


def slices_of(session: Session, workspace_id: str, run_id: str, *, account_id: str | None = None) -> list[Slice]:
    """Return the slices of a run, or those of one account in it, in the order in which they were planned."""
    query = select(Slice).where(col(Slice.workspace_id) == workspace_id, col(Slice.run_id) == run_id)
    if account_id is not None:
        query = query.where(col(Slice.account_id) == account_id)
    return list(session.exec(query.order_by(col(Slice.id))))


def add_slices(session: Session, run: Run, planned: Sequence[PlannedSlice]) -> list[Slice]:
    """Add slices to a run, after those that it has."""
    known = run.slices_total
    made = [_slice(run, piece, number) for number, piece in enumerate(planned, start=known)]
    session.add_all(made)
    run.slices_total = known + len(made)
    return made


def move_slice(session: Session, run: Run, piece: Slice, event: SliceEvent, **changes: Any) -> None:
    """Let something happen to a slice, in the store and in `piece`, and count it in the run. Raises IllegalMove."""
    stored = session.get_one(Slice, (piece.workspace_id, piece.id))
    before = stored.state, stored.rows
    changes["state"] = SLICE_TABLE.after(stored.state, event)
    for name, value in changes.items():
        setattr(stored, name, value)
        setattr(piece, name, value)
    session.add(stored)
    run.slices_done += (stored.state in _DONE) - (before[0] in _DONE)
    run.rows += stored.rows - before[1]


def listings(session: Session, connection: Connection, *, since: datetime) -> dict[str, dict[str, Listing]]:
    """Return per account and stream when the connection's entities were last listed, in runs made since then."""
    complete = sa.case((col(Slice.updated_since).is_(None), col(Slice.asked_at)))
    query = (
        select(col(Slice.account_id), col(Slice.stream), sa.func.max(col(Slice.asked_at)), sa.func.max(complete))
        .join(Run, sa.and_(col(Run.workspace_id) == col(Slice.workspace_id), col(Run.id) == col(Slice.run_id)))
        .where(
            col(Run.workspace_id) == connection.workspace_id,
            col(Run.connection_id) == connection.id,
            col(Run.created_at) >= since,
            col(Slice.state) == SliceState.COMMITTED,
            col(Slice.since).is_(None),
            col(Slice.asked_at).is_not(None),
        )
        .group_by(col(Slice.account_id), col(Slice.stream))
    )
    found: dict[str, dict[str, Listing]] = {}
    for account_id, stream, asked_at, complete_at in session.exec(query):
        if asked_at is not None:
            found.setdefault(account_id, {})[stream] = Listing(asked_at=asked_at, complete_at=complete_at)
    return found


def _slice(run: Run, piece: PlannedSlice, number: int) -> Slice:
    return Slice(
        workspace_id=run.workspace_id,
        run_id=run.id,
        id=f"{run.id}-{number:06d}",
        account_id=piece.account_id,
        stream=piece.stream,
        since=None if piece.window is None else piece.window.since,
        until=None if piece.window is None else piece.window.until,
        updated_since=piece.updated_since,
    )
