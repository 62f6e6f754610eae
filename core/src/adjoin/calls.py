"""Calling hooks: one plugin by name or all of them, blocking or not, each answer with its author."""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeVar

import pluggy

from adjoin._checks import checked, checked_item
from adjoin._lift import Implementations, call_with_subset
from adjoin.contract import PROJECT, ContractVersion, HookInfo, hookimpl
from adjoin.errors import AdjoinError, ContractError, NotImplementedByPlugin, UnknownName
from adjoin.lanes import Lane, Started, guarded

__all__ = ["Answer", "Hook", "Registry", "Results", "StreamHook"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What one plugin answered. None and empty answers count as answers."""

    plugin: str
    value: T


@dataclass(frozen=True, slots=True)
class Results(Generic[T]):
    """The answers of all plugins, sorted by plugin name, and the errors of those that failed."""

    answers: tuple[Answer[T], ...]
    errors: Mapping[str, AdjoinError] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Answer[T]]:
        return iter(self.answers)

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def values(self) -> list[T]:
        return [answer.value for answer in self.answers]


class Registry:
    """The plugins of one contract. pluggy collects the calls; each runs in its own plugin's lane."""

    def __init__(self, contract: str, version: ContractVersion) -> None:
        self.contract = contract
        self.version = version
        self._manager = pluggy.PluginManager(PROJECT)
        for name in version.hooks:
            self._manager.add_hookspecs(_forwarding_spec(name))
        self._plugins: dict[str, tuple[Implementations, Lane]] = {}

    def add(self, plugin: str, implementations: Implementations, lane: Lane) -> None:
        """Register the guarded proxies of a plugin."""
        if plugin in self._plugins:
            raise ContractError(f"{self.contract} plugin {plugin!r} is registered already")
        self._plugins[plugin] = (implementations, lane)
        proxy = _Proxy(plugin)
        for name, function in implementations.items():
            proxy.__dict__[name] = _forward_to(plugin, function, lane, self.version, name)
        self._manager.register(proxy, name=plugin)

    @property
    def plugins(self) -> list[str]:
        return sorted(self._plugins)

    def implements(self, plugin: str, hook: str) -> bool:
        return plugin in self._plugins and hook in self._plugins[plugin][0]

    def implementers(self, hook: str) -> list[str]:
        return [plugin for plugin in self.plugins if self.implements(plugin, hook)]

    def start_all(self, hook: str, arguments: Mapping[str, Any]) -> list[_Pending]:
        """Start the hook in every plugin that implements it."""
        started: list[_Pending] = getattr(self._manager.hook, hook)(arguments=arguments)
        return sorted(started, key=lambda pending: pending.plugin)

    def start_one(self, plugin: str, hook: str, arguments: Mapping[str, Any]) -> _Pending:
        """Start the hook in one plugin. Raises UnknownName or NotImplementedByPlugin."""
        implementations, lane = self.find(plugin, hook)
        return _start(plugin, implementations[hook], lane, self.version, hook, arguments)

    def lane(self, plugin: str) -> Lane:
        """Return the lane of a plugin. Raises UnknownName."""
        return self._known(plugin)[1]

    def find(self, plugin: str, hook: str) -> tuple[Implementations, Lane]:
        """Return a plugin's implementations and lane. Raises UnknownName or NotImplementedByPlugin."""
        implementations, lane = self._known(plugin)
        if hook not in implementations:
            raise NotImplementedByPlugin(
                f"plugin {plugin!r} does not implement {self.contract} hook {hook!r}", plugin=plugin
            )
        return implementations, lane

    def _known(self, plugin: str) -> tuple[Implementations, Lane]:
        if plugin not in self._plugins:
            known = ", ".join(self.plugins) or "none"
            raise UnknownName(
                f"there is no {self.contract} plugin {plugin!r}; loaded are: {known} (see `adjoin plugins list`)"
            )
        return self._plugins[plugin]


class _Caller(Generic[P]):
    """Binds arguments to the spec, so that a misspelt one is an error and a left-out one has its default."""

    def __init__(self, registry: Registry, spec: Callable[..., Any], info: HookInfo) -> None:
        self._registry = registry
        self._spec = spec
        self._info = info
        self._signature = inspect.signature(spec)

    def _bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        bound = self._signature.bind(None, *args, **kwargs)
        bound.apply_defaults()
        return dict(list(bound.arguments.items())[1:])

    def implemented_by(self, plugin: str) -> bool:
        """Whether a loaded plugin has this hook."""
        return self._registry.implements(plugin, self._info.name)

    @property
    def implementers(self) -> list[str]:
        """The names of the loaded plugins that have this hook, sorted."""
        return self._registry.implementers(self._info.name)


class Hook(_Caller[P], Generic[P, T]):
    """A hook that returns a value. `one` and `all` block; `aone` and `aall` do not."""

    def one(self, plugin: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask one plugin. Raises UnknownName, a PluginError, or the plugin's PlatformError."""
        pending = self._registry.start_one(plugin, self._info.name, self._bind(args, kwargs))
        return self.check(plugin, pending.wait(self._info.timeout))

    async def aone(self, plugin: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As `one`, without blocking the loop."""
        pending = self._registry.start_one(plugin, self._info.name, self._bind(args, kwargs))
        return self.check(plugin, await pending.await_(self._info.timeout))

    def all(self, *args: P.args, **kwargs: P.kwargs) -> Results[T]:
        """Ask every plugin that implements the hook, all at once, under one deadline. Never raises for a plugin."""
        collected = _Collected[T](self)
        deadline = _deadline(self._info.timeout)
        with _under_way(self._registry.start_all(self._info.name, self._bind(args, kwargs))) as started:
            for pending in started:
                try:
                    collected.add(pending.plugin, pending.wait(_left(deadline)))
                except AdjoinError as error:
                    collected.errors[pending.plugin] = error
        return collected.results()

    async def aall(self, *args: P.args, **kwargs: P.kwargs) -> Results[T]:
        """As `all`, without blocking the loop."""
        collected = _Collected[T](self)
        deadline = _deadline(self._info.timeout)
        with _under_way(self._registry.start_all(self._info.name, self._bind(args, kwargs))) as started:
            for pending in started:
                try:
                    collected.add(pending.plugin, await pending.await_(_left(deadline)))
                except AdjoinError as error:
                    collected.errors[pending.plugin] = error
        return collected.results()

    def check(self, plugin: str, value: Any) -> T:
        """Return the value if the contract allows it, else raise WrongResult."""
        checked_value: T = checked(plugin, self._spec, value)
        return checked_value


class StreamHook(_Caller[P], Generic[P, T]):
    """A hook that yields items."""

    async def stream(self, plugin: str, /, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T, None]:
        """Read from one plugin, item by item. Raises as `Hook.one` does. Closing it closes the plugin's iterator."""
        name = self._info.name
        implementations, lane = self._registry.find(plugin, name)
        arguments = self._bind(args, kwargs)
        items = lane.stream(name, lambda: call_with_subset(implementations[name], arguments), self._info.timeout)
        try:
            async for item in items:
                yield checked_item(plugin, self._spec, item)
        finally:
            await items.aclose()


class _Collected(Generic[T]):
    def __init__(self, hook: Hook[Any, T]) -> None:
        self._hook = hook
        self._answers: list[Answer[T]] = []
        self.errors: dict[str, AdjoinError] = {}

    def add(self, plugin: str, value: Any) -> None:
        self._answers.append(Answer(plugin, self._hook.check(plugin, value)))

    def results(self) -> Results[T]:
        return Results(tuple(self._answers), self.errors)


class _Proxy:
    """What pluggy holds in place of a plugin. Compared by identity: pluggy takes equal plugins for one."""

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin


class _Pending:
    """A call that is under way, or has already come back (inline hooks, and calls that could not be started)."""

    def __init__(
        self,
        plugin: str,
        *,
        started: Started[Any] | None = None,
        value: Any = None,
        error: AdjoinError | None = None,
    ) -> None:
        self.plugin = plugin
        self._started = started
        self._value = value
        self._error = error

    def wait(self, timeout: float | None) -> Any:
        if self._error is not None:
            raise self._error
        return self._value if self._started is None else self._started.wait(timeout)

    async def await_(self, timeout: float | None) -> Any:
        if self._error is not None:
            raise self._error
        return self._value if self._started is None else await self._started.await_(timeout)

    def abandon(self) -> None:
        if self._started is not None:
            self._started.abandon()


@contextmanager
def _under_way(started: list[_Pending]) -> Iterator[list[_Pending]]:
    """Give up the calls that nobody waits for any more when the caller is cancelled or interrupted."""
    try:
        yield started
    except BaseException:
        for pending in started:
            pending.abandon()
        raise


def _start(
    plugin: str,
    function: Callable[..., Any],
    lane: Lane,
    version: ContractVersion,
    hook: str,
    arguments: Mapping[str, Any],
) -> _Pending:
    if version.hooks[hook].timeout is None:
        try:
            value = call_with_subset(function, arguments)
            if inspect.iscoroutine(value):  # would only be reported as never awaited
                value.close()
            return _Pending(plugin, value=value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the boundary: anything a plugin lets out
            return _Pending(plugin, error=guarded(plugin, hook, error))
    try:
        started = lane.start(hook, _bound(function, arguments))
        started.deadline = version.hooks[hook].timeout
        return _Pending(plugin, started=started)
    except AdjoinError as error:
        return _Pending(plugin, error=error)


def _bound(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Callable[[], Any]:
    if inspect.iscoroutinefunction(inspect.unwrap(function)):

        async def run() -> Any:
            return await call_with_subset(function, arguments)

        return run
    return lambda: call_with_subset(function, arguments)


def _forward_to(
    plugin: str, function: Callable[..., Any], lane: Lane, version: ContractVersion, hook: str
) -> Callable[..., _Pending]:
    @hookimpl
    def forward(arguments: Mapping[str, Any]) -> _Pending:
        return _start(plugin, function, lane, version, hook, arguments)

    return forward


def _forwarding_spec(name: str) -> type:
    """The spec pluggy sees: every hook takes its bound arguments as one mapping and answers with a pending call."""
    marker = pluggy.HookspecMarker(PROJECT)

    @marker
    def forward(arguments: Mapping[str, Any]) -> None:
        """Start a call."""

    return type("_Spec", (), {name: staticmethod(forward)})


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - time.monotonic(), 0.0)
