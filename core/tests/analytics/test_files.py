"""Answers as files: what is in them is read again with other programs than have written it."""

from __future__ import annotations

import csv
import io
import json
import re
import tracemalloc
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.analytics.files import ColumnKind, Export, FileKind, columns_of, write_file
from adjoin.analytics.v1 import (
    Answer,
    Compare,
    Condition,
    Definitions,
    Dimension,
    DimensionKind,
    Metric,
    Question,
    Unit,
)
from adjoin.errors import BadInput

NOW = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)
DEFINITIONS = Definitions(
    metrics=(
        Metric(name="cost", title="Cost", unit=Unit.MONEY, formula="cost_micros", sums=("cost_micros",)),
        Metric(name="clicks", title="Clicks", unit=Unit.COUNT, formula="clicks", sums=("clicks",)),
        Metric(name="conversions", title="=Conv", unit=Unit.COUNT, formula="conversions", sums=("conversions",)),
        Metric(name="ctr", title="CTR", unit=Unit.SHARE, formula="clicks / impressions", sums=("clicks",)),
        Metric(name="roas", title="ROAS", unit=Unit.MULTIPLE, formula="value / cost", sums=("cost_micros",)),
    ),
    dimensions=(
        Dimension(name="campaign", title="Campaign", kind=DimensionKind.OBJECT, columns=("campaign_id", "campaign")),
        Dimension(name="day", title="Day", kind=DimensionKind.TIME, columns=("day",)),
    ),
)
SCHEMA = pa.schema(
    {
        "campaign": pa.string(),
        "day": pa.date32(),
        "cost": pa.int64(),
        "cost.before": pa.int64(),
        "clicks": pa.int64(),
        "conversions": pa.decimal128(38, 6),
        "ctr": pa.float64(),
        "roas": pa.float64(),
    }
)
DAY = date(2026, 10, 5)
FULL = ("Spring", DAY, 12_345_678, -5_000_000, 7, Decimal("1.500000"), 0.0166, 5.54)
EMPTY = (None, None, None, None, None, None, None, None)

HOSTILE = (
    '=HYPERLINK("http://evil.example","x")',
    "+1",
    "-1",
    "@SUM(A1)",
    "<b>&amp;\"'",
    "<r><t>raw</t></r>",
    "<r></is></c></row><row/></r>",
    "{=1+1}",
    "http://evil.example",
    "\u202eright to left\u202c עברית",
    "👩‍👩‍👧 größer",
    "a\x00b\x07c\x1f",
    "_x0041_ \ufffe\uffff",
    "two\nlines\tand\rmore",
    "  kept  ",
    "0123",
    "TRUE",
    "2026-01-01",
    "'quoted",
    "a;=1+1",
)


def export(rows: Sequence[tuple[Any, ...]], schema: pa.Schema = SCHEMA, **more: Any) -> Export:
    question = Question(
        since=date(2026, 10, 1),
        until=date(2026, 10, 31),
        metrics=("cost", "clicks", "conversions", "ctr", "roas"),
        dimensions=("campaign", "day"),
        where=(Condition(dimension="platform", values=("google",)),),
        compare=Compare.PREVIOUS_PERIOD,
        currency="EUR",
    )
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    given = {
        "question": question,
        "rows": pa.table(
            [pa.array(one, field.type) for one, field in zip(columns, schema, strict=True)], schema=schema
        ),
        "total_rows": len(rows),
        "totals": {"cost": 12_345_678, "clicks": 7, "conversions": Decimal("1.5"), "ctr": 0.0166, "roas": None},
        "before": {"cost": None},
        "compared": (date(2026, 8, 31), date(2026, 9, 30)),
        "currency": "EUR",
        "changing_since": {"google": date(2026, 10, 20)},
        "notes": ("USD to EUR: größer", "=note"),
    }
    return Export(answer=Answer(**given | more), definitions=DEFINITIONS, made_at=NOW)


def unconverted(rows: Sequence[tuple[Any, ...]], schema: pa.Schema, currency: str | None) -> Export:
    """What comes where no currency was asked for; `currency` is the only one that there is, if it is."""
    made = export(rows, schema, currency=currency)
    return replace(made, answer=replace(made.answer, question=replace(made.answer.question, currency=None)))


def written(made: Export, kind: FileKind) -> bytes:
    into = io.BytesIO()
    write_file(made, kind, into)
    return into.getvalue()


def csv_of(made: Export) -> list[list[str]]:
    return list(csv.reader(io.StringIO(written(made, FileKind.CSV).decode("utf-8-sig"), newline="")))


NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class Sheet:
    """A sheet as its XML has it: cells by their place, with their kind and the number format."""

    def __init__(self, data: bytes, number: int = 1) -> None:
        self.files = zipfile.ZipFile(io.BytesIO(data))
        self.root = ET.fromstring(self.files.read(f"xl/worksheets/sheet{number}.xml"))
        styles = ET.fromstring(self.files.read("xl/styles.xml"))
        own = {one.get("numFmtId"): one.get("formatCode") for one in styles.iter(f"{NAMESPACE}numFmt")}
        standing = {"2": "0.00", "3": "#,##0", "4": "#,##0.00", "10": "0.00%", "0": "General"}
        self._formats = [(standing | own)[one.get("numFmtId", "0")] for one in styles.find(f"{NAMESPACE}cellXfs") or ()]

    def cells(self) -> dict[str, Any]:
        """Texts as they are shown, numbers as floats."""
        found: dict[str, Any] = {}
        for cell in self.root.iter(f"{NAMESPACE}c"):
            assert cell.find(f"{NAMESPACE}f") is None, "a formula"
            name = str(cell.get("r"))
            if cell.get("t") == "inlineStr":
                found[name] = _shown("".join(one.text or "" for one in cell.iter(f"{NAMESPACE}t")))
            else:
                assert cell.get("t") in (None, "n")
                found[name] = float(cell.findtext(f"{NAMESPACE}v") or "nan")
        return found

    def shown(self, name: str) -> str | None:
        (cell,) = [one for one in self.root.iter(f"{NAMESPACE}c") if one.get("r") == name]
        return self._formats[int(cell.get("s", "0"))]


def _shown(text: str) -> str:
    """Undo the escapes that XLSX has for characters that XML lacks."""
    return re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), text)


class TestColumns:
    def test_are_those_of_the_answer_and_the_currency(self) -> None:
        """In the answer's order, the currency before the first metric."""
        found = columns_of(export([FULL]).answer, DEFINITIONS)
        assert [(one.name, one.kind) for one in found] == [
            ("campaign", ColumnKind.TEXT),
            ("day", ColumnKind.DAY),
            ("currency", ColumnKind.TEXT),
            ("cost", ColumnKind.MONEY),
            ("cost.before", ColumnKind.MONEY),
            ("clicks", ColumnKind.COUNT),
            ("conversions", ColumnKind.COUNT),
            ("ctr", ColumnKind.SHARE),
            ("roas", ColumnKind.MULTIPLE),
        ]

    def test_no_currency_is_invented(self) -> None:
        """Where rows say theirs it stays, also where all have one; where there are no amounts there is none."""
        schema = pa.schema({"currency": pa.string(), "cost": pa.int64()})
        assert csv_of(unconverted([("EUR", 1)], schema, "EUR")) == [["currency", "cost"], ["EUR", "0.000001"]]
        mixed = unconverted([("JPY", 1_000_000), (None, None)], schema, None)
        assert csv_of(mixed) == [["currency", "cost"], ["JPY", "1"], ["", ""]]
        assert csv_of(export([(3,)], pa.schema({"clicks": pa.int64()}))) == [["clicks"], ["3"]]

    def test_what_amounts_are_in_is_not_what_accounts_are_in(self) -> None:
        """By currency and converted, a row has both."""
        schema = pa.schema({"currency": pa.string(), "cost": pa.int64()})
        made = export([("JPY", 1_000_000)], schema)
        assert csv_of(made) == [["currency", "amounts_in", "cost"], ["JPY", "EUR", "1"]]


class TestCsv:
    def test_cells_are_exact(self) -> None:
        """Amounts in whole units, ratios as ratios, nothing for what is missing."""
        assert csv_of(export([FULL, EMPTY])) == [
            ["campaign", "day", "currency", "cost", "cost.before", "clicks", "conversions", "ctr", "roas"],
            ["Spring", "2026-10-05", "EUR", "12.345678", "-5", "7", "1.5", "0.0166", "5.54"],
            ["", "", "EUR", "", "", "", "", "", ""],
        ]

    @pytest.mark.parametrize(
        ("micros", "text"),
        [(0, "0"), (1, "0.000001"), (-1, "-0.000001"), (10_000_000, "10"), (2**63 - 1, "9223372036854.775807")],
    )
    def test_amounts_have_no_float_on_their_way(self, micros: int, text: str) -> None:
        """From one micro to the largest that an answer can hold."""
        made = export([(micros,)], pa.schema({"cost": pa.int64()}))
        assert csv_of(made)[1] == ["EUR", text]
        assert pq.read_table(io.BytesIO(written(made, FileKind.PARQUET)))["cost"].to_pylist() == [Decimal(text)]

    def test_no_name_is_a_formula_or_harmed(self) -> None:
        """But for an apostrophe before what a spreadsheet would execute."""
        made = export([(name,) for name in HOSTILE], pa.schema({"campaign": pa.string()}))
        found = [row[0] for row in csv_of(made)[1:]]
        for name, cell in zip(HOSTILE, found, strict=True):
            assert not cell.startswith(("=", "+", "-", "@"))
            assert ";=" not in cell
            assert cell == name or cell.replace("'", "") == name.replace("'", "")
        assert [name for name, cell in zip(HOSTILE, found, strict=True) if name != cell] == [*HOSTILE[:4], HOSTILE[-1]]

    def test_begins_with_the_mark_that_says_utf_8(self) -> None:
        """Without it a spreadsheet on Windows shows other letters."""
        assert written(export([FULL]), FileKind.CSV).startswith(b"\xef\xbb\xbfcampaign,")


class TestXlsx:
    def test_numbers_and_days_are_real_ones(self) -> None:
        """With formats that show amounts, counts, fractions, percent, multiples and days."""
        sheet = Sheet(written(export([FULL, EMPTY]), FileKind.XLSX))
        cells = sheet.cells()
        assert [cells[f"{letter}1"] for letter in "ABCDE"] == ["campaign", "day", "currency", "cost", "cost.before"]
        assert [cells[f"{letter}2"] for letter in "ACDEFGHI"] == [
            *("Spring", "EUR", 12.345678, -5.0, 7.0, 1.5, 0.0166, 5.54)
        ]
        assert date(1899, 12, 30) + timedelta(days=cells["B2"]) == DAY
        assert {letter: sheet.shown(f"{letter}2") for letter in "BDFGHI"} == {
            "B": "yyyy-mm-dd",
            "D": "#,##0.00",
            "F": "#,##0",
            "G": "#,##0.00",
            "H": "0.00%",
            "I": '0.00"×"',
        }
        assert {name for name in cells if name.endswith("3")} == {"C3"}  # what is missing is no cell, and no zero

    def test_whole_conversions_are_shown_as_whole(self) -> None:
        """Their type allows fractions; without any there are no decimals."""
        made = export([(Decimal(3),), (None,)], pa.schema({"conversions": pa.decimal128(38, 6)}))
        assert Sheet(written(made, FileKind.XLSX)).shown("A2") == "#,##0"

    def test_the_header_stays_in_sight(self) -> None:
        """And can be filtered by."""
        root = Sheet(written(export([FULL, EMPTY]), FileKind.XLSX)).root
        (pane,) = root.iter(f"{NAMESPACE}pane")
        assert (pane.get("ySplit"), pane.get("state")) == ("1", "frozen")
        (filtered,) = root.iter(f"{NAMESPACE}autoFilter")
        assert filtered.get("ref") == "A1:I3"

    def test_every_name_comes_out_as_it_is(self) -> None:
        """No formula, no link, no number, no markup: texts, also of characters that XML does not know."""
        made = export([(name,) for name in HOSTILE], pa.schema({"campaign": pa.string()}))
        data = written(made, FileKind.XLSX)
        cells = Sheet(data).cells()
        assert [cells[f"A{row}"] for row in range(2, len(HOSTILE) + 2)] == [
            name if "_x0041_" not in name else "_x0041_ \ufffe\uffff" for name in HOSTILE
        ]
        for name in zipfile.ZipFile(io.BytesIO(data)).namelist():
            assert "hyperlink" not in name
            assert b"hyperlinks" not in zipfile.ZipFile(io.BytesIO(data)).read(name)

    @settings(max_examples=15)
    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=30))
    def test_any_text_comes_out_as_it_is(self, names: list[str]) -> None:
        """Whatever characters it has."""
        made = export([(name,) for name in names], pa.schema({"campaign": pa.string()}))
        cells = Sheet(written(made, FileKind.XLSX)).cells()
        assert [cells.get(f"A{row}", "") for row, _ in enumerate(names, start=2)] == names

    def test_a_text_that_is_too_long_for_a_cell_is_cut(self) -> None:
        """32,767 characters as UTF-16 counts them, whole characters only."""
        made = export([("😀" * 20_000,), ("x" * 32_767,)], pa.schema({"campaign": pa.string()}))
        cells = Sheet(written(made, FileKind.XLSX)).cells()
        assert cells["A2"] == "😀" * 16_383 + "…"
        assert cells["A3"] == "x" * 32_767

    def test_numbers_that_are_none_are_no_cells(self) -> None:
        """A sheet has no infinity."""
        made = export([(float("inf"),), (float("nan"),)], pa.schema({"ctr": pa.float64()}))
        assert set(Sheet(written(made, FileKind.XLSX)).cells()) == {"A1"}

    def test_the_second_sheet_says_what_it_is(self) -> None:
        """The question, the currency, the notes, the formulas, and the totals, which are no sums of the rows."""
        cells = Sheet(written(export([FULL]), FileKind.XLSX), 2).cells()
        told = {cells[f"A{row}"]: cells.get(f"B{row}") for row in range(1, 12) if f"A{row}" in cells}
        assert told["Days"] == "2026-10-01 to 2026-10-31"
        assert told["Compared with"] == "2026-08-31 to 2026-09-30"
        assert told["Currency"] == "EUR"
        assert told["As of"] == "2026-11-21T06:30:00+00:00"
        assert told["May still change"] == "google since 2026-10-20"
        assert "where=platform=google" in told["Question"]
        texts = list(cells.values())
        assert {"USD to EUR: größer", "=note", "=Conv", "clicks / impressions"} <= set(texts)
        totals = {cells[name]: cells.get(f"B{name[1:]}") for name in list(cells) if name[0] == "A"}
        assert (totals["cost"], totals["ctr"], totals["roas"]) == (12.345678, 0.0166, None)

    def test_more_rows_than_a_sheet_has_are_refused(self) -> None:
        """With what to do instead, before anything is written."""
        many = pa.table({"clicks": pa.nulls(1_048_576, pa.int64())})
        made = export([FULL])
        with pytest.raises(BadInput, match="These are 1,048,576 rows, and a sheet of XLSX holds 1,048,575"):
            written(replace(made, answer=replace(made.answer, rows=many)), FileKind.XLSX)

    def test_equal_answers_are_equal_files(self) -> None:
        """But for the times in the archive: what is in them carries no clock of the machine."""
        first, second = (
            {one: zipfile.ZipFile(io.BytesIO(data)).read(one) for one in zipfile.ZipFile(io.BytesIO(data)).namelist()}
            for data in (written(export([FULL]), FileKind.XLSX) for _ in range(2))
        )
        assert first == second


class TestParquet:
    def test_types_are_exact(self) -> None:
        """Amounts as decimals in whole units, days as dates."""
        table = pq.read_table(io.BytesIO(written(export([FULL, EMPTY]), FileKind.PARQUET)))
        assert {field.name: field.type for field in table.schema} == {
            "campaign": pa.string(),
            "day": pa.date32(),
            "currency": pa.string(),
            "cost": pa.decimal128(38, 6),
            "cost.before": pa.decimal128(38, 6),
            "clicks": pa.int64(),
            "conversions": pa.decimal128(38, 6),
            "ctr": pa.float64(),
            "roas": pa.float64(),
        }
        first, second = table.to_pylist()
        assert list(first.values()) == [
            *("Spring", DAY, "EUR", Decimal("12.345678"), Decimal(-5), 7, Decimal("1.5"), 0.0166, 5.54)
        ]
        assert set(second.values()) == {None, "EUR"}

    def test_metadata_say_what_it_is(self) -> None:
        """Question, currency, notes, as-of and the formulas, as text."""
        made = replace(export([FULL]), as_of=datetime(2026, 11, 1, 6, tzinfo=UTC))
        told = pq.read_schema(io.BytesIO(written(made, FileKind.PARQUET))).metadata
        assert told[b"adjoin.as_of"] == b"2026-11-01T06:00:00+00:00"
        assert told[b"adjoin.currency"] == b"EUR"
        assert b"metrics=cost,clicks" in told[b"adjoin.question"]
        assert json.loads(told[b"adjoin.notes"]) == ["USD to EUR: größer", "=note"]
        assert {"name": "ctr", "kind": "share", "title": "CTR", "formula": "clicks / impressions"} in json.loads(
            told[b"adjoin.columns"]
        )

    def test_others_read_it(self, tmp_path: Any) -> None:
        """DuckDB sees the same values and names."""
        made = export([(name, DAY, 1, None, 1, None, None, None) for name in HOSTILE])
        (tmp_path / "a.parquet").write_bytes(written(made, FileKind.PARQUET))
        with duckdb.connect() as connection:
            found = connection.execute(
                "SELECT campaign, cost FROM read_parquet(?)", [str(tmp_path / "a.parquet")]
            ).fetchall()
        assert found == [(name, Decimal("0.000001")) for name in HOSTILE]


class TestSizes:
    @pytest.mark.parametrize("kind", FileKind)
    def test_no_rows_are_a_file_with_names(self, kind: FileKind) -> None:
        """And not an error."""
        data = written(export([]), kind)
        if kind is FileKind.CSV:
            assert len(data.splitlines()) == 1
        elif kind is FileKind.XLSX:
            assert set(Sheet(data).cells()) == {f"{letter}1" for letter in "ABCDEFGHI"}
        else:
            assert pq.read_table(io.BytesIO(data)).num_rows == 0

    @pytest.mark.parametrize(
        ("kind", "count"), [(FileKind.CSV, 30_000), (FileKind.PARQUET, 100_000), (FileKind.XLSX, 10_000)]
    )
    def test_a_large_answer_needs_little_memory(self, kind: FileKind, count: int, tmp_path: Any) -> None:
        """What Python holds on the way are some thousand rows, however many there are."""
        rows = pa.table(
            {
                "campaign": pa.array([f"Campaign no. {number}" for number in range(count)]),
                "cost": pa.array(range(count), pa.int64()),
            }
        )
        made = export([FULL], total_rows=count)
        made = replace(made, answer=replace(made.answer, rows=rows))
        tracemalloc.start()
        try:
            with (tmp_path / "file").open("wb") as into:
                write_file(made, kind, into)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 3_000_000
        assert (tmp_path / "file").stat().st_size > count
