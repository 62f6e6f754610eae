"""Between which moments a query asks for changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from adjoin_google.sandbox.dates import parse_moment, span_of
from adjoin_google.sandbox.errors import invalid
from adjoin_google.sandbox.gaql import Condition, Query, Value

__all__ = ["CHANGE_TIMES", "Changes", "asked_changes"]

#: Fields that say when something changed: field, family of errors, days that are kept.
CHANGE_TIMES = {
    "change_status": ("change_status.last_change_date_time", "changeStatusError", 90),
    "change_event": ("change_event.change_date_time", "changeEventError", 30),
}
_MOST_CHANGES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Between which moments of the account's zone changes are asked for, both included."""

    since: datetime
    until: datetime


def asked_changes(query: Query, today: date) -> Changes | None:
    """Return the moments that changes are asked for, which need an end, a beginning not too old, and a limit."""
    if query.resource not in CHANGE_TIMES:
        return None
    name, family, days = CHANGE_TIMES[query.resource]
    since: datetime | None = None
    until: datetime | None = None
    for condition in query.conditions:
        if condition.field != name or not condition.values:
            continue
        if condition.operator == "DURING":
            span = span_of([Condition(field="segments.date", operator="DURING", values=condition.values)], today)
            low, high = Value(str(span.since), "string"), Value(str(span.until), "string")
        else:
            low, high = condition.values[0], condition.values[-1]
        if condition.operator in (">", ">=", "=", "BETWEEN", "DURING"):
            begin = parse_moment(low, end=condition.operator == ">")
            since = begin if since is None else max(since, begin)
        if condition.operator in ("<", "<=", "=", "BETWEEN", "DURING"):
            end = parse_moment(high, end=condition.operator != "<")
            until = end if until is None else min(until, end)
    if since is None or until is None:
        raise invalid(
            family, "CHANGE_DATE_RANGE_INFINITE", f"The change date range on {name} must have a start and an end."
        )
    if since > until:
        raise invalid(family, "CHANGE_DATE_RANGE_NEGATIVE", "The start of the change date range is after its end.")
    if (today - since.date()).days > days:
        raise invalid(family, "START_DATE_TOO_OLD", f"The start date is too old. It cannot be older than {days} days.")
    if query.limit is None:
        raise invalid(family, "LIMIT_NOT_SPECIFIED", f"The LIMIT clause must be specified for {query.resource}.")
    if query.limit > _MOST_CHANGES:
        raise invalid(family, "INVALID_LIMIT_CLAUSE", f"The LIMIT clause must be at most {_MOST_CHANGES}.")
    return Changes(since=since, until=until)
