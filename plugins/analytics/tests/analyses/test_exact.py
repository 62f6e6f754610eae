from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin_analytics.analyses.exact import apportion, as_decimal, as_sum, digits_of, ratio, shapley, summed, total

fractions = st.fractions(min_value=-1000, max_value=1000, max_denominator=97)


@settings(max_examples=60)
@given(st.lists(fractions, min_size=1, max_size=8), st.integers(0, 3))
def test_rounded_parts_add_up_and_are_within_a_step(parts, digits):
    whole = round(sum(parts, Fraction(0)), digits)

    found = apportion(parts, whole, digits=digits)

    assert sum(Fraction(value) for value in found) == whole
    step = Fraction(1, 10**digits)
    assert all(abs(Fraction(value) - part) <= 2 * step for value, part in zip(found, parts, strict=True))


def test_the_largest_remainders_are_rounded_up_and_of_equal_ones_the_first():
    third = Fraction(1, 3)
    assert apportion([third, third, third], 1) == [1, 0, 0]
    assert apportion([Fraction(1, 4), Fraction(3, 4)], 1) == [0, 1]
    assert apportion([third, third, third], 1, digits=2) == [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")]
    assert apportion([Fraction(-1, 3), Fraction(-2, 3)], -1) == [0, -1]


def test_a_whole_is_never_cut():
    assert apportion([Fraction(10**30), Fraction(1, 2)], Decimal("1000000000000000000000000000000.5"), digits=1) == [
        Decimal("1000000000000000000000000000000.0"),
        Decimal("0.5"),
    ]
    with pytest.raises(ValueError, match="more than 0 digits"):
        apportion([Fraction(1, 2)], Decimal("0.5"))
    with pytest.raises(ValueError, match="no parts"):
        apportion([], 1)
    assert apportion([], 0) == []


def test_sums_keep_their_kind_and_what_is_missing_stays_missing():
    assert summed([1, None, 2]) == 3
    assert isinstance(summed([1, 2]), int)
    assert summed([1, Decimal("0.125")]) == Decimal("1.125")
    assert isinstance(summed([1, Decimal("1.0")]), Decimal)
    assert summed([Fraction(1, 3), 1]) == Fraction(4, 3)
    assert summed([None, None]) is None
    assert summed([]) is None
    assert total([None]) is None
    assert total([0]) == 0


def test_a_ratio_is_missing_where_a_part_is():
    assert ratio(1, 3) == Fraction(1, 3)
    assert ratio(None, 3) is None
    assert ratio(1, None) is None
    assert ratio(1, 0) is None
    assert ratio(0, 3) == 0


def test_floats_are_refused():
    with pytest.raises(TypeError, match="is a float"):
        ratio(0.5, 3)
    with pytest.raises(TypeError, match="is not a sum"):
        digits_of([1.5])
    with pytest.raises(TypeError, match="not a number"):
        digits_of([Decimal("NaN")])


def test_fractions_are_written_as_decimals():
    assert as_decimal(Fraction(1, 8)) == Decimal("0.125")
    assert as_decimal(Fraction(2, 3), significant=4) == Decimal("0.6667")
    assert as_decimal(7) == 7
    assert as_decimal(Decimal("1.50")) == Decimal("1.50")
    assert as_sum(Fraction(5, 2), digits=1) == Decimal("2.5")
    assert digits_of([Decimal("1.500"), 3, None]) == 1
    assert digits_of([Decimal("1E+3")]) == 0


@settings(max_examples=40)
@given(st.lists(st.tuples(fractions, fractions), min_size=1, max_size=4), st.randoms())
def test_effects_of_factors_add_up_in_any_order_and_turn_with_the_periods(factors, random):
    before, now = [one for one, _ in factors], [one for _, one in factors]
    effects = shapley(before, now)

    product = [Fraction(1), Fraction(1)]
    for one, other in factors:
        product = [product[0] * one, product[1] * other]
    assert sum(effects) == product[1] - product[0]
    assert shapley(now, before) == [-effect for effect in effects]
    order = list(range(len(factors)))
    random.shuffle(order)
    assert shapley([before[at] for at in order], [now[at] for at in order]) == [effects[at] for at in order]


def test_two_factors_are_split_at_the_midpoint():
    # 100 clicks at 2 become 150 at 3: +50 at a mean price of 2.5, and +1 for a mean of 125 clicks.
    assert shapley([Fraction(100), Fraction(2)], [Fraction(150), Fraction(3)]) == [125, 125]


def test_more_than_five_factors_are_refused():
    with pytest.raises(ValueError, match="1 to 5 factors"):
        shapley([Fraction(1)] * 6, [Fraction(2)] * 6)
    with pytest.raises(ValueError, match="same in both"):
        shapley([Fraction(1)], [Fraction(2)] * 2)
