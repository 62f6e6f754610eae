"""How conversions show up in `actions`: one event under many names, and custom conversions by id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

__all__ = ["SYNONYMS", "custom_id", "wire_names"]

#: Canonical action: all names under which Meta lists the same event.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "purchases": (
        "purchase",
        "omni_purchase",
        "offsite_conversion.fb_pixel_purchase",
        "web_in_store_purchase",
        "onsite_web_purchase",
    ),
    "leads": ("lead", "offsite_conversion.fb_pixel_lead"),
    "registrations": (
        "complete_registration",
        "omni_complete_registration",
        "offsite_conversion.fb_pixel_complete_registration",
    ),
    "add_to_cart": ("add_to_cart", "omni_add_to_cart", "offsite_conversion.fb_pixel_add_to_cart"),
    "checkouts": (
        "initiate_checkout",
        "omni_initiated_checkout",
        "offsite_conversion.fb_pixel_initiate_checkout",
    ),
}


def custom_id(action: str) -> str:
    """Return the id of the custom conversion that an action unknown to Meta becomes."""
    return str(10**15 + int(hashlib.sha256(action.encode()).hexdigest()[:12], 16) % 10**15)


def wire_names(action: str) -> tuple[str, ...]:
    """Return the action types under which an action of the world is listed."""
    return SYNONYMS.get(action) or (f"offsite_conversion.custom.{custom_id(action)}",)
