"""The advertiser on one platform: its objects, the truth about their results, and changing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from adjoin.ads.datasets import DATASETS
from adjoin.ads.v2 import Status
from adjoin.errors import BadInput, UnknownName
from adjoin.testing._habits import Channel, Objective
from adjoin.testing._objects import WorldAccount, WorldAd, WorldAdGroup, WorldCampaign, WorldKeyword, WorldObject

if TYPE_CHECKING:
    import pyarrow as pa

    from adjoin.testing._portfolio import Portfolio

__all__ = ["Presence", "Totals"]

ChangedT = TypeVar("ChangedT", WorldCampaign, WorldAdGroup, WorldAd, WorldKeyword)


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

    Ids are strings of 18 digits (a world from a file keeps the ids of the file); Google's accounts have 10, and its
    keywords are the ad group's id, `~`, and a number. Reading is safe from several threads; changing is not.
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

    def keywords(self, account_id: str | None = None) -> tuple[WorldKeyword, ...]:
        """All keywords, likewise; none on a platform that has no search."""
        return _of_account(self._portfolio.keywords, account_id)

    def changed_since(self, account_id: str, since: datetime) -> tuple[WorldObject, ...]:
        """Everything of an account that was created or changed at `since` or later; campaigns first, keywords last."""
        everything = (self.campaigns, self.ad_groups, self.ads, self.keywords)
        return tuple(known for of_kind in everything for known in of_kind(account_id) if known.updated_at >= since)

    def find(self, object_id: str) -> WorldObject | None:
        """Return the campaign, ad group, ad or keyword of this id, or None."""
        for known in self._stores():
            if object_id in known:
                return known[object_id]
        return None

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that there is truth about on this platform."""
        from adjoin.testing._tables import kept_datasets

        return kept_datasets(self._portfolio.figures)

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
        world's now). An object has a row on a day when it had anything on it: a metric that is not 0, and on Meta also
        an action that does not count as a conversion. `video_views` is 0 where there are none, on Meta null. Coarser
        datasets are the sums of finer ones, except that campaigns of kind `no_ads` only appear from the campaign
        upwards (in `conversion_daily` without ad group and ad). On LinkedIn `conversion_daily` ends at the ad group.

        `keyword_daily` and `search_term_daily` exist on Google and Microsoft, for campaigns of the channel `search`,
        without video views; they add up to less than the ad group, as some traffic has no keyword, or a term that the
        platform keeps to itself. Raises UnknownName for a dataset or account that does not exist.
        """
        from adjoin.testing._figures import Selection
        from adjoin.testing._tables import table

        if account_id is not None:
            self.account(account_id)
        selection = Selection(as_of=as_of or self._clock(), account_id=account_id, since=since, until=until)
        return table(self._portfolio.figures, dataset, selection, platform=self.platform)

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
        An ad group with the `campaign_id` of another campaign of its account is moved there, with all below it: its
        results count there from the account's next day on. A keyword that is not active brings no results from the
        next day on; what was searched for is then found without it. Results of the past stay. UnknownName if there is
        no object of this id and kind; BadInput for any other move.
        """
        store = self._store_of(changed)
        known = store.get(changed.id)
        if known is None:
            raise UnknownName(
                f"The world has no {type(changed).__name__} with the id {changed.id!r} on {self.platform}."
            )
        stored = replace(changed, updated_at=self._clock())
        self._check_place(known, stored)
        was_live = self._live()
        store[stored.id] = stored
        if isinstance(stored, WorldAdGroup) and isinstance(known, WorldAdGroup):
            self._move(known, stored)
        if isinstance(stored, WorldKeyword) and (stored.status is Status.ACTIVE) != (known.status is Status.ACTIVE):
            active = stored.status is Status.ACTIVE
            self._portfolio.figures.place_keyword(stored.id, active=active, at=self._clock())
        self._apply(was_live)
        return stored

    def create_campaign(
        self,
        *,
        account_id: str,
        name: str,
        status: Status = Status.PAUSED,
        channel: Channel | None = None,
        objective: Objective = "sales",
        daily_budget_micros: int | None = None,
        lifetime_budget_micros: int | None = None,
        end_date: date | None = None,
    ) -> WorldCampaign:
        """Create a campaign that starts today. What is created has no results yet.

        The channel is `search` on a platform that has it, otherwise `display`, unless another is named.
        """
        now = self._clock()
        channel = channel or ("search" if self._portfolio.figures.habits.keywords else "display")
        return self._store(
            WorldCampaign(
                id=self._new_id(),
                account_id=self.account(account_id).id,
                name=name,
                status=status,
                kind="no_ads" if channel == "performance_max" else "normal",
                channel=channel,
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

    def create_keyword(
        self,
        *,
        ad_group_id: str,
        text: str,
        match_type: Literal["exact", "phrase", "broad"] = "broad",
        status: Status = Status.PAUSED,
        bid_micros: int | None = None,
    ) -> WorldKeyword:
        """Create a keyword; UnknownName if there is no such ad group.

        BadInput if its campaign is not in the search, or if the ad group has the keyword already. One that was removed
        comes back under its old id where ids follow from the text.
        """
        from adjoin.testing._keywords import keyword_id

        group = self._portfolio.ad_groups.get(ad_group_id)
        if group is None:
            raise UnknownName(f"The world has no {self.platform} ad group {ad_group_id!r}.")
        habits = self._portfolio.figures.habits
        if not habits.keywords or self._portfolio.campaigns[group.campaign_id].channel != "search":
            raise BadInput(f"The ad group {ad_group_id!r} takes no keywords: its campaign is not in the search.")
        equal = [
            known for known in self._portfolio.keywords.values() if (known.text, known.match_type) == (text, match_type)
        ]
        if any(known.ad_group_id == ad_group_id and known.status is not Status.REMOVED for known in equal):
            raise BadInput(f"The ad group {ad_group_id!r} already has the {match_type} keyword {text!r}.")
        number = self._new_id()
        if habits.shared_keyword_numbers and equal:
            number = equal[0].id.rpartition("~")[2]
        now = self._clock()
        return self._store(
            WorldKeyword(
                id=keyword_id(habits, ad_group_id, number),
                account_id=group.account_id,
                campaign_id=group.campaign_id,
                ad_group_id=ad_group_id,
                text=text,
                match_type=match_type,
                status=status,
                bid_micros=bid_micros,
                created_at=now,
                updated_at=now,
            )
        )

    def _stores(self) -> tuple[Mapping[str, WorldObject], ...]:
        portfolio = self._portfolio
        return portfolio.campaigns, portfolio.ad_groups, portfolio.ads, portfolio.keywords

    def _store_of(self, kind: ChangedT) -> dict[str, ChangedT]:
        portfolio = self._portfolio
        stores: dict[type[WorldObject], Any] = {
            WorldCampaign: portfolio.campaigns,
            WorldAdGroup: portfolio.ad_groups,
            WorldAd: portfolio.ads,
            WorldKeyword: portfolio.keywords,
        }
        store: dict[str, ChangedT] = stores[type(kind)]
        return store

    def _store(self, stored: ChangedT) -> ChangedT:
        self._store_of(stored)[stored.id] = stored
        return stored

    def _check_place(self, known: WorldObject, changed: WorldObject) -> None:
        """Refuse to move anything but an ad group, and that one to anywhere but a campaign that can take it."""

        def place(found: WorldObject) -> list[str | None]:
            return [getattr(found, name, None) for name in ("account_id", "campaign_id", "ad_group_id")]

        if place(known) == place(changed):
            return
        if not isinstance(changed, WorldAdGroup) or known.account_id != changed.account_id:
            raise BadInput(f"Only an ad group can be moved, and within its account; {changed.id!r} stays where it is.")
        campaign = self._portfolio.campaigns.get(changed.campaign_id)
        if campaign is None or campaign.account_id != changed.account_id:
            raise UnknownName(
                f"The account {changed.account_id} has no {self.platform} campaign {changed.campaign_id!r}."
            )
        if campaign.kind == "no_ads":
            raise BadInput(f"The campaign {campaign.id!r} has no ad groups, so {changed.id!r} cannot be moved there.")
        keywords = any(keyword.ad_group_id == changed.id for keyword in self._portfolio.keywords.values())
        if keywords and campaign.channel != "search":
            raise BadInput(f"{changed.id!r} has keywords, and the campaign {campaign.id!r} is not in the search.")

    def _move(self, known: WorldAdGroup, moved: WorldAdGroup) -> None:
        if known.campaign_id == moved.campaign_id:
            return
        portfolio = self._portfolio
        for ad in [ad for ad in portfolio.ads.values() if ad.ad_group_id == moved.id]:
            portfolio.ads[ad.id] = replace(ad, campaign_id=moved.campaign_id)
        for keyword in [keyword for keyword in portfolio.keywords.values() if keyword.ad_group_id == moved.id]:
            portfolio.keywords[keyword.id] = replace(keyword, campaign_id=moved.campaign_id)
        # Swapped whole: a sandbox thread may be reading.
        portfolio.figures = portfolio.figures.moved(moved.id, moved.campaign_id, at=self._clock())

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
        known = [*portfolio.campaigns, *portfolio.ad_groups, *portfolio.ads, *portfolio.keywords]
        highest = max((int(each) for each in known if each.isdecimal()), default=0)
        return str(max(highest, 920_000_000_000_000_000) + 1)


def _of_account(objects: dict[str, ChangedT], account_id: str | None) -> tuple[ChangedT, ...]:
    return tuple(known for known in objects.values() if account_id is None or known.account_id == account_id)
