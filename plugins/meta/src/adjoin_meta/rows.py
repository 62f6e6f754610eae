"""Insights rows as they come over the wire, decoded straight into typed objects and taken apart into columns.

Numbers are strings and are turned into integers inside the parser. What is absent is zero: Meta leaves out every
zero, and there is no row at all without delivery or results.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

import msgspec

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

    dates: list[str]
    campaigns: list[str]
    ad_sets: list[str]
    ads: list[str]
    impressions: list[int]
    clicks: list[int]
    spend: list[str]
    counts: bytes
    values: bytes

    def __len__(self) -> int:
        return len(self.dates)

    def without(self, known: Set[tuple[str, str]]) -> Sheet:
        """Leave out the rows of these days and campaigns."""
        keys = zip(self.dates, self.campaigns, strict=True)
        kept = [place for place, key in enumerate(keys) if key not in known]
        counts, values = self.counts.split(b"\n"), self.values.split(b"\n")
        return Sheet(
            dates=[self.dates[place] for place in kept],
            campaigns=[self.campaigns[place] for place in kept],
            ad_sets=[self.ad_sets[place] for place in kept],
            ads=[self.ads[place] for place in kept],
            impressions=[self.impressions[place] for place in kept],
            clicks=[self.clicks[place] for place in kept],
            spend=[self.spend[place] for place in kept],
            counts=b"\n".join([counts[place] for place in kept]),
            values=b"\n".join([values[place] for place in kept]),
        )

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Sheet:
        return cls(
            dates=[row.date_start for row in rows],
            campaigns=[row.campaign_id for row in rows],
            ad_sets=[row.adset_id for row in rows],
            ads=[row.ad_id for row in rows],
            impressions=[row.impressions for row in rows],
            clicks=[row.clicks for row in rows],
            spend=[row.spend for row in rows],
            counts=join_rows([row.actions for row in rows]),
            values=join_rows([row.action_values for row in rows]),
        )


#: Lenient, so that "1532" becomes 1532.
_decode = msgspec.json.Decoder(Page[Row], strict=False).decode


def decode_sheet(body: bytes) -> Page[Sheet]:
    """Decode a page of rows; a page without any has no sheet."""
    page = _decode(body)
    return Page(data=[Sheet.of(page.data)] if page.data else [], paging=page.paging)
