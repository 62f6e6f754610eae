"""The surface suite itself: an honest contribution passes, each mistake is caught by its test."""

from __future__ import annotations

from datetime import timedelta

import pytest
import typer

from adjoin import surface
from adjoin.contract import hookimpl
from adjoin.errors import AdjoinError
from adjoin.kernel import Kernel
from adjoin.surface import v1
from adjoin.testing.surface import SurfaceConformance


def draw(context: object) -> None:
    """A page."""


class Contribution:
    """One of each, as given."""

    def __init__(self, **given: object) -> None:
        self.given = given

    @hookimpl
    def pages(self) -> list[v1.Page]:
        return self.given.get("pages", [v1.Page(slug="one", title="One", render=draw)])

    @hookimpl
    def jobs(self) -> list[v1.Job]:
        return self.given.get("jobs", [v1.Job(name="tidy", run=draw, every=timedelta(hours=1))])

    @hookimpl
    def routes(self) -> list[v1.Route]:
        return self.given.get("routes", [v1.Route(path="/hello", endpoint=draw)])

    @hookimpl
    def commands(self) -> list[v1.Command]:
        return self.given.get("commands", [v1.Command(name="hello", help="Say hello.", load=typer.Typer)])

    @hookimpl
    def on_event(self, event: v1.Event) -> None:
        if event.name in self.given.get("refuses", ()):
            raise ValueError(event.name)

    @hookimpl
    def settings(self) -> list[v1.SettingField]:
        return self.given.get("settings", [v1.SettingField(name="greeting", label="Greeting")])


class TestHonest(SurfaceConformance):
    """The suite passes on a contribution that keeps every promise."""

    @pytest.fixture
    def implementation(self) -> object:
        return Contribution()


@pytest.mark.parametrize(
    ("test", "given"),
    [
        ("test_pages_have_unique_slugs_and_can_be_drawn", {"pages": [v1.Page(slug="A b", title="x", render=draw)]}),
        ("test_pages_have_unique_slugs_and_can_be_drawn", {"pages": [v1.Page(slug="a", title="", render=draw)]}),
        ("test_pages_have_unique_slugs_and_can_be_drawn", {"pages": [v1.Page(slug="a", title="x", render=draw)] * 2}),
        (
            "test_pages_have_unique_slugs_and_can_be_drawn",
            {"pages": [v1.Page(slug="a", title="x", render=lambda: None)]},
        ),
        (
            "test_jobs_have_unique_names_and_positive_times",
            {"jobs": [v1.Job(name="a", run=draw, every=timedelta(0))]},
        ),
        ("test_routes_are_paths_with_known_methods", {"routes": [v1.Route(path="hello", endpoint=draw)]}),
        (
            "test_routes_are_paths_with_known_methods",
            {"routes": [v1.Route(path="/a", endpoint=draw, methods=("FETCH",))]},
        ),
        ("test_commands_load_and_have_help", {"commands": [v1.Command(name="a", help="", load=typer.Typer)]}),
        ("test_commands_load_and_have_help", {"commands": [v1.Command(name="a", help="x", load=list)]}),
        ("test_a_repeated_event_is_harmless", {"refuses": ("something.new",)}),
        (
            "test_settings_have_unique_names_and_usable_defaults",
            {"settings": [v1.SettingField(name="a", label="A", kind="choice", choices=("x",), default="y")]},
        ),
        (
            "test_settings_have_unique_names_and_usable_defaults",
            {"settings": [v1.SettingField(name="a", label="A", kind="secret", default="hunter2")]},
        ),
    ],
)
def test_a_broken_promise_is_caught(test: str, given: dict[str, object]) -> None:
    kernel = Kernel([surface.CONTRACT])
    kernel.add("contribution", "surface", 1, Contribution(**given))
    with pytest.raises((AssertionError, AdjoinError)):
        getattr(SurfaceConformance(), test)(kernel)
    kernel.close()
