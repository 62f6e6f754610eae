"""The executor of a process that leaves its runs to workers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["RemoteExecutor"]


class RemoteExecutor:
    """Executes nothing: what is queued has reached the workers with the transaction that queued it."""

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        """Yield True: any number of processes may queue runs."""
        yield True

    async def run_until_idle(self) -> None:
        """Return at once: there is nothing to do here."""

    async def serve(self, stop: asyncio.Event) -> None:
        """Wait until `stop` is set."""
        await stop.wait()
