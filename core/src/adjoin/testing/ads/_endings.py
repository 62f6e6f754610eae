"""Promises about how reading goes on and ends: nothing stays open, nothing piles up, nothing blocks."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from adjoin.ads import v2
from adjoin.kernel import Kernel
from adjoin.testing._ads_probe import Reader, WatchedClient
from adjoin.testing._ads_recording import measure, record
from adjoin.testing._ads_stage import Stage
from adjoin.testing.ads._fixtures import Fixtures
from adjoin.testing.world import World

__all__ = ["EndingPromises"]

_PATIENCE = 10.0

_MOST_ROWS = 50_000
_SLACK = 2_000_000  # bytes; what is allocated once, whatever the window
_LITTLE = 0.02  # CPU seconds that no loop is blamed for


class EndingPromises(Fixtures):
    """How reading goes on and ends."""

    def test_leaving_early_leaves_nothing_open(
        self, reader: Reader, kernel: Kernel, platform: str, client: v2.Client, window: v2.DateWindow
    ) -> None:
        for stream in reader.describe().streams:
            watched = WatchedClient(client)
            asyncio.run(_leave_early(kernel, platform, watched, _request(reader, stream, window)))
            assert watched.open == 0, f"{stream.name}: {watched.open} requests are still open"

    def test_cancelling_leaves_nothing_open(
        self, reader: Reader, kernel: Kernel, platform: str, client: v2.Client, window: v2.DateWindow
    ) -> None:
        for stream in reader.describe().streams:
            watched = WatchedClient(client, stall=True)
            asyncio.run(_cancel(kernel, platform, watched, _request(reader, stream, window)))
            assert watched.open == 0, f"{stream.name}: {watched.open} requests are still open"

    # --- large answers ----------------------------------------------------------------------------------------------

    @pytest.fixture
    def large_world(self) -> World:
        """An advertiser whose largest account has some 40,000 rows per ad and day in four weeks."""
        return World.generate(seed=7, today=date(2026, 3, 15), scale=12, days=28)

    def test_memory_does_not_grow_with_the_window(
        self, reader: Reader, kernel: Kernel, platform: str, app: v2.App, large_world: World
    ) -> None:
        """A backfill reads years: whoever holds a whole answer holds up the machine.

        The answers are recorded, then read again from the record: what is measured is the plugin's own memory.
        """
        self.need(reader, "sandbox")
        days = _finest(reader).max_window_days
        peaks: list[int] = []
        for share in (4, 1):
            slices = _Large(kernel, platform, large_world, app, days=min(days, 28) // share)
            effort = measure(kernel, platform, slices.recorded, slices.requests, memory=True)
            peaks.append(effort.peak)
            assert effort.largest <= _MOST_ROWS, (
                f"a batch of {effort.largest:,} rows: yield batches of at most {_MOST_ROWS:,}, so that what is stored "
                "and what is read at the same time stay small"
            )
        quarter, whole = peaks
        assert whole <= 2 * quarter + _SLACK, (
            f"{slices.stream}: four times the days took {whole / 1e6:.1f} MB in place of {quarter / 1e6:.1f}. Decode "
            "page by page (or the stream while it arrives, `client.stream`) and yield before the next page is asked for"
        )

    def test_parsing_leaves_the_loop_alone(
        self, reader: Reader, kernel: Kernel, platform: str, app: v2.App, large_world: World
    ) -> None:
        """While the loop parses, nothing else of the plugin moves, the renewal of a token neither.

        What is measured is CPU time by thread, so that a busy machine does not matter.
        """
        self.need(reader, "sandbox")
        slices = _Large(kernel, platform, large_world, app, days=min(_finest(reader).max_window_days, 7))
        effort = measure(kernel, platform, slices.recorded, slices.requests, memory=False)
        if effort.loop_seconds is None or effort.thread_seconds is None:
            pytest.skip("not implemented: this system does not tell the CPU time of a thread")
        assert effort.loop_seconds <= max(effort.thread_seconds, _LITTLE), (
            f"{slices.stream}: of {effort.rows:,} rows the plugin's event loop worked {effort.loop_seconds:.2f} CPU "
            f"seconds and its threads {effort.thread_seconds:.2f}: most of the work blocks the loop. Hand decoding and "
            "the building of columns to `client.parse(function, data)`"
        )


class _Large:
    """The finest results of the largest account of a world, recorded."""

    def __init__(self, kernel: Kernel, platform: str, world: World, app: v2.App, *, days: int) -> None:
        stage = Stage(kernel, platform, world, app)
        token = v2.Credential(access_token=world.token(platform))
        reader = Reader(kernel, platform, stage.client(token))
        presence = world.on(platform)
        window = v2.DateWindow(since=world.today - timedelta(days=max(days, 1) - 1), until=world.today)
        self.stream = _finest(reader).name

        def rows(account: v2.Account) -> int:
            found = presence.truth(self.stream, account_id=account.id, since=window.since, until=window.until)
            return int(found.num_rows)

        account = max(reader.readable_accounts(), key=rows)
        request = v2.ReadRequest(stream=self.stream, account=account, window=window)
        self.recorded, self.requests = record(kernel, platform, stage.client(token), request)


def _finest(reader: Reader) -> v2.Stream:
    streams = {stream.name: stream for stream in reader.streams("facts")}
    return streams.get("ad_daily") or list(streams.values())[-1]


def _request(reader: Reader, stream: v2.Stream, window: v2.DateWindow) -> v2.ReadRequest:
    account = reader.readable_accounts()[0]
    return v2.ReadRequest(stream=stream.name, account=account, window=window if stream.kind == "facts" else None)


async def _leave_early(kernel: Kernel, platform: str, client: Any, request: v2.ReadRequest) -> None:
    batches = kernel.stream(v2.Ads.read).stream(platform, request=request, client=client)
    async for _ in batches:
        break
    await batches.aclose()


async def _cancel(kernel: Kernel, platform: str, client: WatchedClient, request: v2.ReadRequest) -> None:
    """Cancel the reading while its first request is under way; a plugin that sends none just ends."""

    async def read() -> None:
        async for _ in kernel.stream(v2.Ads.read).stream(platform, request=request, client=client):
            pass

    reading = asyncio.create_task(read())
    stalling = asyncio.create_task(asyncio.to_thread(client.stalled.wait, _PATIENCE))
    await asyncio.wait({reading, stalling}, return_when=asyncio.FIRST_COMPLETED)
    reading.cancel()
    await asyncio.wait({reading})
    client.stalled.set()
    await stalling
    if not reading.cancelled():
        reading.result()
