"""The reads of Campaign Management. There is no paging: an answer is whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from adjoin.testing.world import WorldAccount, WorldAdGroup, WorldCampaign
from adjoin_microsoft.sandbox import states
from adjoin_microsoft.sandbox.calls import Call
from adjoin_microsoft.sandbox.errors import bad_body, fault, operation_error
from adjoin_microsoft.sandbox.faulting import Faulting
from adjoin_microsoft.sandbox.goals import GOAL_TYPES, Goals
from adjoin_microsoft.sandbox.objects import Objects
from adjoin_microsoft.sandbox.partial import batch_error

__all__ = ["Reading"]

_MOST_IDS = 100
_MOST_AD_GROUP_IDS = 1000
_GOAL_FIELDS = (
    "ViewThroughConversionWindowInMinutes",
    "IsExternallyAttributed",
    "GoalCategory",
    "InactiveDueToTagUnavailable",
    "AttributionModelType",
    "IsEnhancedConversionsEnabled",
    "IsAutoGoal",
    "DataDrivenAttribute",
    "ApplicationDownloadGoal",
)


class Reading:
    """Answers queries about an account."""

    def __init__(self, objects: Objects, goals: Goals, faulting: Faulting) -> None:
        self._objects = objects
        self._goals = goals
        self._faulting = faulting

    def answer(self, call: Call, account: WorldAccount, now: datetime) -> Mapping[str, Any]:
        queries: Mapping[str, Callable[[], Mapping[str, Any]]] = {
            "Campaigns/QueryByAccountId": lambda: self._campaigns(call, account, now),
            "Campaigns/QueryByIds": lambda: self._campaigns_by_ids(call, account, now),
            "AdGroups/QueryByCampaignId": lambda: self._ad_groups(call, account),
            "AdGroups/QueryByIds": lambda: self._ad_groups_by_ids(call, account),
            "Ads/QueryByAdGroupId": lambda: self._ads(call, account),
            "Ads/QueryByIds": lambda: self._ads_by_ids(call, account),
            "Keywords/QueryByAdGroupId": lambda: self._keywords(call, account),
            "Keywords/QueryByIds": lambda: self._keywords_by_ids(call, account),
            "Budgets/QueryByIds": lambda: self._budgets(call, account),
            "ConversionGoals/QueryByIds": lambda: self._conversion_goals(call),
            "UetTags/QueryByIds": lambda: self._uet_tags(call),
            "AccountProperties/Query": lambda: self._properties(call),
        }
        query = queries.get(call.operation)
        if query is None:
            raise fault(204, details=f"{call.method} {call.operation}")
        answer = query()
        return self._unknown(answer) if self._faulting.due("entities", "unknown_values") else answer

    def _unknown(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Show values and fields that are newer than any client knows, on the last object of a list."""
        changed: dict[str, Any] = {"SandboxNews": {"Since": "2027"}}
        for name, value in answer.items():
            changed[name] = value
            if name != "PartialErrors" and isinstance(value, list) and value and value[-1] is not None:
                last = {**value[-1], "SandboxField": [1, 2]}
                if "Status" in last:
                    last["Status"] = "Hibernating"
                changed[name] = [*value[:-1], last]
        return changed

    # --- campaigns ----------------------------------------------------------------------------------------------------

    def _campaigns(self, call: Call, account: WorldAccount, now: datetime) -> Mapping[str, Any]:
        call.known_keys("AccountId", "CampaignType", "ReturnAdditionalFields")
        if not call.id("AccountId"):
            raise operation_error(1102)
        # Without a type only search campaigns are shown.
        kinds = call.flags("CampaignType", states.CAMPAIGN_TYPES) or {"Search"}
        return {
            "Campaigns": [
                self._objects.campaign_json(campaign, account, now)
                for campaign in self._objects.world.campaigns(account.id)
                if campaign.status not in states.GONE and states.campaign_type(campaign) in kinds
            ]
        }

    def _campaigns_by_ids(self, call: Call, account: WorldAccount, now: datetime) -> Mapping[str, Any]:
        call.known_keys("AccountId", "CampaignIds", "CampaignType", "ReturnAdditionalFields")
        if not call.id("AccountId"):
            raise operation_error(1102)
        kinds = call.flags("CampaignType", states.CAMPAIGN_TYPES) or {"Search"}

        def read(campaign_id: str) -> dict[str, Any] | int:
            campaign = self._objects.campaign(campaign_id, account.id)
            if campaign is None:
                return 1100
            if states.campaign_type(campaign) not in kinds:
                return 516
            return self._objects.campaign_json(campaign, account, now)

        return _by_ids("Campaigns", call.ids("CampaignIds"), read, none=1118, too_many=(1119, _MOST_IDS))

    # --- ad groups, ads, keywords -------------------------------------------------------------------------------------

    def _ad_groups(self, call: Call, account: WorldAccount) -> Mapping[str, Any]:
        call.known_keys("CampaignId", "ReturnAdditionalFields")
        campaign = self._campaign(call, account)
        return {
            "AdGroups": [
                self._objects.ad_group_json(group)
                for group in self._objects.world.ad_groups(account.id)
                if group.campaign_id == campaign.id and group.status not in states.GONE
            ]
        }

    def _ad_groups_by_ids(self, call: Call, account: WorldAccount) -> Mapping[str, Any]:
        call.known_keys("CampaignId", "AdGroupIds", "ReturnAdditionalFields")
        campaign = self._campaign(call, account)

        def read(ad_group_id: str) -> dict[str, Any] | int:
            group = self._objects.ad_group(ad_group_id, account.id)
            if group is None or group.campaign_id != campaign.id:
                return 1201
            return self._objects.ad_group_json(group)

        return _by_ids("AdGroups", call.ids("AdGroupIds"), read, none=1218, too_many=(1219, _MOST_AD_GROUP_IDS))

    def _ads(self, call: Call, account: WorldAccount) -> Mapping[str, Any]:
        call.known_keys("AdGroupId", "AdTypes", "ReturnAdditionalFields")
        group, kinds = self._ad_group(call, account), _ad_types(call)
        found = [ad for ad in self._objects.ads_of(group) if self._objects.ad_type(ad) in kinds]
        return {"Ads": [self._objects.ad_json(ad) for ad in found]}

    def _ads_by_ids(self, call: Call, account: WorldAccount) -> Mapping[str, Any]:
        call.known_keys("AdGroupId", "AdIds", "AdTypes", "ReturnAdditionalFields")
        group, kinds = self._ad_group(call, account), _ad_types(call)
        known = {ad.id: ad for ad in self._objects.ads_of(group)}

        def read(ad_id: str) -> dict[str, Any] | int:
            if ad_id not in known:
                return 1308
            found = known[ad_id]
            return self._objects.ad_json(found) if self._objects.ad_type(found) in kinds else 516

        return _by_ids("Ads", call.ids("AdIds"), read, none=1351, too_many=(1352, 20))

    def _keywords(self, call: Call, account: WorldAccount) -> Mapping[str, Any]:
        call.known_keys("AdGroupId", "ReturnAdditionalFields")
        group = self._ad_group(call, account)
        return {"Keywords": [self._objects.keyword_json(known) for known in self._objects.keywords_of(group)]}

    def _keywords_by_ids(self, call: Call, account: WorldAccount) -> Mapping[str, Any]:
        call.known_keys("AdGroupId", "AssetGroupId", "KeywordIds", "ReturnAdditionalFields")
        known = {keyword.id: keyword for keyword in self._objects.keywords_of(self._ad_group(call, account))}

        def read(keyword_id: str) -> dict[str, Any] | int:
            return self._objects.keyword_json(known[keyword_id]) if keyword_id in known else 1501

        return _by_ids("Keywords", call.ids("KeywordIds"), read, none=1529, too_many=(1530, 1000))

    def _campaign(self, call: Call, account: WorldAccount) -> WorldCampaign:
        campaign = self._objects.campaign(call.id("CampaignId"), account.id)
        if campaign is None:
            raise operation_error(1100)
        return campaign

    def _ad_group(self, call: Call, account: WorldAccount) -> WorldAdGroup:
        group = self._objects.ad_group(call.id("AdGroupId"), account.id)
        if group is None:
            raise operation_error(1201)
        return group

    # --- what belongs to the account ----------------------------------------------------------------------------------

    def _budgets(self, call: Call, account: WorldAccount) -> Mapping[str, Any]:
        call.known_keys("BudgetIds")
        details = self._objects.details
        # Without ids all budgets of the account are meant.
        ids = call.ids("BudgetIds") or [budget.id for budget in details.all_budgets(account.id)]
        if len(ids) > _MOST_IDS:
            raise operation_error(4913)

        def read(budget_id: str) -> dict[str, Any] | int:
            budget = details.budget(budget_id, account.id)
            return 4916 if budget is None else self._objects.budget_json(budget)

        return _by_ids("Budgets", ids, read)

    def _conversion_goals(self, call: Call) -> Mapping[str, Any]:
        call.known_keys("ConversionGoalIds", "ConversionGoalTypes", "ReturnAdditionalFields")
        kinds = call.flags("ConversionGoalTypes", GOAL_TYPES)
        if not kinds:
            raise operation_error(5329)
        categories = "GoalCategory" in call.flags("ReturnAdditionalFields", _GOAL_FIELDS)
        known = {goal["Id"]: goal for goal in self._goals.all(categories=categories) if goal["Type"] in kinds}
        ids = call.ids("ConversionGoalIds") or list(known)
        if len(ids) > _MOST_IDS:
            raise operation_error(5318)
        return _by_ids("ConversionGoals", ids, lambda goal_id: known.get(goal_id, 5314))

    def _uet_tags(self, call: Call) -> Mapping[str, Any]:
        call.known_keys("TagIds", "ReturnAdditionalFields")
        tag = self._goals.tag()
        ids = call.ids("TagIds") or [tag["Id"]]
        return _by_ids("UetTags", ids, lambda tag_id: tag if tag_id == tag["Id"] else 5300)

    def _properties(self, call: Call) -> Mapping[str, Any]:
        call.known_keys("AccountPropertyNames")
        known = {"MSCLKIDAutoTaggingEnabled": "true", "TrackingUrlTemplate": "", "FinalUrlSuffix": ""}
        wanted = [str(name) for name in call.list("AccountPropertyNames")]
        if unknown := [name for name in wanted if name not in known]:
            raise bad_body("$.AccountPropertyNames", f"Requested value '{unknown[0]}' was not found.")
        return {
            "AccountProperties": [{"Name": name, "Value": known[name]} for name in wanted],
            "PartialErrors": [],
        }


def _ad_types(call: Call) -> Sequence[str]:
    """Read the types of ads to show; at least one must be named."""
    kinds = call.list("AdTypes")
    if not kinds:
        raise operation_error(512)
    for at, kind in enumerate(kinds):
        if kind not in states.AD_TYPES:
            raise bad_body(f"$.AdTypes[{at}]", f"Requested value '{kind}' was not found.")
    return kinds


def _by_ids(
    name: str,
    ids: Sequence[str],
    read: Callable[[str], dict[str, Any] | int],
    *,
    none: int | None = None,
    too_many: tuple[int, int] | None = None,
) -> Mapping[str, Any]:
    """Answer ids one by one: an object, or null at its place and an error beside."""
    if not ids and none is not None:
        raise operation_error(none)
    if too_many is not None and len(ids) > too_many[1]:
        raise operation_error(too_many[0])
    found = [read(each) for each in ids]
    return {
        name: [None if isinstance(value, int) else value for value in found],
        "PartialErrors": [batch_error(at, value) for at, value in enumerate(found) if isinstance(value, int)],
    }
