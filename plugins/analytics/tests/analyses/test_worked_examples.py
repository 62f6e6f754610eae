"""The examples of docs/analyses.md are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[4] / "docs" / "analyses.md"


def examples():
    text = PAGE.read_text(encoding="utf-8")
    for found in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text.count("\n", 0, found.start(1))
        yield pytest.param(line, found.group(1), id=f"line {line + 1}")


@pytest.mark.parametrize(("line", "code"), list(examples()))
def test_an_example_runs_and_its_assertions_hold(line, code):
    assert "assert " in code
    exec(compile("\n" * line + code, str(PAGE), "exec", dont_inherit=True), {})
