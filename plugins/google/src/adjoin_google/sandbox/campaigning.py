"""Changes of campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Literal

from adjoin.ads.v2 import Status
from adjoin.testing.world import WorldCampaign
from adjoin_google.sandbox.budgeting import spread
from adjoin_google.sandbox.catalog import enum_values, snake
from adjoin_google.sandbox.drafts import Draft, Known, Steps, given_status, is_gone
from adjoin_google.sandbox.operations import Operation
from adjoin_google.sandbox.schedules import given_days
from adjoin_google.sandbox.states import BIDDING, CHANNELS
from adjoin_google.sandbox.store import Budget, pick

__all__ = ["DECLARATION", "prepare_campaign"]

DECLARATION = "containsEuPoliticalAdvertising"

#: How campaigns bid: key of the settings -> type, and the objective that the world gets from it.
_BIDDING: Mapping[str, tuple[str, Literal["sales", "leads", "traffic", "awareness"]]] = {
    "maximizeConversionValue": ("MAXIMIZE_CONVERSION_VALUE", "sales"),
    "targetRoas": ("TARGET_ROAS", "sales"),
    "maximizeConversions": ("MAXIMIZE_CONVERSIONS", "leads"),
    "targetCpa": ("TARGET_CPA", "leads"),
    "targetSpend": ("TARGET_SPEND", "traffic"),
    "manualCpc": ("MANUAL_CPC", "traffic"),
    "percentCpc": ("PERCENT_CPC", "traffic"),
    "commission": ("COMMISSION", "sales"),
    "targetImpressionShare": ("TARGET_IMPRESSION_SHARE", "awareness"),
    "manualCpm": ("MANUAL_CPM", "awareness"),
    "manualCpv": ("MANUAL_CPV", "awareness"),
    "targetCpm": ("TARGET_CPM", "awareness"),
}
_FIXED = frozenset(
    {
        "id",
        "resource_name",
        "advertising_channel_type",
        "serving_status",
        "primary_status",
        "primary_status_reasons",
        "bidding_strategy_type",
        "experiment_type",
        "missing_eu_political_advertising_declaration",
    }
)

#: What the world itself keeps; anything else is a detail.
_HELD = frozenset({"resourceName", "name", "status", "campaignBudget", "startDateTime", "endDateTime"})


def prepare_campaign(operation: Operation, draft: Draft) -> Steps:
    """Check an operation on a campaign and return what carries it out."""
    if operation.verb == "create":
        return _create(operation, draft)
    campaign = draft.target(operation)
    assert isinstance(campaign, WorldCampaign)
    if operation.verb == "update":
        return _update(operation, draft, campaign)

    def remove() -> str:
        _detach(draft, campaign.id)
        draft.world.update(replace(draft.current(campaign), status=Status.REMOVED))
        return operation.name

    return remove


# --- creating -----------------------------------------------------------------------------------------------------


def _create(operation: Operation, draft: Draft) -> Steps:
    draft.reserve(operation)
    value = operation.value
    name = _name(operation, draft)
    status = given_status(operation, "ENABLED")
    native = str(value.get("advertisingChannelType", ""))
    channel = next((known for known, word in CHANNELS.items() if word == native), None)
    if not native:
        raise operation.required("advertising_channel_type")
    if channel is None:
        raise operation.problem(
            "campaignError",
            "ADVERTISING_CHANNEL_TYPE_NOT_AVAILABLE_FOR_ACCOUNT_TYPE",
            "The channel type is not available.",
            "advertising_channel_type",
            trigger=native,
        )
    if DECLARATION not in value:
        raise operation.required(snake(DECLARATION))
    _check_declaration(operation)
    bidding = _bidding(operation)
    budget = draft.refer(operation, "campaignBudget", "campaign_budget")
    start, end = given_days(operation, draft, None)
    _check_budget(operation, draft, budget, end)
    if channel == "search" and "networkSettings" in value and not any(value["networkSettings"].values()):
        raise operation.problem(
            "campaignError",
            "CAMPAIGN_MUST_TARGET_AT_LEAST_ONE_NETWORK",
            "Campaigns must target at least one network.",
            "network_settings",
        )
    objective = _BIDDING[bidding][1]

    def carry_out() -> str:
        made = draft.world.create_campaign(
            account_id=draft.node.id, name=name, status=status, channel=channel, objective=objective, end_date=end
        )
        if start is not None and start != made.start_date:
            draft.world.update(replace(made, start_date=start))
        resource_name = draft.named("campaigns", made.id)
        for key, detail in value.items():
            if key not in _HELD:
                draft.store.note(resource_name, (key,), detail)
        _note_bidding(draft, resource_name, bidding, value[bidding], objective)
        _attach(draft, made.id, draft.real_id(str(value["campaignBudget"])))
        draft.store.touched.pop(made.id, None)
        return draft.made(operation, resource_name)

    return carry_out


def _name(operation: Operation, draft: Draft, *, besides: str = "") -> str:
    """Return the name; refuses one that another campaign of the account has."""
    name = str(operation.value.get("name", ""))
    if not name:
        raise operation.required("name")
    if len(name) > 255:
        raise operation.problem("stringLengthError", "TOO_LONG", "Too long.", "name", trigger=name)
    known = {
        campaign.name
        for campaign in draft.world.campaigns(draft.node.id)
        if campaign.id != besides and not is_gone(campaign)
    }
    key = ("campaign", name)
    if name in known or key in draft.taken:
        raise operation.problem(
            "campaignError",
            "DUPLICATE_CAMPAIGN_NAME",
            "The given campaign name is already in use by another campaign.",
            "name",
            trigger=name,
        )
    draft.taken.add(key)
    return name


def _check_declaration(operation: Operation) -> None:
    given = str(operation.value.get(DECLARATION, ""))
    if given not in enum_values("EuPoliticalAdvertisingStatus") - {"UNSPECIFIED", "UNKNOWN"}:
        raise operation.problem(
            "enumError", "ENUM_VALUE_NOT_PERMITTED", "The enum value is not permitted.", snake(DECLARATION),
            trigger=given,
        )  # fmt: skip


def _bidding(operation: Operation) -> str:
    """Return the key of the one bidding strategy that is given."""
    given = [key for key in _BIDDING if key in operation.value]
    if not given:
        raise operation.required("campaign_bidding_strategy")
    if len(given) > 1:
        raise operation.problem(
            "biddingError",
            "INVALID_ANONYMOUS_BIDDING_STRATEGY_TYPE",
            "A campaign has exactly one bidding strategy.",
            snake(given[1]),
        )
    return given[0]


def _note_bidding(draft: Draft, resource_name: str, bidding: str, settings: Any, objective: str) -> None:
    """Keep how a campaign bids, in place of what the world's objective would say."""
    for known in {*BIDDING[objective][1], *_BIDDING} - {bidding}:
        draft.store.note(resource_name, (known,), None)
    draft.store.note(resource_name, ("biddingStrategyType",), _BIDDING[bidding][0])
    draft.store.note(resource_name, (bidding,), settings or {})


def _check_budget(operation: Operation, draft: Draft, budget: dict[str, Any] | Known, end: date | None) -> None:
    """Refuse a budget that is another campaign's alone, or that needs an end which is not there."""
    if isinstance(budget, Budget):
        period, shared, users = budget.period, budget.shared, len(budget.campaigns)
    else:
        assert isinstance(budget, dict)
        period, shared, users = str(budget.get("period", "DAILY")), bool(budget.get("explicitlyShared", True)), 0
    key = ("budget in use", str(operation.value["campaignBudget"]))
    if not shared and (users or key in draft.taken):
        raise operation.problem(
            "campaignBudgetError",
            "CANNOT_USE_IMPLICITLY_SHARED_CAMPAIGN_BUDGET_WITH_MULTIPLE_CAMPAIGNS",
            "Cannot use an implicitly shared campaign budget with multiple campaigns.",
            "campaign_budget",
        )
    draft.taken.add(key)
    if period == "CUSTOM_PERIOD" and end is None:
        raise operation.problem(
            "campaignError",
            "END_DATE_TIME_REQUIRED_FOR_TOTAL_BUDGET",
            "An end date is required for a campaign with a total budget.",
            "end_date_time",
        )


def _attach(draft: Draft, campaign_id: str, budget_id: str) -> None:
    """Let a campaign use another budget than before."""
    budget = draft.find("campaign_budget", draft.named("campaignBudgets", budget_id))
    assert isinstance(budget, Budget)
    _detach(draft, campaign_id)
    draft.store.budgets[budget.id] = budget
    budget.campaigns.add(campaign_id)
    draft.store.budget_of[campaign_id] = budget.id
    spread(draft, budget, campaign_id)


def _detach(draft: Draft, campaign_id: str) -> None:
    known = draft.store.budgets.get(draft.store.budget_of.get(campaign_id, ""))
    if known is not None:
        known.campaigns.discard(campaign_id)


# --- updating -----------------------------------------------------------------------------------------------------


def _update(operation: Operation, draft: Draft, campaign: WorldCampaign) -> Steps:
    value = operation.value
    paths = draft.mask(operation, _FIXED)
    keys = {path[0] for path in paths}
    changed: dict[str, Any] = {}
    if "name" in keys:
        changed["name"] = _name(operation, draft, besides=campaign.id)
    if "status" in keys:
        changed["status"] = given_status(operation, "")
    start, end = given_days(operation, draft, campaign)
    if "startDateTime" in keys:
        if campaign.start_date <= draft.today:
            raise operation.problem(
                "campaignError",
                "CANNOT_MODIFY_START_DATE_IF_ALREADY_STARTED",
                "Cannot modify the start date of a campaign that has started.",
                "start_date_time",
            )
        changed["start_date"] = start or draft.today
    if "endDateTime" in keys:
        changed["end_date"] = end
    if DECLARATION in keys:
        _check_declaration(operation)
    if "campaignBudget" in keys:
        budget = draft.refer(operation, "campaignBudget", "campaign_budget")
        _check_budget(operation, draft, budget, changed.get("end_date", campaign.end_date))
    strategies = [key for key in _BIDDING if key in keys]
    if len(strategies) > 1:
        _bidding(operation)

    def carry_out() -> str:
        if "campaignBudget" in keys:
            _attach(draft, campaign.id, draft.real_id(str(value["campaignBudget"])))
        if strategies:
            objective = _BIDDING[strategies[0]][1]
            changed["objective"] = objective
            _note_bidding(draft, operation.name, strategies[0], value.get(strategies[0]), objective)
        for path in paths:
            if path[0] not in _HELD and path[0] not in strategies:
                draft.store.note(operation.name, path, pick(value, path))
        if DECLARATION in keys:
            draft.store.undeclared.discard(campaign.id)
        draft.world.update(replace(draft.current(campaign), **changed))
        return operation.name

    return carry_out
