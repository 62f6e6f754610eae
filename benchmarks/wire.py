"""How cheaply a platform's answers become staged rows: the plugins beside pydantic models per row, on the same bytes.

    python benchmarks/wire.py [--rows 1000000] [--platform google ...] [--repeat 1] [--json]

What a plugin asks its sandbox for to read the ads of one account is recorded once per platform, and then played from
memory: nothing is measured but decoding, normalising and staging (Parquet files, fsync, sums). Google's and Microsoft's
answer, which come in one piece, hold all rows at once; Meta's and LinkedIn's slice is read as often as it takes. Each
contender runs in a process of its own, in turns; both must stage the same rows and sums. Exit code 1 if they do not.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import pickle
import pkgutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, aclosing
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import structlog
from measure import peak
from tape import DATASET, Player, Tape, record

PLATFORMS = ("google", "linkedin", "meta", "microsoft")
CONTENDERS = ("adjoin", "pydantic")
_BATCH = 10_000


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    parser = argparse.ArgumentParser(description="Measure what normalising and staging costs.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of ads and days (about)")
    parser.add_argument("--platform", action="append", choices=PLATFORMS, help="only this one; may be repeated")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each contender, in turns")
    parser.add_argument("--scale", type=float, default=4.0, help="size of the advertiser that is recorded")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    given = parser.parse_args()
    wrong: list[str] = []
    summary: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for platform in given.platform or PLATFORMS:
            tape = record(platform, scale=given.scale).longer(given.rows)
            file = Path(folder) / f"{platform}.tape"
            file.write_bytes(pickle.dumps(tape))
            slices = max(1, round(given.rows / tape.rows))
            reports: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTENDERS}
            for turn in range(given.repeat):
                for name in CONTENDERS:
                    reports[name].append(_run(name, file, slices, Path(folder) / f"{platform}-{name}-{turn}"))
            staged = {name: found[0]["staged"] for name, found in reports.items()}
            if staged["adjoin"] != staged["pydantic"] or staged["adjoin"]["rows"] != tape.rows * slices:
                wrong.append(f"{platform}: {staged}")
            rows = tape.rows * slices
            found = {name: _summary(one, rows) for name, one in reports.items()}
            ratio = found["pydantic"]["cpu_s_per_million"] / found["adjoin"]["cpu_s_per_million"]
            summary[platform] = {
                "rows": rows,
                "mb": round(tape.size * slices / 1e6),
                "slices": slices,
                "contenders": found,
                "ratio_cpu": round(ratio, 2),
            }
    print(json.dumps({"platforms": summary, "wrong": wrong}) if given.json else _text(summary, wrong))
    return 1 if wrong else 0


def _run(contender: str, file: Path, slices: int, folder: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--contend", contender, str(file), str(slices), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{contender} failed:\n{done.stderr}{done.stdout}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def _summary(reports: list[dict[str, Any]], rows: int) -> dict[str, Any]:
    return {
        "cpu_s_per_million": round(median(one["cpu"] for one in reports) / rows * 1e6, 2),
        "rows_per_cpu_s": round(rows / median(one["cpu"] for one in reports)),
        "peak_mb": round(max(one["peak_mb"] for one in reports)),
        "tape_mb": round(max(one["tape_mb"] for one in reports)),
        "parts": {
            name: round(median(one["parts"].get(name, 0.0) for one in reports) / rows * 1e6, 2)
            for name in reports[0]["parts"]
        },
    }


def _text(summary: dict[str, Any], wrong: list[str]) -> str:
    heading = (
        f"{'platform':<11}{'contender':<10}{'rows':>10}{'CPU-s per 1M':>14}{'rows/CPU-s':>12}{'peak MB':>9}"
        f"{'of it tape':>11}{'ratio':>7}   where"
    )
    lines = [heading]
    for platform, one in summary.items():
        for name, found in one["contenders"].items():
            parts = ", ".join(f"{part} {cost}" for part, cost in found["parts"].items())
            lines.append(
                f"{platform:<11}{name:<10}{one['rows']:>10,}{found['cpu_s_per_million']:>14}"
                f"{found['rows_per_cpu_s']:>12,}{found['peak_mb']:>9}{found['tape_mb']:>11}"
                f"{one['ratio_cpu'] if name == 'adjoin' else '':>7}   {parts}"
            )
    return "\n".join([*lines, "both staged the same" if not wrong else "\n".join(["WRONG:", *wrong])])


# --- a contender, in its own process --------------------------------------------------------------------------------


def contend(contender: str, file: Path, slices: int, folder: Path) -> None:
    """Stage the tape as often as asked, and print what it cost."""
    from adjoin.facts.store import FactStore
    from adjoin.memory import hold_little

    hold_little()
    before = peak()
    tape: Tape = pickle.loads(file.read_bytes())
    held = tape.size / 1e6
    store = FactStore(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tape.prepare(folder)
    _import_all(f"adjoin_{tape.platform}")
    work = _by_plugin(tape, store) if contender == "adjoin" else _by_model(tape, store)
    parts: dict[str, float] = {}
    cpu = time.process_time()
    totals: dict[str, Any] = {"rows": 0}
    for number in range(slices):
        for name, value in work(number, parts).items():
            totals[name] = totals.get(name, 0) + Decimal(value or 0)
    cpu = time.process_time() - cpu
    parts["the rest"] = cpu - sum(parts.values())
    totals = {name: int(value * 10**9) / 10**9 if value % 1 else int(value) for name, value in totals.items()}
    report = {"cpu": cpu, "parts": parts, "staged": totals, "peak_mb": peak(), "start_mb": before, "tape_mb": held}
    print(json.dumps(report))


def _import_all(package: str) -> None:
    """Load what the contender would load on its first call: that is start-up."""
    import pyarrow as pa
    import pyarrow.parquet

    pa.array([0])  # the first array loads pandas
    found = importlib.import_module(package)
    for module in pkgutil.iter_modules(found.__path__):
        importlib.import_module(f"{package}.{module.name}")


def _by_plugin(tape: Tape, store: Any) -> Callable[[int, dict[str, float]], dict[str, Any]]:
    from adjoin.ads import v2
    from adjoin.contracts import CONTRACTS
    from adjoin.kernel import Kernel
    from adjoin.sync.connections import sandbox_app_of

    kernel = Kernel.load(CONTRACTS)
    description = kernel.hook(v2.Ads.describe).one(tape.platform)
    player = Player(tape, f"http://sandbox.test/{tape.platform}", sandbox_app_of(description))
    stream = description.stream(DATASET)
    request = v2.ReadRequest(stream=DATASET, account=tape.account, window=tape.window)

    async def read(number: int, parts: dict[str, float]) -> dict[str, Any]:
        with ExitStack() as stack:
            writers = {
                name: stack.enter_context(_stage(store, tape, number, name)) for name in (DATASET, *stream.yields)
            }
            batches = kernel.stream(v2.Ads.read).stream(tape.platform, request=request, client=player)
            async with aclosing(batches):
                async for batch in batches:
                    await asyncio.to_thread(_timed, parts, "staging", writers[batch.dataset].append, batch.rows)
            files = {name: _timed(parts, "staging", writer.close) for name, writer in writers.items()}
        return _told(files)

    runner = asyncio.Runner()
    return lambda number, parts: runner.run(read(number, parts))


def _by_model(tape: Tape, store: Any) -> Callable[[int, dict[str, float]], dict[str, Any]]:
    import pyarrow as pa
    from by_model import NORMALISE

    from adjoin.ads.datasets import arrow_schema

    names = (DATASET, *(["conversion_daily"] if tape.platform == "meta" else []))

    def read(number: int, parts: dict[str, float]) -> dict[str, Any]:
        waiting: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        with ExitStack() as stack:
            writers = {name: stack.enter_context(_stage(store, tape, number, name)) for name in names}

            def flush(name: str) -> None:
                batch = pa.RecordBatch.from_pylist(waiting[name], schema=arrow_schema(name))
                waiting[name].clear()
                _timed(parts, "staging", writers[name].append, batch)

            for name, row in NORMALISE[tape.platform](tape):
                waiting[name].append(row)
                if len(waiting[name]) >= _BATCH:
                    flush(name)
            for name in names:
                flush(name)
            return _told({name: _timed(parts, "staging", writer.close) for name, writer in writers.items()})

    return read


def _told(files: dict[str, Any]) -> dict[str, Any]:
    """Rows and sums of all that was staged."""
    found = {"rows": files[DATASET].rows}
    for name, file in files.items():
        found |= {f"{name} rows": file.rows} | {f"{name} {metric}": value for metric, value in file.sums.items()}
    return found


def _stage(store: Any, tape: Tape, number: int, dataset: str) -> Any:
    return store.stage(
        run_id="benchmark",
        slice_id=f"{number:06d}",
        dataset=dataset,
        platform=tape.platform,
        account_id=tape.account.id,
        window=tape.window,
    )


def _timed(parts: dict[str, float], name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Count the CPU time of this thread towards a part."""
    started = time.thread_time()
    try:
        return function(*arguments)
    finally:
        parts[name] = parts.get(name, 0.0) + time.thread_time() - started


if __name__ == "__main__":
    if sys.argv[1:2] == ["--contend"]:
        contend(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[5]))
    else:
        raise SystemExit(main())
