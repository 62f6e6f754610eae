"""The server: one Streamlit app under Uvicorn, in one process, for this machine only."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from adjoin.errors import BadInput, StateError
from adjoin.surface import v1

if TYPE_CHECKING:
    import streamlit as st
    import uvicorn
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from adjoin.kernel import Kernel

__all__ = ["serve"]

log = logging.getLogger(__name__)

SITE = Path(__file__).parent / "site"

#: Where it may listen while there is no sign-in, and the names it answers to there.
_LOCAL_HOSTS = ("127.0.0.1", "localhost")

#: What has to be in force, whatever other configuration files of Streamlit's exist on the machine.
_REQUIRED = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "global.developmentMode": False,
    "runner.postScriptGC": False,
    "server.enableAgentApi": False,
    "server.enableCORS": True,
    "server.enableStaticServing": True,
    "server.fileWatcherType": "none",
}

_WARM = (
    "pandas",
    "pyarrow",
    "adjoin_dashboard.health.view",
    "adjoin_dashboard.overview.view",
    "adjoin_dashboard.runs.view",
)


def serve(home: Path, *, port: int = 8501, host: str = "127.0.0.1", ready: Callable[[str], None] | None = None) -> None:
    """Serve the dashboard of the store below `home`; return after SIGINT or SIGTERM.

    `ready` is called with the address once it answers. Port 0 takes any free one. Raises BadInput for a host that
    others could reach or a port that is taken, NotInitialised and the like for the store. Call it once in a process,
    from its main thread: Streamlit keeps its state in the process.
    """
    if host not in _LOCAL_HOSTS:
        raise BadInput(
            f"The dashboard has no sign-in yet, so it only listens on 127.0.0.1, not on {host}. From another computer "
            f"use a tunnel: ssh -L {port or 8501}:127.0.0.1:{port or 8501} <this computer>."
        )
    with _listening(port) as listener:
        from adjoin_dashboard.host import open_host, serving

        with open_host(home) as opened, serving(opened):
            address = f"http://{host}:{listener.getsockname()[1]}"
            server = _uvicorn(_app(opened.kernel), on_start=lambda: ready(address) if ready is not None else None)
            asyncio.run(server.serve(sockets=[listener]))


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            # Listening now, not when Uvicorn gets there: two binds of an unused port both succeed.
            listener.listen(128)
        except OverflowError:
            raise BadInput(f"{port} is not a port: choose one between 1 and 65535.") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise BadInput(
                    f"Port {port} is taken by another program. Stop that one, or choose another port: "
                    f"adjoin dashboard --port {port + 1}."
                ) from error
            raise BadInput(f"Port {port} cannot be used: {error.strerror}.") from error
        yield listener


def _app(kernel: Kernel) -> st.App:
    import streamlit as st
    from starlette.middleware import Middleware
    from starlette.routing import Route

    from adjoin_dashboard.gate import Gate, security_headers

    app = st.App(
        SITE / "app.py",
        lifespan=_warmed,
        routes=[Route("/healthz", _healthy), *_plugin_routes(kernel)],
        middleware=[Middleware(Gate, hosts=_LOCAL_HOSTS, headers=security_headers())],
        on_script_error=_on_script_error,
    )
    _check_configuration()
    return app


@asynccontextmanager
async def _warmed(app: st.App) -> AsyncGenerator[None, None]:
    """Import what the pages need, before the first visitor waits for it, and free the collector of it."""
    for module in _WARM:
        import_module(module)
    gc.collect()
    gc.freeze()
    yield


def _plugin_routes(kernel: Kernel) -> list[BaseRoute]:
    """The routes that plugins contribute, below `/x/<plugin>`. A plugin that fails to list them goes without."""
    from starlette.routing import Route

    answered = kernel.hook(v1.Surface.routes).all()
    for plugin, error in answered.errors.items():
        log.error("plugin %r: its routes could not be listed and are not served: %s", plugin, error)
    return [
        Route(f"/x/{answer.plugin}/{route.path.lstrip('/')}", route.endpoint, methods=list(route.methods))
        for answer in answered
        for route in answer.value
    ]


def _uvicorn(app: st.App, *, on_start: Callable[[], None]) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                on_start()

        @contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            # Uvicorn raises the signal again when it has stopped, which would end the process; here `serve` returns.
            before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

    # Open tabs hold a websocket; they reconnect by themselves, so there is no reason to wait long for them.
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=2, lifespan="on"
    )
    return Server(config)


def _check_configuration() -> None:
    from streamlit import config

    wrong = {name: config.get_option(name) for name, wanted in _REQUIRED.items() if config.get_option(name) != wanted}
    if wrong:
        shown = ", ".join(f"{name} is {value!r} instead of {_REQUIRED[name]!r}" for name, value in wrong.items())
        raise StateError(
            f"Streamlit is not configured as the dashboard needs it: {shown}. "
            f"{SITE / '.streamlit' / 'config.toml'} should set this; reinstall adjoin-dashboard."
        )


async def _healthy(request: Request) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse({"status": "ok"})


def _on_script_error(error: Exception) -> bool:
    """Draw what a rerun of a fragment or a callback lets out: neither passes the boundary of the page."""
    from adjoin_dashboard.navigation import show_failure

    show_failure(error, "This part of the page failed")
    return True
