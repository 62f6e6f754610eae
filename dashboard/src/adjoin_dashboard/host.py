"""What one process of the dashboard holds, shared by all visitors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adjoin.ads import v2
from adjoin.clock import Clock
from adjoin.db import Store
from adjoin.db.tables import warn_of_tables
from adjoin.errors import UnknownName
from adjoin.facts.query import FactQuery
from adjoin.kernel import Kernel
from adjoin.runtime import Runtime
from adjoin.settings import load_settings

__all__ = ["Host", "current_host", "open_host", "serving"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The parts that pages draw on. `platforms` is what each loaded platform says of itself."""

    runtime: Runtime
    platforms: Mapping[str, v2.Description]

    @property
    def store(self) -> Store:
        return self.runtime.store

    @property
    def kernel(self) -> Kernel:
        return self.runtime.kernel

    @property
    def clock(self) -> Clock:
        return self.runtime.clock

    def query(self, workspace_id: str) -> FactQuery:
        """Return a reader of a workspace's facts. Close it when done."""
        return self.runtime.query(workspace_id)

    def describe(self, platform: str) -> v2.Description:
        """Return what a platform says of itself. Raises UnknownName where its plugin is not loaded."""
        if platform not in self.platforms:
            raise UnknownName(f"the plugin {platform!r} is not loaded")
        return self.platforms[platform]

    def platform_title(self, platform: str) -> str:
        """Return the name of a platform as people write it, also of one whose plugin is not loaded."""
        described = self.platforms.get(platform)
        return described.title if described is not None else platform.replace("_", " ").replace("-", " ").title()


@contextmanager
def open_host(home: Path, *, clock: Clock | None = None) -> Iterator[Host]:
    """Open the store below `home` and load the plugins; close both at the end.

    Raises NotInitialised, SchemaTooOld, SchemaTooNew or StoreDamaged as `Store.open` does.
    """
    with Runtime(load_settings(home), clock=clock) as runtime:
        store = runtime.store  # one that cannot be used is said before plugins are loaded
        warn_of_tables(store, runtime.kernel)
        described = runtime.kernel.hook(v2.Ads.describe).all()
        yield Host(runtime=runtime, platforms={answer.plugin: answer.value for answer in described})


# Streamlit runs its script by itself and hands it nothing, and it allows one app in a process. So the one host of the
# process is held here, from before the server starts until after it has stopped.
_serving: list[Host] = []


@contextmanager
def serving(host: Host) -> Iterator[None]:
    """Make `host` the one that `current_host` returns. One at a time."""
    if _serving:
        raise RuntimeError("a dashboard is already being served by this process")
    _serving.append(host)
    try:
        yield
    finally:
        _serving.clear()


def current_host() -> Host:
    """Return the host that is being served."""
    return _serving[0]
