"""What the conformance tests of `ads` hold a plugin with: clients to give it, and readings of what it answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from adjoin.ads import v2
from adjoin.ads.datasets import DATASETS
from adjoin.discovery import find_offers
from adjoin.errors import ErrorKind, PlatformError
from adjoin.kernel import Kernel

__all__ = [
    "CANARY",
    "ENTITIES",
    "Reader",
    "Rows",
    "TokenClient",
    "WatchedClient",
    "days",
    "entry_point_of",
]

#: The lists of entities by stream.
ENTITIES: Mapping[str, type[v2.Campaign | v2.AdGroup | v2.Ad | v2.Keyword]] = {
    "campaigns": v2.Campaign,
    "ad_groups": v2.AdGroup,
    "ads": v2.Ad,
    "keywords": v2.Keyword,
}

#: A token that must never show up in an error.
CANARY = "canary-5f1e9c0d-token"
CANARY_SECRET = "canary-7b2a4d18-secret"  # noqa: S105 - made up

_NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


def entry_point_of(implementation: object, version: int) -> tuple[str, str]:
    """Return the name and the module of the entry point that offers a plugin object.

    A plugin that is not installed is named by its package.
    """
    package = type(implementation).__module__.partition(".")[0]
    for offer in find_offers(["ads"]):
        point = offer.entry_points.get(version)
        if point is not None and point.value.partition(":")[0].partition(".")[0] == package:
            return offer.plugin, point.module
    return package.removeprefix("adjoin_"), package


class TokenClient:
    """A client with an access token and nothing else, for plugins that reach their platform in their own way."""

    def __init__(self, token: str = CANARY) -> None:
        self._token = token

    @property
    def app(self) -> v2.App:
        return v2.App()

    @property
    def base_url(self) -> str:
        return ""

    def now(self) -> datetime:
        return _NOW

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)

    async def access_token(self) -> str:
        return self._token

    async def request(self, method: str, url: str, **_: Any) -> v2.Reply:
        raise self._nowhere(method, url)

    def stream(self, method: str, url: str, **_: Any) -> Any:
        raise self._nowhere(method, url)

    async def parse(self, function: Any, data: bytes) -> Any:
        return await asyncio.to_thread(function, data)

    def _nowhere(self, method: str, url: str) -> PlatformError:
        return PlatformError(
            f"{method} {url}: this plugin has no sandbox to send to; override the fixture `client`",
            kind=ErrorKind.INVALID,
        )


class WatchedClient:
    """A client that counts what is open; with `stall` every request hangs until it is cancelled."""

    def __init__(self, client: v2.Client, *, stall: bool = False) -> None:
        self._client = client
        self._stall = stall
        self.stalled = threading.Event()
        self.open = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def request(self, *args: Any, **options: Any) -> v2.Reply:
        self.open += 1
        try:
            await self._hang()
            return await self._client.request(*args, **options)
        finally:
            self.open -= 1

    @asynccontextmanager
    async def stream(self, *args: Any, **options: Any) -> AsyncIterator[v2.ReplyStream]:
        self.open += 1
        try:
            await self._hang()
            async with self._client.stream(*args, **options) as reply:
                yield reply
        finally:
            self.open -= 1

    async def _hang(self) -> None:
        if self._stall:
            self.stalled.set()
            await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Rows:
    """Fact rows of one dataset, as they came."""

    dataset: str
    rows: tuple[Mapping[str, Any], ...]

    @property
    def keys(self) -> list[tuple[Any, ...]]:
        """What identifies each row: date, account and the keys of the grain."""
        names = ("date", "account_id", *DATASETS[self.dataset].keys)
        return [tuple(row[name] for name in names) for row in self.rows]

    def sorted(self) -> list[Mapping[str, Any]]:
        return [row for _, row in sorted(zip(self.keys, self.rows, strict=True), key=lambda pair: repr(pair[0]))]


class Reader:
    """Asks one plugin through the kernel, as the product does."""

    def __init__(self, kernel: Kernel, platform: str, client: v2.Client) -> None:
        self.kernel = kernel
        self.platform = platform
        self.client = client

    def describe(self) -> v2.Description:
        return self.kernel.hook(v2.Ads.describe).one(self.platform)

    def implements(self, hook: str) -> bool:
        return self.kernel.hook(getattr(v2.Ads, hook)).implemented_by(self.platform)

    def accounts(self) -> list[v2.Account]:
        return self.kernel.hook(v2.Ads.accounts).one(self.platform, client=self.client)

    def readable_accounts(self) -> list[v2.Account]:
        return [account for account in self.accounts() if account.readable]

    def streams(self, kind: str) -> list[v2.Stream]:
        return [stream for stream in self.describe().streams if stream.kind == kind]

    def read(
        self,
        stream: str,
        account: v2.Account,
        window: v2.DateWindow | None = None,
        *,
        updated_since: datetime | None = None,
    ) -> list[v2.Batch]:
        """Read one slice; an account that the platform says to skip has nothing."""
        request = v2.ReadRequest(stream=stream, account=account, window=window, updated_since=updated_since)

        async def collect() -> list[v2.Batch]:
            batches = self.kernel.stream(v2.Ads.read).stream(self.platform, request=request, client=self.client)
            return [batch async for batch in batches]

        try:
            return asyncio.run(collect())
        except PlatformError as error:
            if error.kind is ErrorKind.SKIP_ACCOUNT:
                return []
            raise

    def entities(
        self,
        account: v2.Account,
        kind: type[v2.Campaign | v2.AdGroup | v2.Ad | v2.Keyword],
        *,
        updated_since: datetime | None = None,
    ) -> list[v2.Entity]:
        """Return the account's entities of one kind; none where the platform has no stream of them."""
        name = next(stream for stream, listed in ENTITIES.items() if listed is kind)
        if name not in {stream.name for stream in self.streams("entities")}:
            return []
        batches = self.read(name, account, updated_since=updated_since)
        return [one for batch in batches if isinstance(batch, v2.EntityBatch) for one in batch.entities]

    def facts(self, stream: str, account: v2.Account, window: v2.DateWindow) -> dict[str, Rows]:
        """Return the rows of a slice by dataset."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for batch in self.read(stream, account, window):
            if isinstance(batch, v2.FactBatch):
                found.setdefault(batch.dataset, []).extend(batch.rows.to_pylist())
        return {dataset: Rows(dataset, tuple(rows)) for dataset, rows in found.items()}


def days(window: v2.DateWindow) -> Sequence[date]:
    """The days of a window, in order."""
    return [date.fromordinal(window.since.toordinal() + number) for number in range(window.days)]
