"""Whether a budget is being spent at the right speed, where it will end, and what may be spent each day from now on.

The pacing ratio is the share of the budget that is spent divided by the share of the period that has passed: 1 is on
plan. Whole days count, so today does not; and a day counts by what is usually spent on its weekday.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

from adjoin.errors import BadInput
from adjoin_analytics.analyses.budgets import Budget, BudgetKind, Step, budget_of_month, plan_of, spread, whole_of
from adjoin_analytics.analyses.exact import ratio
from adjoin_analytics.analyses.spend_projection import EVEN, Projection, Spent, by_day, project, weekday_weights

__all__ = [
    "Budget",
    "BudgetKind",
    "DayAllowance",
    "Pacing",
    "PacingState",
    "Spent",
    "Step",
    "Thresholds",
    "budget_of_month",
    "pace",
]

_ONE_DAY = timedelta(days=1)


class PacingState(StrEnum):
    """How a budget stands."""

    NO_BUDGET = "no budget"
    NOT_STARTED = "not started"  #: no whole day of the period has passed
    UNKNOWN = "unknown"  #: none of the days that have passed has been read
    UNDER = "under"
    ON = "on"
    OVER = "over"
    SPENT = "spent"  #: nothing is left, and there are days to come


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Ratios below which a budget is under plan, and above which it is over."""

    under: Fraction = Fraction(95, 100)
    over: Fraction = Fraction(105, 100)

    def __post_init__(self) -> None:
        if not 0 <= self.under <= 1 <= self.over:
            raise BadInput("The pacing thresholds lie on both sides of 1: under <= 1 <= over.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DayAllowance:
    """What may be spent on a day so that the budget lasts exactly, in micros."""

    day: date
    micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """How a budget stands. Amounts are micros, shares and ratios exact fractions; None is "cannot be said".

    - `budget_micros`: of the whole period, with the changes that are planned. `spent_micros`: of whole days.
    - `budget_share`: spent / budget. `elapsed_share`: the part of the plan that lies in the days that have passed, by
      weekday; `elapsed_days` and `days` are the plain count.
    - `ratio`: spent / `planned_micros`, the plan of the days that have passed and are known. Where all are known it is
      `budget_share` / `elapsed_share`, but for a budget that was cut below what had been planned by then.
    - `today_micros`: so far today; part of no ratio.
    - `left_micros`: budget - spent, below 0 when overspent. `days_left` counts today. `needed_daily_micros`: left /
      days left, rounded down, 0 when nothing is left; `allowance` is the same money by day, adding up to it exactly.
    - `projected_micros`: spent, and what is expected of days still to come or missing; it lies between the low and the
      high one 4 times in 5. `projected_ratio`: of the budget. `runs_out_on`: the day on which the budget is used up.
    - `missing_days` have passed without being read. `provisional_micros` is what days that may still change are
      expected to gain or lose; the projection has it, `spent_micros` has not.
    """

    state: PacingState
    budget_micros: int | None
    spent_micros: int
    planned_micros: int | None
    ratio: Fraction | None
    budget_share: Fraction | None
    elapsed_share: Fraction | None
    days: int
    elapsed_days: int
    days_left: int
    today_micros: int | None
    left_micros: int | None
    needed_daily_micros: int | None
    allowance: tuple[DayAllowance, ...]
    projected_micros: int | None
    low_micros: int | None
    high_micros: int | None
    projected_ratio: Fraction | None
    runs_out_on: date | None
    missing_days: tuple[date, ...]
    provisional_micros: int
    weekdays: tuple[Fraction, ...]


def pace(
    budget: Budget, days: Iterable[Spent], *, today: date, thresholds: Thresholds | None = None, by_weekday: bool = True
) -> Pacing:
    """Say how a budget stands today.

    `days` are what was spent, from some 8 weeks before the period, if known, to today: the days before are the pattern
    of the week and the level. `today` is the day in the account's time zone. A day without a value or without an entry
    has not been read: it is missing, and not 0. With `by_weekday` a TOTAL budget is planned over its days by the
    weekdays' weights, otherwise evenly; a change within the period spreads what the plan has not used by then. Days of
    a DAILY budget are planned at their amounts. Raises BadInput for a day that is there twice.
    """
    known = by_day(days)
    limits = thresholds or Thresholds()
    end = min(max(today, budget.since), budget.until + _ONE_DAY)  # the first day that is not over
    weights = weekday_weights(known, before=min(today, budget.until + _ONE_DAY)) if by_weekday else tuple(EVEN)
    passed = [day for day in budget.days if day < end]
    ahead = [day for day in budget.days if day >= end]
    amounts = {day: amount for day in passed if day in known and (amount := known[day].micros) is not None}
    missing = tuple(day for day in passed if day not in amounts)
    spent = sum(amounts.values())
    so_far = known[today].micros if today in known and budget.since <= today <= budget.until else None
    expected = {day: each.expected or 0 for day, each in known.items() if day in amounts}

    plan = plan_of(budget, weights) if budget.steps else None
    whole = whole_of(budget, plan) if plan is not None else None
    planned = sum(plan[day] for day in amounts) if plan is not None else None
    elapsed = ratio(sum(plan[day] for day in passed), sum(plan.values())) if plan is not None else None
    left = whole - spent if whole is not None else None

    projection = _rest(budget, known, [*missing, *ahead], today=today, weights=weights, so_far=so_far)
    certain = sum(expected.values())
    open_days = projection.daily if projection else {}
    allowance = _allowance(plan, ahead, left) if plan is not None and left is not None else ()
    return Pacing(
        state=_state(whole, spent, so_far, planned, passed=passed, known=amounts, ahead=ahead, limits=limits),
        budget_micros=whole,
        spent_micros=spent,
        planned_micros=planned,
        ratio=ratio(spent, planned) if amounts else None,
        budget_share=ratio(spent, whole),
        elapsed_share=elapsed,
        days=len(budget.days),
        elapsed_days=len(passed),
        days_left=len(ahead),
        today_micros=so_far,
        left_micros=left,
        needed_daily_micros=max(left, 0) // len(ahead) if left is not None and ahead else None,
        allowance=allowance,
        projected_micros=certain + projection.micros if projection else None,
        low_micros=certain + projection.low_micros if projection else None,
        high_micros=certain + projection.high_micros if projection else None,
        projected_ratio=ratio(certain + projection.micros, whole) if projection else None,
        runs_out_on=_runs_out({**expected, **open_days}, whole) if projection else None,
        missing_days=missing,
        provisional_micros=certain - spent,
        weekdays=weights,
    )


def _allowance(plan: Mapping[date, int], ahead: Sequence[date], left: int) -> tuple[DayAllowance, ...]:
    if not ahead:
        return ()
    amounts = spread(max(left, 0), [Fraction(plan[day]) for day in ahead])
    return tuple(DayAllowance(day=day, micros=micros) for day, micros in zip(ahead, amounts, strict=True))


def _rest(
    budget: Budget,
    known: Mapping[date, Spent],
    unknown: Sequence[date],
    *,
    today: date,
    weights: Sequence[Fraction],
    so_far: int | None,
) -> Projection | None:
    """Project the days that are not known; today at least at what it has already."""
    budget_on: Callable[[date], int] | None = None
    if budget.kind is BudgetKind.DAILY and budget.steps:
        budget_on = budget.on
    before = min(today, budget.until + _ONE_DAY)
    found = project(known, unknown, before=before, weights=weights, budget_on=budget_on)
    if found is None or so_far is None:
        return found
    more = max(so_far - found.daily[today], 0)
    return Projection(
        daily={**found.daily, today: found.daily[today] + more},
        micros=found.micros + more,
        low_micros=max(found.low_micros + more, so_far),
        high_micros=found.high_micros + more,
    )


def _runs_out(daily: Mapping[date, int], whole: int | None) -> date | None:
    if not whole:
        return None
    total = 0
    for day in sorted(daily):
        total += daily[day]
        if total >= whole:
            return day
    return None


def _state(
    whole: int | None,
    spent: int,
    so_far: int | None,
    planned: int | None,
    *,
    passed: Sequence[date],
    known: Mapping[date, int],
    ahead: Sequence[date],
    limits: Thresholds,
) -> PacingState:
    if whole is None or planned is None:
        return PacingState.NO_BUDGET
    if ahead and whole and spent + (so_far or 0) >= whole:
        return PacingState.SPENT
    if not passed:
        return PacingState.NOT_STARTED
    if not known:
        return PacingState.UNKNOWN
    found = ratio(spent, planned)
    if found is None:  # nothing was planned for these days
        return PacingState.OVER if spent > 0 else PacingState.ON
    return PacingState.UNDER if found < limits.under else PacingState.OVER if found > limits.over else PacingState.ON
