"""Replacing days of a month: whole windows, no duplicates, one current file, nothing built on damage."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow
from adjoin.db import Store
from adjoin.db.models import Account, Connection, FactFile
from adjoin.errors import BadInput, Fenced, StoreDamaged, WrongResult
from adjoin.facts.commit import NewMonth, Replacement, Target, replace_month, swap
from adjoin.facts.files.remote import RemoteFiles
from adjoin.facts.layout import file_schema
from adjoin.facts.store import FactStore

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
MARCH = date(2026, 3, 1)
TARGET = Target(
    workspace_id="default",
    platform="meta",
    account_id="act_1",
    currency="EUR",
    dataset="campaign_daily",
    month=MARCH,
)

#: (day of March, campaign, clicks)
Fact = tuple[int, str, int]


def day(number: int) -> date:
    return MARCH + timedelta(days=number - 1)


def staged(facts: FactStore, since: int, until: int, rows: Sequence[Fact], name: str = "s") -> Replacement:
    window = DateWindow(since=day(since), until=day(until))
    schema = arrow_schema("campaign_daily")
    whole = [
        dict.fromkeys(schema.names)
        | {"date": day(number), "account_id": "act_1", "campaign_id": campaign, "clicks": clicks}
        for number, campaign, clicks in rows
    ]
    with facts.stage(
        run_id="run",
        slice_id=name,
        dataset="campaign_daily",
        platform="meta",
        account_id="act_1",
        window=window,
    ) as writer:
        writer.append(pa.RecordBatch.from_pylist(whole, schema=schema))
    return Replacement(window=window, staged=writer.staged)


def replaced(facts: FactStore, current: FactFile | None, *parts: Replacement) -> NewMonth | None:
    return replace_month(facts, TARGET, parts, current=current, run_id="run", now=NOW)


def build(facts: FactStore, current: FactFile | None, *parts: Replacement) -> FactFile:
    new = replaced(facts, current, *parts)
    assert new is not None
    return new.file


def read(facts: FactStore, file: FactFile) -> list[Fact]:
    table = pq.read_table(facts.local(file.path, expected=file.checksum))
    return [((row["date"] - MARCH).days + 1, row["campaign_id"], row["clicks"]) for row in table.to_pylist()]


def kept(facts: FactStore) -> list[str]:
    return [one.path for one in facts.list("facts")]


def damage(facts: FactStore, path: str, content: bytes) -> None:
    """Change a stored file, and let go of the copies of it."""
    changed = facts.root / "changed"
    changed.write_bytes(content)
    if isinstance(facts.files, RemoteFiles):
        facts.files.cache.forget(path)
        facts.files.objects.put(changed, path)
    else:
        changed.replace(facts.root / path)


@pytest.fixture
def facts(fact_store: FactStore) -> FactStore:
    return fact_store


class TestFile:
    def test_a_first_file(self, facts: FactStore) -> None:
        """The file has the published schema with platform and currency, sorted, and its row tells all about it."""
        file = build(facts, None, staged(facts, 1, 31, [(5, "b", 2), (5, "a", 1), (2, "c", 3)]))
        table = pq.read_table(facts.local(file.path, expected=file.checksum))
        assert table.schema.equals(file_schema("campaign_daily"))
        assert read(facts, file) == [(2, "c", 3), (5, "a", 1), (5, "b", 2)]
        assert set(zip(table["platform"].to_pylist(), table["currency"].to_pylist(), strict=True)) == {("meta", "EUR")}
        assert (file.rows, file.first_date, file.last_date) == (3, day(2), day(5))
        assert file.sums["clicks"] == "6"
        assert file.sums["cost_micros"] is None
        assert file.bytes == facts.size(file.path)
        assert facts.intact(file.path, expected=file.checksum).exists()

    def test_conversions_are_stored_as_integers(self, facts: FactStore) -> None:
        """Exact decimals take one machine word on disk."""
        file = build(facts, None, staged(facts, 1, 1, [(1, "a", 1)]))
        meta = pq.read_metadata(facts.local(file.path, expected=file.checksum))
        kinds = {
            meta.row_group(0).column(index).path_in_schema: meta.row_group(0).column(index).physical_type
            for index in range(meta.num_columns)
        }
        assert kinds["conversions"] == "INT64"

    def test_rows_that_vanished_vanish(self, facts: FactStore) -> None:
        """A window is replaced as a whole; days outside keep their rows."""
        before = build(facts, None, staged(facts, 1, 10, [(1, "a", 1), (4, "a", 1), (4, "b", 1), (9, "a", 1)]))
        after = build(facts, before, staged(facts, 4, 6, [(4, "b", 7)]))
        assert read(facts, after) == [(1, "a", 1), (4, "b", 7), (9, "a", 1)]

    def test_only_the_month_is_taken(self, facts: FactStore) -> None:
        """Windows may cross a month's end: other months' rows are left to other months' files."""
        across = staged(facts, -1, 33, [(-1, "a", 1), (1, "a", 2), (31, "a", 3), (32, "a", 4)])
        assert read(facts, build(facts, None, across)) == [(1, "a", 2), (31, "a", 3)]
        april = dataclasses.replace(TARGET, month=date(2026, 4, 1))
        new = replace_month(facts, april, [across], current=None, run_id="run", now=NOW)
        assert new is not None
        assert read(facts, new.file) == [(32, "a", 4)]

    def test_a_window_elsewhere_changes_nothing(self, facts: FactStore) -> None:
        """A replacement that does not touch the month makes no file."""
        assert replaced(facts, None, staged(facts, 40, 41, [(40, "a", 1)])) is None

    def test_nothing_in_a_new_month_makes_no_file(self, facts: FactStore) -> None:
        """An account that did nothing in a month costs nothing."""
        assert replaced(facts, None, staged(facts, 1, 31, [])) is None
        assert kept(facts) == []

    def test_a_month_that_loses_its_last_row(self, facts: FactStore) -> None:
        """What was there and is gone leaves a file without rows."""
        before = build(facts, None, staged(facts, 1, 1, [(1, "a", 1)]))
        after = build(facts, before, staged(facts, 1, 31, []))
        assert (after.rows, after.first_date, after.last_date, after.sums["clicks"]) == (0, None, None, None)

    def test_the_same_rows_make_no_new_file(self, facts: FactStore) -> None:
        """Reading a closed month again does not fill the disk."""
        rows = [(2, "b", 1), (1, "a", 1)]
        before = build(facts, None, staged(facts, 1, 31, rows))
        assert replaced(facts, before, staged(facts, 1, 2, list(reversed(rows)))) is None
        assert len(kept(facts)) == 1

    def test_several_windows_at_once(self, facts: FactStore) -> None:
        """Slices of one run come into one new file."""
        before = build(facts, None, staged(facts, 1, 31, [(1, "old", 1), (15, "old", 1), (31, "old", 1)]))
        first = staged(facts, 1, 10, [(1, "new", 1)], name="s1")
        second = staged(facts, 25, 31, [(30, "new", 1)], name="s2")
        assert read(facts, build(facts, before, first, second)) == [(1, "new", 1), (15, "old", 1), (30, "new", 1)]


class TestRefusals:
    def test_a_row_twice(self, facts: FactStore) -> None:
        """Two rows with the same keys are refused by name, and no file stays."""
        twice = staged(facts, 1, 31, [(1, "a", 1), (2, "b", 1), (2, "b", 2), (3, "c", 1)])
        with pytest.raises(WrongResult, match=r"a row of campaign_daily twice.*act_1: date 2026-03-02, campaign_id b"):
            replaced(facts, None, twice)
        assert kept(facts) == []

    def test_two_rows_with_the_same_missing_key(self, facts: FactStore) -> None:
        """Where a key may be missing, two rows without it are the same row."""
        schema = arrow_schema("conversion_daily")
        row = dict.fromkeys(schema.names) | {
            "date": MARCH,
            "account_id": "act_1",
            "campaign_id": "a",
            "action": "lead",
        }
        window = DateWindow(since=MARCH, until=MARCH)
        with facts.stage(
            run_id="run",
            slice_id="s",
            dataset="conversion_daily",
            platform="meta",
            account_id="act_1",
            window=window,
        ) as writer:
            writer.append(pa.RecordBatch.from_pylist([row, row], schema=schema))
        target = dataclasses.replace(TARGET, dataset="conversion_daily")
        part = Replacement(window=window, staged=writer.staged)
        with pytest.raises(WrongResult, match="ad_group_id None, ad_id None, action lead"):
            replace_month(facts, target, [part], current=None, run_id="run", now=NOW)

    def test_the_wrong_dataset(self, facts: FactStore) -> None:
        """Staged rows of another dataset are not mixed in."""
        part = staged(facts, 1, 1, [(1, "a", 1)])
        target = dataclasses.replace(TARGET, dataset="ad_daily")
        with pytest.raises(BadInput, match="holds campaign_daily, not ad_daily"):
            replace_month(facts, target, [part], current=None, run_id="run", now=NOW)

    def test_a_damaged_current_file(self, facts: FactStore) -> None:
        """Nothing is built on a file that has changed since it was written."""
        before = build(facts, None, staged(facts, 1, 31, [(1, "a", 1)]))
        damage(facts, before.path, b"PAR1 and so on")
        with pytest.raises(StoreDamaged, match=f"{before.id}.parquet is damaged"):
            replaced(facts, before, staged(facts, 2, 2, []))

    def test_a_damaged_staged_file(self, facts: FactStore) -> None:
        """Nor on a staged one."""
        part = staged(facts, 1, 31, [(1, "a", 1)])
        damage(facts, part.staged.path, b"")
        with pytest.raises(StoreDamaged, match=r"campaign_daily\.parquet is damaged"):
            replaced(facts, None, part)


class TestSwap:
    @pytest.fixture
    def connected(self, store: Store) -> Store:
        _connect(store)
        return store

    def test_the_new_file_becomes_the_current_one(self, connected: Store, facts: FactStore) -> None:
        """The old file stays in the history, with when and by what it was superseded."""
        first = replaced(facts, None, staged(facts, 1, 31, [(1, "a", 1)]))
        assert first is not None
        with connected.write() as session:
            swap(session, [first], now=NOW)
        second = replaced(facts, first.file, staged(facts, 2, 2, [(2, "a", 1)]))
        assert second is not None
        later = NOW + timedelta(hours=1)
        with connected.write() as session:
            swap(session, [second], now=later)
        with connected.read() as session:
            rows = session.exec(select(FactFile).order_by(col(FactFile.rows))).all()
        assert [(row.rows, row.superseded_at, row.superseded_by) for row in rows] == [
            (1, later, second.file.id),
            (2, None, None),
        ]

    def test_a_late_writer_is_fenced(self, connected: Store, facts: FactStore) -> None:
        """A file built on what is no longer current does not replace what is."""
        first = replaced(facts, None, staged(facts, 1, 31, [(1, "a", 1)], name="s1"))
        late = replaced(facts, None, staged(facts, 1, 31, [(1, "a", 2)], name="s2"))
        assert first is not None
        assert late is not None
        with connected.write() as session:
            swap(session, [first], now=NOW)
        with pytest.raises(Fenced, match="campaign_daily of meta account act_1 for 2026-03 was changed"):
            _swap(connected, late)
        with connected.read() as session:
            assert session.exec(select(FactFile.id)).all() == [first.file.id]

    @pytest.mark.postgres
    def test_two_first_files_at_once(self, postgres_store: Store, facts: FactStore) -> None:
        """Of two runs that both find an empty month one commits and the other is fenced."""
        _connect(postgres_store)
        first = replaced(facts, None, staged(facts, 1, 31, [(1, "a", 1)], name="s1"))
        second = replaced(facts, None, staged(facts, 1, 31, [(1, "a", 2)], name="s2"))
        assert first is not None
        assert second is not None
        with postgres_store.write() as session:
            swap(session, [first], now=NOW)
            with ThreadPoolExecutor(1) as pool:
                other = pool.submit(_swap, postgres_store, second)
                while not _waiting(postgres_store):
                    assert not other.done()
                session.commit()
                with pytest.raises(Fenced, match="was changed by another run"):
                    other.result()

    def test_an_undone_transaction_swaps_nothing(self, connected: Store, facts: FactStore) -> None:
        """The swap belongs to the caller's transaction."""
        first = replaced(facts, None, staged(facts, 1, 31, [(1, "a", 1)]))
        assert first is not None

        def fail() -> None:
            with connected.write() as session:
                swap(session, [first], now=NOW)
                raise RuntimeError("epoch has moved on")

        with pytest.raises(RuntimeError):
            fail()
        with connected.read() as session:
            assert session.exec(select(FactFile)).all() == []


def _connect(store: Store) -> None:
    with store.write() as session:
        session.add(Connection(workspace_id="default", id="c", platform="meta", label="Meta", created_at=NOW))
        session.add(
            Account(
                workspace_id="default",
                platform="meta",
                id="act_1",
                connection_id="c",
                name="One",
                currency="EUR",
                time_zone="UTC",
                first_seen_at=NOW,
                last_seen_at=NOW,
            )
        )


def _waiting(store: Store) -> bool:
    """Whether some backend of the server waits for another's transaction."""
    with store.read() as session:
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(session.connection().execute(sa.text(waits)).scalar())


def _swap(store: Store, new: NewMonth) -> None:
    with store.write() as session:
        swap(session, [new], now=NOW)


@contextmanager
def scratch() -> Iterator[FactStore]:
    folder = tempfile.mkdtemp()
    try:
        yield FactStore(Path(folder))
    finally:
        shutil.rmtree(folder)


DAYS = st.integers(1, 31)
ROWS = st.dictionaries(st.tuples(DAYS, st.sampled_from("abc")), st.integers(0, 9), max_size=12)
WINDOWS = st.lists(st.tuples(DAYS, DAYS, ROWS), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(WINDOWS)
def test_any_series_of_windows_ends_as_a_dictionary_would(
    windows: list[tuple[int, int, dict[tuple[int, str], int]]],
) -> None:
    """Replacing windows one after the other is the same as forgetting their days and adding their rows."""
    with scratch() as facts:
        expected: dict[tuple[int, str], int] = {}
        current: FactFile | None = None
        for one, other, rows in windows:
            since, until = sorted((one, other))
            inside = {key: clicks for key, clicks in rows.items() if since <= key[0] <= until}
            expected = {key: clicks for key, clicks in expected.items() if not since <= key[0] <= until} | inside
            part = staged(facts, since, until, [(*key, clicks) for key, clicks in inside.items()])
            new = replaced(facts, current, part)
            current = new.file if new else current
        found = read(facts, current) if current else []
        assert found == [(*key, clicks) for key, clicks in sorted(expected.items())]
        assert current is None or current.sums["clicks"] == (str(sum(expected.values())) if expected else None)
