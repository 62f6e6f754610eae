from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.analyses.restatement import (
    DayHistory,
    Known,
    movements,
)

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


class TestHistory:
    def test_what_was_known_at_an_age(self):
        one = history(0, "?", 5, 5, 8)

        assert one.at(0) is None
        assert [one.at(age).value for age in (1, 2, 3, 9)] == [5, 5, 8, 8]
        assert one.latest == 8

    def test_a_history_of_nothing_is_refused(self):
        with pytest.raises(BadInput, match="Nothing was ever known of the conversions of 2026-06-01"):
            history(0)


class TestMovements:
    def test_how_much_and_at_which_age(self):
        (found,) = movements([history(0, 10, 60, 80, 90, 100), history(1, 5, 40, 40, 30)])

        assert (found.days, found.moved_days) == (2, 2)
        assert (found.first, found.latest, found.change, found.share) == (100, 130, 30, Fraction(3, 10))
        assert [(one.age, one.change, one.movement) for one in found.by_age] == [(2, 20, 20), (3, 0, 20), (4, 10, 10)]

    def test_from_the_day_itself_on(self):
        (found,) = movements([history(0, 10, 60)], since_age=0)

        assert (found.first, found.change) == (10, 50)

    def test_a_day_that_was_read_late_begins_with_that(self):
        (found,) = movements([history(0, "?", "?", "?", 7, 9), history(1, 3, 3)])

        assert (found.first, found.latest, found.moved_days) == (10, 12, 1)

    def test_missing_values_count_as_nothing_and_nothing_has_no_share(self):
        (found,) = movements([history(0, "?", None, 3)])

        assert (found.first, found.latest, found.share) == (0, 3, None)

    def test_platforms_and_metrics_apart(self):
        found = movements([history(0, 1), history(0, 1, metric="clicks"), history(0, 1, platform="meta")])

        assert [(one.platform, one.metric) for one in found] == [
            ("google", "clicks"),
            ("google", "conversions"),
            ("meta", "conversions"),
        ]
        assert movements([]) == ()
        with pytest.raises(BadInput, match="0 or more"):
            movements([], since_age=-1)

    @settings(max_examples=50)
    @given(
        st.lists(st.lists(st.none() | st.integers(-10, 10**9), min_size=1, max_size=6), min_size=1, max_size=5),
        st.integers(0, 4),
    )
    def test_the_changes_by_age_are_the_whole_change(self, rows, since_age):
        found = movements([history(at, *row) for at, row in enumerate(rows)], since_age=since_age)

        (one,) = found
        assert one.change == one.latest - one.first == sum(each.change for each in one.by_age)
        assert one.latest == sum(row[-1] or 0 for row in rows)
