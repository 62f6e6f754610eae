"""Adding, changing and deleting campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from adjoin.ads.v2 import Status
from adjoin.testing.world import WorldAccount, WorldCampaign
from adjoin_microsoft.sandbox import states
from adjoin_microsoft.sandbox.calls import Call, id_of, object_of, text_of
from adjoin_microsoft.sandbox.changes import Change, ItemError, amount, change_all, delete_all, kept, one_of, status
from adjoin_microsoft.sandbox.columns import words
from adjoin_microsoft.sandbox.errors import bad_body, operation_error
from adjoin_microsoft.sandbox.objects import Objects
from adjoin_microsoft.sandbox.zones import REPORT_ZONES, account_zone

__all__ = ["CampaignChanges"]

_FIELDS = words(
    "Id Name Status DailyBudget BudgetType TimeZone Settings CampaignType SubType MarketingObjective "
    "AudienceAdsBidAdjustment TrackingUrlTemplate FinalUrlSuffix UrlCustomParameters BiddingScheme BudgetId Languages "
    "ExperimentId AdScheduleUseSearcherTimeZone BidStrategyId BidStrategyScope MultimediaAdsBidAdjustment GoalIds "
    "DealIds IsDealCampaign StartDate EndDate UseCampaignLevelDates IsPolitical BusinessName BrandLogo BrandColor "
    "TermExclusions PrivacyStatus ForwardCompatibilityMap"
)
_KEPT = (
    "AudienceAdsBidAdjustment",
    "TrackingUrlTemplate",
    "FinalUrlSuffix",
    "UrlCustomParameters",
    "BiddingScheme",
    "Languages",
    "AdScheduleUseSearcherTimeZone",
    "MultimediaAdsBidAdjustment",
    "GoalIds",
)
_BUDGET_TYPES = ("DailyBudgetAccelerated", "DailyBudgetStandard", "LifetimeBudgetStandard")
_SCHEMES = words(
    "EnhancedCpc ManualCpc MaxClicks MaxConversions CostPerSale ManualCpv ManualCpm MaxConversionValueBiddingScheme "
    "TargetImpressionShareBiddingScheme EnhancedCpcBiddingScheme ManualCpcBiddingScheme MaxClicksBiddingScheme "
    "MaxConversionsBiddingScheme MaxConversionValue"
)
#: No longer taken on their own: MaxConversions and MaxConversionValue have targets instead.
_RETIRED_SCHEMES = words("TargetCpa TargetCpaBiddingScheme TargetRoas TargetRoasBiddingScheme")
_CHANNELS = {"Search": "search", "Shopping": "shopping", "Audience": "display", "PerformanceMax": "performance_max"}
_LONGEST_NAME = 128
_MOST = 100


class CampaignChanges:
    """The operations on campaigns of one account."""

    def __init__(self, objects: Objects, account: WorldAccount, now: datetime) -> None:
        self._objects = objects
        self._account = account
        self._now = now

    def add(self, call: Call) -> Mapping[str, Any]:
        self._check(call, "Campaigns")
        outcome = change_all(call, "Campaigns", _FIELDS, self._add, none=1113, too_many=(1114, _MOST), null=1103)
        return {"CampaignIds": outcome.ids, "PartialErrors": outcome.errors}

    def update(self, call: Call) -> Mapping[str, Any]:
        self._check(call, "Campaigns")
        outcome = change_all(call, "Campaigns", _FIELDS, self._update, none=1113, too_many=(1114, _MOST), null=1103)
        return {"PartialErrors": outcome.errors}

    def delete(self, call: Call) -> Mapping[str, Any]:
        self._check(call, "CampaignIds")
        return delete_all(call, "CampaignIds", self._delete, none=1118, too_many=(1119, _MOST))

    def _check(self, call: Call, name: str) -> None:
        call.known_keys("AccountId", name)
        if not call.id("AccountId"):
            raise operation_error(1102)

    def _add(self, change: Change) -> str:
        if change.get("Id") is not None:
            raise ItemError(1004, "Id")
        kind = self._kind(change)
        self._check_values(change)
        name = self._name(change, required=True)
        zone = change.text("TimeZone")
        if not zone:
            raise ItemError(1109, "TimeZone")
        if zone not in REPORT_ZONES and zone != account_zone(self._account.time_zone, self._now):
            raise ItemError(1014, "TimeZone")
        shared = self._shared(change)
        daily, lifetime = (None, None) if shared else self._budget(change, kind)
        start, end = self._dates(change)
        if lifetime is not None and (start is None or end is None or change.get("UseCampaignLevelDates") is not True):
            raise ItemError(1121, "BudgetType")
        world, details = self._objects.world, self._objects.details
        made = world.create_campaign(
            account_id=self._account.id,
            name=name,
            status=status(change, 1120) or Status.PAUSED,
            channel=_CHANNELS[kind],  # type: ignore[arg-type]  # the values are those of Channel
            daily_budget_micros=daily,
            lifetime_budget_micros=lifetime,
            end_date=end,
        )
        if start is not None and start != made.start_date:
            made = world.update(replace(made, start_date=start))
        if shared:
            self._share(made, shared)
        details.of(made.id).update(self._kept(change))
        return made.id

    def _update(self, change: Change) -> str:
        campaign = self._known(id_of(change.get("Id"), f"{change.path}.Id"))
        if self._kind(change, campaign) != states.campaign_type(campaign):
            raise ItemError(1155, "CampaignType")
        self._check_values(change)
        changed = replace(
            campaign,
            name=self._name(change, required=False, but=campaign.id) or campaign.name,
            status=status(change, 1120) or campaign.status,
        )
        start, end = self._dates(change)
        changed = replace(changed, start_date=start or changed.start_date, end_date=end or changed.end_date)
        shared, own = self._shared(change), change.get("BudgetId") in ("0", 0)
        details = self._objects.details
        if own and change.get("DailyBudget") is None:
            raise ItemError(1106, "DailyBudget")
        if change.get("DailyBudget") is not None and not shared:
            if details.shared(campaign) is not None and not own:
                raise ItemError(1159, "DailyBudget")
            micros = amount(change.get("DailyBudget"), 1106, "DailyBudget")
            if changed.lifetime_budget_micros is not None:
                changed = replace(changed, lifetime_budget_micros=micros)
            else:
                changed = replace(changed, daily_budget_micros=micros)
        if own:
            details.budget_of.pop(campaign.id, None)
        stored = self._objects.world.update(changed)
        if shared:
            self._share(stored, shared)
        details.of(campaign.id).update(self._kept(change))
        return campaign.id

    def _delete(self, campaign_id: str) -> None:
        self._objects.world.update(replace(self._known(campaign_id), status=Status.REMOVED))

    def _known(self, campaign_id: str) -> WorldCampaign:
        campaign = self._objects.campaign(campaign_id, self._account.id)
        if campaign is None:
            raise ItemError(1100, "Id")
        return campaign

    # --- values -------------------------------------------------------------------------------------------------------

    def _kind(self, change: Change, campaign: WorldCampaign | None = None) -> str:
        names = [name.strip() for name in change.text("CampaignType").split(",") if name.strip()]
        if unknown := [name for name in names if name not in states.CAMPAIGN_TYPES]:
            raise bad_body(f"{change.path}.CampaignType", f"Requested value '{unknown[0]}' was not found.")
        if len(names) > 1:
            raise ItemError(1158, "CampaignType")
        if campaign is not None:
            return names[0] if names else states.campaign_type(campaign)
        kind = names[0] if names else "Search"
        if kind not in _CHANNELS:
            raise ItemError(5703, "CampaignType")
        return kind

    def _name(self, change: Change, *, required: bool, but: str = "") -> str:
        name = change.text("Name")
        if not name and not required:
            return ""
        if not name.strip() or len(name) > _LONGEST_NAME:
            raise ItemError(1101, "Name")
        for known in self._objects.world.campaigns(self._account.id):
            if known.id != but and known.status not in states.GONE and known.name.lower() == name.lower():
                raise ItemError(1115, "Name")
        return name

    def _check_values(self, change: Change) -> None:
        if change.get("IsPolitical"):
            raise ItemError(9101, "IsPolitical")
        scheme = change.get("BiddingScheme")
        if scheme is not None:
            path = f"{change.path}.BiddingScheme"
            kind = text_of(object_of(scheme, path).get("Type"), f"{path}.Type")
            if kind in _RETIRED_SCHEMES or kind == "InheritFromParent":
                raise ItemError(5703, "BiddingScheme")
            if kind not in _SCHEMES:
                raise bad_body(f"{path}.Type", f"Type '{kind}' is not known.")

    def _shared(self, change: Change) -> str:
        """Return the id of the shared budget to use, empty if none is named."""
        budget_id = id_of(change.get("BudgetId"), f"{change.path}.BudgetId")
        if budget_id in ("", "0"):
            return ""
        if self._objects.details.budget(budget_id, self._account.id) is None:
            raise ItemError(4916, "BudgetId")
        return budget_id

    def _share(self, campaign: WorldCampaign, budget_id: str) -> None:
        details = self._objects.details
        budget = details.budget(budget_id, self._account.id)
        assert budget is not None
        details.budget_of[campaign.id] = budget_id
        if budget.amount_micros is not None:
            micros = budget.amount_micros
            self._objects.world.update(replace(campaign, daily_budget_micros=micros, lifetime_budget_micros=None))

    def _budget(self, change: Change, kind: str) -> tuple[int | None, int | None]:
        """Return the daily and the lifetime budget of a new campaign: one of the two."""
        limit = one_of(change, "BudgetType", _BUDGET_TYPES)
        if not limit or (limit != "DailyBudgetStandard" and kind != "Audience"):
            raise ItemError(1121, "BudgetType")
        micros = amount(change.get("DailyBudget"), 1106, "DailyBudget")
        return (None, micros) if limit == "LifetimeBudgetStandard" else (micros, None)

    def _dates(self, change: Change) -> tuple[date | None, date | None]:
        """Return the first and last day at the campaign's level, which are written as instants."""
        days = []
        for name in ("StartDate", "EndDate"):
            text = change.text(name)
            try:
                days.append(datetime.fromisoformat(text).date() if text else None)
            except ValueError:
                raise bad_body(f"{change.path}.{name}", f"Could not convert string to DateTime: {text}.") from None
        if days[0] is not None and days[1] is not None and days[1] < days[0]:
            raise ItemError(1204, "EndDate")
        return days[0], days[1]

    def _kept(self, change: Change) -> dict[str, Any]:
        found = kept(change, _KEPT)
        if change.text("BudgetType") == "DailyBudgetAccelerated":
            found["BudgetType"] = "DailyBudgetAccelerated"
        return found
