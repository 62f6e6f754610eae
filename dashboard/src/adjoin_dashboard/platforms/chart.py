"""The drawing of platforms' shares of the spend over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from adjoin.writing import Writer
from adjoin_dashboard.platforms.model import Point

__all__ = ["mix_chart"]


def mix_chart(
    points: Sequence[Point],
    platforms: Sequence[str],
    *,
    titles: Mapping[str, str],
    colours: Mapping[str, str],
    currency: str | None,
    write: Writer,
) -> dict[str, Any]:
    """Return the ECharts option: a bar for each day or week, cut into the platforms' shares.

    A tooltip has shares and amounts as they are written; a platform that was not read has no part of the bar.
    """
    columns: dict[str, Sequence[object]] = {"When": [write.day(point.start) for point in points]}
    for platform in platforms:
        columns[titles[platform]] = [_told(point, platform, currency, write) for point in points]
        columns[f"{titles[platform]} (share)"] = [
            None if (share := point.shares[platform]) is None else float(share * 100) for point in points
        ]
    return {
        "animation": False,
        "dataset": {"source": pd.DataFrame(columns)},
        "color": [colours[platform] for platform in platforms],
        "legend": {
            "type": "scroll",
            "left": 0,
            "right": 130,
            "top": 6,
            "icon": "circle",
            "itemWidth": 10,
            "itemHeight": 10,
            "itemGap": 18,
        },
        "grid": {"left": 8, "right": 18, "top": 44, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {"type": "category", "axisTick": {"show": False}, "axisLabel": {"hideOverlap": True}},
        "yAxis": {
            "type": "value",
            "max": 100,
            "axisLine": {"show": False},
            "axisTick": {"show": False},
            "interval": 25,
            "axisLabel": {"formatter": "{value}%"},
        },
        "series": [
            {
                "type": "bar",
                "name": titles[platform],
                "stack": "mix",
                "barCategoryGap": "15%",
                "encode": {"x": "When", "y": f"{titles[platform]} (share)", "tooltip": titles[platform]},
                "color": colours[platform],
            }
            for platform in platforms
        ],
    }


def _told(point: Point, platform: str, currency: str | None, write: Writer) -> str | None:
    share, micros = point.shares[platform], point.micros[platform]
    if micros is None:
        return None
    amount = write.money(micros, currency or "")
    return amount if share is None else f"{write.percent(share, 1)} ({amount})"
