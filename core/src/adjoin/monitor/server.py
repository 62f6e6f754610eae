"""The monitor's server: /healthz, /readyz and /metrics of one process.

It asks for no password and tells no secret; keep it on an address that only your monitoring reaches.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from adjoin.errors import AdjoinError, BadInput

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from adjoin.clock import Clock
    from adjoin.db import Store
    from adjoin.monitor.figures import HealthReader
    from adjoin.monitor.vitals import Vitals

__all__ = ["Address", "monitor_app", "monitoring", "parse_address"]

_STOP_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Address:
    """Where the monitor listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read `HOST:PORT`; port 0 takes a free one. Raises BadInput."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise BadInput(f"ADJOIN_MONITOR {text!r} is not an address; write HOST:PORT, such as 127.0.0.1:9464")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


@asynccontextmanager
async def monitoring(
    address: str, *, store: Store, vitals: Vitals, clock: Clock, health: HealthReader | None = None
) -> AsyncIterator[Address | None]:
    """Serve the monitor while the block runs, and give the address it listens on; does nothing for an empty one.

    `health` reads how the connections are, for the figures; it blocks.

    Raises BadInput when the address is none or cannot be had.
    """
    if not address:
        yield None
        return
    import uvicorn

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # signals are for the process whose monitor this is

    with _listening(parse_address(address)) as listener:
        config = uvicorn.Config(
            monitor_app(store=store, vitals=vitals, clock=clock, health=health),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        server = Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        where = Address(*listener.getsockname()[:2])
        structlog.get_logger("adjoin.monitor").info("monitor serves", address=str(where))
        try:
            yield where
        finally:
            server.should_exit = True
            with suppress(TimeoutError):
                await asyncio.wait_for(serving, 2 * _STOP_SECONDS)


def monitor_app(*, store: Store, vitals: Vitals, clock: Clock, health: HealthReader | None = None) -> Starlette:
    """Make the application.

    /healthz answers 200 as long as the process does; /readyz 200, or 503 with the reasons; /metrics in the text format
    of Prometheus.
    """
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    from adjoin.monitor.figures import Figures

    vitals.registry.register(Figures(store, clock, health))

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok", "role": vitals.role})

    async def readyz(request: Request) -> Response:
        reasons = vitals.reasons()
        try:
            await asyncio.to_thread(store.check_schema)
        except AdjoinError as error:
            reasons.append(f"store: {error}")
        return JSONResponse(
            {"ready": not reasons, "role": vitals.role, "reasons": reasons}, status_code=503 if reasons else 200
        )

    async def metrics(request: Request) -> Response:
        text = await asyncio.to_thread(generate_latest, vitals.registry)
        return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])


@contextmanager
def _listening(address: Address) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address.host, address.port))
            listener.listen()
        except OSError as error:
            raise BadInput(
                f"the monitor cannot listen on {address}: {error.strerror or error}; set ADJOIN_MONITOR to another "
                "address, or leave it empty to go without"
            ) from error
        yield listener
    finally:
        listener.close()
