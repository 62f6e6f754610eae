"""A feed in the form of Meta's insights, served from bytes that were rendered before: as cheap as a server can be.

Every account shows the same rows, so that a feed of any length takes little memory. There are two generations of
figures: the second restates every metric.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from multiprocessing.connection import Connection
from urllib.parse import parse_qs, urlsplit

__all__ = ["DAYS", "LEVELS", "PAGE_ROWS", "Feed", "serving"]

DAYS = 28
PAGE_ROWS = 500
LEVELS = {"account": "account_daily", "campaign": "campaign_daily", "adset": "ad_group_daily", "ad": "ad_daily"}
_IDS = {"account": 0, "campaign": 1, "adset": 2, "ad": 3}
_FIRST_REPORT = 6_000_000_000_000
_GENERATIONS = (1, 2)

#: impressions, clicks, cents, purchases, cents of purchases, leads
Figures = tuple[int, int, int, int, int, int]
Totals = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Feed:
    """What is served: `accounts` accounts with `ads` ads each, on 28 days of the month before."""

    accounts: int
    ads: int

    @classmethod
    def of(cls, rows: int) -> Feed:
        """Return a feed of about so many rows of ads; 350 ads in an account, fewer where that would be too many."""
        ads = min(350, max(25, rows // DAYS // 25 * 25))
        return cls(accounts=max(1, round(rows / (ads * DAYS))), ads=ads)

    @cached_property
    def since(self) -> date:
        """The first day: in the month before this one, so that no day still moves."""
        return (date.today().replace(day=1) - timedelta(days=1)).replace(day=1)  # noqa: DTZ011

    @property
    def until(self) -> date:
        return self.since + timedelta(days=DAYS - 1)

    def rows(self, generation: int) -> dict[str, dict[tuple[str, ...], Figures]]:
        """Return the figures of one account by level, and by day and ids."""
        chance = random.Random(generation)
        found: dict[str, dict[tuple[str, ...], Figures]] = {level: {} for level in LEVELS}
        for offset in range(DAYS):
            day = (self.since + timedelta(days=offset)).isoformat()
            for ad in range(self.ads):
                ids = (f"2385{ad // 25:013d}", f"2386{ad // 5:013d}", f"2387{ad:013d}")
                clicks, purchases = chance.randint(1, 400), chance.randint(1, 20)
                figures = (
                    clicks * chance.randint(20, 90),
                    clicks,
                    clicks * chance.randint(10, 200),
                    purchases,
                    purchases * chance.randint(500, 9_000),
                    chance.randint(1, 9),
                )
                for level, depth in _IDS.items():
                    key = (day, *ids[:depth])
                    before = found[level].get(key, (0,) * 6)
                    found[level][key] = tuple(map(sum, zip(before, figures, strict=True)))  # type: ignore[assignment]
        return found

    def expected(self, generation: int) -> Totals:
        """Return what all accounts together come to, by dataset: rows, distinct keys and sums."""
        totals: Totals = {}
        for level, rows in self.rows(generation).items():
            sums = [sum(column) * self.accounts for column in zip(*rows.values(), strict=True)]
            count = len(rows) * self.accounts
            totals[LEVELS[level]] = {
                "rows": count,
                "keys": count,
                "impressions": sums[0],
                "clicks": sums[1],
                "cost_micros": sums[2] * 10_000,
                "conversions": sums[3] + sums[5],
                "conversion_value_micros": sums[4] * 10_000,
            }
        ads = totals["ad_daily"]
        totals["conversion_daily"] = {
            "rows": ads["rows"] * 2,  # purchases and leads of each
            "keys": ads["rows"] * 2,
            "conversions": ads["conversions"],
            "conversion_value_micros": ads["conversion_value_micros"],
        }
        return totals

    def pages(self, generation: int) -> dict[str, list[bytes]]:
        """Return the bodies of all pages of one account by level."""
        rendered: dict[str, list[bytes]] = {}
        for level, rows in self.rows(generation).items():
            texts = [_row(key, figures) for key, figures in rows.items()]
            starts = range(0, len(texts), PAGE_ROWS)
            rendered[level] = [_page(texts[at : at + PAGE_ROWS], at, len(texts)) for at in starts]
        return rendered


def _row(key: tuple[str, ...], figures: Figures) -> str:
    impressions, clicks, cents, purchases, value, leads = figures
    counts = {
        "link_click": clicks,
        "post_engagement": clicks,
        "landing_page_view": clicks,
        "video_view": clicks,
        "purchase": purchases,
        "omni_purchase": purchases,
        "offsite_conversion.fb_pixel_purchase": purchases,
        "lead": leads,
    }
    names = ("campaign_id", "adset_id", "ad_id")
    row = {
        **dict(zip(names, key[1:], strict=False)),
        "impressions": str(impressions),
        "clicks": str(clicks),
        "spend": _money(cents),
        "actions": [{"action_type": name, "value": str(count)} for name, count in counts.items()],
        "action_values": [
            {"action_type": name, "value": _money(value)} for name in counts if name.endswith("purchase")
        ],
        "date_start": key[0],
        "date_stop": key[0],
    }
    return json.dumps(row, separators=(",", ":"))


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _page(rows: list[str], at: int, total: int) -> bytes:
    after = at + len(rows)
    paging: dict[str, object] = {"cursors": {"before": str(at), "after": str(after)}}
    if after < total:
        paging["next"] = f"https://graph.example/next?after={after}"
    return f'{{"data":[{",".join(rows)}],"paging":{json.dumps(paging)}}}'.encode()


class _Protocol(asyncio.Protocol):
    """Just enough of HTTP/1.1: requests with a length, answers with a length, connections that stay open."""

    def __init__(self, answers: _Answers) -> None:
        self._answers = answers
        self._waiting = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = self._waiting[:end].decode("latin-1")
            length = next(
                (int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0
            )
            stop = end + 4 + length
            if len(self._waiting) < stop:
                return
            method, target, _ = head.split(" ", 2)
            body = self._answers.to(method, target, self._waiting[end + 4 : stop].decode())
            self._waiting = self._waiting[stop:]
            status = b"404 Not Found" if body is None else b"200 OK"
            body = b'{"error":{"code":100,"message":"unknown path"}}' if body is None else body
            start = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
            self._transport.write(start)
            self._transport.write(body)


class _Answers:
    def __init__(self, feed: Feed) -> None:
        self._pages = {generation: feed.pages(generation) for generation in _GENERATIONS}
        self._generation = _GENERATIONS[0]
        self._accounts = json.dumps(
            {
                "data": [
                    {
                        "id": f"act_{1000 + number}",
                        "account_id": str(1000 + number),
                        "name": f"Account {number}",
                        "account_status": 1,
                        "currency": "EUR",
                        "timezone_name": "Europe/Berlin",
                    }
                    for number in range(feed.accounts)
                ]
            }
        ).encode()

    def to(self, method: str, target: str, body: str) -> bytes | None:
        url = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(f"{url.query}&{body}").items()}
        match url.path.strip("/").split("/"):
            case ["generation", number]:
                self._generation = int(number)
                return b"{}"
            case [_, "me", "adaccounts"]:
                return self._accounts
            case [_, account, "insights"] if account.startswith("act_"):
                if method == "POST":
                    ordered = _FIRST_REPORT + int(account[4:]) * 10 + _IDS[query["level"]]
                    return b'{"report_run_id":"%d"}' % ordered
                return self._page(query["level"], query)
            case [_, report, "insights"] if report.isdecimal():
                level = next(name for name, depth in _IDS.items() if depth == int(report) % 10)
                return self._page(level, query)
            case [_, report] if report.isdecimal():
                return b'{"id":"%s","async_status":"Job Completed","async_percent_completion":100}' % report.encode()
            case [_, account, _] if account.startswith("act_"):
                return b'{"data":[]}'
        return None

    def _page(self, level: str, query: dict[str, str]) -> bytes:
        return self._pages[self._generation][level][int(query.get("after", "0")) // PAGE_ROWS]


def _serve(feed: Feed, ready: Connection) -> None:
    async def run() -> None:
        answers = _Answers(feed)
        server = await asyncio.get_running_loop().create_server(lambda: _Protocol(answers), "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def serving(feed: Feed) -> Iterator[tuple[str, int]]:
    """Serve the feed in a process of its own; gives its address and process id."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(feed, there), daemon=True)
    process.start()
    try:
        if not here.poll(120):
            raise RuntimeError("the feed did not start")
        yield f"http://127.0.0.1:{here.recv()}", process.pid or 0
    finally:
        process.terminate()
        process.join()
