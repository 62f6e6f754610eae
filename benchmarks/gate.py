"""What the gate costs each request, with many sessions stored.

    python benchmarks/gate.py [--sessions 10000] [--requests 2000] [--limit 1000] [--json]

Each request comes with the token of another session, drawn at random (with a fixed seed), so that nothing is known
from the request before: `asked`. Then the same with what is known for a second: `known`. `session` is the look-up of
who is signed in alone; `gate` is all that the dashboard's gate adds to a request: the time through it less the time of
what is behind it. Exit code 1 if a median is not below the limit, if anybody is taken for somebody else, if a request
takes more than one query, or if asking what somebody may do takes any.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import col

from adjoin.access.permissions import Permission
from adjoin.access.sessions import Sessions
from adjoin.access.signed_in import SessionLevel, SignedIn
from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE
from adjoin.db.people import Member, Role, Session, User
from adjoin.runtime import Runtime
from adjoin.secrets import Keyring
from adjoin.settings import Settings

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

_PAGE = [(b"host", b"127.0.0.1:8501"), (b"accept", b"text/html"), (b"sec-fetch-mode", b"navigate")]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the gate.")
    parser.add_argument("--sessions", type=int, default=10_000, help="sessions stored")
    parser.add_argument("--requests", type=int, default=2_000, help="requests to measure")
    parser.add_argument("--limit", type=float, default=1_000, help="what a median must be below, in microseconds")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        report = _measure(Path(folder), given.sessions, given.requests)
    if given.json:
        print(json.dumps(report))
    else:
        for name, one in report.items():
            print(f"{name:14}  median {one['median']:7.1f} µs   95 of 100 below {one['p95']:7.1f} µs")
    sys.exit(any(one["median"] >= given.limit for one in report.values()))


def _measure(folder: Path, count: int, requests: int) -> dict[str, dict[str, float]]:
    clock = ManualClock()
    settings = Settings(home=folder)
    Keyring.create_file(settings.key_file)
    with Store.open(settings.database, check_schema=False) as store:
        store.initialise(now=clock.now())
        tokens = _fill(store, Sessions(store, clock), count, clock)
    clock.advance(2)
    drawn = random.Random(7).choices(sorted(tokens), k=requests)
    with closing(Runtime(settings, clock=clock)) as runtime:
        report = {}
        for name, forget in (("asked", True), ("known", False)):
            report[f"session {name}"] = _figures(_look_up(runtime, drawn, tokens, forget=forget))
            report[f"gate {name}"] = _figures(asyncio.run(_go_through(runtime, drawn, tokens, forget=forget)))
    return report


def _look_up(runtime: Runtime, drawn: list[str], tokens: dict[str, str], *, forget: bool) -> list[float]:
    sessions = runtime.doors.sessions
    micros = []
    for token in drawn:
        _prepare(runtime, token, forget=forget)
        start = time.perf_counter()
        found = sessions.find(token)
        micros.append((time.perf_counter() - start) * 1e6)
        if found is None or found.user_id != tokens[token]:
            sys.exit("somebody was taken for somebody else")
    return micros


async def _go_through(runtime: Runtime, drawn: list[str], tokens: dict[str, str], *, forget: bool) -> list[float]:
    from adjoin_dashboard.door.visitor import SCOPE_KEY
    from adjoin_dashboard.gate import Gate
    from adjoin_dashboard.host import Host

    spent = 0.0
    seen: SignedIn | None = None

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal spent, seen
        start = time.perf_counter()
        seen = scope[SCOPE_KEY].signed_in
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        spent = time.perf_counter() - start

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        pass

    gate = Gate(behind, host=Host(runtime=runtime, platforms={}))
    micros = []
    for token in drawn:
        _prepare(runtime, token, forget=forget)
        headers = [*_PAGE, (b"cookie", f"theme=dark; adjoin_session={token}".encode())]
        scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/runs", "headers": headers}
        with _queries() as asked:
            start = time.perf_counter()
            await gate(scope, receive, send)
            micros.append((time.perf_counter() - start - spent) * 1e6)
        if seen is None or seen.user_id != tokens[token]:
            sys.exit("somebody was taken for somebody else")
        if len(asked) > (1 if forget else 0):
            sys.exit(f"a request took {len(asked)} queries: {asked}")
        with _queries() as asked:
            allowed = [permission for permission in Permission if seen.may(permission)]
        if asked or not allowed:
            sys.exit("asking what somebody may do took a query, or gave nothing")
    await runtime.doors.settle()
    return micros


def _prepare(runtime: Runtime, token: str, *, forget: bool) -> None:
    sessions = runtime.doors.sessions
    if forget:
        found = sessions.cached(token)
        sessions.forget([found.session_id] if found is not None else [])
    else:
        sessions.find(token)


_heard: list[Callable[[str], None]] = []


@sa.event.listens_for(sa.Engine, "before_cursor_execute")
def _hear(_connection: object, _cursor: object, statement: str, *_: object) -> None:
    for listener in _heard:
        listener(statement)


@contextmanager
def _queries() -> Iterator[list[str]]:
    """Collect the statements that read or change rows."""
    asked: list[str] = []
    _heard.append(lambda text: asked.append(text) if not text.startswith(("BEGIN", "PRAGMA")) else None)
    try:
        yield asked
    finally:
        _heard.clear()


def _figures(micros: list[float]) -> dict[str, float]:
    return {"median": median(micros), "p95": quantiles(micros, n=20)[-1]}


def _fill(store: Store, sessions: Sessions, count: int, clock: ManualClock) -> dict[str, str]:
    tokens = {}
    with store.write() as database:
        for number in range(count):
            user = f"user{number}"
            database.add(User(id=user, email=f"{user}@example.com", created_at=clock.now()))
            database.add(Member(workspace_id=DEFAULT_WORKSPACE, user_id=user, role=Role.VIEWER, created_at=clock.now()))
        database.flush()
        with database.no_autoflush:
            for number in range(count):
                user = f"user{number}"
                made = sessions.create(
                    database, user_id=user, provider="local", subject=user, level=SessionLevel.PASSWORD
                )
                tokens[made.token] = user
        database.flush()
        # In use: else each first request would note that the new token has arrived.
        seen = sa.update(Session).values({col(Session.last_seen_at): clock.now() + timedelta(seconds=1)})
        database.connection().execute(seen)
    return tokens


if __name__ == "__main__":
    main()
