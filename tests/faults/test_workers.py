"""A scheduler and workers on a real PostgreSQL: killed, frozen, and their database restarted under them."""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from adjoin.sync.workers import schema
from adjoin.testing.processes import Process, eventually

pytestmark = pytest.mark.postgres

PLATFORMS = ("google", "linkedin", "meta", "microsoft")
TODAY = date(2026, 10, 20)
HISTORY = 32
HASTY = str(Path(__file__).with_name("hasty.py"))


class Fleet:
    """A scheduler and workers of one installation."""

    def __init__(self, site, *, workers=2):
        self.site = site
        self.scheduler = self.start_scheduler()
        self.workers = [self.start_worker() for _ in range(workers)]

    def start_scheduler(self) -> Process:
        self.scheduler = self.site.start(sys.executable, HASTY, str(self.site.scheduler_program), name="scheduler")
        return self.scheduler

    def start_worker(self) -> Process:
        command = (sys.executable, HASTY, "-m", "adjoin", "worker", "--concurrency", "2", "--grace", "5")
        return self.site.start(*command, name=f"worker {len(self.site.processes)}")

    @property
    def processes(self) -> list[Process]:
        return [self.scheduler, *self.workers]

    def stop(self) -> None:
        """All of them stop cleanly when told to."""
        eventually(
            lambda: all(f"{one.name.split()[0]} started" in one.said for one in self.processes),
            "all had started",
            watching=self.processes,
        )
        for process in reversed(self.processes):
            code = process.stop()
            assert code == 0, f"{process.name} ended with {code}:\n{process.tail()}"


@pytest.fixture
def site(site_on, postgres):
    """An installation on a fresh PostgreSQL database whose runs are executed by workers."""
    with closing(site_on(postgres.database())) as made:
        made.settings["ADJOIN_EXECUTOR"] = "workers"
        made.initialise()
        schema.install(made.store)
        yield made


def test_the_same_totals_as_on_one_machine(site, site_on, served, tmp_path):
    """Four platforms by a scheduler and one worker on PostgreSQL, and by a scheduler alone on SQLite."""
    with closing(site_on("")) as alone:
        alone.home = tmp_path / "alone"
        alone.initialise()
        for one in (alone, site):
            one.connect(*PLATFORMS)
        fleet = Fleet(site, workers=1)
        site.next_day()
        alone.make_due()
        site.until_idle(*fleet.processes)
        alone.recover()
        fleet.stop()
        totals = [_totals(one) for one in (alone, site)]
        for one in (alone, site):
            one.assert_sound()
    assert totals[0] == totals[1]
    assert {row["platform"] for row in totals[0]} == set(PLATFORMS)
    assert all(row["cost_micros"] > 0 for row in totals[0])


def _totals(site):
    """What `adjoin report` says of each account."""
    days = ("--from", str(TODAY - timedelta(days=HISTORY)), "--to", str(TODAY + timedelta(days=1)))
    asked = site.adjoin("report", *days, "--by", "account", "--json")
    eventually(lambda: asked.exit_code is not None, "the report was there")
    asked.kill()
    assert asked.exit_code == 0, asked.tail()
    return json.loads(asked.said)["rows"]


def test_workers_killed_at_random_points(site, served, chance, tell):
    """kill -9 of one worker or the other at any moment: the rest and the next take over what it had."""
    site.connect(*PLATFORMS)
    served.slow_down()
    fleet = Fleet(site)
    kills, recovered = [], []
    for _ in range(2):
        site.next_day()
        for _ in range(2):
            kills.append(site.strike(chance, *fleet.processes))
            place = chance.randrange(2)
            fleet.workers[place].kill()
            fleet.workers[place] = fleet.start_worker()
        recovered.append(site.until_idle(*fleet.processes))
    fleet.stop()
    site.assert_sound()
    attempts = max(run.attempts for run in site.runs())
    tell(f"{len(kills)} kills, up to {attempts} attempts of a run; all done {max(recovered):.1f} s after the last")


def test_all_killed_at_once(site, served, chance, tell):
    """Scheduler and workers die together, as when the power goes; started again they go on."""
    site.connect(*chance.sample(PLATFORMS, 3))
    served.slow_down()
    recovered, struck = [], []
    fleet = Fleet(site)
    for _ in range(2):
        site.next_day()
        struck.append(site.strike(chance, *fleet.processes))
        for process in chance.sample(fleet.processes, 3):
            process.kill()
        fleet = Fleet(site)
        recovered.append(site.until_idle(*fleet.processes))
    fleet.stop()
    site.assert_sound()
    tell(f"killed after {' and '.join(struck)}; all done {max(recovered):.1f} s after the start")


def test_frozen_worker_wakes_late(site, served, chance, tell):
    """Frozen for longer than its heartbeat, a worker loses its runs to the other; awake, it changes nothing of them."""
    site.connect(*PLATFORMS)
    served.slow_down()
    fleet = Fleet(site)
    site.next_day()
    struck = site.strike(chance, *fleet.processes)
    frozen = chance.choice(fleet.workers)
    frozen.freeze()
    took = site.until_idle(*fleet.processes)
    frozen.thaw()
    site.next_day()
    site.until_idle(*fleet.processes)
    fleet.stop()
    site.assert_sound()
    tell(f"one of two frozen after {struck}; the other had done everything {took:.1f} s later")


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_database_restarted_mid_run(site, served, chance, tell, postgres, how):
    """PostgreSQL is stopped and started again, cleanly or as by a crash: everybody reconnects and goes on."""
    site.connect(*chance.sample(PLATFORMS, 2))
    served.slow_down()
    fleet = Fleet(site)
    site.next_day()
    struck = site.strike(chance, *fleet.processes)
    began = time.monotonic()
    postgres.restart(how)
    away = time.monotonic() - began
    took = site.until_idle(*fleet.processes)
    site.next_day()
    site.until_idle(*fleet.processes)
    fleet.stop()
    site.assert_sound(failures=True)
    tell(f"away for {away:.1f} s after {struck}; all runs had ended {took:.1f} s later")
