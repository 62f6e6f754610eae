"""What goes over the wire: JSON as the vendor writes it, and requests as it reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from adjoin_google.sandbox.catalog import camel
from adjoin_google.sandbox.errors import Refusal, bad_payload

__all__ = ["JSON", "read_object", "read_text_map", "write"]

#: The content type of every JSON answer.
JSON = "application/json; charset=UTF-8"


def write(body: object, *, pretty: bool) -> bytes:
    """Write JSON, indented by two spaces unless the caller wants it compact; bytes are JSON already."""
    text = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return msgspec.json.format(text, indent=2) if pretty else text


def read_object(body: bytes) -> dict[str, Any]:
    """Read the JSON object of a request; an empty body is an empty one."""
    if not body.strip():
        return {}
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_payload(f"Unexpected token.\n{error}") from None
    if not isinstance(found, dict):
        raise bad_payload("Root element must be a message.")
    return found


def read_text_map(given: Mapping[str, Any], kinds: Mapping[str, str], where: str = "") -> dict[str, Any]:
    """Check the keys and kinds of an object and return it with camelCase keys, which may also come in snake_case.

    Kinds are `string`, `bool`, `int32`, `object`, `list`, or the values of an enum separated by spaces.
    """
    read: dict[str, Any] = {}
    for name, value in given.items():
        key = camel(name)
        place = f"{where}.{key}" if where else key
        if key not in kinds:
            at = f" at '{where}'" if where else ""
            raise bad_payload(f'Unknown name "{name}"{at}: Cannot find field.', where)
        if value is None:
            continue  # null is what is not there
        _check(value, kinds[key], place)
        read[key] = value
    return read


def _check(value: object, kind: str, place: str) -> None:
    fits: Mapping[str, bool] = {
        "string": isinstance(value, str),
        "bool": isinstance(value, bool),
        "int32": isinstance(value, int) and not isinstance(value, bool),
        "object": isinstance(value, dict),
        "list": isinstance(value, list),
    }
    if kind in fits:
        if not fits[kind]:
            raise _wrong(value, place, kind)
    elif value not in kind.split():
        raise _wrong(value, place, "enum")


def _wrong(value: object, place: str, kind: str) -> Refusal:
    shown = msgspec.json.encode(value).decode()
    return bad_payload(f"Invalid value at '{place}' ({kind}), {shown}", place)
