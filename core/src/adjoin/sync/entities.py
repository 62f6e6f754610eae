"""Writes accounts and entities as the platform lists them, and marks what it does not list any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.ads import v2
from adjoin.db.models import Account, Connection, Entity, EntityKind
from adjoin.db.upsert import upsert
from adjoin.errors import WrongResult

__all__ = ["mark_gone", "save_accounts", "save_entities"]

_KINDS = {
    v2.Campaign: EntityKind.CAMPAIGN,
    v2.AdGroup: EntityKind.AD_GROUP,
    v2.Ad: EntityKind.AD,
    v2.Keyword: EntityKind.KEYWORD,
}
_OWN_COLUMNS = {"id", "account_id", "name", "status", "native_status", "campaign_id", "ad_group_id"}


def save_accounts(
    session: Session, connection: Connection, accounts: Sequence[v2.Account], *, now: datetime
) -> list[str]:
    """Store what a connection reaches. Returns notes on what an operator should know.

    An account that another connection reaches already stays with that one. What is not listed any more is marked as
    gone. Raises WrongResult for an account that is listed twice.
    """
    notes = []
    twice = [name for name, count in Counter(account.id for account in accounts).items() if count > 1]
    if twice:
        raise WrongResult(
            f"plugin {connection.platform!r} listed account {twice[0]!r} more than once", plugin=connection.platform
        )
    known = {
        row.id: row
        for row in session.exec(
            select(Account).where(
                col(Account.workspace_id) == connection.workspace_id, col(Account.platform) == connection.platform
            )
        )
    }
    for account in accounts:
        row = known.get(account.id)
        if row is not None and row.connection_id != connection.id and row.gone_at is None:
            notes.append(f"account {account.id} ({account.name}) is read through another connection already")
            continue
        note = None if account.readable else f"not read: {account.native_status or account.status}"
        values: dict[str, Any] = {
            "connection_id": connection.id,
            "name": account.name,
            "currency": account.currency,
            "time_zone": account.time_zone,
            "status": str(account.status),
            "native_status": account.native_status,
            "readable": account.readable,
            "parent_id": account.parent_id,
            "last_seen_at": now,
            "gone_at": None,
            "note": note,
        }
        if row is None:
            row = Account(
                workspace_id=connection.workspace_id,
                platform=connection.platform,
                id=account.id,
                first_seen_at=now,
                **values,
            )
        else:
            for name, value in values.items():
                setattr(row, name, value)
        session.add(row)
        if note is not None:
            notes.append(f"account {account.id} ({account.name}) is {note}")
    listed = {account.id for account in accounts}
    for row in known.values():
        if row.connection_id == connection.id and row.id not in listed and row.gone_at is None:
            row.gone_at = now
            row.note = "the platform does not list this account for the connection any more"
            session.add(row)
            notes.append(f"account {row.id} ({row.name}) is gone: {row.note}")
    return notes


def save_entities(
    session: Session, *, workspace_id: str, platform: str, entities: Iterable[v2.Entity], now: datetime
) -> int:
    """Insert or update entities; returns how many."""
    rows = [_row(workspace_id, platform, entity, now) for entity in entities]
    upsert(
        session,
        Entity,
        rows,
        update=(
            "name",
            "status",
            "native_status",
            "campaign_id",
            "ad_group_id",
            "detail",
            "last_seen_at",
            "gone_at",
        ),
    )
    return len(rows)


def mark_gone(
    session: Session, *, workspace_id: str, platform: str, account_id: str, kind: EntityKind, seen_since: datetime
) -> None:
    """Mark the entities of a kind that a complete listing, begun at `seen_since`, did not show."""
    session.connection().execute(
        sa.update(Entity)
        .where(
            col(Entity.workspace_id) == workspace_id,
            col(Entity.platform) == platform,
            col(Entity.account_id) == account_id,
            col(Entity.kind) == kind,
            col(Entity.last_seen_at) < seen_since,
            col(Entity.gone_at).is_(None),
        )
        .values(gone_at=seen_since)
    )


def _row(workspace_id: str, platform: str, entity: v2.Entity, now: datetime) -> dict[str, object]:
    return {
        "workspace_id": workspace_id,
        "platform": platform,
        "account_id": entity.account_id,
        "kind": _KINDS[type(entity)],
        "id": entity.id,
        "name": entity.name,
        "status": str(entity.status),
        "native_status": entity.native_status,
        "campaign_id": getattr(entity, "campaign_id", None),
        "ad_group_id": getattr(entity, "ad_group_id", None),
        "detail": {
            field.name: _plain(getattr(entity, field.name))
            for field in fields(entity)
            if field.name not in _OWN_COLUMNS and getattr(entity, field.name) is not None
        },
        "first_seen_at": now,
        "last_seen_at": now,
        "gone_at": None,
    }


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else value
