"""Cron lines: five fields, read as cron reads them, in a time zone.

On the days that clocks are changed, the rule is cron's own. A line that names every hour follows real time:
`*/30 * * * *` comes due each real half hour. A line that names hours comes due once for each local time it names: the
first time where the hour is repeated, and where it is left out, as long after midnight as it would have been (02:30 as
03:30).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from adjoin.errors import BadInput

__all__ = ["find_zone", "next_cron"]

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_AROUND = timedelta(hours=26)  # no local day begins or ends further from its date in UTC
_HORIZON = 366 * 9  # days: a 29 February is at most eight years away

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = {name: n for n, name in enumerate(_MONTH_NAMES, start=1)}
_WEEKDAYS = {name: n for n, name in enumerate(_WEEKDAY_NAMES)}


def next_cron(line: str, time_zone: str, now: datetime) -> datetime:
    """Return the first instant after `now` that a cron line names, in UTC.

    Weekdays are 0 to 7 with Sunday at both ends, or names; and where both the day of the month and the weekday are
    given, either of them is enough. Raises BadInput for a line or a zone that cannot be used.
    """
    cron = _parse(line)
    zone = find_zone(time_zone)
    # A day may reach into the next one, where the hour before midnight is left out: so it starts a day early.
    first = now.astimezone(zone).date() - _DAY
    for day in cron.days(first):
        found = cron.after(day, zone, now)
        if found is None:
            continue
        other = cron.after(day + _DAY, zone, now) if cron.names(day + _DAY) else None
        return found if other is None else min(found, other)
    raise BadInput(f"the cron line {line!r} never comes due: no such day comes in the next years")


def find_zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name. Raises BadInput with the names that are nearest to it."""
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        pass
    near = _near(name)
    hint = f"did you mean {' or '.join(near)}?" if near else "write a name such as Europe/Berlin or UTC"
    raise BadInput(f"there is no time zone {name!r}; {hint}")


def _near(name: str) -> list[str]:
    """Return up to three zones whose whole name, or last part, looks like the one that was given."""
    known = sorted(available_timezones())
    whole = {one.lower(): one for one in known}
    city = {one.lower().rpartition("/")[2]: one for one in known}
    wanted = name.strip().lower().replace(" ", "_")
    found = [whole[one] for one in get_close_matches(wanted, whole, n=3, cutoff=0.7)]
    found += [city[one] for one in get_close_matches(wanted.rpartition("/")[2], city, n=3, cutoff=0.8)]
    return list(dict.fromkeys(found))[:3]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cron:
    """A line that was read. `minutes` are those of a day that it names, ascending."""

    minutes: tuple[int, ...]
    month_days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool  # the day of the month or the weekday is enough
    every_hour: bool

    def names(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.month_days, day.isoweekday() % 7 in self.weekdays
        return in_month or in_week if self.either else in_month and in_week

    def days(self, first: date) -> Iterator[date]:
        """Yield the days that the line names, from `first` on."""
        for n in range(_HORIZON):
            day = first + timedelta(days=n)
            if self.names(day):
                yield day

    def after(self, day: date, zone: ZoneInfo, now: datetime) -> datetime | None:
        """Return the first instant after `now` that falls on a local day, in UTC."""
        midnight = _midnight(day, zone)
        if midnight + _DAY == _midnight(day + _DAY, zone):
            place = bisect_right(self.minutes, (now - midnight) / _MINUTE)
            return midnight + self.minutes[place] * _MINUTE if place < len(self.minutes) else None
        return min((instant for instant in self._on_a_changed_day(day, zone) if instant > now), default=None)

    def _on_a_changed_day(self, day: date, zone: ZoneInfo) -> Iterator[datetime]:
        if not self.every_hour:
            for minute in self.minutes:  # fold=0 is the first of two, and in a gap as long after midnight as named
                local = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone)
                yield local.astimezone(UTC)
            return
        wanted = {minute % 60 for minute in self.minutes}
        instant = datetime.combine(day, time(), tzinfo=UTC) - _AROUND
        end = instant + _DAY + 2 * _AROUND
        while instant < end:
            local = instant.astimezone(zone)
            if local.date() == day and local.minute in wanted:
                yield instant
            instant += _MINUTE


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


@lru_cache(maxsize=4096)
def _parse(line: str) -> _Cron:
    fields = line.split()
    if len(fields) != 5:
        raise BadInput(
            f"the cron line {line!r} has {len(fields)} fields and must have five fields: minute hour day month "
            "weekday, such as '0 6 * * 1-5'"
        )
    minute, hour, day, month, weekday = fields
    try:
        minutes = _field("minute", minute, 0, 59)
        hours = _field("hour", hour, 0, 23)
        days = _field("day", day, 1, 31)
        months = _field("month", month, 1, 12, _MONTHS)
        weekdays = frozenset(n % 7 for n in _field("weekday", weekday, 0, 7, _WEEKDAYS))
    except BadInput as error:
        raise BadInput(f"the cron line {line!r} cannot be used: {error}") from None
    return _Cron(
        minutes=tuple(sorted(h * 60 + m for h in hours for m in minutes)),
        month_days=days,
        months=months,
        weekdays=weekdays,
        either=not day.startswith("*") and not weekday.startswith("*"),
        every_hour=len(hours) == 24,
    )


def _field(name: str, text: str, lowest: int, highest: int, names: Mapping[str, int] | None = None) -> frozenset[int]:
    """Read a list of numbers, names, ranges and steps. Raises BadInput naming the field."""
    found: set[int] = set()
    for part in text.split(","):
        found.update(_range(name, part.lower(), lowest, highest, names or {}))
    return frozenset(found)


def _range(name: str, part: str, lowest: int, highest: int, names: Mapping[str, int]) -> Sequence[int]:
    span, slash, step = part.partition("/")
    if slash and (not step.isdecimal() or int(step) == 0):
        raise BadInput(f"the step {step!r} of its {name} must be a whole number from 1 on")
    first, dash, last = span.partition("-")
    # In `*` the second Sunday, 7, would take part in the steps.
    top = 6 if name == "weekday" else highest
    if span == "*":
        start, end = lowest, top
    else:
        start = _number(name, first, lowest, highest, names)
        end = _number(name, last, lowest, highest, names) if dash else top if slash else start
    if end < start and end == 0 and name == "weekday":
        end = 7  # to Sunday
    if end < start and not (slash and not dash):
        raise BadInput(f"the {name}s {span!r} are the wrong way round")
    return range(start, max(end, start) + 1, int(step) if slash else 1)


def _number(name: str, text: str, lowest: int, highest: int, names: Mapping[str, int]) -> int:
    if text in names:
        return names[text]
    if text.isdecimal() and text.isascii() and lowest <= int(text) <= highest:
        return int(text)
    also = f" or {next(iter(names))} to {list(names)[-1]}" if names else ""
    raise BadInput(f"{text!r} is no {name}; write {lowest} to {highest}{also}")
