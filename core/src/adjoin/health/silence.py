"""Days without rows where there used to be some, and months that have lost rows, from the manifest of the fact files.

How silence is decided, so that it is seldom a false alarm:

1. The last day that should have rows is two days before the newest day that was read: today is still counted, and
   yesterday often arrives late.
2. Days without rows up to there are silent. More than 28 of them are no news: the account rests.
3. A silent day counts if the dataset had rows on the same weekday in each of the four weeks before the silence. An
   account that never runs at weekends is not silent on a Sunday.
4. At least two silent days must count, and the account must have a campaign that runs.

Only what passes the first two steps is looked at in the files, and of those only the columns of days and accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from adjoin.db.models import Coverage, Entity, EntityKind, FactFile
from adjoin.errors import StateError
from adjoin.facts.store import FactStore

__all__ = ["AccountKey", "Shrunk", "Silence", "find_shrunk", "find_silence"]

#: Workspace, platform and account.
AccountKey = tuple[str, str, str]

_LATE_DAYS = 2
_AT_REST = 28
_WEEKS = 4
_LEAST = 2
_REACH = timedelta(days=100)
_SHRUNK_SINCE = timedelta(days=3)
_SHRUNK_ROWS = 50
_AT_ONCE = 200  # keys in one query


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Datasets of an account without rows from `first` to `last`. `others` are those of its datasets that have some."""

    datasets: tuple[str, ...]
    first: date
    last: date
    days: int
    others: tuple[str, ...]


class _File(NamedTuple):
    """What the manifest says of a file that has rows."""

    path: str
    checksum: str
    first_date: date
    last_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """A month of a dataset that has less than half of the rows it had before it was read again."""

    dataset: str
    month: date
    rows: int
    before: int
    since: datetime


def find_silence(
    session: Session, facts: FactStore, *, earliest: datetime, latest: datetime, workspace_id: str | None
) -> dict[AccountKey, Silence]:
    """Return the accounts that are silent. It is `earliest` to `latest` on the platforms' clocks."""
    files = _files(session, earliest, workspace_id)
    newest: dict[AccountKey, dict[str, date]] = defaultdict(dict)
    for (account, dataset), months in files.items():
        newest[account][dataset] = max(file.last_date for file in months)
    suspects = {
        account: {name: last for name, last in datasets.items() if last < latest.date() - timedelta(days=_LATE_DAYS)}
        for account, datasets in newest.items()
    }
    read_until = _read_until(session, [(account, name) for account, names in suspects.items() for name in names])
    found: dict[AccountKey, Silence] = {}
    for account, names in suspects.items():
        silent: dict[str, tuple[date, date, int]] = {}
        for name, last in names.items():
            until = read_until.get((account, name), last) - timedelta(days=_LATE_DAYS)
            if 0 < (until - last).days <= _AT_REST:
                missed = _missed(facts, account[2], files[account, name], last, until)
                if missed >= _LEAST:
                    silent[name] = (last + timedelta(days=1), until, missed)
        if silent:
            found[account] = Silence(
                datasets=tuple(sorted(silent)),
                first=min(first for first, _, _ in silent.values()),
                last=max(until for _, until, _ in silent.values()),
                days=max(missed for _, _, missed in silent.values()),
                others=tuple(sorted(set(newest[account]) - set(names))),
            )
    resting = _without_running_campaign(session, list(found))
    return {account: one for account, one in found.items() if account not in resting}


def find_shrunk(session: Session, *, now: datetime, workspace_id: str | None) -> dict[AccountKey, list[Shrunk]]:
    """Return the months that lost half of their rows in the last three days."""
    old = aliased(FactFile)
    key = ("workspace_id", "platform", "account_id", "dataset", "month")
    columns: Any = [getattr(FactFile, name) for name in key]
    query = (
        sa.select(*columns, col(FactFile.rows), sa.func.max(col(old.rows)), sa.func.min(col(old.superseded_at)))
        .join(old, sa.and_(*(getattr(FactFile, name) == getattr(old, name) for name in key)))
        .where(
            col(FactFile.superseded_at).is_(None),
            col(old.superseded_at) >= now - _SHRUNK_SINCE,
            col(old.rows) >= _SHRUNK_ROWS,
            col(FactFile.rows) * 2 < col(old.rows),
        )
        .group_by(*columns, col(FactFile.rows))
    )
    if workspace_id is not None:
        query = query.where(col(FactFile.workspace_id) == workspace_id)
    found: dict[AccountKey, list[Shrunk]] = defaultdict(list)
    answered: Any = session.exec(cast("Any", query))
    for workspace, platform, account, dataset, month, rows, before, since in answered:
        one = Shrunk(dataset=dataset, month=month, rows=rows, before=before, since=since)
        found[workspace, platform, account].append(one)
    return dict(found)


def _files(
    session: Session, since: datetime, workspace_id: str | None
) -> Mapping[tuple[AccountKey, str], Sequence[_File]]:
    """Return the current files with rows of the last months, by account and dataset."""
    names = ("workspace_id", "platform", "account_id", "dataset", "path", "checksum", "first_date", "last_date")
    columns: Any = [getattr(FactFile, name) for name in names]
    query = sa.select(*columns).where(
        col(FactFile.superseded_at).is_(None),
        col(FactFile.month) >= (since - _REACH).date(),
        col(FactFile.last_date).is_not(None),
    )
    if workspace_id is not None:
        query = query.where(col(FactFile.workspace_id) == workspace_id)
    found: dict[tuple[AccountKey, str], list[_File]] = defaultdict(list)
    answered: Any = session.exec(cast("Any", query))
    for workspace, platform, account, dataset, *file in answered:
        found[(workspace, platform, account), dataset].append(_File(*file))
    return found


def _read_until(session: Session, asked: Sequence[tuple[AccountKey, str]]) -> dict[tuple[AccountKey, str], date]:
    """Return the newest day that was read of each."""
    key = (Coverage.workspace_id, Coverage.platform, Coverage.account_id, Coverage.dataset)
    columns: Any = [col(one) for one in key]
    found: dict[tuple[AccountKey, str], date] = {}
    for place in range(0, len(asked), _AT_ONCE):
        some = [(*account, dataset) for account, dataset in asked[place : place + _AT_ONCE]]
        query = sa.select(*columns, sa.func.max(col(Coverage.day))).where(sa.tuple_(*columns).in_(some))
        answered: Any = session.exec(cast("Any", query.group_by(*columns)))
        for workspace, platform, account, dataset, day in answered:
            found[(workspace, platform, account), dataset] = day
    return found


def _missed(facts: FactStore, account_id: str, files: Sequence[_File], last: date, until: date) -> int:
    """Count the days after `last` whose weekday had rows in each of the weeks before."""
    span = [last - timedelta(days=back) for back in range(7 * _WEEKS)]
    held: set[date] = set()
    for file in files:
        if file.last_date >= span[-1]:
            try:
                path = facts.local(file.path, expected=file.checksum)
                held |= _days_of(path, file.checksum, account_id)
            except (StateError, OSError):  # `adjoin facts verify` tells of it
                return 0
    full = {day.weekday() for day in span[:7] if all(day - timedelta(days=7 * week) in held for week in range(_WEEKS))}
    silent = [last + timedelta(days=ahead) for ahead in range(1, (until - last).days + 1)]
    return sum(day.weekday() in full for day in silent)


@lru_cache(maxsize=512)
def _days_of(path: Path, checksum: str, account_id: str) -> frozenset[date]:
    """Return the days on which an account has rows in a file. Files never change, so the answer holds."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found: set[date] = set()
    mine = pc.field("account_id") == account_id
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["date", "account_id"]):
            days: Any = pa.Table.from_batches([batch]).filter(mine).column("date")
            found.update(pc.unique(days).to_pylist())
    return frozenset(found)


def _without_running_campaign(session: Session, accounts: Sequence[AccountKey]) -> set[AccountKey]:
    """Return those whose campaigns are known, and none of them runs."""
    if not accounts:
        return set()
    columns: Any = [col(one) for one in (Entity.workspace_id, Entity.platform, Entity.account_id)]
    runs = sa.and_(col(Entity.status) == "active", col(Entity.gone_at).is_(None))
    query = (
        sa.select(*columns, sa.func.sum(sa.case((runs, 1), else_=0)))
        .where(sa.tuple_(*columns).in_(accounts), col(Entity.kind) == EntityKind.CAMPAIGN)
        .group_by(*columns)
    )
    answered: Any = session.exec(cast("Any", query))
    return {(workspace, platform, account) for workspace, platform, account, running in answered if not running}
