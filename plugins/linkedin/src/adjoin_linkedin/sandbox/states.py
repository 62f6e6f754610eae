"""LinkedIn's words for states, between the world's and the wire's."""

from __future__ import annotations

from collections.abc import Mapping

from adjoin.ads.v2 import AccountStatus, Status

__all__ = ["ACCOUNT_WORDS", "HIDDEN", "KNOWN", "review_of", "status_of", "word_of"]

#: What a search leaves out unless these states are asked for.
HIDDEN = frozenset({"ARCHIVED", "CANCELED", "REMOVED"})

_COMMON = ("ACTIVE", "PAUSED", "DRAFT", "ARCHIVED", "CANCELED", "PENDING_DELETION", "REMOVED")

#: The states that each resource knows.
KNOWN: Mapping[str, tuple[str, ...]] = {
    "adAccounts": ("ACTIVE", "CANCELED", "DRAFT", "PENDING_DELETION", "REMOVED"),
    "adCampaignGroups": _COMMON,
    "adCampaigns": (*_COMMON, "COMPLETED"),
    "creatives": _COMMON,
}

ACCOUNT_WORDS: Mapping[AccountStatus, str] = {
    AccountStatus.ACTIVE: "ACTIVE",
    AccountStatus.LIMITED: "ACTIVE",
    AccountStatus.DISABLED: "CANCELED",
    AccountStatus.CLOSED: "REMOVED",
    AccountStatus.UNKNOWN: "DRAFT",
}

#: What a word means for the world.
_STATUS: Mapping[str, Status] = {
    "ACTIVE": Status.ACTIVE,
    "PAUSED": Status.PAUSED,
    "DRAFT": Status.PAUSED,
    "COMPLETED": Status.ENDED,
    "ARCHIVED": Status.ARCHIVED,
    "CANCELED": Status.REMOVED,
    "PENDING_DELETION": Status.REMOVED,
    "REMOVED": Status.REMOVED,
}

_WORDS: Mapping[Status, str] = {
    Status.PAUSED: "PAUSED",
    Status.ARCHIVED: "ARCHIVED",
    Status.REMOVED: "REMOVED",
}


def status_of(word: str) -> Status:
    """Return what a state of the wire is in the world. A draft is something that does not run."""
    return _STATUS[word]


def word_of(status: Status, resource: str, kept: str | None = None) -> str:
    """Return the word for a state of the world; the one that was set, if it still means the same.

    LinkedIn has no word for a campaign group that is over: it stays active and its schedule holds it. What is under
    review or rejected is active too and says so elsewhere.
    """
    if kept is not None and _STATUS[kept] is status:
        return kept
    if status is Status.ENDED and resource == "adCampaigns":
        return "COMPLETED"
    if status is Status.UNKNOWN:
        return "CANCELED"
    return _WORDS.get(status, "ACTIVE")


def review_of(status: Status, word: str) -> str:
    """Return how the review of a creative went. It begins when the creative is no draft any more."""
    if status is Status.REJECTED:
        return "REJECTED"
    return "PENDING" if status is Status.PENDING or word == "DRAFT" else "APPROVED"
