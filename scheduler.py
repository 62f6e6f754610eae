"""The scheduler process: what runs when. Start it with `python scheduler.py`; SIGTERM or Ctrl-C stop it cleanly.

APScheduler is only the metronome and keeps nothing: which runs are due is decided by the database, in one transaction,
so that a kill at any moment neither loses a slot nor fires it twice.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import sys
from contextlib import suppress
from datetime import timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from adjoin.errors import AdjoinError, StateError
from adjoin.logs import configure
from adjoin.runtime import Runtime
from adjoin.settings import load_settings
from adjoin.sync.jobs import PluginJob, plugin_jobs
from adjoin.sync.schedules import dispatch_due

TICK = timedelta(seconds=1)  # how often due schedules are looked for

log = structlog.get_logger("adjoin.scheduler")


async def run(runtime: Runtime, stop: asyncio.Event) -> None:
    """Dispatch what is due and execute it, until `stop` is set."""
    metronome = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1})
    randomness = random.Random()  # noqa: S311 - spreads the load, guards nothing

    dispatching = asyncio.Lock()

    async def tick() -> None:
        async with dispatching:
            try:
                now = runtime.clock.now()
                queued = await asyncio.to_thread(dispatch_due, runtime.store, now=now, randomness=randomness)
            except StateError as error:  # the store may be back at the next tick
                log.error("due runs cannot be queued", error=str(error))
                return
        if queued:
            log.info("runs queued", runs=len(queued))

    # What runs when: due syncs each second, and the jobs of plugins as often as they ask.
    metronome.add_job(tick, "interval", seconds=TICK.total_seconds(), misfire_grace_time=None)
    for job in plugin_jobs(runtime.kernel, runtime.clock):
        metronome.add_job(_run_job, "interval", args=[job], seconds=job.every.total_seconds(), misfire_grace_time=None)

    metronome.start()
    log.info("scheduler started", home=str(runtime.settings.home))
    try:
        await runtime.executor.serve(stop)
    finally:
        metronome.pause()
        async with dispatching:  # what is being queued is queued whole
            metronome.shutdown(wait=False)
        log.info("scheduler stopped")


async def _run_job(job: PluginJob) -> None:
    with suppress(asyncio.CancelledError):  # the process stops, which the metronome would call an error
        await job.run()


async def main() -> None:
    """Set up, run until a signal comes, and close."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    with Runtime(load_settings()) as runtime, runtime.executor.exclusive() as mine:
        if not mine:
            raise StateError("another process executes the runs of this installation already; stop it first")
        await run(runtime, stop)


if __name__ == "__main__":
    configure("info")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it would tell of every tick
    try:
        asyncio.run(main())
    except AdjoinError as error:
        sys.exit(f"error: {error}")
