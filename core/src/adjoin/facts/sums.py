"""Exact totals of metric columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Sums", "add", "as_text"]

#: The total of each metric; None where no row gives it.
Sums = dict[str, Decimal | None]

_LARGEST = 2**63 - 1


def add(sums: Sums, batch: pa.RecordBatch | pa.Table, metrics: Iterable[str]) -> None:
    """Add the rows of a batch to running totals, in place. What is missing in every row stays missing."""
    for metric in metrics:
        total = _total(batch.column(metric))
        before = sums.setdefault(metric, None)
        if total is not None:
            sums[metric] = total if before is None else before + total


def _total(column: pa.Array[Any] | pa.ChunkedArray[Any]) -> Decimal | None:
    """The total of a column, None if every row is empty. Decimals have 38 digits in Arrow's sum, 20 to spare."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(column.type):
        largest = max(abs(pc.min(column).as_py() or 0), abs(pc.max(column).as_py() or 0))
        if largest * len(column) > _LARGEST:  # Arrow's sum would start again from below
            column = pc.cast(column, pa.decimal128(19, 0))
    total = pc.sum(column).as_py()
    return None if total is None else Decimal(total)


def as_text(sums: Mapping[str, Decimal | None]) -> dict[str, str | None]:
    """Write totals as plain decimal numbers: `12`, `0.5`."""
    return {name: None if value is None else _plain(value) for name, value in sums.items()}


def _plain(value: Decimal) -> str:
    whole = value.to_integral_value()
    return f"{whole:f}" if whole == value else f"{value:f}".rstrip("0")
