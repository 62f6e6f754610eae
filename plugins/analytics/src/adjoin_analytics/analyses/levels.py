"""The usual height of a series: a weekday pattern and a level that follows slowly and forgives single days."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["FLOOR", "PACE", "levels", "weekday_factors"]

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

#: How fast the level follows: the weight of the newest day.
PACE = 0.25

#: No series is steadier than 2%.
FLOOR = 0.02

_CLIP = 2.0  # a day moves the level as if it were at most so many deviations away
_REBASE = 7  # days on one side after which that is the new level


def weekday_factors(height: Floats, known: Flags) -> Floats:
    """Return each day's usual distance from the days around it, by weekday."""
    places = np.flatnonzero(known)
    filled = np.interp(np.arange(len(height)), places, height[places])
    padded = np.pad(filled, 3, mode="reflect")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 7), axis=1)
    apart = height - around
    weekday = np.arange(len(height)) % 7
    of_day, sizes = np.zeros(7), np.zeros(7)
    for day in range(7):
        values = apart[known & (weekday == day)]
        sizes[day] = len(values)
        of_day[day] = np.median(values) if len(values) else 0.0
    of_day -= of_day.mean()
    rest = apart[known] - of_day[weekday[known]]
    error = 1.57 * (1.4826 * float(np.median(np.abs(rest)))) ** 2 / max(1.0, float(sizes.mean()))
    found = float((of_day**2).mean())
    kept = max(0.0, 1 - error / found) if found > 0 else 0.0
    return kept * of_day[weekday]


def levels(height: list[float], known: list[bool]) -> Floats:
    """Return the level that was expected for each day, the day before."""
    heard = [value for value, there in zip(height, known, strict=True) if there]
    steps = sorted(abs(after - before) for before, after in pairwise(heard))
    unrest = max(FLOOR, 1.4826 * steps[len(steps) // 2] / math.sqrt(2))
    level = sorted(heard[:14])[len(heard[:14]) // 2]
    expected: list[float] = []
    side: list[float] = []  # the latest heights while they are all unusual in the same direction
    upward = False
    for value, there in zip(height, known, strict=True):
        expected.append(level)
        if not there:
            continue
        surprise = value - level
        level += PACE * max(-_CLIP * unrest, min(_CLIP * unrest, surprise))
        if abs(surprise) <= 2.5 * unrest or (surprise > 0) != upward:
            side = []
        if abs(surprise) > 2.5 * unrest:
            upward = surprise > 0
            side.append(value)
        if len(side) >= _REBASE:
            level = sorted(side[-_REBASE:])[_REBASE // 2]
            side = []
    return np.asarray(expected)
