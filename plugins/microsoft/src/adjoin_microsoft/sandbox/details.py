"""What the sandbox keeps beside the world's objects: what the API stores and the world has no place for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adjoin.testing.world import Presence, WorldAdGroup, WorldCampaign
from adjoin_microsoft.sandbox.states import GONE

__all__ = ["Details", "SharedBudget"]

_FIRST_BUDGET = 8_000_000_001


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedBudget:
    """A budget that campaigns share. Without an amount it is what the campaign's ad groups may spend together."""

    id: str
    account_id: str
    name: str
    amount_micros: int | None


@dataclass(slots=True)
class Details:
    """Fields of objects by id, and the shared budgets.

    Ad groups have no budgets at the vendor, so a campaign of the world that leaves its budget to its ad groups is shown
    with a shared one.
    """

    world: Presence
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    budgets: dict[str, SharedBudget] = field(default_factory=dict)
    budget_of: dict[str, str] = field(default_factory=dict)  #: by the campaign's id
    _known: set[str] = field(default_factory=set)

    def of(self, object_id: str) -> dict[str, Any]:
        """Return what is kept about an object; what is changed in it stays."""
        return self.fields.setdefault(object_id, {})

    def shared(self, campaign: WorldCampaign) -> SharedBudget | None:
        """Return the shared budget that a campaign uses, None if it has its own."""
        self._adopt()
        return self.budgets.get(self.budget_of.get(campaign.id, ""))

    def budget(self, budget_id: str, account_id: str) -> SharedBudget | None:
        """Return a shared budget of an account."""
        self._adopt()
        found = self.budgets.get(budget_id)
        return found if found is not None and found.account_id == account_id else None

    def all_budgets(self, account_id: str) -> list[SharedBudget]:
        self._adopt()
        return [budget for budget in self.budgets.values() if budget.account_id == account_id]

    def amount(self, budget: SharedBudget) -> int:
        """Return what a shared budget allows per day, in micros."""
        if budget.amount_micros is not None:
            return budget.amount_micros
        users = {campaign for campaign, used in self.budget_of.items() if used == budget.id}
        groups = self.world.ad_groups(budget.account_id)
        return sum(group.daily_budget_micros or 0 for group in groups if group.campaign_id in users)

    def users(self, budget_id: str) -> list[WorldCampaign]:
        """Return the campaigns that use a shared budget."""
        self._adopt()
        campaigns = (self.world.find(campaign) for campaign, used in self.budget_of.items() if used == budget_id)
        found = (campaign for campaign in campaigns if isinstance(campaign, WorldCampaign))
        return [campaign for campaign in found if campaign.status not in GONE]

    def add_budget(self, account_id: str, name: str, amount_micros: int | None) -> SharedBudget:
        made = SharedBudget(
            id=str(max([_FIRST_BUDGET - 1, *map(int, self.budgets)]) + 1),
            account_id=account_id,
            name=name,
            amount_micros=amount_micros,
        )
        self.budgets[made.id] = made
        return made

    def change_budget(self, budget: SharedBudget, *, name: str, amount_micros: int) -> None:
        """Change a shared budget; the campaigns that use it have the new amount at once."""
        self.budgets[budget.id] = replace(budget, name=name, amount_micros=amount_micros)
        for campaign in self.users(budget.id):
            self.world.update(replace(campaign, daily_budget_micros=amount_micros))

    def _adopt(self) -> None:
        """Give a shared budget to the campaigns of the world that have none."""
        new = [campaign for campaign in self.world.campaigns() if campaign.id not in self._known]
        if not new:
            return
        budgeted = {group.campaign_id for group in _with_budget(self.world.ad_groups())}
        for campaign in new:
            self._known.add(campaign.id)
            own = campaign.daily_budget_micros is not None or campaign.lifetime_budget_micros is not None
            if not own and campaign.id in budgeted and campaign.id not in self.budget_of:
                name = f"Shared budget of {campaign.name}"
                self.budget_of[campaign.id] = self.add_budget(campaign.account_id, name, None).id


def _with_budget(groups: Sequence[WorldAdGroup]) -> list[WorldAdGroup]:
    return [group for group in groups if group.daily_budget_micros is not None]
