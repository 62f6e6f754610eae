"""The questions that signals ask, and what is read from the answers."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from adjoin.analytics.v1 import Answer, Definitions, Question
from adjoin.errors import BadInput, UnknownName
from adjoin_analytics import Analyst
from adjoin_analytics.analyses.anomalies import anomalies
from adjoin_analytics.analyses.asked_signals import (
    ads_of,
    ads_question,
    daily_question,
    judged_by,
    keywords_of,
    keywords_question,
    search_terms_of,
    search_terms_question,
    series_of,
)
from adjoin_analytics.analyses.completeness import AgeShare, Curve
from adjoin_analytics.analyses.fatigue import AdDay
from adjoin_analytics.analyses.forecast import Forecast, forecast
from adjoin_analytics.definitions.dimensions import BUILT_IN
from adjoin_analytics.definitions.metrics import built_in_metrics

FIRST = date(2026, 6, 1)
TODAY = date(2026, 6, 5)
DEFINITIONS = Definitions(metrics=built_in_metrics({}), dimensions=BUILT_IN)
DIMENSIONS = {each.name: each for each in BUILT_IN}
CAMPAIGN = DIMENSIONS["campaign"]


def day(at):
    return FIRST + timedelta(at)


def answer(question, columns, *, currency="EUR", changing=None):
    table = pa.table(columns)
    return Answer(
        question=question,
        rows=table,
        total_rows=table.num_rows,
        totals={},
        currency=currency,
        changing_since=changing or {},
    )


def campaigns(rows, *, metrics):
    """Rows of (account, campaign, day, *values), as an answer by campaign and day has them."""
    accounts, ids, days, *values = zip(*rows, strict=True)
    return {
        "platform": ["google"] * len(rows),
        "account_id": accounts,
        "campaign_id": ids,
        "campaign": ["<b>Name</b>"] * len(rows),
        "day": pa.array([day(at) for at in days], pa.date32()),
        **dict(zip(metrics, values, strict=True)),
    }


class TestWhatIsAsked:
    @pytest.mark.parametrize(
        ("metric", "asked", "money", "inverse", "times"),
        [
            ("clicks", ("clicks",), False, False, 1),
            ("cost", ("cost", "clicks"), True, False, 1),
            ("conversion_value", ("conversion_value", "conversions"), True, False, 1),
            ("ctr", ("clicks", "impressions"), False, False, 1),
            ("cvr", ("conversions", "clicks"), False, False, 1),
            ("cpa", ("conversions", "cost"), False, True, 1),
            ("cpm", ("impressions", "cost"), False, True, 1000),
            ("roas", ("conversion_value", "cost", "conversions"), True, False, 1),
        ],
    )
    def test_ratios_are_asked_as_their_counts(self, metric, asked, money, inverse, times):
        judged = judged_by(metric, DEFINITIONS)
        assert (judged.metrics, judged.money, judged.inverse, judged.times) == (asked, money, inverse, times)

    def test_an_unknown_metric_is_named(self):
        with pytest.raises(UnknownName, match="'clics'"):
            judged_by("clics", DEFINITIONS)

    def test_the_question_has_the_sums_by_day(self):
        asked = daily_question(judged_by("cpa", DEFINITIONS), CAMPAIGN, since=FIRST, until=TODAY, currency="EUR")
        assert asked == Question(
            since=FIRST,
            until=TODAY,
            metrics=("conversions", "cost"),
            dimensions=("campaign", "day"),
            currency="EUR",
        )
        assert daily_question(judged_by("cost", DEFINITIONS), None, since=FIRST, until=TODAY).dimensions == ("day",)


class TestSeries:
    def _read(self, rows, metric="clicks", **options):
        judged = judged_by(metric, DEFINITIONS)
        asked = daily_question(judged, CAMPAIGN, since=FIRST, until=TODAY)
        found = answer(asked, campaigns(rows, metrics=judged.metrics), **options.pop("answered", {}))
        return series_of(found, judged, CAMPAIGN, today=TODAY, **options)

    def test_a_day_that_was_read_without_a_row_is_nothing(self):
        one, other = self._read([("1", "a", 0, 5), ("1", "a", 2, 7), ("1", "b", 1, 3)])
        assert one.key == ("google", "1", "a")
        assert [(each.day, each.amount) for each in one.days] == [(day(0), 5), (day(1), 0), (day(2), 7)]
        assert [(each.day, each.amount) for each in other.days] == [(day(1), 3), (day(2), 0)]

    def test_a_day_that_was_not_read_is_not_there(self):
        (found,) = self._read([("1", "a", 0, 5), ("1", "a", 2, 7)])
        assert [each.day for each in found.days] == [day(0), day(2)]

    def test_accounts_are_read_apart(self):
        one, _ = self._read([("1", "a", 0, 5), ("2", "b", 0, 3), ("2", "b", 1, 3)])
        assert [each.day for each in one.days] == [day(0)]

    def test_missing_stays_missing(self):
        (found,) = self._read([("1", "a", 0, None), ("1", "a", 1, 4)])
        assert [each.amount for each in found.days] == [None, 4]

    def test_today_has_not_arrived(self):
        (found,) = self._read([("1", "a", 3, 5), ("1", "a", 4, 5)])
        assert [each.arrived for each in found.days] == [1.0, 0.0]

    def test_a_ratio_has_both_halves(self):
        rows = [
            ("1", "a", 0, Decimal("2.50"), 9_000_000),
            ("1", "a", 1, Decimal("3.00"), None),
            ("1", "b", 2, Decimal("1.00"), 5),
        ]
        found = self._read(rows, "cpa")[0]
        assert [(each.amount, each.per) for each in found.days] == [(Decimal("2.5"), 9_000_000), (None, None), (0, 0)]
        assert found.inverse

    def test_conversions_that_may_still_change_have_not_arrived_without_a_curve(self):
        rows = [("1", "a", at, Decimal(5)) for at in range(4)]
        changing = {"answered": {"changing": {"google": day(2)}}}
        (found,) = self._read(rows, "conversions", **changing)
        assert [each.arrived for each in found.days] == [1, 1, 0, 0]
        (clicks,) = self._read([("1", "a", at, 5) for at in range(4)], "clicks", **changing)
        assert [each.arrived for each in clicks.days] == [1, 1, 1, 1]

    def test_a_curve_says_how_much_has_arrived(self):
        shares = [None, Fraction(1, 2), Fraction(3, 4), Fraction(101, 100)]
        ages = tuple(
            AgeShare(age=age, complete=share, days=20, spread=0.1, doubt=0.0) for age, share in enumerate(shares)
        )
        curve = Curve(platform="google", metric="conversions", ages=ages, grows=True, lump=1)
        rows = [("1", "a", at, Decimal(5)) for at in range(5)]
        (found,) = self._read(rows, "conversions", curves=[curve], answered={"changing": {"google": day(0)}})
        assert [each.arrived for each in found.days] == [1.0, 1.0, 0.75, 0.5, 0.0]

    def test_amounts_in_several_currencies_are_refused(self):
        judged = judged_by("cost", DEFINITIONS)
        columns = campaigns([("1", "a", 0, 5, 1), ("2", "b", 0, 5, 1)], metrics=judged.metrics)
        found = answer(
            daily_question(judged, CAMPAIGN, since=FIRST, until=TODAY),
            {**columns, "currency": ["EUR", "USD"]},
            currency=None,
        )
        with pytest.raises(BadInput, match="EUR, USD"):
            series_of(found, judged, CAMPAIGN, today=TODAY)

    def test_all_together_is_one_series(self):
        judged = judged_by("clicks", DEFINITIONS)
        found = answer(
            daily_question(judged, None, since=FIRST, until=TODAY),
            {"day": pa.array([day(0), day(1)], pa.date32()), "clicks": [4, 5]},
        )
        (series,) = series_of(found, judged, None, today=TODAY)
        assert (series.key, [each.amount for each in series.days]) == ((), [4, 5])

    def test_texts_have_no_account(self):
        judged = judged_by("clicks", DEFINITIONS)
        objective = DIMENSIONS["objective"]
        found = answer(
            daily_question(judged, objective, since=FIRST, until=TODAY),
            {
                "objective": ["sales", "leads", "sales", None],
                "day": pa.array([day(0), day(0), day(1), day(1)], pa.date32()),
                "clicks": [1, 2, 3, 4],
            },
        )
        series = series_of(found, judged, objective, today=TODAY)
        assert {each.key: [one.amount for one in each.days] for each in series} == {
            ("",): [4],
            ("leads",): [2, 0],
            ("sales",): [1, 3],
        }

    def test_no_rows_give_no_series(self):
        judged = judged_by("clicks", DEFINITIONS)
        nothing = {"day": pa.array([], pa.date32()), "clicks": pa.array([], pa.int64())}
        asked = daily_question(judged, None, since=FIRST, until=TODAY)
        assert series_of(answer(asked, nothing), judged, None, today=TODAY) == ()


class TestAds:
    def test_ads_with_their_days(self):
        columns = {
            "platform": ["meta"] * 5,
            "account_id": ["1"] * 5,
            "campaign_id": ["c"] * 5,
            "ad_group_id": ["g", "g", "g", None, "g"],
            "ad_id": ["x", "x", "y", None, "x"],
            "ad": ["🏕️", "🏕️", None, None, "🏕️"],
            "day": pa.array([day(0), day(1), day(1), day(1), day(2)], pa.date32()),
            "impressions": [100, 200, 300, 5, 10],
            "clicks": [1, 2, None, 5, -1],
            "cost": [10, None, 30, 5, 5],
        }
        (found,) = ads_of(answer(ads_question(until=TODAY), columns))
        assert found.key == ("meta", "1", "c", "g", "x")
        assert found.days == (
            AdDay(day=day(0), impressions=100, clicks=1, cost_micros=10),
            AdDay(day=day(1), impressions=200, clicks=2, cost_micros=0),
        )

    def test_the_days_asked_for(self):
        asked = ads_question(until=TODAY, days=10)
        assert (asked.since, asked.until) == (TODAY - timedelta(9), TODAY)


class TestSearchTerms:
    def test_terms_and_keywords_as_they_stand(self):
        hostile = "\u202e=1+1 <img src=x> 🏕️"
        columns = {
            "platform": ["google"] * 3,
            "account_id": ["1"] * 3,
            "campaign_id": ["c"] * 3,
            "campaign": ["A", "A", "A"],
            "search_term": [hostile, None, "no cost"],
            "clicks": [5, 6, 7],
            "impressions": [50, None, 70],
            "cost": [1_000, 2_000, None],
            "conversions": pa.array([Decimal("1.500"), Decimal("0.000"), Decimal("0.000")], pa.decimal128(18, 3)),
        }
        (found,) = search_terms_of(answer(search_terms_question(since=FIRST, until=TODAY), columns))
        assert (found.campaign, found.text, found.conversions) == (("google", "1", "c"), hostile, Decimal("1.5"))
        texts = keywords_of(answer(keywords_question(since=FIRST, until=TODAY), {"keyword": ["tent", None, "tent"]}))
        assert texts == {"tent"}


class TestAsked:
    """The questions are answered from facts, and what is read is what was put there."""

    SINCE, LAST = date(2026, 1, 5), date(2026, 4, 5)

    @pytest.fixture
    def asked(self, stage, rates):
        analyst = Analyst(rates)
        rng = np.random.default_rng(1)
        days = [self.SINCE + timedelta(at) for at in range((self.LAST - self.SINCE).days + 1)]
        clicks = [*rng.poisson(300, len(days) - 3).tolist(), 90, 80, 100]
        place = {"campaign_id": "c", "ad_group_id": "g"}
        figures = [
            {
                "date": day,
                "impressions": 9_000,
                "clicks": hit,
                "cost_micros": hit * 500_000,
                "conversions": Decimal(hit // 30),
            }
            for day, hit in zip(days, clicks, strict=True)
        ]
        options = {"platform": "google", "account": "1"}
        stage.put("campaign_daily", *({**row, "campaign_id": "c"} for row in figures), **options)
        stage.put("ad_daily", *({**row, **place, "ad_id": "x"} for row in figures), **options)
        stage.put("search_term_daily", *({**row, **place, "search_term": "tent 🏕️"} for row in figures), **options)
        stage.put("keyword_daily", *({**row, **place, "keyword_id": "k"} for row in figures), **options)
        stage.name("keyword", "k", "tent", platform="google", account="1")
        return lambda question: analyst.ask(stage.context(), question), sum(clicks)

    def test_from_the_question_to_the_anomaly_and_the_forecast(self, asked):
        ask, _ = asked
        judged = judged_by("clicks", DEFINITIONS)
        question = daily_question(judged, CAMPAIGN, since=self.SINCE, until=self.LAST)
        series = series_of(ask(question), judged, CAMPAIGN, today=date(2026, 4, 10))
        (found,) = anomalies(series, since=self.LAST - timedelta(13), until=self.LAST)
        assert (found.key, found.until, found.actual) == (("google", "1", "c"), self.LAST, 270)
        assert isinstance(forecast(series[0], until=date(2026, 4, 30)), Forecast)

    def test_ratios_ads_terms_and_keywords(self, asked):
        ask, clicks = asked
        judged = judged_by("cpa", DEFINITIONS)
        question = daily_question(judged, CAMPAIGN, since=self.SINCE, until=self.LAST, currency="EUR")
        (series,) = series_of(ask(question), judged, CAMPAIGN, today=date(2026, 4, 10))
        assert sum(day.per for day in series.days) == clicks * 500_000
        (ad,) = ads_of(ask(ads_question(until=self.LAST, currency="EUR")))
        assert ad.key == ("google", "1", "c", "g", "x")
        assert sum(day.clicks for day in ad.days) == clicks
        (term,) = search_terms_of(ask(search_terms_question(since=self.SINCE, until=self.LAST, currency="EUR")))
        assert (term.campaign, term.text, term.clicks) == (("google", "1", "c"), "tent 🏕️", clicks)
        assert keywords_of(ask(keywords_question(since=self.SINCE, until=self.LAST))) == {"tent"}
