"""Rows for every table, of one workspace after another, to try whether one gets at the other's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa
from sqlmodel import AutoString

import adjoin.db.alerts
import adjoin.db.people
import adjoin.db.reports
import adjoin.db.views  # noqa: F401 - with it, all tables of core's
from adjoin.db import Store
from adjoin.db.columns import EnumText, Instant, Sealed
from adjoin.db.models import Base

__all__ = ["fill", "row_of"]

_NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def fill(store: Store, *workspaces: str) -> None:
    """Put one row of each workspace into every table of core's, as `row_of` makes it."""
    with store.write() as session:
        for table in Base.metadata.sorted_tables:
            for workspace in workspaces:
                session.connection().execute(table.insert(), row_of(table, workspace))


def row_of(table: sa.Table, workspace: str, *, name: str = "x") -> dict[str, object]:
    """Return a row of a table that refers to the rows that `fill` makes; another `name` makes it another row.

    Users and what belongs to the installation have one row for each workspace as well.
    """
    return {column.name: _value(table, column, workspace, name) for column in table.columns}


def _value(table: sa.Table, column: sa.Column[object], workspace: str, name: str) -> object:
    if column.name == "workspace_id" or (table.name == "workspaces" and column.name == "id"):
        return workspace
    leads = next(iter(table.primary_key.columns)).name == "workspace_id" and column.name != "user_id"
    kind = column.type
    if isinstance(kind, AutoString):
        if column.nullable and not column.foreign_keys:
            return None
        own = "x" if column.foreign_keys else name
        return own if leads else f"{own}-{workspace}"
    if isinstance(kind, Instant):
        return _NOW if name == "x" else _NOW + timedelta(days=1)  # two rows may not be of one instant
    return _other(kind, f"{table.name} {column.name} {workspace} {name}")


def _other(kind: object, seed: str) -> object:
    made: Mapping[type, object] = {
        EnumText: next(iter(kind.members)) if isinstance(kind, EnumText) else None,
        Sealed: b"\x01" + seed.encode().ljust(64, b"\0"),
        sa.LargeBinary: seed.encode(),
        sa.Boolean: False,
        sa.Integer: 1,
        sa.Float: 1.0,
        sa.Date: date(2026, 3, 1),
        sa.JSON: {},
    }
    for known, value in made.items():
        if isinstance(kind, known):
            return value
    raise NotImplementedError(f"rows for tests do not know the type {kind!r} yet: add it to adjoin.testing.tenants")
