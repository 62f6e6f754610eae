"""The drawing of effects: a bar for each member, made of its causes, and a mark at what they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from adjoin.analytics.v1 import Metric, Unit
from adjoin.writing import Writer
from adjoin_dashboard.figures import number_of
from adjoin_dashboard.overview.change.table import Line
from adjoin_dashboard.overview.change.words import Cause, signed

__all__ = ["effects_chart"]

_UNITS = ((10**9, "bn"), (10**6, "M"), (10**3, "k"))
_TOGETHER = "Together"


def effects_chart(
    lines: Sequence[Line],
    causes: Sequence[Cause],
    metric: Metric,
    *,
    write: Writer,
    currency: str | None,
    colours: Mapping[str, str],
    ink: str,
) -> dict[str, Any]:
    """Return the option of ECharts, the first of `lines` on top; without causes there is one bar for each.

    `colours` are by part ("change" for a bar of one), `ink` that of the marks. Values are sent as they are written, for
    the tooltips, and in units of the axis.
    """
    parts: list[tuple[str, str]] = [(cause.title, cause.part) for cause in causes] or [("Change", "change")]
    largest = max((_reach(line, [part for _, part in parts], metric) for line in lines), default=0.0)
    size, unit = next(((size, unit) for size, unit in _UNITS if largest >= size), (1, ""))
    columns: dict[str, Sequence[object]] = {"Member": _distinct([line.name for line in lines])}
    series: list[dict[str, Any]] = []

    def drawn(name: str, values: Sequence[Decimal]) -> Mapping[str, str]:
        columns[name] = [signed(metric, value, write, currency) for value in values]
        columns[f"{name} (axis)"] = [(number_of(metric, value) or 0.0) / size for value in values]
        return {"x": f"{name} (axis)", "y": "Member", "tooltip": name}

    for title, part in parts:
        series.append(
            {
                "type": "bar",
                "name": title,
                "stack": "effects",
                "encode": drawn(title, [line.value(part) for line in lines]),
                "color": colours[part],
                "barMaxWidth": 22,
            }
        )
    if causes:
        series.append(
            {
                "type": "scatter",
                "name": _TOGETHER,
                "encode": drawn(_TOGETHER, [line.value("change") for line in lines]),
                "color": ink,
                "symbol": "diamond",
                "symbolSize": 11,
            }
        )
    after = {Unit.SHARE: " pp", Unit.MULTIPLE: "×"}.get(metric.unit, "")
    return {
        "animation": False,
        "dataset": {"source": pd.DataFrame(columns)},
        "color": [one["color"] for one in series],
        "legend": {"show": bool(causes), "left": 0, "top": 2, "itemWidth": 12, "itemHeight": 10, "itemGap": 16},
        "grid": {"left": 8, "right": 22, "top": 36 if causes else 10, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis", "axisPointer": {"type": "shadow"}, "confine": True},
        "xAxis": {
            "type": "value",
            "splitNumber": 4,
            "axisLabel": {"formatter": f"{{value}}{unit}{after}", "hideOverlap": True},
        },
        "yAxis": {
            "type": "category",
            "inverse": True,
            "axisTick": {"show": False},
            "axisLine": {"show": False},
            "axisLabel": {"width": 110, "overflow": "truncate"},
        },
        "series": series,
    }


def _reach(line: Line, parts: Sequence[str], metric: Metric) -> float:
    """How far the bar of a line reaches to one side."""
    values = [number_of(metric, line.value(part)) or 0.0 for part in parts]
    return max(sum(one for one in values if one > 0), -sum(one for one in values if one < 0))


def _distinct(names: Sequence[str]) -> list[str]:
    """Two members may have one name: campaigns of two accounts."""
    found: list[str] = []
    for name in names:
        number, told = 2, name
        while told in found:
            told, number = f"{name} ({number})", number + 1
        found.append(told)
    return found
