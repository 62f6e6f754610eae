"""Platforms side by side: their figures, their parts of the spend over time, what they count differently."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from adjoin.analytics.v1 import Answer, Metric
from adjoin.writing import MISSING, Writer
from adjoin_dashboard.figures import Change, Value, change_of, written_value
from adjoin_dashboard.overview.model import Period

__all__ = [
    "ALL",
    "Cell",
    "Differing",
    "Point",
    "Row",
    "buckets_of",
    "differing",
    "mix_of",
    "partial_weeks",
    "rows_of",
    "written_change",
]

#: Stands for all platforms together, where a platform's name would.
ALL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value of a platform, as it is written. `change` is None without anything to compare with."""

    text: str
    change: Change | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A metric of each platform, and of all together under `ALL`."""

    metric: Metric
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A day or a week, by its first day: what each platform spent, and its share of what is known.

    An amount is None where none of the days was read; a share where there is no amount, or where nothing was spent.
    """

    start: date
    micros: Mapping[str, int | None]
    shares: Mapping[str, Decimal | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """What platforms say of how they count some metrics, by platform."""

    metrics: tuple[Metric, ...]
    notes: Mapping[str, str]


def rows_of(answer: Answer, metrics: Sequence[Metric], platforms: Sequence[str], write: Writer) -> list[Row]:
    """Return a row for each metric of an answer by platform; a platform without figures has "–"."""
    found: dict[str, Mapping[str, Any]] = {row["platform"]: row for row in answer.rows.to_pylist()}

    def cell(metric: Metric, now: Value, before: Value) -> Cell:
        change = None if answer.before is None else change_of(metric, now, before, write)
        return Cell(text=written_value(metric, now, write, answer.currency), change=change)

    rows = []
    for metric in metrics:
        cells = {}
        for platform in platforms:
            row = found.get(platform, {})
            cells[platform] = cell(metric, row.get(metric.name), row.get(f"{metric.name}.before"))
        before = None if answer.before is None else answer.before.get(metric.name)
        cells[ALL] = cell(metric, answer.totals.get(metric.name), before)
        rows.append(Row(metric=metric, cells=cells))
    return rows


def buckets_of(period: Period, *, weeks: bool) -> list[date]:
    """Return the days of a period, or the Mondays of its weeks."""
    if not weeks:
        return period.days
    return sorted({day - timedelta(days=day.weekday()) for day in period.days})


def partial_weeks(period: Period) -> bool:
    """Say whether the first or the last week of a period is not whole."""
    return period.first.weekday() != 0 or period.last.weekday() != 6


def mix_of(
    answer: Answer,
    platforms: Sequence[str],
    period: Period,
    covered: Collection[tuple[str, date]],
    *,
    weeks: bool,
) -> list[Point]:
    """Return what platforms spent and its shares, of an answer by platform and day or week.

    `covered` are the (platform, day) that were read: a platform that was read and has no row spent nothing.
    """
    name = "week" if weeks else "day"
    spent = {(row["platform"], row[name]): row["cost"] for row in answer.rows.to_pylist()}
    known = {(platform, day - timedelta(days=day.weekday()) if weeks else day) for platform, day in covered}
    points = []
    for start in buckets_of(period, weeks=weeks):
        micros: dict[str, int | None] = {}
        for platform in platforms:
            key = (platform, start)
            micros[platform] = spent.get(key, 0 if key in known else None)
        whole = sum(value for value in micros.values() if value is not None)
        points.append(
            Point(
                start=start,
                micros=micros,
                shares={
                    platform: None if value is None or whole <= 0 else Decimal(value) / whole
                    for platform, value in micros.items()
                },
            )
        )
    return points


def differing(metrics: Sequence[Metric], platforms: Collection[str]) -> list[Differing]:
    """Return what platforms say of how they count these metrics: metrics of which they say the same are together."""
    grouped: dict[tuple[tuple[str, str], ...], list[Metric]] = {}
    for metric in metrics:
        notes = tuple((platform, metric.notes[platform]) for platform in platforms if metric.notes.get(platform))
        if notes:
            grouped.setdefault(notes, []).append(metric)
    return [Differing(metrics=tuple(some), notes=dict(notes)) for notes, some in grouped.items()]


def written_change(change: Change | None, *, compared: bool) -> str:
    """Write a change for a cell of its own."""
    return change.text if change is not None else MISSING if compared else ""
