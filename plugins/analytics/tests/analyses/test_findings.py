"""The results of each analysis as findings: what is at stake, and that titles hold no figures and no names."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from adjoin_analytics.analyses.anomalies import Anomaly, Direction
from adjoin_analytics.analyses.contribution import Member, Sums, compare_ratios, compare_sums
from adjoin_analytics.analyses.fatigue import Fatigue
from adjoin_analytics.analyses.findings import (
    of_addition,
    of_anomaly,
    of_effect,
    of_exclusion,
    of_fatigue,
    of_wasted_words,
)
from adjoin_analytics.analyses.ranking import Kind, rank
from adjoin_analytics.analyses.search_terms import Addition, Exclusion, WastedWords

SINCE, UNTIL = date(2026, 10, 1), date(2026, 10, 31)
CAMPAIGN = ("google", "1", "10")
HOSTILE = "\u202e<b>=1+1 7 🏕️"

DROP = Anomaly(
    key=CAMPAIGN,
    metric="conversions",
    since=UNTIL,
    until=UNTIL,
    direction=Direction.BELOW,
    actual=Decimal("10.5"),
    expected=Decimal("30.50"),
    low=Decimal("22.00"),
    high=Decimal("40.00"),
    amount=Decimal("10.5"),
    amount_expected=Decimal("30.50"),
    per=None,
    inverse=False,
    score=-4.2,
    severity=0.8,
)
TIRED = Fatigue(
    key=("meta", "1", "c", "g", "x"),
    since=date(2026, 10, 11),
    recent_since=date(2026, 10, 18),
    recent_until=UNTIL,
    ctr_first=Decimal("0.02"),
    ctr_now=Decimal("0.01"),
    expected=Decimal("0.02"),
    siblings=None,
    impressions=14_000,
    clicks=140,
    missing_clicks=140,
    cost_micros=140_000_000,
    wasted_micros=70_000_000,
    frequency_first=None,
    frequency_now=None,
    chance=0.001,
    severity=0.7,
)
ADDED = Addition(
    campaign=CAMPAIGN,
    text=HOSTILE,
    clicks=100,
    cost_micros=100,
    conversions=Decimal(5),
    cpa_micros=20,
    goal_micros=30,
    certainty=0.9,
    gained_micros=50,
)
EXCLUDED = Exclusion(
    campaign=CAMPAIGN, text=HOSTILE, clicks=300, cost_micros=900, expected=Decimal("9.00"), chance=0.0004
)
WASTED = WastedWords(
    account=CAMPAIGN[:2],
    words=HOSTILE,
    terms=4,
    clicks=300,
    cost_micros=900,
    conversions=Decimal(0),
    expected=Decimal("9.00"),
    chance=0.0004,
    wasted_micros=600,
)
PERIOD = {"since": SINCE, "until": UNTIL, "currency": "EUR"}


class TestStakes:
    def test_counts_are_worth_what_they_usually_cost(self):
        assert of_anomaly(DROP, money=False, currency="EUR", worth_micros=20_000_000).at_stake_micros == 400_000_000
        assert of_anomaly(DROP, money=False, currency="EUR").at_stake_micros is None

    def test_money_is_worth_itself(self):
        cost = replace(DROP, metric="cost", amount=5_000_000, amount_expected=9_000_000)
        assert of_anomaly(cost, money=True, currency="EUR").at_stake_micros == 4_000_000

    def test_a_dear_conversion_costs_what_it_should_have_cost_for_each_one_missing(self):
        """Cost of 600 brought 20 conversions in place of 30: 10 are missing, which should have cost 20 each."""
        dear = replace(DROP, metric="cpa", amount=20, amount_expected=Decimal(30), per=600_000_000, inverse=True)
        assert of_anomaly(dear, money=False, currency="EUR").at_stake_micros == 200_000_000

    def test_the_others_bring_their_own(self):
        assert of_fatigue(TIRED, currency="EUR").at_stake_micros == 70_000_000
        assert of_addition(ADDED, **PERIOD).at_stake_micros == 50
        assert of_exclusion(EXCLUDED, **PERIOD).at_stake_micros == 900
        assert of_wasted_words(WASTED, **PERIOD).at_stake_micros == 600


class TestEffects:
    def _effects(self, *members, ratio=False):
        found = (compare_ratios if ratio else compare_sums)(members)
        return [of_effect(each, metric="cost", money=not ratio, **PERIOD) for each in found.effects]

    def test_a_member_that_made_the_change(self):
        grew, shrank = self._effects(
            Member(key=CAMPAIGN, before=Sums(amount=100), now=Sums(amount=400)),
            Member(key=("google", "1", "11"), before=Sums(amount=100), now=Sums(amount=50)),
        )
        assert (grew.at_stake_micros, grew.severity, grew.side) == (300, 1.0, "above")
        assert (shrank.at_stake_micros, shrank.severity, shrank.side) == (50, 0.2, "below")
        assert grew.evidence == {"before": 100, "now": 400, "change": 300, "share": Decimal("1.2")}

    def test_fractions_become_decimals(self):
        effects = self._effects(
            Member(key=CAMPAIGN, before=Sums(amount=1, volume=3), now=Sums(amount=2, volume=3)),
            Member(key=("google", "1", "11"), before=Sums(amount=1, volume=7), now=Sums(amount=1, volume=7)),
            ratio=True,
        )
        assert all(not isinstance(value, Fraction) for each in effects for value in each.evidence.values())


class TestTitles:
    FINDINGS = (
        of_anomaly(DROP, money=False, currency="EUR", worth_micros=1),
        of_anomaly(replace(DROP, direction=Direction.ABOVE), money=False, currency="EUR"),
        of_fatigue(TIRED, currency="EUR"),
        of_addition(ADDED, **PERIOD),
        of_exclusion(EXCLUDED, **PERIOD),
        of_wasted_words(WASTED, **PERIOD),
    )

    @pytest.mark.parametrize("finding", FINDINGS, ids=lambda each: each.title)
    def test_a_title_has_no_figure_and_no_name(self, finding):
        assert not any(letter.isdigit() for letter in finding.title)
        assert HOSTILE not in finding.title

    def test_texts_stay_as_they_were_typed(self):
        assert {each.subject for each in self.FINDINGS if each.kind.value.startswith("term")} == {HOSTILE}

    def test_they_rank_together(self):
        ranked = rank(self.FINDINGS)
        assert ranked[0].kind is Kind.FATIGUE
        assert len({each.id for each in ranked}) == len(ranked)
