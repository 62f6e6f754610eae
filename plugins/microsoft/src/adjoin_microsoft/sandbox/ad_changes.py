"""Adding, changing and deleting ads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from adjoin.ads.v2 import Status
from adjoin.testing.world import WorldAccount, WorldAd, WorldAdGroup, WorldCampaign
from adjoin_microsoft.sandbox import states
from adjoin_microsoft.sandbox.ad_texts import headline_of, read_descriptions, read_headlines
from adjoin_microsoft.sandbox.calls import Call, id_of, list_of, object_of
from adjoin_microsoft.sandbox.changes import (
    Change,
    Handler,
    ItemError,
    Outcome,
    change_all,
    check_editorial,
    delete_all,
    kept,
    one_of,
    status,
)
from adjoin_microsoft.sandbox.columns import words
from adjoin_microsoft.sandbox.errors import bad_body, operation_error
from adjoin_microsoft.sandbox.objects import Objects

__all__ = ["AdChanges"]

_COMMON = words(
    "Id Type Status EditorialStatus DevicePreference AdFormatPreference TrackingUrlTemplate FinalUrlSuffix "
    "UrlCustomParameters FinalUrls FinalMobileUrls FinalAppUrls ForwardCompatibilityMap"
)
#: The fields of each type of ad beside the common ones.
_FIELDS: Mapping[str, frozenset[str]] = {
    "ResponsiveSearch": words("Headlines Descriptions Domain Path1 Path2"),
    "ExpandedText": words("TitlePart1 TitlePart2 TitlePart3 Text TextPart2 Path1 Path2 Domain"),
    "ResponsiveAd": words(
        "Headline LongHeadlineString Text BusinessName CallToAction CallToActionLanguage Images Videos Headlines "
        "LongHeadline LongHeadlines Descriptions ImpressionTrackingUrls VerifiedTrackingSettings AdSubType"
    ),
    "Product": words("PromotionalText"),
}
_KEPT = (
    "TrackingUrlTemplate",
    "FinalUrlSuffix",
    "UrlCustomParameters",
    "FinalUrls",
    "FinalMobileUrls",
    "Path1",
    "Path2",
    "Headline",
    "LongHeadlineString",
    "Text",
    "BusinessName",
    "CallToAction",
    "PromotionalText",
    "TitlePart1",
    "TitlePart2",
    "TitlePart3",
    "TextPart2",
)
_OF_CAMPAIGN = {"ResponsiveSearch": "Search", "ResponsiveAd": "Audience", "Product": "Shopping"}
_MOST = 50
_MOST_IDS = 1000
_MOST_URLS, _LONGEST_URL = 10, 2048
_LONGEST_PATH = 15


class AdChanges:
    """The operations on ads of one ad group."""

    def __init__(self, objects: Objects, account: WorldAccount, call: Call) -> None:
        self._objects = objects
        self._call = call
        group = objects.ad_group(call.id("AdGroupId"), account.id)
        if group is None:
            raise operation_error(1201)
        self._group: WorldAdGroup = group
        campaign = objects.campaign(group.campaign_id, account.id)
        assert campaign is not None
        self._campaign: WorldCampaign = campaign

    def add(self) -> Mapping[str, Any]:
        outcome = self._each(self._add)
        return {"AdIds": outcome.ids, "PartialErrors": outcome.errors}

    def update(self) -> Mapping[str, Any]:
        return {"PartialErrors": self._each(self._update).errors}

    def delete(self) -> Mapping[str, Any]:
        self._call.known_keys("AdGroupId", "AdIds")
        return delete_all(self._call, "AdIds", self._delete, none=1351, too_many=(1352, _MOST_IDS))

    def _each(self, handler: Handler) -> Outcome:
        self._call.known_keys("AdGroupId", "Ads")
        for at, given in enumerate(self._call.list("Ads")):
            self._check_fields(given, f"$.Ads[{at}]")
        every = _COMMON.union(*_FIELDS.values())
        return change_all(self._call, "Ads", every, handler, none=1310, too_many=(1311, _MOST), null=1300)

    def _check_fields(self, given: object, path: str) -> None:
        """An ad is read by its Type, so one without it cannot be read, and each has fields of its own."""
        if given is None:
            return
        value = object_of(given, path)
        kind = value.get("Type")
        if kind not in states.AD_TYPES:
            raise bad_body(f"{path}.Type", f"Could not create an instance of type Ad: '{kind}'.")
        if unknown := set(value) - _COMMON - _FIELDS.get(kind, frozenset().union(*_FIELDS.values())):
            raise bad_body(f"{path}.{min(unknown)}", f"Could not find member '{min(unknown)}' on the object.")

    def _add(self, change: Change) -> str:
        kind = change.text("Type")
        if change.get("Id") is not None:
            raise ItemError(1004, "Id")
        if kind not in _OF_CAMPAIGN:
            raise ItemError(2805, "Type")
        if _OF_CAMPAIGN[kind] != states.campaign_type(self._campaign):
            raise ItemError(5121, "Type")
        fields = self._fields(change, kind, new=True)
        texts = [fields.get(name) for name in ("Headlines", "Descriptions", "FinalUrls", "Headline")]
        if kind != "Product" and any(self._texts(ad) == _plain(texts) for ad in self._objects.ads_of(self._group)):
            raise ItemError(1313)
        made = self._objects.world.create_ad(
            ad_group_id=self._group.id,
            name=headline_of(fields) or f"{kind} ad",
            status=status(change, 1357) or Status.ACTIVE,
            format={"ResponsiveSearch": "text"}.get(kind, "image"),  # type: ignore[arg-type]  # one of the formats
            headline=headline_of(fields),
            landing_url=next(iter(fields.get("FinalUrls") or ()), ""),
        )
        self._objects.details.of(made.id).update(fields | {"Type": kind})
        return made.id

    def _update(self, change: Change) -> str:
        ad = self._known(id_of(change.get("Id"), f"{change.path}.Id"))
        kind = self._objects.ad_type(ad)
        if change.text("Type") != kind:
            raise ItemError(1360, "Type")
        fields = self._fields(change, kind, new=False)
        self._objects.world.update(
            replace(
                ad,
                status=status(change, 1357) or ad.status,
                headline=headline_of(fields) or ad.headline,
                landing_url=next(iter(fields.get("FinalUrls") or ()), ad.landing_url),
            )
        )
        self._objects.details.of(ad.id).update(fields)
        return ad.id

    def _delete(self, ad_id: str) -> None:
        self._objects.world.update(replace(self._known(ad_id), status=Status.REMOVED))

    def _known(self, ad_id: str) -> WorldAd:
        for known in self._objects.ads_of(self._group):
            if known.id == ad_id:
                return known
        raise ItemError(1308, "Id")

    def _texts(self, ad: WorldAd) -> Any:
        node = self._objects.ad_json(ad)
        return _plain([node.get(name) for name in ("Headlines", "Descriptions", "FinalUrls", "Headline")])

    # --- values -------------------------------------------------------------------------------------------------------

    def _fields(self, change: Change, kind: str, *, new: bool) -> dict[str, Any]:
        """Return the fields that an ad sets, checked. A new one needs its texts and links."""
        fields = kept(change, _KEPT)
        if kind == "ResponsiveSearch":
            if new or change.get("Headlines") is not None:
                fields["Headlines"] = read_headlines(change)
            if new or change.get("Descriptions") is not None:
                fields["Descriptions"] = read_descriptions(change)
            for name, code in (("Path1", 6217), ("Path2", 6218)):
                if len(change.text(name)) > _LONGEST_PATH:
                    raise ItemError(code, name)
            if change.text("Path2") and not change.text("Path1"):
                raise ItemError(6221, "Path2")
        elif kind == "ResponsiveAd" and new and not (change.text("Headline") or change.get("Headlines")):
            raise ItemError(6200, "Headlines")
        for name in ("Headline", "Text", "PromotionalText", "TitlePart1"):
            check_editorial(change.text(name), name)
        if kind != "Product" and (new or change.get("FinalUrls") is not None):
            fields["FinalUrls"] = _urls(change)
        one_of(change, "EditorialStatus", ("Active", "Disapproved", "Inactive", "ActiveLimited"))
        return fields


def _urls(change: Change) -> Sequence[str]:
    urls = list_of(change.get("FinalUrls"), f"{change.path}.FinalUrls")
    if not urls:
        raise ItemError(2608, "FinalUrls")
    if len(urls) > _MOST_URLS:
        raise ItemError(2609, "FinalUrls")
    for url in urls:
        parts = urlsplit(str(url))
        if parts.scheme not in ("http", "https") or not parts.hostname or len(str(url)) > _LONGEST_URL:
            raise ItemError(2611, "FinalUrls")
    return urls


def _plain(values: Sequence[Any]) -> Any:
    """Return texts apart from the ids that they have got."""
    return [
        [link["Asset"].get("Text") if isinstance(link, dict) else link for link in value]
        if isinstance(value, list)
        else value
        for value in values
    ]
