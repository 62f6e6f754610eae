"""What ads say, in the shape of their type."""

from __future__ import annotations

from typing import Any

from adjoin.testing.world import WorldAd

__all__ = ["ad_texts"]


def ad_texts(ad: WorldAd, channel: str) -> dict[str, Any]:
    """Return the part of an ad that its type has for itself; nothing for a type without texts."""
    headline = {"text": ad.headline or ad.name[:30]}
    description = {"text": "Everything for outdoors, delivered to your door."}
    match channel:
        case "search":
            return {
                "responsiveSearchAd": {
                    "headlines": [headline, {"text": "Free returns"}, {"text": "Order before noon"}],
                    "descriptions": [description, {"text": "Made to last. Repaired for free."}],
                    "path1": "shop",
                }
            }
        case "display":
            return {
                "responsiveDisplayAd": {
                    "headlines": [headline],
                    "longHeadline": headline,
                    "descriptions": [description],
                    "businessName": "Nordlicht",
                }
            }
        case "video":
            return {
                "videoResponsiveAd": {
                    "headlines": [headline],
                    "longHeadlines": [headline],
                    "descriptions": [description],
                }
            }
    return {}
