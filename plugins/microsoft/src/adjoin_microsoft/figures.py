"""The figures of reports, from text to exact numbers, whole columns at a time.

Both versions of the format are understood: with commas between thousands and without, percentages with their sign.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from adjoin.ads.datasets import CONVERSION_SCALE

__all__ = ["counts", "days", "decimals", "micros"]

_Column = Any  # pyarrow's arrays and chunked arrays, which its types do not unite

_MICROS = 6
_MILLION = pa.scalar(Decimal(10**_MICROS), pa.decimal128(7, 0))
_HUNDREDTH = pa.scalar(Decimal("0.01"), pa.decimal128(3, 2))
#: Digits behind the point that are looked at before rounding.
_LONG = pa.decimal128(38, 14)


def counts(column: _Column) -> _Column:
    """Return whole numbers. ValueError for text that is none."""
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return _plain(column).cast(pa.int64())


def micros(column: _Column) -> _Column:
    """Return amounts of a currency's units as micros, rounding half to even behind the sixth digit. ValueError."""
    amounts = _exact(column, pa.decimal128(19, _MICROS), _MICROS)
    return pc.multiply(amounts, _MILLION).cast(pa.int64())


def decimals(column: _Column) -> _Column:
    """Return counts with fractions, as datasets hold conversions; "3.45%" is 0.0345. ValueError."""
    return _exact(column, pa.decimal128(18, CONVERSION_SCALE), CONVERSION_SCALE)


def days(column: _Column) -> _Column:
    """Return dates, from 2026-10-01 or 10/1/2026. ValueError."""
    try:
        return column.cast(pa.date32())
    except pa.ArrowInvalid:
        return pc.strptime(column, "%m/%d/%Y", "s").cast(pa.date32())


def _exact(column: _Column, kind: pa.DataType, digits: int) -> _Column:
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:
        return pc.round(_plain(column), digits, "half_to_even").cast(kind)


def _plain(column: _Column) -> _Column:
    """Read numbers that carry commas, percent signs or blanks, each with up to 14 digits behind the point."""
    text = pc.replace_substring(pc.utf8_trim_whitespace(column), ",", "")
    percent = pc.ends_with(text, "%")
    number = pc.utf8_rtrim(text, " %").cast(_LONG)
    if not pc.any(percent).as_py():
        return number
    return pc.if_else(percent, pc.multiply(number.cast(pa.decimal128(30, 12)), _HUNDREDTH).cast(_LONG), number)
