"""The `fields` parameter: a comma list with braces for what lies deeper, as `id,creative{id,link_url}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from adjoin_meta.sandbox.errors import bad_parameter, no_such_field

__all__ = ["Selection", "parse_fields", "select"]

#: Field: what is wanted below it, empty for all of it.
Selection: TypeAlias = "dict[str, Selection]"

_TOKEN = re.compile(r"[A-Za-z0-9_]+(?:\.\w+\([^)]*\))*|[{},]|\s+")


def parse_fields(text: str) -> Selection:
    """Read the parameter; a JSON list of names counts too, as the vendor's SDK sends it for reports."""
    if text.startswith("["):
        try:
            names = msgspec.json.decode(text, type=list[str])
        except msgspec.DecodeError:
            raise bad_parameter("param fields must be an array of strings") from None
        return {name: {} for name in names}
    stack: list[Selection] = [{}]
    last = ""
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise _syntax(text)
        token = found[0]
        position = found.end()
        if token == "{":  # noqa: S105 - a brace
            if not last:
                raise _syntax(text)
            stack.append(stack[-1][last])
        elif token == "}":  # noqa: S105 - a brace
            if len(stack) == 1:
                raise _syntax(text)
            stack.pop()
        elif token != "," and not token.isspace():  # noqa: S105 - a comma
            last = token.partition(".")[0]
            stack[-1].setdefault(last, {})
            continue
        last = ""
    if len(stack) != 1:
        raise _syntax(text)
    return stack[0]


def _syntax(text: str) -> Exception:
    return bad_parameter(f"Syntax error in field list {text!r}")


def select(node: Mapping[str, Any], wanted: Selection, *, kind: str, known: frozenset[str]) -> dict[str, Any]:
    """Return the wanted fields of a node that have a value. `id` is always among them. Unknown fields are refused."""
    out: dict[str, Any] = {}
    for name, below in wanted.items():
        if name not in known:
            raise no_such_field(name, kind)
        value = node.get(name)
        if value is None:
            continue
        # What was not expanded shows its id only, where it has one.
        if isinstance(value, Mapping) and "id" in value:
            value = {key: value[key] for key in (below or {"id": {}}) | {"id": {}} if key in value}
        out[name] = value
    out.setdefault("id", node["id"])
    return out
