"""Drawings of figures over time, as options of ECharts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from adjoin.access.day_notes import Note
from adjoin.analytics.v1 import Metric, Unit
from adjoin.writing import Writer, currency_sign
from adjoin_dashboard.figures import Value, number_of, written_value

__all__ = ["Line", "marks", "time_chart"]

#: What an axis counts in, from which value on.
_UNITS = ((10**9, "bn"), (10**6, "M"), (10**3, "k"))
_GREY = "#868E96"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a chart: a value for each day. One that is only there to compare with is thin and dashed."""

    name: str
    values: Sequence[Value]
    colour: str
    compared: bool = False


def time_chart(
    days: Sequence[date],
    lines: Sequence[Line],
    metric: Metric,
    *,
    write: Writer,
    currency: str | None,
    changing_since: date | None = None,
    notes: Sequence[Note] = (),
) -> dict[str, Any]:
    """Return the option: a line for each of `lines`, filled where it is the only one, gaps where a value is missing.

    A dashed line marks `changing_since`, from where on figures may still change; notes are marked by the numbers that
    they have in the list below, on their day or as a band over their days. Values are sent as they are written, for the
    tooltips, and in units of the axis, since ECharts separates thousands by commas only.
    """
    drawn = [[number_of(metric, value) for value in line.values] for line in lines]
    largest = max((abs(value) for values in drawn for value in values if value is not None), default=0.0)
    size, unit = next(((size, unit) for size, unit in _UNITS if largest >= size), (1, ""))
    before, after = _around(metric, currency, unit)
    names = _distinct([line.name for line in lines])
    columns: dict[str, Sequence[object]] = {"Day": [day.isoformat() for day in days]}
    for name, line, values in zip(names, lines, drawn, strict=True):
        columns[name] = [
            None if value is None else written_value(metric, value, write, currency) for value in line.values
        ]
        columns[f"{name} (axis)"] = [None if value is None else value / size for value in values]
    alone = len(lines) == 1
    series = [_series(name, line, filled=alone, single=len(days) == 1) for name, line in zip(names, lines, strict=True)]
    if series and days:
        series[0] |= marks(days, changing_since, notes)
    return {
        "animation": False,
        "dataset": {"source": pd.DataFrame(columns)},
        "color": [line.colour for line in lines],
        "legend": {
            "show": not alone,
            "type": "scroll",
            "left": 0,
            "right": 130,
            "top": 6,
            "icon": "circle",
            "itemWidth": 10,
            "itemHeight": 10,
            "itemGap": 18,
        },
        "grid": {"left": 8, "right": 18, "top": 36 if alone else 64, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {"type": "time", "axisTick": {"show": False}, "splitLine": {"show": False}, "minInterval": 86_400_000},
        "yAxis": {
            "type": "value",
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "splitNumber": 4,
            "axisLabel": {"formatter": f"{before}{{value}}{after}"},
        },
        "series": series,
    }


def _around(metric: Metric, currency: str | None, unit: str) -> tuple[str, str]:
    match metric.unit:
        case Unit.MONEY:
            return currency_sign(currency or ""), unit
        case Unit.SHARE:
            return "", f"{unit}%"
        case Unit.MULTIPLE:
            return "", f"{unit}×"
        case Unit.COUNT:
            return "", unit


def _distinct(names: Sequence[str]) -> list[str]:
    """Two lines may have one name: campaigns of two accounts."""
    found: list[str] = []
    for name in names:
        number, told = 2, name
        while told in (*found, "Day"):
            told, number = f"{name} ({number})", number + 1
        found.append(told)
    return found


def _series(name: str, line: Line, *, filled: bool, single: bool) -> dict[str, Any]:
    return {
        "type": "line",
        "name": name,
        "encode": {"x": "Day", "y": f"{name} (axis)", "tooltip": name},
        "color": line.colour,
        "symbol": "circle",
        "symbolSize": 7,
        "showSymbol": single,
        "lineStyle": {"width": 1.5 if line.compared else 2, "type": "dashed" if line.compared else "solid"},
        "areaStyle": {"opacity": 0.12} if filled else None,
        "sampling": "lttb",
        "connectNulls": False,
    }


def marks(days: Sequence[date], changing_since: date | None, notes: Sequence[Note]) -> dict[str, Any]:
    """Return what a series is given to mark the first day that may still change, and notes by their numbers."""
    first, last = days[0], days[-1]
    lines: list[Mapping[str, Any]] = []
    bands: list[list[Mapping[str, Any]]] = []
    if changing_since is not None and first < changing_since <= last:
        lines.append(
            {
                "xAxis": changing_since.isoformat(),
                "lineStyle": {"color": _GREY, "type": "dashed", "width": 1},
                # Before the line, which is always near the right edge.
                "label": {
                    "formatter": "may still change →",
                    "position": "insideEndTop",
                    "rotate": 0,
                    "align": "right",
                    "color": _GREY,
                },
            }
        )
    for number, note in enumerate(notes, start=1):
        day = max(note.first_day, first)
        if day > last or note.last_day < first:
            continue
        # The text itself is below the chart: here it might cover the line, and ECharts reads "{a}" in it as a variable.
        lines.append(
            {
                "xAxis": day.isoformat(),
                "lineStyle": {"color": "#E8590C", "type": "solid", "width": 1},
                "label": {
                    "formatter": str(number),
                    "position": "end",
                    "color": "#FFFFFF",
                    "backgroundColor": "#D9480F",
                    "padding": [2, 5],
                    "borderRadius": 4,
                },
            }
        )
        if note.last_day > note.first_day:
            bands.append([{"xAxis": day.isoformat()}, {"xAxis": min(note.last_day, last).isoformat()}])
    found: dict[str, Any] = {}
    if lines:
        found["markLine"] = {"silent": True, "symbol": "none", "data": lines}
    if bands:
        found["markArea"] = {"silent": True, "itemStyle": {"color": "#E8590C", "opacity": 0.08}, "data": bands}
    return found
