"""The command that executes runs beside other machines: worker."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from adjoin.runtime import Runtime

__all__ = ["register"]

_STOPPED_LATE = 1
#: Seconds after the grace in which interrupted runs are given back. A process that still lives then is ended.
_GIVING_BACK = 15.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker")(worker)


def worker(
    concurrency: int = typer.Option(4, "--concurrency", min=1, max=100, help="How many runs to execute at once."),
    grace: float = typer.Option(
        10.0, "--grace", min=0, help="Seconds that runs get to end after SIGTERM before they go back to the queue."
    ),
) -> None:
    """Execute runs until stopped, beside the workers of other machines. Needs PostgreSQL and ADJOIN_EXECUTOR=workers.

    SIGTERM or Ctrl-C stop it: what does not end within the grace goes back to the queue.

    Example: adjoin worker --concurrency 8
    """
    from adjoin.logs import configure
    from adjoin.runtime import Runtime
    from adjoin.settings import load_settings

    if not _is_debug():
        configure("info")
        for name in ("procrastinate", "psycopg.pool"):  # they would tell of every job and every second try
            logging.getLogger(name).setLevel(logging.ERROR)
    with Runtime(load_settings()) as runtime:
        asyncio.run(_serve(runtime, concurrency=concurrency, grace=grace))


def _is_debug() -> bool:
    return logging.getLogger().isEnabledFor(logging.DEBUG)


async def _serve(runtime: Runtime, *, concurrency: int, grace: float) -> None:
    from adjoin.db.patience import when_reachable
    from adjoin.monitor import Vitals, monitoring

    vitals = Vitals(role="worker")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        # What hangs must not keep the machine from going down: a worker that dies loses nothing.
        late = threading.Timer(grace + _GIVING_BACK, os._exit, [_STOPPED_LATE])
        late.daemon = True
        late.start()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end)
    made = await when_reachable(
        lambda: runtime.worker(concurrency=concurrency, grace=grace, vitals=vitals),
        stop=stop,
        patience=runtime.settings.wait_for_database,
    )
    async with monitoring(runtime.settings.monitor, store=runtime.store, vitals=vitals, clock=runtime.clock):
        await made.serve(stop)
