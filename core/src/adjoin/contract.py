"""What a contract is: marked hooks, frozen payloads, numbered versions and the upgraders between them.

A contract version is a module with one spec class. Its methods carry `@hookspec`; a plugin is an instance whose
methods carry `@hookimpl`. A plugin may subclass the spec class, so that a type checker compares the signatures, or not.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import (
    Any,
    ClassVar,
    Concatenate,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    Union,
    dataclass_transform,
)

import pluggy

__all__ = [
    "PROJECT",
    "Contract",
    "ContractVersion",
    "HookInfo",
    "MaybeAsync",
    "Previous",
    "Removal",
    "Upgrader",
    "hookimpl",
    "hookspec",
    "payload",
]

PROJECT = "adjoin"

T = TypeVar("T")
P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])

#: What a hook may return: the value, or an awaitable of it (`async def`).
MaybeAsync: TypeAlias = Union[T, Awaitable[T]]  # noqa: UP007 - mypy refuses the bar form for a generic alias

_spec_marker = pluggy.HookspecMarker(PROJECT)

#: Marks a method of a plugin as the implementation of the hook of the same name.
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookInfo:
    """How the kernel treats one hook.

    `timeout` is the deadline in seconds; None runs the hook inline, without a thread, for hooks that only state
    something. A `stream` hook returns an async iterator and the deadline counts for each item.
    """

    name: str
    required: bool
    timeout: float | None
    stream: bool


def hookspec(*, required: bool = False, timeout: float | None = 30.0, stream: bool = False) -> Callable[[F], F]:
    """Mark a method of a spec class as a hook."""

    def mark(function: F) -> F:
        info = HookInfo(name=function.__name__, required=required, timeout=timeout, stream=stream)
        function.__dict__["__adjoin_hook__"] = info
        return _spec_marker(function)

    return mark


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def payload(cls: type[T]) -> type[T]:
    """Make a class a frozen, keyword-only dataclass that may cross a contract.

    The kernel checks every payload that a plugin returns field by field, strictly: `"1"` is no `int`.
    """
    made = dataclass(frozen=True, kw_only=True, slots=True)(cls)
    made.__pydantic_config__ = {  # type: ignore[attr-defined]
        "strict": True,
        "arbitrary_types_allowed": True,
        "revalidate_instances": "always",
    }
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """When an old contract version stops working: never before this release and this day."""

    release: str
    not_before: date
    instead: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractVersion:
    """One released version of a contract. `removal` is set from the day a newer version exists."""

    number: int
    spec: type
    removal: Removal | None = None
    hooks: Mapping[str, HookInfo] = field(init=False)

    def __post_init__(self) -> None:
        found = {
            name: member.__adjoin_hook__
            for name, member in inspect.getmembers(self.spec, inspect.isfunction)
            if hasattr(member, "__adjoin_hook__")
        }
        object.__setattr__(self, "hooks", found)


class Previous(Protocol):
    """How an upgrader asks the older plugin: `await previous.acall(v1.Ads.accounts, token="...")`.

    Plain and `async def` functions of the older plugin look alike from here: a plain one runs in a thread of the
    plugin's. `call` is for hooks that both versions run inline, `stream` for those that yield; close what it returns
    when leaving early.
    """

    @property
    def plugin(self) -> str: ...

    def call(self, spec: Callable[Concatenate[Any, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...

    async def acall(
        self, spec: Callable[Concatenate[Any, P], MaybeAsync[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...

    def stream(
        self, spec: Callable[Concatenate[Any, P], AsyncIterator[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[T, None]: ...


class Upgrader:
    """Lifts a plugin of one version to the next: a plugin of the newer version that asks the older one.

    `needs` names, for each newer hook, the older hooks it asks. Where the plugin lacks one of them the newer hook
    counts as not implemented: an upgrader never invents data.
    """

    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init__(self, previous: Previous) -> None:
        self.previous = previous


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A seam of the product: its versions, oldest first, and one upgrader for each step between them."""

    name: str
    versions: tuple[ContractVersion, ...]
    upgraders: Mapping[int, type[Upgrader]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = [version.number for version in self.versions]
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            raise ValueError(f"contract {self.name!r}: versions must follow each other, got {numbers}")
        if set(self.upgraders) != set(numbers[:-1]):
            raise ValueError(f"contract {self.name!r}: each version but the newest needs an upgrader")
        for older, newer in pairwise(self.versions):
            needs = self.upgraders[older.number].needs
            unknown = [name for name in needs if name not in newer.hooks]
            unknown += [name for needed in needs.values() for name in needed if name not in older.hooks]
            if unknown:
                raise ValueError(f"contract {self.name!r}: the upgrader from v{older.number} names no hooks: {unknown}")
        if any(version.removal is None for version in self.versions[:-1]):
            raise ValueError(f"contract {self.name!r}: each version but the newest needs a removal")

    @property
    def newest(self) -> ContractVersion:
        return self.versions[-1]

    def version(self, number: int) -> ContractVersion:
        """Return one version; KeyError if this release does not speak it."""
        for version in self.versions:
            if version.number == number:
                return version
        raise KeyError(number)

    @property
    def spoken(self) -> str:
        """The versions this release speaks, for messages: `v1 to v2`."""
        first, last = self.versions[0].number, self.versions[-1].number
        return f"v{first}" if first == last else f"v{first} to v{last}"
