"""Rest.li's query language, read from the raw query: `List(a,b)` and `(k:v)` of protocol 2.0, `a.b[0]=v` of 1.0.

Structural characters stand raw and those inside of strings percent-encoded, so nothing is decoded before its place is
known. A mistake is refused as the API does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote, unquote_plus

from adjoin_linkedin.sandbox.errors import Refusal, param_invalid

__all__ = ["Value", "parse_key", "parse_query", "parse_value"]

Value: TypeAlias = "str | list[Value] | dict[str, Value]"

#: Projections are written as in protocol 1.0: `fields=a,b,c`.
_PLAIN = frozenset({"fields"})

_STRUCTURE = re.compile(r"[(),:]")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def parse_query(raw: str, *, protocol2: bool) -> dict[str, Value]:
    """Read a raw query string into values by parameter. Refuses what is not well-formed."""
    pairs = [part.partition("=")[::2] for part in raw.split("&") if part]
    if not protocol2:
        return _flat(pairs)
    found: dict[str, Value] = {}
    for name, text in pairs:
        key = unquote_plus(name)
        found[key] = unquote_plus(text) if key in _PLAIN else parse_value(text, path=key)
    return found


def parse_value(text: str, *, path: str) -> Value:
    """Read one value of protocol 2.0; `path` is what a refusal names."""
    reader = _Reader(text, path)
    value = reader.value()
    if reader.at != len(text):
        raise reader.refusal()
    return value


def parse_key(raw: str, *, protocol2: bool) -> Value:
    """Read the key in a path: a number, an encoded URN, or a compound key."""
    return parse_value(raw, path="key") if protocol2 else unquote(raw)


class _Reader:
    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.at = 0

    def refusal(self) -> Refusal:
        return param_invalid(self.path, f"Invalid argument: unexpected character at position {self.at}")

    def take(self, token: str) -> bool:
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def expect(self, token: str) -> None:
        if not self.take(token):
            raise self.refusal()

    def leaf(self) -> str:
        end = _STRUCTURE.search(self.text, self.at)
        stop = end.start() if end else len(self.text)
        raw, self.at = self.text[self.at : stop], stop
        return "" if raw == "''" else unquote_plus(raw)

    def value(self) -> Value:
        if self.take("List("):
            items: list[Value] = []
            while not self.take(")"):
                if items:
                    self.expect(",")
                items.append(self.value())
            return items
        if self.take("("):
            record: dict[str, Value] = {}
            while not self.take(")"):
                if record:
                    self.expect(",")
                name = self.leaf()
                self.expect(":")
                record[name] = self.value()
            return record
        return self.leaf()


def _flat(pairs: list[tuple[str, str]]) -> dict[str, Value]:
    """Protocol 1.0: the names hold the structure. A name that comes again makes a list."""
    tree: dict[Any, Any] = {}
    for name, text in pairs:
        steps: list[str | int] = [int(index) if index else word for word, index in _STEP.findall(unquote_plus(name))]
        if not steps:
            raise param_invalid(name)
        place = tree
        for step in steps[:-1]:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise param_invalid(unquote_plus(name))
        value, last = unquote_plus(text), steps[-1]
        if isinstance(place.get(last), str):
            place[last] = {0: place[last], 1: value}
        elif isinstance(place.get(last), dict):
            place[last][len(place[last])] = value
        else:
            place[last] = value
    return {str(name): _listed(value) for name, value in tree.items()}


def _listed(node: Any) -> Value:
    if not isinstance(node, Mapping):
        return str(node)
    if node and all(isinstance(key, int) for key in node):
        return [_listed(node[key]) for key in sorted(node)]
    return {str(key): _listed(value) for key, value in node.items()}
