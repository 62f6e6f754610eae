"""Since when the days of a platform may still change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from adjoin.ads import v2 as ads
from adjoin.sync.planner import look_back_horizon

__all__ = ["changing_since"]


def changing_since(
    platforms: Mapping[str, ads.Description],
    zones: Mapping[str, Collection[str]],
    datasets: Collection[str],
    now: datetime,
) -> dict[str, date]:
    """Return by platform the first day within the look-back windows of what was read, today included.

    `zones` are the time zones of each platform's accounts: the one in which the day is earliest counts. A platform that
    does not say how far it restates counts from today.
    """
    found: dict[str, date] = {}
    for platform, names in zones.items():
        today = min(now.astimezone(ZoneInfo(name)).date() for name in names)
        described = platforms.get(platform)
        streams = [] if described is None else [one for one in described.streams if one.kind == "facts"]
        windows = [look_back_horizon(one) for one in streams if {one.name, *one.yields} & set(datasets)] or [
            look_back_horizon(one) for one in streams
        ]
        found[platform] = today - timedelta(days=max(windows, default=1) - 1)
    return found
