"""Conversion goals and the tag that measures them. An action of the world is the event goal that counts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adjoin.testing.world import ACTIONS, CONVERSIONS, Presence

__all__ = ["GOAL_TYPES", "Goals"]

#: The flags of the enumeration of goal types.
GOAL_TYPES = (
    "None",
    "Url",
    "Duration",
    "PagesViewedPerVisit",
    "Event",
    "AppInstall",
    "OfflineConversion",
    "InStoreTransaction",
    "AppDownload",
)
_NAMES: Mapping[str, tuple[str, str]] = {
    "purchases": ("Purchase", "Purchase"),
    "leads": ("Lead form", "SubmitLeadForm"),
    "registrations": ("Sign-up", "Signup"),
    "add_to_cart": ("Add to cart", "AddToCart"),
    "checkouts": ("Begin checkout", "BeginCheckout"),
}
_FIRST_GOAL, _TAG = 46_000_101, "97000011"
_THIRTY_DAYS = 43_200


class Goals:
    """The goals of every account: one for each action that occurs in the world."""

    def __init__(self, world: Presence) -> None:
        self._world = world
        self._known: list[str] | None = None

    @property
    def _actions(self) -> list[str]:
        """All actions: those of a generated world, and those that a world from a file has besides."""
        if self._known is None:
            found = {str(action) for action in self._world.truth("conversion_daily")["action"].unique().to_pylist()}
            self._known = [*ACTIONS, *sorted(found.difference(ACTIONS))]
        return self._known

    def name(self, action: str) -> str:
        return _NAMES.get(action, (action, ""))[0]

    def id(self, action: str) -> str:
        return str(_FIRST_GOAL + self._actions.index(action))

    def all(self, *, categories: bool) -> list[dict[str, Any]]:
        """Return all goals; their categories are an additional field, null unless asked for."""
        return [self._goal(action, categories=categories) for action in self._actions]

    def _goal(self, action: str, *, categories: bool) -> dict[str, Any]:
        name, category = _NAMES.get(action, (action, "Other"))
        counted = action not in ACTIONS or action in CONVERSIONS
        return {
            "Type": "Event",
            "Id": self.id(action),
            "Name": name,
            "Status": "Active",
            "Scope": "Account",
            "CountType": "All",
            "ConversionWindowInMinutes": _THIRTY_DAYS,
            "ExcludeFromBidding": not counted,
            "GoalCategory": category if categories else None,
            "Revenue": {"Type": "VariableValue", "Value": None, "CurrencyCode": None},
            "TagId": _TAG,
            "TrackingStatus": "RecordingConversions",
            "ViewThroughConversionWindowInMinutes": None,
            "AttributionModelType": None,
            "ActionExpression": action,
            "ActionOperator": "Equals",
            "CategoryExpression": None,
            "CategoryOperator": None,
            "LabelExpression": None,
            "LabelOperator": None,
            "Value": None,
            "ValueOperator": None,
        }

    def tag(self) -> dict[str, Any]:
        """Return the one UET tag."""
        return {
            "Id": _TAG,
            "Name": "Shop",
            "Description": "All pages of the shop",
            "TrackingScript": "<script>/* made up */</script>",
            "TrackingNoScript": None,
            "TrackingStatus": "Active",
            "CustomerShare": None,
            "Industry": None,
        }
