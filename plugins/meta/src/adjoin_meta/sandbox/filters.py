"""The `filtering` parameter: a list of field, operator and value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from adjoin_meta.sandbox.errors import bad_parameter

__all__ = ["Filter", "json_list", "matches", "parse_filtering"]


class Filter(msgspec.Struct, frozen=True):
    """One condition; `field` has the level before the point."""

    field: str
    operator: str
    value: Any


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise bad_parameter(f"Filtering value {value!r} must be a number") from None


def _listed(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _range(value: object) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise bad_parameter("Filtering value must be a list of two numbers")
    return _number(value[0]), _number(value[1])


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "EQUAL": lambda have, want: str(have) == str(want),
    "NOT_EQUAL": lambda have, want: str(have) != str(want),
    "GREATER_THAN": lambda have, want: _number(have) > _number(want),
    "GREATER_THAN_OR_EQUAL": lambda have, want: _number(have) >= _number(want),
    "LESS_THAN": lambda have, want: _number(have) < _number(want),
    "LESS_THAN_OR_EQUAL": lambda have, want: _number(have) <= _number(want),
    "IN": lambda have, want: str(have) in _listed(want),
    "NOT_IN": lambda have, want: str(have) not in _listed(want),
    "IN_RANGE": lambda have, want: _range(want)[0] <= _number(have) <= _range(want)[1],
    "NOT_IN_RANGE": lambda have, want: not _range(want)[0] <= _number(have) <= _range(want)[1],
    "CONTAIN": lambda have, want: any(item in str(have) for item in _listed(want)),
    "NOT_CONTAIN": lambda have, want: not any(item in str(have) for item in _listed(want)),
    "STARTS_WITH": lambda have, want: str(have).startswith(str(want)),
    "ENDS_WITH": lambda have, want: str(have).endswith(str(want)),
}


def parse_filtering(text: str) -> list[Filter]:
    """Read the parameter; an empty one has no conditions."""
    if not text:
        return []
    try:
        found = msgspec.json.decode(text, type=list[Filter])
    except msgspec.DecodeError:
        raise bad_parameter("param filtering must be an array of objects with field, operator and value") from None
    for condition in found:
        if condition.operator not in _OPERATORS:
            raise bad_parameter(f"Filtering operator {condition.operator} is not known")
    return found


def matches(value: object, condition: Filter) -> bool:
    """Say whether a value meets a condition. What is absent meets none."""
    return value is not None and _OPERATORS[condition.operator](value, condition.value)


def json_list(text: str, name: str) -> Sequence[str]:
    """Read a parameter that is a JSON list of texts; a bare comma list is taken too."""
    if not text.startswith("["):
        return [item for item in text.split(",") if item]
    try:
        return msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError:
        raise bad_parameter(f"param {name} must be an array") from None
