"""The Plugins page says what each plugin is for."""

from __future__ import annotations

from typing import Any

from adjoin.kernel import Report
from adjoin_dashboard.plugins.model import PluginLine, plugin_lines


def reported(name: str, contract: str, **values: Any) -> Report:
    given = {"state": "ok", "version": "1.0", "contract_version": 1} | values
    return Report(name=name, package=f"{name}-package", contract=contract, **given)


def lines(*reports: Report, problems: tuple[tuple[str, str], ...] = ()) -> list[PluginLine]:
    return plugin_lines(
        reports, problems, platforms={"google": "Google Ads"}, pages={"dashboard": ["Overview", "Sync runs"]}
    )


def test_platforms_and_pages_are_named() -> None:
    """A platform by its title, a surface by its pages."""
    found = lines(reported("google", "ads"), reported("dashboard", "surface"))
    assert [(line.name, line.adds) for line in found] == [
        ("dashboard", "Overview, Sync runs"),
        ("google", "Google Ads"),
    ]


def test_what_is_not_loaded_adds_nothing() -> None:
    """The state says why."""
    (line,) = lines(reported("linkedin", "ads", state="disabled"))
    assert (line.adds, line.state) == (None, "– Switched off")


def test_problems_come_first_and_say_why() -> None:
    """A plugin whose pages cannot be listed works partly."""
    found = lines(reported("google", "ads"), reported("zeta", "surface"), problems=(("zeta", "No pages today."),))
    assert [(line.name, line.state, line.problem) for line in found] == [
        ("zeta", "◐ Partly", "No pages today."),
        ("google", "✓ Loaded", None),
    ]
