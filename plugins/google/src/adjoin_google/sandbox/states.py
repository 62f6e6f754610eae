"""The words that the platform has for what the world says: statuses, channels, bidding."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, TypeAlias

from adjoin.ads.v2 import Status
from adjoin.testing.world import WorldAd, WorldAdGroup, WorldCampaign, WorldKeyword

__all__ = [
    "AD_TYPES",
    "BIDDING",
    "CHANNELS",
    "GROUP_TYPES",
    "ad_states",
    "campaign_states",
    "native_status",
    "networks",
    "primary_states",
]

Channel: TypeAlias = Literal["search", "shopping", "display", "video", "performance_max"]

CHANNELS: Mapping[Channel, str] = {
    "search": "SEARCH",
    "shopping": "SHOPPING",
    "display": "DISPLAY",
    "video": "VIDEO",
    "performance_max": "PERFORMANCE_MAX",
}
GROUP_TYPES: Mapping[str, str] = {
    "search": "SEARCH_STANDARD",
    "shopping": "SHOPPING_PRODUCT_ADS",
    "display": "DISPLAY_STANDARD",
    "video": "VIDEO_RESPONSIVE",
}
AD_TYPES: Mapping[str, str] = {
    "search": "RESPONSIVE_SEARCH_AD",
    "shopping": "SHOPPING_PRODUCT_AD",
    "display": "RESPONSIVE_DISPLAY_AD",
    "video": "VIDEO_RESPONSIVE_AD",
}

#: By objective: the bidding strategy's type and its settings.
BIDDING: Mapping[str, tuple[str, dict[str, Any]]] = {
    "sales": ("MAXIMIZE_CONVERSION_VALUE", {"maximizeConversionValue": {}}),
    "leads": ("MAXIMIZE_CONVERSIONS", {"maximizeConversions": {}}),
    "traffic": ("TARGET_SPEND", {"targetSpend": {}}),
    "awareness": ("MANUAL_CPM", {"manualCpm": {}}),
}


def native_status(status: Status) -> str:
    """Return the status as it is set: what is archived is removed here, as there is no archive."""
    if status is Status.PAUSED:
        return "PAUSED"
    if status in (Status.REMOVED, Status.ARCHIVED):
        return "REMOVED"
    return "UNKNOWN" if status is Status.UNKNOWN else "ENABLED"


def campaign_states(campaign: WorldCampaign, today: date) -> dict[str, Any]:
    """Return how a campaign is serving, by its status and its days."""
    status = native_status(campaign.status)
    ended = campaign.status is Status.ENDED or (campaign.end_date is not None and campaign.end_date < today)
    if status == "REMOVED":
        return {"servingStatus": "NONE", **_primary("REMOVED", "CAMPAIGN_REMOVED")}
    if status == "PAUSED":
        return {"servingStatus": "SUSPENDED", **_primary("PAUSED", "CAMPAIGN_PAUSED")}
    if ended:
        return {"servingStatus": "ENDED", **_primary("ENDED", "CAMPAIGN_ENDED")}
    if campaign.start_date > today:
        return {"servingStatus": "PENDING", **_primary("PENDING", "CAMPAIGN_PENDING")}
    return {"servingStatus": "SERVING", **_primary("ELIGIBLE")}


def primary_states(item: WorldAdGroup | WorldKeyword, kind: str) -> dict[str, Any]:
    """Return the primary status of an ad group (`AD_GROUP`) or a keyword (`AD_GROUP_CRITERION`)."""
    status = native_status(item.status)
    if status in ("PAUSED", "REMOVED"):
        return _primary(status, f"{kind}_{status}")
    return _primary("ELIGIBLE")


def ad_states(ad: WorldAd) -> dict[str, Any]:
    """Return what the review of an ad says, and its primary status."""
    review, approval = "REVIEWED", "APPROVED"
    primary = _primary("ELIGIBLE")
    status = native_status(ad.status)
    if ad.status is Status.PENDING:
        review, approval = "REVIEW_IN_PROGRESS", "UNKNOWN"
        primary = _primary("PENDING", "AD_GROUP_AD_UNDER_REVIEW")
    elif ad.status is Status.REJECTED:
        approval = "DISAPPROVED"
        primary = _primary("NOT_ELIGIBLE", "AD_GROUP_AD_DISAPPROVED")
    elif status in ("PAUSED", "REMOVED"):
        primary = _primary(status, f"AD_GROUP_AD_{status}")
    return {"policySummary": {"reviewStatus": review, "approvalStatus": approval}, **primary}


def networks(channel: str) -> dict[str, bool]:
    """Return where a campaign of a channel shows."""
    search = channel in ("search", "shopping")
    return {
        "targetGoogleSearch": search,
        "targetSearchNetwork": channel == "search",
        "targetContentNetwork": channel == "display",
        "targetPartnerSearchNetwork": False,
    }


def _primary(status: str, *reasons: str) -> dict[str, Any]:
    return {"primaryStatus": status} | ({"primaryStatusReasons": list(reasons)} if reasons else {})
