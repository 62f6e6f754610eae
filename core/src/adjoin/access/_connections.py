"""The connection that a change is about, locked, and whether it can be used."""

from __future__ import annotations

from sqlmodel import Session

from adjoin.db.models import Connection, ConnectionState
from adjoin.errors import StateError, UnknownName

__all__ = ["check_usable", "connection_of"]


def connection_of(session: Session, workspace_id: str, connection_id: str) -> Connection:
    """Lock a connection of a workspace and return it. Raises UnknownName."""
    found = session.get(Connection, (workspace_id, connection_id), with_for_update=True, populate_existing=True)
    if found is None:
        raise UnknownName(f"there is no connection {connection_id[:40]!r} in this workspace")
    return found


def check_usable(connection: Connection) -> None:
    """Raise StateError for a connection that nothing can be read with until somebody authorises it again."""
    if connection.credential is None or connection.state in (ConnectionState.RECONNECT, ConnectionState.DISABLED):
        raise StateError(f"the connection {connection.label!r} has to be authorised again before it can be synced")
