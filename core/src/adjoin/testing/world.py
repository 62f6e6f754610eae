"""The world: one made-up advertiser, the known truth behind every sandbox.

    world = World.generate(seed=1, today=date(2026, 11, 22))
    meta = world.on("meta")
    meta.truth("ad_daily", since=date(2026, 11, 1))

Everything follows from seed and platform. What a day looks like depends on when it is asked for: clicks and cost settle
within 3 days, conversions arrive over 28 days, today is partial, and later days do not exist. Each platform shows what
its wire can carry: cost and conversions as fine as that, search terms where there are any.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.errors import BadInput
from adjoin.testing._objects import (
    ACTIONS,
    CONVERSIONS,
    ResponseCurve,
    WorldAccount,
    WorldAd,
    WorldAdGroup,
    WorldCampaign,
    WorldKeyword,
    WorldObject,
    minor_unit_micros,
)
from adjoin.testing._presence import Presence, Totals
from adjoin.testing.faults import Faults

if TYPE_CHECKING:
    from adjoin.testing._portfolio import Portfolio

__all__ = [
    "ACTIONS",
    "CONVERSIONS",
    "Presence",
    "ResponseCurve",
    "Totals",
    "World",
    "WorldAccount",
    "WorldAd",
    "WorldAdGroup",
    "WorldCampaign",
    "WorldKeyword",
    "WorldObject",
    "minor_unit_micros",
]


class World:
    """One advertiser on every platform, with a clock of its own and the faults that its sandboxes act out.

    The clock moves only when it is set. A generated world goes on for 90 days after the day it was made for.
    """

    def __init__(self, *, seed: int, now: datetime, source: Callable[[str], Portfolio]) -> None:
        self.seed = seed
        self.faults = Faults()
        self._now = now
        self._source = source
        self._presences: dict[str, Presence] = {}
        self._lock = threading.Lock()

    @classmethod
    def generate(
        cls, *, seed: int = 1, today: date, scale: float = 1.0, days: int = 730, fractional: bool = False
    ) -> World:
        """Make up an advertiser with results on the `days` days up to and including `today`.

        At scale 1 each platform has 6 accounts (one disabled, one empty), some 60 campaigns, 400 ad groups, 2,000 ads
        and 200,000 rows per ad and day; `scale` multiplies the campaigns, down to one per account. `fractional` gives
        conversions in hundredths, as attribution models do, where the platform leaves the choice: Google always has six
        decimals, Microsoft hundredths, LinkedIn whole ones. Nothing is computed before a platform is asked for. Raises
        BadInput.
        """
        if seed < 0:
            raise BadInput(f"The seed of a world is 0 or more, not {seed}.")
        if not (0 < scale <= 100 and math.isfinite(scale)):
            raise BadInput(f"The scale of a world is above 0 and at most 100, not {scale}.")
        if not 1 <= days <= 3660:
            raise BadInput(f"A world has 1 to 3660 days, not {days}.")

        def source(platform: str) -> Portfolio:
            from adjoin.testing._generate import generate

            return generate(seed=seed, platform=platform, today=today, scale=scale, days=days, fractional=fractional)

        return cls(seed=seed, now=_noon(today), source=source)

    @classmethod
    def from_csv(cls, path: Path, *, today: date, currency: str = "USD", time_zone: str = "America/New_York") -> World:
        """Read one account's results from a CSV file with a heading line; every platform shows the same figures.

        Required columns are date, campaign_id, ad_group_id, ad_id, impressions, clicks and cost (in the currency, not
        in micros). Columns after cost are conversion actions by name, each of which counts as a conversion; any others
        are labels of the ad, of which campaign_name, ad_group_name and ad_name become names. Rows of one ad and day are
        added up. The figures are final, conversions have no value, and days after `today` do not exist yet. Campaigns
        are of the channel display and have no keywords; on LinkedIn the account lives in UTC. Conversions finer than a
        platform's API can say (LinkedIn: whole ones) are kept in the truth all the same. Raises BadInput that names
        line and column of what cannot be read.
        """
        from adjoin.testing._csv import read_csv

        read = read_csv(path, currency=currency, time_zone=time_zone)
        return cls(seed=0, now=_noon(today), source=read.portfolio)

    def on(self, platform: str) -> Presence:
        """Return the advertiser's presence on a platform, always the same object."""
        with self._lock:  # a sandbox's thread may ask at the same time
            if platform not in self._presences:
                self._presences[platform] = Presence(platform, self._source(platform), lambda: self._now)
            return self._presences[platform]

    def token(self, platform: str) -> str:
        """An access token that the platform's sandbox accepts from the start. Plainly made up."""
        return f"sandbox-{platform}-token-{self.seed}"

    def refresh_token(self, platform: str) -> str:
        """The refresh token belonging to it, which the sandbox's token endpoint accepts from the start."""
        return f"sandbox-{platform}-refresh-{self.seed}"

    @property
    def now(self) -> datetime:
        """The world's clock, aware UTC."""
        return self._now

    @now.setter
    def now(self, instant: datetime) -> None:
        if instant.tzinfo is None:
            raise BadInput(f"The world's clock needs an instant with a zone, not {instant.isoformat()}.")
        self._now = instant.astimezone(UTC)

    @property
    def today(self) -> date:
        """The day of `now` in UTC. An account's own day is `Presence.today`."""
        return self._now.date()

    def set_today(self, today: date) -> None:
        """Move the clock to noon UTC of a day: the same date in every zone from -12 to +11 hours."""
        self._now = _noon(today)

    def set_now(self, instant: datetime) -> None:
        """Move the clock to an instant; BadInput if it has no zone."""
        self.now = instant


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)
