"""Rows as the wire has them: which part of each resource is shown, and as what text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from adjoin_google.sandbox.catalog import Field, camel
from adjoin_google.sandbox.objects import Object
from adjoin_google.sandbox.plan import Plan
from adjoin_google.sandbox.store import pick, put

__all__ = ["Rows", "Shape", "row_text"]


class Rows(Protocol):
    """The rows of an answer, written as JSON when they are asked for."""

    def __len__(self) -> int: ...

    def texts(self, start: int, stop: int) -> list[str]:
        """Return rows from `start` up to but without `stop`, each as a JSON object."""
        ...


def row_text(parts: Sequence[str]) -> str:
    """Join the members of a row; empty ones are left out."""
    return "{" + ",".join(filter(None, parts)) + "}"


class Shape:
    """Cuts resources down to the selected fields. A strange shape has fields and values that nobody knows yet."""

    def __init__(self, plan: Plan, *, strange: bool = False) -> None:
        self._plan = plan
        self.strange = strange
        self._fields: dict[str, list[Field]] = {resource: [] for resource in plan.shown}
        for field in plan.attributes:
            self._fields[field.resource].append(field)

    def member(self, resource: str, value: Mapping[str, Any]) -> str:
        """Return a resource as a member of a row: `"campaign":{...}`, or nothing if there is nothing to show."""
        cut = self._cut(resource, value)
        if self.strange:
            cut = _made_strange(resource, cut, value)
        return f'"{camel(resource)}":{msgspec.json.encode(cut).decode()}' if cut else ""

    def _cut(self, resource: str, value: Mapping[str, Any]) -> Object:
        cut: Object = {}
        if self._plan.resource_names:
            cut["resourceName"] = value["resourceName"]
        for field in self._fields[resource]:
            path = field.path[1:]
            found = pick(value, path)
            # Empty lists and flags without presence are not there.
            if found is None or found == []:
                continue
            if self._plan.resource_names and path[0] == "ad" and "ad" not in cut:
                put(cut, ("ad", "resourceName"), value["ad"]["resourceName"])
            put(cut, path, found)
        return cut


def _made_strange(resource: str, cut: Object, value: Mapping[str, Any]) -> Object:
    """Add a field, and replace words by ones of a version to come. What decides where results belong stays."""
    strange: Object = {**cut, "sentiment": {"mood": "CHEERFUL", "score": "7"}}
    if value.get("advertisingChannelType") != "PERFORMANCE_MAX" and "advertisingChannelType" in cut:
        strange["advertisingChannelType"] = "HOLOGRAPHIC"
    for name in ("biddingStrategyType", "servingStatus", "primaryStatus", "adStrength"):
        if name in cut:
            strange[name] = "HOLOGRAPHIC"
    if resource == "ad_group" and "type" in cut:
        strange["type"] = "HOLOGRAPHIC_STANDARD"
    if "type" in cut.get("ad", {}):
        strange["ad"] = {**cut["ad"], "type": "HOLOGRAPHIC_AD", "hologram": {"depth": 3}}
    return strange
