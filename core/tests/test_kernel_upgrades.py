"""Old plugins behind a chain of upgraders, seen by a caller that knows only the newest version."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import date
from decimal import Decimal
from textwrap import dedent
from typing import ClassVar

import pytest

from adjoin.ads import v1, v2
from adjoin.ads.datasets import arrow_schema
from adjoin.contract import Contract, ContractVersion, MaybeAsync, Removal, Upgrader, hookimpl, hookspec
from adjoin.errors import NotImplementedByPlugin, PluginBusy, PluginError, PluginTimeout, WrongResult
from adjoin.kernel import ContractDeprecation, Kernel
from adjoin.testing.packages import Packages

# --- three versions of a toy: words, then a greeting with a language, then a stream too -----------------------------

REMOVAL = Removal(release="9.0", not_before=date(2030, 1, 1), instead="toy v3")


class Toy1:
    @hookspec(required=True, timeout=0.3)
    def greet(self, name: str) -> MaybeAsync[str]:
        raise NotImplementedError

    @hookspec()
    def farewell(self, name: str) -> MaybeAsync[str]:
        raise NotImplementedError

    @hookspec(timeout=None)
    def motto(self) -> str:
        raise NotImplementedError


class Toy2:
    @hookspec(required=True, timeout=0.3)
    def greet(self, name: str, language: str) -> MaybeAsync[str]:
        raise NotImplementedError

    @hookspec(timeout=0.3)
    def part(self, name: str) -> MaybeAsync[str]:
        raise NotImplementedError

    @hookspec(timeout=None)
    def motto(self) -> str:
        raise NotImplementedError

    @hookspec(stream=True)
    def letters(self, name: str) -> AsyncIterator[str]:
        raise NotImplementedError


class Toy3:
    @hookspec(required=True, timeout=0.3)
    def greetings(self, names: tuple[str, ...], language: str = "en") -> MaybeAsync[list[str]]:
        raise NotImplementedError

    @hookspec(timeout=0.3)
    def part(self, name: str) -> MaybeAsync[str]:
        raise NotImplementedError

    @hookspec(timeout=None)
    def mottos(self) -> list[str]:
        raise NotImplementedError

    @hookspec(stream=True)
    def capitals(self, name: str) -> AsyncIterator[str]:
        raise NotImplementedError


class Toy1To2(Upgrader):
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "greet": ("greet",),
        "part": ("farewell",),
        "motto": ("motto",),
        "letters": ("greet",),
    }

    @hookimpl
    async def greet(self, name: str, language: str) -> str:
        return f"{await self.previous.acall(Toy1.greet, name)} ({language})"

    @hookimpl
    async def part(self, name: str) -> str:
        return await self.previous.acall(Toy1.farewell, name=name)

    @hookimpl
    def motto(self) -> str:
        return self.previous.call(Toy1.motto)

    @hookimpl
    async def letters(self, name: str) -> AsyncIterator[str]:
        for letter in await self.previous.acall(Toy1.greet, name):
            yield letter


class Toy2To3(Upgrader):
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "greetings": ("greet",),
        "part": ("part",),
        "mottos": ("motto",),
        "capitals": ("letters",),
    }

    @hookimpl
    async def greetings(self, names: tuple[str, ...], language: str) -> list[str]:
        return [await self.previous.acall(Toy2.greet, name, language=language) for name in names]

    @hookimpl
    async def part(self, name: str) -> str:
        return await self.previous.acall(Toy2.part, name)

    @hookimpl
    def mottos(self) -> list[str]:
        return [self.previous.call(Toy2.motto)]

    @hookimpl
    async def capitals(self, name: str) -> AsyncIterator[str]:
        async for letter in self.previous.stream(Toy2.letters, name):
            yield letter.upper()


TOY = Contract(
    name="toy",
    versions=(
        ContractVersion(number=1, spec=Toy1, removal=REMOVAL),
        ContractVersion(number=2, spec=Toy2, removal=REMOVAL),
        ContractVersion(number=3, spec=Toy3),
    ),
    upgraders={1: Toy1To2, 2: Toy2To3},
)


def load(packages: Packages, methods: str, *, number: int = 1) -> Kernel:
    source = (
        "import asyncio\nfrom adjoin.contract import hookimpl\n\nclass Plugin:\n" + methods + "\n\nplugin = Plugin()\n"
    )
    packages.add(
        "toy-old", modules={"toy_old": source}, entry_points={f"adjoin.toy.v{number}": {"old": "toy_old:plugin"}}
    )
    if number == 3:
        return packages.load([TOY], strict=True)
    with pytest.warns(ContractDeprecation):
        return packages.load([TOY], strict=True)


GREET = """
    @hookimpl
    {colour} greet(self, name):
        return "hello " + name
"""


@pytest.mark.parametrize("colour", ["def", "async def"])
def test_a_v1_plugin_answers_through_two_steps(adjoin_packages: Packages, colour: str) -> None:
    kernel = load(adjoin_packages, GREET.format(colour=colour))

    assert kernel.hook(Toy3.greetings).one("old", names=("Ann", "Bob")) == ["hello Ann (en)", "hello Bob (en)"]


def test_a_v2_plugin_answers_through_one_step(adjoin_packages: Packages) -> None:
    kernel = load(
        adjoin_packages,
        "    @hookimpl\n    def greet(self, name, language): return language + ' ' + name",
        number=2,
    )

    assert kernel.hook(Toy3.greetings).one("old", names=("Ann",), language="fr") == ["fr Ann"]


def test_a_stream_and_an_inline_hook_go_through_two_steps(adjoin_packages: Packages) -> None:
    motto = "\n    @hookimpl\n    def motto(self): return 'onward'\n"
    kernel = load(adjoin_packages, GREET.format(colour="def") + motto)

    async def read() -> str:
        return "".join([letter async for letter in kernel.stream(Toy3.capitals).stream("old", "Ann")])

    assert asyncio.run(read()) == "HELLO ANN"
    assert kernel.hook(Toy3.mottos).one("old") == ["onward"]


def test_what_the_old_plugin_lacks_counts_as_not_implemented_all_the_way_up(adjoin_packages: Packages) -> None:
    """An upgrader never invents data; `needs` says what it asks for."""
    kernel = load(adjoin_packages, GREET.format(colour="def"))

    assert not kernel.hook(Toy3.part).implemented_by("old")
    assert not kernel.hook(Toy3.mottos).implemented_by("old")
    with pytest.raises(NotImplementedByPlugin):
        kernel.hook(Toy3.part).one("old", "Ann")


def test_what_the_old_plugin_has_is_offered_all_the_way_up(adjoin_packages: Packages) -> None:
    farewell = "\n    @hookimpl\n    async def farewell(self, name): return 'bye ' + name\n"
    kernel = load(adjoin_packages, GREET.format(colour="def") + farewell)

    assert kernel.hook(Toy3.part).one("old", "Ann") == "bye Ann"


def test_an_answer_is_checked_against_the_version_that_gave_it(adjoin_packages: Packages) -> None:
    kernel = load(adjoin_packages, "    @hookimpl\n    def greet(self): return 42")

    with pytest.raises(WrongResult, match=r"plugin 'old' returned what Toy1\.greet does not allow"):
        kernel.hook(Toy3.greetings).one("old", names=("Ann",))


@pytest.mark.parametrize("colour", ["def", "async def"])
@pytest.mark.parametrize("error", ["ValueError('x')", "SystemExit(2)", "StopIteration()", "asyncio.CancelledError()"])
def test_what_the_old_plugin_raises_is_its_error(adjoin_packages: Packages, colour: str, error: str) -> None:
    kernel = load(adjoin_packages, f"    @hookimpl\n    {colour} greet(self): raise {error}")

    with pytest.raises(PluginError, match="plugin 'old'"):
        kernel.hook(Toy3.greetings).one("old", names=("Ann",))


def test_hung_threads_of_an_old_plugin_keep_their_slots(adjoin_packages: Packages) -> None:
    """The deadline ends the upgrader's coroutine and not the plugin's thread, which must go on counting."""
    adjoin_packages.add_gate()
    kernel = load(adjoin_packages, "    @hookimpl\n    def greet(self):\n        import gate; gate.wait()")

    async def fill() -> set[type]:
        calls = [kernel.hook(Toy3.greetings).aone("old", names=("Ann",)) for _ in range(16)]
        return {type(error) for error in await asyncio.gather(*calls, return_exceptions=True)}

    assert asyncio.run(fill()) == {PluginTimeout}
    with pytest.raises(PluginBusy):
        kernel.hook(Toy3.greetings).one("old", names=("Ann",))
    assert len([thread for thread in threading.enumerate() if thread.name == "adjoin-old-greet"]) == 16


def test_a_step_that_cannot_serve_a_required_hook_refuses_the_plugin(adjoin_packages: Packages) -> None:
    class NowRequired:
        @hookspec(required=True)
        def farewell(self, name: str) -> MaybeAsync[str]:
            raise NotImplementedError

    class Step(Upgrader):
        needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"farewell": ("farewell",)}

        @hookimpl
        async def farewell(self, name: str) -> str:
            return await self.previous.acall(Toy1.farewell, name)

    contract = Contract(
        name="toy",
        versions=(
            ContractVersion(number=1, spec=Toy1, removal=REMOVAL),
            ContractVersion(number=2, spec=NowRequired),
        ),
        upgraders={1: Step},
    )
    source = (
        "from adjoin.contract import hookimpl\n\nclass Plugin:\n" + GREET.format(colour="def") + "\nplugin = Plugin()"
    )
    adjoin_packages.add(
        "toy-old", modules={"toy_old": dedent(source)}, entry_points={"adjoin.toy.v1": {"old": "toy_old:plugin"}}
    )

    (report,) = adjoin_packages.load([contract]).reports

    assert report.state == "refused"
    assert "it cannot serve what v2 requires: farewell" in (report.error or "")


# --- ads v1 to v2 ---------------------------------------------------------------------------------------------------

ACCOUNT = v2.Account(id="a1", name="One", currency="EUR", time_zone="Europe/Vienna")


class Old:
    """A v1 plugin."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    @hookimpl
    def accounts(self, token: str) -> list[v1.Account]:
        self.asked.append(token)
        return [v1.Account(id="a1", name="One", currency="EUR", time_zone="Europe/Vienna")]

    @hookimpl
    async def campaigns(self, account: str) -> list[v1.Campaign]:
        self.asked.append(account)
        return [v1.Campaign(id="c1", name="C", status="paused"), v1.Campaign(id="c2", name="D", status="odd")]

    @hookimpl
    def performance(self, account: str, start: date, end: date, token: str) -> list[v1.Performance]:
        self.asked.append((account, start, end, token))
        return [
            v1.Performance(
                date=start,
                campaign_id="c1",
                impressions=10,
                clicks=2,
                cost_micros=1_234_567,
                conversions=Decimal("0.333333333"),
            )
        ]


class Client:
    async def access_token(self) -> str:
        return "made-up-token"


@pytest.fixture
def old() -> Iterator[tuple[Kernel, Old]]:
    kernel, plugin = Kernel.load(path=[]), Old()
    kernel.add("little-ads", "ads", 1, plugin)
    yield kernel, plugin
    kernel.close()


async def read(kernel: Kernel, stream: str, window: v2.DateWindow | None = None) -> list[v2.Batch]:
    request = v2.ReadRequest(stream=stream, account=ACCOUNT, window=window)
    batches = kernel.stream(v2.Ads.read).stream("little-ads", request=request, client=Client())  # type: ignore[arg-type]
    return [batch async for batch in batches]


def test_ads_v1_is_described_by_what_it_can_say(old: tuple[Kernel, Old]) -> None:
    kernel, _ = old

    described = kernel.hook(v2.Ads.describe).one("little-ads")

    assert described.title == "Little Ads"
    assert described.auth.methods == ("token",)
    assert [stream.name for stream in described.streams] == ["campaigns", "campaign_daily"]


@pytest.mark.parametrize("hook", ["consent_url", "redeem", "renew", "inspect", "apply", "spec_limits", "sandbox"])
def test_what_ads_v1_cannot_say_is_not_implemented(old: tuple[Kernel, Old], hook: str) -> None:
    kernel, _ = old

    assert not kernel.hook(getattr(v2.Ads, hook)).implemented_by("little-ads")


def test_ads_v1_gets_the_token_and_gives_accounts(old: tuple[Kernel, Old]) -> None:
    kernel, plugin = old

    accounts = kernel.hook(v2.Ads.accounts).one("little-ads", client=Client())  # type: ignore[arg-type]

    assert accounts == [ACCOUNT]
    assert plugin.asked == ["made-up-token"]


def test_ads_v1_campaigns_become_entities_and_keep_their_native_status(old: tuple[Kernel, Old]) -> None:
    kernel, plugin = old

    (batch,) = asyncio.run(read(kernel, "campaigns"))

    assert isinstance(batch, v2.EntityBatch)
    assert [(one.id, one.status, one.native_status) for one in batch.entities] == [
        ("c1", v2.Status.PAUSED, "paused"),
        ("c2", v2.Status.UNKNOWN, "odd"),
    ]
    assert plugin.asked == ["a1"]


def test_ads_v1_rows_become_a_batch_without_a_rounding(old: tuple[Kernel, Old]) -> None:
    """What v1 does not say (video views) is null, not zero."""
    kernel, plugin = old
    window = v2.DateWindow(since=date(2026, 1, 1), until=date(2026, 1, 7))

    (batch,) = asyncio.run(read(kernel, "campaign_daily", window))

    assert isinstance(batch, v2.FactBatch)
    assert batch.rows.schema.equals(arrow_schema("campaign_daily"))
    assert batch.rows.to_pylist() == [
        {
            "date": date(2026, 1, 1),
            "account_id": "a1",
            "campaign_id": "c1",
            "impressions": 10,
            "clicks": 2,
            "cost_micros": 1_234_567,
            "conversions": Decimal("0.333333333"),
            "conversion_value_micros": 0,
            "video_views": None,
        }
    ]
    assert plugin.asked == [("a1", window.since, window.until, "made-up-token")]
