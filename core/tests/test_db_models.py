"""The tables: types that agree on both databases, and the constraints that the sync relies on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from adjoin.db import Store, cover, upsert
from adjoin.db.models import (
    Account,
    Connection,
    ConnectionState,
    Coverage,
    FactFile,
    Run,
    RunState,
    RunTrigger,
    Slice,
    SliceState,
    Throttle,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
W = "default"


def connect(session: Session) -> None:
    session.add(Connection(workspace_id=W, id="c", platform="meta", label="Meta", created_at=NOW))
    session.add(account())


def write(store: Store, *rows: SQLModel) -> None:
    with store.write() as session:
        session.add_all(rows)


def account() -> Account:
    return Account(
        workspace_id=W,
        platform="meta",
        id="act_1",
        connection_id="c",
        name="One",
        currency="EUR",
        time_zone="Europe/Berlin",
        first_seen_at=NOW,
        last_seen_at=NOW,
    )


def run(state: RunState) -> Run:
    return Run(workspace_id=W, connection_id="c", state=state, trigger=RunTrigger.PERSON, created_at=NOW)


def fact_file(*, superseded_at: datetime | None = None) -> FactFile:
    return FactFile(
        workspace_id=W,
        platform="meta",
        account_id="act_1",
        dataset="ad_daily",
        month=date(2026, 3, 1),
        path="x.parquet",
        rows=1,
        bytes=1,
        checksum="",
        currency="EUR",
        run_id="r",
        created_at=NOW,
        superseded_at=superseded_at,
    )


class TestInstants:
    def test_come_back_aware_utc(self, store: Store) -> None:
        """An instant given in any zone comes back as the same instant in UTC, to the microsecond."""
        given = datetime(2026, 3, 29, 3, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
        with store.write() as session:
            session.add(Throttle(workspace_id=W, key="app", blocked_until=given))
        with store.read() as session:
            stored = session.exec(select(Throttle)).one().blocked_until
        assert stored == given
        assert stored.tzinfo is UTC

    def test_naive_ones_are_refused(self, store: Store) -> None:
        """A datetime without a zone is a mistake, named."""
        naive = datetime(2026, 3, 1)  # noqa: DTZ001
        with pytest.raises(sa.exc.StatementError, match="needs a time zone"):
            write(store, Throttle(workspace_id=W, key="app", blocked_until=naive))

    def test_compare_in_queries(self, store: Store) -> None:
        """The database orders instants as time does, whatever zone the query uses."""
        with store.write() as session:
            session.add(Throttle(workspace_id=W, key="early", blocked_until=NOW))
            session.add(Throttle(workspace_id=W, key="late", blocked_until=NOW + timedelta(seconds=1)))
        later = (NOW + timedelta(milliseconds=500)).astimezone(timezone(timedelta(hours=-11)))
        with store.read() as session:
            found = session.exec(select(Throttle.key).where(col(Throttle.blocked_until) > later)).all()
        assert found == ["late"]


class TestValues:
    def test_enums_come_back_as_members(self, store: Store) -> None:
        """States are stored as text and read as members."""
        with store.write() as session:
            connect(session)
        with store.read() as session:
            assert session.exec(select(Connection.state)).one() is ConnectionState.OK
            assert session.connection().execute(sa.text("SELECT state FROM connections")).scalar() == "ok"

    def test_unknown_states_are_refused(self, store: Store) -> None:
        """A misspelt state does not reach the database."""
        with pytest.raises(sa.exc.StatementError, match="sleeping"):
            write(store, run("sleeping"))  # type: ignore[arg-type]

    def test_json_keeps_its_shape(self, store: Store) -> None:
        """Lists and objects come back as they were stored."""
        staged = [{"dataset": "ad_daily", "path": "a/b.parquet", "rows": 3, "checksum": "0f"}]
        with store.write() as session:
            connect(session)
            one = run(RunState.RUNNING)
            session.add(one)
            session.add(Slice(workspace_id=W, run_id=one.id, account_id="act_1", stream="ad_daily", staged=staged))
        with store.read() as session:
            found = session.exec(select(Slice)).one()
        assert found.staged == staged
        assert found.totals == {}
        assert found.state is SliceState.PLANNED

    def test_counts_pass_the_range_of_32_bits(self, store: Store) -> None:
        """Row counts may be large on both databases."""
        with store.write() as session:
            connect(session)
            one = run(RunState.SUCCEEDED)
            one.rows = 5_000_000_000
            session.add(one)
        with store.read() as session:
            assert session.exec(select(Run.rows)).one() == 5_000_000_000


class TestConstraints:
    def test_one_active_run_per_connection(self, store: Store) -> None:
        """A second queued or running run is refused, any number of ended ones is not."""
        with store.write() as session:
            connect(session)
            session.add_all([run(RunState.SUCCEEDED), run(RunState.FAILED), run(RunState.RUNNING)])
        with pytest.raises(sa.exc.IntegrityError):
            write(store, run(RunState.QUEUED))

    def test_one_current_file_per_month(self, store: Store) -> None:
        """A month has one current file, and any number of superseded ones."""
        with store.write() as session:
            connect(session)
            session.add_all([fact_file(superseded_at=NOW), fact_file(superseded_at=NOW), fact_file()])
        with pytest.raises(sa.exc.IntegrityError):
            write(store, fact_file())

    def test_foreign_keys_hold_at_commit(self, store: Store) -> None:
        """An account without its connection is refused; the order within a transaction does not matter."""
        with pytest.raises(sa.exc.IntegrityError):
            write(store, account())
        with store.write() as session:
            session.add(account())
            session.flush()
            session.add(Connection(workspace_id=W, id="c", platform="meta", label="Meta", created_at=NOW))

    def test_another_workspace_may_use_the_same_ids(self, store: Store) -> None:
        """Keys of one workspace mean nothing in another: its rows cannot be referred to."""
        with store.write() as session:
            connect(session)
        other = account()
        other.workspace_id = "other"
        with pytest.raises(sa.exc.IntegrityError):
            write(store, other)

    def test_slices_go_with_their_run(self, store: Store) -> None:
        """Deleting a run deletes its slices."""
        with store.write() as session:
            connect(session)
            one = run(RunState.RUNNING)
            session.add(one)
            session.add(Slice(workspace_id=W, run_id=one.id, account_id="act_1", stream="ads"))
        with store.write() as session:
            session.delete(session.exec(select(Run)).one())
        with store.read() as session:
            assert session.exec(select(Slice)).all() == []


class TestUpsert:
    def test_covers_new_days_and_renews_old_ones(self, store: Store) -> None:
        """A day that is covered again carries the later run and time, and the others stay."""
        first = [date(2026, 3, day) for day in range(1, 11)]
        with store.write() as session:
            connect(session)
        for days, name in ((first, "r1"), (first[5:], "r2")):
            with store.write() as session:
                cover(
                    session,
                    workspace_id=W,
                    platform="meta",
                    account_id="act_1",
                    dataset="ad_daily",
                    days=days,
                    run_id=name,
                    fetched_at=NOW,
                )
        with store.read() as session:
            found = session.exec(select(Coverage).order_by(col(Coverage.day))).all()
        assert [row.run_id for row in found] == ["r1"] * 5 + ["r2"] * 5
        assert [row.day for row in found] == first

    def test_without_columns_to_update_rows_stay(self, store: Store) -> None:
        """Rows that are there already are left alone when nothing is named."""
        row = {"workspace_id": W, "key": "app", "blocked_until": NOW, "note": "first"}
        with store.write() as session:
            upsert(session, Throttle, [row], update=())
            upsert(session, Throttle, [{**row, "note": "second"}], update=())
        with store.read() as session:
            assert session.exec(select(Throttle.note)).one() == "first"

    def test_nothing_to_do(self, store: Store) -> None:
        """No rows, no statement."""
        with store.write() as session:
            upsert(session, Throttle, [], update=("note",))
