"""What a platform's sandbox answers while a plugin reads one slice, kept so that it can be played again from memory."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from adjoin.ads import v2

__all__ = ["DATASET", "Player", "Tape", "record"]

T = TypeVar("T")
DATASET = "ad_daily"
_TODAY = date(2026, 11, 22)
_DAYS = 28
_CHUNK = 64 * 1024


@dataclass
class Tape:
    """The answers to each request of a slice, in order. The one that holds the rows is played `times` times over."""

    platform: str
    account: v2.Account
    window: v2.DateWindow
    rows: int
    token: str = ""
    times: int = 1
    folder: Path | None = None
    answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return sum(len(body) for answers in self.answers.values() for _, _, body in answers)

    def longer(self, rows: int) -> Tape:
        """Return a tape whose one answer holds about so many rows, where the platform answers in one piece."""
        times = max(1, round(rows / self.rows)) if self.platform in _LENGTHEN else 1
        return replace(self, rows=self.rows * times, times=times)

    def prepare(self, folder: Path) -> None:
        """Write down the answers that are played many times over: to make them is no work of a contender."""
        if self.times > 1:
            for found in self.answers.values():
                for body in (body for _, _, body in found if body.startswith((b"[", b"PK"))):
                    with self._long(folder, body).open("wb") as file:
                        file.writelines(_LENGTHEN[self.platform](body, self.times))
            self.folder = folder

    def played(self, body: bytes) -> Iterator[bytes]:
        """The pieces of an answer as they come over a connection. A long one comes from its file, piece by piece."""
        if self.folder is not None and self._long(self.folder, body).exists():
            with self._long(self.folder, body).open("rb") as file:
                while piece := file.read(_CHUNK):
                    yield piece
            return
        for start in range(0, len(body), _CHUNK):
            yield body[start : start + _CHUNK]

    @staticmethod
    def _long(folder: Path, body: bytes) -> Path:
        return folder / f"{sha256(body).hexdigest()}.long"


class _Recorder:
    """Passes everything on to a client, and keeps what comes back."""

    def __init__(self, client: v2.Client, tape: Tape) -> None:
        self._client = client
        self._tape = tape

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def request(self, method: str, url: str, **options: Any) -> v2.Reply:
        reply = await self._client.request(method, url, **options)
        self._keep(_key(method, url, options), reply.status, dict(reply.headers), reply.body)
        return reply

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Any) -> AsyncIterator[_Pieces]:
        async with self._client.stream(method, url, **options) as reply:
            body = b"".join([piece async for piece in reply.chunks()])
            self._keep(_key(method, url, options), reply.status, dict(reply.headers), body)
            yield _Pieces(reply.status, dict(reply.headers), iter([body]))

    def _keep(self, key: str, status: int, headers: dict[str, str], body: bytes) -> None:
        self._tape.answers.setdefault(key, []).append((status, headers, body))


class Player:
    """A client that answers from a tape, again and again. Waiting takes no time."""

    def __init__(self, tape: Tape, base_url: str, app: v2.App) -> None:
        self._tape = tape
        self._turns: dict[str, int] = {}
        self._parser = ThreadPoolExecutor(1)
        self.base_url = base_url
        self.app = app

    def now(self) -> datetime:
        return datetime.combine(_TODAY, datetime.min.time(), UTC) + timedelta(hours=12)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

    async def access_token(self) -> str:
        return self._tape.token

    async def parse(self, function: Callable[[bytes], T], data: bytes) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._parser, function, data)

    async def request(self, method: str, url: str, **options: Any) -> v2.Reply:
        status, headers, body = self._next(_key(method, url, options))
        return v2.Reply(status=status, headers=headers, body=body, method=method, url=url)

    @asynccontextmanager
    async def stream(self, method: str, url: str, **options: Any) -> AsyncIterator[_Pieces]:
        status, headers, body = self._next(_key(method, url, options))
        yield _Pieces(status, headers, self._tape.played(body))

    def _next(self, key: str) -> tuple[int, dict[str, str], bytes]:
        answers = self._tape.answers[key]
        turn = self._turns.get(key, 0)
        self._turns[key] = turn + 1
        return answers[turn % len(answers)]


class _Pieces:
    """A whole answer, given out as it would come over a connection."""

    def __init__(self, status: int, headers: dict[str, str], pieces: Iterator[bytes]) -> None:
        self.status = status
        self.headers = headers
        self._pieces = pieces

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def _key(method: str, url: str, options: dict[str, Any]) -> str:
    said = {name: options[name] for name in ("params", "form", "json") if options.get(name)}
    return f"{method} {url} {json.dumps(said, sort_keys=True, default=repr)}"


def record(platform: str, *, scale: float = 1.0) -> Tape:
    """Read the ads of one account for four weeks from the platform's sandbox. Its rows are what the world knows."""
    import httpx

    from adjoin.clock import ManualClock
    from adjoin.contracts import CONTRACTS
    from adjoin.http.client import ApiClient
    from adjoin.http.credentials import CredentialKeeper
    from adjoin.kernel import Kernel
    from adjoin.sync.connections import sandbox_app_of
    from adjoin.testing.server import sandbox_app
    from adjoin.testing.world import World

    with closing(Kernel.load(CONTRACTS)) as kernel:
        world = World.generate(seed=1, today=_TODAY, scale=scale, days=60)
        sandbox = sandbox_app({platform: kernel.hook(v2.Ads.sandbox).one(platform, world=world)}, world)
        inspect = kernel.hook(v2.Ads.inspect)
        client = ApiClient(
            app=sandbox_app_of(kernel.hook(v2.Ads.describe).one(platform)),
            base_url=f"http://sandbox.test/{platform}",
            credentials=CredentialKeeper(v2.Credential(access_token=world.token(platform))),
            inspect=lambda reply: inspect.one(platform, reply=reply),
            clock=ManualClock(world.now),
            transport=httpx.ASGITransport(app=sandbox),
        )
        known = world.on(platform).accounts[0]
        listed = {one.id: one for one in asyncio.run(kernel.hook(v2.Ads.accounts).aone(platform, client=client))}
        until = _TODAY - timedelta(days=2)
        window = v2.DateWindow(since=until - timedelta(days=_DAYS - 1), until=until)
        truth = world.on(platform).truth(DATASET, account_id=known.id, since=window.since, until=window.until)
        tape = Tape(platform, listed[known.id], window, truth.num_rows, world.token(platform))
        request = v2.ReadRequest(stream=DATASET, account=tape.account, window=window)

        async def read() -> None:
            recorder = _Recorder(client, tape)
            async for _ in kernel.stream(v2.Ads.read).stream(platform, request=request, client=recorder):
                pass

        asyncio.run(read())
    return tape


def _longer_stream(body: bytes, times: int) -> Iterator[bytes]:
    """Google: the batches of a stream, again and again in one array."""
    inner = body.strip()[1:-1].strip()
    for number in range(times):
        yield b"[" if number == 0 else b",\n"
        for start in range(0, len(inner), _CHUNK):
            yield inner[start : start + _CHUNK]
    yield b"]"


def _longer_zip(body: bytes, times: int) -> Iterator[bytes]:
    """Microsoft: the rows of the report's file, again and again below one heading."""
    with zipfile.ZipFile(io.BytesIO(body)) as old:
        name = old.namelist()[0]
        heading, _, rows = old.read(name).partition(b"\r\n")
    with tempfile.TemporaryFile() as made:
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new, new.open(name, "w") as member:
            member.write(heading + b"\r\n")
            for _ in range(times):
                member.write(rows)
        made.seek(0)
        while piece := made.read(_CHUNK):
            yield piece


_LENGTHEN: dict[str, Callable[[bytes, int], Iterator[bytes]]] = {"google": _longer_stream, "microsoft": _longer_zip}


def csv_rows(tape: Tape, body: bytes) -> Iterator[dict[str, str]]:
    """The rows of a zipped CSV file as dicts."""
    with tempfile.TemporaryFile() as kept:
        for piece in tape.played(body):
            kept.write(piece)
        with zipfile.ZipFile(kept) as file, file.open(file.namelist()[0]) as member:
            yield from csv.DictReader(io.TextIOWrapper(member, "utf-8-sig", newline=""))
