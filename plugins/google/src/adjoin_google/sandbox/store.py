"""What the sandbox keeps beside the world: budgets as resources, and details that the world has no place for."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adjoin.testing.world import WorldCampaign

__all__ = ["Budget", "Store", "merged", "pick", "put"]


def pick(value: Mapping[str, Any], path: Sequence[str]) -> Any:
    """Return what lies below a path of keys, None if there is nothing."""
    found: Any = value
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def put(value: dict[str, Any], path: Sequence[str], given: Any) -> None:
    """Store something below a path of keys; None takes away what is there."""
    *above, last = path
    for key in above:
        value = value.setdefault(key, {})
    if given is None:
        value.pop(last, None)
    else:
        value[last] = given


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return both together, the second one on top."""
    result = dict(base)
    for key, value in over.items():
        known = result.get(key)
        result[key] = merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return result


@dataclass(slots=True, kw_only=True)
class Budget:
    """A budget that was made here. `campaigns` use it; the amount is theirs in the world as well."""

    id: str
    account_id: str
    name: str
    shared: bool
    period: str
    amount_micros: int
    removed: bool = False
    campaigns: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Store:
    """Kept in memory for as long as the sandbox runs.

    `details` are set on top of what the world says, and `dropped` paths taken out of it, by resource name. `touched`
    is a campaign as it was after a change of its budget alone; `undeclared` ones lack the declaration on political ads.
    """

    budgets: dict[str, Budget] = field(default_factory=dict)
    budget_of: dict[str, str] = field(default_factory=dict)
    details: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    touched: dict[str, WorldCampaign] = field(default_factory=dict)
    undeclared: set[str] = field(default_factory=set)
    budget_changes: dict[str, datetime] = field(default_factory=dict)

    def dress(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return an object of the world with its details."""
        name = str(value["resourceName"])
        over, dropped = self.details.get(name), self.dropped.get(name)
        if over:
            value = merged(value, over)
        if dropped:
            value = copy.deepcopy(value)
            for path in dropped:
                if pick(value, path) is not None:
                    put(value, path, None)
        return value

    def note(self, name: str, path: tuple[str, ...], given: Any) -> None:
        """Keep a detail; None says that there is none, whatever the world has."""
        self.dropped.setdefault(name, set()).discard(path)
        if given is None:
            self.dropped[name].add(path)
        put(self.details.setdefault(name, {}), path, copy.deepcopy(given))
