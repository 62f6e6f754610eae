"""Two workspaces in one store, each with a row in every table and with figures, and words by which they are known.

The victim's is the default workspace: whatever forgets to say which one it means would mean that one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import AutoString

from adjoin.access.sessions import Issued
from adjoin.analytics.v1 import Good, Unit
from adjoin.db import Store
from adjoin.db.columns import Instant
from adjoin.db.models import DEFAULT_WORKSPACE, Base, RunState
from adjoin.db.tenancy import Tenancy, tenancy_of
from adjoin.testing.tenants import row_of
from adjoin_analytics.tables import StoredMetric
from adjoin_auth.local.hashing import Argon2
from adjoin_auth.local.tables import Account, SecondFactor
from adjoin_dashboard.testing import KnownAccount, KnownDay, make_store, sign_in

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLATFORM = "meta"
PASSWORD = "garnet otter fjord 41"
#: Real Argon2id with as little memory as it takes.
QUICK = Argon2(memory_kib=8, passes=1, parallelism=1)
_SPAN = 40  # days with figures
_FREE = {Tenancy.INSTALLATION}
#: What is text in the tables and has to have a meaning.
_MEANING: dict[str, object] = {
    "platform": PLATFORM,
    "currency": "EUR",
    "time_zone": "Europe/Berlin",
    "locale": "en",
    "status": "active",
    "base_url": "",
    "redirect_uri": "",
    "picture_url": "",
    "number_format": "",
    "date_format": "",
    "dataset": "account_daily",
    "scopes": ["reports.read"],
    "state": RunState.FAILED,
}
#: Text that need not be there and is.
_TOLD = frozenset({"error", "last_error", "warning", "note", "error_kind"})


@dataclass(frozen=True)
class Tenant:
    """A workspace, somebody who owns it, and what they are known by."""

    workspace_id: str
    word: str
    issued: Issued = field(repr=False)

    @property
    def token(self) -> str:
        return self.issued.token

    @property
    def user_id(self) -> str:
        return self.issued.session.user_id

    @property
    def id(self) -> str:
        """What the planted rows of the workspace have for an id, whichever table they are of."""
        return f"{self.word}0"


def plant(home: Path) -> tuple[Tenant, Tenant]:
    """Fill a store below `home`; return the victim and the visitor, who own a workspace each."""
    made = []
    for workspace_id, word in ((DEFAULT_WORKSPACE, "zqvictim"), ("elsewhere", "zqvisitor")):
        account = KnownAccount(platform=PLATFORM, account_id=f"act_{word}", name=f"{word} shop", days=_days())
        with make_store(home, [account], now=NOW - timedelta(hours=1), workspace_id=workspace_id) as store:
            _fill(store, workspace_id, word)
            _define(store, workspace_id, word)
            issued = sign_in(store, now=NOW, email=f"{word}@example.com", workspace_id=workspace_id)
            tenant = Tenant(workspace_id, word, issued)
            _give_account(store, tenant)
            made.append(tenant)
    return made[0], made[1]


class Rows:
    """Looks at every row of any table of a store, core's or a plugin's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._metadata = sa.MetaData()
        with store.read() as session:
            self._metadata.reflect(session.connection())

    def of(self, tenant: Tenant) -> dict[str, set[str]]:
        """The rows that are a tenant's: by the workspace, the person, the session or the word."""
        marks = (repr(tenant.workspace_id), repr(tenant.user_id), repr(tenant.issued.session.id), tenant.word)
        found: dict[str, set[str]] = {}
        with self._store.read() as session:
            for name, table in self._metadata.tables.items():
                rows = {repr(tuple(row)) for row in session.connection().execute(sa.select(table))}
                found[name] = {row for row in rows if any(mark in row for mark in marks)}
        return found


def _define(store: Store, workspace_id: str, word: str) -> None:
    """Make a metric of the workspace's own."""
    with store.write() as session:
        session.add(
            StoredMetric(
                workspace_id=workspace_id,
                name=f"{word}_metric",
                title=f"{word} metric",
                unit=Unit.COUNT,
                formula="clicks",
                good=Good.NEITHER,
            )
        )


def _give_account(store: Store, tenant: Tenant) -> None:
    """Let the owner be known to the provider `local`, with a second factor that is set up and one that is not yet."""
    with store.write() as session:
        email = f"{tenant.word}@example.com"
        hashed = QUICK.hash(PASSWORD.encode())
        session.add(
            Account(id=tenant.user_id, email=email, email_confirmed_at=NOW, password_hash=hashed, created_at=NOW)
        )
        session.flush()
        for name, active in (("phone", NOW), ("tablet", None)):
            factor = SecondFactor(
                id=f"{tenant.word}-{name}",
                account_id=tenant.user_id,
                label=name,
                seed=b"\x01".ljust(64, b"\0"),
                created_at=NOW,
                active_at=active,
            )
            session.add(factor)


def _fill(store: Store, workspace_id: str, word: str) -> None:
    with store.write() as session:
        connection = session.connection()
        for table in Base.metadata.sorted_tables:
            if tenancy_of(table) in _FREE:
                continue
            row = {
                column.name: _value(table, column, row_of(table, workspace_id)[column.name], workspace_id, word)
                for column in table.columns
            }
            if table.name == "workspaces":
                connection.execute(table.update().where(table.c.id == workspace_id).values(name=row["name"]))
            else:
                connection.execute(table.insert(), row)


def _value(table: sa.Table, column: sa.Column[Any], value: object, workspace_id: str, word: str) -> object:
    name = column.name
    if name in _MEANING and not (name == "state" and table.name != "runs"):
        return _MEANING[name]
    if isinstance(column.type, Instant):
        if name == "expires_at":
            return NOW + timedelta(days=6)
        return NOW if table.name == "fact_files" and name == "superseded_at" else None if column.nullable else value
    if name == "email":
        return f"{word}-x@example.com"
    if name == "action":
        return f"{word}.done"
    if not isinstance(column.type, AutoString) or value == workspace_id:
        return [word] if name == "notes" else {"name": f"{word} {name}"} if name in ("before", "after") else value
    if isinstance(value, str):
        is_id = column.primary_key or column.foreign_keys or name.endswith("_id")
        return value.replace("x", f"{word}0", 1) if is_id else f"{word} {table}.{name}"
    return f"{word} {table}.{name}" if name in _TOLD else value


def _days() -> dict[date, KnownDay]:
    last = NOW.date()
    known = KnownDay(
        impressions=1_000, clicks=20, cost_micros=9_000_000, conversions=Decimal(2), conversion_value_micros=40_000_000
    )
    return {last - timedelta(days=number): known for number in range(1, _SPAN + 1)}
