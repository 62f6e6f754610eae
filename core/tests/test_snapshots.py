"""A released contract version only grows, and by optional things: its text is kept beside this test and compared.

An intended addition changes the text in the same commit: `python core/tests/test_snapshots.py` writes the files anew.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from adjoin.contract import Contract, ContractVersion
from adjoin.contracts import CONTRACTS

SNAPSHOTS = Path(__file__).parent / "snapshots"
VERSIONS = [(contract, version) for contract in CONTRACTS for version in contract.versions]


def render(version: ContractVersion) -> str:
    """Write down everything a plugin can depend on."""
    module = inspect.getmodule(version.spec)
    assert module is not None
    lines = list(_hooks(version))
    for name in sorted(module.__dict__["__all__"]):
        thing = getattr(module, name)
        if thing is not version.spec:
            lines += ["", *_thing(module, name, thing)]
    return "\n".join(lines) + "\n"


def _hooks(version: ContractVersion) -> Iterator[str]:
    for name, info in sorted(version.hooks.items()):
        kind = "stream" if info.stream else "hook"
        when = "inline" if info.timeout is None else f"within {info.timeout:g} s"
        need = "required" if info.required else "optional"
        yield f"{kind} {name}{_signature(getattr(version.spec, name))}  # {need}, {when}"


def _signature(function: Any) -> str:
    return str(inspect.signature(function)).replace("'", "")


def _thing(module: ModuleType, name: str, thing: Any) -> Iterator[str]:
    if dataclasses.is_dataclass(thing):
        yield f"payload {name}"
        for field in dataclasses.fields(thing):
            yield f"    {field.name}: {field.type}{_default(field)}"
    elif inspect.isclass(thing) and issubclass(thing, enum.Enum):
        yield f"enum {name}: {', '.join(str(member.value) for member in thing)}"
    elif inspect.isclass(thing):
        yield f"protocol {name}"
        for member, value in sorted(vars(thing).items()):
            if member.startswith("_"):
                continue
            function = value.fget if isinstance(value, property) else value
            colour = "async " if inspect.iscoroutinefunction(function) else ""
            what = "property " if isinstance(value, property) else colour
            yield f"    {what}{member}{_signature(function)}"
    else:
        yield f"alias {name} = {_assigned(module, name)}"


def _assigned(module: ModuleType, name: str) -> str:
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.AnnAssign) and node.value and ast.unparse(node.target) == name:
            return ast.unparse(node.value)
    raise AssertionError(f"{name} is neither a class nor an annotated alias of {module.__name__}")


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f" = {field.default!r}"
    if field.default_factory is not dataclasses.MISSING:
        return f" = {field.default_factory()!r}"
    return ""


def path(contract: Contract, version: ContractVersion) -> Path:
    return SNAPSHOTS / f"{contract.name}_v{version.number}.txt"


@pytest.mark.parametrize(("contract", "version"), VERSIONS, ids=[f"{one.name}-v{two.number}" for one, two in VERSIONS])
def test_a_released_version_is_what_it_was(contract: Contract, version: ContractVersion) -> None:
    kept = path(contract, version).read_text(encoding="utf-8")

    assert render(version) == kept, (
        f"{contract.name} v{version.number} has changed. An optional addition: write the files anew in this commit. "
        f"Anything else: it is a new version, with an upgrader"
    )


def test_there_is_no_snapshot_without_a_version() -> None:
    assert {file.name for file in SNAPSHOTS.iterdir()} == {path(*pair).name for pair in VERSIONS}


if __name__ == "__main__":
    SNAPSHOTS.mkdir(exist_ok=True)
    for pair in VERSIONS:
        path(*pair).write_text(render(pair[1]), encoding="utf-8")
