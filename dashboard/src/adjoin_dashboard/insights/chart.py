"""The small chart of a finding: its metric by day, and what was expected of it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from adjoin.analytics.v1 import Finding, Metric, Unit
from adjoin.writing import Writer, currency_sign
from adjoin_dashboard.figures import number_of, written_value

__all__ = ["finding_chart"]

_UNITS = ((10**9, "bn"), (10**6, "M"), (10**3, "k"))


def finding_chart(
    finding: Finding, metric: Metric, *, currency: str, write: Writer, colours: tuple[str, str, str]
) -> dict[str, Any]:
    """Return the option: what there was, what was expected with its interval as a band, and the finding's days marked.

    `colours` are those of the metric, of what was expected, and of the mark. Days without knowledge are gaps.
    """
    days = finding.days
    drawn = {
        name: [number_of(metric, value) for value in values]
        for name, values in {
            "value": [one.value for one in days],
            "expected": [one.expected for one in days],
            "low": [one.low for one in days],
            "high": [one.high for one in days],
        }.items()
    }
    largest = max((abs(value) for values in drawn.values() for value in values if value is not None), default=0.0)
    size, unit = next(((size, unit) for size, unit in _UNITS if largest >= size), (1, ""))
    before = currency_sign(currency) if metric.unit is Unit.MONEY else ""
    after = f"{unit}%" if metric.unit is Unit.SHARE else f"{unit}×" if metric.unit is Unit.MULTIPLE else unit

    def written(values: Sequence[Decimal | None]) -> list[str | None]:
        return [None if one is None else written_value(metric, one, write, currency) for one in values]

    def scaled(name: str) -> list[float | None]:
        return [None if value is None else value / size for value in drawn[name]]

    low, high = scaled("low"), scaled("high")
    columns: dict[str, Sequence[object]] = {
        "Day": [one.day.isoformat() for one in days],
        metric.title: written([one.value for one in days]),
        "Expected": written([one.expected for one in days]),
        "value": scaled("value"),
        "expectation": scaled("expected"),
        "from": low,
        "reach": [None if one is None or two is None else two - one for one, two in zip(low, high, strict=True)],
    }
    colour, other, mark = colours
    series: list[dict[str, Any]] = []
    if any(one is not None for one in columns["reach"]):
        band = {"type": "line", "stack": "interval", "symbol": "none", "silent": True, "lineStyle": {"opacity": 0}}
        series += [
            band | {"encode": {"x": "Day", "y": "from", "tooltip": []}, "tooltip": {"show": False}},
            band
            | {
                "encode": {"x": "Day", "y": "reach", "tooltip": []},
                "tooltip": {"show": False},
                "areaStyle": {"color": other, "opacity": 0.22},
            },
        ]
    if any(one is not None for one in columns["expectation"]):
        line = {"type": "dashed", "width": 1.5}
        series.append(_line("Expected", "expectation", other) | {"lineStyle": line})
    main = _line(metric.title, "value", colour) | {"lineStyle": {"width": 2}}
    first, last = max(finding.since, days[0].day), min(finding.until, days[-1].day)
    if first == last:
        main["markLine"] = {
            "silent": True,
            "symbol": "none",
            "label": {"show": False},
            "lineStyle": {"color": mark, "type": "solid", "width": 6, "opacity": 0.25},
            "data": [{"xAxis": first.isoformat()}],
        }
    elif first < last:
        main["markArea"] = {
            "silent": True,
            "itemStyle": {"color": mark, "opacity": 0.14},
            "data": [[{"xAxis": first.isoformat()}, {"xAxis": last.isoformat()}]],
        }
    series.append(main)
    return {
        "animation": False,
        "dataset": {"source": pd.DataFrame(columns)},
        "legend": {"show": False},
        "grid": {"left": 4, "right": 12, "top": 10, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {"type": "time", "axisTick": {"show": False}, "splitLine": {"show": False}, "splitNumber": 3},
        "yAxis": {
            "type": "value",
            "scale": metric.unit in (Unit.SHARE, Unit.MULTIPLE),
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "splitNumber": 2,
            "axisLabel": {"formatter": f"{before}{{value}}{after}"},
        },
        "series": series,
    }


def _line(name: str, column: str, colour: str) -> dict[str, Any]:
    return {
        "type": "line",
        "name": name,
        "encode": {"x": "Day", "y": column, "tooltip": name},
        "color": colour,
        "symbol": "circle",
        "symbolSize": 5,
        "showSymbol": False,
        "connectNulls": False,
    }
