"""Partial errors: what failed of a list, told under HTTP 200."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from adjoin_microsoft.sandbox.codes import problem

__all__ = ["Editorial", "batch_error"]


@dataclass(frozen=True, slots=True)
class Editorial:
    """An editorial refusal: the text that is not allowed, and where it stands."""

    text: str
    location: str
    reason: int = 17


def batch_error(index: int, code: int, *, field_path: str | None = None, editorial: Editorial | None = None) -> Any:
    """Return the error of one item; `index` is its place in the request."""
    name, message = problem(code)
    error: dict[str, Any] = {
        "Type": "BatchError" if editorial is None else "EditorialError",
        "Index": index,
        "Code": code,
        "ErrorCode": name,
        "Message": message,
        "Details": None,
        "FieldPath": field_path,
        "ForwardCompatibilityMap": None,
    }
    if editorial is not None:
        error |= {
            "Appealable": True,
            "DisapprovedText": editorial.text,
            "Location": editorial.location,
            "PublisherCountry": None,
            "ReasonCode": editorial.reason,
        }
    return error
