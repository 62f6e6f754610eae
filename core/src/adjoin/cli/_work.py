"""Works off queued runs while a person watches: here, or in the process that executes them already."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from adjoin.cli._output import say

if TYPE_CHECKING:
    from adjoin.cli._place import Place
    from adjoin.sync.executor import RunExecutor

__all__ = ["work_off"]

_REDRAW = 0.2  # seconds between two looks at the progress
_ASK_AGAIN = 1.0  # seconds until a waiting process tries to become the executing one
_PATIENCE = 3.0  # seconds until it is said that no worker takes a run: one may be starting


def work_off(place: Place, run_ids: Sequence[str], *, quiet: bool) -> None:
    """Return when the runs have ended. Executes the queue here, unless another process does; then waits for that one.

    If that process goes away the runs are executed here. An interruption gives them back to the queue.
    """
    if place.runtime.settings.executor == "workers":
        _await_workers(place, run_ids, quiet=quiet)
        return
    waiting = False
    with _shown(place, run_ids, quiet=quiet) as show:
        while True:
            with place.runtime.executor.exclusive() as mine:
                if mine:
                    _execute(place.runtime.executor, show)
                    return
            if show():
                return
            if not waiting:
                say("another process executes the runs; waiting for it")
                waiting = True
            time.sleep(_ASK_AGAIN)


def _await_workers(place: Place, run_ids: Sequence[str], *, quiet: bool) -> None:
    """Wait for workers to execute the runs, and say so where there is none that could."""
    from adjoin.sync.workers.registry import live_workers, waiting_for_plugins

    runtime = place.runtime
    _ = runtime.executor  # complains where the queue is missing
    said: set[str] = set()
    patience = time.monotonic() + _PATIENCE
    with _shown(place, run_ids, quiet=quiet) as show:
        while not show():
            now = runtime.clock.now()
            if time.monotonic() < patience:
                troubles = []
            elif live_workers(runtime.store, now=now):
                troubles = waiting_for_plugins(runtime.store, now=now)
            else:
                troubles = ["no worker is running, so the runs wait; start one with `adjoin worker`"]
            for trouble in troubles:
                if trouble not in said:
                    say(trouble)
                    said.add(trouble)
            time.sleep(_ASK_AGAIN)


def _execute(executor: RunExecutor, show: Callable[[], bool]) -> None:
    """Run the executor in a thread until nothing is queued, and show the progress meanwhile."""
    failures: list[BaseException] = []
    cancel: list[Callable[[], object]] = []

    async def until_idle() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is not None:
            cancel.append(lambda: loop.call_soon_threadsafe(task.cancel))
        await executor.run_until_idle()

    def execute() -> None:
        try:
            asyncio.run(until_idle())
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            failures.append(error)

    worker = threading.Thread(target=execute, name="adjoin-executor")
    worker.start()
    try:
        while worker.is_alive():
            show()
            worker.join(_REDRAW)
    except BaseException:
        for stop in cancel:
            stop()
        raise
    finally:
        worker.join()
    if failures:
        raise failures[0]
    show()


@contextmanager
def _shown(place: Place, run_ids: Sequence[str], *, quiet: bool) -> Iterator[Callable[[], bool]]:
    """Draw a bar for each run, on a terminal; gives a function that redraws them and says whether all have ended."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("slices, {task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
    )
    labels = {one.id: one.label for one in place.connections()}
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as progress:
        bars = {run_id: progress.add_task("waiting", total=None, rows=0) for run_id in run_ids}

        def show() -> bool:
            """Draw how far the runs are, each with those that read its older history; True when all have ended."""
            ended = True
            for run_id, bar in bars.items():
                first = place.runs.get(place.workspace_id, run_id)
                chain = [first, *place.runs.backfill_after(first)]
                current = next((run for run in chain if not run.state.ended), chain[-1])
                history = f", history to {current.until}" if current is not first else ""
                progress.update(
                    bar,
                    description=f"{labels.get(first.connection_id, 'connection')}: {current.state}{history}",
                    total=sum(run.slices_total for run in chain) or None,
                    completed=sum(run.slices_done for run in chain),
                    rows=sum(run.rows for run in chain),
                )
                ended = ended and current.state.ended
            return ended

        yield show
