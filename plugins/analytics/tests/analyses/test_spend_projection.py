from __future__ import annotations

import math
from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.analyses.spend_projection import EVEN, Spent, by_day, project, weekday_weights

MONDAY = date(2026, 6, 1)
SHAPE = (10, 10, 10, 10, 10, 15, 5)  # of a week's 70


def later(days):
    return MONDAY + timedelta(days=days)


def past(weeks, shape=SHAPE, scale=1_000_000):
    return by_day(Spent(day=later(at - 7 * weeks), micros=shape[at % 7] * scale) for at in range(7 * weeks))


class TestWeekdays:
    def test_each_weekday_has_its_part_of_a_mean_day(self):
        weights = weekday_weights(past(4), before=MONDAY)

        assert weights == (1, 1, 1, 1, 1, Fraction(3, 2), Fraction(1, 2))

    def test_one_odd_week_changes_little(self):
        days = past(8)
        for back in range(1, 8):
            days[later(-back)] = Spent(day=later(-back), micros=10_000_000 if back == 1 else 0)

        assert weekday_weights(days, before=MONDAY)[5] == Fraction(3, 2)

    def test_without_three_whole_weeks_all_days_are_equal(self):
        days = past(3)
        assert weekday_weights(days, before=MONDAY) != EVEN
        days[later(-20)] = Spent(day=later(-20), micros=None)
        assert weekday_weights(days, before=MONDAY) == EVEN
        assert weekday_weights({}, before=MONDAY) == EVEN

    def test_weeks_of_nothing_and_of_corrections_say_nothing(self):
        assert weekday_weights(past(8, shape=(0,) * 7), before=MONDAY) == EVEN
        assert weekday_weights(past(8, shape=(-1, 2, 2, 2, 2, 2, 2)), before=MONDAY) == EVEN

    @settings(max_examples=30)
    @given(st.lists(st.integers(0, 10**9), min_size=21, max_size=60))
    def test_weights_add_up_to_seven(self, amounts):
        days = by_day(Spent(day=later(-at - 1), micros=amount) for at, amount in enumerate(amounts))

        assert sum(weekday_weights(days, before=MONDAY)) == 7


class TestProject:
    def test_a_steady_week_goes_on(self):
        days = past(8)
        found = project(
            days, [later(at) for at in range(7)], before=MONDAY, weights=weekday_weights(days, before=MONDAY)
        )

        assert found.micros == 70_000_000
        assert list(found.daily.values()) == [part * 1_000_000 for part in SHAPE]
        assert found.low_micros < found.micros < found.high_micros

    def test_newer_weeks_count_more(self):
        days = past(2, shape=(10,) * 7) | by_day(Spent(day=later(at - 7), micros=40_000_000) for at in range(7))

        # (40 x 1 + 10 x 1/2) / (1 + 1/2)
        assert project(days, [MONDAY], before=MONDAY).micros == 30_000_000

    def test_a_raised_daily_budget_raises_what_is_expected(self):
        found = project(
            past(4, shape=(8,) * 7),
            [later(0), later(1)],
            before=MONDAY,
            budget_on=lambda day: 10_000_000 if day <= MONDAY else 20_000_000,
        )

        assert list(found.daily.values()) == [8_000_000, 16_000_000]

    def test_nothing_known_is_nothing_said(self):
        assert project({}, [MONDAY], before=MONDAY) is None
        assert project(past(4), [MONDAY], before=later(100)) is None
        assert project(past(4), [], before=MONDAY).high_micros == 0

    def test_missing_days_are_not_zero(self):
        days = past(2, shape=(10,) * 7)
        for back in (2, 3, 9):
            days[later(-back)] = Spent(day=later(-back), micros=None)

        assert project(days, [MONDAY], before=MONDAY).micros == 10_000_000

    def test_steadier_spending_has_a_narrower_interval(self):
        def width(days):
            found = project(days, [later(at) for at in range(7)], before=MONDAY)
            return found.high_micros - found.low_micros

        restless = by_day(Spent(day=later(-at), micros=(20 if at % 14 < 7 else 5) * 1_000_000) for at in range(1, 57))
        assert width(past(8, shape=(10,) * 7)) < width(restless)

    @pytest.mark.parametrize(("steps", "least", "most"), [(0.15, 0.70, 0.90), (0.10, 0.75, 0.95)])
    def test_the_interval_holds_four_of_five(self, steps, least, most):
        """Budgets that a manager moves every four weeks, spent less what weekdays and luck leave."""
        random = np.random.default_rng(11)
        held = 0
        for _ in range(60):
            amounts = _spending(random, days=84 + 15, steps=steps)
            days = by_day(Spent(day=later(at - 84), micros=amount) for at, amount in enumerate(amounts[:84]))
            found = project(
                days, [later(at) for at in range(15)], before=MONDAY, weights=weekday_weights(days, before=MONDAY)
            )
            held += found.low_micros <= sum(amounts[84:]) <= found.high_micros
        assert least <= held / 60 <= most


def test_a_day_that_is_there_twice_is_refused():
    with pytest.raises(BadInput, match="2026-06-01 is there twice"):
        by_day([Spent(day=MONDAY, micros=1), Spent(day=MONDAY, micros=2)])


def test_what_a_day_is_expected_to_end_at_counts():
    assert Spent(day=MONDAY, micros=10, final_micros=9).expected == 9
    assert Spent(day=MONDAY, micros=10).expected == 10
    assert Spent(day=MONDAY, micros=None, final_micros=9).expected is None


def _spending(random, *, days, steps):
    base = math.exp(random.normal(math.log(300), 1))
    budget, mood, first, found = base, 0.0, int(random.integers(28)), []
    for at in range(days):
        if (at + first) % 28 == 0:
            budget = base * math.exp(random.normal(0, steps))
        mood = 0.85 * mood + random.normal(0, 0.06)
        demand = math.exp(mood) * (1.13, 1.12, 1.1, 1.08, 1.06, 0.97, 1.0)[at % 7]
        found.append(round(1e6 * budget * min(1, math.exp(random.normal(-0.02, 0.03))) * min(1, demand)))
    return found
