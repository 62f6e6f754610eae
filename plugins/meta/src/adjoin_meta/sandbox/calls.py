"""One call to the sandbox and its answer, apart from how it came in: alone or inside a batch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from adjoin_meta.sandbox.errors import Refusal, retired_version

__all__ = ["ALIVE", "Answer", "Call", "classify", "split_path"]

#: The versions of the Marketing API that still answer; older ones are refused as retired.
ALIVE = frozenset({"v25.0", "v26.0"})
NEWEST = "v26.0"

_VERSION = re.compile(r"v(\d+)\.\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked: `path` holds the parts below the version, `base` is the URL in front of the version."""

    method: str
    version: str
    path: tuple[str, ...]
    params: Mapping[str, str]
    token: str
    base: str

    @property
    def url(self) -> str:
        """The absolute URL of what was asked, without parameters."""
        return "/".join((self.base, self.version, *self.path))

    @property
    def request_class(self) -> str:
        return classify(self.method, self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: object, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Answer with a value as JSON."""
        return cls(body=msgspec.json.encode(value), headers=headers or {})


def split_path(path: str) -> tuple[str, tuple[str, ...]]:
    """Return version and the rest of a path; the newest version where none is named. A slash at the end is ignored.

    Refuses versions that have been retired, or do not exist yet.
    """
    parts = tuple(part for part in path.split("/") if part)
    found = _VERSION.fullmatch(parts[0]) if parts else None
    if found is None:
        return NEWEST, parts
    if parts[0] not in ALIVE:
        if int(found[1]) > 26:
            raise Refusal(f"(#2635) Unknown Graph API version {parts[0]}", code=2635)
        raise retired_version()
    return parts[0], parts[1:]


def classify(method: str, path: tuple[str, ...]) -> str:
    """Return the class of a request, by which faults are switched on."""
    if path[-1:] == ("insights",):
        # An order of a report is a POST to the edge that results are read from.
        return "report" if method == "POST" else "facts"
    if method in ("POST", "DELETE") and path and path[0] not in ("dialog", "oauth", "me"):
        return "mutate"
    match path:
        case ():
            return "batch"
        case ("dialog" | "oauth", *_) | ("debug_token",):
            return "token"
        case ("me", *_):
            return "accounts"
        case (node,) if node.startswith("act_"):
            return "accounts"
        case (node,) if node.isdecimal() and len(node) == 13:
            return "report"
    return "entities"
