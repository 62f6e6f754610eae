"""Making up an advertiser: its accounts, campaigns, ad groups and ads, and from when to when each of them runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, TypeVar

import numpy as np

from adjoin.ads.v2 import AccountStatus, Status
from adjoin.testing._delivery import AccountMoney, CampaignDelivery, LeafDelivery, deliver
from adjoin.testing._figures import day_number
from adjoin.testing._habits import Channel, Habits, Objective, habits_of
from adjoin.testing._keywords import KeywordMaker
from adjoin.testing._names import HEADLINES, ad_group_name, campaign_name
from adjoin.testing._objects import (
    ResponseCurve,
    WorldAccount,
    WorldAd,
    WorldAdGroup,
    WorldCampaign,
    minor_unit_micros,
)
from adjoin.testing._plans import PLANS, SPAIN, Plan, turns
from adjoin.testing._portfolio import Portfolio

__all__ = ["AHEAD_DAYS", "generate"]

T = TypeVar("T")

#: A world goes on for so long after the day it was made for, so that its clock can be moved.
AHEAD_DAYS = 90

#: Together some 400 ad groups and 2,000 ads at scale 1.
_GROUPS_EACH = (4, 10)
_ADS_EACH = (3, 7)

_Style = Literal["image", "video", "text"]


#: What the ads of a channel look like where each channel has its own.
_STYLES: dict[Channel, _Style] = {"search": "text", "shopping": "image", "video": "video"}


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A campaign and what is not written on it: its last day of delivery and what a day usually costs."""

    campaign: WorldCampaign
    position: int
    until: date
    daily_micros: int
    unit_micros: int


def generate(*, seed: int, platform: str, today: date, scale: float, days: int, fractional: bool) -> Portfolio:
    """Make the advertiser's presence on one platform; the same arguments give the same presence."""
    maker = _Maker(
        rng=np.random.default_rng([seed, *platform.encode()]),
        extra=np.random.default_rng([seed, *platform.encode(), 1_000]),
        platform=platform,
        habits=habits_of(platform),
        first=today - timedelta(days=days - 1),
        today=today,
    )
    return maker.portfolio(scale=scale, fractional=fractional)


@dataclass(slots=True, kw_only=True)
class _Maker:
    """Draws objects one after the other and notes what each is to deliver.

    Channels and keywords are drawn from `extra`, so that the rest is the same whatever the platform has of them.
    """

    rng: np.random.Generator
    extra: np.random.Generator
    platform: str
    habits: Habits
    first: date
    today: date
    used_ids: set[str] = field(default_factory=set)
    deliveries: list[CampaignDelivery] = field(default_factory=list)
    running: list[LeafDelivery] = field(default_factory=list)

    @property
    def last(self) -> date:
        return self.today + timedelta(days=AHEAD_DAYS)

    def portfolio(self, *, scale: float, fractional: bool) -> Portfolio:
        plans = [replace(plan, time_zone=self.habits.time_zone or plan.time_zone) for plan in PLANS]
        accounts = [self.account(plan) for plan in plans]
        campaigns: dict[str, WorldCampaign] = {}
        ad_groups: dict[str, WorldAdGroup] = {}
        ads: dict[str, WorldAd] = {}
        for at, without_ads in turns(scale):
            if without_ads and not self.habits.without_ads:
                continue
            first_of_account = not any(known.account_id == accounts[at].id for known in campaigns.values())
            drawn = self.campaign(
                len(campaigns),
                accounts[at],
                plans[at],
                channel=self.channel(at, without_ads=without_ads, first=first_of_account),
                steady=first_of_account or without_ads,
            )
            campaigns[drawn.campaign.id] = drawn.campaign
            if without_ads:
                self.run(drawn, "", "", first=drawn.campaign.start_date, last=drawn.until, weight=1.0, video=False)
                continue
            for number in range(int(self.rng.integers(*_GROUPS_EACH, endpoint=True))):
                group = self.ad_group(number, drawn)
                ad_groups[group.id] = group
                for place in range(int(self.rng.integers(*_ADS_EACH, endpoint=True))):
                    ad = self.ad(place, group, drawn)
                    ads[ad.id] = ad
        figures = deliver(
            self.deliveries,
            self.running,
            accounts={account.id: _money(plan) for account, plan in zip(accounts, plans, strict=True)},
            first=day_number(self.first),
            last=day_number(self.last),
            habits=self.habits,
            fractional=fractional,
            rng=self.rng,
        )
        made = Portfolio(accounts=tuple(accounts), figures=figures, campaigns=campaigns, ad_groups=ad_groups, ads=ads)
        if self.habits.keywords:
            self.search(made)
        return made

    def search(self, made: Portfolio) -> None:
        """Give the search campaigns their keywords."""
        maker = KeywordMaker(rng=self.extra, habits=self.habits, today=self.today, used_ids=self.used_ids)
        accounts = {account.id: account for account in made.accounts}
        searched = {known.id for known in made.campaigns.values() if known.channel == "search"}
        made.keywords = maker.keywords(
            (group for group in made.ad_groups.values() if group.campaign_id in searched), accounts
        )
        made.figures.searches = maker.searches(made.figures, made.keywords, accounts)

    def channel(self, at: int, *, without_ads: bool, first: bool) -> Channel:
        """Draw a campaign's channel; the first campaigns make sure that the main ones occur in the smallest world."""
        chances = self.habits.channels
        drawn = int(np.searchsorted(np.cumsum(list(chances.values()))[:-1], self.extra.random()))
        if without_ads:
            return "performance_max"
        return list(chances)[int(at == SPAIN) if first else drawn]

    def account(self, plan: Plan) -> WorldAccount:
        return WorldAccount(
            id=self.new_id(self.habits.account_digits),
            name=plan.name,
            currency=plan.currency,
            time_zone=plan.time_zone,
            status=plan.status,
            created_at=self.instant(self.first - timedelta(days=30)),
        )

    def campaign(self, number: int, account: WorldAccount, plan: Plan, *, channel: Channel, steady: bool) -> _Drawn:
        rng = self.rng
        without_ads = channel == "performance_max"
        start, end = self.span(account, steady=steady)
        open_ended = end > self.today
        unit_micros = minor_unit_micros(plan.currency)
        step = 500 if unit_micros == 10_000 else 1_000
        daily_units = step * max(1, round(70 * plan.units_per_euro * rng.lognormal(0, 0.6) / step))
        daily = daily_units * unit_micros
        curve_scale = round(daily * rng.uniform(0.6, 2.5))
        euros_each = rng.uniform(6, 40)
        at_budget = daily_units / plan.units_per_euro / euros_each
        curve = ResponseCurve(ceiling=at_budget / -math.expm1(-daily / curve_scale), scale_micros=curve_scale)
        objective: Objective = self.pick({"sales": 0.5, "leads": 0.25, "traffic": 0.15, "awareness": 0.1})
        if number < len(self.habits.objectives):
            objective = self.habits.objectives[number]
        budget = self.pick({"daily": 0.6, "groups": 0.25, "lifetime": 0.15})
        if without_ads or (open_ended and budget == "lifetime"):
            budget = "daily"
        status = Status.ACTIVE
        if not open_ended:
            status = self.pick({Status.PAUSED: 0.3, Status.ENDED: 0.25, Status.ARCHIVED: 0.25, Status.REMOVED: 0.2})
        created, updated = self.edited(start, end)
        campaign = WorldCampaign(
            id=self.new_id(),
            account_id=account.id,
            name=campaign_name(number, rng),
            status=status,
            kind="no_ads" if without_ads else "normal",
            channel=channel,
            objective=objective,
            daily_budget_micros=daily if budget == "daily" else None,
            lifetime_budget_micros=daily * ((end - start).days + 1) if budget == "lifetime" else None,
            start_date=start,
            end_date=end if budget == "lifetime" or status is Status.ENDED else None,
            created_at=created,
            updated_at=updated,
            curve=curve,
        )
        self.deliveries.append(
            CampaignDelivery(curve=curve, daily_units=daily_units, money=_money(plan), objective=objective)
        )
        return _Drawn(campaign, len(self.deliveries) - 1, end, daily, unit_micros)

    def span(self, account: WorldAccount, *, steady: bool) -> tuple[date, date]:
        """The first and last day of a campaign. One that outlives today runs to the end of the world."""
        days = (self.today - self.first).days + 1
        if account.status is AccountStatus.DISABLED:
            return self.first, self.first + timedelta(days=days // 3)
        if steady or self.rng.random() < 0.15:
            return self.first, self.last
        start = self.first + timedelta(days=int(days * 0.85 * self.rng.random()))
        end = start + timedelta(days=20 + int(self.rng.gamma(2.0, days / 5)))
        return start, self.last if end > self.today else end

    def ad_group(self, number: int, drawn: _Drawn) -> WorldAdGroup:
        campaign = drawn.campaign
        status = Status.ACTIVE
        if number > 0:  # each campaign keeps one live ad group
            status = self.pick({Status.ACTIVE: 0.75, Status.PAUSED: 0.13, Status.ARCHIVED: 0.07, Status.REMOVED: 0.05})
        budget = None
        if campaign.daily_budget_micros is None and campaign.lifetime_budget_micros is None:
            budget = drawn.daily_micros // 5 // drawn.unit_micros * drawn.unit_micros
        created, updated = self.edited(campaign.start_date, drawn.until)
        return WorldAdGroup(
            id=self.new_id(),
            account_id=campaign.account_id,
            campaign_id=campaign.id,
            name=ad_group_name(number),
            status=status,
            daily_budget_micros=budget,
            start_date=campaign.start_date,
            end_date=campaign.end_date,
            created_at=created,
            updated_at=updated,
        )

    def ad(self, number: int, group: WorldAdGroup, drawn: _Drawn) -> WorldAd:
        rng = self.rng
        first, last = self.lifetime(number, group, drawn)
        never_ran = first > min(last, self.today)
        status = Status.ACTIVE
        if never_ran:
            first = last = min(first, self.today)
            status = self.pick({Status.PENDING: 0.4, Status.REJECTED: 0.3, Status.PAUSED: 0.3})
        elif last < min(drawn.until, self.today):
            status = self.pick({Status.PAUSED: 0.5, Status.ARCHIVED: 0.3, Status.REMOVED: 0.2})
        style: _Style = self.pick({"image": 0.6, "video": 0.3, "text": 0.1})
        if self.habits.keywords:
            style = _STYLES.get(drawn.campaign.channel, style)
        headline = HEADLINES[int(rng.integers(len(HEADLINES)))]
        created, updated = self.edited(first, last)
        ad = WorldAd(
            id=self.new_id(),
            account_id=group.account_id,
            campaign_id=group.campaign_id,
            ad_group_id=group.id,
            name=f"{style}_{headline}_v{number + 1}",
            status=status,
            format=style,
            headline=headline,
            landing_url=f"https://shop.example/{style}?utm_source={self.platform}&utm_content={number + 1}",
            created_at=created,
            updated_at=updated,
        )
        if not never_ran:
            weight = float(rng.lognormal(0, 1.2))
            self.run(drawn, group.id, ad.id, first=first, last=last, weight=weight, video=style == "video")
        return ad

    def lifetime(self, number: int, group: WorldAdGroup, drawn: _Drawn) -> tuple[date, date]:
        """The first and last day of an ad; nothing runs today in a group that does not."""
        start, until = drawn.campaign.start_date, drawn.until
        live = group.status is Status.ACTIVE
        if not live:
            until = min(until, self.today - timedelta(days=1 + int(self.rng.integers(0, 60))))
        if live and number == 0:  # a live group keeps one ad for as long as its campaign runs
            return start, until
        days = (until - start).days + 1
        first = start + timedelta(days=int(max(0, days) * 0.95 * self.rng.random()))
        last = first + timedelta(days=15 + int(self.rng.gamma(2.0, 45.0)))
        return first, until if last > min(until, self.today) else last

    def run(
        self, drawn: _Drawn, ad_group_id: str, ad_id: str, *, first: date, last: date, weight: float, video: bool
    ) -> None:
        self.running.append(
            LeafDelivery(
                path=(drawn.campaign.account_id, drawn.campaign.id, ad_group_id, ad_id),
                campaign=drawn.position,
                first=day_number(first),
                last=day_number(last),
                weight=weight,
                video=video,
            )
        )

    def new_id(self, digits: int = 18) -> str:
        """Eighteen digits are more than a double holds, so that an id read as a number is found out."""
        while True:
            made = str(self.rng.integers(12 * 10 ** (digits - 2), 92 * 10 ** (digits - 2)))
            if made not in self.used_ids:
                self.used_ids.add(made)
                return made

    def pick(self, chances: dict[T, float]) -> T:
        bounds = np.cumsum(list(chances.values()))[:-1]
        return list(chances)[int(np.searchsorted(bounds, self.rng.random(), side="right"))]

    def instant(self, day: date) -> datetime:
        """A moment of a day, before noon."""
        return datetime.combine(day, time(), tzinfo=UTC) + timedelta(seconds=int(self.rng.integers(0, 36_000)))

    def edited(self, first: date, last: date) -> tuple[datetime, datetime]:
        """When something was created, shortly before its first day, and when it was last changed, by now at most."""
        created = self.instant(first - timedelta(days=1 + int(self.rng.integers(0, 4))))
        latest = self.instant(min(last, self.today))
        between = max(timedelta(0), latest - created)
        return created, created + timedelta(seconds=int(between.total_seconds() * self.rng.random()))


def _money(plan: Plan) -> AccountMoney:
    return AccountMoney(
        time_zone=plan.time_zone,
        unit_micros=minor_unit_micros(plan.currency),
        units_per_euro=plan.units_per_euro,
    )
