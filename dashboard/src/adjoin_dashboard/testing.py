"""A store with figures that a test knows, and people to look at them, for tests of pages: Adjoin's own and plugins'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

from sqlmodel import select

from adjoin.access.sessions import Issued, Sessions
from adjoin.access.signed_in import SessionLevel
from adjoin.ads.v2 import DateWindow
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import (
    DEFAULT_WORKSPACE,
    Account,
    Connection,
    Coverage,
    Run,
    RunState,
    RunTrigger,
    Workspace,
    new_id,
)
from adjoin.db.people import Member, Role, User
from adjoin.db.tables import PluginTables, upgrade_tables
from adjoin.errors import StateError
from adjoin.facts.commit import Replacement, Target, replace_month, swap
from adjoin.facts.layout import months
from adjoin.facts.store import FactStore
from adjoin.kernel import Kernel
from adjoin.secrets import Keyring
from adjoin.settings import load_settings

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["KnownAccount", "KnownDay", "make_store", "sign_in", "visiting"]

_DATASET = "account_daily"


@dataclass(frozen=True, slots=True)
class KnownDay:
    """What an account did on a day; amounts in micros of its currency."""

    impressions: int
    clicks: int
    cost_micros: int
    conversions: Decimal
    conversion_value_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAccount:
    """An account with the figures of its days, which must not be empty and have no gap."""

    platform: str
    account_id: str
    name: str
    days: Mapping[date, KnownDay]
    currency: str = "EUR"
    time_zone: str = "Europe/Berlin"


def make_store(
    home: Path, accounts: Sequence[KnownAccount], *, now: datetime, workspace_id: str = DEFAULT_WORKSPACE
) -> Store:
    """Make a store below `home` in which the accounts were synced at `now`. Close it when done.

    Each platform has one connection, `c-<platform>`, and one run that succeeded, `r-<platform>`. Call it again for
    another workspace.
    """
    settings = load_settings(home)
    if not settings.key_file.exists():
        Keyring.create_file(settings.key_file)
    file = settings.home / "adjoin.db"
    if not settings.database_url and not file.exists():
        file.write_bytes(_empty_database(settings.disabled_plugins))
    store = Store.open(settings.database, check_schema=False)
    store.initialise(now=now)
    if settings.database_url:
        _make_plugin_tables(store, settings.disabled_plugins)
    with store.write() as session:
        if session.get(Workspace, workspace_id) is None:
            session.add(Workspace(id=workspace_id, name=workspace_id, created_at=now))
    for platform in dict.fromkeys(account.platform for account in accounts):
        with store.write() as session:
            session.add(
                Connection(
                    workspace_id=workspace_id,
                    id=f"c-{platform}",
                    platform=platform,
                    label="Example",
                    created_at=now,
                    last_sync_at=now,
                )
            )
            session.add(
                Run(
                    workspace_id=workspace_id,
                    id=f"r-{platform}",
                    connection_id=f"c-{platform}",
                    state=RunState.SUCCEEDED,
                    trigger=RunTrigger.PERSON,
                    created_at=now - timedelta(minutes=3),
                    started_at=now - timedelta(minutes=3),
                    finished_at=now,
                    slices_total=4,
                    slices_done=4,
                    rows=sum(len(account.days) for account in accounts if account.platform == platform),
                )
            )
    for account in accounts:
        _commit(store, FactStore(settings.home), account, now, workspace_id)
    return store


def sign_in(
    store: Store,
    *,
    now: datetime,
    email: str = "ada@example.com",
    role: str | None = "owner",
    workspace_id: str = DEFAULT_WORKSPACE,
    level: SessionLevel = SessionLevel.PASSWORD,
) -> Issued:
    """Make a session of a user, as if they had signed in at `now`; return it with its token.

    The user is made where there is none with this e-mail, and given the role in the workspace; None: they are no
    member of it by this.
    """
    sessions = Sessions(store, ManualClock(now))
    with store.write() as session:
        user = session.exec(select(User).where(User.email == email)).one_or_none()
        if user is None:
            user = User(email=email, email_verified_at=now, name=email.partition("@")[0].title(), created_at=now)
            session.add(user)
            session.flush()
        member = session.get(Member, (workspace_id, user.id))
        if role is not None and member is None:
            session.add(Member(workspace_id=workspace_id, user_id=user.id, role=Role(role), created_at=now))
        elif role is not None and member is not None:
            member.role = Role(role)
        session.flush()
        return sessions.create(
            session,
            user_id=user.id,
            provider="local",
            subject=user.id,
            level=level,
            address="127.0.0.1",
            agent="a test",
            workspace_id=None if role is None else workspace_id,
        )


@contextmanager
def visiting(session_id: str, *, address: str = "127.0.0.1") -> Iterator[None]:
    """Have pages that run without a server see the session with this id as the one that let them in."""
    with (
        patch("adjoin_dashboard.session_guard.current_session_id", lambda: session_id),
        patch("adjoin_dashboard.session_guard.current_address", lambda: address),
    ):
        yield


@cache
def _empty_database(disabled: frozenset[str]) -> bytes:
    """Return a SQLite file with all tables and no row. Making one takes longer than most tests."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "adjoin.db"
        with Store.open(f"sqlite:///{file}", check_schema=False) as store:
            store.upgrade()
            _make_plugin_tables(store, disabled)
        return file.read_bytes()


def _make_plugin_tables(store: Store, disabled: frozenset[str]) -> None:
    with closing(Kernel.load(disabled=disabled)) as kernel:
        failed = [one for one in upgrade_tables(store, PluginTables.of_kernel(kernel)) if one.state != "ok"]
    if failed:
        raise StateError(f"the tables of {failed[0].plugin} could not be made: {failed[0].detail}")


def _commit(store: Store, facts: FactStore, account: KnownAccount, now: datetime, workspace_id: str) -> None:
    window = DateWindow(since=min(account.days), until=max(account.days))
    slice_id = new_id()
    with facts.stage(
        run_id=f"r-{account.platform}",
        slice_id=slice_id,
        dataset=_DATASET,
        platform=account.platform,
        account_id=account.account_id,
        window=window,
    ) as writer:
        writer.append(_batch(account))
    new = [
        replace_month(
            facts,
            Target(
                workspace_id=workspace_id,
                platform=account.platform,
                account_id=account.account_id,
                currency=account.currency,
                dataset=_DATASET,
                month=month,
            ),
            [Replacement(window=window, staged=writer.staged)],
            current=None,
            run_id=f"r-{account.platform}",
            now=now,
        )
        for month in months(window.since, window.until)
    ]
    with store.write() as session:
        session.add(
            Account(
                workspace_id=workspace_id,
                platform=account.platform,
                id=account.account_id,
                connection_id=f"c-{account.platform}",
                name=account.name,
                currency=account.currency,
                time_zone=account.time_zone,
                first_seen_at=now,
                last_seen_at=now,
            )
        )
        swap(session, [one for one in new if one is not None], now=now)
        session.add_all(
            Coverage(
                workspace_id=workspace_id,
                platform=account.platform,
                account_id=account.account_id,
                dataset=_DATASET,
                day=day,
                run_id=f"r-{account.platform}",
                fetched_at=now,
            )
            for day in account.days
        )


def _batch(account: KnownAccount) -> pa.RecordBatch:
    import pyarrow as pa

    from adjoin.ads.datasets import arrow_schema

    schema = arrow_schema(_DATASET)
    rows = [
        {
            "date": day,
            "account_id": account.account_id,
            "impressions": known.impressions,
            "clicks": known.clicks,
            "cost_micros": known.cost_micros,
            "conversions": known.conversions,
            "conversion_value_micros": known.conversion_value_micros,
            "video_views": None,
        }
        for day, known in sorted(account.days.items())
    ]
    return pa.RecordBatch.from_pylist(rows, schema=schema)
