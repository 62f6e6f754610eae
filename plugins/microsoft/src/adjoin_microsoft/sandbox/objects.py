"""The world's objects as the API shows them: campaigns, ad groups, ads, keywords, budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from adjoin.testing.world import Presence, WorldAccount, WorldAd, WorldAdGroup, WorldCampaign, WorldKeyword
from adjoin_microsoft.sandbox import states
from adjoin_microsoft.sandbox.details import Details, SharedBudget
from adjoin_microsoft.sandbox.zones import account_zone

__all__ = ["Objects", "date_json", "money"]

_SCHEMES: Mapping[str, dict[str, Any]] = {
    "sales": {"Type": "EnhancedCpc"},
    "leads": {"Type": "MaxConversions", "MaxCpc": None, "TargetCpa": None},
    "traffic": {"Type": "MaxClicks", "MaxCpc": None},
    "awareness": {"Type": "ManualCpc"},
}
_FILLERS = ("Free delivery", "Made to last", "Order today")
_DESCRIPTIONS = ("Outdoor gear for every season, tested in the north.", "Order by noon, delivered tomorrow.")


def money(micros: int | None) -> float | None:
    """Write micros as a number of major units."""
    return None if micros is None else micros / 1_000_000


def date_json(day: date | None) -> dict[str, int] | None:
    return None if day is None else {"Year": day.year, "Month": day.month, "Day": day.day}


@dataclass(slots=True)
class Objects:
    """Builds objects anew from the world each time, so changes show at once."""

    world: Presence
    details: Details

    # --- lookups ------------------------------------------------------------------------------------------------------

    def campaign(self, campaign_id: str, account_id: str) -> WorldCampaign | None:
        """Return a campaign of an account that has not been deleted."""
        found = self.world.find(campaign_id)
        if not isinstance(found, WorldCampaign) or found.account_id != account_id or found.status in states.GONE:
            return None
        return found

    def ad_group(self, ad_group_id: str, account_id: str) -> WorldAdGroup | None:
        """Return an ad group of an account; neither it nor its campaign has been deleted."""
        found = self.world.find(ad_group_id)
        if not isinstance(found, WorldAdGroup) or found.status in states.GONE:
            return None
        return found if self.campaign(found.campaign_id, account_id) is not None else None

    def ads_of(self, group: WorldAdGroup) -> list[WorldAd]:
        """Return the ads of an ad group that have not been deleted."""
        ads = self.world.ads(group.account_id)
        return [ad for ad in ads if ad.ad_group_id == group.id and ad.status not in states.GONE]

    def keywords_of(self, group: WorldAdGroup) -> list[WorldKeyword]:
        """Return the keywords of an ad group that have not been deleted."""
        keywords = self.world.keywords(group.account_id)
        return [known for known in keywords if known.ad_group_id == group.id and known.status not in states.GONE]

    def ad_type(self, ad: WorldAd) -> str:
        kept = self.details.of(ad.id).get("Type")
        if kept is not None:
            return str(kept)
        campaign = self.world.find(ad.campaign_id)
        assert isinstance(campaign, WorldCampaign)
        return states.ad_type(ad, campaign)

    # --- objects ------------------------------------------------------------------------------------------------------

    def campaign_json(self, campaign: WorldCampaign, account: WorldAccount, now: datetime) -> dict[str, Any]:
        shared = self.details.shared(campaign)
        lifetime = campaign.lifetime_budget_micros is not None and shared is None
        micros = campaign.lifetime_budget_micros if lifetime else campaign.daily_budget_micros
        if shared is not None:
            micros = self.details.amount(shared)
        dated = campaign.end_date is not None
        return {
            "Id": campaign.id,
            "Name": campaign.name,
            "Status": states.campaign_status(campaign),
            "DailyBudget": money(micros),
            "BudgetType": "LifetimeBudgetStandard" if lifetime else "DailyBudgetStandard",
            "TimeZone": account_zone(account.time_zone, now),
            "Settings": [],
            "CampaignType": states.campaign_type(campaign),
            "SubType": None,
            "AudienceAdsBidAdjustment": None,
            "TrackingUrlTemplate": None,
            "FinalUrlSuffix": None,
            "UrlCustomParameters": None,
            "BiddingScheme": dict(_SCHEMES[campaign.objective]),
            "BudgetId": None if shared is None else shared.id,
            "Languages": ["English"],
            "ExperimentId": None,
            "AdScheduleUseSearcherTimeZone": False,
            "BidStrategyId": None,
            "MultimediaAdsBidAdjustment": None,
            "GoalIds": [],
            "StartDate": f"{campaign.start_date.isoformat()}T00:00:00" if dated else None,
            "EndDate": f"{campaign.end_date.isoformat()}T00:00:00" if campaign.end_date is not None else None,
            "UseCampaignLevelDates": dated,
            "IsPolitical": False,
            "ForwardCompatibilityMap": [],
        } | self.details.of(campaign.id)

    def ad_group_json(self, group: WorldAdGroup) -> dict[str, Any]:
        return {
            "Id": group.id,
            "Name": group.name,
            "StartDate": date_json(group.start_date),
            "EndDate": date_json(group.end_date),
            "Language": "English",
            "Status": states.ad_group_status(group),
            "PrivacyStatus": None,
            "CpcBid": None if group.bid_micros is None else {"Amount": money(group.bid_micros)},
            "Network": "OwnedAndOperatedAndSyndicatedSearch",
            "AdRotation": None,
            "AudienceAdsBidAdjustment": None,
            "TrackingUrlTemplate": None,
            "FinalUrlSuffix": None,
            "UrlCustomParameters": None,
            "BiddingScheme": {"Type": "InheritFromParent", "InheritedBidStrategyType": None},
            "Settings": [],
            "AdScheduleUseSearcherTimeZone": None,
            "ForwardCompatibilityMap": [],
        } | self.details.of(group.id)

    def ad_json(self, ad: WorldAd) -> dict[str, Any]:
        kind = self.ad_type(ad)
        return (
            {
                "Type": kind,
                "Id": ad.id,
                "Status": states.ad_status(ad),
                "EditorialStatus": states.editorial_status(ad),
                "DevicePreference": "0",
                "AdFormatPreference": "False",
                "TrackingUrlTemplate": None,
                "FinalUrlSuffix": None,
                "UrlCustomParameters": None,
                "FinalUrls": [ad.landing_url] if ad.landing_url and kind != "Product" else [],
                "FinalMobileUrls": [],
                "FinalAppUrls": [],
                "ForwardCompatibilityMap": [],
            }
            | _texts(ad, kind)
            | self.details.of(ad.id)
        )

    def keyword_json(self, keyword: WorldKeyword) -> dict[str, Any]:
        return {
            "Id": keyword.id,
            "Text": keyword.text,
            "MatchType": keyword.match_type.capitalize(),
            "Bid": None if keyword.bid_micros is None else {"Amount": money(keyword.bid_micros)},
            "Status": states.keyword_status(keyword),
            "EditorialStatus": states.editorial_status(keyword),
            "DestinationUrl": None,
            "FinalUrls": [],
            "FinalMobileUrls": [],
            "FinalAppUrls": [],
            "TrackingUrlTemplate": None,
            "UrlCustomParameters": None,
            "FinalUrlSuffix": None,
            "BiddingScheme": {"Type": "InheritFromParent", "InheritedBidStrategyType": None},
            "Param1": None,
            "Param2": None,
            "Param3": None,
            "ForwardCompatibilityMap": [],
        } | self.details.of(keyword.id)

    def budget_json(self, budget: SharedBudget) -> dict[str, Any]:
        return {
            "Id": budget.id,
            "Name": budget.name,
            "Amount": money(self.details.amount(budget)),
            "BudgetType": "DailyBudgetStandard",
            "AssociationCount": len(self.details.users(budget.id)),
        }


def _texts(ad: WorldAd, kind: str) -> dict[str, Any]:
    """The texts of an ad by its type; the first is the world's headline."""
    first = ad.headline or ad.name
    if kind == "Product":
        return {"PromotionalText": None}
    if kind == "ExpandedText":
        return {
            "TitlePart1": first,
            "TitlePart2": _FILLERS[0],
            "TitlePart3": None,
            "Text": _DESCRIPTIONS[0],
            "TextPart2": None,
            "Path1": None,
            "Path2": None,
            "Domain": "shop.example",
        }
    headlines = [_text_link(ad, place, text) for place, text in enumerate((first, *_FILLERS))]
    descriptions = [_text_link(ad, place + 20, text) for place, text in enumerate(_DESCRIPTIONS)]
    if kind == "ResponsiveSearch":
        return {
            "Headlines": headlines,
            "Descriptions": descriptions,
            "Domain": "shop.example",
            "Path1": None,
            "Path2": None,
        }
    media = {"Id": f"{ad.id[-9:]}1", "Name": None, "SubType": "LandscapeImageMedia", "Type": "ImageAsset"}
    video = {"Id": f"{ad.id[-9:]}2", "Name": None, "SubType": None, "Type": "VideoAsset", "ThumbnailImage": None}
    return {
        "BusinessName": "Nordlicht",
        "CallToAction": None,
        "Headline": first,
        "Headlines": headlines,
        "LongHeadline": None,
        "LongHeadlines": [],
        "LongHeadlineString": f"{first}: {_FILLERS[0]}",
        "Text": _DESCRIPTIONS[0],
        "Descriptions": descriptions,
        "Images": [_link(media)],
        "Videos": [_link(video)] if ad.format == "video" else [],
        "ImpressionTrackingUrls": [],
    }


def _text_link(ad: WorldAd, place: int, text: str) -> dict[str, Any]:
    return _link({"Id": f"{ad.id[-9:]}{place:02d}", "Name": None, "Text": text, "Type": "TextAsset"})


def _link(asset: dict[str, Any]) -> dict[str, Any]:
    return {"Asset": asset, "AssetPerformanceLabel": None, "EditorialStatus": "Active", "PinnedField": None}
