"""How past days have moved since they were first known, and at which age."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from adjoin.errors import BadInput
from adjoin_analytics.analyses.contribution import Key
from adjoin_analytics.analyses.exact import Exact, ratio, summed

__all__ = ["DayHistory", "Known", "MovedAt", "Movement", "movements"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A value and the day, in the account's zone, on which it became the known one. None: the metric was missing."""

    on: date
    value: int | Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayHistory:
    """What was known of a metric of one day, in turn: the first value, and each later one that was different.

    `owner` tells the days of different accounts apart. Raises BadInput where nothing was known.
    """

    platform: str
    metric: str
    day: date
    known: tuple[Known, ...]
    owner: Key = ()

    def __post_init__(self) -> None:
        if not self.known:
            raise BadInput(f"Nothing was ever known of the {self.metric} of {self.day}.")

    def at(self, age: int) -> Known | None:
        """Return what was known when the day was so many days old, at that day's end; None if nothing was yet."""
        limit = self.day + timedelta(days=age)
        return next((one for one in reversed(self.known) if one.on <= limit), None)

    @property
    def latest(self) -> int | Decimal | None:
        """The value that is known now."""
        return self.known[-1].value


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedAt:
    """What changed when days were `age` days old: with its sign, and in both directions added up."""

    age: int
    change: Exact
    movement: Exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """By how much the days of a platform have moved since they were first known, in the metric's unit.

    The changes by age add up to `change`, which is `latest` - `first`; `share` is `change` / `first`. Missing values
    count as nothing.
    """

    platform: str
    metric: str
    days: int
    moved_days: int
    first: Exact
    latest: Exact
    change: Exact
    share: Fraction | None
    by_age: tuple[MovedAt, ...]


def movements(histories: Iterable[DayHistory], *, since_age: int = 1) -> tuple[Movement, ...]:
    """Say by platform and metric by how much days have moved, and at which age.

    A day's first value is what was known of it at `since_age`, or else the first later one. The default leaves out what
    a day gains while it lasts: days are usually read then, and the figure is that of a part. Days younger than that are
    left out. Raises BadInput for an age below 0.
    """
    if since_age < 0:
        raise BadInput(f"A day is 0 or more days old, not {since_age}.")
    found: dict[tuple[str, str], list[DayHistory]] = defaultdict(list)
    for history in histories:
        found[history.platform, history.metric].append(history)
    return tuple(_movement(*key, found[key], since_age) for key in sorted(found))


def _movement(platform: str, metric: str, histories: Sequence[DayHistory], since_age: int) -> Movement:
    first: list[Exact] = []
    latest: list[Exact] = []
    changes: dict[int, list[Exact]] = defaultdict(list)
    moved = 0
    for history in histories:
        start = history.at(since_age)
        later = [one for one in history.known if (one.on - history.day).days > since_age]
        if start is None:
            start, later = later[0], later[1:]
        first.append(start.value or 0)
        latest.append(history.latest or 0)
        moved += bool(later)
        before = start.value or 0
        for one in later:
            changes[(one.on - history.day).days].append((one.value or 0) - before)
            before = one.value or 0
    total, now = summed(first) or 0, summed(latest) or 0
    change = summed([now, -total]) or 0
    return Movement(
        platform=platform,
        metric=metric,
        days=len(histories),
        moved_days=moved,
        first=total,
        latest=now,
        change=change,
        share=ratio(change, total),
        by_age=tuple(
            MovedAt(
                age=age, change=summed(each) or 0, movement=summed([one if one >= 0 else -one for one in each]) or 0
            )
            for age, each in sorted(changes.items())
        ),
    )
