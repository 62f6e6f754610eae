"""Columns with sealed blobs. Their type says what is in them, so that changing the key finds all of them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

import adjoin.db.alerts
import adjoin.db.people  # noqa: F401 - all tables of core's
from adjoin.db.columns import Sealed
from adjoin.db.models import Base

__all__ = ["SealedColumn", "sealed_columns"]


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed blobs, with the columns that tell where a blob belongs."""

    column: sa.Column[bytes]
    purpose: str
    workspace: sa.Column[str] | None
    record: sa.Column[str]

    def __str__(self) -> str:
        return f"{self.column.table.name}.{self.column.name}"

    @property
    def key(self) -> tuple[sa.Column[object], ...]:
        """The primary key of the table."""
        return tuple(self.column.table.primary_key.columns)


def sealed_columns(*metadata: sa.MetaData) -> list[SealedColumn]:
    """List the sealed columns of all models that are imported, and of the tables of `metadata`, sorted by name."""
    # Plugins have a metadata of their own (adjoin.db.tables); all models are in SQLModel's one registry.
    mappers = Base._sa_registry.mappers  # noqa: SLF001 - it has no other name
    tables = {mapper.local_table for mapper in mappers if isinstance(mapper.local_table, sa.Table)}
    found = []
    for table in tables.union(*(one.tables.values() for one in metadata)):
        for column in table.columns:
            if isinstance(column.type, Sealed):
                kind = column.type
                place = None if kind.workspace is None else table.columns[kind.workspace]
                found.append(SealedColumn(column, kind.purpose, place, table.columns[kind.record]))
    return sorted(found, key=str)
