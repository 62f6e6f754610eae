"""Reports are put together from answers that are made by hand."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any, get_args

import pyarrow as pa
import pytest

from adjoin.analytics.report import METRICS, By, conditions, dimensions_by, report
from adjoin.analytics.v1 import Answer, Condition, Question
from adjoin.errors import BadInput

SINCE, UNTIL = date(2026, 3, 1), date(2026, 3, 31)
Cells = dict[str, Any]


def cells(**values: Any) -> Cells:
    return {**dict.fromkeys(METRICS), **values}


class Asked:
    """Answers by dimensions, with the totals of everything; what is not prepared has no rows."""

    def __init__(self, totals: Cells, rows: dict[tuple[str, ...], list[Cells]], currency: str | None = None) -> None:
        self.questions: list[Question] = []
        self._totals, self._rows, self._currency = totals, rows, currency

    def __call__(self, question: Question) -> Answer:
        self.questions.append(question)
        rows = self._rows.get(question.dimensions, [])
        return Answer(
            question=question,
            rows=pa.Table.from_pylist(rows),
            total_rows=len(rows),
            totals=self._totals,
            currency=self._currency,
            notes=("a note",),
        )


def campaign(number: str, name: str | None, **values: Any) -> Cells:
    return cells(platform="meta", account_id="act_1", account="Shop", campaign_id=number, campaign=name, **values)


BY_CAMPAIGN = ("account", "campaign")


def test_rows_have_ids_with_names_beside_them_in_the_order_of_their_keys() -> None:
    """And the measures under the names that scripts know."""
    spring = campaign(
        "c1", "Spring", cost=5_000_000, clicks=10, impressions=1000, ctr=0.01, conversions=Decimal("1.50"),
        conversion_value=10_000_000, cpa=3_333_333, roas=2.0, currency="EUR",
    )  # fmt: skip
    nameless = campaign("c0", None, cost=None, conversions=Decimal("2.000000"), currency="EUR")
    ask = Asked(
        cells(cost=5_000_000, clicks=10, conversions=Decimal("3.5")),
        {
            BY_CAMPAIGN: [spring, nameless],
            (*BY_CAMPAIGN, "action"): [
                campaign("c1", "Spring", action="lead", conversions=Decimal("1.500")),
                campaign("c1", "Spring", action="sale", conversions=Decimal(1)),
                campaign("c0", None, action="lead", conversions=Decimal("0.5")),
                {**campaign("c0", None, action="lead", conversions=Decimal(9)), "campaign_id": None},
            ],
        },
        currency="EUR",
    )
    found = report(ask, since=SINCE, until=UNTIL, by="campaign")
    first, second = found.rows
    assert first == {
        "platform": "meta",
        "account_id": "act_1",
        "account_name": "Shop",
        "campaign_id": "c0",
        "campaign_name": None,
        "impressions": None,
        "clicks": None,
        "ctr": None,
        "conversions": 2,
        "currency": "EUR",
        "cost_micros": None,
        "conversion_value_micros": None,
        "cpa_micros": None,
        "roas": None,
        "conversions_by_action": {"lead": Decimal("0.5")},
    }
    assert (second["cost_micros"], second["cpa_micros"], second["roas"]) == (5_000_000, 3_333_333, 2.0)
    assert (second["conversions"], second["ctr"]) == (Decimal("1.5"), 0.01)
    assert second["conversions_by_action"] == {"lead": Decimal("1.5"), "sale": 1}
    assert (found.totals["currency"], found.totals["cost_micros"]) == ("EUR", 5_000_000)
    assert found.totals["conversions_by_action"] == {"lead": 2, "sale": 1}
    assert found.notes == ["a note"]


def test_mixed_currencies_are_given_one_by_one() -> None:
    """Where a row or the whole has several; a row of one has its amounts."""
    ask = Asked(
        cells(clicks=3),
        {
            ("platform",): [
                cells(platform="meta", clicks=2, currency=None),
                cells(platform="google", clicks=1, cost=7, currency="EUR"),
            ],
            ("platform", "currency"): [
                cells(platform="meta", currency="USD", cost=2, conversion_value=4, roas=2.0),
                cells(platform="google", currency="EUR", cost=7),
                cells(platform="meta", currency="EUR", cost=1, cpa=1),
            ],
            ("currency",): [cells(currency="USD", cost=2), cells(currency="EUR", cost=8)],
        },
    )
    found = report(ask, since=SINCE, until=UNTIL, by="platform")
    google, meta = found.rows
    assert (google["currency"], google["cost_micros"]) == ("EUR", 7)
    assert "by_currency" not in google
    assert [meta[name] for name in ("currency", "cost_micros", "cpa_micros", "roas")] == [None] * 4
    assert meta["by_currency"] == [
        {"currency": "EUR", "cost_micros": 1, "conversion_value_micros": None, "cpa_micros": 1, "roas": None},
        {"currency": "USD", "cost_micros": 2, "conversion_value_micros": 4, "cpa_micros": None, "roas": 2.0},
    ]
    assert [one["currency"] for one in found.totals["by_currency"]] == ["EUR", "USD"]
    assert found.totals["currency"] is None


def test_a_currency_that_is_asked_for_is_that_of_all_rows() -> None:
    """Then nothing mixes, and nothing is asked by currency."""
    ask = Asked(cells(cost=3), {("day",): [cells(day=date(2026, 3, 2), cost=3)]}, currency="EUR")
    found = report(ask, since=SINCE, until=UNTIL, by="day", currency="EUR")
    assert found.rows[0]["date"] == date(2026, 3, 2)
    assert (found.rows[0]["currency"], found.totals["currency"], found.currency) == ("EUR", "EUR", "EUR")
    assert {one.dimensions for one in ask.questions} == {("day",), ("day", "action")}
    assert {one.currency for one in ask.questions} == {"EUR"}


def test_search_terms_and_keywords_have_no_actions() -> None:
    """No dataset breaks conversions down so far; the term is its own key and name."""
    term = campaign("c1", "Spring", ad_group_id="g1", ad_group="Women", search_term="red shoes", currency="EUR")
    ask = Asked(cells(), {("account", "campaign", "ad_group", "search_term"): [term]})
    (row,) = report(ask, since=SINCE, until=UNTIL, by="search_term").rows
    assert (row["ad_group_name"], row["search_term"], row["conversions_by_action"]) == ("Women", "red shoes", {})
    assert "search_term_name" not in row
    assert not [one for one in ask.questions if "action" in one.dimensions]


def test_nothing_is_a_report_without_rows() -> None:
    """With totals that are missing, not zero."""
    found = report(Asked(cells(), {}), since=SINCE, until=UNTIL, by="total")
    assert found.rows == []
    assert (found.totals["cost_micros"], found.totals["currency"], found.totals["conversions_by_action"]) == (
        None,
        None,
        {},
    )
    assert json.loads(found.to_json()) | {"totals": {}} == {
        "since": "2026-03-01",
        "until": "2026-03-31",
        "by": "total",
        "as_of": None,
        "rows": [],
        "totals": {},
        "notes": ["a note"],
    }


def test_kinds_and_conditions() -> None:
    """Each kind has its dimensions; another is refused with those that there are."""
    assert {by: dimensions_by(by)[-1:] for by in get_args(By)} == {
        by: () if by == "total" else (by,) for by in get_args(By)
    }
    with pytest.raises(BadInput, match=r"by total, platform, .*, not by 'hour'"):
        dimensions_by("hour")
    assert conditions(platforms=["meta"], campaign_ids=("1", "2")) == (
        Condition(dimension="platform", values=("meta",)),
        Condition(dimension="campaign", values=("1", "2")),
    )
