"""Which action a conversion goal stands for."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from adjoin.ads.v2 import Account, Client
from adjoin_microsoft.services import call

__all__ = ["CATEGORIES", "goal_actions"]

_PATH = "/CampaignManagement/v13/ConversionGoals/QueryByIds"

_TYPES = "Url,Duration,PagesViewedPerVisit,Event,AppInstall,OfflineConversion,InStoreTransaction,AppDownload"

#: Category of a goal: the canonical action. Goals of other categories are actions under their own names.
CATEGORIES: Mapping[str, str] = {
    "Purchase": "purchases",
    "SubmitLeadForm": "leads",
    "Signup": "registrations",
    "AddToCart": "add_to_cart",
    "BeginCheckout": "checkouts",
    "Subscribe": "subscriptions",
    "BookAppointment": "appointments",
    "Contact": "contacts",
}

_APP_GOALS = frozenset({"AppInstall", "AppInstallGoal"})


class _Goal(msgspec.Struct):
    name: str | None = msgspec.field(name="Name", default=None)
    type: str | None = msgspec.field(name="Type", default=None)
    category: str | None = msgspec.field(name="GoalCategory", default=None)


class _Goals(msgspec.Struct):
    goals: list[_Goal | None] | None = msgspec.field(name="ConversionGoals", default=None)


async def goal_actions(client: Client, account: Account) -> dict[str, str]:
    """Return the action of each goal by the goal's name: a canonical one or, without a category that has one, the name.

    Goals that are deleted are not listed any more. Raises PlatformError.
    """
    body = {"ConversionGoalIds": None, "ConversionGoalTypes": _TYPES, "ReturnAdditionalFields": "GoalCategory"}
    answer = await call(client, _PATH, body, _Goals, account=account)
    actions: dict[str, str] = {}
    for goal in answer.goals or ():
        if goal is None or not goal.name:
            continue
        canonical = CATEGORIES.get(goal.category or "") or ("app_installs" if goal.type in _APP_GOALS else None)
        actions[goal.name] = canonical or goal.name
    return actions
