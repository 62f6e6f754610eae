"""One local server for all sandboxes: each platform below its name, and routes for tests below `/_sandbox`."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import date, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from adjoin.ads.v2 import AsgiApp
from adjoin.errors import AdjoinError, BadInput, UnknownName
from adjoin.testing.faults import Fault
from adjoin.testing.sandbox import CUT_EXTENSION, SKEW_EXTENSION
from adjoin.testing.world import World

__all__ = ["HOST", "running", "sandbox_app", "serve"]

HOST = "127.0.0.1"

_START_SECONDS = 30.0
_GRACE_SECONDS = 2

# Sums are exact: a decimal is written as a number with all its digits.
_encoder = msgspec.json.Encoder(decimal_format="number")


def sandbox_app(platforms: Mapping[str, AsgiApp], world: World) -> Starlette:
    """Mount each platform's sandbox below `/<name>`, and beside them:

    GET /_sandbox/health
    GET /_sandbox/world: seed, clock, platforms with their token and accounts
    GET /_sandbox/truth?platform=&dataset=[&account=&since=&until=]: the totals of what a sync should give
    GET or POST /_sandbox/clock: {"today": "2026-11-22"} or {"now": "2026-11-22T12:00:00Z"}
    GET, POST or DELETE /_sandbox/faults: one fault or a list of them, see `Fault`
    GET /_sandbox/requests: how many came in, by platform and class
    """
    admin = _Admin(tuple(platforms), world)
    routes = [
        Route("/health", admin.health),
        Route("/world", admin.world_now),
        Route("/truth", admin.truth),
        Route("/clock", admin.clock, methods=["GET", "POST"]),
        Route("/faults", admin.faults, methods=["GET", "POST", "DELETE"]),
        Route("/requests", admin.requests),
    ]
    return Starlette(
        middleware=[Middleware(_WorldTime, world=world)],
        routes=[
            Mount("/_sandbox", app=Starlette(routes=routes, exception_handlers={AdjoinError: _refused})),
            *(Mount(f"/{name}", app=app) for name, app in platforms.items()),
        ],
    )


class _WorldTime:
    """Tells the world's time in the Date header, as a platform tells its own, or another one (fault `clock_skew`)."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ahead = timedelta(0)

        def skew(seconds: int) -> None:
            nonlocal ahead
            ahead = timedelta(seconds=seconds)

        scope.setdefault("extensions", {})[SKEW_EXTENSION] = skew

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = format_datetime(self._world.now + ahead, usegmt=True)
                message["headers"] = [*message["headers"], (b"date", told.encode())]
            await send(message)

        await self._app(scope, receive, dated)


class _Admin:
    """What tests and checks ask the sandbox about itself."""

    def __init__(self, platforms: tuple[str, ...], world: World) -> None:
        self.platforms = platforms
        self.world = world

    async def health(self, request: Request) -> Response:
        return _json({"status": "ok"})

    async def world_now(self, request: Request) -> Response:
        platforms = {name: self._platform(name) for name in self.platforms}
        return _json({"seed": self.world.seed, **self._clock(), "platforms": platforms})

    async def truth(self, request: Request) -> Response:
        query = request.query_params
        if unknown := sorted(set(query) - {"platform", "dataset", "account", "since", "until"}):
            raise BadInput(f"The truth has no parameter {unknown[0]!r}.")
        platform = query.get("platform", "")
        if platform not in self.platforms:
            raise UnknownName(f"There is no sandbox of {platform!r}; there are {', '.join(self.platforms)}.")
        dataset = query.get("dataset", "account_daily")
        totals = self.world.on(platform).totals(
            dataset,
            account_id=query.get("account"),
            since=_date(query["since"]) if "since" in query else None,
            until=_date(query["until"]) if "until" in query else None,
        )
        return _json({"platform": platform, "dataset": dataset, **asdict(totals)})

    async def clock(self, request: Request) -> Response:
        if request.method == "POST":
            match await _body(request):
                case {"today": str(today), **rest} if not rest:
                    self.world.set_today(_date(today))
                case {"now": str(now), **rest} if not rest:
                    self.world.set_now(_instant(now))
                case _:
                    raise BadInput('The clock is set with {"today": "2026-11-22"} or {"now": "2026-11-22T12:00:00Z"}.')
        return _json(self._clock())

    async def faults(self, request: Request) -> Response:
        faults = self.world.faults
        if request.method == "DELETE":
            faults.clear()
        if request.method == "POST":
            given = await _body(request)
            faults.add(*map(Fault.from_json, given if isinstance(given, list) else [given]))
        return _json(
            {
                "active": [fault.to_json() for fault in faults.active],
                "fired": [fired.to_json() for fired in faults.fired],
            }
        )

    async def requests(self, request: Request) -> Response:
        return _json(self.world.faults.requests())

    def _clock(self) -> dict[str, str]:
        return {"now": self.world.now.isoformat(), "today": self.world.today.isoformat()}

    def _platform(self, name: str) -> dict[str, object]:
        presence = self.world.on(name)
        return {
            "path": f"/{name}",
            "access_token": self.world.token(name),
            "accounts": [asdict(account) for account in presence.accounts],
            "campaigns": len(presence.campaigns()),
            "ad_groups": len(presence.ad_groups()),
            "ads": len(presence.ads()),
        }


def serve(app: ASGIApp, port: int, *, ready: Callable[[int], None]) -> None:
    """Serve on 127.0.0.1 until Ctrl-C or SIGTERM; port 0 takes a free one.

    `ready` is called with the port once requests are answered. Blocks. Raises BadInput when the port cannot be had.
    """
    with _listening(port) as listener, suppress(KeyboardInterrupt):
        _Server(app, ready).run(sockets=[listener])


@contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """Serve on a free port in a daemon thread, and give the base URL (http://127.0.0.1:port) once it answers."""
    with _listening(0) as listener:
        started = threading.Event()
        server = _Server(app, lambda _port: started.set())
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True)
        thread.start()
        try:
            if not started.wait(_START_SECONDS):
                raise RuntimeError(f"The sandbox did not start within {_START_SECONDS:.0f} seconds.")
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(_START_SECONDS)


class _Server(uvicorn.Server):
    """Uvicorn that says when it is ready and leaves the process's logging alone."""

    def __init__(self, app: ASGIApp, ready: Callable[[int], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_CuttingProtocol,
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                date_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            self._ready(sockets[0].getsockname()[1])


class _CuttingProtocol(H11Protocol):
    """HTTP/1.1 whose applications can close the connection in the middle of an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[CUT_EXTENSION] = transport.close
            await inner(scope, receive, send)

        self.app = app


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen()
        except (OSError, OverflowError) as error:
            raise BadInput(_why_not(port, error)) from error
        yield listener
    finally:
        listener.close()


def _why_not(port: int, error: Exception) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return (
                f"Port {port} on {HOST} is taken by another program. Stop it, or choose another port: "
                f"--port {port + 1}, or --port 0 for any free one."
            )
        case errno.EACCES:
            return (
                f"Port {port} is reserved for the administrator. Choose one above 1023, or --port 0 for any free one."
            )
        case _:
            return f"Port {port} on {HOST} cannot be used: {error}. Choose one from 1024 to 65535, or --port 0."


async def _refused(request: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, status=404 if isinstance(error, UnknownName) else 400)


async def _body(request: Request) -> Any:
    try:
        return msgspec.json.decode(await request.body())
    except msgspec.DecodeError as error:
        raise BadInput(f"The body is not JSON: {error}.") from error


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is not a date; write it as 2026-11-22.") from error


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is not an instant; write it as 2026-11-22T12:00:00Z.") from error


def _json(value: object, *, status: int = 200) -> Response:
    return Response(_encoder.encode(value), status_code=status, media_type="application/json")
