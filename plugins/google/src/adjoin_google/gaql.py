"""Queries in Google's query language, GAQL: only AND, no functions, and dates bounded on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from adjoin.ads.v2 import DateWindow

__all__ = ["any_of", "between", "days", "select"]


def select(
    fields: Sequence[str], *, source: str, where: Iterable[str] = (), order: str = "", limit: int | None = None
) -> str:
    """Return a query. Rows come without the names of resources that were not asked for, a third of their bytes."""
    query = f"SELECT {', '.join(fields)} FROM {source}"  # noqa: S608 - all parts are ours
    if conditions := " AND ".join(where):
        query += f" WHERE {conditions}"
    if order:
        query += f" ORDER BY {order} ASC"
    if limit is not None:
        query += f" LIMIT {limit}"
    return f"{query} PARAMETERS omit_unselected_resource_names = true"


def days(window: DateWindow) -> str:
    """The condition for the days of a window."""
    return f"segments.date BETWEEN '{window.since}' AND '{window.until}'"


def between(field: str, first: datetime, last: datetime) -> str:
    """The condition for a span of local time, to the second."""
    return f"{field} BETWEEN '{first:%Y-%m-%d %H:%M:%S}' AND '{last:%Y-%m-%d %H:%M:%S}'"


def any_of(field: str, values: Iterable[str]) -> str:
    """The condition for one of some resource names or constants, which hold no quotes."""
    quoted = ", ".join(f"'{value}'" for value in values)
    return f"{field} IN ({quoted})"
