"""`adjoin plugins check`: the conformance suite on a plugin that is installed, told without pytest's noise."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from adjoin.cli import main
from adjoin.errors import AdjoinError
from adjoin.testing import check
from adjoin.testing.packages import Packages

LEAFLET = Path(__file__).parents[2] / "examples" / "leaflet"

#: Promises of all kinds, kept, left out and broken.
PLUGIN = """
import pytest
from datetime import timedelta
from adjoin.contract import hookimpl
from adjoin.surface import v1

class Extras(v1.Surface):
    @hookimpl
    def jobs(self):
        return [v1.Job(name="tidy", run=print, every=timedelta({every}))]

plugin = Extras()
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run a command in this process."""
    monkeypatch.setenv("ADJOIN_HOME", str(tmp_path / "home"))
    handlers, level, on_sigterm = (
        logging.getLogger().handlers[:],
        logging.getLogger().level,
        signal.getsignal(signal.SIGTERM),
    )

    def command(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    yield command
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    signal.signal(signal.SIGTERM, on_sigterm)


def install(packages: Packages, every: str) -> None:
    packages.add(
        "adjoin-tiny",
        modules={"tiny": PLUGIN.format(every=every)},
        entry_points={"adjoin.surface.v1": {"tiny": "tiny:plugin"}},
    )


def test_what_is_kept_and_what_is_left_out_is_listed(adjoin_packages, run):
    install(adjoin_packages, "days=1")

    said = run("plugins", "check", "tiny")

    assert said.code == 0, said.out + said.err
    assert "tiny (adjoin-tiny 1.0, surface v1): ok" in said.out
    assert "kept      jobs have unique names and positive times" in said.out
    assert "left out  a repeated event is harmless (not implemented: surface on_event)" in said.out
    assert "promises kept: 1, left out: 8, broken: 0" in said.out
    assert "pytest" not in said.out


def test_what_is_broken_is_told_in_the_words_of_the_suite(adjoin_packages, run):
    install(adjoin_packages, "0")

    said = run("plugins", "check", "tiny")

    assert said.code == 1
    assert "BROKEN    jobs have unique names and positive times" in said.out
    assert "job 'tidy' must leave at least a second between its runs" in said.out
    assert "assert" not in said.out
    assert "Traceback" not in said.out


def test_scripts_get_json(adjoin_packages, run):
    install(adjoin_packages, "0")

    said = run("plugins", "check", "tiny", "--json")

    (report,) = said.json
    assert (said.code, report["name"], report["state"]) == (1, "tiny", "ok")
    found = report["conformance"]
    assert found["passed"] == []
    assert [one["test"] for one in found["failed"]] == ["jobs have unique names and positive times"]
    assert {
        "test": "settings have unique names and usable defaults",
        "reason": "not implemented: surface settings",
    } in (found["left_out"])


def test_a_plugin_of_an_old_version_is_checked_through_the_upgrader(adjoin_packages, run, monkeypatch):
    """The example: an ad platform in version 1 and what it contributes to the product."""
    shutil.copytree(LEAFLET / "src" / "adjoin_leaflet", adjoin_packages.folder / "adjoin_leaflet")
    points = tomllib.loads((LEAFLET / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    adjoin_packages.add("adjoin-leaflet", entry_points=points)

    said = run("plugins", "check", "leaflet", "--json")

    assert said.code == 0, said.out + said.err
    ads, surface = said.json
    assert (ads["contract"], ads["contract_version"], surface["contract"]) == ("ads", 1, "surface")
    assert "reading twice gives the same" in ads["conformance"]["passed"]
    assert "jobs have unique names and positive times" in surface["conformance"]["passed"]


def test_without_a_name_plugins_are_loaded_and_not_checked(adjoin_packages, run):
    install(adjoin_packages, "0")

    said = run("plugins", "check", "--json")

    assert said.code == 0
    assert {one["conformance"] for one in said.json} == {None}
    assert "tiny" in {one["name"] for one in said.json}


def test_a_plugin_that_cannot_be_loaded_says_why(adjoin_packages, run):
    adjoin_packages.add(
        "adjoin-broken",
        modules={"broken": "raise RuntimeError('no licence')"},
        entry_points={"adjoin.surface.v1": {"broken": "broken:plugin"}},
    )

    said = run("plugins", "check", "broken")

    assert said.code == 1
    assert "failed" in said.out
    assert "no licence" in said.out


def test_an_unknown_name_is_told_the_known_ones(adjoin_packages, run):
    install(adjoin_packages, "days=1")

    said = run("plugins", "check", "tinny")

    assert said.code == 2
    assert "there is no plugin 'tinny'" in said.err
    assert "tiny" in said.err


def test_a_plugin_that_ends_the_process_is_told_by_the_test_that_began_last(adjoin_packages):
    source = PLUGIN.replace("return [", "import os; os._exit(3); return [").format(every="days=1")
    adjoin_packages.add("adjoin-tiny", modules={"tiny": source})

    with pytest.raises(AdjoinError, match="did not come to its end; the last test that began is: jobs have unique"):
        check.check_plugin("tiny", "surface", version=1, entry_point="tiny:plugin")
