"""The manifest of a workspace as it is now, held in memory until a sync, a compaction or a removal changes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from threading import RLock
from typing import Any, Self

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.db.access import Access
from adjoin.db.models import Coverage, FactFile, Run
from adjoin.facts.manifest import AccountKey, counting

__all__ = ["Listed", "Listing", "ListingCache", "covered_days", "data_version", "list_files"]

_MOST_WORKSPACES = 64
_MOST_RANGES = 64


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the manifest, as far as reading needs it. `lacking` are the metrics that none of its rows gives."""

    platform: str
    account_id: str
    dataset: str
    path: str
    checksum: str
    bytes: int
    first_date: date | None
    last_date: date | None
    currency: str
    packed: bool
    lacking: frozenset[str]

    @classmethod
    def of(cls, file: FactFile) -> Self:
        """Return what is needed of a row of the manifest."""
        return cls(
            platform=file.platform,
            account_id=file.account_id,
            dataset=file.dataset,
            path=file.path,
            checksum=file.checksum,
            bytes=file.bytes,
            first_date=file.first_date,
            last_date=file.last_date,
            currency=file.currency,
            packed=file.packed,
            lacking=_lacking(file.sums),
        )

    @property
    def account(self) -> AccountKey:
        return AccountKey(self.platform, self.account_id)


@dataclass(frozen=True, slots=True)
class _Month:
    first: date
    last: date
    days: int


@dataclass(slots=True)
class Listing:
    """The files that are current at a version of the data, by dataset."""

    version: str
    files: Mapping[str, Sequence[Listed]]
    _months: Mapping[tuple[AccountKey, str], Sequence[_Month]] | None = None
    _covered: dict[tuple[date, date], Mapping[tuple[AccountKey, str], int]] = field(default_factory=dict)

    def covered(
        self, store: Access, workspace_id: str, since: date, until: date
    ) -> Mapping[tuple[AccountKey, str], int]:
        """Count the days that have been read, by account and dataset."""
        found = self._covered.get((since, until))
        if found is None:
            if self._months is None:
                with store.read() as session:
                    self._months = _months(session, workspace_id)
            found = _days_in(self._months, since, until)
            if found is None:  # the days of a month that is cut have gaps: only the rows themselves can tell
                with store.read() as session:
                    found = covered_days(session, workspace_id, None, since, until)
            if len(self._covered) >= _MOST_RANGES:
                self._covered.clear()
            self._covered[since, until] = found
        return found


class ListingCache:
    """The listings of the workspaces that were read lately. Usable from several threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._kept: dict[str, Listing] = {}

    def of(self, store: Access, workspace_id: str) -> Listing:
        """Return the listing of a workspace, read again if its data has changed."""
        with store.read() as session:
            version = data_version(session, workspace_id)
            with self._lock:
                kept = self._kept.get(workspace_id)
            if kept is not None and kept.version == version:
                return kept
            files: dict[str, list[Listed]] = defaultdict(list)
            for file in list_files(session, workspace_id):
                files[file.dataset].append(file)
        made = Listing(version, dict(files))
        with self._lock:
            if len(self._kept) >= _MOST_WORKSPACES:
                self._kept.clear()
            self._kept[workspace_id] = made
        return made


def data_version(session: Session, workspace_id: str) -> str:
    """Return a text that changes whenever facts or entities of a workspace are committed or removed.

    Ids of files are random, so workspaces of two installations do not come to the same text.
    """
    whose = col(FactFile.workspace_id) == workspace_id
    newest = sa.select(sa.func.max(FactFile.created_at)).where(whose, counting(None)).scalar_subquery()
    rows = sa.select(sa.func.count(col(FactFile.id))).where(whose).scalar_subquery()
    last = sa.select(sa.func.max(FactFile.id)).where(whose).scalar_subquery()
    ended = sa.select(sa.func.max(Run.finished_at)).where(col(Run.workspace_id) == workspace_id).scalar_subquery()
    found = session.execute(sa.select(newest, rows, last, ended)).one()
    return " ".join(map(str, found))


def list_files(session: Session, workspace_id: str) -> list[Listed]:
    """Read the current rows of the manifest that have rows of facts, in a stable order."""
    columns = (
        FactFile.platform,
        FactFile.account_id,
        FactFile.dataset,
        FactFile.path,
        FactFile.checksum,
        FactFile.bytes,
        FactFile.first_date,
        FactFile.last_date,
        FactFile.currency,
        FactFile.packed,
        FactFile.sums,
    )
    statement = (
        sa.select(*(col(one) for one in columns))
        .where(col(FactFile.workspace_id) == workspace_id, col(FactFile.rows) > 0, counting(None))
        .order_by(col(FactFile.platform), col(FactFile.account_id), col(FactFile.month))
    )
    found = session.execute(statement)
    fields: list[list[Any]] = [[*row[:-1], _lacking(row[-1])] for row in found]
    return [Listed(*each) for each in fields]


def _lacking(sums: Mapping[str, str | None]) -> frozenset[str]:
    return frozenset(name for name, total in sums.items() if total is None)


def covered_days(
    session: Session, workspace_id: str, datasets: Collection[str] | None, since: date, until: date
) -> dict[tuple[AccountKey, str], int]:
    """Count the days that have been read, with results or without, by account and dataset; None is every dataset."""
    statement = (
        select(Coverage.platform, Coverage.account_id, Coverage.dataset, sa.func.count())
        .where(Coverage.workspace_id == workspace_id, Coverage.day >= since, Coverage.day <= until)
        .group_by(Coverage.platform, Coverage.account_id, Coverage.dataset)
    )
    if datasets is not None:
        statement = statement.where(col(Coverage.dataset).in_(list(datasets)))
    return {
        (AccountKey(platform, account), dataset): days for platform, account, dataset, days in session.exec(statement)
    }


def _months(session: Session, workspace_id: str) -> dict[tuple[AccountKey, str], list[_Month]]:
    month = (sa.extract("year", col(Coverage.day)), sa.extract("month", col(Coverage.day)))
    which = (col(Coverage.platform), col(Coverage.account_id), col(Coverage.dataset))
    day = col(Coverage.day)
    statement = (
        sa.select(*which, sa.func.min(day), sa.func.max(day), sa.func.count())
        .where(col(Coverage.workspace_id) == workspace_id)
        .group_by(*which, *month)
    )
    found: dict[tuple[AccountKey, str], list[_Month]] = defaultdict(list)
    for platform, account, dataset, first, last, days in session.execute(statement):
        found[AccountKey(platform, account), dataset].append(_Month(first, last, days))
    return dict(found)


def _days_in(
    months: Mapping[tuple[AccountKey, str], Sequence[_Month]], since: date, until: date
) -> dict[tuple[AccountKey, str], int] | None:
    """Count the days within, or return None where a month without some of its days is cut."""
    counted: dict[tuple[AccountKey, str], int] = {}
    for key, pieces in months.items():
        total = 0
        for piece in pieces:
            if piece.last < since or piece.first > until:
                continue
            if piece.first >= since and piece.last <= until:
                total += piece.days
            elif piece.days == (piece.last - piece.first).days + 1:
                total += (min(piece.last, until) - max(piece.first, since)).days + 1
            else:
                return None
        if total:
            counted[key] = total
    return counted
