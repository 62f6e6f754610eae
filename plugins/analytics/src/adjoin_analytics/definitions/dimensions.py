"""The built-in dimensions, and where the values of each come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adjoin.analytics.v1 import Dimension, DimensionKind

__all__ = ["ATTRIBUTES", "BUILT_IN", "OBJECTS", "PERIODS", "TEXTS", "WEEKDAYS", "Attribute", "ids_of"]

#: The columns of facts that name an object, from the platform down; the last is its own id.
OBJECTS: Mapping[str, tuple[str, ...]] = {
    "account": ("platform", "account_id"),
    "campaign": ("platform", "account_id", "campaign_id"),
    "ad_group": ("platform", "account_id", "campaign_id", "ad_group_id"),
    "ad": ("platform", "account_id", "campaign_id", "ad_group_id", "ad_id"),
    "keyword": ("platform", "account_id", "campaign_id", "ad_group_id", "keyword_id"),
}
#: Texts that are columns of facts.
TEXTS = ("platform", "search_term", "action", "currency")
#: What days are put together to.
PERIODS = ("day", "week", "month", "quarter", "year", "weekday")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Attribute:
    """A text that is known of an object: `source` is a column of its row, or a name in its `detail`."""

    of: str
    source: str


#: Dimensions that are known of objects, by name.
ATTRIBUTES: Mapping[str, Attribute] = {
    "account_status": Attribute("account", "status"),
    "campaign_status": Attribute("campaign", "status"),
    "objective": Attribute("campaign", "objective"),
    "channel": Attribute("campaign", "channel"),
    "ad_group_status": Attribute("ad_group", "status"),
    "ad_status": Attribute("ad", "status"),
    "keyword_status": Attribute("keyword", "status"),
    "match_type": Attribute("keyword", "match_type"),
}


def ids_of(name: str) -> tuple[str, ...]:
    """Return the columns of facts that identify the object of that name."""
    return OBJECTS[name]


def _object(name: str, title: str, inside: str, description: str = "") -> Dimension:
    columns = (*OBJECTS[name], name)
    return Dimension(
        name=name, title=title, kind=DimensionKind.OBJECT, columns=columns, inside=inside, description=description
    )


def _text(name: str, title: str, description: str = "", *, inside: str = "") -> Dimension:
    of = ATTRIBUTES[name].of if name in ATTRIBUTES else ""
    return Dimension(
        name=name, title=title, kind=DimensionKind.TEXT, columns=(name,), inside=inside, description=description, of=of
    )


def _period(name: str, title: str, description: str) -> Dimension:
    return Dimension(name=name, title=title, kind=DimensionKind.TIME, columns=(name,), description=description)


BUILT_IN: tuple[Dimension, ...] = (
    _text("platform", "Platform"),
    _object("account", "Account", "platform"),
    _object("campaign", "Campaign", "account"),
    _object("ad_group", "Ad group", "campaign", "Meta: ad set. LinkedIn: campaign."),
    _object("ad", "Ad", "ad_group", "LinkedIn: creative."),
    _object("keyword", "Keyword", "ad_group", "Only results that have a keyword."),
    _text("search_term", "Search term", "What people searched for, as far as platforms tell.", inside="ad_group"),
    _text("action", "Conversion action", "Only conversions and their value are told apart by it."),
    _text("currency", "Currency", "The account's currency, also where amounts are converted."),
    _text("account_status", "Account status"),
    _text("campaign_status", "Campaign status", "As it is now."),
    _text("objective", "Objective", "What a campaign is for, in words that are the same on all platforms."),
    _text("channel", "Channel", "Where a campaign's ads appear, in words that are the same on all platforms."),
    _text("ad_group_status", "Ad group status", "As it is now."),
    _text("ad_status", "Ad status", "As it is now."),
    _text("keyword_status", "Keyword status", "As it is now."),
    _text("match_type", "Match type", "How closely a search has to match the keyword."),
    _period("day", "Day", "A day of the account's time zone."),
    _period("week", "Week", "Named by its Monday."),
    _period("month", "Month", "Named by its first day."),
    _period("quarter", "Quarter", "Named by its first day."),
    _period("year", "Year", "Named by its first day."),
    _text("weekday", "Weekday"),
)
