"""Days on which a metric was far from what its own past lets expect."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from adjoin.errors import BadInput
from adjoin_analytics.analyses.levels import FLOOR, PACE, levels, weekday_factors
from adjoin_analytics.analyses.series import Amount, Columns, Key, Series, columns, estimated
from adjoin_analytics.analyses.tails import at_least, at_most, normal_score

__all__ = [
    "HISTORY",
    "LEAST_HISTORY",
    "Anomaly",
    "Direction",
    "Judgement",
    "anomalies",
    "judge",
    "shown_ratio",
    "threshold",
]

Floats: TypeAlias = npt.NDArray[np.float64]

#: Known days that a series needs before the first one that is judged.
LEAST_HISTORY = 28

#: Days before the first one judged that are looked at.
HISTORY = 112

_MOST_ALARMS = 0.05  # false ones that a single series may give in a week
_TAKES_PART = 0.5  # deviations that each of several days together must be away on the same side
_WIDTHS = (1, 2, 3)  # single days, and days together: what is too small for one day shows in three
_WIDER = 1.12  # measured: daily residuals have longer tails than the normal distribution, and windows add chances
_LEAST_ARRIVED = 0.5  # days of which less is expected to be there are left out


class Direction(StrEnum):
    """Which way the shown metric went."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """A run of days that lie far from what was expected, all on the same side.

    `actual`, `expected` and the bounds of the 95% interval add up the run: counts (estimates to the hundredth), whole
    micros, or of a ratio the ratio over the run; None where a ratio has nothing to divide by. `amount`,
    `amount_expected` and `per` are the sums behind it, `inverse` as in its series. `score` counts standard deviations
    of the most unusual day or days together, with its sign in terms of the amount, at most 8. `severity` is 0 to 1: how
    certain and how large.
    """

    key: Key
    metric: str
    since: date
    until: date
    direction: Direction
    actual: Amount | None
    expected: Amount | None
    low: Amount | None
    high: Amount | None
    amount: Amount
    amount_expected: Amount
    per: Amount | None
    inverse: bool
    score: float
    severity: float

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1

    @property
    def evidence(self) -> Mapping[str, Amount | float | None]:
        """The numbers that explain it."""
        return {
            "actual": self.actual,
            "expected": self.expected,
            "low": self.low,
            "high": self.high,
            "score": round(self.score, 2),
            "days": self.days,
        }


def threshold(series: int, *, alarms_a_week: float = 0.5) -> float:
    """Return how many deviations make an alarm, so that `series` of them give so many false ones a week together.

    No single one is allowed more than one in twenty weeks. Raises BadInput for numbers that are not above 0.
    """
    if series < 1 or alarms_a_week <= 0:
        raise BadInput(f"{series} series cannot give {alarms_a_week} alarms a week; both are above 0.")
    chance = min(alarms_a_week / series, _MOST_ALARMS) / 7
    return _WIDER * -NormalDist().inv_cdf(chance / 2)


def anomalies(
    series: Sequence[Series],
    *,
    since: date,
    until: date,
    alarms_a_week: float = 0.5,
    left_out: Collection[date] = (),
    least_change: float = 0.1,
) -> tuple[Anomaly, ...]:
    """Return what is unusual on the days from `since` to `until`, the most severe first.

    Single days, and the sums of two and of three in a row, are judged by what was known the day before: weekday factors
    (medians over up to 16 weeks, drawn towards 1 as they are uncertain) times a level that follows the logarithm with
    weight 0.25 and is hardly moved by a single day; after 7 unusual days on one side they are the new level. A count is
    judged by the exact tail of a negative binomial: Poisson chance, plus the series' own unrest (median absolute
    deviation); money likewise in units of what an event brings, or without events by the normal distribution of its
    logarithm. The bar is `threshold` of the number of series that have enough history. Runs that are off by less than
    the share `least_change` are passed over.

    Days with less than half expected to have arrived are left out; others are judged against that share of their
    expectation, with its uncertainty added. `left_out` are days that neither alarm nor teach: holidays. Series with
    less than `LEAST_HISTORY` known days before `since`, or with nothing in the last so many, give nothing. Raises
    BadInput for days the wrong way round.
    """
    if until < since:
        raise BadInput(f"Anomalies from {since} to {until}: the last day is before the first. Swap them.")
    judged = []
    for each in series:
        data = columns(each, since=since - timedelta(days=HISTORY), until=until)
        if data is not None and (found := judge(each, data, since=since, left_out=left_out)) is not None:
            judged.append(found)
    if not judged:
        return ()
    bar = threshold(len(judged), alarms_a_week=alarms_a_week)
    runs = [anomaly for found in judged for anomaly in _runs(found, bar=bar, least_change=least_change)]
    return tuple(sorted(runs, key=lambda run: (-run.severity, run.key, run.metric, run.since)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A series with what is expected of each of its days, and how far from that each is."""

    series: Series
    data: Columns
    start: int  #: the first place that is judged
    usual: Floats  #: what each day would bring at level 1
    level: Floats  #: as it was before each day
    counted: bool
    size: float  #: what one event brings, where money is counted in events
    unit: float  #: what the logarithm of an amount adds
    scores: tuple[Floats, ...]  #: of single days and of windows that end on them; nan where not judged
    spread: Floats  #: relative variance of a day's demand


def judge(series: Series, data: Columns, *, since: date, left_out: Collection[date]) -> Judgement | None:
    """Judge the days of a series from `since` on; None where there is too little before, or nothing runs."""
    start = (since - data.first).days
    known = np.isfinite(data.amount) & (data.arrived >= _LEAST_ARRIVED) & (data.per > 0)
    for day in left_out:
        if 0 <= (place := (day - data.first).days) < len(known):
            known[place] = False
    if start >= len(known) or int(known[:start].sum()) < LEAST_HISTORY:
        return None
    if not (data.amount[max(0, start - LEAST_HISTORY) : start] > 0).any():  # what does not run cannot stop
        return None
    positive = data.amount[known & (data.amount > 0)]
    if not len(positive):
        return None
    events = float(data.events[known].sum())
    counted = not series.money or events > 0
    # Money that hangs on events is counted in what one of them brings, and a bit more, as they bring different amounts.
    size = 1.3 * float(data.amount[known].sum()) / events if series.money and events else 1.0
    amounts = data.amount / size
    base = data.per * data.arrived
    unit = 0.5 if counted else 0.02 * float(np.median(positive))
    height = np.full(len(known), np.nan)
    height[known] = np.log((amounts[known] + unit) / base[known])
    factors = weekday_factors(height, known)
    level = np.exp(levels((height - factors).tolist(), known.tolist()))
    usual = np.exp(factors) * base
    scores, spreads = [], []
    for width in _WIDTHS:
        amount, mean = _window(amounts, width), _window(usual, width)
        mean[width - 1 :] *= level[: len(level) - width + 1]
        there = np.isfinite(amount + mean) & (_window(known.astype(np.float64), width) > width - 0.5)
        uncertain = (0.3 * (1 - data.arrived[there])) ** 2
        score, spread = np.full(len(known), np.nan), np.full(len(known), np.nan)
        tested = _tested_counts if counted else _tested_amounts
        score[there], spread[there] = tested(amount[there], mean[there], unit=unit, uncertain=uncertain)
        score[:start] = np.nan
        scores.append(score)
        spreads.append(spread)
    return Judgement(
        series=series,
        data=data,
        start=start,
        usual=usual,
        level=level,
        counted=counted,
        size=size,
        unit=0.0 if counted else unit,
        scores=tuple(scores),
        spread=spreads[0],
    )


def _window(values: Floats, width: int) -> Floats:
    """Return the sum of each day and those before it, `width` in all; nan where there are fewer."""
    sums = np.full(len(values), np.nan)
    if len(values) >= width:
        sums[width - 1 :] = np.lib.stride_tricks.sliding_window_view(values, width).sum(axis=1)
    return sums


def _tested_counts(count: Floats, mean: Floats, *, unit: float, uncertain: Floats) -> tuple[Floats, Floats]:
    """Return scores by the exact tail of the negative binomial, and the relative variance of the demand."""
    mean = np.maximum(mean, 1e-9)
    unrest = _unrest(np.log((count + unit) / (mean + unit)))
    chance = 1 / (float(np.median(mean)) + 1)
    # The level is an average of some days itself: their chance comes on top.
    spread = np.maximum(unrest**2 - chance, FLOOR**2) + uncertain + PACE / (2 - PACE) / (mean + 1)
    low = np.minimum(normal_score(at_most(count, mean=mean, spread=spread)), 0)
    high = np.maximum(-normal_score(at_least(count, mean=mean, spread=spread)), 0)
    return np.where(count < mean, low, high), spread


def _tested_amounts(amount: Floats, mean: Floats, *, unit: float, uncertain: Floats) -> tuple[Floats, Floats]:
    """Return scores by the normal distribution of the logarithm, and its variance."""
    surprise = np.log((amount + unit) / np.maximum(mean, unit))
    spread = max(_unrest(surprise), FLOOR) ** 2 + uncertain
    return np.clip(surprise / np.sqrt(spread), -8, 8), spread


def _unrest(surprises: Floats) -> float:
    later = surprises[14:] if len(surprises) > LEAST_HISTORY else surprises  # the level needs some days to settle
    return 1.4826 * float(np.median(np.abs(later)))


def _runs(found: Judgement, *, bar: float, least_change: float) -> list[Anomaly]:
    """Return the days that are unusual themselves or within an unusual window, as runs on one side."""
    single = found.scores[0]
    heard = np.flatnonzero(np.isfinite(single)).tolist()
    strongest: dict[int, float] = {}
    for width, scores in zip(_WIDTHS, found.scores, strict=True):
        for place in np.flatnonzero(np.abs(np.nan_to_num(scores)) >= bar).tolist():
            score = float(scores[place])
            days = range(max(found.start, place - width + 1), place + 1)
            own = single[list(days)] * np.sign(score)
            # A single day must not make its neighbours unusual.
            if width > 1 and not (own >= _TAKES_PART).all():
                continue
            for day in days:
                if abs(score) > abs(strongest.get(day, 0.0)):
                    strongest[day] = score
    runs: list[list[int]] = [[]]
    for place in heard:
        if place not in strongest:
            runs.append([])
        elif runs[-1] and strongest[runs[-1][-1]] * strongest[place] > 0:
            runs[-1].append(place)
        else:
            runs.append([place])
    found_runs = [
        _anomaly(found, places, score=max((strongest[p] for p in places), key=abs)) for places in runs if places
    ]
    return [run for run in found_runs if abs(float(run.amount) / float(run.amount_expected or 1) - 1) >= least_change]


def _anomaly(found: Judgement, places: list[int], *, score: float) -> Anomaly:
    series, data = found.series, found.data
    exact = [data.exact[data.day(place)] for place in places]
    amount: Amount = sum((each.amount or 0 for each in exact), 0)
    expected = max(float((found.usual[places] * found.level[places[0]] - found.unit).sum()), 1e-9)
    chance = 1 / (expected + 1) if found.counted else 0.0
    expected *= found.size
    # Demand moves together over the days of a run, chance does not.
    spread = float(found.spread[places].mean()) + chance
    reach = math.exp(1.96 * math.sqrt(spread))
    low, high = expected / reach, expected * reach
    rising = score > 0
    change = abs(float(amount) / expected - 1)
    shown: tuple[Amount | None, ...]
    per: Amount | None = None
    if exact[0].per is None:
        shown = (amount, *(estimated(value, money=series.money) for value in (expected, low, high)))
    else:
        per = sum((each.per or 0 for each in exact), 0)
        shown = tuple(shown_ratio(value, per, of=series) for value in (amount, expected, low, high))
        if series.inverse:
            rising = not rising
            shown = (shown[0], shown[1], shown[3], shown[2])
    return Anomaly(
        key=series.key,
        metric=series.metric,
        since=data.day(places[0]),
        until=data.day(places[-1]),
        direction=Direction.ABOVE if rising else Direction.BELOW,
        actual=shown[0],
        expected=shown[1],
        low=shown[2],
        high=shown[3],
        amount=amount,
        amount_expected=estimated(expected, money=series.money),
        per=per,
        inverse=series.inverse,
        score=score,
        severity=round(math.sqrt(min(1.0, abs(score) / 8) * min(1.0, change / 0.5)), 4),
    )


def shown_ratio(amount: Amount | float, per: Amount, *, of: Series) -> Decimal | None:
    above, below = (Decimal(per), Decimal(amount)) if of.inverse else (Decimal(amount), Decimal(per))
    return round(above * of.times / below, 9) if below else None
