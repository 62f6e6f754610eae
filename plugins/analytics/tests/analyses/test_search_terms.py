"""Search terms: which to add, which to exclude, and the words that waste."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.analyses.search_terms import (
    SearchTerm,
    matched,
    wasted_words,
    worth_adding,
    worth_excluding,
)

CAMPAIGN = ("google", "1", "10")
HOSTILE = [
    "🏕️🏕️ tent",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "خيمة تخييم",
    "\u202eevil\u202c",
    "a" * 5_000,
    "  ",
]


def term(text, *, clicks=100, conversions=0, cost=100_000_000, campaign=CAMPAIGN):
    return SearchTerm(
        campaign=campaign, text=text, clicks=clicks, cost_micros=cost, conversions=Decimal(str(conversions))
    )


#: Converts in 5 of 100 clicks, a conversion for 20.
USUAL = [term(f"tent {number}", clicks=1_000, conversions=50, cost=1_000_000_000) for number in range(4)]


class TestAdding:
    def test_a_term_that_converts_well_is_worth_a_keyword(self):
        (found,) = worth_adding([*USUAL, term("family tent", conversions=15)], keywords=[])
        assert found.text == "family tent"
        assert found.cpa_micros == 6_666_667
        assert found.goal_micros == round(Decimal(4_100_000_000) / 215)
        assert found.gained_micros == 15 * found.goal_micros - 100_000_000
        assert found.certainty > 0.99

    def test_a_keyword_is_not_added_again(self):
        terms = [*USUAL, term("Family  TENT", conversions=15)]
        assert worth_adding(terms, keywords=["family tent"]) == ()

    def test_one_conversion_is_too_little(self):
        assert worth_adding([*USUAL, term("lucky", clicks=2, conversions=1, cost=100_000)], keywords=[]) == ()

    def test_a_dear_term_is_not_worth_it(self):
        assert worth_adding([*USUAL, term("dear", conversions=4)], keywords=[]) == ()

    def test_a_goal_of_the_account_counts_instead(self):
        goals = {("google", "1"): 30_000_000}
        found = worth_adding([*USUAL, term("dear", conversions=4.5)], keywords=[], goals=goals)
        assert "tent 0" in {each.text for each in found}
        assert worth_adding(USUAL, keywords=[], goals={("google", "1"): 10_000_000}) == ()

    def test_the_same_text_is_added_up_over_ad_groups(self):
        halves = [
            term("family tent", clicks=50, conversions=7, cost=50_000_000),
            term("Family tent", clicks=50, conversions=8, cost=50_000_000),
        ]
        (found,) = worth_adding([*USUAL, *halves], keywords=[])
        assert (found.text, found.clicks, found.conversions) == ("family tent", 100, 15)


class TestExcluding:
    def test_a_term_beyond_chance_is_worth_excluding(self):
        (found,) = worth_excluding([*USUAL, term("jobs at tent maker", clicks=200)], keywords=[])
        assert found.text == "jobs at tent maker"
        assert found.expected == Decimal("10.00")
        assert found.chance == pytest.approx(0.95**200)
        assert found.cost_micros == 100_000_000

    def test_few_clicks_are_chance(self):
        assert worth_excluding([*USUAL, term("camping", clicks=30)], keywords=[]) == ()

    def test_one_of_many_needs_more(self):
        doubtful = term("camping", clicks=70)
        others = [term(f"rare {number}", clicks=5, cost=5_000_000) for number in range(40)]
        assert len(worth_excluding([*USUAL, doubtful], keywords=[])) == 1
        assert worth_excluding([*USUAL, doubtful, *others], keywords=[]) == ()

    def test_a_cheap_term_is_left(self):
        assert worth_excluding([*USUAL, term("camping", clicks=200, cost=5_000_000)], keywords=[]) == ()

    def test_a_conversion_saves_a_term(self):
        assert worth_excluding([*USUAL, term("jobs", clicks=200, conversions=0.4)], keywords=[]) == ()

    def test_what_cost_nothing_is_left(self):
        assert worth_excluding([term("a", conversions=5, cost=0), term("b", clicks=900, cost=0)], keywords=[]) == ()

    def test_a_keyword_is_left_to_its_own_page(self):
        assert worth_excluding([*USUAL, term("jobs", clicks=200)], keywords=["JOBS"]) == ()

    def test_a_campaign_without_conversions_says_nothing(self):
        assert worth_excluding([term("a", clicks=5_000), term("b", clicks=5_000)], keywords=[]) == ()

    def test_false_ones_are_rare_among_many_terms(self):
        """1,000 terms that all convert in 3 of 100 clicks, and 20 that never do."""
        rng = np.random.default_rng(1)
        clicks = rng.geometric(0.01, 1_000)
        terms = [
            term(f"t{at}", clicks=int(count), conversions=int(hits), cost=int(count) * 1_000_000)
            for at, (count, hits) in enumerate(zip(clicks, rng.binomial(clicks, 0.03), strict=True))
        ]
        waste = [term(f"waste {at}", clicks=400, cost=400_000_000) for at in range(20)]
        found = [each.text for each in worth_excluding([*terms, *waste], keywords=[])]
        assert sum(text.startswith("waste") for text in found) == 20
        assert sum(text.startswith("t") for text in found) <= 3

    def test_the_costliest_comes_first(self):
        terms = [*USUAL, term("low", clicks=300, cost=50_000_000), term("high", clicks=300, cost=90_000_000)]
        assert [each.text for each in worth_excluding(terms, keywords=[])] == ["high", "low"]


#: Each may be chance; together they are not.
SPREAD = [term(f"{word} free", clicks=60, cost=60_000_000) for word in ("tent", "stove", "boots", "maps")]


class TestWords:
    def test_a_word_wastes_over_many_terms(self):
        terms = [*USUAL, *SPREAD]
        (found,) = [each for each in wasted_words(terms) if each.words == "free"]
        assert (found.terms, found.clicks, found.conversions) == (4, 240, 0)
        assert found.wasted_micros == 240_000_000
        assert found.chance < 0.01

    def test_longer_ones_are_told_by_their_word(self):
        terms = [*USUAL, *[term(f"{word} for free", clicks=60, cost=60_000_000) for word in ("a", "b", "c", "d")]]
        assert sorted(each.words for each in wasted_words(terms)) == ["for", "free"]

    def test_words_to_keep_are_never_reported(self):
        assert wasted_words([*USUAL, *SPREAD], keep=["Free!"]) == ()

    def test_accounts_are_apart(self):
        other = [term(each.text, clicks=each.clicks, conversions=5, campaign=("google", "2", "20")) for each in SPREAD]
        (found,) = [each for each in wasted_words([*USUAL, *SPREAD, *other]) if each.words == "free"]
        assert found.account == ("google", "1")
        assert found.terms == 4


class TestHostileTexts:
    def test_terms_come_out_as_they_went_in(self):
        terms = [*USUAL, *[term(text, clicks=2_000) for text in HOSTILE]]
        assert {each.text for each in worth_excluding(terms, keywords=[])} == set(HOSTILE)

    def test_words_of_any_script_are_words(self):
        terms = [*USUAL, *[term(f"{word} خيمة 🏕️", clicks=90) for word in ("a", "b", "c", "d")]]
        assert {"خيمة", "🏕️"} <= {each.words for each in wasted_words(terms)}

    def test_case_width_and_spaces_do_not_matter(self):
        assert matched("  ＴＥＮＴ \u00a0 Straße ") == "tent strasse"

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.builds(
                SearchTerm,
                campaign=st.sampled_from([CAMPAIGN, ("google", "1", "11"), ("microsoft", "2", "1")]),
                text=st.text(max_size=12),
                clicks=st.integers(0, 10**6),
                cost_micros=st.integers(0, 10**14),
                conversions=st.decimals(0, 10**5, places=4),
            ),
            max_size=25,
        )
    )
    def test_whatever_comes_gives_sound_results(self, terms):
        texts = {each.text for each in terms}
        for added in worth_adding(terms, keywords=[]):
            assert added.text in texts
            assert added.cpa_micros <= added.goal_micros
        for excluded in worth_excluding(terms, keywords=[]):
            assert excluded.text in texts
            assert 0 <= excluded.chance <= 0.05
        for words in wasted_words(terms):
            assert 0 < words.wasted_micros <= words.cost_micros


@pytest.mark.parametrize(
    "function", [partial(worth_adding, keywords=[]), partial(worth_excluding, keywords=[]), wasted_words]
)
def test_figures_below_zero_are_refused(function):
    with pytest.raises(BadInput, match="below zero"):
        function([term("a", clicks=-1)])
