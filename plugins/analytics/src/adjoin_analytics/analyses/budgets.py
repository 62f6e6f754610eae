"""Budgets: an amount for a period, how it changes within, and what of it is planned for each day."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

from adjoin.errors import BadInput
from adjoin_analytics.analyses.exact import apportion

__all__ = ["Budget", "BudgetKind", "Step", "budget_of_month", "plan_of", "spread", "whole_of"]

_ONE_DAY = timedelta(days=1)


class BudgetKind(StrEnum):
    """What the amount of a budget is for."""

    TOTAL = "total"  #: all days of the period together
    DAILY = "daily"  #: each day


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The amount of a budget from a day on, in micros. The first one counts from the beginning."""

    since: date
    micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """An amount for a period, both of its days included, and how it changes within.

    The period is a month, or the part of it in which a campaign runs. A step of a TOTAL budget is what the whole period
    has from that day on, spent money included. Without steps there is no budget. Raises BadInput for days the wrong way
    round, negative amounts, and two steps of the same day.
    """

    since: date
    until: date
    steps: tuple[Step, ...] = ()
    kind: BudgetKind = BudgetKind.TOTAL

    def __post_init__(self) -> None:
        if self.since > self.until:
            raise BadInput(f"The days {self.since} to {self.until} of a budget are the wrong way round.")
        if any(step.micros < 0 for step in self.steps):
            raise BadInput("A budget is 0 or more.")
        if len({step.since for step in self.steps}) < len(self.steps):
            raise BadInput("A budget has one amount for each day; two of its steps begin on the same one.")

    @property
    def days(self) -> tuple[date, ...]:
        """All days of the period."""
        return tuple(self.since + at * _ONE_DAY for at in range((self.until - self.since).days + 1))

    def on(self, day: date) -> int:
        """Return the amount in force on a day, in micros. Raises BadInput without steps."""
        if not self.steps:
            raise BadInput("There is no budget, so it has no amount.")
        steps = sorted(self.steps, key=lambda step: step.since)
        return next((step.micros for step in reversed(steps) if step.since <= day), steps[0].micros)


def budget_of_month(
    day: date,
    micros: int | None,
    *,
    kind: BudgetKind = BudgetKind.TOTAL,
    starts: date | None = None,
    ends: date | None = None,
) -> Budget | None:
    """Return the budget of the month of a day, or of the part of it in which a campaign runs.

    `starts` and `ends` are the campaign's first and last day. None where it does not run in this month; without an
    amount the budget has no steps. Raises BadInput for a negative amount.
    """
    first = day.replace(day=1)
    last = first.replace(day=monthrange(first.year, first.month)[1])
    since, until = max(first, starts or first), min(last, ends or last)
    if since > until:
        return None
    return Budget(
        since=since, until=until, kind=kind, steps=() if micros is None else (Step(since=since, micros=micros),)
    )


def whole_of(budget: Budget, plan: Mapping[date, int]) -> int:
    """Return what a budget has in all, with the changes that are planned."""
    return budget.on(budget.until) if budget.kind is BudgetKind.TOTAL else sum(plan.values())


def plan_of(budget: Budget, weights: Sequence[Fraction]) -> dict[date, int]:
    """Return what the budget has for each day.

    Of a total one all days together are its last amount, or what was planned until it was cut to less.
    """
    days = budget.days
    if budget.kind is BudgetKind.DAILY:
        return {day: budget.on(day) for day in days}
    plan: dict[date, int] = {}
    starts = sorted({max(step.since, budget.since) for step in budget.steps if step.since <= budget.until} | {days[0]})
    for at, start in enumerate(starts):
        rest = [day for day in days if day >= start]
        remaining = max(budget.on(start) - sum(plan.values()), 0)
        parts = spread(remaining, [weights[day.weekday()] for day in rest])
        until = starts[at + 1] if at + 1 < len(starts) else None
        plan |= {day: micros for day, micros in zip(rest, parts, strict=True) if until is None or day < until}
    return plan


def spread(micros: int, weights: Sequence[Fraction]) -> list[int]:
    """Share out an amount by weights, to the micro; evenly where all weights are 0."""
    whole = sum(weights, Fraction(0))
    parts = [micros * (weight / whole if whole else Fraction(1, len(weights))) for weight in weights]
    return [int(part) for part in apportion(parts, micros)]
