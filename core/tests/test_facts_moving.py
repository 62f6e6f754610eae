"""Moving facts between stores: all of them, checked, repeatable, and never under a running sync."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from adjoin.db import Store
from adjoin.db.models import FactFile, Run, RunState, RunTrigger
from adjoin.errors import StateError, StoreDamaged
from adjoin.facts.moving import Moved, copy_all
from adjoin.facts.query import FactQuery
from adjoin.facts.store import FactStore
from adjoin.testing.storage import Storage, full

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)


@pytest.fixture
def here(tmp_path: Path, put_facts: Any) -> FactStore:
    """A folder with three files, one of them superseded."""
    put_facts("campaign_daily", {"date": MARCH, "campaign_id": "c", "clicks": 1}, {"date": APRIL, "campaign_id": "c"})
    put_facts("campaign_daily", {"date": MARCH, "campaign_id": "c", "clicks": 2}, days=(MARCH, MARCH))
    return FactStore(tmp_path)


@pytest.fixture
def there(storage: Storage, bucket: str, tmp_path: Path) -> FactStore:
    return FactStore(tmp_path / "there", storage.files(tmp_path / "there", bucket=bucket))


def manifest(store: Store) -> list[FactFile]:
    with store.read() as session:
        return list(session.exec(select(FactFile)))


class TestMoving:
    def test_there_and_back(self, store: Store, here: FactStore, there: FactStore, tmp_path: Path) -> None:
        """All files, with their history, arrive as they were; queries answer the same from each store."""
        total = sum(one.bytes for one in manifest(store))
        assert copy_all(store, here, there) == Moved(files=3, bytes=total, there=0)
        back = FactStore(tmp_path / "back")
        told: list[tuple[int, int]] = []
        assert copy_all(store, there, back, tell=lambda done, of: told.append((done, of))).files == 3
        assert told == [(1, 3), (2, 3), (3, 3)]
        answers = []
        for facts in (here, there, back):
            for one in manifest(store):
                facts.verify(one.path, expected=one.checksum)
            with FactQuery(store, facts, "default") as query:
                answers.append(query.run(query.table("campaign_daily", MARCH, APRIL)).to_pylist())
        assert answers[0] == answers[1] == answers[2]
        assert len(answers[0]) == 2
        assert not list(back.root.rglob("*.part"))

    def test_it_goes_on_where_it_broke_off(
        self, store: Store, here: FactStore, there: FactStore, storage: Storage
    ) -> None:
        """What has arrived is not sent again."""

        def fill_up(done: int, of: int) -> None:
            storage.fault = full

        with pytest.raises(StateError, match="no room left"):
            copy_all(store, here, there, tell=fill_up)
        storage.fault = None
        moved = copy_all(store, here, there)
        assert (moved.files, moved.there) == (2, 1)

    def test_damage_is_not_carried_over(self, store: Store, here: FactStore, there: FactStore) -> None:
        """A file that has changed stops the copying by its name."""
        path = here.root / manifest(store)[1].path
        path.write_bytes(b"PAR1")
        with pytest.raises(StoreDamaged, match=f"{path.name} is damaged"):
            copy_all(store, here, there)
        assert there.size(manifest(store)[1].path) is None

    def test_not_while_a_sync_is_under_way(self, store: Store, here: FactStore, there: FactStore) -> None:
        """A run would go on writing to the store that is left behind."""
        with store.write() as session:
            session.add(
                Run(
                    workspace_id="default",
                    id="r",
                    connection_id="meta",
                    trigger=RunTrigger.PERSON,
                    state=RunState.RUNNING,
                    created_at=datetime(2026, 4, 1, tzinfo=UTC),
                )
            )
        with pytest.raises(StateError, match="1 sync is under way; stop the scheduler and the workers"):
            copy_all(store, here, there)
