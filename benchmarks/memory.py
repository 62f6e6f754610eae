"""How much memory a process needs to sync one large account: it should not depend on the account's size.

    python benchmarks/memory.py [--rows 5000000] [--json]

One account in the form of Meta's insights, with so many rows of ads on 28 days, and their ad groups, campaigns and
conversions beside; its pages are made of a few that were rendered before. The target is a peak below 400 MB for 5
million rows. What was committed is checked: rows and sums of each dataset. Exit code 1 if one is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from feed import DAYS, PAGE_ROWS, Feed, Figures, Totals, _row, serving

_BLOCK_ADS = 500  # a multiple of 25: whole campaigns


@dataclass(frozen=True)
class LargeAccount(Feed):
    """One account of `blocks` times the same 500 ads, under ids of their own."""

    blocks: int = 1

    @classmethod
    def of(cls, rows: int) -> LargeAccount:
        return cls(accounts=1, ads=_BLOCK_ADS, blocks=max(1, round(rows / (_BLOCK_ADS * DAYS))))

    def expected(self, generation: int) -> Totals:
        """Return what the account comes to, by dataset."""
        return {
            dataset: {
                name: count if dataset == "account_daily" and name in ("rows", "keys") else count * self.blocks
                for name, count in totals.items()
            }
            for dataset, totals in super().expected(generation).items()
        }

    def pages(self, generation: int) -> dict[str, Any]:
        """Return the account's pages by level: sequences that make each page when it is asked for."""
        found: dict[str, Any] = {}
        for level, rows in self.rows(generation).items():
            times = self.blocks if level == "account" else 1
            texts = [_row(key, _times(figures, times)) for key, figures in rows.items()]
            chunks = [texts[at : at + PAGE_ROWS] for at in range(0, len(texts), PAGE_ROWS)]
            found[level] = _Pages(
                [",".join(chunk).encode() for chunk in chunks], 1 if level == "account" else self.blocks
            )
        return found


@dataclass(frozen=True)
class _Pages:
    """The pages of a block, again for each block with other ids."""

    templates: Sequence[bytes]
    blocks: int

    def __getitem__(self, number: int) -> bytes:
        block, place = divmod(number, len(self.templates))
        rows = self.templates[place]
        for kind in (b"2385", b"2386", b"2387"):  # a quote before them: only ids begin so
            rows = rows.replace(b'"%s000000' % kind, b'"%s%06d' % (kind, block))
        paging: dict[str, object] = {"cursors": {"after": str((number + 1) * PAGE_ROWS)}}
        if number + 1 < len(self.templates) * self.blocks:
            paging["next"] = f"https://graph.example/next?after={(number + 1) * PAGE_ROWS}"
        return b'{"data":[%s],"paging":%s}' % (rows, json.dumps(paging).encode())


def _times(figures: Figures, times: int) -> Figures:
    return tuple(figure * times for figure in figures)  # type: ignore[return-value]


def main() -> int:
    if sys.argv[1:2] == ["--sync"]:
        return _sync(*sys.argv[2:])
    parser = argparse.ArgumentParser(description="Measure the memory of a sync.")
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of ads in the account (about)")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    given = parser.parse_args()
    account = LargeAccount.of(given.rows)
    expected = account.expected(1)
    with serving(account) as (url, _), tempfile.TemporaryDirectory() as folder:
        days = (account.since.isoformat(), account.until.isoformat())
        done = subprocess.run(
            [sys.executable, __file__, "--sync", url, folder, *days], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(f"the sync failed:\n{done.stderr}{done.stdout}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    wrong = [
        f"{dataset}: {report['found'].get(dataset)} instead of {name} {sums[name]}"
        for dataset, sums in expected.items()
        for name in ("rows", "clicks", "conversions")
        if name in sums and (report["found"].get(dataset) or {}).get(name) != sums[name]
    ]
    summary = {
        "ad_rows": expected["ad_daily"]["rows"],
        "rows": sum(sums["rows"] for sums in expected.values()),
        "peak_mb": report["peak_mb"],
        "idle_mb": report["idle_mb"],
        "seconds": report["seconds"],
        "wrong": wrong,
    }
    print(json.dumps(summary) if given.json else _text(summary))
    return 1 if wrong else 0


def _sync(url: str, folder: str, since: str, until: str) -> int:
    """Sync the account in this process, as an executor does, and print what it took and what came of it."""
    from datetime import date

    from adjoin.ads.v2 import Credential
    from adjoin.db import Store
    from adjoin.db.models import DEFAULT_WORKSPACE, RunState, RunTrigger
    from adjoin.runtime import Runtime
    from adjoin.secrets import Keyring
    from adjoin.settings import load_settings

    home = Path(folder) / "home"
    home.mkdir()
    settings = load_settings(home)
    Keyring.create_file(settings.key_file)
    with Store.open(settings.database, check_schema=False) as store:
        store.initialise(now=datetime.now(UTC))
    with Runtime(settings) as runtime:
        credential = Credential(access_token="benchmark")
        made = asyncio.run(runtime.connections.connect("meta", base_url=url, credential=credential))
        import adjoin_meta.insights  # noqa: F401 - start-up, not sync

        idle = _peak_mb()
        run, _ = runtime.runs.enqueue(
            workspace_id=DEFAULT_WORKSPACE,
            connection_id=made.connection.id,
            trigger=RunTrigger.PERSON,
            now=runtime.clock.now(),
            since=date.fromisoformat(since),
            until=date.fromisoformat(until),
        )
        begun = time.perf_counter()
        with runtime.executor.exclusive():
            asyncio.run(runtime.executor.run_until_idle())
        took, peak = time.perf_counter() - begun, _peak_mb()
        ended = runtime.runs.get(DEFAULT_WORKSPACE, run.id)
        if ended.state is not RunState.SUCCEEDED or ended.differences:
            raise SystemExit(f"the sync ended {ended.state}: {ended.error or ended.differences}")
        found = _found(runtime)
    print(json.dumps({"idle_mb": idle, "peak_mb": peak, "seconds": round(took, 1), "found": found}))
    return 0


def _found(runtime: Any) -> dict[str, dict[str, int]]:
    """Count what is in the committed files, by dataset; the sums of the manifest must say the same."""
    import duckdb
    from sqlmodel import col, select

    from adjoin.ads.datasets import DATASETS
    from adjoin.db.models import FactFile

    with runtime.store.read() as session:
        files = session.exec(select(FactFile).where(col(FactFile.superseded_at).is_(None))).all()
    totals: dict[str, dict[str, int]] = {}
    for file in files:
        path = runtime.facts.intact(file.path, expected=file.checksum)
        names = [name for name in ("clicks", "conversions") if name in DATASETS[file.dataset].metrics]
        sums = "".join(f", sum({name})" for name in names)
        with duckdb.connect() as connection:
            row = connection.execute(f"SELECT count(*){sums} FROM read_parquet($1)", [str(path)]).fetchone()
        assert row is not None
        counted = dict(zip(("rows", *names), map(int, row), strict=True))
        if any(counted[name] != Decimal(file.sums[name] or 0) for name in names):
            raise SystemExit(f"{file.path} holds {counted}, and the manifest says {file.rows} rows, {file.sums}")
        known = totals.setdefault(file.dataset, dict.fromkeys(counted, 0))
        for name, count in counted.items():
            known[name] += count
    return totals


def _peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _text(summary: dict[str, Any]) -> str:
    rows = f"one account with {summary['ad_rows']:,} rows of ads, {summary['rows']:,} rows in all"
    took = f"{summary['seconds']:.0f} s, peak {summary['peak_mb']} MB (idle {summary['idle_mb']} MB)"
    lines = [f"{rows}: {took}", "the target for 5 million rows is below 400 MB"]
    return "\n".join([*lines, *summary["wrong"]])


if __name__ == "__main__":
    sys.exit(main())
