"""Reading facts: one Ibis table over exactly the files that are current, or that were at an instant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from sqlmodel import col, select

from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.db.access import Access
from adjoin.db.models import FactFile
from adjoin.errors import BadInput, StoreDamaged, UnknownName
from adjoin.facts._views import Sources, select_of, sources_of
from adjoin.facts.listing import Listed, Listing, covered_days
from adjoin.facts.manifest import AccountKey, check_history, counting, limited_to
from adjoin.facts.reading import Keep, Reading, with_readings
from adjoin.facts.store import FactStore

if TYPE_CHECKING:
    import ibis.expr.types as ir  # type: ignore[import-untyped]
    import pyarrow as pa

__all__ = ["LADDER", "AccountKey", "FactQuery", "datasets_with"]

#: The datasets that hold the same results at different grains, the coarsest first.
LADDER = ("account_daily", "campaign_daily", "ad_group_daily", "ad_daily")

#: Datasets with keys of their own, which hold a part of the results only.
_BESIDE = ("keyword_daily", "search_term_daily")
_BY_ACTION = ("conversion_daily",)

_T = TypeVar("_T")


class FactQuery:
    """Read-only access to the facts of one workspace.

    What is read is what was current when `table` or `reading` was called: a sync that commits later changes nothing
    under a query. With `as_of` it is what was current at that instant; names of accounts and campaigns are today's all
    the same. Threads may share an object. For `table` and `run` it has a DuckDB of its own, made when it is first
    needed; `compute` uses the one of the fact store, with a cursor for each call.
    """

    def __init__(self, store: Access, facts: FactStore, workspace_id: str, *, as_of: datetime | None = None) -> None:
        """Take the state database, the fact files, and the instant that is asked about: None for now."""
        self.store = store
        self.facts = facts
        self.workspace_id = workspace_id
        self.as_of = as_of
        self._lock = RLock()
        self._made: Any = None
        self._views: dict[tuple[str, Sources], str] = {}
        self._read: dict[str, Sequence[FactFile]] = {}  # the files of each view

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
        Raises UnknownName, BadInput for days the wrong way round or an instant whose files are no longer kept, and
        StoreDamaged for a file that is missing or cut short.
        """
        files = self.files(dataset, since, until, platforms=platforms, accounts=accounts)
        with self._lock:
            table = self._view(dataset, files)
            result: ir.Table = table.filter((table.date >= since) & (table.date <= until))
            return result

    def run(self, expression: ir.Expr) -> pa.Table:
        """Run an expression over tables of this object and return its rows.

        Raises StoreDamaged, naming the file and what to do, when a Parquet file turns out to be broken.
        """
        from ibis.expr.operations import DatabaseTable  # type: ignore[import-untyped]

        with self._lock:
            names = {table.name for table in expression.op().find(DatabaseTable)}
            files = [file for name in sorted(names) for file in self._read.get(name, ())]
            for file in files:  # copies of object storage do not stay for ever
                self.facts.local(file.path, expected=file.checksum)

            def compute() -> pa.Table:
                found: pa.Table = self._backend().to_pyarrow(expression.as_table())
                return found

            return self._checked(compute, files)

    def listed(
        self,
        datasets: Iterable[str],
        since: date,
        until: date,
        *,
        platforms: Collection[str] | None = None,
        accounts: Collection[str | AccountKey] | None = None,
        listing: Listing | None = None,
    ) -> list[Listed]:
        """List the files that may hold facts of these days. Errors as in `table`.

        The manifest as it is now is held in memory and read again only after it has changed; not even looked at where
        the caller has it.
        """
        if self.as_of is None:
            return _chosen(listing or self.listing(), datasets, since, until, platforms, accounts)
        rows = [
            row
            for dataset in datasets
            for row in self.files(dataset, since, until, platforms=platforms, accounts=accounts)
        ]
        return [Listed.of(row) for row in rows]

    def listing(self) -> Listing:
        """Return the current manifest, whose `version` changes whenever facts or entities do."""
        return self.facts.engine.listings.of(self.store, self.workspace_id)

    def reading(
        self,
        chosen: Mapping[str, Collection[AccountKey]],
        since: date,
        until: date,
        *,
        columns: Sequence[str],
        keep: Sequence[Keep] = (),
        listing: Listing | None = None,
    ) -> Reading:
        """Return what is read of these accounts' datasets, with columns that all of these have.

        Errors as in `table`.
        """
        files: list[Listed] = []
        for dataset, accounts in chosen.items():
            files += self.listed([dataset], since, until, accounts=frozenset(accounts), listing=listing)
        return Reading(files=files, since=since, until=until, columns=tuple(columns), keep=tuple(keep))

    def compute(
        self, statement: str, readings: Mapping[str, Reading], tables: Mapping[str, pa.Table] | None = None
    ) -> pa.Table:
        """Run a SELECT over readings and tables, which it names, and return its rows.

        It may call what `adjoin.facts.engine.EXACT` defines. Raises StoreDamaged as `run` does.
        """
        files = [file for reading in readings.values() for file in reading.files]
        local = self._local(files)
        text = with_readings(statement, {name: reading.sql(local) for name, reading in readings.items()})

        def run() -> pa.Table:
            with self.facts.engine.cursor() as cursor:
                for name, table in (tables or {}).items():
                    cursor.register(name, table)
                found: pa.Table = cursor.sql(text).to_arrow_table()
                for name in tables or ():
                    cursor.unregister(name)
                return found

        return self._checked(run, files)

    def verify(self) -> int:
        """Read all current files of the workspace and return how many there are.

        Raises StoreDamaged for the first whose bytes have changed.
        """
        with self.store.read() as session:
            current = session.exec(
                select(FactFile.path, FactFile.checksum)
                .where(FactFile.workspace_id == self.workspace_id, counting(None))
                .distinct()
            ).all()
        for path, checksum in current:
            self.facts.verify(path, expected=checksum)
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
        """List the manifest's rows that may hold facts of these days, in a stable order: current, or so at `as_of`.

        Errors as in `table`.
        """
        if dataset not in DATASETS:
            raise UnknownName(f"There is no dataset {dataset!r}; there are {', '.join(DATASETS)}.")
        if since > until:
            raise BadInput(f"The days {since} to {until} are the wrong way round.")
        limits = limited_to(platforms, accounts)
        statement = (
            select(FactFile)
            .where(
                FactFile.workspace_id == self.workspace_id,
                FactFile.dataset == dataset,
                FactFile.rows > 0,
                counting(self.as_of),
                col(FactFile.first_date) <= until,
                col(FactFile.last_date) >= since,
                *limits,
            )
            .order_by(FactFile.platform, FactFile.account_id, col(FactFile.month))
        )
        with self.store.read() as session:
            if self.as_of is not None:
                check_history(session, self.workspace_id, self.as_of, since=since, until=until, limits=limits)
            return list(session.exec(statement).all())

    def coarsest(
        self,
        keys: Collection[str],
        since: date,
        until: date,
        *,
        platforms: Collection[str] | None = None,
        accounts: Collection[str | AccountKey] | None = None,
        listing: Listing | None = None,
    ) -> dict[str, list[AccountKey]]:
        """Say which dataset answers best for each account, of those that have all `keys`: dataset -> its accounts.

        The one that covers most of the days; of equals the coarsest, which has the least to add up and may hold what
        a platform does not break down. Keywords, search terms and actions, which are a part only, answer where `keys`
        name them and nowhere else. Accounts without any of them are left out. For an instant of the past the days from
        the first to the last with results count, month by month, since only today's coverage is known.
        """
        able = datasets_with(keys)
        if self.as_of is None:
            listing = listing or self.listing()
        found = self.listed(able, since, until, platforms=platforms, accounts=accounts, listing=listing)
        have: dict[AccountKey, list[str]] = defaultdict(list)
        for account, dataset in dict.fromkeys((one.account, one.dataset) for one in found):
            have[account].append(dataset)
        covered: Mapping[tuple[AccountKey, str], int] = {}
        if any(len(datasets) > 1 for datasets in have.values()):
            covered = (
                listing.covered(self.store, self.workspace_id, since, until)
                if listing is not None and self.as_of is None
                else _spanned_days(found, since, until)
            )
        chosen: dict[str, list[AccountKey]] = defaultdict(list)
        for account, datasets in sorted(have.items()):
            # max returns the first of equals, and what is able begins with the coarsest
            datasets.sort(key=able.index)
            chosen[max(datasets, key=lambda name: covered.get((account, name), 0))].append(account)
        return {name: chosen[name] for name in able if name in chosen}

    def covered_days(self, datasets: Iterable[str], since: date, until: date) -> dict[tuple[AccountKey, str], int]:
        """Count the days that have been read, with results or without, by account and dataset."""
        with self.store.read() as session:
            return covered_days(session, self.workspace_id, list(datasets), since, until)

    def _view(self, dataset: str, files: Sequence[FactFile]) -> ir.Table:
        import ibis
        from ibis.expr.operations import DatabaseTable, Namespace

        backend = self._backend()
        local = self._local(files)
        sources = sources_of(files)
        name = self._views.get((dataset, sources))
        if name is None:
            name = f"{dataset}_{len(self._views)}"
            statement = f'CREATE TEMP VIEW "{name}" AS {select_of(dataset, sources, local)}'
            self._checked(lambda: backend.con.execute(statement).fetchall(), files)
            self._views[dataset, sources] = name
        self._read[name] = files
        # Stating the schema spares a round trip per table, and Ibis 12 asks for it in a way that DuckDB 2 has dropped.
        schema = ibis.schema({"platform": "string", "currency": "string"}) | ibis.Schema.from_pyarrow(
            arrow_schema(dataset)
        )
        table: ir.Table = DatabaseTable(name=name, schema=schema, source=backend, namespace=Namespace()).to_expr()
        return table

    def _local(self, files: Iterable[FactFile | Listed]) -> Mapping[str, Path]:
        """Return where each path can be read. Raises StoreDamaged for a file that is missing or cut short."""
        wanted = {file.path: file for file in files}
        return {path: self.facts.local(path, expected=file.checksum, size=file.bytes) for path, file in wanted.items()}

    def _checked(self, compute: Callable[[], _T], files: Iterable[FactFile | Listed]) -> _T:
        """Look for a damaged file when DuckDB fails; anything else is a mistake in the expression and passes.

        Where all files turn out to be sound it is tried once more: the check has mended a damaged copy, if there was
        one.
        """
        import duckdb

        try:
            return compute()
        except duckdb.Error as error:
            try:
                for path, checksum in {(file.path, file.checksum) for file in files}:
                    self.facts.intact(path, expected=checksum)
            except StoreDamaged as damage:
                raise damage from error
        return compute()

    def _backend(self) -> Any:
        if self._made is None:
            import ibis

            self._made = ibis.duckdb.connect(autoinstall_known_extensions=False)
        return self._made


def datasets_with(keys: Collection[str]) -> list[str]:
    """Return the datasets that can tell these keys apart, the coarsest first.

    Those of keywords, search terms and actions, which hold a part only, are there where the keys name these.
    """
    named = set(keys)
    if "action" in named:
        offered: Sequence[str] = _BY_ACTION
    else:
        offered = _BESIDE if {"keyword_id", "search_term"} & named else LADDER
    return [name for name in offered if named <= {"date", "account_id", *DATASETS[name].keys}]


def _chosen(
    listing: Listing,
    datasets: Iterable[str],
    since: date,
    until: date,
    platforms: Collection[str] | None,
    accounts: Collection[str | AccountKey] | None,
) -> list[Listed]:
    if since > until:
        raise BadInput(f"The days {since} to {until} are the wrong way round.")
    found = []
    for dataset in datasets:
        if dataset not in DATASETS:
            raise UnknownName(f"There is no dataset {dataset!r}; there are {', '.join(DATASETS)}.")
        found += [
            file
            for file in listing.files.get(dataset, ())
            if file.first_date is not None
            and file.last_date is not None
            and file.first_date <= until
            and file.last_date >= since
            and (platforms is None or file.platform in platforms)
            and (accounts is None or file.account_id in accounts or file.account in accounts)
        ]
    return found


def _spanned_days(files: Iterable[Listed], since: date, until: date) -> dict[tuple[AccountKey, str], int]:
    days: dict[tuple[AccountKey, str], int] = defaultdict(int)
    for file in files:
        if file.first_date is not None and file.last_date is not None:
            first, last = max(file.first_date, since), min(file.last_date, until)
            days[file.account, file.dataset] += max((last - first).days + 1, 0)
    return days
