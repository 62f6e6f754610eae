"""What one process of the dashboard holds, shared by all visitors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.access.sign_in_health import warn_of_sign_in
from adjoin.ads import v2
from adjoin.clock import Clock
from adjoin.db import Store
from adjoin.db.tables import warn_of_tables
from adjoin.errors import UnknownName
from adjoin.kernel import Kernel
from adjoin.runtime import Runtime
from adjoin.settings import load_settings
from adjoin_dashboard.owners import Owners

if TYPE_CHECKING:
    from adjoin.access.signed_in import SignedIn
    from adjoin.access.signing_in import SigningIn

__all__ = ["Host", "current_host", "open_host", "serving"]

_LONGEST = 60.0  # seconds that the doors may take; asking a provider has a deadline of its own before


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The parts that pages draw on. `platforms` is what each loaded platform says of itself, `owners` whose is what."""

    runtime: Runtime
    platforms: Mapping[str, v2.Description]
    owners: Owners = field(default_factory=Owners, repr=False)
    _loops: list[asyncio.AbstractEventLoop] = field(default_factory=list, repr=False)

    @property
    def store(self) -> Store:
        return self.runtime.store

    @property
    def kernel(self) -> Kernel:
        return self.runtime.kernel

    @property
    def clock(self) -> Clock:
        return self.runtime.clock

    @property
    def doors(self) -> SigningIn:
        """Where people sign in, and are known by their sessions."""
        return self.runtime.doors

    @contextmanager
    def in_loop(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Have scripts, which run in threads, ask the doors in the server's loop."""
        self._loops.append(loop)
        try:
            yield
        finally:
            self._loops.clear()

    def still_in(self, session_id: str) -> SignedIn | None:
        """Return who is signed in by the id of a session, from a script's thread; None where it has ended.

        Raises AuthError of kind `unavailable`, as `SigningIn.still_in` does.
        """
        if not self._loops:  # there is no server, as in a test of a page
            return self.doors.sessions.find_by_id(session_id)
        return asyncio.run_coroutine_threadsafe(self.doors.still_in(session_id), self._loops[0]).result(_LONGEST)

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
        warn_of_sign_in(runtime.kernel, runtime.settings.auth)
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
