"""What the suite stands on: fixtures that an author gives or keeps, and the plugin asked through the kernel."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import ClassVar

import pytest

from adjoin import ads
from adjoin.ads import v2
from adjoin.kernel import Kernel
from adjoin.testing._ads_probe import Reader, TokenClient, entry_point_of
from adjoin.testing._ads_stage import Stage
from adjoin.testing.world import World

__all__ = ["Fixtures"]


class Fixtures:
    """Override `implementation`, and any other that does not suit."""

    #: What the entry-point module must not import: listing plugins has to stay quick.
    heavy: ClassVar[tuple[str, ...]] = (
        "aiohttp", "duckdb", "httpx", "msgspec", "numpy", "pandas", "pyarrow", "pydantic", "requests", "starlette",
    )  # fmt: skip

    # --- what an author gives ---------------------------------------------------------------------------------------

    @pytest.fixture
    def implementation(self) -> object:
        """The plugin object: what the entry point names."""
        raise NotImplementedError("override the fixture `implementation` to return the plugin object")

    @pytest.fixture
    def version(self) -> int:
        """The contract version that the plugin speaks."""
        return ads.CONTRACT.newest.number

    @pytest.fixture
    def platform(self, implementation: object, version: int) -> str:
        """The plugin's name; found from its entry point when it is installed."""
        return entry_point_of(implementation, version)[0]

    @pytest.fixture
    def world(self) -> World:
        """The advertiser behind the sandbox. Small, so that reading all of it is quick."""
        return World.generate(seed=7, today=date(2026, 3, 15), scale=0.02, days=40)

    @pytest.fixture
    def window(self, world: World) -> v2.DateWindow:
        """Days that the platform has results for, and that it does not restate between two questions."""
        return v2.DateWindow(since=world.today - timedelta(days=6), until=world.today - timedelta(days=3))

    @pytest.fixture
    def app(self, kernel: Kernel, platform: str) -> v2.App:
        """The registration that the sandbox knows: `sandbox-<name>` for each app field that is required."""
        from adjoin.sync.connections import sandbox_app_of

        return sandbox_app_of(kernel.hook(v2.Ads.describe).one(platform))

    @pytest.fixture
    def client(self, stage: Stage) -> v2.Client:
        """What the plugin reaches its platform with."""
        if stage.kernel.hook(v2.Ads.sandbox).implemented_by(stage.platform):
            return stage.client(v2.Credential(access_token=stage.world.token(stage.platform)))
        return TokenClient()

    # --- what the suite stands on -----------------------------------------------------------------------------------

    @pytest.fixture
    def kernel(self, implementation: object, version: int, platform: str) -> Iterator[Kernel]:
        """A kernel with this plugin only."""
        kernel = Kernel((ads.CONTRACT,))
        kernel.add(platform, "ads", version, implementation)
        yield kernel
        kernel.close()

    @pytest.fixture
    def stage(self, kernel: Kernel, platform: str, world: World, app: v2.App) -> Stage:
        """The plugin's sandbox, where it has one."""
        return Stage(kernel, platform, world, app)

    @pytest.fixture
    def reader(self, kernel: Kernel, platform: str, client: v2.Client) -> Reader:
        """The plugin, asked through the kernel."""
        return Reader(kernel, platform, client)

    def need(self, reader: Reader, hook: str) -> None:
        """Leave a test out if the plugin does not have an optional hook."""
        if not reader.implements(hook):
            pytest.skip(f"not implemented: {hook}")
