"""Who has which share of a sum, how that moves over time, and how concentrated it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from adjoin.errors import BadInput
from adjoin_analytics.analyses.contribution import Key
from adjoin_analytics.analyses.exact import Exact, apportion, fraction, ratio, summed

__all__ = ["OTHERS", "Concentration", "Mix", "PeriodMix", "Point", "Share", "percentages", "shares_over_time"]

#: The key of the members that are shown as one.
OTHERS: Key = ()

_ZERO = Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A member's sum in one period, which is named by its first day. None: the platform does not give it."""

    period: date
    key: Key
    value: Exact | None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A member's part of one period.

    `share` is its value divided by that of all, None where the value is missing or all together are 0. A member
    without a row in the period has the share 0 and no value. `moved` is the share less that of the period before, and
    `since_first` less that of the first: fractions of one, times 100 they are percentage points; None where one of the
    two is missing.
    """

    key: Key
    name: str
    value: Exact | None
    share: Fraction | None
    moved: Fraction | None = None
    since_first: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concentration:
    """How much of a sum few members have.

    `herfindahl` is the sum of the squared shares (the Herfindahl-Hirschman index, 1/n for n equal members, 1 for one
    alone); `equal_members` its reciprocal, the number of equal members that would be as concentrated; `top` the
    share of the largest 1, 2, 3 ... members together.
    """

    herfindahl: Fraction
    equal_members: Fraction
    top: tuple[Fraction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodMix:
    """One period: the sum of all, the shares in the order of `Mix.members`, and how concentrated they are.

    The shares that are there add up to 1 exactly. `concentration` is None without shares or with a negative one. It is
    that of the members themselves, also where some are shown as others.
    """

    period: date
    whole: Exact | None
    shares: tuple[Share, ...]
    concentration: Concentration | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Shares by period. `members` are ordered by their sum over all periods, the largest first, then OTHERS."""

    members: tuple[Key, ...]
    names: Mapping[Key, str]
    periods: tuple[PeriodMix, ...]


def shares_over_time(points: Iterable[Point], *, top: int | None = None, largest: int = 5) -> Mix:
    """Return each member's share of every period that has a point.

    `top` keeps that many members and shows the rest as OTHERS; `largest` is the length of `Concentration.top`. Values
    are sums in one unit: counts, or micros of one currency. Raises BadInput for two points of the same member and
    period, and for `top` or `largest` below 1.
    """
    if largest < 1 or (top is not None and top < 1):
        raise BadInput("At least one member is shown: `top` and `largest` are 1 or more.")
    table: dict[date, dict[Key, Exact | None]] = defaultdict(dict)
    names: dict[Key, str] = {}
    for point in sorted(points, key=lambda one: (one.period, one.key)):
        if point.key in table[point.period]:
            raise BadInput(f"There are two values of {'/'.join(point.key)!r} for {point.period}; add them up first.")
        table[point.period][point.key] = point.value
        names[point.key] = point.name or names.get(point.key, "")
    sums = {key: summed(row.get(key) for row in table.values()) or 0 for key in names}
    ordered = sorted(names, key=lambda key: (-fraction(sums[key]), key))
    shown = ordered if top is None or len(ordered) <= top else ordered[:top]
    rest = ordered[len(shown) :]
    periods: list[PeriodMix] = []
    for period, row in table.items():
        whole = summed(row.values())
        values = [(key, _value(row, [key])) for key in shown]
        if rest:
            values.append((OTHERS, _value(row, rest)))
        shares = []
        for at, (key, (value, missing)) in enumerate(values):
            share = None if missing else ratio(value or 0, whole)
            shares.append(
                Share(
                    key=key,
                    name=names.get(key, ""),
                    value=value,
                    share=share,
                    moved=_less(share, periods[-1].shares[at].share if periods else None),
                    since_first=_less(share, periods[0].shares[at].share if periods else None),
                )
            )
        periods.append(
            PeriodMix(
                period=period, whole=whole, shares=tuple(shares), concentration=_concentration(row, whole, largest)
            )
        )
    return Mix(members=(*shown, *([OTHERS] if rest else [])), names=names, periods=tuple(periods))


def percentages(shares: Sequence[Fraction], *, digits: int = 1) -> tuple[Decimal, ...]:
    """Return shares as percent with so many digits, rounded so that those of a whole period add up to 100.

    Largest remainders are rounded up, of equal ones the first.
    """
    hundred = [share * 100 for share in shares]
    whole = round(sum(hundred, _ZERO), digits)
    return tuple(Decimal(value) for value in apportion(hundred, whole, digits=digits))


def _value(row: Mapping[Key, Exact | None], keys: Iterable[Key]) -> tuple[Exact | None, bool]:
    """Return the sum of members and whether it is missing, as opposed to not there."""
    there = [row[key] for key in keys if key in row]
    value = summed(there)
    return value, value is None and bool(there)


def _less(share: Fraction | None, other: Fraction | None) -> Fraction | None:
    return None if share is None or other is None else share - other


def _concentration(row: Mapping[Key, Exact | None], whole: Exact | None, largest: int) -> Concentration | None:
    shares = sorted((share for value in row.values() if (share := ratio(value, whole)) is not None), reverse=True)
    if not shares or shares[-1] < 0:
        return None
    herfindahl = sum((share * share for share in shares), _ZERO)
    tops = [sum(shares[:many], _ZERO) for many in range(1, min(largest, len(shares)) + 1)]
    return Concentration(herfindahl=herfindahl, equal_members=1 / herfindahl, top=tuple(tops))
