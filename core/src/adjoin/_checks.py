"""Checks what a plugin returns against what the contract says, field by field."""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Awaitable, Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

from adjoin.errors import WrongResult

__all__ = ["checked", "checked_item"]


def checked(plugin: str, spec: Callable[..., Any], value: Any) -> Any:
    """Return the value, or raise WrongResult that names the plugin, the hook and the field that is off."""
    from pydantic import ValidationError

    try:
        return _adapter(spec).validate_python(value)
    except ValidationError as error:
        raise WrongResult(
            f"plugin {plugin!r} returned what {spec.__qualname__} does not allow: {_first(error)}",
            plugin=plugin,
        ) from None


def checked_item(plugin: str, spec: Callable[..., Any], value: Any) -> Any:
    """Check one item of a stream: its type only, as rows are checked where they are stored."""
    kinds = _item_types(spec)
    if not isinstance(value, kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise WrongResult(
            f"plugin {plugin!r} yielded {type(value).__name__} in {spec.__qualname__}, expected {expected}",
            plugin=plugin,
        )
    return value


@cache
def _adapter(spec: Callable[..., Any]) -> Any:
    from pydantic import TypeAdapter

    kind = _return_type(spec)
    if typing.get_origin(kind) in {typing.Union, types.UnionType}:  # without the arm that is awaited
        arms = tuple(arm for arm in typing.get_args(kind) if typing.get_origin(arm) is not Awaitable)
        kind = typing.Union[arms]  # noqa: UP007 - made at run time
    if _is_payload(kind):  # takes its configuration from the class
        return TypeAdapter(kind)
    return TypeAdapter(kind, config={"strict": True, "arbitrary_types_allowed": True})


@cache
def _item_types(spec: Callable[..., Any]) -> tuple[type, ...]:
    (item,) = typing.get_args(_return_type(spec))
    return typing.get_args(item) or (item,)


def _return_type(spec: Callable[..., Any]) -> Any:
    # Only the return annotation is resolved: those of the arguments may name types that exist for type checkers alone.
    annotated = SimpleNamespace(__annotations__={"return": spec.__annotations__["return"]})
    return typing.get_type_hints(annotated, globalns=vars(sys.modules[spec.__module__]))["return"]


def _is_payload(kind: Any) -> bool:
    return hasattr(kind, "__pydantic_config__")


def _first(error: Any) -> str:
    first, *rest = error.errors(include_url=False, include_input=False)
    where = ".".join(str(part) for part in first["loc"]) or "the value"
    more = f" (and {len(rest)} more)" if rest else ""
    return f"{where}: {first['msg'].lower()}{more}"
