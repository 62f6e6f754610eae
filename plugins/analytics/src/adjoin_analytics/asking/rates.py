"""Rates as a table that amounts are joined with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from adjoin.currency import Rates
from adjoin.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RateTable", "rate_notes", "rates_between"]

# A rate older than this is more than a weekend or a holiday.
_STALE_DAYS = 7


class RateTable(NamedTuple):
    """Rates by day and currency, and the currencies that lack some."""

    table: pa.Table
    lacking: frozenset[str]


class _Month(NamedTuple):
    days: Sequence[date]
    numerators: Sequence[Decimal]
    denominators: Sequence[Decimal]
    whole: bool


def rates_between(rates: Rates, currencies: Iterable[str], target: str, since: date, until: date) -> RateTable:
    """Return the rates of each day for these currencies into the target; a day without one is not there."""
    import pyarrow as pa

    days: list[date] = []
    names: list[str] = []
    numerators: list[Decimal] = []
    denominators: list[Decimal] = []
    lacking: set[str] = set()
    for currency in sorted(set(currencies) - {target}):
        month = since.replace(day=1)
        while month <= until:
            found = _month(rates, currency, target, month)
            days += found.days
            names += [currency] * len(found.days)
            numerators += found.numerators
            denominators += found.denominators
            if not found.whole:
                lacking.add(currency)
            month = (month + timedelta(days=31)).replace(day=1)
    table = pa.table(
        {
            "rate_day": pa.array(days, pa.date32()),
            "rate_currency": pa.array(names, pa.string()),
            "numerator": pa.array(numerators, pa.decimal128(38, 0)),
            "denominator": pa.array(denominators, pa.decimal128(38, 0)),
        }
    )
    return RateTable(table, frozenset(lacking))


@lru_cache(maxsize=8192)
def _month(rates: Rates, currency: str, target: str, month: date) -> _Month:
    end = (month + timedelta(days=31)).replace(day=1)
    days, factors = [], []
    whole = True
    for number in range((end - month).days):
        day = month + timedelta(days=number)
        try:
            factors.append(rates.exchange(currency, target, day).factor)
        except BadInput:
            whole = False
        else:
            days.append(day)
    return _Month(
        days, [Decimal(one.numerator) for one in factors], [Decimal(one.denominator) for one in factors], whole
    )


def rate_notes(rates: Rates, used: Iterable[tuple[date, str]], target: str) -> list[str]:
    """Say where the last rate before stood in for a day's own, and which currencies have none at all."""
    filled: dict[tuple[str, date], list[date]] = defaultdict(list)  # by currency and the day of the rate
    lacking: dict[str, list[date]] = defaultdict(list)
    for day, currency in sorted(set(used)):
        try:
            found = rates.exchange(currency, target, day).day
        except BadInput:
            lacking[currency].append(day)
            continue
        if found != day:
            filled[currency, found].append(day)
    # A rate that stands for weeks is the last one that is known; the days right after it are no holidays either.
    stale = {key: days for key, days in filled.items() if (max(days) - key[1]).days > _STALE_DAYS}
    notes = [
        f"{currency} to {target}: the last known rate is of {day}; it was used for {len(days)} later days."
        for (currency, day), days in sorted(stale.items())
    ]
    days_filled = {day for key, days in filled.items() if key not in stale for day in days}
    if days_filled:
        notes.append(
            f"{len(days_filled)} of the days have no exchange rate of the European Central Bank (weekends, holidays): "
            "the last one before was used."
        )
    notes += [
        f"There is no exchange rate from {currency} to {target} on {len(days)} of the days: amounts that they are "
        "part of are missing."
        for currency, days in sorted(lacking.items())
    ]
    return notes
