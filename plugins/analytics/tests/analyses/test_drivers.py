from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.analyses.contribution import Member, Sums, split_sums
from adjoin_analytics.analyses.drivers import split_chain

CHAIN = ("impressions", "click rate", "cost per click")
sums = st.tuples(*[st.integers(0, 10**9) | st.just(0)] * 3)


def test_cost_is_clicks_times_price():
    found = split_chain(("clicks", "cost per click"), (100, 200), (150, 450))

    assert (found.before, found.now, found.change) == (200, 450, 250)
    assert [(one.name, one.before, one.now, one.effect) for one in found.drivers] == [
        ("clicks", 100, 150, 125),
        ("cost per click", 2, 3, 125),
    ]


def test_three_drivers_with_known_answer():
    # 1 x 1 x 1 becomes 2 x 2 x 2: seven more, shared equally.
    found = split_chain(CHAIN, (10, 10, 10), (20, 40, 80))

    assert found.change == 70
    assert [one.effect for one in found.drivers] == [24, 23, 23]  # 70/3 each; the first gets the step that is left


def test_it_says_what_the_split_of_the_sum_says():
    found = split_chain(("clicks", "cost per click"), (970, 1003), (1131, 998))
    split = split_sums([Member(key=("all",), before=Sums(amount=1003, volume=970), now=Sums(amount=998, volume=1131))])

    assert [one.effect for one in found.drivers] == [split.volume, split.rate]


def test_a_start_from_nothing_is_volume():
    found = split_chain(("clicks", "cost per click"), (0, 0), (10, 30))

    assert [one.effect for one in found.drivers] == [30, 0]
    assert [one.before for one in found.drivers] == [0, None]


def test_cost_without_clicks_goes_to_the_price():
    assert [one.effect for one in split_chain(("c", "p"), (0, 7), (10, 30)).drivers] == [30, -7]
    assert [one.effect for one in split_chain(("c", "p"), (0, 7), (0, 10)).drivers] == [0, 3]


@settings(max_examples=60)
@given(sums, sums)
def test_effects_add_up_and_turn_with_the_periods(before, now):
    forth, back = split_chain(CHAIN, before, now), split_chain(CHAIN, now, before)

    assert sum(one.effect for one in forth.drivers) == forth.change == now[-1] - before[-1]
    for one, other in zip(forth.drivers, back.drivers, strict=True):
        assert abs(one.effect + other.effect) <= 1


def test_fractional_totals_and_more_digits():
    found = split_chain(("clicks", "rate"), (100, Decimal("1.5")), (100, Decimal("2.25")))

    assert found.change == Decimal("0.75")
    assert [one.effect for one in found.drivers] == [0, Decimal("0.75")]
    assert found.drivers[1].now == Fraction(9, 400)
    assert split_chain(("a", "b"), (1, 1), (2, 3), digits=2).drivers[0].effect == Decimal("1.25")


def test_a_chain_needs_a_sum_for_each_driver():
    with pytest.raises(BadInput, match="there are 2 drivers, 1 sums before and 2 now"):
        split_chain(("a", "b"), (1,), (1, 2))
    with pytest.raises(BadInput, match="1 to 5"):
        split_chain(tuple("abcdef"), (1,) * 6, (1,) * 6)
