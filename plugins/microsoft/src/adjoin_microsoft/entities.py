"""Campaigns, ad groups, ads and keywords with their states, budgets and bids, from bulk downloads."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from adjoin.ads.v2 import Account, Client, Entity, EntityBatch, ReadRequest, Status
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.bulk import COLUMNS, bulk_job, remembers
from adjoin_microsoft.csvfile import read_tables
from adjoin_microsoft.jobs import perform
from adjoin_microsoft.records import ad, ad_group, campaign, keyword

__all__ = ["ENTITY_STREAMS", "read_entities"]

T = TypeVar("T")

_Row: TypeAlias = Mapping[str, str | None]

_BATCH_ROWS = 5_000

_AD_GROUP = "^Ad Group$"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    """What is downloaded for a stream, which types of records are read (a pattern), and how one becomes an entity.

    Ads and keywords name their ad group only, so the ad groups come along to say which campaign they are in.
    """

    downloads: tuple[str, ...]
    types: str
    make: Callable[[_Row, Account, str, date], Entity]
    below_ad_groups: bool = False


ENTITY_STREAMS: Mapping[str, _Stream] = {
    "campaigns": _Stream(downloads=("Campaigns",), types="^Campaign$", make=campaign),
    "ad_groups": _Stream(downloads=("AdGroups",), types=_AD_GROUP, make=ad_group),
    "ads": _Stream(downloads=("AdGroups", "Ads"), types=" Ad$", make=ad, below_ad_groups=True),
    "keywords": _Stream(downloads=("AdGroups", "Keywords"), types="^Keyword$", make=keyword, below_ad_groups=True),
}


async def read_entities(request: ReadRequest, client: Client) -> AsyncIterator[EntityBatch]:
    """Yield an account's objects, each once, and an empty batch now and then while Microsoft works.

    With `updated_since` those that have changed since, the deleted ones with status `removed`; without it, or when it
    is more than 29 days ago, all that are not deleted. Raises PlatformError.
    """
    stream, account = ENTITY_STREAMS[request.stream], request.account
    since = request.updated_since
    if since is not None and not remembers(since, client.now()):
        since = None
    reading = _Reading(client, account, stream)
    async with aclosing(reading.read(since)) as batches:
        async for batch in batches:
            yield batch
    if reading.outdated:
        async with aclosing(reading.read(None)) as batches:
            async for batch in batches:
                yield batch


class _Reading:
    """One reading of a stream: at most a download of changes, and a complete one."""

    def __init__(self, client: Client, account: Account, stream: _Stream) -> None:
        self._client = client
        self._account = account
        self._stream = stream
        self._campaigns: dict[str, str] = {}  # of each ad group
        self._today = client.now().astimezone(ZoneInfo(account.time_zone)).date()
        self._complete = False
        self.outdated = False

    async def read(self, since: datetime | None) -> AsyncGenerator[EntityBatch]:
        """Yield the objects; `outdated` says afterwards that Microsoft wants to be asked for all."""
        self._complete = since is None
        self.outdated = False
        job = bulk_job(self._client, self._account, self._stream.downloads, changed_since=since)
        async with aclosing(perform(self._client, job)) as steps:
            async for step in steps:
                if step is None:
                    yield EntityBatch(entities=())
                    continue
                if step.file is None:
                    self.outdated = step.outdated
                    continue
                what = f"The file of {job.what}"
                if self._stream.below_ad_groups:
                    # Two passes, as nothing promises that an ad group's record comes before those of its ads.
                    async for rows in self._rows(step.file, what, _AD_GROUP):
                        self._campaigns |= {row["Id"] or "": row["Parent Id"] or "" for row in rows}
                async with aclosing(self._rows(step.file, what, self._stream.types)) as pieces:
                    async for rows in pieces:
                        async with aclosing(self._entities(rows)) as batches:
                            async for batch in batches:
                                yield batch

    async def _entities(self, rows: list[_Row]) -> AsyncGenerator[EntityBatch]:
        if self._stream.below_ad_groups and not self._complete and self._homeless(rows):
            # Among changes there are only the ad groups that have changed, too.
            async with aclosing(self._learn_ad_groups()) as batches:
                async for batch in batches:
                    yield batch
        yield EntityBatch(entities=tuple(await self._parsed(partial(self._made, rows))))

    def _homeless(self, rows: list[_Row]) -> bool:
        return any(row["Parent Id"] not in self._campaigns for row in rows)

    async def _learn_ad_groups(self) -> AsyncGenerator[EntityBatch]:
        self._complete = True
        job = bulk_job(self._client, self._account, ("AdGroups",))
        async with aclosing(perform(self._client, job)) as steps:
            async for step in steps:
                if step is None:
                    yield EntityBatch(entities=())
                elif step.file is not None:
                    what = f"The file of {job.what}"
                    async for rows in self._rows(step.file, what, _AD_GROUP):
                        # What the changes say of an ad group is as new, and knows the deleted ones.
                        self._campaigns = {row["Id"] or "": row["Parent Id"] or "" for row in rows} | self._campaigns

    async def _rows(self, file: Any, what: str, types: str) -> AsyncGenerator[list[_Row]]:
        tables = read_tables(file, COLUMNS, what=what, all_there=False, nulls=("", "delete_value"))
        while (found := await self._parsed(partial(_next_rows, tables, types))) is not None:
            for start in range(0, len(found), _BATCH_ROWS):
                yield found[start : start + _BATCH_ROWS]

    def _made(self, rows: list[_Row]) -> list[Entity]:
        return [entity for row in rows if (entity := self._entity(row)) is not None]

    def _entity(self, row: _Row) -> Entity | None:
        parent = row["Parent Id"] or ""
        above = self._campaigns.get(parent, "") if self._stream.below_ad_groups else parent
        try:
            made = self._stream.make(row, self._account, above, self._today)
        except ValueError as error:
            raise PlatformError(
                f"Microsoft sent a {row['Type']} {row['Id']} that cannot be read: {error}",
                kind=ErrorKind.INVALID,
                code="value",
            ) from error
        if above or not self._stream.below_ad_groups:
            return made
        if made.status is Status.REMOVED:
            return None  # its ad group went long before it; the next complete list leaves both out
        raise PlatformError(
            f"Microsoft listed the {row['Type']} {row['Id']} but not its ad group {parent}, which may be new",
            kind=ErrorKind.RESTART,
            code="no-parent",
        )

    async def _parsed(self, work: Callable[[], T]) -> T:
        return await self._client.parse(lambda _: work(), b"")


def _next_rows(tables: Iterator[pa.Table], types: str) -> list[_Row] | None:
    table = next(tables, None)
    if table is None:
        return None
    wanted: Any = table.filter(pc.match_substring_regex(table["Type"], types)).to_pylist()
    return list(wanted)
