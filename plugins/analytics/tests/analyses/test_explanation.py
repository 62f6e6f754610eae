from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.analyses.contribution import Member, Sums, compare_ratios, compare_sums, split_sums
from adjoin_analytics.analyses.explanation import REST, explain, nested, walk, with_rest

LEVELS = ("platform", "campaign", "ad")


def leaf(path, before, now, volumes=(None, None), name=""):
    return Member(
        key=tuple(path.split("/")),
        name=name,
        before=None if before is None else Sums(amount=before, volume=volumes[0]),
        now=None if now is None else Sums(amount=now, volume=volumes[1]),
    )


class TestExplain:
    def test_the_few_that_hold_most_of_the_movement(self):
        found = explain(
            compare_sums(
                [leaf(key, 100, 100 + change) for key, change in zip("abcdef", (60, -30, 5, 3, 2, 0), strict=True)]
            )
        )

        assert [one.key[0] for one in found.effects] == ["a", "b"]
        assert (found.others.count, found.others.change, found.others.share) == (4, 10, Fraction(1, 4))

    def test_what_holds_enough_needs_no_company(self):
        found = explain(compare_sums([leaf("a", 0, 80), leaf("b", 0, 20)]))

        assert [one.key[0] for one in found.effects] == ["a"]

    def test_at_most_so_many(self):
        found = explain(compare_sums([leaf(str(at), 0, 10) for at in range(9)]), most=3)

        assert [one.key[0] for one in found.effects] == ["0", "1", "2"]
        assert found.others.change == 60

    def test_one_that_did_nothing_is_not_listed(self):
        found = explain(compare_sums([leaf("a", 5, 5), leaf("b", 5, 5)]))

        assert found.effects == ()
        assert (found.others.count, found.others.change, found.others.share) == (2, 0, None)
        assert explain(compare_sums([leaf("a", 5, 6)])).others is None

    def test_nothing_to_compare(self):
        assert explain(compare_sums([])) == explain(compare_ratios([]))
        assert explain(compare_sums([])).others is None

    def test_a_list_of_none_is_refused(self):
        with pytest.raises(BadInput, match="at least one"):
            explain(compare_sums([leaf("a", 1, 2)]), most=0)

    @settings(max_examples=40)
    @given(
        st.lists(st.tuples(*[st.integers(0, 1000)] * 4), max_size=12),
        st.integers(1, 4),
        st.sampled_from([compare_sums, split_sums, compare_ratios]),
    )
    def test_listed_and_others_are_the_whole_change(self, rows, most, compare):
        compared = compare([leaf(str(at), a, b, (c, d)) for at, (a, b, c, d) in enumerate(rows)])
        found = explain(compared, most=most)

        if compared.change is None:
            return
        for part in ("change", "volume", "mix", "rate"):
            listed = [getattr(one, part) for one in (*found.effects, *([found.others] if found.others else []))]
            if None not in listed:
                assert sum(listed, Fraction(0)) == getattr(compared, part)


class TestWalk:
    leaves = (
        leaf("google/1/x", 100, 100),
        leaf("google/1/y", 100, 220, name="Ad Y"),
        leaf("google/2/z", 100, 110),
        leaf("meta/3/w", 100, 90),
    )

    def test_it_goes_down_to_the_ad_that_made_the_change(self):
        steps = walk(LEVELS, nested(self.leaves), compare=compare_sums)

        assert [(one.level, one.parent, one.chosen.key) for one in steps] == [
            ("platform", (), ("google",)),
            ("campaign", ("google",), ("google", "1")),
            ("ad", ("google", "1"), ("google", "1", "y")),
        ]
        assert [one.comparison.change for one in steps] == [120, 130, 120]
        assert steps[-1].chosen.name == "Ad Y"

    def test_it_stops_where_no_member_holds_half(self):
        leaves = [leaf(f"google/{at}/x", 0, 10) for at in range(3)]

        steps = walk(LEVELS, nested(leaves), compare=compare_sums)

        assert [one.chosen.key if one.chosen else None for one in steps] == [("google",), None]
        assert len(steps[-1].comparison.effects) == 3

    def test_members_against_the_change_do_not_hide_the_cause(self):
        leaves = [leaf("google/1/x", 0, 100), leaf("google/2/x", 90, 0)]

        steps = walk(LEVELS, nested(leaves), compare=compare_sums)

        assert steps[1].chosen.key == ("google", "1")

    def test_it_ends_at_what_is_not_broken_down(self):
        below = {
            (): [leaf("google", 100, 300)],
            ("google",): [leaf("google/pmax", 80, 280), leaf("google/1", 20, 20)],
            ("google", "pmax"): [],
        }

        steps = walk(LEVELS, lambda key: below[key], compare=compare_sums)

        assert [one.chosen.key if one.chosen else None for one in steps] == [("google",), ("google", "pmax"), None]
        assert [one.key for one in steps[-1].comparison.effects] == [("google", "pmax", REST)]
        assert steps[-1].comparison.change == 200

    def test_a_decline_is_walked_down_as_well(self):
        steps = walk(LEVELS, nested([leaf("meta/1/x", 90, 10), leaf("google/1/x", 10, 20)]), compare=compare_sums)

        assert steps[0].chosen.key == ("meta",)

    def test_nothing_changed_and_nothing_there(self):
        steps = walk(LEVELS, nested([leaf("a/b/c", 1, 1)]), compare=compare_sums)
        assert [one.chosen for one in steps] == [None]
        steps = walk(LEVELS, nested([]), compare=compare_ratios)
        assert [(one.comparison.effects, one.chosen) for one in steps] == [((), None)]

    @settings(max_examples=40)
    @given(
        st.dictionaries(
            st.tuples(*[st.sampled_from("ab")] * 3), st.tuples(*[st.integers(0, 1000)] * 4), min_size=1, max_size=8
        ),
        st.sampled_from([compare_sums, split_sums, compare_ratios]),
    )
    def test_each_level_adds_up_to_the_one_above(self, rows, compare):
        leaves = [leaf("/".join(path), a, b, (c, d)) for path, (a, b, c, d) in rows.items()]

        steps = walk(LEVELS, nested(leaves), compare=compare)

        for above, below in pairwise(steps):
            assert below.comparison.change == above.chosen.change
            if compare is split_sums:  # a step of rounding for each member
                assert abs(below.comparison.volume - above.chosen.volume) <= len(below.comparison.effects)


def test_the_rest_is_what_children_do_not_have():
    parent = leaf("google", 100, 80, (10, 8))

    found = with_rest(parent, [leaf("google/1", 90, 80, (10, 7))])

    assert found[1] == Member(key=("google", REST), before=Sums(amount=10, volume=0), now=Sums(amount=0, volume=1))
    assert with_rest(parent, [leaf("google/1", 100, 80, (10, 8))]) == [leaf("google/1", 100, 80, (10, 8))]
    assert with_rest(leaf("google", None, None), [leaf("google/1", 1, 2)]) == [leaf("google/1", 1, 2)]


def test_names_of_what_is_added_up_are_given():
    children = nested([leaf("google/1", 1, 2)], {("google",): "Google"})

    assert [(one.key, one.name) for one in children(())] == [(("google",), "Google")]
    assert children(("google", "1")) == []
    with pytest.raises(BadInput, match="same length"):
        nested([leaf("google/1", 1, 2), leaf("google", 1, 2)])
