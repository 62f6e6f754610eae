"""Conversion actions: what the platform calls the world's actions, and which of them count."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from adjoin.testing.world import CONVERSIONS

__all__ = ["Action", "actions_of"]

#: Name and category of the canonical actions. Purchases are counted by two of the advertiser's tags.
_KNOWN: Mapping[str, tuple[tuple[str, str], ...]] = {
    "add_to_cart": (("Add to basket", "ADD_TO_CART"),),
    "checkouts": (("Checkout started", "BEGIN_CHECKOUT"),),
    "leads": (("Contact form", "SUBMIT_LEAD_FORM"),),
    "purchases": (("Purchase", "PURCHASE"), ("Purchase (app)", "PURCHASE")),
    "registrations": (("Sign-up", "SIGNUP"),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A conversion action. `counted` ones are in `conversions`, all are in `all_conversions`."""

    id: str
    name: str
    category: str
    counted: bool

    def resource_name(self, customer_id: str) -> str:
        return f"customers/{customer_id}/conversionActions/{self.id}"


def actions_of(name: str) -> tuple[Action, ...]:
    """Return the conversion actions that together are one of the world's: two for purchases, one for others.

    An action that the world has from a file keeps its name and has no category of its own.
    """
    known = _KNOWN.get(name, ((name, "DEFAULT"),))
    return tuple(
        Action(
            id=str(100_000_000 + zlib.crc32(title.encode()) % 900_000_000),
            name=title,
            category=category,
            counted=name in CONVERSIONS or name not in _KNOWN,
        )
        for title, category in known
    )
