"""Changes of budgets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from adjoin.testing.world import WorldCampaign
from adjoin_google.sandbox.catalog import snake
from adjoin_google.sandbox.drafts import Draft, Steps
from adjoin_google.sandbox.operations import Operation, int64
from adjoin_google.sandbox.store import Budget

__all__ = ["checked_amount", "prepare_budget"]

_FIRST_ID = 14_000_000_000
_MOST_MICROS = 10**16
_FIXED = frozenset({"id", "period", "type", "status", "reference_count", "resource_name", "has_recommended_budget"})


def prepare_budget(operation: Operation, draft: Draft) -> Steps:
    """Check an operation on a budget and return what carries it out."""
    if operation.verb == "create":
        return _create(operation, draft)
    budget = draft.target(operation)
    assert isinstance(budget, Budget)
    if operation.verb == "remove":
        return _remove(operation, draft, budget)
    return _update(operation, draft, budget)


def checked_amount(operation: Operation, draft: Draft, key: str, family: str, code: str) -> int | None:
    """Read an amount of money; refuses one that is not above 0, too large, or no multiple of the smallest unit."""
    given = operation.value.get(key)
    if given is None:
        return None
    path = snake(key)
    amount = int64(given, path)
    shown = str(amount)
    if amount <= 0:
        if family == "campaignBudgetError" and amount < 0:
            raise operation.problem(family, "NEGATIVE_MONEY_AMOUNT", "Money amount was negative.", path, trigger=shown)
        raise operation.problem("rangeError", "TOO_LOW", "Too low.", path, trigger=shown)
    if amount > _MOST_MICROS:
        too_large = "MONEY_AMOUNT_TOO_LARGE" if family == "campaignBudgetError" else "BID_TOO_BIG"
        raise operation.problem(family, too_large, "Money amount was too large.", path, trigger=shown)
    if amount % draft.unit:
        raise operation.problem(family, code, "Money amount was not a multiple of a minimum unit.", path, trigger=shown)
    return amount


def _amount(operation: Operation, draft: Draft, key: str) -> int | None:
    return checked_amount(operation, draft, key, "campaignBudgetError", "NON_MULTIPLE_OF_MINIMUM_CURRENCY_UNIT")


def _create(operation: Operation, draft: Draft) -> Steps:
    draft.reserve(operation)
    value = operation.value
    shared = bool(value.get("explicitlyShared", True))
    period = str(value.get("period", "DAILY"))
    if period not in ("DAILY", "CUSTOM_PERIOD"):
        raise operation.problem("campaignBudgetError", "INVALID_PERIOD", "Invalid period.", "period", trigger=period)
    custom = period == "CUSTOM_PERIOD"
    daily, total = _amount(operation, draft, "amountMicros"), _amount(operation, draft, "totalAmountMicros")
    if custom and daily is not None:
        raise operation.problem(
            "campaignBudgetError",
            "BUDGET_AMOUNT_MUST_BE_UNSET_FOR_CUSTOM_BUDGET_PERIOD",
            "Budget amount must be unset when BudgetPeriod is CUSTOM_PERIOD.",
            "amount_micros",
        )
    if not custom and total is not None:
        raise operation.problem(
            "campaignBudgetError",
            "TOTAL_BUDGET_AMOUNT_MUST_BE_UNSET_FOR_BUDGET_PERIOD_DAILY",
            "Total budget amount must be unset when BudgetPeriod is DAILY.",
            "total_amount_micros",
        )
    amount = total if custom else daily
    if amount is None:
        raise operation.required("total_amount_micros" if custom else "amount_micros")
    name = str(value.get("name", ""))
    if shared and not name:
        raise operation.required("name")
    if shared:
        _check_name(operation, draft, name)
    budget = Budget(
        id="",
        account_id=draft.node.id,
        name=name,
        shared=shared,
        period=period,
        amount_micros=amount,
    )

    def carry_out() -> str:
        budget.id = str(_FIRST_ID + len(draft.store.budgets))
        draft.store.budgets[budget.id] = budget
        resource_name = draft.named("campaignBudgets", budget.id)
        draft.store.budget_changes[resource_name] = draft.now
        return draft.made(operation, resource_name)

    return carry_out


def _check_name(operation: Operation, draft: Draft, name: str, *, besides: str = "") -> None:
    """Refuse a name that another shared budget has."""
    known = {
        budget.name
        for budget in draft.store.budgets.values()
        if budget.account_id == draft.node.id and budget.shared and not budget.removed and budget.id != besides
    }
    key = ("budget", name)
    if name in known or key in draft.taken:
        raise operation.problem(
            "campaignBudgetError", "DUPLICATE_NAME", "A campaign budget with this name already exists.", "name",
            trigger=name,
        )  # fmt: skip
    draft.taken.add(key)


def _update(operation: Operation, draft: Draft, budget: Budget) -> Steps:
    paths = draft.mask(operation, _FIXED)
    changed: dict[str, Any] = {}
    for key, *_ in paths:
        if key in ("amountMicros", "totalAmountMicros"):
            wrong = (key == "totalAmountMicros") != (budget.period == "CUSTOM_PERIOD")
            amount = _amount(operation, draft, key)
            if wrong or amount is None:
                raise operation.problem("fieldError", "INVALID_VALUE", "The field cannot be set.", snake(key))
            changed["amount_micros"] = amount
        elif key == "name":
            changed["name"] = str(operation.value.get("name", ""))
            if not changed["name"]:
                raise operation.required("name")
            if budget.shared:
                _check_name(operation, draft, changed["name"], besides=budget.id)
        elif key == "explicitlyShared":
            if budget.shared and not operation.value.get("explicitlyShared"):
                raise operation.problem(
                    "campaignBudgetError",
                    "CANNOT_UPDATE_CAMPAIGN_BUDGET_TO_IMPLICITLY_SHARED",
                    "Cannot change a budget from explicitly to implicitly shared.",
                    "explicitly_shared",
                )
            changed["shared"] = bool(operation.value.get("explicitlyShared"))

    def carry_out() -> str:
        _adopt(draft, budget)
        for attribute, value in changed.items():
            setattr(budget, attribute, value)
        resource_name = draft.named("campaignBudgets", budget.id)
        draft.store.budget_changes[resource_name] = draft.now
        for campaign_id in sorted(budget.campaigns):
            spread(draft, budget, campaign_id)
        return resource_name

    return carry_out


def _adopt(draft: Draft, budget: Budget) -> None:
    """Keep a campaign's own budget as a resource from now on, as it may get a name or be shared."""
    draft.store.budgets[budget.id] = budget
    for campaign_id in budget.campaigns:
        draft.store.budget_of[campaign_id] = budget.id


def spread(draft: Draft, budget: Budget, campaign_id: str) -> None:
    """Let a campaign of the world have its budget's amount."""
    campaign = draft.world.find(campaign_id)
    assert isinstance(campaign, WorldCampaign)
    daily = budget.period == "DAILY"
    draft.store.touched[campaign_id] = draft.world.update(
        replace(
            campaign,
            daily_budget_micros=budget.amount_micros if daily else None,
            lifetime_budget_micros=None if daily else budget.amount_micros,
        )
    )


def _remove(operation: Operation, draft: Draft, budget: Budget) -> Steps:
    if budget.campaigns:
        raise operation.problem(
            "campaignBudgetError", "CAMPAIGN_BUDGET_IN_USE", "The budget is associated with at least one campaign."
        )

    def carry_out() -> str:
        budget.removed = True
        resource_name = draft.named("campaignBudgets", budget.id)
        draft.store.budget_changes[resource_name] = draft.now
        return resource_name

    return carry_out
