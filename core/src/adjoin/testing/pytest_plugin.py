"""The pytest plugin that Adjoin brings along: markers for deviations, explained asserts, fabricated packages.

Loaded in every test run of an environment that has Adjoin, so it imports nothing else of it until it is needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from adjoin.testing.packages import Packages

__all__ = ["adjoin_packages"]

# Their asserts should say what was compared, as those in a test file do.
pytest.register_assert_rewrite(
    "adjoin.testing.ads", "adjoin.testing.analytics", "adjoin.testing.auth", "adjoin.testing.surface"
)

_DEVIATIONS = {"notyet": "not yet", "never": "never"}
_UNIMPLEMENTED = "not implemented: "


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line("markers", "notyet(reason): the platform could, this plugin does not yet")
    config.addinivalue_line("markers", "never(reason): the platform cannot")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Hang the marks of a conformance class on its tests."""
    cls = getattr(item, "cls", None)
    if getattr(cls, "__adjoin_conformance__", False):
        mark = getattr(cls, "deviations", {}).get(getattr(item, "originalname", item.name))
        if mark is not None:
            item.add_marker(mark)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what a plugin says it does not do, with its reason."""
    for name, words in _DEVIATIONS.items():
        mark = item.get_closest_marker(name)
        if mark is None:
            continue
        reason = mark.kwargs.get("reason") or (mark.args[0] if mark.args else "")
        if not reason:
            pytest.fail(f"the marker {name!r} needs a reason: @pytest.mark.{name}(reason='...')", pytrace=False)
        pytest.skip(f"{words}: {reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what a conformance suite left out, and why."""
    left_out: Counter[str] = Counter()
    for report in terminalreporter.getreports("skipped"):
        reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
        if reason.startswith((*(f"{words}: " for words in _DEVIATIONS.values()), _UNIMPLEMENTED)):
            left_out[reason] += 1
    if left_out:
        terminalreporter.section("conformance: left out")
        for reason, count in sorted(left_out.items()):
            terminalreporter.line(f"{reason} ({count} {'test' if count == 1 else 'tests'})")


@pytest.fixture
def adjoin_packages(tmp_path: Path) -> Iterator[Packages]:
    """A folder on `sys.path` into which a test installs made-up packages; see `adjoin.testing.packages`."""
    from adjoin.testing.packages import on_path

    with on_path(tmp_path / "site-packages") as packages:
        yield packages
