"""The store: opening, transactions, schema versions, and what broken databases say."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlmodel import select

from adjoin.db import Store
from adjoin.db.migrations import FOLDER, HEAD
from adjoin.db.models import DEFAULT_WORKSPACE, Base, Workspace
from adjoin.db.people import User
from adjoin.errors import BadInput, DiskFull, NotInitialised, SchemaTooNew, SchemaTooOld, StateError, StoreDamaged

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def workspace(name: str) -> Workspace:
    return Workspace(id=name, name=name, created_at=NOW)


def names(store: Store) -> set[str]:
    with store.read() as session:
        return set(session.exec(select(Workspace.id)).all())


def set_revision(store: Store, revision: str) -> None:
    with store.write() as session:
        session.connection().execute(sa.text("UPDATE alembic_version SET version_num = :r"), {"r": revision})


class TestSchema:
    def test_migrations_make_the_models(self, store: Store) -> None:
        """Comparing the migrated database with the models finds no difference."""
        with store.read() as session:
            context = MigrationContext.configure(session.connection(), opts={"compare_server_default": True})
            assert User.__tablename__ in Base.metadata.tables
            assert compare_metadata(context, Base.metadata) == []

    def test_every_key_leads_with_the_workspace(self) -> None:
        """Rows of two workspaces can never share a key."""
        keys = {name: next(iter(table.primary_key.columns)).name for name, table in Base.metadata.tables.items()}
        assert keys.pop("workspaces") == "id"
        people = ("users", "identities", "sessions", "mails")
        for table in ("leases", "rate_buckets", "workers", *people):  # they belong to the installation as a whole
            keys.pop(table)
        assert set(keys.values()) == {"workspace_id"}

    def test_head_is_the_newest_revision(self) -> None:
        """The constant that is compared at each start is the end of the chain."""
        assert ScriptDirectory(FOLDER).get_heads() == [HEAD]

    def test_upgrade_twice_changes_nothing(self, store: Store) -> None:
        """Upgrading and initialising what is up to date is harmless."""
        store.initialise(now=NOW)
        assert names(store) == {DEFAULT_WORKSPACE}

    def test_upgrades_at_the_same_time(self, store_url: str) -> None:
        """Two processes that initialise at once both succeed."""
        failures: list[BaseException] = []

        def initialise() -> None:
            try:
                with Store.open(store_url, check_schema=False) as store:
                    store.initialise(now=NOW)
            except Exception as error:  # noqa: BLE001 - carried to the test
                failures.append(error)

        threads = [threading.Thread(target=initialise) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []

    def test_no_store(self, sqlite_url: str) -> None:
        """Without a file the message says `adjoin init`, and no file appears."""
        with pytest.raises(NotInitialised, match=r"no store at .*adjoin\.db yet: run `adjoin init`"):
            Store.open(sqlite_url)
        assert not Path(sqlite_url.removeprefix("sqlite:///")).exists()

    def test_empty_database(self, store_url: str) -> None:
        """A database without tables is not a store yet."""
        if store_url.startswith("sqlite"):
            path = Path(store_url.removeprefix("sqlite:///"))
            path.parent.mkdir()
            path.touch()
        with pytest.raises(NotInitialised, match="run `adjoin init`"):
            Store.open(store_url)

    def test_older_schema(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """A store of an older release says `adjoin db upgrade`."""
        monkeypatch.setattr("adjoin.db.engine.HEAD", "9999")
        with pytest.raises(SchemaTooOld, match="run `adjoin db upgrade`"):
            store.check_schema()

    def test_newer_schema(self, store: Store) -> None:
        """A store of a newer release is refused, also by upgrade, and stays as it is."""
        set_revision(store, "9999")
        with pytest.raises(SchemaTooNew, match=r"made by a newer release \(schema 9999"):
            store.check_schema()
        with pytest.raises(SchemaTooNew, match="upgrade Adjoin"):
            store.upgrade()
        assert names(store) == {DEFAULT_WORKSPACE}

    def test_only_the_owner_may_read_the_file(self, sqlite_store: Store) -> None:
        """A new SQLite file is private."""
        assert sqlite_store.path is not None
        assert sqlite_store.path.stat().st_mode & 0o777 == 0o600


class TestTransactions:
    def test_write_commits(self, store: Store) -> None:
        """What a write block adds is there for the next reader, and the object stays usable."""
        with store.write() as session:
            added = workspace("acme")
            session.add(added)
        assert added.name == "acme"
        assert names(store) == {DEFAULT_WORKSPACE, "acme"}

    def test_an_error_undoes_the_whole_block(self, store: Store) -> None:
        """Nothing of a write block that raises is kept."""

        def fail_half_way() -> None:
            with store.write() as session:
                session.add(workspace("acme"))
                session.flush()
                raise RuntimeError("half-way")

        with pytest.raises(RuntimeError, match="half-way"):
            fail_half_way()
        assert names(store) == {DEFAULT_WORKSPACE}

    def test_read_cannot_write(self, store: Store) -> None:
        """A read block refuses to change anything."""
        with store.read() as session, pytest.raises(sa.exc.DBAPIError):
            session.execute(sa.insert(Workspace).values(id="acme", name="Acme", created_at=NOW))
        assert names(store) == {DEFAULT_WORKSPACE}

    def test_writing_works_after_reading(self, store: Store) -> None:
        """A connection that has served a reader serves a writer."""
        assert names(store) == {DEFAULT_WORKSPACE}
        with store.write() as session:
            session.add(workspace("acme"))
        assert "acme" in names(store)

    def test_readers_do_not_wait_for_a_writer(self, store: Store) -> None:
        """While a write block is open, readers see the state before it."""
        with store.write() as session:
            session.add(workspace("acme"))
            session.flush()
            assert names(store) == {DEFAULT_WORKSPACE}

    def test_a_reader_sees_one_state(self, store: Store) -> None:
        """A read block that has begun does not see what is committed meanwhile."""
        with store.read() as session:
            before = session.exec(select(Workspace.id)).all()
            with store.write() as other:
                other.add(workspace("acme"))
            assert session.exec(select(Workspace.id)).all() == before

    def test_counting_writers_lose_nothing(self, store: Store) -> None:
        """Writers that read, think and write at the same time do not overwrite each other."""

        def add_one() -> None:
            for _ in range(10):
                with store.write() as session:
                    row = session.exec(select(Workspace).with_for_update()).one()
                    row.name = str(int(row.name) + 1)

        with store.write() as session:
            session.exec(select(Workspace)).one().name = "0"
        threads = [threading.Thread(target=add_one) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with store.read() as session:
            assert session.exec(select(Workspace.name)).one() == "40"

    def test_a_broken_constraint_is_the_callers(self, store: Store) -> None:
        """IntegrityError comes out as it is."""
        with pytest.raises(sa.exc.IntegrityError), store.write() as session:
            session.add(workspace(DEFAULT_WORKSPACE))


class TestBrokenDatabases:
    def test_not_a_database(self, sqlite_url: str) -> None:
        """A file of something else is called damaged, by name, with what to do."""
        path = Path(sqlite_url.removeprefix("sqlite:///"))
        path.parent.mkdir()
        path.write_bytes(b"no database at all, " * 200)
        with pytest.raises(StoreDamaged, match=r"adjoin\.db is damaged.*[Rr]estore it from a backup"):
            Store.open(sqlite_url)

    def test_cut_short(self, sqlite_store: Store) -> None:
        """A file that lost its end is found damaged, by the reader or by `verify`."""
        path = sqlite_store.path
        assert path is not None
        sqlite_store.close()
        path.write_bytes(path.read_bytes()[: 4096 * 5])
        with pytest.raises(StoreDamaged, match="Restore it from a backup"):
            sqlite_store.verify()

    def test_verify_finds_nothing_wrong(self, store: Store) -> None:
        """A healthy store passes."""
        store.verify()

    def test_folder_is_a_file(self, tmp_path: Path) -> None:
        """A path below a file cannot hold a store, and the message names it."""
        (tmp_path / "state").write_text("")
        store = Store.open(f"sqlite:///{tmp_path}/state/adjoin.db", check_schema=False)
        with pytest.raises(StateError, match=r"state/adjoin\.db cannot be made"):
            store.upgrade()

    def test_read_only(self, sqlite_store: Store) -> None:
        """A file that may only be read serves readers, and tells writers why not."""
        sqlite_store.close()
        url = f"sqlite:///file:{sqlite_store.path}?mode=ro&uri=true"
        with Store.open(url, check_schema=False) as store:
            assert names(store) == {DEFAULT_WORKSPACE}
            with pytest.raises(StateError, match="cannot be written: the file or its folder is read-only"):
                add(store)

    def test_full_disk(self, sqlite_store: Store) -> None:
        """A full disk is called that, and the block is undone."""

        def fill() -> None:
            with sqlite_store.write() as session:
                session.connection().exec_driver_sql("PRAGMA max_page_count = 1")
                session.add(Workspace(id="large", name="x" * 1_000_000, created_at=NOW))

        add(sqlite_store)
        assert log_of(sqlite_store).stat().st_size > 0
        with pytest.raises(DiskFull, match="is full"):
            fill()
        assert names(sqlite_store) == {DEFAULT_WORKSPACE, "acme"}
        assert log_of(sqlite_store).stat().st_size == 0, "the room of the log is given back"

    def test_the_log_stays_small(self, sqlite_store: Store) -> None:
        """Many small changes do not need several times their room."""
        for number in range(60):
            with sqlite_store.write() as session:
                session.add(Workspace(id=f"w{number}", name="x" * 40_000, created_at=NOW))
        assert log_of(sqlite_store).stat().st_size < 1_500_000

    def test_another_writer_for_too_long(self, sqlite_store: Store) -> None:
        """A writer that gets no turn is told so."""
        with (
            Store.open(f"sqlite:///{sqlite_store.path}?timeout=0.01") as second,
            sqlite_store.write(),
            pytest.raises(StateError, match="Another process has been writing"),
        ):
            add(second)


class TestUrls:
    @pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/db", "adjoin.db"])
    def test_unusable(self, url: str) -> None:
        """What is neither a SQLite file nor PostgreSQL is refused."""
        with pytest.raises(BadInput, match=r"sqlite:///FILE|SQLite"):
            Store.open(url)

    def test_password_stays_out_of_messages(self) -> None:
        """A server that does not answer is named without the password."""
        url = "postgresql://ada:s3cret@127.0.0.1:1/adjoin?connect_timeout=1&password=s3cret"
        with pytest.raises(StateError, match=r"postgresql://ada@127\.0\.0\.1:1/adjoin cannot be reached") as caught:
            Store.open(url)
        assert "s3cret" not in str(caught.value)

    @pytest.mark.postgres
    def test_a_nameless_driver_means_psycopg(self, postgres_url: str) -> None:
        """A plain `postgresql://` URL works, whatever SQLAlchemy would take it for."""
        with Store.open(postgres_url, check_schema=False) as store:
            store.initialise(now=NOW)
            assert store.dialect == "postgresql"
            assert names(store) == {DEFAULT_WORKSPACE}


@pytest.mark.postgres
def test_a_frozen_writer_lets_go_of_its_rows(postgres_store: Store) -> None:
    """The server ends a transaction in which nothing happens any more; readers hold nothing and may take their time."""
    asked = sa.text("SHOW idle_in_transaction_session_timeout")
    with postgres_store.write() as session:
        assert session.connection().scalar(asked) == "30s"
    with postgres_store.read() as session:
        assert session.connection().scalar(asked) == "0"


def add(store: Store) -> None:
    with store.write() as session:
        session.add(workspace("acme"))


def log_of(store: Store) -> Path:
    """SQLite's write-ahead log."""
    assert store.path is not None
    return store.path.with_name(f"{store.path.name}-wal")
