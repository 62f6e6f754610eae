"""Holds the manifest against the files: every row has its file, with the rows, sums and days that it tells of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import col, select

from adjoin.ads.datasets import DATASETS
from adjoin.db.models import Coverage, FactFile
from adjoin.errors import StoreDamaged
from adjoin.facts import sums
from adjoin.facts._batches import batches
from adjoin.facts.layout import FACTS, month_end, safe_part
from adjoin.facts.manifest import counting
from adjoin.facts.retention import GRACE, orphans

if TYPE_CHECKING:
    import pyarrow as pa

    from adjoin.db import Store
    from adjoin.facts.store import FactStore

__all__ = ["Damage", "Fault", "Verified", "verify"]

_BATCH = 500
_ROWS = 64 * 1024


class Fault(StrEnum):
    """What can be wrong."""

    UNREADABLE = "unreadable"  # the file is missing, cut short or changed
    MISMATCH = "mismatch"  # its rows are not those that the manifest tells of
    TWICE = "twice"  # two rows of the manifest are current for one month
    UNCOVERED = "uncovered"  # rows of a day that was never noted as read


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What is wrong with a month of an account, and what to do. `history` is damage to superseded files only."""

    row_id: str  # of the manifest
    fault: Fault
    platform: str
    account_id: str
    dataset: str
    month: date
    path: str
    what: str
    advice: str
    history: bool = False

    def __str__(self) -> str:
        where = f"{self.dataset} of {self.platform} account {self.account_id}, {self.month:%Y-%m}"
        return f"{where}: {self.what} {self.advice}"


@dataclass(slots=True, kw_only=True)
class Verified:
    """What was looked at and what was found. `orphans` are files without a row: harmless, `adjoin facts clean`."""

    rows: int = 0  # of the manifest
    files: int = 0
    bytes: int = 0
    damage: list[Damage] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Content:
    """What the rows of one account in a file come to."""

    totals: sums.Sums
    rows: int = 0
    days: set[date] = field(default_factory=set)
    words: set[tuple[str, str]] = field(default_factory=set)  # platform and currency


def verify(store: Store, facts: FactStore, *, workspace_id: str, now: datetime, quick: bool = False) -> Verified:
    """Check a workspace's facts, the superseded ones that are still kept too, and return what was found.

    Compares each file's checksum, then its rows, sums, days, account and currency with the manifest, and the days with
    what is noted as read. `quick` reads no file: it compares sizes only. Safe beside running syncs. Memory is
    bounded by one account's rows of the manifest and one row group. Raises StateError when a store cannot be used.
    """
    checking = _Checking(store, facts, workspace_id, quick)
    checking.twice()
    for rows in _by_file(store, workspace_id):
        checking.file(rows)
    for file in orphans(store, facts, older_than=now - GRACE):
        if file.path.startswith(f"{FACTS}/{safe_part(workspace_id)}/"):
            checking.found.orphans.append(file.path)
    return checking.found


def _by_file(store: Store, workspace_id: str) -> Iterator[Sequence[FactFile]]:
    """Yield the rows of the manifest that have a file, those of one file together."""
    mine: Any = (FactFile.workspace_id == workspace_id, FactFile.path != "")
    last = ""
    while True:
        with store.read() as session:
            page = session.exec(
                select(FactFile)
                .where(*mine, col(FactFile.packed).is_(False), col(FactFile.id) > last)
                .order_by(col(FactFile.id))
                .limit(_BATCH)
            ).all()
        if not page:
            break
        yield from ([row] for row in page)
        last = page[-1].id
    with store.read() as session:
        packs = session.exec(
            select(col(FactFile.dataset), col(FactFile.month), col(FactFile.path))
            .where(*mine, col(FactFile.packed))
            .distinct()
        ).all()
    for dataset, month, path in packs:
        with store.read() as session:
            members = session.exec(
                select(FactFile).where(
                    *mine, FactFile.dataset == dataset, FactFile.month == month, FactFile.path == path
                )
            ).all()
        if members:
            yield members


class _Checking:
    def __init__(self, store: Store, facts: FactStore, workspace_id: str, quick: bool) -> None:
        self.found = Verified()
        self._store = store
        self._facts = facts
        self._workspace = workspace_id
        self._quick = quick

    def twice(self) -> None:
        """Look for months with two current rows. An index forbids them; it may be missing in a restored database."""
        key = [col(FactFile.platform), col(FactFile.account_id), col(FactFile.dataset), col(FactFile.month)]
        advice = "Restore the database from a backup from before, and run `adjoin db upgrade`."
        with self._store.read() as session:
            several = (
                sa.select(sa.func.min(FactFile.id))
                .where(col(FactFile.workspace_id) == self._workspace, counting(None))
                .group_by(*key)
                .having(sa.func.count() > 1)
            )
            for row in session.exec(select(FactFile).where(col(FactFile.id).in_(several))):
                self._add(row, Fault.TWICE, "two files are current at once; its figures count twice.", advice)

    def file(self, rows: Sequence[FactFile]) -> None:
        """Check one file against the rows that name it."""
        first = rows[0]
        self.found.files += 1
        self.found.rows += len(rows)
        self.found.bytes += first.bytes
        problem = self._unreadable(first)
        if problem is not None:
            for row in self._still(rows):
                self._add(row, Fault.UNREADABLE, problem)
            return
        contents = None if self._quick else self._contents(first)
        for row in rows:
            if contents is not None:
                wrong = _differences(row, contents)
                if wrong:
                    what = f"the file {row.path} does not hold what the manifest says: {wrong}."
                    self._add(row, Fault.MISMATCH, what)
                    continue
            if row.superseded_at is None:
                self._covered(row, None if contents is None else contents.get(row.account_id))

    def _unreadable(self, row: FactFile) -> str | None:
        if self._quick:
            size = self._facts.size(row.path)
            if size is None:
                return f"the file {row.path} is missing."
            return None if size == row.bytes else f"the file {row.path} has {size} bytes instead of {row.bytes}."
        try:
            self._facts.verify(row.path, expected=row.checksum)
        except StoreDamaged:
            size = self._facts.size(row.path)
            return f"the file {row.path} is missing." if size is None else f"the file {row.path} has changed."
        return None

    def _contents(self, row: FactFile) -> dict[str, _Content]:
        """Return what the file holds per account."""
        import pyarrow.parquet as pq

        metrics = DATASETS[row.dataset].metrics
        found: dict[str, _Content] = {}
        path = self._facts.local(row.path, expected=row.checksum)
        with pq.ParquetFile(path) as file:
            names = ["platform", "currency", "account_id", "date", *metrics]
            for batch in file.iter_batches(batch_size=_ROWS, columns=names, use_threads=False):
                for account, part in _by_account(batch):
                    content = found.setdefault(account, _Content(dict.fromkeys(metrics)))
                    content.rows += part.num_rows
                    content.days.update(_different(part.column("date")))
                    content.words.update(_pairs(part))
                    sums.add(content.totals, part, metrics)
        return found

    def _covered(self, row: FactFile, content: _Content | None) -> None:
        if row.first_date is None or row.last_date is None:
            return
        with self._store.read() as session:
            query = select(col(Coverage.day)).where(
                Coverage.workspace_id == row.workspace_id,
                Coverage.platform == row.platform,
                Coverage.account_id == row.account_id,
                Coverage.dataset == row.dataset,
                col(Coverage.day) >= row.month,
                col(Coverage.day) <= month_end(row.month),
            )
            covered = set(session.exec(query))
        missing = sorted(({row.first_date, row.last_date} if content is None else content.days) - covered)
        if missing:
            more = f" and {len(missing) - 1} more days" if len(missing) > 1 else ""
            self._add(row, Fault.UNCOVERED, f"{missing[0]}{more} hold rows but are not noted as read.")

    def _still(self, rows: Sequence[FactFile]) -> list[FactFile]:
        """Return the rows that still name this file: retention or compaction may have been at it meanwhile."""
        with self._store.read() as session:
            same: list[FactFile] = []
            for ids in batches((row.id for row in rows), _BATCH):
                query = select(FactFile).where(FactFile.path == rows[0].path, col(FactFile.id).in_(ids))
                same += session.exec(query).all()
        return same

    def _add(self, row: FactFile, fault: Fault, what: str, advice: str = "") -> None:
        history = row.superseded_at is not None
        if history and not advice:
            advice = (
                "Today's figures do not need it, those as of "
                f"{row.created_at:%Y-%m-%d %H:%M} to {row.superseded_at:%Y-%m-%d %H:%M} UTC do. Restore it from a "
                "backup, or give it up: adjoin facts verify --forget"
            )
        elif not advice:
            advice = (
                f"Restore it from a backup, or read the month again: adjoin sync --platform {row.platform} --account "
                f"{row.account_id} --dataset {row.dataset} --since {row.month} --until {month_end(row.month)}"
            )
        self.found.damage.append(
            Damage(
                row_id=row.id,
                fault=fault,
                platform=row.platform,
                account_id=row.account_id,
                dataset=row.dataset,
                month=row.month,
                path=row.path,
                what=what,
                advice=advice,
                history=history,
            )
        )


def _pairs(batch: pa.RecordBatch) -> set[tuple[str, str]]:
    import pyarrow as pa

    names = ["platform", "currency"]
    words = pa.table([batch.column(name).cast(pa.string()) for name in names], names=names)
    found = words.group_by(names).aggregate([]).to_pylist()
    return {(one["platform"], one["currency"]) for one in found}


def _different(column: Any) -> list[Any]:
    found: list[Any] = column.unique().to_pylist()
    return found


def _by_account(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    accounts = batch.column("account_id")
    different = _different(accounts)
    for account in different:
        yield account, batch if len(different) == 1 else batch.filter(pc.equal(accounts, pa.scalar(account)))


def _differences(row: FactFile, contents: Mapping[str, _Content]) -> str:
    """Say how what a file holds differs from what the manifest tells of it; nothing when it does not."""
    content = contents.get(row.account_id, _Content(dict.fromkeys(DATASETS[row.dataset].metrics)))
    found = sums.as_text(content.totals)
    pairs: list[tuple[str, Any, Any]] = [
        ("rows", content.rows, row.rows),
        ("the first day", min(content.days, default=None), row.first_date),
        ("the last day", max(content.days, default=None), row.last_date),
        *((f"the sum of {metric}", found[metric], row.sums.get(metric)) for metric in found),
    ]
    if not row.packed:
        pairs.append(("accounts", sorted(contents), [row.account_id] if row.rows else []))
    if content.rows:
        pairs.append(("platform and currency", sorted(content.words), [(row.platform, row.currency)]))
    return ", ".join(f"{name} {is_} instead of {should}" for name, is_, should in pairs if is_ != should)
