"""What is added up of the columns of facts, and how counts are written."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["SUMMED", "count"]

#: What is added up.
SUMMED = ("impressions", "clicks", "cost_micros", "conversions", "conversion_value_micros")


def count(value: Decimal | None) -> int | Decimal | None:
    """Write a conversion count as an integer when it is whole, else as the exact decimal."""
    if value is None:
        return None
    whole = int(value)
    return whole if whole == value else value.normalize()
