"""Days in queries: what a condition on a date segment or a change's time covers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from adjoin_google.sandbox.errors import Refusal
from adjoin_google.sandbox.gaql import Condition, Value, query_error

__all__ = ["Span", "during", "months_back", "parse_day", "parse_moment", "span_of", "start_of"]

_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")
_ROLLING = {"LAST_7_DAYS": 7, "LAST_14_DAYS": 14, "LAST_30_DAYS": 30}
_LENGTH_MONTHS = {"segments.month": 1, "segments.quarter": 3, "segments.year": 12}


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `since` to `until`, both included; None is an open end."""

    since: date | None = None
    until: date | None = None

    def __and__(self, other: Span) -> Span:
        begins = [day for day in (self.since, other.since) if day is not None]
        ends = [day for day in (self.until, other.until) if day is not None]
        return Span(max(begins, default=None), min(ends, default=None))


def months_back(today: date, months: int) -> date:
    """Return the first day of the month so many months before."""
    index = today.year * 12 + today.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)


def parse_day(value: Value) -> date:
    """Read a day, with hyphens or without."""
    found = _DAY.fullmatch(value.text)
    try:
        if found is None or value.kind == "word" or not _sensible(int(found[1])):
            raise ValueError
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise _bad_date(value.text) from None


def _sensible(year: int) -> bool:
    return 1970 <= year <= 2100


def _bad_date(text: str) -> Refusal:
    return query_error(
        "INVALID_DATE_FORMAT", f"Error in WHERE clause: invalid date '{text}'. The format is 'YYYY-MM-DD'."
    )


def parse_moment(value: Value, *, end: bool) -> datetime:
    """Read a moment of the account's zone, without a zone; a bare day is its first or its last moment."""
    text = value.text
    if _DAY.fullmatch(text):
        begin = datetime.combine(parse_day(value), datetime.min.time())
        return begin + timedelta(days=1, microseconds=-1) if end else begin
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"):
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the account's zone is implied
        except ValueError:
            continue
    raise _bad_date(text)


def during(word: str, today: date) -> Span:
    """Return the days that a word for a range covers, seen from the account's today."""
    yesterday = today - timedelta(days=1)
    if word in _ROLLING:
        return Span(today - timedelta(days=_ROLLING[word]), yesterday)
    monday = today - timedelta(days=today.weekday())
    sunday = today - timedelta(days=(today.weekday() + 1) % 7)
    first = today.replace(day=1)
    before = first - timedelta(days=1)
    known = {
        "TODAY": Span(today, today),
        "YESTERDAY": Span(yesterday, yesterday),
        "LAST_BUSINESS_WEEK": Span(monday - timedelta(days=7), monday - timedelta(days=3)),
        "LAST_WEEK_MON_SUN": Span(monday - timedelta(days=7), monday - timedelta(days=1)),
        "LAST_WEEK_SUN_SAT": Span(sunday - timedelta(days=7), sunday - timedelta(days=1)),
        "THIS_WEEK_MON_TODAY": Span(monday, today),
        "THIS_WEEK_SUN_TODAY": Span(sunday, today),
        "THIS_MONTH": Span(first, today),
        "LAST_MONTH": Span(before.replace(day=1), before),
    }
    if word not in known:
        raise query_error(
            "INVALID_VALUE_WITH_DURING_OPERATOR", f"Error in WHERE clause: invalid value '{word}' with DURING operator."
        )
    return known[word]


def start_of(segment: str, day: date) -> date:
    """Return the first day of the week, month, quarter or year that a day lies in."""
    match segment:
        case "segments.week":
            return day - timedelta(days=day.weekday())
        case "segments.month":
            return day.replace(day=1)
        case "segments.quarter":
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case "segments.year":
            return day.replace(month=1, day=1)
    return day


def _covered(field: str, value: Value) -> Span:
    """The days of one value of a date segment: a month is given by its first day, a year by its number."""
    if field == "segments.year":
        if not (value.text.isdecimal() and _sensible(int(value.text))):
            raise query_error("BAD_VALUE", f"Error in WHERE clause: invalid year '{value.text}'.")
        begin = date(int(value.text), 1, 1)
    else:
        begin = parse_day(value)
    if start_of(field, begin) != begin:
        raise query_error(
            "MISALIGNED_DATE_FOR_FILTER",
            f"Error in WHERE clause: '{value.text}' is not the first day of a {field.partition('.')[2]}.",
        )
    if field == "segments.date":
        return Span(begin, begin)
    if field == "segments.week":
        return Span(begin, begin + timedelta(days=6))
    after = months_back(begin, -_LENGTH_MONTHS[field])
    return Span(begin, after - timedelta(days=1))


def span_of(conditions: Iterable[Condition], today: date) -> Span:
    """Return what all conditions on date segments leave; refuses operators and values that make no range."""
    found = Span()
    for condition in conditions:
        found &= _span(condition, today)
    if found.since and found.until and found.since > found.until:
        raise query_error(
            "DATE_RANGE_TOO_NARROW", "Error in WHERE clause: the start date is after the end date of the range."
        )
    return found


def _span(condition: Condition, today: date) -> Span:
    field, operator = condition.field, condition.operator
    if operator == "DURING":
        if condition.values[0].kind != "word":
            raise query_error(
                "INVALID_VALUE_WITH_DURING_OPERATOR",
                f"Error in WHERE clause: invalid value '{condition.values[0].text}' with DURING operator.",
            )
        return during(condition.values[0].text.upper(), today)
    values = [_covered(field, value) for value in condition.values]
    match operator:
        case "=":
            return values[0]
        case "BETWEEN":
            return Span(values[0].since, values[1].until)
        case ">=":
            return Span(values[0].since, None)
        case "<=":
            return Span(None, values[0].until)
        case ">" if values[0].until:
            return Span(values[0].until + timedelta(days=1), None)
        case "<" if values[0].since:
            return Span(None, values[0].since - timedelta(days=1))
        case "IN":
            begins = [value.since for value in values if value.since]
            ends = [value.until for value in values if value.until]
            return Span(min(begins), max(ends))
    raise query_error(
        "OPERATOR_FIELD_MISMATCH", f"Error in WHERE clause: the operator {operator} does not go with {field}."
    )
