"""The real results of 1,143 ads, from sandbox through OAuth, sync and report: exact to the cent, whatever happens."""

from __future__ import annotations

import csv
import signal
from collections import defaultdict
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.realdata

DAYS = ("--from", "2023-08-01", "--to", "2023-08-31")
TOTALS = {
    "impressions": 213_434_828,
    "clicks": 38_165,
    "cost_micros": 58_705_230_000,
    "conversions_by_action": {"leads": 3_264, "purchases": 1_079},
}


def by_campaign(figures: Path) -> dict[str, dict[str, Any]]:
    """Add the file up independently of everything that is tested."""
    found: dict[str, dict[str, Any]] = defaultdict(lambda: dict.fromkeys(("impressions", "clicks", "cost_micros"), 0))
    with figures.open(newline="") as file:
        for row in csv.DictReader(file):
            sums = found[row["campaign_id"]]
            sums["impressions"] += int(row["impressions"])
            sums["clicks"] += int(row["clicks"])
            sums["cost_micros"] += int(Decimal(row["cost"]) * 1_000_000)
            actions = sums.setdefault("conversions_by_action", {"leads": 0, "purchases": 0})
            for action in actions:
                actions[action] += int(row[action])
    return dict(found)


@contextmanager
def connected(installation, real_figures):
    with installation.sandbox("--world", str(real_figures), "--today", "2023-09-15") as served:
        base = f"http://127.0.0.1:{served['port']}"
        installation.run("init")
        installation.run("connect", "meta", "--sandbox", base)
        yield base


def check(installation, real_figures) -> None:
    total = installation.json("report", *DAYS, "--by", "total", "--json")["totals"]
    assert {name: total[name] for name in TOTALS} == TOTALS
    campaigns = installation.json("report", *DAYS, "--by", "campaign", "--json")["rows"]
    found = {row["campaign_id"]: row for row in campaigns}
    expected = by_campaign(real_figures)
    assert found.keys() == expected.keys() == {"916", "936", "1178"}
    for campaign, sums in expected.items():
        assert {name: found[campaign][name] for name in sums} == sums
    ads = installation.json("report", *DAYS, "--by", "ad", "--json")
    assert len(ads["rows"]) == 1_143
    assert {name: ads["totals"][name] for name in TOTALS} == TOTALS


def test_are_exact_after_the_first_sync_and_after_a_second_one(installation, real_figures) -> None:
    with connected(installation, real_figures):
        installation.run("sync")
        check(installation, real_figures)
        installation.run("sync", "--since", "2023-08-01", "--until", "2023-08-31")
        check(installation, real_figures)


def test_are_exact_after_a_sync_that_was_killed_in_the_middle_and_resumed(installation, real_figures) -> None:
    with connected(installation, real_figures) as base:
        # An answer to a report's result that never ends holds the sync where some slices are staged and others are not.
        fault = {"kind": "latency:60000", "class": "facts", "after": 5}
        httpx.post(f"{base}/_sandbox/faults", json=fault, trust_env=False).raise_for_status()
        process = installation.start("sync", "--json")
        while httpx.get(f"{base}/_sandbox/requests", trust_env=False).json()["meta"].get("facts", 0) < 6:
            assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        httpx.delete(f"{base}/_sandbox/faults", trust_env=False).raise_for_status()

        assert installation.json("runs", "--json")[0]["state"] == "running"
        resumed, *older = installation.json("sync", "--json")
        assert (resumed["state"], resumed["attempts"]) == ("succeeded", 2)
        assert {one["state"] for one in older} == {"succeeded"}, older
        check(installation, real_figures)


def test_are_exact_with_throttling_cut_connections_and_truncated_bodies(installation, real_figures) -> None:
    with connected(installation, real_figures) as base:
        kinds = ("cut_before", "cut_body", "truncate", "status:503")
        faults = [{"kind": kind, "class": "*", "every": 7 + n, "after": n, "times": 4} for n, kind in enumerate(kinds)]
        faults.append({"kind": "throttle", "class": "facts", "times": 2, "after": 3})
        httpx.post(f"{base}/_sandbox/faults", json=faults, trust_env=False).raise_for_status()
        runs = installation.json("sync", "--json")
        assert {run["state"] for run in runs} == {"succeeded"}, runs
        fired = httpx.get(f"{base}/_sandbox/faults", trust_env=False).json()
        assert len(fired["fired"]) >= 10
        check(installation, real_figures)
