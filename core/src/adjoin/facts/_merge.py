"""Chosen days of several fact files as one sorted stream of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adjoin.ads.v2 import DateWindow

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Part", "account_rows", "merged", "without"]

#: Up to so many rows are sorted in memory, in a few tens of MB. Almost every month is far smaller, and to start
#: DuckDB costs more than to sort it.
IN_MEMORY_ROWS = 64 * 1024

_BATCH_ROWS = 64 * 1024
#: What DuckDB may hold while it sorts; beyond that it spills into a folder.
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
    """Yield the columns of the rows of all parts, sorted by the keys, missing ones first; `date` is a key.

    Memory is bounded: beyond `in_memory` rows (65,536 by default) DuckDB sorts, and spills into `spill`.
    """
    parts = [part for part in parts if part.rows and part.days]
    if not parts:
        return
    if sum(part.rows for part in parts) <= (IN_MEMORY_ROWS if in_memory is None else in_memory):
        yield from _sorted_here(parts, columns, keys)
    else:
        yield from _sorted_by_duckdb(parts, columns, keys, spill)


def _sorted_here(parts: Sequence[Part], columns: Sequence[str], keys: Sequence[str]) -> list[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.compute as pc

    table = pa.concat_tables(_read(part, columns) for part in parts).combine_chunks()
    by: Any = [(key, "ascending", "at_start") for key in keys]
    order = pc.sort_indices(table, sort_keys=by)
    return table.take(order).combine_chunks().to_batches(max_chunksize=_BATCH_ROWS)


def _read(part: Part, columns: Sequence[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if part.account is None:
        with pq.ParquetFile(part.path) as file:
            table = file.read(columns=list(columns), use_threads=False)
    else:
        table = pa.Table.from_batches(account_rows(part.path, part.account, columns))
    if list(part.days) == [part.within]:
        return table
    day: Any = table.column("date")
    wanted: Any = None
    for window in part.days:
        inside = pc.and_(pc.greater_equal(day, pa.scalar(window.since)), pc.less_equal(day, pa.scalar(window.until)))
        wanted = inside if wanted is None else pc.or_(wanted, inside)
    return table.filter(wanted)


def account_rows(path: Path, account: str, columns: Sequence[str]) -> list[pa.RecordBatch]:
    """Return the columns of one account's rows of a packed file, which is sorted by account, in their order.

    Reads only the row groups in which the account can be. Without rows there is one empty batch.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found = []
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        which = schema.names.index("account_id")
        for group in range(file.num_row_groups):
            bounds: Any = file.metadata.row_group(group).column(which).statistics
            if bounds is not None and bounds.has_min_max and not bounds.min <= account <= bounds.max:
                continue
            table = file.read_row_group(group, columns=list(columns), use_threads=False)
            mine = pc.equal(table.column("account_id"), pa.scalar(account))
            found += table.filter(mine).combine_chunks().to_batches()
    nothing = pa.schema([schema.field(name) for name in columns])
    return found or [pa.RecordBatch.from_pylist([], schema=nothing)]


def _sorted_by_duckdb(
    parts: Sequence[Part], columns: Sequence[str], keys: Sequence[str], spill: Path
) -> Iterator[pa.RecordBatch]:
    import duckdb

    names = ", ".join(f'"{name}"' for name in columns)
    selects = [
        f"SELECT {names} FROM {_source(part.path)} WHERE {_condition(part)}"  # noqa: S608 - names from our schema
        for part in parts
    ]
    order = ", ".join(f'"{key}" NULLS FIRST' for key in keys)
    config: dict[str, Any] = {
        "memory_limit": _MEMORY,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": "false",
    }
    with duckdb.connect(config=config) as connection:
        relation = connection.sql(f"{' UNION ALL '.join(selects)} ORDER BY {order}")
        yield from relation.to_arrow_reader(_BATCH_ROWS)


def _source(path: Path) -> str:
    quoted = str(path).replace("'", "''")
    return f"read_parquet(['{quoted}'])"


def _condition(part: Part) -> str:
    days = " OR ".join(map(_days, part.days))
    if part.account is None:
        return days
    account = part.account.replace("'", "''")
    return f"\"account_id\" = '{account}' AND ({days})"


def _days(window: DateWindow) -> str:
    since, until = _literal(window.since), _literal(window.until)
    return f'"date" BETWEEN {since} AND {until}'


def _literal(day: date) -> str:
    return f"DATE '{day}'"
