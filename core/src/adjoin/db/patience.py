"""Starting while the database is away, as it may be starting too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import structlog

from adjoin.errors import StoreUnreachable

__all__ = ["when_reachable"]

T = TypeVar("T")

_log = structlog.get_logger("adjoin.start")


async def when_reachable(start: Callable[[], T], *, stop: asyncio.Event, patience: float, every: float = 2.0) -> T:
    """Do in a thread what begins the work of a process, and return what it returns.

    While the database cannot be reached it is tried again, every so many seconds, until `patience` seconds are over or
    `stop` is set: then StoreUnreachable is raised. What `start` raises besides is raised at once, so it must leave
    nothing behind that a second attempt would trip over.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + patience
    while True:
        try:
            return await asyncio.to_thread(start)
        except StoreUnreachable as error:
            if stop.is_set() or loop.time() + every > until:
                raise
            _log.warning("the database cannot be reached; trying again", error=str(error), seconds=every)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every)
