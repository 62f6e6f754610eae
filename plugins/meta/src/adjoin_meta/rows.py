"""Insights rows as they come over the wire, decoded straight into typed objects and taken apart into columns.

Numbers are strings and are turned into integers inside the parser. What is absent is zero: Meta leaves out every
zero, and there is no row at all without delivery or results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pyarrow as pa

from adjoin_meta.actions import join_rows
from adjoin_meta.graph import Page

__all__ = ["Row", "Sheet", "decode_sheet"]

_NO_ACTIONS = msgspec.Raw(b"")


class Row(msgspec.Struct, gc=False):
    """One object on one day. The ids below the level that was asked for are empty; actions stay undecoded."""

    date_start: str
    campaign_id: str = ""
    adset_id: str = ""
    ad_id: str = ""
    impressions: int = 0
    clicks: int = 0
    spend: str = "0"
    actions: msgspec.Raw = _NO_ACTIONS
    action_values: msgspec.Raw = _NO_ACTIONS


@dataclass(slots=True)
class Sheet:
    """The rows of a page as columns; `counts` and `values` are their actions, a line of JSON each.

    Rows as objects, with all their actions, take ten times the memory, and none is kept longer than its page.
    """

    dates: pa.Array[Any]
    campaigns: pa.Array[Any]
    ad_sets: pa.Array[Any]
    ads: pa.Array[Any]
    impressions: pa.Array[Any]
    clicks: pa.Array[Any]
    spend: pa.Array[Any]
    counts: bytes
    values: bytes

    def __len__(self) -> int:
        return len(self.dates)

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Sheet:
        return cls(
            dates=pa.array([row.date_start for row in rows], pa.string()),
            campaigns=pa.array([row.campaign_id for row in rows], pa.string()),
            ad_sets=pa.array([row.adset_id for row in rows], pa.string()),
            ads=pa.array([row.ad_id for row in rows], pa.string()),
            impressions=pa.array([row.impressions for row in rows], pa.int64()),
            clicks=pa.array([row.clicks for row in rows], pa.int64()),
            spend=pa.array([row.spend for row in rows], pa.string()),
            counts=join_rows([row.actions for row in rows]),
            values=join_rows([row.action_values for row in rows]),
        )


#: Lenient, so that "1532" becomes 1532.
_decode = msgspec.json.Decoder(Page[Row], strict=False).decode


def decode_sheet(body: bytes) -> Page[Sheet]:
    """Decode a page of rows; a page without any has no sheet."""
    page = _decode(body)
    return Page(data=[Sheet.of(page.data)] if page.data else [], paging=page.paging)
