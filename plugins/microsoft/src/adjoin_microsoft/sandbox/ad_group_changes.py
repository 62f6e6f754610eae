"""Adding, changing and deleting ad groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adjoin.ads.v2 import Status
from adjoin.testing.world import WorldAccount, WorldAdGroup, WorldCampaign
from adjoin_microsoft.sandbox import states
from adjoin_microsoft.sandbox.calls import Call, id_of
from adjoin_microsoft.sandbox.changes import (
    Change,
    ItemError,
    bid,
    change_all,
    day,
    delete_all,
    kept,
    one_of,
    status,
)
from adjoin_microsoft.sandbox.columns import words
from adjoin_microsoft.sandbox.errors import operation_error
from adjoin_microsoft.sandbox.objects import Objects

__all__ = ["AdGroupChanges"]

_FIELDS = words(
    "Id Name StartDate EndDate Language Status PrivacyStatus CpcBid Network AdRotation AudienceAdsBidAdjustment "
    "TrackingUrlTemplate FinalUrlSuffix UrlCustomParameters BiddingScheme Settings AdScheduleUseSearcherTimeZone "
    "AdGroupType CpvBid CpmBid McpaBid MultimediaAdsBidAdjustment CommissionRate PercentCpcBid UseOptimizedTargeting "
    "UsePredictiveTargeting FrequencyCapSettings ForwardCompatibilityMap"
)
_KEPT = (
    "Language",
    "Network",
    "AdRotation",
    "AudienceAdsBidAdjustment",
    "TrackingUrlTemplate",
    "FinalUrlSuffix",
    "UrlCustomParameters",
    "AdScheduleUseSearcherTimeZone",
    "MultimediaAdsBidAdjustment",
)
_NETWORKS = (
    "OwnedAndOperatedAndSyndicatedSearch",
    "OwnedAndOperatedOnly",
    "SyndicatedSearchOnly",
    "InHousePromotion",
)
_LONGEST_NAME = 256
_MOST = 1000


class AdGroupChanges:
    """The operations on ad groups of one campaign."""

    def __init__(self, objects: Objects, account: WorldAccount, call: Call) -> None:
        self._objects = objects
        self._call = call
        campaign = objects.campaign(call.id("CampaignId"), account.id)
        if campaign is None:
            raise operation_error(1100)
        if campaign.kind == "no_ads":
            raise operation_error(5703)
        self._campaign: WorldCampaign = campaign

    def add(self) -> Mapping[str, Any]:
        self._call.known_keys("CampaignId", "AdGroups", "ReturnInheritedBidStrategyTypes")
        outcome = change_all(self._call, "AdGroups", _FIELDS, self._add, none=1209, too_many=(1210, _MOST), null=1200)
        return {
            "AdGroupIds": outcome.ids,
            "PartialErrors": outcome.errors,
            "InheritedBidStrategyTypes": self._inherited(len(outcome.ids)),
        }

    def update(self) -> Mapping[str, Any]:
        self._call.known_keys(
            "CampaignId", "AdGroups", "UpdateAudienceAdsBidAdjustment", "ReturnInheritedBidStrategyTypes"
        )
        outcome = change_all(
            self._call, "AdGroups", _FIELDS, self._update, none=1209, too_many=(1210, _MOST), null=1200
        )
        return {"PartialErrors": outcome.errors, "InheritedBidStrategyTypes": self._inherited(len(outcome.ids))}

    def delete(self) -> Mapping[str, Any]:
        self._call.known_keys("CampaignId", "AdGroupIds")
        return delete_all(self._call, "AdGroupIds", self._delete, none=1218, too_many=(1219, _MOST))

    def _inherited(self, count: int) -> list[str] | None:
        scheme = self._objects.details.of(self._campaign.id).get("BiddingScheme", {}).get("Type", "EnhancedCpc")
        return [scheme] * count if self._call.body.get("ReturnInheritedBidStrategyTypes") else None

    def _add(self, change: Change) -> str:
        if change.get("Id") is not None:
            raise ItemError(1004, "Id")
        name = self._name(change, required=True)
        if not one_of(change, "Network", _NETWORKS) and states.campaign_type(self._campaign) == "Search":
            raise ItemError(1222, "Network")
        languages = self._objects.details.of(self._campaign.id).get("Languages", ["English"])
        if not change.text("Language") and not languages:
            raise ItemError(1257, "Language")
        start, end = day(change, "StartDate", 1232), day(change, "EndDate", 1233)
        world = self._objects.world
        today = world.today(self._campaign.account_id)
        if end is not None and end < today:
            raise ItemError(1233, "EndDate")
        if end is not None and end < (start or today):
            raise ItemError(1204, "EndDate")
        made = world.create_ad_group(
            campaign_id=self._campaign.id,
            name=name,
            status=status(change, 1217) or Status.PAUSED,
            bid_micros=bid(change, "CpcBid"),
            end_date=end,
        )
        if start is not None and start > today:
            made = world.update(replace(made, start_date=start))
        self._objects.details.of(made.id).update(kept(change, _KEPT))
        return made.id

    def _update(self, change: Change) -> str:
        group = self._known(id_of(change.get("Id"), f"{change.path}.Id"))
        one_of(change, "Network", _NETWORKS)
        new_bid = bid(change, "CpcBid")
        end = day(change, "EndDate", 1233) or group.end_date
        start = day(change, "StartDate", 1232) or group.start_date
        if end is not None and end < start:
            raise ItemError(1204, "EndDate")
        self._objects.world.update(
            replace(
                group,
                name=self._name(change, required=False, but=group.id) or group.name,
                status=status(change, 1217) or group.status,
                bid_micros=group.bid_micros if new_bid is None else new_bid,
                start_date=start,
                end_date=end,
            )
        )
        self._objects.details.of(group.id).update(kept(change, _KEPT))
        return group.id

    def _delete(self, ad_group_id: str) -> None:
        self._objects.world.update(replace(self._known(ad_group_id), status=Status.REMOVED))

    def _known(self, ad_group_id: str) -> WorldAdGroup:
        group = self._objects.ad_group(ad_group_id, self._campaign.account_id)
        if group is None or group.campaign_id != self._campaign.id:
            raise ItemError(1201, "Id")
        return group

    def _name(self, change: Change, *, required: bool, but: str = "") -> str:
        name = change.text("Name")
        if not name and not required:
            return ""
        if not name.strip() or len(name) > _LONGEST_NAME:
            raise ItemError(1202, "Name")
        for known in self._objects.world.ad_groups(self._campaign.account_id):
            same = known.campaign_id == self._campaign.id and known.name.lower() == name.lower()
            if same and known.id != but and known.status not in states.GONE:
                raise ItemError(1214, "Name")
        return name
