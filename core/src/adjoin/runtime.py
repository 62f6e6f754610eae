"""Puts the parts of a process together: settings, store, kernel, secrets, facts. Each is made when first used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from adjoin.clock import Clock, SystemClock
from adjoin.settings import Settings

if TYPE_CHECKING:
    from adjoin.db import Store
    from adjoin.facts.query import FactQuery
    from adjoin.facts.store import FactStore
    from adjoin.http.limiter import Limiter
    from adjoin.kernel import Kernel
    from adjoin.secrets import Vault
    from adjoin.sync.connections import Connections
    from adjoin.sync.executor import Executor
    from adjoin.sync.runs import RunBook

__all__ = ["Runtime", "frugal_arrow"]


def frugal_arrow() -> None:
    """Let Arrow take memory from the system, unless the environment says otherwise.

    Its own allocator keeps what is given back: a third more memory while syncing, and more CPU. Arrow looks at this
    once, when it is loaded.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


class Runtime:
    """The parts of one process. Close it when done."""

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        frugal_arrow()
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.environ = os.environ if environ is None else environ

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def store(self) -> Store:
        """The state database. Raises NotInitialised, SchemaTooOld, SchemaTooNew, StoreDamaged."""
        from adjoin.db import Store

        return Store.open(self.settings.database)

    @cached_property
    def kernel(self) -> Kernel:
        """All installed plugins that are not switched off."""
        from adjoin.kernel import Kernel

        return Kernel.load(disabled=self.settings.disabled_plugins)

    @cached_property
    def vault(self) -> Vault:
        """What encrypts credentials. Raises SecretError where there is no key."""
        from adjoin.secrets import Keyring, Vault

        return Vault(Keyring.find(self.environ, self.settings.key_file))

    @cached_property
    def facts(self) -> FactStore:
        """The fact files."""
        from adjoin.facts.store import FactStore

        return FactStore(self.settings.home)

    @cached_property
    def limiter(self) -> Limiter:
        """The rate limits of this process."""
        from adjoin.http.limiter import Limiter
        from adjoin.sync.throttles import load_throttles, save_throttle

        return Limiter(
            self.clock,
            blocked=load_throttles(self.store, now=self.clock.now()),
            persist=lambda key, until: save_throttle(self.store, key, until),
        )

    @cached_property
    def connections(self) -> Connections:
        """The connections and their clients."""
        from adjoin.sync.connections import Connections

        return Connections(
            store=self.store,
            kernel=self.kernel,
            vault=self.vault,
            limiter=self.limiter,
            clock=self.clock,
            environ=self.environ,
        )

    @cached_property
    def runs(self) -> RunBook:
        """The rows of runs and slices."""
        from adjoin.sync.runs import RunBook

        return RunBook(self.store)

    @cached_property
    def executor(self) -> Executor:
        """What executes runs in this process."""
        from adjoin.sync.engine import Engine
        from adjoin.sync.executor import Executor

        engine = Engine(
            store=self.store,
            kernel=self.kernel,
            connections=self.connections,
            facts=self.facts,
            clock=self.clock,
            history_days=self.settings.history_days,
        )
        return Executor(
            engine=engine, runs=self.runs, kernel=self.kernel, clock=self.clock, lock_file=self.settings.lock_file
        )

    def query(self, workspace_id: str) -> FactQuery:
        """Return a reader of a workspace's facts. Close it when done."""
        from adjoin.facts.query import FactQuery

        return FactQuery(self.store, self.settings.home, workspace_id)

    def close(self) -> None:
        """Close what was opened."""
        parts = self.__dict__
        if "kernel" in parts:
            self.kernel.close()
        if "store" in parts:
            self.store.close()
