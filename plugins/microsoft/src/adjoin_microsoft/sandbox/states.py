"""How the world's states, channels and ad formats are called by the API and by its reports."""

from __future__ import annotations

from collections.abc import Mapping

from adjoin.ads.v2 import AccountStatus, Status
from adjoin.testing.world import WorldAd, WorldAdGroup, WorldCampaign, WorldKeyword

__all__ = [
    "ACCOUNT_STATUS",
    "AD_TYPES",
    "CAMPAIGN_TYPES",
    "GONE",
    "REPORT_AD_TYPES",
    "REPORT_CAMPAIGN_TYPES",
    "ad_group_status",
    "ad_status",
    "ad_type",
    "campaign_status",
    "campaign_type",
    "editorial_status",
    "keyword_status",
]

#: The flags of the enumeration, in its order. The sandbox's world has campaigns of four of them.
CAMPAIGN_TYPES = (
    "Search",
    "Shopping",
    "DynamicSearchAds",
    "Audience",
    "Hotel",
    "PerformanceMax",
    "App",
    "ObjectiveBased",
)
AD_TYPES = (
    "Text",
    "Image",
    "Product",
    "AppInstall",
    "ExpandedText",
    "DynamicSearch",
    "ResponsiveAd",
    "ResponsiveSearch",
    "Hotel",
)

#: What reports write in their CampaignType and AdType columns.
REPORT_CAMPAIGN_TYPES: Mapping[str, str] = {
    "Search": "Search",
    "Shopping": "Shopping",
    "DynamicSearchAds": "Dynamic search",
    "Audience": "Audience",
    "PerformanceMax": "Performance max",
}
REPORT_AD_TYPES: Mapping[str, str] = {
    "Product": "Product ad",
    "ExpandedText": "Expanded text ad",
    "ResponsiveAd": "Responsive ad",
    "ResponsiveSearch": "Responsive search ad",
}

ACCOUNT_STATUS: Mapping[AccountStatus, str] = {
    AccountStatus.ACTIVE: "Active",
    AccountStatus.LIMITED: "Pause",
    AccountStatus.DISABLED: "Suspended",
    AccountStatus.CLOSED: "Inactive",
    AccountStatus.UNKNOWN: "Pending",
}

#: There is no archive: what the world archives or removes is deleted here. Only reports still know it.
GONE = frozenset({Status.ARCHIVED, Status.REMOVED})

_CHANNELS: Mapping[str, str] = {
    "search": "Search",
    "shopping": "Shopping",
    "display": "Audience",
    "video": "Audience",
    "performance_max": "PerformanceMax",
}


def campaign_type(campaign: WorldCampaign) -> str:
    return _CHANNELS[campaign.channel]


def ad_type(ad: WorldAd, campaign: WorldCampaign) -> str:
    """Return the type of an ad of the world. Some in the search are of the old kind that can no longer be made."""
    kind = campaign_type(campaign)
    if kind != "Search":
        return "Product" if kind == "Shopping" else "ResponsiveAd"
    return "ExpandedText" if ad.id.endswith(("3", "7")) else "ResponsiveSearch"


def campaign_status(campaign: WorldCampaign) -> str:
    """Return the status. A campaign that has ended is an active one whose last day has passed."""
    if campaign.status in GONE:
        return "Deleted"
    return "Paused" if campaign.status is Status.PAUSED else "Active"


def ad_group_status(group: WorldAdGroup) -> str:
    if group.status in GONE:
        return "Deleted"
    return {Status.PAUSED: "Paused", Status.ENDED: "Expired"}.get(group.status, "Active")


def ad_status(ad: WorldAd) -> str:
    if ad.status in GONE:
        return "Deleted"
    return "Paused" if ad.status is Status.PAUSED else "Active"


def keyword_status(keyword: WorldKeyword) -> str:
    if keyword.status in GONE:
        return "Deleted"
    return "Paused" if keyword.status is Status.PAUSED else "Active"


def editorial_status(item: WorldAd | WorldKeyword) -> str:
    """Return what the editors say: `Inactive` is still under review."""
    return {Status.PENDING: "Inactive", Status.REJECTED: "Disapproved"}.get(item.status, "Active")
