"""What creatives are made of: posts, images and the organisation that they speak for."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from adjoin_linkedin.sandbox import urns
from adjoin_linkedin.sandbox.errors import InputError, Refusal, access_denied, bad_input, not_found
from adjoin_linkedin.sandbox.objects import ORGANIZATION_ID, Objects, post_urn
from adjoin_linkedin.sandbox.schemas import check_shape

__all__ = ["Content"]

_UPLOAD_LIFE = timedelta(hours=24)


@dataclass(slots=True)
class _Image:
    owner: str
    upload: str
    ends_at: datetime
    size: int = 0


@dataclass(slots=True)
class Content:
    """Posts and images. Those of the world follow from its ads; new ones are kept here."""

    objects: Objects
    _posts: dict[str, dict[str, Any]] = field(default_factory=dict)
    _images: dict[str, _Image] = field(default_factory=dict)

    def organization(self, number: str) -> dict[str, Any]:
        if number != ORGANIZATION_ID:
            raise not_found(f"Organization {number} was not found")
        return {
            "id": int(ORGANIZATION_ID),
            "vanityName": "northern-light",
            "localizedName": "Northern Light Outdoor",
            "primaryOrganizationType": "NONE",
        }

    # --- posts --------------------------------------------------------------------------------------------------------

    def post(self, urn: str) -> dict[str, Any]:
        """Return a post; refuses one that does not exist."""
        if urn in self._posts:
            return self._posts[urn]
        kind, _, number = urn.rpartition(":")
        ad = self.objects.world.find(number[1:]) if kind in ("urn:li:share", "urn:li:ugcPost") else None
        found = self.objects.creative_of(ad.id) if ad is not None else None
        if found is None or post_urn(found) != urn:
            raise not_found(f"Could not find entity {urn}")
        media = "video" if found.format == "video" else "image"
        return {
            "id": urn,
            "author": f"{urns.ORGANIZATION}{ORGANIZATION_ID}",
            "commentary": found.name,
            "visibility": "PUBLIC",
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": False,
            "distribution": {"feedDistribution": "NONE", "thirdPartyDistributionChannels": []},
            "adContext": {"dscAdAccount": f"{urns.ACCOUNT}{found.account_id}", "dscStatus": "ACTIVE"},
            "content": {"media": {"id": f"urn:li:{media}:C4E{found.id}", "title": found.headline}},
            "contentLandingPage": found.landing_url,
            "contentCallToActionLabel": "LEARN_MORE",
            "createdAt": round(found.created_at.timestamp() * 1000),
            "lastModifiedAt": round(found.created_at.timestamp() * 1000),
        }

    def check_post(self, body: dict[str, Any], *, ready: bool) -> None:
        """Refuse a post that cannot be made. Without `ready` its image is not known everywhere yet."""
        check_shape("posts", body)
        required = ("author", "commentary", "visibility", "lifecycleState", "distribution")
        missing = [InputError(name, "Field is required", "MISSING_FIELD") for name in required if name not in body]
        if missing:
            raise bad_input(*missing)
        if body["author"] != f"{urns.ORGANIZATION}{ORGANIZATION_ID}":
            raise access_denied("posts.CREATE")
        media = body.get("content", {}).get("media", {}).get("id", "")
        if media.startswith(urns.IMAGE) and (not ready or self._missing(media)):
            raise not_found(f"Could not find entity {media}")

    def add_post(self, body: dict[str, Any], now: datetime) -> str:
        """Keep a post that has been checked and return its URN."""
        urn = f"urn:li:share:8{secrets.randbelow(10**17):017d}"
        at = round(now.timestamp() * 1000)
        self._posts[urn] = {"id": urn, **body, "createdAt": at, "lastModifiedAt": at}
        return urn

    # --- images -------------------------------------------------------------------------------------------------------

    def begin_upload(self, body: dict[str, Any], *, base: str, now: datetime) -> dict[str, Any]:
        """Answer `images?action=initializeUpload`."""
        check_shape("images", body)
        if "initializeUploadRequest" not in body:
            raise bad_input(InputError("initializeUploadRequest", "Field is required", "MISSING_FIELD"))
        owner = body["initializeUploadRequest"]["owner"]
        if not owner.startswith((urns.ORGANIZATION, urns.PERSON)):
            raise bad_input(InputError("initializeUploadRequest/owner", "Not an owner of images", "FIELD_INVALID"))
        urn, upload = f"{urns.IMAGE}C4E10AQ{secrets.token_hex(8)}", secrets.token_urlsafe(24)
        ends_at = now + _UPLOAD_LIFE
        self._images[urn] = _Image(owner, upload, ends_at)
        return {
            "value": {
                "uploadUrlExpiresAt": round(ends_at.timestamp() * 1000),
                "uploadUrl": f"{base}/dms-uploads/{upload}",
                "image": urn,
            }
        }

    def upload(self, upload: str, data: bytes, now: datetime) -> None:
        """Take the bytes of an image."""
        image = next((each for each in self._images.values() if each.upload == upload), None)
        if image is None or image.ends_at <= now:
            raise not_found("The upload URL is not known or has expired")
        if not data:
            raise Refusal("The upload is empty")
        image.size = len(data)

    def image(self, urn: str) -> dict[str, Any]:
        image = self._images.get(urn)
        if image is None:
            raise not_found(f"Could not find entity {urn}")
        node: dict[str, Any] = {"id": urn, "owner": image.owner, "status": "WAITING_UPLOAD"}
        if image.size:
            node |= {"status": "AVAILABLE", "downloadUrl": f"https://media.example/{image.upload}"}
        return node

    def _missing(self, urn: str) -> bool:
        image = self._images.get(urn)
        known = urn.startswith(f"{urns.IMAGE}C4E") and self.objects.creative_of(urn[len(urns.IMAGE) + 3 :]) is not None
        return not known and (image is None or not image.size)
