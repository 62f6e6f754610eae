"""Creative fatigue: which ads tire, since when, and what it costs."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.analyses.fatigue import AdDay, AdHistory, fatigue

FIRST = date(2026, 1, 1)
DAYS = 70
LAST = FIRST + timedelta(DAYS - 1)


def group(rng, *, name="g", ads=4, impressions=3_000, ctr=0.012, tired=(), drift=0.0):
    """Ads of one group: daily demand common to them (8%), 15% of their own; the tired lose half of it in 60 days."""
    at = np.arange(DAYS)
    common = np.exp(rng.normal(0, 0.08, DAYS) + drift * at / DAYS)
    made = []
    for number in range(ads):
        falling = np.where((at >= 21) & (number in tired), np.exp(-0.5 * (at - 21) / 30), 1)
        shown = rng.poisson(impressions, DAYS)
        clicked = rng.binomial(shown, ctr * common * falling * rng.gamma(1 / 0.15**2, 0.15**2, DAYS))
        days = tuple(
            AdDay(day=FIRST + timedelta(day), impressions=int(seen), clicks=int(hit), cost_micros=int(seen) * 8_000)
            for day, (seen, hit) in enumerate(zip(shown, clicked, strict=True))
        )
        made.append(AdHistory(key=("meta", "1", "c", name, str(number)), days=days))
    return made


def steady(clicks, *, number="0", impressions=1_000, frequency=(None, None)):
    days = tuple(
        AdDay(day=FIRST + timedelta(at), impressions=impressions, clicks=hit, cost_micros=10_000_000)
        for at, hit in enumerate(clicks)
    )
    return AdHistory(
        key=("meta", "1", "c", "g", number), days=days, frequency_first=frequency[0], frequency_now=frequency[1]
    )


class TestRates:
    def test_tired_ads_are_found_and_others_left_alone(self):
        rng = np.random.default_rng(1)
        ads = [ad for number in range(30) for ad in group(rng, name=str(number), tired=(0,) if number < 10 else ())]
        found = {each.key for each in fatigue(ads, until=LAST)}
        tired = {("meta", "1", "c", str(number), "0") for number in range(10)}
        assert len(found & tired) >= 9
        assert len(found - tired) <= 1  # of 110

    def test_a_fall_of_the_whole_group_is_not_the_ads_fatigue(self):
        rng = np.random.default_rng(2)
        assert fatigue(group(rng, drift=-0.8), until=LAST) == ()

    def test_few_impressions_say_nothing(self):
        rng = np.random.default_rng(3)
        assert fatigue(group(rng, impressions=60, tired=(0,)), until=LAST) == ()


class TestWhatItSays:
    def test_known_figures(self):
        (found,) = fatigue([steady([20] * 35 + [10] * 35)], until=LAST)
        assert (found.ctr_first, found.ctr_now) == (Decimal("0.02"), Decimal("0.01"))
        assert found.siblings is None
        assert found.since == FIRST + timedelta(35)
        assert (found.recent_since, found.recent_until) == (LAST - timedelta(13), LAST)
        assert (found.impressions, found.clicks, found.missing_clicks) == (14_000, 140, 140)
        assert found.cost_micros == 140_000_000
        assert found.wasted_micros == pytest.approx(70_000_000, rel=0.01)
        assert found.chance < 1e-6

    def test_siblings_that_rise_make_the_fall_larger(self):
        siblings = [steady([20] * 35 + [30] * 35, number=str(number)) for number in (1, 2)]
        (found,) = fatigue([steady([20] * 35 + [15] * 35), *siblings], until=LAST)
        assert found.siblings == pytest.approx(Decimal("1.5"), rel=Decimal("0.01"))
        assert found.expected == pytest.approx(Decimal("0.03"), rel=Decimal("0.02"))

    def test_siblings_that_fall_too_take_away_certainty(self):
        """Down by 45% where the sibling is down by 30%: the fall is certain, that it is the ad's own is not."""
        tired = [10] * 35 + [6, 5] * 17 + [5]
        assert len(fatigue([steady(tired)], until=LAST)) == 1
        assert fatigue([steady(tired), steady([10] * 35 + [7] * 35, number="1")], until=LAST) == ()

    def test_unsteady_days_take_away_certainty(self):
        """A quarter less in both: what is certain where each day is alike is not where they go up and down."""
        assert len(fatigue([steady([30] * 35 + [22] * 35)], until=LAST)) == 1
        assert fatigue([steady([60, 0] * 17 + [30] + [44, 0] * 17 + [22])], until=LAST) == ()

    def test_one_of_many_needs_more(self):
        doubtful = steady([10] * 35 + [7] * 35)
        days = steady([10] * DAYS).days
        others = [AdHistory(key=("meta", "1", "c", f"other {number}", "0"), days=days) for number in range(60)]
        assert len(fatigue([doubtful], until=LAST)) == 1
        assert fatigue([doubtful, *others], until=LAST) == ()

    def test_frequency_is_passed_on(self):
        often = (Decimal("1.2"), Decimal("4.8"))
        (found,) = fatigue([steady([20] * 35 + [10] * 35, frequency=often)], until=LAST)
        assert (found.frequency_first, found.frequency_now) == often
        assert found.evidence["frequency_now"] == often[1]

    def test_the_costliest_comes_first(self):
        rng = np.random.default_rng(4)
        ads = [*group(rng, name="small", tired=(0,)), *group(rng, name="large", impressions=30_000, tired=(0,))]
        assert [each.key[3] for each in fatigue(ads, until=LAST)] == ["large", "small"]

    def test_a_small_fall_is_passed_over(self):
        assert fatigue([steady([2_000] * 35 + [1_700] * 35, impressions=100_000)], until=LAST) == ()

    def test_a_young_ad_has_no_first_weeks_to_compare(self):
        assert fatigue([steady([20] * 13 + [2] * 10)], until=FIRST + timedelta(22)) == ()

    def test_an_ad_that_rests_is_not_judged(self):
        assert fatigue([steady([20] * 35)], until=LAST) == ()


class TestBadInput:
    def test_an_ad_twice(self):
        with pytest.raises(BadInput, match="is there twice"):
            fatigue([steady([1]), steady([1])], until=LAST)

    def test_clicks_below_zero(self):
        with pytest.raises(BadInput, match="below zero"):
            fatigue([steady([-1])], until=LAST)

    def test_less_than_a_week(self):
        with pytest.raises(BadInput, match="7 of a week"):
            fatigue([], until=LAST, recent_days=3)

    @settings(max_examples=20, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), min_size=30, max_size=60))
    def test_whatever_comes_gives_sound_results(self, days):
        """Clicks may be more than impressions: they come a day later at times."""
        history = tuple(
            AdDay(day=FIRST + timedelta(at), impressions=shown, clicks=hit) for at, (shown, hit) in enumerate(days)
        )
        for each in fatigue([AdHistory(key=("m", "1", "c", "g", "a"), days=history)], until=history[-1].day):
            assert 0 <= each.severity <= 1
            assert 0 <= each.wasted_micros <= each.cost_micros
            assert FIRST <= each.since <= each.recent_until
