"""An answer as Parquet: exact types, and what to know about it in the file's metadata."""

from __future__ import annotations

import json
from typing import BinaryIO

from adjoin.analytics.files.columns import columns_of, in_units
from adjoin.analytics.files.export import Export

__all__ = ["write_parquet"]


def write_parquet(export: Export, into: BinaryIO) -> None:
    """Write the rows, with keys such as `adjoin.question`, `adjoin.as_of`, and as JSON `adjoin.notes` and columns."""
    import pyarrow.parquet as pq

    columns = columns_of(export.answer, export.definitions)
    told = export.about() | {
        "notes": json.dumps(list(export.answer.notes), ensure_ascii=False),
        "columns": json.dumps(
            [
                {"name": one.name, "kind": one.kind.value}
                | ({} if one.metric is None else {"title": one.metric.title, "formula": one.metric.formula})
                for one in columns
            ],
            ensure_ascii=False,
        ),
    }
    metadata = {f"adjoin.{name.replace(' ', '_')}": text for name, text in told.items()}
    table = in_units(export.answer, columns).replace_schema_metadata(metadata)
    pq.write_table(table, into, compression="zstd")
