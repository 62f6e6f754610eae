"""The changes of Campaign Management: which operation changes what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from adjoin.testing.world import WorldAccount
from adjoin_microsoft.sandbox.ad_changes import AdChanges
from adjoin_microsoft.sandbox.ad_group_changes import AdGroupChanges
from adjoin_microsoft.sandbox.budget_changes import BudgetChanges
from adjoin_microsoft.sandbox.calls import Call
from adjoin_microsoft.sandbox.campaign_changes import CampaignChanges
from adjoin_microsoft.sandbox.errors import fault
from adjoin_microsoft.sandbox.keyword_changes import KeywordChanges
from adjoin_microsoft.sandbox.objects import Objects

__all__ = ["Mutations"]

_VERBS = {"POST": "add", "PUT": "update", "DELETE": "delete"}


class Mutations:
    """Adds, changes and deletes; everything can be read back at once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def answer(self, call: Call, account: WorldAccount, now: datetime) -> Mapping[str, Any]:
        verb = _VERBS.get(call.method, "")
        objects = self._objects
        answer: Mapping[str, Any]
        match call.operation:
            case "Campaigns":
                answer = getattr(CampaignChanges(objects, account, now), verb)(call)
            case "Budgets":
                answer = getattr(BudgetChanges(objects.details, account), verb)(call)
            case "AdGroups":
                answer = getattr(AdGroupChanges(objects, account, call), verb)()
            case "Ads":
                answer = getattr(AdChanges(objects, account, call), verb)()
            case "Keywords":
                answer = getattr(KeywordChanges(objects, account, call), verb)()
            case _:
                raise fault(204, details=f"{call.method} {call.operation}")
        return answer
