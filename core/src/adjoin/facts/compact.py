"""Puts closed months of several accounts into one file, so that queries over years open few files.

A month is closed when no platform's look-back reaches it any more. Each account keeps its row of the manifest, which
names the packed file from then on; what counts, and since when, does not change. So a run that is building upon a row
meanwhile is not disturbed, and figures as of an earlier instant are read from the packed file too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.ads import v2
from adjoin.db.models import FactFile, new_id
from adjoin.errors import StoreDamaged
from adjoin.facts import sums
from adjoin.facts._batches import batches
from adjoin.facts._merge import account_rows
from adjoin.facts.layout import file_schema, month_end, packed_path
from adjoin.facts.manifest import counting

if TYPE_CHECKING:
    import pyarrow as pa

    from adjoin.db import Store
    from adjoin.facts.store import FactStore
    from adjoin.runtime import Runtime

__all__ = ["Packed", "compact", "compact_all", "look_back_days"]

#: Accounts with more rows in a month keep a file of their own: there is nothing to gain, and their rows of a packed
#: file have to fit into memory.
LARGEST = 200_000

#: Packed files are written once and read for years. Above 9, zstd takes several times as long for a few percent.
_LEVEL = 9

#: The account's day may be another than that of UTC, and days are read again a little late.
_MARGIN = timedelta(days=3)

_IDS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A month that was packed: how many accounts lie in its file now, and how many files there were before.

    `damaged` are accounts whose file could not be used; they were left as they are, and `adjoin facts verify` tells
    of them. Without `accounts` nothing was packed.
    """

    workspace_id: str
    platform: str
    dataset: str
    month: date
    accounts: int
    files_before: int
    bytes_before: int
    bytes: int
    damaged: Sequence[str] = ()


def look_back_days(description: v2.Description) -> int:
    """Return how many days back a platform's figures are read again, at most."""
    return max((tier.days for stream in description.streams for tier in stream.look_back), default=1)


def compact_all(runtime: Runtime) -> list[Packed]:
    """Pack the closed months of all workspaces, for the platforms whose plugins are loaded."""
    described = {one.plugin: one.value for one in runtime.kernel.hook(v2.Ads.describe).all()}
    return list(
        compact(
            runtime.store,
            runtime.facts,
            now=runtime.clock.now(),
            look_back={platform: look_back_days(description) for platform, description in described.items()},
        )
    )


def compact(
    store: Store, facts: FactStore, *, now: datetime, look_back: Mapping[str, int], workspace_id: str | None = None
) -> Iterator[Packed]:
    """Pack what is closed, month by month, and yield what was done.

    `look_back` says per platform how many days back figures may be read again; other platforms are left alone. A month
    is packed when at least two accounts have a file of their own, or one has and there is a packed file already, which
    is then written anew. Rows that another process has replaced meanwhile stay as they are. The files that were packed
    stay until retention removes them, a day later. Safe beside running syncs and safe to kill. Raises StateError where
    files cannot be written.
    """
    for platform, days in sorted(look_back.items()):
        last = now.date() - timedelta(days=days) - _MARGIN
        for key in _months(store, platform, last, workspace_id):
            done = _pack(store, facts, key, now=now)
            if done is not None:
                yield done


@dataclass(frozen=True, slots=True, kw_only=True)
class _Month:
    workspace_id: str
    platform: str
    dataset: str
    month: date


def _months(store: Store, platform: str, last: date, workspace_id: str | None) -> list[_Month]:
    """Return the closed months in which accounts have files of their own, and more than one file in all."""
    key = [col(FactFile.workspace_id), col(FactFile.dataset), col(FactFile.month)]
    own = sa.func.sum(sa.case((col(FactFile.packed), 0), else_=1))
    query: Any = (
        sa.select(*key)
        .where(
            counting(None),
            col(FactFile.platform) == platform,
            col(FactFile.rows) <= LARGEST,
            col(FactFile.month) <= last,
        )
        .group_by(*key)
        .having(own > 0, sa.func.count() > 1)
        .order_by(*key)
    )
    if workspace_id is not None:
        query = query.where(FactFile.workspace_id == workspace_id)
    with store.read() as session:
        found = session.connection().execute(query).all()
    return [
        _Month(workspace_id=workspace, platform=platform, dataset=dataset, month=month)
        for workspace, dataset, month in found
        if month_end(month) <= last
    ]


def _pack(store: Store, facts: FactStore, key: _Month, *, now: datetime) -> Packed | None:
    with store.read() as session:
        rows = session.exec(
            select(FactFile)
            .where(
                counting(None),
                FactFile.workspace_id == key.workspace_id,
                FactFile.platform == key.platform,
                FactFile.dataset == key.dataset,
                FactFile.month == key.month,
                FactFile.rows <= LARGEST,
            )
            .order_by(FactFile.account_id)
        ).all()
    sound, damaged = _sound(facts, rows)
    if len(sound) < 2 or all(row.packed for row in sound):
        return _nothing(key, damaged) if damaged else None
    path = packed_path(
        workspace_id=key.workspace_id,
        platform=key.platform,
        dataset=key.dataset,
        month=key.month,
        file_id=new_id(),
    )
    with facts.create(path, file_schema(key.dataset), compression_level=_LEVEL) as file:
        for row in sound:
            try:
                for batch in _checked(facts, row):
                    file.append(batch)
            except StoreDamaged:
                return _nothing(key, [*damaged, row.account_id])
        checksum = file.publish()
    before = {row.path: row.bytes for row in sound}
    moved = _point(store, facts, sound, path=path, size=file.bytes, checksum=checksum, now=now)
    if not moved:
        facts.remove(path)
        return None
    return Packed(
        workspace_id=key.workspace_id,
        platform=key.platform,
        dataset=key.dataset,
        month=key.month,
        accounts=moved,
        files_before=len(before),
        bytes_before=sum(before.values()),
        bytes=file.bytes,
        damaged=damaged,
    )


def _nothing(key: _Month, damaged: Sequence[str]) -> Packed:
    return Packed(
        workspace_id=key.workspace_id,
        platform=key.platform,
        dataset=key.dataset,
        month=key.month,
        accounts=0,
        files_before=0,
        bytes_before=0,
        bytes=0,
        damaged=damaged,
    )


def _sound(facts: FactStore, rows: Sequence[FactFile]) -> tuple[list[FactFile], list[str]]:
    """Part rows whose file is as it should be from the accounts of those whose is not."""
    broken: dict[str, bool] = {}
    for path, checksum in {(row.path, row.checksum) for row in rows}:
        try:
            facts.intact(path, expected=checksum)
            broken[path] = False
        except StoreDamaged:
            broken[path] = True
    return [row for row in rows if not broken[row.path]], [row.account_id for row in rows if broken[row.path]]


def _checked(facts: FactStore, row: FactFile) -> Iterator[pa.RecordBatch]:
    """Yield an account's rows in the order of its file. StoreDamaged where they are not those of the manifest."""
    schema = file_schema(row.dataset)
    found: sums.Sums = dict.fromkeys(row.sums)
    count = 0
    for batch in account_rows(facts.local(row.path, expected=row.checksum), row.account_id, schema.names):
        count += batch.num_rows
        sums.add(found, batch, found)
        yield batch
    if (count, sums.as_text(found)) != (row.rows, row.sums):
        raise StoreDamaged(f"The file {row.path} does not hold what the manifest says; run `adjoin facts verify`.")


def _point(
    store: Store, facts: FactStore, rows: Sequence[FactFile], *, path: str, size: int, checksum: str, now: datetime
) -> int:
    """Let the rows name the packed file, in one transaction, and return how many did.

    A row that was replaced or packed by another process meanwhile no longer names its old file and is left alone. Each
    old file gets a row that never counts, so that retention removes it when no query can be at it any more.
    """
    with store.write() as session:
        moved = [row for row in rows if row.id in _locked(session, rows)]
        for row in moved:
            session.connection().execute(
                sa.update(FactFile)
                .where(col(FactFile.workspace_id) == row.workspace_id, col(FactFile.id) == row.id)
                .values(path=path, bytes=size, checksum=checksum, packed=True)
            )
        session.add_all(
            FactFile(**row.model_dump() | {"id": new_id(), "created_at": now, "superseded_at": now})
            for row in {row.path: row for row in moved}.values()
        )
        if (
            moved and facts.size(path) is None
        ):  # the process stood still for so long that retention took it for left over
            raise StoreDamaged(f"The packed file {path} has been removed before it was used; nothing was changed.")
    return len(moved)


def _locked(session: Session, rows: Sequence[FactFile]) -> set[str]:
    """Lock those of the rows that still are as they were read, and return their ids."""
    paths = {row.id: row.path for row in rows}
    found: set[str] = set()
    for ids in batches(sorted(paths), _IDS):
        query = (
            select(FactFile.id, FactFile.path)
            .where(col(FactFile.id).in_(ids), counting(None))
            .order_by(col(FactFile.id))
            .with_for_update()
        )
        found |= {row_id for row_id, now_at in session.exec(query) if now_at == paths[row_id]}
    return found
