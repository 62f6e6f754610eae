"""The jobs that plugins contribute to the scheduler, each with its own deadline, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from adjoin.errors import AdjoinError
from adjoin.lanes import Lane
from adjoin.surface import v1 as surface

if TYPE_CHECKING:
    from adjoin.clock import Clock
    from adjoin.kernel import Kernel

__all__ = ["PluginJob", "plugin_jobs"]


@dataclass(frozen=True, slots=True)
class _Context:
    """What a job may use."""

    clock: Clock

    def now(self) -> datetime:
        return self.clock.now()


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginJob:
    """A job that is due every so often. `run` never raises: what goes wrong is logged, and the next time comes."""

    plugin: str
    job: surface.Job
    lane: Lane
    clock: Clock

    @property
    def every(self) -> timedelta:
        return self.job.every

    async def run(self) -> None:
        """Run the job in the plugin's own threads until its deadline."""
        log = structlog.get_logger("adjoin.jobs").bind(plugin=self.plugin, job=self.job.name)
        doing = f"job {self.job.name}"
        try:
            started = self.lane.start(doing, _call(self.job, _Context(self.clock)))
            await started.await_(self.job.timeout.total_seconds())
        except AdjoinError as error:
            log.warning("job failed", error=str(error))
        else:
            log.info("job done")


def plugin_jobs(kernel: Kernel, clock: Clock) -> list[PluginJob]:
    """Return the jobs of all plugins; a plugin that cannot list its jobs is logged and left out."""
    results = kernel.hook(surface.Surface.jobs).all()
    for plugin, error in results.errors.items():
        structlog.get_logger("adjoin.jobs").warning("plugin has no usable jobs", plugin=plugin, error=str(error))
    return [
        PluginJob(plugin=answer.plugin, job=job, lane=kernel.lane("surface", answer.plugin), clock=clock)
        for answer in results
        for job in answer.value
    ]


def _call(job: surface.Job, context: _Context) -> Callable[[], object]:
    if asyncio.iscoroutinefunction(job.run):

        async def run() -> None:
            await job.run(context)  # type: ignore[misc]

        return run
    return lambda: job.run(context)
