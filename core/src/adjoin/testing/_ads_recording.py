"""Records what a platform answers and answers it again, so that only the plugin itself uses time and memory."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import tracemalloc
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from adjoin.ads import v2
from adjoin.errors import ErrorKind, PlatformError
from adjoin.kernel import Kernel

__all__ = ["Effort", "RecordingClient", "ReplayingClient", "measure", "record"]

T = TypeVar("T")

_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class _Streamed:
    status: int
    headers: Mapping[str, str]
    body: bytes


def _key(method: str, url: str, options: Mapping[str, Any]) -> str:
    asked = {name: options.get(name) for name in ("params", "form", "json")}
    return f"{method.upper()} {url} {msgspec.json.encode(asked, order='deterministic').decode()}"


class RecordingClient:
    """Passes requests on and keeps the answers in the order in which they came, by request."""

    def __init__(self, client: v2.Client) -> None:
        self._client = client
        self.answers: dict[str, deque[v2.Reply | _Streamed]] = {}
        self.size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def request(self, method: str, url: str, **options: Any) -> v2.Reply:
        reply = await self._client.request(method, url, **options)
        self._keep(_key(method, url, options), reply)
        return reply

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Any) -> AsyncIterator[v2.ReplyStream]:
        async with self._client.stream(method, url, **options) as reply:
            body = b"".join([chunk async for chunk in reply.chunks()])
            kept = _Streamed(reply.status, dict(reply.headers), body)
        self._keep(_key(method, url, options), kept)
        yield _Played(kept)

    def _keep(self, key: str, answer: v2.Reply | _Streamed) -> None:
        self.size += len(answer.body)
        self.answers.setdefault(key, deque()).append(answer)


class ReplayingClient:
    """Answers what was recorded, and measures the thread whose loop it is used in."""

    def __init__(self, recorded: RecordingClient) -> None:
        self._recorded = recorded
        self._answers = {key: deque(answers) for key, answers in recorded.answers.items()}
        self._clock: int | None = None
        self._begun = 0.0

    def loop_seconds(self) -> float | None:
        """The CPU seconds of the thread whose loop asks here, since it first did."""
        return None if self._clock is None else time.clock_gettime(self._clock) - self._begun

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recorded, name)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

    async def parse(self, function: Callable[[bytes], T], data: bytes) -> T:
        return await asyncio.to_thread(function, data)

    async def request(self, method: str, url: str, **options: Any) -> v2.Reply:
        await asyncio.sleep(0)
        answer = self._answer(method, url, options)
        assert isinstance(answer, v2.Reply)
        return answer

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Any) -> AsyncIterator[v2.ReplyStream]:
        await asyncio.sleep(0)
        answer = self._answer(method, url, options)
        assert isinstance(answer, _Streamed)
        yield _Played(answer)

    def _answer(self, method: str, url: str, options: Mapping[str, Any]) -> v2.Reply | _Streamed:
        if self._clock is None and hasattr(time, "pthread_getcpuclockid"):
            self._clock = time.pthread_getcpuclockid(threading.get_ident())
            self._begun = time.clock_gettime(self._clock)
        answers = self._answers.get(_key(method, url, options))
        assert answers, (
            f"{method} {url} was not asked when the same slice was read before: what a plugin asks for must follow "
            "from the slice and the answers alone"
        )
        # The last answer stays, as for polls.
        return answers.popleft() if len(answers) > 1 else answers[0]


class _Played:
    """A recorded answer that arrives in pieces."""

    def __init__(self, kept: _Streamed) -> None:
        self._kept = kept

    @property
    def status(self) -> int:
        return self._kept.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._kept.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        for begin in range(0, len(self._kept.body), _CHUNK):
            await asyncio.sleep(0)
            yield self._kept.body[begin : begin + _CHUNK]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a reading took: rows in all and in the largest batch, bytes of Python's memory at the most, CPU seconds.

    `loop_seconds` are those of the thread that runs the plugin's event loop, `thread_seconds` those of all other
    threads but the reader's own. Both are None where the system does not tell.
    """

    rows: int
    largest: int
    peak: int
    loop_seconds: float | None
    thread_seconds: float | None


def record(
    kernel: Kernel, platform: str, client: v2.Client, request: v2.ReadRequest
) -> tuple[RecordingClient, list[v2.ReadRequest]]:
    """Read a slice and keep the answers; returns the slices that were read, several where the platform wants less."""
    recording = RecordingClient(client)
    todo, done = [request], []
    while todo:
        one = todo.pop()
        try:
            asyncio.run(_read(kernel, platform, recording, one))
        except PlatformError as error:
            window = one.window
            if error.kind is not ErrorKind.SPLIT or window is None or window.days == 1:
                raise
            middle = window.since + timedelta(days=window.days // 2)
            todo.append(replace(one, window=v2.DateWindow(since=middle, until=window.until)))
            todo.append(replace(one, window=v2.DateWindow(since=window.since, until=middle - timedelta(days=1))))
            continue
        done.append(one)
    return recording, done


def measure(
    kernel: Kernel, platform: str, recorded: RecordingClient, slices: Sequence[v2.ReadRequest], *, memory: bool
) -> Effort:
    """Read recorded slices again, one after the other, and measure the memory (which slows it down) or the time."""
    client = ReplayingClient(recorded)
    gc.collect()
    if memory:
        tracemalloc.start()
    begun, mine = time.process_time(), time.thread_time()
    sizes: list[int] = []
    try:
        for one in slices:
            sizes += asyncio.run(_read(kernel, platform, client, one))
        peak = tracemalloc.get_traced_memory()[1] if memory else 0
    finally:
        if memory:
            tracemalloc.stop()
    others = (time.process_time() - begun) - (time.thread_time() - mine)
    loop = client.loop_seconds()
    return Effort(
        rows=sum(sizes),
        largest=max(sizes, default=0),
        peak=peak,
        loop_seconds=loop,
        thread_seconds=None if loop is None else others - loop,
    )


async def _read(kernel: Kernel, platform: str, client: Any, request: v2.ReadRequest) -> list[int]:
    """Read a slice and return the sizes of its batches, which are dropped at once."""
    stream = kernel.stream(v2.Ads.read).stream(platform, request=request, client=client)
    async with aclosing(stream) as batches:
        return [
            batch.rows.num_rows if isinstance(batch, v2.FactBatch) else len(batch.entities) async for batch in batches
        ]
