"""What the API allows at once. Tests make it smaller."""

from __future__ import annotations

import msgspec

__all__ = ["Limits"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Elements and metric values of analytics, and sizes of pages.

    Analytics beyond `analytics_rows` elements are cut without a word. `metric_values` (fields times rows) may be read
    within `metric_seconds`. `unpaged` is how many elements a search without `pageSize` may find.
    """

    analytics_rows: int = 15_000
    analytics_fields: int = 20
    metric_values: int = 45_000_000
    metric_seconds: float = 300.0
    page: int = 1_000
    creatives_page: int = 100
    default_page: int = 100
    unpaged: int = 1_000
