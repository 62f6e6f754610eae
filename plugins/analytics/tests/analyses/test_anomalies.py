"""Anomalies: how many are found, how many are false, and what they say."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.analyses.anomalies import Anomaly, Direction, anomalies, threshold
from adjoin_analytics.analyses.series import Day, Series

FIRST = date(2026, 1, 1)
DAYS = 126
LAST = FIRST + timedelta(DAYS - 1)
WEEKDAYS = np.array([1.05, 1.03, 1.02, 1.0, 0.98, 0.90, 0.94])


def demand(rng, days=DAYS):
    """The model of demand: autocorrelated noise (0.7, 8%), weekdays, a yearly wave and a slow trend."""
    noise = np.zeros(days)
    shocks = rng.normal(0, 0.08 * np.sqrt(1 - 0.7**2), days)
    for day in range(1, days):
        noise[day] = 0.7 * noise[day - 1] + shocks[day]
    at = np.arange(days)
    wave = 1 + 0.2 * np.sin(2 * np.pi * (at / 365 + rng.random()))
    return np.exp(noise + 0.0002 * at) * wave * WEEKDAYS[(at + rng.integers(7)) % 7]


def counted(rng, mean, *, cut=1.0, days=2):
    """Daily counts around `mean`; those of the last `days` have their mean multiplied by `cut`."""
    expected = mean * demand(rng)
    expected[-days:] *= cut
    return rng.poisson(expected).tolist()


def series_of(amounts, key="c", **options):
    days = tuple(Day(day=FIRST + timedelta(at), amount=amount) for at, amount in enumerate(amounts))
    return Series(key=("google", "1", key), metric="conversions", days=days, **options)


def many(mean, *, count, cut=1.0, seed=1):
    rng = np.random.default_rng(seed)
    return [series_of(counted(rng, mean, cut=cut), key=str(at)) for at in range(count)]


def found_share(series, *, group=20, alarms_a_week):
    """The share of series with an anomaly below what was expected in the last two days."""
    keys = [
        each.key
        for at in range(0, len(series), group)
        for each in anomalies(
            series[at : at + group], since=LAST - timedelta(1), until=LAST, alarms_a_week=alarms_a_week
        )
        if each.direction is Direction.BELOW
    ]
    return len(set(keys)) / len(series)


class TestRates:
    """Fixed seeds; docs/analyses.md has the rates of larger runs, which these bounds leave room around."""

    @pytest.mark.parametrize("mean", [500, 50, 8, 1])
    def test_false_alarms_stay_near_what_is_allowed(self, mean):
        series = many(mean, count=60)
        weeks = 4
        alarms = sum(
            len(anomalies(series[at : at + 20], since=LAST - timedelta(7 * weeks - 1), until=LAST, alarms_a_week=0.5))
            for at in (0, 20, 40)
        )
        assert alarms <= 3 * weeks * 0.5 * 2  # twice the expected number: chance in 12 weeks of 20 series

    @pytest.mark.parametrize(
        ("mean", "cut", "least"), [(500, 0.5, 0.98), (50, 0.5, 0.7), (500, 0.7, 0.75), (8, 0.0, 0.9)]
    )
    def test_drops_of_two_days_are_found_at_a_false_alarm_in_twenty_weeks_a_series(self, mean, cut, least):
        assert found_share(many(mean, count=60, cut=cut, seed=2), alarms_a_week=1.0) >= least

    def test_a_rise_is_found_as_well(self):
        found = anomalies(many(200, count=10, cut=2.0), since=LAST - timedelta(1), until=LAST)
        assert len({each.key for each in found if each.direction is Direction.ABOVE}) == 10

    def test_more_series_need_more_evidence(self):
        assert threshold(1) < threshold(30) < threshold(300)
        assert 3.0 < threshold(30) < 4.0


@pytest.fixture(scope="module")
def drop() -> Anomaly:
    rng = np.random.default_rng(7)
    (found,) = anomalies([series_of(counted(rng, 400, cut=0.3, days=3))], since=LAST - timedelta(6), until=LAST)
    return found


class TestWhatItSays:
    def test_the_run_of_days_is_one_anomaly(self, drop):
        assert (drop.since, drop.until, drop.days) == (LAST - timedelta(2), LAST, 3)

    def test_expected_and_interval_are_of_the_whole_run(self, drop):
        assert drop.low < drop.expected < drop.high
        assert drop.actual < drop.low
        assert 900 < drop.expected < 1500
        assert 0.2 < drop.actual / drop.expected < 0.45

    def test_evidence_has_the_numbers(self, drop):
        assert drop.evidence["actual"] == drop.actual
        assert drop.score < -3
        assert 0.7 < drop.severity <= 1


class TestRatios:
    """A ratio is judged through its counts, so that a demand that falls is no anomaly of it."""

    def _series(self, *, clicks, conversions, inverse=False):
        days = tuple(
            Day(day=FIRST + timedelta(at), amount=count, per=base)
            for at, (count, base) in enumerate(zip(conversions, clicks, strict=True))
        )
        return Series(key=("google", "1"), metric="cvr", days=days, inverse=inverse)

    def test_demand_cancels(self):
        rng = np.random.default_rng(3)
        clicks = rng.poisson(5000 * demand(rng))
        clicks[-3:] //= 4
        conversions = rng.binomial(clicks, 0.05)
        assert (
            anomalies(
                [self._series(clicks=clicks.tolist(), conversions=conversions.tolist())],
                since=LAST - timedelta(6),
                until=LAST,
            )
            == ()
        )

    def test_a_page_that_breaks_shows_as_ratio(self):
        rng = np.random.default_rng(3)
        clicks = rng.poisson(5000 * demand(rng))
        conversions = rng.binomial(clicks, np.where(np.arange(DAYS) < DAYS - 3, 0.05, 0.02))
        (found,) = anomalies(
            [self._series(clicks=clicks.tolist(), conversions=conversions.tolist())],
            since=LAST - timedelta(6),
            until=LAST,
        )
        assert found.actual == round(Decimal(int(conversions[-3:].sum())) / Decimal(int(clicks[-3:].sum())), 9)
        assert Decimal("0.04") < found.expected < Decimal("0.06")
        assert found.direction is Direction.BELOW

    def test_a_cost_per_something_goes_up_when_counts_fall(self):
        rng = np.random.default_rng(3)
        cost = (rng.lognormal(0, 0.1, DAYS) * 1e9).astype(int)
        conversions = rng.poisson(np.where(np.arange(DAYS) < DAYS - 2, 80, 30))
        (found,) = anomalies(
            [self._series(clicks=cost.tolist(), conversions=conversions.tolist(), inverse=True)],
            since=LAST - timedelta(1),
            until=LAST,
        )
        assert found.direction is Direction.ABOVE
        assert found.low < found.expected < found.high < found.actual

    def test_nothing_to_divide_by_is_missing(self):
        rng = np.random.default_rng(3)
        conversions = [*rng.poisson(60, DAYS - 2).tolist(), 0, 0]
        (found,) = anomalies(
            [self._series(clicks=[10**9] * DAYS, conversions=conversions, inverse=True)],
            since=LAST - timedelta(1),
            until=LAST,
        )
        assert found.actual is None
        assert found.expected is not None


class TestDaysThatAreNotWhole:
    def _recent(self, amounts, arrived):
        days = [Day(day=FIRST + timedelta(at), amount=amount) for at, amount in enumerate(amounts)]
        for age, share in enumerate(arrived):
            at = DAYS - 1 - age
            days[at] = Day(day=days[at].day, amount=round(amounts[at] * share), arrived=share)
        return Series(key=("google", "1"), metric="conversions", days=tuple(days))

    def test_a_day_is_judged_by_what_should_have_arrived(self):
        rng = np.random.default_rng(5)
        series = self._recent(counted(rng, 300), [0.55, 0.7, 0.8, 0.9])
        assert anomalies([series], since=LAST - timedelta(6), until=LAST) == ()

    def test_the_share_that_has_arrived_makes_the_difference(self):
        rng = np.random.default_rng(6)
        told = self._recent(counted(rng, 2_000), [0.52])
        days = (*told.days[:-1], Day(day=told.days[-1].day, amount=told.days[-1].amount))
        untold = Series(key=told.key, metric=told.metric, days=days)
        assert anomalies([told], since=LAST, until=LAST) == ()
        assert anomalies([untold], since=LAST, until=LAST) != ()

    def test_more_than_should_have_arrived_is_unusual(self):
        rng = np.random.default_rng(6)
        series = self._recent(counted(rng, 2_000, cut=1.9, days=1), [0.6])
        (found,) = anomalies([series], since=LAST, until=LAST)
        assert found.direction is Direction.ABOVE

    def test_a_day_of_which_nobody_can_say_is_left_out(self):
        rng = np.random.default_rng(5)
        amounts = counted(rng, 300)
        series = self._recent([*amounts[:-1], 10], [0.0])
        assert anomalies([series], since=LAST - timedelta(6), until=LAST) == ()

    def test_a_real_drop_shows_through(self):
        rng = np.random.default_rng(5)
        series = self._recent(counted(rng, 300, cut=0.2, days=4), [0.55, 0.7, 0.8, 0.9])
        (found,) = anomalies([series], since=LAST - timedelta(6), until=LAST)
        assert found.days == 4

    def test_missing_days_are_no_zeros(self):
        rng = np.random.default_rng(5)
        amounts = counted(rng, 300)
        assert anomalies([series_of([*amounts[:-2], None, None])], since=LAST - timedelta(6), until=LAST) == ()
        assert anomalies([series_of([*amounts[:-2], 0, 0])], since=LAST - timedelta(6), until=LAST) != ()


class TestRobustness:
    def test_a_level_that_shifts_stops_to_alarm_after_a_week(self):
        rng = np.random.default_rng(9)
        found = anomalies([series_of(counted(rng, 300, cut=3.0, days=35))], since=LAST - timedelta(40), until=LAST)
        assert found[0].since == LAST - timedelta(34)
        assert sum(each.days for each in found) <= 11

    def test_a_spike_in_the_past_changes_nothing_now(self):
        rng = np.random.default_rng(9)
        amounts = counted(rng, 300)
        amounts[-20] *= 10
        assert anomalies([series_of(amounts)], since=LAST - timedelta(9), until=LAST) == ()

    def test_days_left_out_neither_alarm_nor_teach(self):
        rng = np.random.default_rng(9)
        series = series_of(counted(rng, 300, cut=0.3, days=3))
        holidays = [LAST - timedelta(back) for back in range(3)]
        assert anomalies([series], since=LAST - timedelta(6), until=LAST, left_out=holidays) == ()

    def test_a_strong_weekday_pattern_is_usual(self):
        rng = np.random.default_rng(9)
        quiet_weekends = np.tile([1, 1, 1, 1, 1, 0.2, 0.2], DAYS // 7)
        amounts = rng.poisson(400 * quiet_weekends).tolist()
        assert anomalies([series_of(amounts)], since=LAST - timedelta(27), until=LAST) == ()

    def test_money_that_hangs_on_few_events_is_not_alarming_when_none_came(self):
        rng = np.random.default_rng(11)
        events = rng.poisson(2.0, DAYS)
        days = tuple(
            Day(day=FIRST + timedelta(at), amount=int(count * 80_000_000), events=int(count))
            for at, count in enumerate(events)
        )
        series = Series(key=("google",), metric="conversion_value", days=days, money=True)
        assert anomalies([series], since=LAST - timedelta(27), until=LAST) == ()

    def test_money_without_events_alarms_when_it_stops(self):
        rng = np.random.default_rng(11)
        amounts = [int(value * 1e8) for value in rng.lognormal(0, 0.1, DAYS)]
        (found,) = anomalies([series_of([*amounts[:-1], 0], money=True)], since=LAST - timedelta(6), until=LAST)
        assert found.actual == 0
        assert isinstance(found.expected, int)

    def test_a_correction_below_zero_is_not_known(self):
        rng = np.random.default_rng(5)
        assert anomalies([series_of([*counted(rng, 300)[:-2], -40, -1])], since=LAST - timedelta(6), until=LAST) == ()

    def test_what_has_ended_long_ago_takes_no_part(self):
        rng = np.random.default_rng(9)
        ended = [series_of([50] * 40 + [0] * (DAYS - 40), key=f"ended {at}") for at in range(300)]
        drop = series_of(counted(rng, 60, cut=0.45))
        alone = anomalies([drop], since=LAST - timedelta(1), until=LAST)
        assert alone != ()
        assert anomalies([drop, *ended], since=LAST - timedelta(1), until=LAST) == alone

    @pytest.mark.parametrize("amounts", [[0] * DAYS, [5] * 20, [None] * DAYS, []])
    def test_what_says_nothing_gives_nothing(self, amounts):
        assert anomalies([series_of(amounts)], since=LAST - timedelta(6), until=LAST) == ()

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(st.one_of(st.none(), st.integers(0, 10**15), st.decimals(0, 1000, places=2)), min_size=40, max_size=60)
    )
    def test_whatever_comes_gives_sound_anomalies(self, amounts):
        last = FIRST + timedelta(len(amounts) - 1)
        for each in anomalies([series_of(amounts)], since=last - timedelta(9), until=last):
            assert last - timedelta(9) <= each.since <= each.until <= last
            assert 0 <= each.severity <= 1
            assert each.low <= each.expected <= each.high
            assert (each.direction is Direction.BELOW) == (each.amount < each.amount_expected)


class TestBadInput:
    def test_days_the_wrong_way_round(self):
        with pytest.raises(BadInput, match="Swap them"):
            anomalies([], since=LAST, until=FIRST)

    def test_a_day_twice(self):
        with pytest.raises(BadInput, match="twice"):
            anomalies(
                [Series(key=("google",), metric="clicks", days=(Day(day=FIRST, amount=1), Day(day=FIRST, amount=2)))],
                since=FIRST,
                until=LAST,
            )
