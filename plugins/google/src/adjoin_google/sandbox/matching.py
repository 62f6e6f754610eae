"""Whether a value meets a condition, and how values sort."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from adjoin_google.sandbox.catalog import Field
from adjoin_google.sandbox.plan import Test

__all__ = ["comparable", "matcher"]


def comparable(field: Field, value: Any) -> Any:
    """Turn a value of the wire into one that sorts as the field does; what is absent sorts first."""
    if value is None:
        return (0, 0)
    return (1, int(value) if field.kind == "int64" else value)


def matcher(test: Test) -> Callable[[Any], bool]:
    """Return a function that says whether a value of the wire (None: absent) meets a condition."""
    field, operator = test.field, test.operator
    texts = [value.text for value in test.values]
    if operator == "IS NULL":
        return lambda value: value is None
    if operator == "IS NOT NULL":
        return lambda value: value is not None
    if field.repeated:
        return _contains(operator, frozenset(texts))
    if operator in ("LIKE", "NOT LIKE"):
        return _pattern(_like(texts[0]), negated=operator != "LIKE")
    if operator in ("REGEXP_MATCH", "NOT REGEXP_MATCH"):
        return _pattern(re.compile(texts[0]), negated=operator != "REGEXP_MATCH")
    wanted = [_wanted(field, text) for text in texts]
    read: Callable[[Any], Any] = int if field.kind in ("int64", "int32") else lambda value: value
    if field.kind == "bool":
        # A flag that is not there is off.
        read = bool
    elif field.kind == "double":
        read = float
    compare = _comparison(operator, wanted)
    absent = operator in ("!=", "NOT IN")
    if field.kind == "bool":
        return lambda value: compare(read(value))
    return lambda value: absent if value is None else compare(read(value))


def _wanted(field: Field, text: str) -> Any:
    if field.kind == "bool":
        return text.upper() == "TRUE"
    if field.kind in ("int64", "int32"):
        return int(text)
    return float(text) if field.kind == "double" else text


def _comparison(operator: str, wanted: list[Any]) -> Callable[[Any], bool]:
    first = wanted[0]
    known: dict[str, Callable[[Any], bool]] = {
        "=": lambda value: bool(value == first),
        "!=": lambda value: bool(value != first),
        "<": lambda value: bool(value < first),
        "<=": lambda value: bool(value <= first),
        ">": lambda value: bool(value > first),
        ">=": lambda value: bool(value >= first),
        "IN": frozenset(wanted).__contains__,
        "NOT IN": lambda value: value not in wanted,
        "BETWEEN": lambda value: bool(first <= value <= wanted[-1]),
    }
    return known[operator]


def _contains(operator: str, wanted: frozenset[str]) -> Callable[[Any], bool]:
    def has(value: Any) -> bool:
        there = wanted & set(map(str, value or ()))
        if operator == "CONTAINS ALL":
            return there == wanted
        return bool(there) == (operator == "CONTAINS ANY")

    return has


def _like(text: str) -> re.Pattern[str]:
    """% stands for anything, [%] for itself."""
    parts = re.split(r"(\[.\]|%)", text)
    written = (".*" if part == "%" else re.escape(part[1] if re.fullmatch(r"\[.\]", part) else part) for part in parts)
    return re.compile("".join(written), re.IGNORECASE | re.DOTALL)


def _pattern(pattern: re.Pattern[str], *, negated: bool) -> Callable[[Any], bool]:
    return lambda value: (value is not None and pattern.fullmatch(str(value)) is not None) != negated
