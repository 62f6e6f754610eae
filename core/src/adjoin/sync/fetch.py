"""Reads one slice: entities go to the store as they arrive, facts into staged files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, aclosing, suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import TypeVar

from adjoin.ads import v2
from adjoin.clock import Clock
from adjoin.db.models import Connection, EntityKind, Slice
from adjoin.errors import Fenced, StateError, WrongResult
from adjoin.facts.store import FactStore, StagedWriter
from adjoin.http.client import ApiClient
from adjoin.kernel import Kernel
from adjoin.sync.entities import mark_gone, save_entities
from adjoin.sync.runs import Attempt, RunBook
from adjoin.sync.states import SliceEvent

__all__ = ["SliceReader"]

T = TypeVar("T")

#: What a complete listing of a stream tells about: entities of the kind that it does not show are gone.
_KINDS = {
    "campaigns": EntityKind.CAMPAIGN,
    "ad_groups": EntityKind.AD_GROUP,
    "ads": EntityKind.AD,
    "keywords": EntityKind.KEYWORD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceReader:
    """Reads the slices of one attempt."""

    attempt: Attempt
    connection: Connection
    description: v2.Description
    kernel: Kernel
    client: ApiClient
    book: RunBook
    facts: FactStore
    clock: Clock

    async def read(self, account: v2.Account, piece: Slice) -> None:
        """Read a slice from its start to its end. Raises PlatformError, PluginError, StateError or Fenced."""
        await self._move(
            piece,
            SliceEvent.START,
            attempts=piece.attempts + 1,
            started_at=self.clock.now(),
            asked_at=self.client.now(),
        )
        if piece.since is None or piece.until is None:
            await self._read_entities(account, piece)
        else:
            window = v2.DateWindow(since=piece.since, until=piece.until)
            await self._read_facts(account, piece, window)

    async def _read_entities(self, account: v2.Account, piece: Slice) -> None:
        count = 0
        request = v2.ReadRequest(stream=piece.stream, account=account, updated_since=piece.updated_since)
        async with aclosing(self._batches(request)) as batches:
            async for batch in batches:
                if not isinstance(batch, v2.EntityBatch):
                    raise self._wrong(f"yielded facts for {piece.stream}, a list of entities")
                strangers = {one.account_id for one in batch.entities} - {account.id}
                if strangers:
                    raise self._wrong(f"yielded entities of account {min(strangers)!r} for account {account.id!r}")
                count += await asyncio.to_thread(self._save, batch)
        await asyncio.to_thread(self._complete, account, piece, count)

    def _save(self, batch: v2.EntityBatch) -> int:
        now = self.clock.now()
        with self.book.fenced(self.attempt, now=now) as (session, _):
            return save_entities(
                session,
                workspace_id=self.attempt.workspace_id,
                platform=self.connection.platform,
                entities=batch.entities,
                now=now,
            )

    def _complete(self, account: v2.Account, piece: Slice, count: int) -> None:
        now = self.clock.now()
        kind = _KINDS.get(piece.stream) if piece.updated_since is None else None
        if kind is not None and piece.started_at is not None:
            with self.book.fenced(self.attempt, now=now) as (session, _):
                mark_gone(
                    session,
                    workspace_id=self.attempt.workspace_id,
                    platform=self.connection.platform,
                    account_id=account.id,
                    kind=kind,
                    seen_since=piece.started_at,
                )
        self.book.move_slice(self.attempt, piece, SliceEvent.COMMIT, now=now, rows=count, error=None, finished_at=now)

    async def _read_facts(self, account: v2.Account, piece: Slice, window: v2.DateWindow) -> None:
        request = v2.ReadRequest(stream=piece.stream, account=account, window=window)
        stream = self.description.stream(piece.stream)
        with ExitStack() as stack:
            writers: dict[str, StagedWriter] = {
                dataset: stack.enter_context(
                    self.facts.stage(
                        run_id=self.attempt.run_id,
                        # A name of this attempt's own: one that wakes late must not write over the next one's file.
                        slice_id=f"{piece.id}-{self.attempt.epoch}",
                        dataset=dataset,
                        platform=self.connection.platform,
                        account_id=account.id,
                        window=window,
                    )
                )
                for dataset in (stream.name, *stream.yields)
            }
            async with aclosing(self._batches(request)) as batches:
                async for batch in batches:
                    if not isinstance(batch, v2.FactBatch) or batch.dataset not in writers:
                        what = batch.dataset if isinstance(batch, v2.FactBatch) else "entities"
                        raise self._wrong(f"yielded {what} for {piece.stream}, which gives {', '.join(writers)}")
                    await _in_thread(partial(writers[batch.dataset].append, batch.rows))
            staged = [await _in_thread(writer.close) for writer in writers.values()]
        try:
            await self._move(
                piece,
                SliceEvent.STAGE,
                rows=sum(file.rows for file in staged),
                staged=[asdict(file) for file in staged],
                totals=dict(staged[0].sums),
                error=None,
                error_kind=None,
                finished_at=self.clock.now(),
            )
        except Fenced:
            with suppress(StateError):  # that it was taken over says more
                for file in staged:
                    await asyncio.to_thread(self.facts.remove, file.path)
            raise

    def _batches(self, request: v2.ReadRequest) -> AsyncGenerator[v2.Batch, None]:
        hook = self.kernel.stream(v2.Ads.read)
        return hook.stream(self.connection.platform, request=request, client=self.client)

    async def _move(self, piece: Slice, event: SliceEvent, **changes: object) -> None:
        await asyncio.to_thread(self.book.move_slice, self.attempt, piece, event, now=self.clock.now(), **changes)

    def _wrong(self, what: str) -> WrongResult:
        return WrongResult(f"plugin {self.connection.platform!r} {what}", plugin=self.connection.platform)


async def _in_thread(function: Callable[[], T]) -> T:
    """Run in a thread; when cancelled, wait for its end first: a file must not be closed while it is written to."""
    working = asyncio.ensure_future(asyncio.to_thread(function))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        with suppress(Exception):  # whatever it came to, the slice is given up
            working.result()
        raise
