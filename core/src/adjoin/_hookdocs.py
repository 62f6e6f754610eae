"""Writes the reference of all hooks from the specs themselves: `python -m adjoin._hookdocs > docs/hooks.md`."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from adjoin.contract import Contract, ContractVersion, HookInfo
from adjoin.contracts import CONTRACTS

__all__ = ["render"]

_INTRODUCTION = """\
# Hooks

<!-- Written by `python -m adjoin._hookdocs > docs/hooks.md`. Change the docstrings of the specs, not this file. -->

Everything a plugin can do, from the specs. A plugin is an object whose methods carry `@hookimpl` and the names below.
It may leave out optional hooks, and arguments that it does not need. How to read a section:

- **Signature**: the arguments are passed by name. `MaybeAsync[X]` means that the hook may be a plain function returning
  `X` or an `async def`; `AsyncIterator[X]` means an async generator.
- **required** hooks must be there, or the plugin is refused when it is loaded.
- **inline** hooks run in the caller's thread, without a deadline: they only state something. The others run in a thread
  or event loop of the plugin's own. After the **deadline** the caller goes on without the answer; a coroutine is then
  cancelled, a thread cannot be and keeps one of the plugin's 16 slots.
- What is returned is checked field by field, strictly: `"1"` is no `int`. Anything that is raised is the plugin's error
  and nobody else's; `PlatformError` passes as it is, with its kind.

How versions work, and how to move from one to the next: [contracts.md](contracts.md).
"""


def render() -> str:
    """Return the whole page."""
    lines = [_INTRODUCTION, *_contents(), ""]
    for contract in CONTRACTS:
        for version in reversed(contract.versions):
            lines += _version(contract, version)
    return "\n".join(lines).rstrip() + "\n"


def _contents() -> Iterator[str]:
    for contract in CONTRACTS:
        for version in reversed(contract.versions):
            title = f"{contract.name} v{version.number}"
            hooks = ", ".join(f"[{name}](#{_anchor(contract, version, name)})" for name in _ordered(version))
            yield f"- [{title}](#{title.replace(' ', '-')}): {hooks}"


def _version(contract: Contract, version: ContractVersion) -> Iterator[str]:
    module = inspect.getmodule(version.spec)
    if module is None:
        raise ValueError(f"{contract.name} v{version.number} has no module")
    yield f"## {contract.name} v{version.number}"
    yield ""
    group = f"adjoin.{contract.name}.v{version.number}"
    yield f"Entry-point group `{group}`, spec `{module.__name__}.{version.spec.__name__}`."
    if version.removal is not None:
        removal = version.removal
        yield ""
        yield (
            f"**Superseded.** It stops working in adjoin {removal.release}, not before {removal.not_before}. "
            f"Use {removal.instead}."
        )
    yield ""
    yield inspect.cleandoc(version.spec.__doc__ or "")
    yield ""
    for name in _ordered(version):
        yield from _hook(contract, version, version.hooks[name])
    yield from _payloads(contract, version, module)


def _hook(contract: Contract, version: ContractVersion, info: HookInfo) -> Iterator[str]:
    function = getattr(version.spec, info.name)
    yield f'### <a id="{_anchor(contract, version, info.name)}"></a>`{info.name}`'
    yield ""
    yield "```python"
    yield f"def {info.name}{_signature(function)}"
    yield "```"
    yield ""
    yield " · ".join([f"**{'required' if info.required else 'optional'}**", _running(info)])
    yield ""
    yield inspect.cleandoc(function.__doc__ or "")
    yield ""
    used = _used(function, inspect.getmodule(version.spec))
    if used:
        links = [f"[`{name}`](#{_anchor(contract, version, name, 'payload-')})" for name in used]
        yield f"Takes and returns: {', '.join(links)}."
        yield ""


def _running(info: HookInfo) -> str:
    if info.timeout is None:
        return "inline, no deadline"
    return f"deadline {info.timeout:g} s{' for each item' if info.stream else ''}"


def _payloads(contract: Contract, version: ContractVersion, module: ModuleType) -> Iterator[str]:
    yield f"### Payloads of {contract.name} v{version.number}"
    yield ""
    yield "All are frozen and made with keywords."
    yield ""
    for name in module.__dict__["__all__"]:
        thing = getattr(module, name)
        if thing is version.spec or not inspect.isclass(thing):
            continue
        yield f'#### <a id="{_anchor(contract, version, name, "payload-")}"></a>`{name}`'
        yield ""
        yield inspect.cleandoc(thing.__doc__ or "")
        yield ""
        if dataclasses.is_dataclass(thing):
            yield "| field | type | default |"
            yield "|---|---|---|"
            for field in dataclasses.fields(thing):
                yield f"| `{field.name}` | `{_cell(str(field.type))}` | {_default(field)} |"
            yield ""
        elif members := getattr(thing, "__members__", None):
            yield ", ".join(f"`{member.value}`" for member in members.values())
            yield ""
        else:
            yield "```python"
            yield from _members(thing)
            yield "```"
            yield ""


def _members(protocol: type) -> Iterator[str]:
    for name, member in vars(protocol).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield f"{name}: {inspect.signature(member.fget).return_annotation}" if member.fget else name
        elif inspect.isfunction(member):
            yield f"{'async ' if inspect.iscoroutinefunction(member) else ''}def {name}{_signature(member)}"


def _ordered(version: ContractVersion) -> list[str]:
    """The hooks in the order of the spec, which is the order of a connection's life."""
    return [name for name in vars(version.spec) if name in version.hooks]


def _signature(function: Any) -> str:
    return str(inspect.signature(function)).replace("'", "").replace("(self, ", "(").replace("(self)", "()")


def _used(function: Any, module: ModuleType | None) -> list[str]:
    """The payloads that a signature names, aliases resolved one step."""
    if module is None:
        return []
    classes = [name for name in module.__dict__["__all__"] if inspect.isclass(getattr(module, name))]
    words = set(re.findall(r"\w+", " ".join(map(str, function.__annotations__.values()))))
    for alias in words & (set(module.__dict__["__all__"]) - set(classes)):
        words |= set(re.findall(r"\w+", str(getattr(module, alias))))
    return [name for name in classes if name in words]


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        value = getattr(field.default, "value", field.default)
        return f"`{_cell(repr(value))}`"
    if field.default_factory is not dataclasses.MISSING:
        return f"`{_cell(repr(field.default_factory()))}`"
    return "needed"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("datetime.timedelta", "timedelta")


def _anchor(contract: Contract, version: ContractVersion, name: str, kind: str = "") -> str:
    return f"{contract.name}-v{version.number}-{kind}{name.lower().replace('_', '-')}"


if __name__ == "__main__":
    sys.stdout.write(render())
