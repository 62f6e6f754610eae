"""Reports: hand-made tables with known answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from currency_converter import CurrencyConverter

from adjoin.ads.v2 import DateWindow
from adjoin.currency import Rates
from adjoin.db import Store
from adjoin.db.models import Entity, EntityKind
from adjoin.errors import BadInput, UnknownName
from adjoin.facts.query import FactQuery
from adjoin.facts.report import By, Report, compare, daily, report
from adjoin.facts.store import FactStore

NOW = datetime(2026, 4, 1, tzinfo=UTC)
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
def query(store: Store, tmp_path: Path) -> Iterator[FactQuery]:
    with FactQuery(store, FactStore(tmp_path), "default") as made:
        yield made


@pytest.fixture
def rates() -> Rates:
    source = CurrencyConverter(currency_file=None, decimal=True)
    source.load_lines(RATES.splitlines())
    return Rates(source)


@pytest.fixture
def one_account(store: Store, put_facts: Any) -> None:
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
    with store.write() as session:
        for kind, id_, name in (
            (EntityKind.CAMPAIGN, "c1", "Spring"),
            (EntityKind.AD_GROUP, "g1", "Women"),
            (EntityKind.AD, "a1", "Red shoes"),
        ):
            session.add(
                Entity(
                    workspace_id="default",
                    platform="meta",
                    account_id="act_1",
                    kind=kind,
                    id=id_,
                    name=name,
                    status="active",
                    first_seen_at=NOW,
                    last_seen_at=NOW,
                )
            )


def of(query: FactQuery, by: By, **options: Any) -> Report:
    return report(query, **{"since": SINCE, "until": UNTIL, "by": by} | options)


def column(result: Report, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in result.rows]


@pytest.mark.usefixtures("one_account")
class TestGrain:
    def test_total(self, query: FactQuery) -> None:
        """All measures of everything: sums, and ratios that are sums over sums."""
        result = of(query, "total")
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

    def test_campaigns(self, query: FactQuery) -> None:
        """Rows carry platform, account, ids and names; a name that is not known is null."""
        rows = of(query, "campaign").rows
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

    def test_ads(self, query: FactQuery) -> None:
        """Each ad has its names; conversions that the platform gives for the campaign only are in no ad."""
        result = of(query, "ad")
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
    def test_other_grains(self, query: FactQuery, by: By, keys: tuple[str, ...], rows: list[Any]) -> None:
        """Each grain adds up to the same."""
        result = of(query, by)
        assert column(result, *keys, "clicks") == rows
        assert result.totals["cost_micros"] == 7_500_000

    def test_some_campaigns(self, query: FactQuery) -> None:
        """The filter counts for rows, totals and actions."""
        result = of(query, "day", campaign_ids=["c1"])
        assert column(result, "date", "impressions") == [(date(2026, 3, 1), 1500)]
        assert result.totals["conversions_by_action"] == {"lead": Decimal("1.5"), "purchase": 2}
        assert of(query, "total", campaign_ids=["c2"]).totals["conversions_by_action"] == {}

    def test_some_days(self, query: FactQuery) -> None:
        """Both ends count."""
        result = of(query, "total", since=date(2026, 3, 2), until=date(2026, 3, 2))
        assert result.totals["impressions"] == 100
        assert result.totals["conversions_by_action"] == {"lead": Decimal("0.5"), "purchase": 2}


class TestDatasets:
    def test_the_coarsest_answers(self, put_facts: Any, query: FactQuery) -> None:
        """What only the account's own total holds is not lost, and nothing is counted twice."""
        put_facts("account_daily", on(1, clicks=10))
        put_facts("campaign_daily", on(1, campaign_id="c1", clicks=9))
        put_facts("ad_daily", ad(1, "c1", "g1", "a1", clicks=7))
        assert of(query, "total").totals["clicks"] == 10
        assert of(query, "day").totals["clicks"] == 10
        assert of(query, "campaign").totals["clicks"] == 9
        assert of(query, "ad").totals["clicks"] == 7
        assert of(query, "total", campaign_ids=["c1"]).totals["clicks"] == 9

    def test_a_platform_that_has_campaigns_only(self, put_facts: Any, query: FactQuery) -> None:
        """Accounts with different datasets add up; where a grain is missing there are no rows."""
        put_facts("account_daily", on(1, clicks=10))
        put_facts(
            "campaign_daily", on(1, campaign_id="x", clicks=1), on(2, campaign_id="x", clicks=1), platform="simple"
        )
        assert column(of(query, "platform"), "platform", "clicks") == [("meta", 10), ("simple", 2)]
        assert column(of(query, "day"), "clicks") == [(11,), (1,)]
        assert column(of(query, "campaign"), "platform", "campaign_id", "clicks") == [("simple", "x", 2)]

    def test_equal_ids_on_two_platforms(self, put_facts: Any, query: FactQuery) -> None:
        """A campaign id means nothing without its platform and account."""
        for platform in ("google", "meta"):
            for account in ("1", "2"):
                put_facts("campaign_daily", on(1, campaign_id="7", clicks=1), platform=platform, account=account)
        assert column(of(query, "campaign"), "platform", "account_id", "campaign_id", "clicks") == [
            ("google", "1", "7", 1),
            ("google", "2", "7", 1),
            ("meta", "1", "7", 1),
            ("meta", "2", "7", 1),
        ]

    def test_nothing_synced(self, query: FactQuery) -> None:
        """No data is no rows and empty totals, not zeros."""
        result = of(query, "campaign")
        assert result.rows == []
        assert result.totals.pop("conversions_by_action") == {}
        assert set(result.totals.values()) == {None}
        assert of(query, "total", currency="EUR").rows == []

    def test_missing_stays_missing(self, put_facts: Any, query: FactQuery) -> None:
        """A metric that a platform does not give is null in its row and leaves the others' sums alone."""
        put_facts("account_daily", on(1, clicks=1, cost_micros=1))
        put_facts("account_daily", on(1, clicks=None, cost_micros=2), platform="silent")
        result = of(query, "platform")
        assert column(result, "platform", "clicks", "ctr") == [("meta", 1, None), ("silent", None, None)]
        assert (result.totals["clicks"], result.totals["cost_micros"]) == (1, 3)

    def test_large_numbers_are_exact(self, put_facts: Any, query: FactQuery) -> None:
        """Sums beyond what a float holds come out to the last micro."""
        put_facts("account_daily", on(1, cost_micros=2**53 + 1), on(2, cost_micros=2**53 + 1))
        assert of(query, "total").totals["cost_micros"] == 2**54 + 2
        assert of(query, "total", currency="EUR").totals["cost_micros"] == 2**54 + 2

    def test_parts_never_stand_for_the_whole(self, put_facts: Any, query: FactQuery) -> None:
        """Where only keywords were synced there are no results of the campaign: theirs would be too few."""
        put_facts("keyword_daily", keyword(1, "c1", "g1", "k1", clicks=10))
        assert of(query, "campaign").rows == []
        assert of(query, "total").totals["clicks"] is None
        assert column(of(query, "keyword"), "clicks") == [(10,)]


def keyword(day: int, campaign: str, group: str, id_: str, **metrics: Any) -> dict[str, Any]:
    return on(day, campaign_id=campaign, ad_group_id=group, keyword_id=id_, **metrics)


def term(day: int, campaign: str, group: str, text: str, **metrics: Any) -> dict[str, Any]:
    return on(day, campaign_id=campaign, ad_group_id=group, search_term=text, **metrics)


class TestSearch:
    """Keywords and search terms, which hold a part of the campaigns' results."""

    @pytest.fixture(autouse=True)
    def _searched(self, store: Store, put_facts: Any) -> None:
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
        with store.write() as session:
            for kind, id_, name in (
                (EntityKind.CAMPAIGN, "c1", "Spring"),
                (EntityKind.AD_GROUP, "g1", "Women"),
                (EntityKind.KEYWORD, "k1", "red shoes"),
            ):
                session.add(
                    Entity(
                        workspace_id="default",
                        platform="meta",
                        account_id="act_1",
                        kind=kind,
                        id=id_,
                        name=name,
                        status="active",
                        first_seen_at=NOW,
                        last_seen_at=NOW,
                    )
                )

    def test_keywords(self, query: FactQuery) -> None:
        """One line per ad group and keyword: a platform may use the same id in several ad groups."""
        result = of(query, "keyword")
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

    def test_search_terms(self, query: FactQuery) -> None:
        """The term as it was typed is the key; it has no id and no other name."""
        result = of(query, "search_term")
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
    def test_a_note_says_that_it_is_a_part(self, query: FactQuery, by: By, start: str) -> None:
        """Whoever adds them up must not take them for the whole."""
        (note,) = of(query, by).notes
        assert note.startswith(start)
        assert note.endswith("less than the campaigns' results.")

    def test_the_whole_is_not_taken_from_the_parts(self, query: FactQuery) -> None:
        """With the account's own results there, keywords add nothing to it."""
        assert of(query, "total").totals["clicks"] == 200
        assert of(query, "total").notes == []

    def test_filters_and_days_count_for_them_too(self, query: FactQuery) -> None:
        """A campaign, and one day of it."""
        day = date(2026, 3, 2)
        result = of(query, "keyword", campaign_ids=["c1"], since=day, until=day)
        assert column(result, "ad_group_id", "clicks") == [("g1", 5), ("g2", 1)]

    def test_they_are_converted_like_all_else(self, query: FactQuery, rates: Rates) -> None:
        """Each day at its rate: 8 micros at 1.25 dollars, 7 at the rate of the first day, which has none before."""
        day = date(2026, 3, 2)
        result = of(query, "keyword", currency="USD", rates=rates, since=day, until=day)
        assert [row["cost_micros"] for row in result.rows] == [10, None, None]

    def test_an_account_without_any_has_no_rows(self, put_facts: Any, query: FactQuery) -> None:
        """A platform without keywords is left out rather than shown with a keyword called null."""
        put_facts("account_daily", on(1, clicks=9), platform="simple")
        assert {row["platform"] for row in of(query, "keyword").rows} == {"meta"}
        assert of(query, "keyword", platforms=["simple"]).rows == []


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

    def test_are_not_added(self, query: FactQuery) -> None:
        """Without a currency to convert to, each stands by itself, and a note says so."""
        result = of(query, "platform")
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

    def test_rows_of_one_currency_have_it(self, query: FactQuery) -> None:
        """By account nothing mixes, only the totals do."""
        result = of(query, "account")
        assert column(result, "account_id", "currency", "cost_micros") == [
            ("act_1", "EUR", 10_000_000),
            ("usd", "USD", 12_000_001),
        ]
        assert result.totals["cost_micros"] is None

    def test_converted_at_the_days_rate(self, query: FactQuery, rates: Rates) -> None:
        """12 dollars at 1.2 are 10 euro; a Sunday takes Friday's rate, and a note says so."""
        result = of(query, "total", currency="eur", rates=rates)
        assert (result.totals["currency"], result.totals["cost_micros"]) == ("EUR", 20_000_001)
        assert result.totals["roas"] == 30_000_001 / 20_000_001
        assert result.currency == "EUR"
        (note,) = result.notes
        assert note.startswith("1 of the days have no exchange rate of the European Central Bank")

    @pytest.mark.parametrize("by", ["total", "platform", "account", "day"])
    def test_totals_do_not_depend_on_the_grain(self, query: FactQuery, rates: Rates, by: By) -> None:
        """Rounding happens per day and currency, whatever the rows are."""
        assert of(query, by, currency="JPY", rates=rates).totals["cost_micros"] == 3_000_000_146

    def test_an_old_rate_is_named(self, put_facts: Any, query: FactQuery, rates: Rates) -> None:
        """Days long after the last rate are converted with it, and the note gives its day."""
        put_facts("account_daily", on(30, cost_micros=1), on(31, cost_micros=1), account="late", currency="USD")
        result = of(query, "total", accounts=["late"], currency="EUR", rates=rates)
        assert result.notes == ["USD to EUR: the last known rate is of 2026-03-06; it was used for 2 later days."]

    def test_unknown_currency(self, query: FactQuery) -> None:
        """A currency without rates is refused."""
        with pytest.raises(BadInput, match="no exchange rates for the currency 'XXX'"):
            of(query, "total", currency="XXX")

    def test_an_account_in_a_currency_without_rates(self, put_facts: Any, query: FactQuery, rates: Rates) -> None:
        """One cannot be converted, so the report says which."""
        put_facts("account_daily", on(5, cost_micros=1), account="odd", currency="XXX")
        with pytest.raises(BadInput, match="no exchange rates for the currency 'XXX'"):
            of(query, "total", currency="EUR", rates=rates)


def test_conversion_is_exact_and_rounds_half_to_even(put_facts: Any, query: FactQuery, rates: Rates) -> None:
    """Each day's sum is what exact fractions give, for amounts of any size and sign."""
    amounts = [0, 1, 3, 5, -3, -5, 7, 12_345_678_901_234_567, -999_999_999_999]
    days = [date(2026, 3, 2) + timedelta(days=n) for n in range(len(amounts))]
    put_facts(
        "account_daily",
        *({"date": day, "cost_micros": amount} for day, amount in zip(days, amounts, strict=True)),
        account="yen",
        currency="JPY",
    )
    result = of(query, "day", currency="USD", rates=rates)
    expected = [
        round(Fraction(amount) * rates.exchange("JPY", "USD", day).factor)
        for day, amount in zip(days, amounts, strict=True)
    ]
    assert column(result, "cost_micros") == [(value,) for value in expected]


def test_a_tie_goes_to_the_even_neighbour(put_facts: Any, query: FactQuery) -> None:
    """Half a micro rounds to the even one, up as well as down."""
    source = CurrencyConverter(currency_file=None, decimal=True)
    source.load_lines(["Date,USD", "2026-03-02,2"])
    put_facts(
        "campaign_daily",
        *(on(2, campaign_id=str(micros), cost_micros=micros) for micros in (1, 3, 5, 7)),
        currency="USD",
    )
    result = of(query, "campaign", currency="EUR", rates=Rates(source))
    assert column(result, "campaign_id", "cost_micros") == [("1", 0), ("3", 2), ("5", 2), ("7", 4)]
    assert result.totals["cost_micros"] == 8


class TestOthers:
    def test_daily(self, put_facts: Any, query: FactQuery) -> None:
        """The series has platform and day, without invented days."""
        put_facts("account_daily", on(1, clicks=1), on(3, clicks=3))
        put_facts("account_daily", on(1, clicks=2), platform="google")
        result = daily(query, since=SINCE, until=UNTIL)
        assert column(result, "platform", "date", "clicks") == [
            ("google", date(2026, 3, 1), 2),
            ("meta", date(2026, 3, 1), 1),
            ("meta", date(2026, 3, 3), 3),
        ]

    def test_compare(self, put_facts: Any, query: FactQuery) -> None:
        """Two windows, two totals."""
        put_facts("account_daily", on(1, clicks=1), on(3, clicks=3))
        result = compare(
            query,
            current=DateWindow(since=date(2026, 3, 3), until=date(2026, 3, 4)),
            previous=DateWindow(since=date(2026, 3, 1), until=date(2026, 3, 2)),
        )
        assert (result.current.totals["clicks"], result.previous.totals["clicks"]) == (3, 1)

    @pytest.mark.usefixtures("one_account")
    def test_json(self, query: FactQuery) -> None:
        """Numbers are numbers, fractions of conversions exact, days text."""
        text = of(query, "day").to_json()
        decoded = json.loads(text, parse_float=Decimal)
        assert decoded["rows"][0]["date"] == "2026-03-01"
        assert decoded["rows"][0]["conversions"] == Decimal("1.5")
        assert decoded["rows"][1]["conversions"] == 0
        assert set(decoded["rows"][0]) == {"date", *decoded["totals"]}

    def test_unknown_names(self, put_facts: Any, query: FactQuery) -> None:
        """A platform or account that is not there is named, with those that are."""
        with pytest.raises(UnknownName, match="no platform meta here; nothing is connected yet"):
            of(query, "total", platforms=["meta"])
        put_facts("account_daily", on(1, clicks=1))
        with pytest.raises(UnknownName, match="no platform bing here; there are meta"):
            of(query, "total", platforms=["bing"])
        with pytest.raises(UnknownName, match="no account act_9 here; there are act_1"):
            of(query, "total", accounts=["act_9"])

    def test_unknown_grain(self, query: FactQuery) -> None:
        """A grain that does not exist is refused with those that do."""
        with pytest.raises(BadInput, match=r"by total, platform, .*, not by 'hour'"):
            of(query, "hour")  # type: ignore[arg-type]

    def test_days_the_wrong_way_round(self, query: FactQuery) -> None:
        """A range that ends before it begins is refused."""
        with pytest.raises(BadInput, match="wrong way round"):
            of(query, "total", since=UNTIL, until=SINCE)
