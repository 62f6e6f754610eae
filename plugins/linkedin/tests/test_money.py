"""LinkedIn's decimal strings and integer micros."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin_linkedin.money import Money, to_micros
from adjoin_linkedin.money import micros_column as _column


def micros_column(amounts):
    return _column(pa.array(amounts, pa.string()))


_MICROS = st.integers(min_value=-(2**63), max_value=2**63 - 1)


@given(_MICROS)
def test_every_micro_survives(micros):
    amount = str(Decimal(micros).scaleb(-6))
    assert to_micros(amount) == micros
    assert micros_column([amount]).to_pylist() == [micros]


@given(st.lists(st.decimals(min_value=-(10**12), max_value=10**12, places=11), max_size=5))
def test_a_column_holds_what_one_by_one_gives(amounts):
    texts = [str(amount) for amount in amounts]
    want = [int((amount * 1_000_000).to_integral_value(ROUND_HALF_EVEN)) for amount in amounts]
    assert micros_column(texts).to_pylist() == [to_micros(text) for text in texts] == want


@pytest.mark.parametrize(
    ("amount", "micros"),
    [
        ("19.91833", 19_918_330),
        ("0.0", 0),
        ("0", 0),
        ("60000", 60_000_000_000),
        ("-2E-18", 0),
        ("1E-5", 10),
        ("34.82999999999999", 34_830_000),
        ("0.0000005", 0),
        ("0.0000015", 2),
        ("9007199254.740993", 9_007_199_254_740_993),
    ],
)
def test_known_amounts(amount, micros):
    assert to_micros(amount) == micros
    assert micros_column(["1", amount]).to_pylist() == [1_000_000, micros]


@pytest.mark.parametrize("amount", ["", "lots", "1,50", "NaN", "Infinity", "12..3"])
def test_what_is_no_amount_is_named(amount):
    with pytest.raises(ValueError, match="no amount of money"):
        to_micros(amount)
    with pytest.raises(ValueError, match="no amount of money"):
        micros_column(["1.5", amount])


@pytest.mark.parametrize("amount", ["9223372036854.775808", "1E+30"])
def test_more_than_fits_is_refused_and_not_wrapped_around(amount):
    with pytest.raises(ValueError):  # noqa: PT011 - Arrow's own words, or ours
        micros_column([amount])


def test_no_amounts_are_an_empty_column():
    assert micros_column([]).to_pylist() == []


def test_a_budget_in_another_currency_than_the_account_is_no_budget():
    assert Money("18.50", "USD").micros("USD") == 18_500_000
    assert Money("18.50").micros("USD") == 18_500_000
    assert Money("18.50", "USD").micros("BRL") is None
