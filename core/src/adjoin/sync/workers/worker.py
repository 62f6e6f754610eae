"""A worker: a process that executes the runs which the queue hands it, beside others on other machines."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
import structlog

from adjoin import __version__
from adjoin.db.models import Worker as WorkerRow
from adjoin.db.patience import when_reachable
from adjoin.errors import AdjoinError, SchemaTooNew, SchemaTooOld, StateError, UnknownName
from adjoin.monitor import Vitals
from adjoin.sync.queue import lock_of, queue_of
from adjoin.sync.workers import registry, schema
from adjoin.sync.workers.folder import check_folder
from adjoin.sync.workers.locks import LockSession
from adjoin.sync.workers.shared_clock import SharedClock
from adjoin.sync.workers.sweep import sweep

if TYPE_CHECKING:
    from pathlib import Path

    from adjoin.clock import Clock
    from adjoin.db import Store
    from adjoin.sync.execution import Execution
    from adjoin.sync.runs import Attempt, RunBook
    from adjoin.sync.workers._jobs import JobWorker

__all__ = ["Worker"]

BEAT_SECONDS = 5.0
_CHORES_EVERY = 6  # beats between two sweeps
_UNWELL_AFTER = 60.0  # seconds without a sign of life until the monitor calls the worker unready
_LAST_BEAT = 5.0  # seconds that a last sign of life may take
_TRY_AGAIN = 2.0  # seconds until a lost database is tried again
_LOCK_RETRY = timedelta(seconds=5)


class Worker:
    """Executes runs until it is told to stop. One per process.

    Three things keep a run with one worker: its job's lock in the queue, a lock of the database that lives as long as
    this process's session, and the epoch that every write of an attempt carries. When that session is lost, so are the
    locks, and the worker gives back what it works on. Heartbeats come from a thread: the loop may be busy. Fact
    files lie in `bucket` or, where there is none, below `folder`.
    """

    def __init__(
        self,
        *,
        store: Store,
        runs: RunBook,
        execution: Execution,
        clock: Clock,
        plugins: Mapping[str, str],
        folder: Path | None = None,
        bucket: str = "",
        concurrency: int = 4,
        grace: float = 10.0,
        beat_seconds: float = BEAT_SECONDS,
        patience: float = 60.0,
        vitals: Vitals | None = None,
    ) -> None:
        now = clock.now()
        self.row = WorkerRow(
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            plugins=dict(plugins),
            concurrency=concurrency,
            started_at=now,
            heartbeat_at=now,
        )
        self._store = store
        self._runs = runs
        self._execution = execution
        self._clock = clock
        self._folder = folder
        self._bucket = bucket
        self._grace = grace
        self._beat_seconds = beat_seconds
        self._patience = patience
        self._vitals = vitals or Vitals(role="worker")
        self._locks = LockSession(store, self.row.id)
        self._log = structlog.get_logger("adjoin.worker").bind(worker=self.row.id[:8])
        self._at_work: set[asyncio.Task[None]] = set()
        self._jobs: JobWorker | None = None
        self._over = threading.Event()
        self._unfit: AdjoinError | None = None

    async def serve(self, stop: asyncio.Event) -> None:
        """Execute runs until `stop` is set. Those under way may end within the grace, then they go back to the queue.

        Raises StateError where a process executes runs by itself or the queue is not installed, and SchemaTooNew or
        SchemaTooOld when the store was upgraded meanwhile. A database that cannot be reached is waited for: at the
        start for `patience` seconds, then StoreUnreachable is raised; later for as long as it takes.
        """
        await when_reachable(self._begin, stop=stop, patience=self._patience)
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()  # told to stop from outside, or found unfit
        told = asyncio.create_task(_set_after(stop, ended))
        self._vitals.expect("beat", within=_UNWELL_AFTER)
        self._vitals.executing = True
        beating = threading.Thread(target=self._beat_on, args=(loop, ended), name="adjoin-worker-beat", daemon=True)
        beating.start()
        self._log.info(
            "worker started",
            plugins=sorted(self.row.plugins),
            concurrency=self.row.concurrency,
            leaves_to_others=self.row.note,
        )
        try:
            while not ended.is_set():
                try:
                    await self._serve_queue(ended)
                except Exception as error:  # noqa: BLE001 - the boundary: the database may be back in a moment
                    self._vitals.problem("queue", f"{type(error).__name__}: {error}")
                    self._log.error("the queue cannot be served", error=f"{type(error).__name__}: {error}")
                await _first_of(ended, _TRY_AGAIN)
        finally:
            told.cancel()
            self._over.set()
            self._vitals.executing = False
            await asyncio.to_thread(self._end, beating)
            self._log.info("worker stopped")
        if self._unfit is not None:
            raise self._unfit

    def _begin(self) -> None:
        self._store.check_schema()
        schema.check(self._store)
        self._open_locks()
        try:
            if self._folder is not None:
                check_folder(self._store, self._folder, bucket=self._bucket, now=self._clock.now())
            registry.beat(self._store, self.row, now=self._clock.now())
            self._sweep()
        except BaseException:
            self._locks.close()
            raise

    def _end(self, beating: threading.Thread) -> None:
        beating.join(_LAST_BEAT)
        self._locks.close()
        try:
            registry.leave(self._store, self.row.id)
        except AdjoinError as error:  # the others find out by the missing heartbeats
            self._log.warning("the worker could not sign off", error=str(error))

    def _open_locks(self) -> None:
        self._locks.open()
        if not self._locks.join_workers():
            self._locks.close()
            raise StateError(
                "Another process executes the runs of this installation by itself. Set ADJOIN_EXECUTOR=workers for "
                "the scheduler too and start it again, then start this worker"
            )

    async def _serve_queue(self, ended: asyncio.Event) -> None:
        """Serve the queue until `ended` is set, or until the connection to it breaks."""
        from adjoin.sync.workers._jobs import make_app, make_job_worker

        app = make_app(self._store.conninfo(), self._work)
        queues = [queue_of(platform) for platform in self.row.plugins]
        async with app.open_async():
            jobs = make_job_worker(app, queues, concurrency=self.row.concurrency, grace=self._grace)

            async def halt() -> None:
                await ended.wait()
                jobs.stop()  # type: ignore[no-untyped-call]

            halting = asyncio.create_task(halt())
            self._jobs = jobs
            self._vitals.problem("queue", None)
            try:
                await jobs.run()  # type: ignore[no-untyped-call]
            finally:
                self._jobs = None
                halting.cancel()

    async def _work(self, workspace_id: str, run_id: str) -> None:
        """Do one job: execute the run, unless there is nothing to do any more."""
        from adjoin.sync.workers._jobs import Later

        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("jobs run in tasks")
        try:
            run = await asyncio.to_thread(self._runs.get, workspace_id, run_id)
            if run.state.ended:
                return
            lock = lock_of(run)
            if not await asyncio.to_thread(self._locks.try_lock, lock):
                raise Later("another process still holds the connection", at=self._clock.now() + _LOCK_RETRY)
        except UnknownName:
            return
        except StateError as error:
            raise Later(str(error), at=self._clock.now() + _LOCK_RETRY) from error
        self._at_work.add(task)
        try:
            attempt = await self._take(workspace_id, run_id)
            if attempt is not None:
                await self._execution.perform(attempt)
        except StateError as error:
            raise Later(str(error), at=self._clock.now() + _LOCK_RETRY) from error
        finally:
            self._at_work.discard(task)
            await asyncio.shield(asyncio.to_thread(self._locks.unlock, lock))

    async def _take(self, workspace_id: str, run_id: str) -> Attempt | None:
        """Take the run. Cancelled meanwhile, it is given back: else it would count as running with nobody at it."""
        now, ids = self._clock.now(), {"worker": self.row.id, "workspace_id": workspace_id}
        taking = asyncio.create_task(asyncio.to_thread(self._runs.take, run_id, now=now, **ids))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            attempt = await taking
            if attempt is not None:
                await asyncio.to_thread(self._runs.release, attempt, now=self._clock.now())
            raise

    def _beat_on(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
        """Give signs of life until the worker ends; in a thread of its own."""
        beats = 0
        while not self._over.wait(self._beat_seconds):
            beats += 1
            if not self._hold_locks():
                loop.call_soon_threadsafe(self._let_go)
            try:
                with self._vitals.round("beat"):
                    self._beat()
                if beats % _CHORES_EVERY == 0:
                    self._sweep()
            except (SchemaTooNew, SchemaTooOld) as error:
                self._log.error("the store was upgraded; this worker takes no more runs", error=str(error))
                self._unfit = error
                loop.call_soon_threadsafe(ended.set)
                return
            except AdjoinError as error:
                self._log.error("no heartbeat", error=str(error))
            except Exception as error:  # noqa: BLE001 - the boundary: the thread must go on beating
                self._log.error("heartbeat failed unexpectedly", error=type(error).__name__, exc_info=True)

    def _beat(self) -> None:
        self._store.check_schema()
        if isinstance(self._clock, SharedClock):
            self._clock.synchronise()
        self.row.running = len(self._at_work)
        registry.beat(self._store, self.row, now=self._clock.now())
        jobs = self._jobs
        if jobs is not None and jobs.worker_id is not None:
            with self._store.statements() as connection:
                connection.execute(sa.text("SELECT procrastinate_update_heartbeat_v1(:id)"), {"id": jobs.worker_id})

    def _sweep(self) -> None:
        with self._vitals.round("sweep"):
            found = sweep(self._store, now=self._clock.now())
        if found:
            self._log.info("what others left behind was put right", **asdict(found))

    def _hold_locks(self) -> bool:
        """Say whether the session with the locks has lived until now; begin another one if not."""
        try:
            self._locks.check()
        except StateError as error:
            self._log.error("locks are lost, runs go back to the queue", error=str(error))
        else:
            return True
        try:
            self._open_locks()
        except StateError as error:
            self._log.error("locks cannot be taken", error=str(error))
            self._vitals.problem("locks", str(error))
        else:
            self._vitals.problem("locks", None)
        return False

    def _let_go(self) -> None:
        for task in self._at_work:
            task.cancel()


async def _set_after(stop: asyncio.Event, ended: asyncio.Event) -> None:
    await stop.wait()
    ended.set()


async def _first_of(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so long."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
