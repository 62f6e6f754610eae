from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pyarrow as pa
import pytest

from adjoin.analytics.v1 import (
    Answer,
    Compare,
    Condition,
    Definitions,
    Metric,
    Question,
    Threshold,
    Unit,
)
from adjoin.errors import BadInput, UnknownName
from adjoin_analytics.analyses.asked_changes import (
    asked_children,
    comparison_question,
    habit_questions,
    members_of,
    mix_question,
    parts_of,
    past_of,
    points_of,
)
from adjoin_analytics.analyses.contribution import Member, Sums, compare_ratios, compare_sums
from adjoin_analytics.analyses.explanation import walk
from adjoin_analytics.analyses.mix import shares_over_time
from adjoin_analytics.definitions.dimensions import BUILT_IN
from adjoin_analytics.definitions.metrics import built_in_metrics

SINCE, UNTIL = date(2026, 6, 8), date(2026, 6, 14)
DEFINITIONS = Definitions(metrics=built_in_metrics({}), dimensions=BUILT_IN)
DIMENSIONS = {one.name: one for one in BUILT_IN}
WEEK = Question(since=SINCE, until=UNTIL, metrics=("cost",), compare=Compare.PREVIOUS_PERIOD, currency="EUR")


def answer(question, rows, *, currency="EUR"):
    table = pa.Table.from_pylist(rows)
    return Answer(question=question, rows=table, total_rows=table.num_rows, totals={}, currency=currency)


def custom(formula, sums, unit=Unit.MONEY):
    metric = Metric(name="own", title="Own", unit=unit, formula=formula, sums=sums, custom=True)
    return Definitions(metrics=(*DEFINITIONS.metrics, metric), dimensions=())


class TestParts:
    @pytest.mark.parametrize(
        ("metric", "parts"),
        [
            ("cost", ("cost", "clicks", False, True, 1)),
            ("conversions", ("conversions", "clicks", False, False, 1)),
            ("impressions", ("impressions", None, False, False, 1)),
            ("cpa", ("cost", "conversions", True, True, 1)),
            ("roas", ("conversion_value", "cost", True, True, 1)),
            ("ctr", ("clicks", "impressions", True, False, 1)),
            ("cpm", ("cost", "impressions", True, True, 1000)),
        ],
    )
    def test_what_to_ask_for(self, metric, parts):
        found = parts_of(metric, DEFINITIONS)

        assert (found.amount, found.volume, found.ratio, found.money, found.times) == parts

    def test_every_built_in_metric_can_be_explained(self):
        for metric in DEFINITIONS.metrics:
            assert parts_of(metric.name, DEFINITIONS).metrics

    def test_a_sum_can_be_split_by_something_else_or_nothing(self):
        assert parts_of("cost", DEFINITIONS, behind="conversions").volume == "conversions"
        assert parts_of("cost", DEFINITIONS, behind="").compare is compare_sums
        with pytest.raises(UnknownName, match="no metric 'walks'"):
            parts_of("cost", DEFINITIONS, behind="walks")

    def test_own_metrics_that_add_up(self):
        profit = custom("conversion_value_micros - cost_micros", ("conversion_value_micros", "cost_micros"))
        found = parts_of("own", profit)

        assert (found.metrics, found.ratio, found.money) == (("own",), False, True)

    @pytest.mark.parametrize("formula", ["clicks - 5", "clicks / (impressions + 1)", "cost_micros * clicks"])
    def test_own_metrics_that_do_not(self, formula):
        with pytest.raises(BadInput, match="The change of Own cannot be shared out"):
            parts_of("own", custom(formula, ("clicks", "impressions", "cost_micros")))

    def test_unknown_ones_are_named(self):
        with pytest.raises(UnknownName, match="no metric 'walks'; there are cost"):
            parts_of("walks", DEFINITIONS)


class TestMembers:
    rows = (
        {
            "platform": "google",
            "account_id": "1",
            "campaign_id": "7",
            "campaign": "<b>=SUM()",
            "cost": 300,
            "cost.before": 200,
            "conversions": Decimal("3.000000000"),
            "conversions.before": Decimal("1.500000000"),
        },
        {
            "platform": "google",
            "account_id": "1",
            "campaign_id": "8",
            "campaign": None,
            "cost": 50,
            "cost.before": None,
            "conversions": None,
            "conversions.before": None,
        },
    )

    def test_the_question_asks_for_all_of_it(self):
        asked = Question(
            since=SINCE,
            until=UNTIL,
            metrics=("cpa", "roas"),
            compare=Compare.PREVIOUS_YEAR,
            where=(Condition(dimension="platform", values=("google",)),),
            having=(Threshold(metric="cost", at_least=Decimal(5)),),
            search="brand",
            limit=50,
            offset=50,
            order_by=("-cost",),
        )
        found = comparison_question(asked, parts_of("cpa", DEFINITIONS), DIMENSIONS["campaign"])

        assert found == Question(
            since=SINCE,
            until=UNTIL,
            metrics=("cost", "conversions"),
            dimensions=("campaign",),
            compare=Compare.PREVIOUS_YEAR,
            where=asked.where,
        )

    def test_without_a_comparison_there_is_no_change(self):
        with pytest.raises(BadInput, match="say what is compared"):
            comparison_question(
                Question(since=SINCE, until=UNTIL, metrics=("cost",)),
                parts_of("cost", DEFINITIONS),
                DIMENSIONS["campaign"],
            )

    def test_rows_become_members(self):
        parts, campaign = parts_of("cpa", DEFINITIONS), DIMENSIONS["campaign"]
        members = members_of(answer(comparison_question(WEEK, parts, campaign), self.rows), parts, campaign)

        assert members == [
            Member(
                key=("google", "1", "7"),
                name="<b>=SUM()",
                before=Sums(amount=200, volume=Decimal("1.5")),
                now=Sums(amount=300, volume=3),
            ),
            Member(key=("google", "1", "8"), name="", before=None, now=Sums(amount=50)),
        ]
        found = compare_ratios(members)
        assert (found.before, found.now) == (Fraction(400, 3), Fraction(350, 3))
        assert found.effects[0].change + found.effects[1].change == found.change

    def test_cost_per_thousand(self):
        parts, platform = parts_of("cpm", DEFINITIONS), DIMENSIONS["platform"]
        rows = [{"platform": "meta", "cost": 5, "cost.before": 4, "impressions": 1000, "impressions.before": 1000}]

        found = parts.compare(members_of(answer(comparison_question(WEEK, parts, platform), rows), parts, platform))

        assert (found.before, found.now, found.effects[0].key) == (4, 5, ("meta",))

    def test_effects_on_counts_are_in_hundredths(self):
        parts, platform = parts_of("conversions", DEFINITIONS), DIMENSIONS["platform"]
        rows = [{"platform": "meta", "conversions": 2, "conversions.before": 1, "clicks": 15, "clicks.before": 10}]

        found = parts.compare(members_of(answer(comparison_question(WEEK, parts, platform), rows), parts, platform))

        assert (found.volume, found.rate) == (Decimal("0.58"), Decimal("0.42"))

    def test_currencies_are_not_mixed(self):
        parts, platform = parts_of("cost", DEFINITIONS, behind=""), DIMENSIONS["platform"]
        rows = [
            {"platform": name, "currency": currency, "cost": 1, "cost.before": 1}
            for name, currency in (("google", "EUR"), ("meta", "USD"))
        ]
        with pytest.raises(BadInput, match="ask for all of them in one currency"):
            members_of(answer(comparison_question(WEEK, parts, platform), rows, currency=None), parts, platform)
        counts = parts_of("impressions", DEFINITIONS)
        shown = [row | {"impressions": 1, "impressions.before": 2} for row in rows]
        asked = answer(comparison_question(WEEK, counts, platform), shown, currency=None)
        assert len(members_of(asked, counts, platform)) == 2


def test_a_walk_asks_one_question_for_each_step():
    asked = []
    below = {
        (): [
            {"platform": "google", "cost": 90, "cost.before": 30, "clicks": 9, "clicks.before": 3},
            {"platform": "meta", "cost": 10, "cost.before": 10, "clicks": 1, "clicks.before": 1},
        ],
        ("google",): [
            {
                "platform": "google",
                "account_id": "1",
                "account": "Shop",
                "cost": 90,
                "cost.before": 30,
                "clicks": 9,
                "clicks.before": 3,
            }
        ],
        ("google/1",): [
            {
                "platform": "google",
                "account_id": "1",
                "campaign_id": id_,
                "campaign": "C",
                "cost": cost,
                "cost.before": 15,
                "clicks": 4,
                "clicks.before": 1,
            }
            for id_, cost in (("7", 70), ("8", 18))
        ],
        ("google/1/7",): [],
    }

    def ask(question):
        asked.append(question)
        values = question.where[-1].values if question.where else ()
        return answer(question, below[values])

    parts = parts_of("cost", DEFINITIONS)
    levels = ("platform", "account", "campaign", "ad_group")
    children = asked_children(ask, WEEK, parts, [DIMENSIONS[name] for name in levels])
    steps = walk(levels, children, compare=parts.compare)

    assert [(one.level, one.chosen.key if one.chosen else None) for one in steps] == [
        ("platform", ("google",)),
        ("account", ("google", "1")),
        ("campaign", ("google", "1", "7")),
        ("ad_group", None),
    ]
    assert [one.dimensions for one in asked] == [(name,) for name in levels]
    assert asked[2].where == (Condition(dimension="account", values=("google/1",)),)
    rest = [one for one in steps[2].comparison.effects if one.key[-1] == ""]
    assert [(one.before, one.now) for one in rest] == [(0, 2)]
    assert steps[3].comparison.effects[0].key == ("google", "1", "7", "")


def test_a_mix_by_week():
    question = mix_question(WEEK, "cost", DIMENSIONS["account"])
    assert (question.dimensions, question.compare, question.metrics) == (
        ("week", "account"),
        Compare.NOTHING,
        ("cost",),
    )
    rows = [
        {"week": week, "platform": "google", "account_id": id_, "account": name, "cost": cost}
        for week, id_, name, cost in ((SINCE, "1", "A", 3), (SINCE, "2", "B", 1), (SINCE + timedelta(7), "1", "A", 4))
    ]

    found = shares_over_time(points_of(answer(question, rows), DIMENSIONS["account"], money=True))

    assert [[one.share for one in period.shares] for period in found.periods] == [
        [Fraction(3, 4), Fraction(1, 4)],
        [1, 0],
    ]
    assert found.names == {("google", "1"): "A", ("google", "2"): "B"}


def test_the_habit_of_members():
    parts, platform = parts_of("cost", DEFINITIONS), DIMENSIONS["platform"]
    questions = habit_questions(WEEK, parts, platform, periods=3)

    assert [(one.since.day, one.until.day) for one in questions] == [(1, 7), (25, 31), (18, 24)]
    assert {(one.metrics, one.dimensions, one.compare, one.currency) for one in questions} == {
        (("cost",), ("platform",), Compare.NOTHING, "EUR")
    }
    weeks = [
        [{"platform": "google", "cost": 5}],
        [{"platform": "google", "cost": None}, {"platform": "meta", "cost": 7}],
        [],
    ]
    answers = [answer(question, rows) for question, rows in zip(questions, weeks, strict=True)]
    assert past_of(answers, parts, platform) == {("google",): [5, None], ("meta",): [0, 7]}
