"""The tables of the page Pacing: each line in its account's currency."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from adjoin.analytics.v1 import BudgetSource, Pace
from adjoin.writing import MISSING, Writer, currency_sign, decimals
from adjoin_dashboard.pacing.model import STATES, source_of

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

__all__ = ["OPENED", "frame_of", "settings_of", "styled"]

#: Where the row whose button was pressed is kept, by what is listed.
OPENED = {"account": "pacing-account", "campaign": "pacing-campaign"}
_SET, _STATE, _SPENT, _BUDGET, _PART, _PACE = "Set", "State", "Spent", "Budget", "Part spent", "Pace"
_EXPECTED, _BETWEEN, _OF_BUDGET, _NEEDED, _OUT = "Expected", "Between", "Of budget", "Needed a day", "Used up on"
_FROM, _PLATFORM, _MISSING = "Budget from", "Platform", "Days missing"
_AMOUNTS = (_SPENT, _BUDGET, _EXPECTED, _NEEDED)
_PINNED = 190  # pixels
_MICROS = Decimal(10) ** 6


def frame_of(
    paces: Sequence[Pace],
    label: str,
    *,
    names: Mapping[tuple[str, ...], str],
    platform_title: Callable[[str], str] | None,
    write: Writer,
    may_set: bool,
) -> pd.DataFrame:
    """Return the table with plain numbers, amounts in whole units; None where there is nothing to say."""
    rows = []
    missing = any(one.missing_days for one in paces)
    for one in paces:
        row: dict[str, Any] = {_SET: "Change" if one.source is BudgetSource.SET else "Set"} if may_set else {}
        row |= {label: names[one.key], _STATE: STATES[one.state].title}
        if platform_title is not None:
            row[_PLATFORM] = platform_title(one.key[0])
        row |= {_SPENT: _units(one.spent_micros), _BUDGET: _units(one.budget_micros)}
        row[_PART] = None if one.budget_share is None else float(one.budget_share * 100)
        row[_PACE] = None if one.ratio is None else float(one.ratio)
        row[_EXPECTED] = _units(one.projected_micros)
        row[_BETWEEN] = _between(one, write)
        row[_OF_BUDGET] = None if one.projected_ratio is None else float(one.projected_ratio * 100)
        row[_NEEDED] = _units(one.needed_daily_micros)
        row[_OUT] = None if one.runs_out_on is None or one.runs_out_on >= one.until else write.day(one.runs_out_on)
        row[_FROM] = source_of(one, write) or None
        if missing:
            row[_MISSING] = one.missing_days or None
        rows.append(row)
    return pd.DataFrame(rows)


def styled(table: pd.DataFrame, paces: Sequence[Pace], write: Writer, *, colours: Mapping[str, str]) -> Styler:
    """Return the table as the visitor has numbers written; states have a colour beside their word and sign."""
    style = table.style
    for currency in {one.currency for one in paces}:
        lines = [number for number, one in enumerate(paces) if one.currency == currency]
        amounts = table.loc[lines, list(_AMOUNTS)].astype(float)
        digits = decimals(float(amounts.max().max()) if amounts.notna().any().any() else 0, currency)
        part = pd.IndexSlice[lines, list(_AMOUNTS)]
        style = style.format(_amount(write, currency, digits), subset=part)
    style = style.format(_number(write, 2, "×"), subset=[_PACE]).format(_number(write, 0, "%"), subset=[_OF_BUDGET])
    by_state = {state.title: colours[state.colour] for state in STATES.values()}
    return style.map(lambda told: f"color: {by_state[told]}; font-weight: 600", subset=[_STATE])


def settings_of(
    table: pd.DataFrame, label: str, what: str, *, on_set: Callable[[Sequence[Pace]], None], paces: Sequence[Pace]
) -> dict[str, Any]:
    """Return the settings of the columns. `on_set` is called with the lines when a button is pressed."""
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    settings: dict[str, Any] = {
        _SET: st.column_config.ButtonColumn(
            "Budget", width=78, pinned=True, type="tertiary", key=OPENED[what], on_click=on_set, args=(paces,)
        ),
        label: text(label, pinned=True, width=_PINNED),
        _STATE: text(_STATE, width=105),
        _PLATFORM: text(_PLATFORM, width=150),
        _SPENT: number(_SPENT, help="On the days that are over"),
        _BUDGET: number(_BUDGET),
        _PART: st.column_config.ProgressColumn(_PART, min_value=0, max_value=100, format="%.0f%%", width=110),
        _PACE: number(
            _PACE,
            help="Part of the budget that is spent / part of the period that has passed, by weekday; 1 is on plan",
        ),
        _EXPECTED: number(_EXPECTED, help="What will have been spent at the end if it goes on as in the last weeks"),
        _BETWEEN: text("80% between", help="In 4 of 5 cases it ends between these"),
        _OF_BUDGET: number(_OF_BUDGET, help="What is expected, as a part of the budget"),
        _NEEDED: number(_NEEDED, help="On each day that is left, today among them, to spend the budget exactly"),
        _FROM: text(_FROM),
        _MISSING: number(_MISSING, help="Days that are over but were not synced; they are in no ratio"),
    }
    return {name: value for name, value in settings.items() if name in table}


def _units(micros: int | None) -> float | None:
    return None if micros is None else float(Decimal(micros) / _MICROS)


def _between(one: Pace, write: Writer) -> str | None:
    if one.low_micros is None or one.high_micros is None:
        return None
    low, high = (write.money(micros, one.currency, compact=True) for micros in (one.low_micros, one.high_micros))
    return low if low == high else f"{low} – {high}"


def _amount(write: Writer, currency: str, digits: int) -> Callable[[Any], str]:
    sign = currency_sign(currency)
    return lambda value: MISSING if pd.isna(value) else f"{sign}{write.number(Decimal(repr(float(value))), digits)}"


def _number(write: Writer, digits: int, after: str) -> Callable[[Any], str]:
    return lambda value: MISSING if pd.isna(value) else f"{write.number(Decimal(repr(float(value))), digits)}{after}"
