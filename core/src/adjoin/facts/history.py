"""How the figures of past days have moved, from the files that were current one after the other."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from adjoin.ads.datasets import DATASETS
from adjoin.db.models import FactFile
from adjoin.errors import BadInput, UnknownName
from adjoin.facts._measures import SUMMED, count
from adjoin.facts.layout import months
from adjoin.facts.manifest import AccountKey, limited_to
from adjoin.facts.query import LADDER

if TYPE_CHECKING:
    from adjoin.facts.query import FactQuery
    from adjoin.facts.store import FactStore

__all__ = ["KeptSums", "Moved", "Restated", "restated"]

#: An exact figure: an integer, or a decimal where it is not whole.
Figure = int | Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A figure and when it became the current one."""

    at: datetime
    value: Figure | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A metric of one day of an account, as a rule one that has changed since it was first read.

    Amounts are in micros of the currency. `steps` are its values in turn, the first known one and then each change; a
    value is None where no row gave the metric, and 0 for a day whose rows have all gone again.
    """

    platform: str
    account_id: str
    currency: str
    dataset: str
    day: date
    metric: str
    steps: Sequence[Step]

    @property
    def first(self) -> Figure | None:
        """The first known value."""
        return self.steps[0].value

    @property
    def latest(self) -> Figure | None:
        """The current value."""
        return self.steps[-1].value

    @property
    def change(self) -> Figure:
        """The current value less the first one; missing counts as nothing."""
        return (self.latest or 0) - (self.first or 0)

    @property
    def moved_at(self) -> datetime:
        """When it moved last."""
        return self.steps[-1].at

    @property
    def times(self) -> int:
        """How often it has moved."""
        return len(self.steps) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Restated:
    """What has moved, by platform, account, day, dataset and metric. `notes` are sentences for the reader."""

    since: date
    until: date
    rows: Sequence[Moved]
    notes: Sequence[str] = field(default=())

    def to_json(self) -> bytes:
        """Encode as JSON: dates and instants as text, fractions as exact decimal numbers."""
        import msgspec

        rows = [
            {
                "platform": row.platform,
                "account_id": row.account_id,
                "currency": row.currency,
                "dataset": row.dataset,
                "date": row.day,
                "metric": row.metric,
                "first": row.first,
                "first_at": row.steps[0].at,
                "latest": row.latest,
                "change": row.change,
                "moved_at": row.moved_at,
                "times": row.times,
                "steps": [{"at": step.at, "value": step.value} for step in row.steps],
            }
            for row in self.rows
        ]
        return msgspec.json.Encoder(decimal_format="number").encode(
            {"since": self.since, "until": self.until, "rows": rows, "notes": self.notes}
        )


class KeptSums:
    """The daily sums of versions that were read before: they never change. Usable from several threads."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, str, str], Mapping[date, Mapping[str, Figure | None]]] = OrderedDict()

    def of(self, facts: FactStore, file: FactFile) -> Mapping[date, Mapping[str, Figure | None]]:
        """Return the sums of all days of a version. Raises StoreDamaged for a broken file."""
        key = (file.path, file.checksum, file.account_id)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = _daily_sums(facts, file, since=date.min, until=date.max)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


def restated(
    query: FactQuery,
    *,
    since: date,
    until: date,
    platforms: Collection[str] | None = None,
    accounts: Collection[str | AccountKey] | None = None,
    dataset: str | None = None,
    unmoved: bool = False,
    kept: KeptSums | None = None,
) -> Restated:
    """Compare each version of the days from `since` to `until` that is still kept with the one before it.

    Of each account its coarsest dataset is looked at, as in a report, or the one that is named. The first known value
    is that of the first version in which the day has rows: days are usually read while they last, so it may be that of
    a part of the day. Where retention has removed the first versions, the first known value is a later one, and a note
    says so. With `unmoved` days that have not changed are there too, with the one value that they have always had.
    Memory is bounded by the days and the versions of one account's month; with `kept` versions that were read before
    are not read again. Raises UnknownName, BadInput for days the
    wrong way round, StoreDamaged for a broken file.
    """
    if dataset is not None and dataset not in DATASETS:
        raise UnknownName(f"There is no dataset {dataset!r}; there are {', '.join(DATASETS)}.")
    if since > until:
        raise BadInput(f"The days {since} to {until} are the wrong way round.")
    chosen: Mapping[str, Collection[str | AccountKey] | None]
    if dataset is None:
        chosen = _coarsest(query, since, until, platforms=platforms, accounts=accounts)
    else:
        chosen = {dataset: accounts}
    found: list[Moved] = []
    gone: list[datetime] = []
    for name, whose in chosen.items():
        for month in months(since, until):
            for versions in _versions(query, name, month, platforms=platforms, accounts=whose):
                gone += [one.superseded_at for one in versions if not one.path and one.superseded_at is not None]
                there = [one for one in versions if one.path]
                found += _moves(query.facts, there, since=since, until=until, unmoved=unmoved, kept=kept)
    found.sort(key=lambda row: (row.platform, row.account_id, row.day, row.dataset, SUMMED.index(row.metric)))
    notes = []
    if gone:
        notes.append(
            f"Versions from before {max(gone):%Y-%m-%d %H:%M} UTC are no longer kept for some of these days, so their "
            "first known values are later ones (ADJOIN_KEEP_SUPERSEDED_DAYS)."
        )
    return Restated(since=since, until=until, rows=found, notes=notes)


def _coarsest(
    query: FactQuery,
    since: date,
    until: date,
    *,
    platforms: Collection[str] | None,
    accounts: Collection[str | AccountKey] | None,
) -> dict[str, list[AccountKey]]:
    """Return the dataset that a report by account would look at, for accounts without any rows today too."""
    with query.store.read() as session:
        rows = session.exec(
            select(FactFile.platform, FactFile.account_id, FactFile.dataset)
            .where(
                FactFile.workspace_id == query.workspace_id,
                col(FactFile.dataset).in_(LADDER),
                col(FactFile.month) >= since.replace(day=1),
                col(FactFile.month) <= until,
                *limited_to(platforms, accounts),
            )
            .distinct()
        ).all()
    have: dict[AccountKey, list[str]] = defaultdict(list)
    for platform, account_id, dataset in rows:
        have[AccountKey(platform, account_id)].append(dataset)
    covered = query.covered_days(LADDER, since, until)
    chosen: dict[str, list[AccountKey]] = defaultdict(list)
    for account, datasets in sorted(have.items()):
        best = max(sorted(datasets, key=LADDER.index), key=lambda name: covered.get((account, name), 0))
        chosen[best].append(account)
    return dict(chosen)


def _versions(
    query: FactQuery,
    dataset: str,
    month: date,
    *,
    platforms: Collection[str] | None,
    accounts: Collection[str | AccountKey] | None,
) -> Iterator[list[FactFile]]:
    """Yield the versions of each account's month, the oldest first, as far as each has ever counted."""
    with query.store.read() as session:
        rows = session.exec(
            select(FactFile)
            .where(
                FactFile.workspace_id == query.workspace_id,
                FactFile.dataset == dataset,
                FactFile.month == month,
                (col(FactFile.superseded_at).is_(None)) | (col(FactFile.superseded_at) > col(FactFile.created_at)),
                *limited_to(platforms, accounts),
            )
            .order_by(FactFile.platform, FactFile.account_id, col(FactFile.created_at))
        ).all()
    by_account: dict[AccountKey, list[FactFile]] = defaultdict(list)
    for row in rows:
        by_account[AccountKey(row.platform, row.account_id)].append(row)
    yield from by_account.values()


def _moves(
    facts: FactStore,
    versions: Sequence[FactFile],
    *,
    since: date,
    until: date,
    unmoved: bool,
    kept: KeptSums | None,
) -> Iterator[Moved]:
    steps: dict[tuple[date, str], list[Step]] = {}
    if len(versions) < (1 if unmoved else 2):
        return
    for version in versions:
        if kept is None:
            sums: Mapping[date, Mapping[str, Figure | None]] = _daily_sums(facts, version, since=since, until=until)
        else:
            sums = {day: one for day, one in kept.of(facts, version).items() if since <= day <= until}
        for (day, _), known in steps.items():
            if day not in sums and known[-1].value:  # its rows have gone
                known.append(Step(at=version.created_at, value=0))
        for day, values in sums.items():
            for metric, value in values.items():
                history = steps.setdefault((day, metric), [])
                if not history or history[-1].value != value:
                    history.append(Step(at=version.created_at, value=value))
    latest = versions[-1]
    for (day, metric), history in steps.items():
        if unmoved or len(history) > 1:
            yield Moved(
                platform=latest.platform,
                account_id=latest.account_id,
                currency=latest.currency,
                dataset=latest.dataset,
                day=day,
                metric=metric,
                steps=history,
            )


def _daily_sums(facts: FactStore, file: FactFile, *, since: date, until: date) -> dict[date, dict[str, Figure | None]]:
    """Return each day's exact sum of each metric in one version of a month; None where no row gives it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if file.first_date is None or file.last_date is None or file.first_date > until or file.last_date < since:
        return {}
    names = [name for name in SUMMED if name in DATASETS[file.dataset].metrics]
    found: dict[date, dict[str, Figure | None]] = {}
    for batch in _batches(facts, file, ["account_id", "date", *names]):
        days: Any = batch.column("date")
        inside = pc.and_(pc.greater_equal(days, pa.scalar(since)), pc.less_equal(days, pa.scalar(until)))
        table: Any = pa.Table.from_batches([batch.filter(inside)])
        for row in table.group_by("date").aggregate([(name, "sum") for name in names]).to_pylist():
            day = found.setdefault(row["date"], dict.fromkeys(names))
            for name in names:
                value = row[f"{name}_sum"]
                if value is not None:
                    day[name] = (day[name] or 0) + value
    return {
        day: {name: count(Decimal(value)) if value is not None else None for name, value in values.items()}
        for day, values in found.items()
    }


def _batches(facts: FactStore, file: FactFile, names: Sequence[str]) -> Iterable[Any]:
    import pyarrow.parquet as pq

    from adjoin.facts._merge import account_rows

    path = facts.local(file.path, expected=file.checksum, size=file.bytes)
    if file.packed:
        yield from account_rows(path, file.account_id, names)
        return
    with pq.ParquetFile(path) as parquet:
        yield from parquet.iter_batches(columns=list(names), use_threads=False)
