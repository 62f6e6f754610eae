"""An answer as a file: CSV, XLSX or Parquet."""

from __future__ import annotations

from adjoin.analytics.files._csv import csv_rows
from adjoin.analytics.files.columns import BEFORE, Column, ColumnKind, columns_of, in_units
from adjoin.analytics.files.export import Export, FileKind
from adjoin.analytics.files.writing import write_file

__all__ = ["BEFORE", "Column", "ColumnKind", "Export", "FileKind", "columns_of", "csv_rows", "in_units", "write_file"]
