"""The benchmarks run, and what they measured is right. How fast it was is no test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def _run(script: str, *arguments: str) -> dict:
    command = [sys.executable, str(BENCHMARKS / script), *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_small_sync_is_right_on_both_sides() -> None:
    """Both contenders end with the counts, keys and sums of the feed, after the first load and after a restated one."""
    summary = _run("sync.py", "--rows", "1400", "--repeat", "1")
    assert summary["wrong"] == []
    assert summary["ad_rows"] == 1400
    assert set(summary["contenders"]) == {"adjoin", "naive"}


@pytest.mark.parametrize("platform", ["google", "linkedin", "meta", "microsoft"])
def test_both_ways_of_normalising_stage_the_same(platform: str) -> None:
    """Plugin and models make the same rows and sums of the same answers, so that comparing what they cost is fair."""
    found = _run("wire.py", "--platform", platform, "--rows", "2000", "--scale", "0.05")
    assert found["wrong"] == []
    assert found["platforms"][platform]["rows"] > 1000


def test_each_slot_queues_one_run_among_few_and_among_many() -> None:
    """A minute of ticks, all due at once, and a tick among ever more schedules."""
    arguments = ("--schedules", "600", "--due", "120", "--few", "100", "--ticks", "2", "--database", "sqlite")
    found = _run("scheduling.py", *arguments)
    assert found["wrong"] == []
    measured = found["databases"]["sqlite"]
    assert (measured["minute"]["queued"], measured["at_once"]["queued"]) == (120, 120)
    assert set(measured["by_existing"]["sizes"]) == {"100", "600"}


def test_the_kernel_is_measured_against_pluggy_and_a_plain_call() -> None:
    """All kinds of call give the same answer and are told as ratios."""
    found = _run("kernel.py", "--calls", "700")
    assert found["ratios"]["plain"]["to_plain"] == 1
    assert set(found["micros"]) == {"plain", "pluggy", "kernel", "kernel, awaited"}


def test_a_commit_is_measured_with_little_and_with_much_history() -> None:
    """Both end with the rows that were committed last; the ratio is told."""
    found = _run("commit.py", "--ads", "20", "--repeat", "1")
    assert found["wrong"] == []
    assert found["rows"] == 28 * 20
    assert found["ratio"] > 0
    assert set(found["seconds"]) == {"1", "36"}


def test_the_memory_of_a_sync_is_measured_on_a_made_up_account() -> None:
    """Its rows arrive whole, though its pages are made of a few."""
    found = _run("memory.py", "--rows", "28000")
    assert found["wrong"] == []
    assert found["ad_rows"] == 28_000
    assert found["peak_mb"] >= found["idle_mb"] > 0


@pytest.mark.postgres
def test_workers_are_measured_against_each_other() -> None:
    """Two real workers sync the true rows, each once."""
    found = _run("workers.py", "--connections", "2", "--latency", "1", "--workers", "2")
    assert found["wrong"] == []
    assert found["workers"]["2"]["rows"] > 0


def test_the_gate_knows_everybody() -> None:
    """By one query at most, and none for what they may do."""
    figures = _run("gate.py", "--sessions", "40", "--requests", "40", "--limit", "1e9")
    assert set(figures) == {"session asked", "session known", "gate asked", "gate known"}


def test_the_metric_layer_answers_as_duckdb_does() -> None:
    """The four questions of a dashboard, over files of which some are packed."""
    found = _run("queries.py", "--accounts", "4", "--campaigns", "3", "--ads", "9", "--days", "180", "--repeat", "1")
    assert found["wrong"] == []
    assert {name: one["rows"] for name, one in found["queries"].items()} == {
        "daily": 4 * 90,
        "top50": 4 * 3,
        "ads": 3 * 90,
        "roas": 4 * 7,
    }


def test_tabs_of_the_dashboard_are_shown_the_same_figures() -> None:
    """Ten at once, and some that think between two runs."""
    arguments = ("--accounts", "4", "--campaigns", "2", "--days", "40", "--rounds", "1", "--tabs", "11")
    found = _run("dashboard.py", *arguments, "--think", "0.2", "--seconds", "0.5")
    assert found["wrong"] == []
    assert found["runs"] >= 11
    assert found["rerun_cpu_ms"] > 0


def test_a_large_workspace_is_searched_and_sorted() -> None:
    """A search finds its campaign and no other."""
    found = _run("large.py", "--accounts", "6", "--campaigns", "4", "--days", "8", "--repeat", "1")
    assert found["wrong"] == []
    assert found["campaigns"] == 24
    assert found["search"]["seconds"] > 0
