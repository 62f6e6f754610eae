"""The check of all facts: what is sound passes, and each kind of damage is named with what to do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from sqlmodel import col

from adjoin.db.models import Coverage, FactFile, RunState, new_id
from adjoin.errors import BadInput
from adjoin.facts.compact import compact
from adjoin.facts.query import FactQuery
from adjoin.facts.retention import forget
from adjoin.facts.verify import Fault, Verified, verify

NOW = datetime.now(UTC)
MARCH = (date(2026, 3, 1), date(2026, 3, 31))


def fact(day: int, **metrics: Any) -> dict[str, Any]:
    return {"date": date(2026, 3, day), **metrics}


@pytest.fixture(autouse=True)
def history(put_facts: Any) -> None:
    """March of two accounts, of which the first has been replaced once."""
    put_facts("account_daily", fact(1, clicks=1), days=MARCH, now=NOW - timedelta(hours=2))
    put_facts("account_daily", fact(1, clicks=1), fact(7, clicks=5), days=MARCH, now=NOW - timedelta(hours=1))
    put_facts("account_daily", fact(2, clicks=2), account="act_2", days=MARCH, now=NOW)


def verified(upkeep: Any, *, quick: bool = False, days: float = 0) -> Verified:
    return verify(upkeep.store, upkeep.facts, workspace_id="default", now=NOW + timedelta(days=days), quick=quick)


def change(upkeep: Any, row: FactFile, **values: Any) -> None:
    with upkeep.store.write() as session:
        session.connection().execute(sa.update(FactFile).where(col(FactFile.id) == row.id).values(**values))


def rewrite(upkeep: Any, row: FactFile, table: pa.Table) -> None:
    """Put another file in place of a row's, and let its size and checksum be right."""
    upkeep.facts.remove(row.path)
    with upkeep.facts.create(row.path, table.schema) as file:
        for batch in table.to_batches():
            file.append(batch)
        checksum = file.publish()
    change(upkeep, row, checksum=checksum, bytes=file.bytes)


@pytest.mark.parametrize("quick", [False, True])
def test_sound_facts(upkeep: Any, quick: bool) -> None:
    """Current and superseded files are looked at, and nothing is found."""
    found = verified(upkeep, quick=quick)
    assert (found.files, found.rows, found.damage, found.orphans) == (3, 3, [], [])
    assert found.bytes == sum(row.bytes for row in upkeep.rows())


@pytest.mark.parametrize("quick", [False, True])
def test_packed_facts(upkeep: Any, quick: bool) -> None:
    """A packed file is read once and held against the rows of all its accounts."""
    list(compact(upkeep.store, upkeep.facts, now=NOW + timedelta(days=365), look_back={"meta": 28}))
    found = verified(upkeep, quick=quick)
    assert (found.files, found.rows, found.damage) == (4, 5, [])


@pytest.mark.parametrize("quick", [False, True])
def test_a_missing_file(upkeep: Any, quick: bool) -> None:
    """It is named, with the command that reads the month again."""
    [row] = upkeep.rows(FactFile.account_id == "act_2")
    upkeep.facts.remove(row.path)
    [damage] = verified(upkeep, quick=quick).damage
    assert (damage.fault, damage.account_id, damage.history) == (Fault.UNREADABLE, "act_2", False)
    assert f"the file {row.path} is missing" in str(damage)
    command = "adjoin sync --platform meta --account act_2 --dataset account_daily"
    assert f"{command} --since 2026-03-01 --until 2026-03-31" in str(damage)


def test_a_missing_superseded_file(upkeep: Any) -> None:
    """Only figures as of then need it, and that is what is said."""
    row = upkeep.rows()[0]
    upkeep.facts.remove(row.path)
    [damage] = verified(upkeep).damage
    assert (damage.fault, damage.history) == (Fault.UNREADABLE, True)
    assert f"as of {row.created_at:%Y-%m-%d %H:%M} to {row.superseded_at:%Y-%m-%d %H:%M} UTC" in str(damage)
    row_ids = [damage.row_id, upkeep.current()[0].id]
    assert forget(upkeep.store, upkeep.facts, row_ids, workspace_id="other") == 0
    assert forget(upkeep.store, upkeep.facts, row_ids, workspace_id="default") == 1
    assert verified(upkeep).damage == []
    assert len(upkeep.current()) == 2
    query = FactQuery(upkeep.store, upkeep.facts, "default", as_of=row.created_at)
    with query, pytest.raises(BadInput, match="no longer known"):
        query.files("account_daily", *MARCH)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_changed_bytes(upkeep: Any) -> None:
    """A changed byte shows when files are read; a quick look compares the sizes only."""
    [row] = upkeep.rows(FactFile.account_id == "act_2")
    path = upkeep.facts.root / row.path
    content = bytearray(path.read_bytes())
    content[20] ^= 0xFF
    path.write_bytes(content)
    assert verified(upkeep, quick=True).damage == []
    [damage] = verified(upkeep).damage
    assert (damage.fault, damage.account_id) == (Fault.UNREADABLE, "act_2")
    path.write_bytes(content[:-1])
    assert "bytes instead of" in verified(upkeep, quick=True).damage[0].what


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rows": 3}, "rows 2 instead of 3"),
        ({"first_date": date(2026, 3, 3)}, "the first day 2026-03-01 instead of 2026-03-03"),
        ({"last_date": None}, "the last day 2026-03-07 instead of None"),
        ({"currency": "USD"}, "platform and currency [('meta', 'EUR')] instead of [('meta', 'USD')]"),
    ],
)
def test_a_manifest_that_tells_otherwise(upkeep: Any, values: dict[str, Any], said: str) -> None:
    """Rows, days and currency are held against the content of the file."""
    row = upkeep.current()[0]
    change(upkeep, row, **values)
    [damage] = verified(upkeep).damage
    assert damage.fault is Fault.MISMATCH
    assert said in damage.what
    assert verified(upkeep, quick=True).damage == []


def test_sums_that_tell_otherwise(upkeep: Any) -> None:
    """Every metric is added up again."""
    row = upkeep.current()[0]
    change(upkeep, row, sums=row.sums | {"clicks": "7"})
    [damage] = verified(upkeep).damage
    assert "the sum of clicks 6 instead of 7" in damage.what


def test_rows_of_another_account(upkeep: Any) -> None:
    """A file that holds an account that it should not is not taken for the right one."""
    [row] = upkeep.rows(FactFile.account_id == "act_2")
    table = pq.read_table(upkeep.facts.local(row.path, expected=row.checksum), partitioning=None)
    other = table.set_column(table.schema.names.index("account_id"), table.schema.field("account_id"), [["act_9"]])
    for content, said in (
        (other, "accounts ['act_9'] instead of ['act_2']"),
        (pa.concat_tables([table, other]), "accounts ['act_2', 'act_9'] instead of ['act_2']"),
    ):
        rewrite(upkeep, row, content)
        [damage] = verified(upkeep).damage
        assert (damage.fault, damage.account_id) == (Fault.MISMATCH, "act_2")
        assert said in damage.what


def test_days_that_were_never_noted(upkeep: Any) -> None:
    """Rows of a day that is not covered would be hidden by the choice of a dataset."""
    with upkeep.store.write() as session:
        session.connection().execute(
            sa.delete(Coverage).where(col(Coverage.account_id) == "act_1", col(Coverage.day) == date(2026, 3, 7))
        )
    for quick in (False, True):
        [damage] = verified(upkeep, quick=quick).damage
        assert (damage.fault, damage.account_id) == (Fault.UNCOVERED, "act_1")
        assert "2026-03-07 hold rows but are not noted as read" in damage.what


def test_two_current_files(upkeep: Any) -> None:
    """A month that counts twice is found where the index is missing that forbids it."""
    [row] = upkeep.rows(FactFile.account_id == "act_2")
    with upkeep.store.write() as session:
        session.connection().execute(sa.text("DROP INDEX uq_fact_files_current"))
        session.add(FactFile(**row.model_dump() | {"id": new_id()}))
    found = verified(upkeep)
    assert {(one.fault, one.account_id) for one in found.damage} == {(Fault.TWICE, "act_2")}


def test_a_file_that_nothing_names(upkeep: Any) -> None:
    """It is no damage; it is not judged while it is young or its account is being synced."""
    row = upkeep.current()[0]
    orphan = f"{row.path.rsplit('/', 1)[0]}/0123.parquet"
    table = pq.read_table(upkeep.facts.local(row.path, expected=row.checksum), partitioning=None)
    with upkeep.facts.create(orphan, table.schema) as file:
        file.publish()
    assert verified(upkeep).orphans == []
    found = verified(upkeep, days=2)
    assert (found.orphans, found.damage) == ([orphan], [])
    upkeep.add_run("run-1", RunState.RUNNING)
    assert verified(upkeep, days=2).orphans == []


def test_removed_while_it_is_checked(upkeep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that retention removes between the look at the manifest and the file is no damage."""
    row = upkeep.rows()[0]
    original = upkeep.facts.verify

    def check(path: str, *, expected: str) -> None:
        if path == row.path:
            change(upkeep, row, path="")
            upkeep.facts.remove(path)
        original(path, expected=expected)

    monkeypatch.setattr(upkeep.facts, "verify", check)
    assert verified(upkeep).damage == []
