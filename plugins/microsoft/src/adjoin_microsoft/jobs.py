"""Jobs that Microsoft works on by itself: order, ask how far it is, fetch the file. Reports and bulk downloads alike.

A file is fetched into a temporary file before anything is read from it, as its address is good for five minutes only.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from itertools import chain, repeat
from typing import IO
from zipfile import BadZipFile

from adjoin.ads.v2 import Client
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.archive import check_archive
from adjoin_microsoft.verdict import EXPIRED_URL

__all__ = ["Job", "JobFile", "Progress", "State", "perform"]

#: Seconds between polls: quick at first, as small jobs are ready at once.
_PAUSES = (0.1, 0.3, 0.6, 1.0, 2.0, 3.0, 5.0, 5.0, 10.0, 10.0, 20.0)
_LONGEST_PAUSE = 30.0

#: A job that takes longer is left to a later run.
_PATIENCE = 3600.0

#: A caller must show life more often than its deadline of ten minutes.
_BREATH = 120.0

#: A failed job is ordered so often, a file fetched so often.
_ORDERS = 3
_FETCHES = 4

#: Files up to this size stay in memory.
_IN_MEMORY = 1024 * 1024


class State(Enum):
    """How far a job is. `nothing` is a job that ended well without a file, `outdated` one that must list everything."""

    PENDING = auto()
    READY = auto()
    NOTHING = auto()
    FAILED = auto()
    OUTDATED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What Microsoft says of a job; the address of its file once it is ready, a reason if it failed."""

    state: State
    url: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to order. `what` names it in messages; `order` returns its id and `ask` how far the job of this id is."""

    what: str
    order: Callable[[], Awaitable[str]]
    ask: Callable[[str], Awaitable[Progress]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """What a job came to: its zip, open for reading, or none. `outdated`: order again, for everything."""

    file: IO[bytes] | None = None
    outdated: bool = False


async def perform(client: Client, job: Job) -> AsyncGenerator[JobFile | None]:
    """Carry out a job: yield None now and then while it is under way, then once what it came to.

    The file is closed when the generator goes on or is closed. Raises PlatformError: `split` for a job that fails again
    and again, `wait` for one that is not ready within an hour.
    """
    for order in range(1, _ORDERS + 1):
        try:
            job_id = await job.order()
            progress = Progress(state=State.PENDING)
            async with aclosing(_followed(client, job, job_id)) as following:
                async for progress in following:
                    if progress.state is State.PENDING:
                        yield None
        except PlatformError as error:
            # Microsoft has forgotten the job: an unknown id.
            if error.code != "2100" or order == _ORDERS:
                raise
            continue
        if progress.state is State.READY:
            async with _fetched(client, job, job_id, progress.url) as file:
                yield JobFile(file=file)
            return
        if progress.state is not State.FAILED:
            yield JobFile(outdated=progress.state is State.OUTDATED)
            return
        if order == _ORDERS:
            raise PlatformError(
                f"Microsoft failed {_ORDERS} times to make {job.what}: {progress.reason or 'no reason given'}",
                kind=ErrorKind.SPLIT,
                code="job-failed",
            )


async def _followed(client: Client, job: Job, job_id: str) -> AsyncGenerator[Progress]:
    """Yield how far a job is, every few minutes and at its end."""
    waited = breath = 0.0
    for pause in chain(_PAUSES, repeat(_LONGEST_PAUSE)):
        await client.sleep(pause)
        waited += pause
        progress = await job.ask(job_id)
        if progress.state is not State.PENDING:
            yield progress
            return
        if waited >= _PATIENCE:
            raise PlatformError(
                f"Microsoft has not finished {job.what} (id {job_id}) after {waited / 60:.0f} minutes",
                kind=ErrorKind.WAIT,
                code="job-slow",
                retry_after=timedelta(hours=1),
            )
        if waited - breath >= _BREATH:
            breath = waited
            yield progress


@asynccontextmanager
async def _fetched(client: Client, job: Job, job_id: str, url: str) -> AsyncIterator[IO[bytes]]:
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        for fetch in range(1, _FETCHES + 1):
            try:
                await _download(client, url, file)
                await asyncio.to_thread(check_archive, file)
            except (PlatformError, BadZipFile) as error:
                known = isinstance(error, BadZipFile) or error.kind is ErrorKind.RETRY or error.code == EXPIRED_URL
                if not known:
                    raise
                if fetch == _FETCHES:
                    raise PlatformError(
                        f"The file of {job.what} (id {job_id}) did not arrive whole in {_FETCHES} attempts: {error}",
                        kind=ErrorKind.RETRY,
                        code="file",
                    ) from error
                # Asking again gives a fresh address; the old one may be the reason.
                url = (await job.ask(job_id)).url or url
            else:
                break
        file.seek(0)
        yield file


async def _download(client: Client, url: str, file: IO[bytes]) -> None:
    """Fetch a file from storage. Its address is its permission, so none of ours goes there."""
    await asyncio.to_thread(_empty, file)
    async with client.stream("GET", url, authorised=False) as reply:
        async for chunk in reply.chunks():
            await asyncio.to_thread(file.write, chunk)


def _empty(file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()
