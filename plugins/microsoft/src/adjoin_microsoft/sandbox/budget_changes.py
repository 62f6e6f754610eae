"""Adding, changing and deleting shared budgets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adjoin.testing.world import WorldAccount
from adjoin_microsoft.sandbox.calls import Call, id_of
from adjoin_microsoft.sandbox.changes import Change, ItemError, amount, change_all, delete_all, one_of
from adjoin_microsoft.sandbox.columns import words
from adjoin_microsoft.sandbox.details import Details, SharedBudget

__all__ = ["BudgetChanges"]

_FIELDS = words("Name Amount BudgetType AssociationCount Id")
_LIMITS = ("DailyBudgetAccelerated", "DailyBudgetStandard", "LifetimeBudgetStandard")
_MOST = 100


class BudgetChanges:
    """The operations on shared budgets of one account."""

    def __init__(self, details: Details, account: WorldAccount) -> None:
        self._details = details
        self._account = account

    def add(self, call: Call) -> Mapping[str, Any]:
        call.known_keys("Budgets")
        outcome = change_all(call, "Budgets", _FIELDS, self._add, none=4901, too_many=(4913, _MOST), null=4902)
        return {"BudgetIds": outcome.ids, "PartialErrors": outcome.errors}

    def update(self, call: Call) -> Mapping[str, Any]:
        call.known_keys("Budgets")
        outcome = change_all(call, "Budgets", _FIELDS, self._update, none=4901, too_many=(4913, _MOST), null=4902)
        return {"PartialErrors": outcome.errors}

    def delete(self, call: Call) -> Mapping[str, Any]:
        call.known_keys("BudgetIds")
        return delete_all(call, "BudgetIds", self._delete, none=4901, too_many=(4913, _MOST))

    def _add(self, change: Change) -> str:
        if change.get("Id") is not None:
            raise ItemError(4903, "Id")
        limit = one_of(change, "BudgetType", _LIMITS)
        if limit != "DailyBudgetStandard":
            raise ItemError(4908, "BudgetType")
        return self._details.add_budget(self._account.id, self._name(change), self._amount(change)).id

    def _update(self, change: Change) -> str:
        budget = self._known(id_of(change.get("Id"), f"{change.path}.Id"))
        name = self._name(change, but=budget.id) if change.text("Name") else budget.name
        micros = self._details.amount(budget) if change.get("Amount") is None else self._amount(change)
        self._details.change_budget(budget, name=name, amount_micros=micros)
        return budget.id

    def _delete(self, budget_id: str) -> None:
        budget = self._known(budget_id)
        if self._details.users(budget.id):
            raise ItemError(4918, "Id")
        del self._details.budgets[budget.id]

    def _known(self, budget_id: str) -> SharedBudget:
        budget = self._details.budget(budget_id, self._account.id)
        if budget is None:
            raise ItemError(4916, "Id")
        return budget

    def _name(self, change: Change, but: str = "") -> str:
        name = change.text("Name")
        if not name.strip():
            raise ItemError(4904, "Name")
        for known in self._details.all_budgets(self._account.id):
            if known.id != but and known.name.lower() == name.lower():
                raise ItemError(4907, "Name")
        return name

    def _amount(self, change: Change) -> int:
        if change.get("Amount") is None:
            raise ItemError(4910, "Amount")
        return amount(change.get("Amount"), 4912, "Amount")
