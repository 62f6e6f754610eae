from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.analyses.budgets import Budget, BudgetKind, Step, budget_of_month, plan_of, spread, whole_of

FIRST, LAST = date(2026, 6, 1), date(2026, 6, 30)  # a Monday, 30 days


def day(number):
    return FIRST + timedelta(days=number - 1)


def test_the_month_of_a_campaign():
    whole = budget_of_month(day(9), 5)
    part = budget_of_month(date(2024, 2, 9), 5, kind=BudgetKind.DAILY, starts=date(2024, 2, 5), ends=date(2024, 3, 3))

    assert (whole.since, whole.until, whole.steps) == (FIRST, LAST, (Step(since=FIRST, micros=5),))
    assert (part.since, part.until, part.kind) == (date(2024, 2, 5), date(2024, 2, 29), BudgetKind.DAILY)
    assert budget_of_month(day(9), 5, starts=date(2026, 7, 1)) is None
    assert budget_of_month(day(9), 5, ends=date(2026, 5, 31)) is None
    assert budget_of_month(day(9), None).steps == ()


def test_the_amount_of_a_day():
    budget = Budget(since=FIRST, until=LAST, steps=(Step(since=day(16), micros=7), Step(since=day(3), micros=5)))

    assert [budget.on(day(number)) for number in (1, 3, 15, 16, 30)] == [5, 5, 5, 7, 7]
    with pytest.raises(BadInput, match="There is no budget"):
        Budget(since=FIRST, until=LAST).on(FIRST)


def test_what_cannot_be_is_refused():
    with pytest.raises(BadInput, match="wrong way round"):
        Budget(since=LAST, until=FIRST)
    with pytest.raises(BadInput, match="0 or more"):
        Budget(since=FIRST, until=LAST, steps=(Step(since=FIRST, micros=-1),))
    with pytest.raises(BadInput, match="begin on the same"):
        Budget(since=FIRST, until=LAST, steps=(Step(since=FIRST, micros=1), Step(since=FIRST, micros=2)))


def test_an_amount_is_shared_out_to_the_micro():
    assert spread(10, [Fraction(1), Fraction(1), Fraction(1)]) == [4, 3, 3]
    assert spread(10, [Fraction(0), Fraction(0)]) == [5, 5]
    assert spread(0, []) == []


@settings(max_examples=40)
@given(
    st.dictionaries(st.integers(-5, 35), st.integers(0, 10**12), min_size=1, max_size=4),
    st.lists(st.integers(0, 3), min_size=7, max_size=7),
    st.sampled_from(BudgetKind),
)
def test_the_days_of_a_plan_add_up_to_the_budget(amounts, weights, kind):
    steps = tuple(Step(since=day(number), micros=micros) for number, micros in amounts.items())
    budget = Budget(since=FIRST, until=LAST, steps=steps, kind=kind)

    plan = plan_of(budget, [Fraction(weight) for weight in weights])

    assert tuple(plan) == budget.days
    assert all(micros >= 0 for micros in plan.values())
    if kind is BudgetKind.DAILY:
        assert sum(plan.values()) == whole_of(budget, plan)
    else:  # more only where it was cut below what had been planned
        assert sum(plan.values()) >= whole_of(budget, plan) == budget.on(LAST)
        if len(steps) == 1:
            assert sum(plan.values()) == steps[0].micros
