"""Insights rows as they come over the wire, decoded straight into typed objects.

Numbers are strings and are turned into integers inside the parser. What is absent is zero: Meta leaves out every
zero, and there is no row at all without delivery or results.
"""

from __future__ import annotations

import msgspec

from adjoin_meta.graph import Page

__all__ = ["Action", "Row", "decode_page"]


class Action(msgspec.Struct, gc=False):
    """One entry of `actions` or `action_values`; windows other than the ad set's own are not read."""

    action_type: str
    value: str = "0"


class Row(msgspec.Struct, gc=False):
    """One object on one day. The ids below the level that was asked for are empty."""

    date_start: str
    campaign_id: str = ""
    adset_id: str = ""
    ad_id: str = ""
    impressions: int = 0
    clicks: int = 0
    spend: str = "0"
    actions: list[Action] = []
    action_values: list[Action] = []


#: Lenient, so that "1532" becomes 1532.
decode_page = msgspec.json.Decoder(Page[Row], strict=False).decode
