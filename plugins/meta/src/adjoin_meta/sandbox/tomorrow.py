"""Values and fields that a later version of the API may bring (fault `unknown_values`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["NEWER", "NEWER_TEXT", "TOMORROW"]

#: Field of an enumeration: a value that nobody knows yet.
TOMORROW: Mapping[str, Any] = {
    "account_status": 12,
    "effective_status": "IN_ORBIT",
    "objective": "OUTCOME_TELEPATHY",
}

#: A field that nobody asked for.
NEWER: Mapping[str, Any] = {"novelty_index": {"score": 0.5, "parts": [1, None, "x"], "enabled": True}}

#: The same, as the start of a row that is already text, with a word where a number is usual.
NEWER_TEXT = msgspec.json.encode({**NEWER, "novelty_rank": "ABOVE_AVERAGE"}).decode()[1:-1]
