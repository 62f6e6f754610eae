"""What a report is about: which metrics by what, over which days, as it is stored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from adjoin.analytics import v1
from adjoin.errors import BadInput

__all__ = ["MOST_METRICS", "MOST_ROWS", "Span", "Terms", "check", "days_of", "read_terms", "store_terms"]

#: Metrics and rows that a report may have: what fits on a page, and what still is a report.
MOST_METRICS, MOST_ROWS = 8, 50
_MOST_CONDITIONS = 30
_MOST_VALUES = 100
_LONGEST = 200  # characters of a text
_CURRENCY = re.compile(r"[A-Z]{3}")
_NAME = re.compile(r"[^\W\d]\w{0,99}")
_COLUMN = re.compile(rf"-?{_NAME.pattern}")


class Span(StrEnum):
    """The days that a report is about, counted from the day that it is for. That day is never one of them."""

    YESTERDAY = "yesterday"
    DAYS_7 = "last 7 days"
    LAST_WEEK = "last week"  #: the last one that is over, from Monday to Sunday
    DAYS_30 = "last 30 days"
    DAYS_90 = "last 90 days"
    THIS_MONTH = "this month"  #: up to yesterday; on its first day the whole month before
    LAST_MONTH = "last month"
    YEAR = "year to date"  #: up to yesterday; on the first day of a year the whole year before


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The question of a report. The first metric is drawn by day.

    Without a `dimension` there are totals alone. `order_by` is a metric or dimension, with "-" before for the highest
    first; without it the first metric's highest come first. `rows` is how many are shown; totals are of all.
    """

    metrics: tuple[str, ...]
    dimension: str = ""
    span: Span = Span.DAYS_7
    compare: v1.Compare = v1.Compare.PREVIOUS_PERIOD
    currency: str
    where: tuple[v1.Condition, ...] = ()
    order_by: str = ""
    rows: int = 20

    def question(self, since: date, until: date) -> v1.Question:
        """Return what is asked for the totals and the rows."""
        return v1.Question(
            since=since,
            until=until,
            metrics=self.metrics,
            dimensions=(self.dimension,) if self.dimension else (),
            where=self.where,
            compare=self.compare,
            currency=self.currency,
            order_by=(self.order_by,) if self.order_by and self.dimension else (),
            limit=self.rows if self.dimension else None,
        )


def read_terms(stored: Mapping[str, Any]) -> Terms:
    """Read terms as they are stored. Raises BadInput for some that this release does not know."""
    try:
        return msgspec.convert(stored, Terms)
    except msgspec.ValidationError as error:
        raise BadInput(f"what this report is about cannot be read by this release ({error}); make it anew") from None


def store_terms(terms: Terms) -> dict[str, Any]:
    """Return terms as they are stored. Raises BadInput as `check` does."""
    check(terms)
    stored: dict[str, Any] = msgspec.to_builtins(terms)
    return stored


def check(terms: Terms) -> None:
    """Raise BadInput for terms that no report can be made of. Whether there are such metrics is not looked at."""
    if not 1 <= len(terms.metrics) <= MOST_METRICS or len(set(terms.metrics)) != len(terms.metrics):
        raise BadInput(f"choose 1 to {MOST_METRICS} different metrics")
    names = [*terms.metrics, *([terms.dimension] if terms.dimension else []), *(one.dimension for one in terms.where)]
    unfit = next((one for one in names if _NAME.fullmatch(one) is None), None)
    if unfit is not None:
        raise BadInput(f"{unfit[:40]!r} is no name of a metric or dimension")
    if _CURRENCY.fullmatch(terms.currency) is None:
        raise BadInput(f"the currency {terms.currency[:10]!r} is none; write three letters such as EUR")
    if not 1 <= terms.rows <= MOST_ROWS:
        raise BadInput(f"a report has 1 to {MOST_ROWS} rows")
    if terms.order_by and _COLUMN.fullmatch(terms.order_by) is None:
        raise BadInput(f"{terms.order_by[:40]!r} is no name to order by; write a metric, - before it for the highest")
    if any(len(value) > _LONGEST or "\0" in value for one in terms.where for value in one.values):
        raise BadInput(f"a text that is looked for may have {_LONGEST} characters")
    if len(terms.where) > _MOST_CONDITIONS or any(not 0 < len(one.values) <= _MOST_VALUES for one in terms.where):
        raise BadInput(f"a report takes {_MOST_CONDITIONS} conditions of 1 to {_MOST_VALUES} values each")


def days_of(span: Span, day: date) -> tuple[date, date]:
    """Return the first and the last day that a report for a day is about."""
    yesterday = day - timedelta(days=1)
    match span:
        case Span.YESTERDAY:
            return yesterday, yesterday
        case Span.DAYS_7:
            return day - timedelta(days=7), yesterday
        case Span.LAST_WEEK:
            monday = day - timedelta(days=day.weekday() + 7)
            return monday, monday + timedelta(days=6)
        case Span.DAYS_30:
            return day - timedelta(days=30), yesterday
        case Span.DAYS_90:
            return day - timedelta(days=90), yesterday
        case Span.THIS_MONTH:
            return yesterday.replace(day=1), yesterday
        case Span.LAST_MONTH:
            last = day.replace(day=1) - timedelta(days=1)
            return last.replace(day=1), last
        case Span.YEAR:
            return yesterday.replace(month=1, day=1), yesterday
