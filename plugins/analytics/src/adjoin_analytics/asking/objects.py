"""What is known of objects: names and attributes, as small tables that are looked up by platform, account and id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import col

from adjoin.analytics import v1
from adjoin.db.models import Account, Entity, EntityKind
from adjoin.facts.manifest import AccountKey
from adjoin_analytics.asking.shape import own_id
from adjoin_analytics.custom.patterns import field_values
from adjoin_analytics.definitions.catalogue import Catalogue
from adjoin_analytics.definitions.dimensions import ATTRIBUTES

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["AccountRow", "Objects", "accounts_of", "column_of", "names_of"]

#: From so many ids on, all names of a kind are read at once.
_MANY = 2000
#: Details of entities that are attributes.
_DETAILS = tuple(dict.fromkeys(one.source for one in ATTRIBUTES.values() if one.source != "status"))


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account, as far as questions need it."""

    platform: str
    id: str
    name: str
    currency: str
    status: str
    time_zone: str

    @property
    def key(self) -> AccountKey:
        return AccountKey(self.platform, self.id)


class Objects:
    """The objects of a kind as tables, kept until the workspace's data changes. Usable from several threads."""

    _MOST = 64

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[str, Any]] = OrderedDict()

    def of(self, context: v1.AnalyticsContext, kind: str, version: str) -> pa.Table:
        """Return platform, account_id, the own id, name, status and what else is known of all objects of a kind."""
        if kind == "account":
            accounts = self.accounts(context, version)
            rows = [(one.platform, one.id, one.name, one.status) for one in accounts]
            return _table(rows, ("platform", "account_id", "name", "status"))
        found: pa.Table = self._known((context.workspace_id, kind), version, lambda: _entities(context, kind))
        return found

    def accounts(self, context: v1.AnalyticsContext, version: str) -> Sequence[AccountRow]:
        """Return all accounts of the workspace."""
        found: Sequence[AccountRow] = self._known((context.workspace_id, ""), version, lambda: accounts_of(context))
        return found

    def _known(self, key: tuple[str, str], version: str, read: Callable[[], Any]) -> Any:
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept[0] == version:
                self._kept.move_to_end(key)
                return kept[1]
        found = read()
        with self._lock:
            self._kept[key] = (version, found)
            while len(self._kept) > self._MOST:
                self._kept.popitem(last=False)
        return found


def column_of(objects: pa.Table, dimension: str, catalogue: Catalogue) -> pa.Array[Any]:
    """Return the values of a dimension for each of the objects that it is known of."""
    names: Any = objects.column("name").combine_chunks()
    if dimension in catalogue.fields:
        field = catalogue.fields[dimension]
        read: pa.Array[Any] = field_values(field.pattern, dimension, names, field.values)
        return read
    found: pa.Array[Any] = objects.column(ATTRIBUTES[dimension].source).combine_chunks()
    return found


def names_of(context: v1.AnalyticsContext, kind: str, keys: Sequence[tuple[str, ...]]) -> dict[Any, str]:
    """Return the names of some campaigns, ad groups, ads or keywords by their `own_id`, as far as they are known."""
    wanted = set(keys)
    if not wanted:
        return {}
    ids = sorted({key[-1] for key in wanted})
    with context.read() as session:
        statement = sa.select(col(Entity.platform), col(Entity.account_id), col(Entity.id), col(Entity.name)).where(
            col(Entity.workspace_id) == context.workspace_id, col(Entity.kind) == EntityKind(kind)
        )
        if len(ids) <= _MANY:
            statement = statement.where(
                col(Entity.platform).in_(sorted({key[0] for key in wanted})),
                col(Entity.account_id).in_(sorted({key[1] for key in wanted})),
                col(Entity.id).in_(ids),
            )
        rows = session.execute(statement)
        return {(row[0], row[1], row[2]): row[3] for row in rows if (row[0], row[1], row[2]) in wanted}


def accounts_of(context: v1.AnalyticsContext) -> list[AccountRow]:
    """Read all accounts of the workspace."""
    columns: tuple[Any, ...] = (
        col(Account.platform),
        col(Account.id),
        col(Account.name),
        col(Account.currency),
        col(Account.status),
        col(Account.time_zone),
    )
    with context.read() as session:
        rows = session.execute(
            sa.select(*columns)
            .where(col(Account.workspace_id) == context.workspace_id)
            .order_by(col(Account.platform), col(Account.id))
        ).all()
    return [AccountRow(*row) for row in rows]


def _entities(context: v1.AnalyticsContext, kind: str) -> pa.Table:
    columns: tuple[Any, ...] = (
        col(Entity.platform),
        col(Entity.account_id),
        col(Entity.id),
        col(Entity.name),
        col(Entity.status),
        col(Entity.detail),
    )
    with context.read() as session:
        rows = session.execute(
            sa.select(*columns).where(
                col(Entity.workspace_id) == context.workspace_id, col(Entity.kind) == EntityKind(kind)
            )
        ).all()
    flat = [(*row[:5], *(_text(row[5].get(name)) for name in _DETAILS)) for row in rows]
    return _table(flat, (*own_id(kind), "name", "status", *_DETAILS))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _table(rows: Collection[Sequence[Any]], names: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) if rows else [() for _ in names]
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})
