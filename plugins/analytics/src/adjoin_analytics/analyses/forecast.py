"""What a daily metric will add up to until a day, with an interval that has been tried on its own past."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from adjoin.errors import BadInput
from adjoin_analytics.analyses.continuation import continued, filled, tried
from adjoin_analytics.analyses.series import Amount, Columns, Key, Series, columns, estimated

__all__ = ["LEAST_HISTORY", "LONGEST", "Forecast", "ForecastDay", "NoForecast", "forecast"]

Places: TypeAlias = npt.NDArray[np.int64]

#: Days that a forecast needs; three quarters of the last 56 must be known.
LEAST_HISTORY = 28

#: Days that can be forecast at once.
LONGEST = 92

_PRIOR = 0.10  # the relative error of series in general, beside chance, for a day ahead
_LEVEL_DAYS = 43.0  # as many days of equal weight are in the level
_PRIOR_TRIALS = 12.0  # as many trials of its own count as much as that
_QUANTILE = 1.2816  # of the normal distribution: 80% lie within
_LEAST_ARRIVED = 0.5
_RECENT = 56  # days that the level is taken from
_OLDEST = 366  # days that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastDay:
    """One day to come, with an 80% interval of its own; the intervals of days do not add up to that of their sum."""

    day: date
    expected: Amount
    low: Amount
    high: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is expected after `known_until` up to `until`, with an 80% interval.

    `arriving` is the part of `expected` that known days still lack; with the actual amounts of the known days
    `expected` makes the total of a period. `error` is the relative error in trials on the past, `trials` their number:
    with none it is what series of its kind have shown elsewhere.
    """

    key: Key
    metric: str
    known_until: date
    until: date
    expected: Amount
    low: Amount
    high: Amount
    arriving: Amount
    days: tuple[ForecastDay, ...]
    error: float
    trials: int
    history: int

    @property
    def evidence(self) -> Mapping[str, Amount | float | None]:
        """The numbers that explain it."""
        return {
            "expected": self.expected,
            "low": self.low,
            "high": self.high,
            "arriving": self.arriving,
            "error": round(self.error, 4),
            "trials": self.trials,
            "history": self.history,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NoForecast:
    """There is too little to go by, and why; a sentence for the reader."""

    key: Key
    metric: str
    reason: str


def forecast(series: Series, *, until: date) -> Forecast | NoForecast:
    """Return what a count or an amount of money will add up to after the last known day up to `until`.

    The level is a mean of up to 8 weeks in which each week weighs a quarter less than the one after it; spikes of one
    or two days are cut; half of the trend between the weeks goes on as far as it is no chance, fading by a tenth each
    week. Weekdays have factors from the same weeks, drawn towards 1 by their chance. The interval comes from doing the
    same on up to 26 past days with as many days to go and comparing totals, joined with what series show in general (a
    relative error of 10%, more for longer, beside chance) in the proportion of trials to 12. A day with at least half
    of its final amount expected to be there is scaled up; any other that is not final counts as not known.

    Ratios are forecast through their two sums. Raises BadInput for a ratio, and for more than 92 days ahead.
    """
    if any(each.per is not None for each in series.days):
        raise BadInput(f"{series.metric} is a ratio: forecast what is divided and what it is divided by.")
    data = columns(series, since=None, until=until)
    if data is None or not np.isfinite(data.amount).any():
        return NoForecast(key=series.key, metric=series.metric, reason="No day of it is known.")
    known = np.flatnonzero(np.isfinite(data.amount) & (data.arrived >= _LEAST_ARRIVED))
    known = known[known > len(data.amount) - _OLDEST]
    if len(known) == 0:
        return NoForecast(key=series.key, metric=series.metric, reason="No day of it has arrived.")
    reached = data.day(int(known[-1]))
    if (until - reached).days > LONGEST:
        raise BadInput(
            f"A forecast reaches {LONGEST} days; from {reached} to {until} there are {(until - reached).days}."
        )
    history = int(known[-1] - known[0]) + 1
    recent = min(history, _RECENT)
    there = int((known > known[-1] - recent).sum())
    if history < LEAST_HISTORY or there < 0.75 * recent:
        return NoForecast(
            key=series.key,
            metric=series.metric,
            reason=f"A forecast needs {LEAST_HISTORY} days, and three quarters of the last {_RECENT} known; "
            f"of the last {recent} days {there} are known.",
        )
    return _forecast(series, data, known=known, until=until)


def _forecast(series: Series, data: Columns, *, known: Places, until: date) -> Forecast:
    first, last = int(known[0]), int(known[-1])
    horizon = (until - data.day(last)).days
    amounts = np.full(last - first + 1, np.nan)
    amounts[known - first] = data.amount[known] / data.arrived[known]
    lacking = float((data.amount[known] / data.arrived[known] - data.amount[known]).sum())
    # Money is brought to a hundred a day, so that it is as rough as a count of that size.
    unit = float(np.nanmean(amounts)) / 100 if series.money else 1.0
    values = filled(amounts / (unit or 1.0))

    length = max(1, horizon)
    errors = tried(values, length)
    daily, of_day = continued(values, length)
    total = float(daily[:horizon].sum())
    own = float(np.mean(errors**2)) if len(errors) else 0.0
    # Chance moves the days to come, and has moved the weeks that the level is taken from.
    chance = 0.0 if series.money else 1 / (total + 1) + 1 / (_LEVEL_DAYS * total / length + 1)
    usual = _PRIOR**2 * (1 + horizon / 60) + chance
    trials = min(float(len(errors)), 3 * len(values) / length)  # longer ones overlap and say less
    error = math.sqrt((trials * own + _PRIOR_TRIALS * usual) / (trials + _PRIOR_TRIALS))

    def bounds(value: float, relative: float) -> tuple[Amount, Amount]:
        """The half keeps a count of nothing from being certain."""
        half = 0.0 if series.money else 0.5
        low, high = ((value + half) * math.exp(side * _QUANTILE * relative) - half for side in (-1, 1))
        return estimated(max(0.0, low) * unit, money=series.money), estimated(high * unit, money=series.money)

    expected = total + lacking / (unit or 1.0)
    # What is still to arrive is known to about a third of itself.
    relative = math.hypot(total * error, 0.3 * lacking / (unit or 1.0)) / expected if expected else error
    low, high = bounds(expected, relative)
    days = tuple(
        ForecastDay(
            day=data.day(last) + timedelta(place + 1),
            expected=estimated(value * unit, money=series.money),
            low=bounds(value, math.hypot(error, of_day))[0],
            high=bounds(value, math.hypot(error, of_day))[1],
        )
        for place, value in enumerate(daily[:horizon].tolist())
    )
    return Forecast(
        key=series.key,
        metric=series.metric,
        known_until=data.day(last),
        until=until,
        expected=estimated(expected * unit, money=series.money),
        low=low if horizon or lacking else estimated(0.0, money=series.money),
        high=high if horizon or lacking else estimated(0.0, money=series.money),
        arriving=estimated(lacking, money=series.money),
        days=days,
        error=error,
        trials=len(errors),
        history=last - first + 1,
    )
