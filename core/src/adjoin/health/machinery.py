"""The processes that keep syncs going: the scheduler, the workers, and what waits for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa
from sqlmodel import col, select

from adjoin.db import Store
from adjoin.db.models import Lease, Schedule
from adjoin.errors import AdjoinError
from adjoin.health.words import span, when
from adjoin.sync.leases import TTL

__all__ = ["Check", "CheckState", "check_scheduler", "check_workers", "runs_are_executed"]

CheckState = Literal["ok", "note", "attention", "failed"]

_LEASE = "scheduler"
_UNNOTICED = timedelta(minutes=5)  # a due schedule is looked at within seconds while a scheduler runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something that was looked at, how it is, and what to do where it is not well."""

    check: str
    state: CheckState
    detail: str
    advice: str = ""


def check_scheduler(store: Store, *, now: datetime) -> Check:
    """Say whether a scheduler leads, and whether schedules wait for one."""
    with store.read() as session:
        lease = session.get(Lease, _LEASE)
        oldest = session.exec(select(sa.func.min(col(Schedule.next_run_at))).where(col(Schedule.enabled).is_(True)))
        due: datetime | None = oldest.one()
    waits = now - due if due is not None and now - due > _UNNOTICED else None
    waiting = f"; schedules are due since {when(due)}" if waits is not None and due is not None else ""
    advice = "Start `scheduler.py` and keep it running; `adjoin sync` syncs by hand."
    if lease is None:
        return Check(
            check="scheduler",
            state="attention" if waiting else "note",
            detail=f"none has run here yet{waiting}",
            advice=advice if waiting else "",
        )
    seen = lease.expires_at - TTL
    if lease.holder and lease.expires_at > now:
        lag = f"{waiting}, which it has not noticed" if waiting else ""
        return Check(
            check="scheduler",
            state="attention" if waiting else "ok",
            detail=f"{lease.holder} leads, last sign of life {when(seen)}{lag}",
            advice="Look into its log." if waiting else "",
        )
    gone = f"stopped at {when(seen)}" if not lease.holder else f"not heard of for {span(now - seen)} ({lease.holder})"
    return Check(
        check="scheduler",
        state="attention" if waiting or lease.holder else "note",
        detail=f"{gone}{waiting}",
        advice=advice,
    )


def check_workers(store: Store, *, now: datetime) -> list[Check]:
    """Say which workers there are and what no worker can do. For installations whose runs workers execute."""
    from adjoin.sync.workers.registry import live_workers, waiting_for_plugins
    from adjoin.sync.workers.schema import check

    try:
        check(store)
    except AdjoinError as error:
        return [Check(check="workers", state="failed", detail=str(error))]
    workers = live_workers(store, now=now)
    if not workers:
        return [
            Check(
                check="workers",
                state="failed",
                detail="no worker is running, so nobody executes runs",
                advice="Start `adjoin worker` on at least one machine.",
            )
        ]
    found = [
        Check(
            check=f"worker {one.host}/{one.pid}",
            state="attention" if one.note else "ok",
            detail=one.note or f"{one.running} of {one.concurrency} runs, version {one.version}",
        )
        for one in workers
    ]
    return found + [
        Check(check="workers", state="attention", detail=sentence) for sentence in waiting_for_plugins(store, now=now)
    ]


def runs_are_executed(store: Store, *, executor: str, now: datetime) -> bool:
    """Say whether a process is there that takes queued runs: a worker, or without workers the scheduler."""
    if executor == "workers":
        from adjoin.sync.workers.registry import live_workers

        return bool(live_workers(store, now=now))
    with store.read() as session:
        lease = session.get(Lease, _LEASE)
    return lease is not None and bool(lease.holder) and lease.expires_at > now
