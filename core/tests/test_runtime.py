"""The runtime: the parts of a process, made when they are needed and closed when it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adjoin.ads import v2
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.errors import NotInitialised, SecretError
from adjoin.kernel import ContractDeprecation
from adjoin.runtime import Runtime
from adjoin.secrets import Keyring
from adjoin.settings import Settings
from adjoin.sync.throttles import save_throttle
from adjoin.testing.packages import Packages, on_path

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [name for name in os.environ if name.startswith("ADJOIN_")]:
        monkeypatch.delenv(name)
    return Settings(home=tmp_path / "house")


@pytest.fixture
def initialised(settings: Settings) -> Settings:
    with Store.open(settings.database, check_schema=False) as store:
        store.initialise(now=NOW)
    Keyring.create_file(settings.key_file)
    return settings


@pytest.fixture
def packages(tmp_path: Path) -> Iterator[Packages]:
    with on_path(tmp_path / "packages") as made:
        yield made


def test_nothing_is_opened_before_it_is_used(settings: Settings) -> None:
    """A command that needs one part pays for one part, and closing what was never opened is harmless."""
    with Runtime(settings, environ={}) as runtime:
        assert runtime.facts.root == settings.home
    assert not settings.home.exists()


def test_without_a_store_it_says_what_to_run(settings: Settings) -> None:
    """Rather than make one somewhere."""
    with Runtime(settings, environ={}) as runtime, pytest.raises(NotInitialised, match="run `adjoin init`"):
        _ = runtime.store
    assert not settings.home.exists()


def test_without_a_key_it_says_so(settings: Settings) -> None:
    """Credentials are not to be had without it."""
    with Runtime(settings, environ={}) as runtime, pytest.raises(SecretError, match="There is no key"):
        _ = runtime.vault


def test_the_parts_belong_together(initialised: Settings) -> None:
    """One store, one clock, one kernel, whoever uses them."""
    clock = ManualClock(NOW)
    with Runtime(initialised, clock=clock, environ={}) as runtime:
        assert runtime.executor is runtime.executor
        assert runtime.connections._store is runtime.store
        assert runtime.connections._clock is runtime.clock is clock
        assert runtime.connections.find("default") == []
        assert runtime.runs.latest("default") == []
        with runtime.executor.exclusive() as mine:
            assert mine


def test_what_a_platform_said_holds_beyond_a_restart(initialised: Settings) -> None:
    """Blocks are loaded from the store; those that have passed are forgotten."""
    with Store.open(initialised.database) as store:
        save_throttle(store, "app:fake:", NOW + timedelta(minutes=5))
        save_throttle(store, "app:other:", NOW - timedelta(minutes=5))
    with Runtime(initialised, clock=ManualClock(NOW), environ={}) as runtime:
        states = runtime.limiter._states
        assert {key: state.blocked_until for key, state in states.items()} == {"app:fake:": 300.0}


def test_a_plugin_that_is_switched_off_is_not_imported(initialised: Settings, packages: Packages) -> None:
    """Settings reach the kernel."""
    packages.add(
        "adjoin-off", modules={"off": "raise RuntimeError"}, entry_points={"adjoin.ads.v2": {"off": "off:plugin"}}
    )
    initialised.switch_plugin("off", on=False)
    with Runtime(initialised, environ={}) as runtime:
        (report,) = [one for one in runtime.kernel.reports if one.name == "off"]
    assert report.state == "disabled"
    assert not packages.imported("off")


def test_closing_ends_the_plugins(initialised: Settings, packages: Packages) -> None:
    """After it, no call is taken any more."""
    packages.add(
        "adjoin-tiny",
        modules={
            "tiny": """
            from adjoin.contract import hookimpl
            class Plugin:
                @hookimpl
                def accounts(self, token): return []
                @hookimpl
                def campaigns(self, account, token): return []
                @hookimpl
                def performance(self, account, start, end, token): return []
            plugin = Plugin()
            """
        },
        entry_points={"adjoin.ads.v1": {"tiny": "tiny:plugin"}},
    )
    with Runtime(initialised, environ={}) as runtime:
        with pytest.warns(ContractDeprecation, match="'tiny'"):
            assert "tiny" in runtime.kernel.plugins("ads")
        lane = runtime.kernel.lane("ads", "tiny")
        assert runtime.kernel.hook(v2.Ads.describe).one("tiny").title == "Tiny"
    assert lane._closed
