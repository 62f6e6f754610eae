"""A total as a product of its drivers: cost = clicks x cost per click, and which of them made the change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import prod

from adjoin.errors import BadInput
from adjoin_analytics.analyses.exact import Exact, apportion, as_sum, digits_of, fraction, ratio, shapley

__all__ = ["Driver", "Drivers", "split_chain"]

_ZERO = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """One factor of the total in both periods, and what its change did to the total.

    The first driver is a sum, each further one a sum divided by the one before it: the price of a click, the share of
    impressions that are clicked. None where it would be divided by zero.
    """

    name: str
    before: Exact | None
    now: Exact | None
    effect: Exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Drivers:
    """A total in both periods; the effects of its drivers add up to its change exactly."""

    before: Exact
    now: Exact
    change: Exact
    drivers: tuple[Driver, ...]


def split_chain(names: Sequence[str], before: Sequence[Exact], now: Sequence[Exact], *, digits: int = 0) -> Drivers:
    """Split the change of the last of a chain of sums into the effects of the drivers named.

    `before` and `now` are the sums, from the one behind all to the total: (clicks, cost) for clicks and cost per click,
    (impressions, clicks, conversions) for impressions, click rate and conversion rate. Each effect is Shapley's mean
    over all orders in which the drivers might have changed; of two it is the midpoint: (clicks now - before) x mean
    cost per click, and the change of the cost per click x mean clicks. A driver without a value in one period takes
    that of the other, so that it has no effect of its own; what then remains of the total's change, as cost without
    clicks, goes to the last driver without a value. Effects are rounded to `digits` after the point, or as many as the
    totals have, by largest remainder. Raises BadInput where the chains have not one sum for each name, or more than 5.
    """
    if not 1 <= len(names) <= 5 or len(before) != len(names) or len(now) != len(names):
        raise BadInput(
            f"A chain has 1 to 5 drivers and a sum for each in both periods; there are {len(names)} drivers, "
            f"{len(before)} sums before and {len(now)} now."
        )
    digits = max(digits, digits_of([before[-1], now[-1]]))
    factors = [_factors(before), _factors(now)]
    filled: list[list[Fraction]] = [[], []]
    for first, second in zip(*factors, strict=True):
        filled[0].append(first if first is not None else second if second is not None else _ZERO)
        filled[1].append(second if second is not None else first if first is not None else _ZERO)
    effects = shapley(*filled)
    change = fraction(now[-1]) - fraction(before[-1])
    remains = change - (prod(filled[1], start=Fraction(1)) - prod(filled[0], start=Fraction(1)))
    if remains:
        effects[max(at for at in range(len(names)) if factors[0][at] is None or factors[1][at] is None)] += remains
    return Drivers(
        before=before[-1],
        now=now[-1],
        change=as_sum(change, digits=digits),
        drivers=tuple(
            Driver(name=name, before=factors[0][at], now=factors[1][at], effect=effect)
            for at, (name, effect) in enumerate(zip(names, apportion(effects, change, digits=digits), strict=True))
        ),
    )


def _factors(sums: Sequence[Exact]) -> list[Fraction | None]:
    return [fraction(sums[0]), *(ratio(above, below) for below, above in pairwise(sums))]
