"""How a day looks at the instant of asking: what has arrived, what is still to be corrected.

Whole numbers throughout, so that asking twice gives the same figure and the final one is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

__all__ = ["ARRIVAL_DAYS", "SETTLE_DAYS", "Ints", "LocalClocks", "arrived", "hour_share", "settled"]

Ints: TypeAlias = npt.NDArray[np.int64]

#: Conversions of a day keep arriving for so many days after it.
ARRIVAL_DAYS = 28

#: Impressions, clicks and cost of a day are corrected for so many days after it.
SETTLE_DAYS = 3

#: Thousandths of a day's delivery that are there when so many hours have passed: little at night, most in the evening.
_BY_HOUR: Ints = np.array(
    [
        0,
        22,
        36,
        46,
        54,
        60,
        68,
        86,
        116,
        154,
        196,
        242,
        290,
        338,
        386,
        434,
        484,
        538,
        598,
        664,
        736,
        808,
        876,
        940,
        1000,
    ],
    dtype=np.int64,
)


def _arrival(speed: float) -> list[int]:
    """Thousandths of the conversions that are there so many days later; all of them after the last day."""
    days = range(ARRIVAL_DAYS + 1)
    raw = [1 - (1 - age / (ARRIVAL_DAYS + 1)) ** speed for age in (day + 1 for day in days)]
    return [round(1000 * share) for share in raw]


#: One curve per kind of buyer: hesitant, usual, quick. Indexed by curve and age in days.
_ARRIVAL: Ints = np.array([_arrival(speed) for speed in (4.0, 9.0, 18.0)], dtype=np.int64)

#: Parts of the invalid clicks that are not yet taken out, by age in days.
_UNCORRECTED: Ints = np.array([2, 2, 1, 0], dtype=np.int64)


def hour_share(hours: npt.ArrayLike) -> Ints:
    """Return the thousandths of a day's delivery that are there when so many hours of it have passed (0 to 24)."""
    return _BY_HOUR[np.asarray(hours, dtype=np.int64)]


class LocalClocks:
    """The day and hour of one instant in several time zones."""

    def __init__(self, instant: datetime, time_zones: Sequence[str]) -> None:
        local = [instant.astimezone(ZoneInfo(zone)) for zone in time_zones]
        epoch = datetime(1970, 1, 1, tzinfo=UTC).date().toordinal()
        self.days: Ints = np.array([moment.date().toordinal() - epoch for moment in local], dtype=np.int64)
        self.hours: Ints = np.array([moment.hour for moment in local], dtype=np.int64)

    def day(self, index: int) -> date:
        """The day in one of the zones."""
        return date.fromordinal(int(self.days[index]) + date(1970, 1, 1).toordinal())


def settled(final: Ints, *, age: Ints, so_far: Ints, invalid: Ints) -> Ints:
    """Return impressions, clicks or cost as they look at an age in days.

    `so_far` is the share of the day that has passed, in thousandths; `invalid` the share that is taken out later.
    """
    left = _UNCORRECTED[np.minimum(age, SETTLE_DAYS)]
    return (final + final * invalid * left // 2000) * so_far // 1000


def arrived(final: Ints, *, age: Ints, so_far: Ints, curve: Ints, threshold: Ints) -> Ints:
    """Return how many of the final conversions are there at an age in days.

    `threshold` (0 to 999) decides when the share of a single conversion counts as one: the figure only grows and ends
    at `final` exactly.
    """
    share = _ARRIVAL[curve, np.minimum(age, ARRIVAL_DAYS)] * so_far // 1000
    return (final * share + threshold) // 1000
