"""The purge: when its time is over nothing is left of a workspace, and of others nothing is missing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlmodel import Session as Database

from adjoin.access import workspaces
from adjoin.access.purge import MARGIN, purge
from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow
from adjoin.db import Store
from adjoin.db.columns import Sealed
from adjoin.db.models import Base, Run, RunState, Workspace
from adjoin.db.people import Role
from adjoin.facts.layout import FACTS, fact_path
from adjoin.facts.store import FactStore

GRACE = timedelta(days=30)
DAY = date(2026, 3, 1)


def _value(column: sa.Column[Any], workspace_id: str) -> Any:
    """Something that fits a column."""
    if column.name in ("workspace_id", "id") and column.table.name == "workspaces":
        return workspace_id
    if isinstance(column.type, Sealed):
        return bytes([1]) + bytes(40)
    kind = getattr(column.type, "members", None)
    if kind is not None:
        return next(iter(kind)) if kind is not RunState else RunState.SUCCEEDED
    python = getattr(column.type, "impl_instance", column.type).python_type
    values: dict[type, Any] = {
        str: "x",
        int: 1,
        float: 1.0,
        bool: False,
        bytes: f"{column.table.name} {workspace_id}".encode(),
        datetime: datetime(2026, 3, 1, tzinfo=UTC),
        date: DAY,
        dict: {},
        list: [],
    }
    return values.get(python, {})


def fill(session: Database, workspace_id: str) -> None:
    """Add a row to every table that has a workspace; what a row refers to is there, as every id is `x`."""
    connection = session.connection()
    for table in Base.metadata.sorted_tables:
        if table.name == "users":
            continue
        if "workspace_id" in table.columns:
            row = {column.name: _value(column, workspace_id) for column in table.columns if not column.nullable}
            row["workspace_id"] = workspace_id
            if table.name == "sessions":
                row["id"] = f"in {workspace_id}"
            connection.execute(table.insert(), row)


def rows_of(store: Store, workspace_id: str) -> dict[str, int]:
    """How many rows each table has of a workspace, as the database itself tells."""
    with store.read() as session:
        connection = session.connection()
        inspector = sa.inspect(connection)
        found = {}
        for name in inspector.get_table_names():
            if "workspace_id" in {column["name"] for column in inspector.get_columns(name)}:
                query = sa.text(f'SELECT count(*) FROM "{name}" WHERE workspace_id = :id')
                found[name] = connection.execute(query, {"id": workspace_id}).scalar_one()
        ids = connection.execute(sa.text("SELECT count(*) FROM workspaces WHERE id = :id"), {"id": workspace_id})
        return found | {"workspaces": ids.scalar_one()}


def put_files(facts: FactStore, workspace_id: str, run_id: str) -> None:
    """A published file, a staged one and a half-written one."""
    schema = arrow_schema("account_daily")
    window = DateWindow(since=DAY, until=DAY)
    with facts.stage(
        run_id=run_id, slice_id="s", dataset="account_daily", platform="meta", account_id="a", window=window
    ) as writer:
        writer.append(pa.RecordBatch.from_pylist([], schema=schema))
    path = fact_path(
        workspace_id=workspace_id,
        platform="meta",
        account_id="a",
        dataset="account_daily",
        month=DAY,
        file_id="f",
    )
    with facts.create(path, schema) as file:
        file.append(pa.RecordBatch.from_pylist([], schema=schema))
        file.publish()


def files(facts: FactStore) -> list[str]:
    return sorted(file.path for folder in (FACTS, "staging") for file in facts.list(folder))


@pytest.fixture
def facts(fact_store: FactStore) -> FactStore:
    return fact_store


@pytest.fixture
def leaving(people) -> str:
    """A workspace with a row in every table, and another one beside it; it is to be deleted."""
    workspace_id = people.workspace(ada=Role.OWNER)
    with people.store.write() as session:
        people_row = {"id": "x", "email": "x@example.com", "name": "", "picture_url": "", "locale": "en"}
        session.connection().execute(
            Base.metadata.tables["users"].insert(),
            people_row | {"time_zone": "", "number_format": "", "date_format": "", "created_at": people.now},
        )
        session.add(Workspace(id="other", name="Other", created_at=people.now))
        session.flush()
        fill(session, workspace_id)
        fill(session, "other")
    people.do(workspaces.delete, workspace_id, grace=GRACE, by="ada")
    return workspace_id


def test_nothing_is_left_of_a_workspace(people, leaving: str, facts: FactStore, tmp_path: Path) -> None:
    """In no table and no folder; of another one everything stays, and so do users and their sessions."""
    others = rows_of(people.store, "other")
    assert all(others.values())
    assert all(rows_of(people.store, leaving).values())
    put_files(facts, leaving, "x")
    put_files(facts, "other", "of other")
    kept = [path for path in files(facts) if "other" in path or "of%20other" in path]
    assert len(kept) == 2
    assert len(files(facts)) == 4
    drafts = tmp_path / "home" / FACTS / leaving / "meta"
    drafts.mkdir(parents=True, exist_ok=True)
    (drafts / ".half.part").write_bytes(b"half")

    people.later(seconds=(GRACE + MARGIN).total_seconds() - 1)
    assert purge(people.store, facts, now=people.now).workspaces == 0
    assert len(files(facts)) == 4
    people.later(seconds=1)
    done = purge(people.store, facts, now=people.now)
    assert (done.workspaces, done.files, done.waiting) == (1, 2, 0)
    assert done.rows >= len(rows_of(people.store, leaving)) - 1
    assert not any(rows_of(people.store, leaving).values())
    assert rows_of(people.store, "other") == others
    assert files(facts) == kept
    with people.store.read() as session:
        count = session.connection().execute(sa.text("SELECT count(*) FROM sessions")).scalar_one()
        assert count == 2
        assert session.connection().execute(sa.text("SELECT count(*) FROM users")).scalar_one() == 2
    again = purge(people.store, facts, now=people.now)
    assert (again.workspaces, again.rows, again.files) == (0, 0, 0)


def test_a_workspace_with_a_run_waits(people, leaving: str, tmp_path: Path) -> None:
    """It is told to end; once it has, the next pass goes on. One that was queued too late is cancelled."""
    facts = FactStore(tmp_path)
    put_files(facts, leaving, "x")
    with people.store.write() as session:
        run = session.get_one(Run, (leaving, "x"))
        run.state, run.cancel_requested_at = RunState.RUNNING, None
        session.add(run)
    people.later(days=31)
    assert purge(people.store, facts, now=people.now).waiting == 1
    assert len(files(facts)) == 2
    with people.store.write() as session:
        run = session.get_one(Run, (leaving, "x"))
        assert run.cancel_requested_at == people.now
        run.state = RunState.QUEUED
        session.add(run)
    assert purge(people.store, facts, now=people.now).workspaces == 1
    assert files(facts) == []


def test_a_restored_workspace_is_left_alone(people, leaving: str, tmp_path: Path) -> None:
    """Whatever its date was."""
    people.do(workspaces.restore, leaving, by="ada")
    people.later(days=400)
    assert purge(people.store, FactStore(tmp_path), now=people.now).workspaces == 0
    assert rows_of(people.store, leaving)["workspaces"] == 1


def test_a_pass_that_was_killed_is_made_good_by_the_next(people, leaving: str, tmp_path: Path, monkeypatch) -> None:
    """Files go first, and the workspace is found again as long as it has rows."""
    facts = FactStore(tmp_path)
    put_files(facts, leaving, "x")
    people.later(days=31)
    with monkeypatch.context() as patch:
        patch.setattr("adjoin.access.purge._remove_rows", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            purge(people.store, facts, now=people.now)
    assert files(facts) == []
    assert purge(people.store, facts, now=people.now).workspaces == 1
    assert not any(rows_of(people.store, leaving).values())


def test_two_passes_at_once_remove_it_once(people, leaving: str, tmp_path: Path, together) -> None:
    """And neither fails."""
    people.later(days=31)
    facts = FactStore(tmp_path)
    outcomes = together(*[lambda: purge(people.store, facts, now=people.now)] * 2)
    assert sum(one.workspaces for one in outcomes) == 1


def test_the_tables_of_plugins_are_emptied_too(people, leaving: str, tmp_path: Path) -> None:
    """Also of a plugin that is not loaded, and whatever refers to whom; tables of strangers are left alone."""
    own = "workspace_id VARCHAR NOT NULL"
    order = "PRIMARY KEY (workspace_id, id), FOREIGN KEY (workspace_id) REFERENCES workspaces (id)"
    line = "FOREIGN KEY (workspace_id, order_id) REFERENCES shop_orders (workspace_id, id)"
    with people.store.write() as session:
        connection = session.connection()
        for statement in (
            "CREATE TABLE adjoin_schema_shop (version_num VARCHAR(32) NOT NULL)",
            f"CREATE TABLE shop_orders ({own}, id VARCHAR NOT NULL, {order})",
            f"CREATE TABLE shop_lines ({own}, order_id VARCHAR NOT NULL, {line})",
            "CREATE TABLE shop_clocks (id VARCHAR PRIMARY KEY)",
            f"CREATE TABLE foreign_things ({own})",
        ):
            connection.exec_driver_sql(statement)
        for place in (leaving, "other"):
            for statement in (
                f"INSERT INTO shop_orders VALUES ('{place}', '1')",
                f"INSERT INTO shop_lines VALUES ('{place}', '1')",
                f"INSERT INTO foreign_things VALUES ('{place}')",
            ):
                connection.exec_driver_sql(statement)
    people.later(days=31)
    assert purge(people.store, FactStore(tmp_path), now=people.now).workspaces == 1
    left, others = rows_of(people.store, leaving), rows_of(people.store, "other")
    assert {name: left[name] for name in left if left[name]} == {"foreign_things": 1}
    assert (others["shop_orders"], others["shop_lines"]) == (1, 1)


def test_entries_of_the_log_go_with_their_workspace_only(people, leaving: str) -> None:
    """Neither alone, nor can a workspace go without them."""

    def attempt(statement: str) -> None:
        with people.store.write() as session:
            session.connection().execute(sa.text(statement), {"id": leaving})

    with pytest.raises(sa.exc.DBAPIError, match="audit log cannot be changed or removed"):
        attempt("DELETE FROM audit WHERE workspace_id = :id")
    with pytest.raises(sa.exc.IntegrityError, match=r"(?i)foreign key"):
        attempt("DELETE FROM workspaces WHERE id = :id")
    assert rows_of(people.store, leaving)["audit"] > 0
