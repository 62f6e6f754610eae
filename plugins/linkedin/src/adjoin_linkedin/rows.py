"""Rows of adAnalytics as they come over the wire, decoded straight into typed objects.

A field that is absent is zero: LinkedIn leaves out what it was not asked for, and gives no row at all for a day without
activity in the fields that were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Row", "decode_rows", "texts_of"]

_NOTHING = msgspec.Raw(b'"0"')

#: JSON holds no such character, not even inside a text.
_SEPARATOR = b"\0"

_DAYS = b'"dateRange"'


class Row(msgspec.Struct, gc=False, rename="camel"):
    """One object on one day of UTC. Money is a decimal in the account's currency, in quotes.

    What becomes a column of texts stays undecoded: Arrow takes it apart more cheaply than Python, see `texts_of`.
    """

    pivot_values: msgspec.Raw
    date_range: msgspec.Raw
    impressions: int = 0
    clicks: int = 0
    cost_in_local_currency: msgspec.Raw = _NOTHING
    external_website_conversions: int = 0
    one_click_leads: int = 0
    conversion_value_in_local_currency: msgspec.Raw = _NOTHING
    video_views: int = 0


class _Answer(msgspec.Struct):
    elements: list[Row]


_decode = msgspec.json.Decoder(_Answer).decode


def decode_rows(body: bytes, *, fewer_than: int) -> list[Row] | None:
    """Return the rows of an answer, None if there are too many; msgspec.DecodeError if it is no answer."""
    if _looks_full(body, fewer_than) and body.count(_DAYS) >= fewer_than:
        return None  # of no use, so it is not decoded
    rows = _decode(body).elements
    return rows if len(rows) < fewer_than else None


def texts_of(raws: Sequence[msgspec.Raw]) -> pa.Array[Any]:
    """Return pieces of JSON as a column, each as it was written. One long text costs less than an object for each."""
    if not raws:
        return pa.array([], pa.binary())
    joined = pa.array([_SEPARATOR.join(raws)], pa.binary())
    texts: pa.Array[Any] = pc.split_pattern(joined, _SEPARATOR.decode()).values
    return texts


def _looks_full(body: bytes, rows: int) -> bool:
    """Estimate the number of rows from the length of the first: each names its days once."""
    first = body.find(_DAYS)
    second = body.find(_DAYS, first + 1)
    return second > 0 and 10 * len(body) >= 9 * rows * (second - first)
