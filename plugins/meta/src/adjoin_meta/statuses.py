"""Meta's states of campaigns, ad sets and ads. All are always asked for: without a filter Meta hides the last two."""

from __future__ import annotations

from collections.abc import Mapping

from adjoin.ads.v2 import Status

__all__ = ["EFFECTIVE", "status"]

_CAMPAIGN = ("ACTIVE", "PAUSED", "IN_PROCESS", "WITH_ISSUES", "ARCHIVED", "DELETED")
_AD_SET = (*_CAMPAIGN, "CAMPAIGN_PAUSED")
_AD = (*_AD_SET, "ADSET_PAUSED", "PENDING_REVIEW", "DISAPPROVED", "PREAPPROVED", "PENDING_BILLING_INFO")

#: Every `effective_status`, by Meta's name of the level as its filters spell it.
EFFECTIVE: Mapping[str, tuple[str, ...]] = {"campaign": _CAMPAIGN, "adset": _AD_SET, "ad": _AD}

_STATUS: Mapping[str, Status] = {
    "ACTIVE": Status.ACTIVE,
    "PAUSED": Status.PAUSED,
    "CAMPAIGN_PAUSED": Status.PAUSED,
    "ADSET_PAUSED": Status.PAUSED,
    "IN_PROCESS": Status.PENDING,
    "WITH_ISSUES": Status.PENDING,
    "PENDING_REVIEW": Status.PENDING,
    "PREAPPROVED": Status.PENDING,
    "PENDING_BILLING_INFO": Status.PENDING,
    "DISAPPROVED": Status.REJECTED,
    "ARCHIVED": Status.ARCHIVED,
    "DELETED": Status.REMOVED,
}


def status(effective: str) -> Status:
    """Return the canonical state for an `effective_status`."""
    return _STATUS.get(effective, Status.UNKNOWN)
