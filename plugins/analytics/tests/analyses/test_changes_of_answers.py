"""From facts through answers to the member that made a change."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import pytest

from adjoin.analytics.v1 import Compare, Definitions, Question
from adjoin.errors import BadInput
from adjoin_analytics.analyses.asked_changes import (
    asked_children,
    comparison_question,
    members_of,
    mix_question,
    parts_of,
    points_of,
)
from adjoin_analytics.analyses.asked_days import spending_question, spent_of
from adjoin_analytics.analyses.explanation import REST, explain, walk
from adjoin_analytics.analyses.mix import shares_over_time
from adjoin_analytics.definitions.dimensions import BUILT_IN
from adjoin_analytics.definitions.metrics import built_in_metrics

DEFINITIONS = Definitions(metrics=built_in_metrics({}), dimensions=BUILT_IN)
DIMENSIONS = {one.name: one for one in BUILT_IN}
LEVELS = ("platform", "account", "campaign", "ad_group", "ad")
BEFORE, NOW = 4, 11  # days of March in the two weeks
WEEK: dict[str, Any] = {"since": date(2026, 3, 9), "until": date(2026, 3, 15), "compare": Compare.PREVIOUS_PERIOD}

MARCH = Question(since=date(2026, 3, 1), until=date(2026, 3, 31), metrics=("cost",))


def sums(day, clicks, cost, conversions):
    return {
        "date": date(2026, 3, day),
        "clicks": clicks,
        "cost_micros": cost,
        "conversions": Decimal(conversions),
        "impressions": clicks * 10,
    }


@pytest.fixture
def two_weeks(stage: Any) -> None:
    """Two platforms; on one of them a campaign has ads, one of which became dear, and another has none to tell of."""
    ads = [
        {"campaign_id": "c1", "ad_group_id": "g1", "ad_id": "a1", **sums(BEFORE, 10, 100, "1.5")},
        {"campaign_id": "c1", "ad_group_id": "g1", "ad_id": "a1", **sums(NOW, 10, 400, "1.5")},
        {"campaign_id": "c1", "ad_group_id": "g1", "ad_id": "a2", **sums(BEFORE, 5, 50, "0")},
        {"campaign_id": "c1", "ad_group_id": "g1", "ad_id": "a2", **sums(NOW, 6, 60, "0.5")},
    ]
    stage.put("ad_daily", *ads)
    groups = [{**sums(BEFORE, 15, 150, "1.5")}, {**sums(NOW, 16, 460, "2")}]
    stage.put("ad_group_daily", *({"campaign_id": "c1", "ad_group_id": "g1", **one} for one in groups))
    stage.put(
        "campaign_daily",
        *({"campaign_id": "c1", **one} for one in groups),
        {"campaign_id": "pmax", **sums(BEFORE, 20, 200, "2")},
        {"campaign_id": "pmax", **sums(NOW, 20, 230, "2")},
    )
    stage.put("campaign_daily", {"campaign_id": "c9", **sums(BEFORE, 4, 40, "1")}, platform="google", account="act_9")
    stage.name("ad", "a1", "<b>Dear</b>")


def compared(ask, metric, by, **more):
    parts = parts_of(metric, DEFINITIONS)
    question = comparison_question(Question(metrics=("cost",), **WEEK), parts, DIMENSIONS[by])
    answer = ask(*question.metrics, by=by, **WEEK, **more)
    assert answer.question == question
    return answer, parts.compare(members_of(answer, parts, DIMENSIONS[by]))


def figure(parts, totals):
    amount = Fraction(totals[parts.amount]) * parts.times
    return amount / Fraction(totals[parts.volume]) if parts.ratio else amount


@pytest.mark.usefixtures("two_weeks")
class TestComparisons:
    def test_the_effects_add_up_to_what_the_answer_says(self, ask: Any) -> None:
        for metric, by in product(("cost", "conversions", "cpa", "ctr", "cpm"), ("platform", "campaign")):
            answer, found = compared(ask, metric, by)
            parts = parts_of(metric, DEFINITIONS)

            assert found.now == figure(parts, answer.totals)
            assert found.before == figure(parts, answer.before)
            assert sum((Fraction(one.change) for one in found.effects), Fraction(0)) == found.now - found.before
            listed = explain(found)
            others = [listed.others] if listed.others else []
            assert sum(one.change for one in (*listed.effects, *others)) == found.change

    def test_a_campaign_that_has_ended(self, ask: Any) -> None:
        _, found = compared(ask, "cost", "campaign")

        ended = next(one for one in found.effects if one.key == ("google", "act_9", "c9"))
        assert (ended.presence, ended.change, ended.rate) == ("ended", -40, 0)

    def test_the_way_down_to_the_ad(self, ask: Any) -> None:
        parts = parts_of("cost", DEFINITIONS)

        def asked(question):
            return ask(*question.metrics, by=" ".join(question.dimensions), where=question.where, **WEEK)

        question = Question(metrics=("cost",), **WEEK)
        children = asked_children(asked, question, parts, [DIMENSIONS[name] for name in LEVELS])
        steps = walk(LEVELS, children, compare=parts.compare)

        assert [one.chosen.key[-1] for one in steps] == ["meta", "act_1", "c1", "g1", "a1"]
        assert steps[-1].chosen.name == "<b>Dear</b>"
        assert [one.comparison.change for one in steps] == [300, 340, 340, 310, 310]

    def test_what_has_no_ads_is_told(self, ask: Any, stage: Any) -> None:
        stage.put("campaign_daily", {"campaign_id": "pmax", **sums(NOW, 20, 9000, "2")}, account="act_2")
        parts = parts_of("cost", DEFINITIONS, behind="")

        def asked(question):
            return ask(*question.metrics, by=" ".join(question.dimensions), where=question.where, **WEEK)

        question = Question(metrics=("cost",), **WEEK)
        steps = walk(
            LEVELS,
            asked_children(asked, question, parts, [DIMENSIONS[name] for name in LEVELS]),
            compare=parts.compare,
        )

        assert [one.chosen.key[-1] if one.chosen else None for one in steps] == ["meta", "act_2", "pmax", None]
        assert [(one.key[-1], one.change) for one in steps[-1].comparison.effects] == [(REST, 9000)]

    def test_the_shares_of_platforms(self, ask: Any) -> None:
        platform = DIMENSIONS["platform"]
        question = mix_question(MARCH, "cost", platform)
        answer = ask("cost", by="week platform")
        assert answer.question == question

        found = shares_over_time(points_of(answer, platform, money=True))

        assert [period.period.day for period in found.periods] == [2, 9]
        assert [one.share for one in found.periods[0].shares] == [Fraction(35, 39), Fraction(4, 39)]
        assert [one.share for one in found.periods[1].shares] == [1, 0]

    def test_what_was_spent(self, ask: Any) -> None:
        question = spending_question(date(2026, 3, 1), date(2026, 3, 31), currency="EUR")
        answer = ask("cost", by="day platform", since=question.since, until=question.until, currency="EUR")
        assert answer.question == question

        days = spent_of(answer, read={date(2026, 3, 5)}, today=date(2026, 3, 12))

        assert {one.day.day: one.micros for one in days if one.micros is not None} == {4: 390, 5: 0, 11: 690}

    def test_amounts_in_two_currencies_are_not_added(self, ask: Any, stage: Any) -> None:
        stage.put("campaign_daily", {"campaign_id": "us", **sums(NOW, 1, 5, "0")}, account="act_us", currency="USD")

        with pytest.raises(BadInput, match="ask for all of them in one currency"):
            compared(ask, "cost", "platform")
        _, found = compared(ask, "ctr", "platform")
        assert found.change is not None
