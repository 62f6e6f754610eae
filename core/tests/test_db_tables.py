"""Tables of plugins: made, brought up, reported, and kept apart from everybody else's."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent, indent

import pytest
import sqlalchemy as sa
from sqlmodel import Field, SQLModel, select

from adjoin import surface
from adjoin.contract import hookimpl
from adjoin.db import Store
from adjoin.db.columns import Instant
from adjoin.db.models import DEFAULT_WORKSPACE, Workspace
from adjoin.db.people import User
from adjoin.db.tables import (
    PluginTables,
    check_tables,
    plugin_metadata,
    refers,
    upgrade_tables,
    warn_of_tables,
)
from adjoin.errors import BadInput
from adjoin.kernel import Kernel
from adjoin.surface.v1 import Tables
from adjoin.testing.surface import SurfaceConformance

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Base(SQLModel):
    metadata = plugin_metadata("shop")


class Order(Base, table=True):
    __tablename__ = "shop_orders"
    __table_args__ = (refers(["workspace_id"], Workspace), refers(["user_id"], User, cascade=True))

    workspace_id: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    user_id: str
    made_at: datetime = Field(sa_type=Instant)
    note: str = ""


ORDERS = """
    op.create_table(
        "shop_orders",
        sa.Column("workspace_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_shop_orders"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_shop_orders_workspaces",
                                deferrable=True, initially="DEFERRED"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_shop_orders_users", ondelete="CASCADE",
                                deferrable=True, initially="DEFERRED"),
    )
"""
NOTE = 'op.add_column("shop_orders", sa.Column("note", sa.String(), nullable=False, server_default=""))'
LEDGER = 'op.create_table("shop_ledger", sa.Column("id", sa.String(), primary_key=True))'


class Shop:
    """A plugin whose chain of migrations a test writes step by step."""

    def __init__(self, folder: Path, prefix: str = "shop") -> None:
        self.folder = folder
        self.prefix = prefix
        self.head = ""
        (folder / "versions").mkdir(parents=True)

    def step(self, revision: str, body: str, *, after: str | None = None) -> Shop:
        """Add a revision that follows the last one, or `after`."""
        before = after if after is not None else self.head
        (self.folder / "versions" / f"m{revision}.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\nfrom adjoin.db.columns import Instant\n"
            f"revision = {revision!r}\ndown_revision = {before or None!r}\n"
            f"branch_labels = None\ndepends_on = None\n\n\ndef upgrade():\n{indent(dedent(body), '    ')}\n",
            encoding="utf-8",
        )
        self.head = revision
        return self

    @property
    def tables(self) -> Tables:
        return Tables(prefix=self.prefix, folder=self.folder, head=self.head, metadata=lambda: Base.metadata)

    @property
    def offered(self) -> PluginTables:
        return PluginTables.of({"shop": [self.tables]})


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop").step("0001", ORDERS)


def states(reports: list[object]) -> Mapping[str, str]:
    return {one.prefix: one.state for one in reports}  # type: ignore[attr-defined]


def names(store: Store) -> set[str]:
    with store.read() as session:
        return set(sa.inspect(session.connection()).get_table_names())


def columns(store: Store, table: str) -> set[str]:
    with store.read() as session:
        return {one["name"] for one in sa.inspect(session.connection()).get_columns(table)}


def execute(store: Store, *statements: str) -> None:
    with store.write() as session:
        for one in statements:
            session.connection().execute(sa.text(one))


class TestUpgrade:
    def test_tables_are_made_and_used(self, store: Store, shop: Shop) -> None:
        """Rows go in and out, and refer to core's."""
        assert states(check_tables(store, shop.offered)) == {"shop": "missing"}
        shop.step("0002", NOTE)

        (report,) = upgrade_tables(store, shop.offered)
        assert report.detail == "schema 0002"

        assert {"shop_orders", "adjoin_schema_shop"} <= names(store)
        with store.write() as session:
            session.add(User(id="u", email="a@b.example", created_at=NOW))
            session.add(Order(workspace_id=DEFAULT_WORKSPACE, id="1", user_id="u", made_at=NOW, note="n"))
        with store.read() as session:
            assert session.exec(select(Order)).one().made_at == NOW
        with pytest.raises(sa.exc.IntegrityError), store.write() as session:
            session.add(Order(workspace_id=DEFAULT_WORKSPACE, id="2", user_id="nobody", made_at=NOW))

    def test_again_changes_nothing(self, store: Store, shop: Shop) -> None:
        """What is up to date stays as it is."""
        upgrade_tables(store, shop.offered)

        assert states(upgrade_tables(store, shop.offered)) == {"shop": "ok"}

    def test_older_tables_are_reported_and_brought_up(self, store: Store, shop: Shop) -> None:
        """Rows stay, and the message says what to run."""
        upgrade_tables(store, shop.offered)
        execute(
            store,
            "INSERT INTO users (id, email, name, picture_url, locale, time_zone, number_format, date_format,"
            " created_at) VALUES ('u', 'a@b.example', '', '', '', '', '', '', '2026-03-01 12:00:00')",
            "INSERT INTO shop_orders (workspace_id, id, user_id, made_at)"
            " VALUES ('default', '1', 'u', '2026-03-01 12:00:00')",
        )
        shop.step("0002", NOTE)

        (report,) = check_tables(store, shop.offered)
        assert report.state == "older"
        assert str(report) == (
            "the tables of plugin 'shop' (shop_...) were made by an older release of it: 0001, it needs 0002. "
            "Run `adjoin db upgrade`."
        )
        assert states(upgrade_tables(store, shop.offered)) == {"shop": "ok"}
        with store.read() as session:
            assert session.exec(select(Order)).one().note == ""

    def test_newer_tables_are_left_alone(self, store: Store, shop: Shop, tmp_path: Path) -> None:
        """An older plugin must not touch what a newer one has made."""
        older = shop.tables
        shop.step("0002", NOTE)
        upgrade_tables(store, shop.offered)
        alone = Shop(tmp_path / "older").step("0001", ORDERS)
        assert alone.tables.head == older.head

        for reports in (check_tables(store, alone.offered), upgrade_tables(store, alone.offered)):
            (report,) = reports
            assert report.state == "newer"
            assert "made by a newer release of it: 0002, this one knows 0001. Upgrade the plugin" in str(report)
        assert "note" in columns(store, "shop_orders")

    def test_a_failing_step_leaves_nothing_half(self, store: Store, shop: Shop) -> None:
        """All steps of a plugin are one transaction, and the message is free of the statement's data."""
        shop.step("0002", LEDGER + "\nop.execute(\"INSERT INTO nowhere VALUES ('canary')\")")
        before = names(store)

        (report,) = upgrade_tables(store, shop.offered)

        assert report.state == "failed"
        assert "nowhere" in report.detail
        assert "nothing was changed" in report.detail
        assert names(store) == before
        assert states(check_tables(store, shop.offered)) == {"shop": "missing"}

    @pytest.mark.parametrize("body", ["raise ValueError('broken')", "raise SystemExit(3)", "import no_such_module"])
    def test_a_failing_plugin_stops_no_other_one(self, store: Store, shop: Shop, tmp_path: Path, body: str) -> None:
        """Whatever its code does."""
        bad = Shop(tmp_path / "bad", "bad").step("0001", body)
        bad_first = PluginTables.of({"a": [bad.tables], "shop": [shop.tables]})

        assert states(upgrade_tables(store, bad_first)) == {"bad": "failed", "shop": "ok"}

    def test_all_tables_of_a_plugin_are_one_transaction(self, store: Store, shop: Shop, tmp_path: Path) -> None:
        """Its second chain fails, so its first one has not run either."""
        bad = Shop(tmp_path / "bad", "bad").step("0001", "raise ValueError('broken')")

        reports = upgrade_tables(store, PluginTables.of({"shop": [shop.tables, bad.tables]}))

        assert [(one.prefix, one.state) for one in reports] == [("shop, bad", "failed")]
        assert "shop_orders" not in names(store)

    def test_upgrades_at_the_same_time(self, store_url: str, shop: Shop) -> None:
        """Several processes that start at once all find the tables."""
        found: list[object] = []

        def run() -> None:
            with Store.open(store_url, check_schema=False) as store:
                store.initialise(now=NOW)
                found.extend(upgrade_tables(store, shop.offered))

        threads = [threading.Thread(target=run) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [one.state for one in found] == ["ok"] * 3  # type: ignore[attr-defined]

    def test_a_chain_that_forks_is_refused(self, store: Store, shop: Shop) -> None:
        """Which of two ends the code works with would be a guess."""
        shop.step("0002", NOTE).step("0003", LEDGER, after="0001")

        (report,) = upgrade_tables(store, shop.offered)

        assert "works with revision 0003, and they end with 0002, 0003" in report.detail
        assert "shop_orders" not in names(store)

    def test_models_that_fail_are_not_passed_over(self, store: Store, shop: Shop) -> None:
        """Who may see the rows is set from the models, also where the migrations have run before."""

        def broken() -> sa.MetaData:
            raise ImportError("no models here")

        upgrade_tables(store, shop.offered)
        tables = Tables(prefix="shop", folder=shop.folder, head="0001", metadata=broken)

        (report,) = upgrade_tables(store, PluginTables.of({"shop": [tables]}))

        assert report.state == "failed"
        assert "no models here" in report.detail

    def test_a_folder_without_migrations(self, store: Store, tmp_path: Path) -> None:
        """It is a report like any other."""
        tables = Tables(prefix="shop", folder=tmp_path / "none", head="0001", metadata=lambda: Base.metadata)

        (report,) = upgrade_tables(store, PluginTables.of({"shop": [tables]}))

        assert report.state == "failed"
        assert "none" in report.detail


class TestOwnership:
    @pytest.mark.parametrize(
        ("body", "table"),
        [
            ('op.create_table("orders", sa.Column("id", sa.String(), primary_key=True))', "orders"),
            ('op.create_table("shops_orders", sa.Column("id", sa.String(), primary_key=True))', "shops_orders"),
            ('op.add_column("users", sa.Column("shop_points", sa.Integer()))', "users"),
            ('op.create_index("shop_by_name", "users", ["name"])', "users"),
            ('op.drop_table("mails")', "mails"),
            ('op.execute("CREATE VIEW everybody AS SELECT * FROM users")', "everybody"),
        ],
    )
    def test_only_tables_with_the_prefix(self, store: Store, shop: Shop, body: str, table: str) -> None:
        """A migration that touches anything else is undone as a whole."""
        before = names(store)
        shop.step("0002", body)

        (report,) = upgrade_tables(store, shop.offered)

        assert report.state == "failed"
        assert f"they may only touch tables named shop_..., and touched {table}" in report.detail
        assert names(store) == before
        assert "shop_points" not in columns(store, "users")

    def test_a_trigger_on_a_table_of_core(self, store: Store, shop: Shop) -> None:
        """Removing the guard of the audit log is touching it."""
        with store.read() as session:
            query = (
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit' ORDER BY name"
                if store.dialect == "sqlite"
                else "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit'::regclass AND NOT tgisinternal ORDER BY 1"
            )
            trigger = session.connection().execute(sa.text(query)).scalars().first()
        drop = f"DROP TRIGGER {trigger}" + ("" if store.dialect == "sqlite" else " ON audit")
        shop.step("0002", f"op.execute({drop!r})")

        (report,) = upgrade_tables(store, shop.offered)

        assert "touched audit" in report.detail

    @pytest.mark.parametrize("prefix", ["", "a", "Shop", "my_shop", "9lives", "x" * 21, "shop-1", "ßhop"])
    def test_prefixes_that_cannot_be(self, shop: Shop, prefix: str) -> None:
        """Small letters and digits: the name has to work in every database."""
        shop.prefix = prefix

        (report,) = shop.offered.refused
        assert "must be 2 to 20 small letters and digits" in report.detail
        assert shop.offered.usable == {}
        with pytest.raises(BadInput, match="must be 2 to 20"):
            plugin_metadata(prefix)

    @pytest.mark.parametrize("prefix", ["alembic", "adjoin", "pg", "sqlite", "procrastinate", "fact", "api", "rate"])
    def test_prefixes_of_others(self, shop: Shop, prefix: str) -> None:
        """Core's own tables are nobody else's."""
        shop.prefix = prefix

        (report,) = shop.offered.refused
        assert f"the prefix {prefix!r} is Adjoin's own" in report.detail

    def test_two_plugins_with_one_prefix(self, store: Store, shop: Shop) -> None:
        """Neither gets it, whichever came first; a third one is untouched."""
        offered = PluginTables.of({"shop": [shop.tables], "other": [shop.tables]})

        reports = upgrade_tables(store, offered)

        assert [(one.plugin, one.state) for one in reports] == [("other", "refused"), ("shop", "refused")]
        assert "is claimed by several plugins: other, shop; uninstall all but one" in reports[0].detail
        assert "shop_orders" not in names(store)

    def test_a_prefix_twice_in_one_plugin(self, shop: Shop) -> None:
        """Two chains cannot share a version table."""
        offered = PluginTables.of({"shop": [shop.tables, shop.tables]})

        assert "is there twice" in offered.refused[0].detail

    def test_models_outside_the_prefix(self) -> None:
        """They are refused when the class is made, where their author sees it."""
        metadata = plugin_metadata("shop")
        with pytest.raises(BadInput, match="'invoices' belongs to a plugin whose tables are named shop_"):
            sa.Table("invoices", metadata, sa.Column("id", sa.String, primary_key=True))

    def test_a_plugin_that_is_gone_leaves_its_tables(self, store: Store, shop: Shop) -> None:
        """They are mentioned, and stay."""
        upgrade_tables(store, shop.offered)

        (report,) = upgrade_tables(store, PluginTables.of({}))

        assert (report.plugin, report.prefix, report.state) == ("", "shop", "unclaimed")
        assert "shop_orders" in names(store)

    def test_core_is_unimpressed(self, store: Store, shop: Shop) -> None:
        """Opening and upgrading the store does not depend on plugins' tables."""
        upgrade_tables(store, shop.offered)
        execute(store, "UPDATE adjoin_schema_shop SET version_num = '9999'")

        store.check_schema()
        store.upgrade()


class Contribution:
    def __init__(self, *tables: Tables) -> None:
        self._tables = list(tables)

    @hookimpl
    def tables(self) -> list[Tables]:
        return self._tables


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel([surface.CONTRACT])
    yield kernel
    kernel.close()


class TestPlugins:
    def test_plugins_are_asked(self, store: Store, shop: Shop, kernel: Kernel) -> None:
        """Those without tables are no matter."""
        kernel.add("shop", "surface", 1, Contribution(shop.tables))
        kernel.add("none", "surface", 1, Contribution())

        offered = PluginTables.of_kernel(kernel)

        assert offered == shop.offered or list(offered.usable) == ["shop"]
        assert [one.tables.keys() for one in offered.metadata()] == [Base.metadata.tables.keys()]

    def test_a_plugin_that_answers_nonsense(self, kernel: Kernel) -> None:
        """It is refused by name, and the others are heard."""
        kernel.add("odd", "surface", 1, Contribution("shop_orders"))  # type: ignore[arg-type]

        (report,) = PluginTables.of_kernel(kernel).refused
        assert (report.plugin, report.state) == ("odd", "refused")

    def test_metadata_that_is_none(self, shop: Shop) -> None:
        """Whoever needs the models is told whose they are."""
        tables = Tables(prefix="shop", folder=shop.folder, head="0001", metadata=lambda: Base)
        with pytest.raises(BadInput, match="plugin 'shop' must return a MetaData, not SQLModelMetaclass"):
            PluginTables.of({"shop": [tables]}).metadata()

    def test_a_start_says_what_does_not_fit(
        self, sqlite_store: Store, shop: Shop, kernel: Kernel, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """In the log, once for each plugin."""
        kernel.add("shop", "surface", 1, Contribution(shop.tables))

        warn_of_tables(sqlite_store, kernel)
        upgrade_tables(sqlite_store, PluginTables.of_kernel(kernel))
        said = capsys.readouterr().out
        warn_of_tables(sqlite_store, kernel)

        assert "are not there yet. Run `adjoin db upgrade`" in said
        assert capsys.readouterr().out == ""

    def test_looking_does_not_import_alembic(self, sqlite_store: Store, shop: Shop) -> None:
        """A start must not pay for migrations that are not due."""
        upgrade_tables(sqlite_store, shop.offered)
        source = f"""
            import sys
            from pathlib import Path
            from adjoin.db import Store
            from adjoin.db.tables import PluginTables, check_tables
            from adjoin.surface.v1 import Tables
            tables = Tables(prefix="shop", folder=Path({str(shop.folder)!r}), head="0001", metadata=lambda: None)
            with Store.open("sqlite:///{sqlite_store.path}") as store:
                store.upgrade()
                (report,) = check_tables(store, PluginTables.of({{"shop": [tables]}}))
            assert report.state == "ok", report
            assert "alembic" not in sys.modules
            """
        subprocess.run([sys.executable, "-c", dedent(source)], check=True, timeout=60)


class TestConformance(SurfaceConformance):
    """The suite makes the tables and compares them with the models."""

    @pytest.fixture
    def implementation(self, tmp_path: Path) -> object:
        return Contribution(Shop(tmp_path / "shop").step("0001", ORDERS).step("0002", NOTE).tables)


class TestConformanceCatches:
    @pytest.mark.parametrize(
        ("body", "why"),
        [
            ("pass", "the migrations and the models differ: .*shop_orders.*note"),
            (NOTE + "\n" + LEDGER, "the migrations and the models differ"),
            (NOTE.replace("sa.String()", "sa.Integer()").replace('""', '"0"'), "the migrations and the models differ"),
            ("raise ValueError('broken')", "the tables cannot be made: .*broken"),
        ],
    )
    def test_migrations_and_models_that_differ(
        self, sqlite_store: Store, shop: Shop, kernel: Kernel, body: str, why: str
    ) -> None:
        """A column that is missing, a table too many, another type, a step that fails."""
        kernel.add("contribution", "surface", 1, Contribution(shop.step("0002", body).tables))

        with pytest.raises(AssertionError, match=why):
            SurfaceConformance().test_tables_are_made_as_the_models_say(kernel, sqlite_store)

    def test_a_prefix_that_cannot_be(self, shop: Shop, kernel: Kernel) -> None:
        """The suite says what the rest of the world would."""
        shop.prefix = "adjoin"
        kernel.add("contribution", "surface", 1, Contribution(shop.tables))

        with pytest.raises(AssertionError, match="is Adjoin's own"):
            SurfaceConformance().test_tables_are_the_same_each_time(kernel)

    def test_models_that_are_not_there(self, shop: Shop, kernel: Kernel) -> None:
        """Metadata without a table is a module that was not imported."""
        tables = Tables(prefix="shop", folder=shop.folder, head="0001", metadata=_no_models)
        kernel.add("contribution", "surface", 1, Contribution(tables))

        with pytest.raises(AssertionError, match="has no tables; import the modules"):
            SurfaceConformance().test_tables_are_the_same_each_time(kernel)


def _no_models() -> sa.MetaData:
    return plugin_metadata("shop")
