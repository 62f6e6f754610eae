"""Which runs an operator's words come to: connections, and what each of them is limited to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.db.access import Access
from adjoin.db.models import Account, Connection
from adjoin.errors import BadInput, UnknownName, UsageError
from adjoin.sync.connections import Connections

__all__ = ["Choice", "choose", "streams_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A connection to sync: all of it, or what was asked for. None is no limit."""

    connection: Connection
    days: tuple[date, date] | None = None
    accounts: frozenset[str] | None = None
    streams: frozenset[str] | None = None


def choose(
    store: Access,
    connections: Connections,
    *,
    workspace_id: str,
    platform: str | None = None,
    days: tuple[date, date] | None = None,
    accounts: Collection[str] = (),
    datasets: Collection[str] = (),
) -> list[Choice]:
    """Return what to sync, oldest connection first.

    `accounts` are ids as the platform writes them, `datasets` names of datasets or lists of entities; connections that
    have none of them are left out. Raises UnknownName for a platform, account or dataset that is not there, BadInput
    for an account of another platform than the one named, UsageError where nothing is connected.
    """
    if platform is not None:
        connections.describe(platform)
    found = connections.find(workspace_id, platform=platform)
    if not found:
        what = f" to {platform}" if platform else ""
        raise UsageError(f"there is no connection{what} to sync; run `adjoin connect {platform or 'PLATFORM'}`")
    described = {one.platform: connections.describe(one.platform) for one in found}
    owned = _owned(store, connections, workspace_id, found, accounts) if accounts else {}
    choices = []
    for connection in found:
        streams = streams_of(described[connection.platform], datasets) if datasets else None
        if (accounts and connection.id not in owned) or streams == frozenset():
            continue
        choices.append(Choice(connection=connection, days=days, accounts=owned.get(connection.id), streams=streams))
    if datasets:
        _check_datasets(list(described.values()), datasets)
    if not choices:
        raise BadInput(
            f"none of the accounts {', '.join(sorted(accounts))} has {', '.join(sorted(datasets))}; "
            "`adjoin plugins list` says what a platform offers"
        )
    return choices


def streams_of(description: v2.Description, datasets: Collection[str]) -> frozenset[str]:
    """Return the streams that give the datasets, those that bring them along too."""
    return frozenset(stream.name for stream in description.streams if {stream.name, *stream.yields} & set(datasets))


def _check_datasets(described: Sequence[v2.Description], datasets: Collection[str]) -> None:
    offered = sorted({name for one in described for stream in one.streams for name in (stream.name, *stream.yields)})
    unknown = sorted(set(datasets) - set(offered))
    if unknown:
        raise UnknownName(
            f"there is no dataset {unknown[0]!r} on {', '.join(one.title for one in described)}; there are "
            f"{', '.join(offered)}"
        )


def _owned(
    store: Access,
    connections: Connections,
    workspace_id: str,
    chosen: Sequence[Connection],
    accounts: Collection[str],
) -> dict[str, frozenset[str]]:
    """Return the accounts by the connection that reads them."""
    with store.read() as session:
        query = select(Account).where(col(Account.workspace_id) == workspace_id)
        known = [row for row in session.exec(query) if row.gone_at is None]
    unknown = sorted(set(accounts) - {row.id for row in known})
    if unknown:
        there = sorted(row.id for row in known if row.connection_id in {one.id for one in chosen})
        raise UnknownName(f"no connection reaches an account {unknown[0]!r}; there are {', '.join(there) or 'none'}")
    owned: dict[str, set[str]] = {}
    for account_id in accounts:
        rows = [row for row in known if row.id == account_id]
        mine = [row for row in rows if row.connection_id in {one.id for one in chosen}]
        if not mine:
            raise BadInput(
                f"account {account_id} ({rows[0].name}) belongs to a connection to "
                f"{connections.describe(rows[0].platform).title}; name it with --platform {rows[0].platform}"
            )
        for row in mine:
            if not row.readable:
                reason = (row.note or row.native_status).removeprefix("not read: ")
                raise BadInput(f"account {account_id} ({row.name}) cannot be read: {reason}")
            owned.setdefault(row.connection_id, set()).add(account_id)
    return {connection: frozenset(ids) for connection, ids in owned.items()}
