"""Runs the conformance suite of an installed plugin, as `adjoin plugins check` does."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from adjoin.environment import without_secrets
from adjoin.errors import AdjoinError, UsageError
from adjoin.testing._check_report import REPORT

__all__ = ["SUITES", "Finding", "check_plugin"]

#: Contract: module and class of its suite.
SUITES = {
    "ads": ("adjoin.testing.ads", "AdsConformance"),
    "analytics": ("adjoin.testing.analytics", "AnalyticsConformance"),
    "auth": ("adjoin.testing.auth", "AuthConformance"),
    "mail": ("adjoin.testing.mail", "MailConformance"),
    "surface": ("adjoin.testing.surface", "SurfaceConformance"),
}

_PATIENCE = 900.0

_TESTS = """
from importlib.metadata import EntryPoint

import pytest

from {module} import {suite}


class TestPlugin({suite}):
    @pytest.fixture
    def implementation(self):
        return EntryPoint(name={name!r}, value={value!r}, group="").load()

    @pytest.fixture
    def version(self):
        return {version}

    @pytest.fixture
    def platform(self):
        return {name!r}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one promise. The message says why it was left out or how it was broken."""

    test: str
    outcome: Literal["passed", "left out", "failed"]
    message: str = ""


def check_plugin(name: str, contract: str, *, version: int, entry_point: str) -> list[Finding]:
    """Run a contract's suite on the plugin object that an entry point (`module:attribute`) names.

    Blocks, for up to a quarter of an hour. It happens in a process of its own, so that a plugin that exits or crashes
    takes only the check along. Raises UsageError without pytest, AdjoinError where the suite did not come to its end.
    """
    if importlib.util.find_spec("pytest") is None:
        raise UsageError("checking a plugin needs pytest, which is not installed here: pip install pytest")
    module, suite = SUITES[contract]
    with tempfile.TemporaryDirectory(prefix="adjoin-check-") as folder:
        report = Path(folder) / "report.jsonl"
        report.touch()
        (Path(folder) / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        tests = _TESTS.format(module=module, suite=suite, name=name, value=entry_point, version=version)
        (Path(folder) / "test_plugin.py").write_text(tests, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-W", "ignore", "--import-mode=importlib"]
        command += [
            "-p",
            "no:cacheprovider",
            "-p",
            "adjoin.testing.pytest_plugin",
            "-p",
            "adjoin.testing._check_report",
        ]
        environment = {
            **without_secrets(os.environ),
            REPORT: str(report),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        try:
            run = subprocess.run(  # noqa: S603 - the interpreter that runs this
                [*command, folder],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            last = _last_begun(report)
            raise AdjoinError(
                f"the suite of {name!r} ({contract}) was not done after {_PATIENCE / 60:.0f} minutes; the last test "
                f"that began is: {last}"
            ) from None
        findings = _findings(report)
        if run.returncode not in (0, 1) or not findings:
            raise AdjoinError(
                f"the suite of {name!r} ({contract}) did not come to its end; the last test that began is: "
                f"{_last_begun(report)}. It said:\n{_tail(run.stdout + run.stderr)}"
            )
    return findings


def _lines(report: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]


def _findings(report: Path) -> list[Finding]:
    return [Finding(**line) for line in _lines(report) if "test" in line]  # type: ignore[arg-type]


def _last_begun(report: Path) -> str:
    begun: Sequence[str] = [line["begun"] for line in _lines(report) if "begun" in line]
    return begun[-1] if begun else "none"


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-15:])
