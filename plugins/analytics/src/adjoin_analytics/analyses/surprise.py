"""Which member changed most against its own habit: the likelier cause where large members move by themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

from adjoin_analytics.analyses.contribution import Effect, Key
from adjoin_analytics.analyses.exact import Exact, fraction

__all__ = ["Surprise", "surprises"]

_FEWEST = 4  # past periods that make a habit
_MOST = 8.0  # standard deviations; beyond that, one is as surprising as another
_NORMAL = 1.4826  # a median absolute deviation as a standard deviation
_LEAST = 0.02  # of the usual value: what a figure that never moves is allowed to


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise:
    """A member against its own past.

    `usual` is the median of its past periods, `deviation` what it is away from that now, in the metric's unit. `z`
    counts the deviation in what the member usually moves by, at most 8 either way. `score` is |deviation| x |z|, by
    which members are ranked: large, and out of habit.
    """

    key: Key
    name: str
    usual: Exact
    deviation: Exact
    z: float
    score: float


def surprises(
    effects: Iterable[Effect], past: Mapping[Key, Sequence[Exact | None]], *, lump: Exact = 0
) -> tuple[Surprise, ...]:
    """Rank the members of a comparison of sums by how much they left their habit, and left out those that did not move.

    `past` are each member's sums in earlier periods of the same length, best eight, in any order; None for a period of
    which nothing is known, 0 for one in which it had nothing. A member with less than 4 known ones is compared with
    them all the same, and taken to move by nothing but chance. What it usually moves by is the median absolute
    deviation, and at least 2% of the usual value and the chance of single events, whose size is `lump`: 1 for counts, 0
    for money. Equal scores are ordered by key.
    """
    found = []
    for effect in effects:
        known = [fraction(one) for one in past.get(effect.key, ()) if one is not None]
        usual = median(known) if known else Fraction(0)
        deviation = fraction(effect.now or 0) - usual
        if not deviation:
            continue
        spread = _NORMAL * float(median([abs(one - usual) for one in known])) if len(known) >= _FEWEST else 0.0
        floor = float(lump) * (abs(float(usual)) + float(lump)) + (_LEAST * float(usual)) ** 2
        scale = math.sqrt(max(spread**2, floor))
        z = max(-_MOST, min(_MOST, float(deviation) / scale)) if scale else math.copysign(_MOST, deviation)
        found.append(
            Surprise(
                key=effect.key,
                name=effect.name,
                usual=usual,
                deviation=deviation,
                z=z,
                score=abs(float(deviation)) * abs(z),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.score, one.key)))
