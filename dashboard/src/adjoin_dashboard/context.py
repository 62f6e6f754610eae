"""What a page gets: `surface.v1.PageContext`, and for Adjoin's own pages the host behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import col, select

from adjoin.access.actors import Actor
from adjoin.access.permissions import Permission
from adjoin.access.signed_in import SignedIn
from adjoin.access.workspace_settings import AUTOMATIC, WorkspaceSettings, settings_of
from adjoin.ads import v2
from adjoin.analytics import v1
from adjoin.db.models import Account, FactFile, Run, Workspace
from adjoin.db.scope import Scope
from adjoin.errors import Forbidden
from adjoin.facts.query import FactQuery
from adjoin.surface.v1 import Role
from adjoin.writing import DateFormat, NumberFormat, Writer
from adjoin_dashboard.host import Host

__all__ = ["Context", "commonest", "data_version", "make_context", "writer_of"]


@dataclass(frozen=True, kw_only=True)
class Context:
    """One workspace, seen by one member of it.

    Part of the contract for plugins is what `surface.v1.PageContext` names; the rest is for Adjoin's own pages.
    `write` writes numbers and times as they like them; `time_zone` is the one that days are counted in. `settings` are
    those of the workspace, of which `currency` and `time_zone` come where they are set.
    `address` is the network address of who looks.
    """

    host: Host
    signed_in: SignedIn
    workspace_id: str
    role: Role
    currency: str
    time_zone: str
    write: Writer
    address: str = ""
    settings: WorkspaceSettings = AUTOMATIC

    @cached_property
    def store(self) -> Scope:
        """The state of this workspace and no other: `with context.store.read() as session`."""
        return self.host.store.scoped(self.workspace_id, self.signed_in.user_id)

    @cached_property
    def actor(self) -> Actor:
        """Who acts, for the functions of `adjoin.access` and the audit log."""
        return Actor.user(self.signed_in.user_id, address=self.address)

    def may(self, permission: Permission) -> bool:
        """Say whether they may do it here. Costs no query; what is done asks again, in its transaction."""
        return self.signed_in.may(permission)

    @cached_property
    def facts(self) -> FactQuery:
        return self.query()

    @property
    def platforms(self) -> Mapping[str, v2.Description]:
        """What each installed ad platform says of itself."""
        return self.host.platforms

    def ask(self, question: v1.Question) -> v1.Answer:
        """Answer a question about the workspace's figures, as `adjoin_dashboard.asking.ask` does."""
        from adjoin_dashboard.asking import ask

        return ask(self, question)

    def definitions(self) -> v1.Definitions:
        """Return the metrics and dimensions that questions here can name."""
        from adjoin_dashboard.asking import definitions

        return definitions(self)

    def query(self) -> FactQuery:
        """Return another reader of the workspace's facts, for a thread or a time of its own. Close it when done."""
        return FactQuery(self.store, self.host.runtime.facts, self.workspace_id)

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


def make_context(host: Host, signed_in: SignedIn, *, address: str = "") -> Context:
    """Return the context of the workspace that somebody looks at. Raises Forbidden where they have none.

    Amounts are shown in the currency, and days counted in the zone, that its settings say, else those that most of its
    accounts have.
    """
    if signed_in.workspace_id is None or signed_in.role is None:
        raise Forbidden("no workspace is chosen: choose one of yours, or ask an owner to invite you")
    context = Context(
        host=host,
        signed_in=signed_in,
        workspace_id=signed_in.workspace_id,
        role=signed_in.role.value,
        currency="USD",
        time_zone="UTC",
        write=Writer(),
        address=address,
    )
    with context.store.read() as session:
        workspace = session.get(Workspace, context.workspace_id)
        rows = session.exec(select(Account.currency, Account.time_zone)).all()
    settings = AUTOMATIC if workspace is None else settings_of(workspace)
    time_zone = settings.time_zone or commonest([row[1] for row in rows], "UTC")
    return replace(
        context,
        currency=settings.currency or commonest([row[0] for row in rows], "USD"),
        time_zone=time_zone,
        write=writer_of(signed_in, time_zone=time_zone),
        settings=settings,
    )


def writer_of(signed_in: SignedIn, *, time_zone: str = "UTC") -> Writer:
    """Return what writes as somebody's profile says; `time_zone` is the one for those who have chosen none."""
    return Writer(
        locale=signed_in.locale,
        numbers=NumberFormat(signed_in.number_format),
        dates=DateFormat(signed_in.date_format),
        time_zone=signed_in.time_zone or time_zone,
    )


def data_version(context: Context) -> str:
    """Return a text that changes whenever data of the workspace is committed: by each account and run."""
    with context.store.read() as session:
        ended = session.exec(select(sa.func.max(Run.finished_at))).one()
        committed = session.exec(select(sa.func.max(FactFile.created_at), sa.func.count(col(FactFile.id)))).one()
    return f"{ended} {committed[0]} {committed[1]}"


def commonest(values: Iterable[str], fallback: str) -> str:
    """Return what occurs the most often, the first by the alphabet of several; the fallback where there is nothing."""
    counted = Counter(values)
    return min(counted, key=lambda value: (-counted[value], value), default=fallback)
