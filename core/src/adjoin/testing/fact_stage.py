"""A workspace whose facts and objects a test puts there by hand, to ask questions about.

stage = FactStage(tmp_path)
stage.put("campaign_daily", {"date": date(2026, 3, 1), "campaign_id": "c1", "clicks": 3})
stage.name("campaign", "c1", "Spring", objective="sales")
context = stage.context()
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow
from adjoin.analytics.context import WorkspaceContext
from adjoin.clock import ManualClock
from adjoin.db import Store, cover
from adjoin.db.models import DEFAULT_WORKSPACE, Account, Connection, Entity, EntityKind, FactFile, new_id
from adjoin.db.tables import PluginTables, upgrade_tables
from adjoin.facts.commit import Replacement, Target, replace_month, swap
from adjoin.facts.layout import months
from adjoin.facts.query import FactQuery
from adjoin.facts.store import FactStore
from adjoin.surface.v1 import Tables
from adjoin.testing.stores import initialise

__all__ = ["FactStage"]

_NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)


class FactStage:
    """A state database on SQLite with a plugin's tables, fact files, and a clock. Close it, or use it as a context."""

    def __init__(
        self, folder: Path, *, tables: Sequence[Tables] = (), now: datetime = _NOW, database: bytes = b""
    ) -> None:
        """Make it below a folder; `database` is the file of an empty one, from `empty_database`."""
        self.clock = ManualClock(now)
        self.facts = FactStore(folder)
        self.platforms: dict[str, v2.Description] = {}
        self.workspace_id = DEFAULT_WORKSPACE
        file = folder / "stage.db"
        if database:
            file.write_bytes(database)
        self.store = Store.open(f"sqlite:///{file}", check_schema=False)
        if not database:
            initialise(self.store, now=now)
            for report in upgrade_tables(self.store, PluginTables.of({"stage": list(tables)})):
                assert report.state == "ok", str(report)

    @classmethod
    def empty_database(cls, folder: Path, tables: Sequence[Tables]) -> bytes:
        """Return the file of a new state database: copying it is quicker than making another one."""
        cls(folder, tables=tables).close()
        return (folder / "stage.db").read_bytes()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the state database."""
        self.store.close()

    def context(self, *, as_of: datetime | None = None) -> WorkspaceContext:
        """Return what questions are answered from; with an instant, the facts as they stood then."""
        scope = self.store.scoped(self.workspace_id, None)
        facts = FactQuery(scope, self.facts, self.workspace_id, as_of=as_of)
        return WorkspaceContext(scope, facts, self.platforms, self.clock)

    @cached_property
    def _started(self) -> datetime:
        return self.clock.now()

    def account(
        self, account: str, *, platform: str = "meta", currency: str = "EUR", name: str = "", time_zone: str = "UTC"
    ) -> None:
        """Make an account, and a connection for it; one that is there stays as it is."""
        with self.store.write() as session:
            if session.get(Connection, (self.workspace_id, platform)) is None:
                session.add(
                    Connection(
                        workspace_id=self.workspace_id,
                        id=platform,
                        platform=platform,
                        label=platform,
                        created_at=self._started,
                    )
                )
            if session.get(Account, (self.workspace_id, platform, account)) is None:
                session.add(
                    Account(
                        workspace_id=self.workspace_id,
                        platform=platform,
                        id=account,
                        connection_id=platform,
                        name=name or f"Account {account}",
                        currency=currency,
                        time_zone=time_zone,
                        first_seen_at=self._started,
                        last_seen_at=self._started,
                    )
                )

    def name(
        self,
        kind: str,
        object_id: str,
        name: str,
        *,
        account: str = "act_1",
        platform: str = "meta",
        status: str = "active",
        **detail: Any,
    ) -> None:
        """Make a campaign, ad group, ad or keyword, or give it another name; `detail` as in `Entity.detail`."""
        about = {"name": name, "status": status, **detail}
        self.name_all(kind, [(object_id, about)], account=account, platform=platform)

    def name_all(
        self, kind: str, objects: Iterable[tuple[str, Mapping[str, Any]]], *, account: str, platform: str
    ) -> None:
        """Make objects, or change what is known of them: ids with name, status, and any detail."""
        with self.store.write() as session:
            for object_id, about in objects:
                detail = dict(about)
                name, status = detail.pop("name"), detail.pop("status", "active")
                key = (self.workspace_id, platform, account, EntityKind(kind), object_id)
                row = session.get(Entity, key) or Entity(
                    workspace_id=self.workspace_id,
                    platform=platform,
                    account_id=account,
                    kind=EntityKind(kind),
                    id=object_id,
                    name=name,
                    status=status,
                    first_seen_at=self._started,
                    last_seen_at=self._started,
                )
                row.name, row.status, row.detail = name, status, detail
                session.add(row)

    def put(
        self,
        dataset: str,
        *rows: Mapping[str, Any],
        account: str = "act_1",
        platform: str = "meta",
        currency: str = "EUR",
        days: tuple[date, date] | None = None,
    ) -> None:
        """Commit rows to an account, in place of what its `days` had: by default from the first row to the last.

        Columns that a row does not name are missing. Each commit takes a second, so that its instant is its own.
        """
        self.account(account, platform=platform, currency=currency)
        schema = arrow_schema(dataset)
        whole = [dict.fromkeys(schema.names) | {"account_id": account} | dict(row) for row in rows]
        table = pa.Table.from_pylist(whole, schema=schema)
        self.commit(dataset, table, account=account, platform=platform, currency=currency, days=days)

    def commit(
        self,
        dataset: str,
        rows: pa.Table,
        *,
        account: str,
        platform: str,
        currency: str,
        days: tuple[date, date] | None = None,
    ) -> None:
        """Commit rows in the published schema of a dataset, as `put` does; the account is there already."""
        self.clock.advance(1)
        now = self.clock.now()
        dates: list[Any] = rows.column("date").to_pylist()
        since, until = days or (min(dates), max(dates))
        window = DateWindow(since=since, until=until)
        with self.facts.stage(
            run_id="run",
            slice_id=new_id(),
            dataset=dataset,
            platform=platform,
            account_id=account,
            window=window,
        ) as writer:
            for batch in rows.to_batches():
                writer.append(batch)
        part = Replacement(window=window, staged=writer.staged)
        with self.store.write() as session:
            for month in months(since, until):
                target = Target(
                    workspace_id=self.workspace_id,
                    platform=platform,
                    account_id=account,
                    currency=currency,
                    dataset=dataset,
                    month=month,
                )
                current = session.exec(
                    select(FactFile).where(
                        FactFile.workspace_id == self.workspace_id,
                        FactFile.platform == platform,
                        FactFile.account_id == account,
                        FactFile.dataset == dataset,
                        FactFile.month == month,
                        col(FactFile.superseded_at).is_(None),
                    )
                ).one_or_none()
                new = replace_month(self.facts, target, [part], current=current, run_id="run", now=now)
                if new is not None:
                    swap(session, [new], now=now)
            cover(
                session,
                workspace_id=self.workspace_id,
                platform=platform,
                account_id=account,
                dataset=dataset,
                days=[since + timedelta(days=number) for number in range(window.days)],
                run_id="run",
                fetched_at=now,
            )
