from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.analyses.contribution import (
    Member,
    Presence,
    Sums,
    compare_ratios,
    compare_sums,
    split_sums,
    together,
)


def member(key, before=None, now=None, name=""):
    """A member by its (amount, volume) in both periods."""
    return Member(
        key=(key,),
        name=name,
        before=None if before is None else Sums(amount=before[0], volume=before[1]),
        now=None if now is None else Sums(amount=now[0], volume=now[1]),
    )


def swapped(one):
    return Member(key=one.key, name=one.name, before=one.now, now=one.before)


def scaled(one, by):
    def times(sums):
        if sums is None:
            return None
        return Sums(
            amount=None if sums.amount is None else sums.amount * by,
            volume=None if sums.volume is None else sums.volume * by,
        )

    return Member(key=one.key, name=one.name, before=times(one.before), now=times(one.now))


figures = st.none() | st.integers(-50, 10**9) | st.just(0)
sums = st.none() | st.builds(Sums, amount=figures, volume=figures)
members = st.lists(
    st.builds(Member, key=st.tuples(st.text(max_size=3)), before=sums, now=sums),
    max_size=7,
    unique_by=lambda one: one.key,
)
few = settings(max_examples=60)


class TestSums:
    def test_each_member_has_its_difference_the_largest_first(self):
        found = compare_sums(
            [member("a", (100, None), (90, None)), member("b", (50, None), (80, None)), member("c", None, (5, None))]
        )

        assert (found.before, found.now, found.change) == (150, 175, 25)
        assert [(one.key[0], one.change) for one in found.effects] == [("b", 30), ("a", -10), ("c", 5)]
        assert [one.share for one in found.effects] == [Fraction(6, 5), Fraction(-2, 5), Fraction(1, 5)]
        assert found.effects[2].presence is Presence.NEW
        assert found.effects[0].volume is None

    def test_what_ended_takes_away_all_it_had(self):
        found = compare_sums([member("a", (100, None), None), member("b", (1, None), (1, None))])

        assert found.effects[0].presence is Presence.ENDED
        assert found.effects[0].change == found.change == -100
        assert found.effects[0].now is None

    def test_what_is_missing_adds_nothing_and_without_any_figure_there_is_no_change(self):
        found = compare_sums([member("a", (100, None), (120, None)), member("b", (None, 5), (None, 7))])

        assert [one.key for one in found.effects] == [("a",)]
        missing = compare_sums([member("b", (None, 5), (None, 7))])
        assert (missing.before, missing.now, missing.change, missing.effects) == (None, None, None, ())
        assert compare_sums([]).change is None

    def test_fractional_counts_are_exact(self):
        found = compare_sums(
            [member("a", (Decimal("0.1"), None), (Decimal("0.3"), None)), member("b", (1, None), None)]
        )

        assert found.change == Decimal("-0.8")
        assert [one.change for one in found.effects] == [-1, Decimal("0.2")]

    def test_nothing_changed_so_nobody_has_a_share(self):
        found = compare_sums([member("a", (1, None), (2, None)), member("b", (2, None), (1, None))])

        assert found.change == 0
        assert [one.share for one in found.effects] == [None, None]

    def test_two_of_the_same_key_are_refused(self):
        with pytest.raises(BadInput, match="'a'; add them up"):
            compare_sums([member("a", (1, None)), member("a", (2, None))])

    def test_floats_are_refused(self):
        with pytest.raises(TypeError, match="is not a sum"):
            compare_sums([member("a", (1.5, None))])


class TestSplitSums:
    def test_clicks_against_price_of_one_member(self):
        # 100 clicks at 2 become 150 at 3: cost 200 to 450.
        found = split_sums([member("a", (200, 100), (450, 150))])

        assert (found.volume, found.mix, found.rate, found.change) == (125, 0, 125, 250)

    def test_a_shift_to_the_dearer_member_is_mix(self):
        # 100 clicks each, at 1 and at 3. Then 50 and 150: neither the clicks nor any price have changed.
        found = split_sums([member("cheap", (100, 100), (50, 50)), member("dear", (300, 100), (450, 150))])

        assert (found.volume, found.mix, found.rate, found.change) == (0, 100, 0, 100)

    def test_everything_doubled_is_volume(self):
        found = split_sums([member("a", (100, 100), (200, 200)), member("b", (300, 50), (600, 100))])

        assert (found.volume, found.mix, found.rate) == (400, 0, 0)

    def test_a_new_member_has_no_rate_effect(self):
        found = split_sums([member("old", (100, 100), (100, 100)), member("new", None, (300, 100))])

        new = found.effects[0]
        assert new.key == ("new",)
        assert new.rate == 0
        assert new.volume + new.mix == 300

    def test_cost_without_any_click_is_rate(self):
        found = split_sums([member("a", (100, 100), (100, 100)), member("b", (0, 0), (40, 0))])

        assert [(one.volume, one.mix, one.rate) for one in found.effects if one.key == ("b",)] == [(0, 0, 40)]

    def test_without_volume_before_all_is_volume_and_without_any_it_is_rate(self):
        assert split_sums([member("a", None, (40, 10))]).volume == 40
        assert split_sums([member("a", (40, 10), None)]).volume == -40
        assert split_sums([member("a", (10, 0), (40, 0))]).rate == 30
        assert split_sums([member("a", (7, 0), (40, 10))]).effects[0].rate == -7

    def test_a_member_with_half_of_its_sums_is_marked(self):
        found = split_sums([member("a", (100, 100), (100, 100)), member("b", (100, None), (120, None))])

        assert [one.key[0] for one in found.effects if one.incomplete] == ["b"]

    def test_the_volume_effect_of_all_is_that_of_the_whole_alone(self):
        whole = split_sums([member("all", (400, 200), (930, 300))])
        found = split_sums([member("a", (100, 100), (330, 100)), member("b", (300, 100), (600, 200))])

        assert found.change == whole.change == 530
        assert abs(found.volume - whole.volume) <= 1
        assert abs((found.mix + found.rate) - whole.rate) <= 1

    @few
    @given(members)
    def test_parts_add_up_in_integers_in_both_directions(self, these):
        found = split_sums(these)

        if found.change is None:
            return
        assert found.change == (found.now or 0) - (found.before or 0)
        assert found.change == found.volume + found.mix + found.rate == sum(one.change for one in found.effects)
        for one in found.effects:
            assert isinstance(one.change, int)
            assert one.change == one.volume + one.mix + one.rate
        for part in ("volume", "mix", "rate"):
            assert getattr(found, part) == sum(getattr(one, part) for one in found.effects)

    @few
    @given(members, st.randoms())
    def test_the_order_of_members_is_nothing(self, these, random):
        mixed = list(these)
        random.shuffle(mixed)
        assert split_sums(mixed) == split_sums(these)

    @few
    @given(members)
    def test_exchanging_the_periods_turns_the_signs(self, these):
        forth, back = split_sums(these), split_sums([swapped(one) for one in these])

        if forth.change is None:
            return
        assert back.change == -forth.change
        turned = {one.key: one for one in back.effects}
        for one in forth.effects:
            for part in ("volume", "mix", "rate"):  # a step of rounding apart
                assert abs(getattr(one, part) + getattr(turned[one.key], part)) <= 1

    @few
    @given(members, st.integers(2, 1000))
    def test_larger_figures_give_larger_effects_of_the_same_proportion(self, these, by):
        small, large = split_sums(these), split_sums([scaled(one, by) for one in these])

        if small.change is None:
            return
        assert large.change == small.change * by
        grown = {one.key: one for one in large.effects}
        for one in small.effects:
            assert abs(one.mix * by - grown[one.key].mix) <= by

    def test_fractions_of_a_count_can_be_asked_for(self):
        found = split_sums([member("a", (1, 10), (2, 15))], digits=3)

        assert (found.volume, found.rate) == (Decimal("0.583"), Decimal("0.417"))
        assert found.change == 1


class TestRatios:
    def test_two_campaigns_with_known_answer(self):
        # Cost per conversion: 10 and 20 of 10 conversions each is 15. Then 12 of 30, and 20 of 10: 14.
        found = compare_ratios([member("a", (100, 10), (360, 30)), member("b", (200, 10), (200, 10))])

        assert (found.before, found.now, found.change) == (15, 14, -1)
        by_key = {one.key[0]: one for one in found.effects}
        # a: share 1/2 to 3/4, own ratio 10 to 12, of all 14.5 in the mean
        assert by_key["a"].rate == Fraction(5, 8) * 2
        assert by_key["a"].mix == Fraction(1, 4) * (11 - Fraction(29, 2))
        assert by_key["b"].rate == 0
        assert by_key["b"].mix == Fraction(-1, 4) * (20 - Fraction(29, 2))
        assert found.volume == 0
        assert (by_key["a"].before, by_key["a"].now) == (10, 12)

    def test_shares_alone_can_raise_every_ratio_and_lower_the_whole(self):
        # Simpson: both got dearer, the whole got cheaper.
        found = compare_ratios([member("cheap", (100, 100), (220, 200)), member("dear", (500, 100), (55, 10))])

        assert found.change < 0
        assert found.rate > 0
        assert found.mix < 0

    def test_doubling_everything_changes_nothing(self):
        found = compare_ratios([member("a", (100, 7), (200, 14)), member("b", (33, 5), (66, 10))])

        assert found.change == 0
        assert {one.change for one in found.effects} == {0}

    def test_new_and_ended_members_are_mix_alone(self):
        found = compare_ratios(
            [member("old", (100, 10), None), member("stays", (100, 10), (100, 10)), member("new", None, (50, 10))]
        )

        assert {one.rate for one in found.effects} == {0}
        assert found.change == Fraction(-5, 2)

    def test_cost_without_conversions_is_rate(self):
        found = compare_ratios([member("a", (100, 10), (100, 10)), member("b", (10, 0), (30, 0))])

        b = next(one for one in found.effects if one.key == ("b",))
        assert (b.before, b.now) == (None, None)
        assert (b.mix, b.rate, b.change) == (0, 2, 2)

    def test_without_anything_below_the_line_there_is_no_answer(self):
        found = compare_ratios([member("a", (100, 0), (100, 10))])

        assert (found.before, found.now, found.change, found.effects) == (None, 10, None, ())

    def test_a_part_is_measured_on_the_whole(self):
        a, b = member("a", (100, 10), (360, 30)), member("b", (200, 10), (200, 10))
        children = [member("a1", (60, 4), (300, 28)), member("a2", (40, 6), (60, 2))]

        parent = next(one for one in compare_ratios([a, b]).effects if one.key == ("a",))
        found = compare_ratios(children, whole=together((), [a, b]))

        assert found.change == parent.change
        assert (found.before, found.now) == (10, 12)

    @few
    @given(members)
    def test_parts_add_up_exactly(self, these):
        found = compare_ratios(these)

        if found.change is None:
            return
        assert found.change == found.now - found.before == found.mix + found.rate
        assert found.change == sum((one.change for one in found.effects), Fraction(0))
        assert found.mix == sum((one.mix for one in found.effects), Fraction(0))
        assert all(one.change == one.mix + one.rate for one in found.effects)

    @few
    @given(members, st.randoms(), st.integers(2, 1000))
    def test_neither_order_nor_direction_nor_size_matters(self, these, random, by):
        found = compare_ratios(these)
        mixed = list(these)
        random.shuffle(mixed)
        assert compare_ratios(mixed) == found
        back = {one.key: one for one in compare_ratios([swapped(one) for one in these]).effects}
        large = {one.key: one for one in compare_ratios([scaled(one, by) for one in these]).effects}
        for one in found.effects:
            assert (back[one.key].mix, back[one.key].rate) == (-one.mix, -one.rate)
            assert (large[one.key].mix, large[one.key].rate) == (one.mix, one.rate)


def test_added_up_members_keep_what_is_missing():
    found = together(("x",), [member("a", (1, None), None), member("b", (Decimal("0.5"), None), None)], name="X")

    assert found == Member(key=("x",), name="X", before=Sums(amount=Decimal("1.5"), volume=None), now=None)
