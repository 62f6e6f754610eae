"""The figures of an installation, read from the store when they are asked for, in the words of Prometheus.

No secret and no name of an account or a person is in them: connections go by their ids.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TypeAlias

import sqlalchemy as sa
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlmodel import Session, col, select

from adjoin.clock import Clock
from adjoin.db import Store
from adjoin.db.models import Connection, Lease, RateBucket, Run, RunState, Schedule, Throttle, Worker
from adjoin.errors import AdjoinError
from adjoin.health.model import ConnectionHealth
from adjoin.sync.leases import SCHEDULER, TTL

__all__ = ["STALE", "Figures", "HealthReader"]

#: A worker that was not heard of for so long counts as gone.
STALE = timedelta(seconds=30)

_KEPT_SECONDS = 5.0  # figures are read from the store this often at most, however often they are asked for
_HEALTH_KEPT_SECONDS = 60.0  # to tell the health of connections, fact files may have to be read


#: Reads how the connections are.
HealthReader: TypeAlias = Callable[[], list[ConnectionHealth]]


class Figures(Collector):
    """Reads the figures. When the store cannot be read, only `adjoin_store_up` is left, and says 0."""

    def __init__(self, store: Store, clock: Clock, health: HealthReader | None = None) -> None:
        self._store = store
        self._clock = clock
        self._health = health
        self._healths: list[ConnectionHealth] = []
        self._healths_at: float | None = None
        self._lock = threading.Lock()
        self._kept: list[Metric] = []
        self._kept_at: float | None = None

    def describe(self) -> Iterable[Metric]:
        return []  # or the registry would read everything once to learn the names

    def collect(self) -> Iterable[Metric]:
        """Return all figures, at most a few seconds old."""
        with self._lock:
            now = self._clock.monotonic()
            if self._kept_at is None or now - self._kept_at >= _KEPT_SECONDS:
                self._kept, self._kept_at = self._read(), self._clock.monotonic()
            return list(self._kept)

    def _read(self) -> list[Metric]:
        up = GaugeMetricFamily("adjoin_store_up", "Whether the state database answers.")
        try:
            self._store.check_schema()
            with self._store.read() as session:
                found = [metric for part in _PARTS for metric in part(session, self._clock.now())]
            found += self._read_health()
        except AdjoinError:
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [up, *found]

    def _read_health(self) -> list[Metric]:
        if self._health is None:
            return []
        now = self._clock.monotonic()
        if self._healths_at is None or now - self._healths_at >= _HEALTH_KEPT_SECONDS:
            self._healths_at = now
            try:
                self._healths = self._health()
            except AdjoinError:  # the other figures are to be had without; `adjoin doctor` says what is wrong
                self._healths = []
        labels = ["platform", "connection"]
        late = GaugeMetricFamily(
            "adjoin_connection_late_seconds", "How much older the data are than the schedule allows.", labels=labels
        )
        found = GaugeMetricFamily(
            "adjoin_connection_findings",
            "What there is to know about a connection, as `adjoin doctor` says it.",
            labels=[*labels, "problem", "severity"],
        )
        for one in self._healths:
            late.add_metric([one.platform, one.connection_id], one.late.total_seconds())
            kinds = Counter((str(finding.problem), str(finding.severity)) for finding in one.findings)
            for (problem, severity), count in sorted(kinds.items()):
                found.add_metric([one.platform, one.connection_id, problem, severity], count)
        return [late, found]


def _runs(session: Session, now: datetime) -> Iterator[Metric]:
    sums = (sa.func.count(), sa.func.sum(col(Run.rows)), sa.func.sum(col(Run.attempts)))
    query = sa.select(col(Run.state), col(Run.trigger)).add_columns(*sums).group_by(col(Run.state), col(Run.trigger))
    runs = GaugeMetricFamily("adjoin_runs", "Runs in the store.", labels=["state", "trigger"])
    read = GaugeMetricFamily("adjoin_runs_rows", "Rows that these runs have read.", labels=["state", "trigger"])
    attempts = GaugeMetricFamily(
        "adjoin_runs_attempts", "How often these runs were taken to be executed.", labels=["state", "trigger"]
    )
    for state, trigger, count, row_count, attempt_count in session.connection().execute(query):
        runs.add_metric([str(state), str(trigger)], count)
        read.add_metric([str(state), str(trigger)], float(row_count))
        attempts.add_metric([str(state), str(trigger)], float(attempt_count))
    yield from (runs, read, attempts)


def _queue(session: Session, now: datetime) -> Iterator[Metric]:
    since = sa.func.coalesce(col(Run.not_before), col(Run.created_at))
    queued = select(sa.func.count(), sa.func.min(since)).where(col(Run.state) == RunState.QUEUED)
    due = queued.where(sa.or_(col(Run.not_before).is_(None), col(Run.not_before) <= now))
    length, _ = session.exec(queued).one()
    ready, oldest = session.exec(due).one()
    again = session.exec(
        select(sa.func.count()).where(col(Run.state).in_((RunState.QUEUED, RunState.RUNNING)), col(Run.attempts) > 1)
    ).one()
    retries = session.exec(select(sa.func.count()).where(col(Run.retry_at).is_not(None))).one()
    yield _gauge("adjoin_queue_length", "Runs that wait to be executed.", length)
    yield _gauge("adjoin_queue_due", "Runs that wait and could be executed now.", ready)
    yield _gauge(
        "adjoin_queue_oldest_due_seconds", "How long the oldest run that could be executed waits.", _age(now, oldest)
    )
    yield _gauge("adjoin_runs_repeated", "Queued and running runs that were taken more than once.", again)
    yield _gauge("adjoin_retries_planned", "Ended runs of which something is to be tried again.", retries)


def _schedules(session: Session, now: datetime) -> Iterator[Metric]:
    for name, kind in (("sync", col(Schedule.job).is_(None)), ("job", col(Schedule.job).is_not(None))):
        due, oldest = session.exec(
            select(sa.func.count(), sa.func.min(col(Schedule.next_run_at))).where(
                col(Schedule.enabled).is_(True), col(Schedule.next_run_at) <= now, kind
            )
        ).one()
        yield _gauge(f"adjoin_schedules_{name}_due", f"Schedules of a {name} that are due.", due)
        yield _gauge(
            f"adjoin_schedules_{name}_lag_seconds", f"How late the oldest due {name} schedule is.", _age(now, oldest)
        )
    failing = session.exec(select(sa.func.count()).where(col(Schedule.last_error).is_not(None))).one()
    yield _gauge("adjoin_schedules_failing", "Schedules whose last slot came to nothing.", failing)


def _throttling(session: Session, now: datetime) -> Iterator[Metric]:
    kept = session.exec(
        select(sa.func.count(), sa.func.max(col(Throttle.blocked_until))).where(col(Throttle.blocked_until) > now)
    ).one()
    instant = now.timestamp()
    shared = session.exec(
        select(sa.func.count(), sa.func.max(col(RateBucket.blocked_until))).where(
            col(RateBucket.blocked_until) > instant
        )
    ).one()
    slowed = session.exec(select(sa.func.count()).where(col(RateBucket.factor) < 1)).one()
    ends = [shared[1] or instant, instant if kept[1] is None else kept[1].timestamp()]
    yield _gauge("adjoin_buckets_blocked", "Rate buckets that a platform has blocked for now.", kept[0] + shared[0])
    yield _gauge(
        "adjoin_buckets_blocked_seconds", "How long the longest of these blocks will last.", max(ends) - instant
    )
    yield _gauge("adjoin_buckets_slowed", "Shared rate buckets that go slower than allowed, as asked.", slowed)


def _processes(session: Session, now: datetime) -> Iterator[Metric]:
    left = GaugeMetricFamily("adjoin_lease_seconds_left", "How long a lease holds unless renewed.", labels=["lease"])
    age = GaugeMetricFamily("adjoin_lease_age_seconds", "Time since a lease was renewed.", labels=["lease"])
    epoch = GaugeMetricFamily("adjoin_lease_epoch", "How often a lease has changed hands.", labels=["lease"])
    for lease in session.exec(select(Lease).where(col(Lease.name) == SCHEDULER)):
        rest = (lease.expires_at - now).total_seconds()
        left.add_metric([lease.name], rest)
        age.add_metric([lease.name], TTL.total_seconds() - rest)
        epoch.add_metric([lease.name], lease.epoch)
    yield from (left, age, epoch)
    alive, stale, running, room = session.exec(
        select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.case((col(Worker.heartbeat_at) < now - STALE, 1), else_=0)), 0),
            sa.func.coalesce(sa.func.sum(col(Worker.running)), 0),
            sa.func.coalesce(sa.func.sum(col(Worker.concurrency)), 0),
        )
    ).one()
    yield _gauge("adjoin_workers", "Workers that have not signed off.", alive)
    yield _gauge("adjoin_workers_stale", "Workers among them that were not heard of lately.", stale)
    yield _gauge("adjoin_workers_running", "Runs that workers say they execute.", running)
    yield _gauge("adjoin_workers_capacity", "Runs that they could execute at once.", room)


def _connections(session: Session, now: datetime) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "adjoin_connection_usable", "Whether a connection can be used.", labels=["platform", "connection"]
    )
    age = GaugeMetricFamily(
        "adjoin_connection_sync_age_seconds", "Time since the last good sync.", labels=["platform", "connection"]
    )
    rows = session.exec(
        select(col(Connection.platform), col(Connection.id), col(Connection.state), col(Connection.last_sync_at))
    )
    for platform, connection_id, how, synced_at in rows:
        state.add_metric([platform, connection_id], 1 if how == "ok" else 0)
        if synced_at is not None:
            age.add_metric([platform, connection_id], _age(now, synced_at))
    yield from (state, age)


_PARTS: tuple[Callable[[Session, datetime], Iterator[Metric]], ...] = (
    _runs,
    _queue,
    _schedules,
    _throttling,
    _processes,
    _connections,
)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _age(now: datetime, instant: datetime | None) -> float:
    return 0.0 if instant is None else max((now - instant).total_seconds(), 0.0)
