"""Reading facts: one Ibis table over exactly the files that are current."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa
from sqlmodel import col, select

from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.db import Store
from adjoin.db.models import Coverage, FactFile
from adjoin.errors import BadInput, StoreDamaged, UnknownName
from adjoin.facts.store import FactStore

if TYPE_CHECKING:
    import ibis.expr.types as ir  # type: ignore[import-untyped]
    import pyarrow as pa

__all__ = ["AccountKey", "FactQuery"]

#: The datasets that hold the same results at different grains, the coarsest first.
LADDER = ("account_daily", "campaign_daily", "ad_group_daily", "ad_daily")

#: Datasets with keys of their own, which hold a part of the results only.
_BESIDE = ("keyword_daily", "search_term_daily")


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
    """An account of a workspace: ids are the platform's own, so they need it beside them."""

    platform: str
    account_id: str


class FactQuery:
    """Read-only access to the facts of one workspace.

    Each object has a DuckDB of its own, made when it is first needed; threads may share it and then wait for
    each other. What is read is what was current when `table` was called: a sync that commits later changes
    nothing under a query.
    """

    def __init__(self, store: Store, root: Path, workspace_id: str) -> None:
        """Take the state database and the folder that the `FactStore` has as its root."""
        self.store = store
        self.workspace_id = workspace_id
        self._files = FactStore(root)
        self._lock = RLock()
        self._made: Any = None
        self._views: dict[tuple[str, ...], str] = {}
        self._read: dict[str, FactFile] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of DuckDB. Tables made before cannot be used any more."""
        with self._lock:
            if self._made is not None:
                self._made.disconnect()
            self._made = None
            self._views.clear()
            self._read.clear()

    def table(
        self,
        dataset: str,
        since: date,
        until: date,
        *,
        platforms: Collection[str] | None = None,
        accounts: Collection[str | AccountKey] | None = None,
    ) -> ir.Table:
        """Return the rows of these days, both included, as an Ibis table.

        Its columns are platform, currency, and the published ones. Run what is built on it with `run`. Without files
        the table is empty. Accounts are named by the platform's id or, where that might be ambiguous, by AccountKey.
        Raises UnknownName, BadInput for days the wrong way round, and StoreDamaged for a file that is missing or cut
        short.
        """
        files = self.files(dataset, since, until, platforms=platforms, accounts=accounts)
        self._check_sizes(files)
        with self._lock:
            table = self._view(dataset, files)
            result: ir.Table = table.filter((table.date >= since) & (table.date <= until))
            return result

    def run(self, expression: ir.Expr) -> pa.Table:
        """Run an expression over tables of this object and return its rows.

        Raises StoreDamaged, naming the file and what to do, when a Parquet file turns out to be broken.
        """
        with self._lock, self._damage_named():
            result: pa.Table = self._backend().to_pyarrow(expression.as_table())
            return result

    def verify(self) -> int:
        """Read all current files of the workspace and return how many there are.

        Raises StoreDamaged for the first whose bytes have changed.
        """
        with self.store.read() as session:
            current = session.exec(
                select(FactFile).where(
                    FactFile.workspace_id == self.workspace_id, col(FactFile.superseded_at).is_(None)
                )
            ).all()
        for file in current:
            self._files.intact(file.path, expected=file.checksum)
        return len(current)

    def files(
        self,
        dataset: str,
        since: date,
        until: date,
        *,
        platforms: Collection[str] | None = None,
        accounts: Collection[str | AccountKey] | None = None,
    ) -> list[FactFile]:
        """List the current files that may hold rows of these days, in a stable order. Errors as in `table`."""
        if dataset not in DATASETS:
            raise UnknownName(f"There is no dataset {dataset!r}; there are {', '.join(DATASETS)}.")
        if since > until:
            raise BadInput(f"The days {since} to {until} are the wrong way round.")
        statement = (
            select(FactFile)
            .where(
                FactFile.workspace_id == self.workspace_id,
                FactFile.dataset == dataset,
                FactFile.rows > 0,
                col(FactFile.superseded_at).is_(None),
                col(FactFile.first_date) <= until,
                col(FactFile.last_date) >= since,
            )
            .order_by(FactFile.platform, FactFile.account_id, col(FactFile.month))
        )
        if platforms is not None:
            statement = statement.where(col(FactFile.platform).in_(list(platforms)))
        if accounts is not None:
            statement = statement.where(_one_of(accounts))
        with self.store.read() as session:
            return list(session.exec(statement).all())

    def coarsest(
        self,
        keys: Collection[str],
        since: date,
        until: date,
        *,
        platforms: Collection[str] | None = None,
        accounts: Collection[str | AccountKey] | None = None,
    ) -> dict[str, list[AccountKey]]:
        """Say which dataset answers best for each account, of those that have all `keys`: dataset -> its accounts.

        The one that covers most of the days; of equals the coarsest, which has the least to add up and may hold what
        a platform does not break down. Keywords and search terms, which are a part only, answer where `keys` name
        them and nowhere else. Accounts without any of them are left out.
        """
        offered = _BESIDE if {"keyword_id", "search_term"} & set(keys) else LADDER
        able = [name for name in offered if set(keys) <= {"date", "account_id", *DATASETS[name].keys}]
        have: dict[AccountKey, list[str]] = defaultdict(list)
        for dataset in able:
            files = self.files(dataset, since, until, platforms=platforms, accounts=accounts)
            for account in dict.fromkeys(AccountKey(file.platform, file.account_id) for file in files):
                have[account].append(dataset)
        covered = self._covered_days(able, since, until)
        chosen: dict[str, list[AccountKey]] = defaultdict(list)
        for account, datasets in sorted(have.items()):
            # max returns the first of equals, and the ladder begins with the coarsest
            chosen[max(datasets, key=lambda name: covered.get((account, name), 0))].append(account)
        return {name: chosen[name] for name in able if name in chosen}

    def _covered_days(self, datasets: Iterable[str], since: date, until: date) -> dict[tuple[AccountKey, str], int]:
        statement = (
            select(Coverage.platform, Coverage.account_id, Coverage.dataset, sa.func.count())
            .where(
                Coverage.workspace_id == self.workspace_id,
                col(Coverage.dataset).in_(list(datasets)),
                Coverage.day >= since,
                Coverage.day <= until,
            )
            .group_by(Coverage.platform, Coverage.account_id, Coverage.dataset)
        )
        with self.store.read() as session:
            rows = session.exec(statement).all()
        return {(AccountKey(platform, account), dataset): days for platform, account, dataset, days in rows}

    def _check_sizes(self, files: Iterable[FactFile]) -> None:
        for file in files:
            path = self._files.root / file.path
            try:
                size = path.stat().st_size
            except OSError:
                size = -1
            if size != file.bytes:
                # Reads the file to say what is wrong with it.
                self._files.intact(file.path, expected=file.checksum)
                raise StoreDamaged(f"The fact file {path} has {size} bytes instead of {file.bytes}.")

    def _view(self, dataset: str, files: Sequence[FactFile]) -> ir.Table:
        import ibis
        from ibis.expr.operations import DatabaseTable, Namespace  # type: ignore[import-untyped]

        backend = self._backend()
        self._read |= {file.id: file for file in files}
        paths = tuple(file.path for file in files)
        name = self._views.get((dataset, *paths))
        if name is None:
            name = f"{dataset}_{len(self._views)}"
            with self._damage_named():
                backend.con.execute(f'CREATE TEMP VIEW "{name}" AS {self._select(dataset, paths)}').fetchall()
            self._views[dataset, *paths] = name
        # Stating the schema spares a round trip per table, and Ibis 12 asks for it in a way that DuckDB 2 has dropped.
        schema = ibis.schema({"platform": "string", "currency": "string"}) | ibis.Schema.from_pyarrow(
            arrow_schema(dataset)
        )
        table: ir.Table = DatabaseTable(name=name, schema=schema, source=backend, namespace=Namespace()).to_expr()
        return table

    def _select(self, dataset: str, paths: Sequence[str]) -> str:
        if not paths:
            kinds = {"date32[day]": "DATE", "string": "VARCHAR", "int64": "BIGINT"}
            columns = [("platform", "VARCHAR"), ("currency", "VARCHAR")]
            columns += [(field.name, kinds.get(str(field.type), "DECIMAL(18, 9)")) for field in arrow_schema(dataset)]
            nothing = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in columns)
            return f"SELECT {nothing} WHERE false"
        quoted = ", ".join("'" + str(self._files.root / path).replace("'", "''") + "'" for path in paths)
        return f"SELECT * FROM read_parquet([{quoted}])"  # noqa: S608 - our own paths, quoted

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        """Look for a damaged file when DuckDB fails; anything else is a mistake in the expression and passes."""
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            try:
                for file in self._read.values():
                    self._files.intact(file.path, expected=file.checksum)
            except StoreDamaged as damage:
                raise damage from error
            raise

    def _backend(self) -> Any:
        if self._made is None:
            import ibis

            self._made = ibis.duckdb.connect(autoinstall_known_extensions=False)
        return self._made


def _one_of(accounts: Collection[str | AccountKey]) -> sa.ColumnElement[bool]:
    plain = [one for one in accounts if isinstance(one, str)]
    keyed: dict[str, list[str]] = defaultdict(list)
    for one in accounts:
        if isinstance(one, AccountKey):
            keyed[one.platform].append(one.account_id)
    return sa.or_(
        col(FactFile.account_id).in_(plain),
        *(
            sa.and_(col(FactFile.platform) == platform, col(FactFile.account_id).in_(ids))
            for platform, ids in keyed.items()
        ),
    )
