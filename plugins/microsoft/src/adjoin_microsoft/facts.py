"""Reads the results of an account, one row per object and day, from one report per dataset and window."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import Account, Batch, Client, DateWindow, FactBatch, ReadRequest
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.columns import action_table, fact_batch, same_action
from adjoin_microsoft.csvfile import read_tables
from adjoin_microsoft.goals import goal_actions
from adjoin_microsoft.jobs import perform
from adjoin_microsoft.reports import ACTIONS_OF_ADS, ACTIONS_OF_CAMPAIGNS, REPORTS, Report, report_job

__all__ = ["read_facts"]

T = TypeVar("T")

_BY_ACTION = "conversion_daily"


async def read_facts(request: ReadRequest, client: Client) -> AsyncIterator[Batch]:
    """Yield the rows of a window; an empty batch now and then while Microsoft works. Raises PlatformError."""
    if request.window is None:
        raise PlatformError(f"{request.stream} needs a window of days", kind=ErrorKind.INVALID, code="no-window")
    if request.stream not in REPORTS and request.stream != _BY_ACTION:
        raise PlatformError(
            f"Microsoft Advertising has no stream {request.stream!r}; it has {', '.join((*REPORTS, _BY_ACTION))}",
            kind=ErrorKind.INVALID,
            code="stream",
        )
    window = _until_today(request.account, request.window, client)
    if window is None:
        return
    read = _by_action if request.stream == _BY_ACTION else partial(_plain, request.stream)
    async with aclosing(read(request.account, window, client)) as batches:
        async for batch in batches:
            yield batch


def _until_today(account: Account, window: DateWindow, client: Client) -> DateWindow | None:
    """Cut off the days to come, which Microsoft refuses to be asked for; None if no others are left."""
    today = client.now().astimezone(ZoneInfo(account.time_zone)).date()
    until = min(window.until, today)
    return DateWindow(since=window.since, until=until) if window.since <= until else None


async def _plain(dataset: str, account: Account, window: DateWindow, client: Client) -> AsyncGenerator[Batch]:
    make = partial(fact_batch, dataset, account.id, window)
    async with aclosing(_tables(client, account, REPORTS[dataset], window)) as tables:
        async for table in tables:
            yield _nothing(dataset) if table is None else await _parsed(client, partial(make, table))


async def _by_action(account: Account, window: DateWindow, client: Client) -> AsyncGenerator[Batch]:
    """Yield conversions by action: of ads, and of the campaigns that had none on that day."""
    actions = await goal_actions(client, account)
    common = _SameActions(actions)
    with_ads: set[tuple[object, object]] = set()
    for report in (ACTIONS_OF_ADS, ACTIONS_OF_CAMPAIGNS):
        async with aclosing(_tables(client, account, report, window)) as tables:
            async for table in tables:
                if table is None:
                    yield _nothing(_BY_ACTION)
                    continue
                work = partial(action_table, account.id, window, table, report.keys, actions)
                rows = await _parsed(client, work)
                if report is ACTIONS_OF_ADS:
                    with_ads |= await _parsed(client, partial(_campaign_days, rows))
                else:
                    rows = await _parsed(client, partial(_without, rows, with_ads))
                for batch in await _parsed(client, partial(common.apart, rows)):
                    yield batch
    for batch in await _parsed(client, common.together):
        yield batch


class _SameActions:
    """Keeps the rows of actions that several goals stand for, as their rows may be anywhere in a report."""

    def __init__(self, actions: dict[str, str]) -> None:
        goals = list(actions.values())
        self._shared = pa.array(sorted({action for action in goals if goals.count(action) > 1}), pa.string())
        self._kept: list[pa.Table] = []

    def apart(self, rows: pa.Table) -> list[FactBatch]:
        """Keep those, and return the others, which stand alone already."""
        several = pc.is_in(rows["action"], value_set=self._shared)
        self._kept.append(rows.filter(several))
        alone = rows.filter(pc.invert(several)).combine_chunks()
        return [FactBatch(dataset=_BY_ACTION, rows=batch) for batch in alone.to_batches() if batch.num_rows]

    def together(self) -> list[FactBatch]:
        """Return what was kept, added up."""
        kept = pa.concat_tables(self._kept) if self._kept else None
        return [same_action(kept)] if kept is not None and kept.num_rows else []


def _campaign_days(rows: pa.Table) -> set[tuple[object, object]]:
    distinct = rows.select(["date", "campaign_id"]).group_by(["date", "campaign_id"], use_threads=False).aggregate([])
    return set(zip(distinct["date"].to_pylist(), distinct["campaign_id"].to_pylist(), strict=True))


def _without(rows: pa.Table, known: set[tuple[object, object]]) -> pa.Table:
    pairs = zip(rows["date"].to_pylist(), rows["campaign_id"].to_pylist(), strict=True)
    return rows.filter(pa.array([pair not in known for pair in pairs], pa.bool_()))


def _nothing(dataset: str) -> FactBatch:
    return FactBatch(dataset=dataset, rows=pa.RecordBatch.from_pylist([], schema=arrow_schema(dataset)))


async def _tables(
    client: Client, account: Account, report: Report, window: DateWindow
) -> AsyncGenerator[pa.Table | None]:
    """Yield the rows of a report piece by piece; None now and then while Microsoft works on it."""
    job = report_job(client, account, report, window)
    async with aclosing(perform(client, job)) as steps:
        async for step in steps:
            if step is None:
                yield None
                continue
            if step.file is None:
                continue
            tables = read_tables(step.file, report.columns, what=f"The file of {job.what}")
            while (table := await _parsed(client, partial(_next, tables))) is not None:
                yield table


def _next(tables: Iterator[pa.Table]) -> pa.Table | None:
    return next(tables, None)


async def _parsed(client: Client, work: Callable[[], T]) -> T:
    """Run some work on rows off the loop."""
    return await client.parse(lambda _: work(), b"")
