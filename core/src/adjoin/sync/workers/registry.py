"""The table of workers: who they are, what they can do, and when they were last heard of."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session, col, delete, select

from adjoin.db.models import Connection, Run, RunState, Worker

if TYPE_CHECKING:
    from collections.abc import Collection

    from adjoin.db import Store

__all__ = ["DEAD_AFTER", "beat", "leave", "live_workers", "note_waiting_runs", "waiting_for_plugins"]

#: A worker that was not heard of for so long is gone.
DEAD_AFTER = timedelta(seconds=45)


def beat(store: Store, worker: Worker, *, now: datetime) -> None:
    """Write the worker's row as it stands, whether it is new, known, or was given up meanwhile."""
    worker.heartbeat_at = now
    with store.write() as session:
        worker.note = _lacking(session, worker.plugins)
        session.merge(Worker(**worker.model_dump()))


def leave(store: Store, worker_id: str) -> None:
    """Take a worker that ends out of the table."""
    with store.write() as session:
        session.exec(delete(Worker).where(col(Worker.id) == worker_id))


def live_workers(store: Store, *, now: datetime) -> list[Worker]:
    """Return the workers that were heard of lately, the oldest first."""
    with store.read() as session:
        return _live(session, now)


def waiting_for_plugins(store: Store, *, now: datetime) -> list[str]:
    """Return a sentence for each platform whose runs wait because no worker has its plugin; none without workers."""
    with store.read() as session:
        workers = _live(session, now)
        if not workers:
            return []
        waiting = _platforms(session, {RunState.QUEUED}, due=now) - _served(workers)
    return [_sentence(platform) for platform in sorted(waiting)]


def note_waiting_runs(session: Session, *, now: datetime) -> int:
    """Say on each due run that waits for a plugin which no worker has why it waits. Returns how many they are."""
    workers = _live(session, now)
    missing = _platforms(session, {RunState.QUEUED}, due=now) - _served(workers) if workers else set()
    if not missing:
        return 0
    query = (
        select(Run, col(Connection.platform))
        .join(
            Connection,
            (col(Connection.workspace_id) == col(Run.workspace_id)) & (col(Connection.id) == col(Run.connection_id)),
        )
        .where(col(Run.state) == RunState.QUEUED, col(Connection.platform).in_(missing))
        .where(col(Run.not_before).is_(None) | (col(Run.not_before) <= now))
        .with_for_update(of=Run, skip_locked=True)
    )
    waiting = session.exec(query).all()
    for run, platform in waiting:
        sentence = _sentence(platform)
        if sentence not in run.notes:
            run.notes = [*run.notes, sentence]
            session.add(run)
    return len(waiting)


def _live(session: Session, now: datetime) -> list[Worker]:
    query = select(Worker).where(col(Worker.heartbeat_at) > now - DEAD_AFTER)
    return list(session.exec(query.order_by(col(Worker.started_at), col(Worker.id))))


def _served(workers: Collection[Worker]) -> set[str]:
    return {name for worker in workers for name in worker.plugins}


def _lacking(session: Session, plugins: Collection[str]) -> str | None:
    used = set(session.exec(select(col(Connection.platform)).distinct()))
    lacking = sorted(used - set(plugins))
    if not lacking:
        return None
    return f"leaves {', '.join(lacking)} to other workers: the plugin is not installed here, or could not be loaded"


def _platforms(session: Session, states: Collection[RunState], *, due: datetime) -> set[str]:
    query = (
        select(col(Connection.platform))
        .join(
            Run,
            (col(Connection.workspace_id) == col(Run.workspace_id)) & (col(Connection.id) == col(Run.connection_id)),
        )
        .where(col(Run.state).in_(states))
        .where(col(Run.not_before).is_(None) | (col(Run.not_before) <= due))
        .distinct()
    )
    return set(session.exec(query))


def _sentence(platform: str) -> str:
    return (
        f"waits for a worker with the plugin {platform!r}: no running worker has it; install it on one "
        "and start that worker again"
    )
