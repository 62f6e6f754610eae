"""The table of the Campaigns page, as a frame, its cells as they are written, and the settings of its columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from adjoin.analytics.v1 import Metric, Unit
from adjoin.writing import Writer, currency_sign, decimals
from adjoin_dashboard.campaigns.model import LEVELS, Asked, Line
from adjoin_dashboard.figures import Value, number_of, share_of_change
from adjoin_dashboard.overview.model import AccountId
from adjoin_dashboard.tables import written

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

__all__ = ["OPENED", "frame_of", "settings_of", "styled"]

#: Where the row whose button was pressed is kept.
OPENED = "campaign-opened"
_OPEN, _TREND, _CHANGE, _MANAGER = "Open", "Trend", "change", "Manager"
#: Pixels: less than two thirds of a phone.
_PINNED = 200


def frame_of(
    lines: Sequence[Line],
    metrics: Mapping[str, Metric],
    asked: Asked,
    *,
    states: Mapping[tuple[str, ...], str],
    accounts: Mapping[AccountId, str],
    platform_title: Callable[[str], str],
    trends: Mapping[tuple[str, ...], Sequence[Value]],
    compared: bool,
    opens: bool,
    links: Mapping[tuple[str, ...], str],
) -> pd.DataFrame:
    """Return the table with plain numbers, amounts in whole units; None where there is nothing to say.

    Columns of metrics have the metrics' names, those of changes "<name>.change". Without `accounts` there are no
    columns for platform and account; with `opens` there is one of buttons, with `links` one of links elsewhere.
    """
    changed = () if not compared else asked.columns if asked.changes else (asked.sort,)
    rows = []
    for line in lines:
        row: dict[str, Any] = {_OPEN: _OPEN} if opens else {}
        row[LEVELS[asked.level][:-1]] = line.name
        trend = [number_of(metrics[asked.sort], value) for value in trends.get(line.path, ()) if value is not None]
        for name in asked.columns:
            row[name] = number_of(metrics[name], line.values[name])
            if name in changed:
                row[f"{name}.{_CHANGE}"] = share_of_change(metrics[name], line.values[name], line.before.get(name))
            if name == asked.sort:
                row[_TREND] = trend
                row |= {"Status": states.get(line.path)} if states else {}
                row |= {_MANAGER: links.get(line.path)} if links else {}
        row.setdefault(_TREND, trend)
        if states:
            row.setdefault("Status", states.get(line.path))
        if links:
            row.setdefault(_MANAGER, links.get(line.path))
        if accounts and line.account is not None:
            row |= {"Account": accounts.get(line.account, line.account[1]), "Platform": platform_title(line.account[0])}
        rows.append(row)
    return pd.DataFrame(rows)


def styled(table: pd.DataFrame, metrics: Mapping[str, Metric], currency: str | None, write: Writer) -> Styler:
    """Return the table as the visitor has numbers written: each column with as many decimals throughout."""
    cells: dict[str, Callable[[Any], str]] = {}
    for name in table:
        metric = metrics.get(str(name).removesuffix(f".{_CHANGE}"))
        if metric is None:
            continue
        if name != metric.name:
            cells[str(name)] = _signed(write, points=metric.unit is Unit.SHARE)
        else:
            cells[metric.name] = _number(write, metric, table[name], currency)
    return written(table, cells)


def settings_of(
    table: pd.DataFrame,
    metrics: Mapping[str, Metric],
    sort: str,
    *,
    on_open: Callable[[Sequence[Line]], None],
    lines: Sequence[Line],
) -> dict[str, Any]:
    """Return the settings of the columns. `on_open` is called with the lines when a button is pressed."""
    label = next(str(name) for name in table if name != _OPEN)
    settings: dict[str, Any] = {
        _OPEN: st.column_config.ButtonColumn(
            _OPEN, width=62, pinned=True, type="tertiary", key=OPENED, on_click=on_open, args=(lines,)
        ),
        # A pinned column as wide as the longest name leaves a phone no room for the figures.
        label: st.column_config.TextColumn(label, pinned=True, width=_PINNED),
        "Platform": st.column_config.TextColumn("Platform", width=160),
        "Account": st.column_config.TextColumn("Account", width=190),
        "Status": st.column_config.TextColumn("Status", width=85, help="As the platform says it is now"),
        _MANAGER: st.column_config.LinkColumn(
            _MANAGER, width=90, display_text="Open ↗", help="In the platform's own manager"
        ),
        _TREND: st.column_config.AreaChartColumn(f"{metrics[sort].title} by day", y_min=0, width=130),
    }
    for name in table:
        metric = metrics.get(str(name).removesuffix(f".{_CHANGE}"))
        if metric is None:
            continue
        told = metric.title if name == metric.name else f"± {metric.title}"
        about = metric.description if name == metric.name else "Against the compared days"
        settings[str(name)] = st.column_config.NumberColumn(told, help=about or None)
    return {name: value for name, value in settings.items() if name in table}


def _number(write: Writer, metric: Metric, values: pd.Series[Any], currency: str | None) -> Callable[[float], str]:
    before, after, digits = "", "", 0
    match metric.unit:
        case Unit.MONEY:
            largest = values.max()
            before, digits = currency_sign(currency or ""), decimals(0 if pd.isna(largest) else largest, currency or "")
        case Unit.SHARE:
            after, digits = "%", 2
        case Unit.MULTIPLE:
            after, digits = "×", 2
        case Unit.COUNT:
            digits = 1 if any(value % 1 for value in values.dropna()) else 0
    return lambda value: f"{before}{write.number(Decimal(repr(float(value))), digits)}{after}"


def _signed(write: Writer, *, points: bool) -> Callable[[float], str]:
    unit = "\N{NARROW NO-BREAK SPACE}pp" if points else "%"
    return lambda value: write.signed(Decimal(repr(float(value))), 2 if points else 1, unit)
