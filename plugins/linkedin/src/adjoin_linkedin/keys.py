"""What rows are about: the objects and the day of each.

There are far fewer objects and days than rows, so each different one is decoded and checked once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from adjoin.ads.v2 import DateWindow
from adjoin_linkedin.rows import Row, texts_of

__all__ = ["CAMPAIGN", "CREATIVE", "GROUP", "RULE", "Keys", "keys_of"]

T = TypeVar("T", bound=Hashable)

#: How the URNs of the levels begin. Those of conversion rules are not documented, and have had more than one beginning.
GROUP, CAMPAIGN, CREATIVE = "urn:li:sponsoredCampaignGroup:", "urn:li:sponsoredCampaign:", "urn:li:sponsoredCreative:"
RULE = ""


class _Day(msgspec.Struct):
    year: int
    month: int
    day: int


class _Range(msgspec.Struct):
    """By day both ends are the same, so only the first is read."""

    start: _Day


_ranges = msgspec.json.Decoder(list[_Range])
_urns = msgspec.json.Decoder(list[list[str]])


@dataclass(frozen=True, slots=True)
class _Coded(Generic[T]):
    """A value for each row, as its place among the different ones."""

    values: list[T]
    places: pa.Array[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The bare numbers of the objects of each row, in the order of the pivots, and its day."""

    paths: _Coded[tuple[str, ...]]
    days: _Coded[date]

    @property
    def dates(self) -> pa.Array[Any]:
        """The column of days."""
        return pa.array(self.days.values, pa.date32()).take(self.days.places)

    def column(self, pivot: int) -> pa.Array[Any]:
        """Return the column of one pivot's numbers."""
        return pa.array([path[pivot] for path in self.paths.values], pa.string()).take(self.paths.places)

    def different(self, pivot: int) -> set[str]:
        """Return the numbers of one pivot that occur."""
        return {path[pivot] for path in self.paths.values}


def keys_of(rows: Sequence[Row], window: DateWindow, kinds: Sequence[str]) -> Keys:
    """Read what rows are about. `kinds` is how the URN of each pivot begins.

    ValueError for a day outside of the window, for a URN of another kind, and for an object that comes twice on a day.
    """
    try:
        paths = _coded([row.pivot_values for row in rows], lambda raws: _paths(_urns.decode(raws), kinds))
        days = _coded([row.date_range for row in rows], lambda raws: list(map(_day, _ranges.decode(raws))))
    except msgspec.DecodeError as error:
        raise ValueError(f"a row that is about something unreadable: {error}") from error
    outside = [day for day in days.values if not window.since <= day <= window.until]
    if outside:
        raise ValueError(f"a row of {min(outside)} for the days {window}")
    pairs = pc.add(pc.multiply(paths.places, pa.scalar(len(days.values), pa.int64())), days.places)
    doubles = len(rows) - pc.count_distinct(pairs).as_py()
    if doubles:
        raise ValueError(f"{doubles} rows twice")
    return Keys(paths=paths, days=days)


def _coded(raws: Sequence[msgspec.Raw], decode: Callable[[bytes], list[T]]) -> _Coded[T]:
    """Decode the different ones among pieces of JSON; `decode` gets them as one array."""
    coded = texts_of(raws).dictionary_encode()
    values = decode(b"[" + b",".join(piece or b"" for piece in coded.dictionary.to_pylist()) + b"]")
    places = {value: place for place, value in enumerate(dict.fromkeys(values))}
    # The same value may be written in more than one way.
    indices = pa.array([places[value] for value in values], pa.int64()).take(coded.indices)
    return _Coded(list(places), indices)


def _paths(rows: list[list[str]], kinds: Sequence[str]) -> list[tuple[str, ...]]:
    shortest = min(map(len, rows), default=len(kinds))
    if shortest < len(kinds):
        raise ValueError(f"a row with {shortest} pivotValues in place of {len(kinds)}")
    columns = [_numbers([urns[pivot] for urns in rows], kind) for pivot, kind in enumerate(kinds)]
    return list(zip(*columns, strict=True)) if columns else [() for _ in rows]


def _numbers(urns: list[str], kind: str) -> list[str]:
    numbers = [urn.removeprefix(kind) for urn in urns] if kind else [urn.rpartition(":")[2] for urn in urns]
    if not (all(numbers) and _are_digits("".join(numbers))):
        wrong = [urn for urn, number in zip(urns, numbers, strict=True) if not _are_digits(number)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} where a {kind or 'URN of a conversion rule'} was asked for")
    return numbers


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _day(days: _Range) -> date:
    return date(days.start.year, days.start.month, days.start.day)
