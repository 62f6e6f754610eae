"""Figures of the metric layer as people read them: values, changes, and which changes are good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from adjoin.analytics.v1 import Good, Metric, Unit
from adjoin.writing import MISSING, Writer

__all__ = ["Change", "Value", "change_of", "metrics_by_name", "number_of", "share_of_change", "written_value"]

#: What an answer holds: a count, micros, a ratio; None is missing.
Value: TypeAlias = int | float | Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change in words. `good` is None where neither direction is, or where nothing moved."""

    text: str
    direction: Literal["up", "down", "off"]
    good: bool | None


def written_value(metric: Metric, value: Value, write: Writer, currency: str | None, *, compact: bool = False) -> str:
    """Write a value of a metric; one that is missing is "–". Amounts are micros of `currency`."""
    exact = _exact(value)
    if exact is None:
        return MISSING
    match metric.unit:
        case Unit.MONEY:
            return write.money(exact, currency or "", compact=compact)
        case Unit.SHARE:
            return write.percent(exact)
        case Unit.MULTIPLE:
            return write.times(exact)
        case Unit.COUNT:
            return write.count(exact, compact=compact)


def change_of(metric: Metric, now: Value, before: Value, write: Writer) -> Change | None:
    """Write how a metric has changed, shares in percentage points; None where there is nothing to compare with."""
    new, old = _exact(now), _exact(before)
    text = write.points(new, old) if metric.unit is Unit.SHARE else write.change(new, old)
    if text is None or new is None or old is None:
        return None
    if text.startswith("±") or new == old:
        return Change(text=text, direction="off", good=None)
    good = None if metric.good is Good.NEITHER else (new > old) is (metric.good is Good.UP)
    return Change(text=text, direction="up" if new > old else "down", good=good)


def share_of_change(metric: Metric, now: Value, before: Value) -> float | None:
    """Return a change as a number to sort by: percent, or percentage points of a share."""
    new, old = _exact(now), _exact(before)
    if new is None or old is None:
        return None
    if metric.unit is Unit.SHARE:
        return float((new - old) * 100)
    return None if old == 0 else float((new - old) / abs(old) * 100)


def number_of(metric: Metric, value: Value) -> float | None:
    """Return a value as a number for cells and charts: amounts in whole units, shares in percent."""
    exact = _exact(value)
    if exact is None:
        return None
    return float(exact.scaleb(-6) if metric.unit is Unit.MONEY else exact * 100 if metric.unit is Unit.SHARE else exact)


def metrics_by_name(metrics: tuple[Metric, ...]) -> Mapping[str, Metric]:
    """Return metrics by their names, in their order."""
    return {one.name: one for one in metrics}


def _exact(value: Any) -> Decimal | None:
    if value is None or value != value:  # NaN, which alone differs from itself
        return None
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
