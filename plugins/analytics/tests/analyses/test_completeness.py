from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from adjoin.errors import BadInput
from adjoin.testing.world import World
from adjoin_analytics.analyses.completeness import completeness, expect, expect_total
from adjoin_analytics.analyses.restatement import DayHistory, Known

FIRST = date(2026, 6, 1)
TODAY = date(2026, 9, 1)
ARRIVED = (0.5, 0.7, 0.8, 0.9, 1.0)  # by age


def history(day, *values, metric="conversions", platform="google", owner=()):
    """A day (counted from the first) with its value at each age; the same value again is no change."""
    when = FIRST + timedelta(days=day)
    known = []
    for age, value in enumerate(values):
        if value != "?" and (not known or known[-1].value != value):
            known.append(Known(on=when + timedelta(days=age), value=value))
    return DayHistory(platform=platform, metric=metric, day=when, known=tuple(known), owner=owner)


def curve_of(days, *, window=4, **options):
    (curve,) = completeness(days, today=TODAY, final_after={"google": window}, **options)
    return curve


class TestCompleteness:
    def test_the_share_that_is_there_at_each_age(self):
        curve = curve_of([history(at, 50, 70, 80, 90, 100) for at in range(10)])

        assert [one.complete for one in curve.ages] == [Fraction(part) / 100 for part in (50, 70, 80, 90, 100)]
        assert {one.days for one in curve.ages} == {10}
        assert {one.spread for one in curve.ages} == {0.0}
        assert curve.grows

    def test_large_days_count_more(self):
        curve = curve_of([history(0, 1, 10), *[history(at, 900, 990) for at in range(1, 7)]], window=1)

        assert curve.ages[0].complete == round(Fraction(5401, 5950), 12)

    def test_days_count_as_far_as_they_have_come(self):
        """Days that are two whole days old tell of two steps, and old ones whose youth is unknown of the others."""
        young = [history((TODAY - FIRST).days - 3, 50, 70, 80, owner=(str(at),)) for at in range(7)]
        old = [history(at, "?", "?", 800, 900, 1000) for at in range(7)]

        assert [one.complete for one in curve_of(young).ages] == [None, None, None, None, 1]
        assert [one.complete for one in curve_of(old).ages] == [None, None, Fraction(4, 5), Fraction(9, 10), 1]
        both = curve_of([*young, *old])
        assert [one.complete for one in both.ages] == [Fraction(part) / 100 for part in (50, 70, 80, 90, 100)]
        assert [one.days for one in both.ages] == [7] * 5

    def test_a_day_that_is_not_over_does_not_count(self):
        today = [history((TODAY - FIRST).days - 1, 5, 9, owner=(str(at),)) for at in range(9)]

        assert curve_of(today, window=1).ages[0].days == 0

    def test_too_few_days_are_no_curve(self):
        curve = curve_of([history(at, 5, 10) for at in range(6)], window=1)

        assert [one.complete for one in curve.ages] == [None, 1]
        assert curve_of([history(at, 5, 10) for at in range(6)], window=1, fewest=6).ages[0].complete == Fraction(1, 2)
        assert curve_of([history(at, 0) for at in range(9)], window=1).ages[0].complete is None

    def test_clicks_that_are_taken_out_make_more_than_all(self):
        curve = curve_of([history(at, 101, 100, metric="clicks") for at in range(9)], window=1)

        assert curve.ages[0].complete == Fraction(101, 100)
        assert not curve.grows
        assert expect(curve, 202, age=0).expected == 200

    def test_platforms_without_a_window_have_no_curve(self):
        days = [history(at, 1, platform="meta") for at in range(9)]

        assert completeness(days, today=TODAY, final_after={"google": 4}) == ()
        with pytest.raises(BadInput, match="'meta' may change for are 0 or more"):
            completeness(days, today=TODAY, final_after={"meta": -1})


class TestExpect:
    curve = curve_of([history(at, 500, 700, 800, 900, 1000) for at in range(10)])

    def test_a_recent_day_ends_higher(self):
        found = expect(self.curve, 70, age=1)

        assert (found.value, found.expected, found.final) == (70, 100, False)
        assert 70 < found.low < 100 < found.high
        assert isinstance(found.high, int)

    def test_an_old_day_ends_where_it_is(self):
        found = expect(self.curve, 70, age=5)

        assert (found.expected, found.low, found.high, found.final) == (70, 70, 70, True)

    def test_it_cannot_fall_below_what_is_there_if_it_never_did(self):
        assert expect(self.curve, 3, age=2).low == 3

    def test_nothing_yet_may_still_become_something(self):
        found = expect(self.curve, 0, age=0)

        assert (found.expected, found.low) == (0, 0)
        assert found.high > 0

    def test_larger_days_are_told_more_closely(self):
        small, large = expect(self.curve, 50, age=0), expect(self.curve, 5_000_000, age=0)

        assert (small.high - small.low) / small.expected > 10 * (large.high - large.low) / large.expected

    def test_days_together(self):
        found = expect_total(self.curve, [(50, 0), (70, 1), (100, 9)])

        assert (found.value, found.expected, found.final) == (220, 300, False)
        alone = [expect(self.curve, 50, age=0), expect(self.curve, 70, age=1)]
        assert found.high - found.low < sum(one.high - one.low for one in alone)
        nothing = expect_total(self.curve, [])
        assert (nothing.expected, nothing.final) == (0, True)

    def test_fractions_of_conversions(self):
        found = expect(self.curve, Decimal("0.35"), age=1)

        assert found.expected == Decimal("0.50")
        assert expect(self.curve, Decimal("0.3501"), age=9).expected == Decimal("0.3501")

    def test_what_is_not_known_is_not_said(self):
        curve = curve_of([history(at, "?", 5, 5) for at in range(9)], window=2)

        assert expect(curve, 5, age=0) is None
        assert expect_total(curve, [(5, 2), (5, 0)]) is None
        with pytest.raises(BadInput, match="0 or more"):
            expect(curve, 5, age=-1)

    @pytest.mark.parametrize("size", [30, 200, 2000])
    def test_the_interval_holds_four_of_five(self, size):
        """Conversions that arrive one by one, on small and on large days, with a mood of the day."""
        held = []
        for seed in range(4):
            rows = _days(size, 120, seed=seed)
            curve = curve_of([history(at, *row) for at, row in enumerate(rows[:60])])
            for row in rows[60:]:
                expected = [expect(curve, row[age], age=age) for age in (0, 1, 2)]
                held += [one.low <= row[-1] <= one.high for one in expected]
        assert len(held) == 720
        assert 0.72 <= sum(held) / len(held) <= 0.88


@pytest.mark.parametrize("platform", ["google", "meta"])
def test_the_made_up_advertiser_seen_for_five_weeks(platform):
    """Conversions of the last two weeks, a seventh of which is still to come, are foretold within a few percent."""
    last = date(2026, 9, 30)
    world = World.generate(seed=1, today=last, scale=0.3, days=75)
    presence = world.on(platform)

    def by_day(until):
        world.set_today(until)
        sums = defaultdict(Decimal)
        rows = presence.truth("account_daily", since=last - timedelta(days=70), until=min(until, last))
        for row in rows.select(["date", "conversions"]).to_pylist():
            sums[row["date"]] += row["conversions"]
        return sums

    known = defaultdict(list)
    for back in range(34, -1, -1):
        on = last - timedelta(days=back)
        for when, value in by_day(on).items():
            if not known[when] or known[when][-1].value != value:
                known[when].append(Known(on=on, value=value))
    days = [
        DayHistory(platform=platform, metric="conversions", day=when, known=tuple(values))
        for when, values in known.items()
    ]
    (curve,) = completeness(days, today=last, final_after={platform: 28})
    final = by_day(last + timedelta(days=30))

    recent = [last - timedelta(days=age) for age in range(1, 15)]
    found = expect_total(curve, [(known[when][-1].value, (last - when).days) for when in recent])
    truth = sum(final[when] for when in recent)
    assert curve.grows
    assert found.value < truth * Decimal("0.9")
    assert abs(found.expected - truth) < truth * Decimal("0.05")
    alone = [expect(curve, known[when][-1].value, age=(last - when).days) for when in recent]
    assert sum(one.low <= final[when] <= one.high for one, when in zip(alone, recent, strict=True)) >= 10


def _days(size, count, *, seed):
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        final = int(random.poisson(size))
        mood = float(np.clip(random.normal(1, 0.06), 0.8, 1.2))
        arrives = random.random(final)
        rows.append([int(sum(arrives < min(share * mood, 1))) for share in ARRIVED[:-1]] + [final])
    return rows
