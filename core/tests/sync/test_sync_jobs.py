"""Jobs of plugins: each with its own deadline, and no trouble of one reaches another."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import timedelta

import pytest
import structlog
from structlog.testing import LogCapture

from adjoin.clock import ManualClock
from adjoin.contract import hookimpl
from adjoin.contracts import CONTRACTS
from adjoin.kernel import Kernel
from adjoin.surface import v1 as surface
from adjoin.sync.jobs import CoreJob, plugin_jobs


@pytest.fixture
def log(quiet):
    capture = LogCapture()
    structlog.configure(processors=[capture], wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    return capture.entries


@pytest.fixture
def offered(kernel):
    """Add a plugin that offers these jobs."""

    def offer(name, *jobs):
        class Plugin:
            @hookimpl
            def jobs(self) -> list[surface.Job]:
                if not jobs:
                    raise RuntimeError("no list")
                return list(jobs)

        kernel.add(name, "surface", 1, Plugin())

    return offer


@pytest.fixture
def kernel():
    kernel = Kernel(CONTRACTS)
    yield kernel
    kernel.close()


def job(run, name="tidy", **options):
    return surface.Job(name=name, run=run, every=timedelta(hours=1), **options)


def test_jobs_run_in_their_plugins_threads(kernel, offered, log):
    """Plain functions and coroutines, with a clock to ask."""
    clock, seen = ManualClock(), []

    async def later(context):
        seen.append(("later", context.now(), threading.current_thread()))

    offered(
        "one", job(lambda context: seen.append(("now", context.now(), threading.current_thread()))), job(later, "later")
    )
    jobs = plugin_jobs(kernel, clock)
    assert [(one.plugin, one.every) for one in jobs] == [("one", timedelta(hours=1))] * 2
    for one in jobs:
        asyncio.run(one.run())
    assert [(name, at) for name, at, _ in seen] == [("now", clock.now()), ("later", clock.now())]
    assert threading.main_thread() not in {thread for *_, thread in seen}
    assert [entry["event"] for entry in log] == ["job done", "job done"]


def test_a_job_that_fails_or_hangs_is_logged(kernel, offered, log):
    """`run` comes back in any case, and the next time comes."""
    gate = threading.Event()

    def fail(context):
        raise ValueError("no")

    offered("one", job(fail), job(lambda context: gate.wait(30), name="slow", timeout=timedelta(seconds=0.05)))
    for one in plugin_jobs(kernel, ManualClock()):
        asyncio.run(one.run())
    gate.set()
    assert [(entry["event"], entry["plugin"], entry["job"], entry["error"]) for entry in log] == [
        ("job failed", "one", "tidy", "plugin 'one' raised ValueError in job tidy: no"),
        ("job failed", "one", "slow", "plugin 'one' gave no answer to job slow within 0.05 s"),
    ]


def test_a_plugin_that_cannot_list_its_jobs_is_left_out(kernel, offered, log):
    """The others' jobs run."""
    offered("bad")
    offered("good", job(lambda context: None))
    assert [one.plugin for one in plugin_jobs(kernel, ManualClock())] == ["good"]
    assert [(entry["event"], entry["plugin"]) for entry in log] == [("plugin has no usable jobs", "bad")]


def test_two_jobs_of_one_name_are_one(kernel, offered, log):
    """The first counts: they would share a schedule."""
    offered("one", job(lambda context: None), job(lambda context: None, timeout=timedelta(days=1)))
    (found,) = plugin_jobs(kernel, ManualClock())
    assert (found.key, found.timeout) == ("one/tidy", timedelta(minutes=10))
    assert [entry["event"] for entry in log] == ["plugin offers two jobs of one name; the first one counts"]


def test_a_chore_of_the_core_never_raises(log):
    """What went wrong comes back as words that a person may read; what there is to tell is logged."""

    def fail():
        raise RuntimeError("deep inside")

    chore = CoreJob(name="retention", every=timedelta(days=1), work=fail)
    assert chore.key == "core/retention"
    assert asyncio.run(chore.run()) == "unexpected RuntimeError; see the log"
    done = CoreJob(name="retention", every=timedelta(days=1), work=lambda: "3 files removed")
    assert asyncio.run(done.run()) is None
    assert [(entry["event"], entry.get("result")) for entry in log] == [
        ("job failed", None),
        ("job done", "3 files removed"),
    ]
