"""Metrics of rows: exactly from their sums, once the rows are there; and roughly in a statement, to order them by.

Sums, and what is added up of them, are exact. An amount over a count is exact too, rounded half to even to whole
micros, and a sum over a sum is the float next to the true value. Other formulas are computed with floats, that is with
15 digits, and amounts and counts of them rounded. Division by zero gives nothing, and so does anything with nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from adjoin.analytics.v1 import Unit
from adjoin_analytics.asking.shape import Measure
from adjoin_analytics.formula import Binary, Formula, Negative, Number, Sum, is_whole, sums_of

if TYPE_CHECKING:
    import ibis.expr.types as ir  # type: ignore[import-untyped]
    import numpy as np
    import pyarrow as pa

__all__ = ["measured", "roughly"]

_BILLION = 1_000_000_000
_LARGEST = 2**63 - 1


def roughly(formula: Formula, table: ir.Table, end: str) -> ir.Value:
    """Return a formula over the sums whose names have this end, as an expression: a sum itself, else a float."""
    if isinstance(formula, Sum):
        return table[f"{formula.name}{end}"]
    return _expression(formula, table, end)


def _expression(formula: Formula, table: ir.Table, end: str) -> Any:
    import ibis

    match formula:
        case Sum(name):
            return table[f"{name}{end}"].cast("float64")
        case Number(value):
            return ibis.literal(float(value), "float64")
        case Negative(of):
            return -_expression(of, table, end)
        case Binary("/", left, right):
            return _expression(left, table, end) / _expression(right, table, end).nullif(0)
        case Binary(sign, left, right):
            return _OPERATIONS[sign](_expression(left, table, end), _expression(right, table, end))


def measured(measure: Measure, sums: Mapping[str, Any]) -> pa.Array[Any]:
    """Return a metric of each row: `sums` has a column for each sum that it takes.

    int64 for amounts and whole counts, decimal128(38, 9) for counts with fractions, float64 for ratios.
    """
    formula = measure.formula
    if isinstance(formula, Sum):
        found: pa.Array[Any] = sums[formula.name]
        return found
    if is_whole(formula) and "conversions" not in sums_of(formula):
        return _exactly(formula, sums)
    each = _each(formula) if measure.unit is Unit.MONEY else None
    if each is not None:
        return _amounts(*each, sums)
    return _rounded(measure.unit, _ratio(formula, sums))


def _each(formula: Formula) -> tuple[str, int, str] | None:
    """Take "1000 * cost_micros / impressions" apart, where a formula has that form: both sums, and the number."""
    match formula:
        case Binary("/", Sum(above), Sum(below)) if above != "conversions":
            return above, 1, below
        case Binary("/", Binary("*", Number(times), Sum(above)) | Binary("*", Sum(above), Number(times)), Sum(below)):
            if above != "conversions" and 0 < times < _BILLION and times == times.to_integral_value():
                return above, int(times), below
    return None


def _amounts(above: str, times: int, below: str, sums: Mapping[str, Any]) -> pa.Array[Any]:
    """Return sum * times / sum, rounded half to even."""
    import numpy as np
    import pyarrow as pa

    fractions = below == "conversions"
    amount, count = sums[above], sums[below]
    scale = _BILLION if fractions else 1
    units = _billionths(count) if fractions else count.to_numpy(zero_copy_only=False) if not count.null_count else None
    large = amount.to_numpy(zero_copy_only=False) if not amount.null_count else None
    if units is not None and large is not None and len(units) and count.null_count == 0:
        while scale > 1 and not (units % 10).any():  # most counts have few digits after the point, or none
            units, scale = units // 10, scale // 10
        most = max(abs(int(large.max())), abs(int(large.min()))) * times * scale
        if 2 * most <= _LARGEST and 2 * int(abs(units).max()) <= _LARGEST:
            there = units != 0
            safe = np.where(there, units, 1)
            whole, rest = np.divmod(large * (times * scale), safe)
            twice = 2 * np.abs(rest) - np.abs(safe)
            whole += (twice > 0) | ((twice == 0) & (whole % 2 == 1))
            return pa.array(whole, pa.int64(), mask=~there)
    found = [
        None if one is None or not other else _half_even(one * times * scale, int(other * scale))
        for one, other in zip(amount.to_pylist(), count.to_pylist(), strict=True)
    ]
    return pa.array(found, pa.int64())


def _half_even(above: int, below: int) -> int:
    whole, rest = divmod(above, below)
    twice = 2 * abs(rest) - abs(below)
    return whole + (twice > 0 or (twice == 0 and whole % 2 == 1))


def _billionths(counts: pa.Array[Any]) -> np.ndarray[Any, Any] | None:
    """Return decimals with nine digits after the point as whole numbers; None where there are none, or too large."""
    import numpy as np

    if counts.null_count or not len(counts):
        return None
    buffer: Any = counts.buffers()[1]
    words = np.frombuffer(buffer, dtype=np.int64).reshape(-1, 2)[counts.offset : counts.offset + len(counts)]
    low, high = words[:, 0], words[:, 1]
    return low if bool(((low >> 63) == high).all()) else None


def _exactly(formula: Formula, sums: Mapping[str, Any]) -> pa.Array[Any]:
    """Compute with whole numbers; what 64 bits cannot hold is missing."""
    import pyarrow as pa

    names = sums_of(formula)
    rows = zip(*(sums[name].to_pylist() for name in names), strict=True)
    found = [None if None in row else _whole(formula, dict(zip(names, row, strict=True))) for row in rows]
    return pa.array([one if one is not None and abs(one) <= _LARGEST else None for one in found], pa.int64())


def _whole(formula: Formula, values: Mapping[str, int]) -> int:
    match formula:
        case Sum(name):
            return values[name]
        case Number(value):
            return int(value)
        case Negative(of):
            return -_whole(of, values)
        case Binary(sign, left, right):
            found: int = _OPERATIONS[sign](_whole(left, values), _whole(right, values))
            return found


def _ratio(formula: Formula, sums: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """Compute with floats; what is missing is no number. Of a sum over a sum both are whole before they are divided."""
    import numpy as np

    scales = dict.fromkeys(sums, 1)
    match formula:
        case Binary("/", Sum(above), Sum(below)) if "conversions" in (above, below) and above != below:
            scales = dict.fromkeys((above, below), _BILLION)
    columns = {name: _floats(sums[name], scale) for name, scale in scales.items()}
    with np.errstate(all="ignore"):
        found: np.ndarray[Any, Any] = np.broadcast_to(_floating(formula, columns), (_rows(sums),)).astype(np.float64)
        return np.where(np.isfinite(found), found, np.nan)


def _rows(sums: Mapping[str, Any]) -> int:
    return max((len(column) for column in sums.values()), default=0)


def _floats(column: Any, scale: int) -> np.ndarray[Any, Any]:
    import numpy as np
    import pyarrow as pa

    if pa.types.is_decimal(column.type):
        whole = _billionths(column)
        if whole is not None:
            return whole.astype(np.float64) if scale == _BILLION else whole.astype(np.float64) / _BILLION
        values = [np.nan if one is None else float(one * scale) for one in column.to_pylist()]
        return np.array(values, dtype=np.float64)
    floats: np.ndarray[Any, Any] = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return floats * scale


def _floating(formula: Formula, columns: Mapping[str, Any]) -> Any:
    import numpy as np

    match formula:
        case Sum(name):
            return columns[name]
        case Number(value):
            return float(value)
        case Negative(of):
            return -_floating(of, columns)
        case Binary("/", left, right):
            below = np.asarray(_floating(right, columns), dtype=np.float64)
            return _floating(left, columns) / np.where(below == 0, np.nan, below)
        case Binary(sign, left, right):
            return _OPERATIONS[sign](_floating(left, columns), _floating(right, columns))


def _rounded(unit: Unit, values: np.ndarray[Any, Any]) -> pa.Array[Any]:
    import numpy as np
    import pyarrow as pa

    missing = np.isnan(values)
    if unit is Unit.MONEY:
        missing |= np.abs(values) > float(2**62)
        return pa.array(np.rint(np.where(missing, 0, values)).astype(np.int64), pa.int64(), mask=missing)
    if unit is Unit.COUNT:
        found = [
            None if lacks else Decimal(repr(float(value))).quantize(Decimal("1e-9"))
            for value, lacks in zip(values, missing | (np.abs(values) > 1e18), strict=True)
        ]
        return pa.array(found, pa.decimal128(38, 9))
    return pa.array(values, pa.float64(), mask=missing)


_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
}
