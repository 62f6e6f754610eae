"""An answer as CSV: UTF-8 with a mark at its beginning, so that spreadsheets read names as they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO

from adjoin.analytics.files.columns import Column, ColumnKind, columns_of, in_units
from adjoin.analytics.files.export import Export
from adjoin.cells import harmless

__all__ = ["csv_rows", "write_csv"]

_AT_ONCE = 2_000


def write_csv(export: Export, into: BinaryIO) -> None:
    """Write a line of names and one for each row: days as 2026-11-20, numbers exact and with a point, null empty."""
    text = io.TextIOWrapper(into, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(csv_rows(export))
    text.flush()
    text.detach()


def csv_rows(export: Export) -> Iterator[list[Any]]:
    """Yield the lines of the file as cells, the names first. No cell is a formula to a spreadsheet."""
    columns = columns_of(export.answer, export.definitions)
    yield [harmless(one.name) for one in columns]
    for batch in in_units(export.answer, columns).to_batches(max_chunksize=_AT_ONCE):
        cells = [_cells(column, values.to_pylist()) for column, values in zip(columns, batch.columns, strict=True)]
        yield from map(list, zip(*cells, strict=True))


def _cells(column: Column, values: list[Any]) -> list[Any]:
    if column.kind is ColumnKind.TEXT:
        return ["" if value is None else harmless(str(value)) for value in values]
    return ["" if value is None else _number(value) for value in values]


def _number(value: Any) -> Any:
    """Write decimals without zeros at their end, and without an exponent."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value else "0"
    return value
