"""Adding, changing and deleting keywords."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adjoin.ads.v2 import Status
from adjoin.testing.world import WorldAccount, WorldAdGroup, WorldKeyword
from adjoin_microsoft.sandbox.calls import Call, id_of
from adjoin_microsoft.sandbox.changes import (
    Change,
    ItemError,
    bid,
    change_all,
    check_editorial,
    delete_all,
    kept,
    one_of,
    status,
)
from adjoin_microsoft.sandbox.columns import words
from adjoin_microsoft.sandbox.errors import operation_error
from adjoin_microsoft.sandbox.objects import Objects
from adjoin_microsoft.sandbox.states import campaign_type

__all__ = ["KeywordChanges"]

_FIELDS = words(
    "Id Bid MatchType Param1 Param2 Param3 Text Status EditorialStatus DestinationUrl TrackingUrlTemplate "
    "UrlCustomParameters FinalUrls FinalMobileUrls FinalAppUrls BiddingScheme FinalUrlSuffix ForwardCompatibilityMap"
)
_KEPT = (
    "Param1",
    "Param2",
    "Param3",
    "TrackingUrlTemplate",
    "UrlCustomParameters",
    "FinalUrls",
    "FinalMobileUrls",
    "FinalUrlSuffix",
)
_MATCH_TYPES = ("Exact", "Phrase", "Broad")
_LONGEST_TEXT = 100
_MOST = 1000


class KeywordChanges:
    """The operations on keywords of one ad group."""

    def __init__(self, objects: Objects, account: WorldAccount, call: Call) -> None:
        self._objects = objects
        self._call = call
        group = objects.ad_group(call.id("AdGroupId"), account.id)
        if group is None:
            raise operation_error(1201)
        self._group: WorldAdGroup = group
        campaign = objects.campaign(group.campaign_id, account.id)
        assert campaign is not None
        if campaign_type(campaign) != "Search":
            raise operation_error(1604 if campaign_type(campaign) == "Shopping" else 5703)

    def add(self) -> Mapping[str, Any]:
        self._call.known_keys("AdGroupId", "Keywords", "ReturnInheritedBidStrategyTypes", "AssetGroupId")
        outcome = change_all(self._call, "Keywords", _FIELDS, self._add, none=1505, too_many=(1506, _MOST), null=1500)
        return {"KeywordIds": outcome.ids, "InheritedBidStrategyTypes": None, "PartialErrors": outcome.errors}

    def update(self) -> Mapping[str, Any]:
        self._call.known_keys("AdGroupId", "Keywords", "ReturnInheritedBidStrategyTypes", "AssetGroupId")
        outcome = change_all(
            self._call, "Keywords", _FIELDS, self._update, none=1505, too_many=(1506, _MOST), null=1500
        )
        return {"InheritedBidStrategyTypes": None, "PartialErrors": outcome.errors}

    def delete(self) -> Mapping[str, Any]:
        self._call.known_keys("AdGroupId", "KeywordIds", "AssetGroupId")
        return delete_all(self._call, "KeywordIds", self._delete, none=1529, too_many=(1530, _MOST))

    def _add(self, change: Change) -> str:
        if change.get("Id") is not None:
            raise ItemError(1004, "Id")
        text, match_type = change.text("Text"), one_of(change, "MatchType", _MATCH_TYPES)
        if not text.strip() or len(text) > _LONGEST_TEXT:
            raise ItemError(1503, "Text")
        if not match_type:
            raise ItemError(1543, "MatchType")
        check_editorial(text, "Keyword")
        for known in self._objects.keywords_of(self._group):
            if known.text.lower() == text.lower() and known.match_type == match_type.lower():
                raise ItemError(1542, "Text")
        made = self._objects.world.create_keyword(
            ad_group_id=self._group.id,
            text=text,
            match_type=match_type.lower(),  # type: ignore[arg-type]  # one of the three
            status=status(change, 1531) or Status.ACTIVE,
            bid_micros=bid(change, "Bid"),
        )
        self._objects.details.of(made.id).update(kept(change, _KEPT))
        return made.id

    def _update(self, change: Change) -> str:
        keyword = self._known(id_of(change.get("Id"), f"{change.path}.Id"))
        if change.text("Text") not in ("", keyword.text):
            raise ItemError(1504, "Text")
        if one_of(change, "MatchType", _MATCH_TYPES).lower() not in ("", keyword.match_type):
            raise ItemError(1545, "MatchType")
        new_bid = bid(change, "Bid")
        self._objects.world.update(
            replace(
                keyword,
                status=status(change, 1531) or keyword.status,
                bid_micros=keyword.bid_micros if new_bid is None else new_bid,
            )
        )
        self._objects.details.of(keyword.id).update(kept(change, _KEPT))
        return keyword.id

    def _delete(self, keyword_id: str) -> None:
        self._objects.world.update(replace(self._known(keyword_id), status=Status.REMOVED))

    def _known(self, keyword_id: str) -> WorldKeyword:
        for known in self._objects.keywords_of(self._group):
            if known.id == keyword_id:
                return known
        raise ItemError(1501, "Id")
