"""Creatives: one behind each ad of the world, and those that were created since. Images belong to them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from adjoin.testing.world import WorldAd

__all__ = ["PAGE_ID", "Creatives", "landing_url", "story_of"]

PAGE_ID = "100000000000001"

#: A creative of the world has its ad's id with this in front.
_PREFIX = "23"
_FIRST_ID = 23_900_000_000_000_000_000


def story_of(node: dict[str, Any]) -> tuple[str, str, str]:
    """Return format, headline and landing page of a creative."""
    story = node.get("object_story_spec") or {}
    if video := story.get("video_data"):
        link = ((video.get("call_to_action") or {}).get("value") or {}).get("link", "")
        return "video", video.get("title", ""), link
    link_data = story.get("link_data") or {}
    return "image", link_data.get("name", ""), link_data.get("link", "")


def landing_url(node: dict[str, Any]) -> str:
    """Return the landing page of a creative, empty where it has none."""
    return story_of(node)[2]


@dataclass(slots=True)
class Creatives:
    """The creatives and images that were created, and which ad uses which of them."""

    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    _of_ads: dict[str, str] = field(default_factory=dict)

    def of(self, ad: WorldAd) -> dict[str, Any]:
        """Return the creative of an ad."""
        made = self.made.get(self._of_ads.get(ad.id, ""))
        return made if made is not None else self.original(ad)

    def original(self, ad: WorldAd) -> dict[str, Any]:
        """Return the creative that an ad of the world came with."""
        story: dict[str, Any] = {"page_id": PAGE_ID}
        link = ad.landing_url or None
        if ad.format == "video":
            action = {"type": "SHOP_NOW", "value": {"link": link}} if link else {"type": "NO_BUTTON"}
            story["video_data"] = {"title": ad.headline, "call_to_action": action}
        else:
            story["link_data"] = {"name": ad.headline} | ({"link": link} if link else {})
        return {
            "id": f"{_PREFIX}{ad.id}",
            "account_id": ad.account_id.removeprefix("act_"),
            "name": f"{ad.name} creative",
            "status": "ACTIVE",
            "title": ad.headline or None,
            "object_type": "VIDEO" if ad.format == "video" else "SHARE",
            "thumbnail_url": _thumbnail(hashlib.sha256(ad.id.encode()).hexdigest()),
            "object_story_spec": story,
        }

    def ad_id(self, creative_id: str) -> str:
        """Return the id of the ad that an original creative would belong to, empty if the id is none of theirs."""
        return creative_id.removeprefix(_PREFIX) if creative_id.startswith(_PREFIX) else ""

    def use(self, ad_id: str, creative_id: str) -> None:
        """Point an ad to a creative that was created."""
        if creative_id in self.made:
            self._of_ads[ad_id] = creative_id

    def of_account(self, account_id: str) -> Iterator[dict[str, Any]]:
        """Yield the creatives of an account that were created."""
        yield from (node for node in self.made.values() if node["account_id"] == account_id.removeprefix("act_"))

    def create(self, account_id: str, given: dict[str, Any]) -> dict[str, Any]:
        """Store a new creative and return its node."""
        creative_id = str(_FIRST_ID + len(self.made))
        digest = hashlib.sha256(creative_id.encode()).hexdigest()
        node = {
            "id": creative_id,
            "account_id": account_id.removeprefix("act_"),
            "status": "ACTIVE",
            "thumbnail_url": _thumbnail(digest),
            **given,
        }
        kind, headline, _ = story_of(node)
        node.setdefault("title", headline or None)
        node["object_type"] = "VIDEO" if kind == "video" else "SHARE"
        self.made[creative_id] = node
        return node

    def add_image(self, account_id: str, name: str, data: bytes) -> dict[str, Any]:
        """Store an image; the same bytes have the same hash."""
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        node = {
            "id": f"{account_id.removeprefix('act_')}:{digest}",
            "account_id": account_id.removeprefix("act_"),
            "hash": digest,
            "url": f"https://scontent.example/{digest}.jpg",
            "permalink_url": f"https://www.facebook.com/ads/image/?d={digest[:12]}",
            "name": name,
            "status": "ACTIVE",
        }
        self.images[node["id"]] = node
        return node


def _thumbnail(digest: str) -> str:
    return f"https://scontent.example/{digest[:16]}.jpg?oe={digest[16:24]}"
