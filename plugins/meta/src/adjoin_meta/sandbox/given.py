"""The parameters of a change: texts that hold numbers, flags, times and JSON."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from adjoin_meta.sandbox.errors import Refusal, bad_parameter

__all__ = ["Given"]

#: What any call may carry and no change is about.
_EVERYWHERE = frozenset(
    {"access_token", "appsecret_proof", "execution_options", "fields", "pretty", "debug", "summary", "locale"}
)


@dataclass(frozen=True, slots=True)
class Given:
    """What a change names. Reading refuses what has the wrong form, as the API does."""

    params: Mapping[str, str]

    def __contains__(self, name: str) -> bool:
        return name in self.params

    def only(self, known: Collection[str], kind: str) -> None:
        """Refuse parameters that an object of this kind does not have."""
        for name in self.params:
            if name not in known and name not in _EVERYWHERE:
                raise bad_parameter(f"Tried accessing nonexisting field ({name}) on node type ({kind})")

    @property
    def validate_only(self) -> bool:
        options = self.json("execution_options", list) or []
        if "include_recommendations" in options and len(options) == 1:
            raise bad_parameter("include_recommendations only works together with another option")
        return "validate_only" in options

    def need(self, name: str) -> str:
        """Return a text that must be there."""
        if not self.params.get(name):
            raise bad_parameter(f"The parameter {name} is required")
        return self.params[name]

    def text(self, name: str) -> str | None:
        return self.params.get(name)

    def one_of(self, name: str, allowed: Collection[str], *, required: bool = False) -> str | None:
        """Return a word of an enumeration."""
        value = self.need(name) if required else self.params.get(name)
        if value is not None and value not in allowed:
            raise bad_parameter(f"Param {name} must be one of {{{', '.join(sorted(allowed))}}}")
        return value

    def whole(self, name: str) -> int | None:
        """Return an integer, as of an amount in the smallest unit."""
        value = self.params.get(name)
        if value is None:
            return None
        if not re.fullmatch(r"\d{1,18}", value):
            raise bad_parameter(f"Param {name} must be an integer")
        return int(value)

    def flag(self, name: str) -> bool | None:
        value = self.params.get(name)
        if value is None:
            return None
        if value.lower() not in ("true", "false", "1", "0"):
            raise bad_parameter(f"Param {name} must be a boolean")
        return value.lower() in ("true", "1")

    def json(self, name: str, kind: type) -> Any:
        """Return a value written as JSON: a dict or a list."""
        value = self.params.get(name)
        if value is None:
            return None
        try:
            return msgspec.json.decode(value, type=kind)
        except msgspec.DecodeError:
            raise bad_parameter(f"Param {name} must be {'an array' if kind is list else 'a JSON object'}") from None

    def time(self, name: str) -> datetime | None:
        """Return an instant, written in ISO 8601 or in seconds since 1970; "0" is none."""
        value = self.params.get(name)
        if value in (None, "0", ""):
            return None
        if value.isdecimal():
            return datetime.fromtimestamp(int(value), UTC)
        try:
            moment = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", value))
        except ValueError:
            raise self._no_time(name) from None
        if moment.tzinfo is None:
            raise self._no_time(name)
        return moment

    def _no_time(self, name: str) -> Refusal:
        return bad_parameter(f"Param {name} must be a valid datetime or a unix timestamp")
