"""Writing an answer into a file."""

from __future__ import annotations

from typing import BinaryIO

from adjoin.analytics.files.export import Export, FileKind

__all__ = ["write_file"]


def write_file(export: Export, kind: FileKind, into: BinaryIO) -> None:
    """Write an answer into an open file, some thousand rows at a time. Blocks.

    Raises BadInput for more rows than a sheet can hold.
    """
    match kind:
        case FileKind.CSV:
            from adjoin.analytics.files._csv import write_csv

            write_csv(export, into)
        case FileKind.XLSX:
            from adjoin.analytics.files._xlsx import write_xlsx

            write_xlsx(export, into)
        case FileKind.PARQUET:
            from adjoin.analytics.files._parquet import write_parquet

            write_parquet(export, into)
