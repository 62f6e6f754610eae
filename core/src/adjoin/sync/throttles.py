"""Keeps what a platform said about staying away, so that a restart still obeys it."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import col, delete, select

from adjoin.db import Store, upsert
from adjoin.db.models import DEFAULT_WORKSPACE, Throttle

__all__ = ["load_throttles", "save_throttle"]


def load_throttles(store: Store, *, now: datetime) -> dict[str, datetime]:
    """Return the blocks that still hold, by bucket key, and forget the others."""
    with store.write() as session:
        session.exec(delete(Throttle).where(col(Throttle.blocked_until) <= now))
        return {row.key: row.blocked_until for row in session.exec(select(Throttle))}


def save_throttle(store: Store, key: str, until: datetime) -> None:
    """Note that a bucket is blocked until then."""
    row = {"workspace_id": DEFAULT_WORKSPACE, "key": key, "blocked_until": until, "note": ""}
    with store.write() as session:
        upsert(session, Throttle, [row], update=("blocked_until",))
