"""A CSV file of Microsoft as Arrow tables of text, block by block. Runs in a thread."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import IO, Any, Literal
from zipfile import BadZipFile

import pyarrow as pa
from pyarrow import csv as arrow_csv

from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.archive import line_blocks

__all__ = ["NULLS", "read_tables"]

#: How a value that is not there is written, in reports either way.
NULLS = ("", "--")

#: Lines that may come before the line of column names: the head of a report, where it was not left out.
_HEAD_LINES = 40


def read_tables(
    file: IO[bytes], columns: Sequence[str], *, what: str, all_there: bool = True, nulls: Sequence[str] = NULLS
) -> Iterator[pa.Table]:
    """Yield the rows of the zipped CSV as tables with exactly these columns, all of them text.

    `all_there` says that each column must be in the file, as in a report; otherwise missing ones are null throughout.
    Raises PlatformError: `retry` for a damaged file, `invalid` for missing columns.
    """
    try:
        blocks = line_blocks(file)
        names: list[str] | None = None
        for block in blocks:
            rows = block
            if names is None:
                names, rows = _names(block, columns[0], what)
                missing = [column for column in columns if column not in names] if all_there else []
                if missing:
                    raise PlatformError(
                        f"{what} has no column {', '.join(missing)}; it has {', '.join(names[:20])}",
                        kind=ErrorKind.INVALID,
                        code="columns",
                    )
            if rows.strip():
                yield _table(rows, names, columns, nulls)
        if names is None:
            raise BadZipFile("it is empty")
    except (BadZipFile, pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise PlatformError(f"{what} is damaged: {error}", kind=ErrorKind.RETRY, code="file") from error


def _names(block: bytes, first: str, what: str) -> tuple[list[str], bytes]:
    """Find the line of column names, by the first one, and return the names and what follows."""
    place = 0
    for _ in range(_HEAD_LINES):
        end = block.find(b"\n", place) + 1 or len(block)
        line = block[place:end].decode().strip()
        names = next(csv.reader([line]), [])
        if first in names:
            return names, block[end:]
        if end >= len(block):
            break
        place = end
    raise PlatformError(f"{what} has no line of column names with {first}", kind=ErrorKind.RETRY, code="columns")


def _table(rows: bytes, names: Sequence[str], columns: Sequence[str], nulls: Sequence[str]) -> pa.Table:
    text: Any = pa.string()
    source: Any = pa.BufferReader(rows)
    return arrow_csv.read_csv(
        source,
        read_options=arrow_csv.ReadOptions(column_names=list(names), use_threads=False, block_size=len(rows) + 1),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=_footer),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=list(columns),
            include_missing_columns=True,
            column_types=dict.fromkeys(columns, text),
            null_values=list(nulls),
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    ).combine_chunks()


def _footer(row: Any) -> Literal["skip", "error"]:
    """Pass over the copyright line that ends a report where it was not left out; any other odd row is damage."""
    return "skip" if row.actual_columns == 1 and row.text.strip('" ').startswith(("@", "©")) else "error"
