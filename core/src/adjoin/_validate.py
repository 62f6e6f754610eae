"""Compares a plugin object with the spec of the contract version it says it speaks."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

import pluggy

from adjoin.contract import PROJECT, ContractVersion, HookInfo
from adjoin.errors import ContractError

__all__ = ["implemented", "validate"]


def implemented(plugin: object, version: ContractVersion) -> dict[str, Callable[..., Any]]:
    """Return the plugin's implementations by hook name."""
    return {
        name: getattr(plugin, name)
        for name in version.hooks
        if _marked(getattr(plugin, name, None)) and not _is_spec(getattr(plugin, name), version, name)
    }


def validate(plugin: object, version: ContractVersion) -> list[str]:
    """Check that the plugin obeys the spec. Raises ContractError; returns notes on what is merely odd.

    pluggy checks the names of hooks and arguments; the rest is what pluggy lets pass and then goes wrong at call time.
    """
    if inspect.isclass(plugin):
        raise ContractError(
            f"the entry point is the class {plugin.__name__}; it must be an instance: {plugin.__name__}()"
        )
    hooks = version.hooks
    members = dict(inspect.getmembers(plugin, callable))
    for name, member in members.items():
        if _marked(member) and name not in hooks:
            close = difflib.get_close_matches(name, hooks, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ContractError(f"{name!r} is marked @hookimpl but is no hook of this version{hint}")
    for name in hooks:
        if name not in members:
            continue
        member = members[name]
        if not _marked(member) and not _is_spec(member, version, name):
            raise ContractError(f"{name!r} is named like a hook but lacks @hookimpl; mark it or rename it")
    found = implemented(plugin, version)
    missing = [name for name, info in hooks.items() if info.required and name not in found]
    if missing:
        raise ContractError(f"required hooks are missing: {', '.join(missing)}")
    notes: list[str] = []
    for name, function in found.items():
        notes += _check_signature(name, function, getattr(version.spec, name))
        _check_kind(hooks[name], function)
    _check_with_pluggy(plugin, version)
    return notes


def _marked(member: object) -> bool:
    return hasattr(member, f"{PROJECT}_impl")


def _is_spec(member: object, version: ContractVersion, name: str) -> bool:
    return getattr(member, "__func__", member) is getattr(version.spec, name, None)


def _check_signature(name: str, function: Callable[..., Any], spec: Callable[..., Any]) -> list[str]:
    known = list(inspect.signature(spec).parameters)[1:]
    options = getattr(function, f"{PROJECT}_impl")
    if options.get("wrapper") or options.get("hookwrapper"):
        raise ContractError(f"{name!r} is a wrapper; plugins may not wrap other plugins' hooks")
    notes = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            raise ContractError(
                f"{name!r} takes {parameter}; name the arguments it needs of: {', '.join(known) or 'none'}"
            )
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            raise ContractError(
                f"{name!r}: argument {parameter.name!r} must be neither keyword-only nor positional-only"
            )
        if parameter.name in known:
            continue
        if parameter.default is parameter.empty:
            raise ContractError(
                f"{name!r} wants an argument {parameter.name!r}; it can have: {', '.join(known) or 'none'}"
            )
        notes.append(f"{name!r} has an argument {parameter.name!r} that this release never fills")
    return notes


def _check_kind(info: HookInfo, function: Callable[..., Any]) -> None:
    function = inspect.unwrap(function)
    if info.stream and inspect.iscoroutinefunction(function):
        raise ContractError(f"{info.name!r} is async def without yield; it must be an async generator")
    if info.stream and inspect.isgeneratorfunction(function):
        raise ContractError(f"{info.name!r} is a plain generator; it must be an async generator")
    if not info.stream and (inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)):
        raise ContractError(f"{info.name!r} yields; it must return its whole answer")
    if info.timeout is None and inspect.iscoroutinefunction(function):
        raise ContractError(f"{info.name!r} is called inline and must be a plain function, not async def")


def _check_with_pluggy(plugin: object, version: ContractVersion) -> None:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(version.spec)
    try:
        manager.register(plugin)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError) as error:
        raise ContractError(str(error)) from error
