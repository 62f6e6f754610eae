"""The world's accounts, campaigns, ad groups and ads as LinkedIn's accounts, campaign groups, campaigns and creatives.

What the world has no place for (targeting, locale, the content of a new creative ...) is kept here beside the object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from adjoin.ads.v2 import AccountStatus, Status
from adjoin.testing.world import Presence, WorldAccount, WorldAd, WorldAdGroup, WorldCampaign
from adjoin_linkedin.sandbox import urns
from adjoin_linkedin.sandbox.amounts import amount_node
from adjoin_linkedin.sandbox.states import ACCOUNT_WORDS, review_of, word_of

__all__ = ["OBJECTIVES", "ORGANIZATION_ID", "PERSON", "Objects", "last_day", "post_urn"]

ORGANIZATION_ID = "2414183"
PERSON = f"{urns.PERSON}sandbox01"

#: LinkedIn's objective by the world's, and what is optimised for.
OBJECTIVES: Mapping[str, tuple[str, str]] = {
    "sales": ("WEBSITE_CONVERSION", "MAX_CONVERSION"),
    "leads": ("LEAD_GENERATION", "MAX_LEAD"),
    "traffic": ("WEBSITE_VISIT", "MAX_CLICK"),
    "awareness": ("BRAND_AWARENESS", "MAX_REACH"),
}

#: Campaign type and format by the form of a campaign's first creative.
_FORMATS = {
    "image": ("SPONSORED_UPDATES", "STANDARD_UPDATE"),
    "video": ("SPONSORED_UPDATES", "SINGLE_VIDEO"),
    "text": ("TEXT_AD", "TEXT_AD"),
}


ItemT = TypeVar("ItemT", WorldCampaign, WorldAdGroup, WorldAd)


def post_urn(ad: WorldAd) -> str:
    """The post behind a creative: its number is the creative's with a 7 before it."""
    return f"urn:li:{'ugcPost' if ad.format == 'video' else 'share'}:7{ad.id}"


def last_day(milliseconds: int) -> date:
    """The last day of something that ends at an instant."""
    return (datetime.fromtimestamp(milliseconds / 1000, UTC) - timedelta(milliseconds=1)).date()


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _midnight(day: date) -> int:
    return _milliseconds(datetime.combine(day, time(), tzinfo=UTC))


@dataclass(slots=True)
class Objects:
    """Looks up and spells out nodes. Reads the world each time, so changes show at once."""

    world: Presence
    disabled: set[str] = field(default_factory=set)
    #: by id of the object, fields as they were given
    details: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    def account_word(self, account: WorldAccount) -> str:
        return "CANCELED" if account.id in self.disabled else ACCOUNT_WORDS[account.status]

    def account(self, account: WorldAccount) -> dict[str, Any]:
        word = self.account_word(account)
        holds = {"CANCELED": ["STOPPED"], "REMOVED": ["STOPPED"]}.get(word, ["RUNNABLE"])
        if account.status is AccountStatus.LIMITED:
            holds = ["BILLING_HOLD"]
        return {
            "id": int(account.id),
            "name": account.name,
            "currency": account.currency,
            "status": word,
            "type": "BUSINESS",
            "reference": f"{urns.ORGANIZATION}{ORGANIZATION_ID}",
            "test": False,
            "servingStatuses": holds,
            "notifiedOnCampaignOptimization": True,
            "notifiedOnCreativeApproval": True,
            "notifiedOnCreativeRejection": True,
            "notifiedOnEndOfCampaign": True,
            "changeAuditStamps": _stamps(account.created_at, account.created_at),
            "version": {"versionTag": "1"},
        }

    def groups(self, account: WorldAccount) -> list[dict[str, Any]]:
        return [self.group(each, account) for each in self._there(self.world.campaigns(account.id))]

    def campaigns(self, account: WorldAccount) -> list[dict[str, Any]]:
        groups = {each.id: each for each in self.world.campaigns(account.id)}
        styles = self._styles(account.id)
        return [
            self._campaign(each, groups[each.campaign_id], account, styles.get(each.id, "image"))
            for each in self._there(self.world.ad_groups(account.id))
        ]

    def creatives(self, account: WorldAccount) -> list[dict[str, Any]]:
        groups = {each.id: each for each in self.world.campaigns(account.id)}
        campaigns = {each.id: each for each in self.world.ad_groups(account.id)}
        return [
            self._creative(each, campaigns[each.ad_group_id], groups[each.campaign_id], account)
            for each in self._there(self.world.ads(account.id))
        ]

    def group_of(self, object_id: str) -> WorldCampaign | None:
        """Return the campaign group of this id, None if there is none (any more)."""
        found = self._find(object_id)
        return found if isinstance(found, WorldCampaign) else None

    def campaign_of(self, object_id: str) -> WorldAdGroup | None:
        found = self._find(object_id)
        return found if isinstance(found, WorldAdGroup) else None

    def creative_of(self, object_id: str) -> WorldAd | None:
        found = self._find(object_id)
        return found if isinstance(found, WorldAd) else None

    def _find(self, object_id: str) -> WorldCampaign | WorldAdGroup | WorldAd | None:
        found = None if object_id in self.deleted else self.world.find(object_id)
        return found if isinstance(found, (WorldCampaign, WorldAdGroup, WorldAd)) else None

    def node(self, item: WorldCampaign | WorldAdGroup | WorldAd) -> dict[str, Any]:
        """Return any object as its node."""
        account = self.world.account(item.account_id)
        if isinstance(item, WorldCampaign):
            return self.group(item, account)
        group = self.group_of(item.campaign_id)
        assert group is not None
        if isinstance(item, WorldAdGroup):
            return self._campaign(item, group, account, self._styles(account.id).get(item.id, "image"))
        campaign = self.campaign_of(item.ad_group_id)
        assert campaign is not None
        return self._creative(item, campaign, group, account)

    def _there(self, items: Iterable[ItemT]) -> list[ItemT]:
        """What has not been deleted, in the order of the numbers."""
        return sorted((each for each in items if each.id not in self.deleted), key=lambda each: int(each.id))

    def _styles(self, account_id: str) -> dict[str, str]:
        styles: dict[str, str] = {}
        for ad in self.world.ads(account_id):
            styles.setdefault(ad.ad_group_id, ad.format)
        return styles

    # --- nodes --------------------------------------------------------------------------------------------------------

    def group(self, group: WorldCampaign, account: WorldAccount) -> dict[str, Any]:
        details = self.details.get(group.id, {})
        word = word_of(group.status, "adCampaignGroups", details.get("status"))
        budget = group.daily_budget_micros is not None or group.lifetime_budget_micros is not None
        return _present(
            {
                "id": int(group.id),
                "name": group.name,
                "account": f"{urns.ACCOUNT}{account.id}",
                "status": word,
                "servingStatuses": self._group_holds(group, word, account) or ["RUNNABLE"],
                "allowedCampaignTypes": ["SPONSORED_UPDATES", "TEXT_AD"],
                "backfilled": False,
                "test": False,
                "objectiveType": OBJECTIVES[group.objective][0],
                "budgetOptimization": {"budgetOptimizationStrategy": "DYNAMIC", "bidStrategy": "MAXIMUM_DELIVERY"}
                if budget
                else None,
                **_budgets(group, account),
                "changeAuditStamps": _stamps(group.created_at, group.updated_at),
            },
            details,
            _schedule(group, details),
            word,
        )

    def _campaign(
        self, campaign: WorldAdGroup, group: WorldCampaign, account: WorldAccount, style: str
    ) -> dict[str, Any]:
        details = self.details.get(campaign.id, {})
        word = word_of(campaign.status, "adCampaigns", details.get("status"))
        objective, target = OBJECTIVES[group.objective]
        type_, format_ = _FORMATS[style]
        holds = self._campaign_holds(word, group, account)
        return _present(
            {
                "id": int(campaign.id),
                "name": campaign.name,
                "account": f"{urns.ACCOUNT}{account.id}",
                "campaignGroup": f"{urns.GROUP}{group.id}",
                "status": word,
                "type": type_,
                "objectiveType": objective,
                "format": format_,
                "costType": "CPM",
                "unitCost": amount_node(campaign.bid_micros, account.currency),
                **_budgets(campaign, account),
                "locale": {"country": "US", "language": "en"},
                "associatedEntity": f"{urns.ORGANIZATION}{ORGANIZATION_ID}",
                "audienceExpansionEnabled": False,
                "offsiteDeliveryEnabled": False,
                "creativeSelection": "OPTIMIZED",
                "optimizationTargetType": target,
                "pacingStrategy": "LIFETIME",
                "politicalIntent": "NOT_POLITICAL",
                "connectedTelevisionOnly": False,
                "test": False,
                "servingStatuses": holds or ["RUNNABLE"],
                "targetingCriteria": _TARGETING,
                "changeAuditStamps": _stamps(campaign.created_at, campaign.updated_at),
                "version": {"versionTag": "1"},
            },
            details,
            _schedule(campaign, details),
            word,
        )

    def _creative(
        self, ad: WorldAd, campaign: WorldAdGroup, group: WorldCampaign, account: WorldAccount
    ) -> dict[str, Any]:
        details = self.details.get(ad.id, {})
        word = word_of(ad.status, "creatives", details.get("intendedStatus"))
        review = review_of(ad.status, word)
        above = self.details.get(campaign.id, {}).get("status")
        holds = ["STOPPED"] if word != "ACTIVE" else []
        holds += {"PENDING": ["UNDER_REVIEW"], "REJECTED": ["REJECTED"]}.get(review, [])
        holds += ["CAMPAIGN_STOPPED"] if word_of(campaign.status, "adCampaigns", above) != "ACTIVE" else []
        holds += ["CAMPAIGN_GROUP_STATUS_HOLD"] if group.status is not Status.ACTIVE else []
        content: dict[str, Any] = {"reference": post_urn(ad)}
        if ad.format == "text":
            content = {"textAd": {"headline": ad.headline, "description": ad.name[:75], "landingPage": ad.landing_url}}
        return {
            "id": f"{urns.CREATIVE}{ad.id}",
            "name": ad.name,
            "account": f"{urns.ACCOUNT}{account.id}",
            "campaign": f"{urns.CAMPAIGN}{campaign.id}",
            "intendedStatus": word,
            "isServing": not holds,
            **({"servingHoldReasons": holds} if holds else {}),
            "review": {"status": review, "rejectionReasons": ["AD_TEXT_GRAMMAR"] if review == "REJECTED" else []},
            "content": details.get("content", content),
            "isTest": False,
            "createdAt": _milliseconds(ad.created_at),
            "createdBy": PERSON,
            "lastModifiedAt": _milliseconds(ad.updated_at),
            "lastModifiedBy": PERSON,
        }

    def _group_holds(self, group: WorldCampaign, word: str, account: WorldAccount) -> list[str]:
        holds = ["STOPPED"] if word != "ACTIVE" else []
        if group.status is Status.ENDED:
            holds.append("CAMPAIGN_GROUP_END_DATE_HOLD")
        return holds + (["ACCOUNT_SERVING_HOLD"] if self.account_word(account) != "ACTIVE" else [])

    def _campaign_holds(self, word: str, group: WorldCampaign, account: WorldAccount) -> list[str]:
        holds = ["STOPPED"] if word != "ACTIVE" else []
        if group.status is Status.ENDED:
            holds.append("CAMPAIGN_GROUP_END_DATE_HOLD")
        elif group.status is not Status.ACTIVE:
            holds.append("CAMPAIGN_GROUP_STATUS_HOLD")
        return holds + (["ACCOUNT_SERVING_HOLD"] if self.account_word(account) != "ACTIVE" else [])


_TARGETING = {
    "include": {"and": [{"or": {f"{urns.FACET}locations": ["urn:li:geo:103644278"]}}]},
    "exclude": {"or": {f"{urns.FACET}seniorities": ["urn:li:seniority:1"]}},
}


def _present(
    node: Mapping[str, Any], details: Mapping[str, Any], schedule: dict[str, int], word: str
) -> dict[str, Any]:
    """Join a node with what was kept beside it. What has no value is left out."""
    joined = {**node, **details, "runSchedule": schedule, "status": word}
    return {name: value for name, value in joined.items() if value is not None}


def _budgets(item: WorldCampaign | WorldAdGroup, account: WorldAccount) -> dict[str, Any]:
    return {
        "dailyBudget": amount_node(item.daily_budget_micros, account.currency),
        "totalBudget": amount_node(item.lifetime_budget_micros, account.currency),
    }


def _schedule(item: WorldCampaign | WorldAdGroup, details: Mapping[str, Any]) -> dict[str, int]:
    """From when to when something runs; to the millisecond as it was given, unless the world has moved on."""
    kept = details.get("runSchedule", {})
    schedule = {"start": kept.get("start", _midnight(item.start_date))}
    if item.end_date is not None:
        same = "end" in kept and last_day(kept["end"]) == item.end_date
        schedule["end"] = kept["end"] if same else _midnight(item.end_date + timedelta(days=1))
    return schedule


def _stamps(created: datetime, modified: datetime) -> dict[str, Any]:
    return {
        "created": {"actor": PERSON, "time": _milliseconds(created)},
        "lastModified": {"actor": "urn:li:unknown:0", "time": _milliseconds(modified)},
    }
