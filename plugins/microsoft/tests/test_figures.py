"""Figures from text, exactly."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin_microsoft.figures import counts, days, decimals, micros

_AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=2)
_MAYBE = st.lists(st.none() | _AMOUNTS, min_size=1, max_size=30)


def _texts(values, write):
    return pa.array([None if value is None else write(value) for value in values], pa.string())


@given(_MAYBE)
def test_money_is_exact_in_both_versions_of_the_format(amounts):
    want = [None if amount is None else int(amount * 1_000_000) for amount in amounts]
    assert micros(_texts(amounts, str)).to_pylist() == want
    assert micros(_texts(amounts, "{:,}".format)).to_pylist() == want


@given(st.lists(st.none() | st.integers(0, 10**12), min_size=1, max_size=30))
def test_counts_are_exact_with_and_without_commas(numbers):
    assert counts(_texts(numbers, str)).to_pylist() == numbers
    assert counts(_texts(numbers, "{:,}".format)).to_pylist() == numbers


@given(st.lists(st.none() | st.decimals(min_value=0, max_value=10**6, places=2), min_size=1, max_size=30))
def test_conversions_and_percentages_are_exact(values):
    assert decimals(_texts(values, str)).to_pylist() == values
    want = [None if value is None else value / 100 for value in values]
    assert decimals(_texts(values, "{}%".format)).to_pylist() == want
    assert decimals(_texts(values, "{:,} %".format)).to_pylist() == want


def test_percent_signs_may_stand_in_some_rows_only():
    assert decimals(pa.array(["3.45%", "0.5", None])).to_pylist() == [Decimal("0.0345"), Decimal("0.5"), None]


@given(st.decimals(min_value=0, max_value=10**6, places=12))
def test_money_rounds_half_to_even_behind_the_sixth_digit(amount):
    want = int((amount * 1_000_000).to_integral_value(ROUND_HALF_EVEN))
    assert micros(pa.array([str(amount)])).to_pylist() == [want]


@pytest.mark.parametrize(("text", "want"), [("2026-10-01", date(2026, 10, 1)), ("10/1/2026", date(2026, 10, 1))])
def test_days_are_read_in_both_spellings(text, want):
    assert days(pa.array([text, None])).to_pylist() == [want, None]


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (counts, "many"),
        (counts, "1.5"),
        (counts, "<html>"),
        (micros, "1.2.3"),
        (micros, "99999999999999999999"),
        (decimals, "n/a"),
        (days, "2026-13-01"),
        (days, "yesterday"),
    ],
)
def test_what_is_no_figure_is_an_error(read, text):
    with pytest.raises(ValueError, match=r"."):
        read(pa.array([text]))
