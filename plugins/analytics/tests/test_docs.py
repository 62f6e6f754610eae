"""docs/analytics.md says what there is, and its example runs."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adjoin.db import Store
from adjoin.settings import Settings
from adjoin_analytics.definitions.dimensions import BUILT_IN
from adjoin_analytics.definitions.metrics import built_in_metrics

PAGE = (Path(__file__).parents[3] / "docs" / "analytics.md").read_text(encoding="utf-8")


def test_the_table_of_metrics_is_complete() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| `([^`]+)` \| (\w+) \|$", PAGE, re.MULTILINE)
    assert rows == [(one.name, one.title, one.formula, str(one.unit)) for one in built_in_metrics({})]


def test_every_dimension_is_named() -> None:
    section = PAGE.split("## Dimensions\n", 1)[1].split("\n## ", 1)[0]
    assert {one.name for one in BUILT_IN} <= set(re.findall(r"`(\w+)`", section))


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(home=tmp_path)
    with Store.open(settings.database, check_schema=False) as store:
        store.initialise(now=datetime(2026, 1, 1, tzinfo=UTC))
    monkeypatch.setenv("ADJOIN_HOME", str(tmp_path))
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(example, "docs/analytics.md", "exec"), {"__name__": "example"})
    assert capsys.readouterr().out == "None of 0 campaigns;\n"
