"""A metric of one object day by day: what anomalies and forecasts are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from adjoin.errors import BadInput

__all__ = ["Amount", "Columns", "Day", "Key", "Series", "columns", "estimated"]

#: A count, as whole as the platform counts, or an amount of money in whole micros.
Amount: TypeAlias = int | Decimal

#: The ids of an object from the platform down: ("google", "123", "456").
Key: TypeAlias = tuple[str, ...]

Floats: TypeAlias = npt.NDArray[np.float64]

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What happened on a day: `amount` is None where nobody knows, 0 where nothing happened.

    Of a ratio, `per` is what the amount is counted against: impressions for clicks, micros of cost for conversions.
    Of money, `events` is the count that it hangs on (conversions for their value), whose chance moves the money too.
    `arrived` is the share of the final amount that is expected to be there by now: 1 for a day that changes no more,
    0 for one of which nobody can say.
    """

    day: date
    amount: Amount | None
    per: Amount | None = None
    events: Amount | None = None
    arrived: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One metric of one object. Days that are not given are days of which nobody knows.

    `money` says that amounts are micros and not a count. A ratio has `per` on its days. An `inverse` ratio is shown
    the other way round, as `per` divided by the amount: cost per conversion is judged through conversions against cost.
    A shown ratio is multiplied by `times`: 1000 for the cost of a thousand impressions.
    """

    key: Key
    metric: str
    days: tuple[Day, ...]
    money: bool = False
    inverse: bool = False
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A series as arrays, one place for each day from `first` on; what is not known is nan."""

    first: date
    amount: Floats
    per: Floats  #: 1 where there is none
    events: Floats  #: 0 where there are none
    arrived: Floats
    exact: Mapping[date, Day]

    def day(self, place: int) -> date:
        return self.first + timedelta(days=place)


def columns(series: Series, *, since: date | None, until: date) -> Columns | None:
    """Return the known days of a series up to `until`, or None if there is not one.

    A day with a figure below zero, as later corrections may leave it, is not known. Raises BadInput for a day that is
    there twice and for a share that is none.
    """
    exact: dict[date, Day] = {}
    name = f"{series.metric} of {'/'.join(series.key)}"
    for each in series.days:
        if each.day in exact:
            raise BadInput(f"{name} has {each.day} twice; add the amounts up first.")
        if not 0 <= each.arrived <= 1:
            raise BadInput(f"{name} on {each.day}: arrived is {each.arrived}, not 0 to 1.")
        exact[each.day] = each
    wanted = [day for day in exact if day <= until and (since is None or day >= since)]
    if not wanted:
        return None
    first, length = min(wanted), (max(wanted) - min(wanted)).days + 1
    amount = np.full(length, np.nan)
    per, arrived, events = np.ones(length), np.zeros(length), np.zeros(length)
    for day in wanted:
        each, place = exact[day], (day - first).days
        if any(part is not None and part < 0 for part in (each.amount, each.per, each.events)) or each.amount is None:
            continue
        amount[place] = float(each.amount)
        per[place] = 1.0 if each.per is None else float(each.per)
        arrived[place] = each.arrived
        events[place] = float(each.events or 0)
    return Columns(first=first, amount=amount, per=per, events=events, arrived=arrived, exact=exact)


def estimated(value: float, *, money: bool) -> Amount:
    """Write an estimate as an amount: whole micros for money, a count to the hundredth."""
    return round(value) if money else Decimal(value).quantize(_CENT, ROUND_HALF_EVEN)
