"""The pytest plugin behind `adjoin plugins check`: writes what became of each test as lines of JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["REPORT"]

#: The environment variable that names the file to write to.
REPORT = "ADJOIN_CHECK_REPORT"


def pytest_runtest_logstart(nodeid: str) -> None:
    """Note that a test begins: a hanging plugin is then known by the last one."""
    _write({"begun": _name(nodeid)})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Note how a test ended, in the words of the suite and without a traceback."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.when == "call" or report.outcome != "passed":
        message = ""
        if report.skipped and isinstance(report.longrepr, tuple):
            message = report.longrepr[2].removeprefix("Skipped: ")
        elif report.failed and call.excinfo is not None:
            message = _words(call.excinfo.value)
        outcome = {"passed": "passed", "skipped": "left out", "failed": "failed"}[report.outcome]
        _write({"test": _name(item.nodeid), "outcome": outcome, "message": message})
    return report  # type: ignore[return-value]


def _words(error: BaseException) -> str:
    text = str(error).strip()
    if isinstance(error, AssertionError):
        # pytest puts what was compared behind the words of the suite.
        return text.partition("\nassert ")[0] or "an assertion failed"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _name(nodeid: str) -> str:
    """Turn .../test_x.py::TestAds::test_there_is_an_account[a] into "there is an account [a]"."""
    name, bracket, parameter = nodeid.rpartition("::")[2].partition("[")
    words = name.removeprefix("test_").replace("_", " ")
    return f"{words} [{parameter}" if bracket else words


def _write(line: dict[str, Any]) -> None:
    with Path(os.environ[REPORT]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
