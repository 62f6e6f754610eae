"""The example plugin keeps what every ad platform promises, and is found once it is installed."""

from __future__ import annotations

import asyncio
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from adjoin_leaflet import plugin
from adjoin_leaflet.extras import plugin as extras
from typer.testing import CliRunner

from adjoin.ads import v2
from adjoin.surface import v1 as surface
from adjoin.testing.ads import AdsConformance
from adjoin.testing.packages import Packages
from adjoin.testing.surface import SurfaceConformance

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENTRY_POINTS = PROJECT["entry-points"]


class TestConformance(AdsConformance):
    """All of the suite, through the upgrader: it only knows the newest version."""

    @pytest.fixture
    def implementation(self) -> object:
        return plugin

    @pytest.fixture
    def version(self) -> int:
        return 1


class TestSurface(SurfaceConformance):
    """What it contributes to the product keeps the promises too."""

    @pytest.fixture
    def implementation(self) -> object:
        return extras


class Client:
    """As much of a client as a v1 plugin needs."""

    async def access_token(self) -> str:
        return "blue notebook"


def test_a_product_that_knows_only_v2_reads_its_figures(adjoin_packages: Packages) -> None:
    adjoin_packages.add("adjoin-leaflet", entry_points=ENTRY_POINTS)
    with pytest.warns(FutureWarning, match="adjoin-leaflet"):
        kernel = adjoin_packages.load(strict=True)
    graz = kernel.hook(v2.Ads.accounts).one("leaflet", client=Client())[0]  # type: ignore[arg-type]
    request = v2.ReadRequest(
        stream="campaign_daily",
        account=graz,
        window=v2.DateWindow(since=date(2026, 3, 7), until=date(2026, 3, 8)),  # a Saturday and a Sunday
    )

    async def read() -> list[v2.Batch]:
        batches = kernel.stream(v2.Ads.read).stream("leaflet", request=request, client=Client())  # type: ignore[arg-type]
        return [batch async for batch in batches]

    (batch,) = asyncio.run(read())

    assert isinstance(batch, v2.FactBatch)
    rows = {row["campaign_id"]: row for row in batch.rows.to_pylist()}
    assert rows["graz-1"]["impressions"] == 400
    assert rows["graz-1"]["cost_micros"] == 20_500_000  # 20.50 EUR
    assert len(batch.rows) == 2, "nobody works on Sundays"


def test_it_contributes_to_the_product_under_the_same_name(adjoin_packages: Packages) -> None:
    adjoin_packages.add("adjoin-leaflet", entry_points=ENTRY_POINTS)
    with pytest.warns(FutureWarning, match="adjoin-leaflet"):
        kernel = adjoin_packages.load(strict=True)
    happened = surface.Event(name="sync.finished", workspace_id="w", at=datetime(2026, 3, 1, tzinfo=UTC))

    before = extras.heard
    kernel.hook(surface.Surface.on_event).one("leaflet", happened)

    assert extras.heard == before + 1
    assert [job.name for job in kernel.hook(surface.Surface.jobs).one("leaflet")] == ["tidy"]
    assert [route.path for route in kernel.hook(surface.Surface.routes).one("leaflet")] == ["/towns"]
    assert [field.name for field in kernel.hook(surface.Surface.settings).one("leaflet")] == ["foreman"]


def test_its_command_lists_the_towns() -> None:
    (command,) = extras.commands()

    run = CliRunner().invoke(command.load(), [])

    assert run.output.split() == ["Graz", "Kobe"]
