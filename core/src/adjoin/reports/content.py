"""A report as one reader sees it: every figure and day in words, in their order. What it is shown with comes after."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from adjoin.alerts.messages import one_line
from adjoin.analytics.v1 import Compare, Condition, DimensionKind, Good, Metric, Operator, Unit
from adjoin.reports.figures import Figures
from adjoin.writing import MISSING, Writer

__all__ = ["Bar", "Cell", "Content", "Row", "write_content"]

#: Accounts and connections that the top of a report names.
_NAMED = 3
#: Signs that turn the direction of what comes after them; what is written in such letters needs none.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_COMPARED = {Compare.PREVIOUS_PERIOD: "the days before", Compare.PREVIOUS_YEAR: "a year before"}
_SIGNS = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.CONTAINS: "contains",
    Operator.LACKS: "does not contain",
}
_NARROW = "\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A figure: its value, and how it has changed ("" where nobody can say). `tone` is good, bad, or "" for neither."""

    value: str
    change: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table. `share` is how long its bar is beside the longest, from 0 to 1; None where none is drawn."""

    name: str
    about: str
    cells: tuple[Cell, ...]
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A column of the chart: `share` is its height, None where the figure is missing; `changing` may still change."""

    label: str
    value: str
    share: float | None
    changing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A report in words. `problems` say what is in the way of trusting it, `notes` what there is to know besides.

    `tiles` are the totals, one for each of `head`. `lead` is the title of the first column of the table, which has
    `rows`; without a dimension there are none. `more` says how many are not shown.
    """

    name: str
    workspace: str
    days: str
    compared: str
    part: str
    made: str
    problems: tuple[str, ...]
    head: tuple[str, ...]
    tiles: tuple[Cell, ...]
    chart: str
    bars: tuple[Bar, ...]
    highest: str
    lead: str
    rows: tuple[Row, ...]
    more: str
    empty: str
    notes: tuple[str, ...]


def write_content(figures: Figures, *, name: str, workspace: str, write: Writer) -> Content:
    """Write a report for a reader."""
    answer, terms = figures.answer, figures.terms
    currency = answer.currency or terms.currency
    compared = answer.compared
    rows = _rows(figures, write, currency)
    bars, highest = _bars(figures, write, currency)
    left = answer.total_rows - len(rows)
    nothing = all(answer.totals.get(one.name) is None for one in figures.metrics)
    return Content(
        name=shown(name),
        workspace=shown(workspace),
        days=write.days(figures.since, figures.until),
        compared="" if compared is None else f"compared with {_COMPARED[terms.compare]}, {write.days(*compared)}",
        part=_part(figures),
        made=write.stamp(figures.made_at),
        problems=_problems(figures, write),
        head=tuple(one.title for one in figures.metrics),
        tiles=tuple(
            _cell(one, answer.totals.get(one.name), (answer.before or {}).get(one.name), write, currency)
            for one in figures.metrics
        ),
        chart=f"{figures.metrics[0].title} by {figures.grain}" if bars else "",
        bars=bars,
        highest=highest,
        lead="" if figures.dimension is None else figures.dimension.title,
        rows=rows,
        more=f"and {write.count(left)} more, which the totals include" if rows and left > 0 else "",
        empty="There are no figures of these days." if nothing and not rows else "",
        notes=_notes(figures, write),
    )


def shown(text: str) -> str:
    """Return what somebody has named in one line, without signs that would turn the text around it."""
    return one_line(_TURNING.sub("", text))


def _cell(metric: Metric, now: Any, before: Any, write: Writer, currency: str) -> Cell:
    new, old = _exact(now), _exact(before)
    value = _written(metric, new, write, currency)
    change = write.points(new, old) if metric.unit is Unit.SHARE else write.change(new, old)
    if change is None or new is None or old is None:
        return Cell(value=value)
    if metric.good is Good.NEITHER or new == old or change.startswith("±"):
        return Cell(value=value, change=change)
    return Cell(value=value, change=change, tone="good" if (new > old) is (metric.good is Good.UP) else "bad")


def _written(metric: Metric, value: Decimal | None, write: Writer, currency: str) -> str:
    if value is None:
        return MISSING
    match metric.unit:
        case Unit.MONEY:
            return write.money(value, currency)
        case Unit.SHARE:
            return write.percent(value)
        case Unit.MULTIPLE:
            return write.times(value)
        case Unit.COUNT:
            return write.count(value)


def _rows(figures: Figures, write: Writer, currency: str) -> tuple[Row, ...]:
    if figures.dimension is None:
        return ()
    held = figures.answer.rows.to_pylist()
    first = figures.metrics[0].name
    sizes = [_exact(one.get(first)) for one in held]
    longest = max((one for one in sizes if one is not None), default=Decimal(0))
    return tuple(
        Row(
            name=_name(figures, one, write),
            about=_about(figures, one),
            cells=tuple(
                _cell(metric, one.get(metric.name), one.get(f"{metric.name}.before"), write, currency)
                for metric in figures.metrics
            ),
            share=float(max(size, Decimal(0)) / longest) if size is not None and longest > 0 else None,
        )
        for one, size in zip(held, sizes, strict=True)
    )


def _name(figures: Figures, row: Mapping[str, Any], write: Writer) -> str:
    dimension = figures.dimension
    assert dimension is not None
    value = row.get(dimension.columns[-1])
    if value is None and len(dimension.columns) > 1:
        value = row.get(dimension.columns[-2])
    if value is None:
        return "(none)"
    if isinstance(value, date):
        return write.day(value)
    text = shown(str(value))
    return figures.platforms.get(text, text) if dimension.name == "platform" else text or "(none)"


def _about(figures: Figures, row: Mapping[str, Any]) -> str:
    """Say of an object on which platform it is."""
    dimension = figures.dimension
    if dimension is None or dimension.kind is not DimensionKind.OBJECT or row.get("platform") is None:
        return ""
    platform = str(row["platform"])
    return figures.platforms.get(platform, shown(platform))


def _bars(figures: Figures, write: Writer, currency: str) -> tuple[tuple[Bar, ...], str]:
    """Return the columns of the chart, one for each day, week or month, also where there is no figure; and the top."""
    if figures.course is None:
        return (), ""
    metric, grain = figures.metrics[0], figures.grain
    held = {row[grain]: _exact(row[metric.name]) for row in figures.course.rows.to_pylist()}
    starts = _starts(figures.since, figures.until, grain)
    values = [held.get(one) for one in starts]
    top = max((one for one in values if one is not None), default=Decimal(0))
    if all(one is None for one in values):
        return (), ""
    since = min(figures.answer.changing_since.values(), default=None)
    ends = [*(one - timedelta(days=1) for one in starts[1:]), figures.until]
    return tuple(
        Bar(
            label=write.day(max(start, figures.since)),
            value=_written(metric, value, write, currency),
            share=None if value is None else float(max(value, Decimal(0)) / top) if top > 0 else 0.0,
            changing=since is not None and end >= since,
        )
        for start, end, value in zip(starts, ends, values, strict=True)
    ), _written(metric, top, write, currency)


def _starts(since: date, until: date, grain: str) -> list[date]:
    """Return the first days of the days, weeks or months that days are in."""
    if grain == "day":
        return [since + timedelta(days=number) for number in range((until - since).days + 1)]
    found = [since - timedelta(days=since.weekday())] if grain == "week" else [since.replace(day=1)]
    while True:
        following = found[-1] + timedelta(days=7 if grain == "week" else 31)
        following = following if grain == "week" else following.replace(day=1)
        if following > until:
            return found
        found.append(following)


def _problems(figures: Figures, write: Writer) -> tuple[str, ...]:
    ready = figures.ready
    if not ready.accounts:
        return ("No account fits this report: none that is chosen and can be read is among those it is about.",)
    told = [f"{shown(one.connection)}: {_sentence(one.what)} Its figures may be out of date." for one in ready.troubles]
    never = [one.account for one in ready.lacks if one.until is None]
    if never:
        told.append(f"No figures: none of these days was read of {_named(never)}.")
    behind = [one for one in ready.lacks if one.until is not None and one.behind]
    if behind:
        ends = min(one.until for one in behind if one.until is not None)
        names = _named([one.account for one in behind])
        told.append(f"Not up to date: of {names} the figures end on {write.day(ends)}.")
    holes = [one for one in ready.lacks if one.until is not None and not one.behind]
    if holes:
        days = max(one.days for one in holes)
        names = _named([one.account for one in holes])
        told.append(f"Incomplete: of {names} {days} of {write.counted(ready.days, 'day')} were not read.")
    return tuple(told)


def _notes(figures: Figures, write: Writer) -> tuple[str, ...]:
    told = []
    changing = {one: day for one, day in figures.answer.changing_since.items() if day <= figures.until}
    if changing:
        first = max(min(changing.values()), figures.since)
        titles = ", ".join(figures.platforms.get(one, shown(one)) for one in sorted(changing))
        days = write.days(first, figures.until)
        told.append(f"Figures of {days} may still change ({titles}): conversions are counted late.")
    return (*told, *(shown(one) for one in figures.answer.notes))


def _part(figures: Figures) -> str:
    """Say which part of all figures a report is about; empty for all."""
    return "; ".join(_condition(one, figures) for one in figures.terms.where)


def _condition(one: Condition, figures: Figures) -> str:
    values = [figures.platforms.get(value, value) if one.dimension == "platform" else value for value in one.values]
    named = ", ".join(shown(value) for value in values[:_NAMED])
    more = f" or {len(values) - _NAMED} more" if len(values) > _NAMED else ""
    return f"{one.dimension.replace('_', ' ')} {_SIGNS[one.operator]} {named}{more}"


def _named(names: Sequence[str]) -> str:
    told = ", ".join(shown(one) for one in names[:_NAMED])
    return told + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _sentence(text: str) -> str:
    whole = shown(text)
    return whole if whole.endswith((".", "!", "?")) else f"{whole}."


def _exact(value: Any) -> Decimal | None:
    if value is None or value != value:  # NaN, which alone differs from itself
        return None
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
