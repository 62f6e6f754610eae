"""The measures of a report row: sums, and ratios that are sums divided by sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

__all__ = ["MONEY", "SUMMED", "count", "measures", "merge"]

#: What is added up.
SUMMED = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros")
#: What may only be added up within one currency.
MONEY = ("cost_micros", "conversion_value_micros")

#: Sums by name; None where no row gives the metric.
Sums = Mapping[str, Any]


def merge(groups: Sequence[Sums], names: Sequence[str] = SUMMED) -> dict[str, Any]:
    """Add up sums; what is missing in all stays missing."""
    return {name: _total([group[name] for group in groups]) for name in names}


def measures(by_currency: Mapping[str, Sums]) -> dict[str, Any]:
    """Return the measures of a row whose sums are given per currency.

    With more than one currency the amounts are null and come under `by_currency` instead, as they cannot be added.
    """
    everything = merge(list(by_currency.values()))
    row: dict[str, Any] = {
        "impressions": everything["impressions"],
        "clicks": everything["clicks"],
        "ctr": _ratio(everything["clicks"], everything["impressions"]),
        "conversions": count(everything["conversions"]),
    }
    if len(by_currency) > 1:
        row |= {
            "currency": None,
            "cost_micros": None,
            "conversion_value_micros": None,
            "cpa_micros": None,
            "roas": None,
        }
        row["by_currency"] = [{"currency": currency, **_money(sums)} for currency, sums in sorted(by_currency.items())]
        return row
    row["currency"] = next(iter(by_currency), None)
    return row | _money(everything)


def count(value: Decimal | None) -> int | Decimal | None:
    """Write a conversion count as an integer when it is whole, else as the exact decimal."""
    if value is None:
        return None
    whole = int(value)
    return whole if whole == value else value.normalize()


def _money(sums: Sums) -> dict[str, Any]:
    cost, value, conversions = sums["cost_micros"], sums["conversion_value_micros"], sums["conversions"]
    return {
        "cost_micros": cost,
        "conversion_value_micros": value,
        "cpa_micros": _micros_each(cost, conversions),
        "roas": _ratio(value, cost),
    }


def _micros_each(cost: int | None, conversions: Decimal | None) -> int | None:
    if cost is None or not conversions:
        return None
    return int((Decimal(cost) / conversions).to_integral_value(rounding=ROUND_HALF_EVEN))


def _ratio(above: int | None, below: int | None) -> float | None:
    return None if above is None or not below else above / below


def _total(values: Sequence[Any]) -> Any:
    there = [value for value in values if value is not None]
    return sum(there) if there else None
