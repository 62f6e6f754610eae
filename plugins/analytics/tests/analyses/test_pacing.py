from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.analyses.pacing import (
    Budget,
    BudgetKind,
    PacingState,
    Spent,
    Step,
    Thresholds,
    pace,
)

FIRST, LAST = date(2026, 6, 1), date(2026, 6, 30)  # a Monday, 30 days
JUNE = Budget(since=FIRST, until=LAST, steps=(Step(since=FIRST, micros=3_000_000),))


def day(number):
    return FIRST + timedelta(days=number - 1)


def spent(*amounts, first=1):
    return [Spent(day=day(first + at), micros=amount) for at, amount in enumerate(amounts)]


def month(micros, **more):
    return Budget(since=FIRST, until=LAST, steps=(Step(since=FIRST, micros=micros),), **more)


def test_a_third_of_the_days_and_a_third_of_the_money_is_on_plan():
    found = pace(JUNE, spent(*[100_000] * 10, 40_000), today=day(11))

    assert found.state is PacingState.ON
    assert (found.ratio, found.budget_share, found.elapsed_share) == (1, Fraction(1, 3), Fraction(1, 3))
    assert (found.spent_micros, found.planned_micros, found.left_micros) == (1_000_000, 1_000_000, 2_000_000)
    assert (found.days, found.elapsed_days, found.days_left) == (30, 10, 20)
    assert found.needed_daily_micros == 100_000
    assert found.projected_micros == 3_000_000
    assert found.projected_ratio == 1
    assert found.low_micros < 3_000_000 < found.high_micros
    assert found.runs_out_on == LAST


def test_today_is_part_of_no_ratio():
    without = pace(JUNE, spent(*[100_000] * 10), today=day(11))
    found = pace(JUNE, spent(*[100_000] * 10, 90_000), today=day(11))

    assert (found.ratio, found.spent_micros, found.today_micros) == (1, 1_000_000, 90_000)
    assert without.today_micros is None
    assert found.projected_micros == without.projected_micros
    beyond = pace(JUNE, spent(*[100_000] * 10, 150_000), today=day(11))
    assert beyond.projected_micros == without.projected_micros + 50_000


@pytest.mark.parametrize(
    ("amount", "state"),
    [(94_999, "under"), (95_000, "on"), (105_000, "on"), (105_001, "over"), (300_000, "spent"), (0, "under")],
)
def test_states_and_their_thresholds(amount, state):
    assert pace(JUNE, spent(*[amount] * 10), today=day(11)).state == state


def test_thresholds_can_be_moved():
    wide = Thresholds(under=Fraction(8, 10), over=Fraction(12, 10))

    assert pace(JUNE, spent(*[85_000] * 10), today=day(11), thresholds=wide).state is PacingState.ON
    with pytest.raises(BadInput, match="both sides of 1"):
        Thresholds(under=Fraction(11, 10))


def test_a_quiet_weekend_is_no_reason_to_be_under_plan():
    week = [120_000] * 5 + [50_000] * 2
    before = [Spent(day=FIRST - timedelta(days=28 - at), micros=week[at % 7]) for at in range(28)]
    budget = month(sum(week[at % 7] for at in range(30)))

    found = pace(budget, [*before, *spent(*week)], today=day(8))
    plain = pace(budget, [*before, *spent(*week)], today=day(8), by_weekday=False)

    assert found.ratio == pytest.approx(1, abs=1e-4)
    assert float(plain.elapsed_share) == pytest.approx(7 / 30, abs=1e-5)  # the plan is in whole micros
    assert found.weekdays[5] == Fraction(1, 2)
    saturday = pace(budget, [*before, *spent(*week[:6])], today=day(7))
    assert saturday.ratio == pytest.approx(1, abs=1e-4)
    assert pace(budget, [*before, *spent(*week[:5])], today=day(6), by_weekday=False).state is PacingState.OVER


def test_what_may_be_spent_each_day_adds_up_to_what_is_left():
    found = pace(month(1_000_001), spent(*[10_000] * 23), today=day(24))

    assert found.left_micros == 770_001
    assert found.needed_daily_micros == 110_000
    assert [one.day for one in found.allowance] == [day(number) for number in range(24, 31)]
    assert sum(one.micros for one in found.allowance) == 770_001


def test_more_spent_than_there_is():
    found = pace(JUNE, spent(*[400_000] * 10), today=day(11))

    assert found.state is PacingState.SPENT
    assert found.left_micros == -1_000_000
    assert found.needed_daily_micros == 0
    assert {one.micros for one in found.allowance} == {0}
    assert found.runs_out_on == day(8)


def test_the_end_of_the_month():
    under = pace(JUNE, spent(*[90_000] * 30), today=date(2026, 7, 4))
    exact = pace(JUNE, spent(*[100_000] * 30), today=date(2026, 7, 4))

    assert (under.state, exact.state) == (PacingState.UNDER, PacingState.ON)
    assert (under.days_left, under.needed_daily_micros, under.allowance) == (0, None, ())
    assert (under.projected_micros, under.low_micros, under.high_micros) == (2_700_000,) * 3
    assert under.elapsed_share == 1
    assert under.runs_out_on is None


def test_before_a_whole_day_has_passed():
    first = pace(JUNE, spent(30_000), today=FIRST)
    earlier = pace(JUNE, [], today=date(2026, 5, 20))

    assert (first.state, earlier.state) == (PacingState.NOT_STARTED, PacingState.NOT_STARTED)
    assert (first.ratio, first.elapsed_share, first.days_left) == (None, 0, 30)
    assert first.projected_micros is None
    known = pace(JUNE, [Spent(day=date(2026, 5, at), micros=100_000) for at in range(4, 20)], today=date(2026, 5, 20))
    assert known.projected_micros == 3_000_000


def test_no_budget_is_still_projected():
    found = pace(Budget(since=FIRST, until=LAST), spent(*[100_000] * 10), today=day(11))

    assert found.state is PacingState.NO_BUDGET
    assert (found.budget_micros, found.ratio, found.left_micros, found.needed_daily_micros) == (None,) * 4
    assert found.projected_micros == 3_000_000


def test_a_budget_of_nothing():
    assert pace(month(0), spent(*[0] * 10), today=day(11)).state is PacingState.ON
    assert pace(month(0), spent(*[1] * 10), today=day(11)).state is PacingState.OVER
    assert pace(month(0), spent(*[1] * 10), today=day(11)).budget_share is None


def test_days_that_were_not_read_are_missing_and_not_zero():
    days = [one for one in spent(*[100_000] * 10) if one.day not in (day(3), day(7))]
    found = pace(JUNE, [*days, Spent(day=day(7), micros=None)], today=day(11))

    assert found.missing_days == (day(3), day(7))
    assert (found.ratio, found.spent_micros, found.elapsed_share) == (1, 800_000, Fraction(1, 3))
    assert found.projected_micros == 3_000_000
    assert pace(JUNE, [], today=day(11)).state is PacingState.UNKNOWN


def test_a_budget_raised_within_the_month():
    raised = Budget(
        since=FIRST, until=LAST, steps=(Step(since=FIRST, micros=3_000_000), Step(since=day(16), micros=6_000_000))
    )
    before = pace(raised, spent(*[100_000] * 15), today=day(16))
    later = pace(raised, spent(*[100_000] * 15, *[300_000] * 5), today=day(21))

    assert (before.budget_micros, before.planned_micros, before.ratio) == (6_000_000, 1_500_000, 1)
    assert before.needed_daily_micros == 300_000
    assert (later.planned_micros, later.ratio) == (3_000_000, 1)


def test_a_budget_cut_below_what_was_planned_by_then_leaves_nothing():
    cut = Budget(
        since=FIRST, until=LAST, steps=(Step(since=FIRST, micros=3_000_000), Step(since=day(16), micros=1_000_000))
    )
    found = pace(cut, spent(*[100_000] * 15), today=day(16))

    assert (found.budget_micros, found.left_micros, found.elapsed_share) == (1_000_000, -500_000, 1)
    assert found.state is PacingState.SPENT


def test_daily_budgets_and_their_changes():
    budget = Budget(
        since=FIRST,
        until=LAST,
        kind=BudgetKind.DAILY,
        steps=(Step(since=date(2026, 5, 1), micros=100_000), Step(since=day(21), micros=200_000)),
    )
    found = pace(budget, spent(*[90_000] * 10), today=day(11))

    assert (found.budget_micros, found.planned_micros) == (4_000_000, 1_000_000)
    assert found.ratio == Fraction(9, 10)
    assert found.projected_micros == 20 * 90_000 + 10 * 180_000


def test_a_campaign_of_some_days_of_the_month():
    flight = Budget(since=day(10), until=day(19), steps=(Step(since=day(10), micros=1_000_000),))
    found = pace(flight, spent(*[100_000] * 5, first=10), today=day(15))

    assert (found.days, found.elapsed_days, found.ratio, found.days_left) == (10, 5, 1, 5)


def test_a_day_that_is_there_twice_is_refused():
    with pytest.raises(BadInput, match="twice"):
        pace(JUNE, [*spent(1), *spent(2)], today=day(3))


def test_days_that_may_still_change_are_projected_at_what_they_will_be():
    days = [*spent(*[100_000] * 8), Spent(day=day(9), micros=100_000, final_micros=99_000), *spent(100_000, first=10)]
    found = pace(JUNE, days, today=day(11))

    assert (found.spent_micros, found.provisional_micros) == (1_000_000, -1_000)
    assert found.projected_micros < 3_000_000


@settings(max_examples=40)
@given(
    st.lists(st.none() | st.integers(0, 10**9), max_size=30),
    st.integers(0, 10**10),
    st.integers(0, 40),
    st.booleans(),
    st.integers(2, 1000),
)
def test_money_adds_up_and_size_does_not_matter(amounts, whole, today, daily, by):
    def found(factor):
        days = [
            Spent(day=one.day, micros=None if one.micros is None else one.micros * factor) for one in spent(*amounts)
        ]
        kind = BudgetKind.DAILY if daily else BudgetKind.TOTAL
        return pace(month(whole * factor, kind=kind), days, today=FIRST + timedelta(days=today))

    small, large = found(1), found(by)

    assert small.budget_micros == (30 * whole if daily else whole)
    assert small.spent_micros + small.left_micros == small.budget_micros
    assert sum(one.micros for one in small.allowance) == (max(small.left_micros, 0) if small.days_left else 0)
    assert small.elapsed_days + small.days_left == 30
    assert small.budget_share == large.budget_share
    if small.planned_micros and small.planned_micros > 10**6:  # smaller plans feel that they are in whole micros
        assert (small.ratio is None) == (large.ratio is None)
        assert float(large.ratio or 0) == pytest.approx(float(small.ratio or 0), rel=1e-4)
    if small.projected_micros is not None:
        assert small.low_micros <= small.projected_micros <= small.high_micros
