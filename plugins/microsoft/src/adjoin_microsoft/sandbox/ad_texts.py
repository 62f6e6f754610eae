"""The texts of responsive search ads, and what is refused about them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adjoin_microsoft.sandbox.calls import check_keys, list_of, object_of, text_of
from adjoin_microsoft.sandbox.changes import Change, ItemError, check_editorial

__all__ = ["headline_of", "read_descriptions", "read_headlines"]

_PINS = ("Headline1", "Headline2", "Headline3", "Description1", "Description2")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """Limits of a list of texts, and the codes of what breaks them."""

    name: str
    fewest: int
    most: int
    longest: int
    none: int
    too_few: int
    too_many: int
    too_long: int
    twice: int
    mismatch: int


_HEADLINES = _Rules(
    name="Headlines",
    fewest=3,
    most=15,
    longest=30,
    none=6200,
    too_few=6212,
    too_many=6210,
    too_long=6208,
    twice=6202,
    mismatch=6204,
)
_DESCRIPTIONS = _Rules(
    name="Descriptions",
    fewest=2,
    most=4,
    longest=90,
    none=6201,
    too_few=6213,
    too_many=6211,
    too_long=6209,
    twice=6203,
    mismatch=6205,
)


def read_headlines(change: Change) -> list[dict[str, Any]]:
    return _read(change, _HEADLINES)


def read_descriptions(change: Change) -> list[dict[str, Any]]:
    return _read(change, _DESCRIPTIONS)


def headline_of(fields: Mapping[str, Any]) -> str:
    """Return the first headline among fields of an ad, empty if there is none."""
    headlines: Sequence[Mapping[str, Any]] = fields.get("Headlines") or ()
    if headlines:
        return str(headlines[0]["Asset"]["Text"])
    return str(fields.get("Headline") or fields.get("TitlePart1") or "")


def _read(change: Change, rules: _Rules) -> list[dict[str, Any]]:
    links = list_of(change.get(rules.name), f"{change.path}.{rules.name}")
    if not links:
        raise ItemError(rules.none, rules.name)
    if len(links) < rules.fewest:
        raise ItemError(rules.too_few, rules.name)
    if len(links) > rules.most:
        raise ItemError(rules.too_many, rules.name)
    found = [_link(given, f"{change.path}.{rules.name}[{at}]", rules) for at, given in enumerate(links)]
    texts = [link["Asset"]["Text"] for link in found]
    if len(set(texts)) < len(texts):
        raise ItemError(rules.twice, rules.name)
    return found


def _link(given: object, path: str, rules: _Rules) -> dict[str, Any]:
    link = object_of(given, path)
    check_keys(link, ("Asset", "PinnedField", "AssetPerformanceLabel", "EditorialStatus"), path)
    asset = object_of(link.get("Asset"), f"{path}.Asset")
    check_keys(asset, ("Id", "Name", "Type", "Text"), f"{path}.Asset")
    if asset.get("Type") != "TextAsset":
        raise ItemError(6215, rules.name)
    text = text_of(asset.get("Text"), f"{path}.Asset.Text")
    if not text.strip():
        raise ItemError(rules.none, rules.name)
    if len(text) > rules.longest:
        raise ItemError(rules.too_long, rules.name)
    check_editorial(text, rules.name)
    pin = text_of(link.get("PinnedField"), f"{path}.PinnedField")
    if pin and pin not in _PINS:
        raise ItemError(6214, rules.name)
    if pin and not pin.startswith(rules.name[:-1]):
        raise ItemError(rules.mismatch, rules.name)
    asset_id = str(zlib.crc32(text.encode()) + 10_000_000_000)
    return {
        "Asset": {"Id": asset_id, "Name": None, "Text": text, "Type": "TextAsset"},
        "AssetPerformanceLabel": None,
        "EditorialStatus": "Active",
        "PinnedField": pin or None,
    }
