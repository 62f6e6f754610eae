"""The menu takes the pages of all plugins, and none of them can take the others down."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import adjoin_dashboard
from adjoin.contract import hookimpl
from adjoin.contracts import CONTRACTS
from adjoin.errors import BadInput
from adjoin.kernel import Kernel
from adjoin.surface import v1
from adjoin_dashboard import plugin as own_pages
from adjoin_dashboard.host import Host
from adjoin_dashboard.navigation import Collected, collect
from adjoin_dashboard.plugins.model import cards
from adjoin_dashboard.server import SITE

#: The pages that ship with the dashboard.
OWN = [
    "overview",
    "platforms",
    "campaigns",
    "creatives",
    "insights",
    "pacing",
    "alerts",
    "reports",
    "health",
    "connections",
    "runs",
    "metrics",
    "members",
    "api-keys",
    "audit",
    "workspace",
    "settings",
    "plugins",
]


class Contributor:
    """A plugin with the pages that it is given, or with an error in their place."""

    def __init__(self, *pages: v1.Page, error: BaseException | None = None) -> None:
        self._pages = list(pages)
        self._error = error

    @hookimpl
    def pages(self) -> list[v1.Page]:
        if self._error is not None:
            raise self._error
        return self._pages


def page(slug: str, render: Callable[[v1.PageContext], None] = lambda _: None, **settings: object) -> v1.Page:
    return v1.Page(slug=slug, title=slug.title(), render=render, **settings)  # type: ignore[arg-type]


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    made = Kernel(CONTRACTS)
    made.add("dashboard", "surface", 1, own_pages)
    yield made
    made.close()


def paths(collected: Collected) -> list[str]:
    return [placed.path for placed in collected.pages]


def test_own_pages_come_through_the_contract(kernel: Kernel) -> None:
    """Overview, Sync runs and Plugins are pages of a plugin like any other's."""
    assert paths(collect(kernel, "owner")) == OWN


def test_the_entry_point_is_light() -> None:
    """Commands that only list plugins do not wait for Streamlit."""
    code = "import sys, adjoin_dashboard; print(sorted({'streamlit', 'pandas', 'starlette'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_example_of_the_documentation_works(kernel: Kernel) -> None:
    """What docs/dashboard.md shows is a plugin with a page."""
    page_of_docs = Path(__file__).parents[2] / "docs" / "dashboard.md"
    (code,) = re.findall(r"```python\n(.*?)```", page_of_docs.read_text(encoding="utf-8"), re.DOTALL)
    made: dict[str, object] = {"__name__": "example"}
    exec(compile(code, str(page_of_docs), "exec"), made)
    kernel.add("hello", "surface", 1, made["plugin"])
    assert "p-hello-hello" in paths(collect(kernel, "owner"))


def test_pages_of_plugins_have_their_name_in_the_address(kernel: Kernel) -> None:
    """Two plugins may both have a page called `report`."""
    for name in ("alpha", "beta"):
        kernel.add(name, "surface", 1, Contributor(page("report")))
    assert paths(collect(kernel, "owner"))[len(OWN) :] == ["p-alpha-report", "p-beta-report"]


@pytest.mark.parametrize("error", [RuntimeError("boom"), SystemExit(3)])
def test_a_plugin_that_cannot_list_its_pages_is_a_problem_of_its_own(kernel: Kernel, error: BaseException) -> None:
    """The others stay, and the message names the plugin."""
    kernel.add("faulty", "surface", 1, Contributor(error=error))
    collected = collect(kernel, "owner")
    assert paths(collected) == OWN
    assert [plugin for plugin, _ in collected.problems] == ["faulty"]


@pytest.mark.parametrize("slug", ["a/b", "", "A", "ä", "a--b", "../runs"])
def test_a_slug_that_is_no_address_is_a_problem(kernel: Kernel, slug: str) -> None:
    """The page is left out and said, instead of breaking the menu."""
    kernel.add("odd", "surface", 1, Contributor(page(slug)))
    collected = collect(kernel, "owner")
    assert len(collected.pages) == len(OWN)
    assert "slug" in collected.problems[0][1]


def test_a_slug_that_comes_twice_is_a_problem(kernel: Kernel) -> None:
    """The first one stays."""
    kernel.add("twice", "surface", 1, Contributor(page("one"), page("one")))
    collected = collect(kernel, "owner")
    assert paths(collected)[len(OWN) :] == ["p-twice-one"]
    assert "taken" in collected.problems[0][1]


def test_a_page_above_the_role_does_not_exist(kernel: Kernel) -> None:
    """It is not hidden but absent, so its address does not lead to it."""
    kernel.add("admin", "surface", 1, Contributor(page("keys", role="admin")))
    assert "p-admin-keys" not in paths(collect(kernel, "analyst"))
    assert "p-admin-keys" in paths(collect(kernel, "admin"))


def test_problems_of_pages_are_on_the_plugins_page(kernel: Kernel, host: Host) -> None:
    """The plugin is loaded, but partly."""
    problems = [("dashboard", "The pages could not be listed.")]
    lines = cards(host.kernel.reports, problems, {})
    assert (lines[0].name, lines[0].state) == ("dashboard", "◐ Partly")
    assert lines[0].problem == "The pages could not be listed."


def first_page(host: Host, render: Callable[[v1.PageContext], None]) -> AppTest:
    """Open the dashboard with a page of a plugin before all others, which makes it the one that opens."""
    host.kernel.add("example", "surface", 1, Contributor(page("first", render, order=1)))
    return AppTest.from_file(str(SITE / "app.py"), default_timeout=30).run()


def test_a_page_of_a_plugin_gets_the_context_of_the_contract(host: Host) -> None:
    """Workspace, role, currency, zone, facts and the time."""

    def render(context: v1.PageContext) -> None:
        st.text(f"{context.workspace_id} {context.role} {context.currency} {context.time_zone} {context.now():%Y}")
        st.text(str(context.facts.workspace_id))

    opened = first_page(host, render)
    assert [text.value for text in opened.text] == ["default owner EUR Europe/Berlin 2026", "default"]


def test_a_page_that_raises_shows_an_error_in_its_place(host: Host) -> None:
    """The message names page and plugin, not the text of a foreign error, which may hold anything."""

    def render(_: v1.PageContext) -> None:
        st.text("before")
        raise RuntimeError("token=secret")

    opened = first_page(host, render)
    assert not opened.exception
    assert [text.value for text in opened.text] == ["before"]
    assert 'The page "First" of the plugin "example" failed: RuntimeError' in opened.error[0].value
    assert "secret" not in opened.error[0].value


def test_errors_that_are_made_for_people_are_shown_in_words(host: Host) -> None:
    """Adjoin's own errors say what to do."""

    def render(_: v1.PageContext) -> None:
        raise BadInput("Choose a day that has data.")

    assert "Choose a day that has data." in first_page(host, render).error[0].value


def test_a_page_that_exits_takes_nothing_down(host: Host) -> None:
    """`sys.exit` in a page is an error of that page."""

    def render(_: v1.PageContext) -> None:
        raise SystemExit(1)

    assert "SystemExit" in first_page(host, render).error[0].value


def test_stopping_is_no_error(host: Host) -> None:
    """Streamlit's own signals pass the boundary."""

    def render(_: v1.PageContext) -> None:
        st.text("only this")
        st.stop()

    opened = first_page(host, render)
    assert not opened.error
    assert [text.value for text in opened.text] == ["only this"]


def test_each_page_has_a_page_number_of_its_own() -> None:
    """Widgets with one key keep their value from page to page, and the third page of one is none of another."""
    root = Path(adjoin_dashboard.__file__).parent
    found = [
        keyword.value.value
        for file in root.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "st.pagination"
        for keyword in node.keywords
        if keyword.arg == "key" and isinstance(keyword.value, ast.Constant)
    ]
    assert len(found) >= 3
    assert len(found) == len(set(found))
