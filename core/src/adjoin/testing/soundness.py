"""What must hold of an installation whatever happened to its processes: each function returns what does not, in words.

problems = (*unsound(store, facts), *untrue(query, world.on("meta"), datasets, since=first_days))
assert not problems
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.db.models import FactFile, Run, Slice, SliceState
from adjoin.errors import StoreDamaged
from adjoin.facts.layout import FACTS, STAGING

if TYPE_CHECKING:
    from adjoin.db import Store
    from adjoin.facts.query import FactQuery
    from adjoin.facts.store import FactStore
    from adjoin.testing.world import Presence

__all__ = ["orphans", "unsound", "untrue"]


def unsound(store: Store, facts: FactStore) -> list[str]:
    """Check runs and manifest once nothing is under way: no run is lost, and every commit happened exactly once."""
    with store.read() as session:
        runs = list(session.exec(select(Run)))
        slices = list(session.exec(select(Slice)))
        # Retention leaves a row without a path where the file is gone.
        files = list(session.exec(select(FactFile).where(col(FactFile.path) != "")))
    return [*_runs(runs, slices), *_months(files), *_contents(files, facts)]


def untrue(
    query: FactQuery, presence: Presence, datasets: Iterable[str], *, since: Mapping[str, date], at: datetime
) -> list[str]:
    """Compare what is committed, row by row and column by column, with the truth of a world.

    `since` gives the accounts that are synced, each with its first day; the last is the account's day of `at`.
    """
    problems = []
    for dataset in dict.fromkeys(datasets):
        expected: dict[tuple[str, ...], Mapping[str, Any]] = {}
        for account_id, first in since.items():
            last = presence.today(account_id)
            truth = presence.truth(dataset, account_id=account_id, since=first, until=last).to_pylist()
            expected |= _keyed(dataset, truth)
        table = query.run(query.table(dataset, min(since.values()), at.date()))
        rows = [
            row
            for row in table.select(arrow_schema(dataset).names).to_pylist()
            if row["account_id"] in since and row["date"] >= since[row["account_id"]]
        ]
        found = _keyed(dataset, rows)
        where = f"{presence.platform} {dataset}"
        if len(found) != len(rows):
            problems.append(f"{where}: {len(rows) - len(found)} rows are there twice")
        for what, keys in (("missing", expected.keys() - found.keys()), ("not true", found.keys() - expected.keys())):
            if keys:
                problems.append(f"{where}: {len(keys)} rows are {what}, such as {min(keys)}")
        wrong = [key for key in expected.keys() & found.keys() if dict(expected[key]) != dict(found[key])]
        if wrong:
            key = min(wrong)
            problems.append(
                f"{where}: {len(wrong)} rows are wrong: {dict(found[key])} instead of {dict(expected[key])}"
            )
    return problems


def orphans(store: Store, root: Path) -> list[str]:
    """Return the files below a local root that nothing refers to, relative to it: leftovers that retention removes."""
    with store.read() as session:
        known = set(session.exec(select(col(FactFile.path))))
        for staged in session.exec(select(col(Slice.staged)).where(col(Slice.state) == SliceState.STAGED)):
            known |= {file["path"] for file in staged}
    found = [path for folder in (FACTS, STAGING) for path in (root / folder).rglob("*") if path.is_file()]
    return sorted(name for path in found if (name := path.relative_to(root).as_posix()) not in known)


def _runs(runs: list[Run], slices: list[Slice]) -> Iterator[str]:
    for run in runs:
        if not run.state.ended:
            yield f"run {run.id} is {run.state}: it was lost"
        elif run.finished_at is None:
            yield f"run {run.id} is {run.state} and has no end"
    unended = {run.id for run in runs if not run.state.ended}
    open_states = (SliceState.PLANNED, SliceState.FETCHING, SliceState.STAGED)
    succeeded = {run.id for run in runs if str(run.state) == "succeeded"}
    for piece in slices:
        if piece.run_id in succeeded and piece.state in open_states and piece.run_id not in unended:
            yield f"slice {piece.id} is {piece.state}, and its run succeeded"


def _months(files: list[FactFile]) -> Iterator[str]:
    ids = {file.id for file in files}
    current = Counter(_month(file) for file in files if file.superseded_at is None)
    for month in {_month(file) for file in files}:
        if current[month] != 1:
            yield f"{' '.join(month)} has {current[month]} current files"
    for by, count in Counter(file.superseded_by for file in files if file.superseded_by).items():
        if count > 1:
            yield f"file {by} superseded {count} others"
        if by not in ids:
            yield f"a file was superseded by {by}, which is not there"
    for file in files:
        if (file.superseded_at is None) != (file.superseded_by is None):
            yield f"file {file.id} says when or by what it was superseded, and not both"
    for (run_id, month), count in Counter((file.run_id, _month(file)) for file in files if not file.packed).items():
        if count > 1:
            yield f"run {run_id} committed {' '.join(month)} {count} times"


def _contents(files: list[FactFile], facts: FactStore) -> Iterator[str]:
    for path, checksum in {(file.path, file.checksum) for file in files}:
        try:
            facts.intact(path, expected=checksum)
        except StoreDamaged as error:
            yield str(error)


def _month(file: FactFile) -> tuple[str, str, str, str]:
    return (file.platform, file.account_id, file.dataset, f"{file.month:%Y-%m}")


def _keyed(dataset: str, rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, ...], Mapping[str, Any]]:
    names = ("account_id", "date", *DATASETS[dataset].keys)
    return {tuple(str(row[name]) for name in names): row for row in rows}
