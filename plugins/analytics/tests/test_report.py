"""Reports over the metric layer: hand-made facts with known answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from currency_converter import CurrencyConverter

from adjoin.analytics.context import WorkspaceContext
from adjoin.analytics.report import Report, conditions, report
from adjoin.currency import Rates
from adjoin.errors import BadInput, UnknownName
from adjoin.testing.fact_stage import FactStage
from adjoin_analytics.asking.answering import Answering

SINCE, UNTIL = date(2026, 3, 1), date(2026, 3, 31)

# 2026-03-06 is a Friday.
RATES = """Date,USD,JPY
2026-03-06,1.1,160.7
2026-03-05,1.2,150
2026-03-02,1.25,150
"""


def on(day: int, **values: Any) -> dict[str, Any]:
    return {"date": date(2026, 3, day), **values}


def ad(day: int, campaign: str, group: str, name: str, **metrics: Any) -> dict[str, Any]:
    return on(day, campaign_id=campaign, ad_group_id=group, ad_id=name, **metrics)


def action(day: int, campaign: str, name: str, count: str, *, ad_id: str | None = None) -> dict[str, Any]:
    group = None if ad_id is None else "g1"
    return on(day, campaign_id=campaign, ad_group_id=group, ad_id=ad_id, action=name, conversions=Decimal(count))


@pytest.fixture
def put_facts(stage: FactStage) -> Callable[..., None]:
    """Commit rows of two months, so that all of their days count as read."""
    return partial(stage.put, days=(date(2026, 3, 1), date(2026, 4, 30)))


@pytest.fixture
def place(stage: FactStage) -> Iterator[WorkspaceContext]:
    made = stage.context()
    with made.facts:
        yield made


@pytest.fixture
def rates() -> Rates:
    source = CurrencyConverter(currency_file=None, decimal=True)
    source.load_lines(RATES.splitlines())
    return Rates(source)


@pytest.fixture
def one_account(stage: FactStage, put_facts: Any) -> None:
    put_facts(
        "ad_daily",
        ad(1, "c1", "g1", "a1", impressions=1000, clicks=10, cost_micros=5_000_000, conversions=Decimal(1)),
        ad(1, "c1", "g1", "a2", impressions=500, clicks=5, cost_micros=2_500_000, conversions=Decimal("0.5")),
        ad(2, "c2", "g2", "a3", impressions=100, clicks=0, cost_micros=0, conversions=Decimal(0)),
    )
    put_facts(
        "conversion_daily",
        action(1, "c1", "lead", "1", ad_id="a1"),
        action(2, "c1", "lead", "0.5"),
        action(2, "c1", "purchase", "2", ad_id="a1"),
    )
    stage.name("campaign", "c1", "Spring")
    stage.name("ad_group", "g1", "Women")
    stage.name("ad", "a1", "Red shoes")


def of(place: WorkspaceContext, by: str, *, rates: Rates | None = None, **options: Any) -> Report:
    named = {name: options.pop(name, None) for name in ("platforms", "accounts", "campaign_ids")}
    ask = partial(Answering(rates=rates).answer, place)
    return report(ask, **{"since": SINCE, "until": UNTIL, "by": by, "where": conditions(**named)} | options)


def column(result: Report, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in result.rows]


@pytest.mark.usefixtures("one_account")
class TestGrain:
    def test_total(self, place: WorkspaceContext) -> None:
        """All measures of everything: sums, and ratios that are sums over sums."""
        result = of(place, "total")
        assert result.totals == {
            "impressions": 1600,
            "clicks": 15,
            "ctr": 15 / 1600,
            "conversions": Decimal("1.5"),
            "conversions_by_action": {"lead": Decimal("1.5"), "purchase": 2},
            "currency": "EUR",
            "cost_micros": 7_500_000,
            "conversion_value_micros": None,
            "cpa_micros": 5_000_000,
            "roas": None,
        }
        assert result.rows == [result.totals]
        assert result.notes == []

    def test_campaigns(self, place: WorkspaceContext) -> None:
        """Rows carry platform, account, ids and names; a name that is not known is null."""
        rows = of(place, "campaign").rows
        assert rows[0] == {
            "platform": "meta",
            "account_id": "act_1",
            "account_name": "Account act_1",
            "campaign_id": "c1",
            "campaign_name": "Spring",
            "impressions": 1500,
            "clicks": 15,
            "ctr": 0.01,
            "conversions": Decimal("1.5"),
            "conversions_by_action": {"lead": Decimal("1.5"), "purchase": 2},
            "currency": "EUR",
            "cost_micros": 7_500_000,
            "conversion_value_micros": None,
            "cpa_micros": 5_000_000,
            "roas": None,
        }
        assert (rows[1]["campaign_id"], rows[1]["campaign_name"], rows[1]["cpa_micros"]) == ("c2", None, None)
        assert rows[1]["conversions_by_action"] == {}

    def test_ads(self, place: WorkspaceContext) -> None:
        """Each ad has its names; conversions that the platform gives for the campaign only are in no ad."""
        result = of(place, "ad")
        names = ("campaign_name", "ad_group_name", "ad_name", "ad_id", "clicks", "conversions_by_action")
        assert column(result, *names) == [
            ("Spring", "Women", "Red shoes", "a1", 10, {"lead": 1, "purchase": 2}),
            ("Spring", "Women", None, "a2", 5, {}),
            (None, None, None, "a3", 0, {}),
        ]

    @pytest.mark.parametrize(
        ("by", "keys", "rows"),
        [
            ("platform", ("platform",), [("meta", 15)]),
            ("account", ("account_id",), [("act_1", 15)]),
            ("ad_group", ("ad_group_id",), [("g1", 15), ("g2", 0)]),
            ("day", ("date",), [(date(2026, 3, 1), 15), (date(2026, 3, 2), 0)]),
        ],
    )
    def test_other_grains(self, place: WorkspaceContext, by: str, keys: tuple[str, ...], rows: list[Any]) -> None:
        """Each grain adds up to the same."""
        result = of(place, by)
        assert column(result, *keys, "clicks") == rows
        assert result.totals["cost_micros"] == 7_500_000

    def test_some_campaigns(self, place: WorkspaceContext) -> None:
        """The filter counts for rows, totals and actions."""
        result = of(place, "day", campaign_ids=["c1"])
        assert column(result, "date", "impressions") == [(date(2026, 3, 1), 1500)]
        assert result.totals["conversions_by_action"] == {"lead": Decimal("1.5"), "purchase": 2}
        assert of(place, "total", campaign_ids=["c2"]).totals["conversions_by_action"] == {}

    def test_some_days(self, place: WorkspaceContext) -> None:
        """Both ends count."""
        result = of(place, "total", since=date(2026, 3, 2), until=date(2026, 3, 2))
        assert result.totals["impressions"] == 100
        assert result.totals["conversions_by_action"] == {"lead": Decimal("0.5"), "purchase": 2}


class TestDatasets:
    def test_a_platform_that_has_campaigns_only(self, put_facts: Any, place: WorkspaceContext) -> None:
        """Accounts with different datasets add up; where a grain is missing there are no rows."""
        put_facts("account_daily", on(1, clicks=10))
        put_facts(
            "campaign_daily", on(1, campaign_id="x", clicks=1), on(2, campaign_id="x", clicks=1), platform="simple"
        )
        assert column(of(place, "platform"), "platform", "clicks") == [("meta", 10), ("simple", 2)]
        assert column(of(place, "day"), "clicks") == [(11,), (1,)]
        assert column(of(place, "campaign"), "platform", "campaign_id", "clicks") == [("simple", "x", 2)]

    def test_equal_ids_on_two_platforms(self, put_facts: Any, place: WorkspaceContext) -> None:
        """A campaign id means nothing without its platform and account."""
        for platform in ("google", "meta"):
            for account in ("1", "2"):
                put_facts("campaign_daily", on(1, campaign_id="7", clicks=1), platform=platform, account=account)
        assert column(of(place, "campaign"), "platform", "account_id", "campaign_id", "clicks") == [
            ("google", "1", "7", 1),
            ("google", "2", "7", 1),
            ("meta", "1", "7", 1),
            ("meta", "2", "7", 1),
        ]

    def test_nothing_synced(self, place: WorkspaceContext) -> None:
        """No data is no rows and empty totals, not zeros."""
        result = of(place, "campaign")
        assert result.rows == []
        assert result.totals.pop("conversions_by_action") == {}
        assert set(result.totals.values()) == {None}
        assert of(place, "total", currency="EUR").rows == []

    def test_large_numbers_are_exact(self, put_facts: Any, place: WorkspaceContext) -> None:
        """Sums beyond what a float holds come out to the last micro."""
        put_facts("account_daily", on(1, cost_micros=2**53 + 1), on(2, cost_micros=2**53 + 1))
        assert of(place, "total").totals["cost_micros"] == 2**54 + 2
        assert of(place, "total", currency="EUR").totals["cost_micros"] == 2**54 + 2

    def test_parts_never_stand_for_the_whole(self, put_facts: Any, place: WorkspaceContext) -> None:
        """Where only keywords were synced there are no results of the campaign: theirs would be too few."""
        put_facts("keyword_daily", keyword(1, "c1", "g1", "k1", clicks=10))
        assert of(place, "campaign").rows == []
        assert of(place, "total").totals["clicks"] is None
        assert column(of(place, "keyword"), "clicks") == [(10,)]


def keyword(day: int, campaign: str, group: str, id_: str, **metrics: Any) -> dict[str, Any]:
    return on(day, campaign_id=campaign, ad_group_id=group, keyword_id=id_, **metrics)


def term(day: int, campaign: str, group: str, text: str, **metrics: Any) -> dict[str, Any]:
    return on(day, campaign_id=campaign, ad_group_id=group, search_term=text, **metrics)


class TestSearch:
    """Keywords and search terms, which hold a part of the campaigns' results."""

    @pytest.fixture(autouse=True)
    def _searched(self, stage: FactStage, put_facts: Any) -> None:
        put_facts("account_daily", on(1, clicks=100, cost_micros=100), on(2, clicks=100, cost_micros=100))
        put_facts(
            "keyword_daily",
            keyword(1, "c1", "g1", "k1", impressions=50, clicks=10, cost_micros=7, conversions=Decimal("0.25")),
            keyword(2, "c1", "g1", "k1", impressions=50, clicks=5, cost_micros=8, conversions=Decimal("0.5")),
            keyword(2, "c1", "g2", "k1", clicks=1),
            keyword(2, "c2", "g3", "k2", clicks=3),
        )
        put_facts(
            "search_term_daily",
            term(1, "c1", "g1", "red shoes", clicks=4, cost_micros=4),
            term(2, "c1", "g1", "red shoes", clicks=2, cost_micros=3),
            term(2, "c1", "g2", "red shoes", clicks=1),
            term(2, "c1", "g2", "+größe 🎿", clicks=1),
        )
        stage.name("campaign", "c1", "Spring")
        stage.name("ad_group", "g1", "Women")
        stage.name("keyword", "k1", "red shoes")

    def test_keywords(self, place: WorkspaceContext) -> None:
        """One line per ad group and keyword: a platform may use the same id in several ad groups."""
        result = of(place, "keyword")
        names = ("campaign_name", "ad_group_id", "ad_group_name", "keyword_id", "keyword_name", "clicks")
        assert column(result, *names) == [
            ("Spring", "g1", "Women", "k1", "red shoes", 15),
            ("Spring", "g2", None, "k1", "red shoes", 1),
            (None, "g3", None, "k2", None, 3),
        ]
        first = result.rows[0]
        assert (first["cost_micros"], first["conversions"], first["ctr"]) == (15, Decimal("0.75"), 0.15)
        assert first["cpa_micros"] == 20
        assert first["conversions_by_action"] == {}
        assert result.totals["clicks"] == 19

    def test_search_terms(self, place: WorkspaceContext) -> None:
        """The term as it was typed is the key; it has no id and no other name."""
        result = of(place, "search_term")
        assert column(result, "ad_group_id", "search_term", "clicks") == [
            ("g1", "red shoes", 6),
            ("g2", "+größe 🎿", 1),
            ("g2", "red shoes", 1),
        ]
        assert "search_term_name" not in result.rows[0]
        assert result.totals["clicks"] == 8

    @pytest.mark.parametrize(
        ("by", "start"),
        [("keyword", "Not all results have a keyword"), ("search_term", "Platforms keep rare search terms")],
    )
    def test_a_note_says_that_it_is_a_part(self, place: WorkspaceContext, by: str, start: str) -> None:
        """Whoever adds them up must not take them for the whole."""
        (note,) = of(place, by).notes
        assert note.startswith(start)
        assert note.endswith("less than the campaigns' results.")

    def test_the_whole_is_not_taken_from_the_parts(self, place: WorkspaceContext) -> None:
        """With the account's own results there, keywords add nothing to it."""
        assert of(place, "total").totals["clicks"] == 200
        assert of(place, "total").notes == []

    def test_filters_and_days_count_for_them_too(self, place: WorkspaceContext) -> None:
        """A campaign, and one day of it."""
        day = date(2026, 3, 2)
        result = of(place, "keyword", campaign_ids=["c1"], since=day, until=day)
        assert column(result, "ad_group_id", "clicks") == [("g1", 5), ("g2", 1)]

    def test_they_are_converted_like_all_else(self, place: WorkspaceContext, rates: Rates) -> None:
        """Each day at its rate: 8 micros at 1.25 dollars, 7 at the rate of the first day, which has none before."""
        day = date(2026, 3, 2)
        result = of(place, "keyword", currency="USD", rates=rates, since=day, until=day)
        assert [row["cost_micros"] for row in result.rows] == [10, None, None]

    def test_an_account_without_any_has_no_rows(self, put_facts: Any, place: WorkspaceContext) -> None:
        """A platform without keywords is left out rather than shown with a keyword called null."""
        put_facts("account_daily", on(1, clicks=9), platform="simple")
        assert {row["platform"] for row in of(place, "keyword").rows} == {"meta"}
        assert of(place, "keyword", platforms=["simple"]).rows == []


class TestCurrencies:
    @pytest.fixture(autouse=True)
    def _two_currencies(self, put_facts: Any) -> None:
        put_facts(
            "account_daily",
            on(5, cost_micros=10_000_000, clicks=1, conversions=Decimal(2), conversion_value_micros=30_000_000),
        )
        put_facts(
            "account_daily",
            on(5, cost_micros=12_000_000, clicks=2, conversion_value_micros=1),
            on(8, cost_micros=1, clicks=3),
            account="usd",
            currency="USD",
        )

    def test_are_not_added(self, place: WorkspaceContext) -> None:
        """Without a currency to convert to, each stands by itself, and a note says so."""
        result = of(place, "platform")
        row = result.rows[0]
        assert (row["clicks"], row["currency"], row["cost_micros"], row["cpa_micros"], row["roas"]) == (
            6,
            None,
            None,
            None,
            None,
        )
        assert row["by_currency"] == [
            {
                "currency": "EUR",
                "cost_micros": 10_000_000,
                "conversion_value_micros": 30_000_000,
                "cpa_micros": 5_000_000,
                "roas": 3.0,
            },
            {
                "currency": "USD",
                "cost_micros": 12_000_001,
                "conversion_value_micros": 1,
                "cpa_micros": None,
                "roas": 1 / 12_000_001,
            },
        ]
        assert result.totals["by_currency"] == row["by_currency"]
        assert result.notes == ["Amounts are in EUR, USD and were not added; name a currency to convert them."]

    def test_rows_of_one_currency_have_it(self, place: WorkspaceContext) -> None:
        """By account nothing mixes, only the totals do."""
        result = of(place, "account")
        assert column(result, "account_id", "currency", "cost_micros") == [
            ("act_1", "EUR", 10_000_000),
            ("usd", "USD", 12_000_001),
        ]
        assert result.totals["cost_micros"] is None

    def test_converted_at_the_days_rate(self, place: WorkspaceContext, rates: Rates) -> None:
        """12 dollars at 1.2 are 10 euro; a Sunday takes Friday's rate, and a note says so."""
        result = of(place, "total", currency="eur", rates=rates)
        assert (result.totals["currency"], result.totals["cost_micros"]) == ("EUR", 20_000_001)
        assert result.totals["roas"] == 30_000_001 / 20_000_001
        assert result.currency == "EUR"
        (note,) = result.notes
        assert note.startswith("1 of the days have no exchange rate of the European Central Bank")

    def test_an_account_in_a_currency_without_rates(
        self, put_facts: Any, place: WorkspaceContext, rates: Rates
    ) -> None:
        """One cannot be converted: amounts are missing rather than too low, and a note says why; counts are whole."""
        put_facts("account_daily", on(5, cost_micros=1, clicks=4), account="odd", currency="XXX")
        found = of(place, "account", currency="EUR", rates=rates)
        amounts = {row["account_id"]: row["cost_micros"] for row in found.rows}
        assert amounts == {"act_1": 10_000_000, "odd": None, "usd": 10_000_001}
        assert (found.totals["cost_micros"], found.totals["clicks"]) == (None, 10)
        assert [note for note in found.notes if "XXX" in note]


def test_conversion_is_exact_and_rounds_half_to_even(put_facts: Any, place: WorkspaceContext, rates: Rates) -> None:
    """Each day's sum is what exact fractions give, for amounts of any size and sign."""
    amounts = [0, 1, 3, 5, -3, -5, 7, 12_345_678_901_234_567, -999_999_999_999]
    days = [date(2026, 3, 2) + timedelta(days=n) for n in range(len(amounts))]
    put_facts(
        "account_daily",
        *({"date": day, "cost_micros": amount} for day, amount in zip(days, amounts, strict=True)),
        account="yen",
        currency="JPY",
    )
    result = of(place, "day", currency="USD", rates=rates)
    expected = [
        round(Fraction(amount) * rates.exchange("JPY", "USD", day).factor)
        for day, amount in zip(days, amounts, strict=True)
    ]
    assert column(result, "cost_micros") == [(value,) for value in expected]


def test_a_tie_goes_to_the_even_neighbour(put_facts: Any, place: WorkspaceContext) -> None:
    """Half a micro rounds to the even one, up as well as down."""
    source = CurrencyConverter(currency_file=None, decimal=True)
    source.load_lines(["Date,USD", "2026-03-02,2"])
    put_facts(
        "campaign_daily",
        *(on(2, campaign_id=str(micros), cost_micros=micros) for micros in (1, 3, 5, 7)),
        currency="USD",
    )
    result = of(place, "campaign", currency="EUR", rates=Rates(source))
    assert column(result, "campaign_id", "cost_micros") == [("1", 0), ("3", 2), ("5", 2), ("7", 4)]
    assert result.totals["cost_micros"] == 8


class TestOthers:
    @pytest.mark.usefixtures("one_account")
    def test_json(self, place: WorkspaceContext) -> None:
        """Numbers are numbers, fractions of conversions exact, days text."""
        text = of(place, "day").to_json()
        decoded = json.loads(text, parse_float=Decimal)
        assert decoded["rows"][0]["date"] == "2026-03-01"
        assert decoded["rows"][0]["conversions"] == Decimal("1.5")
        assert decoded["rows"][1]["conversions"] == 0
        assert set(decoded["rows"][0]) == {"date", *decoded["totals"]}

    def test_as_of(self, stage: FactStage) -> None:
        """A report of an earlier instant has its figures and says so."""
        stage.put("account_daily", on(1, clicks=1, cost_micros=10))
        then = stage.clock.now()
        stage.put("account_daily", on(1, clicks=2, cost_micros=30))
        place = stage.context(as_of=then)
        with place.facts:
            found = of(place, "account", as_of=then)
        assert (found.totals["clicks"], found.totals["cost_micros"], found.as_of) == (1, 10, then)
        assert json.loads(found.to_json())["as_of"] == "2026-04-10T12:00:01Z"

    def test_unknown_names(self, put_facts: Any, place: WorkspaceContext) -> None:
        """A platform or account that is not there is named, with those that are."""
        with pytest.raises(UnknownName, match="no platform meta here; nothing is connected yet"):
            of(place, "total", platforms=["meta"])
        put_facts("account_daily", on(1, clicks=1))
        with pytest.raises(UnknownName, match="no platform bing here; there are meta"):
            of(place, "total", platforms=["bing"])
        with pytest.raises(UnknownName, match="no account act_9 here; there are act_1"):
            of(place, "total", accounts=["act_9"])

    def test_unknown_grain(self, place: WorkspaceContext) -> None:
        """A grain that does not exist is refused with those that do."""
        with pytest.raises(BadInput, match=r"by total, platform, .*, not by 'hour'"):
            of(place, "hour")

    def test_days_the_wrong_way_round(self, place: WorkspaceContext) -> None:
        """A range that ends before it begins is refused."""
        with pytest.raises(BadInput, match="wrong way round"):
            of(place, "total", since=UNTIL, until=SINCE)
