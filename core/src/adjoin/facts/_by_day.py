"""Rows of several days parted into files of few days each, so that each can be sorted in little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Bundle", "bundles", "parted"]

#: Rows of a bundle that wait in memory until they are a row group of their own.
_WAITING_ROWS = 8 * 1024


@dataclass(frozen=True, slots=True)
class Bundle:
    """Days that follow each other, as far as there are rows, and how many rows they have."""

    since: date
    until: date
    rows: int


def bundles(rows_by_day: Mapping[date, int], most: int) -> list[Bundle]:
    """Return all days in bundles of at most `most` rows; a day that alone has more is a bundle of its own."""
    found: list[Bundle] = []
    for day, rows in sorted(rows_by_day.items()):
        if found and found[-1].rows + rows <= most:
            found[-1] = Bundle(found[-1].since, day, found[-1].rows + rows)
        else:
            found.append(Bundle(day, day, rows))
    return found


@contextmanager
def parted(batches: Iterable[pa.Table], into: Sequence[Bundle], folder: Path) -> Iterator[list[Path]]:
    """Write the rows of each bundle into a file of its own and give the paths, in the order of the bundles.

    The files are gone after the block. Raises OSError when the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"days-{number}.parquet" for number in range(len(into))]
    try:
        with ExitStack() as stack:
            drawers = [stack.enter_context(_Drawer(path)) for path in paths]
            for batch in batches:
                for drawer, rows in zip(drawers, _cut(batch, into), strict=True):
                    drawer.append(rows)
        yield paths
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def _cut(rows: pa.Table, into: Sequence[Bundle]) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.compute as pc

    order = pc.sort_indices(rows, sort_keys=[("date", "ascending")])
    days: Any = rows.column("date").take(order).combine_chunks().cast(pa.int32()).to_numpy()
    epoch = date(1970, 1, 1)
    starts = days.searchsorted([(one.since - epoch).days for one in into])
    for start, end in zip(starts, [*starts[1:], rows.num_rows], strict=True):
        yield rows.take(order.slice(start, end - start))


class _Drawer:
    """The file of a bundle while it is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._rows and kind is None:
            self._write()
        if self._writer is not None:
            self._writer.close()

    def append(self, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        self._waiting.append(rows)
        self._rows += rows.num_rows
        if self._rows >= _WAITING_ROWS:
            self._write()

    def _write(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        # Files may differ in what they say can be missing.
        schema = pa.schema([one.with_nullable(True) for one in self._waiting[0].schema])
        if self._writer is None:
            # Read once and thrown away: what makes a file small costs more than it saves.
            self._writer = pq.ParquetWriter(
                self.path,
                schema,
                compression="lz4",
                use_dictionary=False,
                write_statistics=False,
                store_decimal_as_integer=True,
            )
        self._writer.write_table(pa.concat_tables([one.cast(schema) for one in self._waiting]))
        self._waiting, self._rows = [], 0
