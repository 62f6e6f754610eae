"""Who runs the installation from the dashboard, and switching plugins there for all workspaces."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.access._locks import is_active
from adjoin.access.actors import Actor
from adjoin.access.audit import record_everywhere
from adjoin.db.models import Connection
from adjoin.db.people import User
from adjoin.errors import BadInput, Forbidden, StateError, UnknownName

if TYPE_CHECKING:
    from adjoin.db import Store
    from adjoin.kernel import Kernel
    from adjoin.settings import Settings

__all__ = ["Reach", "fixed_plugins", "is_operator", "reach_of", "switch_plugin"]


@dataclass(frozen=True, slots=True)
class Reach:
    """What hangs on a plugin in the whole installation: connections of its platform, and workspaces with one."""

    connections: int
    workspaces: int


def is_operator(session: Session, settings: Settings, user_id: str | None) -> bool:
    """Say whether ADJOIN_OPERATORS names somebody by an e-mail that is proven to be theirs; they are active."""
    named = {one.strip().casefold() for one in settings.operators.split(",") if one.strip()}
    if not named or user_id is None or not is_active(session, user_id):
        return False
    user = session.get(User, user_id)
    return user is not None and user.email_verified_at is not None and user.email.casefold() in named


def reach_of(session: Session, plugin: str) -> Reach:
    """Count what hangs on a plugin."""
    of_workspaces = sa.func.count(sa.distinct(col(Connection.workspace_id)))
    row = session.exec(
        select(sa.func.count(), of_workspaces).select_from(Connection).where(col(Connection.platform) == plugin)
    ).one()
    return Reach(connections=row[0], workspaces=row[1])


def fixed_plugins(settings: Settings) -> frozenset[str]:
    """Return the plugins without which nobody could take it back in the dashboard."""
    return frozenset({"dashboard", settings.auth})


def switch_plugin(
    store: Store, settings: Settings, kernel: Kernel, name: str, *, on: bool, by: Actor, now: datetime
) -> bool:
    """Switch a plugin on or off from the next start of each process on; return whether that changes anything.

    Stands in the audit log of each workspace that the operator is a member of. Raises Forbidden for who is no operator,
    UnknownName, BadInput for a plugin that the dashboard needs, StateError for one that ADJOIN_DISABLE names and where
    the switch cannot be written.
    """
    with store.write() as session:
        if not is_operator(session, settings, by.user_id):
            raise Forbidden(
                "plugins belong to the whole installation: only those whom ADJOIN_OPERATORS names switch them here"
            )
        if name not in {one.name for one in kernel.reports}:
            raise UnknownName(f"there is no plugin {name[:80]!r}")
        if not on and name in fixed_plugins(settings):
            raise BadInput(
                f"without the plugin {name!r} nobody could switch it on again here: `adjoin plugins disable {name}`"
            )
        if on and name in {one.strip() for one in settings.disable.split(",")}:
            raise StateError(f"ADJOIN_DISABLE names {name!r}: take it out there, where Adjoin runs")
        if on is (name not in settings.disabled_plugins):
            return False
        record_everywhere(
            session,
            user_id=by.user_id or "",
            action="plugin.enabled" if on else "plugin.disabled",
            actor=by.name,
            object_kind="plugin",
            object_id=name,
            address=by.address,
            now=now,
        )
        settings.switch_plugin(name, on=on)
    return True
