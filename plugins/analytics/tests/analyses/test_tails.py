"""Probabilities against sums over all counts, and their correction against the definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin_analytics.analyses.tails import (
    adjusted,
    at_least,
    at_most,
    binomial_at_most,
    gamma_above,
    normal_score,
    normal_tail,
)


def negative_binomial(count, mean, spread):
    size = 1 / spread
    log = math.lgamma(count + size) - math.lgamma(size) - math.lgamma(count + 1)
    return math.exp(log + size * math.log(size / (size + mean)) + count * math.log(mean / (size + mean)))


@pytest.mark.parametrize(("count", "mean", "spread"), [(0, 3, 0.1), (5, 10, 0.04), (25, 10, 0.01), (3, 2, 1.0)])
def test_tails_are_sums_of_the_negative_binomial(count, mean, spread):
    few = sum(negative_binomial(at, mean, spread) for at in range(count + 1))
    assert at_most(count, mean=mean, spread=spread) == pytest.approx(few, rel=1e-9)
    many = 1 - sum(negative_binomial(at, mean, spread) for at in range(count))
    assert at_least(count, mean=mean, spread=spread) == pytest.approx(many, rel=1e-9)


def test_little_spread_is_poisson():
    few = sum(math.exp(-4) * 4**at / math.factorial(at) for at in range(3))
    assert at_most(2, mean=4, spread=1e-7) == pytest.approx(few, rel=1e-4)


def test_fractions_lie_between_whole_counts():
    values = [float(at_most(count, mean=6, spread=0.05)) for count in (3, 3.4, 4)]
    assert values == sorted(values)


def test_binomial_is_the_sum_of_its_terms():
    few = sum(math.comb(12, at) * 0.3**at * 0.7 ** (12 - at) for at in range(3))
    assert binomial_at_most(2, trials=12, chance=0.3) == pytest.approx(few)
    assert binomial_at_most(12, trials=12, chance=0.3) == 1


def test_gamma_of_whole_shape_is_poisson():
    assert gamma_above(2.0, shape=3, rate=1.5) == pytest.approx(math.exp(-3) * (1 + 3 + 9 / 2))


def test_scores_are_bounded():
    assert normal_score([0.0, 0.5, 1.0]).tolist() == [-8, 0, 8]
    assert normal_tail(-1.959964) == pytest.approx(0.025, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=20))
def test_the_correction_is_the_definition(chances):
    found = adjusted(chances)
    for chance, corrected in zip(chances, found, strict=True):
        larger = [other for other in chances if other >= chance]
        by_definition = min(min(1.0, other * len(chances) / sum(each <= other for each in chances)) for other in larger)
        assert corrected == pytest.approx(by_definition)
        assert chance * (1 - 1e-12) <= corrected <= 1
