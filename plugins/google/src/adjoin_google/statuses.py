"""Google's states of campaigns, ad groups, ads and keywords.

What an advertiser sets is ENABLED, PAUSED or REMOVED. Whether something enabled runs is said elsewhere: a campaign
whose time is over, or an ad that was disapproved, stays ENABLED.
"""

from __future__ import annotations

from collections.abc import Mapping

from adjoin.ads.v2 import Status

__all__ = ["ad_status", "campaign_status", "set_status"]

_SET: Mapping[str, Status] = {"ENABLED": Status.ACTIVE, "PAUSED": Status.PAUSED, "REMOVED": Status.REMOVED}

#: Of enabled campaigns, by serving status.
_SERVING: Mapping[str, Status] = {"ENDED": Status.ENDED, "PENDING": Status.PENDING}


def set_status(word: str) -> Status:
    """Return the canonical state for what the advertiser has set."""
    return _SET.get(word, Status.UNKNOWN)


def campaign_status(word: str, *, serving: str) -> tuple[Status, str]:
    """Return a campaign's state and Google's words for it: the serving status where that is what decides."""
    known = set_status(word)
    if known is Status.ACTIVE and serving in _SERVING:
        return _SERVING[serving], f"{word}/{serving}"
    return known, word


def ad_status(word: str, *, primary: str, approval: str) -> tuple[Status, str]:
    """Return an ad's state likewise: an enabled one may be disapproved, or wait for its first review."""
    known = set_status(word)
    if known is Status.ACTIVE and approval == "DISAPPROVED":
        return Status.REJECTED, f"{word}/{approval}"
    if known is Status.ACTIVE and primary == "PENDING":
        return Status.PENDING, f"{word}/{primary}"
    return known, word
