"""What will have been spent by a day: the level of the last weeks, the pattern of the week, and an interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from statistics import median

from adjoin.errors import BadInput
from adjoin_analytics.analyses.exact import apportion

__all__ = ["EVEN", "Projection", "Spent", "by_day", "project", "weekday_weights"]

#: A week without a pattern.
EVEN: Sequence[Fraction] = (Fraction(1),) * 7

_WEEKS = 8  # as far back as the level and the pattern of the week look
_KEPT = (1, 2)  # of a week's weight in the level, what the week before it has
_FEWEST_WEEKS = 3  # of which a pattern can be told from chance
_PARTS = 10_000  # weights are rounded to so many parts of a mean day
_ORIGINS = 20  # days from which the interval's back-test projects
_EIGHTY_PERCENT = 1.45  # standard errors on both sides: Student's t of 6 degrees, as the back-tests overlap
_USUAL_ERROR = 0.10  # relative standard error of a projection where nothing is known of this one
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was spent on a day, in micros. None: the day has not been read.

    `final_micros` is what a day that may still change is expected to end at.
    """

    day: date
    micros: int | None
    final_micros: int | None = None

    @property
    def expected(self) -> int | None:
        """What the day counts with in a projection."""
        return self.micros if self.micros is None or self.final_micros is None else self.final_micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """What is expected of each day in micros, what they come to, and the bounds between which it lies 4 times in 5."""

    daily: Mapping[date, int]
    micros: int
    low_micros: int
    high_micros: int


def by_day(days: Iterable[Spent]) -> dict[date, Spent]:
    """Return days in their order. Raises BadInput for a day that is there twice."""
    found: dict[date, Spent] = {}
    for one in sorted(days, key=lambda each: each.day):
        if one.day in found:
            raise BadInput(f"{one.day} is there twice; add its amounts up first.")
        found[one.day] = one
    return found


def weekday_weights(days: Mapping[date, Spent], *, before: date) -> tuple[Fraction, ...]:
    """Return how much of a mean day each weekday has, Monday first; they add up to 7.

    Of the last 8 times seven days before a day, those that are complete: the median of each weekday's share, times 7. A
    week is left out where a day is missing or negative or nothing was spent; with less than 3 left, all weights are 1.
    """
    shares: list[list[Fraction]] = [[] for _ in range(7)]
    for week in range(_WEEKS):
        block = [before - (7 * week + back) * _ONE_DAY for back in range(1, 8)]
        amounts = [days[day].expected if day in days else None for day in block]
        known = [amount for amount in amounts if amount is not None and amount >= 0]
        whole = sum(known)
        if len(known) == 7 and whole:
            for day, amount in zip(block, known, strict=True):
                shares[day.weekday()].append(Fraction(amount, whole))
    middle = [median(each) if each else Fraction(0) for each in shares]
    whole_week = sum(middle, Fraction(0))
    if len(shares[0]) < _FEWEST_WEEKS or not whole_week:
        return tuple(EVEN)
    parts = apportion([7 * _PARTS * each / whole_week for each in middle], 7 * _PARTS)
    return tuple(Fraction(part) / _PARTS for part in parts)


def project(
    days: Mapping[date, Spent],
    ahead: Sequence[date],
    *,
    before: date,
    weights: Sequence[Fraction] = EVEN,
    budget_on: Callable[[date], int] | None = None,
) -> Projection | None:
    """Project what is spent on the days `ahead` from those before `before`; None where none of those is known.

    A day is expected to have level x weekday weight, and x its daily budget where `budget_on` gives one, so that a
    level is then the part of the budget that is used. The level is spending divided by weights and budgets, both added
    up over the last 8 weeks, where each week counts half of the one after it.

    The interval (80 %) comes from projecting as many days ahead from up to 20 earlier days and comparing with what was
    spent: half the mean square of the relative errors found and half the square of 10 %, the error of such a projection
    in general; that alone where the past is too short. Bounds are those of the whole, not of the days.
    """

    def size(day: date) -> Fraction:
        return weights[day.weekday()] * (1 if budget_on is None else budget_on(day))

    level = _level(days, before, size)
    if level is None:
        return None
    expected = [max(Fraction(0), level * size(day)) for day in ahead]
    whole = round(sum(expected, Fraction(0)))
    daily = dict(zip(ahead, (int(part) for part in apportion(expected, whole)), strict=True))
    factor = math.exp(_EIGHTY_PERCENT * _error(days, len(ahead), before, size)) if ahead else 1.0
    return Projection(
        daily=daily, micros=whole, low_micros=math.floor(whole / factor), high_micros=math.ceil(whole * factor)
    )


def _level(days: Mapping[date, Spent], before: date, size: Callable[[date], Fraction]) -> Fraction | None:
    kept, of = _KEPT
    spent, sizes = 0, Fraction(0)
    for week in range(_WEEKS):
        counts = kept**week * of ** (_WEEKS - week)
        for back in range(1, 8):
            day = before - (7 * week + back) * _ONE_DAY
            amount = days[day].expected if day in days else None
            if amount is not None:
                spent += counts * amount
                sizes += counts * size(day)
    return spent / sizes if sizes > 0 else None


def _error(days: Mapping[date, Spent], horizon: int, before: date, size: Callable[[date], Fraction]) -> float:
    squares: list[float] = []
    for back in range(_ORIGINS):
        origin = before - (horizon + back) * _ONE_DAY
        ahead = [origin + step * _ONE_DAY for step in range(horizon)]
        amounts = [days[day].expected for day in ahead if day in days]
        known = [amount for amount in amounts if amount is not None]
        enough = sum(1 for step in range(1, 15) if origin - step * _ONE_DAY in days) == 14
        level = _level(days, origin, size) if len(known) == horizon and enough else None
        if level is None:
            continue
        forecast = level * sum((size(day) for day in ahead), Fraction(0))
        actual = sum(known)
        if forecast > 0 and actual > 0:
            squares.append(math.log(actual / forecast) ** 2)
    usual = _USUAL_ERROR**2
    if not squares:
        return _USUAL_ERROR
    return math.sqrt((math.fsum(squares) / len(squares) + usual) / 2)
