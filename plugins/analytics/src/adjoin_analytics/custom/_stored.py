"""Reading the plugin's tables, which may not be there yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, select

from adjoin.analytics import v1
from adjoin.errors import StateError

__all__ = ["MISSING", "is_missing", "no_tables", "read_stored", "stored"]

Row = TypeVar("Row", bound=SQLModel)
Found = TypeVar("Found")

#: What to do where the tables are not there.
MISSING = "The tables of the plugin 'analytics' are not there yet. Run `adjoin db upgrade`, then try again."


def stored(session: Session, workspace_id: str, model: type[Row]) -> list[Row]:
    """Return all rows of a workspace by name."""
    table: sa.Table = model.__table__  # type: ignore[attr-defined]
    own = table.columns["workspace_id"] == workspace_id
    return list(session.exec(select(model).where(own).order_by(table.columns["name"])).all())


def read_stored(context: v1.AnalyticsContext, read: Callable[[Session], Found], *, nothing: Found) -> Found:
    """Return what is read of the tables; `nothing` where they were not made yet, so that figures can be asked."""
    try:
        with context.read() as session:
            return read(session)
    except sa.exc.DBAPIError as error:
        if is_missing(error):
            return nothing
        raise


def is_missing(error: sa.exc.DBAPIError) -> bool:
    """Say whether an error is that a table is not there."""
    text = str(error.orig)
    return getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in text


def no_tables(error: sa.exc.DBAPIError) -> StateError | None:
    """Return what to raise for a table that is not there, None for another error."""
    return StateError(MISSING) if is_missing(error) else None
