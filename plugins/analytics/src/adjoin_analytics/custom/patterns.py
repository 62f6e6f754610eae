"""Patterns of naming conventions: what takes a name apart into fields.

Matched by RE2, which takes time in proportion to the text whatever the pattern is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from adjoin.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Pattern", "field_values", "read_pattern"]

#: The longest pattern, and the most fields that one may have.
LONGEST, MOST_FIELDS = 500, 20
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern as RE2 reads it, and the names of its fields in order."""

    regex: str
    fields: tuple[str, ...]


@lru_cache(maxsize=256)
def read_pattern(text: str) -> Pattern:
    """Read a pattern: names of fields in braces with what stands between them, or a regular expression.

    Raises BadInput that says what is wrong with it.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not text.strip():
        raise BadInput("The pattern is empty; write one such as {market}_{product}_{kind}.")
    if len(text) > LONGEST:
        raise BadInput(f"The pattern has {len(text)} characters; {LONGEST} are the most.")
    regex = text if "(?P<" in text or "(?<" in text else _of_places(text)
    try:
        kind: Any = pc.extract_regex(pa.array([""]), pattern=regex).type
    except pa.ArrowInvalid as error:
        raise BadInput(
            f"The pattern {text!r} cannot be read: {error}. A regular expression needs a name for each group, as in "
            "(?P<market>[A-Z]{2})_(?P<product>.+); lookarounds and references to groups are not known."
        ) from None
    fields = tuple(one.name for one in kind)
    if len(fields) > MOST_FIELDS:
        raise BadInput(f"The pattern has {len(fields)} fields; {MOST_FIELDS} are the most.")
    for name in fields:
        if not NAME.fullmatch(name):
            raise BadInput(
                f"The field {name!r} cannot be named so: use small letters, digits and underscores, beginning with a "
                "letter, at most 40."
            )
    if len(set(fields)) < len(fields):
        raise BadInput(f"The pattern {text!r} has a field twice; give each its own name.")
    return Pattern(regex, fields)


def field_values(pattern: Pattern, field: str, names: pa.Array[Any], values: Mapping[str, str]) -> pa.Array[Any]:
    """Return what names hold for a field, without spaces around it, mapped where `values` says so. Null where none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: Any = pc.utf8_trim_whitespace(pc.struct_field(pc.extract_regex(names, pattern=pattern.regex), field))
    found = pc.if_else(pc.equal(found, pa.scalar("")), pa.scalar(None, pa.string()), found)
    if values:
        where = pc.index_in(found, value_set=pa.array(list(values), pa.string()), skip_nulls=True)
        found = pc.coalesce(pc.take(pa.array(list(values.values()), pa.string()), where), found)
    kept: pa.Array[Any] = found
    return kept


def _of_places(text: str) -> str:
    """Turn {market}_{product} into a regular expression: each field ends where what stands after it first occurs."""
    parts = _PLACE.split(text)
    names = parts[1::2]
    if not names or any("{" in part or "}" in part for part in parts[0::2]):
        raise BadInput(
            f"The pattern {text!r} has no fields, or a brace without its like; write one such as "
            "{market}_{product}_{kind}, or a regular expression with named groups."
        )
    for name in names:
        if not NAME.fullmatch(name):
            raise BadInput(
                f"The field {name!r} cannot be named so: use small letters, digits and underscores, beginning with a "
                "letter, at most 40."
            )
    if any(not between for between in parts[2:-1:2]):
        raise BadInput(f"In the pattern {text!r} two fields stand side by side; put something between them.")
    whole = [re.escape(parts[0])]
    for at, name in enumerate(names):
        last = at == len(names) - 1
        whole.append(f"(?P<{name}>.{'+' if last and not parts[-1] else '+?'})")
        whole.append(re.escape(parts[2 * at + 2]))
    return f"(?s)^{''.join(whole)}$"
