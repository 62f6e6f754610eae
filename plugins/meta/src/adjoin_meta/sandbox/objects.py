"""The world's accounts, campaigns, ad sets, ads and creatives as Graph nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from adjoin.ads.v2 import AccountStatus, Status
from adjoin.testing.world import Presence, WorldAccount, WorldAd, WorldAdGroup, WorldCampaign
from adjoin_meta.money import minor_from_micros
from adjoin_meta.sandbox.creatives import Creatives
from adjoin_meta.sandbox.rules import LEAST_BUDGET

__all__ = ["FIELDS", "HIDDEN", "KINDS", "Objects", "effective_status", "stamp"]

#: What an edge leaves out unless its states are asked for.
HIDDEN = frozenset({"ARCHIVED", "DELETED"})

#: Node type by Meta's name of the level, as errors call it.
KINDS: Mapping[str, str] = {
    "account": "AdAccount",
    "campaign": "Campaign",
    "adset": "AdSet",
    "ad": "Ad",
    "creative": "AdCreative",
    "image": "AdImage",
    "customconversion": "CustomConversion",
}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: The fields of each node that may be asked for, whether the world has a value or not.
FIELDS: Mapping[str, frozenset[str]] = {
    "account": _names(
        "id account_id account_status age amount_spent balance business business_name created_time currency "
        "default_dsa_beneficiary default_dsa_payor disable_reason is_prepay_account min_daily_budget "
        "min_campaign_group_spend_cap name owner spend_cap timezone_id timezone_name timezone_offset_hours_utc "
        "tos_accepted user_tasks"
    ),
    "campaign": _names(
        "id account_id name objective status configured_status effective_status buying_type bid_strategy daily_budget "
        "lifetime_budget budget_remaining spend_cap special_ad_categories special_ad_category_country "
        "is_adset_budget_sharing_enabled promoted_object pacing_type start_time stop_time created_time updated_time "
        "issues_info advantage_state_info smart_promotion_type source_campaign_id adlabels primary_attribution"
    ),
    "adset": _names(
        "id account_id campaign_id campaign name status configured_status effective_status daily_budget "
        "lifetime_budget budget_remaining daily_min_spend_target daily_spend_cap bid_strategy bid_amount "
        "bid_constraints billing_event "
        "optimization_goal optimization_sub_event destination_type promoted_object targeting attribution_spec "
        "dsa_beneficiary dsa_payor start_time end_time created_time updated_time is_dynamic_creative "
        "learning_stage_info issues_info pacing_type adset_schedule frequency_control_specs "
        "regional_regulated_categories source_adset_id"
    ),
    "ad": _names(
        "id account_id campaign_id campaign adset_id adset name status configured_status effective_status creative "
        "bid_amount conversion_domain tracking_specs conversion_specs ad_review_feedback issues_info "
        "preview_shareable_link created_time updated_time source_ad_id ad_schedule_start_time ad_schedule_end_time"
    ),
    "creative": _names(
        "id account_id name status title body object_story_spec object_story_id effective_object_story_id "
        "asset_feed_spec call_to_action_type image_hash image_url thumbnail_url video_id link_url url_tags object_type "
        "product_set_id instagram_user_id instagram_permalink_url degrees_of_freedom_spec destination_spec"
    ),
    "insights": _names(
        "account_currency account_id account_name campaign_id campaign_name adset_id adset_name ad_id ad_name "
        "impressions reach frequency clicks unique_clicks inline_link_clicks ctr cpc cpm cpp spend social_spend "
        "objective optimization_goal attribution_setting buying_type actions action_values conversions "
        "conversion_values cost_per_action_type cost_per_conversion purchase_roas website_purchase_roas "
        "outbound_clicks unique_actions video_play_actions video_p25_watched_actions video_p50_watched_actions "
        "video_p75_watched_actions video_p95_watched_actions video_p100_watched_actions "
        "video_thruplay_watched_actions results cost_per_result quality_ranking engagement_rate_ranking "
        "conversion_rate_ranking created_time updated_time date_start date_stop"
    ),
    "image": _names(
        "id account_id hash url permalink_url name status width height created_time updated_time creatives"
    ),
    "customconversion": _names("id account_id name custom_event_type rule creation_time is_archived"),
}

_ACCOUNT_STATUS = {
    AccountStatus.ACTIVE: 1,
    AccountStatus.LIMITED: 3,
    AccountStatus.DISABLED: 2,
    AccountStatus.CLOSED: 101,
    AccountStatus.UNKNOWN: 7,
}

_CONFIGURED = {Status.PAUSED: "PAUSED", Status.ARCHIVED: "ARCHIVED", Status.REMOVED: "DELETED"}

_OBJECTIVES = {
    "sales": ("OUTCOME_SALES", "OFFSITE_CONVERSIONS"),
    "leads": ("OUTCOME_LEADS", "LEAD_GENERATION"),
    "traffic": ("OUTCOME_TRAFFIC", "LINK_CLICKS"),
    "awareness": ("OUTCOME_AWARENESS", "REACH"),
}


def effective_status(own: Status, *parents: tuple[str, str], ad: bool = False) -> str:
    """Return the state that counts: the own one, or a parent's. A parent is its state and the word for its pause."""
    configured = _CONFIGURED.get(own, "ACTIVE")
    if configured in HIDDEN:
        return configured
    for state, _ in parents:
        if state in HIDDEN:
            return state
    if configured == "PAUSED":
        return configured
    for state, pause in parents:
        if state in ("PAUSED", "CAMPAIGN_PAUSED"):
            return "CAMPAIGN_PAUSED" if state == "CAMPAIGN_PAUSED" else pause
    if own is Status.REJECTED:
        return "DISAPPROVED" if ad else "WITH_ISSUES"
    if own is Status.PENDING:
        return "PENDING_REVIEW" if ad else "IN_PROCESS"
    return "WITH_ISSUES" if own is Status.UNKNOWN else "ACTIVE"


@dataclass(frozen=True, slots=True)
class Objects:
    """Looks up and spells out nodes. Reads the world each time, so changes show at once.

    `written` holds, by id, what was written of an object that the world has no place for.
    """

    world: Presence
    creatives: Creatives = field(default_factory=Creatives)
    written: dict[str, dict[str, Any]] = field(default_factory=dict)

    # --- lookups ------------------------------------------------------------------------------------------------------

    def account(self, node_id: str) -> WorldAccount | None:
        """Return the account of `act_<id>`, or None."""
        bare = node_id.removeprefix("act_")
        found = (account for account in self.world.accounts if account.id.removeprefix("act_") == bare)
        return next(found, None)

    def of(self, level: str, account_id: str) -> Iterator[dict[str, Any]]:
        """Yield the nodes of one level of an account."""
        account = self.world.account(account_id)
        if level == "campaign":
            yield from (self.campaign(item, account) for item in self.world.campaigns(account_id))
        elif level == "adset":
            campaigns = {item.id: item for item in self.world.campaigns(account_id)}
            for group in self.world.ad_groups(account_id):
                yield self.ad_set(group, campaigns[group.campaign_id], account)
        else:
            campaigns = {item.id: item for item in self.world.campaigns(account_id)}
            groups = {item.id: item for item in self.world.ad_groups(account_id)}
            make = self.ad if level == "ad" else self.creative_of
            for ad in self.world.ads(account_id):
                yield make(ad, groups[ad.ad_group_id], campaigns[ad.campaign_id], account)
            if level == "creative":
                yield from self.creatives.of_account(account_id)

    def brief(self, level: str, account_id: str) -> Iterator[dict[str, Any]]:
        """Yield id, name and effective_status of one level: all that most filters need, and quick to make."""
        states = {item.id: effective_status(item.status) for item in self.world.campaigns(account_id)}
        if level == "campaign":
            campaigns = self.world.campaigns(account_id)
            yield from ({"id": item.id, "name": item.name, "effective_status": states[item.id]} for item in campaigns)
            return
        groups = self.world.ad_groups(account_id)
        below = {
            item.id: effective_status(item.status, (states[item.campaign_id], "CAMPAIGN_PAUSED")) for item in groups
        }
        if level == "adset":
            yield from ({"id": item.id, "name": item.name, "effective_status": below[item.id]} for item in groups)
            return
        for ad in self.world.ads(account_id):
            state = effective_status(ad.status, (below[ad.ad_group_id], "ADSET_PAUSED"), ad=True)
            yield {"id": ad.id, "name": ad.name, "effective_status": state}

    def node(self, object_id: str) -> tuple[str, dict[str, Any]] | None:
        """Return the level and the node of any id, or None."""
        if object_id.startswith("act_"):
            account = self.account(object_id)
            return ("account", self.account_node(account)) if account else None
        found = self.world.find(object_id)
        if isinstance(found, WorldCampaign):
            return "campaign", self.campaign(found, self.world.account(found.account_id))
        if isinstance(found, WorldAdGroup):
            return "adset", self._ad_set(found)
        if isinstance(found, WorldAd):
            return "ad", self._ad(found)
        if made := self.creatives.made.get(object_id):
            return "creative", made
        ad = self.world.find(self.creatives.ad_id(object_id))
        return ("creative", self.creatives.original(ad)) if isinstance(ad, WorldAd) else None

    def _ad_set(self, group: WorldAdGroup) -> dict[str, Any]:
        campaign = self.world.find(group.campaign_id)
        assert isinstance(campaign, WorldCampaign)
        return self.ad_set(group, campaign, self.world.account(group.account_id))

    def _ad(self, ad: WorldAd) -> dict[str, Any]:
        group, campaign = self.world.find(ad.ad_group_id), self.world.find(ad.campaign_id)
        assert isinstance(group, WorldAdGroup)
        assert isinstance(campaign, WorldCampaign)
        return self.ad(ad, group, campaign, self.world.account(ad.account_id))

    # --- nodes --------------------------------------------------------------------------------------------------------

    def account_node(self, account: WorldAccount) -> dict[str, Any]:
        """Return an ad account; the only node whose id has a prefix."""
        bare = account.id.removeprefix("act_")
        disabled = account.status is AccountStatus.DISABLED
        return {
            "id": f"act_{bare}",
            "account_id": bare,
            "name": account.name,
            "account_status": _ACCOUNT_STATUS[account.status],
            "disable_reason": 3 if disabled else 0,
            "currency": account.currency,
            "timezone_name": account.time_zone,
            "created_time": stamp(account.created_at, account.time_zone),
            "min_daily_budget": LEAST_BUDGET,
            "amount_spent": "0",
            "balance": "0",
            "is_prepay_account": False,
            "user_tasks": ["ADVERTISE", "ANALYZE", "DRAFT", "MANAGE"],
        }

    def campaign(self, campaign: WorldCampaign, account: WorldAccount) -> dict[str, Any]:
        return {
            **_common(campaign, account),
            "effective_status": effective_status(campaign.status),
            "objective": _OBJECTIVES[campaign.objective][0],
            "buying_type": "AUCTION",
            "special_ad_categories": [],
            "start_time": stamp(_begin(campaign.start_date, account), account.time_zone),
            "stop_time": _stop(campaign.end_date, account),
            **_budgets(campaign, account),
            **self.written.get(campaign.id, {}),
        }

    def ad_set(self, group: WorldAdGroup, campaign: WorldCampaign, account: WorldAccount) -> dict[str, Any]:
        state = effective_status(campaign.status)
        return {
            **_common(group, account),
            "campaign_id": campaign.id,
            "campaign": {"id": campaign.id, "name": campaign.name},
            "effective_status": effective_status(group.status, (state, "CAMPAIGN_PAUSED")),
            "billing_event": "IMPRESSIONS",
            "optimization_goal": _OBJECTIVES[campaign.objective][1],
            "bid_amount": _minor(group.bid_micros, account),
            "start_time": stamp(_begin(group.start_date, account), account.time_zone),
            "end_time": _stop(group.end_date, account),
            **_budgets(group, account),
            **self.written.get(group.id, {}),
        }

    def ad(self, ad: WorldAd, group: WorldAdGroup, campaign: WorldCampaign, account: WorldAccount) -> dict[str, Any]:
        above = effective_status(campaign.status)
        state = effective_status(group.status, (above, "CAMPAIGN_PAUSED"))
        return {
            **_common(ad, account),
            "campaign_id": campaign.id,
            "campaign": {"id": campaign.id, "name": campaign.name},
            "adset_id": group.id,
            "adset": {"id": group.id, "name": group.name},
            "effective_status": effective_status(ad.status, (state, "ADSET_PAUSED"), ad=True),
            "creative": self.creatives.of(ad),
            **self.written.get(ad.id, {}),
        }

    def creative_of(self, ad: WorldAd, _: WorldAdGroup, __: WorldCampaign, ___: WorldAccount) -> dict[str, Any]:
        return self.creatives.of(ad)


def _common(item: WorldCampaign | WorldAdGroup | WorldAd, account: WorldAccount) -> dict[str, Any]:
    configured = _CONFIGURED.get(item.status, "ACTIVE")
    return {
        "id": item.id,
        "account_id": account.id.removeprefix("act_"),
        "name": item.name,
        "status": configured,
        "configured_status": configured,
        "created_time": stamp(item.created_at, account.time_zone),
        "updated_time": stamp(item.updated_at, account.time_zone),
    }


def _budgets(item: WorldCampaign | WorldAdGroup, account: WorldAccount) -> dict[str, Any]:
    daily, lifetime = (
        _minor(item.daily_budget_micros, account),
        _minor(item.lifetime_budget_micros, account),
    )
    if daily is None and lifetime is None:
        return {}
    # The unused one of the two reads "0".
    return {"daily_budget": str(daily or 0), "lifetime_budget": str(lifetime or 0)}


def _minor(micros: int | None, account: WorldAccount) -> int | None:
    return None if micros is None else minor_from_micros(micros, account.currency)


def stamp(moment: datetime, time_zone: str) -> str:
    return moment.astimezone(ZoneInfo(time_zone)).strftime("%Y-%m-%dT%H:%M:%S%z")


def _begin(day: date, account: WorldAccount) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(account.time_zone))


def _stop(last: date | None, account: WorldAccount) -> str | None:
    return None if last is None else stamp(_begin(last + timedelta(days=1), account), account.time_zone)
