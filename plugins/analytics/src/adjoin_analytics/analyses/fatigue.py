"""Ads that people have seen too often: fewer of them click than did in the ad's first weeks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from adjoin.errors import BadInput
from adjoin_analytics.analyses.series import Key
from adjoin_analytics.analyses.tails import adjusted, binomial_at_most, normal_tail

__all__ = ["AdDay", "AdHistory", "Fatigue", "fatigue"]

_FIRST_DAYS = 14
_LEAST_IMPRESSIONS = 1_000  # in the first weeks and now
_LEAST_CLICKS = 20  # in the first weeks
_LEAST_FALL = 0.2
_LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class AdDay:
    """What an ad did on a day that changes no more; cost in micros."""

    day: date
    impressions: int
    clicks: int
    cost_micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdHistory:
    """An ad from its first day on. Ads are siblings whose keys differ in the last part alone.

    `frequency_first` and `frequency_now` say how often a person saw it in the first and in the recent days, where the
    platform tells: unique people cannot be added up from days.
    """

    key: Key
    days: tuple[AdDay, ...]
    frequency_first: Decimal | None = None
    frequency_now: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fatigue:
    """An ad whose click rate fell below that of its first weeks, more than its siblings' did.

    `since` is the first day from which every week stayed below nine tenths of the first rate. `expected` is the rate
    that the ad would have now had it moved as its siblings did (`siblings`: theirs now against then, None without
    siblings that tell). `chance` is the probability of such a fall without fatigue, corrected for the ads looked at.
    `cost_micros` was spent in the recent days, `wasted_micros` is the part of it that paid for the clicks missing.
    """

    key: Key
    since: date
    recent_since: date
    recent_until: date
    ctr_first: Decimal
    ctr_now: Decimal
    expected: Decimal
    siblings: Decimal | None
    impressions: int
    clicks: int
    missing_clicks: int
    cost_micros: int
    wasted_micros: int
    frequency_first: Decimal | None
    frequency_now: Decimal | None
    chance: float
    severity: float

    @property
    def evidence(self) -> Mapping[str, int | Decimal | float | None]:
        """The numbers that explain it."""
        return {
            "ctr_first": self.ctr_first,
            "ctr_now": self.ctr_now,
            "expected": self.expected,
            "siblings": self.siblings,
            "impressions": self.impressions,
            "missing_clicks": self.missing_clicks,
            "frequency_first": self.frequency_first,
            "frequency_now": self.frequency_now,
            "chance": self.chance,
        }


@dataclass(frozen=True, slots=True)
class _Rate:
    impressions: int
    clicks: int
    unrest: float  #: variance of the clicks against that of chance alone, at least 1

    @property
    def ratio(self) -> float:
        return (self.clicks + 0.5) / (self.impressions + 0.5)

    @property
    def variance(self) -> float:
        """Of the logarithm of the rate."""
        return self.unrest / (self.clicks + 0.5)


@dataclass(frozen=True, slots=True)
class _Compared:
    ad: AdHistory
    first: _Rate
    now: _Rate
    recent: tuple[AdDay, ...]
    siblings: float | None
    chance: float


def fatigue(ads: Sequence[AdHistory], *, until: date, recent_days: int = 14) -> tuple[Fatigue, ...]:
    """Return the ads that tire, the costliest first.

    Compared are an ad's first 14 days with impressions and the `recent_days` up to `until`, which come after them. Each
    period needs 1,000 impressions, the first 20 clicks. Two tests must both find a fall: the exact binomial test of the
    two proportions (given all clicks, how many fell into the recent days), and one of the logarithms of the rates
    against the ad's siblings over the same days, in which chance is widened by how unsteady the daily rates are
    (Pearson's quotient). The larger of the two probabilities counts; over all ads compared they are corrected by
    Benjamini and Hochberg to 5% of false ones among those reported. Falls of less than a fifth are passed over.

    Raises BadInput for an ad that is there twice, figures below zero, and fewer than 7 recent days.
    """
    if recent_days < 7:
        raise BadInput(f"{recent_days} recent days are fewer than the 7 of a week.")
    _check(ads)
    by_group: dict[Key, list[AdHistory]] = defaultdict(list)
    for ad in ads:
        by_group[ad.key[:-1]].append(ad)
    compared = [
        found
        for ad in ads
        if (found := _compared(ad, by_group[ad.key[:-1]], until=until, recent_days=recent_days)) is not None
    ]
    chances = adjusted([each.chance for each in compared])
    tired = [
        _fatigue(each, chance=chance, until=until, recent_since=until - timedelta(recent_days - 1))
        for each, chance in zip(compared, chances, strict=True)
        if chance <= _LEVEL and each.now.ratio <= (1 - _LEAST_FALL) * each.first.ratio * (each.siblings or 1.0)
    ]
    return tuple(sorted(tired, key=lambda each: (-each.wasted_micros, -each.severity, each.key)))


def _check(ads: Sequence[AdHistory]) -> None:
    seen: set[Key] = set()
    for ad in ads:
        if ad.key in seen:
            raise BadInput(f"The ad {'/'.join(ad.key)} is there twice; give all of its days at once.")
        seen.add(ad.key)
        for day in ad.days:
            if min(day.impressions, day.clicks, day.cost_micros) < 0:
                raise BadInput(f"The ad {'/'.join(ad.key)} has a figure below zero on {day.day}.")


def _compared(ad: AdHistory, group: Sequence[AdHistory], *, until: date, recent_days: int) -> _Compared | None:
    shown = sorted((day for day in ad.days if day.impressions and day.day <= until), key=lambda day: day.day)
    recent_since = until - timedelta(recent_days - 1)
    begin = [day for day in shown[:_FIRST_DAYS] if day.day < recent_since]
    recent = tuple(day for day in shown if day.day >= recent_since)
    if len(begin) < _FIRST_DAYS or not recent:
        return None
    first, now = _rate(begin), _rate(recent)
    if min(first.impressions, now.impressions) < _LEAST_IMPRESSIONS or first.clicks < _LEAST_CLICKS:
        return None
    own = binomial_at_most(
        now.clicks,
        trials=now.clicks + first.clicks,
        chance=now.impressions / (now.impressions + first.impressions),
    )
    others = [day for other in group if other.key != ad.key for day in other.days if day.impressions]
    then_days = {day.day for day in begin}
    then = _rate([day for day in others if day.day in then_days])
    since = _rate([day for day in others if recent_since <= day.day <= until])
    change = math.log(now.ratio / first.ratio)
    variance = now.variance + first.variance
    siblings = None
    if min(then.impressions, since.impressions) >= _LEAST_IMPRESSIONS and then.clicks >= _LEAST_CLICKS:
        siblings = since.ratio / then.ratio
        change -= math.log(siblings)
        variance += then.variance + since.variance
    against = normal_tail(change / math.sqrt(variance))
    return _Compared(ad=ad, first=first, now=now, recent=recent, siblings=siblings, chance=max(own, against))


def _rate(days: Sequence[AdDay]) -> _Rate:
    impressions, clicks = sum(day.impressions for day in days), sum(day.clicks for day in days)
    if not clicks or len(days) < 2:
        return _Rate(impressions, clicks, 1.0)
    rate = clicks / impressions
    pearson = sum((day.clicks - rate * day.impressions) ** 2 / (rate * day.impressions) for day in days)
    return _Rate(impressions, clicks, max(1.0, pearson / (len(days) - 1)))


def _fatigue(found: _Compared, *, chance: float, until: date, recent_since: date) -> Fatigue:
    ad, first, now = found.ad, found.first, found.now
    expected = first.ratio * (found.siblings or 1.0)
    missing = max(0.0, expected * now.impressions - now.clicks)
    cost = sum(day.cost_micros for day in found.recent)
    fall = 1 - now.ratio / expected
    return Fatigue(
        key=ad.key,
        since=_since(ad, first=first, until=until),
        recent_since=recent_since,
        recent_until=until,
        ctr_first=_share(first.clicks / first.impressions),
        ctr_now=_share(now.clicks / now.impressions),
        expected=_share(expected),
        siblings=None if found.siblings is None else round(Decimal(found.siblings), 4),
        impressions=now.impressions,
        clicks=now.clicks,
        missing_clicks=round(missing),
        cost_micros=cost,
        wasted_micros=round(cost * max(0.0, fall)),
        frequency_first=ad.frequency_first,
        frequency_now=ad.frequency_now,
        chance=chance,
        severity=round(math.sqrt(min(1.0, fall / 0.6) * min(1.0, -math.log10(max(chance, 1e-6)) / 6)), 4),
    )


def _since(ad: AdHistory, *, first: _Rate, until: date) -> date:
    """Go back week by week from the last day while the rate stays below nine tenths of the first one."""
    of_day = {day.day: day for day in ad.days}
    begin, end = until - timedelta(6), until
    since = begin
    while True:
        days = [of_day[begin + timedelta(i)] for i in range((end - begin).days + 1) if begin + timedelta(i) in of_day]
        if not days:
            return since
        impressions, clicks = sum(day.impressions for day in days), sum(day.clicks for day in days)
        if impressions and clicks >= 0.9 * first.ratio * impressions:
            return since
        since = begin
        begin, end = begin - timedelta(7), begin - timedelta(1)


def _share(value: float) -> Decimal:
    return round(Decimal(value), 6)
