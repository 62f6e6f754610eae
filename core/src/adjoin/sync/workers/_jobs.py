"""procrastinate's worker, as it is used here: it hands out run ids, one at a time per connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from procrastinate import App, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job
from procrastinate.retry import BaseRetryStrategy
from procrastinate.worker import Worker as JobWorker

from adjoin.sync.queue import TASK

__all__ = ["JobWorker", "Later", "make_app", "make_job_worker"]

_POLL_SECONDS = 5.0  # how often jobs are looked for besides being told of; what is due later is found so
# procrastinate's own limit only guards its own table: what counts as dead is decided by the runs' heartbeats.
_FORGOTTEN_SECONDS = 300.0


class Later(Exception):
    """The job cannot be done now; it is to be tried again `at` that time."""

    def __init__(self, reason: str, *, at: datetime) -> None:
        super().__init__(reason)
        self.at = at


class _RetryLater(BaseRetryStrategy):
    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        return RetryDecision(retry_at=exception.at) if isinstance(exception, Later) else None


def make_app(conninfo: str, work: Callable[[str, str], Awaitable[None]]) -> App:
    """Return the application whose one task is `work(workspace_id, run_id)`."""
    app = App(connector=PsycopgConnector(conninfo=conninfo, min_size=1, max_size=4, timeout=10.0, max_idle=60.0))

    @app.task(name=TASK, retry=_RetryLater())
    async def execute_run(workspace_id: str, run_id: str) -> None:
        await work(workspace_id, run_id)

    return app


def make_job_worker(app: App, queues: Sequence[str], *, concurrency: int, grace: float) -> JobWorker:
    """Return what fetches jobs until its `stop` is called, and cancels them `grace` seconds later."""
    return JobWorker(
        app,
        queues=list(queues),
        concurrency=concurrency,
        fetch_job_polling_interval=_POLL_SECONDS,
        shutdown_graceful_timeout=grace,
        delete_jobs="always",
        install_signal_handlers=False,
        stalled_worker_timeout=_FORGOTTEN_SECONDS,
    )
