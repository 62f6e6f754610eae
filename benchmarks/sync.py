"""How fast a sync is: Adjoin with everything on beside a naive program, on the same feed, in turns.

    python benchmarks/sync.py [--rows 200000] [--repeat 3] [--json]

Each contender runs in a process of its own, loads the feed, and then loads it again with every metric restated. All
results are checked: row counts, distinct keys, exact sums. Exit code 1 if one is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from feed import LEVELS, PAGE_ROWS, Feed, serving

_HERE = Path(__file__).parent
CONTENDERS = {"adjoin": "ours.py", "naive": "naive.py"}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure a sync.")
    parser.add_argument("--rows", type=int, default=200_000, help="rows of ads (about)")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each contender, in turns")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    given = parser.parse_args()
    feed = Feed.of(given.rows)
    expected = {"first": feed.expected(1), "again": feed.expected(2)}
    rows = sum(expected["first"][dataset]["rows"] for dataset in LEVELS.values())
    wrong: list[str] = []
    reports: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTENDERS}
    with serving(feed) as (url, server), tempfile.TemporaryDirectory() as folder:
        reader = _read_only(url, feed, rows, server)
        for turn in range(given.repeat):
            for name, script in CONTENDERS.items():
                report = _run(script, url, Path(folder) / f"{name}-{turn}", feed)
                reports[name].append(report)
                wrong += [
                    f"{name}, {load}, {dataset}: {report[load]['found'].get(dataset)} instead of {sums}"
                    for load in expected
                    for dataset, sums in expected[load].items()
                    if report[load]["found"].get(dataset) != sums
                ]
    summary: dict[str, Any] = {
        "rows": rows,
        "ad_rows": expected["first"]["ad_daily"]["rows"],
        "feed": reader,
        "contenders": {name: _summary(found, rows) for name, found in reports.items()},
        "wrong": wrong,
    }
    ours, naive = (summary["contenders"][name] for name in CONTENDERS)
    summary["ratio_cpu_again"] = round(naive["again"]["cpu_s_per_million"] / ours["again"]["cpu_s_per_million"], 2)
    summary["ratio_cpu_first"] = round(naive["first"]["cpu_s_per_million"] / ours["first"]["cpu_s_per_million"], 2)
    print(json.dumps(summary) if given.json else _text(summary))
    return 1 if wrong else 0


def _run(script: str, url: str, folder: Path, feed: Feed) -> dict[str, Any]:
    command = [sys.executable, str(_HERE / script), url, str(folder), feed.since.isoformat(), feed.until.isoformat()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{script} failed:\n{done.stderr}{done.stdout}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def _read_only(url: str, feed: Feed, rows: int, server: int) -> dict[str, float]:
    """Fetch every page once and do nothing with it: what the feed can give."""
    connection = HTTPConnection(urlsplit(url).netloc)
    cpu, wall, size = _cpu(server), time.perf_counter(), 0
    per_account = {level: feed.expected(1)[dataset]["rows"] // feed.accounts for level, dataset in LEVELS.items()}
    wall = time.perf_counter()
    for number in range(feed.accounts):
        for level, count in per_account.items():
            for after in range(0, count, PAGE_ROWS):
                connection.request("GET", f"/v26.0/act_{1000 + number}/insights?level={level}&after={after}")
                size += len(connection.getresponse().read())
    took = time.perf_counter() - wall
    connection.close()
    return {
        "rows_per_s": rows / took,
        "mb": size / 1e6,
        "server_cpu_s_per_million": (_cpu(server) - cpu) / rows * 1e6,
    }


def _cpu(process: int) -> float:
    """CPU seconds that a process has used; 0 where the system does not tell."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _summary(reports: list[dict[str, Any]], rows: int) -> dict[str, Any]:
    return {
        "start_up_cpu_s": round(median(report["start_up_cpu"] for report in reports), 2),
        **{
            load: {
                "rows_per_s": round(rows / median(report[load]["wall"] for report in reports)),
                "cpu_s_per_million": round(median(report[load]["cpu"] for report in reports) / rows * 1e6, 1),
                "peak_mb": round(max(report[load]["peak_mb"] for report in reports)),
            }
            for load in ("first", "again")
        },
    }


def _text(summary: dict[str, Any]) -> str:
    feed = summary["feed"]
    lines = [
        f"{summary['rows']:,} rows at four levels ({summary['ad_rows']:,} of ads), {feed['mb']:.0f} MB",
        f"feed alone: {feed['rows_per_s']:,.0f} rows/s; its server {feed['server_cpu_s_per_million']:.1f} CPU-s per 1M",
        "",
        f"{'contender':<10}{'load':<8}{'rows/s':>10}{'CPU-s per 1M':>15}{'peak MB':>10}{'start-up CPU-s':>17}",
    ]
    for name, found in summary["contenders"].items():
        for load in ("first", "again"):
            one = found[load]
            lines.append(
                f"{name:<10}{load:<8}{one['rows_per_s']:>10,}{one['cpu_s_per_million']:>15}{one['peak_mb']:>10}"
                f"{found['start_up_cpu_s']:>17}"
            )
    lines += [
        "",
        f"naive / adjoin, CPU: {summary['ratio_cpu_first']} first, {summary['ratio_cpu_again']} again",
        "all results are right" if not summary["wrong"] else "\n".join(["WRONG:", *summary["wrong"]]),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
