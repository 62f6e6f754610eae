"""What a page gets: `surface.v1.PageContext`, and for Adjoin's own pages the host behind it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import select

from adjoin.db.models import DEFAULT_WORKSPACE, Account, FactFile, Run
from adjoin.facts.query import FactQuery
from adjoin.surface.v1 import Role
from adjoin_dashboard.host import Host

__all__ = ["Context", "data_version", "make_context"]


@dataclass(frozen=True, kw_only=True)
class Context:
    """One workspace, seen by one visitor. `host` and `data_version` are no part of the contract for plugins."""

    host: Host
    workspace_id: str
    role: Role
    currency: str
    time_zone: str

    @cached_property
    def facts(self) -> FactQuery:
        return self.host.query(self.workspace_id)

    @cached_property
    def data_version(self) -> str:
        return data_version(self)

    def now(self) -> datetime:
        return self.host.clock.now()

    def today(self) -> date:
        """The day it is in the workspace's zone."""
        return self.now().astimezone(ZoneInfo(self.time_zone)).date()

    def close(self) -> None:
        """Let go of the facts. They open again when they are asked again."""
        if "facts" in self.__dict__:
            self.facts.close()


def make_context(host: Host, workspace_id: str = DEFAULT_WORKSPACE) -> Context:
    """Return the context of a workspace.

    Amounts are shown in the currency, and days counted in the zone, that most of its accounts have.
    """
    with host.store.read() as session:
        rows = session.exec(
            select(Account.currency, Account.time_zone).where(Account.workspace_id == workspace_id)
        ).all()
    return Context(
        host=host,
        workspace_id=workspace_id,
        role="owner",  # until there is sign-in, whoever can reach this machine's own address owns it
        currency=_commonest([row[0] for row in rows], "USD"),
        time_zone=_commonest([row[1] for row in rows], "UTC"),
    )


def data_version(context: Context) -> str:
    """Return a text that changes whenever data of the workspace is committed: by each account and run."""
    with context.host.store.read() as session:
        ended = session.exec(select(sa.func.max(Run.finished_at)).where(Run.workspace_id == context.workspace_id)).one()
        committed = session.exec(
            select(sa.func.max(FactFile.created_at), sa.func.count()).where(
                FactFile.workspace_id == context.workspace_id
            )
        ).one()
    return f"{ended} {committed[0]} {committed[1]}"


def _commonest(values: list[str], fallback: str) -> str:
    counted = Counter(values)
    return min(counted, key=lambda value: (-counted[value], value), default=fallback)
