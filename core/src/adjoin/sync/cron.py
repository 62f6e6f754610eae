"""Cron lines: five fields, read as cron reads them, in a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from adjoin.errors import BadInput

__all__ = ["next_cron"]

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def next_cron(line: str, time_zone: str, now: datetime) -> datetime:
    """Return the first instant after `now` that a cron line names, in UTC.

    As in cron, weekdays are 0 to 7 with Sunday at both ends, or names; and where both the day of the month and the
    weekday are given, either of them is enough. Raises BadInput for a line or a zone that cannot be used.
    """
    fields = line.split()
    if len(fields) != 5:
        raise BadInput(f"the cron line {line!r} must have five fields: minute hour day month weekday")
    minute, hour, day, month, weekday = fields
    choices = [(day, weekday)]
    if not day.startswith("*") and not weekday.startswith("*"):
        choices = [(day, "*"), ("*", weekday)]
    try:
        zone = ZoneInfo(time_zone)
        found = [_next(minute, hour, days, month, _weekdays(weekdays), zone, now) for days, weekdays in choices]
    except (ValueError, KeyError, OSError) as error:
        raise BadInput(f"the cron line {line!r} in {time_zone!r} cannot be used: {error}") from error
    instants = [instant for instant in found if instant is not None]
    if not instants:
        raise BadInput(f"the cron line {line!r} never comes due")
    return min(instants).astimezone(UTC)


def _next(minute: str, hour: str, day: str, month: str, weekday: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    from apscheduler.triggers.cron import CronTrigger

    trigger = CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, timezone=zone)
    found: datetime | None = trigger.get_next_fire_time(None, now + timedelta(microseconds=1))
    return found


def _weekdays(field: str) -> str:
    """Write out a weekday field as names: cron counts from Sunday, APScheduler from Monday."""
    if field == "*":
        return field
    days = sorted({day % 7 for part in field.lower().split(",") for day in _range(part)})
    return ",".join(_WEEKDAYS[day] for day in days)


def _range(part: str) -> range:
    span, slash, step = part.partition("/")
    first, dash, last = span.partition("-")
    start, end = (0, 6) if span == "*" else (_day(first), _day(last) if dash else 6 if slash else _day(first))
    if end < start and end == 0:
        end = 7  # to Sunday
    if end < start:
        raise ValueError(f"the weekdays {span!r} are the wrong way round")
    return range(start, end + 1, int(step) if slash else 1)


def _day(text: str) -> int:
    if text in _WEEKDAYS:
        return _WEEKDAYS.index(text)
    if text.isdecimal() and int(text) <= 7:
        return int(text)
    raise ValueError(f"{text!r} is no weekday; write 0 to 7 or sun to sat")
