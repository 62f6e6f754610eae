"""The tables of the page Platforms: platforms as columns, conversions by action, freshness."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from adjoin.analytics.v1 import Answer, Metric, Unit
from adjoin.writing import MISSING, Writer
from adjoin_dashboard.figures import number_of, share_of_change, written_value
from adjoin_dashboard.platforms.model import ALL, Row, written_change
from adjoin_dashboard.platforms.source import Freshness
from adjoin_dashboard.tables import written

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

__all__ = [
    "actions_frame",
    "actions_settings",
    "actions_styled",
    "freshness_frame",
    "side_frame",
    "side_settings",
    "side_styled",
]

_METRIC = "Metric"
#: Stands before the title of a platform, for the column beside it.
_CHANGED = "± "
_ACTION_METRICS = ("conversions", "conversion_value", "aov")


def side_frame(
    rows: Sequence[Row], platforms: Sequence[str], titles: Mapping[str, str], *, compared: bool
) -> pd.DataFrame:
    """Return the table of texts, as a column has metrics of all units: a platform, and beside it how it has changed."""
    shown = {ALL: "All", **{platform: titles[platform] for platform in platforms}}
    lines = []
    for row in rows:
        line = {_METRIC: row.metric.title}
        for platform, title in shown.items():
            line[title] = row.cells[platform].text
            if compared:
                line[f"{_CHANGED}{title}"] = written_change(row.cells[platform].change, compared=compared)
        lines.append(line)
    return pd.DataFrame(lines)


def side_styled(table: pd.DataFrame, rows: Sequence[Row], *, colours: Mapping[bool, str]) -> Styler:
    """Return the table with changes in the colour of good and bad ones, beside their signs."""
    changed = [str(name) for name in table if str(name).startswith(_CHANGED)]
    orders = [(ALL, *(one for one in row.cells if one != ALL)) for row in rows]

    def colour(column: pd.Series[Any]) -> list[str]:
        if column.name not in changed:
            return [""] * len(column)
        place = changed.index(str(column.name))
        goods = [row.cells[order[place]].change for row, order in zip(rows, orders, strict=True)]
        return [
            "" if one is None or one.good is None else f"color: {colours[one.good]}; font-weight: 600" for one in goods
        ]

    return table.style.apply(colour, axis=0)


def side_settings(table: pd.DataFrame) -> dict[str, Any]:
    """Return the settings of the columns: a change has no title of its own, as it stands beside its platform."""
    settings: dict[str, Any] = {}
    for name in table:
        if str(name).startswith(_CHANGED):
            settings[str(name)] = st.column_config.TextColumn(
                "±", width=82, alignment="right", help=f"{str(name).removeprefix(_CHANGED)}, against the compared days"
            )
        else:
            settings[str(name)] = st.column_config.TextColumn(str(name), alignment="right")
    return settings | {_METRIC: st.column_config.TextColumn(_METRIC, pinned=True, width=135)}


def actions_frame(answer: Answer, metrics: Mapping[str, Metric], title: Callable[[str], str]) -> pd.DataFrame:
    """Return conversions by action, each platform's together and its greatest first, with plain numbers."""
    rows = sorted(
        answer.rows.to_pylist(),
        key=lambda row: (title(row["platform"]), -(row["conversions"] or 0), str(row["action"])),
    )
    table = []
    for row in rows:
        line: dict[str, Any] = {"Platform": title(row["platform"]), "Action": row["action"]}
        for name in _ACTION_METRICS:
            line[name] = number_of(metrics[name], row[name])
            if name == "conversions" and answer.before is not None:
                line["±"] = share_of_change(metrics[name], row[name], row[f"{name}.before"])
        table.append(line)
    return pd.DataFrame(table)


def actions_styled(table: pd.DataFrame, answer: Answer, metrics: Mapping[str, Metric], write: Writer) -> Styler:
    """Return the table as the visitor has numbers written."""

    def value(name: str) -> Callable[[Any], str]:
        metric = metrics[name]

        def told(number: float) -> str:
            exact = Decimal(repr(float(number)))
            return written_value(
                metric, exact.scaleb(6) if metric.unit is Unit.MONEY else exact, write, answer.currency
            )

        return told

    cells = {name: value(name) for name in _ACTION_METRICS}
    if "±" in table:
        cells["±"] = lambda number: write.signed(Decimal(repr(float(number))), 1, "%")
    return written(table, cells)


def actions_settings(metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """Return the settings of the columns of conversions by action."""
    settings: dict[str, Any] = {
        "Platform": st.column_config.TextColumn("Platform", width=150),
        "Action": st.column_config.TextColumn("Action", width=230, help="As the platform names and counts it"),
        "±": st.column_config.NumberColumn("± Conversions", help="Against the compared days"),
    }
    settings |= {
        name: st.column_config.NumberColumn(metrics[name].title, help=metrics[name].description or None)
        for name in _ACTION_METRICS
    }
    return settings


def freshness_frame(found: Sequence[Freshness], titles: Mapping[str, str], write: Writer, *, days: int) -> pd.DataFrame:
    """Return how fresh each platform is, in words. `days` are those of the period, of each account."""
    return pd.DataFrame(
        [
            {
                "Platform": titles[one.platform],
                "Data as of": MISSING if one.as_of is None else write.moment(one.as_of),
                "Last day read": MISSING if one.last_day is None else write.day(one.last_day),
                "Days missing": "none"
                if not one.missing
                else f"{write.count(one.missing)} of {write.count(days * one.accounts)}",
                "May still change from": MISSING if one.changing_since is None else write.day(one.changing_since),
                "Accounts": write.count(one.accounts),
                "Currencies": ", ".join(one.currencies),
                "Days are those of": ", ".join(one.time_zones),
            }
            for one in found
        ]
    )
