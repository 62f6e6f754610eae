"""A store with figures that a test knows, for tests of pages: Adjoin's own and those of plugins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.ads.v2 import DateWindow
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE, Account, Connection, Coverage, Run, RunState, RunTrigger, new_id
from adjoin.facts.commit import Replacement, Target, replace_month, swap
from adjoin.facts.layout import months
from adjoin.facts.store import FactStore
from adjoin.settings import load_settings

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["KnownAccount", "KnownDay", "make_store"]

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


def make_store(home: Path, accounts: Sequence[KnownAccount], *, now: datetime) -> Store:
    """Make a store below `home` in which the accounts were synced at `now`. Close it when done.

    Each platform has one connection, `c-<platform>`, and one run that succeeded, `r-<platform>`.
    """
    settings = load_settings(home)
    store = Store.open(settings.database, check_schema=False)
    store.initialise(now=now)
    for platform in dict.fromkeys(account.platform for account in accounts):
        with store.write() as session:
            session.add(
                Connection(
                    workspace_id=DEFAULT_WORKSPACE,
                    id=f"c-{platform}",
                    platform=platform,
                    label="Example",
                    created_at=now,
                    last_sync_at=now,
                )
            )
            session.add(
                Run(
                    workspace_id=DEFAULT_WORKSPACE,
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
        _commit(store, FactStore(settings.home), account, now)
    return store


def _commit(store: Store, facts: FactStore, account: KnownAccount, now: datetime) -> None:
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
                workspace_id=DEFAULT_WORKSPACE,
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
                workspace_id=DEFAULT_WORKSPACE,
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
                workspace_id=DEFAULT_WORKSPACE,
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
