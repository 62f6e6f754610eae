"""One query, read while the answer arrives.

An answer is an array of batches. A refusal can come as one of its elements though the status says that all is well, and
a cut answer is an array that does not close; neither may look like fewer rows.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Generic, TypeVar

import msgspec

from adjoin.ads.v2 import Client, ReplyStream
from adjoin.errors import ErrorKind, PlatformError
from adjoin_google.arrays import ArrayReader, Garbled
from adjoin_google.failures import Refusal, read_refusal
from adjoin_google.verdict import judge
from adjoin_google.version import api_version

__all__ = ["Batch", "headers", "search"]

R = TypeVar("R")
T = TypeVar("T")

#: What arrives is handed to a thread in pieces of so many bytes: a batch of 10,000 rows has about 3 million.
_PIECE = 1 << 18

#: How often a query is sent again whose answer broke off before anything of it was used.
_ATTEMPTS = 3
_PAUSE = 1.0  # seconds; doubles
_THROTTLED_PAUSE = 5.0
_LONGEST_PAUSE = 60.0


class Batch(msgspec.Struct, Generic[R], gc=False):
    """An element of the array: some rows, or a refusal."""

    results: list[R] = []
    error: object = None


def headers(client: Client, login_customer_id: str) -> dict[str, str]:
    """Return what a call carries beside the token: the manager that it goes through, and a legacy developer token."""
    known = {"login-customer-id": login_customer_id, "developer-token": client.app.extra.get("developer_token", "")}
    return {name: value for name, value in known.items() if value}


async def search(
    client: Client,
    query: str,
    decode: Callable[[bytes], Batch[R]],
    make: Callable[[Sequence[R]], T],
    *,
    customer_id: str,
    login_customer_id: str,
) -> AsyncGenerator[T, None]:
    """Yield what `make` makes of the rows, batch by batch; it runs in a thread.

    What a piece of the answer gave is passed on when the next piece is there or the array has closed. Until then a
    broken answer is asked for again, so answers of less than a piece are there whole or not at all. Raises
    PlatformError: `retry` for an answer that broke off later, `invalid` for one that cannot be read.
    """
    attempt = 0
    while True:
        attempt += 1
        reading = _Reading(decode, make)
        passed_on = False
        try:
            parts = _stream(client, query, reading, customer_id=customer_id, login_customer_id=login_customer_id)
            async with aclosing(parts):
                async for part in parts:
                    passed_on = True
                    yield part
            return
        except PlatformError as error:
            if passed_on or not reading.begun or attempt == _ATTEMPTS:
                raise
            pause = _pause_after(error, attempt)
        await client.sleep(pause)


async def _stream(
    client: Client, query: str, reading: _Reading[R, T], *, customer_id: str, login_customer_id: str
) -> AsyncGenerator[T, None]:
    held: list[T] = []
    async with client.stream(
        "POST",
        f"/{api_version(client.app)}/customers/{customer_id}/googleAds:searchStream",
        params={"prettyPrint": "false"},
        headers=headers(client, login_customer_id),
        json={"query": query},
        account=customer_id,
    ) as reply:
        reading.begun = True
        async with aclosing(_pieces(reply)) as pieces:
            async for piece in pieces:
                parts = await client.parse(reading.take, piece)
                for part in held:
                    yield part
                held = parts
        held += await client.parse(reading.end, b"")
    for part in held:
        yield part


async def _pieces(reply: ReplyStream) -> AsyncGenerator[bytes, None]:
    waiting: list[bytes] = []
    size = 0
    async for chunk in reply.chunks():
        waiting.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _pause_after(error: PlatformError, attempt: int) -> float:
    """Return how many seconds to wait before asking again; raises the error where that is no use."""
    if error.kind is ErrorKind.RETRY:
        return float(_PAUSE * 2 ** (attempt - 1))
    if error.kind is ErrorKind.WAIT:
        told = error.retry_after.total_seconds() if error.retry_after else _THROTTLED_PAUSE * 2 ** (attempt - 1)
        if told <= _LONGEST_PAUSE:
            return told
    raise error


class _Reading(Generic[R, T]):
    """One answer under way. `take` and `end` run in a thread, one at a time."""

    def __init__(self, decode: Callable[[bytes], Batch[R]], make: Callable[[Sequence[R]], T]) -> None:
        self.begun = False
        self._array = ArrayReader(decode)
        self._make = make

    def take(self, data: bytes) -> list[T]:
        """Return what the batches that are complete by now come to."""
        return self._made(lambda: self._array.take(data))

    def end(self, _: bytes) -> list[T]:
        """Return what is left. Raises PlatformError if the array has not closed."""
        return self._made(self._array.end)

    def _made(self, read: Callable[[], list[Batch[R]]]) -> list[T]:
        try:
            batches = read()
        except Garbled as error:
            raise PlatformError(
                f"Google's answer broke off or is no JSON: {error}", kind=ErrorKind.RETRY, code="garbled"
            ) from error
        except msgspec.ValidationError as error:
            raise PlatformError(
                f"Google sent a row that cannot be read: {error}", kind=ErrorKind.INVALID, code="value"
            ) from error
        made: list[T] = []
        for batch in batches:
            if batch.error is not None:
                raise _refused(batch.error)
            if batch.results:
                made.append(self._make(batch.results))
        return made


def _refused(error: object) -> PlatformError:
    fault = judge(read_refusal({"error": error}) or Refusal(), status=200).fault
    assert fault is not None
    # The token was good when the answer began. If it has ended since, the next request is told so and renews it.
    kind = ErrorKind.RETRY if fault.kind is ErrorKind.REFRESH else fault.kind
    return PlatformError(
        fault.message, kind=kind, code=fault.code, request_id=fault.request_id, retry_after=fault.retry_after
    )
