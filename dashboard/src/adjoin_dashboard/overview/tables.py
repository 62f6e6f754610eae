"""The tables of the Overview, as frames and column settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from adjoin.writing import Writer, currency_sign, decimals
from adjoin_dashboard.overview.model import AccountId, Group
from adjoin_dashboard.tables import written

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

__all__ = ["columns", "frame", "styled"]

#: Pixels: enough for "Microsoft Advertising", and less than two thirds of a phone.
_PINNED = 195


def frame(
    groups: Sequence[Group],
    names: Mapping[AccountId, str],
    label: str,
    *,
    title: Callable[[str], str] | None = None,
) -> pd.DataFrame:
    """Return one line per group with plain numbers, amounts in whole units; None where there is nothing to say.

    With `title` there is a column for the platform. A group without a name is shown by its account's id.
    """
    return pd.DataFrame(
        [
            {label: names.get((one.platform, one.account_id), one.account_id)}
            | ({} if title is None else {"Platform": title(one.platform)})
            | {
                "Spend": _number(one.figures.cost_micros, micros=True),
                "Change": _change(one),
                "Conversions": _number(one.figures.conversions),
                "CPA": _number(one.figures.cpa_micros, micros=True),
                "ROAS": _number(one.figures.roas),
                "CTR": _number(None if one.figures.ctr is None else one.figures.ctr * 100),
                "Trend": [value for value in one.trend if value is not None],
            }
            for one in groups
        ]
    )


def styled(table: pd.DataFrame, currency: str, write: Writer) -> Styler:
    """Return a frame made here as the visitor has numbers written: each column with as many decimals throughout."""
    sign = currency_sign(currency)

    def number(digits: int, before: str = "", after: str = "") -> Callable[[float], str]:
        return lambda value: f"{before}{write.number(Decimal(repr(value)), digits)}{after}"

    fraction = any(value is not None and value % 1 for value in table["Conversions"])
    return written(
        table,
        {
            "Spend": number(decimals(table["Spend"].max(), currency), sign),
            "Change": lambda value: write.signed(Decimal(repr(value)), 1, "%"),
            "Conversions": number(1 if fraction else 0),
            "CPA": number(decimals(table["CPA"].max(), currency), sign),
            "ROAS": number(2, after="×"),
            "CTR": number(2, after="%"),
        },
    )


def columns(label: str, *, with_change: bool) -> dict[str, Any]:
    """Return the column settings of a frame made here."""
    number = st.column_config.NumberColumn
    return {
        "Platform": st.column_config.TextColumn("Platform", width=155),
        # A pinned column as wide as the longest name leaves a phone no room for the figures.
        label: st.column_config.TextColumn(label, pinned=True, width=_PINNED),
        "Spend": number("Spend"),
        "Change": number("Change", help="Of spend, against the compared period") if with_change else None,
        "Conversions": number("Conversions"),
        "CPA": number("CPA", help="Spend divided by conversions"),
        "ROAS": number("ROAS", help="Conversion value divided by spend"),
        "CTR": number("CTR", help="Clicks divided by impressions"),
        "Trend": st.column_config.AreaChartColumn("Spend trend", y_min=0, width="medium"),
    }


def _number(value: int | Decimal | None, *, micros: bool = False) -> float | None:
    """A number for a cell, which is drawn with two decimals at most."""
    return None if value is None else float(Decimal(value).scaleb(-6) if micros else value)


def _change(one: Group) -> float | None:
    now, before = one.figures.cost_micros, one.before.cost_micros
    return None if now is None or not before else float(Decimal(now - before) / before * 100)
