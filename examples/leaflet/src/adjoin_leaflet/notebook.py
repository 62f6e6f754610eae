"""Where the figures come from: here a made-up notebook, in a real plugin the platform's API."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from adjoin.errors import ErrorKind, PlatformError

__all__ = ["Leaflet", "Notebook", "Round", "Town"]

_FIRST_DAY = dt.date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Round:
    """A day's round: leaflets handed out, calls that came in, and what the people who handed them out cost."""

    handed_out: int
    calls: int
    cents: int


@dataclass(frozen=True, slots=True)
class Leaflet:
    """A leaflet; a new pile of it goes out every day but Sunday."""

    id: str
    headline: str
    pile: int
    printing: bool = True

    def round_on(self, day: dt.date) -> Round | None:
        """Return the round of a day, None if there was none."""
        if day < _FIRST_DAY or day.weekday() == 6:
            return None
        return Round(handed_out=self.pile, calls=self.pile // 50 + day.day % 3, cents=1_250 + self.pile * 2)


@dataclass(frozen=True, slots=True)
class Town:
    """A town, with the currency the people are paid in and the zone whose days are written down."""

    id: str
    name: str
    currency: str
    time_zone: str
    leaflets: tuple[Leaflet, ...]


_TOWNS = (
    Town(
        "graz",
        "Graz",
        "EUR",
        "Europe/Vienna",
        (
            Leaflet("graz-1", "Half price on Tuesdays", pile=400),
            Leaflet("graz-2", "Opening soon", pile=150, printing=False),
        ),
    ),
    Town("kobe", "Kobe", "JPY", "Asia/Tokyo", (Leaflet("kobe-1", "新装開店", pile=900),)),
)


@dataclass(frozen=True, slots=True)
class Notebook:
    """The foreman's notebook."""

    towns: tuple[Town, ...]

    @classmethod
    def of(cls, token: str) -> Notebook:
        """Open a notebook. PlatformError of kind `reconnect` without a token: the owner has to connect again."""
        if not token:
            raise PlatformError("There is no notebook without a name. Connect again", kind=ErrorKind.RECONNECT)
        return cls(_TOWNS)

    def town(self, town: str) -> Town:
        """Return one town. PlatformError of kind `skip_account` if the foreman does not work there."""
        for one in self.towns:
            if one.id == town:
                return one
        raise PlatformError(f"The notebook has no town {town!r}", kind=ErrorKind.SKIP_ACCOUNT)
