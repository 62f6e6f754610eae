"""What the dashboard's first page costs its server, and how long people wait for it.

    python benchmarks/dashboard.py [--accounts 40] [--campaigns 50] [--days 400] [--rounds 20] [--tabs 50]
                                   [--think 5] [--seconds 30] [--browser] [--json]

A dashboard is served as `adjoin dashboard` does it. 10 tabs run the Overview at the same moment, again and again: the
server's CPU time of a round by 10 is what a run costs. Then many tabs, each of which thinks for some seconds between
two runs: how long they wait, and what the server holds in memory for each. All must be shown the same figures without
an error, or the exit code is 1.

With `--browser` a Chromium that has nothing in its cache, but is signed in, opens the Overview until it is whole, and
changes to another page and back.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from advertiser import Size, fill
from tabs import Run, Server, Tab, serving, tab

from adjoin.facts.store import FactStore

_AT_ONCE = 10


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the dashboard's first page.")
    parser.add_argument("--accounts", type=int, default=40)
    parser.add_argument("--campaigns", type=int, default=50, help="of each account")
    parser.add_argument("--days", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=20, help=f"how often {_AT_ONCE} tabs run it at once")
    parser.add_argument("--tabs", type=int, default=50, help="how many are open then")
    parser.add_argument("--think", type=float, default=5, help="seconds between two runs of a tab")
    parser.add_argument("--seconds", type=float, default=30, help="how long they do so")
    parser.add_argument("--browser", action="store_true", help="measure a browser as well")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    given = parser.parse_args()
    last = datetime.now(UTC).date() - timedelta(days=1)
    size = Size(accounts=given.accounts, campaigns=given.campaigns, ads=0, days=given.days, last=last)
    with TemporaryDirectory() as folder:
        token = _prepare(Path(folder), size)
        with serving(Path(folder)) as server:
            report = asyncio.run(_measure(server, token, given))
            if given.browser:
                report["browser"] = _browse(server, token)
    print(json.dumps(report) if given.json else json.dumps(report, indent=2))
    for one in report["wrong"]:
        print(f"WRONG: {one}", file=sys.stderr)
    return 1 if report["wrong"] else 0


def _prepare(home: Path, size: Size) -> str:
    """Make the home, and return the token of somebody who is signed in."""
    from adjoin_dashboard.testing import make_store, sign_in

    with make_store(home, [], now=size.now) as store:
        fill(store, FactStore(home), size)
        return sign_in(store, now=datetime.now(UTC)).token


async def _measure(server: Server, token: str, given: argparse.Namespace) -> dict[str, Any]:
    wrong: list[str] = []
    async with AsyncExitStack() as opened:
        first = await opened.enter_async_context(tab(server, token))
        cold = await first.open()
        expected = (await first.open()).figures
        _check([cold], expected, wrong)
        tabs = [first] + [await opened.enter_async_context(tab(server, token)) for _ in range(_AT_ONCE - 1)]
        _check(await asyncio.gather(*(one.open() for one in tabs)), expected, wrong)
        cpu_ms = []
        for _ in range(given.rounds):
            before = server.cpu()
            runs = await asyncio.gather(*(one.open() for one in tabs))
            await asyncio.sleep(0.2)  # what is done after the last word counts as well
            cpu_ms.append(1000 * (server.cpu() - before) / len(tabs))
            _check(runs, expected, wrong)
        memory = server.memory()
        more = [await opened.enter_async_context(tab(server, token)) for _ in range(given.tabs - len(tabs))]
        for one in more:
            _check([await one.open()], expected, wrong)
        held = (server.memory() - memory) / len(more) if more else None
        waited = await _think([*tabs, *more], given, expected, wrong)
        after = server.memory()
    return {
        "first_run_s": round(cold.seconds, 3),
        "rerun_cpu_ms": round(median(cpu_ms), 1),
        "rerun_cpu_ms_best": round(min(cpu_ms), 1),
        "rerun_bytes": len(runs[0].data),
        "tabs": given.tabs,
        "runs": len(waited),
        "waited_median_s": round(median(waited), 3),
        "waited_p95_s": round(quantiles(waited, n=20)[-1], 3),
        "memory_mb": round(after),
        "memory_per_tab_mb": None if held is None else round(held, 2),
        "wrong": sorted(set(wrong)),
    }


async def _think(
    tabs: list[Tab], given: argparse.Namespace, expected: tuple[tuple[str, str], ...], wrong: list[str]
) -> list[float]:
    """Have all tabs run the page, with thought between, and return how long each waited."""
    drawn = random.Random(1)
    until = time.perf_counter() + given.seconds

    async def look(one: Tab, later: float) -> list[float]:
        found = []
        await asyncio.sleep(later)
        while time.perf_counter() < until or not found:
            run = await one.open()
            _check([run], expected, wrong)
            found.append(run.seconds)
            await asyncio.sleep(given.think)
        return found

    every = await asyncio.gather(*(look(one, drawn.uniform(0, given.think)) for one in tabs))
    return [seconds for found in every for seconds in found]


def _check(runs: list[Run], expected: tuple[tuple[str, str], ...], wrong: list[str]) -> None:
    if not expected:
        wrong.append("the page shows no figures")
    wrong += ["a run failed" for run in runs if run.failed]
    wrong += ["two tabs were shown different figures" for run in runs if run.figures != expected]


def _browse(server: Server, token: str) -> dict[str, float]:
    """Return the seconds until a page is whole in a browser that has just been started, signed in already."""
    from playwright.sync_api import sync_playwright

    found = {}
    with sync_playwright() as playwright:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        context = browser.new_context(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")
        context.add_cookies([{"name": "adjoin_session", "value": token, "url": server.address}])
        page = context.new_page()
        whole = page.locator(".st-key-spend canvas")
        began = time.perf_counter()
        page.goto(server.address)
        whole.first.wait_for(timeout=120_000)
        found["first_page_s"] = time.perf_counter() - began
        for name in ("Campaigns", "Overview"):
            page.get_by_role("link", name=name, exact=True).first.wait_for(timeout=60_000)
            began = time.perf_counter()
            page.get_by_role("link", name=name, exact=True).first.click()
            page.get_by_role("heading", name=name, level=1).wait_for(timeout=60_000)
            page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=60_000)
            found[f"to_{name.lower()}_s"] = time.perf_counter() - began
        browser.close()
    return {name: round(seconds, 2) for name, seconds in found.items()}


if __name__ == "__main__":
    sys.exit(main())
