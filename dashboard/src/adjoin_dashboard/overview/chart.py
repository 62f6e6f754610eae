"""The drawing of spend by platform over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd

from adjoin.access.day_notes import Note
from adjoin.writing import Writer, currency_sign, decimals
from adjoin_dashboard.charts import marks
from adjoin_dashboard.overview.model import Group

__all__ = ["spend_chart"]

#: What the axis counts in, from which amount on.
_UNITS = ((10**9, "bn"), (10**6, "M"), (10**3, "k"))


def spend_chart(
    days: Sequence[str],
    platforms: Sequence[Group],
    *,
    titles: Mapping[str, str],
    colours: Mapping[str, str],
    currency: str,
    write: Writer,
    moving_since: date | None = None,
    notes: Sequence[Note] = (),
) -> dict[str, Any]:
    """Return the ECharts option: a line for each platform, filled where it is the only one.

    A line marks `moving_since`: from that day on the platforms may still change their figures; `notes` are marked by
    their numbers. Amounts are sent as they are written, for the tooltips, and in units of the axis, since ECharts
    separates thousands by commas only.
    """
    largest = max((value for one in platforms for value in one.trend if value is not None), default=0.0)
    digits = decimals(largest, currency)
    sign = currency_sign(currency)
    size, unit = next(((size, unit) for size, unit in _UNITS if largest >= size), (1, ""))
    lines = {one.platform: f"{titles[one.platform]}, {unit or 'units'} of {currency}" for one in platforms}

    def written(value: float | None) -> str | None:
        return None if value is None else f"{sign}{write.number(Decimal(repr(value)), digits)}"

    source = pd.DataFrame(
        {"Day": list(days)}
        | {titles[one.platform]: [written(value) for value in one.trend] for one in platforms}
        | {lines[one.platform]: [None if value is None else value / size for value in one.trend] for one in platforms}
    )
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
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {"type": "time", "axisTick": {"show": False}, "splitLine": {"show": False}, "minInterval": 86_400_000},
        "yAxis": {
            "type": "value",
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "splitNumber": 5,
            "axisLabel": {"formatter": f"{sign}{{value}}{unit}"},
        },
        "series": [
            {
                "type": "line",
                "name": titles[one.platform],
                "encode": {"x": "Day", "y": lines[one.platform], "tooltip": titles[one.platform]},
                "color": colours[one.platform],
                "symbol": "circle",
                "symbolSize": 7,
                "showSymbol": single_day,
                "lineStyle": {"width": 2},
                "areaStyle": {"opacity": 0.12} if alone else None,
                "emphasis": {"focus": "series"},
                "connectNulls": False,
            }
            | (marks([date.fromisoformat(day) for day in days], moving_since, notes) if number == 0 and days else {})
            for number, one in enumerate(platforms)
        ],
    }
