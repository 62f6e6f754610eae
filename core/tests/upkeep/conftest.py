"""Upkeep is tested on each kind of database, and on object storage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from adjoin.db import Store
from adjoin.db.models import FactFile, Run, RunState, RunTrigger
from adjoin.facts.layout import FACTS
from adjoin.facts.query import FactQuery
from adjoin.facts.store import FactStore
from adjoin.testing.storage import Storage

#: Files carry the time of the machine, so the tests' days are counted from there.
START = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres), "sqlite and s3"])
def place(request: pytest.FixtureRequest) -> str:
    """The kind of database, and of file store where it is not a folder."""
    kind: str = request.param
    return kind


@pytest.fixture
def store(request: pytest.FixtureRequest, place: str) -> Store:
    made: Store = request.getfixturevalue(f"{place.split()[0]}_store")
    return made


@pytest.fixture
def facts(request: pytest.FixtureRequest, place: str, tmp_path: Path) -> FactStore:
    if not place.endswith("s3"):
        return FactStore(tmp_path)
    storage: Storage = request.getfixturevalue("storage")
    return FactStore(tmp_path, storage.files(tmp_path, bucket=request.getfixturevalue("bucket")))


@pytest.fixture
def put_store(facts: FactStore) -> FactStore:
    return facts


@pytest.fixture
def query(store: Store, facts: FactStore) -> Iterator[FactQuery]:
    with FactQuery(store, facts, "default") as made:
        yield made


class Upkeep:
    """What tests ask of an installation."""

    def __init__(self, store: Store, facts: FactStore) -> None:
        self.store = store
        self.facts = facts

    def paths(self) -> set[str]:
        return {file.path for file in self.facts.list(FACTS)}

    def rows(self, *conditions: Any) -> list[FactFile]:
        """Rows of the manifest in the order in which they began to count."""
        with self.store.read() as session:
            query = select(FactFile).where(*conditions).order_by(col(FactFile.created_at), FactFile.account_id)
            return list(session.exec(query))

    def current(self) -> list[FactFile]:
        return self.rows(col(FactFile.superseded_at).is_(None))

    def add_run(self, run_id: str, state: RunState, ended: datetime | None = None, **fields: Any) -> None:
        """Add a run of the connection `meta`, which `put_facts` makes."""
        created = START - timedelta(days=900) if ended is None else ended - timedelta(hours=1)
        run = Run(
            workspace_id="default",
            id=run_id,
            connection_id="meta",
            state=state,
            trigger=RunTrigger.SCHEDULE,
            created_at=created,
            finished_at=ended,
            **fields,
        )
        with self.store.write() as session:
            session.add(run)


@pytest.fixture
def upkeep(store: Store, facts: FactStore) -> Upkeep:
    return Upkeep(store, facts)
