"""Queries in the language of Rest.li 2.0, built by hand.

In it `( ) : ,` and the word `List` are structure and travel as they are, while the same characters inside a value are
percent-encoded: `accounts=List(urn%3Ali%3AsponsoredAccount%3A5)`. A library that encodes a query from a mapping breaks
the one or the other, so what is made here goes into the address as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypeAlias
from urllib.parse import quote

__all__ = ["Value", "date_range", "encode", "query_string", "urn"]

Value: TypeAlias = "str | int | bool | Sequence[Value] | Mapping[str, Value]"


def encode(value: Value) -> str:
    """Write one value: text percent-encoded, `List(a,b)` for a sequence, `(k:v,l:w)` for a mapping, `''` for no text.

    >>> encode({"status": {"values": ["ACTIVE"]}, "id": "urn:li:x:1", "test": False})
    '(status:(values:List(ACTIVE)),id:urn%3Ali%3Ax%3A1,test:false)'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return quote(value, safe="") or "''"
    if isinstance(value, Mapping):
        return f"({','.join(f'{encode(key)}:{encode(item)}' for key, item in value.items())})"
    return f"List({','.join(map(encode, value))})"


def query_string(params: Mapping[str, Value], *, fields: Sequence[str] = ()) -> str:
    """Write a whole query. `fields` is the one parameter whose list is plain: `a,b,c`."""
    parts = [f"{quote(name, safe='')}={encode(value)}" for name, value in params.items()]
    if fields:
        parts.append("fields=" + ",".join(quote(name, safe="") for name in fields))
    return "&".join(parts)


def date_range(since: date, until: date) -> Value:
    """Return a closed range of days, as adAnalytics wants it."""
    return {"start": _day(since), "end": _day(until)}


def urn(kind: str, number: str) -> str:
    """Return the URN of an object, from the bare number that Adjoin knows it by: `urn:li:sponsoredAccount:5`."""
    return f"urn:li:{kind}:{number}"


def _day(day: date) -> Value:
    return {"year": day.year, "month": day.month, "day": day.day}
