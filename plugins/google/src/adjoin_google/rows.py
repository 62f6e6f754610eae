"""Rows of results as they come over the wire, decoded straight into typed objects.

Google writes 64-bit integers as strings; they are turned into integers inside the parser. What is absent is zero. Keys
that are newer than this are skipped.
"""

from __future__ import annotations

import msgspec

from adjoin_google.search import Batch

__all__ = ["Row", "decode_rows"]


class Metrics(msgspec.Struct, gc=False, rename="camel"):
    """Conversions are fractions; their value is in whole units of the currency, the cost in micros."""

    impressions: int = 0
    clicks: int = 0
    cost_micros: int = 0
    conversions: float = 0.0
    conversions_value: float = 0.0
    all_conversions: float = 0.0
    all_conversions_value: float = 0.0
    video_trueview_views: int = 0


class Segments(msgspec.Struct, gc=False, rename="camel"):
    """What a row is divided by. The action is named where conversions are asked for by action."""

    date: str
    conversion_action_name: str = ""
    conversion_action_category: str = ""


class Named(msgspec.Struct, gc=False):
    """A resource of which only the id was asked for."""

    id: str


class GroupAd(msgspec.Struct, gc=False):
    """The place of an ad in its ad group."""

    ad: Named


class Criterion(msgspec.Struct, gc=False, rename="camel"):
    """A keyword of an ad group."""

    criterion_id: str


class SearchTerm(msgspec.Struct, gc=False, rename="camel"):
    """What people searched for."""

    search_term: str = ""


class Row(msgspec.Struct, gc=False, rename="camel"):
    """One object on one day; only what was asked for is there."""

    segments: Segments
    metrics: Metrics = msgspec.field(default_factory=Metrics)
    campaign: Named | None = None
    ad_group: Named | None = None
    ad_group_ad: GroupAd | None = None
    ad_group_criterion: Criterion | None = None
    search_term_view: SearchTerm | None = None


#: Lenient, so that "1532" becomes 1532.
decode_rows = msgspec.json.Decoder(Batch[Row], strict=False).decode
