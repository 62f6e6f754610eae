"""Removes what nobody needs any more: superseded files, leftovers of killed processes, old runs.

The order is crash-safe: a row goes first and its file afterwards. A file without a row is found and removed by the next
pass; a row without a file would be damage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from adjoin.db.models import Account, FactFile, Run, RunState
from adjoin.facts._batches import batches
from adjoin.facts.layout import FACTS, STAGING, safe_part

if TYPE_CHECKING:
    from adjoin.db import Store
    from adjoin.facts.files import StoredFile
    from adjoin.facts.store import FactStore

__all__ = ["GRACE", "Cleaned", "clean", "forget", "orphans"]

#: Nothing younger is removed: a run or a query may be at it.
GRACE = timedelta(days=1)

_BATCH = 500
_ENDED = [state for state in RunState if state.ended]


@dataclass(slots=True, kw_only=True)
class Cleaned:
    """What a pass removed. `more` says that it stopped at its limit and another pass has something left to do."""

    superseded: int = 0  # rows of the manifest
    files: int = 0  # fact files, with those of `orphans`
    bytes: int = 0
    orphans: int = 0  # fact files that no row knew
    staged: int = 0  # runs whose staged files were left over
    drafts: int = 0  # half-written files
    runs: int = 0
    more: bool = False

    def __str__(self) -> str:
        return (
            f"{self.files} fact files ({self.bytes / 1e6:,.1f} MB), {self.orphans} of them without a row; "
            f"staged files of {self.staged} runs; {self.drafts} half-written files; {self.runs} old runs"
            + ("; there is more to do" if self.more else "")
        )


def clean(
    store: Store,
    facts: FactStore,
    *,
    now: datetime,
    keep_superseded_days: int,
    keep_runs_days: int,
    grace: timedelta = GRACE,
    limit: int = 10_000,
    dry_run: bool = False,
) -> Cleaned:
    """Do one pass over all workspaces and return what was removed; with `dry_run`, what would be.

    Superseded files go after `keep_superseded_days` and ended runs with their slices after `keep_runs_days`; of each
    connection the last run and the last that succeeded stay. Each kind stops at `limit`. Safe beside running syncs,
    queries and other passes, and safe to kill. Raises StateError where files cannot be removed.
    """
    done = Cleaned()
    before = now - timedelta(days=keep_superseded_days)
    _drop_superseded(store, facts, done, before=before, useless_before=now - grace, limit=limit, dry_run=dry_run)
    _drop_runs(store, done, before=now - timedelta(days=keep_runs_days), limit=limit, dry_run=dry_run)
    for file in orphans(store, facts, older_than=now - grace):
        if done.orphans >= limit:
            done.more = True
            break
        done.orphans += 1
        done.files += 1
        done.bytes += file.bytes
        if not dry_run:
            facts.remove(file.path)
    _drop_staged(store, facts, done, older_than=now - grace, dry_run=dry_run)
    return done


def forget(store: Store, facts: FactStore, row_ids: Collection[str], *, workspace_id: str) -> int:
    """Give up a workspace's superseded rows whose files are damaged, as if their time were over; return how many.

    Figures as of the time in which they counted are refused from then on. Rows that are current are left alone.
    """
    forgotten = 0
    for ids in batches(row_ids, _BATCH):
        with store.write() as session:
            query = select(FactFile).where(
                FactFile.workspace_id == workspace_id,
                col(FactFile.id).in_(ids),
                col(FactFile.superseded_at).is_not(None),
                FactFile.path != "",
            )
            rows = session.exec(query.with_for_update()).all()
            _forget(session, rows)
        with store.read() as session:
            needed = _referenced(session, [row.path for row in rows])
        for path in sorted({row.path for row in rows} - needed):
            facts.remove(path)
        forgotten += len(rows)
    return forgotten


def orphans(store: Store, facts: FactStore, *, older_than: datetime) -> Iterator[StoredFile]:
    """Yield the fact files that no row of the manifest names, last written before a time.

    Files of an account whose connection is running a sync are left out: it may be about to commit them.
    """
    listed = (file for file in facts.list(FACTS) if file.path.endswith(".parquet"))  # others are not ours
    old = (file for file in listed if file.modified_at < older_than)
    for files in batches(old, _BATCH):
        with store.read() as session:
            # In this order: a run that ends between the two has its files in the manifest by then.
            busy = _busy_folders(session)
        with store.read() as session:
            known = _known(session, [file.path for file in files])
        for file in files:
            if file.path not in known and f"{PurePosixPath(*PurePosixPath(file.path).parts[:4])}" not in busy:
                yield file


def _known(session: Session, paths: Sequence[str]) -> set[str]:
    """Return those of the paths that the manifest has."""
    ids = [PurePosixPath(path).stem for path in paths]  # a file is named by the id of its row, until it is packed
    known = set(session.exec(select(FactFile.path).where(col(FactFile.id).in_(ids))))
    return known | _referenced(session, [path for path in paths if path not in known])


def _referenced(session: Session, paths: Sequence[str], *, apart_from: Iterable[str] = ()) -> set[str]:
    if not paths:
        return set()
    query = select(FactFile.path).where(col(FactFile.path).in_(paths), col(FactFile.id).not_in(list(apart_from)))
    return set(session.exec(query.distinct()))


def _busy_folders(session: Session) -> set[str]:
    query = (
        select(Account.workspace_id, Account.platform, Account.id)
        .join(
            Run,
            sa.and_(
                col(Run.workspace_id) == col(Account.workspace_id),
                col(Run.connection_id) == col(Account.connection_id),
            ),
        )
        .where(Run.state == RunState.RUNNING)
    )
    return {str(PurePosixPath(FACTS, *map(safe_part, parts))) for parts in session.exec(query)}


# --- superseded files -----------------------------------------------------------------------------------------------


def _drop_superseded(
    store: Store,
    facts: FactStore,
    done: Cleaned,
    *,
    before: datetime,
    useless_before: datetime,
    limit: int,
    dry_run: bool,
) -> None:
    """Drop what ended `before`, and what never counted, as the files that were packed, after the grace period."""
    ended = col(FactFile.superseded_at)
    expired = sa.or_(ended <= before, sa.and_(ended <= useless_before, ended <= col(FactFile.created_at)))
    seen: list[str] = []  # in a dry run the rows stay and would be found again
    while len(seen) < limit:
        with store.read() if dry_run else store.write() as session:
            query = (
                select(FactFile)
                .where(expired, FactFile.path != "")
                .order_by(ended, col(FactFile.id))
                .limit(min(_BATCH, limit - len(seen)))
            )
            rows = session.exec(query.offset(len(seen)) if dry_run else query.with_for_update(skip_locked=True)).all()
            if not rows:
                return
            seen += [row.id for row in rows]
            sizes = {row.path: row.bytes for row in rows}
            if not dry_run:
                _forget(session, rows)
        with store.read() as session:
            gone = sorted(set(sizes) - _referenced(session, list(sizes), apart_from=seen if dry_run else ()))
        done.superseded += len(rows)
        for path in gone:
            done.files += 1
            done.bytes += sizes[path]
            if not dry_run:
                facts.remove(path)
    done.more = True


def _forget(session: Session, rows: Sequence[FactFile]) -> None:
    """Take rows out of the manifest. Of each account, dataset and month the last one stays as a mark, without a path.

    The mark counts from when the first of them did: of this time no figures are known any more.
    """
    counted: dict[tuple[Any, ...], list[FactFile]] = defaultdict(list)
    for row in rows:
        if row.superseded_at is not None and row.superseded_at > row.created_at:
            counted[_key(row)].append(row)
    for one in _marks(session, counted):
        counted[_key(one)].append(one)
    obsolete = {row.id for row in rows}
    for same in counted.values():
        mark = max(same, key=lambda row: row.superseded_at or row.created_at)
        obsolete |= {row.id for row in same}
        obsolete.remove(mark.id)
        nothing = {"path": "", "rows": 0, "bytes": 0, "checksum": "", "first_date": None, "last_date": None}
        since = min(row.created_at for row in same)
        session.connection().execute(
            sa.update(FactFile)
            .where(col(FactFile.workspace_id) == mark.workspace_id, col(FactFile.id) == mark.id)
            .values(**nothing, sums={}, packed=False, created_at=since)
        )
    session.connection().execute(sa.delete(FactFile).where(col(FactFile.id).in_(obsolete)))


def _marks(session: Session, keys: Iterable[tuple[Any, ...]]) -> list[FactFile]:
    accounts: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for workspace_id, dataset, month, platform, account_id in keys:
        accounts[workspace_id, dataset, month, platform].append(account_id)
    found: list[FactFile] = []
    for (workspace_id, dataset, month, platform), ids in accounts.items():
        found += session.exec(
            select(FactFile).where(
                FactFile.workspace_id == workspace_id,
                FactFile.dataset == dataset,
                FactFile.month == month,
                FactFile.platform == platform,
                FactFile.path == "",
                col(FactFile.account_id).in_(ids),
            )
        )
    return found


def _key(row: FactFile) -> tuple[Any, ...]:
    return (row.workspace_id, row.dataset, row.month, row.platform, row.account_id)


# --- runs and what they staged --------------------------------------------------------------------------------------


def _drop_runs(store: Store, done: Cleaned, *, before: datetime, limit: int, dry_run: bool) -> None:
    newer = aliased(Run)

    def followed(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        same_workspace = col(newer.workspace_id) == col(Run.workspace_id)
        same_connection = col(newer.connection_id) == col(Run.connection_id)
        later = col(newer.created_at) > col(Run.created_at)
        return sa.exists().where(same_workspace, same_connection, later, *conditions)

    query = (
        select(Run.workspace_id, Run.id)
        .where(
            col(Run.state).in_(_ENDED),
            col(Run.finished_at) < before,
            col(Run.retry_at).is_(None),
            followed(col(newer.state).in_(_ENDED)),
            sa.or_(col(Run.state) != RunState.SUCCEEDED, followed(col(newer.state) == RunState.SUCCEEDED)),
        )
        .limit(limit)
    )
    with store.read() as session:
        old = session.exec(query).all()
    done.runs = len(old)
    done.more = done.more or len(old) == limit
    if not dry_run:
        for some in batches(old, _BATCH):
            with store.write() as session:
                ids = [run_id for _, run_id in some]
                session.connection().execute(
                    sa.delete(Run).where(col(Run.id).in_(ids), col(Run.state).in_(_ENDED))  # their slices go with them
                )


def _drop_staged(store: Store, facts: FactStore, done: Cleaned, *, older_than: datetime, dry_run: bool) -> None:
    youngest: dict[str, datetime] = {}
    for file in facts.list(STAGING):
        run_id = unquote(PurePosixPath(file.path).parts[1])
        youngest[run_id] = max(youngest.get(run_id, file.modified_at), file.modified_at)
    with store.read() as session:
        active = set(session.exec(select(Run.id).where(col(Run.state).not_in(_ENDED))))
        busy = _busy_folders(session)
    for run_id in sorted(set(youngest) - active):
        if youngest[run_id] < older_than:
            done.staged += 1
            if not dry_run:
                facts.clear_staging(run_id)
    if not dry_run:
        done.drafts = facts.sweep_drafts(older_than=older_than, keep=active, folders=busy)
