"""How complete a day is so many days later, told from how past days have moved, and where a recent one will end.

Platforms count conversions to the day of the click, so that a day gains for weeks, and take out invalid clicks for
days. Which share of its final value a day has at an age is told by the chain-ladder of insurers (T. Mack,
Distribution-free calculation of the standard error of chain ladder reserve estimates, 1993): from one age to the next
by the sums of all days that were seen at both, and from any age to the end by the product of these steps. So days that
are not final yet, and old ones whose youth is no longer known, count as far as they are known.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from adjoin.errors import BadInput
from adjoin_analytics.analyses.exact import Exact, fraction, ratio, summed
from adjoin_analytics.analyses.restatement import DayHistory

__all__ = ["COUNTED", "AgeShare", "Curve", "Expected", "completeness", "expect", "expect_total"]

#: Metrics that count single events, and the size of one.
COUNTED: Mapping[str, int] = {"impressions": 1, "clicks": 1, "conversions": 1}

_EIGHTY_PERCENT = 1.2816  # standard errors on both sides
_DIGITS = 12
_ZERO = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeShare:
    """Which share of its final value a day has at an age: 0.53 says a little more than half, 1.01 that it will lose.

    None where a step from there to the end is not known: fewer days than asked for were seen at both of its ages, or
    all they had was 0. `days` counts those that were seen at this age and the next; of the last age, at this one.
    `spread` is the relative standard deviation of later values from what the shares make of the one at this age, beyond
    the chance of single events; `doubt` the relative standard error of the share itself, as it was told from so many.
    """

    age: int
    complete: Fraction | None
    days: int
    spread: float
    doubt: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """How a platform's metric becomes complete, by age in days from 0, the day itself, which may have been a part.

    A day older than the last of the ages is final. `grows` says that no day was ever seen to lose.
    """

    platform: str
    metric: str
    ages: tuple[AgeShare, ...]
    grows: bool
    lump: Exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Where a value is expected to end; it lies between low and high 4 times in 5. Final ones end where they are."""

    value: Exact
    expected: Exact
    low: Exact
    high: Exact
    final: bool


def completeness(
    histories: Iterable[DayHistory],
    *,
    today: date,
    final_after: Mapping[str, int],
    fewest: int = 7,
    lumps: Mapping[str, Exact] = COUNTED,
) -> tuple[Curve, ...]:
    """Return the curve of each platform and metric from what was known of its days at each age.

    `final_after` says by platform for how many days after a day its figures may change: the days of a window for
    conversions; a platform that it does not name has no curve. A day counts from the age at which something was first
    known of it, to its last whole one before `today`. A step needs `fewest` days. Shares have 12 digits after the
    point. `lumps` is the size of a single event in the unit of a metric, 1 for counts and the usual value of a
    conversion for their value: with few events chance alone moves a day, which `expect` then adds for days of any size.
    Metrics that are not named, as cost, come in no lumps. Raises BadInput for a window below 0.
    """
    wrong = [platform for platform, days in final_after.items() if days < 0]
    if wrong:
        raise BadInput(f"The days that figures of {wrong[0]!r} may change for are 0 or more.")
    found: dict[tuple[str, str], list[DayHistory]] = defaultdict(list)
    for history in histories:
        if history.platform in final_after:
            found[history.platform, history.metric].append(history)
    return tuple(
        _curve(*key, found[key], today=today, window=final_after[key[0]], fewest=fewest, lump=lumps.get(key[1], 0))
        for key in sorted(found)
    )


def expect(curve: Curve, value: int | Decimal, *, age: int) -> Expected | None:
    """Say where a day's value will end: value / share that is complete at its age; None where that is not known.

    The interval (80 %) is made of the spread between days, the doubt of the share, and the chance of the events still
    to come: their number varies by its own size. Where the metric was never seen to lose, the low end is not below what
    there is. Ints stay ints; decimals are rounded to hundredths, or as many digits as the value has. Raises BadInput
    for an age below 0.
    """
    return expect_total(curve, [(value, age)])


def expect_total(curve: Curve, days: Sequence[tuple[int | Decimal, int]]) -> Expected | None:
    """Say where the sum of days will end, each given as its value and its age; None where one of them is not known.

    What may happen to different days is taken to be independent; the doubt of the shares is common to all of them.
    """
    if any(age < 0 for _, age in days):
        raise BadInput("A day is 0 or more days old.")
    expected, variance, doubt, final = _ZERO, 0.0, 0.0, True
    lump = float(curve.lump)
    for value, age in days:
        if age >= len(curve.ages):
            expected += fraction(value)
            continue
        share = curve.ages[age]
        if not share.complete:
            return None
        final = False
        ends = fraction(value) / share.complete
        expected += ends
        variance += _chance(float(value), float(share.complete), lump) + (share.spread * float(ends)) ** 2
        doubt += share.doubt * abs(float(ends))
    whole = summed(value for value, _ in days) or 0
    margin = Fraction(_EIGHTY_PERCENT * math.sqrt(variance + doubt**2))
    low = max(expected - margin, fraction(whole) if curve.grows else min(_ZERO, fraction(whole)))
    digits = (
        0 if isinstance(whole, int) else max(2, -int(whole.as_tuple().exponent)) if isinstance(whole, Decimal) else 2
    )
    return Expected(
        value=whole,
        expected=_rounded(expected, digits),
        low=_rounded(min(low, expected), digits),
        high=_rounded(expected + margin, digits),
        final=final,
    )


def _curve(
    platform: str,
    metric: str,
    histories: Sequence[DayHistory],
    *,
    today: date,
    window: int,
    fewest: int,
    lump: Exact,
) -> Curve:
    rows = [row for one in histories if (row := _by_age(one, min(window, (today - one.day).days - 1)))]
    complete: list[Fraction | None] = [Fraction(1)] * (window + 1)
    doubts = [0.0] * (window + 1)
    days = [sum(1 for row in rows if window in row)] * (window + 1)
    for age in reversed(range(window)):
        pairs = [(row[age], row[age + 1]) for row in rows if age in row and age + 1 in row]
        later = summed(second for _, second in pairs)
        step = ratio(summed(first for first, _ in pairs), later)
        after = complete[age + 1]
        days[age] = len(pairs)
        if len(pairs) < fewest or step is None or step <= 0 or after is None:
            complete[age] = None
            continue
        complete[age] = step * after
        doubts[age] = doubts[age + 1] + float(lump) * abs(1 - float(step)) / (float(step) * abs(float(later or 1)))
    shares = [None if each is None else round(each, _DIGITS) for each in complete]
    ages = []
    for age, share in enumerate(shares):
        spread = _spread(rows, age, shares, lump)
        doubt = math.sqrt(doubts[age] + spread**2 / max(days[age], 1))
        ages.append(AgeShare(age=age, complete=share, days=days[age], spread=spread, doubt=doubt))
    return Curve(
        platform=platform, metric=metric, ages=tuple(ages), grows=all(_grows(one) for one in histories), lump=lump
    )


def _by_age(history: DayHistory, oldest: int) -> dict[int, int | Decimal]:
    """Return what was known at each age, from the first known one on."""
    found: dict[int, int | Decimal] = {}
    changes = {(one.on - history.day).days: one.value or 0 for one in history.known}
    value: int | Decimal | None = next((changes[age] for age in sorted(changes, reverse=True) if age < 0), None)
    for age in range(oldest + 1):
        value = changes.get(age, value)
        if value is not None:
            found[age] = value
    return found


def _spread(
    rows: Iterable[Mapping[int, int | Decimal]], age: int, shares: Sequence[Fraction | None], lump: Exact
) -> float:
    """Return what deviates beyond the chance of single events, in relation to the size of the days.

    Each day's oldest value is compared with what the one at this age makes of it, where that is at least half of the
    way that a day has to go from there.
    """
    start, event = shares[age], float(lump)
    if start is None:
        return 0.0
    beyond, sizes = 0.0, 0.0
    for row in rows:
        oldest = max(row)
        end = shares[oldest]
        if age not in row or oldest == age or end is None or abs(1 - end) > abs(1 - start) / 2:
            continue
        share = float(start / end)
        value = float(row[age])
        beyond += (float(row[oldest]) - value / share) ** 2 - _chance(value, share, event)
        sizes += (value / share) ** 2
    return math.sqrt(max(beyond, 0.0) / sizes) if sizes else 0.0


def _chance(value: float, share: float, lump: float) -> float:
    """Return the variance of what is still to come if single events come by chance.

    Their number so far tells how many to expect, and both vary by their own size: value x (1 - share) / share², in
    units of an event. One event is added, so that none so far does not say that none will come.
    """
    return lump * (abs(value) + lump) * abs(1 - share) / share**2


def _grows(history: DayHistory) -> bool:
    values = [one.value or 0 for one in history.known]
    return all(first <= second for first, second in pairwise(values))


def _rounded(value: Fraction, digits: int) -> int | Decimal:
    if not digits:
        return round(value)
    scaled = round(value * 10**digits)
    return Decimal(f"{scaled}E-{digits}")
