"""Fractions as exact integers."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.ads.columns import conversions
from adjoin_google.amounts import micros, nanos


@given(st.integers(-(10**14), 10**14), st.integers(0, 6))
def test_counts_that_were_written_with_up_to_six_digits_come_back_exactly(number, digits):
    written = Decimal(number).scaleb(-digits) if abs(number) < 10**9 * 10**digits else Decimal(number % 10**9)
    assert nanos([float(written)]).tolist() == [int(written * 10**9)]


@given(st.integers(-(10**15), 10**15))
def test_amounts_in_micros_come_back_exactly(amount):
    assert micros([float(Decimal(amount).scaleb(-6))]).tolist() == [amount]


@given(st.lists(st.floats(-1e8, 1e8)))
def test_any_count_is_rounded_to_the_nearest_billionth(values):
    for value, got in zip(values, nanos(values).tolist(), strict=True):
        exact = Decimal(repr(value)).scaleb(9)
        assert abs(got - exact) <= Decimal("0.5") + abs(exact) * Decimal("2e-16")


def test_large_amounts_are_worked_out_digit_by_digit():
    assert micros([123_456_789_012.34, 1e11 + 0.25]).tolist() == [123_456_789_012_340_000, 100_000_000_000_250_000]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
def test_what_cannot_be_held_is_no_amount(value):
    with pytest.raises(ValueError, match="no count or amount"):
        nanos([1.0, value])


@given(st.lists(st.integers(-(10**18) + 1, 10**18 - 1)))
def test_decimals_are_billionths(values):
    column = conversions(np.array(values, dtype=np.int64))
    column.validate(full=True)
    assert column.type == pa.decimal128(18, 9)
    assert column.to_pylist() == [Decimal(value).scaleb(-9) for value in values]


def test_half_a_billionth_goes_to_the_even_one():
    wanted = int(Decimal("0.0000000125").scaleb(9).to_integral_value(ROUND_HALF_EVEN))
    assert nanos([0.0000000125]).tolist() == [wanted]
