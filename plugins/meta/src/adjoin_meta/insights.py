"""Reads the results of an account, one row per object and day.

Small windows are asked for directly, larger ones as an asynchronous report. What Meta calls too large is given back to
be split by days; a single day is split by campaigns.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from adjoin.ads.v2 import Account, Batch, Client, DateWindow, FactBatch, ReadRequest
from adjoin.errors import ErrorKind, PlatformError
from adjoin_meta.columns import ROW_KEYS, Tally, conversion_batch, fact_batch
from adjoin_meta.conversions import action_names
from adjoin_meta.graph import Page, account_path, pages
from adjoin_meta.reports import run_report
from adjoin_meta.rows import Sheet, decode_sheet
from adjoin_meta.statuses import EFFECTIVE

__all__ = ["LEVELS", "SYNC_DAYS", "read_facts"]

T = TypeVar("T")

#: Dataset: Meta's name of its level.
LEVELS: Mapping[str, str] = {
    "account_daily": "account",
    "campaign_daily": "campaign",
    "ad_group_daily": "adset",
    "ad_daily": "ad",
}

#: Windows of up to so many days are asked for directly, longer ones as a report. Meta advises direct calls for small
#: queries and reports for big ones but names no bounds. These keep the three days of every run direct at every level,
#: and leave reports to backfills and to the daily reading of 28 days of ad sets and ads.
SYNC_DAYS: Mapping[str, int] = {"account": 92, "campaign": 31, "adset": 7, "ad": 3}

_ID_FIELDS: Mapping[str, tuple[str, ...]] = {
    "account": (),
    "campaign": ("campaign_id",),
    "adset": ("campaign_id", "adset_id"),
    "ad": ("campaign_id", "adset_id", "ad_id"),
}
_METRICS = ("impressions", "clicks", "spend", "actions", "action_values")

_PAGE_ROWS = 500

#: Columns are built from so many rows at once; per page it would cost half as much again.
_BATCH_ROWS = 10_000


class _Named(msgspec.Struct):
    id: str
    name: str = ""


_decode_named = msgspec.json.Decoder(Page[_Named], strict=False).decode


async def read_facts(request: ReadRequest, client: Client) -> AsyncIterator[Batch]:
    """Yield the rows of a window; at the level of ads the conversions by action too. Raises PlatformError."""
    if request.window is None:
        raise PlatformError(f"{request.stream} needs a window of days", kind=ErrorKind.INVALID, code="no-window")
    account, window, level = request.account, request.window, LEVELS[request.stream]
    by_action = request.stream == "ad_daily"
    seen = _Seen(request.stream)
    names = _CustomNames(client, account)
    with_ads = _CampaignDays()
    witnesses = (seen, with_ads) if by_action else (seen,)
    async for figures in _tallies(_source(client, account, window, level)):
        facts = await _parsed(client, partial(_facts, request.stream, account.id, figures, witnesses))
        yield facts
        if by_action and (conversions := await _by_action(client, facts, figures, names)) is not None:
            yield conversions
    await client.parse(seen.check, b"")
    if not by_action:
        return
    # Meta knows campaigns whose results belong to no ad. Their conversions come at the level of the campaign, so that
    # conversion_daily misses none of them.
    async for figures in _tallies(_source(client, account, window, "campaign")):
        facts = await _parsed(client, partial(fact_batch, "campaign_daily", account.id, figures))
        conversions = await _by_action(client, facts, figures, names)
        if conversions is not None and len(alone := with_ads.others(conversions.rows)):
            yield FactBatch(dataset=conversions.dataset, rows=alone)


def _facts(dataset: str, account_id: str, figures: Tally, witnesses: Iterable[_Witness]) -> FactBatch:
    facts = fact_batch(dataset, account_id, figures)
    for witness in witnesses:
        witness.add(facts)
    return facts


async def _tallies(source: AsyncIterator[list[Sheet]]) -> AsyncIterator[Tally]:
    """Collect pages, and pass them on when there are enough rows for a batch."""
    sheets: list[Sheet] = []
    async for page in source:
        sheets += page
        if sum(map(len, sheets)) >= _BATCH_ROWS:
            yield Tally(sheets)
            sheets = []
    if sheets:
        yield Tally(sheets)


async def _by_action(client: Client, facts: FactBatch, figures: Tally, names: _CustomNames) -> FactBatch | None:
    customs = figures.customs
    called = action_names(customs, await names.load()) if customs else {}
    return await _parsed(client, partial(conversion_batch, facts, figures, called))


async def _parsed(client: Client, work: Callable[[], T]) -> T:
    """Run some work on rows off the loop."""
    try:
        return await client.parse(lambda _: work(), b"")
    except ValueError as error:
        raise PlatformError(
            f"Meta sent a figure or a day that is none: {error}", kind=ErrorKind.INVALID, code="value"
        ) from error


def _source(client: Client, account: Account, window: DateWindow, level: str) -> AsyncIterator[list[Sheet]]:
    read = _day if window.days == 1 and level != "account" else _window
    return read(client, account, window, level)


async def _window(client: Client, account: Account, window: DateWindow, level: str) -> AsyncIterator[list[Sheet]]:
    params = _params(level, window)
    path = f"{account_path(account.id)}/insights"
    if window.days > SYNC_DAYS[level]:
        path, params = f"{await run_report(client, account.id, params)}/insights", {}
    async for page in pages(client, path, params, decode_sheet, limit=_PAGE_ROWS, account=account.id):
        yield page


async def _day(client: Client, account: Account, window: DateWindow, level: str) -> AsyncIterator[list[Sheet]]:
    """Read a single day; when even that is too large, campaigns by campaigns.

    A day is collected before it is passed on: if Meta gives up in the middle, what came so far is read again in parts.
    """
    try:
        whole = [page async for page in _window(client, account, window, level)]
    except PlatformError as error:
        if error.kind is not ErrorKind.SPLIT:
            raise
    else:
        for page in whole:
            yield page
        return
    todo = [await _campaign_ids(client, account)]
    while todo:
        ids = todo.pop()
        if not ids:
            continue
        params = _params(level, window, campaign_ids=ids)
        try:
            part = pages(
                client,
                f"{account_path(account.id)}/insights",
                params,
                decode_sheet,
                limit=_PAGE_ROWS,
                account=account.id,
            )
            collected = [page async for page in part]
        except PlatformError as error:
            if error.kind is not ErrorKind.SPLIT or len(ids) == 1:
                raise
            middle = len(ids) // 2
            todo += [ids[:middle], ids[middle:]]
            continue
        for page in collected:
            yield page


async def _campaign_ids(client: Client, account: Account) -> list[str]:
    params = {"fields": "id", "effective_status": _json(EFFECTIVE["campaign"])}
    listed = pages(
        client, f"{account_path(account.id)}/campaigns", params, _decode_named, limit=500, account=account.id
    )
    return list(dict.fromkeys([campaign.id async for page in listed for campaign in page]))


def _params(level: str, window: DateWindow, *, campaign_ids: list[str] | None = None) -> dict[str, str]:
    filtering: list[dict[str, object]] = []
    if level in EFFECTIVE:
        # Without this Meta leaves out what deleted and archived objects did, and the sums come short.
        statuses = list(EFFECTIVE[level])
        filtering.append({"field": f"{level}.effective_status", "operator": "IN", "value": statuses})
    if campaign_ids is not None:
        filtering.append({"field": "campaign.id", "operator": "IN", "value": campaign_ids})
    params = {
        "level": level,
        "fields": ",".join((*_ID_FIELDS[level], *_METRICS)),
        "time_range": _json({"since": window.since.isoformat(), "until": window.until.isoformat()}),
        "time_increment": "1",
        "use_unified_attribution_setting": "true",
    }
    return params | {"filtering": _json(filtering)} if filtering else params


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


class _CustomNames:
    """The names of an account's custom conversions, asked for once and only if one occurs."""

    def __init__(self, client: Client, account: Account) -> None:
        self._client = client
        self._account = account
        self._names: dict[str, str] | None = None

    async def load(self) -> dict[str, str]:
        if self._names is None:
            path, params = f"{account_path(self._account.id)}/customconversions", {"fields": "id,name"}
            listed = pages(self._client, path, params, _decode_named, limit=100, account=self._account.id)
            self._names = {custom.id: custom.name async for page in listed for custom in page}
        return self._names


class _Witness(Protocol):
    def add(self, batch: FactBatch) -> None: ...


class _CampaignDays:
    """The days on which each campaign has rows of ads."""

    def __init__(self) -> None:
        self._known: list[pa.Array[Any]] = []

    def add(self, batch: FactBatch) -> None:
        self._known.append(pc.unique(self._key(batch.rows)))

    def others(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of campaigns on other days."""
        known = pa.chunked_array(self._known, pa.string()) if self._known else pa.chunked_array([], pa.string())
        return rows.filter(pc.invert(pc.is_in(self._key(rows), value_set=known)))

    @staticmethod
    def _key(rows: pa.RecordBatch) -> pa.Array[Any]:
        days: pa.Array[Any] = rows["date"].cast(pa.string())
        joined: pa.Array[Any] = pc.binary_join_element_wise(days, rows["campaign_id"], " ")  # type: ignore[call-overload]
        return joined


class _Seen:
    """Keeps the keys of all rows of a slice, 12 bytes each, to notice a page that came twice."""

    def __init__(self, dataset: str) -> None:
        self._dataset = dataset
        self._tables: list[pa.Table] = []

    def add(self, batch: FactBatch) -> None:
        columns = {"date": batch.rows["date"]}
        finest = [key for key in ROW_KEYS if key in batch.rows.schema.names]
        if finest:
            columns["id"] = _compact(batch.rows[finest[-1]])
        self._tables.append(pa.table(columns))

    def check(self, _: bytes) -> None:
        """Raise PlatformError of kind `restart` if a row came twice."""
        if not self._tables:
            return
        # Ids fit 64 bits on one page and may not on another only if they are no numbers: then all are text.
        if len({str(table.schema) for table in self._tables}) > 1:
            self._tables = [table.set_column(1, "id", table["id"].cast(pa.string())) for table in self._tables]
        keys = pa.concat_tables(self._tables)
        distinct = _distinct(keys)
        if distinct != keys.num_rows:
            raise PlatformError(
                f"Meta sent {keys.num_rows - distinct} rows of {self._dataset} twice",
                kind=ErrorKind.RESTART,
                code="rows-twice",
            )


def _distinct(keys: pa.Table) -> int:
    """Return how many keys differ, one day after the other: looking at millions at once takes hundreds of MB."""
    days = keys["date"]
    if "id" not in keys.column_names:
        return int(pc.count_distinct(days, mode="all").as_py())
    return sum(
        int(pc.count_distinct(keys["id"].filter(pc.equal(days, day)), mode="all").as_py()) for day in days.unique()
    )


def _compact(ids: pa.Array[Any]) -> pa.Array[Any]:
    try:
        return ids.cast(pa.int64())
    except pa.ArrowInvalid:
        return ids
