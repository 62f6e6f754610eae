"""Metrics as the wire has them: whole numbers as texts, fractions as the shortest number that means them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adjoin_google.sandbox.catalog import Field, camel

__all__ = ["SUMS", "double", "metric_texts", "metric_values", "needed_sums"]

#: The columns of whole numbers that every metric comes from; conversions in billionths, values and cost in micros.
SUMS = (
    "impressions",
    "clicks",
    "cost_micros",
    "video_views",
    "conversions",
    "value",
    "all_conversions",
    "all_value",
)

_NANOS, _MICROS = 10**9, 10**6

#: metric -> column, and what one of the wire is in it (0: a whole number).
_PLAIN: Mapping[str, tuple[str, int]] = {
    "impressions": ("impressions", 0),
    "clicks": ("clicks", 0),
    "interactions": ("clicks", 0),
    "cost_micros": ("cost_micros", 0),
    "video_trueview_views": ("video_views", 0),
    "conversions": ("conversions", _NANOS),
    "conversions_value": ("value", _MICROS),
    "all_conversions": ("all_conversions", _NANOS),
    "all_conversions_value": ("all_value", _MICROS),
}

#: metric -> dividend, divisor, factor. Averages of money are in micros, too.
_RATIOS: Mapping[str, tuple[str, str, float]] = {
    "ctr": ("clicks", "impressions", 1),
    "interaction_rate": ("clicks", "impressions", 1),
    "average_cpc": ("cost_micros", "clicks", 1),
    "average_cost": ("cost_micros", "clicks", 1),
    "average_cpm": ("cost_micros", "impressions", 1000),
    "cost_per_conversion": ("cost_micros", "conversions", _NANOS),
    "cost_per_all_conversions": ("cost_micros", "all_conversions", _NANOS),
    "video_trueview_view_rate": ("video_views", "impressions", 1),
}

#: What the world has none of.
_NEVER = frozenset(
    {
        "active_view_impressions",
        "cross_device_conversions",
        "engagements",
        "invalid_clicks",
        "view_through_conversions",
    }
)

#: The channels that have impression shares, by the first word of the metric; of a whole customer all have.
_SHARES = {"search": frozenset({"search", "shopping", ""}), "content": frozenset({"display", "video", ""})}


def double(number: int, one: int) -> str:
    """Write a fraction as the vendor writes doubles: 2500000000 billionths are `2.5`, whole ones have no point."""
    whole, rest = divmod(number, one)
    return repr(number / one) if rest else str(whole)


def needed_sums(name: str) -> tuple[str, ...]:
    """The columns that a metric (without `metrics.`) is zero with."""
    if name in _PLAIN:
        return (_PLAIN[name][0],)
    if name in _RATIOS:
        return (_RATIOS[name][0],)
    return () if name in _NEVER else ("impressions",)


def metric_values(name: str, columns: Mapping[str, Sequence[Any]], places: Sequence[int]) -> list[Any]:
    """Return a metric as the wire has it, but not yet as JSON; None where it does not apply."""
    if name in _PLAIN:
        column, one = _PLAIN[name]
        values = columns[column]
        return [values[place] / one for place in places] if one else [values[place] for place in places]
    if name in _RATIOS:
        above, below, factor = _RATIOS[name]
        over, under = columns[above], columns[below]
        return [over[place] * factor / under[place] if under[place] else None for place in places]
    if name in _NEVER:
        return [0] * len(places)
    return _shares(name, columns, places)


def _shares(name: str, columns: Mapping[str, Sequence[Any]], places: Sequence[int]) -> list[float | None]:
    """Made up, but always the same; capped as the real ones are, and absent on channels that have none."""
    ids = columns.get("ad_group_id") or columns.get("campaign_id")
    days = columns.get("date")
    channels, shared = columns["channel"], _SHARES[name.partition("_")[0]]
    lost = "lost" in name
    shares: list[float | None] = []
    for place in places:
        if channels[place] not in shared or not columns["impressions"][place]:
            shares.append(None)
            continue
        key = f"{name}|{ids[place] if ids else ''}|{days[place] if days else ''}"
        share = zlib.crc32(key.encode()) % 10_000 / 10_000
        shares.append((0.9001 if share > 0.9 else share) if lost else (0.0999 if share < 0.1 else share))
    return shares


def metric_texts(field: Field, columns: Mapping[str, Sequence[Any]], places: Sequence[int]) -> list[str]:
    """Return a metric of some rows as members of the object `metrics`; empty where it does not apply."""
    name = field.name.partition(".")[2]
    key = camel(name)
    if name in _PLAIN:
        column, one = _PLAIN[name]
        values = columns[column]
        if one:
            return [f'"{key}":{double(values[place], one)}' for place in places]
        return [f'"{key}":"{values[place]}"' for place in places]
    write: Callable[[Any], str] = str if field.kind == "int64" else repr
    quote = '"' if field.kind == "int64" else ""
    values = metric_values(name, columns, places)
    return ["" if value is None else f'"{key}":{quote}{write(value)}{quote}' for value in values]
