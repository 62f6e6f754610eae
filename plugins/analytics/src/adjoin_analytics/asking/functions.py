"""Functions of the engine that statements call, `adjoin.facts.engine.EXACT`, for expressions in Ibis."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ibis.expr.types as ir  # type: ignore[import-untyped]

__all__ = ["day_moved", "micros_over", "period_start"]


def micros_over(amount: Any, numerator: Any, denominator: Any) -> ir.IntegerValue:
    """Return amount * numerator / denominator, of positive whole numbers, rounded half to even."""
    kind = "decimal(38, 0)"
    return _function("micros_over", ("int64", kind, kind), "int64")(amount, numerator, denominator)


def day_moved(day: Any, days: int) -> ir.DateValue:
    """Return the day so many days later."""
    return _function("day_moved", ("date", "int32"), "date")(day, days)


def period_start(period: str, day: Any) -> ir.DateValue:
    """Return the first day of the week, month, quarter or year of a day."""
    return _function("period_start", ("string", "date"), "date")(period, day)


def _two(first: Any, second: Any) -> None: ...
def _three(first: Any, second: Any, third: Any) -> None: ...


_STUBS = {2: _two, 3: _three}


@cache
def _function(name: str, kinds: tuple[str, ...], result: str) -> Any:
    import ibis

    return ibis.udf.scalar.builtin(_STUBS[len(kinds)], name=name, signature=(kinds, result))
