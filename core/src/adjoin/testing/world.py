"""The world: one made-up advertiser, the known truth behind every sandbox.

    world = World.generate(seed=1, today=date(2026, 11, 22))
    meta = world.on("meta")
    meta.truth("ad_daily", since=date(2026, 11, 1))

Everything follows from seed and platform. What a day looks like depends on when it is asked for: clicks and cost settle
within 3 days, conversions arrive over 28 days, today is partial, and later days do not exist.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar
from zoneinfo import ZoneInfo

from adjoin.ads.datasets import DATASETS
from adjoin.ads.v2 import Status
from adjoin.errors import BadInput, UnknownName
from adjoin.testing._objects import (
    ACTIONS,
    CONVERSIONS,
    ResponseCurve,
    WorldAccount,
    WorldAd,
    WorldAdGroup,
    WorldCampaign,
    WorldObject,
    minor_unit_micros,
)
from adjoin.testing.faults import Faults

if TYPE_CHECKING:
    import pyarrow as pa

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
    "WorldObject",
    "minor_unit_micros",
]

ChangedT = TypeVar("ChangedT", WorldCampaign, WorldAdGroup, WorldAd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sums of a selection of truth. A metric that the dataset lacks is None; money only adds up per account."""

    rows: int
    impressions: int | None
    clicks: int | None
    cost_micros: int | None
    conversions: Decimal
    conversion_value_micros: int
    first_date: date | None
    last_date: date | None


class Presence:
    """The advertiser on one platform: its accounts and objects, and the truth about their results.

    Ids are strings of 18 digits (a world from a file keeps the ids of the file). Reading is safe from several threads;
    changing is not.
    """

    def __init__(self, platform: str, portfolio: Portfolio, clock: Callable[[], datetime]) -> None:
        self.platform = platform
        self._portfolio = portfolio
        self._clock = clock

    @property
    def accounts(self) -> tuple[WorldAccount, ...]:
        """All accounts, the disabled one and the one without campaigns too."""
        return self._portfolio.accounts

    def account(self, account_id: str) -> WorldAccount:
        """Return one account; UnknownName if there is none of this id."""
        for account in self.accounts:
            if account.id == account_id:
                return account
        known = ", ".join(account.id for account in self.accounts)
        raise UnknownName(f"The world has no {self.platform} account {account_id!r}; it has {known}.")

    def campaigns(self, account_id: str | None = None) -> tuple[WorldCampaign, ...]:
        """All campaigns of an account (or of all), the removed ones too, in the order of creation."""
        return _of_account(self._portfolio.campaigns, account_id)

    def ad_groups(self, account_id: str | None = None) -> tuple[WorldAdGroup, ...]:
        """All ad groups, likewise."""
        return _of_account(self._portfolio.ad_groups, account_id)

    def ads(self, account_id: str | None = None) -> tuple[WorldAd, ...]:
        """All ads, likewise."""
        return _of_account(self._portfolio.ads, account_id)

    def find(self, object_id: str) -> WorldObject | None:
        """Return the campaign, ad group or ad of this id, or None."""
        found = self._portfolio
        return found.campaigns.get(object_id) or found.ad_groups.get(object_id) or found.ads.get(object_id)

    def today(self, account_id: str, *, as_of: datetime | None = None) -> date:
        """The day it is in the account's own zone."""
        zone = ZoneInfo(self.account(account_id).time_zone)
        return (as_of or self._clock()).astimezone(zone).date()

    def truth(
        self,
        dataset: str,
        *,
        account_id: str | None = None,
        since: date | None = None,
        until: date | None = None,
        as_of: datetime | None = None,
    ) -> pa.Table:
        """Return the rows of a dataset in its published schema, sorted by date, account and keys.

        `since` and `until` are days of the account's zone and included; `as_of` is the instant of asking (default: the
        world's now). An object has a row on a day when it had anything on it: a metric, or an action that does not
        count as a conversion. `video_views` is null where there are none. Coarser datasets are the sums of finer ones,
        except that campaigns of kind `no_ads` only appear from the campaign upwards (in `conversion_daily` without ad
        group and ad). Raises UnknownName for a dataset or account that does not exist.
        """
        from adjoin.testing._figures import Selection

        if account_id is not None:
            self.account(account_id)
        selection = Selection(as_of=as_of or self._clock(), account_id=account_id, since=since, until=until)
        return self._portfolio.figures.table(dataset, selection)

    def totals(
        self,
        dataset: str,
        *,
        account_id: str | None = None,
        since: date | None = None,
        until: date | None = None,
        as_of: datetime | None = None,
    ) -> Totals:
        """Add up the same selection."""
        import pyarrow.compute as pc

        table = self.truth(dataset, account_id=account_id, since=since, until=until, as_of=as_of)
        sums = {metric: pc.sum(table[metric]).as_py() for metric in DATASETS[dataset].metrics}
        nothing = None if "impressions" not in sums else 0
        return Totals(
            rows=table.num_rows,
            impressions=sums.get("impressions") or nothing,
            clicks=sums.get("clicks") or nothing,
            cost_micros=sums.get("cost_micros") or nothing,
            conversions=sums["conversions"] or Decimal(0),
            conversion_value_micros=sums["conversion_value_micros"] or 0,
            first_date=pc.min(table["date"]).as_py(),
            last_date=pc.max(table["date"]).as_py(),
        )

    def update(self, changed: ChangedT) -> ChangedT:
        """Store a changed object and return it with `updated_at` moved to now: `update(replace(ad, name="New"))`.

        A status other than active stops delivery from now on, for everything below it as well; active resumes it.
        Results of the past stay. UnknownName if there is no object of this id and kind.
        """
        portfolio = self._portfolio
        stored = replace(changed, updated_at=self._clock())
        known: WorldObject | None
        if isinstance(stored, WorldCampaign):
            known = portfolio.campaigns.get(stored.id)
        elif isinstance(stored, WorldAdGroup):
            known = portfolio.ad_groups.get(stored.id)
        else:
            known = portfolio.ads.get(stored.id)
        if known is None:
            raise UnknownName(
                f"The world has no {type(changed).__name__} with the id {changed.id!r} on {self.platform}."
            )
        was_live = self._live()
        self._store(stored)
        self._apply(was_live)
        return stored

    def create_campaign(
        self,
        *,
        account_id: str,
        name: str,
        status: Status = Status.PAUSED,
        objective: Literal["sales", "leads", "traffic", "awareness"] = "sales",
        daily_budget_micros: int | None = None,
        lifetime_budget_micros: int | None = None,
        end_date: date | None = None,
    ) -> WorldCampaign:
        """Create a campaign that starts today. What is created has no results yet."""
        now = self._clock()
        return self._store(
            WorldCampaign(
                id=self._new_id(),
                account_id=self.account(account_id).id,
                name=name,
                status=status,
                objective=objective,
                daily_budget_micros=daily_budget_micros,
                lifetime_budget_micros=lifetime_budget_micros,
                start_date=self.today(account_id),
                end_date=end_date,
                created_at=now,
                updated_at=now,
            )
        )

    def create_ad_group(
        self,
        *,
        campaign_id: str,
        name: str,
        status: Status = Status.PAUSED,
        daily_budget_micros: int | None = None,
        lifetime_budget_micros: int | None = None,
        bid_micros: int | None = None,
        end_date: date | None = None,
    ) -> WorldAdGroup:
        """Create an ad group; UnknownName if there is no such campaign."""
        campaign = self._portfolio.campaigns.get(campaign_id)
        if campaign is None:
            raise UnknownName(f"The world has no {self.platform} campaign {campaign_id!r}.")
        now = self._clock()
        return self._store(
            WorldAdGroup(
                id=self._new_id(),
                account_id=campaign.account_id,
                campaign_id=campaign_id,
                name=name,
                status=status,
                daily_budget_micros=daily_budget_micros,
                lifetime_budget_micros=lifetime_budget_micros,
                bid_micros=bid_micros,
                start_date=self.today(campaign.account_id),
                end_date=end_date,
                created_at=now,
                updated_at=now,
            )
        )

    def create_ad(
        self,
        *,
        ad_group_id: str,
        name: str,
        status: Status = Status.PAUSED,
        format: Literal["image", "video", "text"] = "image",  # noqa: A002 - the word of the field
        headline: str = "",
        landing_url: str = "",
    ) -> WorldAd:
        """Create an ad; UnknownName if there is no such ad group."""
        group = self._portfolio.ad_groups.get(ad_group_id)
        if group is None:
            raise UnknownName(f"The world has no {self.platform} ad group {ad_group_id!r}.")
        now = self._clock()
        return self._store(
            WorldAd(
                id=self._new_id(),
                account_id=group.account_id,
                campaign_id=group.campaign_id,
                ad_group_id=ad_group_id,
                name=name,
                status=status,
                format=format,
                headline=headline,
                landing_url=landing_url,
                created_at=now,
                updated_at=now,
            )
        )

    def _store(self, stored: ChangedT) -> ChangedT:
        portfolio = self._portfolio
        if isinstance(stored, WorldCampaign):
            portfolio.campaigns[stored.id] = stored
        elif isinstance(stored, WorldAdGroup):
            portfolio.ad_groups[stored.id] = stored
        else:
            portfolio.ads[stored.id] = stored
        return stored

    def _live(self) -> set[str]:
        """The ids of the ads, and of the campaigns without ads, whose whole line of parents is active."""
        portfolio = self._portfolio
        campaigns = {known.id for known in portfolio.campaigns.values() if known.status is Status.ACTIVE}
        groups = {
            known.id
            for known in portfolio.ad_groups.values()
            if known.status is Status.ACTIVE and known.campaign_id in campaigns
        }
        ads = {
            known.id
            for known in portfolio.ads.values()
            if known.status is Status.ACTIVE and known.ad_group_id in groups
        }
        return ads | {known for known in campaigns if portfolio.campaigns[known].kind == "no_ads"}

    def _apply(self, was_live: set[str]) -> None:
        live = self._live()
        figures = self._portfolio.figures
        if stopped := was_live - live:
            figures.stop(stopped, at=self._clock())
        if resumed := live - was_live:
            figures.resume(resumed, at=self._clock())

    def _new_id(self) -> str:
        """The next free id above all others, so that what is created later sorts later."""
        portfolio = self._portfolio
        known = [*portfolio.campaigns, *portfolio.ad_groups, *portfolio.ads]
        highest = max((int(each) for each in known if each.isdecimal()), default=0)
        return str(max(highest, 920_000_000_000_000_000) + 1)


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
        conversions in hundredths, as attribution models do. Nothing is computed before a platform is asked for. Raises
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
        added up. The figures are final, conversions have no value, and days after `today` do not exist yet. Raises
        BadInput that names line and column of what cannot be read.
        """
        from adjoin.testing._csv import read_csv

        read = read_csv(path, currency=currency, time_zone=time_zone)
        return cls(seed=0, now=_noon(today), source=lambda _platform: read.portfolio())

    def on(self, platform: str) -> Presence:
        """Return the advertiser's presence on a platform, always the same object."""
        with self._lock:  # a sandbox's thread may ask at the same time
            if platform not in self._presences:
                self._presences[platform] = Presence(platform, self._source(platform), lambda: self._now)
            return self._presences[platform]

    def token(self, platform: str) -> str:
        """An access token that the platform's sandbox accepts from the start. Plainly made up."""
        return f"sandbox-{platform}-token-{self.seed}"

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


def _of_account(objects: dict[str, ChangedT], account_id: str | None) -> tuple[ChangedT, ...]:
    return tuple(known for known in objects.values() if account_id is None or known.account_id == account_id)
