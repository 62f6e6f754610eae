"""Compares what was fetched at a finer grain with the coarser one, day by day, before anything is committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from adjoin.ads.datasets import CONVERSION_SCALE, DATASETS, finer_pairs
from adjoin.sync.differences import Difference

__all__ = ["Grain", "compared_pairs", "reconcile"]

_METRICS = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros")

#: What each row may be off by where the platform counts in fractions: one of the last digit that is kept.
_LAST_DIGIT = {
    "cost_micros": Decimal(1),
    "conversions": Decimal(1).scaleb(-CONVERSION_SCALE),
    "conversion_value_micros": Decimal(1),
}
_NOTHING = Decimal(0)
_LADDER = tuple(dict.fromkeys(name for pair in finer_pairs(frozenset(DATASETS)) for name in pair))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grain:
    """A dataset of an account, to be compared: its files, and the days that they answer for."""

    files: Sequence[Path]
    days: frozenset[date]


@dataclass(frozen=True, slots=True)
class _Sums:
    """The sum of each metric by day, and how many rows made it. What no row of a day gives is not in it."""

    metrics: dict[tuple[date, str], Decimal]
    rows: dict[date, int]


def reconcile(
    *,
    account_id: str,
    currency: str,
    staged: Mapping[str, Grain],
    committed: Mapping[str, Grain],
    known_gaps: Mapping[str, str],
    still_moving: date,
) -> list[Difference]:
    """Return the differences between the grains of one account.

    `staged` is what was read now. `committed` is what an earlier run has read of other grains, for days that were
    settled both then and now: where only one grain was read again, the other one is as old as it is, so a day that the
    platform may still change says nothing. Only days that both grains cover are compared. From `still_moving` on (the
    account's today) the platform counts while we read, so those days are left out.

    The days on which the finer grain holds less carry the explanation of the platform's `known_gaps`, if there is one.
    Datasets beside the ladder of grains (keywords, search terms) hold less by their nature: they are compared where the
    platform names the pair, and only too much is told. Sums of fractions may be off by one of the last digit per row.
    """
    sums: dict[tuple[str, str], _Sums] = {}

    def summed(name: str, against: str) -> _Sums:
        if (name, against) not in sums:
            grain = staged[name] if against == "new" else committed[name]
            sums[name, against] = _daily_sums(grain.files, account_id)
        return sums[name, against]

    found: list[Difference] = []
    both = [
        compared_pairs(names, known_gaps) for names in (frozenset(staged), frozenset(staged) | frozenset(committed))
    ]
    for finer, coarser in dict.fromkeys([*both[0], *both[1]]):
        for finer_from, coarser_from in (("new", "new"), ("new", "committed"), ("committed", "new")):
            days = _common(staged, committed, (finer, finer_from), (coarser, coarser_from))
            days = frozenset(day for day in days if day < still_moving)
            if not days:
                continue
            fine, coarse = summed(finer, finer_from), summed(coarser, coarser_from)
            for metric in _METRICS:
                off = _off(fine, coarse, metric, days)
                why = _explanation(finer, coarser, known_gaps)
                parts = [off] if why is None else [_positive(off, wanted=True), _positive(off, wanted=False)]
                for part in parts:
                    holds_less = bool(part) and all(value > 0 for value in part.values())
                    if not part or (holds_less and finer not in _LADDER):
                        continue
                    found.append(
                        Difference(
                            account_id=account_id,
                            currency=currency,
                            finer=finer,
                            coarser=coarser,
                            metric=metric,
                            first_day=min(part).isoformat(),
                            last_day=max(part).isoformat(),
                            days=len(part),
                            difference=_plain(sum(part.values(), _NOTHING)),
                            largest=_plain(max(part.values(), key=abs)),
                            known=why if holds_less else None,
                            against="new" if finer_from == coarser_from else "committed",
                        )
                    )
    return found


def compared_pairs(offered: frozenset[str], known_gaps: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the pairs (finer, coarser) of a platform's datasets that are compared: the ladder, and named pairs."""
    named = [pair.split("<", 1) for pair in known_gaps]
    beside = [(pair[0], pair[1]) for pair in named if pair[0] not in _LADDER and set(pair) <= offered]
    return [*finer_pairs(offered), *beside]


def _common(
    staged: Mapping[str, Grain],
    committed: Mapping[str, Grain],
    finer: tuple[str, str],
    coarser: tuple[str, str],
) -> frozenset[date]:
    days = []
    for name, against in (finer, coarser):
        grain = (staged if against == "new" else committed).get(name)
        if grain is None:
            return frozenset()
        held = grain.days
        if against == "committed" and name in staged:
            held -= staged[name].days  # what was read now replaces it
        days.append(held)
    return days[0] & days[1]


def _off(fine: _Sums, coarse: _Sums, metric: str, days: frozenset[date]) -> dict[date, Decimal]:
    """Return by day how much the coarser grain holds more."""
    off = {}
    for day in days:
        key = (day, metric)
        if not (_gives(coarse, key) and _gives(fine, key)) or not (key in coarse.metrics or key in fine.metrics):
            continue
        amount = coarse.metrics.get(key, _NOTHING) - fine.metrics.get(key, _NOTHING)
        tolerated = _LAST_DIGIT.get(metric, _NOTHING) * (fine.rows.get(day, 0) + coarse.rows.get(day, 0))
        if abs(amount) > tolerated:
            off[day] = amount
    return off


def _gives(sums: _Sums, key: tuple[date, str]) -> bool:
    """Say whether a sum means something: rows that all leave the metric empty do not give it at this grain."""
    return key in sums.metrics or not sums.rows.get(key[0])


def _positive(off: Mapping[date, Decimal], *, wanted: bool) -> dict[date, Decimal]:
    return {day: amount for day, amount in off.items() if (amount > 0) is wanted}


def _explanation(finer: str, coarser: str, known_gaps: Mapping[str, str]) -> str | None:
    """Return why the finer grain may hold less: what the platform says of the pair, or of the steps between them."""
    direct = known_gaps.get(f"{finer}<{coarser}")
    if direct is not None:
        return direct
    if finer not in _LADDER or coarser not in _LADDER:
        return None
    steps = pairwise(_LADDER[_LADDER.index(finer) : _LADDER.index(coarser) + 1])
    reasons = [known_gaps[f"{below}<{above}"] for below, above in steps if f"{below}<{above}" in known_gaps]
    return " ".join(reasons) or None


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _daily_sums(paths: Sequence[Path], account_id: str) -> _Sums:
    """Add up an account's rows by day, batch by batch: a committed file may hold other accounts too."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    metrics: dict[tuple[date, str], Decimal] = {}
    rows: dict[date, int] = {}
    mine = pc.field("account_id") == account_id
    for path in paths:
        with pq.ParquetFile(path) as file:
            there = set(file.schema_arrow.names)
            wanted = [metric for metric in _METRICS if metric in there]
            for batch in file.iter_batches(columns=["date", "account_id", *wanted]):
                table = pa.Table.from_batches([batch])
                table = table.filter(mine)
                grouped = table.group_by("date").aggregate([*((metric, "sum") for metric in wanted), ([], "count_all")])
                for row in grouped.to_pylist():
                    day = row["date"]
                    rows[day] = rows.get(day, 0) + row["count_all"]
                    for metric in wanted:
                        value = row[f"{metric}_sum"]
                        if value is not None:
                            metrics[day, metric] = metrics.get((day, metric), _NOTHING) + Decimal(value)
    return _Sums(metrics, rows)
