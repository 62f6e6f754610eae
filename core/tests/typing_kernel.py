"""The kernel as its callers and plugins type it. Only type checkers run this file; each ignore is an expected error."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import date
from typing import assert_type

from adjoin.ads import v1, v2
from adjoin.calls import Answer, Hook, Results
from adjoin.contract import Upgrader, hookimpl
from adjoin.kernel import Kernel
from adjoin.surface import v1 as surface


async def callers(kernel: Kernel, client: v2.Client, request: v2.ReadRequest, reply: v2.Reply) -> None:
    accounts = kernel.hook(v2.Ads.accounts)
    assert_type(accounts.one("meta", client=client), list[v2.Account])
    assert_type(await accounts.aone("meta", client), list[v2.Account])
    assert_type(accounts.all(client=client), Results[list[v2.Account]])
    assert_type(await accounts.aall(client=client), Results[list[v2.Account]])
    for answer in accounts.all(client=client):
        assert_type(answer, Answer[list[v2.Account]])
    assert_type(accounts.all(client).values, list[list[v2.Account]])

    assert_type(kernel.hook(v2.Ads.describe), Hook[[], v2.Description])
    assert_type(kernel.hook(v2.Ads.inspect).one("meta", reply), v2.Verdict)
    assert_type(kernel.hook(v2.Ads.spec_limits).one("meta"), tuple[v2.CreativeLimit, ...])
    kernel.hook(surface.Surface.on_event).all(surface.Event(name="x", workspace_id="w", at=client.now()))

    batches = kernel.stream(v2.Ads.read).stream("meta", request=request, client=client)
    assert_type(batches, AsyncGenerator[v2.EntityBatch | v2.FactBatch, None])

    accounts.one("meta")  # type: ignore[call-arg]
    accounts.one("meta", clinet=client)  # type: ignore[call-arg]
    accounts.one("meta", client="a token")  # type: ignore[arg-type]
    accounts.one(7, client=client)  # type: ignore[arg-type]
    kernel.hook(v2.Ads.describe).one("meta", client=client)  # type: ignore[call-arg]
    kernel.stream(v2.Ads.accounts)  # type: ignore[arg-type]


class Step(Upgrader):
    async def upgrade(self, day: date) -> None:
        rows = await self.previous.acall(v1.Ads.performance, account="1", start=day, end=day, token="t")
        assert_type(rows, list[v1.Performance])
        assert_type(await self.previous.acall(v1.Ads.accounts, "t"), list[v1.Account])
        assert_type(self.previous.call(v2.Ads.describe), v2.Description)

        await self.previous.acall(v1.Ads.accounts)  # type: ignore[call-arg]


class Plugin(v2.Ads):
    """Subclassing the spec lets the checker compare signatures; plain and async are both fine."""

    @hookimpl
    def describe(self) -> v2.Description:
        raise NotImplementedError

    @hookimpl
    async def accounts(self, client: v2.Client) -> list[v2.Account]:
        return []

    @hookimpl
    async def read(self, request: v2.ReadRequest, client: v2.Client) -> AsyncIterator[v2.Batch]:
        yield v2.EntityBatch(entities=())


class WrongPlugin(v2.Ads):
    @hookimpl
    def describe(self) -> str:  # type: ignore[override]
        return ""

    @hookimpl
    async def accounts(self, client: str) -> list[v2.Account]:  # type: ignore[override]
        return []


def payloads(account: v2.Account) -> None:
    account.name = "new"  # type: ignore[misc]
    v2.DateWindow(date(2026, 1, 1), date(2026, 1, 2))  # type: ignore[call-arg]
    v2.DateWindow(since="2026-01-01", until=date(2026, 1, 2))  # type: ignore[arg-type]
    v2.Account(id="1", name="One", currency="EUR")  # type: ignore[call-arg]
