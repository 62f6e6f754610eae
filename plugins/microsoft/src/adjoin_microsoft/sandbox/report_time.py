"""The time of a report: which days are asked for, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from adjoin_microsoft.sandbox.calls import check_keys, object_of, text_of
from adjoin_microsoft.sandbox.errors import bad_body, operation_error
from adjoin_microsoft.sandbox.zones import REPORT_ZONES

__all__ = ["AGGREGATIONS", "ReportTime", "months_back", "read_time"]

AGGREGATIONS = (
    "Summary",
    "Hourly",
    "Daily",
    "Weekly",
    "Monthly",
    "Yearly",
    "HourOfDay",
    "DayOfWeek",
    "WeeklyStartingMonday",
)

#: Days, weeks and months of results are kept for three years.
RETENTION_MONTHS = 36
_DEFAULT_ZONE = "PacificTimeUSCanadaTijuana"
_CLOSING = timedelta(hours=3)
_SHORT = frozenset({"Today", "Yesterday"})
_WEEKS = frozenset({"ThisWeek", "LastWeek", "ThisWeekStartingMonday", "LastWeekStartingMonday", "LastSevenDays"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTime:
    """The first and last day of a report, both included, and the name of the zone that says what today is."""

    since: date
    until: date
    zone: str


def months_back(today: date, months: int) -> date:
    """Return the day so many months before, or the last one of its month."""
    index = today.year * 12 + today.month - 1 - months
    year, month = index // 12, index % 12 + 1
    after = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, min(today.day, (after - timedelta(days=1)).day))


def read_time(given: object, aggregation: str, *, complete: bool, now: datetime) -> ReportTime:
    """Read the Time of a request; `complete` asks for days whose books are closed."""
    if given is None:
        raise operation_error(2008)
    path = "$.ReportRequest.Time"
    value = object_of(given, path)
    check_keys(value, ("PredefinedTime", "CustomDateRangeStart", "CustomDateRangeEnd", "ReportTimeZone"), path)
    zone = text_of(value.get("ReportTimeZone"), f"{path}.ReportTimeZone") or _DEFAULT_ZONE
    if zone not in REPORT_ZONES:
        raise bad_body(f"{path}.ReportTimeZone", f"Requested value '{zone}' was not found.")
    local = now.astimezone(ZoneInfo(REPORT_ZONES[zone]))
    predefined = text_of(value.get("PredefinedTime"), f"{path}.PredefinedTime")
    start, end = value.get("CustomDateRangeStart"), value.get("CustomDateRangeEnd")
    if bool(predefined) == (start is not None or end is not None):
        raise operation_error(2008)
    since, until = _predefined(predefined, aggregation, local.date()) if predefined else _custom(start, end, local)
    if complete:
        if until >= local.date():
            raise operation_error(2005)
        closes = datetime.combine(until + timedelta(days=1), time(), tzinfo=local.tzinfo) + _CLOSING
        if local < closes:
            raise operation_error(2004)
    since, until = _whole_periods(since, until, aggregation)
    return ReportTime(since=since, until=until, zone=zone)


def _custom(start: object, end: object, local: datetime) -> tuple[date, date]:
    since, until = _day(start, 2009), _day(end, 2010)
    if since > until:
        raise operation_error(2011)
    if since > local.date():
        raise operation_error(2041)
    if until > local.date():
        raise operation_error(2010)
    if since < months_back(local.date(), RETENTION_MONTHS):
        raise operation_error(2009, f"Data is kept for {RETENTION_MONTHS} months.")
    return since, until


def _day(given: object, code: int) -> date:
    if not isinstance(given, dict):
        raise operation_error(code)
    parts: Mapping[str, Any] = given
    check_keys(parts, ("Year", "Month", "Day"), "$.ReportRequest.Time")
    numbers = [parts.get(name) for name in ("Year", "Month", "Day")]
    if any(isinstance(number, bool) or not isinstance(number, int) for number in numbers):
        raise operation_error(code)
    year, month, day = numbers
    try:
        return date(int(year or 0), int(month or 0), int(day or 0))
    except ValueError:
        raise operation_error(code) from None


def _predefined(name: str, aggregation: str, today: date) -> tuple[date, date]:
    yesterday, first = today - timedelta(days=1), today.replace(day=1)
    sunday = today - timedelta(days=(today.weekday() + 1) % 7)
    monday = today - timedelta(days=today.weekday())
    before = first - timedelta(days=1)
    ranges = {
        "Today": (today, today),
        "Yesterday": (yesterday, yesterday),
        "LastSevenDays": (today - timedelta(days=7), yesterday),
        "Last14Days": (today - timedelta(days=14), yesterday),
        "Last30Days": (today - timedelta(days=30), yesterday),
        "ThisWeek": (sunday, today),
        "LastWeek": (sunday - timedelta(days=7), sunday - timedelta(days=1)),
        "LastFourWeeks": (sunday - timedelta(days=28), sunday - timedelta(days=1)),
        "ThisWeekStartingMonday": (monday, today),
        "LastWeekStartingMonday": (monday - timedelta(days=7), monday - timedelta(days=1)),
        "LastFourWeeksStartingMonday": (monday - timedelta(days=28), monday - timedelta(days=1)),
        "ThisMonth": (first, today),
        "LastMonth": (before.replace(day=1), before),
        "LastThreeMonths": (months_back(first, 3), before),
        "LastSixMonths": (months_back(first, 6), before),
        "ThisYear": (today.replace(month=1, day=1), today),
        "LastYear": (date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)),
    }
    if name not in ranges:
        raise bad_body("$.ReportRequest.Time.PredefinedTime", f"Requested value '{name}' was not found.")
    too_fine = _SHORT if aggregation.startswith("Weekly") else _SHORT | _WEEKS
    if aggregation in ("Weekly", "WeeklyStartingMonday", "Monthly", "Yearly") and name in too_fine:
        raise operation_error(2007)
    return ranges[name]


def _whole_periods(since: date, until: date, aggregation: str) -> tuple[date, date]:
    """Widen a range to whole weeks, months or years: there are no parts of them."""
    if aggregation in ("Weekly", "WeeklyStartingMonday"):
        shift = 1 if aggregation == "Weekly" else 0
        begin = since - timedelta(days=(since.weekday() + shift) % 7)
        return begin, until + timedelta(days=6 - (until.weekday() + shift) % 7)
    if aggregation == "Monthly":
        after = (until.replace(day=1) + timedelta(days=31)).replace(day=1)
        return since.replace(day=1), after - timedelta(days=1)
    if aggregation == "Yearly":
        return since.replace(month=1, day=1), until.replace(month=12, day=31)
    return since, until
