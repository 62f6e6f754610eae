"""A made-up advertiser of any size, as a home with fact files, objects and a state database.

Figures are drawn with a fixed seed, and those of a coarser dataset are the sums of the finer one's. Closed months are
packed, as the scheduler's chores do it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from adjoin.ads.datasets import DATASETS
from adjoin.db import Store
from adjoin.db.models import Account, Connection, Coverage, Entity, EntityKind, FactFile, new_id
from adjoin.facts import sums
from adjoin.facts._parquet import checksum
from adjoin.facts.compact import compact
from adjoin.facts.layout import fact_path, file_schema, months
from adjoin.facts.retention import clean
from adjoin.facts.store import FactStore

__all__ = ["PLATFORMS", "Size", "account_id", "campaign_id", "fill", "platform_of"]

PLATFORMS = ("google", "linkedin", "meta", "microsoft")
_WORKSPACE = "default"
_LOOK_BACK_DAYS = 28
_KEYS = {"campaign_id": "campaign", "ad_group_id": "group", "ad_id": "ad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is. Without ads, campaigns are the finest there is."""

    accounts: int
    campaigns: int  #: of each account
    ads: int  #: of each account
    days: int
    last: date

    @property
    def first(self) -> date:
        return self.last - timedelta(days=self.days - 1)

    @property
    def now(self) -> datetime:
        """The morning after the last day."""
        return datetime.combine(self.last + timedelta(days=1), time(6), UTC)

    @property
    def ad_rows(self) -> int:
        return self.accounts * self.ads * self.days

    @property
    def datasets(self) -> tuple[str, ...]:
        coarse = ("account_daily", "campaign_daily")
        return (*coarse, "ad_group_daily", "ad_daily") if self.ads else coarse


def account_id(account: int) -> str:
    return f"{account:010}"


def platform_of(account: int) -> str:
    return PLATFORMS[account % len(PLATFORMS)]


def campaign_id(account: int, campaign: int) -> str:
    return f"{account:05}1{campaign:07}"


def fill(store: Store, facts: FactStore, size: Size, *, currencies: Sequence[str] = ("EUR",)) -> None:
    """Put an advertiser into an empty store. `currencies` are given to accounts in turns."""
    drawn = np.random.default_rng(1)
    with store.write() as session:
        for platform in PLATFORMS:
            connection = {"workspace_id": _WORKSPACE, "id": f"c-{platform}", "platform": platform}
            session.add(Connection(**connection, label="Example", created_at=size.now, last_sync_at=size.now))
    for account in range(size.accounts):
        currency = currencies[account % len(currencies)]
        files = [
            _write(facts, size, account, currency, dataset, month, rows)
            for month, found in _figures(size, drawn)
            for dataset, rows in found.items()
        ]
        with store.write() as session:
            session.add(_account(size, account, currency))
            session.flush()
            _insert(session, Entity, _objects(size, account))
            _insert(session, FactFile, files)
            _insert(session, Coverage, _covered(size, account))
    for _ in compact(store, facts, now=size.now, look_back=dict.fromkeys(PLATFORMS, _LOOK_BACK_DAYS)):
        pass
    clean(store, facts, now=size.now + timedelta(days=2), keep_superseded_days=0, keep_runs_days=400)


def _insert(session: Any, model: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.connection().execute(sa.insert(model.__table__), rows)


def _account(size: Size, account: int, currency: str) -> Account:
    platform = platform_of(account)
    return Account(
        workspace_id=_WORKSPACE,
        platform=platform,
        id=account_id(account),
        connection_id=f"c-{platform}",
        name=f"Shop {account}",
        currency=currency,
        time_zone="UTC",
        first_seen_at=size.now,
        last_seen_at=size.now,
    )


def _objects(size: Size, account: int) -> list[dict[str, Any]]:
    campaigns, groups, ads = np.arange(size.campaigns), _group_of(size, np.arange(size.ads)), np.arange(size.ads)
    named = [(EntityKind.CAMPAIGN, campaign_id(account, int(one)), f"Campaign {one} of {account}") for one in campaigns]
    named += [
        (EntityKind.AD_GROUP, _id("group", account, int(one)), f"Group {one} of {account}") for one in np.unique(groups)
    ]
    named += [(EntityKind.AD, _id("ad", account, int(one)), f"Ad {one} of {account}") for one in ads]
    shared = {
        "workspace_id": _WORKSPACE,
        "platform": platform_of(account),
        "account_id": account_id(account),
        "status": "active",
        "native_status": "",
        "detail": {"objective": "sales"},
        "first_seen_at": size.now,
        "last_seen_at": size.now,
    }
    return [{**shared, "kind": kind, "id": one, "name": name} for kind, one, name in named]


def _covered(size: Size, account: int) -> list[dict[str, Any]]:
    about = {"workspace_id": _WORKSPACE, "platform": platform_of(account), "account_id": account_id(account)}
    return [
        {**about, "dataset": dataset, "day": size.first + timedelta(days=day), "run_id": "r", "fetched_at": size.now}
        for dataset in size.datasets
        for day in range(size.days)
    ]


def _id(of: str, account: int, number: int) -> str:
    return f"{account:05}{('campaign', 'group', 'ad').index(of) + 1}{number:07}"


def _group_of(size: Size, ads: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the ad group of each ad: three ads have one, and its campaign is the group's number by campaigns."""
    return ads // 3


def _figures(size: Size, drawn: np.random.Generator) -> Iterator[tuple[date, dict[str, pa.Table]]]:
    """Yield the rows of an account month by month, at each grain, with numbers for ids."""
    every = [size.first + timedelta(days=day) for day in range(size.days)]
    finest = size.ads or size.campaigns
    for month in months(size.first, size.last):
        days = [day for day in every if day.replace(day=1) == month]
        count = len(days) * finest
        ads = np.tile(np.arange(finest), len(days))
        groups = _group_of(size, ads)
        clicks = drawn.integers(0, 100, count)
        conversions = drawn.integers(0, 5, count)
        columns = {
            "date": pa.array(np.repeat(np.array(days, dtype="datetime64[D]"), finest)),
            "campaign": groups % size.campaigns if size.ads else ads,
            "group": groups,
            "ad": ads,
            "impressions": clicks * 40 + drawn.integers(10, 900, count),
            "clicks": clicks,
            "cost_micros": clicks * drawn.integers(100_000, 2_000_000, count),
            "conversions": conversions,
            "conversion_value_micros": conversions * 50_000_000,
            "video_views": clicks // 3,
        }
        rows = pa.table(columns)
        yield month, {dataset: _at(rows, dataset) for dataset in size.datasets}


def _at(rows: pa.Table, dataset: str) -> pa.Table:
    keys, metrics = ["date", *(_KEYS[key] for key in DATASETS[dataset].keys)], DATASETS[dataset].metrics
    added = rows.group_by(keys).aggregate([(metric, "sum") for metric in metrics])
    return added.select([*keys, *(f"{metric}_sum" for metric in metrics)]).sort_by([(key, "ascending") for key in keys])


def _write(
    facts: FactStore, size: Size, account: int, currency: str, dataset: str, month: date, rows: pa.Table
) -> dict[str, Any]:
    """Write a file and return its row of the manifest."""
    platform, spec, schema = platform_of(account), DATASETS[dataset], file_schema(dataset)
    count = rows.num_rows
    columns: dict[str, Any] = {
        "platform": pa.array([platform] * count).dictionary_encode(),
        "currency": pa.array([currency] * count).dictionary_encode(),
        "date": rows.column("date"),
        "account_id": pa.array([account_id(account)] * count),
    }
    for key in spec.keys:
        numbers: list[Any] = rows.column(_KEYS[key]).to_pylist()
        columns[key] = pa.array([_id(_KEYS[key], account, one) for one in numbers])
    for metric in spec.metrics:
        whole: Any = rows.column(f"{metric}_sum")
        columns[metric] = whole.cast(pa.decimal128(28, 9)) if metric == "conversions" else whole
    table = pa.table({name: columns[name].cast(schema.field(name).type) for name in schema.names}, schema=schema)
    path = fact_path(
        workspace_id=_WORKSPACE,
        platform=platform,
        account_id=account_id(account),
        dataset=dataset,
        month=month,
        file_id=new_id(),
    )
    file = facts.local(path, expected="")
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file, compression="zstd", store_decimal_as_integer=True, row_group_size=64 * 1024)
    totals: sums.Sums = {}
    sums.add(totals, table, spec.metrics)
    dates: list[Any] = [rows.column("date")[0].as_py(), rows.column("date")[-1].as_py()]
    return {
        "workspace_id": _WORKSPACE,
        "id": new_id(),
        "platform": platform,
        "account_id": account_id(account),
        "dataset": dataset,
        "month": month,
        "path": path,
        "rows": count,
        "bytes": file.stat().st_size,
        "checksum": checksum(file),
        "first_date": dates[0],
        "last_date": dates[1],
        "currency": currency,
        "sums": sums.as_text(totals),
        "run_id": "r",
        "created_at": size.now,
    }
