"""The scheduler process: what runs when. Start it with `python scheduler.py`; SIGTERM or Ctrl-C stop it cleanly.

A second one stands by and takes over. What is due is decided by the database, in one transaction, so that a kill at any
moment neither loses a slot nor fires it twice.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial

import structlog

from adjoin.db.patience import when_reachable
from adjoin.db.tables import warn_of_tables
from adjoin.errors import AdjoinError
from adjoin.health.model import ConnectionHealth
from adjoin.http.redaction import redact_text
from adjoin.logs import configure, guard_crashes
from adjoin.mail.outbox import is_due, send_due, sender
from adjoin.monitor import Vitals, monitoring
from adjoin.runtime import Runtime
from adjoin.settings import load_settings
from adjoin.sync.job_board import JobBoard, JobsAtWork
from adjoin.sync.jobs import CoreJob, plugin_jobs
from adjoin.sync.leases import SCHEDULER, Held, LeaseKeeper
from adjoin.sync.mending import ClockWatch, mend_schedules
from adjoin.sync.retries import queue_retries
from adjoin.sync.rounds import Rounds
from adjoin.sync.schedules import dispatch_due
from adjoin.sync.workers.shared_clock import SharedClock

log = structlog.get_logger("adjoin.scheduler")


async def run(runtime: Runtime, stop: asyncio.Event, vitals: Vitals) -> None:
    """Do each thing at its time until `stop` is set."""
    store, clock = runtime.store, runtime.clock
    rounds = Rounds(vitals)
    lease = LeaseKeeper(store, SCHEDULER, clock=clock)
    board = JobBoard(store, [*plugin_jobs(runtime.kernel, clock), *chores(runtime)], clock=clock)
    jobs = JobsAtWork(board)
    watch = ClockWatch(clock)

    async def keep_lease() -> None:
        vitals.lead(await rounds.in_thread(lease.keep) is not None)

    async def dispatch(held: Held) -> None:
        if watch.went_back():
            await rounds.in_thread(partial(mend_schedules, store, now=clock.now()))
        queued = await rounds.in_thread(partial(dispatch_due, store, now=clock.now(), lease=held))
        _tell("runs queued", queued, vitals)

    async def start_jobs(held: Held) -> None:
        jobs.start(await rounds.in_thread(partial(board.take_due, lease=held)))

    async def retry(held: Held) -> None:
        queued = await rounds.in_thread(partial(queue_retries, store, now=clock.now()))
        _tell("runs queued to try again", queued, vitals)

    async def send_mail(held: Held) -> None:
        if await rounds.in_thread(partial(is_due, store, now=clock.now())):
            send = sender(runtime.kernel, runtime.settings.mailer)
            await rounds.in_thread(lambda: send_due(store, runtime.vault, send, clock=clock, most=10))

    async def sweep_up(held: Held) -> None:
        from adjoin.sync.workers.sweep import sweep

        found = await rounds.in_thread(partial(sweep, store, now=clock.now()))
        if found:
            log.info("swept", found=str(found))

    def leading(work: Callable[[Held], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def if_leading() -> None:
            if (held := lease.held) is not None:
                await work(held)

        return if_leading

    # What runs when, in seconds. Who does not lead only tries to; correctness does not depend on it.
    rounds.every(1, "lease", keep_lease)
    rounds.every(1, "dispatch", leading(dispatch))  # schedules that are due
    rounds.every(1, "jobs", leading(start_jobs))  # jobs of plugins and the chores below, each at its own time
    rounds.every(10, "retries", leading(retry))  # what failed for now
    rounds.every(10, "mail", leading(send_mail))  # what waits in the outbox
    if runtime.settings.executor == "workers":
        rounds.every(10, "sweep", leading(sweep_up))  # what dead workers have left behind
    if isinstance(clock, SharedClock):
        rounds.every(10, "clock", partial(rounds.in_thread, clock.synchronise))  # all go by the database's

    def begin() -> None:
        warn_of_tables(store, runtime.kernel)
        board.put_up()
        mend_schedules(store, now=clock.now())
        vitals.lead(lease.keep() is not None)

    await when_reachable(begin, stop=stop, patience=runtime.settings.wait_for_database)
    health = partial(_health, runtime)
    async with monitoring(runtime.settings.monitor, store=store, vitals=vitals, clock=clock, health=health):
        rounds.start()
        log.info("scheduler started", home=str(runtime.settings.home))
        try:
            await execute(runtime, stop, vitals)
        finally:
            await rounds.stop()  # what is being queued is queued whole
            await jobs.stop()
            with suppress(AdjoinError):  # it runs out by itself
                await asyncio.to_thread(lease.release)
            log.info("scheduler stopped")


def chores(runtime: Runtime) -> list[CoreJob]:
    """What the core does of itself, each at its own time: `adjoin schedules` shows when, and sets it."""

    def retention() -> object:
        from adjoin.facts.retention import clean

        return clean(
            runtime.store,
            runtime.facts,
            now=runtime.clock.now(),
            keep_superseded_days=runtime.settings.keep_superseded_days,
            keep_runs_days=runtime.settings.keep_runs_days,
        )

    def compaction() -> object:
        from adjoin.facts.compact import compact_all

        return f"{len(compact_all(runtime))} packed files"

    def purging() -> object:
        from adjoin.access.purge import purge

        return purge(runtime.store, runtime.facts, now=runtime.clock.now())

    def sessions() -> object:
        from adjoin.access import consent_attempts
        from adjoin.access.accounts import Accounts

        removed = runtime.doors.sessions.clean_up()
        consent_attempts.clean_up(runtime.store, now=runtime.clock.now())
        if runtime.settings.auth in runtime.kernel.plugins("auth"):
            asyncio.run(Accounts(runtime.doors).forget_deleted())
        return f"{removed} sessions that have expired"

    def alerts() -> object:
        from adjoin.alerts.checking import run

        return run(runtime)

    def reports() -> object:
        from adjoin.reports.sending import run

        return run(runtime)

    return [
        CoreJob(name="alerts", every=timedelta(minutes=1), work=alerts, timeout=timedelta(minutes=15)),
        CoreJob(name="reports", every=timedelta(minutes=1), work=reports, timeout=timedelta(minutes=15)),
        CoreJob(name="purge", every=timedelta(hours=1), work=purging),
        CoreJob(name="retention", every=timedelta(days=1), work=retention),
        CoreJob(name="sessions", every=timedelta(days=1), work=sessions),
        CoreJob(name="compaction", every=timedelta(days=7), work=compaction, timeout=timedelta(hours=6)),
    ]


async def execute(runtime: Runtime, stop: asyncio.Event, vitals: Vitals) -> None:
    """Have runs executed until `stop` is set: by workers, or here, as soon as no other process does, as `adjoin sync`.

    This does not depend on who leads: the lock of the executor knows better whether its holder lives.
    """
    told = ""
    while not stop.is_set():
        mine, reason = False, "another process executes the runs"
        with ExitStack() as stack:
            try:
                mine = await asyncio.to_thread(stack.enter_context, runtime.executor.exclusive())
            except AdjoinError as error:
                reason = str(error)
                vitals.problem("executor", reason)
            if mine:
                vitals.problem("executor", None)
                vitals.executing, told = True, ""
                try:
                    await runtime.executor.serve(stop)
                finally:
                    vitals.executing = False
                continue
        if reason != told:
            log.info("executing nothing for now", reason=reason)
            told = reason
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1)


def _health(runtime: Runtime) -> list[ConnectionHealth]:
    from adjoin.ads import v2
    from adjoin.health import connection_health

    described = {answer.plugin: answer.value for answer in runtime.kernel.hook(v2.Ads.describe).all()}
    return connection_health(runtime.store, runtime.facts, now=runtime.clock.now(), platforms=described)


def _tell(what: str, queued: list[str], vitals: Vitals) -> None:
    vitals.queued(len(queued), by=what)
    if queued:
        log.info(what, runs=len(queued))


def end_within(seconds: float, runtime: Runtime, vitals: Vitals) -> None:
    """End the process after so many seconds even if something hangs in it; its runs go back to the queue."""

    def give_up() -> None:
        log.error("something did not stop in time and is left behind", seconds=seconds)
        if vitals.executing and runtime.settings.executor == "embedded":
            back = threading.Thread(target=runtime.runs.requeue_orphans, daemon=True)
            back.start()
            back.join(5)  # a database that hangs as well; the next start does it
        os._exit(0)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()


async def main() -> None:
    """Set up, run until a signal comes, and close."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with Runtime(load_settings()) as runtime:
        vitals = Vitals(role="scheduler")

        def on_signal(*_: object) -> None:
            if not stop.is_set():
                end_within(runtime.settings.stop_seconds, runtime, vitals)
            loop.call_soon_threadsafe(stop.set)

        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, on_signal)
        patience = runtime.settings.wait_for_database
        # What is missing of the installation is said at once.
        await when_reachable(lambda: (runtime.executor, runtime.clock), stop=stop, patience=patience)
        await run(runtime, stop, vitals)


if __name__ == "__main__":
    configure("info")
    guard_crashes()
    logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it would tell of every tick
    try:
        asyncio.run(main())
    except AdjoinError as error:
        sys.exit(redact_text(f"error: {error}"))
