"""Amounts in one currency, each day at its own rate, without a float on the way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from adjoin.currency import Rates
from adjoin.facts._measures import MONEY, SUMMED

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["converted", "rate_notes"]

# A rate older than this is more than a weekend or a holiday.
_STALE_DAYS = 7

# Half to even, on whole numbers of 128 bits: DuckDB divides decimals as floats.
_ROUNDED = """
    CAST(sign({column}) * (
        (abs({column}::HUGEINT) * numerator) // denominator
        + CASE
            WHEN 2 * ((abs({column}::HUGEINT) * numerator) % denominator) > denominator THEN 1
            WHEN 2 * ((abs({column}::HUGEINT) * numerator) % denominator) = denominator
                THEN ((abs({column}::HUGEINT) * numerator) // denominator) % 2
            ELSE 0
        END
    ) AS BIGINT)
"""


def converted(daily: pa.Table, *, keys: Sequence[str], target: str, rates: Rates) -> pa.Table:
    """Return the sums per key in the target currency.

    `daily` has the keys, date, currency and the sums of each day. Amounts are added up per key, day and currency,
    converted at the day's rate, rounded half to even to whole micros, and then added up per key. Raises BadInput for a
    currency without rates.
    """
    import duckdb
    import pyarrow as pa

    pairs = _pairs(daily)
    factors = [rates.exchange(currency, target, day).factor for day, currency in pairs]
    table = pa.table(
        {
            "rate_date": pa.array([day for day, _ in pairs], pa.date32()),
            "rate_currency": pa.array([currency for _, currency in pairs], pa.string()),
            "numerator_text": pa.array([str(factor.numerator) for factor in factors], pa.string()),
            "denominator_text": pa.array([str(factor.denominator) for factor in factors], pa.string()),
        }
    )
    names = ", ".join(f'"{key}"' for key in keys)
    added = ", ".join(f"sum({name}) AS {name}" for name in SUMMED)
    rounded = ", ".join(f"{_ROUNDED.format(column=name)} AS {name}" if name in MONEY else name for name in SUMMED)
    inner = ", ".join(f'"{name}"' for name in dict.fromkeys((*keys, "date", "currency")))
    lead = f"{names}, " if keys else ""
    tail = f" GROUP BY {names}" if keys else ""
    query = f"""
        WITH per_day AS (SELECT {inner}, {added} FROM daily GROUP BY {inner}),
        rates AS (
            SELECT rate_date, rate_currency, numerator_text::HUGEINT AS numerator,
                   denominator_text::HUGEINT AS denominator
            FROM rate_texts
        ),
        exact AS (
            SELECT {inner}, {rounded}
            FROM per_day JOIN rates ON rate_date = "date" AND rate_currency = "currency"
        )
        SELECT {lead}{added} FROM exact{tail}
    """  # noqa: S608 - names come from this package
    with duckdb.connect() as connection:
        connection.register("daily", daily)
        connection.register("rate_texts", table)
        result: Any = connection.sql(query).to_arrow_table()
    integers = [name for name in SUMMED if name != "conversions"]
    schema = pa.schema([field.with_type(pa.int64()) if field.name in integers else field for field in result.schema])
    cast: pa.Table = result.cast(schema)
    return cast


def rate_notes(daily: pa.Table, *, target: str, rates: Rates) -> list[str]:
    """Say where the last rate before stood in for a day's own."""
    filled: dict[tuple[str, date], list[date]] = defaultdict(list)  # by currency and the day of the rate
    for day, currency in _pairs(daily):
        used = rates.exchange(currency, target, day).day
        if used != day:
            filled[currency, used].append(day)
    # A rate that stands for weeks is the last one that is known; the days right after it are no holidays either.
    stale = {key: days for key, days in filled.items() if (max(days) - key[1]).days > _STALE_DAYS}
    notes = [
        f"{currency} to {target}: the last known rate is of {used}; it was used for {len(days)} later days."
        for (currency, used), days in sorted(stale.items())
    ]
    filled_days = {day for key, days in filled.items() if key not in stale for day in days}
    if filled_days:
        notes.append(
            f"{len(filled_days)} of the days have no exchange rate of the European Central Bank (weekends, holidays): "
            "the last one before was used."
        )
    return notes


def _pairs(daily: pa.Table) -> list[tuple[date, str]]:
    distinct = daily.select(["date", "currency"]).group_by(["date", "currency"]).aggregate([])
    rows = distinct.to_pylist()
    return sorted((row["date"], row["currency"]) for row in rows)
