"""The advertiser's objects: accounts, campaigns, ad groups, ads and keywords, as the world knows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypeAlias

from adjoin.ads.v2 import AccountStatus, Status
from adjoin.testing._habits import Channel, Objective

__all__ = [
    "ACTIONS",
    "CONVERSIONS",
    "ResponseCurve",
    "WorldAccount",
    "WorldAd",
    "WorldAdGroup",
    "WorldCampaign",
    "WorldKeyword",
    "WorldObject",
    "minor_unit_micros",
]

#: The actions a generated world knows, by canonical name, in a fixed order.
ACTIONS = ("add_to_cart", "checkouts", "leads", "purchases", "registrations")

#: Those of them that count as conversions in the datasets without actions.
CONVERSIONS = frozenset({"leads", "purchases", "registrations"})

_NO_DECIMALS = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF")
)
_THREE_DECIMALS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))


def minor_unit_micros(currency: str) -> int:
    """Return the micros of a currency's smallest unit: 10_000 for EUR, 1_000_000 for JPY (ISO 4217)."""
    if currency in _NO_DECIMALS:
        return 1_000_000
    return 1_000 if currency in _THREE_DECIMALS else 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseCurve:
    """What a day's spend brings on average: `ceiling * (1 - exp(-spend / scale))`, so each further unit brings less.

    `ceiling` is the conversions of a day at endless spend, before weekday and season; `scale_micros` is the spend that
    brings 63 % of them.
    """

    ceiling: float
    scale_micros: int

    def expected(self, spend_micros: float) -> float:
        """Return the conversions to expect of a day with this spend."""
        return self.ceiling * -math.expm1(-spend_micros / self.scale_micros)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldAccount:
    """An ad account. A disabled one keeps the results it had before."""

    id: str
    name: str
    currency: str
    time_zone: str
    status: AccountStatus
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldCampaign:
    """A campaign. One of kind `no_ads` has results of its own and neither ad groups nor ads.

    Its channel is then `performance_max`, and only then. Keywords exist in campaigns of the channel `search` only.
    Exactly one of the two budgets is set, or none where the ad groups hold the budgets. `end_date` is the last day.
    `curve` is None where nothing is known of it (a world from a file).
    """

    id: str
    account_id: str
    name: str
    status: Status
    kind: Literal["normal", "no_ads"] = "normal"
    channel: Channel = "display"
    objective: Objective = "sales"
    daily_budget_micros: int | None = None
    lifetime_budget_micros: int | None = None
    start_date: date
    end_date: date | None = None
    created_at: datetime
    updated_at: datetime
    curve: ResponseCurve | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldAdGroup:
    """An ad group. It has a budget of its own only where its campaign has none."""

    id: str
    account_id: str
    campaign_id: str
    name: str
    status: Status
    daily_budget_micros: int | None = None
    lifetime_budget_micros: int | None = None
    bid_micros: int | None = None
    start_date: date
    end_date: date | None = None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldAd:
    """An ad. `labels` are the columns of a file that say more about it (age, interest, ...)."""

    id: str
    account_id: str
    campaign_id: str
    ad_group_id: str
    name: str
    status: Status
    format: Literal["image", "video", "text"] = "image"
    headline: str = ""
    landing_url: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldKeyword:
    """A keyword of an ad group of a search campaign. `bid_micros` is None where the ad group's bid holds."""

    id: str
    account_id: str
    campaign_id: str
    ad_group_id: str
    text: str
    match_type: Literal["exact", "phrase", "broad"]
    status: Status
    bid_micros: int | None = None
    created_at: datetime
    updated_at: datetime


WorldObject: TypeAlias = WorldCampaign | WorldAdGroup | WorldAd | WorldKeyword
