"""LinkedIn's states of campaign groups, campaigns and creatives. All are always asked for, the hidden ones too."""

from __future__ import annotations

from collections.abc import Mapping

from adjoin.ads.v2 import Status

__all__ = ["CAMPAIGN_STATUSES", "CREATIVE_STATUSES", "GROUP_STATUSES", "ad_status", "status"]

GROUP_STATUSES = ("ACTIVE", "ARCHIVED", "CANCELED", "DRAFT", "PAUSED", "PENDING_DELETION", "REMOVED")
CAMPAIGN_STATUSES = (*GROUP_STATUSES, "COMPLETED")
CREATIVE_STATUSES = GROUP_STATUSES

_STATUS: Mapping[str, Status] = {
    "ACTIVE": Status.ACTIVE,
    "PAUSED": Status.PAUSED,
    "DRAFT": Status.PENDING,
    "COMPLETED": Status.ENDED,
    "CANCELED": Status.ENDED,  # stopped for good, while archived ones can be brought back
    "ARCHIVED": Status.ARCHIVED,
    "PENDING_DELETION": Status.REMOVED,
    "REMOVED": Status.REMOVED,
}

_REVIEW: Mapping[str, Status] = {
    "PENDING": Status.PENDING,
    "NEEDS_REVIEW": Status.PENDING,
    "REJECTED": Status.REJECTED,
}


def status(native: str) -> Status:
    """Return the canonical state for a `status`."""
    return _STATUS.get(native, Status.UNKNOWN)


def ad_status(intended: str, review: str) -> tuple[Status, str]:
    """Return a creative's canonical state and LinkedIn's word for it.

    Its owner's intention decides, except that one which is to run may be held back by LinkedIn's review.
    """
    state = status(intended)
    if state is Status.ACTIVE and review in _REVIEW:
        return _REVIEW[review], review
    return state, intended
