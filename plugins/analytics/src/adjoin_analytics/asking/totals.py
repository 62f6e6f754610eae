"""Totals: added up of what the statement gives by currency and day, each converted by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from adjoin.currency import Rates
from adjoin.errors import BadInput
from adjoin.facts.sums import add
from adjoin_analytics.asking.expression import RATE_CURRENCY, RATE_DAY
from adjoin_analytics.asking.measuring import measured
from adjoin_analytics.asking.planning import Plan
from adjoin_analytics.asking.shape import Amounts
from adjoin_analytics.formula import sums_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Totals", "totals_of"]


@dataclass(frozen=True, slots=True)
class Totals:
    """The metrics of all rows together, the days and currencies whose rates were taken, and whether amounts mix."""

    metrics: Mapping[str, Any]
    rated: frozenset[tuple[date, str]]
    mixed: bool


def totals_of(plan: Plan, parts: pa.Table, rates: Rates | None) -> Totals:
    """Add up the parts: amounts rounded half to even where they are converted, missing where currencies would mix."""
    shape = plan.shape
    sums: dict[str, Any] = {}
    add(sums, parts, shape.sums)
    rated: set[tuple[date, str]] = set()
    mixed = shape.amounts is Amounts.APART and len(set(parts.column(RATE_CURRENCY).to_pylist())) > 1
    if mixed:
        sums |= dict.fromkeys(shape.money)
    if shape.amounts is Amounts.CONVERTED and rates is not None:
        rows = parts.to_pylist()
        rated = {(row[RATE_DAY], row[RATE_CURRENCY]) for row in rows if row[RATE_DAY] is not None}
        for name in shape.money:
            sums[name] = _converted(rows, name, plan.target, rates)
    metrics = {}
    for measure in shape.measures:
        column = measured(measure, {name: _single(sums[name], name) for name in sums_of(measure.formula)})
        metrics[measure.name] = _plain(column[0].as_py())
    return Totals(metrics, frozenset(rated), mixed)


def _converted(rows: list[dict[str, Any]], name: str, target: str, rates: Rates) -> int | None:
    found = []
    for row in rows:
        amount = row[name]
        if amount is not None and row[RATE_DAY] is not None:
            try:
                amount = round(int(amount) * rates.exchange(row[RATE_CURRENCY], target, row[RATE_DAY]).factor)
            except BadInput:  # no rate: what it is part of is missing
                return None
        found.append(amount)
    total = _added(found)
    return None if total is None else int(total)


def _added(values: list[Any]) -> Any:
    there = [value for value in values if value is not None]
    return sum(there) if there else None


def _single(value: Any, name: str) -> pa.Array[Any]:
    import pyarrow as pa

    if name == "conversions":
        return pa.array([value], pa.decimal128(38, 9))
    return pa.array([None if value is None else int(value)], pa.int64())


def _plain(value: Any) -> Any:
    """Write a count as an integer where it is whole."""
    if not isinstance(value, Decimal):
        return value
    whole = int(value)
    return whole if whole == value else value.normalize()
