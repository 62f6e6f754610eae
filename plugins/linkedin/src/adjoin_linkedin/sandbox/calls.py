"""One call to the API and its answer, apart from HTTP: the method of Rest.li, the path, the parameters, the body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from adjoin_linkedin.sandbox.errors import Refusal, param_invalid
from adjoin_linkedin.sandbox.params import Params
from adjoin_linkedin.sandbox.restli import Value, parse_key

__all__ = ["Answer", "Call", "classify", "restli_method"]

#: The methods of Rest.li and the methods of HTTP that carry them.
_HTTP = {
    "GET": "GET",
    "BATCH_GET": "GET",
    "GET_ALL": "GET",
    "FINDER": "GET",
    "BATCH_FINDER": "GET",
    "CREATE": "POST",
    "BATCH_CREATE": "POST",
    "PARTIAL_UPDATE": "POST",
    "BATCH_PARTIAL_UPDATE": "POST",
    "ACTION": "POST",
    "UPDATE": "PUT",
    "BATCH_UPDATE": "PUT",
    "DELETE": "DELETE",
    "BATCH_DELETE": "DELETE",
}

_ACCOUNTS = frozenset({"adAccounts", "adAccountUsers"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked. `path` holds the raw parts below `/rest`; `base` is the address of the sandbox."""

    method: str
    path: tuple[str, ...]
    params: Params
    body: bytes
    token: str
    version: str
    protocol2: bool
    base: str

    def key(self, raw: str) -> Value:
        """Decode a part of the path."""
        return parse_key(raw, protocol2=self.protocol2)

    def text_key(self, raw: str) -> str:
        """Decode a part of the path that is no compound key."""
        value = self.key(raw)
        if not isinstance(value, str):
            raise param_invalid("key")
        return value

    def json(self) -> dict[str, Any]:
        """The body, which has to be a JSON object."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except msgspec.DecodeError:
            raise Refusal("Cannot parse request entity", status=400) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
        """Answer with a value as JSON."""
        return cls(body=msgspec.json.encode(value), status=status, headers=headers or {})


def restli_method(http: str, named: str, *, keyed: bool, params: Params) -> str:
    """Return the method of Rest.li: the one named in the header if it fits, otherwise what the request looks like."""
    named = named.upper()
    if named:
        if _HTTP.get(named) != http:
            raise Refusal(f"Invalid Rest.li method {named} for HTTP method {http}")
        return named
    batch = "BATCH_" if "ids" in params else ""
    if http == "GET":
        return "FINDER" if "q" in params else "BATCH_GET" if batch else "GET" if keyed else "GET_ALL"
    if http == "DELETE":
        return f"{batch}DELETE"
    if http == "PUT":
        return f"{batch}UPDATE"
    if "action" in params:
        return "ACTION"
    if keyed or batch:
        # What is patched must say so; a POST at a key alone means nothing.
        raise Refusal("POST on an entity needs the header X-RestLi-Method")
    return "CREATE"


def classify(http: str, path: tuple[str, ...]) -> str:
    """Return the class of a request, by which faults are switched on. `http` is the method that is meant."""
    match path:
        case ("oauth", *_):
            return "token"
        case _ if http != "GET":
            return "mutate"
        case ("rest", "adAnalytics", *_):
            return "facts"
        case ("rest", resource) if resource in _ACCOUNTS:
            return "accounts"
        case ("rest", resource, _) if resource in _ACCOUNTS:
            return "accounts"
        case ("v2", *_):
            return "accounts"
    return "entities"
