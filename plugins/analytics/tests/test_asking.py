"""Answers: hand-made facts with known answers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from adjoin.ads import v2
from adjoin.ads.datasets import arrow_schema
from adjoin.analytics import v1
from adjoin.errors import BadInput, StoreDamaged, UnknownName
from adjoin.testing.fact_stage import FactStage


def on(day: int, campaign: str = "c1", **metrics: Any) -> dict[str, Any]:
    return {"date": date(2026, 3, day), "campaign_id": campaign, **metrics}


def columns(answer: v1.Answer, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in answer.rows.to_pylist()]


def only(dimension: str, *values: str, operator: v1.Operator = v1.Operator.IS) -> tuple[v1.Condition, ...]:
    return (v1.Condition(dimension=dimension, values=values, operator=operator),)


def described(**more: Any) -> v2.Description:
    stream = v2.Stream(name="campaign_daily", kind="facts", look_back=(v2.LookBack(days=3), v2.LookBack(days=10)))
    return v2.Description(
        title="Meta Ads", base_url="https://meta.example", api_version="1", auth=v2.Auth(), streams=(stream,), **more
    )


@pytest.fixture
def campaigns(stage: FactStage) -> FactStage:
    stage.put(
        "campaign_daily",
        on(1, impressions=1000, clicks=10, cost_micros=5_000_000, conversions=Decimal(1)),
        on(2, impressions=500, clicks=5, cost_micros=2_500_000, conversions=Decimal("0.5")),
        on(2, "c2", impressions=100, clicks=0, cost_micros=0, conversions=Decimal(0)),
        on(9, "c3", impressions=10, clicks=7, cost_micros=3_000_000),
    )
    stage.name("campaign", "c1", "Spring <b>")
    stage.name("campaign", "c2", "100% *spring*")
    return stage


class TestRows:
    def test_default_order(self, ask: Any, campaigns: FactStage) -> None:
        """The first metric's highest first, what is missing last, equals by their ids; time ascending."""
        assert columns(ask("cost", by="campaign"), "campaign_id") == [("c1",), ("c3",), ("c2",)]
        assert columns(ask("cpa", by="campaign"), "campaign_id") == [("c1",), ("c2",), ("c3",)]
        assert columns(ask("cost", by="day"), "day") == [(date(2026, 3, day),) for day in (1, 2, 9)]

    def test_order_by_names_and_metrics(self, ask: Any, campaigns: FactStage) -> None:
        assert columns(ask("cost", by="campaign", order_by=("campaign",)), "campaign") == [
            ("100% *spring*",),
            ("Spring <b>",),
            (None,),
        ]
        assert columns(ask("cost", "clicks", by="campaign", order_by=("clicks",)), "clicks") == [(0,), (7,), (15,)]

    def test_pages_of_rows(self, ask: Any, campaigns: FactStage) -> None:
        """Pages follow each other without a gap, and each knows how many rows there are."""
        pages = [ask("clicks", by="campaign", limit=1, offset=number) for number in range(4)]
        assert [columns(page, "campaign_id") for page in pages] == [[("c1",)], [("c3",)], [("c2",)], []]
        assert {page.total_rows for page in pages} == {3}
        assert {page.totals["clicks"] for page in pages} == {22}

    def test_search_in_names(self, ask: Any, campaigns: FactStage) -> None:
        """Signs have no meaning of their own, case neither; the totals are those of the rows that are found."""
        assert columns(ask("clicks", by="campaign", search="SPRING"), "campaign_id") == [("c1",), ("c2",)]
        found = ask("clicks", by="campaign", search="100% *")
        assert (columns(found, "campaign_id"), found.totals, found.total_rows) == ([("c2",)], {"clicks": 0}, 1)
        assert ask("clicks", by="campaign", search="'); --").total_rows == 0
        both = ask("clicks", by="campaign", search="spring", compare=v1.Compare.PREVIOUS_PERIOD, currency="EUR")
        assert (columns(both, "campaign_id", "clicks.before"), both.totals) == (
            [("c1", None), ("c2", None)],
            {"clicks": 15},
        )
        several = ask("clicks", by="account campaign", search="spring", order_by=("account", "-campaign"))
        assert columns(several, "account", "campaign_id") == [("Account act_1", "c1"), ("Account act_1", "c2")]
        with pytest.raises(BadInput, match="search needs a dimension with names"):
            ask("clicks", by="day", search="x")

    def test_an_object_without_a_name_is_found_by_its_id(self, ask: Any, campaigns: FactStage) -> None:
        assert columns(ask("clicks", by="campaign", search="C3"), "campaign_id", "campaign") == [("c3", None)]

    def test_thresholds(self, ask: Any, campaigns: FactStage) -> None:
        """Money counts in whole units; a missing value passes none; the totals are those of the rows that are left."""
        from_three = (v1.Threshold(metric="cost", at_least=Decimal(3), at_most=Decimal("7.5")),)
        found = ask("clicks", by="campaign", having=from_three)
        assert columns(found, "campaign_id", "clicks") == [("c1", 15), ("c3", 7)]
        assert found.totals == {"clicks": 22}
        assert ask("clicks", by="campaign", having=(v1.Threshold(metric="cpa", at_least=Decimal(0)),)).total_rows == 1
        share = (v1.Threshold(metric="ctr", at_most=Decimal("0.01")),)
        assert columns(ask("ctr", by="campaign", having=share), "ctr") == [(0.01,), (0.0,)]

    def test_types(self, ask: Any, campaigns: FactStage) -> None:
        """Integers for counts and micros, decimals for counts with fractions, floats for ratios, days for days."""
        schema = ask("cost", "clicks", "conversions", "ctr", "cpa", by="platform day month").rows.schema
        assert {field.name: str(field.type) for field in schema} == {
            "platform": "string",
            "day": "date32[day]",
            "month": "date32[day]",
            "currency": "string",
            "cost": "int64",
            "clicks": "int64",
            "conversions": "decimal128(38, 9)",
            "ctr": "double",
            "cpa": "int64",
        }

    def test_a_comparison_with_rows_of_one_side(self, ask: Any, campaigns: FactStage) -> None:
        """Rows that are new, and rows that are gone; and the totals of each side."""
        found = ask(
            "cost",
            by="campaign",
            since=date(2026, 3, 2),
            until=date(2026, 3, 9),
            compare_since=date(2026, 3, 1),
            compare_until=date(2026, 3, 1),
        )
        assert columns(found, "campaign_id", "cost", "cost.before") == [
            ("c3", 3_000_000, None),
            ("c1", 2_500_000, 5_000_000),
            ("c2", 0, None),
        ]
        gone = ask(
            "cost", by="campaign", since=date(2026, 3, 3), until=date(2026, 3, 4), compare=v1.Compare.PREVIOUS_PERIOD
        )
        assert columns(gone, "campaign", "cost", "cost.before") == [
            ("Spring <b>", None, 7_500_000),
            ("100% *spring*", None, 0),
        ]
        assert (gone.totals, gone.before) == ({"cost": None}, {"cost": 7_500_000})

    def test_compared_years_meet_on_weekdays(self, ask: Any, campaigns: FactStage) -> None:
        found = ask("cost", compare=v1.Compare.PREVIOUS_YEAR)
        assert found.compared == (date(2025, 3, 2), date(2025, 4, 1))
        assert found.compared[0].weekday() == date(2026, 3, 1).weekday()


class TestMissing:
    def test_what_a_platform_lacks_is_missing_there(self, ask: Any, campaigns: FactStage) -> None:
        """A sum that no row gives is missing, never 0; others are added without it, and a note says so."""
        campaigns.put("campaign_daily", on(1, "g1", clicks=1, impressions=10, video_views=4), platform="google")
        campaigns.platforms["meta"] = described()
        found = ask("video_views", "vtr", "clicks", by="platform")
        assert columns(found, "platform", "video_views", "vtr") == [("google", 4, 0.4), ("meta", None, None)]
        assert found.totals["video_views"] == 4
        assert "Video views: Meta Ads gave none on these days, so they are missing there." in found.notes

    def test_division_by_nothing(self, ask: Any, campaigns: FactStage) -> None:
        found = ask("ctr", "cpc", "roas", by="campaign", where=only("campaign", "c2"))
        assert columns(found, "ctr", "cpc", "roas") == [(0.0, None, None)]

    def test_an_empty_workspace(self, ask: Any) -> None:
        """Nothing connected: no rows, missing totals, and nothing breaks."""
        for by in ("", "campaign", "day objective"):
            found = ask("cost", "ctr", by=by, currency="EUR", compare=v1.Compare.PREVIOUS_PERIOD)
            assert (found.rows.num_rows, found.totals, found.before) == (
                0,
                {"cost": None, "ctr": None},
                {"cost": None, "ctr": None},
            )

    def test_days_in_the_future_and_far_away(self, ask: Any, campaigns: FactStage) -> None:
        assert ask("cost", by="day", since=date(2099, 1, 1), until=date(2099, 12, 31)).total_rows == 0
        assert ask("cost", since=date(1, 1, 1), until=date(9999, 12, 31)).totals == {"cost": 10_500_000}
        with pytest.raises(BadInput, match="no days before"):
            ask("cost", since=date(1, 1, 1), until=date(2026, 1, 1), compare=v1.Compare.PREVIOUS_PERIOD)


class TestCurrencies:
    @pytest.fixture
    def mixed(self, campaigns: FactStage) -> FactStage:
        campaigns.put(
            "campaign_daily",
            on(5, "u1", cost_micros=1_200_001, clicks=1),
            account="us",
            platform="google",
            currency="USD",
        )
        campaigns.put("campaign_daily", on(5, "z1", cost_micros=9, clicks=2), account="zz", currency="XTS")
        return campaigns

    def test_several_are_not_added(self, ask: Any, mixed: FactStage) -> None:
        """A row that would mix them has no amount and no currency; counts are added all the same."""
        found = ask("cost", "clicks", "cpc", by="platform")
        assert columns(found, "platform", "currency", "cost", "clicks", "cpc") == [
            ("google", "USD", 1_200_001, 1, 1_200_001),
            ("meta", None, None, 24, None),
        ]
        assert (found.currency, found.totals["cost"], found.totals["clicks"]) == (None, None, 25)
        assert found.notes[0] == "Amounts are in EUR, USD, XTS and were not added; name a currency to convert them."
        assert columns(ask("cost", by="currency"), "currency", "cost") == [
            ("EUR", 10_500_000),
            ("USD", 1_200_001),
            ("XTS", 9),
        ]

    def test_the_rate_of_the_day(self, ask: Any, mixed: FactStage) -> None:
        """1.2 dollars are a euro on that Thursday; the sum of the day is rounded to whole micros."""
        found = ask("cost", by="account", where=only("currency", "EUR", "usd"), currency="eur")
        assert columns(found, "account_id", "cost") == [("act_1", 10_500_000), ("us", 1_000_001)]
        assert (found.currency, found.totals["cost"]) == ("EUR", 11_500_001)
        assert "currency" not in found.rows.column_names

    def test_totals_are_the_same_by_whatever(self, ask: Any, mixed: FactStage) -> None:
        """They are converted by themselves, from the sum of each day and currency, and not added up from rows."""
        mixed.put(
            "campaign_daily",
            *(on(day, f"u{number}", cost_micros=5) for day in (5, 6) for number in (1, 2, 3)),
            account="us",
            platform="google",
            currency="USD",
        )
        where = only("platform", "google")
        totals = [ask("cost", by=by, where=where, currency="EUR").totals for by in ("", "campaign", "day", "weekday")]
        # 15 micro-dollars a day: 12.5 and 13.64 micro-euros
        assert totals == [{"cost": 12 + 14}] * 4

    def test_a_currency_without_rates(self, ask: Any, mixed: FactStage) -> None:
        """Rows that it is part of have no amount, the others have; a note says which."""
        found = ask("cost", "clicks", by="campaign", currency="EUR")
        assert dict(columns(found, "campaign_id", "cost")) == {
            "c1": 7_500_000,
            "c2": 0,
            "c3": 3_000_000,
            "u1": 1_000_001,
            "z1": None,
        }
        assert found.totals == {"cost": None, "clicks": 25}
        assert any("no exchange rate from XTS to EUR on 1 of the days" in note for note in found.notes)
        with pytest.raises(BadInput, match="no exchange rates for the currency 'ABC'"):
            ask("cost", currency="ABC")

    def test_the_last_rate_stands_in(self, ask: Any, mixed: FactStage) -> None:
        """On a weekend the one before, which a note says."""
        mixed.put("campaign_daily", on(8, "u2", cost_micros=11), account="us", platform="google", currency="USD")
        found = ask("cost", where=only("campaign", "u2"), currency="EUR")
        assert found.totals == {"cost": 10}
        assert found.notes == (
            (
                "1 of the days have no exchange rate of the European Central Bank (weekends, holidays): "
                "the last one before was used."
            ),
        )

    def test_sides_of_a_comparison_in_different_ones(self, ask: Any, mixed: FactStage) -> None:
        found = ask(
            "cost",
            by="platform",
            since=date(2026, 3, 5),
            until=date(2026, 3, 9),
            where=only("account", "act_1", "us"),
            compare=v1.Compare.PREVIOUS_PERIOD,
        )
        assert columns(found, "platform", "currency", "cost", "cost.before") == [
            ("meta", "EUR", 3_000_000, 7_500_000),
            ("google", "USD", 1_200_001, None),
        ]
        mixed.put("campaign_daily", on(12, "z1", cost_micros=9), account="zz", currency="XTS")
        found = ask(
            "cost", by="platform", since=date(2026, 3, 9), until=date(2026, 3, 12), compare=v1.Compare.PREVIOUS_PERIOD
        )
        assert columns(found, "platform", "currency", "cost", "cost.before") == [
            ("google", "USD", None, 1_200_001),
            ("meta", None, None, None),
        ]


class TestDatasets:
    def test_the_coarsest_that_can(self, ask: Any, stage: FactStage) -> None:
        """What an account has without ads is there, as long as nobody asks by ad."""
        stage.put("account_daily", {"date": date(2026, 3, 1), "clicks": 10})
        stage.put("campaign_daily", on(1, clicks=9))
        ad = {"date": date(2026, 3, 1), "campaign_id": "c1", "ad_group_id": "g1", "ad_id": "a1", "clicks": 7}
        stage.put("ad_daily", ad)
        stage.platforms["meta"] = described(known_gaps={"ad_daily<ad_group_daily": "Some results have no ad."})
        assert [ask("clicks", by=by).totals["clicks"] for by in ("day", "campaign", "ad", "ad_status")] == [10, 9, 7, 7]
        assert ask("clicks", where=only("ad", "meta/act_1/a1")).totals == {"clicks": 7}
        assert ask("clicks", where=only("ad", "meta/act_1/c1/g1/a1")).totals == {"clicks": 7}
        assert ask("clicks", where=only("ad", "google/act_1/a1")).totals == {"clicks": None}
        assert ask("clicks", by="ad").notes == ("Meta Ads: Some results have no ad.",)
        assert ask("clicks", by="campaign").notes == ()

    def test_what_no_dataset_tells_apart(self, ask: Any) -> None:
        with pytest.raises(BadInput, match="No platform's data tells ad, keyword apart together"):
            ask("clicks", by="ad keyword")
        with pytest.raises(BadInput, match="cost cannot be told apart by action: that data has only conversions"):
            ask("cost", by="action")
        with pytest.raises(BadInput, match="cost cannot be told apart by the conditions"):
            ask("cost", where=only("action", "lead"))

    def test_texts_of_searches(self, ask: Any, stage: FactStage) -> None:
        """Compared without regard to case, whatever stands in them."""
        term = {"date": date(2026, 3, 1), "campaign_id": "c1", "ad_group_id": "g1"}
        hostile = ["Ähre 43 %", "=cmd|' /C calc'!A0", "\u202eabc", "a'b\"c\\", "🎿/ski"]
        stage.put("search_term_daily", *({**term, "search_term": text, "clicks": 2} for text in hostile))
        for text in hostile:
            found = ask("clicks", by="search_term", where=only("search_term", text.upper()))
            assert columns(found, "search_term", "clicks") == [(text, 2)]
            part = only("search_term", text[1:4].upper(), operator=v1.Operator.LACKS)
            assert ask("clicks", where=part).totals == {"clicks": 8}
        assert "keep rare search terms to themselves" in ask("clicks", by="search_term").notes[0]


class TestMarks:
    def test_days_that_may_still_change(self, ask: Any, campaigns: FactStage) -> None:
        """The longest look-back window, today included, counted in the zone where the day is earliest."""
        campaigns.platforms["meta"] = described()
        today = campaigns.clock.now().date()
        assert ask("cost").changing_since == {"meta": today - timedelta(days=9)}
        campaigns.account("west", platform="meta", time_zone="Pacific/Honolulu")
        campaigns.put("campaign_daily", on(1, clicks=1), account="west")
        campaigns.clock.advance(14 * 3600)  # tomorrow in UTC, not yet on Hawaii
        assert campaigns.clock.now().date() == today + timedelta(days=1)
        assert ask("cost").changing_since == {"meta": today - timedelta(days=9)}


class TestHistory:
    def test_as_it_stood(self, ask: Any, campaigns: FactStage) -> None:
        """Before a restatement the figures were others; today's are right away the new ones."""
        before = campaigns.clock.now()
        assert ask("clicks", where=only("campaign", "c1")).totals == {"clicks": 15}
        campaigns.put("campaign_daily", on(1, clicks=99), days=(date(2026, 3, 1), date(2026, 3, 1)))
        assert ask("clicks", by="campaign").totals == {"clicks": 99 + 5 + 7}
        assert ask("clicks", by="campaign", as_of=before).totals == {"clicks": 22}
        assert ask("clicks", as_of=datetime(2020, 1, 1, tzinfo=UTC)).totals == {"clicks": None}

    def test_new_names_are_known_after_the_next_commit(self, ask: Any, campaigns: FactStage) -> None:
        """Names beside rows are always today's."""
        campaigns.name("campaign", "c1", "Summer")
        assert columns(ask("clicks", by="campaign", where=only("campaign", "c1")), "campaign") == [("Summer",)]

    def test_a_damaged_file_is_named(self, ask: Any, campaigns: FactStage, tmp_path: Path) -> None:
        file = next(tmp_path.glob("facts/**/*.parquet"))
        file.write_bytes(file.read_bytes()[:-5] + b"00000")
        with pytest.raises(StoreDamaged, match=file.name):
            ask("clicks")


class TestRefusals:
    def test_names_that_are_not_there(self, ask: Any, campaigns: FactStage) -> None:
        """Each message names what is there."""
        with pytest.raises(UnknownName, match="no metric 'costs'; there are cost, impressions"):
            ask("costs")
        with pytest.raises(UnknownName, match="no dimension 'planet'; there are platform, account"):
            ask("cost", by="planet")
        with pytest.raises(UnknownName, match="no platform tiktok here; there are meta"):
            ask("cost", where=only("platform", "tiktok"))
        with pytest.raises(UnknownName, match="no account 7 here; there are act_1"):
            ask("cost", where=only("account", "7", "meta/act_1"))
        with pytest.raises(UnknownName, match="cannot be ordered by 'clicks'; they have platform, cost"):
            ask("cost", by="platform", order_by=("-clicks",))

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"since": date(2026, 3, 31), "until": date(2026, 3, 1)}, "2026-03-31 to 2026-03-01 are the wrong way"),
            ({"compare_since": date(2026, 3, 1)}, "both a first and a last day"),
            ({"compare_since": date(2026, 3, 2), "compare_until": date(2026, 3, 1)}, "compared days .* wrong way"),
            ({"limit": 0}, "at least 1, not to 0"),
            ({"offset": -1}, "from -1"),
        ],
    )
    def test_what_makes_no_sense(self, ask: Any, more: dict[str, Any], said: str) -> None:
        with pytest.raises(BadInput, match=said):
            ask("cost", **more)
        with pytest.raises(BadInput, match="names no metric"):
            ask()


def test_a_hundred_thousand_rows(ask: Any, stage: FactStage) -> None:
    """All of them come, with their names, and a page of them is the same rows."""
    ids = [f"c{number:06}" for number in range(100_000)]
    schema = arrow_schema("campaign_daily")
    values: dict[str, Any] = {
        "date": [date(2026, 3, 1)] * len(ids),
        "account_id": ["act_1"] * len(ids),
        "campaign_id": ids,
        "clicks": range(len(ids)),
    }
    table = pa.table({field.name: pa.array(values.get(field.name, [None] * len(ids)), field.type) for field in schema})
    stage.account("act_1")
    stage.commit("campaign_daily", table.cast(schema), account="act_1", platform="meta", currency="EUR")
    stage.name("campaign", ids[-1], "Last")
    whole = ask("clicks", by="campaign", order_by=("campaign_id",))
    assert whole.total_rows == whole.rows.num_rows == 100_000
    assert whole.rows.column("clicks").to_pylist() == list(range(100_000))
    assert whole.rows.column("campaign")[-1].as_py() == "Last"
    page = ask("clicks", by="campaign", order_by=("campaign_id",), limit=10, offset=50_000)
    assert page.rows.equals(whole.rows.slice(50_000, 10))
