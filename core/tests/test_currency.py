"""Exchange rates: exact, of the day or of the last one before."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from currency_converter import CurrencyConverter

from adjoin.currency import Rates, ecb_rates
from adjoin.errors import BadInput

# Thursday, Friday, Monday; the pound has no rate on Monday.
LINES = """Date,USD,GBP,JPY
2026-03-09,1.25,N/A,160
2026-03-06,1.2,0.8,N/A
2026-03-05,1.1,0.7,150
"""


@pytest.fixture
def rates() -> Rates:
    source = CurrencyConverter(currency_file=None, decimal=True)
    source.load_lines(LINES.splitlines())
    return Rates(source)


@pytest.mark.parametrize(
    ("source", "target", "day", "factor", "used"),
    [
        ("EUR", "USD", date(2026, 3, 6), Fraction("1.2"), date(2026, 3, 6)),
        ("USD", "EUR", date(2026, 3, 6), 1 / Fraction("1.2"), date(2026, 3, 6)),
        ("USD", "GBP", date(2026, 3, 6), Fraction("0.8") / Fraction("1.2"), date(2026, 3, 6)),
        ("EUR", "USD", date(2026, 3, 8), Fraction("1.2"), date(2026, 3, 6)),  # a weekend
        ("EUR", "JPY", date(2026, 3, 6), Fraction(150), date(2026, 3, 5)),  # a gap
        ("EUR", "GBP", date(2026, 5, 1), Fraction("0.8"), date(2026, 3, 6)),  # after the end
        ("JPY", "GBP", date(2026, 3, 9), Fraction("0.8") / 160, date(2026, 3, 6)),  # the older of two
        ("EUR", "EUR", date(1990, 1, 1), Fraction(1), date(1990, 1, 1)),
        ("JPY", "JPY", date(1990, 1, 1), Fraction(1), date(1990, 1, 1)),
    ],
)
def test_rate_of_a_day(rates: Rates, source: str, target: str, day: date, factor: Fraction, used: date) -> None:
    """A day has its own rate, or that of the last day before that has one; cross rates are exact."""
    exchange = rates.exchange(source, target, day)
    assert exchange.factor == factor
    assert exchange.day == used


def test_before_the_first_rate(rates: Rates) -> None:
    """There is no rate to use, and none is made up."""
    with pytest.raises(BadInput, match="no exchange rate for USD on 2026-03-04: the first one is of 2026-03-05"):
        rates.exchange("USD", "EUR", date(2026, 3, 4))


def test_unknown_currency(rates: Rates) -> None:
    """A currency without rates is named, with those that have some."""
    with pytest.raises(BadInput, match="no exchange rates for the currency 'XYZ'; there are some for EUR, GBP"):
        rates.known("XYZ")


def test_codes_in_small_letters(rates: Rates) -> None:
    """A code is a code in any case."""
    assert rates.known("usd") == "USD"


def test_the_rates_that_ship() -> None:
    """The European Central Bank's rates are there, offline, as published: the digits are exact."""
    exchange = ecb_rates().exchange("EUR", "USD", date(2023, 8, 15))
    assert exchange.factor == Fraction("1.0926")
    assert {"USD", "GBP", "JPY", "CHF", "EUR"} <= ecb_rates().currencies
