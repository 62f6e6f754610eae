"""Lifts a plugin of an older contract version to the newest one, step by step."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from adjoin._checks import checked, checked_item
from adjoin._validate import implemented
from adjoin.contract import Contract, ContractVersion
from adjoin.errors import ContractError, NotImplementedByPlugin
from adjoin.lanes import Lane

__all__ = ["call_with_subset", "lift"]

Implementations = Mapping[str, Callable[..., Any]]


def lift(plugin: object, contract: Contract, version: int, lane: Lane) -> Implementations:
    """Return the implementations of the newest version's hooks that this plugin can serve.

    Raises ContractError if a hook that a newer version requires cannot be served.
    """
    spoken = contract.version(version)
    found: Implementations = implemented(plugin, spoken)
    for number in range(version, contract.newest.number):
        upgrader = contract.upgraders[number]
        lifted = upgrader(_PreviousCalls(lane, contract.version(number), found))
        newer = implemented(lifted, contract.version(number + 1))
        found = {
            name: function
            for name, function in newer.items()
            if all(need in found for need in upgrader.needs.get(name, ()))
        }
        lacking = [
            name for name, info in contract.version(number + 1).hooks.items() if info.required and name not in found
        ]
        if lacking:
            raise ContractError(f"it cannot serve what v{number + 1} requires: {', '.join(lacking)}")
    return found


def call_with_subset(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call an implementation with those arguments that it names."""
    wanted = inspect.signature(function).parameters
    return function(**{name: value for name, value in arguments.items() if name in wanted})


class _PreviousCalls:
    """Calls of the older plugin, settled and checked against its own version."""

    def __init__(self, lane: Lane, version: ContractVersion, found: Implementations) -> None:
        self._lane = lane
        self._version = version
        self._found = found

    @property
    def plugin(self) -> str:
        return self._lane.plugin

    def call(self, spec: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        function, arguments = self._prepare(spec, args, kwargs)
        return checked(self.plugin, spec, call_with_subset(function, arguments))

    async def acall(self, spec: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        function, arguments = self._prepare(spec, args, kwargs)
        if inspect.iscoroutinefunction(inspect.unwrap(function)):
            value = call_with_subset(function, arguments)
        else:
            value = await self._lane.in_thread(spec.__name__, lambda: call_with_subset(function, arguments))
        if inspect.isawaitable(value):
            value = await value
        return checked(self.plugin, spec, value)

    async def stream(self, spec: Callable[..., Any], /, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        function, arguments = self._prepare(spec, args, kwargs)
        items = call_with_subset(function, arguments)
        try:
            async for item in items:
                yield checked_item(self.plugin, spec, item)
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()

    def _prepare(
        self, spec: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[Callable[..., Any], Mapping[str, Any]]:
        function = self._found.get(spec.__name__)
        if function is None:
            raise NotImplementedByPlugin(
                f"plugin {self.plugin!r} does not implement {spec.__name__!r} of v{self._version.number}",
                plugin=self.plugin,
            )
        bound = inspect.signature(spec).bind(None, *args, **kwargs)
        bound.apply_defaults()
        return function, dict(list(bound.arguments.items())[1:])
