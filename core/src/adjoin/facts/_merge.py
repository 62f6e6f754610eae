"""Chosen days of several fact files as one sorted stream of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoin.ads.v2 import DateWindow
from adjoin.facts._by_day import bundles, parted

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["Part", "account_rows", "merged", "without"]

#: Up to so many rows are sorted in memory, in a few tens of MB. Almost every month is smaller.
IN_MEMORY_ROWS = 128 * 1024

_BATCH_ROWS = 64 * 1024
#: A day may have so many times more rows and is still sorted in memory.
_LARGE_DAY = 4
#: What DuckDB may hold while it sorts a day that is larger; beyond that it spills into a folder.
_MEMORY = "256MB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file and the days that are taken from it. `within` is where all its rows lie, as far as is known.

    Of a file that holds several accounts only the rows of `account` are taken; `rows` counts these.
    """

    path: Path
    rows: int
    days: Sequence[DateWindow]
    within: DateWindow
    account: str | None = None


def without(whole: DateWindow, windows: Iterable[DateWindow]) -> list[DateWindow]:
    """Return the days of a window that are in none of the others."""
    left: list[DateWindow] = []
    since = whole.since
    for window in sorted(windows, key=lambda one: one.since):
        if window.since > since:
            left.append(DateWindow(since=since, until=min(window.since - timedelta(days=1), whole.until)))
        since = max(since, window.until + timedelta(days=1))
        if since > whole.until:
            return left
    return [*left, DateWindow(since=since, until=whole.until)]


def merged(
    parts: Sequence[Part],
    *,
    columns: Sequence[str],
    keys: Sequence[str],
    spill: Path,
    in_memory: int | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the columns of the rows of all parts, sorted by the keys, missing ones first; `date` is the first key.

    Memory is bounded: more than `in_memory` rows (131,072 by default) are parted into files of few days each in
    `spill`, and these sorted one after the other. A single day of far more is sorted by DuckDB, which spills there too.
    """
    most = IN_MEMORY_ROWS if in_memory is None else in_memory
    parts = [part for part in parts if part.rows and part.days]
    if sum(part.rows for part in parts) <= most:
        yield from _sorted(_chosen(parts, columns), keys)
        return
    into = bundles(_rows_by_day(parts), most)
    if not into:
        return
    with parted(_chosen(parts, columns), into, spill) as paths:
        for path, bundle in zip(paths, into, strict=True):
            if bundle.rows <= most * _LARGE_DAY:
                with _opened(path) as file:
                    yield from _sorted([file.read(use_threads=False)], keys)
            else:
                yield from _sorted_by_duckdb(path, keys, spill)


def _chosen(parts: Iterable[Part], columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the rows of the days that are wanted, as they come."""
    import pyarrow as pa

    for part in parts:
        if part.account is not None:
            yield _of_days(pa.Table.from_batches(account_rows(part.path, part.account, columns)), part)
            continue
        with _opened(part.path) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(columns), use_threads=False):
                yield _of_days(pa.Table.from_batches([batch]), part)


def _of_days(rows: pa.Table, part: Part) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    if list(part.days) == [part.within]:
        return rows
    day: Any = rows.column("date")
    wanted: Any = None
    for window in part.days:
        inside = pc.and_(pc.greater_equal(day, pa.scalar(window.since)), pc.less_equal(day, pa.scalar(window.until)))
        wanted = inside if wanted is None else pc.or_(wanted, inside)
    return rows.filter(wanted)


def _rows_by_day(parts: Iterable[Part]) -> Counter[date]:
    import pyarrow.compute as pc

    found: Counter[date] = Counter()
    for rows in _chosen(parts, ["date"]):
        counts: Any = pc.value_counts(rows.column("date"))
        found.update({one["values"]: one["counts"] for one in counts.to_pylist()})
    return found


def _sorted(tables: Iterable[pa.Table], keys: Sequence[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.compute as pc

    found = list(tables)
    if not found:
        return
    table = pa.concat_tables(found).combine_chunks()
    found.clear()
    by: Any = [(key, "ascending", "at_start") for key in keys]
    order = pc.sort_indices(table, sort_keys=by)
    for at in range(0, table.num_rows, _BATCH_ROWS):  # never all rows a second time
        yield from table.take(order.slice(at, _BATCH_ROWS)).combine_chunks().to_batches()


def _sorted_by_duckdb(path: Path, keys: Sequence[str], spill: Path) -> Iterator[pa.RecordBatch]:
    import duckdb

    order = ", ".join(f'"{key}" NULLS FIRST' for key in keys)
    config: dict[str, Any] = {
        "memory_limit": _MEMORY,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": "false",
    }
    with duckdb.connect(config=config) as connection:
        yield from connection.read_parquet(str(path)).order(order).to_arrow_reader(_BATCH_ROWS)


def _opened(path: Path) -> pq.ParquetFile:
    """Open a Parquet file to be read in order; without buffering ahead, which would hold all of it."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, pre_buffer=False)


def account_rows(path: Path, account: str, columns: Sequence[str]) -> list[pa.RecordBatch]:
    """Return the columns of one account's rows of a packed file, which is sorted by account, in their order.

    Reads only the row groups in which the account can be. Without rows there is one empty batch.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = []
    with _opened(path) as file:
        schema = file.schema_arrow
        which = schema.names.index("account_id")
        for group in range(file.num_row_groups):
            bounds: Any = file.metadata.row_group(group).column(which).statistics
            if bounds is not None and bounds.has_min_max and not bounds.min <= account <= bounds.max:
                continue
            table = file.read_row_group(group, columns=sorted({*columns, "account_id"}), use_threads=False)
            mine = pc.equal(table.column("account_id"), pa.scalar(account))
            found += table.filter(mine).select(list(columns)).combine_chunks().to_batches()
    nothing = pa.schema([schema.field(name) for name in columns])
    return found or [pa.RecordBatch.from_pylist([], schema=nothing)]
