"""The rules that a body has to keep beside its shape. What breaks them is answered with 400 and all inputs at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adjoin.testing.world import WorldAccount, minor_unit_micros
from adjoin_linkedin.sandbox import urns
from adjoin_linkedin.sandbox.amounts import micros_of
from adjoin_linkedin.sandbox.errors import InputError, bad_input
from adjoin_linkedin.sandbox.objects import Objects

__all__ = ["Rules"]

#: The states that a caller may set, later and at the beginning; the others come by themselves.
_SETTABLE = frozenset({"ACTIVE", "PAUSED", "ARCHIVED", "PENDING_DELETION"})
_INITIAL = frozenset({"ACTIVE", "PAUSED", "DRAFT"})

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "adCampaignGroups": ("account", "name", "status", "runSchedule"),
    "adCampaigns": (
        "account",
        "campaignGroup",
        "name",
        "type",
        "status",
        "costType",
        "unitCost",
        "locale",
        "offsiteDeliveryEnabled",
        "targetingCriteria",
        "politicalIntent",
        "runSchedule",
    ),
    "creatives": ("campaign", "intendedStatus", "content"),
}
_LONGEST_NAME = {"adCampaignGroups": 100, "adCampaigns": 255, "creatives": 255}
_MONEY = ("dailyBudget", "totalBudget", "unitCost")
_WITH_ENTITY = ("SPONSORED_UPDATES", "DYNAMIC")

#: The smallest budget of a day, in the smallest units of the currency: ten dollars.
_LEAST_UNITS = 1_000


@dataclass(frozen=True, slots=True)
class Rules:
    """Checks bodies of the resources below an account. `now` is in milliseconds."""

    objects: Objects
    account: WorldAccount
    now: int

    def check(self, resource: str, body: Mapping[str, Any], *, before: Mapping[str, Any] | None = None) -> None:
        """Refuse a body as a whole: of a new object, or of a changed one with what it was before."""
        missing = [name for name in _REQUIRED[resource] if name not in body and (before is None or name in before)]
        problems = [InputError(name, "Field is required", "MISSING_FIELD") for name in missing]
        if problems:
            raise bad_input(*problems)
        rules = {"adCampaignGroups": self._group, "adCampaigns": self._campaign, "creatives": self._creative}
        problems = [*self._common(resource, body, before or {}), *rules[resource](body, before)]
        if problems:
            raise bad_input(*problems)

    def _common(self, resource: str, body: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[InputError]:
        if self.objects.account_word(self.account) != "ACTIVE":
            yield _invalid("account", f"The account {self.account.id} is not active")
        if "account" in body and body["account"] != f"{urns.ACCOUNT}{self.account.id}":
            yield _invalid("account", "The account is not that of the path")
        name = body.get("name", "")
        if len(name) > _LONGEST_NAME[resource] or ("name" in body and not name.strip()):
            yield _invalid("name", f"The name must have 1 to {_LONGEST_NAME[resource]} characters")
        field = "intendedStatus" if resource == "creatives" else "status"
        if body[field] != before.get(field):
            if body[field] not in (_SETTABLE if before else _INITIAL):
                yield _invalid(field, f"{body[field]} cannot be set")
            elif before.get(field) in ("CANCELED", "PENDING_DELETION", "REMOVED"):
                yield _invalid(field, f"What is {before[field]} cannot be changed")
        for field in _MONEY:
            if field in body and body[field] != before.get(field):
                yield from self._amount(field, body[field])
        schedule, earlier = body.get("runSchedule", {}), before.get("runSchedule", {})
        if "start" in schedule and schedule["start"] != earlier.get("start") and schedule["start"] < self.now:
            yield _invalid("runSchedule/start", "The start must not be in the past")
        if "end" in schedule and schedule["end"] <= schedule["start"]:
            yield _invalid("runSchedule/end", "The end must be after the start")

    def _amount(self, field: str, money: dict[str, Any]) -> Iterator[InputError]:
        currency = self.account.currency
        if money["currencyCode"] != currency:
            yield _invalid(f"{field}/currencyCode", f"The currency must be that of the account, {currency}")
        elif micros_of(money) % minor_unit_micros(currency):
            yield _invalid(f"{field}/amount", f"{money['amount']} has more decimals than {currency}")
        elif field == "dailyBudget" and micros_of(money) < _LEAST_UNITS * minor_unit_micros(currency):
            yield _invalid(f"{field}/amount", "The budget of a day is below the least that is allowed")

    def _group(self, body: Mapping[str, Any], before: Mapping[str, Any] | None) -> Iterator[InputError]:
        if "totalBudget" in body and "end" not in body["runSchedule"]:
            yield InputError("runSchedule/end", "An end is required with totalBudget", "MISSING_FIELD")
        strategy = body.get("budgetOptimization", {}).get("budgetOptimizationStrategy")
        if "dailyBudget" in body and strategy != "DYNAMIC":
            yield _invalid("dailyBudget", "A group has a daily budget only with DYNAMIC optimization")
        if "dailyBudget" in body and "totalBudget" in body:
            yield _invalid("totalBudget", "A group has one budget only")

    def _campaign(self, body: Mapping[str, Any], before: Mapping[str, Any] | None) -> Iterator[InputError]:
        number = body["campaignGroup"].removeprefix(urns.GROUP)
        group = self.objects.group_of(number)
        if group is None or group.account_id != self.account.id:
            yield _invalid("campaignGroup", f"The account has no campaign group {number}")
            return
        above = self.objects.node(group)
        held = "dailyBudget" in above or "totalBudget" in above
        if not held and "dailyBudget" not in body and "totalBudget" not in body:
            yield InputError("dailyBudget", "dailyBudget or totalBudget is required", "MISSING_FIELD")
        if "totalBudget" in body:
            if body.get("pacingStrategy", "LIFETIME") != "LIFETIME":
                yield _invalid("pacingStrategy", "totalBudget needs LIFETIME pacing")
            if "end" not in body["runSchedule"]:
                yield InputError("runSchedule/end", "An end is required with totalBudget", "MISSING_FIELD")
        if body["type"] in _WITH_ENTITY and "associatedEntity" not in body:
            yield InputError("associatedEntity", "Field is required", "MISSING_FIELD")
        if not _has_location(body["targetingCriteria"]):
            yield _invalid("targetingCriteria", "At least one location must be targeted")

    def _creative(self, body: Mapping[str, Any], before: Mapping[str, Any] | None) -> Iterator[InputError]:
        number = body["campaign"].removeprefix(urns.CAMPAIGN)
        campaign = self.objects.campaign_of(number)
        if campaign is None or campaign.account_id != self.account.id:
            yield _invalid("campaign", f"The account has no campaign {number}")
            return
        if len(body["content"]) != 1:
            yield _invalid("content", "A creative has exactly one content")
        elif before is None and ("textAd" in body["content"]) != (self.objects.node(campaign)["type"] == "TEXT_AD"):
            yield _invalid("content", "The content does not fit the type of the campaign")


def _invalid(path: str, why: str) -> InputError:
    return InputError(path, why, "FIELD_INVALID")


def _has_location(criteria: Mapping[str, Any]) -> bool:
    clauses = criteria["include"].get("and")
    return isinstance(clauses, list) and any(
        isinstance(clause, dict) and isinstance(clause.get("or"), dict) and clause["or"].get(f"{urns.FACET}locations")
        for clause in clauses
    )
