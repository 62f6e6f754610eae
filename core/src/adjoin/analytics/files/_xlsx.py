"""An answer as a workbook: a sheet of rows, and one that says what they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from adjoin.analytics.files.columns import Column, ColumnKind, columns_of, in_units
from adjoin.analytics.files.export import Export
from adjoin.analytics.v1 import Unit
from adjoin.errors import BadInput

if TYPE_CHECKING:
    import pyarrow as pa
    from xlsxwriter.format import Format  # type: ignore[import-untyped]
    from xlsxwriter.workbook import Workbook  # type: ignore[import-untyped]
    from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

__all__ = ["write_xlsx"]

_MOST_ROWS: Final = 1_048_575  # of a sheet, below its header
_LONGEST_CELL: Final = 32_767  # characters, counted as UTF-16 does
_AT_ONCE: Final = 2_000
_NARROWEST, _WIDEST = 10, 48
_FORMATS: Final = {
    ColumnKind.DAY: "yyyy-mm-dd",
    ColumnKind.COUNT: "#,##0",
    ColumnKind.MONEY: "#,##0.00",
    ColumnKind.SHARE: "0.00%",
    ColumnKind.MULTIPLE: '0.00"×"',
}
_FRACTIONS: Final = "#,##0.00"

Put = Callable[[int, int, Any], None]


def write_xlsx(export: Export, into: BinaryIO) -> None:
    """Write the rows below a header that stays in sight, and on a second sheet the question, notes and definitions.

    Days and numbers are real ones, amounts in whole units, shares as ratios that are shown as percent; what is null is
    an empty cell. Nothing is a formula or a link, whatever a name says. Raises BadInput for more rows than a sheet has.
    """
    from xlsxwriter import Workbook  # type: ignore[import-untyped]

    rows = export.answer.rows.num_rows
    if rows > _MOST_ROWS:
        raise BadInput(
            f"These are {rows:,} rows, and a sheet of XLSX holds {_MOST_ROWS:,}: ask for fewer days or with a "
            "condition, or take CSV or Parquet"
        )
    workbook = Workbook(
        into,
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_numbers": False,
            "strings_to_urls": False,
        },
    )
    # The instant that the answer was given, so that equal answers are equal files.
    workbook.set_properties({"title": "Adjoin report", "created": export.made_at.replace(tzinfo=None)})
    columns = columns_of(export.answer, export.definitions)
    _write_rows(workbook, workbook.add_worksheet("Report"), in_units(export.answer, columns), columns)
    _write_about(workbook, workbook.add_worksheet("About"), export, columns)
    workbook.close()


def _write_rows(workbook: Workbook, sheet: Worksheet, table: pa.Table, columns: tuple[Column, ...]) -> None:
    bold = workbook.add_format({"bold": True, "bottom": 1})
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        _text(sheet, 0, place, column.name, bold)
        sheet.set_column(place, place, _width(column, table))
    puts = [_put(workbook, sheet, column, table) for column in columns]
    for row, cells in enumerate(_rows(table), start=1):
        for place, (put, value) in enumerate(zip(puts, cells, strict=True)):
            if value is not None:
                put(row, place, value)
    if columns:
        sheet.autofilter(0, 0, table.num_rows, len(columns) - 1)


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in table.to_batches(max_chunksize=_AT_ONCE):
        yield from zip(*(values.to_pylist() for values in batch.columns), strict=True)


def _put(workbook: Workbook, sheet: Worksheet, column: Column, table: pa.Table) -> Put:
    """Return what writes a cell of a column."""
    if column.kind is ColumnKind.TEXT:
        return lambda row, place, value: _text(sheet, row, place, str(value))
    shown = _FORMATS[column.kind]
    if column.kind is ColumnKind.COUNT and _has_fractions(table.column(column.name)):
        shown = _FRACTIONS
    return _number_put(sheet, workbook.add_format({"num_format": shown}))


def _number_put(sheet: Worksheet, shown: Format) -> Put:
    def put(row: int, place: int, value: Any) -> None:
        if isinstance(value, date):
            sheet.write_datetime(row, place, value, shown)
        elif math.isfinite(value):
            sheet.write_number(row, place, float(value), shown)

    return put


def _text(sheet: Worksheet, row: int, place: int, text: str, shown: Format | None = None) -> None:
    text = _cut(text)
    if text.startswith("<r>") and text.endswith("</r>"):
        # The library takes such a text for markup of its own and would write it as it is; runs of text it escapes.
        sheet.write_rich_string(row, place, "<", "r", text[2:], *([] if shown is None else [shown]))
    elif text:
        sheet.write_string(row, place, text, shown)


def _cut(text: str) -> str:
    if len(text) * 2 <= _LONGEST_CELL or len(text.encode("utf-16-le")) // 2 <= _LONGEST_CELL:
        return text
    return text.encode("utf-16-le")[: (_LONGEST_CELL - 1) * 2].decode("utf-16-le", "ignore") + "…"


def _has_fractions(values: pa.ChunkedArray[Any]) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(values.type):
        return False
    return bool(pc.any(pc.not_equal(values, pc.floor(values))).as_py())


def _width(column: Column, table: pa.Table) -> int:
    """Return how many characters wide a column is, by its name and its first texts."""
    import pyarrow.compute as pc

    longest = len(column.name) + 3  # the filter's arrow
    if column.kind is ColumnKind.TEXT and table.num_rows:
        texts = table.column(column.name).slice(0, _AT_ONCE)
        longest = max(longest, pc.max(pc.utf8_length(texts)).as_py() or 0)
    return max(_NARROWEST, min(longest + 1, _WIDEST))


def _write_about(workbook: Workbook, sheet: Worksheet, export: Export, columns: tuple[Column, ...]) -> None:
    bold = workbook.add_format({"bold": True})
    sheet.set_column(0, 1, 24)
    sheet.set_column(2, 4, 40)
    lines: list[tuple[str, ...]] = [(name.capitalize(), text) for name, text in export.about().items()]
    lines += [("Note", note) for note in export.answer.notes]
    lines += [(), ("Metric", "Title", "Unit", "Formula", "Meaning")]
    row = 0
    for row, line in enumerate(lines):
        for place, text in enumerate(line):
            _text(sheet, row, place, text, bold if place == 0 or line[0] == "Metric" else None)
    for metric in dict.fromkeys(one.metric.name for one in columns if one.metric is not None):
        row += 1
        known = next(one.metric for one in columns if one.metric is not None and one.metric.name == metric)
        unit = f"{known.unit}, in {export.answer.currency or 'the currency of its row'}"
        unit = unit if known.unit is Unit.MONEY else known.unit.value
        for place, text in enumerate((known.name, known.title, unit, known.formula, known.description)):
            _text(sheet, row, place, text)
    row += 1
    _write_totals(workbook, sheet, export, columns, row + 1, bold)


def _write_totals(
    workbook: Workbook, sheet: Worksheet, export: Export, columns: tuple[Column, ...], row: int, bold: Format
) -> None:
    """Write the figures of all rows together, which are no sums of the rows where a metric is a ratio."""
    _text(sheet, row, 0, "Total", bold)
    _text(sheet, row, 1, "Now", bold)
    if export.answer.before is not None:
        _text(sheet, row, 2, "Before", bold)
    shown = {kind: workbook.add_format({"num_format": text}) for kind, text in _FORMATS.items()}
    fractions = workbook.add_format({"num_format": _FRACTIONS})
    for name, kind in {one.metric.name: one.kind for one in columns if one.metric is not None}.items():
        row += 1
        _text(sheet, row, 0, name)
        for place, figures in enumerate((export.answer.totals, export.answer.before or {}), start=1):
            value = figures.get(name)
            if value is None:
                continue
            if kind is ColumnKind.MONEY:
                value = Decimal(value).scaleb(-6)
            whole = kind is not ColumnKind.COUNT or value == int(value)
            _number_put(sheet, shown[kind] if whole else fractions)(row, place, value)
