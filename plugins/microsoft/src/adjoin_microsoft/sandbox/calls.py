"""One call to the sandbox, apart from how it came in, and the class it is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adjoin_microsoft.sandbox.errors import bad_body

__all__ = ["SERVICES", "Call", "classify"]

#: The services by the first part of their paths. They share one port here; at the vendor each has a host of its own.
SERVICES = frozenset({"CustomerManagement", "CampaignManagement", "Reporting", "Bulk"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked. `operation` is the path below the version: Campaigns/QueryByAccountId; `base` the URL above it."""

    method: str
    service: str
    operation: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    base: str

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")

    def known_keys(self, *names: str) -> None:
        """Refuse keys that the operation does not have; the names are case-sensitive."""
        check_keys(self.body, names, "$")

    def text(self, name: str) -> str:
        """Return a text of the body, empty if it is null or absent."""
        return text_of(self.body.get(name), f"$.{name}")

    def id(self, name: str) -> str:
        """Return an id of the body, empty if it is null or absent. Ids are texts of digits."""
        return id_of(self.body.get(name), f"$.{name}")

    def ids(self, name: str) -> list[str]:
        """Return a list of ids of the body, empty if it is null or absent."""
        return [id_of(value, f"$.{name}[{at}]") for at, value in enumerate(self.list(name))]

    def list(self, name: str) -> Sequence[Any]:
        """Return a list of the body, empty if it is null or absent."""
        return list_of(self.body.get(name), f"$.{name}")

    def flags(self, name: str, known: Sequence[str]) -> frozenset[str]:
        """Return the values of a flag enumeration, one text joined by commas; blanks around them are allowed."""
        text = self.text(name)
        values = [value.strip() for value in text.split(",")] if text else []
        if unknown := [value for value in values if value not in known]:
            raise bad_body(f"$.{name}", f"Requested value '{unknown[0]}' was not found.")
        return frozenset(values)


def text_of(value: object, path: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise bad_body(path, "Error converting value to type 'String'.")
    return value


def id_of(value: object, path: str) -> str:
    """Read a 64-bit id; what is no number cannot be read at all. The server parses plain numbers as well."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).isdecimal():
        raise bad_body(path, f"Could not convert {value!r} to integer.")
    return str(value)


def list_of(value: object, path: str) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise bad_body(path, "Cannot deserialize the current JSON value because the type requires a JSON array.")
    return value


def object_of(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise bad_body(path, "Cannot deserialize the current JSON value because the type requires a JSON object.")
    return value


def check_keys(value: Mapping[str, Any], names: Sequence[str] | frozenset[str], path: str) -> None:
    for key in value:
        if key not in names:
            raise bad_body(f"{path}.{key}", f"Could not find member '{key}' on the object.")


def classify(method: str, path: str) -> str:
    """Return the class of a request, by which faults are switched on."""
    parts = tuple(part for part in path.split("/") if part)
    match parts:
        case ("blob", "reports", *_):
            return "facts"
        case ("blob", *_):
            return "entities"
        case (_, "oauth2", "v2.0", *_):
            return "token"
        case ("CustomerManagement", *_):
            return "accounts"
        case ("Reporting", *_):
            return "report"
        case ("Bulk", *_):
            return "entities"
        case ("CampaignManagement", *_, last):
            return "entities" if method == "POST" and last.startswith("Query") else "mutate"
    return "other"
