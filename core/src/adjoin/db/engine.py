"""The store: one database, its transactions, and its schema."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa
import structlog
from sqlmodel import Session

import adjoin.db.alerts
import adjoin.db.people
import adjoin.db.reports
import adjoin.db.views  # noqa: F401 - with it, all tables of core's
from adjoin.db._chain import Chain
from adjoin.db._faults import explain, shown
from adjoin.db.migrations import FOLDER, HEAD
from adjoin.db.models import DEFAULT_WORKSPACE, Base, Workspace
from adjoin.db.row_security import hides_rows, secure
from adjoin.db.upsert import upsert
from adjoin.errors import BadInput, DiskFull, NotInitialised, SchemaTooNew, SchemaTooOld, StateError, StoreDamaged

if TYPE_CHECKING:
    from adjoin.db.scope import Scope, ScopedEngines

__all__ = ["Store"]

#: How long a transaction on PostgreSQL may lie idle, in seconds: as long as a run may be without a heartbeat.
IDLE_SECONDS = 30.0
#: How long a writer waits for another one, in seconds.
_BUSY_SECONDS = 30
#: A server that vanishes says nothing: this is noticed within half a minute, not after the usual two hours.
_POSTGRES = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
#: Whoever reads holds up nobody, and may take its time over what it has read.
_NO_HURRY = "SET LOCAL idle_in_transaction_session_timeout = 0"
_CHAIN = Chain(FOLDER, "alembic_version")
#: Names the lock that keeps two upgrades of one PostgreSQL database apart.
_UPGRADE_LOCK = 0x41444A4F494E


class Store:
    """The state database, SQLite or PostgreSQL. Safe to share between threads; a session is not.

    Drivers' errors come out as StateError where they are about the database (damaged, full, read-only, out
    of reach), and unchanged where they are about the data, as a broken constraint is
    (`sqlalchemy.exc.IntegrityError`).
    """

    def __init__(self, url: sa.URL, scoped_url: sa.URL | None = None) -> None:
        self._url = url
        self._scoped_url = scoped_url
        self._engine = _engine(url)
        self._reading = _reading(self._engine)

    @classmethod
    def open(cls, url: str, *, check_schema: bool = True, scoped_url: str = "") -> Self:
        """Open the store at a `sqlite:///` or `postgresql://` URL; `scoped_url` has another login for `scoped`.

        Raises NotInitialised when there is none yet, SchemaTooOld or SchemaTooNew when it is of another
        release, and StoreDamaged or StateError when it cannot be used. Without `check_schema` nothing is
        touched, for `initialise` and `upgrade` to follow.
        """
        store = cls(_parse(url), _parse(scoped_url) if scoped_url else None)
        if scoped_url and "sqlite" in (store.dialect, sa.make_url(scoped_url).get_backend_name()):
            raise BadInput(
                "A second login for scoped sessions is for PostgreSQL; leave ADJOIN_DATABASE_SCOPED_URL out."
            )
        if check_schema:
            try:
                store.check_schema()
            except BaseException:
                store.close()
                raise
        return store

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._url.get_backend_name()

    @property
    def path(self) -> Path | None:
        """The SQLite file; None on PostgreSQL."""
        return Path(str(self._url.database)) if self.dialect == "sqlite" else None

    def __str__(self) -> str:
        return shown(self._url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections, those that threads still have when they give them back.

        The store opens new ones if it is used again.
        """
        _dispose(self._engine)
        if "_scoped" in self.__dict__:
            _dispose(self._scoped.writing)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session in a transaction: committed at the end of the block, undone if it raises.

        On SQLite there is one writer at a time and the others wait here. Objects stay usable after the block.
        """
        with (
            self._translated(reading=False),
            Session(self._engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            # The transaction has to exist before the caller decides anything on what it reads.
            session.connection()
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session that sees one state of the database and cannot change it. Waits for nobody."""
        with self._translated(reading=True), Session(self._reading, expire_on_commit=False) as session:
            if self.dialect == "postgresql":
                session.connection().exec_driver_sql(_NO_HURRY)
            yield session

    def scoped(self, workspace_id: str, user_id: str | None = None) -> Scope:
        """Return access to what belongs to one workspace and nothing else, for a user where there is one."""
        return self._scoped.scope(workspace_id, user_id)

    @cached_property
    def _scoped(self) -> ScopedEngines:
        from adjoin.db.scope import ScopedEngines

        engine = self._engine if self._scoped_url is None else _engine(self._scoped_url)
        return ScopedEngines(engine, _reading(engine), self._translated)

    @contextmanager
    def statements(self) -> Iterator[sa.Connection]:
        """Yield a connection on which each statement is a transaction of its own, for single quick ones."""
        options = {"isolation_level": "AUTOCOMMIT"} if self.dialect == "postgresql" else {}
        with (
            self._translated(reading=False),
            self._engine.execution_options(**options).connect() as connection,
        ):
            yield connection

    def conninfo(self) -> str:
        """Return how PostgreSQL's own clients reach this database. It may hold the password: not for people.

        Raises StateError on SQLite.
        """
        if self.dialect != "postgresql":
            raise StateError(
                f"The database {self} is a file of one machine; what several processes share needs PostgreSQL: "
                "set ADJOIN_DATABASE_URL"
            )
        return self._url.set(drivername="postgresql").render_as_string(hide_password=False)

    def check_schema(self) -> None:
        """Raise unless the schema is the one of this release. Errors as in `open`."""
        path = self.path
        if path is not None and not path.exists():
            raise NotInitialised(f"There is no store at {path} yet: run `adjoin init`.")
        with self._translated(reading=True), self._reading.connect() as connection:
            hidden = self.dialect == "postgresql" and hides_rows(connection)
            current = set() if hidden else _CHAIN.current(connection)
        if hidden:
            raise StateError(
                f"Row-level security hides the rows of the database {self} from this login: use the login that owns "
                "the tables, or have it granted BYPASSRLS (see `adjoin db roles`)."
            )
        if HEAD in current:
            return
        if not current:
            raise NotInitialised(f"The database {self} holds no store yet: run `adjoin init`.")
        if current & _CHAIN.known():
            raise SchemaTooOld(
                f"The store {self} was made by an older release (schema {', '.join(sorted(current))}, "
                f"this release needs {HEAD}): run `adjoin db upgrade`."
            )
        raise self._too_new(current)

    def upgrade(self) -> None:
        """Bring the schema to this release, in one transaction; make the SQLite file when there is none.

        Does nothing when it is up to date. Raises SchemaTooNew rather than touch a newer store.
        """
        self._create_file()
        with self.changing_schema() as connection:
            current = _CHAIN.current(connection)
            if HEAD not in current:
                if current and not current & _CHAIN.known():
                    raise self._too_new(current)
                _CHAIN.upgrade(connection)
            if problem := secure(connection, Base.metadata.tables.values()):
                structlog.get_logger("adjoin.db").warning(
                    "row-level security is not in force", reason=problem, advice="adjoin db roles"
                )

    @contextmanager
    def changing_schema(self) -> Iterator[sa.Connection]:
        """Yield a connection in a transaction that alone changes the schema; others that want to wait.

        Committed at the end of the block, and undone with all that it made if it raises.
        """
        with self._translated(reading=False), self._engine.begin() as connection:
            if self.dialect == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
            yield connection

    def initialise(self, *, now: datetime) -> None:
        """Bring the schema to this release and make the default workspace. Does nothing to what is there."""
        self.upgrade()
        with self.write() as session:
            upsert(session, Workspace, [{"id": DEFAULT_WORKSPACE, "name": "Default", "created_at": now}], update=())

    def verify(self) -> None:
        """Read the whole SQLite file and raise StoreDamaged if its structure is broken.

        PostgreSQL looks after itself.
        """
        if self.dialect != "sqlite":
            return
        with self._translated(reading=True), self._reading.connect() as connection:
            found = [str(row[0]) for row in connection.execute(sa.text("PRAGMA quick_check"))]
        if found != ["ok"]:
            raise StoreDamaged(
                f"The database {self} is damaged ({found[0]}). Restore it from a backup, or move it away "
                "and run `adjoin init` to start with an empty one."
            )

    def _too_new(self, current: set[str]) -> SchemaTooNew:
        return SchemaTooNew(
            f"The store {self} was made by a newer release (schema {', '.join(sorted(current))}, this release "
            f"knows {HEAD}): upgrade Adjoin, or restore a backup from before."
        )

    @contextmanager
    def _translated(self, *, reading: bool) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            better = explain(error, self._url, reading=reading)
            if better is None:
                raise
            if isinstance(better, DiskFull):
                self._empty_log()
            raise better from error

    def _empty_log(self) -> None:
        """Have SQLite write its log into the database and give the log's room back, as far as others let it.

        On a disk that is full the log may be most of what is ours, and without room no transaction would come to the
        point where SQLite does so by itself.
        """
        path = self.path
        if path is None or not path.exists():
            return
        with suppress(sqlite3.Error), closing(sqlite3.connect(path, timeout=0)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _create_file(self) -> None:
        path = self.path
        if path is None or path.exists():
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)  # SQLite gives its side files the same mode
        except OSError as error:
            raise StateError(f"The database {path} cannot be made: {error.strerror}.") from error


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise BadInput("The database URL cannot be read; write sqlite:///FILE or postgresql://HOST/NAME.") from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return parsed
        case "sqlite":
            raise BadInput("The database URL names no file; write sqlite:///FILE.")
        case "postgresql" | "postgres":
            # Without a driver the meaning depends on the version of SQLAlchemy.
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise BadInput(f"Databases of the kind {other!r} are not supported; use SQLite or PostgreSQL.")


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() == "sqlite":
        options = {"timeout": _BUSY_SECONDS, "check_same_thread": False}
        given = {k: v for k, v in options.items() if k not in url.query}
        engine = sa.create_engine(url, connect_args=given, hide_parameters=True)  # errors quote no values
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        options = {name: value for name, value in _POSTGRES.items() if name not in url.query}
        engine = sa.create_engine(url, pool_pre_ping=True, connect_args=options, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise StateError("PostgreSQL needs its driver: install adjoin[postgres].") from error
    sa.event.listen(engine, "connect", _prepare_postgres)
    return engine


def _reading(engine: sa.Engine) -> sa.Engine:
    """Return the engine for transactions that see one state of the database and cannot change it."""
    options = {"adjoin_reads": True}
    if engine.dialect.name == "postgresql":
        return engine.execution_options(**options, postgresql_readonly=True, isolation_level="REPEATABLE READ")
    return engine.execution_options(**options)


def _dispose(engine: sa.Engine) -> None:
    pool = engine.pool
    engine.dispose()  # and begin a new pool, to which what was listened for before would go on
    sa.event.listen(pool, "checkin", _close_late)  # SQLAlchemy would keep them, open, in a pool of nobody


def _close_late(_connection: object, record: sa.pool.ConnectionPoolEntry) -> None:
    if record.dbapi_connection is not None:
        record.invalidate()


def _prepare_postgres(connection: Any, _record: object) -> None:
    """Have the server end transactions that nobody goes on with, as of a frozen process: others wait for its rows."""
    before, connection.autocommit = connection.autocommit, True
    connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS:.0f}s'")
    connection.autocommit = before


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver's guess
    _switch_to_wal(connection)
    # Recursive triggers: else REPLACE removes a row without the trigger that refuses to remove it. The log is written
    # into the database after 1 MB, not after 4, which is much on a disk that is nearly full.
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON", "wal_autocheckpoint=250"):
        connection.execute(f"PRAGMA {pragma}").close()


def _switch_to_wal(connection: Any) -> None:
    """Turn the write-ahead log on. SQLite does not wait for others while it changes the mode, so we do."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes the lock at its start: a transaction that reads first and writes later would fail, not
    # wait.
    reads = connection.get_execution_options().get("adjoin_reads", False)
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reads else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
