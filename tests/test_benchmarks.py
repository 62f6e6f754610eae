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


def test_the_kernel_is_measured_against_pluggy_and_a_plain_call() -> None:
    """All kinds of call give the same answer and are told as ratios."""
    found = _run("kernel.py", "--calls", "700")
    assert found["ratios"]["plain"]["to_plain"] == 1
    assert set(found["micros"]) == {"plain", "pluggy", "kernel", "kernel, awaited"}
