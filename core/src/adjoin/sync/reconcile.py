"""Compares what was fetched at a finer grain with the coarser one, day by day, before anything is committed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from adjoin.ads.datasets import finer_pairs

__all__ = ["Difference", "reconcile"]

_METRICS = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where the sums of two grains do not agree: `difference` is coarser minus finer, `known` explains it."""

    account_id: str
    finer: str
    coarser: str
    metric: str
    first_day: str
    last_day: str
    days: int
    difference: str
    known: str | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def reconcile(
    *,
    account_id: str,
    files: Mapping[str, Sequence[Path]],
    covered: Mapping[str, Iterable[date]],
    known_gaps: Mapping[str, str],
    still_moving: date,
) -> list[Difference]:
    """Return the differences between the grains of one account.

    `files` are the staged files per dataset and `covered` the days they answer for: only days that both grains cover
    are compared. From `still_moving` on (the account's today) the platform counts while we read, so those days are
    left out. A gap in the direction that the platform is known for (the finer holds less) carries its explanation.
    """
    pairs = finer_pairs(frozenset(files))
    files = {name: files[name] for name in {name for pair in pairs for name in pair}}
    days = {name: {day for day in covered[name] if day < still_moving} for name in files}
    sums = {name: _daily_sums(paths) for name, paths in files.items()}
    found = []
    for finer, coarser in pairs:
        common = days[finer] & days[coarser]
        for metric in _METRICS:
            off = {
                day: sums[coarser].get((day, metric), _NOTHING) - sums[finer].get((day, metric), _NOTHING)
                for day in common
                if (day, metric) in sums[coarser] or (day, metric) in sums[finer]
            }
            off = {day: amount for day, amount in off.items() if amount}
            if off:
                found.append(_difference(account_id, finer, coarser, metric, off, known_gaps))
    return found


_NOTHING = Decimal(0)


def _difference(
    account_id: str, finer: str, coarser: str, metric: str, off: Mapping[date, Decimal], known_gaps: Mapping[str, str]
) -> Difference:
    explained = all(amount > 0 for amount in off.values())
    total = sum(off.values(), _NOTHING)
    return Difference(
        account_id=account_id,
        finer=finer,
        coarser=coarser,
        metric=metric,
        first_day=min(off).isoformat(),
        last_day=max(off).isoformat(),
        days=len(off),
        difference=format(total.normalize(), "f"),
        known=known_gaps.get(f"{finer}<{coarser}") if explained else None,
    )


def _daily_sums(paths: Sequence[Path]) -> dict[tuple[date, str], Decimal]:
    """Sum each metric by day; a metric that no row of a day gives is left out."""
    import pyarrow.parquet as pq

    sums: dict[tuple[date, str], Decimal] = {}
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=["date", *_METRICS]):
                import pyarrow as pa

                table = pa.Table.from_batches([batch])
                grouped = table.group_by("date").aggregate([(metric, "sum") for metric in _METRICS])
                for row in grouped.to_pylist():
                    for metric in _METRICS:
                        value = row[f"{metric}_sum"]
                        if value is not None:
                            key = (row["date"], metric)
                            sums[key] = sums.get(key, _NOTHING) + Decimal(value)
    return sums
