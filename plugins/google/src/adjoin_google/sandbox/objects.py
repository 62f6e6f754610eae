"""The world's objects as the platform's resources, as JSON objects with all the fields that have a value."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from adjoin.testing.world import ACTIONS, Presence, WorldAd, WorldAdGroup, WorldCampaign, WorldKeyword, WorldObject
from adjoin_google.sandbox.actions import Action, actions_of
from adjoin_google.sandbox.hierarchy import Hierarchy, Node
from adjoin_google.sandbox.states import (
    AD_TYPES,
    BIDDING,
    CHANNELS,
    GROUP_TYPES,
    ad_states,
    campaign_states,
    native_status,
    networks,
    primary_states,
)
from adjoin_google.sandbox.store import Budget, Store
from adjoin_google.sandbox.texts import ad_texts

__all__ = ["Object", "Objects", "asset_group_id", "budget_id", "stamp"]

#: A resource as JSON, with `resourceName`.
Object: TypeAlias = dict[str, Any]

_BUDGETS_FROM, _ASSET_GROUPS_FROM = 5 * 10**18, 7 * 10**18


def budget_id(campaign_id: str) -> str:
    """Return the id of the budget that a campaign of the world has to itself."""
    return _above(_BUDGETS_FROM, campaign_id)


def asset_group_id(campaign_id: str) -> str:
    """Return the id of the one asset group of a Performance Max campaign."""
    return _above(_ASSET_GROUPS_FROM, campaign_id)


def _above(base: int, known_id: str) -> str:
    # Ids of a world from a file need not be numbers.
    return str(base + (int(known_id) if known_id.isdecimal() else zlib.crc32(known_id.encode())))


def stamp(moment: datetime, time_zone: str, *, micros: bool = False) -> str:
    """Write an instant in the account's zone, which the text does not name."""
    return moment.astimezone(ZoneInfo(time_zone)).strftime("%Y-%m-%d %H:%M:%S" + (".%f" if micros else ""))


class Objects:
    """Spells out resources. Reads the world each time, so changes show at once."""

    def __init__(self, world: Presence, hierarchy: Hierarchy, store: Store) -> None:
        self.world = world
        self.hierarchy = hierarchy
        self.store = store

    # --- customers ----------------------------------------------------------------------------------------------------

    def customer(self, node: Node) -> Object:
        return {
            "resourceName": f"customers/{node.id}",
            "id": node.id,
            "descriptiveName": node.name,
            "currencyCode": node.currency,
            "timeZone": node.time_zone,
            "autoTaggingEnabled": not node.manager,
            "hasPartnersBadge": False,
            "manager": node.manager,
            "testAccount": False,
            "status": node.status,
        }

    def customer_clients(self, root: Node) -> Iterator[Object]:
        for node, level in self.hierarchy.below(root.id):
            yield {
                "resourceName": f"customers/{root.id}/customerClients/{node.id}",
                "clientCustomer": f"customers/{node.id}",
                "hidden": False,
                "level": str(level),
                "timeZone": node.time_zone,
                "testAccount": False,
                "manager": node.manager,
                "descriptiveName": node.name,
                "currencyCode": node.currency,
                "id": node.id,
                "status": node.status,
            }

    # --- campaigns and budgets ----------------------------------------------------------------------------------------

    def campaign(self, campaign: WorldCampaign) -> Object:
        bidding, settings = BIDDING[campaign.objective]
        value: Object = {
            "resourceName": f"customers/{campaign.account_id}/campaigns/{campaign.id}",
            "id": campaign.id,
            "name": campaign.name,
            "status": native_status(campaign.status),
            **campaign_states(campaign, self.world.today(campaign.account_id)),
            "adServingOptimizationStatus": "OPTIMIZE",
            "advertisingChannelType": CHANNELS[campaign.channel],
            "networkSettings": networks(campaign.channel),
            "experimentType": "BASE",
            "biddingStrategyType": bidding,
            **settings,
            "campaignBudget": self.budget_name(campaign),
            "startDateTime": f"{campaign.start_date} 00:00:00",
            "paymentMode": "CLICKS",
            "containsEuPoliticalAdvertising": "DOES_NOT_CONTAIN_EU_POLITICAL_ADVERTISING",
        }
        if campaign.id in self.store.undeclared:
            del value["containsEuPoliticalAdvertising"]
            value["missingEuPoliticalAdvertisingDeclaration"] = True
        if campaign.end_date is not None:
            value["endDateTime"] = f"{campaign.end_date} 23:59:59"
        return self.store.dress(value)

    def budget_name(self, campaign: WorldCampaign) -> str:
        """The resource name of a campaign's budget."""
        known = self.store.budget_of.get(campaign.id) or budget_id(campaign.id)
        return f"customers/{campaign.account_id}/campaignBudgets/{known}"

    def budget(self, campaign: WorldCampaign) -> Object:
        """The budget that a campaign uses."""
        made = self.store.budgets.get(self.store.budget_of.get(campaign.id, ""))
        return self.budget_object(made or self.own_budget(campaign))

    def own_budget(self, campaign: WorldCampaign) -> Budget:
        """The budget that a campaign of the world has to itself."""
        lifetime = campaign.lifetime_budget_micros
        amount = lifetime if lifetime is not None else campaign.daily_budget_micros
        if amount is None:
            # Ad groups have no budgets here, so the campaign has all of theirs.
            groups = (group for group in self.world.ad_groups(campaign.account_id) if group.campaign_id == campaign.id)
            amount = sum(group.daily_budget_micros or 0 for group in groups)
        return Budget(
            id=budget_id(campaign.id),
            account_id=campaign.account_id,
            name=campaign.name,
            shared=False,
            period="DAILY" if lifetime is None else "CUSTOM_PERIOD",
            amount_micros=amount,
            removed=native_status(campaign.status) == "REMOVED",
            campaigns={campaign.id},
        )

    def budget_object(self, budget: Budget) -> Object:
        value: Object = {
            "resourceName": f"customers/{budget.account_id}/campaignBudgets/{budget.id}",
            "id": budget.id,
            "name": budget.name,
            "status": "REMOVED" if budget.removed else "ENABLED",
            "deliveryMethod": "STANDARD",
            "explicitlyShared": budget.shared,
            "referenceCount": str(len(budget.campaigns)),
            "hasRecommendedBudget": False,
            "period": budget.period,
            "type": "STANDARD",
        }
        value["totalAmountMicros" if budget.period == "CUSTOM_PERIOD" else "amountMicros"] = str(budget.amount_micros)
        return self.store.dress(value)

    def budgets(self, account_id: str) -> Iterator[Object]:
        """All budgets of an account: each campaign's own, and those made here."""
        for campaign in self.world.campaigns(account_id):
            if campaign.id not in self.store.budget_of:
                yield self.budget(campaign)
        yield from (self.budget_object(made) for made in self.store.budgets.values() if made.account_id == account_id)

    # --- below campaigns ----------------------------------------------------------------------------------------------

    def ad_group(self, group: WorldAdGroup, campaign: WorldCampaign) -> Object:
        value: Object = {
            "resourceName": f"customers/{group.account_id}/adGroups/{group.id}",
            "id": group.id,
            "name": group.name,
            "status": native_status(group.status),
            "type": GROUP_TYPES.get(campaign.channel, "UNKNOWN"),
            "campaign": f"customers/{group.account_id}/campaigns/{group.campaign_id}",
            **primary_states(group, "AD_GROUP"),
        }
        if group.bid_micros is not None:
            value["cpcBidMicros"] = value["effectiveCpcBidMicros"] = str(group.bid_micros)
        return self.store.dress(value)

    def ad_group_ad(self, ad: WorldAd, campaign: WorldCampaign) -> Object:
        customer = f"customers/{ad.account_id}"
        inner: Object = {
            "resourceName": f"{customer}/ads/{ad.id}",
            "id": ad.id,
            "name": ad.name,
            "type": AD_TYPES.get(campaign.channel, "UNKNOWN"),
            "addedByGoogleAds": False,
            **ad_texts(ad, campaign.channel),
        }
        if ad.landing_url:
            inner["finalUrls"] = [ad.landing_url]
        return self.store.dress(
            {
                "resourceName": f"{customer}/adGroupAds/{ad.ad_group_id}~{ad.id}",
                "status": native_status(ad.status),
                "adGroup": f"{customer}/adGroups/{ad.ad_group_id}",
                "ad": inner,
                "adStrength": "GOOD",
                **ad_states(ad),
            }
        )

    def keyword(self, keyword: WorldKeyword) -> Object:
        """A keyword: an ad group's criterion, with a number that equal texts of other ad groups share."""
        customer = f"customers/{keyword.account_id}"
        value: Object = {
            "resourceName": f"{customer}/adGroupCriteria/{keyword.id}",
            "criterionId": keyword.id.rpartition("~")[2],
            "displayName": keyword.text,
            "status": native_status(keyword.status),
            "type": "KEYWORD",
            "negative": False,
            "systemServingStatus": "ELIGIBLE",
            "approvalStatus": "APPROVED",
            "adGroup": f"{customer}/adGroups/{keyword.ad_group_id}",
            "keyword": {"text": keyword.text, "matchType": keyword.match_type.upper()},
            "qualityInfo": {"qualityScore": 1 + sum(keyword.text.encode()) % 10},
            **primary_states(keyword, "AD_GROUP_CRITERION"),
        }
        if keyword.bid_micros is not None:
            value["cpcBidMicros"] = value["effectiveCpcBidMicros"] = str(keyword.bid_micros)
            value["effectiveCpcBidSource"] = "AD_GROUP_CRITERION"
        return self.store.dress(value)

    def keyword_view(self, account_id: str, keyword_id: str) -> Object:
        return {"resourceName": f"customers/{account_id}/keywordViews/{keyword_id}"}

    def search_term_view(self, account_id: str, campaign_id: str, ad_group_id: str, term: str) -> Object:
        coded = base64.urlsafe_b64encode(term.encode()).decode().rstrip("=")
        return {
            "resourceName": f"customers/{account_id}/searchTermViews/{campaign_id}~{ad_group_id}~{coded}",
            "searchTerm": term,
            "adGroup": f"customers/{account_id}/adGroups/{ad_group_id}",
            "status": "NONE",
        }

    def asset_group(self, campaign: WorldCampaign) -> Object:
        """The one asset group of a Performance Max campaign."""
        customer = f"customers/{campaign.account_id}"
        return {
            "resourceName": f"{customer}/assetGroups/{asset_group_id(campaign.id)}",
            "id": asset_group_id(campaign.id),
            "campaign": f"{customer}/campaigns/{campaign.id}",
            "name": f"{campaign.name} assets",
            "finalUrls": ["https://shop.example/"],
            "status": native_status(campaign.status),
            "primaryStatus": "ELIGIBLE",
            "adStrength": "GOOD",
        }

    def resource(self, kind: str, found: WorldObject) -> Object:
        """Return an object of the world as a resource of a kind: an ad is an `ad` or an `ad_group_ad`."""
        if isinstance(found, WorldCampaign):
            return self.campaign(found)
        if isinstance(found, WorldKeyword):
            return self.keyword(found)
        campaign = self.world.find(found.campaign_id)
        assert isinstance(campaign, WorldCampaign)
        if isinstance(found, WorldAdGroup):
            return self.ad_group(found, campaign)
        link = self.ad_group_ad(found, campaign)
        return dict(link["ad"]) if kind == "ad" else link

    # --- conversion actions -------------------------------------------------------------------------------------------

    def actions(self, account_id: str) -> tuple[Action, ...]:
        """The conversion actions of an account: the usual ones, and those of a world from a file."""
        seen = self.world.truth("conversion_daily", account_id=account_id)["action"].unique().to_pylist()
        names = dict.fromkeys([*ACTIONS, *sorted(map(str, seen))])
        return tuple(action for name in names for action in actions_of(name))

    def conversion_action(self, action: Action, account_id: str) -> Object:
        return {
            "resourceName": action.resource_name(account_id),
            "id": action.id,
            "name": action.name,
            "status": "ENABLED",
            "type": "WEBPAGE",
            "origin": "WEBSITE",
            "primaryForGoal": action.counted,
            "category": action.category,
            "ownerCustomer": f"customers/{account_id}",
            "includeInConversionsMetric": action.counted,
            "clickThroughLookbackWindowDays": "30",
            "viewThroughLookbackWindowDays": "1",
            "countingType": "ONE_PER_CLICK" if action.category == "SUBMIT_LEAD_FORM" else "MANY_PER_CLICK",
            "attributionModelSettings": {"attributionModel": "GOOGLE_SEARCH_ATTRIBUTION_DATA_DRIVEN"},
        }
