"""The parameters of a call, asked for by what they should be. What is something else is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adjoin_linkedin.sandbox.errors import param_invalid, unknown_param
from adjoin_linkedin.sandbox.restli import Value

__all__ = ["Params"]


@dataclass(frozen=True, slots=True)
class Params:
    """Values by name, `path` deep inside of the query."""

    values: Mapping[str, Value]
    path: str = ""

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def _at(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name

    def allow(self, *names: str) -> None:
        """Refuse parameters that are none of these."""
        for name in self.values:
            if name not in names:
                raise unknown_param(self._at(name)) if not self.path else param_invalid(self._at(name))

    def text(self, name: str, default: str = "") -> str:
        """A string; `(value:X)` is one too, as the service takes it."""
        value = self.values.get(name, default)
        if isinstance(value, dict) and set(value) == {"value"}:
            value = value["value"]
        if not isinstance(value, str):
            raise param_invalid(self._at(name))
        return value

    def choice(self, name: str, known: Sequence[str] | frozenset[str], default: str = "") -> str:
        """One of the words of an enum; empty only if that is the default and nothing is given."""
        word = self.text(name, default)
        if word not in known and not (name not in self.values and word == default):
            raise param_invalid(self._at(name), f'"{word}" is not an enum symbol')
        return word

    def number(self, name: str, default: int) -> int:
        """A whole number, not below zero."""
        text = self.text(name, str(default))
        if not (text.isascii() and text.isdecimal()):
            raise param_invalid(self._at(name))
        return int(text)

    def flag(self, name: str) -> bool | None:
        """True or false, None if it is not given."""
        if name not in self.values:
            return None
        return self.choice(name, ("true", "false")) == "true"

    def texts(self, name: str) -> list[str] | None:
        """A list of strings, None if it is not given."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            raise param_invalid(self._at(name))
        items = [item["value"] if isinstance(item, dict) and set(item) == {"value"} else item for item in value]
        if not all(isinstance(item, str) for item in items):
            raise param_invalid(self._at(name))
        return [str(item) for item in items]

    def record(self, name: str) -> Params | None:
        """A record, None if it is not given."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise param_invalid(self._at(name))
        return Params(value, self._at(name))
