"""A workspace with many accounts and campaigns: the page Campaigns opened, searched and sorted.

    python benchmarks/large.py [--accounts 1000] [--campaigns 50] [--days 14] [--repeat 5] [--json]

A dashboard is served as `adjoin dashboard` does it, and a tab opens the page: again as it is, with searches that were
not asked before, and in the order of another column each time. No answer may hold more campaigns than a page of the
list, and a search must find its campaign and no other, or the exit code is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from advertiser import Size, fill
from tabs import Run, Server, Tab, serving, tab

from adjoin.facts.store import FactStore

_CAMPAIGN = re.compile(rb"Campaign \d+ of \d+")
_PERIOD = {"period": "Last 7 days"}
_ORDERS = ("clicks", "impressions", "conversions", "ctr", "cpc", "cpa")
#: More rows than a page of the list may hold.
_TOO_MANY = 1000


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the page Campaigns in a large workspace.")
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--campaigns", type=int, default=50, help="of each account")
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--repeat", type=int, default=5, help=f"how often each is done, at most {len(_ORDERS)}")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    given = parser.parse_args()
    if not 1 <= given.repeat <= len(_ORDERS):
        parser.error(f"each can be done 1 to {len(_ORDERS)} times")
    last = datetime.now(UTC).date() - timedelta(days=1)
    size = Size(accounts=given.accounts, campaigns=given.campaigns, ads=0, days=given.days, last=last)
    with TemporaryDirectory() as folder:
        token = _prepare(Path(folder), size)
        with serving(Path(folder)) as server:
            report = asyncio.run(_measure(server, token, size, given.repeat))
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


async def _measure(server: Server, token: str, size: Size, repeat: int) -> dict[str, Any]:
    wrong: list[str] = []
    wanted = [f"Campaign {number % size.campaigns} of {size.accounts - 1 - number}" for number in range(repeat)]
    report: dict[str, Any] = {"accounts": size.accounts, "campaigns": size.accounts * size.campaigns}
    async with tab(server, token) as opened:
        report["first"] = await _look(server, opened, [_PERIOD], wrong)
        report["rerun"] = await _look(server, opened, [_PERIOD] * repeat, wrong)
        report["sort"] = await _look(server, opened, [{**_PERIOD, "sort": one} for one in _ORDERS[:repeat]], wrong)
    searches, found = [], []
    for name in wanted:  # what is typed stays in a tab: each search is a link that somebody follows
        async with tab(server, token) as opened:
            searches.append(await _look(server, opened, [{**_PERIOD, "search": name}], wrong, found))
    report["search"] = {kind: round(median(one[kind] for one in searches), 3) for kind in searches[0]}
    wrong += [
        f"the search for {name} shows {sorted(shown)[:3]}"
        for name, shown in zip(wanted, found, strict=True)
        if name not in shown or not all(one.startswith(name) for one in shown)
    ]
    return {**report, "memory_mb": round(server.memory()), "wrong": sorted(set(wrong))}


async def _look(
    server: Server,
    opened: Tab,
    queries: Sequence[Mapping[str, str]],
    wrong: list[str],
    found: list[set[str]] | None = None,
) -> dict[str, float]:
    """Run the page for each query; return medians, and add the campaigns that each showed to `found`."""
    seconds, cpus = [], []
    for query in queries:
        before = server.cpu()
        run = await opened.open("campaigns", query)
        await asyncio.sleep(0.1)  # what is done after the last word counts as well
        seconds.append(run.seconds)
        cpus.append(server.cpu() - before)
        shown = _campaigns(run)
        if run.failed or not shown:
            wrong.append(f"a run for {dict(query)} failed or shows no campaign")
        if len(shown) >= _TOO_MANY:
            wrong.append(f"a run for {dict(query)} sends {len(shown)} campaigns")
        if found is not None:
            found.append(shown)
    return {"seconds": round(median(seconds), 3), "cpu_s": round(median(cpus), 3)}


def _campaigns(run: Run) -> set[str]:
    return {name.decode() for name in _CAMPAIGN.findall(run.data)}


if __name__ == "__main__":
    sys.exit(main())
