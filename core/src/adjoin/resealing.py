"""Which key has sealed what in the database, and sealing it again with the first one while everything runs on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from adjoin.db.sealed import SealedColumn, sealed_columns
from adjoin.errors import SecretError

if TYPE_CHECKING:
    from adjoin.db import Store
    from adjoin.secrets import Vault

__all__ = ["Resealed", "count_sealed", "reseal"]

_HEADER_BYTES = 5  # the version and the id of the key
_VERSION = b"\x01"
#: Processes may seal with an older key while this goes over the rows; they stop as soon as they meet a new blob.
_ROUNDS = 3


@dataclass(slots=True)
class Resealed:
    """What came of it: how many blobs were sealed again, and in words what could not be."""

    done: int = 0
    problems: list[str] = field(default_factory=list)


def count_sealed(store: Store, vault: Vault, plugins: Sequence[sa.MetaData] = ()) -> Mapping[str, Mapping[str, int]]:
    """Count what each key has sealed: by key id, then by column as `table.column`.

    Every column of bytes in the database is looked at, so that blobs of a plugin that is not loaded count as well;
    there, keys that the vault does not have go unnoticed. `plugins` are the tables of those that are loaded.
    """
    known = {str(one) for one in sealed_columns(*plugins)}
    counted: dict[str, dict[str, int]] = {}
    with store.read() as session:
        connection = session.connection()
        for table, column in _byte_columns(connection):
            name = f"{table.name}.{column.name}"
            header = sa.func.substr(column, 1, _HEADER_BYTES, type_=sa.LargeBinary)
            query = sa.select(header, sa.func.count()).where(column.is_not(None)).group_by(header)
            if name not in known:
                query = query.where(header.in_([_header(key_id) for key_id in vault.key_ids]))
            for start, number in connection.execute(query):
                counted.setdefault(bytes(start)[1:].hex(), {})[name] = number
    return counted


def reseal(store: Store, vault: Vault, plugins: Sequence[sa.MetaData] = ()) -> Resealed:
    """Seal with the first key whatever an older one has sealed. Safe to repeat, and beside anything that runs.

    A blob is only replaced while it is the one that was read, so that a credential that another process stores
    meanwhile stays.
    """
    result = Resealed()
    with store.read() as session:
        tables = set(sa.inspect(session.connection()).get_table_names())
    columns = [
        one for one in sealed_columns(*plugins) if one.column.table.name in tables
    ]  # a plugin's may not be there yet
    failed: dict[tuple[str, ...], str] = {}
    for _ in range(_ROUNDS):
        again = False
        for column in columns:
            for row in _outdated(store, vault, column):
                again = True
                key = (str(column), *map(str, row.key.values()))
                try:
                    result.done += _reseal(store, vault, column, row)
                    failed.pop(key, None)
                except SecretError as error:
                    failed[key] = str(error)
        if not again:
            break
    result.problems += failed.values()
    known = {str(column) for column in columns}
    for key_id, counts in count_sealed(store, vault, plugins).items():
        if key_id != vault.key_ids[0]:
            result.problems += [
                f"{number} in {name} are of a plugin that is not loaded; switch it on and repeat this"
                for name, number in counts.items()
                if name not in known
            ]
    return result


@dataclass(frozen=True, slots=True)
class _Row:
    key: Mapping[str, Any]
    workspace: str
    record: str
    blob: bytes


def _outdated(store: Store, vault: Vault, column: SealedColumn) -> list[_Row]:
    """The rows of a column that another key than the first has sealed."""
    header = sa.func.substr(column.column, 1, _HEADER_BYTES, type_=sa.LargeBinary)
    place = sa.literal("") if column.workspace is None else column.workspace
    query = sa.select(place, column.record, column.column, *column.key)
    query = query.where(column.column.is_not(None), header != _header(vault.key_ids[0]))
    names = [one.name for one in column.key]
    with store.read() as session:
        return [
            _Row(dict(zip(names, key, strict=True)), workspace, record, blob)
            for workspace, record, blob, *key in session.connection().execute(query)
        ]


def _reseal(store: Store, vault: Vault, column: SealedColumn, row: _Row) -> int:
    """Replace a blob; 0 if it has changed meanwhile."""
    place = {"workspace": row.workspace, "purpose": column.purpose, "record": row.record}
    sealed = vault.seal(vault.open(row.blob, **place), **place)
    table = column.column.table
    change = sa.update(table).where(column.column == row.blob).values({column.column: sealed})
    for name, value in row.key.items():
        change = change.where(table.columns[name] == value)
    with store.write() as session:
        return session.connection().execute(change).rowcount


def _byte_columns(connection: sa.Connection) -> Iterator[tuple[sa.TableClause, sa.ColumnClause[Any]]]:
    inspector = sa.inspect(connection)
    for name in sorted(inspector.get_table_names()):
        names = [one["name"] for one in inspector.get_columns(name) if isinstance(one["type"], sa.types._Binary)]  # noqa: SLF001
        table = sa.table(name, *(sa.column(one, sa.LargeBinary) for one in names))
        for one in names:
            yield table, table.columns[one]


def _header(key_id: str) -> bytes:
    return _VERSION + bytes.fromhex(key_id)
