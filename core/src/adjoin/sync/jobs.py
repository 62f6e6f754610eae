"""Jobs: what core and plugins have done every so often, each with its own deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import structlog

from adjoin.errors import AdjoinError
from adjoin.lanes import Lane
from adjoin.surface import v1 as surface

if TYPE_CHECKING:
    from adjoin.clock import Clock
    from adjoin.kernel import Kernel

__all__ = ["CoreJob", "PluginJob", "ScheduledJob", "plugin_jobs"]


class ScheduledJob(Protocol):
    """Something to be done every so often. `run` never raises: it returns what went wrong, or None."""

    @property
    def key(self) -> str:
        """The name that its schedule goes by: plugin/name."""
        ...

    @property
    def every(self) -> timedelta: ...

    @property
    def timeout(self) -> timedelta: ...

    async def run(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class _Context:
    """What a job may use."""

    clock: Clock

    def now(self) -> datetime:
        return self.clock.now()


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginJob:
    """A job of a plugin, run in the plugin's own threads."""

    plugin: str
    job: surface.Job
    lane: Lane
    clock: Clock

    @property
    def key(self) -> str:
        return f"{self.plugin}/{self.job.name}"

    @property
    def every(self) -> timedelta:
        return self.job.every

    @property
    def timeout(self) -> timedelta:
        return self.job.timeout

    async def run(self) -> str | None:
        """Run the job until its deadline."""
        log = structlog.get_logger("adjoin.jobs").bind(plugin=self.plugin, job=self.job.name)
        doing = f"job {self.job.name}"
        try:
            started = self.lane.start(doing, _call(self.job, _Context(self.clock)))
            await started.await_(self.job.timeout.total_seconds())
        except AdjoinError as error:
            log.warning("job failed", error=str(error))
            return str(error)
        log.info("job done")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreJob:
    """A chore of the core: `work` blocks, and returns what there is to tell."""

    name: str
    every: timedelta
    work: Callable[[], object]
    timeout: timedelta = timedelta(hours=1)

    @property
    def key(self) -> str:
        return f"core/{self.name}"

    async def run(self) -> str | None:
        """Do the work in a thread."""
        log = structlog.get_logger("adjoin.jobs").bind(plugin="core", job=self.name)
        try:
            told = await asyncio.to_thread(self.work)
        except Exception as error:
            log.warning("job failed", error=str(error), exc_info=not isinstance(error, AdjoinError))
            return str(error) if isinstance(error, AdjoinError) else f"unexpected {type(error).__name__}; see the log"
        log.info("job done", result="" if told is None else str(told))
        return None


def plugin_jobs(kernel: Kernel, clock: Clock) -> list[PluginJob]:
    """Return the jobs of all plugins; a plugin that cannot list its jobs is logged and left out."""
    log = structlog.get_logger("adjoin.jobs")
    results = kernel.hook(surface.Surface.jobs).all()
    for plugin, error in results.errors.items():
        log.warning("plugin has no usable jobs", plugin=plugin, error=str(error))
    found: dict[str, PluginJob] = {}
    for answer in results:
        for job in answer.value:
            made = PluginJob(plugin=answer.plugin, job=job, lane=kernel.lane("surface", answer.plugin), clock=clock)
            if found.setdefault(made.key, made) is not made:
                log.warning(
                    "plugin offers two jobs of one name; the first one counts", plugin=made.plugin, job=job.name
                )
    return list(found.values())


def _call(job: surface.Job, context: _Context) -> Callable[[], object]:
    if asyncio.iscoroutinefunction(job.run):

        async def run() -> None:
            await job.run(context)  # type: ignore[misc]

        return run
    return lambda: job.run(context)
