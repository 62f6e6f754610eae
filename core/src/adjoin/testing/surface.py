"""The conformance suite of the `surface` contract: what every contribution promises, as tests to inherit.

    from adjoin.testing.surface import SurfaceConformance

    class TestSurface(SurfaceConformance):
        @pytest.fixture
        def implementation(self):
            return plugin

Hooks that the plugin does not have are left out and listed at the end of the run.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adjoin import surface
from adjoin.kernel import Kernel
from adjoin.surface import v1

__all__ = ["SurfaceConformance"]

_PLUGIN = "contribution"
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}


class SurfaceConformance:
    """Inherit, and override the fixture `implementation`."""

    __adjoin_conformance__ = True

    @pytest.fixture
    def implementation(self) -> object:
        """The plugin object: what the entry point names."""
        raise NotImplementedError("override the fixture `implementation` to return the plugin object")

    @pytest.fixture
    def kernel(self, implementation: object) -> Iterator[Kernel]:
        """A kernel that has the plugin and nothing else."""
        kernel = Kernel([surface.CONTRACT])
        kernel.add(_PLUGIN, "surface", surface.CONTRACT.newest.number, implementation)
        yield kernel
        kernel.close()

    def test_pages_have_unique_slugs_and_can_be_drawn(self, kernel: Kernel) -> None:
        """`pages` lists pages whose slugs fit into an address, and whose render takes the context alone."""
        pages = self._ask(kernel, v1.Surface.pages)
        slugs = [page.slug for page in pages]
        assert len(slugs) == len(set(slugs)), f"each page needs a slug of its own, got {slugs}"
        for page in pages:
            assert _SLUG.fullmatch(page.slug), f"the slug {page.slug!r} must be small letters, digits and hyphens"
            assert page.title.strip(), f"the page {page.slug!r} needs a title: it is what people click"
            assert _takes(page.render, 1), f"render of page {page.slug!r} is called with the context and nothing else"

    def test_pages_are_the_same_each_time(self, kernel: Kernel) -> None:
        """`pages` is asked for every rerun of the dashboard, so it must return a constant."""
        first, second = self._ask(kernel, v1.Surface.pages), self._ask(kernel, v1.Surface.pages)
        assert first == second, "pages() gave another list the second time"

    def test_jobs_have_unique_names_and_positive_times(self, kernel: Kernel) -> None:
        """`jobs` lists work with an interval and a deadline; run takes the context alone."""
        jobs = self._ask(kernel, v1.Surface.jobs)
        names = [job.name for job in jobs]
        assert len(names) == len(set(names)), f"each job needs a name of its own, got {names}"
        for job in jobs:
            assert job.every >= timedelta(seconds=1), f"job {job.name!r} must leave at least a second between its runs"
            assert job.timeout > timedelta(0), f"job {job.name!r} needs a deadline"
            assert _takes(job.run, 1), f"run of job {job.name!r} is called with the context and nothing else"

    def test_routes_are_paths_with_known_methods(self, kernel: Kernel) -> None:
        """`routes` lists addresses below the plugin's own, each once per method."""
        routes = self._ask(kernel, v1.Surface.routes)
        for route in routes:
            assert route.path.startswith("/"), f"the path {route.path!r} must begin with a slash"
            unknown = set(route.methods) - _METHODS
            assert route.methods, f"the route {route.path!r} answers to no method"
            assert not unknown, f"the route {route.path!r} names unknown methods: {unknown}"
        places = [(route.path, method) for route in routes for method in route.methods]
        assert len(places) == len(set(places)), "two routes answer to the same path and method"

    def test_commands_load_and_have_help(self, kernel: Kernel) -> None:
        """`commands` lists commands whose Typer app is made only when it is used."""
        import typer

        for command in self._ask(kernel, v1.Surface.commands):
            assert _NAME.fullmatch(command.name), f"{command.name!r} cannot be typed as a command's name"
            assert command.help.strip(), f"the command {command.name!r} needs a line of help"
            assert isinstance(command.load(), typer.Typer), f"load of command {command.name!r} must return a Typer app"

    def test_a_repeated_event_is_harmless(self, kernel: Kernel) -> None:
        """`on_event` hears of an event at least once, so hearing it twice must do no harm."""
        hook = kernel.hook(v1.Surface.on_event)
        self._needs(kernel, v1.Surface.on_event)
        at = datetime(2026, 1, 1, tzinfo=UTC)
        finished = v1.Event(
            name="sync.finished", workspace_id="default", at=at, data={"run_id": "r", "state": "partly"}
        )
        unknown = v1.Event(name="something.new", workspace_id="default", at=at)
        for event in (finished, finished, unknown):
            hook.one(_PLUGIN, event=event)

    def test_settings_have_unique_names_and_usable_defaults(self, kernel: Kernel) -> None:
        """`settings` lists fields from which a form can be made."""
        fields = self._ask(kernel, v1.Surface.settings)
        names = [field.name for field in fields]
        assert len(names) == len(set(names)), f"each setting needs a name of its own, got {names}"
        for field in fields:
            assert field.label.strip(), f"the setting {field.name!r} needs a label"
            assert bool(field.choices) == (field.kind == "choice"), f"only a choice has choices: {field.name!r}"
            assert not field.choices or field.default in field.choices, f"the default of {field.name!r} is no choice"
            assert field.kind != "secret" or not field.default, f"the secret {field.name!r} must not have a default"

    def _ask(self, kernel: Kernel, spec: Any) -> list[Any]:
        self._needs(kernel, spec)
        answer: list[Any] = kernel.hook(spec).one(_PLUGIN)
        return answer

    def _needs(self, kernel: Kernel, spec: Any) -> None:
        if not kernel.hook(spec).implemented_by(_PLUGIN):
            pytest.skip(f"not implemented: surface {spec.__name__}")


def _takes(function: Any, count: int) -> bool:
    """Whether a function can be called with that many positional arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    return True
