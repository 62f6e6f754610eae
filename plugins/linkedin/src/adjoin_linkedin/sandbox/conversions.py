"""Conversions that an account has defined. LinkedIn lists them per account; here they follow from what happened."""

from __future__ import annotations

import hashlib
from typing import Any

from adjoin.testing.world import Presence, WorldAccount
from adjoin_linkedin.sandbox import urns

__all__ = ["LEADS", "conversion_id", "conversion_nodes"]

#: The action that happens in forms on the platform itself, so it is no defined conversion.
LEADS = "leads"

_TYPES = {
    "purchases": ("Purchase", "PURCHASE"),
    "registrations": ("Sign-up", "SIGN_UP"),
    "add_to_cart": ("Add to cart", "ADD_TO_CART"),
    "checkouts": ("Start checkout", "START_CHECKOUT"),
}
_USUAL = frozenset({"purchases", "registrations"})


def conversion_id(action: str) -> str:
    """Return the number of the conversion that an action of the world is."""
    return str(10**7 + int(hashlib.sha256(action.encode()).hexdigest()[:12], 16) % 10**7)


def conversion_nodes(world: Presence, account: WorldAccount) -> list[dict[str, Any]]:
    """Return an account's conversions: the usual two, and what else has happened there."""
    happened = world.truth("conversion_daily", account_id=account.id)["action"].unique().to_pylist()
    actions = _USUAL | {str(action) for action in happened} - {LEADS}
    return [_node(action, account) for action in sorted(actions)]


def _node(action: str, account: WorldAccount) -> dict[str, Any]:
    name, type_ = _TYPES.get(action, (action, "OTHER"))
    return {
        "id": int(conversion_id(action)),
        "name": name,
        "type": type_,
        "account": f"{urns.ACCOUNT}{account.id}",
        "conversionMethod": "INSIGHT_TAG",
        "enabled": True,
        "attributionType": "LAST_TOUCH_BY_CAMPAIGN",
        "postClickAttributionWindowSize": 30,
        "viewThroughAttributionWindowSize": 7,
        "created": round(account.created_at.timestamp() * 1000),
        "lastModified": round(account.created_at.timestamp() * 1000),
    }
