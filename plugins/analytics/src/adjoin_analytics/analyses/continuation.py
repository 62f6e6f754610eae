"""How a daily series goes on by its last weeks: level, trend and weekdays, and how well that would have done before."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["WEEKS", "continued", "filled", "tried"]

Floats: TypeAlias = npt.NDArray[np.float64]

#: Weeks that level and weekdays are taken from.
WEEKS = 8

_FADING = 0.75  # the weight of a week against the one after it: the newest of eight has 28%
_TREND = 0.5  # the part of the trend that goes on
_DAMPING = 0.9  # and what is left of that after a week
_STEEPEST = 0.1  # of the logarithm in a week
_TRIALS = 26


def filled(values: Floats) -> Floats:
    """Return the values with gaps closed by the nearest known values of the same weekday, in between in proportion."""
    result = values.copy()
    for weekday in range(7):
        of_day = values[weekday::7]
        known = np.flatnonzero(np.isfinite(of_day))
        if len(known):
            result[weekday::7] = np.interp(np.arange(len(of_day)), known, of_day[known])
    if np.isnan(result).any():  # a weekday of which nothing is known
        known = np.flatnonzero(np.isfinite(result))
        result = np.interp(np.arange(len(result)), known, result[known])
    return result


def continued(values: Floats, horizon: int) -> tuple[Floats, float]:
    """Return the next `horizon` days, and how far a single day lies from such a figure, relatively."""
    weeks = min(WEEKS, len(values) // 7)
    window = _cut(_windows(values, origins=np.array([len(values)]), weeks=weeks))
    weekly = window.mean(axis=2, keepdims=True)
    fitted = np.maximum(weekly * _weekdays(window), 1e-9)
    apart = np.log((window + 0.5) / (fitted + 0.5))
    of_day = max(1.4826 * float(np.median(np.abs(apart))), 1 / math.sqrt(float(fitted.mean()) + 1))
    return _ahead(window, horizon)[0], of_day


def tried(values: Floats, horizon: int) -> Floats:
    """Return the logarithm of the actual total against the forecast one, from past days a week apart.

    Errors beyond three times the usual one are cut there: starts and stops are no part of what a forecast is for.
    """
    origins = np.arange(len(values) - horizon, 7 * WEEKS - 1, -7)[:_TRIALS]
    if not len(origins):
        return np.zeros(0)
    totals = _ahead(_cut(_windows(values, origins=origins, weeks=WEEKS)), horizon).sum(axis=1)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    actual = sums[origins + horizon] - sums[origins]
    errors = np.log((actual + 0.5) / (totals + 0.5))
    usual = max(0.05, 1.4826 * float(np.median(np.abs(errors))))
    return np.asarray(np.clip(errors, -3 * usual, 3 * usual))


def _windows(values: Floats, *, origins: npt.NDArray[np.int64], weeks: int) -> Floats:
    """Return the weeks before each origin: (origins, weeks, 7), the newest last."""
    places = origins[:, None] - 7 * weeks + np.arange(7 * weeks)[None, :]
    return np.asarray(values[places].reshape(len(origins), weeks, 7))


def _cut(window: Floats) -> Floats:
    """Cut spikes and holes of one or two days to three deviations from the days around; shifts that last stay."""
    usual = np.median(window, axis=1, keepdims=True) + 0.5
    height = np.log((window + 0.5) / usual).reshape(len(window), -1)
    padded = np.pad(height, ((0, 0), (2, 2)), mode="reflect")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5, axis=1), axis=2)
    apart = height - around
    chance = 1 / np.sqrt(usual.mean(axis=(1, 2)) + 0.5)
    bound = 3 * np.maximum(1.4826 * np.median(np.abs(apart), axis=1), chance)[:, None]
    cut = np.exp(around + np.clip(apart, -bound, bound)).reshape(window.shape) * usual - 0.5
    return np.asarray(np.where(np.abs(apart).reshape(window.shape) > bound[:, :, None], np.maximum(cut, 0), window))


def _weekdays(window: Floats) -> Floats:
    """Return the factor of each weekday, (origins, 1, 7), with a mean of 1."""
    weekly = window.mean(axis=2, keepdims=True)
    relative = np.where(weekly > 0, window / np.maximum(weekly, 1e-12), 1.0)
    factors = relative.mean(axis=1, keepdims=True)
    error = relative.var(axis=1, keepdims=True).mean(axis=2, keepdims=True) / window.shape[1]
    found = ((factors - 1) ** 2).mean(axis=2, keepdims=True)
    kept = np.clip(1 - error / np.maximum(found, 1e-12), 0, 1)
    return np.asarray(1 + kept * (factors - 1))


def _ahead(window: Floats, horizon: int) -> Floats:
    """Return what follows each window: (origins, horizon)."""
    weeks = window.shape[1]
    weekly = window.mean(axis=2)
    weight = _FADING ** np.arange(weeks)[::-1]
    weight = weight / weight.sum()
    level = weekly @ weight

    height = np.log(weekly + 0.02 * level[:, None] + 1e-9)
    place = np.arange(weeks) - (weeks - 0.5)
    centre = float(weight @ place)
    width = float(weight @ (place - centre) ** 2)
    slope = (height * weight * (place - centre)).sum(axis=1) / width
    rest = height - (height @ weight)[:, None] - slope[:, None] * (place - centre)
    error = (rest**2 @ weight) / width / max(1, weeks - 2)
    kept = np.clip(1 - error / np.maximum(slope**2, 1e-12), 0, 1)
    slope = np.clip(_TREND * kept * slope, -_STEEPEST, _STEEPEST)

    passed = (np.arange(horizon) + 0.5) / 7
    grown = (1 - _DAMPING**passed) / -math.log(_DAMPING)
    days = np.arange(horizon) % 7
    return np.asarray(level[:, None] * np.exp(slope[:, None] * (grown - centre)) * _weekdays(window)[:, 0, days])
