"""Google's fractions as exact integers, many at once.

Counts of conversions and their values come as doubles. A double times a power of ten, rounded, is exactly the decimal
that was written as long as the product stays well below 2**53; what is larger is worked out digit by digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

from adjoin.ads.columns import Ints
from adjoin.ads.datasets import CONVERSION_SCALE

__all__ = ["micros", "nanos"]

_SAFE = float(1 << 50)
_MOST = 10**18 - 1


def nanos(counts: Sequence[float]) -> Ints:
    """Turn counts into billionths. ValueError for one that is no number, or that the datasets cannot hold."""
    return _scaled(counts, CONVERSION_SCALE)


def micros(amounts: Sequence[float]) -> Ints:
    """Turn amounts in whole units of a currency into micros. ValueError likewise."""
    return _scaled(amounts, 6)


def _scaled(values: Sequence[float], digits: int) -> Ints:
    given = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        product = np.rint(given * 10.0**digits)
        safe = np.abs(product) < _SAFE  # false for what is no number
        whole: Ints = np.where(safe, product, 0.0).astype(np.int64)
    for place in np.flatnonzero(~safe):
        whole[place] = _exactly(float(given[place]), digits)
    return whole


def _exactly(value: float, digits: int) -> int:
    exact = Decimal(repr(value)).scaleb(digits)
    if not exact.is_finite() or abs(exact) > _MOST:
        raise ValueError(f"{value!r} is no count or amount that can be held")
    return int(exact.to_integral_value(ROUND_HALF_EVEN))
