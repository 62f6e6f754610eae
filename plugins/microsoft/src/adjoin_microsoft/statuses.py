"""Microsoft's states and kinds of campaigns, ad groups, ads and keywords, and what they come to here."""

from __future__ import annotations

from collections.abc import Mapping

from adjoin.ads.v2 import Status

__all__ = ["channel", "reviewed_status", "status"]

_STATUS: Mapping[str, Status] = {
    "Active": Status.ACTIVE,
    "Paused": Status.PAUSED,
    # The budget is spent, or the account is held: nothing runs until that ends.
    "BudgetPaused": Status.PAUSED,
    "BudgetAndManualPaused": Status.PAUSED,
    "UserPaused": Status.PAUSED,
    "Suspended": Status.PAUSED,
    "Inactive": Status.PAUSED,
    "Expired": Status.ENDED,
    "Deleted": Status.REMOVED,
}

#: What the editorial review makes of something that is active. Reviewed but limited to some markets counts as active.
_REVIEW: Mapping[str, Status] = {"Inactive": Status.PENDING, "Disapproved": Status.REJECTED}

_CHANNEL: Mapping[str, str] = {
    "Search": "search",
    "DynamicSearchAds": "search",
    "Shopping": "shopping",
    # Native, display and video ads alike: the type does not tell them apart.
    "Audience": "display",
    "PerformanceMax": "performance_max",
    "Hotel": "hotel",
    "App": "app",
}


def status(native: str) -> Status:
    """Return the canonical state of a campaign or ad group."""
    return _STATUS.get(native, Status.UNKNOWN)


def reviewed_status(native: str, editorial: str) -> Status:
    """Return the canonical state of an ad or keyword, which runs only when the editorial review lets it."""
    found = status(native)
    return _REVIEW.get(editorial, found) if found is Status.ACTIVE else found


def channel(campaign_type: str) -> str | None:
    """Return the canonical channel of a type of campaign."""
    return _CHANNEL.get(campaign_type, "other") if campaign_type else None
