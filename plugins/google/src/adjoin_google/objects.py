"""Campaigns, ad groups, ads and keywords as they come over the wire, and what they become here."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from adjoin.ads.v2 import Account, Ad, AdGroup, Campaign, Keyword
from adjoin.ads.words import CHANNELS
from adjoin_google.calls import keyword_id
from adjoin_google.search import Batch
from adjoin_google.statuses import ad_status, campaign_status, set_status

__all__ = [
    "AdGroupRow",
    "AdRow",
    "CampaignRow",
    "KeywordRow",
    "decode_ad_groups",
    "decode_ads",
    "decode_campaigns",
    "decode_keywords",
    "make_ad",
    "make_ad_group",
    "make_campaign",
    "make_keyword",
]

#: The end that campaigns without one used to have.
_NEVER = date(2037, 12, 30)

#: Channel types that are not ours in capitals.
_CHANNELS = {
    "MULTI_CHANNEL": "app",
    "TRAVEL": "hotel",
    "LOCAL_SERVICES": "local",
    "SMART": "local",
    "UNSPECIFIED": None,
    "": None,
}

_MATCH_TYPES: dict[str, Literal["exact", "phrase", "broad"]] = {"EXACT": "exact", "PHRASE": "phrase", "BROAD": "broad"}

_HEADLINES_SHOWN = 2


class _Id(msgspec.Struct):
    id: str


class _Campaign(msgspec.Struct, rename="camel"):
    id: str
    name: str = ""
    status: str = ""
    serving_status: str = ""
    advertising_channel_type: str = ""
    start_date_time: str = ""
    end_date_time: str = ""


class _Budget(msgspec.Struct, rename="camel"):
    amount_micros: int = 0
    total_amount_micros: int = 0


class CampaignRow(msgspec.Struct, rename="camel"):
    """A campaign and its budget, which is an object of its own and may be shared."""

    campaign: _Campaign
    campaign_budget: _Budget = msgspec.field(default_factory=_Budget)


class _AdGroup(msgspec.Struct, rename="camel"):
    id: str
    name: str = ""
    status: str = ""
    cpc_bid_micros: int = 0


class AdGroupRow(msgspec.Struct, rename="camel"):
    """An ad group and the id of its campaign."""

    ad_group: _AdGroup
    campaign: _Id


class _Text(msgspec.Struct):
    text: str = ""


class _Responsive(msgspec.Struct):
    headlines: list[_Text] = []


class _Ad(msgspec.Struct, rename="camel"):
    id: str
    name: str = ""
    type: str = ""
    final_urls: list[str] = []
    responsive_search_ad: _Responsive = msgspec.field(default_factory=_Responsive)


class _Policy(msgspec.Struct, rename="camel"):
    approval_status: str = ""


class _GroupAd(msgspec.Struct, rename="camel"):
    ad: _Ad
    status: str = ""
    primary_status: str = ""
    policy_summary: _Policy = msgspec.field(default_factory=_Policy)


class AdRow(msgspec.Struct, rename="camel"):
    """An ad in its ad group."""

    ad_group_ad: _GroupAd
    ad_group: _Id
    campaign: _Id


class _Keyword(msgspec.Struct, rename="camel"):
    text: str = ""
    match_type: str = ""


class _Criterion(msgspec.Struct, rename="camel"):
    criterion_id: str
    status: str = ""
    keyword: _Keyword = msgspec.field(default_factory=_Keyword)
    cpc_bid_micros: int = 0


class KeywordRow(msgspec.Struct, rename="camel"):
    """A keyword in its ad group."""

    ad_group_criterion: _Criterion
    ad_group: _Id
    campaign: _Id


# Lenient, so that "1532" becomes 1532.
decode_campaigns = msgspec.json.Decoder(Batch[CampaignRow], strict=False).decode
decode_ad_groups = msgspec.json.Decoder(Batch[AdGroupRow], strict=False).decode
decode_ads = msgspec.json.Decoder(Batch[AdRow], strict=False).decode
decode_keywords = msgspec.json.Decoder(Batch[KeywordRow], strict=False).decode


def make_campaign(row: CampaignRow, account: Account) -> Campaign:
    """Return a campaign. ValueError for a day that is none."""
    raw, budget = row.campaign, row.campaign_budget
    status, words = campaign_status(raw.status, serving=raw.serving_status)
    end = _day(raw.end_date_time)
    return Campaign(
        id=raw.id,
        account_id=account.id,
        name=raw.name,
        status=status,
        native_status=words,
        channel=_channel(raw.advertising_channel_type),
        daily_budget_micros=budget.amount_micros or None,
        lifetime_budget_micros=budget.total_amount_micros or None,
        start_date=_day(raw.start_date_time),
        end_date=None if end == _NEVER else end,
    )


def make_ad_group(row: AdGroupRow, account: Account) -> AdGroup:
    """Return an ad group. It has no budget: Google's are the campaigns'."""
    raw = row.ad_group
    return AdGroup(
        id=raw.id,
        account_id=account.id,
        campaign_id=row.campaign.id,
        name=raw.name,
        status=set_status(raw.status),
        native_status=raw.status,
        bid_micros=raw.cpc_bid_micros or None,
    )


def make_ad(row: AdRow, account: Account) -> Ad:
    """Return an ad."""
    raw, ad = row.ad_group_ad, row.ad_group_ad.ad
    status, words = ad_status(raw.status, primary=raw.primary_status, approval=raw.policy_summary.approval_status)
    return Ad(
        id=ad.id,
        account_id=account.id,
        campaign_id=row.campaign.id,
        ad_group_id=row.ad_group.id,
        name=_ad_name(ad),
        status=status,
        native_status=words,
        landing_url=ad.final_urls[0] if ad.final_urls else None,
        format=ad.type.replace("_", " ").capitalize() or None,
    )


def make_keyword(row: KeywordRow, account: Account) -> Keyword:
    """Return a keyword. Its bid is its own; without one the ad group's holds."""
    raw = row.ad_group_criterion
    return Keyword(
        id=keyword_id(row.ad_group.id, raw.criterion_id),
        account_id=account.id,
        campaign_id=row.campaign.id,
        ad_group_id=row.ad_group.id,
        name=raw.keyword.text,
        match_type=_MATCH_TYPES.get(raw.keyword.match_type, "unknown"),
        status=set_status(raw.status),
        native_status=raw.status,
        bid_micros=raw.cpc_bid_micros or None,
    )


def _channel(word: str) -> str | None:
    if word in _CHANNELS:
        return _CHANNELS[word]
    return word.lower() if word.lower() in CHANNELS else "other"


def _day(text: str) -> date | None:
    """Read the day of `2026-12-01 00:00:00`, which is local time of the account."""
    return date.fromisoformat(text[:10]) if text else None


def _ad_name(ad: _Ad) -> str:
    """Most of Google's ads have no name: then the first headlines tell them apart, or else kind and id."""
    headlines = " | ".join(one.text for one in ad.responsive_search_ad.headlines[:_HEADLINES_SHOWN] if one.text)
    return ad.name or headlines or f"{ad.type.replace('_', ' ').capitalize()} {ad.id}".strip()
