"""Sessions that stay within one workspace.

Statements on mapped classes get the condition on the workspace by themselves. Everything that is sent, whoever wrote
it, is then proven to stay within the workspace, or refused (`OutOfScope`); what cannot be proven, such as SQL as text,
is refused as well. On PostgreSQL each transaction also takes the role and the claims that row-level security goes by
(`adjoin.db.row_security`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, cast

import sqlalchemy as sa
import structlog
from sqlalchemy.engine.interfaces import ExecutionContext
from sqlalchemy.orm import ORMExecuteState, SessionTransaction, UOWTransaction, with_loader_criteria
from sqlalchemy.sql import visitors
from sqlmodel import Session, SQLModel, select

from adjoin.db.people import Member
from adjoin.db.proof import prove
from adjoin.db.row_security import TENANT_ROLE, is_ready
from adjoin.db.tenancy import Tenancy, key_of, tenancy_of
from adjoin.errors import OutOfScope, StateError

__all__ = ["Scope", "ScopedEngines"]

_SCOPE = "adjoin_scope"
_OWN = "adjoin_own"
#: What begins a transaction on SQLite, before the session can say whose it is.
_OPENINGS = frozenset({"PRAGMA query_only=ON", "PRAGMA query_only=OFF", "BEGIN", "BEGIN IMMEDIATE"})
_SAVEPOINTS = frozenset({"savepoint", "rollback_to_savepoint", "release_savepoint"})
_CHECKABLE = frozenset({"select", "compound_select", "insert", "update", "delete"})
_MODELS: dict[sa.Table, tuple[type[SQLModel], ...]] = {}


class _Translated(Protocol):
    def __call__(self, *, reading: bool) -> AbstractContextManager[None]: ...


class ScopedEngines:
    """The engines of a store for scoped sessions: the same connections, with a guard before each statement."""

    def __init__(self, writing: sa.Engine, reading: sa.Engine, translated: _Translated) -> None:
        self.writing = writing.execution_options(adjoin_guarded=True)
        self.reading = reading.execution_options(adjoin_guarded=True)
        self.translated = translated
        self._lock = threading.Lock()
        self._secured: bool | None = None
        for engine in (self.writing, self.reading):
            sa.event.listen(engine, "before_cursor_execute", _guard)

    def scope(self, workspace_id: str, user_id: str | None) -> Scope:
        """Return access to one workspace."""
        return Scope(self, workspace_id, user_id)

    def secured(self, connection: sa.Connection) -> bool:
        """Say whether row-level security is in force here. Asked once; a warning is logged where it is not."""
        if connection.dialect.name != "postgresql":
            return False
        with self._lock:
            if self._secured is None:
                self._secured = is_ready(connection, options={_OWN: True})
                if not self._secured:
                    structlog.get_logger("adjoin.db").warning(
                        "row-level security is not in force; sessions are held to their workspace by Adjoin alone",
                        advice="adjoin db roles",
                    )
            return self._secured


class Scope:
    """Access to what belongs to one workspace, for a user where there is one. Made by `Store.scoped`.

    Reading gives the rows of the workspace, and of users those who are its members; rows of others are not there.
    Writing for another workspace, to users, or to what belongs to the installation raises OutOfScope, and so does a
    statement that cannot be proven to stay within.
    """

    def __init__(self, engines: ScopedEngines, workspace_id: str, user_id: str | None) -> None:
        if not workspace_id:
            raise OutOfScope("A scoped session needs the id of a workspace, and was given none.")
        self._engines = engines
        self.workspace_id = workspace_id
        self.user_id = user_id
        self._options: dict[type[SQLModel], Any] = {}

    def __repr__(self) -> str:
        return f"Scope(workspace_id={self.workspace_id!r}, user_id={self.user_id!r})"

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session in a transaction, as `Store.write` does, that stays within the workspace."""
        with (
            self._engines.translated(reading=False),
            _ScopedSession(self._engines.writing, self, expire_on_commit=False) as session,
            session.begin(),
        ):
            session.connection()
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session that cannot change anything, as `Store.read` does, and stays within the workspace."""
        with (
            self._engines.translated(reading=True),
            _ScopedSession(self._engines.reading, self, expire_on_commit=False) as session,
        ):
            yield session

    def check(self, row: object) -> None:
        """Raise OutOfScope unless a mapped object may be written from here. One without a workspace passes for now."""
        mapper = sa.inspect(type(row))
        table = cast("sa.Table", mapper.local_table)
        tenancy = _tenancy(table)
        if tenancy not in (Tenancy.WORKSPACE, Tenancy.ITSELF):
            raise OutOfScope(
                f"A {type(row).__name__} cannot be written from within the workspace {self.workspace_id!r}: "
                f"{table.name} belongs to the installation. Use Store.write() where that is meant."
            )
        owner = sa.inspect(row, raiseerr=True).dict.get(key_of(table.name))
        if owner not in (None, self.workspace_id):
            raise OutOfScope(
                f"A {type(row).__name__} of another workspace cannot be used from within {self.workspace_id!r}."
            )

    def hold(self, statement: Any, *, refreshing: bool = False) -> Any:
        """Return a statement with its mapped classes held to the workspace, also where it does not name them itself."""
        tables = {one for one in visitors.iterate(statement) if isinstance(one, sa.Table)}
        models = [model for table in tables for model in _models(table)]
        if refreshing:  # the query that refreshes an object passes over options
            return statement.where(*(self._criterion(model)(model) for model in models))
        return statement.options(*(self._option(model) for model in models)) if models else statement

    def _criterion(self, model: type[SQLModel]) -> Callable[[Any], Any]:
        table: sa.Table = model.__table__  # type: ignore[attr-defined]
        return _criterion(_tenancy(table), self.workspace_id)

    def _option(self, model: type[SQLModel]) -> Any:
        if model not in self._options:
            self._options[model] = with_loader_criteria(model, self._criterion(model), include_aliases=True)
        return self._options[model]

    def begin(self, connection: sa.Connection) -> None:
        """Mark a new transaction as one of this workspace, and take the role and the claims."""
        settings: dict[str, str] = {}
        if connection.dialect.name == "postgresql":
            if connection.get_execution_options().get("adjoin_reads"):
                settings["idle_in_transaction_session_timeout"] = "0"  # as in Store.read
            if self._engines.secured(connection):
                claims = {"role": TENANT_ROLE, "workspace_id": self.workspace_id}
                if self.user_id is not None:
                    claims["sub"] = self.user_id
                settings |= {"role": TENANT_ROLE, "request.jwt.claims": json.dumps(claims)}
        if settings:
            # Until the end of the transaction, so that nothing is left for who gets the connection next.
            calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
            values = tuple(part for setting in settings.items() for part in setting)
            connection.exec_driver_sql(f"SELECT {calls}", values, execution_options={_OWN: True})
        connection.execution_options(**{_SCOPE: self})


class _ScopedSession(Session):
    def __init__(self, engine: sa.Engine, scope: Scope, **options: Any) -> None:
        super().__init__(engine, **options)
        self.scope = scope


@sa.event.listens_for(_ScopedSession, "after_begin")
def _begin(session: _ScopedSession, transaction: SessionTransaction, connection: sa.Connection) -> None:
    if not transaction.nested:  # a savepoint keeps the role and the claims of its transaction
        session.scope.begin(connection)


@sa.event.listens_for(_ScopedSession, "do_orm_execute")
def _add_conditions(state: ORMExecuteState) -> None:
    if state.is_select or state.is_update or state.is_delete:
        scope = cast("_ScopedSession", state.session).scope
        state.statement = scope.hold(cast("Any", state.statement), refreshing=state.is_column_load)


@sa.event.listens_for(_ScopedSession, "before_attach")
def _check_object(session: _ScopedSession, row: object) -> None:
    session.scope.check(row)


@sa.event.listens_for(_ScopedSession, "before_flush")
def _check_changes(session: _ScopedSession, _context: UOWTransaction, _rows: object) -> None:
    changed: Iterable[object] = [*session.new, *session.dirty, *session.deleted]
    for row in changed:
        session.scope.check(row)


def _guard(
    connection: sa.Connection,
    _cursor: object,
    statement: str,
    _parameters: object,
    context: ExecutionContext | None,
    _many: bool,
) -> None:
    """Refuse what is not proven to stay within the workspace of the session, just before it is sent."""
    if context is not None and context.execution_options.get(_OWN):
        return
    scope: Scope | None = connection.get_execution_options().get(_SCOPE)
    if scope is None:
        if statement in _OPENINGS:
            return
        raise OutOfScope("This connection belongs to scoped sessions; use it through one, or take Store.read().")
    compiled: Any = getattr(context, "compiled", None)
    kind = getattr(getattr(compiled, "statement", None), "__visit_name__", "")
    if kind in _SAVEPOINTS:
        return
    if kind not in _CHECKABLE:
        _refuse(scope, "SQL as text cannot be checked")
    positions = tuple(compiled.positiontup) if compiled.positiontup is not None else None
    proof = prove(compiled.string, positions, connection.dialect.name)
    problem = proof.problem(scope.workspace_id, cast("Any", context).compiled_parameters)
    if problem:
        _refuse(scope, problem)


def _refuse(scope: Scope, problem: str) -> Any:
    raise OutOfScope(
        f"A statement was not sent, for it may leave the workspace {scope.workspace_id!r}: {problem}. Select the "
        "mapped class or add a condition on its workspace; what concerns the installation uses Store.read() or "
        "Store.write()."
    )


def _criterion(tenancy: Tenancy, workspace: str) -> Callable[[Any], Any]:
    """Return what makes the condition of a class or of an alias of it. As a plain condition, the alias that a class is
    joined to itself by would get none (SQLAlchemy 2.1 gives the class a second one).

    SQLAlchemy reads these functions' code and takes `workspace` for a value that changes.
    """
    match tenancy:
        case Tenancy.WORKSPACE:
            return lambda cls: cls.workspace_id == workspace
        case Tenancy.ITSELF:
            return lambda cls: cls.id == workspace
        case Tenancy.MEMBERS:
            return lambda cls: cls.id.in_(select(Member.user_id).where(Member.workspace_id == workspace))
        case Tenancy.INSTALLATION:
            return lambda cls: sa.false()


def _models(table: sa.Table) -> tuple[type[SQLModel], ...]:
    """The classes mapped to a table."""
    if table not in _MODELS:
        mappers = SQLModel._sa_registry.mappers  # noqa: SLF001 - SQLModel has no public name for it
        found = [mapper for mapper in mappers if mapper.local_table == table]
        if not found:
            return ()
        _MODELS[cast("sa.Table", found[0].local_table)] = tuple(mapper.class_ for mapper in found)
    return _MODELS[table]


def _tenancy(table: sa.Table) -> Tenancy:
    try:
        return tenancy_of(table)
    except StateError:  # a plugin's table that is not for workspaces
        return Tenancy.INSTALLATION
