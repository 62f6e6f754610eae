"""Signals on the made-up advertiser: what is planted is found, what alarms has a cause."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from adjoin.testing.world import World
from adjoin_analytics.analyses.anomalies import Direction, anomalies
from adjoin_analytics.analyses.fatigue import AdDay, AdHistory, fatigue
from adjoin_analytics.analyses.forecast import Forecast, forecast
from adjoin_analytics.analyses.series import Day, Series

LAST = date(2026, 9, 30)
DAYS = 180
WEEKS = 6


class Campaigns:
    """The final figures of a platform's campaigns, and which of their ads ran when."""

    def __init__(self, platform: str) -> None:
        world = World.generate(seed=1, today=LAST, scale=0.7, days=DAYS)
        world.set_today(LAST + timedelta(30))
        presence = world.on(platform)
        since = LAST - timedelta(DAYS - 1)
        self.rows = defaultdict(dict)
        for row in presence.truth("campaign_daily", since=since, until=LAST).to_pylist():
            self.rows[platform, row["account_id"], row["campaign_id"]][row["date"]] = row
        self.running = defaultdict(lambda: defaultdict(dict))
        self.ads = defaultdict(list)
        for row in presence.truth("ad_daily", since=since, until=LAST).to_pylist():
            key = platform, row["account_id"], row["campaign_id"]
            self.running[key][row["date"]][row["ad_id"]] = row["impressions"]
            self.ads[(*key, row["ad_group_id"], row["ad_id"])].append(
                AdDay(
                    day=row["date"],
                    impressions=row["impressions"],
                    clicks=row["clicks"],
                    cost_micros=row["cost_micros"],
                )
            )

    def series(self, metric, *, least, money=False, cut=1.0):
        """The campaigns that ran through, with `least` a day of a metric; the last two days cut by chance to a part."""
        rng = np.random.default_rng(1)
        made = []
        for key, rows in sorted(self.rows.items()):
            first = min(rows)
            dates = [first + timedelta(at) for at in range((LAST - first).days + 1)]
            amounts = [rows[day][metric] if day in rows else 0 for day in dates]
            if len(dates) < 120 or max(rows) < LAST or sum(amounts[-63:]) < least * 63:
                continue
            if cut < 1:
                amounts[-2:] = rng.binomial(amounts[-2:], cut).tolist()
            days = tuple(Day(day=day, amount=amount) for day, amount in zip(dates, amounts, strict=True))
            made.append(Series(key=key, metric=metric, days=days, money=money))
        return made

    def changed(self, key, since, until):
        """Whether ads with a tenth of the campaign's impressions began, rested or ended in these days or right before.

        An ad did if it ran on all of the days but on fewer than three quarters of the two weeks before, or the other
        way round.
        """
        running = self.running[key]
        run = [running.get(since + timedelta(at), {}) for at in range((until - since).days + 1)]
        before = [running.get(since - timedelta(back), {}) for back in range(1, 15)]
        total = Counter()
        for day in (*run, *before):
            total.update(day)
        moved = sum(
            size
            for ad, size in total.items()
            if all(ad in day for day in run) != (sum(ad in day for day in before) >= 0.75 * len(before))
        )
        return moved >= 0.1 * total.total()


@pytest.fixture(scope="module", params=["google", "meta"])
def campaigns(request):
    return Campaigns(request.param)


@pytest.mark.parametrize("metric", ["clicks", "impressions", "conversions"])
def test_alarms_without_a_cause_are_as_rare_as_allowed(campaigns, metric):
    series = campaigns.series(metric, least=0.2)
    found = anomalies(series, since=LAST - timedelta(7 * WEEKS - 1), until=LAST, alarms_a_week=0.5)
    uncaused = [each for each in found if not campaigns.changed(each.key, each.since, each.until)]
    assert len(series) >= 8
    assert len(uncaused) <= 2 * 0.5 * WEEKS


def test_clicks_cut_to_a_third_for_two_days_are_found(campaigns):
    series = campaigns.series("clicks", cut=1 / 3, least=50)
    found = anomalies(series, since=LAST - timedelta(1), until=LAST, alarms_a_week=0.5)
    below = {each.key for each in found if each.direction is Direction.BELOW}
    assert len(series) >= 5
    assert len(below) >= 0.8 * len(series)


@pytest.mark.parametrize(("metric", "money"), [("cost_micros", True), ("clicks", False)])
def test_intervals_hold_what_comes(campaigns, metric, money):
    held, errors, sizes = [], [], []
    for series in campaigns.series(metric, money=money, least=5):
        for back in (20, 48, 76):
            cut = LAST - timedelta(back)
            told = forecast(
                Series(key=series.key, metric=metric, money=money, days=tuple(d for d in series.days if d.day <= cut)),
                until=cut + timedelta(20),
            )
            if not isinstance(told, Forecast) or not told.expected:
                continue
            actual = sum(day.amount for day in series.days if cut < day.day <= cut + timedelta(20))
            held.append(told.low <= actual <= told.high)
            errors.append(abs(float(actual) - float(told.expected)))
            sizes.append(float(actual))
    assert len(held) >= 20
    assert 0.65 <= np.mean(held) <= 1
    assert sum(errors) <= 0.2 * sum(sizes)


def test_ads_tire_only_where_it_was_planted(campaigns):
    """A click rate that falls by half in 42 days from day 21 on, by taking clicks out by chance."""
    rng = np.random.default_rng(1)
    histories = [AdHistory(key=key, days=tuple(days)) for key, days in sorted(campaigns.ads.items())]
    assert fatigue(histories, until=LAST) == ()

    def tired(ad):
        begun = ad.days[0].day
        left = [min(1.0, math.exp(-0.5 * ((day.day - begun).days - 21) / 30)) for day in ad.days]
        days = tuple(
            replace(day, clicks=int(rng.binomial(day.clicks, part))) for day, part in zip(ad.days, left, strict=True)
        )
        return replace(ad, days=days)

    long_running = {
        ad.key[:-1]: ad  # one of a group
        for ad in histories
        if len(ad.days) >= 80 and ad.days[-1].day == LAST and sum(day.clicks for day in ad.days) >= 20 * len(ad.days)
    }
    planted = {ad.key for ad in long_running.values()}
    found = {each.key for each in fatigue([tired(ad) if ad.key in planted else ad for ad in histories], until=LAST)}
    assert len(planted) >= 5
    assert len(found & planted) >= 0.9 * len(planted)
    assert len(found - planted) <= 0.1 * len(found)
