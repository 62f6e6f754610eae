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
from pathlib import Path
from typing import Any

import pytest

from adjoin import surface
from adjoin.db import Store
from adjoin.db.tables import PluginTables, upgrade_tables
from adjoin.kernel import Kernel
from adjoin.surface import v1
from adjoin.testing.stores import initialise

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

    @pytest.fixture
    def empty_store(self, tmp_path: Path) -> Iterator[Store]:
        """A store with core's tables. Override it to make the plugin's tables elsewhere than on SQLite."""
        with Store.open(f"sqlite:///{tmp_path / 'conformance.db'}", check_schema=False) as store:
            initialise(store, now=datetime(2026, 1, 1, tzinfo=UTC))
            yield store

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

    def test_tables_are_made_as_the_models_say(self, kernel: Kernel, empty_store: Store) -> None:
        """`tables` names migrations that run from nothing to the end, and make what the models describe."""
        offered = self._tables(kernel)
        reports = upgrade_tables(empty_store, offered)
        wrong = [str(one) for one in reports if one.state != "ok"]
        assert not wrong, f"the tables cannot be made: {wrong}"
        for tables in offered.usable.get(_PLUGIN, ()):
            differences = _differences(empty_store, tables)
            assert not differences, f"the migrations and the models differ: {differences}"

    def test_tables_are_the_same_each_time(self, kernel: Kernel) -> None:
        """`tables` is asked at every start, so it must return a constant; each set of tables has models."""
        first, second = self._tables(kernel), self._tables(kernel)
        assert first == second, "tables() gave another list the second time"
        for metadata in first.metadata():
            assert metadata.tables, "metadata() has no tables; import the modules with the models in it"

    def _tables(self, kernel: Kernel) -> PluginTables:
        offered = PluginTables.of({_PLUGIN: self._ask(kernel, v1.Surface.tables)})
        assert not offered.refused, f"the tables cannot be: {[str(one) for one in offered.refused]}"
        return offered

    def _ask(self, kernel: Kernel, spec: Any) -> list[Any]:
        self._needs(kernel, spec)
        answer: list[Any] = kernel.hook(spec).one(_PLUGIN)
        return answer

    def _needs(self, kernel: Kernel, spec: Any) -> None:
        if not kernel.hook(spec).implemented_by(_PLUGIN):
            pytest.skip(f"not implemented: surface {spec.__name__}")


def _differences(store: Store, tables: v1.Tables) -> list[Any]:
    """What Alembic would have to do for the database to be as the models say."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.read() as session:
        own = {"include_name": lambda name, kind, _: kind != "table" or name.startswith(f"{tables.prefix}_")}
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True, **own})
        return list(compare_metadata(context, tables.metadata()))


def _takes(function: Any, count: int) -> bool:
    """Whether a function can be called with that many positional arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    return True
