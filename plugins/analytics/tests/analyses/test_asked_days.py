from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pyarrow as pa
import pytest

from adjoin.ads import v2 as ads
from adjoin.analytics.v1 import Answer, Definitions
from adjoin.errors import BadInput
from adjoin.facts.history import Moved, Step
from adjoin_analytics.analyses.asked_days import changing_days, histories_of, spending_question, spent_of
from adjoin_analytics.analyses.completeness import AgeShare, Curve
from adjoin_analytics.analyses.pacing import Budget, Spent, pace
from adjoin_analytics.analyses.pacing import Step as BudgetStep
from adjoin_analytics.definitions.dimensions import BUILT_IN
from adjoin_analytics.definitions.metrics import built_in_metrics

DEFINITIONS = Definitions(metrics=built_in_metrics({}), dimensions=BUILT_IN)


def answer(question, rows, *, currency="EUR"):
    table = pa.Table.from_pylist(rows)
    return Answer(question=question, rows=table, total_rows=table.num_rows, totals={}, currency=currency)


class TestSpending:
    question = spending_question(date(2026, 6, 1), date(2026, 6, 30), currency="EUR")
    rows = (
        {"day": date(2026, 6, 1), "platform": "google", "cost": 60},
        {"day": date(2026, 6, 1), "platform": "meta", "cost": 40},
        {"day": date(2026, 6, 3), "platform": "google", "cost": None},
        {"day": date(2026, 6, 4), "platform": "google", "cost": 100},
    )

    def test_it_goes_back_eight_weeks(self):
        assert (self.question.since, self.question.until) == (date(2026, 4, 6), date(2026, 6, 30))
        assert (self.question.metrics, self.question.dimensions) == (("cost",), ("day", "platform"))

    def test_days_with_no_cost_and_days_that_were_not_read(self):
        read = {date(2026, 6, number) for number in (1, 2, 3, 4)}
        found = spent_of(answer(self.question, self.rows), read=read, today=date(2026, 6, 5))

        assert {one.day: one.micros for one in found if one.day >= date(2026, 6, 1)} == {
            date(2026, 6, 1): 100,
            date(2026, 6, 2): 0,
            date(2026, 6, 3): None,
            date(2026, 6, 4): 100,
            date(2026, 6, 5): None,
        }
        assert found[0] == Spent(day=date(2026, 4, 6), micros=None)

    def test_days_that_may_still_change(self):
        ages = tuple(
            AgeShare(age=age, complete=share, days=9, spread=0.0, doubt=0.0)
            for age, share in enumerate((Fraction(1, 2), Fraction(2)))
        )
        curve = Curve(platform="google", metric="cost", ages=ages, grows=False, lump=0)
        rows = [*self.rows, {"day": date(2026, 6, 5), "platform": "google", "cost": 70}]  # today is a part of a day
        found = spent_of(answer(self.question, rows), read=(), today=date(2026, 6, 5), curves=[curve])

        finals = {one.day.day: one.final_micros for one in found if one.final_micros is not None}
        assert finals == {4: 50}

    def test_currencies_are_not_mixed(self):
        with pytest.raises(BadInput, match="ask for all of them in one currency"):
            spent_of(answer(self.question, self.rows, currency=None), read=(), today=date(2026, 6, 5))

    def test_a_budget_of_the_month(self):
        days = spent_of(answer(self.question, self.rows[:2]), read=(), today=date(2026, 6, 2))
        june = Budget(
            since=date(2026, 6, 1), until=date(2026, 6, 30), steps=(BudgetStep(since=date(2026, 6, 1), micros=3000),)
        )

        assert pace(june, days, today=date(2026, 6, 2)).ratio == 1


def test_histories_have_the_days_and_names_of_questions():
    def moved(metric, *steps):
        return Moved(
            platform="google",
            account_id="1",
            currency="EUR",
            dataset="account_daily",
            day=date(2026, 6, 1),
            metric=metric,
            steps=[Step(at=at, value=value) for at, value in steps],
        )

    late = datetime(2026, 6, 1, 23, tzinfo=UTC)
    rows = [moved("cost_micros", (late, 5), (late + timedelta(hours=2), 6)), moved("clicks", (late, 1))]
    cost, clicks = histories_of(rows, DEFINITIONS, zones={("google", "1"): "Europe/Berlin"})

    assert (cost.metric, clicks.metric, cost.owner) == ("cost", "clicks", ("google", "1"))
    assert [(one.on.day, one.value) for one in cost.known] == [(2, 6)]  # both on the same day in Berlin
    (utc, _) = histories_of(rows, DEFINITIONS)
    assert [(one.on.day, one.value) for one in utc.known] == [(1, 5), (2, 6)]


def test_how_long_days_may_change_is_what_platforms_say():
    def described(*look_backs):
        streams = tuple(
            ads.Stream(name=f"stream_{at}", kind=kind, look_back=tuple(ads.LookBack(days=days) for days in tiers))
            for at, (kind, tiers) in enumerate(look_backs)
        )
        return ads.Description(
            title="P", base_url="https://p.example", api_version="1", auth=ads.Auth(), streams=streams
        )

    found = changing_days(
        {"google": described(("facts", (3, 30)), ("facts", (3, 90))), "own": described(("entities", (28,)))}
    )

    assert found == {"google": 89, "own": 0}
