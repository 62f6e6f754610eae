"""How instants, durations and long texts are written in findings."""

from __future__ import annotations

from datetime import datetime, timedelta

__all__ = ["short", "span", "when"]

_LONGEST = 300


def when(instant: datetime) -> str:
    """Write an instant as texts have it: `2026-11-22 06:14 UTC`."""
    return f"{instant:%Y-%m-%d %H:%M} UTC"


def short(text: str) -> str:
    """Cut a text that a platform has sent to what a table can hold."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def span(length: timedelta) -> str:
    """Write a duration in the unit that fits: `3 days`, `7 hours`, `40 minutes`."""
    for unit, size in (("day", timedelta(days=1)), ("hour", timedelta(hours=1))):
        if length >= 2 * size:
            return f"{length // size} {unit}s"
    minutes = max(length // timedelta(minutes=1), 1)
    return f"{minutes} {'minute' if minutes == 1 else 'minutes'}"
