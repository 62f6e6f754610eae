"""The date ranges that pages offer by name, counted from a day that is today."""

from __future__ import annotations

from datetime import date, timedelta

from adjoin_dashboard.overview.model import Period, default_period

__all__ = ["CUSTOM", "DEFAULT_PERIOD", "PERIODS", "named_period"]

#: What stands for days that were chosen one by one.
CUSTOM = "Custom"
DEFAULT_PERIOD = "Last 30 days"
#: In the order in which they are offered. Today is left out where there is a day before it: it is not over.
PERIODS = (
    "Last 7 days",
    DEFAULT_PERIOD,
    "Last 90 days",
    "This month",
    "Last month",
    "This quarter",
    "Year to date",
    CUSTOM,
)

_LAST = {"Last 7 days": 7, "Last 90 days": 90}


def named_period(name: str, today: date, held: Period | None) -> Period:
    """Return the days that a name of PERIODS means. `held` are the days with figures.

    The default is the last 30 full days; where `held` has none of them, its own last 30. Days that were chosen one by
    one have no name: for CUSTOM it is the default as well.
    """
    yesterday = today - timedelta(days=1)
    if name in _LAST:
        return Period(today - timedelta(days=_LAST[name]), yesterday)
    if name == "Last month":
        last = today.replace(day=1) - timedelta(days=1)
        return Period(last.replace(day=1), last)
    starts = {
        "This month": today.replace(day=1),
        "This quarter": today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1),
        "Year to date": today.replace(month=1, day=1),
    }
    if name in starts:
        return Period(starts[name], max(starts[name], yesterday))
    return default_period(today, held)
