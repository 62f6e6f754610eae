"""Connecting an account: the OAuth code flow with a receiver on this machine."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import http.client
import secrets
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qs, urljoin, urlsplit

from adjoin.ads.v2 import CodeGrant, Consent, Credential
from adjoin.errors import UsageError

__all__ = ["ConsentFlow", "LoopbackReceiver", "connect_with_oauth", "consent_by_itself"]

_HERE = "127.0.0.1"
_LOCAL_NAMES = frozenset({_HERE, "localhost"})
_PATH = "/callback"
_CLIENT_SECONDS = 10.0
_MOST_REDIRECTS = 10


@dataclass(frozen=True, slots=True)
class _Page:
    """What the browser is shown, and for the right callback its outcome: the code, or why there is none."""

    status: int
    title: str
    text: str
    outcome: str | UsageError | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ConsentFlow:
    """The secrets of one attempt to connect: the state that must come back, and the PKCE verifier. Never logged."""

    redirect_uri: str
    state: str = field(repr=False)
    code_verifier: str = field(repr=False)

    @classmethod
    def begin(cls, redirect_uri: str, *, pkce: bool, state: str = "") -> ConsentFlow:
        """Begin an attempt: a state of 256 bits unless one is given, and with `pkce` a verifier of 384."""
        return cls(redirect_uri, state or secrets.token_urlsafe(32), secrets.token_urlsafe(48) if pkce else "")

    @property
    def consent(self) -> Consent:
        """What the platform's consent page needs."""
        challenge = ""
        if self.code_verifier:
            digest = hashlib.sha256(self.code_verifier.encode("ascii")).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
        return Consent(redirect_uri=self.redirect_uri, state=self.state, code_challenge=challenge)

    def accepts(self, state: str) -> bool:
        """Say whether a callback belongs to this attempt, in constant time."""
        return hmac.compare_digest(self.state.encode(), state.encode("utf-8", "surrogatepass"))

    def grant(self, code: str) -> CodeGrant:
        return CodeGrant(code=code, redirect_uri=self.redirect_uri, code_verifier=self.code_verifier)


class LoopbackReceiver:
    """Receives the one callback of a consent page on a free port of 127.0.0.1. Use it as a context manager.

    Callbacks with another state are refused and do not end the waiting; after the right one all others are refused.
    It listens in daemon threads and belongs to the event loop it was opened in. `port` is for platforms that must
    know the address beforehand.
    """

    def __init__(self, *, pkce: bool, port: int = 0) -> None:
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[str] = self._loop.create_future()
        self._lock = threading.Lock()
        self._done = False
        try:
            self._server = _Server((_HERE, port), _Handler)
        except OSError as error:
            raise UsageError(f"Cannot listen on {_HERE}:{port} for the platform's answer: {error.strerror}") from error
        self._server.receiver = self
        self.port = int(self._server.server_address[1])
        self.flow = ConsentFlow.begin(f"http://{_HERE}:{self.port}{_PATH}", pkce=pkce)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True, name="adjoin-oauth"
        )

    def __enter__(self) -> LoopbackReceiver:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._answer.cancel()

    async def grant(self, within: timedelta) -> CodeGrant:
        """Wait for the callback. UsageError if the person declines, or nothing comes in time."""
        try:
            code = await asyncio.wait_for(asyncio.shield(self._answer), within.total_seconds())
        except TimeoutError:
            raise UsageError(
                f"Nobody consented within {within.total_seconds():.0f} seconds; run the command again when ready"
            ) from None
        return self.flow.grant(code)

    def judge(self, query: str) -> _Page:
        """Judge a callback and claim it if it is the right one; called in a thread of the server."""
        values = {name: found[0] for name, found in parse_qs(query, max_num_fields=50).items()}
        if not self.flow.accepts(values.get("state", "")):
            return _Page(
                400, "This is not the answer we asked for", "It belongs to no connection under way. Start again."
            )
        with self._lock:
            if self._done:
                return _Page(410, "Already received", "This answer has been used. You can close this window.")
            self._done = True
        code, error = values.get("code", ""), values.get("error", "")
        if error == "access_denied":
            declined = UsageError("Access was declined on the platform's page; nothing was connected")
            return _Page(200, "Not connected", "You declined access. You can close this window.", declined)
        if error or not code:
            word = "".join(c for c in error if c.isalnum() or c in "_-. ")[:60] or "no code came back"
            refused = UsageError(f"The platform did not give access: {word}")
            return _Page(400, "Not connected", "The platform did not give access. Adjoin says more.", refused)
        return _Page(200, "Connected", "You can close this window and go back to Adjoin.", code)

    def finish(self, outcome: str | UsageError) -> None:
        """Hand the outcome to who waits for it; called in a thread of the server, once the page was shown."""

        def deliver() -> None:
            if self._answer.done():
                return
            if isinstance(outcome, str):
                self._answer.set_result(outcome)
            else:
                self._answer.set_exception(outcome)
                self._answer.exception()  # counts as seen even if nobody waits any more

        self._loop.call_soon_threadsafe(deliver)


async def connect_with_oauth(
    *,
    consent_url: Callable[[Consent], str],
    redeem: Callable[[CodeGrant], Awaitable[Credential]],
    opener: Callable[[str], object],
    pkce: bool,
    timeout: timedelta = timedelta(minutes=5),
    port: int = 0,
) -> Credential:
    """Lead a person through a platform's consent page and return the credential.

    `opener` shows the page: a browser, a printed link, or for a sandbox `consent_by_itself`. It runs in a thread.
    UsageError if the person declines or does not answer in time; what the three callables raise passes
    through.
    """
    with LoopbackReceiver(pkce=pkce, port=port) as receiver:
        url = consent_url(receiver.flow.consent)
        await asyncio.to_thread(opener, url)
        grant = await receiver.grant(timeout)
    return await redeem(grant)


def consent_by_itself(url: str) -> None:
    """Consent without a person, at a sandbox on this machine: follow the redirects from its page to our receiver.

    UsageError for any other host, before anything is sent there, and where the sandbox does not consent.
    """
    for _ in range(_MOST_REDIRECTS):
        status, location = _visit(url)
        if location:
            url = urljoin(url, location)
        elif 200 <= status < 300:
            return
        else:
            raise UsageError(f"The sandbox at {_place(url)} did not consent: it answered {status}")
    raise UsageError(f"The sandbox at {_place(url)} did not consent: more than {_MOST_REDIRECTS} redirects")


def _visit(url: str) -> tuple[int, str]:  # status, where it redirects to
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError as error:
        raise UsageError(f"The sandbox's consent page has no usable address: {error}") from None
    if parts.scheme != "http" or parts.hostname not in _LOCAL_NAMES or parts.username is not None:
        raise UsageError(f"Only a sandbox on this machine consents by itself, not {_place(url)}")
    # http.client writes no log, follows nothing and knows no proxy: codes in redirects stay between the two.
    connection = http.client.HTTPConnection(parts.hostname or _HERE, port, timeout=_CLIENT_SECONDS)
    try:
        connection.request("GET", parts._replace(scheme="", netloc="", fragment="").geturl() or "/")
        response = connection.getresponse()
        response.read()
        location = response.headers.get("Location", "") if 300 <= response.status < 400 else ""
        return response.status, location
    except (OSError, http.client.HTTPException) as error:
        raise UsageError(
            f"No answer from the sandbox at {_place(url)}: is it running? ({type(error).__name__})"
        ) from None
    finally:
        connection.close()


def _place(url: str) -> str:
    """The part of a URL that may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = False
    receiver: LoopbackReceiver

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: the default prints the traceback of a browser that hung up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "Adjoin"
    sys_version = ""
    timeout = _CLIENT_SECONDS  # browsers open connections ahead and send nothing on them

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        host = self.headers.get("Host", "")
        if host not in {f"{name}:{self.server.receiver.port}" for name in _LOCAL_NAMES}:
            page = _Page(400, "Wrong address", "This page answers on this machine only.")
        elif parts.path != _PATH:
            page = _Page(404, "Nothing here", "Adjoin waits for a platform's answer on another path.")
        else:
            page = self.server.receiver.judge(parts.query)
        try:
            self._show(page)
        finally:
            if page.outcome is not None:
                self.server.receiver.finish(page.outcome)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server uses
        """Write no log: the path holds the code."""

    def _show(self, page: _Page) -> None:
        body = _HTML.replace("{title}", page.title).replace("{text}", page.text).encode()
        self.send_response(page.status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title} - Adjoin</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>
body { font: 16px/1.5 system-ui, sans-serif; display: grid; place-items: center; min-height: 100vh; margin: 0 }
main { max-width: 26rem; padding: 2rem; text-align: center }
h1 { font-size: 1.4rem; margin: 0 0 .5rem }
p { margin: 0; opacity: .75 }
</style></head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""
