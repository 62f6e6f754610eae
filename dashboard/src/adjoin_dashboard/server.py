"""The server: one Streamlit app under Uvicorn, in one process, behind the gate."""

from __future__ import annotations

import asyncio
import errno
import gc
import ipaddress
import logging
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from adjoin.errors import AdjoinError, BadInput, StateError
from adjoin.logs import configure
from adjoin.settings import load_settings
from adjoin.surface import v1

if TYPE_CHECKING:
    import streamlit as st
    import uvicorn
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from adjoin.settings import Settings
    from adjoin_dashboard.host import Host

__all__ = ["serve"]

log = logging.getLogger(__name__)

SITE = Path(__file__).parent / "site"

#: Modules of `adjoin_dashboard.door` that have routes.
_DOORS = (
    *("sign_in", "registering", "links", "invitation", "account", "external", "connecting"),
    *("exports", "report_exports", "pictures", "creatives"),
)

#: How often waiting mail is sent, for who has no scheduler.
_MAIL_SECONDS = 10

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
    "server.headless": True,  # else a page may have Streamlit write files beside the script
}

_WARM = (
    "pandas",
    "pyarrow",
    "adjoin_dashboard.api_keys.view",
    "adjoin_dashboard.audit.view",
    "adjoin_dashboard.connections.view",
    "adjoin_dashboard.health.view",
    "adjoin_dashboard.members.view",
    "adjoin_dashboard.overview.view",
    "adjoin_dashboard.runs.view",
    "adjoin_dashboard.workspace.view",
)


def serve(home: Path, *, port: int = 8501, host: str = "127.0.0.1", ready: Callable[[str], None] | None = None) -> None:
    """Serve the dashboard of the store below `home`; return after SIGINT or SIGTERM.

    `ready` is called with the address once it answers. Port 0 takes any free one. `host` is the address to listen on;
    one that others can reach needs ADJOIN_BASE_URL. Raises BadInput for that and for a port that is taken,
    NotInitialised and the like for the store, UnknownName where the auth provider is not installed. Call it once in a
    process, from its main thread: Streamlit keeps its state in the process.
    """
    _check_reach(load_settings(home), host, port)
    if not structlog.is_configured():  # its default would write to standard output
        configure()
    with _listening(host, port) as listener:
        from adjoin_dashboard.host import open_host, serving

        with open_host(home) as opened, serving(opened):
            _ = opened.doors.provider.description  # is it there?
            shown = f"[{host}]" if ":" in host else host
            address = opened.runtime.settings.base_url or f"http://{shown}:{listener.getsockname()[1]}"
            server = _uvicorn(_app(opened), on_start=lambda: ready(address) if ready is not None else None)
            asyncio.run(server.serve(sockets=[listener]))


def _check_reach(settings: Settings, host: str, port: int) -> None:
    """Refuse an address that others can reach while nobody has said under which name they do."""
    from adjoin_dashboard.gate import LOCAL_NAMES

    local = host in LOCAL_NAMES
    if not local and not _is_address(host):
        raise BadInput(f"{host!r} is no address to listen on: 127.0.0.1 is this computer, 0.0.0.0 all of its networks.")
    base = urlsplit(settings.base_url)
    if base.scheme == "http" and base.hostname not in LOCAL_NAMES:
        log.warning("ADJOIN_BASE_URL is not https: passwords and sessions can be read on their way")
    if local or settings.base_url:
        return
    raise BadInput(
        f"To listen on {host} the dashboard must know under which address people reach it: set "
        "ADJOIN_BASE_URL=https://ads.example.com, and put a proxy that speaks https before it. To look at it yourself "
        f"from another computer use a tunnel: ssh -L {port or 8501}:127.0.0.1:{port or 8501} <this computer>."
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
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


def _app(host: Host) -> st.App:
    import streamlit as st
    from starlette.middleware import Middleware
    from starlette.routing import Route

    from adjoin_dashboard.door.ways import Ways
    from adjoin_dashboard.gate import Gate

    plugin_routes = _plugin_routes(host)
    own = [import_module(f"adjoin_dashboard.door.{name}").routes(host) for name in _DOORS]
    app = st.App(
        SITE / "app.py",
        lifespan=_living(host),
        routes=[
            Route("/healthz", _healthy),
            *(route for routes in own for route in routes),
            *(route for route, _ in plugin_routes),
        ],
        middleware=[Middleware(Gate, host=host, ways=Ways(tuple(plugin_routes)))],
        on_script_error=_on_script_error,
    )
    _check_configuration()
    return app


def _living(host: Host) -> Callable[[st.App], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def living(app: st.App) -> AsyncGenerator[None, None]:
        """Make ready what the first visitor would wait for, and send mail as long as the server lives."""
        from streamlit import runtime

        for module in _WARM:
            import_module(module)
        host.owners.bind(runtime.get_instance().media_file_mgr)
        gc.collect()
        gc.freeze()
        mailing = asyncio.create_task(_send_mail(host))
        with host.in_loop(asyncio.get_running_loop()):
            try:
                yield
            finally:
                mailing.cancel()
                await asyncio.gather(mailing, return_exceptions=True)
                await host.doors.settle()

    return living


async def _send_mail(host: Host) -> None:
    """Send what waits in the outbox, every few seconds. It costs a query where nothing does."""
    from adjoin.mail.outbox import send_due, sender

    part = host.runtime
    while True:
        try:
            send = sender(host.kernel, part.settings.mailer)
            await asyncio.to_thread(send_due, host.store, part.vault, send, clock=host.clock)
        except AdjoinError as error:
            log.warning("waiting mail was not sent: %s", error)
        await asyncio.sleep(_MAIL_SECONDS)


def _plugin_routes(host: Host) -> list[tuple[Route, bool]]:
    """The routes that plugins contribute, below `/x/<plugin>`, and which are public.

    A plugin that fails to list them goes without.
    """
    from starlette.routing import Route

    answered = host.kernel.hook(v1.Surface.routes).all()
    for plugin, error in answered.errors.items():
        log.error("plugin %r: its routes could not be listed and are not served: %s", plugin, error)
    return [
        (
            Route(f"/x/{answer.plugin}/{route.path.lstrip('/')}", route.endpoint, methods=list(route.methods)),
            route.public,
        )
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
    # The gate reads what proxies say, from those that it knows; Uvicorn would believe whoever is on this machine.
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        lifespan="on",
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
