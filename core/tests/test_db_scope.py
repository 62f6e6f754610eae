"""Sessions of one workspace: whatever they try, on whatever table, the other workspace's rows stay out of reach."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased
from sqlmodel import SQLModel, col, func, select

from adjoin.db import Store, cover, upsert
from adjoin.db.models import Account, Base, Connection, Coverage, Lease, Run, Slice, Throttle, Workspace, new_id
from adjoin.db.people import AuditEntry, Member, User
from adjoin.db.scope import Scope
from adjoin.db.tenancy import APPEND_ONLY, Tenancy, key_of, tenancy_of
from adjoin.errors import BadInput, OutOfScope, StateError
from adjoin.testing.tenants import fill, row_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TABLES = sorted(Base.metadata.tables)
MODELS: dict[str, Any] = {
    str(mapper.local_table): mapper.class_
    for mapper in Base._sa_registry.mappers
    if mapper.local_table in Base.metadata.sorted_tables  # not those of plugins
}
OWN = [name for name in TABLES if tenancy_of(Base.metadata.tables[name]) is Tenancy.WORKSPACE]
CHANGING = [name for name in OWN if name not in APPEND_ONLY]
CLOSED = [name for name in TABLES if tenancy_of(Base.metadata.tables[name]) is Tenancy.INSTALLATION]
READABLE = [name for name in TABLES if name not in CLOSED]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a row of workspace a and one of workspace b in every table, for tests that leave no trace."""
    name = f"scope_{new_id()}"
    url = f"sqlite:///{tmp_path_factory.mktemp('scope') / 'adjoin.db'}"
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        url = sa.make_url(server).set(database=name).render_as_string(hide_password=False)
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
    with Store.open(url, check_schema=False) as store:
        store.initialise(now=NOW)
        fill(store, "a", "b")
        yield store
    if request.param == "postgres":
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def scope(shared: Store) -> Iterator[Scope]:
    """Access to workspace a. Nothing at all is changed by the test."""
    before = everything(shared)
    yield shared.scoped("a", "x-a")
    assert everything(shared) == before


@pytest.fixture
def filled(store: Store) -> Iterator[Store]:
    """A store as the shared one, in which the test may change what is workspace a's."""
    fill(store, "a", "b")
    before = everything(store, "b")
    yield store
    assert everything(store, "b") == before


@pytest.fixture
def writable(filled: Store) -> Scope:
    """Access to workspace a, to change it."""
    return filled.scoped("a", "x-a")


def everything(store: Store, *workspaces: str) -> dict[str, list[Any]]:
    """All rows of these workspaces (without any: of all) and of the installation, past any scope."""
    found = {}
    with store.read() as session:
        for name, table in Base.metadata.tables.items():
            query = sa.select(table).order_by(*table.primary_key.columns)
            if workspaces and (name in OWN or name == "workspaces"):
                query = query.where(table.c[key_of(name)].in_(workspaces))
            found[name] = [tuple(row) for row in session.connection().execute(query)]
    return found


def key(table: sa.Table, workspace: str) -> tuple[object, ...]:
    row = row_of(table, workspace)
    return tuple(row[column.name] for column in table.primary_key.columns)


def some_column(table: sa.Table) -> sa.Column[Any]:
    """A column that can be set without a change of the key."""
    return next(column for column in table.columns if not column.primary_key and not column.foreign_keys)


def mapped(name: str, workspace: str, **values: object) -> SQLModel:
    made: SQLModel = MODELS[name](**(row_of(Base.metadata.tables[name], workspace, name="new") | values))
    return made


def outcome(scope: Scope, statement: Any, *, write: bool = False) -> list[Any]:
    with scope.write() if write else scope.read() as session:
        return list(session.execute(statement).all())


class TestClassification:
    def test_somebody_has_said_it_of_every_table(self) -> None:
        """A new table belongs to workspaces or to the installation; without a word on it this fails."""
        assert [name for name in TABLES if not isinstance(tenancy_of(Base.metadata.tables[name]), Tenancy)] == []
        assert set(MODELS) == set(TABLES)

    def test_a_table_of_which_nobody_has_said_it(self) -> None:
        """It is named, with what to do."""
        table = sa.Table("shelves", sa.MetaData(), sa.Column("id", sa.String, primary_key=True))
        with pytest.raises(StateError, match=r"shelves belongs neither .* begin its key with workspace_id"):
            tenancy_of(table)


@pytest.mark.parametrize("name", READABLE)
class TestReading:
    def test_ways_to_read(self, scope: Scope, name: str) -> None:
        """Objects, columns, aliases, counts, subqueries, joins, unions: one row, our own."""
        model = MODELS[name]
        first = next(iter(Base.metadata.tables[name].primary_key.columns)).name
        column, alias = getattr(model, first), aliased(model)
        inner = select(column).subquery()
        cte = select(column).cte()
        own = "x-a" if name == "users" else "a"
        with scope.read() as session:
            assert [getattr(row, first) for row in session.exec(select(model)).all()] == [own]
            assert session.exec(select(column)).all() == [own]
            assert session.exec(select(getattr(alias, first))).all() == [own]
            assert session.exec(select(func.count()).select_from(model)).one() == 1
            assert session.exec(select(inner.c[first])).all() == [own]
            assert session.exec(select(cte.c[first])).all() == [own]
            assert session.exec(select(select(func.count(column)).scalar_subquery())).one() == 1
            assert session.exec(select(column).where(column.in_(select(getattr(alias, first))))).all() == [own]
            assert session.exec(select(column).where(select(alias).exists())).all() == [own]
            joined = select(column).join(alias, getattr(alias, first) != own, isouter=True)
            assert session.exec(joined).all() == [own]
            assert session.execute(sa.union_all(select(column), select(column))).scalars().all() == [own, own]
            assert session.execute(sa.select(model).where(column != own)).all() == []

    def test_get(self, scope: Scope, name: str) -> None:
        """The other's key leads to nothing, our own to the object, which can be refreshed."""
        table = Base.metadata.tables[name]
        with scope.read() as session:
            assert session.get(MODELS[name], key(table, "b")) is None
            found = session.get(MODELS[name], key(table, "a"))
            assert found is not None
            session.refresh(found)

    def test_tables_without_a_condition(self, scope: Scope, name: str) -> None:
        """Statements on the table itself, with no condition on the workspace, are refused."""
        table = Base.metadata.tables[name]
        for statement in (
            sa.select(table),
            sa.select(sa.func.count()).select_from(table),
            sa.select(sa.literal(1)).where(sa.exists(sa.select(table))),
            sa.select(table.alias().c[key_of(name) if name != "users" else "id"]),
            sa.select(sa.text("*")).select_from(sa.text(name)),
        ):
            with pytest.raises(OutOfScope, match="was not sent"):
                outcome(scope, statement)

    def test_tables_of_another_workspace(self, scope: Scope, name: str) -> None:
        """A condition on another workspace is refused, rather than found to be empty."""
        table = Base.metadata.tables[name]
        if name == "users":
            members = Base.metadata.tables["members"]
            statement = (
                sa.select(table).join(members, members.c.user_id == table.c.id).where(members.c.workspace_id == "b")
            )
        else:
            statement = sa.select(table).where(table.c[key_of(name)] == "b")
        with pytest.raises(OutOfScope, match="it names another workspace"):
            outcome(scope, statement)


@pytest.mark.parametrize("name", CLOSED)
def test_what_belongs_to_the_installation(scope: Scope, name: str) -> None:
    """It cannot be read or written, by its class or by its table."""
    table, model = Base.metadata.tables[name], MODELS[name]
    statements: list[Any] = [
        select(model),
        sa.select(table),
        sa.update(model).values({some_column(table).name: row_of(table, "b")[some_column(table).name]}),
        sa.delete(model),
        sa.delete(table),
        sa.insert(model).values(row_of(table, "a", name="new")),
    ]
    for statement in statements:
        with pytest.raises(OutOfScope, match="belongs to the installation"):
            outcome(scope, statement, write=True)
    with pytest.raises(OutOfScope, match="belongs to the installation"), scope.write() as session:
        session.add(mapped(name, "a"))
    with pytest.raises(OutOfScope, match="belongs to the installation"), scope.read() as session:
        session.get(model, key(table, "b"))


@pytest.mark.parametrize("name", OWN)
class TestAdding:
    def test_another_workspaces(self, scope: Scope, name: str) -> None:
        """Every way to add a row for another workspace is refused."""
        table, model = Base.metadata.tables[name], MODELS[name]
        theirs, ours = row_of(table, "b", name="new"), row_of(table, "a", name="new")
        with pytest.raises(OutOfScope), scope.write() as session:
            session.add(model(**theirs))

        def move_later() -> None:
            with scope.write() as session:
                late = model(**ours)
                session.add(late)
                late.workspace_id = "b"

        with pytest.raises(OutOfScope):
            move_later()
        with pytest.raises(OutOfScope), scope.write() as session:
            session.merge(model(**theirs))
        with pytest.raises(OutOfScope), scope.write() as session:
            session.execute(sa.insert(model), [ours, theirs])
        with pytest.raises(OutOfScope), scope.write() as session:
            session.execute(sa.insert(model).values([ours, theirs]))
        with pytest.raises(OutOfScope), scope.write() as session:
            session.bulk_insert_mappings(sa.inspect(model), [theirs])
        with pytest.raises(OutOfScope), scope.write() as session:
            session.bulk_save_objects([model(**theirs)])
        with pytest.raises(OutOfScope), scope.write() as session:
            session.connection().execute(table.insert(), [ours, theirs])
        with pytest.raises(OutOfScope), scope.write() as session:
            upsert(session, model, [ours, theirs], update=[some_column(table).name])
        with scope.read() as session:  # nothing of what came before the refusal stayed
            assert session.exec(select(func.count()).select_from(model)).one() == 1


@pytest.mark.parametrize("name", CHANGING)
class TestChanging:
    def test_statements_on_the_table(self, scope: Scope, name: str) -> None:
        """Updates and deletes of the table need the condition, and it must be on our workspace."""
        table = Base.metadata.tables[name]
        column = some_column(table)
        values = {column.name: row_of(table, "a")[column.name]}
        for statement in (
            table.update().values(values),
            table.delete(),
            table.update().where(table.c.workspace_id == "b").values(values),
            table.delete().where(table.c.workspace_id == "b"),
            table.delete().where(sa.or_(table.c.workspace_id == "a", table.c.workspace_id == "b")),
            table.delete().where(table.c.workspace_id != "x"),
            table.update().where(table.c.workspace_id == "a").values(workspace_id="b"),
            table.update().where(table.c.workspace_id == "a").values(workspace_id=sa.literal("b") + ""),
        ):
            with pytest.raises(OutOfScope):
                outcome(scope, statement.returning(table.c.workspace_id), write=True)
        with scope.write() as session:
            found = session.execute(table.update().where(table.c.workspace_id == "a").values(values))
            assert found.rowcount == 1  # type: ignore[attr-defined]

    def test_objects_that_came_from_elsewhere(self, shared: Store, scope: Scope, name: str) -> None:
        """An object of the other workspace, read past the scope, can be neither changed, removed nor moved here."""
        table, model = Base.metadata.tables[name], MODELS[name]
        with shared.read() as session:
            theirs = session.get(model, key(table, "b"))
            session.expunge(theirs)
        with pytest.raises(OutOfScope, match="of another workspace"), scope.write() as session:
            session.add(theirs)
        with pytest.raises(OutOfScope, match="of another workspace"), scope.write() as session:
            session.delete(theirs)
        with pytest.raises(OutOfScope, match="of another workspace"), scope.write() as session:
            session.merge(theirs)

        def give_away() -> None:
            with scope.write() as session:
                session.get_one(model, key(table, "a")).workspace_id = "b"

        with pytest.raises(OutOfScope, match="of another workspace"):
            give_away()

    def test_bulk_updates_by_key(self, scope: Scope, name: str) -> None:
        """Updating by a list of keys refuses the other's."""
        table, model = Base.metadata.tables[name], MODELS[name]
        column = some_column(table)
        rows = [
            {one.name: row_of(table, workspace)[one.name] for one in (*table.primary_key.columns, column)}
            for workspace in ("a", "b")
        ]
        with pytest.raises(OutOfScope), scope.write() as session:
            session.execute(sa.update(model), rows)
        with pytest.raises(OutOfScope), scope.write() as session:
            session.bulk_update_mappings(sa.inspect(model), rows)


class TestAudit:
    def test_entries_are_added_and_nothing_else(self, scope: Scope) -> None:
        """Our own entries cannot be changed or removed either."""
        for statement in (sa.update(AuditEntry).values(action="other"), sa.delete(AuditEntry)):
            with pytest.raises(OutOfScope, match="cannot be changed or removed"):
                outcome(scope, statement, write=True)
        with pytest.raises(OutOfScope), scope.write() as session:
            session.delete(session.exec(select(AuditEntry)).one())


class TestPeople:
    def test_users_are_read_as_members(self, scope: Scope) -> None:
        """A join with members works by class and by table; users of other workspaces are not there."""
        users, members = Base.metadata.tables["users"], Base.metadata.tables["members"]
        with scope.read() as session:
            query = select(User.email, Member.role).join(Member, col(Member.user_id) == User.id)
            assert [row[0] for row in session.exec(query).all()] == ["x-a"]
            by_table = sa.select(users.c.id).join(members, members.c.user_id == users.c.id)
            assert session.execute(by_table.where(members.c.workspace_id == "a")).scalars().all() == ["x-a"]
        with pytest.raises(OutOfScope, match="users can only be read as members"):
            outcome(scope, sa.select(users.c.id).join(members, sa.true()).where(members.c.workspace_id == "a"))
        left = sa.select(users.c.id).outerjoin(members, members.c.user_id == users.c.id)
        with pytest.raises(OutOfScope, match="users can only be read as members"):
            outcome(scope, left.where(sa.or_(members.c.workspace_id == "a", members.c.workspace_id.is_(None))))

    def test_users_are_not_written(self, scope: Scope) -> None:
        """Nobody's profile is changed from a workspace."""
        for statement in (sa.update(User).values(name="Eve"), sa.delete(User)):
            with pytest.raises(OutOfScope, match="only read its members"):
                outcome(scope, statement, write=True)
        with pytest.raises(OutOfScope), scope.write() as session:
            session.exec(select(User)).one().name = "Eve"

    def test_the_workspace_itself(self, filled: Store, writable: Scope) -> None:
        """It can be renamed; no other one can be made, renamed or removed."""
        with writable.write() as session:
            session.exec(select(Workspace)).one().name = "A"
        with writable.write() as session:
            assert session.execute(sa.update(Workspace).values(name="AA")).rowcount == 1  # type: ignore[attr-defined]
        for statement in (
            sa.update(Workspace.__table__).values(name="B"),  # type: ignore[attr-defined]
            sa.delete(Workspace),
            sa.insert(Workspace).values(row_of(Base.metadata.tables["workspaces"], "c")),
            sa.update(Workspace).values(id="b"),
        ):
            with pytest.raises(OutOfScope):
                outcome(writable, statement, write=True)
        with filled.read() as session:
            assert session.get_one(Workspace, "a").name == "AA"


class TestRefusals:
    @pytest.mark.parametrize(
        "statement",
        [
            sa.text("SELECT * FROM runs WHERE workspace_id = 'a'"),
            sa.text("SELECT id FROM runs").columns(Run.__table__.c.id),  # type: ignore[attr-defined]
            sa.select(Run).from_statement(sa.text("SELECT * FROM runs")),
            sa.select(sa.text("(SELECT max(id) FROM runs)")),
            sa.select(sa.literal_column("(SELECT max(id) FROM runs)")),
            sa.select(Run).where(sa.text("1 = 1 OR 1 = 1) UNION SELECT * FROM runs --")),
            sa.select(sa.func.set_config("request.jwt.claims", "{}", True)),
            sa.schema.CreateTable(sa.Table("loot", sa.MetaData(), sa.Column("id", sa.String))),
            sa.insert(sa.table("throttles", sa.column("key"))).values(key="k"),
            sa.select(sa.table("alembic_version", sa.column("version_num"))),
            sa.insert(Throttle).from_select(
                ["workspace_id", "key", "blocked_until", "note"],
                sa.select(
                    Throttle.__table__.c.workspace_id,
                    sa.literal("k"),
                    Throttle.__table__.c.blocked_until,
                    sa.literal(""),  # type: ignore[attr-defined]
                ),
            ),
        ],
        ids=lambda statement: type(statement).__name__,
    )
    def test_what_cannot_be_checked(self, scope: Scope, statement: Any) -> None:
        """SQL as text, tables by name, text within statements, tables that are made: refused, with what to do."""
        with pytest.raises(OutOfScope, match=r"was not sent.*Store\.read\(\) or Store\.write\(\)"):
            outcome(scope, statement, write=True)

    def test_past_the_session(self, scope: Scope) -> None:
        """The session's connection is guarded as well, and its engine gives no other one."""
        with scope.read() as session:
            with pytest.raises(OutOfScope, match="SQL as text"):
                session.connection().exec_driver_sql("SELECT * FROM runs")
            with pytest.raises(OutOfScope):
                session.connection().execute(sa.select(Run.__table__))  # type: ignore[attr-defined]
            engine = session.get_bind()
            assert isinstance(engine, sa.Engine)
        with pytest.raises(OutOfScope, match="belongs to scoped sessions"), engine.connect() as connection:
            connection.execute(sa.select(Run.__table__))  # type: ignore[attr-defined]

    def test_a_conflict_that_is_not_on_the_workspace(self, shared: Store, scope: Scope) -> None:
        """An upsert by another unique column might change the other's row."""
        table = Base.metadata.tables["api_tokens"]
        row = row_of(table, "a", name="new") | {"token_hash": row_of(table, "b")["token_hash"]}
        insert = (sqlite if shared.dialect == "sqlite" else postgresql).insert(table).values(row)
        taken = insert.on_conflict_do_update(index_elements=["token_hash"], set_={"name": "taken over"})
        with pytest.raises(OutOfScope, match="may change rows of other workspaces"), scope.write() as session:
            session.execute(taken)

    def test_reading_does_not_write(self, scope: Scope) -> None:
        """A read block refuses to change anything, as the store's does."""
        with scope.read() as session, pytest.raises(sa.exc.DBAPIError):
            session.execute(sa.update(Throttle).values(note="x"))

    def test_nobodys_workspace(self, shared: Store) -> None:
        """A scope needs a workspace; one that does not exist sees nothing."""
        with pytest.raises(OutOfScope, match="needs the id of a workspace"):
            shared.scoped("")
        with shared.scoped("nowhere").read() as session:
            assert session.exec(select(Run)).all() == []

    def test_values_stay_out_of_the_message(self, scope: Scope) -> None:
        """What was to be written is not quoted."""
        with pytest.raises(OutOfScope) as caught:
            outcome(scope, sa.select(Run.__table__).where(Run.__table__.c.id == "s3cret"))  # type: ignore[attr-defined]
        assert "s3cret" not in str(caught.value)


class TestWorking:
    def test_adding_our_own(self, writable: Scope) -> None:
        """Rows of the workspace can be added to each table, as an object and by upsert."""
        for table in Base.metadata.sorted_tables:
            if table.name not in OWN:
                continue
            model = MODELS[table.name]
            there = table.name in ("members", "runs")  # no other user; only one run may be active
            with writable.write() as session:
                if not there:
                    session.add(mapped(table.name, "a"))
                if table.name not in APPEND_ONLY:
                    upsert(session, model, [row_of(table, "a")], update=())
            with writable.read() as session:
                assert session.exec(select(func.count()).select_from(model)).one() == (1 if there else 2), table.name

    def test_updates_and_deletes_by_class_stay_at_home(self, writable: Scope) -> None:
        """Without any condition of their own they touch the rows of the workspace; aimed at the other's, none."""
        for table in reversed(Base.metadata.sorted_tables):
            if table.name not in CHANGING:
                continue
            model, column = MODELS[table.name], some_column(table)
            values = {column.name: row_of(table, "a")[column.name]}
            there = col(model.workspace_id) == "b"
            with writable.write() as session:
                for statement, rows in (
                    (sa.update(model).where(there).values(values), 0),
                    (sa.delete(model).where(there), 0),
                    (sa.update(model).values(values), 1),
                    (sa.delete(model), 1),
                ):
                    found = session.execute(statement)
                    assert found.rowcount == rows, (table.name, statement)  # type: ignore[attr-defined]

    def test_joins_across_tables_by_table(self, scope: Scope) -> None:
        """One condition serves tables that are equal in it; an outer join that lets others through is refused."""
        runs, slices = Base.metadata.tables["runs"], Base.metadata.tables["slices"]
        same = slices.c.workspace_id == runs.c.workspace_id
        ours = runs.c.workspace_id == "a"
        for statement in (
            sa.select(slices.c.id).join(runs, same).where(ours),
            sa.select(slices.c.id).join(runs, sa.and_(same, ours)),
            sa.select(slices.c.id).select_from(runs).outerjoin(slices, same).where(ours),
            sa.select(runs.c.id).where(ours, sa.exists().where(same)),
            sa.select(runs.c.id).where(ours).where(runs.c.id.in_(["x", "y"])).with_for_update(),
        ):
            assert outcome(scope, statement, write=True) == [("x",)]
        for statement in (
            sa.select(slices.c.id).outerjoin(runs, sa.and_(same, ours)),
            sa.select(slices.c.id).outerjoin(runs, same, full=True).where(slices.c.id == "x"),
            sa.select(slices.c.id).join(runs, same),
            sa.select(slices.c.id).where(sa.exists().where(same, ours, runs.c.id == "x").correlate(None)),
        ):
            with pytest.raises(OutOfScope):
                outcome(scope, statement)

    def test_other_schemas_and_names(self, scope: Scope) -> None:
        """A name that a WITH gives to something else does not open a table that is called the same elsewhere."""
        runs = Base.metadata.tables["runs"]
        named = sa.select(runs.c.id).where(runs.c.workspace_id == "a").cte("mine")
        assert outcome(scope, sa.select(named.c.id)) == [("x",)]
        same = sa.select(runs.c.id).cte("runs")
        with pytest.raises(OutOfScope, match=r"nothing holds runs\.workspace_id"):
            outcome(scope, sa.select(same.c.id))

    def test_savepoints(self, scope: Scope) -> None:
        """An undone part of a transaction leaves the scope as it was."""
        with scope.write() as session:
            with pytest.raises(sa.exc.IntegrityError), session.begin_nested():
                session.execute(sa.insert(Throttle).values(row_of(Base.metadata.tables["throttles"], "a")))
            assert session.exec(select(Throttle.workspace_id)).all() == ["a"]
            with pytest.raises(OutOfScope):
                session.execute(sa.select(Throttle.__table__))  # type: ignore[attr-defined]

    def test_after_a_rollback(self, scope: Scope) -> None:
        """A session that goes on in a new transaction is still one of the workspace."""
        with scope.read() as session:
            assert session.exec(select(Throttle.workspace_id)).all() == ["a"]
            session.rollback()
            assert session.exec(select(Throttle.workspace_id)).all() == ["a"]
            with pytest.raises(OutOfScope):
                session.execute(sa.select(Throttle.__table__))  # type: ignore[attr-defined]

    def test_two_workspaces_in_turn(self, shared: Store) -> None:
        """Statements that are remembered do not carry the workspace of who came first."""
        for workspace in ("a", "b", "a"):
            with shared.scoped(workspace).read() as session:
                assert session.exec(select(Run.workspace_id)).all() == [workspace]
                assert session.exec(select(User.id)).all() == [f"x-{workspace}"]

    def test_the_store_itself_is_free(self, shared: Store) -> None:
        """Beside a scope the store sees everything, on the same connections."""
        with shared.scoped("a").read() as session:
            assert len(session.exec(select(Run)).all()) == 1
        with shared.read() as session:
            assert len(session.exec(select(Run)).all()) == 2
            assert session.exec(select(Lease)).all() != []

    def test_helpers(self, writable: Scope) -> None:
        """Covering days works as ever, and not for another workspace."""
        days = [row_of(Base.metadata.tables["coverage"], "a")["day"]]
        given: dict[str, Any] = {"platform": "x", "account_id": "x", "dataset": "x", "days": days, "run_id": "r2"}
        fetched = row_of(Base.metadata.tables["coverage"], "a")["fetched_at"]
        with writable.write() as session:
            cover(session, workspace_id="a", fetched_at=fetched, **given)  # type: ignore[arg-type]
        with pytest.raises(OutOfScope), writable.write() as session:
            cover(session, workspace_id="b", fetched_at=fetched, **given)  # type: ignore[arg-type]
        with writable.read() as session:
            assert session.exec(select(Coverage.run_id)).all() == ["r2"]

    def test_a_whole_story(self, writable: Scope) -> None:
        """Objects are added, changed, found through joins and removed as in any session."""
        with writable.write() as session:
            connection = Connection(**row_of(Base.metadata.tables["connections"], "a", name="new"))
            session.add(connection)
            session.flush()
            connection.label = "Meta"
        with writable.write() as session:
            query = select(Connection, func.count(col(Account.id))).outerjoin(
                Account,
                sa.and_(
                    col(Account.workspace_id) == Connection.workspace_id,
                    col(Account.connection_id) == Connection.id,
                ),
            )
            found = session.exec(query.group_by(*Connection.__table__.columns).order_by(col(Connection.id))).all()  # type: ignore[attr-defined]
            assert [(one.id, one.label, count) for one, count in found] == [("new", "Meta", 0), ("x", "x", 1)]
            session.delete(found[0][0])
            slices = session.exec(select(Slice).join(Run, col(Run.id) == Slice.run_id)).all()
            slices[0].attempts += 1
            session.add(
                Throttle(workspace_id="a", key=new_id(), blocked_until=slices[0].started_at or connection.created_at)
            )
        with writable.read() as session:
            assert session.exec(select(Slice.attempts)).all() == [2]
            assert session.exec(select(func.count()).select_from(Throttle)).one() == 2


def test_a_second_login_is_for_postgres(sqlite_url: str) -> None:
    """The address for scoped sessions is checked as the store's own is."""
    with pytest.raises(BadInput, match="not supported"):
        Store.open(sqlite_url, check_schema=False, scoped_url="mysql://host/db")
    with pytest.raises(BadInput, match="is for PostgreSQL; leave ADJOIN_DATABASE_SCOPED_URL out"):
        Store.open(sqlite_url, check_schema=False, scoped_url="postgresql://app@host/db")
