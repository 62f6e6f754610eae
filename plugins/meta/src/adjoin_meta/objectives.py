"""Meta's objectives, those of today and those that old campaigns still have, as canonical words."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CHANNEL", "objective"]

#: Facebook, Instagram, Messenger and the Audience Network.
CHANNEL = "social"

_OBJECTIVES: Mapping[str, str] = {
    "OUTCOME_SALES": "sales",
    "OUTCOME_LEADS": "leads",
    "OUTCOME_TRAFFIC": "traffic",
    "OUTCOME_AWARENESS": "awareness",
    "OUTCOME_ENGAGEMENT": "engagement",
    "OUTCOME_APP_PROMOTION": "app",
    "CONVERSIONS": "sales",
    "PRODUCT_CATALOG_SALES": "sales",
    "LEAD_GENERATION": "leads",
    "LINK_CLICKS": "traffic",
    "BRAND_AWARENESS": "awareness",
    "REACH": "awareness",
    "EVENT_RESPONSES": "engagement",
    "MESSAGES": "engagement",
    "PAGE_LIKES": "engagement",
    "POST_ENGAGEMENT": "engagement",
    "VIDEO_VIEWS": "video_views",
    "APP_INSTALLS": "app",
}


def objective(native: str | None) -> str | None:
    """Return the canonical word for an objective; `other` for one that is not known, None where there is none."""
    return _OBJECTIVES.get(native, "other") if native else None
