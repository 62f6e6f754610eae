from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.analyses.mix import OTHERS, Point, percentages, shares_over_time

MAY, JUNE, JULY = date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)


def points(table):
    return [
        Point(period=period, key=(key,), value=value) for period, row in table.items() for key, value in row.items()
    ]


def shares_of(mix, key):
    at = mix.members.index((key,))
    return [period.shares[at] for period in mix.periods]


def test_shares_and_their_changes_in_points():
    mix = shares_over_time(
        points({JUNE: {"google": 60, "meta": 40}, MAY: {"google": 50, "meta": 50}, JULY: {"google": 100, "meta": 100}})
    )

    google = shares_of(mix, "google")
    assert [one.share for one in google] == [Fraction(1, 2), Fraction(3, 5), Fraction(1, 2)]
    assert [one.moved for one in google] == [None, Fraction(1, 10), Fraction(-1, 10)]
    assert [one.since_first for one in google] == [None, Fraction(1, 10), 0]
    assert [period.period for period in mix.periods] == [MAY, JUNE, JULY]
    assert mix.members == (("google",), ("meta",))


def test_concentration_of_equal_and_of_one():
    mix = shares_over_time(points({MAY: dict.fromkeys("abcd", 5), JUNE: {"a": 9}}), largest=2)

    equal, alone = (period.concentration for period in mix.periods)
    assert (equal.herfindahl, equal.equal_members, equal.top) == (Fraction(1, 4), 4, (Fraction(1, 4), Fraction(1, 2)))
    assert (alone.herfindahl, alone.equal_members, alone.top) == (1, 1, (1,))


def test_not_there_is_a_share_of_nothing_but_missing_is_missing():
    mix = shares_over_time(points({MAY: {"a": 5, "b": None}, JUNE: {"b": 5}}))

    assert [one.share for one in shares_of(mix, "a")] == [1, 0]
    assert [one.value for one in shares_of(mix, "a")] == [5, None]
    assert [one.share for one in shares_of(mix, "b")] == [None, 1]
    assert [one.moved for one in shares_of(mix, "b")] == [None, None]


def test_a_period_of_nothing_has_no_shares():
    mix = shares_over_time(points({MAY: {"a": 0, "b": 0}, JUNE: {"a": None}}))

    assert [period.whole for period in mix.periods] == [0, None]
    assert [period.concentration for period in mix.periods] == [None, None]
    assert all(one.share is None for one in mix.periods[0].shares)


def test_the_smaller_ones_are_shown_as_others():
    mix = shares_over_time(points({MAY: {"a": 50, "b": 30, "c": 15, "d": 5}, JUNE: {"a": 50, "b": 50}}), top=2)

    assert mix.members == (("a",), ("b",), OTHERS)
    assert [[one.share for one in period.shares] for period in mix.periods] == [
        [Fraction(1, 2), Fraction(3, 10), Fraction(1, 5)],
        [Fraction(1, 2), Fraction(1, 2), 0],
    ]
    assert mix.periods[0].concentration.herfindahl == Fraction(365, 1000)


def test_a_correction_below_zero_leaves_shares_but_no_concentration():
    mix = shares_over_time(points({MAY: {"a": 12, "b": -2}}))

    assert [one.share for one in mix.periods[0].shares] == [Fraction(6, 5), Fraction(-1, 5)]
    assert mix.periods[0].concentration is None


def test_names_are_the_latest_ones_and_strange_ones_are_kept():
    mix = shares_over_time(
        [
            Point(period=MAY, key=("1",), value=1, name="<b>old</b>"),
            Point(period=JUNE, key=("1",), value=Decimal("1.5"), name="=new()\u202e"),
        ]
    )

    assert mix.names[("1",)] == "=new()\u202e"


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from([MAY, JUNE, JULY]), st.sampled_from("abcdef")), st.none() | st.integers(0, 10**12)
    ),
    st.none() | st.integers(1, 4),
    st.randoms(),
)
def test_shares_add_up_to_one_and_changes_to_nothing_in_any_order(table, top, random):
    rows = [Point(period=period, key=(key,), value=value) for (period, key), value in table.items()]
    mix = shares_over_time(rows, top=top)
    random.shuffle(rows)

    assert shares_over_time(rows, top=top) == mix
    for period in mix.periods:
        there = [one.share for one in period.shares if one.share is not None]
        if period.whole:
            assert sum(there) == 1
            assert sum(percentages(there)) == 100
            assert period.concentration.herfindahl <= period.concentration.top[0]
        moved = [one.moved for one in period.shares]
        if moved and None not in moved:
            assert sum(moved) == 0


def test_percentages_are_rounded_together():
    assert percentages([Fraction(1, 3)] * 3) == (Decimal("33.4"), Decimal("33.3"), Decimal("33.3"))
    assert percentages([Fraction(1, 3)] * 3, digits=0) == (34, 33, 33)
    assert percentages([]) == ()


def test_what_cannot_be_is_refused():
    with pytest.raises(BadInput, match="two values of 'a' for 2026-05-01"):
        shares_over_time([*points({MAY: {"a": 1}}), *points({MAY: {"a": 1}})])
    with pytest.raises(BadInput, match="At least one member"):
        shares_over_time([], top=0)
    assert shares_over_time([]).periods == ()
