"""Changes of ad groups and keywords."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Literal, TypeVar, cast

from adjoin.ads.v2 import Status
from adjoin.testing.world import WorldAdGroup, WorldCampaign, WorldKeyword
from adjoin_google.sandbox.budgeting import checked_amount
from adjoin_google.sandbox.drafts import Draft, Steps, given_status, is_gone
from adjoin_google.sandbox.operations import Operation
from adjoin_google.sandbox.states import GROUP_TYPES
from adjoin_google.sandbox.store import pick

__all__ = ["prepare_ad_group", "prepare_keyword"]

BidT = TypeVar("BidT", WorldAdGroup, WorldKeyword)

_GROUP_FIXED = frozenset({"id", "resource_name", "campaign", "type", "primary_status", "primary_status_reasons"})
_KEYWORD_FIXED = frozenset(
    {
        "criterion_id",
        "resource_name",
        "ad_group",
        "type",
        "negative",
        "keyword.text",
        "keyword.match_type",
        "quality_info.quality_score",
        "primary_status",
    }
)
_GROUP_HELD = frozenset({"resourceName", "name", "status", "campaign", "cpcBidMicros"})
_KEYWORD_HELD = frozenset({"resourceName", "adGroup", "status", "keyword", "cpcBidMicros", "negative"})
_BAD_LETTERS = re.compile(r"[!@%,*=;~`<>?\\|(){}]")


def prepare_ad_group(operation: Operation, draft: Draft) -> Steps:
    """Check an operation on an ad group and return what carries it out."""
    if operation.verb == "create":
        return _create_group(operation, draft)
    group = draft.target(operation)
    assert isinstance(group, WorldAdGroup)
    if operation.verb == "remove":
        return _removal(operation, draft, group)
    paths = draft.mask(operation, _GROUP_FIXED)
    keys = {path[0] for path in paths}
    changed: dict[str, Any] = {}
    if "name" in keys:
        changed["name"] = _group_name(operation, draft, group.campaign_id, besides=group.id)
    _common(operation, draft, keys, changed)
    return _changing(operation, draft, group, changed, paths, _GROUP_HELD)


def _common(operation: Operation, draft: Draft, keys: set[str], changed: dict[str, Any]) -> None:
    """Read what ad groups and keywords both have; a bid in the mask that is not given is taken away."""
    if "status" in keys:
        changed["status"] = given_status(operation, "")
    if "cpcBidMicros" in keys:
        changed["bid_micros"] = _bid(operation, draft)


def _changing(
    operation: Operation,
    draft: Draft,
    item: BidT,
    changed: dict[str, Any],
    paths: list[tuple[str, ...]],
    held: frozenset[str],
) -> Steps:
    def carry_out() -> str:
        for path in paths:
            if path[0] not in held:
                draft.store.note(operation.name, path, pick(operation.value, path))
        draft.world.update(replace(draft.current(item), **changed))
        return operation.name

    return carry_out


def _removal(operation: Operation, draft: Draft, item: BidT) -> Steps:
    def carry_out() -> str:
        draft.world.update(replace(draft.current(item), status=Status.REMOVED))
        return operation.name

    return carry_out


def _bid(operation: Operation, draft: Draft) -> int | None:
    return checked_amount(operation, draft, "cpcBidMicros", "biddingError", "BID_TOO_MANY_FRACTIONAL_DIGITS")


def _create_group(operation: Operation, draft: Draft) -> Steps:
    draft.reserve(operation)
    value = operation.value
    campaign = draft.refer(operation, "campaign", "campaign")
    channel = draft.channel(campaign)
    if channel == "performance_max":
        raise operation.problem(
            "adGroupError",
            "CANNOT_ADD_AD_GROUP_FOR_CAMPAIGN_TYPE",
            "Ad groups cannot be added to campaigns of this type.",
            "campaign",
        )
    above = campaign.id if isinstance(campaign, WorldCampaign) else str(value["campaign"])
    name = _group_name(operation, draft, above)
    status, bid = given_status(operation, "ENABLED"), _bid(operation, draft)
    native_type = str(value.get("type", GROUP_TYPES[channel]))
    if native_type.split("_")[0] != GROUP_TYPES[channel].split("_")[0]:
        raise operation.problem(
            "adGroupError",
            "AD_GROUP_TYPE_NOT_VALID_FOR_ADVERTISING_CHANNEL_TYPE",
            "The ad group type is not valid for the advertising channel type.",
            "type",
            trigger=native_type,
        )

    def carry_out() -> str:
        made = draft.world.create_ad_group(
            campaign_id=draft.real_id(str(value["campaign"])), name=name, status=status, bid_micros=bid
        )
        resource_name = draft.named("adGroups", made.id)
        for key, detail in value.items():
            if key not in _GROUP_HELD:
                draft.store.note(resource_name, (key,), detail)
        return draft.made(operation, resource_name)

    return carry_out


def _group_name(operation: Operation, draft: Draft, campaign_id: str, *, besides: str = "") -> str:
    """Return the name; refuses one that another ad group of the campaign has."""
    name = str(operation.value.get("name", ""))
    if not name:
        raise operation.problem("adGroupError", "MISSING_ADGROUP_NAME", "AdGroup name is missing.", "name")
    known = {
        group.name
        for group in draft.world.ad_groups(draft.node.id)
        if group.campaign_id == campaign_id and group.id != besides and not is_gone(group)
    }
    key = ("ad group", campaign_id, name)
    if name in known or key in draft.taken:
        raise operation.problem(
            "adGroupError",
            "DUPLICATE_ADGROUP_NAME",
            "AdGroup with the same name already exists for the campaign.",
            "name",
            trigger=name,
        )
    draft.taken.add(key)
    return name


# --- keywords -----------------------------------------------------------------------------------------------------


def prepare_keyword(operation: Operation, draft: Draft) -> Steps:
    """Check an operation on a keyword and return what carries it out."""
    if operation.verb == "create":
        return _create_keyword(operation, draft)
    keyword = draft.target(operation)
    assert isinstance(keyword, WorldKeyword)
    if operation.verb == "remove":
        return _removal(operation, draft, keyword)
    paths = draft.mask(operation, _KEYWORD_FIXED)
    changed: dict[str, Any] = {}
    _common(operation, draft, {path[0] for path in paths}, changed)
    return _changing(operation, draft, keyword, changed, paths, _KEYWORD_HELD)


def _create_keyword(operation: Operation, draft: Draft) -> Steps:
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
    if "keyword" not in value:
        raise operation.problem(
            "criterionError", "CONCRETE_TYPE_REQUIRED", "Concrete type of criterion is required.", "criterion"
        )
    if value.get("negative"):
        raise operation.problem(
            "adGroupCriterionError",
            "CANNOT_EXCLUDE_CRITERIA_TYPE",
            "The criterion type cannot be excluded here: the sandbox keeps no negative keywords.",
            "negative",
        )
    if draft.channel(group) != "search":
        raise operation.problem(
            "adGroupCriterionError",
            "CANNOT_ADD_CRITERIA_TYPE",
            "The criterion type cannot be added to this ad group.",
            "keyword",
        )
    text, match_type = _keyword(operation)
    status, bid = given_status(operation, "ENABLED"), _bid(operation, draft)
    above = group.id if isinstance(group, WorldAdGroup) else str(value["adGroup"])
    known = {
        (keyword.text, keyword.match_type)
        for keyword in draft.world.keywords(draft.node.id)
        if keyword.ad_group_id == above and not is_gone(keyword)
    }
    key = ("keyword", above, text, match_type)
    if (text, match_type) in known or key in draft.taken:
        raise operation.problem(
            "mutateError", "RESOURCE_ALREADY_EXISTS", "The resource already exists.", "keyword", trigger=text
        )
    draft.taken.add(key)

    def carry_out() -> str:
        made = draft.world.create_keyword(
            ad_group_id=draft.real_id(str(value["adGroup"])),
            text=text,
            match_type=match_type,
            status=status,
            bid_micros=bid,
        )
        resource_name = draft.named("adGroupCriteria", made.id)
        for detail, given in value.items():
            if detail not in _KEYWORD_HELD:
                draft.store.note(resource_name, (detail,), given)
        return resource_name

    return carry_out


def _keyword(operation: Operation) -> tuple[str, Literal["exact", "phrase", "broad"]]:
    given = operation.value["keyword"]
    text = str(given.get("text", "")).strip()
    native = str(given.get("matchType", ""))
    if not text:
        raise operation.required("keyword", "text")
    if native not in ("EXACT", "PHRASE", "BROAD"):
        raise operation.required("keyword", "match_type")
    wrong = ""
    if len(text) > 80:
        wrong = "KEYWORD_TEXT_TOO_LONG"
    elif len(text.split()) > 10:
        wrong = "KEYWORD_HAS_TOO_MANY_WORDS"
    elif _BAD_LETTERS.search(text):
        wrong = "KEYWORD_HAS_INVALID_CHARS"
    if wrong:
        raise operation.problem(
            "criterionError", wrong, "The keyword's text cannot be used.", "keyword", "text", trigger=text
        )
    return text, cast('Literal["exact", "phrase", "broad"]', native.lower())
