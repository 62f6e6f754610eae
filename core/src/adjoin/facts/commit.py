"""Replacing days of a month: the new file, and the swap that makes it current."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from adjoin.ads.datasets import DATASETS
from adjoin.ads.v2 import DateWindow
from adjoin.db.models import FactFile, new_id
from adjoin.errors import BadInput, Fenced, StoreDamaged, WrongResult
from adjoin.facts import sums
from adjoin.facts._merge import Part, account_rows, merged, without
from adjoin.facts.layout import fact_path, file_schema, month_end, months, sort_keys
from adjoin.facts.store import FactStore, StagedFile

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["NewMonth", "Replacement", "Target", "replace_month", "swap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """Days that are replaced as a whole by the rows of a staged file: what is not in the file is gone afterwards."""

    window: DateWindow
    staged: StagedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whose month is replaced. `month` is its first day."""

    workspace_id: str
    platform: str
    account_id: str
    currency: str
    dataset: str
    month: date


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMonth:
    """A written file that is not in the database yet, and the id of the current file that it was built upon."""

    file: FactFile
    replaces: str | None


def replace_month(
    store: FactStore,
    target: Target,
    replacements: Sequence[Replacement],
    *,
    current: FactFile | None,
    run_id: str,
    now: datetime,
) -> NewMonth | None:
    """Write the month's file anew, with the days of the replacements taken from their staged files.

    Windows may reach beyond the month; what lies outside is left to its own month. Returns None when there
    is nothing to swap: no rows and no file before, or exactly the rows that are current already. A month
    that loses its last row gets a file without rows, so that its history says when.

    Raises WrongResult for rows that come twice, and StoreDamaged for a file that does not have its checksum.
    Blocks on disk and processor; safe in a thread.
    """
    _same_dataset(target, replacements)
    relevant = [one for one in replacements if target.month in months(one.window.since, one.window.until)]
    if not relevant or (current is None and not any(one.staged.rows for one in relevant)):
        return None
    file_id = new_id()
    path = _path(target, file_id)
    spill = store.scratch(run_id) / f".spill-{file_id}"
    totals: sums.Sums = dict.fromkeys(DATASETS[target.dataset].metrics)
    first: date | None = None
    last: date | None = None
    with store.create(path, file_schema(target.dataset)) as file:
        check = _NoDuplicates(target)
        for batch in _rows(store, target, relevant, current, spill=spill):
            check(batch)
            sums.add(totals, batch, totals)
            first = first or batch.column("date")[0].as_py()
            last = batch.column("date")[-1].as_py()
            file.append(_on_disk(batch, target))
        if not file.rows and current is None:
            return None
        found = file.finish()
        if current is not None and _is_the_same(store, target, current, rows=file.rows, totals=totals, checksum=found):
            return None
        file.publish()
    row = FactFile(
        workspace_id=target.workspace_id,
        id=file_id,
        platform=target.platform,
        account_id=target.account_id,
        dataset=target.dataset,
        month=target.month,
        path=path,
        rows=file.rows,
        bytes=file.bytes,
        checksum=found,
        first_date=first,
        last_date=last,
        currency=target.currency,
        sums=sums.as_text(totals),
        run_id=run_id,
        created_at=now,
    )
    return NewMonth(file=row, replaces=current.id if current else None)


def swap(session: Session, new: Iterable[NewMonth], *, now: datetime) -> None:
    """Make new files the current ones, in the caller's transaction.

    At one and the same instant the old file ends and the new one begins: at `now`, or when the old one began where the
    clock has gone back since. So every instant has exactly one file. Raises Fenced when a month's current file is no
    longer the one that the new file was built upon: someone else has committed meanwhile, and the month has to be
    built again.
    """
    for one in new:
        file = one.file
        fenced = Fenced(
            f"{file.dataset} of {file.platform} account {file.account_id} for {file.month:%Y-%m} was changed by "
            "another run meanwhile; this one must not write over it."
        )
        current = session.exec(
            select(FactFile)
            .where(
                FactFile.workspace_id == file.workspace_id,
                FactFile.platform == file.platform,
                FactFile.account_id == file.account_id,
                FactFile.dataset == file.dataset,
                FactFile.month == file.month,
                col(FactFile.superseded_at).is_(None),
            )
            .with_for_update()
        ).one_or_none()
        if (current.id if current else None) != one.replaces:
            raise fenced
        file.created_at = now if current is None else max(now, current.created_at)
        if current is not None:
            current.superseded_at = file.created_at
            current.superseded_by = file.id
            session.add(current)
            session.flush()  # before the new row: there is one current file at a time
        session.add(file)
        try:
            session.flush()
        except IntegrityError as error:
            # Two first files of a month at once: there was no row to lock, so the unique index decides.
            raise fenced from error


def _path(target: Target, file_id: str) -> str:
    return fact_path(
        workspace_id=target.workspace_id,
        platform=target.platform,
        account_id=target.account_id,
        dataset=target.dataset,
        month=target.month,
        file_id=file_id,
    )


def _is_the_same(
    store: FactStore, target: Target, current: FactFile, *, rows: int, totals: sums.Sums, checksum: str
) -> bool:
    """Say whether a file with this checksum would have exactly the rows that are current, and these are sound."""
    if not current.packed:
        return checksum == current.checksum and _is_intact(store, current)
    new = (target.currency, rows, sums.as_text(totals))
    if new != (current.currency, current.rows, current.sums) or not _is_intact(store, current):
        return False
    # The rows of a packed file have no checksum of their own: written once more, they would have to give this one.
    packed = store.local(current.path, expected=current.checksum)
    schema = file_schema(target.dataset)
    with store.create(_path(target, new_id()), schema) as file:
        for batch in account_rows(packed, current.account_id, schema.names[2:]):
            file.append(_on_disk(batch, target))
        return file.finish() == checksum


def _is_intact(store: FactStore, file: FactFile) -> bool:
    try:
        store.intact(file.path, expected=file.checksum)
    except StoreDamaged:
        return False
    return True


def _same_dataset(target: Target, replacements: Sequence[Replacement]) -> None:
    for one in replacements:
        if one.staged.dataset != target.dataset:
            raise BadInput(f"{one.staged.path} holds {one.staged.dataset}, not {target.dataset}.")


def _rows(
    store: FactStore,
    target: Target,
    replacements: Sequence[Replacement],
    current: FactFile | None,
    *,
    spill: Path,
) -> Iterable[pa.RecordBatch]:
    """Return the month's rows without platform and currency, sorted by date and keys."""
    month = DateWindow(since=target.month, until=month_end(target.month))
    parts: list[Part] = []
    if current is not None and current.first_date is not None and current.last_date is not None:
        held = DateWindow(since=current.first_date, until=current.last_date)
        kept = without(held, (one.window for one in replacements))
        if kept:  # a file of which nothing is kept is not read, so that a damaged one can be healed
            path = store.intact(current.path, expected=current.checksum)
            account = current.account_id if current.packed else None
            parts.append(Part(path=path, rows=current.rows, days=kept, within=month, account=account))
    for one in replacements:
        path = store.intact(one.staged.path, expected=one.staged.checksum)
        days = DateWindow(since=max(one.window.since, month.since), until=min(one.window.until, month.until))
        parts.append(Part(path=path, rows=one.staged.rows, days=[days], within=one.window))
    columns = file_schema(target.dataset).names[2:]
    return merged(parts, columns=columns, keys=sort_keys(target.dataset), spill=spill)


def _on_disk(batch: pa.RecordBatch, target: Target) -> pa.RecordBatch:
    import pyarrow as pa

    schema = file_schema(target.dataset)
    indices = pa.repeat(pa.scalar(0, pa.int32()), batch.num_rows)
    words = [
        pa.DictionaryArray.from_arrays(indices, pa.array([text], pa.string()))
        for text in (target.platform, target.currency)
    ]
    columns = [batch.column(field.name).cast(field.type) for field in list(schema)[2:]]
    return pa.RecordBatch.from_arrays([*words, *columns], schema=schema)


class _NoDuplicates:
    """Refuses two rows with the same keys among batches that arrive sorted by them."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._keys = sort_keys(target.dataset)
        self._last: pa.Table | None = None

    def __call__(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        rows: Any = pa.Table.from_batches([batch]).select(self._keys)
        if self._last is not None:
            rows = pa.concat_tables([self._last, rows])
        self._last = rows.slice(rows.num_rows - 1)
        if rows.num_rows < 2:
            return
        same: Any = None
        for key in self._keys:
            before, after = rows.column(key).slice(0, rows.num_rows - 1), rows.column(key).slice(1)
            both_missing = pc.and_(pc.is_null(before), pc.is_null(after))
            equal = pc.or_(pc.fill_null(pc.equal(before, after), False), both_missing)
            same = equal if same is None else pc.and_(same, equal)
        where = pc.index(same, True).as_py()
        if where >= 0:
            keys = ", ".join(f"{key} {rows.column(key)[where].as_py()}" for key in self._keys)
            raise WrongResult(
                f"{self._target.platform} sent a row of {self._target.dataset} twice for account "
                f"{self._target.account_id}: {keys}.",
                plugin=self._target.platform,
            )
