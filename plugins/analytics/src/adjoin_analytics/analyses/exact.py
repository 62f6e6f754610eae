"""Exact arithmetic: quotients as fractions, and rounding that keeps a total."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from itertools import permutations
from math import prod

__all__ = ["Exact", "apportion", "as_decimal", "as_sum", "digits_of", "fraction", "ratio", "shapley", "summed", "total"]

#: A figure without rounding: a sum is an integer, or a decimal where parts are counted; a quotient is a fraction.
Exact = int | Decimal | Fraction

#: More factors would be more orders (120 for five) than anybody reads.
_MOST_FACTORS = 5


def fraction(value: Exact) -> Fraction:
    """Return a figure as a fraction. Raises TypeError for a float, whose value is not what was meant."""
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float; sums are int or Decimal, quotients Fraction.")
    return Fraction(value)


def ratio(above: Exact | None, below: Exact | None) -> Fraction | None:
    """Divide exactly; None where a part is missing or would be divided by zero."""
    return None if above is None or not below else fraction(above) / fraction(below)


def total(values: Iterable[Exact | None]) -> Fraction | None:
    """Add up what is there; None where nothing is."""
    there = [value for value in values if value is not None]
    if all(isinstance(value, int) for value in there):
        return Fraction(sum(value for value in there if isinstance(value, int))) if there else None
    return sum((fraction(value) for value in there), Fraction(0))


def summed(values: Iterable[Exact | None]) -> Exact | None:
    """Add up what is there and keep the kind: an int of ints, a Decimal where there are any, a Fraction likewise."""
    there = [value for value in values if value is not None]
    if there and all(isinstance(value, int) for value in there):
        return sum(value for value in there if isinstance(value, int))
    added = total(there)
    if added is None or any(isinstance(value, Fraction) for value in there):
        return added
    decimals = any(isinstance(value, Decimal) for value in there)
    exact = as_sum(added, digits=digits_of(there))
    return Decimal(exact) if decimals else exact


def as_decimal(value: Exact, *, significant: int = 28) -> Decimal:
    """Return a figure to be written, rounded half to even to so many significant digits."""
    if isinstance(value, Decimal):
        return value
    exact = Fraction(value)
    context = Context(prec=significant, rounding=ROUND_HALF_EVEN)
    return context.divide(Decimal(exact.numerator), Decimal(exact.denominator))


def as_sum(value: Fraction, *, digits: int) -> int | Decimal:
    """Return a fraction that has at most so many digits as the sum it is: int without digits, else Decimal."""
    scaled = value * 10**digits
    if scaled.denominator != 1:
        raise ValueError(f"{value} has more than {digits} digits after the point.")
    return _decimal(scaled.numerator, digits) if digits else scaled.numerator


def digits_of(values: Iterable[Exact | None]) -> int:
    """Return how many digits after the point the sums have at most. Raises TypeError for what is no sum."""
    digits = 0
    for value in values:
        if isinstance(value, Decimal):
            exponent = value.normalize().as_tuple().exponent
            if not isinstance(exponent, int):
                raise TypeError(f"{value} is not a number.")
            digits = max(digits, -exponent)
        elif value is not None and not isinstance(value, int):
            raise TypeError(f"{value!r} is not a sum: those are int or Decimal.")
    return digits


def apportion(parts: Sequence[Fraction], whole: Exact, *, digits: int = 0) -> list[int | Decimal]:
    """Round parts to so many digits after the point so that they add up to `whole`, which must not have more digits.

    Each part is rounded down, and the steps that are then left go one by one to the parts with the largest remainders;
    of equal ones to those that come first (Hamilton's method of the largest remainder). Where the parts differ from
    the whole by more than rounding, the rest is spread evenly in the same order. Returns int without digits, else
    Decimal. Raises ValueError for a whole with more digits, or without parts to hold it.
    """
    scale = 10**digits
    target = fraction(whole) * scale
    if target.denominator != 1:
        raise ValueError(f"{whole} has more than {digits} digits after the point.")
    scaled = [part * scale for part in parts]
    floors = [part.numerator // part.denominator for part in scaled]
    left = target.numerator - sum(floors)
    if left and not parts:
        raise ValueError(f"There are no parts to hold {whole}.")
    if left:
        order = sorted(range(len(parts)), key=lambda index: (floors[index] - scaled[index], index))
        every, first = divmod(left, len(parts))
        for place, index in enumerate(order):
            floors[index] += every + (place < first)
    return [_decimal(value, digits) if digits else value for value in floors]


def _decimal(steps: int, digits: int) -> Decimal:
    return Decimal(f"{steps}E-{digits}")  # unlike scaleb, which rounds to the context's digits


def shapley(before: Sequence[Fraction], now: Sequence[Fraction]) -> list[Fraction]:
    """Share out the change of a product among its factors: each one's mean effect over all orders of changing them.

    The effects add up to the change of the product exactly, exchange sign when the periods are exchanged, and do not
    depend on an order (L. S. Shapley, A value for n-person games, 1953; of two factors it is the midpoint rule). Raises
    ValueError for more than five factors.
    """
    if len(before) != len(now) or not 1 <= len(now) <= _MOST_FACTORS:
        raise ValueError(f"A product has 1 to {_MOST_FACTORS} factors, the same in both periods.")
    effects = [Fraction(0)] * len(now)
    orders = list(permutations(range(len(now))))
    for order in orders:
        values = list(before)
        product = prod(values, start=Fraction(1))
        for index in order:
            values[index] = now[index]
            changed = prod(values, start=Fraction(1))
            effects[index] += changed - product
            product = changed
    return [effect / len(orders) for effect in effects]
