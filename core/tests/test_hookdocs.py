"""The documentation of hooks is complete, current, and its examples run."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from pathlib import Path

import pytest

from adjoin._hookdocs import render
from adjoin.contracts import CONTRACTS
from adjoin.testing.ads import AdsConformance
from adjoin.testing.analytics import AnalyticsConformance
from adjoin.testing.auth import AuthConformance
from adjoin.testing.mail import MailConformance
from adjoin.testing.surface import SurfaceConformance

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HOOKS = [
    (contract.name, version.number, hook)
    for contract in CONTRACTS
    for version in contract.versions
    for hook in version.hooks
]
IDS = [f"{contract}-v{number}-{hook}" for contract, number, hook in HOOKS]

#: Hooks that nothing in this repository implements yet, and why. Take a line out once that is no longer true.
UNUSED = {
    ("ads", 2, "apply"): "platforms gain it together with changing campaigns",
}


def test_the_page_of_hooks_is_what_the_specs_say() -> None:
    assert (DOCS / "hooks.md").read_text(encoding="utf-8") == render(), (
        "write it anew: python -m adjoin._hookdocs > docs/hooks.md"
    )


@pytest.mark.parametrize(("contract", "number", "hook"), HOOKS, ids=IDS)
def test_every_hook_has_a_section_with_its_signature(contract: str, number: int, hook: str) -> None:
    section = render().split(f"## {contract} v{number}\n", 1)[1].split("\n## ", 1)[0]

    assert f"`{hook}`\n\n```python\ndef {hook}(" in section


def test_every_link_of_the_page_leads_somewhere() -> None:
    page = render()
    anchors = re.findall(r'<a id="([^"]+)">', page)
    anchors += [title.replace(" ", "-") for title in re.findall(r"^## (.+)$", page, re.MULTILINE)]

    assert len(anchors) == len(set(anchors)), "an anchor twice"
    assert set(re.findall(r"\(#([^)]+)\)", page)) <= set(anchors)


SUITES = {
    "ads": AdsConformance,
    "analytics": AnalyticsConformance,
    "auth": AuthConformance,
    "mail": MailConformance,
    "surface": SurfaceConformance,
}
NEWEST = [(contract.name, hook) for contract in CONTRACTS for hook in contract.newest.hooks]


@pytest.mark.parametrize(("contract", "hook"), NEWEST)
def test_every_hook_has_a_conformance_test(contract: str, hook: str) -> None:
    members = inspect.getmembers(SUITES[contract], inspect.isfunction)
    tests = [member for name, member in members if name.startswith("test_")]

    assert any(re.search(rf"\b{hook}\b", inspect.getsource(test)) for test in tests)


def implemented() -> set[tuple[str, int, str]]:
    """The hooks that the packages of this repository implement, read from their sources."""
    found = set()
    projects = [*ROOT.glob("*/pyproject.toml"), *ROOT.glob("plugins/*/pyproject.toml")]
    for project in [*projects, *ROOT.glob("examples/*/pyproject.toml")]:
        groups = tomllib.loads(project.read_text(encoding="utf-8"))["project"].get("entry-points", {})
        for group in groups:
            match = re.fullmatch(r"adjoin\.(\w+)\.v(\d+)", group)
            for source in project.parent.glob("src/**/*.py") if match else ():
                found |= {(match[1], int(match[2]), name) for name in _marked(source)} if match else set()
    return found


def _marked(source: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(isinstance(mark, ast.Name) and mark.id == "hookimpl" for mark in node.decorator_list)
    }


def test_every_hook_has_a_user_in_this_repository() -> None:
    """A hook that nobody uses is a guess."""
    users = implemented()

    assert set(HOOKS) - users == set(UNUSED)


def blocks(page: str) -> list[tuple[int, str]]:
    """The Python blocks of a page, with the line they start in."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start(1)) + 1, match[1]) for match in found]


def test_the_examples_about_contracts_run_one_after_another() -> None:
    names: dict[str, object] = {"__name__": "contracts_page"}

    for line, block in blocks("contracts.md"):
        code = compile("\n" * (line - 1) + block, "contracts.md", "exec", dont_inherit=True)
        exec(code, names)

    assert len(blocks("contracts.md")) > 5


@pytest.mark.parametrize("page", ["contracts.md", "architecture.md"])
def test_links_to_other_pages_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (DOCS / target).exists(), target
