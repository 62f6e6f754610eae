"""Money in both of Meta's spellings."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin_meta.money import major_to_micros, minor_from_micros, minor_to_micros, offset


@pytest.mark.parametrize("currency", ["CLP", "COP", "CRC", "HUF", "ISK", "IDR", "JPY", "KRW", "PYG", "TWD", "VND"])
def test_currencies_of_metas_table_count_in_whole_units(currency):
    assert offset(currency) == 1
    assert minor_to_micros("5000", currency) == 5_000_000_000


@pytest.mark.parametrize("currency", ["EUR", "USD", "BHD", "JOD", "KWD"])
def test_all_others_count_in_hundredths_even_where_iso_has_three_digits(currency):
    assert minor_to_micros("5000", currency) == 50_000_000


@pytest.mark.parametrize("amount", [None, "", "0", 0])
def test_the_unused_budget_is_none(amount):
    assert minor_to_micros(amount, "EUR") is None


def test_micros_that_the_smallest_unit_cannot_express_are_refused():
    assert minor_from_micros(12_340_000, "EUR") == 1234
    with pytest.raises(ValueError, match="smallest units"):
        minor_from_micros(12_345_000, "EUR")
    with pytest.raises(ValueError, match="smallest units"):
        minor_from_micros(500_000, "JPY")


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("12.37", 12_370_000),
        ("0", 0),
        ("0.07", 70_000),
        ("1234", 1_234_000_000),
        ("149.7", 149_700_000),
        ("0.0000005", 0),
        ("0.0000015", 2),
        ("-3.25", -3_250_000),
        ("1E-3", 1_000),
        ("9007199254.740993", 9_007_199_254_740_993),
    ],
)
def test_spend_becomes_micros(text, micros):
    assert major_to_micros(text) == micros


@pytest.mark.parametrize("text", ["", "abc", "1,50", "NaN", "Infinity"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(ValueError, match="no amount"):
        major_to_micros(text)


@given(st.integers(min_value=0, max_value=10**15))
def test_no_digit_is_lost(micros):
    assert major_to_micros(str(Decimal(micros).scaleb(-6))) == micros
