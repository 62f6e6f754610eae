"""What the API refuses of a new or changed campaign, ad set, creative or ad."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adjoin_meta.sandbox.errors import bad_parameter, bad_value
from adjoin_meta.sandbox.given import Given

__all__ = [
    "CREATABLE",
    "EDITABLE",
    "LEAST_BUDGET",
    "STATES",
    "check_ad",
    "check_ad_set",
    "check_bid",
    "check_budget",
    "check_campaign",
    "check_creative",
    "words",
]


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


OBJECTIVES = frozenset(
    f"OUTCOME_{name}" for name in ("AWARENESS", "TRAFFIC", "ENGAGEMENT", "LEADS", "APP_PROMOTION", "SALES")
)
_CATEGORIES = words(
    "NONE EMPLOYMENT HOUSING FINANCIAL_PRODUCTS_SERVICES ISSUES_ELECTIONS_POLITICS ONLINE_GAMBLING_AND_GAMING"
)
_BID_STRATEGIES = words("LOWEST_COST_WITHOUT_CAP LOWEST_COST_WITH_BID_CAP COST_CAP LOWEST_COST_WITH_MIN_ROAS")
_CAPPED = frozenset({"LOWEST_COST_WITH_BID_CAP", "COST_CAP"})
_GOALS = words(
    "OFFSITE_CONVERSIONS VALUE LANDING_PAGE_VIEWS LINK_CLICKS REACH IMPRESSIONS THRUPLAY LEAD_GENERATION QUALITY_LEAD "
    "CONVERSATIONS POST_ENGAGEMENT APP_INSTALLS AD_RECALL_LIFT"
)
_BILLING = frozenset({"IMPRESSIONS", "LINK_CLICKS", "THRUPLAY", "APP_INSTALLS", "PAGE_LIKES", "POST_ENGAGEMENT"})
_EU = words("AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE")

#: Created objects start in one of two states; later they may be archived or deleted as well.
CREATABLE = frozenset({"ACTIVE", "PAUSED"})
STATES = CREATABLE | {"ARCHIVED", "DELETED"}

#: The least daily budget in the smallest unit of the currency.
LEAST_BUDGET = 100
_LONGEST_NAME = 400
_LONGEST_DSA = 512

_MONEY = frozenset({"daily_budget", "lifetime_budget"})
_CAMPAIGN = words(
    "name status special_ad_categories special_ad_category_country bid_strategy spend_cap start_time stop_time "
    "promoted_object is_adset_budget_sharing_enabled adlabels pacing_type"
)
_AD_SET = words(
    "name status bid_amount bid_strategy bid_constraints billing_event optimization_goal targeting promoted_object "
    "destination_type attribution_spec dsa_beneficiary dsa_payor start_time end_time daily_min_spend_target "
    "daily_spend_cap pacing_type adset_schedule frequency_control_specs regional_regulated_categories "
    "regional_regulation_identities adlabels"
)
_AD = words("name status creative tracking_specs conversion_domain adlabels bid_amount")

#: What a change may name, by Meta's name of the level. An objective cannot be changed later.
EDITABLE: Mapping[str, frozenset[str]] = {
    "campaign": _CAMPAIGN | _MONEY,
    "adset": _AD_SET | _MONEY,
    "ad": _AD,
    "creative": frozenset({"name", "status", "adlabels"}),
}


def check_name(given: Given) -> None:
    if len(given.text("name") or "") > _LONGEST_NAME:
        raise bad_value(f"The name is longer than {_LONGEST_NAME} characters.", subcode=1487007, blame="name")


def check_budget(given: Given, *, days: int = 1) -> None:
    """Refuse two budgets at once, and one that is too low."""
    daily, lifetime = given.whole("daily_budget"), given.whole("lifetime_budget")
    if daily and lifetime:
        raise bad_parameter("Only one of daily_budget and lifetime_budget may be set")
    for name, value, least in (
        ("daily_budget", daily, LEAST_BUDGET),
        ("lifetime_budget", lifetime, LEAST_BUDGET * days),
    ):
        if value is not None and value < least:
            raise bad_value(
                f"The budget must be at least {least} in the smallest unit of the currency.",
                subcode=1885272,
                title="Budget is too low",
                blame=name,
            )


def check_bid(strategy: str | None, bid_amount: int | None) -> None:
    if strategy in _CAPPED and not bid_amount:
        raise bad_value(
            f"The bid strategy {strategy} needs a bid amount.",
            subcode=1815857,
            title="Bid required",
            blame="bid_amount",
        )


def check_campaign(given: Given) -> None:
    """Check a new campaign."""
    given.only(EDITABLE["campaign"] | {"objective", "buying_type"}, "Campaign")
    given.need("name")
    check_name(given)
    given.one_of("objective", OBJECTIVES, required=True)
    given.one_of("status", CREATABLE)
    given.one_of("buying_type", {"AUCTION", "RESERVED"})
    strategy = given.one_of("bid_strategy", _BID_STRATEGIES)
    check_categories(given, required=True)
    check_budget(given)
    sharing = given.flag("is_adset_budget_sharing_enabled")
    if any(given.whole(name) for name in _MONEY):
        if sharing:
            raise bad_value(
                "Ad sets cannot share their budgets where the campaign has one.",
                subcode=4834002,
                blame="is_adset_budget_sharing_enabled",
            )
    elif sharing is None:
        raise bad_value(
            "Must specify True or False in is_adset_budget_sharing_enabled field if you are not using campaign budget.",
            subcode=4834011,
            blame="is_adset_budget_sharing_enabled",
        )
    elif sharing and strategy is None:
        raise bad_value("Sharing budgets needs a bid strategy.", subcode=4834005, blame="bid_strategy")
    if given.whole("lifetime_budget") and given.time("stop_time") is None:
        raise bad_parameter("A lifetime budget needs stop_time")


def check_categories(given: Given, *, required: bool) -> None:
    categories = given.json("special_ad_categories", list)
    if categories is None:
        if required:
            raise bad_parameter("The parameter special_ad_categories is required")
        return
    if unknown := sorted(set(map(str, categories)) - _CATEGORIES):
        raise bad_parameter(f"Param special_ad_categories[0] must be one of the known categories, not {unknown[0]}")


def check_ad_set(given: Given, *, campaign_has_budget: bool) -> None:
    """Check a new ad set."""
    given.only(EDITABLE["adset"] | {"campaign_id"}, "AdSet")
    for name in ("name", "billing_event", "optimization_goal", "targeting"):
        given.need(name)
    given.one_of("status", CREATABLE)
    check_budget(given)
    budget = any(given.whole(name) for name in _MONEY)
    if not campaign_has_budget and not budget:
        raise bad_parameter("An ad set needs a budget where its campaign has none")
    if budget and not campaign_has_budget and given.text("bid_strategy") is None:
        raise bad_value("The bid strategy is required.", subcode=2490487, blame="bid_strategy")
    if given.whole("lifetime_budget") and given.time("end_time") is None:
        raise bad_parameter("A lifetime budget needs end_time")
    check_ad_set_values(given, campaign_has_budget=campaign_has_budget)
    if targeting := given.json("targeting", dict):
        _check_payer(given, targeting)


def check_ad_set_values(given: Given, *, campaign_has_budget: bool) -> None:
    """Check what is given of an ad set, new or changed."""
    check_name(given)
    given.one_of("billing_event", _BILLING)
    given.one_of("optimization_goal", _GOALS)
    strategy = given.one_of("bid_strategy", _BID_STRATEGIES)
    if strategy is not None:
        check_bid(strategy, given.whole("bid_amount"))
    if campaign_has_budget and any(given.whole(name) for name in _MONEY):
        raise bad_value(
            "The campaign has a budget, so its ad sets cannot have one.",
            subcode=1885621,
            title="Only one budget is possible",
            blame="daily_budget",
        )
    targeting = given.json("targeting", dict)
    if targeting is not None:
        _check_targeting(targeting)


def _check_targeting(targeting: dict[str, Any]) -> None:
    if not targeting.get("geo_locations") and not targeting.get("custom_audiences"):
        raise bad_value("Your audience has no place.", subcode=1885364, title="No location", blame="targeting")
    advantage = (targeting.get("targeting_automation") or {}).get("advantage_audience")
    if advantage not in (0, 1):
        raise bad_value(
            "To create this ad set, set advantage_audience in targeting_automation to 1 or 0.",
            subcode=1870227,
            title="Advantage audience flag required",
            blame="targeting",
        )
    if advantage == 1 and int(targeting.get("age_max", 65)) < 65:
        raise bad_value("With Advantage audience the highest age is 65.", subcode=1870188, blame="targeting")
    if advantage == 1 and int(targeting.get("age_min", 18)) > 25:
        raise bad_value("With Advantage audience the lowest age is at most 25.", subcode=1870189, blame="targeting")


def _check_payer(given: Given, targeting: dict[str, Any]) -> None:
    countries = set((targeting.get("geo_locations") or {}).get("countries") or ())
    if not countries & _EU:
        return
    for name, subcode in (("dsa_beneficiary", 3858081), ("dsa_payor", 3858079)):
        value = given.text(name) or ""
        if not value or len(value) > _LONGEST_DSA:
            raise bad_value(
                f"Ads shown in the European Union must name who pays and who benefits: {name}.",
                subcode=subcode,
                blame=name,
            )


def check_creative(given: Given) -> None:
    """Check a new creative."""
    known = EDITABLE["creative"] | words(
        "object_story_spec object_story_id asset_feed_spec url_tags degrees_of_freedom_spec link_url title body "
        "image_hash image_url instagram_user_id call_to_action_type destination_spec product_set_id"
    )
    given.only(known, "AdCreative")
    check_name(given)
    story = given.json("object_story_spec", dict)
    if story is None and not any(name in given for name in ("object_story_id", "asset_feed_spec", "image_hash")):
        raise bad_parameter("A creative needs object_story_spec, object_story_id or asset_feed_spec")
    if story is not None and not story.get("page_id"):
        raise bad_value("The story needs a page.", subcode=1443120, title="Page missing", blame="object_story_spec")


def check_ad(given: Given) -> None:
    """Check a new ad."""
    given.only(EDITABLE["ad"] | {"adset_id"}, "Ad")
    for name in ("name", "adset_id", "creative"):
        given.need(name)
    check_name(given)
    given.one_of("status", CREATABLE)
    if "bid_amount" in given:
        raise bad_parameter("bid_amount cannot be set on an ad; set it on the ad set")
