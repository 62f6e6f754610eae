"""Forecasts: how far off they are, how often their interval holds, and what is refused."""

from __future__ import annotations

import time
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.analyses.forecast import LEAST_HISTORY, Forecast, NoForecast, forecast
from adjoin_analytics.analyses.series import Day, Series

FIRST = date(2026, 1, 1)
WEEKDAYS = np.array([1.05, 1.03, 1.02, 1.0, 0.98, 0.90, 0.94])


def counted(rng, mean, days, *, rho=0.85, sd=0.12):
    """Counts of the model: autocorrelated demand, weekdays, a yearly wave and a slow trend."""
    noise = np.zeros(days)
    shocks = rng.normal(0, sd * np.sqrt(1 - rho**2), days)
    for day in range(1, days):
        noise[day] = rho * noise[day - 1] + shocks[day]
    at = np.arange(days)
    wave = 1 + 0.2 * np.sin(2 * np.pi * (at / 365 + rng.random()))
    return rng.poisson(mean * np.exp(noise + 0.0002 * at) * wave * WEEKDAYS[(at + rng.integers(7)) % 7])


def series_of(amounts, **options):
    days = tuple(Day(day=FIRST + timedelta(at), amount=amount) for at, amount in enumerate(amounts))
    return Series(key=("google", "1"), metric="clicks", days=days, **options)


def ahead(amounts, horizon, **options) -> Forecast:
    found = forecast(series_of(amounts, **options), until=FIRST + timedelta(len(amounts) - 1 + horizon))
    assert isinstance(found, Forecast)
    return found


class TestRates:
    """Fixed seeds; docs/analyses.md has the rates of larger runs, which these bounds leave room around."""

    @pytest.mark.parametrize(
        ("mean", "horizon", "days", "most"),
        [(80, 20, 365, 0.12), (8, 20, 365, 0.16), (1, 20, 365, 0.33), (80, 31, 60, 0.13), (80, 20, 78, 0.13)],
    )
    def test_four_in_five_totals_lie_within(self, mean, horizon, days, most):
        rng = np.random.default_rng(5)
        held, errors, sizes = [], 0.0, 0
        for _ in range(60):
            amounts = counted(rng, mean, days + horizon).tolist()
            told = ahead(amounts[:days], horizon)
            actual = sum(amounts[days:])
            held.append(told.low <= actual <= told.high)
            errors += abs(actual - float(told.expected))
            sizes += actual
        assert 0.66 <= np.mean(held) <= 0.95  # 0.8 with three deviations of 60 trials below, and room above
        assert errors / sizes <= most

    def test_days_of_their_own_lie_within_theirs(self):
        rng = np.random.default_rng(6)
        held = []
        for _ in range(30):
            amounts = counted(rng, 50, 240).tolist()
            told = ahead(amounts[:210], 30)
            held += [day.low <= actual <= day.high for day, actual in zip(told.days, amounts[210:], strict=True)]
        assert 0.68 <= np.mean(held) <= 0.92

    def test_a_year_takes_less_than_ten_milliseconds(self):
        amounts = counted(np.random.default_rng(7), 80, 365).tolist()
        ahead(amounts, 30)
        taken = []
        for _ in range(7):
            begun = time.thread_time()  # not the clock on the wall: other work may run beside
            ahead(amounts, 30)
            taken.append(time.thread_time() - begun)
        assert min(taken) < 0.01


class TestWhatItSays:
    def test_the_days_add_up_to_the_total(self):
        told = ahead(counted(np.random.default_rng(1), 80, 200).tolist(), 10)
        assert [day.day for day in told.days] == [FIRST + timedelta(200 + at) for at in range(10)]
        assert abs(sum(day.expected for day in told.days) - told.expected) <= Decimal("0.1")
        assert told.known_until == FIRST + timedelta(199)
        assert (told.trials, told.history) == (20, 200)

    def test_weekdays_are_kept(self):
        amounts = np.tile([100, 100, 100, 100, 100, 10, 10], 20).tolist()
        expected = [float(day.expected) for day in ahead(amounts, 7).days]
        assert expected == pytest.approx([100, 100, 100, 100, 100, 10, 10], rel=0.1)

    def test_a_trend_goes_on_and_fades(self):
        rng = np.random.default_rng(2)
        amounts = rng.poisson(200 * np.exp(0.01 * np.arange(140))).tolist()
        flat = sum(amounts[-7:]) / 7
        days = [float(day.expected) for day in ahead(amounts, 28).days]
        assert flat * 28 * 0.95 < sum(days) < flat * 28 * np.exp(0.01 * 16)

    def test_a_spike_is_forgotten(self):
        amounts = counted(np.random.default_rng(3), 80, 200).tolist()
        spiked = list(amounts)
        spiked[-4] *= 20
        assert float(ahead(spiked, 20).expected) == pytest.approx(float(ahead(amounts, 20).expected), rel=0.1)

    def test_money_stays_whole_micros(self):
        amounts = [int(value * 1e8) for value in np.random.default_rng(3).lognormal(0, 0.2, 120)]
        told = ahead(amounts, 10, money=True)
        assert all(isinstance(value, int) for value in (told.expected, told.low, told.high, told.days[0].expected))

    def test_what_known_days_lack_is_part_of_it(self):
        amounts = counted(np.random.default_rng(4), 100, 120).tolist()
        days = [Day(day=FIRST + timedelta(at), amount=amount) for at, amount in enumerate(amounts)]
        days[-1] = Day(day=days[-1].day, amount=50, arrived=0.5)
        told = forecast(Series(key=("google",), metric="conversions", days=tuple(days)), until=days[-1].day)
        assert isinstance(told, Forecast)
        assert told.expected == told.arriving == 50
        assert told.days == ()
        assert told.low < 50 < told.high

    def test_a_day_that_says_nothing_yet_is_forecast(self):
        amounts = counted(np.random.default_rng(4), 100, 120).tolist()
        days = [Day(day=FIRST + timedelta(at), amount=amount) for at, amount in enumerate(amounts)]
        days[-1] = Day(day=days[-1].day, amount=3, arrived=0.1)
        told = forecast(Series(key=("google",), metric="conversions", days=tuple(days)), until=days[-1].day)
        assert isinstance(told, Forecast)
        assert told.known_until == days[-2].day
        assert 60 < told.expected < 140

    def test_nothing_to_come_is_nothing(self):
        told = ahead(counted(np.random.default_rng(4), 100, 120).tolist(), 0)
        assert (told.expected, told.low, told.high) == (0, 0, 0)

    def test_a_series_of_nothing_expects_nothing_but_is_not_certain(self):
        told = ahead([0] * 60, 20)
        assert (told.expected, told.low) == (0, 0)
        assert 0 < told.high < 5


class TestTooLittle:
    def test_few_days_give_the_reason(self):
        found = forecast(series_of([5] * (LEAST_HISTORY - 1)), until=FIRST + timedelta(60))
        assert isinstance(found, NoForecast)
        assert "needs 28 days" in found.reason
        assert isinstance(forecast(series_of([5] * LEAST_HISTORY), until=FIRST + timedelta(60)), Forecast)

    def test_gaps_give_the_reason(self):
        amounts = [value if at % 3 == 0 else None for at, value in enumerate([5] * 60)]
        assert isinstance(forecast(series_of([*amounts, 5]), until=FIRST + timedelta(80)), NoForecast)

    def test_nothing_known_gives_the_reason(self):
        for amounts in ([], [None] * 60):
            assert isinstance(forecast(series_of(amounts), until=FIRST + timedelta(80)), NoForecast)

    def test_a_ratio_is_refused(self):
        with pytest.raises(BadInput, match="is a ratio"):
            forecast(Series(key=("google",), metric="ctr", days=(Day(day=FIRST, amount=1, per=2),)), until=FIRST)

    def test_too_far_is_refused(self):
        with pytest.raises(BadInput, match="reaches 92 days"):
            forecast(series_of([5] * 60), until=FIRST + timedelta(60 + 92))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.one_of(st.integers(0, 10**13), st.integers(0, 5), st.none()), min_size=28, max_size=120),
    st.integers(0, 92),
    st.booleans(),
)
def test_whatever_comes_the_interval_is_in_order(amounts, horizon, money):
    last = max((at for at, amount in enumerate(amounts) if amount is not None), default=0)
    found = forecast(series_of(amounts, money=money), until=FIRST + timedelta(last + horizon))
    if isinstance(found, Forecast):
        assert 0 <= found.low <= found.expected <= found.high
        assert len(found.days) == horizon
        assert all(0 <= day.low <= day.expected <= day.high for day in found.days)
