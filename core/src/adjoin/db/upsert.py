"""Insert or update many rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

from adjoin.db.models import Coverage

__all__ = ["cover", "upsert"]


def upsert(
    session: Session,
    model: type[SQLModel],
    rows: Sequence[Mapping[str, object]],
    *,
    update: Iterable[str],
) -> None:
    """Insert rows; of those whose primary key is there already, set the columns named in `update`.

    Every row names every column: the models' defaults do not apply here. With no column to update, rows
    that are there stay as they are.
    """
    if not rows:
        return
    table: sa.Table = model.__table__  # type: ignore[attr-defined]
    key = list(table.primary_key.columns)
    names = list(update)
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    insert = dialect.insert(table)
    if names:
        statement = insert.on_conflict_do_update(
            index_elements=key, set_={name: insert.excluded[name] for name in names}
        )
    else:
        statement = insert.on_conflict_do_nothing(index_elements=key)
    session.connection().execute(statement, [dict(row) for row in rows])


def cover(
    session: Session,
    *,
    workspace_id: str,
    platform: str,
    account_id: str,
    dataset: str,
    days: Iterable[date],
    run_id: str,
    fetched_at: datetime,
) -> None:
    """Note that these days of a dataset are committed, and by which run."""
    rows = [
        {
            "workspace_id": workspace_id,
            "platform": platform,
            "account_id": account_id,
            "dataset": dataset,
            "day": day,
            "run_id": run_id,
            "fetched_at": fetched_at,
        }
        for day in days
    ]
    upsert(session, Coverage, rows, update=("run_id", "fetched_at"))
