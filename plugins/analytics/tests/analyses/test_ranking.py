"""Findings: their order, their ids, and what stands for what."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin_analytics.analyses.ranking import Finding, Kind, rank

DAY = date(2026, 11, 2)


def finding(*key, stake=None, severity=0.5, since=DAY, days=2, kind=Kind.ANOMALY, metric="conversions", **more):
    return Finding(
        kind=kind,
        title="Well below what was expected",
        key=key,
        metric=metric,
        since=since,
        until=since + timedelta(days - 1),
        severity=severity,
        evidence={},
        at_stake_micros=stake,
        currency="EUR",
        side=more.pop("side", "below"),
        occasion=since.isoformat(),
        **more,
    )


ACCOUNT = ("google", "1")
CAMPAIGN = (*ACCOUNT, "10")


class TestOrder:
    def test_money_times_certainty_decides(self):
        likely = finding("google", "1", stake=100, severity=0.9)
        doubtful = finding("google", "2", stake=150, severity=0.5)
        small = finding("google", "3", stake=10, severity=1.0)
        assert rank([small, doubtful, likely]) == (likely, doubtful, small)

    def test_what_cannot_be_told_in_money_comes_last(self):
        vague, tiny = finding("google", "1", severity=1.0), finding("google", "2", stake=1, severity=0.1)
        assert rank([vague, tiny]) == (tiny, vague)

    def test_the_order_of_the_input_does_not_matter(self):
        these = [finding(*CAMPAIGN, stake=70), finding(*ACCOUNT, stake=100), finding("meta", "1")]
        ranked = rank(these)
        assert all(rank(order) == ranked for order in permutations(these))

    def test_amounts_in_several_currencies_are_refused(self):
        these = [finding("google", "1", stake=1), replace(finding("google", "2", stake=1), currency="USD")]
        with pytest.raises(BadInput, match="EUR, USD"):
            rank(these)


class TestIds:
    def test_an_id_stays_while_figures_move(self):
        before = finding(*CAMPAIGN, stake=10)
        after = finding(*CAMPAIGN, stake=99, severity=0.9, days=5)
        assert before.id == after.id
        assert before.id == "52d09fd23831a1da"  # stored with what was dismissed: it must never change

    def test_another_occasion_metric_object_or_text_has_another(self):
        ids = {
            each.id
            for each in (
                finding(*CAMPAIGN),
                finding(*CAMPAIGN, since=DAY + timedelta(1)),
                finding(*CAMPAIGN, metric="clicks"),
                finding(*ACCOUNT),
                finding("google", "11", "0"),
                finding(*CAMPAIGN, subject="tent"),
                finding(*CAMPAIGN, kind=Kind.CONTRIBUTION),
                finding("google", "1/10"),
            )
        }
        assert len(ids) == 8

    def test_what_is_dismissed_is_gone(self):
        gone, kept = finding(*ACCOUNT), finding("meta", "1")
        assert rank([gone, kept], dismissed={gone.id}) == (kept,)

    @settings(max_examples=30, deadline=None)
    @given(st.text(), st.text())
    def test_any_text_has_an_id_of_its_own(self, one, other):
        assert (finding(*ACCOUNT, subject=one).id == finding(*ACCOUNT, subject=other).id) == (one == other)
        assert finding(*ACCOUNT, subject="\ud800").id


class TestMerging:
    def test_a_campaign_explains_its_account(self):
        account, campaign = finding(*ACCOUNT, stake=100), finding(*CAMPAIGN, stake=80)
        (left,) = rank([account, campaign])
        assert (left.key, left.covers) == (CAMPAIGN, (account.id,))

    def test_an_account_stands_for_parts_that_do_not_explain_it(self):
        account, campaign = finding(*ACCOUNT, stake=100), finding(*CAMPAIGN, stake=20)
        (left,) = rank([account, campaign])
        assert (left.key, left.covers) == (ACCOUNT, (campaign.id,))

    def test_several_campaigns_explain_it_together(self):
        account = finding(*ACCOUNT, stake=100)
        parts = [finding(*ACCOUNT, campaign, stake=stake) for campaign, stake in (("10", 40), ("11", 30))]
        ranked = rank([account, *parts])
        assert [each.key[-1] for each in ranked] == ["10", "11"]
        assert ranked[0].covers == (account.id,)

    def test_an_ad_explains_its_campaign_and_its_account(self):
        chain = [finding(*CAMPAIGN, "5", "7", stake=90), finding(*CAMPAIGN, stake=95), finding(*ACCOUNT, stake=100)]
        (left,) = rank(chain)
        assert left.key == (*CAMPAIGN, "5", "7")
        assert set(left.covers) == {chain[1].id, chain[2].id}

    def test_metrics_of_one_object_are_one_event(self):
        clicks, conversions = finding(*CAMPAIGN, metric="clicks", stake=10), finding(*CAMPAIGN, stake=50)
        (left,) = rank([clicks, conversions])
        assert (left.metric, left.covers) == ("conversions", (clicks.id,))

    def test_other_days_sides_and_objects_stay_apart(self):
        these = [
            finding(*CAMPAIGN, stake=50),
            finding(*CAMPAIGN, stake=50, since=DAY + timedelta(9)),
            finding(*ACCOUNT, stake=60, side="above"),
            finding("google", "2", stake=50),
        ]
        assert len(rank(these)) == 4

    def test_findings_of_other_analyses_are_not_merged(self):
        these = [finding(*CAMPAIGN, stake=50), finding(*CAMPAIGN, stake=60, kind=Kind.FATIGUE, metric="ctr")]
        assert len(rank(these)) == 2

    def test_the_same_finding_twice_is_one(self):
        assert len(rank([finding(*CAMPAIGN, stake=5), finding(*CAMPAIGN, stake=5)])) == 1

    def test_a_dismissed_campaign_does_not_hide_its_account(self):
        account, campaign = finding(*ACCOUNT, stake=100), finding(*CAMPAIGN, stake=80)
        assert rank([account, campaign], dismissed={campaign.id}) == (account,)


class TestBadInput:
    def test_a_severity_beyond_one(self):
        with pytest.raises(BadInput, match="0 to 1"):
            finding("google", severity=1.1)

    def test_a_stake_below_zero(self):
        with pytest.raises(BadInput, match="0 or more"):
            finding("google", stake=-1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4),
            st.one_of(st.none(), st.integers(0, 1_000)),
            st.integers(0, 5),
            st.sampled_from(["above", "below"]),
        ),
        max_size=10,
    )
)
def test_no_finding_is_lost(cells):
    these = [finding(*key, stake=stake, since=DAY + timedelta(at), side=side) for key, stake, at, side in cells]
    ranked = rank(these)
    told = [each for found in ranked for each in (found.id, *found.covers)]
    assert set(told) == {each.id for each in these}
