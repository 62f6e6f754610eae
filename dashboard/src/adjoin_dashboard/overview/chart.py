"""The drawing of spend by platform over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from adjoin_dashboard import numbers
from adjoin_dashboard.overview.model import Group

__all__ = ["spend_chart"]


def spend_chart(
    days: Sequence[str],
    platforms: Sequence[Group],
    *,
    titles: Mapping[str, str],
    colours: Mapping[str, str],
    currency: str,
    moving_since: date | None = None,
) -> dict[str, Any]:
    """Return the ECharts option: a line for each platform, filled where it is the only one.

    A line marks `moving_since`: from that day on the platforms may still change their figures.
    """
    source = pd.DataFrame({"Day": list(days)} | {titles[one.platform]: list(one.trend) for one in platforms})
    largest = max((value for one in platforms for value in one.trend if value is not None), default=0.0)
    digits = numbers.decimals(largest, currency)
    alone = len(platforms) == 1
    single_day = len(days) == 1
    return {
        "animation": False,
        "dataset": {"source": source},
        "color": [colours[one.platform] for one in platforms],
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
        "grid": {"left": 8, "right": 18, "top": 28 if alone else 60, "bottom": 8, "containLabel": True},
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "order": "valueDesc",
            "valueFormatter": f"{numbers.currency_sign(currency)}%,.{digits}f",
        },
        "xAxis": {"type": "time", "axisTick": {"show": False}, "splitLine": {"show": False}, "minInterval": 86_400_000},
        "yAxis": {
            "type": "value",
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "splitNumber": 5,
            "axisLabel": {"formatter": f"{numbers.currency_sign(currency)}{{value}}"},
        },
        "series": [
            {
                "type": "line",
                "name": titles[one.platform],
                "encode": {"x": "Day", "y": titles[one.platform]},
                "color": colours[one.platform],
                "symbol": "circle",
                "symbolSize": 7,
                "showSymbol": single_day,
                "lineStyle": {"width": 2},
                "areaStyle": {"opacity": 0.12} if alone else None,
                "emphasis": {"focus": "series"},
                "connectNulls": False,
            }
            | ({"markLine": _moving(days, moving_since)} if number == 0 and moving_since is not None else {})
            for number, one in enumerate(platforms)
        ],
    }


def _moving(days: Sequence[str], since: date) -> dict[str, Any]:
    """A dashed line before the first of the days that may still change, if any of them is shown."""
    return {
        "silent": True,
        "symbol": "none",
        "lineStyle": {"color": "#868E96", "type": "dashed", "width": 1},
        # Beside the line's upper end and before it, since the line is always near the right edge.
        "label": {"formatter": "may still change →", "position": "end", "align": "right", "color": "#868E96"},
        "data": [{"xAxis": since.isoformat()}] if days[0] < since.isoformat() <= days[-1] else [],
    }
