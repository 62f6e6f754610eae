"""Exact totals of metric columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Sums", "add", "as_text"]

#: The total of each metric; None where no row gives it.
Sums = dict[str, Decimal | None]


def add(sums: Sums, batch: pa.RecordBatch | pa.Table, metrics: Iterable[str]) -> None:
    """Add the rows of a batch to running totals, in place. What is missing in every row stays missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for metric in metrics:
        # Wider than any column, so that a total cannot overflow.
        wide = pa.decimal256(50, 9)
        total = pc.sum(pc.cast(batch.column(metric), wide)).as_py()
        before = sums.setdefault(metric, None)
        if total is not None:
            sums[metric] = total if before is None else before + total


def as_text(sums: Mapping[str, Decimal | None]) -> dict[str, str | None]:
    """Write totals as plain decimal numbers: `12`, `0.5`."""
    return {name: None if value is None else _plain(value) for name, value in sums.items()}


def _plain(value: Decimal) -> str:
    whole = value.to_integral_value()
    return f"{whole:f}" if whole == value else f"{value:f}".rstrip("0")
