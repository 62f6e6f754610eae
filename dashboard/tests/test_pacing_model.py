"""What the page Pacing says, from paces that are made by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from adjoin.analytics.v1 import BudgetKind, BudgetSource, Pace, PacingState
from adjoin.errors import BadInput
from adjoin.writing import NumberFormat, Writer
from adjoin_dashboard.pacing.model import (
    STATES,
    counted_states,
    headlines,
    months,
    read_amount,
    read_month,
    said,
    source_of,
)

WRITE = Writer()
M = 1_000_000


def pace(**more: Any) -> Pace:
    given: dict[str, Any] = {
        "dimension": "account",
        "key": ("meta", "act_1"),
        "name": "Shop",
        "currency": "EUR",
        "since": date(2026, 11, 1),
        "until": date(2026, 11, 30),
        "state": PacingState.OVER,
        "spent_micros": 150 * M,
        "days": 30,
        "elapsed_days": 15,
        "days_left": 15,
        "source": BudgetSource.SET,
        "kind": BudgetKind.TOTAL,
        "budget_micros": 240 * M,
        "ratio": Decimal("1.25"),
        "projected_micros": 300 * M,
        "needed_daily_micros": 6 * M,
        "runs_out_on": date(2026, 11, 24),
    }
    return Pace(**(given | more))


def test_months_are_two_to_come_and_a_year_back() -> None:
    found = months(date(2026, 11, 21))
    assert (found[0], found[2], found[-1], len(found)) == (
        date(2027, 1, 1),
        date(2026, 11, 1),
        date(2025, 11, 1),
        15,
    )


@pytest.mark.parametrize(("text", "month"), [("2026-02", date(2026, 2, 1)), ("2026-13", None), ("", None), ("x", None)])
def test_a_month_of_an_address(text: str, month: date | None) -> None:
    assert read_month(text) == month


def test_every_state_has_its_own_words() -> None:
    titles = [STATES[state].title for state in PacingState]
    assert len(set(titles)) == len(titles)
    assert len({title[0] for title in titles}) == len(titles)  # and a sign of its own


def test_headlines_keep_currencies_apart() -> None:
    other = pace(key=("meta", "act_2"), currency="USD", budget_micros=None, state=PacingState.NO_BUDGET)
    found = {one.label: one.value for one in headlines([pace(), other], WRITE)}
    assert found == {
        "Spent (EUR)": "€150",
        "Budgets (EUR)": "€240",
        "Expected (EUR)": "€300",
        "Spent (USD)": "$150",
        "Expected (USD)": "$300",
    }
    assert counted_states([pace(), other], WRITE) == "1 account has a budget: 1 over."
    assert counted_states([other], WRITE) == ""


def test_what_needs_somebody() -> None:
    name = {("meta", "act_1"): "Shop"}
    (told,) = said([pace(), pace(state=PacingState.ON)], name, WRITE)
    assert told == (
        "Shop is expected to end €60.00 above its budget, which is used up on 24 Nov 2026; €6.00 a day would meet it."
    )
    assert said([pace(state=PacingState.SPENT)], name, WRITE) == ["Shop has used up its budget with 15 days to go."]
    under = pace(state=PacingState.UNDER, projected_micros=200 * M, runs_out_on=None)
    assert said([under], name, WRITE) == ["Shop is expected to end €40.00 below its budget; €6.00 a day would meet it."]
    assert said([pace(projected_micros=None)], name, WRITE) == []


def test_where_a_budget_comes_from() -> None:
    assert source_of(pace(), WRITE) == "Set here"
    platform = {"source": BudgetSource.PLATFORM}
    assert source_of(pace(**platform, daily_micros=8 * M), WRITE) == "Platform, €8.00 a day"
    assert source_of(pace(**platform), WRITE) == "Platform, 1–30 Nov 2026"
    assert source_of(pace(source=None), WRITE) == ""


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("12000", 12_000 * M),
        ("12,000", 12_000 * M),
        ("1,234,567.89", 1_234_567_890_000),
        ("12 000.5", 12_000_500_000),
        ("0.000001", 1),
        ("\uff11\uff12", 12 * M),
    ],
)
def test_amounts_are_read_exactly(text: str, micros: int) -> None:
    assert read_amount(text, (",", ".")) == micros


def test_amounts_are_read_as_they_are_written_here() -> None:
    symbols = Writer(numbers=NumberFormat.POINT_COMMA).symbols
    assert read_amount("1.234,5", symbols) == 1_234_500_000
    assert read_amount("1.234", symbols) == 1_234 * M


@pytest.mark.parametrize("text", ["", "abc", "-5", "1e9", "€5", "1.2.3.4", "=1+1", "NaN", "0.0000001"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="no amount"):
        read_amount(text, (",", "."))
