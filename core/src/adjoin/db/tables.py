"""Tables that plugins own: their names, their chains of migrations, and whether code and tables fit together.

    class Base(SQLModel):
        metadata = plugin_metadata("shop")

    class Order(Base, table=True):
        __tablename__ = "shop_orders"
        __table_args__ = (refers(["workspace_id"], Workspace),)

How far a plugin's tables have come is kept in `adjoin_schema_<prefix>`, and looked up without importing Alembic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa
import structlog

import adjoin.db.alerts
import adjoin.db.people
import adjoin.db.reports
import adjoin.db.views  # noqa: F401 - with it, all tables of core's
from adjoin.db._catalog import parts
from adjoin.db._chain import Chain
from adjoin.db.models import Base
from adjoin.db.row_security import secure
from adjoin.errors import AdjoinError, BadInput, SchemaTooNew, StateError
from adjoin.http.redaction import redact_text
from adjoin.surface.v1 import Surface, Tables

if TYPE_CHECKING:
    from sqlmodel import SQLModel

    from adjoin.db.engine import Store
    from adjoin.kernel import Kernel

__all__ = [
    "PluginTables",
    "TablesReport",
    "check_tables",
    "plugin_metadata",
    "refers",
    "upgrade_tables",
    "warn_of_tables",
]

_VERSION = "adjoin_schema_"
_PREFIX = re.compile(r"[a-z][a-z0-9]{1,19}")
#: Prefixes of names that others in the same database use: ours, Alembic's, the workers' queue, the databases' own.
_RESERVED = frozenset({"adjoin", "alembic", "pg", "procrastinate", "sqlite"})
_KEY = "adjoin_prefix"

TablesState = Literal["ok", "missing", "older", "newer", "refused", "failed", "unclaimed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TablesReport:
    """How the tables of a plugin are, and what to do where they are not `ok`.

    missing, older: `adjoin db upgrade` mends it. newer: made by a newer release of the plugin. refused: what the plugin
    says of its tables cannot be. failed: the migrations cannot be read or did not run. unclaimed: no loaded plugin
    has tables of this prefix, and `plugin` is empty.
    """

    plugin: str
    prefix: str
    state: TablesState
    detail: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.detail}. {self.advice}" if self.advice else self.detail


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginTables:
    """What plugins say of their tables: those that can be, by plugin, and why others cannot."""

    usable: Mapping[str, tuple[Tables, ...]]
    refused: tuple[TablesReport, ...] = ()

    @classmethod
    def of(cls, offered: Mapping[str, Iterable[Tables]]) -> PluginTables:
        """Look at what plugins offer. A plugin with something that cannot be is left out as a whole."""
        every = {plugin: tuple(tables) for plugin, tables in offered.items() if tables}
        usable: dict[str, tuple[Tables, ...]] = {}
        refused: list[TablesReport] = []
        for plugin, tables in sorted(every.items()):
            problems = [_refuse(plugin, one, problem) for one in tables if (problem := _problem(plugin, one, every))]
            refused += problems
            if not problems:
                usable[plugin] = tables
        return cls(usable=usable, refused=tuple(refused))

    @classmethod
    def of_kernel(cls, kernel: Kernel) -> PluginTables:
        """Ask all loaded plugins."""
        results = kernel.hook(Surface.tables).all()
        found = cls.of({answer.plugin: answer.value for answer in results})
        failed = tuple(
            TablesReport(plugin=plugin, prefix="", state="refused", detail=str(error))
            for plugin, error in results.errors.items()
        )
        return cls(usable=found.usable, refused=found.refused + failed)

    def metadata(self) -> list[sa.MetaData]:
        """Return the metadata of the usable tables. Imports the plugins' models; raises BadInput for anything else."""
        found = []
        for plugin, tables in self.usable.items():
            for one in tables:
                metadata = one.metadata()
                if not isinstance(metadata, sa.MetaData):
                    raise BadInput(
                        f"metadata of the tables of plugin {plugin!r} must return a MetaData, not "
                        f"{type(metadata).__name__}"
                    )
                found.append(metadata)
        return found


def plugin_metadata(prefix: str) -> sa.MetaData:
    """Return the metadata for a plugin's models: core's names for constraints, and only tables with the prefix.

    Raises BadInput for a prefix that cannot be, and later for a table whose name does not begin with it.
    """
    if problem := _bad_prefix(prefix):
        raise BadInput(problem)
    return sa.MetaData(naming_convention=Base.metadata.naming_convention, info={_KEY: prefix})


@sa.event.listens_for(sa.Table, "after_parent_attach")
def _keep_to_the_prefix(table: sa.Table, parent: sa.MetaData) -> None:
    prefix = parent.info.get(_KEY)
    if prefix is not None and not _owns(prefix, table.name):
        raise BadInput(f"the table {table.name!r} belongs to a plugin whose tables are named {prefix}_...; rename it")


def refers(
    columns: Sequence[str], target: type[SQLModel], keys: Sequence[str] = ("id",), *, cascade: bool = False
) -> sa.ForeignKeyConstraint:
    """Return a foreign key to a table of core's, such as `refers(["user_id"], User)`; checked at commit.

    `cascade` has the rows go with the one that they refer to.
    """
    table: sa.Table = target.__table__  # type: ignore[attr-defined]
    return sa.ForeignKeyConstraint(
        columns,
        [table.columns[key] for key in keys],
        ondelete="CASCADE" if cascade else None,
        deferrable=True,
        initially="DEFERRED",
    )


def check_tables(store: Store, offered: PluginTables) -> list[TablesReport]:
    """Say how the tables of all plugins are, sorted by plugin. Cheap where all is well. Raises only StateError."""
    reports = list(offered.refused)
    with store.read() as session:
        connection = session.connection()
        names = sa.inspect(connection).get_table_names()
        there = {name.removeprefix(_VERSION) for name in names if name.startswith(_VERSION)}
        for plugin, tables in offered.usable.items():
            for one in tables:
                current = _chain(one).current(connection) if one.prefix in there else set()
                reports.append(_judge(plugin, one, current))
    claimed = {report.prefix for report in reports}
    reports += [
        TablesReport(
            plugin="",
            prefix=prefix,
            state="unclaimed",
            detail=f"the tables {prefix}_... belong to a plugin that is not loaded; they stay as they are",
        )
        for prefix in there - claimed
    ]
    return sorted(reports, key=lambda report: (report.plugin, report.prefix))


def upgrade_tables(store: Store, offered: PluginTables) -> list[TablesReport]:
    """Bring the tables of all plugins to their code, each plugin in one transaction; core's have to be up to date.

    What went wrong with one plugin is in its report, has left nothing behind, and stops no other one. Blocks, beside
    another process that does the same, until that is done.
    """
    failed: dict[str, TablesReport] = {}
    for plugin, tables in offered.usable.items():
        try:
            with store.changing_schema() as connection:
                for one in tables:
                    _upgrade(connection, one)
                    secure(connection, one.metadata().tables.values())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's code ran
            failed[plugin] = _failed(plugin, ", ".join(one.prefix for one in tables), error)
    reports = check_tables(store, offered)
    behind = [one for one in reports if one.state in ("ok", "missing", "older") and one.plugin in failed]
    return [one for one in reports if one not in behind] + [failed[name] for name in {one.plugin for one in behind}]


def warn_of_tables(store: Store, kernel: Kernel) -> None:
    """Log a warning for each plugin whose tables do not fit its code, as a process that starts should."""
    log = structlog.get_logger("adjoin.plugins")
    for report in check_tables(store, PluginTables.of_kernel(kernel)):
        if report.state not in ("ok", "unclaimed"):
            log.warning("plugin cannot use its tables", plugin=report.plugin, reason=str(report))


def _chain(tables: Tables) -> Chain:
    return Chain(tables.folder, _VERSION + tables.prefix)


def _upgrade(connection: sa.Connection, tables: Tables) -> None:
    chain = _chain(tables)
    current = chain.current(connection)
    if current == {tables.head}:
        return
    if current and not current & chain.known():
        raise SchemaTooNew(f"the tables {tables.prefix}_... were made by a newer release of it")
    if (ends := chain.ends()) != [tables.head]:
        raise StateError(
            f"the plugin works with revision {tables.head}, and they end with {', '.join(sorted(ends)) or 'nothing'}"
        )
    before = parts(connection)
    chain.upgrade(connection)
    touched = {part.table for part in before ^ parts(connection)} - {chain.version_table}
    if foreign := sorted(name for name in touched if not _owns(tables.prefix, name)):
        raise StateError(f"they may only touch tables named {tables.prefix}_..., and touched {', '.join(foreign)}")


def _judge(plugin: str, tables: Tables, current: set[str]) -> TablesReport:
    whose = f"the tables of plugin {plugin!r} ({tables.prefix}_...)"
    mend = "Run `adjoin db upgrade`."

    def report(state: TablesState, detail: str, advice: str = "") -> TablesReport:
        return TablesReport(plugin=plugin, prefix=tables.prefix, state=state, detail=detail, advice=advice)

    if current == {tables.head}:
        return report("ok", f"schema {tables.head}")
    if not current:
        return report("missing", f"{whose} are not there yet", mend)
    has = ", ".join(sorted(current))
    try:
        known = _chain(tables).known()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's code ran
        return _failed(plugin, tables.prefix, error)
    if current & known:
        return report("older", f"{whose} were made by an older release of it: {has}, it needs {tables.head}", mend)
    return report(
        "newer",
        f"{whose} were made by a newer release of it: {has}, this one knows {tables.head}",
        "Upgrade the plugin, or restore a backup from before.",
    )


def _failed(plugin: str, prefix: str, error: BaseException) -> TablesReport:
    if isinstance(error, AdjoinError):
        said = str(error)
    else:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error  # without the statement and its data
        said = f"{type(cause).__name__}: {' '.join(str(cause).split())}"
    return TablesReport(
        plugin=plugin,
        prefix=prefix,
        state="failed",
        detail=redact_text(f"the migrations of plugin {plugin!r} did not run, and nothing was changed: {said}"),
        advice=f"Tell the authors of the plugin, and switch it off until then: `adjoin plugins disable {plugin}`.",
    )


def _problem(plugin: str, tables: Tables, every: Mapping[str, tuple[Tables, ...]]) -> str:
    if problem := _bad_prefix(tables.prefix):
        return problem
    rivals = sorted({name for name, theirs in every.items() for one in theirs if one.prefix == tables.prefix})
    if len(rivals) > 1:
        return f"the prefix {tables.prefix!r} is claimed by several plugins: {', '.join(rivals)}; uninstall all but one"
    if sum(one.prefix == tables.prefix for one in every[plugin]) > 1:
        return f"the prefix {tables.prefix!r} is there twice"
    return ""


def _bad_prefix(prefix: str) -> str:
    if not _PREFIX.fullmatch(prefix):
        return f"the prefix {prefix!r} must be 2 to 20 small letters and digits, beginning with a letter"
    if prefix in _RESERVED or any(_owns(prefix, name) for name in Base.metadata.tables):
        return f"the prefix {prefix!r} is Adjoin's own; choose another one"
    return ""


def _refuse(plugin: str, tables: Tables, problem: str) -> TablesReport:
    return TablesReport(
        plugin=plugin, prefix=tables.prefix, state="refused", detail=f"the tables of plugin {plugin!r}: {problem}"
    )


def _owns(prefix: str, table: str) -> bool:
    return table.startswith(f"{prefix}_")
