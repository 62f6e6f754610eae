"""Row-level security on a real PostgreSQL: raw SQL as the application's role sees one workspace, whatever happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors, sql
from sqlmodel import func, select

from adjoin.cli.roles import roles
from adjoin.db import Store
from adjoin.db.models import Base, Run, Throttle, new_id
from adjoin.db.people import User
from adjoin.db.row_security import TENANT_ROLE, look_at, secure, sql_for_admins
from adjoin.db.tables import PluginTables, plugin_metadata, upgrade_tables
from adjoin.db.tenancy import APPEND_ONLY, Tenancy, key_of, tenancy_of
from adjoin.errors import StateError
from adjoin.surface.v1 import Tables
from adjoin.testing.tenants import fill, row_of

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TABLES = sorted(Base.metadata.tables)
OWN = [name for name in TABLES if tenancy_of(Base.metadata.tables[name]) is Tenancy.WORKSPACE]
CLOSED = [name for name in TABLES if tenancy_of(Base.metadata.tables[name]) is Tenancy.INSTALLATION]
PASSWORD = "only-for-this-test"


class Database:
    """A database with a row of workspaces a and b in every table, and logins to it."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.name = f"security_{new_id()}"
        self.app = f"app_{self.name}"
        self.owner = f"owner_{self.name}"

    def url(self, login: str = "") -> str:
        found = sa.make_url(self.server).set(database=self.name)
        return (found.set(username=login, password=PASSWORD) if login else found).render_as_string(hide_password=False)

    def connect(self, login: str = "") -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(login))


def run(server: str, statement: str, **names: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(**{key: sql.Identifier(name) for key, name in names.items()}))


@pytest.fixture(scope="module")
def database(postgres_server: str) -> Iterator[Database]:
    """The database, owned by a login that is no superuser, with a second NOINHERIT login that owns nothing."""
    made = Database(postgres_server)
    names = {"name": made.name, "owner": made.owner, "app": made.app}
    run(postgres_server, f"CREATE ROLE {{owner}} LOGIN CREATEROLE PASSWORD '{PASSWORD}'", owner=made.owner)
    run(postgres_server, f"CREATE ROLE {{app}} LOGIN NOINHERIT PASSWORD '{PASSWORD}'", app=made.app)
    run(postgres_server, "CREATE DATABASE {name} OWNER {owner}", name=made.name, owner=made.owner)
    with Store.open(made.url(made.owner), check_schema=False) as store:
        try:
            store.initialise(now=NOW)
        finally:
            run(postgres_server, f"GRANT {TENANT_ROLE} TO {{owner}}, {{app}}", owner=made.owner, app=made.app)
        fill(store, "a", "b")
    yield made
    run(postgres_server, "DROP DATABASE {name} WITH (FORCE)", name=names["name"])
    for login in ("app", "owner"):
        run(postgres_server, "DROP OWNED BY {login} CASCADE", login=names[login])
        run(postgres_server, "DROP ROLE {login}", login=names[login])


@pytest.fixture
def service(database: Database) -> Iterator[Store]:
    """The store as the scheduler has it: the login owns the tables."""
    with Store.open(database.url(database.owner)) as store:
        yield store


@pytest.fixture
def guarded(database: Database) -> Iterator[Store]:
    """The store with the second login for scoped sessions."""
    with Store.open(database.url(database.owner), scoped_url=database.url(database.app)) as store:
        yield store


@pytest.fixture
def app(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the second login, for raw SQL; nothing is committed."""
    with database.connect(database.app) as connection:
        yield connection
        connection.rollback()


def enter(connection: psycopg.Connection[Any], workspace: str | None) -> None:
    """Take the role and the claim, as a scoped transaction does."""
    connection.execute(f"SET LOCAL ROLE {TENANT_ROLE}".encode())
    if workspace is not None:
        claims = json.dumps({"workspace_id": workspace})
        connection.execute("SELECT set_config('request.jwt.claims', %s, true)", [claims])


def rows(connection: psycopg.Connection[Any], table: str, column: str) -> list[Any]:
    query = sql.SQL("SELECT {column} FROM {table}").format(column=sql.Identifier(column), table=sql.Identifier(table))
    return [row[0] for row in connection.execute(query)]


def refused(connection: psycopg.Connection[Any], statement: sql.Composable, values: Any = ()) -> str:
    """Return the SQLSTATE with which a statement fails, and go on as if it had not been sent."""
    try:
        with connection.transaction():
            connection.execute(statement, values)
    except psycopg.Error as error:
        return str(error.sqlstate)
    return ""


class TestPolicies:
    def test_no_table_without(self, service: Store) -> None:
        """Every table is closed; each that workspaces see has the policy, for the role alone. New ones are named."""
        with service.read() as session:
            found = session.connection().exec_driver_sql(
                """
                SELECT relname, relrowsecurity,
                       (SELECT array_agg(polname || ' ' || polroles::regrole[]::text)
                          FROM pg_policy WHERE polrelid = c.oid)
                  FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
                """
            )
            state = {name: (enabled, policies) for name, enabled, policies in found}
        assert set(TABLES) <= set(state)
        assert [name for name, (enabled, _) in state.items() if not enabled] == []
        expected = [name for name in TABLES if name not in CLOSED]
        assert sorted(name for name, (_, policies) in state.items() if policies) == expected
        assert {tuple(policies) for _, policies in state.values() if policies} == {
            (f"adjoin_workspace {{{TENANT_ROLE}}}",)
        }

    def test_a_new_table_gets_one(self, service: Store) -> None:
        """A table that comes later is closed, and a workspace's has its policy, with the next upgrade."""
        metadata = sa.MetaData()
        ours = sa.Table(
            "later_rows", metadata, sa.Column("workspace_id", sa.String, primary_key=True), sa.Column("id", sa.String)
        )
        other = sa.Table("later_keys", metadata, sa.Column("id", sa.String, primary_key=True))
        with service.changing_schema() as connection:
            metadata.create_all(connection)
            connection.execute(ours.insert(), [{"workspace_id": "a", "id": "1"}, {"workspace_id": "b", "id": "2"}])
            assert secure(connection, [ours, other]) == ""
            assert secure(connection, [ours, other]) == ""  # twice changes nothing
            connection.exec_driver_sql(f"SET LOCAL ROLE {TENANT_ROLE}")
            connection.exec_driver_sql("""SELECT set_config('request.jwt.claims', '{"workspace_id": "b"}', true)""")
            assert connection.execute(sa.select(ours.c.id)).scalars().all() == ["2"]
            with pytest.raises(sa.exc.ProgrammingError), connection.begin_nested():
                connection.execute(sa.select(other))
            connection.exec_driver_sql("RESET ROLE")
            metadata.drop_all(connection)

    def test_tables_of_plugins(self, service: Store, tmp_path: Path) -> None:
        """They are closed when they are made, with the table that counts their migrations; a workspace's are opened."""
        metadata = plugin_metadata("stall")
        id_ = ("id", sa.String)
        sa.Table("stall_orders", metadata, sa.Column("workspace_id", sa.String, primary_key=True), sa.Column(*id_))
        sa.Table("stall_keys", metadata, sa.Column(*id_, primary_key=True))
        (tmp_path / "versions").mkdir()
        (tmp_path / "versions" / "m0001.py").write_text(
            "import sqlalchemy as sa\nfrom alembic import op\nrevision = '0001'\ndown_revision = None\n"
            "def upgrade():\n"
            "    op.create_table('stall_orders', sa.Column('workspace_id', sa.String(), primary_key=True), "
            "sa.Column('id', sa.String()))\n"
            "    op.create_table('stall_keys', sa.Column('id', sa.String(), primary_key=True))\n",
            encoding="utf-8",
        )
        offered = Tables(prefix="stall", folder=tmp_path, head="0001", metadata=lambda: metadata)
        (report,) = upgrade_tables(service, PluginTables.of({"stall": [offered]}))
        assert report.state == "ok", report.detail
        with service.changing_schema() as connection:
            found = connection.exec_driver_sql(
                """
                SELECT relname, EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid) FROM pg_class c
                 WHERE relrowsecurity AND relname ~ 'stall'
                """
            )
            assert sorted(tuple(row) for row in found) == [
                ("adjoin_schema_stall", False),
                ("stall_keys", False),
                ("stall_orders", True),
            ]
            for name in ("stall_orders", "stall_keys", "adjoin_schema_stall"):
                connection.exec_driver_sql(f"DROP TABLE {name}")

    def test_the_owner_sees_all(self, service: Store) -> None:
        """The scheduler, the workers and migrations go on without a workspace."""
        with service.read() as session:
            assert session.exec(select(func.count()).select_from(Run)).one() == 2

    def test_others_see_nothing(self, database: Database) -> None:
        """Who was granted the tables, as Supabase grants them to anon, still sees no row."""
        anon = f"anon_{new_id()}"
        with database.connect() as connection:
            name = sql.Identifier(anon)
            connection.execute(sql.SQL("CREATE ROLE {}").format(name))
            connection.execute(sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}").format(name))
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(name))
            connection.execute("""SELECT set_config('request.jwt.claims', '{"workspace_id": "a"}', true)""")
            assert [table for table in TABLES if rows(connection, table, first_key(table))] == []
            connection.rollback()

    def test_the_function_is_the_roles_alone(self, app: psycopg.Connection[Any]) -> None:
        """Its path is fixed, and others may not call it."""
        assert refused(app, sql.SQL("SELECT adjoin_scope.workspace()")) == "42501"
        found = app.execute("SELECT proconfig, provolatile FROM pg_proc WHERE proname = 'workspace'").fetchone()
        assert found == (['search_path=""'], "s")


def first_key(table: str) -> str:
    return str(next(iter(Base.metadata.tables[table].primary_key.columns)).name)


class TestRawSql:
    @pytest.mark.parametrize("name", OWN)
    def test_a_workspaces_table(self, app: psycopg.Connection[Any], name: str) -> None:
        """Only its own rows are read, changed and removed; a row for another is SQLSTATE 42501."""
        table = Base.metadata.tables[name]
        enter(app, "a")
        assert rows(app, name, "workspace_id") == ["a"]
        theirs = sql.SQL("UPDATE {} SET workspace_id = workspace_id WHERE workspace_id = 'b'")
        gone = sql.SQL("DELETE FROM {} WHERE workspace_id = 'b'")
        moved = sql.SQL("UPDATE {} SET workspace_id = 'b'")
        if name in APPEND_ONLY:
            for statement in (theirs, gone, moved, sql.SQL("TRUNCATE {}")):
                assert refused(app, statement.format(sql.Identifier(name))) == "42501"
        else:
            assert app.execute(theirs.format(sql.Identifier(name))).rowcount == 0
            assert app.execute(gone.format(sql.Identifier(name))).rowcount == 0
            assert refused(app, moved.format(sql.Identifier(name))) == "42501"
            assert refused(app, sql.SQL("TRUNCATE {}").format(sql.Identifier(name))) == "42501"
        for workspace, expected in (("b", "42501"), ("a", "")):
            if workspace == "a" and name in ("members", "runs"):
                continue  # of which there is one already
            statement, values = insert(table, workspace)
            assert refused(app, statement, values) == expected

    @pytest.mark.parametrize("name", CLOSED)
    def test_a_table_of_the_installation(self, app: psycopg.Connection[Any], name: str) -> None:
        """The role has no rights on it."""
        enter(app, "a")
        assert refused(app, sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(name))) == "42501"
        assert refused(app, sql.SQL("DELETE FROM {}").format(sql.Identifier(name))) == "42501"

    def test_people_and_the_workspace_itself(self, app: psycopg.Connection[Any]) -> None:
        """Users are there as members and cannot be written; of workspaces there is one, which can be renamed."""
        enter(app, "a")
        assert rows(app, "users", "id") == ["x-a"]
        assert rows(app, "workspaces", "id") == ["a"]
        assert refused(app, sql.SQL("UPDATE users SET name = 'Eve'")) == "42501"
        assert refused(app, sql.SQL("DELETE FROM workspaces")) == "42501"
        assert refused(app, sql.SQL("UPDATE workspaces SET id = 'b'")) == "42501"
        assert refused(app, sql.SQL("SELECT 1 FROM alembic_version")) == "42501"
        assert app.execute("UPDATE workspaces SET name = 'A'").rowcount == 1

    @pytest.mark.parametrize("claims", [None, "", "{}", '{"workspace_id": null}', '{"workspace_id": ""}', "null"])
    def test_without_a_claim(self, app: psycopg.Connection[Any], claims: str | None) -> None:
        """Whoever names no workspace sees nothing and adds nothing."""
        enter(app, None)
        if claims is not None:
            app.execute("SELECT set_config('request.jwt.claims', %s, true)", [claims])
        assert [name for name in TABLES if name not in CLOSED and rows(app, name, first_key(name))] == []
        statement, values = insert(Base.metadata.tables["throttles"], "a")
        assert refused(app, statement, values) == "42501"

    def test_back_to_the_login(self, app: psycopg.Connection[Any]) -> None:
        """RESET ROLE leads to a login that owns nothing: no table can be read, with the claim or without."""
        enter(app, "a")
        assert rows(app, "runs", "workspace_id") == ["a"]
        app.execute("RESET ROLE")
        for name in TABLES:
            assert refused(app, sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(name))) == "42501"


def insert(table: sa.Table, workspace: str) -> tuple[sql.Composable, list[Any]]:
    made = table.insert().values(row_of(table, workspace, name="new")).compile(dialect=sa.dialects.postgresql.dialect())  # type: ignore[no-untyped-call]
    values = row_of(table, workspace, name="new")
    bound = [made._bind_processors.get(name, lambda value: value)(value) for name, value in values.items()]
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in values)
    places = sql.SQL(", ").join(sql.Placeholder() * len(values))
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table.name), columns, places), bound


class TestScopedTransactions:
    @pytest.fixture(params=["service", "guarded"])
    def either(self, request: pytest.FixtureRequest) -> Store:
        """A store with one connection in its pool, with one login and with two."""
        store: Store = request.getfixturevalue(request.param)
        engine = store._scoped.writing
        assert isinstance(engine.pool, sa.QueuePool)
        engine.pool._pool.maxsize = 1
        engine.pool._max_overflow = 0
        return store

    def seen(self, session: Any) -> tuple[str, list[str]]:
        """Who we are and what raw SQL sees, on the very connection of the session and past its guard."""
        cursor = session.connection().connection.driver_connection.cursor()
        who = cursor.execute("SELECT current_user").fetchone()[0]
        return who, [row[0] for row in cursor.execute("SELECT workspace_id FROM runs").fetchall()]

    def test_the_role_and_the_claim(self, either: Store) -> None:
        """Raw SQL within a scoped transaction sees the workspace, for reading as for writing, again and again."""
        for workspace in ("a", "b", "a"):
            with either.scoped(workspace, "x").read() as session:
                assert self.seen(session) == (TENANT_ROLE, [workspace])
            with either.scoped(workspace, "x").write() as session:
                assert self.seen(session) == (TENANT_ROLE, [workspace])

    def test_the_claims(self, either: Store) -> None:
        """They hold the workspace, the user and the role, where Supabase has them as well."""
        with either.scoped("a", "ada").read() as session:
            cursor: Any = session.connection().connection.cursor()
            cursor.execute("SELECT current_setting('request.jwt.claims')")
            assert json.loads(cursor.fetchone()[0]) == {"role": TENANT_ROLE, "workspace_id": "a", "sub": "ada"}

    def test_nothing_is_left_for_the_next(self, either: Store) -> None:
        """After a commit, and after an error and its rollback, the one connection has neither role nor claim."""
        with pytest.raises(errors.UndefinedTable), either.scoped("a").write() as session:
            session.connection().connection.cursor().execute("SELECT * FROM nowhere")
        with either.scoped("a").read() as session:
            session.exec(select(Run)).all()
        plain = either._scoped.writing.raw_connection()
        cursor = plain.cursor()
        cursor.execute("SELECT current_user, session_user, current_setting('request.jwt.claims', true)")
        who, login, claims = cursor.fetchone()
        plain.close()
        assert who == login
        assert claims in (None, "")
        with either.scoped("b").read() as session:
            assert self.seen(session) == (TENANT_ROLE, ["b"])

    def test_after_a_rollback(self, either: Store) -> None:
        """A session that goes on in a new transaction takes the role and the claim anew."""
        with either.scoped("a").read() as session:
            assert self.seen(session) == (TENANT_ROLE, ["a"])
            session.rollback()
            assert self.seen(session) == (TENANT_ROLE, ["a"])

    def test_savepoints(self, either: Store) -> None:
        """Undoing a part of the transaction undoes neither."""
        with either.scoped("a").write() as session:
            with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
                session.execute(sa.insert(Throttle).values(row_of(Base.metadata.tables["throttles"], "a")))
            assert self.seen(session) == (TENANT_ROLE, ["a"])
            nested = session.begin_nested()
            assert self.seen(session) == (TENANT_ROLE, ["a"])
            nested.rollback()
            assert self.seen(session) == (TENANT_ROLE, ["a"])

    def test_past_the_guard_into_another_workspace(self, either: Store) -> None:
        """Where the first wall is not asked, the second stands: 42501."""
        statement, values = insert(Base.metadata.tables["throttles"], "b")
        with pytest.raises(errors.InsufficientPrivilege), either.scoped("a").write() as session:
            session.connection().connection.driver_connection.execute(statement, values)  # type: ignore[union-attr]

    def test_reset_role(self, database: Database, guarded: Store) -> None:
        """With a login of its own, leaving the role leads to nothing."""
        with guarded.scoped("a").read() as session:
            connection: Any = session.connection().connection.driver_connection
            connection.execute("RESET ROLE")
            assert connection.execute("SELECT current_user").fetchone() == (database.app,)
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute("SELECT * FROM runs")

    def test_objects(self, either: Store) -> None:
        """Sessions read and write as ever."""
        with either.scoped("a").write() as session:
            session.exec(select(Throttle)).one().note = "changed"
            session.add(Throttle(workspace_id="a", key="more", blocked_until=NOW))
        with either.scoped("a").write() as session:
            found = session.exec(select(Throttle).where(Throttle.key == "more")).one()
            session.delete(found)
            assert session.exec(select(User.id)).all() == ["x-a"]
            assert session.exec(select(Throttle.note)).all() == ["changed"]


class TestAdministration:
    def test_what_there_is(self, service: Store, database: Database) -> None:
        """Login, role and policies are told apart; nothing is missing here."""
        with service.read() as session:
            found = look_at(session.connection())
        assert (found.login, found.database, found.owner) == (database.owner, database.name, True)
        assert found.in_force

    def test_without_the_right_to_make_roles(self, database: Database, postgres_server: str) -> None:
        """The upgrade goes on, closes the tables, says what is missing, and puts it in place when it is there."""
        poor = f"poor_{new_id()}"
        run(postgres_server, f"CREATE ROLE {{poor}} LOGIN PASSWORD '{PASSWORD}'", poor=poor)
        run(postgres_server, "CREATE DATABASE {poor}", poor=poor)
        url = sa.make_url(database.server).set(database=poor, username=poor, password=PASSWORD)
        grant = sa.make_url(database.server).set(database=poor).render_as_string(hide_password=False)
        run(grant, "GRANT USAGE, CREATE ON SCHEMA public TO {poor}", poor=poor)
        try:
            with Store.open(url.render_as_string(hide_password=False), check_schema=False) as store:
                store.initialise(now=NOW)
                fill(store, "a", "b")
                with store.read() as session:
                    found = look_at(session.connection())
                assert found.owner
                assert not found.in_force
                with store.scoped("a").read() as session:  # held by the first wall alone
                    assert session.exec(select(Run.workspace_id)).all() == ["a"]
                script = sql_for_admins(found, app_login=f"app_{poor}")
                with psycopg.connect(grant, autocommit=True) as connection:
                    for line in script.splitlines():
                        if not line.startswith("--"):
                            connection.execute(line.encode())
                store.upgrade()
            with Store.open(url.render_as_string(hide_password=False)) as store:
                with store.read() as session:
                    assert look_at(session.connection()).in_force
                with store.scoped("b").read() as session:
                    cursor: Any = session.connection().connection.cursor()
                    cursor.execute("SELECT workspace_id FROM runs")
                    assert cursor.fetchall() == [("b",)]
        finally:
            run(postgres_server, "DROP DATABASE {poor} WITH (FORCE)", poor=poor)
            for login in (f"app_{poor}", poor):
                run(postgres_server, "DROP ROLE IF EXISTS {login}", login=login)

    def test_a_login_that_rows_are_hidden_from(self, database: Database) -> None:
        """A store opened with a login that is not the owner says so, rather than seem empty."""
        with database.connect() as connection:
            connection.execute(
                sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA public TO {}").format(sql.Identifier(database.app))
            )
        try:
            with pytest.raises(StateError, match=r"hides the rows of the database .* the login that owns the tables"):
                Store.open(database.url(database.app))
        finally:
            with database.connect() as connection:
                connection.execute(
                    sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(sql.Identifier(database.app))
                )

    def test_the_command(
        self, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """`adjoin db roles` prints SQL for what is missing, and ends with 0 where nothing is."""
        monkeypatch.setenv("ADJOIN_DATABASE_URL", database.url(database.owner))
        roles(app_login="second", as_json=True)  # raises typer.Exit where something is missing
        printed = json.loads(capsys.readouterr().out)
        assert printed["in_force"]
        assert "CREATE ROLE second LOGIN NOINHERIT" in printed["sql"]
        assert f"CREATE ROLE {TENANT_ROLE}" not in printed["sql"]
        assert PASSWORD not in printed["sql"]

    def test_not_on_sqlite(self, sqlite_store: Store) -> None:
        """SQLite has no roles, and says so."""
        with sqlite_store.read() as session, pytest.raises(StateError, match="Roles are for PostgreSQL"):
            look_at(session.connection())


def test_keys(service: Store) -> None:
    """The column that the policies go by is the one that leads the key."""
    assert {key_of(name) for name in OWN} == {"workspace_id"}
    assert all(first_key(name) == "workspace_id" for name in OWN)
