"""What is in a report: the answers to its questions, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from adjoin.analytics import v1
from adjoin.errors import UnknownName
from adjoin.reports import readiness
from adjoin.reports.readiness import Readiness
from adjoin.reports.terms import Terms, days_of

if TYPE_CHECKING:
    from adjoin.alerts.judging import Looker

__all__ = ["Figures", "gather", "grain_of"]

Named = TypeVar("Named", v1.Metric, v1.Dimension)

#: Up to so many days a chart has a column for each; up to so many, for each week.
_MOST_DAYS, _MOST_WEEK_DAYS = 31, 190


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a report says, before it is written for anybody.

    `answer` has the totals and the rows, `course` the first metric by `grain` (None where there is one day only or no
    such dimension). `metrics` are in the order of the terms, `dimension` is None where only totals are asked.
    `platforms` are titles by name. `day` is the day that the report is for.
    """

    terms: Terms
    day: date
    since: date
    until: date
    time_zone: str
    metrics: tuple[v1.Metric, ...]
    dimension: v1.Dimension | None
    answer: v1.Answer
    course: v1.Answer | None
    grain: str
    ready: Readiness
    platforms: Mapping[str, str]
    made_at: datetime


def grain_of(since: date, until: date) -> str:
    """Return what a chart has a column for: day, week or month; nothing for a single day."""
    days = (until - since).days + 1
    if days < 2:
        return ""
    return "day" if days <= _MOST_DAYS else "week" if days <= _MOST_WEEK_DAYS else "month"


def gather(terms: Terms, looker: Looker, *, at: datetime, time_zone: str) -> Figures:
    """Ask for what a report says that is for the day of an instant in a zone. Blocks.

    Raises UnknownName for a metric or dimension that is gone, and what `asking.ask` raises.
    """
    from adjoin.analytics.asking import ask, definitions

    day = at.astimezone(ZoneInfo(time_zone)).date()
    since, until = days_of(terms.span, day)
    try:
        known = definitions(looker.kernel, looker.context)
        metrics = tuple(_found(known.metrics, one, "metric") for one in terms.metrics)
        dimension = _found(known.dimensions, terms.dimension, "dimension") if terms.dimension else None
        question = terms.question(since, until)
        answer = ask(looker.kernel, looker.context, question)
        grain = grain_of(since, until)
        if grain not in {one.name for one in known.dimensions}:
            grain = ""
        course = None
        if grain:
            asked = replace(
                question,
                metrics=terms.metrics[:1],
                dimensions=(grain,),
                order_by=(grain,),
                compare=v1.Compare.NOTHING,
                limit=None,
            )
            course = ask(looker.kernel, looker.context, asked)
        return Figures(
            terms=terms,
            day=day,
            since=since,
            until=until,
            time_zone=time_zone,
            metrics=metrics,
            dimension=dimension,
            answer=answer,
            course=course,
            grain=grain,
            ready=readiness.look(looker, terms.where, since, until),
            platforms={name: one.title for name, one in looker.platforms.items()},
            made_at=looker.clock.now(),
        )
    finally:
        looker.close()


def _found(known: Sequence[Named], name: str, what: str) -> Named:
    found = next((one for one in known if one.name == name), None)
    if found is None:
        raise UnknownName(f"there is no {what} {name[:60]!r} any more; choose another one for this report")
    return found
