"""Where fact files lie below the root, and the schema they have on disk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.errors import BadInput, UnknownName

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "FACTS",
    "STAGING",
    "fact_path",
    "file_schema",
    "month_end",
    "months",
    "packed_path",
    "safe_part",
    "sort_keys",
    "staged_path",
]

FACTS = "facts"
STAGING = "staging"

_PACKED = "~packed"  # no account has this folder: `safe_part` writes ~ as %7E
_LONGEST_PART = 200  # of the 255 bytes that file systems take


def safe_part(text: str) -> str:
    """Write a name as one part of a path: unsafe characters percent-encoded, reversible, never `.` or `..`.

    Raises BadInput for an empty name or one that is too long for a file system.
    """
    part = quote(text, safe="").replace("~", "%7E")
    if part.startswith("."):
        part = "%2E" + part[1:]
    if not part or len(part) > _LONGEST_PART:
        raise BadInput(f"The name {text[:80]!r} ({len(text)} characters) cannot be used in a file's path.")
    return part


def fact_path(*, workspace_id: str, platform: str, account_id: str, dataset: str, month: date, file_id: str) -> str:
    """Return the path of a month's file, relative to the root."""
    parts = (workspace_id, platform, account_id, dataset, f"{month:%Y-%m}", file_id)
    return f"{PurePosixPath(FACTS, *map(safe_part, parts))}.parquet"


def packed_path(*, workspace_id: str, platform: str, dataset: str, month: date, file_id: str) -> str:
    """Return the path of a file that holds a month of several accounts, relative to the root."""
    where = PurePosixPath(FACTS, safe_part(workspace_id), safe_part(platform), _PACKED, safe_part(dataset))
    return f"{where / f'{month:%Y-%m}' / safe_part(file_id)}.parquet"


def staged_path(*, run_id: str, slice_id: str, dataset: str) -> str:
    """Return the path of a slice's staged file, relative to the root."""
    return f"{PurePosixPath(STAGING, safe_part(run_id), safe_part(slice_id), safe_part(dataset))}.parquet"


@cache
def file_schema(dataset: str) -> pa.Schema:
    """Return the schema on disk: platform and currency, dictionary-encoded, before the published columns."""
    import pyarrow as pa

    if dataset not in DATASETS:
        raise UnknownName(f"There is no dataset {dataset!r}; there are {', '.join(DATASETS)}.")
    words = pa.dictionary(pa.int32(), pa.string())
    leading = [pa.field(name, words, nullable=False) for name in ("platform", "currency")]
    return pa.schema([*leading, *arrow_schema(dataset)])


def sort_keys(dataset: str) -> tuple[str, ...]:
    """Return the columns that identify a row of an account, in the order of the file."""
    return ("date", *DATASETS[dataset].keys)


def month_end(month: date) -> date:
    """Return the last day of a month."""
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def months(since: date, until: date) -> Iterator[date]:
    """Yield the first day of each month that the days touch."""
    month = since.replace(day=1)
    while month <= until:
        yield month
        month = (month + timedelta(days=31)).replace(day=1)
