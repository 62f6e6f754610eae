"""Removes all that is left of workspaces whose time is over: their files first, then every row.

A workspace that was killed half way is found again by the next pass, as its own row goes last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

import sqlalchemy as sa
import structlog
from sqlmodel import Session, col, select

from adjoin.access._locks import lock
from adjoin.access.workspaces import cancel_runs
from adjoin.db.models import Base, Run, RunState, Workspace
from adjoin.errors import UnknownName
from adjoin.facts.layout import FACTS, STAGING, safe_part

if TYPE_CHECKING:
    from adjoin.db import Store
    from adjoin.facts.store import FactStore

__all__ = ["MARGIN", "Purged", "purge", "purge_workspace"]

#: How long after its date a workspace is left alone: clocks differ, and one that is still being restored must not go.
MARGIN = timedelta(hours=1)

_PLUGIN_SCHEMA = "adjoin_schema_"  # with a prefix it names the table that says how far the tables of a plugin are


@dataclass(slots=True, kw_only=True)
class Purged:
    """What a pass removed. `waiting` are workspaces that still have a run which has not ended."""

    workspaces: int = 0
    rows: int = 0
    files: int = 0
    waiting: int = 0

    def __str__(self) -> str:
        rest = f"; {self.waiting} wait for runs to end" if self.waiting else ""
        return f"{self.workspaces} workspaces with {self.rows} rows and {self.files} files{rest}"


def purge(store: Store, facts: FactStore, *, now: datetime) -> Purged:
    """Cancel what runs in workspaces that are to be deleted, and remove those whose time is over.

    Safe beside other passes, and safe to kill. Raises StateError where files cannot be removed.
    """
    done = Purged()
    with store.read() as session:
        query = select(Workspace).where(col(Workspace.delete_after).is_not(None)).order_by(col(Workspace.id))
        leaving = [(one.id, one.delete_after) for one in session.exec(query)]
    for workspace_id, delete_after in leaving:
        with store.write() as session:
            cancel_runs(session, workspace_id, now=now)  # one may have been queued in the moment of the deletion
        if delete_after is not None and delete_after + MARGIN <= now:
            with suppress(UnknownName):  # another pass was faster
                purge_workspace(store, facts, workspace_id, done, now=now)
    return done


def purge_workspace(store: Store, facts: FactStore, workspace_id: str, done: Purged, *, now: datetime) -> None:
    """Remove the files and rows of a workspace whose time is over; count in `done` what went.

    One with a run that has not ended is left to the next pass.
    """
    with store.read() as session:
        runs = select(Run.id, Run.state).where(col(Run.workspace_id) == workspace_id)
        states: dict[str, RunState] = {run_id: RunState(state) for run_id, state in session.exec(runs)}
    if not all(state.ended for state in states.values()):
        done.waiting += 1
        return
    done.files += _remove_files(facts, workspace_id, set(states))
    with store.write() as session:
        rows = _remove_rows(session, workspace_id, now=now)
    if rows is None:
        done.waiting += 1
        return
    done.workspaces += 1
    done.rows += rows
    structlog.get_logger("adjoin.purge").info("workspace removed", workspace=workspace_id, rows=rows)


def _remove_files(facts: FactStore, workspace_id: str, run_ids: set[str]) -> int:
    """Remove what a workspace has in the fact store, also half-written; return how many files were finished."""
    folder = f"{FACTS}/{safe_part(workspace_id)}"
    removed = sum(1 for _ in facts.list(folder))
    staged = Counter(unquote(PurePosixPath(file.path).parts[1]) for file in facts.list(STAGING))
    for run_id in sorted(run_ids & set(staged)):
        facts.clear_staging(run_id)
        removed += staged[run_id]
    facts.files.clear(folder)
    return removed


def _remove_rows(session: Session, workspace_id: str, *, now: datetime) -> int | None:
    """Remove every row of a workspace and return how many; None where it is not its time any more."""
    workspace = lock(session, workspace_id)
    active = select(Run.id).where(
        col(Run.workspace_id) == workspace_id, col(Run.state).in_((RunState.QUEUED, RunState.RUNNING))
    )
    if workspace.delete_after is None or workspace.delete_after + MARGIN > now:
        return None
    if session.exec(active.limit(1)).first() is not None:
        return None
    session.expunge_all()
    connection = session.connection()
    rows = sum(_empty(connection, table, workspace_id) for table in _plugin_tables(connection))
    # Before core's other tables, as the audit log lets its entries go only with it; keys are checked at commit.
    rows += connection.execute(sa.delete(Workspace).where(col(Workspace.id) == workspace_id)).rowcount
    rows += sum(
        _empty(connection, table, workspace_id)
        for table in reversed(Base.metadata.sorted_tables)
        if "workspace_id" in table.columns
    )
    return rows


def _empty(connection: sa.Connection, table: sa.Table | sa.TableClause, workspace_id: str) -> int:
    """Remove a workspace's rows from a table; a row that only points to one, as a session does, points nowhere."""
    column = table.c.workspace_id
    if column.nullable:
        connection.execute(sa.update(table).where(column == workspace_id).values(workspace_id=None))
        return 0
    return connection.execute(sa.delete(table).where(column == workspace_id)).rowcount


def _plugin_tables(connection: sa.Connection) -> Iterator[sa.TableClause]:
    """Yield the tables of plugins that have a workspace, those first that refer to others.

    They are looked up in the database, so that those of a plugin which is switched off are not forgotten.
    """
    inspector = sa.inspect(connection)
    names = inspector.get_table_names()
    prefixes = tuple(f"{name.removeprefix(_PLUGIN_SCHEMA)}_" for name in names if name.startswith(_PLUGIN_SCHEMA))
    for name, _ in reversed(inspector.get_sorted_table_and_fkc_names()):
        if name is None or not name.startswith(prefixes):
            continue
        for column in inspector.get_columns(name):
            if column["name"] == "workspace_id":
                yield sa.table(name, sa.Column("workspace_id", sa.String, nullable=column["nullable"]))
