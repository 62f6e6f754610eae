"""Changes of ads: their place in an ad group (`adGroupAds`), and what they say (`ads`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from adjoin.ads.v2 import Status
from adjoin.testing.world import WorldAd
from adjoin_google.sandbox.catalog import snake
from adjoin_google.sandbox.drafts import Draft, Steps, given_status
from adjoin_google.sandbox.operations import Operation
from adjoin_google.sandbox.store import pick

__all__ = ["prepare_ad", "prepare_ad_group_ad"]

#: The settings of an ad's type -> its type, the channels that take it, and its looks in the world.
_TYPES: Mapping[str, tuple[str, str, Literal["image", "video", "text"]]] = {
    "responsiveSearchAd": ("RESPONSIVE_SEARCH_AD", "search", "text"),
    "responsiveDisplayAd": ("RESPONSIVE_DISPLAY_AD", "display", "image"),
    "videoResponsiveAd": ("VIDEO_RESPONSIVE_AD", "video", "video"),
    "shoppingProductAd": ("SHOPPING_PRODUCT_AD", "shopping", "image"),
}
_OLD_TYPES = ("expandedTextAd", "textAd", "imageAd")

_LINK_FIXED = frozenset({"resource_name", "ad_group", "ad.id", "primary_status", "ad_strength"})
_AD_FIXED = frozenset({"ad.id", "ad.type", "ad.resource_name", "ad.added_by_google_ads"})


def prepare_ad_group_ad(operation: Operation, draft: Draft) -> Steps:
    """Check an operation on an ad in its ad group and return what carries it out."""
    if operation.verb == "create":
        return _create(operation, draft)
    ad = draft.target(operation)
    assert isinstance(ad, WorldAd)
    status = Status.REMOVED
    if operation.verb == "update":
        paths = draft.mask(operation, _LINK_FIXED)
        if texts := [path for path in paths if path[0] == "ad"]:
            raise operation.problem(
                "fieldError",
                "IMMUTABLE_FIELD",
                "The field cannot be modified here: an ad is changed by its own service.",
                *map(snake, texts[0]),
            )
        status = given_status(operation, "") if ("status",) in paths else ad.status

    def carry_out() -> str:
        draft.world.update(replace(draft.current(ad), status=status))
        return operation.name

    return carry_out


def _create(operation: Operation, draft: Draft) -> Steps:
    if operation.name:
        raise operation.problem(
            "newResourceCreationError",
            "CANNOT_SET_ID_FOR_CREATE",
            "Do not set the id field while creating new resources.",
            "resource_name",
        )
    draft.reserve(operation)
    value = operation.value
    group = draft.refer(operation, "adGroup", "ad_group")
    ad = value.get("ad")
    if not isinstance(ad, dict) or not ad:
        raise operation.required("ad")
    if any(key in ad for key in _OLD_TYPES):
        raise operation.problem(
            "adGroupAdError", "CANNOT_CREATE_DEPRECATED_ADS", "Cannot create ads of deprecated types.", "ad"
        )
    kinds = [key for key in _TYPES if key in ad]
    if len(kinds) != 1:
        raise operation.required("ad", "ad_data")
    native_type, channel, looks = _TYPES[kinds[0]]
    if draft.channel(group) != channel:
        raise operation.problem(
            "adError",
            "INVALID_AD_TYPE",
            "The ad type is not valid for this ad group.",
            "ad",
            snake(kinds[0]),
            trigger=native_type,
        )
    if channel != "shopping" and not ad.get("finalUrls"):
        raise operation.problem(
            "collectionSizeError", "TOO_FEW", "Too few: at least one final URL is needed.", "ad", "final_urls"
        )
    if kinds[0] == "responsiveSearchAd":
        _check_search_ad(operation, ad["responsiveSearchAd"], ("ad", "responsive_search_ad"))
    status = given_status(operation, "ENABLED")
    texts = [each.get("text", "") for each in ad[kinds[0]].get("headlines", [])]
    headline = str(texts[0]) if texts else ""

    def carry_out() -> str:
        made = draft.world.create_ad(
            ad_group_id=draft.real_id(str(value["adGroup"])),
            name=str(ad.get("name", "")) or headline,
            status=status,
            format=looks,
            headline=headline,
            landing_url=str((ad.get("finalUrls") or [""])[0]),
        )
        resource_name = draft.named("adGroupAds", f"{made.ad_group_id}~{made.id}")
        for key, detail in ad.items():
            if key not in ("name", "resourceName"):
                draft.store.note(resource_name, ("ad", key), detail)
        return resource_name

    return carry_out


def prepare_ad(operation: Operation, draft: Draft) -> Steps:
    """Check a change of what an ad says and return what carries it out."""
    ad = draft.target(operation)
    assert isinstance(ad, WorldAd)
    paths = draft.mask(operation, _AD_FIXED)
    value = operation.value
    if any(path[0] == "responsiveSearchAd" for path in paths):
        known = _shown(draft, ad)
        given = value.get("responsiveSearchAd", {})
        both = {**known, **{path[1]: given.get(path[1]) for path in paths if path[0] == "responsiveSearchAd"}}
        _check_search_ad(operation, both, ("responsive_search_ad",))
    if ("finalUrls",) in paths and not value.get("finalUrls"):
        raise operation.problem(
            "collectionSizeError", "TOO_FEW", "Too few: at least one final URL is needed.", "final_urls"
        )

    def carry_out() -> str:
        changed: dict[str, Any] = {}
        link = draft.named("adGroupAds", f"{ad.ad_group_id}~{ad.id}")
        for path in paths:
            given = pick(value, path)
            if path == ("name",):
                changed["name"] = str(given or "")
                continue
            if path == ("finalUrls",):
                changed["landing_url"] = str(given[0])
            if path[-1] == "headlines" and given:
                changed["headline"] = str(given[0].get("text", ""))
            draft.store.note(link, ("ad", *path), given)
        draft.world.update(replace(draft.current(ad), **changed))
        return operation.name

    return carry_out


def _shown(draft: Draft, ad: WorldAd) -> dict[str, Any]:
    """The texts of a search ad as they are now."""
    found: dict[str, Any] = draft.objects.resource("ad", ad).get("responsiveSearchAd", {})
    return found


def _check_search_ad(operation: Operation, given: Mapping[str, Any], path: tuple[str, ...]) -> None:
    """Refuse a responsive search ad with too few or too long texts."""
    for key, least, most, length in (("headlines", 3, 15, 30), ("descriptions", 2, 4, 90)):
        texts = given.get(key) or []
        if not least <= len(texts) <= most:
            raise operation.problem(
                "adError",
                "INVALID_NUMBER_OF_ELEMENTS",
                f"A responsive search ad has {least} to {most} {key}, not {len(texts)}.",
                *path,
                key,
            )
        for place, each in enumerate(texts):
            text = str(each.get("text", ""))
            if not text or len(text) > length:
                raise operation.problem(
                    "adError", "TOO_LONG" if text else "EMPTY_FIELD", "The text is too long or empty.", *path,
                    (key, place), "text", trigger=text,
                )  # fmt: skip
    if given.get("path2") and not given.get("path1"):
        raise operation.problem(
            "adError", "CANNOT_SET_PATH2_WITHOUT_PATH1", "Cannot set path2 without path1.", *path, "path2"
        )
    for key in ("path1", "path2"):
        if len(str(given.get(key, ""))) > 15:
            raise operation.problem("adError", "TOO_LONG", "The text is too long.", *path, key, trigger=given[key])
