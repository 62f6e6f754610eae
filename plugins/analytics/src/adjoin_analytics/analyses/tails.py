"""How likely a count is by chance, and what is left of that when many are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["adjusted", "at_least", "at_most", "binomial_at_most", "gamma_above", "normal_score", "normal_tail"]

Floats: TypeAlias = npt.NDArray[np.float64]


def at_most(count: npt.ArrayLike, *, mean: npt.ArrayLike, spread: npt.ArrayLike) -> Floats:
    """Return the chance of so few: Poisson counts whose mean itself varies with the relative variance `spread`.

    That is the negative binomial of size 1/spread, here through the incomplete beta function, so that fractions of
    conversions are read between the whole counts.
    """
    from scipy.special import betainc

    x, mu, size = (np.asarray(each, dtype=np.float64) for each in (count, mean, 1 / np.asarray(spread)))
    return np.asarray(betainc(size, x + 1, size / (size + mu)), dtype=np.float64)


def at_least(count: npt.ArrayLike, *, mean: npt.ArrayLike, spread: npt.ArrayLike) -> Floats:
    """Return the chance of so many; see `at_most`."""
    from scipy.special import betainc

    x, mu, size = (np.asarray(each, dtype=np.float64) for each in (count, mean, 1 / np.asarray(spread)))
    chance = betainc(np.maximum(x, 1e-9), size, mu / (size + mu))
    return np.asarray(np.where(x <= 0, 1.0, chance), dtype=np.float64)


def binomial_at_most(count: float, *, trials: float, chance: float) -> float:
    """Return the chance of at most `count` successes; fractions are read between the whole counts."""
    from scipy.special import betainc

    if count >= trials:
        return 1.0
    return float(betainc(trials - count, count + 1, 1 - chance))


def gamma_above(bound: float, *, shape: float, rate: float) -> float:
    """Return the chance that a gamma distributed rate is above a bound."""
    from scipy.special import gammaincc

    return float(gammaincc(shape, rate * bound))


def normal_score(chance: npt.ArrayLike) -> Floats:
    """Return how many standard deviations from the middle a chance lies, at most 8."""
    from scipy.special import ndtri

    return np.asarray(np.clip(ndtri(np.asarray(chance, dtype=np.float64)), -8, 8), dtype=np.float64)


def normal_tail(score: float) -> float:
    """Return the chance of a normal value below `score`."""
    from scipy.special import ndtr

    return float(ndtr(score))


def adjusted(chances: Sequence[float]) -> tuple[float, ...]:
    """Return chances corrected for their number, so that cutting at 0.05 leaves 5% of false ones among those kept.

    Benjamini and Hochberg, 1995; holds for independent and for positively dependent tests.
    """
    if not chances:
        return ()
    values = np.asarray(chances, dtype=np.float64)
    order = np.argsort(values)
    ranked = values[order] * len(values) / np.arange(1, len(values) + 1)
    lowest = np.minimum.accumulate(ranked[::-1])[::-1]
    result = np.empty(len(values))
    result[order] = np.minimum(lowest, 1.0)
    return tuple(result.tolist())
