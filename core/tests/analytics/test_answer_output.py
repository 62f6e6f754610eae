"""How commands print answers and write them to files; the answers are made by hand."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from adjoin.analytics.files import Export, FileKind
from adjoin.analytics.v1 import (
    Answer,
    Compare,
    Definitions,
    Dimension,
    DimensionKind,
    Metric,
    Question,
    Unit,
)
from adjoin.cli._answer_output import print_answer_csv, print_answer_json, print_answer_table, save_answer
from adjoin.errors import BadInput

DEFINITIONS = Definitions(
    metrics=(
        Metric(name="cost", title="Cost", unit=Unit.MONEY, formula="cost_micros", sums=("cost_micros",)),
        Metric(name="conversions", title="Conversions", unit=Unit.COUNT, formula="conversions", sums=("conversions",)),
        Metric(name="ctr", title="CTR", unit=Unit.SHARE, formula="clicks / impressions", sums=("clicks",)),
        Metric(name="roas", title="ROAS", unit=Unit.MULTIPLE, formula="value / cost", sums=("cost_micros",)),
    ),
    dimensions=(
        Dimension(
            name="campaign",
            title="Campaign",
            kind=DimensionKind.OBJECT,
            columns=("platform", "account_id", "campaign_id", "campaign"),
        ),
        Dimension(name="week", title="Week", kind=DimensionKind.TIME, columns=("week",)),
    ),
)
WEEK = date(2026, 10, 5)


@pytest.fixture
def export() -> Export:
    """Two campaigns, one without a name, with what was before; a third row was cut off."""
    question = Question(
        since=date(2026, 10, 5),
        until=date(2026, 10, 11),
        metrics=("cost", "conversions", "ctr", "roas"),
        dimensions=("campaign", "week"),
        compare=Compare.PREVIOUS_PERIOD,
        limit=2,
    )
    rows = pa.table(
        {
            "platform": ["google", "meta"],
            "account_id": ["1", "2"],
            "campaign_id": ["c1", "c2"],
            "campaign": ["=Spring", None],
            "week": [WEEK, WEEK],
            "currency": ["EUR", "EUR"],
            "cost": pa.array([1_234_500_000, None], pa.int64()),
            "cost.before": pa.array([1_000_000_000, 5], pa.int64()),
            "conversions": pa.array([Decimal("1.500"), Decimal("2.000")], pa.decimal128(38, 6)),
            "conversions.before": pa.array([Decimal(3), None], pa.decimal128(38, 6)),
            "ctr": [0.02, None],
            "ctr.before": [0.0166, 0.5],
            "roas": [5.5, None],
            "roas.before": [5.5, None],
        }
    )
    return Export(
        answer=Answer(
            question=question,
            rows=rows,
            total_rows=3,
            totals={"cost": 1_234_500_001, "conversions": Decimal("3.5"), "ctr": 0.02, "roas": None},
            before={"cost": None, "conversions": Decimal(3), "ctr": 0.0166, "roas": None},
            compared=(date(2026, 9, 28), date(2026, 10, 4)),
            currency="EUR",
            changing_since={"google": date(2026, 10, 9)},
            notes=("Days may still change.",),
        ),
        definitions=DEFINITIONS,
        made_at=datetime(2026, 10, 12, tzinfo=UTC),
    )


def test_a_table_has_names_and_changes(export: Export, capsys: pytest.CaptureFixture[str]) -> None:
    """An object without a name by its id; amounts with their currency, changes in percent and points."""
    print_answer_table(export)
    out, err = capsys.readouterr()
    lines = [re.split(r"\s*[│┃]\s*", line.strip("│┃ ")) for line in out.splitlines() if "│" in line or "┃" in line]
    points = "+0.34\u202fpp"
    assert [" | ".join(line) for line in lines] == [
        "platform | Campaign | Week | Cost | change | Conversions | change | CTR | change | ROAS | change",
        f"google | =Spring | 2026-10-05 | 1,234.50 EUR | +23.4% | 1.5 | −50.0% | 2.00% | {points} | 5.50× | ±0.0%",
        "meta | c2 | 2026-10-05 | – | – | 2 | – | – | – | – | –",
        f"total |  |  | 1,234.50 EUR | – | 3.5 | +16.7% | 2.00% | {points} | – | –",
    ]
    assert "2026-10-05 to 2026-10-11, compared with 2026-09-28 to 2026-10-04, 2 of 3 rows" in out
    assert err == "note: Days may still change.\n"


def test_json_has_exact_amounts_in_whole_units(export: Export, capsys: pytest.CaptureFixture[str]) -> None:
    """And all that the answer says beside its rows."""
    print_answer_json(export)
    found = json.loads(capsys.readouterr().out, parse_float=Decimal)
    first = found["rows"][0]
    assert (first["cost"], first["cost.before"], first["conversions"]) == (Decimal("1234.5"), 1000, Decimal("1.5"))
    assert first["week"] == "2026-10-05"
    assert found["rows"][1]["cost.before"] == Decimal("0.000005")
    assert (found["total_rows"], found["compared"]) == (3, {"since": "2026-09-28", "until": "2026-10-04"})
    assert found["totals"] == {
        "cost": Decimal("1234.500001"),
        "conversions": Decimal("3.5"),
        "ctr": Decimal("0.02"),
        "roas": None,
    }
    assert found["before"]["cost"] is None
    assert (found["metrics"], found["by"]) == (["cost", "conversions", "ctr", "roas"], ["campaign", "week"])
    assert (found["changing_since"], found["notes"]) == ({"google": "2026-10-09"}, ["Days may still change."])


def test_csv_has_no_formula(export: Export, capsys: pytest.CaptureFixture[str]) -> None:
    """The same lines as a file, without the mark at its beginning."""
    print_answer_csv(export)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("platform,account_id,campaign_id,campaign,week,currency,cost,cost.before")
    assert lines[1].startswith("google,1,c1,'=Spring,2026-10-05,EUR,1234.5,1000,1.5,3,0.02,0.0166")


def test_nothing_is_said(export: Export, capsys: pytest.CaptureFixture[str]) -> None:
    """With what to do."""
    answer = replace(export.answer, rows=export.answer.rows.slice(0, 0), total_rows=0)
    print_answer_table(replace(export, answer=answer))
    said = "No results from 2026-10-05 to 2026-10-11. Run `adjoin sync`, or ask for other days.\n"
    assert capsys.readouterr().out == said


class TestFiles:
    def test_is_whole_or_not_there(self, export: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """What was there stays when writing fails; nothing half written is left."""
        path = tmp_path / "report.parquet"
        path.write_text("before")
        broken = replace(export, definitions=None)  # type: ignore[arg-type]
        with pytest.raises(AttributeError):
            save_answer(broken, FileKind.PARQUET, path)
        assert [one.name for one in tmp_path.iterdir()] == ["report.parquet"]
        assert path.read_text() == "before"
        save_answer(export, FileKind.PARQUET, path)
        assert path.read_bytes().startswith(b"PAR1")
        assert [one.name for one in tmp_path.iterdir()] == ["report.parquet"]
        assert capsys.readouterr().err == f"2 rows written to {path}\nnote: Days may still change.\n"

    @pytest.mark.parametrize("kind", FileKind)
    def test_a_place_where_nothing_can_be_written(self, export: Export, tmp_path: Path, kind: Any) -> None:
        """Is named."""
        for path in (tmp_path / "nowhere" / "a.xlsx", tmp_path):
            with pytest.raises(BadInput, match=rf"the file {re.escape(str(path))} cannot be written: "):
                save_answer(export, kind, path)
        assert list(tmp_path.iterdir()) == []
