"""The dashboard as it is served, in this process and without a network: requests, and pages by their bytes."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode

from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.routing import BaseRoute
from streamlit import config
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime

from adjoin.clock import ManualClock
from adjoin_dashboard import server
from adjoin_dashboard.host import Host, open_host, serving

COOKIE = "adjoin_session"
ADDRESS = "198.51.100.7"
_PATIENCE = 60  # seconds for a script that needs a fraction of one
_FIELD = re.compile(r'name="csrf"\s+value="([^"]+)"')


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def header(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.headers if key == name), default)

    def cookie(self, name: str) -> str | None:
        """The value of a cookie that is set."""
        set_ = [value for key, value in self.headers if key == "set-cookie" and value.startswith(f"{name}=")]
        return set_[-1].split(";", 1)[0].partition("=")[2] if set_ else None

    @property
    def everything(self) -> bytes:
        return b"\n".join([*(f"{key}: {value}".encode("latin-1") for key, value in self.headers), self.body])


class Served:
    """A dashboard that is up. What its code raises comes out here, as a server would log it and answer 500."""

    def __init__(self, host: Host, app: Any, portal: BlockingPortal) -> None:
        self.host = host
        self._app = app
        self._portal = portal

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """All of them, our own and Streamlit's."""
        found: Sequence[BaseRoute] = self._app._starlette_app.routes
        return found

    def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        form: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        address: str = ADDRESS,
    ) -> Answer:
        """Send a request as a browser does; `path` may hold a query of its own."""
        path, _, own = path.partition("?")
        raw_query = "&".join(part for part in (own, urlencode(query)) if part)
        sent = {"host": "127.0.0.1", "accept": "text/html", "user-agent": "a test"}
        body = b"" if form is None else urlencode(form).encode()
        if form is not None:
            sent |= {"content-type": "application/x-www-form-urlencoded", "origin": "http://127.0.0.1"}
        jar = dict(cookies or {}) | ({} if token is None else {COOKIE: token})
        if jar:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        if method != "GET":
            sent["content-length"] = str(len(body))
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()]
        return self.ask_raw(method, path.encode(), raw_query.encode(), lines, body, address=address)

    def ask_raw(
        self,
        method: str,
        path: bytes,
        query: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes = b"",
        *,
        address: str = ADDRESS,
    ) -> Answer:
        """Send a request with what is given and nothing else, as a server hands it on."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote_to_bytes(path).decode("utf-8", "replace"),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": list(headers),
            "client": (address, 50_000),
            "server": ("127.0.0.1", 8501),
        }
        return self._portal.call(self._exchange, scope, body)

    async def _exchange(self, scope: dict[str, Any], body: bytes) -> Answer:
        gone = asyncio.Event()
        incoming = [{"type": "http.request", "body": body, "more_body": False}]
        said: list[Any] = []

        async def receive() -> Any:
            if incoming:
                return incoming.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)

        try:
            await self._app(scope, receive, send)
        finally:
            gone.set()
        start = next(one for one in said if one["type"] == "http.response.start")
        return Answer(
            start["status"],
            tuple((key.decode("latin-1").lower(), value.decode("latin-1")) for key, value in start["headers"]),
            b"".join(one.get("body", b"") for one in said if one["type"] == "http.response.body"),
        )

    def form_token(self, token: str | None) -> str:
        """The text of the hidden field of forms, from a page that somebody with this session sees."""
        found = _FIELD.search(self.ask("GET", "/auth/sign-out", token=token).text)
        assert found is not None, "the page /auth/sign-out holds no form"
        return found[1]

    def send_form(self, path: str, *, token: str, method: str = "POST", **fields: str) -> Answer:
        """Send a form of somebody who is signed in, with what proves that it is ours."""
        return self.ask(method, path, token=token, form={"csrf": self.form_token(token), **fields})

    def look(self, page: str, *, token: str, query: Mapping[str, str] | Sequence[tuple[str, str]] = ()) -> bytes:
        """Open a page in a tab and close it; return all that its script sends, as bytes."""
        with self.tab(token=token) as tab:
            return tab.open(page, query)

    @contextmanager
    def tab(self, *, token: str, protocols: Sequence[str] = ("streamlit", "xsrf")) -> Iterator[Tab]:
        """Open the websocket of a browser's tab; a session of Streamlit's named as the third protocol is to be
        resumed.
        """
        tab = Tab(self._portal)
        headers = {
            "host": "127.0.0.1",
            "origin": "http://127.0.0.1",
            "cookie": f"{COOKIE}={token}",
            "sec-websocket-protocol": ", ".join(protocols),
        }
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": "/_stcore/stream",
            "raw_path": b"/_stcore/stream",
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": (ADDRESS, 50_000),
            "server": ("127.0.0.1", 8501),
            "subprotocols": list(protocols),
            "extensions": {},
        }

        async def run() -> None:
            await self._app(scope, tab.incoming.get, tab.outgoing.put)

        running = self._portal.start_task_soon(run)
        try:
            yield tab
        finally:
            tab.close()
            running.result(_PATIENCE)


class Tab:
    """The websocket of a browser's tab."""

    def __init__(self, portal: BlockingPortal) -> None:
        self._portal = portal
        self.session = ""  #: the id of Streamlit's session
        self.heard: list[ForwardMsg] = []  #: what the last run has sent
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.outgoing: asyncio.Queue[Any] = asyncio.Queue()
        portal.call(self.incoming.put, {"type": "websocket.connect"})

    def close(self) -> None:
        self._portal.call(self.incoming.put, {"type": "websocket.disconnect", "code": 1000})

    def open(self, page: str, query: Mapping[str, str] | Sequence[tuple[str, str]] = ()) -> bytes:
        """Run the script for a page; return all that it sends, as bytes."""
        asked = BackMsg()
        asked.rerun_script.query_string = urlencode(query)
        asked.rerun_script.page_name = page
        return self._portal.call(self._ask, asked, "script_finished")

    def make_file(self, file_id: str) -> str:
        """Press a download button; return the address of the file that is made."""
        asked = BackMsg()
        asked.backend_operation_request.request_id = "1"
        asked.backend_operation_request.session_id = self.session
        asked.backend_operation_request.deferred_file.file_id = file_id
        self._portal.call(self._ask, asked, "backend_operation_response")
        return self.heard[-1].backend_operation_response.deferred_file.url

    async def _ask(self, asked: BackMsg, last: str) -> bytes:
        """Send a message, and wait for the last one of the answer."""
        await self.incoming.put({"type": "websocket.receive", "bytes": asked.SerializeToString()})
        said = b""
        self.heard = []
        async with asyncio.timeout(_PATIENCE):
            while not self.heard or self.heard[-1].WhichOneof("type") != last:
                message = await self.outgoing.get()
                assert message["type"] != "websocket.close", f"the websocket was refused: {message}"
                data: bytes = message.get("bytes") or b""
                said += data
                self.heard.append(ForwardMsg.FromString(data))
                if self.heard[-1].WhichOneof("type") == "new_session":
                    self.session = self.heard[-1].new_session.initialize.session_id
        return said


@asynccontextmanager
async def _alive(app: Any) -> AsyncIterator[None]:
    """Go through the life of an ASGI application."""
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    outgoing: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    living = asyncio.ensure_future(app(scope, incoming.get, outgoing.put))
    incoming.put_nowait({"type": "lifespan.startup"})
    begun = await outgoing.get()
    assert begun["type"] == "lifespan.startup.complete", begun
    try:
        yield
    finally:
        incoming.put_nowait({"type": "lifespan.shutdown"})
        await living


@contextmanager
def served(home: Path, *, clock: ManualClock) -> Iterator[Served]:
    """Serve the store below `home`. Streamlit keeps its state in the process: one at a time, and it is put back."""
    before = config._main_script_path, config._config_options, sys.modules["__main__"]
    config._config_options = None
    try:
        with (
            open_host(home, clock=clock) as host,
            serving(host),
            start_blocking_portal() as portal,
        ):
            app = server._app(host)
            with portal.wrap_async_context_manager(_alive(app)):
                yield Served(host, app, portal)
    finally:
        Runtime._instance = None
        config._main_script_path, config._config_options, sys.modules["__main__"] = before
        gc.unfreeze()


def filled(path: str, values: Mapping[str, str]) -> str:
    """Put values into the parameters of a route's path."""
    return re.sub(r"{(\w+)(:\w+)?}", lambda found: quote(values[found[1]], safe=""), path)
