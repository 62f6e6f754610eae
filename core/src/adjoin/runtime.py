"""Puts the parts of a process together: settings, store, kernel, secrets, facts. Each is made when first used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from adjoin.clock import Clock, SystemClock
from adjoin.errors import BadInput
from adjoin.memory import hold_little
from adjoin.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from adjoin.access.signing_in import SigningIn
    from adjoin.db import Store
    from adjoin.facts.query import FactQuery
    from adjoin.facts.store import FactStore
    from adjoin.http.limiter import RateLimiter
    from adjoin.kernel import Kernel
    from adjoin.monitor import Vitals
    from adjoin.secrets import KeySource, Vault
    from adjoin.sync.connections import Connections
    from adjoin.sync.engine import Engine
    from adjoin.sync.executor import RunExecutor
    from adjoin.sync.runs import RunBook
    from adjoin.sync.workers.worker import Worker

__all__ = ["Runtime"]

#: Calls of one plugin that a run has under way at once, at most, with one to spare for a renewal.
_SLOTS_PER_RUN = 5


class Runtime:
    """The parts of one process. Close it when done."""

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        hold_little()
        self.settings = settings
        self._clock = clock
        self.environ = os.environ if environ is None else environ
        self._slots = 16

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

        return Store.open(self.settings.database, scoped_url=self.settings.database_scoped_url)

    @cached_property
    def clock(self) -> Clock:
        """The machine's clock; where several machines work together, the one of their database."""
        if self._clock is not None:
            return self._clock
        if self.settings.executor == "embedded":
            return SystemClock()
        from adjoin.sync.workers.shared_clock import SharedClock

        return SharedClock(self.store)

    @cached_property
    def kernel(self) -> Kernel:
        """All installed plugins that are not switched off."""
        from adjoin.kernel import Kernel

        return Kernel.load(disabled=self.settings.disabled_plugins, slots=self._slots)

    @cached_property
    def vault(self) -> Vault:
        """What encrypts credentials. Raises SecretError where there is no key."""
        from adjoin.secrets import Vault

        return Vault.of(self.key_source)

    @cached_property
    def key_source(self) -> KeySource:
        """Where the keys come from: ADJOIN_KEY, the output of ADJOIN_KEY_COMMAND, or the key file."""
        from adjoin.key_source import find_keys

        return find_keys(self.environ, self.settings.key_file)

    @cached_property
    def facts(self) -> FactStore:
        """The fact files, below home or in object storage. Raises BadInput for a setting that cannot be used."""
        from adjoin.facts.store import FactStore

        return FactStore.open(self.settings, self.environ)

    @cached_property
    def limiter(self) -> RateLimiter:
        """The rate limits: of this process, or shared by all workers."""
        if self.settings.executor == "workers":
            from adjoin.http.shared_limiter import SharedLimiter

            return SharedLimiter(self.store)
        from adjoin.http.limiter import Limiter
        from adjoin.sync.throttles import load_throttles, save_throttle

        return Limiter(
            self.clock,
            blocked=load_throttles(self.store, now=self.clock.now()),
            persist=lambda key, until: save_throttle(self.store, key, until),
        )

    @cached_property
    def doors(self) -> SigningIn:
        """Where people sign in, and are known by their sessions."""
        from adjoin.access.doors import open_doors

        return open_doors(
            store=self.store,
            kernel=self.kernel,
            vault=self.vault,
            clock=self.clock,
            settings=self.settings,
            environ=self.environ,
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
    def engine(self) -> Engine:
        """What executes a single run."""
        from adjoin.sync.engine import Engine

        return Engine(
            store=self.store,
            kernel=self.kernel,
            connections=self.connections,
            facts=self.facts,
            clock=self.clock,
            history_days=self.settings.history_days,
        )

    @cached_property
    def executor(self) -> RunExecutor:
        """What has the runs executed: in this process, or by workers."""
        if self.settings.executor == "workers":
            from adjoin.sync.workers import schema
            from adjoin.sync.workers.remote import RemoteExecutor

            schema.check(self.store)
            return RemoteExecutor()
        from adjoin.sync.executor import Executor

        def alone() -> AbstractContextManager[bool]:
            if self.store.dialect != "postgresql":
                return nullcontext(True)
            from adjoin.sync.workers.locks import execute_alone

            return execute_alone(self.store)

        return Executor(
            engine=self.engine,
            runs=self.runs,
            kernel=self.kernel,
            clock=self.clock,
            lock_file=self.settings.lock_file,
            alone=alone,
        )

    def worker(self, *, concurrency: int, grace: float, vitals: Vitals | None = None) -> Worker:
        """Return the worker of this process. Raises BadInput where the installation has none."""
        from adjoin.sync.execution import Execution
        from adjoin.sync.workers.worker import Worker

        if self.settings.executor != "workers":
            raise BadInput(
                "The runs of this installation are executed by its scheduler. To have them executed by workers, set "
                "ADJOIN_EXECUTOR=workers and ADJOIN_DATABASE_URL=postgresql://... for the scheduler and all workers, "
                "and run `adjoin db upgrade`"
            )
        self._slots = max(self._slots, _SLOTS_PER_RUN * concurrency)
        reports = {one.name: one.version for one in self.kernel.reports if one.contract == "ads"}
        return Worker(
            store=self.store,
            runs=self.runs,
            execution=Execution(engine=self.engine, runs=self.runs, kernel=self.kernel, clock=self.clock),
            clock=self.clock,
            plugins={name: reports.get(name, "") for name in self.kernel.plugins("ads")},
            folder=self.settings.home,
            bucket=self.settings.facts_url.rstrip("/"),
            concurrency=concurrency,
            grace=grace,
            patience=self.settings.wait_for_database,
            vitals=vitals,
        )

    def query(self, workspace_id: str, *, as_of: datetime | None = None) -> FactQuery:
        """Return a reader of a workspace's facts, as they stood at an instant if one is given. Close it when done."""
        from adjoin.facts.query import FactQuery

        return FactQuery(self.store, self.facts, workspace_id, as_of=as_of)

    def close(self) -> None:
        """Close what was opened."""
        parts = self.__dict__
        if "kernel" in parts:
            self.kernel.close()
        if "store" in parts:
            self.store.close()
