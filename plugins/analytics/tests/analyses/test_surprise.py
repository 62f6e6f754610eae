from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from adjoin_analytics.analyses.contribution import Member, Sums, compare_sums
from adjoin_analytics.analyses.surprise import surprises

STEADY, RESTLESS = [100, 101, 99, 100, 102, 98, 100, 100], [1000, 400, 1600, 900, 700, 1500, 1100, 1000]


def effects(**now):
    """Members by what they have now; before they had nothing, which is not what counts here."""
    return compare_sums([Member(key=(key,), name=key, now=Sums(amount=amount)) for key, amount in now.items()]).effects


def test_a_small_change_out_of_habit_comes_before_a_large_ordinary_one():
    found = surprises(effects(restless=700, steady=50), {("steady",): STEADY, ("restless",): RESTLESS})

    assert [one.key[0] for one in found] == ["steady", "restless"]
    steady, restless = found
    assert (steady.usual, steady.deviation, steady.z) == (100, -50, -8.0)
    assert (restless.usual, restless.deviation) == (1000, -300)
    assert -1.1 < restless.z < 0
    assert steady.score == 400


def test_what_did_not_move_is_no_surprise():
    assert surprises(effects(steady=100), {("steady",): STEADY}) == ()
    assert surprises([], {}) == ()


def test_a_new_member_is_as_surprising_as_can_be():
    (found,) = surprises(effects(new=5), {})

    assert (found.usual, found.deviation, found.z) == (0, 5, 8.0)


def test_unknown_periods_are_left_out_and_three_make_no_habit():
    (found,) = surprises(effects(a=105), {("a",): [None, 100, 200, None, 100]})

    assert (found.usual, found.z) == (100, 2.5)  # of 2% of what is usual


def test_single_events_come_by_chance():
    past = {("a",): [Decimal(4)] * 8}

    assert surprises(effects(a=Decimal("6.5")), past, lump=1)[0].z == pytest.approx(2.5 / 5.0064**0.5, rel=1e-9)
    assert surprises(effects(a=Decimal("6.5")), past)[0].z == 8.0


def test_an_even_number_of_periods_has_its_middle_between_two():
    (found,) = surprises(effects(a=0), {("a",): [1, 2, 3, 4]})

    assert (found.usual, found.deviation) == (Fraction(5, 2), Fraction(-5, 2))


def test_a_planted_cause_is_found_among_a_hundred_campaigns():
    """A campaign loses 2 to 5% of all conversions; others move by their own habits, the large ones most."""
    random = np.random.default_rng(4)
    cases, by_size, by_surprise = 0, 0, 0
    for _ in range(60):
        size = np.exp(random.normal(4.2, 1.1, 100))
        habit = np.clip(random.lognormal(np.log(0.1), 0.5, 100), 0.03, 0.4)
        weeks = [random.poisson(size * 7 * np.exp(random.normal(0, habit) + random.normal(0, 0.03))) for _ in range(9)]
        lost = int(random.uniform(0.02, 0.05) * weeks[-1].sum())
        large = np.flatnonzero(weeks[-1] * 0.8 > lost)
        if not large.size:
            continue
        cases += 1
        cause = int(random.choice(large))
        weeks[-1][cause] -= lost
        found = compare_sums(
            Member(key=(str(at),), before=Sums(amount=int(weeks[-2][at])), now=Sums(amount=int(weeks[-1][at])))
            for at in range(100)
        ).effects
        past = {(str(at),): [int(week[at]) for week in weeks[:-1]] for at in range(100)}
        by_size += found[0].key == (str(cause),)
        by_surprise += surprises(found, past, lump=1)[0].key == (str(cause),)
    assert cases >= 50
    assert by_surprise >= 0.85 * cases
    assert by_surprise > by_size
