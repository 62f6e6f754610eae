"""The gate: every request and websocket passes it before anything else sees it.

It knows who is signed in, lets in what is for them, and refuses the rest: other sites, other names, other people's
files, and whoever has no session.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from math import ceil
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse

from adjoin.errors import AdjoinError
from adjoin_dashboard.door.addresses import Proxies
from adjoin_dashboard.door.cookies import SESSION_COOKIE, cookie_name, set_session
from adjoin_dashboard.door.headers import OWN_POLICY, security_headers
from adjoin_dashboard.door.limits import Limits
from adjoin_dashboard.door.live import Watched
from adjoin_dashboard.door.notices import notice
from adjoin_dashboard.door.visitor import SCOPE_KEY, Visit
from adjoin_dashboard.door.ways import Way, Ways, is_navigation, way_back
from adjoin_dashboard.owners import Owner
from adjoin_dashboard.session_guard import ADDRESS_HEADER, SESSION_HEADER

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from adjoin_dashboard.host import Host

__all__ = ["LOCAL_NAMES", "Gate"]

_log = structlog.get_logger("adjoin.gate")

#: The names of this machine for itself.
LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")
_OWN_PAGES = ("/auth/", "/connect/")
_MEDIA = "/media/"
_UPLOADS = "/_stcore/upload_file/"
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_LARGEST_FORM = 64 * 1024  # bytes
_PASSED_ON = (SESSION_HEADER.encode(), ADDRESS_HEADER.encode())


class Gate:
    """ASGI middleware before the whole dashboard; `ways` tells which requests need somebody who is signed in.

    It answers to the names of this machine and to the one in ADJOIN_BASE_URL. A page of another site could reach it
    through a visitor's browser, so the Host and the Origin must be our own.
    """

    def __init__(self, app: ASGIApp, *, host: Host, ways: Ways | None = None, limits: Limits | None = None) -> None:
        settings = host.runtime.settings
        base = urlsplit(settings.base_url)
        self._app = app
        self._host = host
        self._ways = ways or Ways()
        self._limits = limits or Limits(host.clock)
        self._proxies = Proxies(settings.proxies)
        self._secure = base.scheme == "https"
        self._names = frozenset({*LOCAL_NAMES, *([base.hostname] if base.hostname else [])})
        self._headers = security_headers(secure=self._secure)
        self._cookie = cookie_name(SESSION_COOKIE, secure=self._secure)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        visit = Visit(
            address=self._proxies.client(scope, headers),
            secure=self._secure,
            now=self._host.clock.now(),
            token=_cookie(headers, self._cookie),
        )
        scope[SCOPE_KEY] = visit
        way = self._ways.of(scope)
        if scope["type"] == "websocket":
            await self._open(scope, receive, send, headers, visit, way)
            return
        send = self._dressed(scope, send, visit)
        answer = self._foreign(scope, headers, way) or self._too_much(scope, headers, visit)
        if answer is None and way is not Way.OPEN:
            answer = await self._known(scope, headers, visit, way)
        await (answer or self._app)(scope, receive, send)

    # What is refused whoever asks

    def _foreign(self, scope: Scope, headers: Headers, way: Way) -> Response | None:
        if way is Way.CLOSED:
            return PlainTextResponse("Not found", HTTPStatus.NOT_FOUND)
        if not scope.get("query_string", b"").isascii():  # browsers write other signs as %XX (RFC 3986)
            return PlainTextResponse("The address has bytes that belong in no address.", HTTPStatus.BAD_REQUEST)
        host = self._proxies.host(scope, headers)
        if _name(f"//{host}") not in self._names and scope["path"] != "/healthz":
            return PlainTextResponse("This server does not answer under that name.", HTTPStatus.MISDIRECTED_REQUEST)
        origin = headers.get("origin")
        if origin is None:
            site = headers.get("sec-fetch-site", "same-origin")
            ours = site == "same-origin" or scope.get("method") not in _CHANGING
        else:
            ours = self._is_ours(origin, host)
        if not ours:
            return PlainTextResponse("Requests from other sites are refused.", HTTPStatus.FORBIDDEN)
        if host != headers.get("host"):  # a proxy has changed it, and Streamlit compares it with the Origin
            scope["headers"] = [*_without(scope, (b"host",)), (b"host", host.encode("latin-1"))]
        return None

    def _is_ours(self, origin: str, host: str) -> bool:
        try:
            split = urlsplit(origin)
        except ValueError:
            return False
        if self._secure and split.scheme != "https" and split.hostname not in LOCAL_NAMES:
            return False
        return split.netloc == host

    def _too_much(self, scope: Scope, headers: Headers, visit: Visit) -> Response | None:
        """Refuse forms that are too large or too many, before anything is read of them."""
        if scope["method"] not in _CHANGING or not scope["path"].startswith(_OWN_PAGES):
            return None
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= _LARGEST_FORM):
            text = "A form must say how long it is, and be no longer than 64 kB."
            return notice(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The form is too large", text, page=True)
        wait = self._limits.take(visit.address)
        if not wait:
            return None
        seconds = ceil(wait)
        return notice(
            HTTPStatus.TOO_MANY_REQUESTS,
            "Too many attempts",
            f"There were too many attempts from your network. Try again in {seconds} seconds.",
            page=True,
            headers={"Retry-After": str(seconds)},
        )

    # Who is signed in

    async def _known(self, scope: Scope, headers: Headers, visit: Visit, way: Way) -> Response | None:
        """Find out who asks; return what they get instead of what they asked for, if it is not for them."""
        page = is_navigation(scope, headers)
        try:
            await self._enter(visit)
        except AdjoinError as error:
            if way is Way.INSIDE:
                return self._unavailable(error, page=page)
            _log.warning("who asks could not be found out", error=str(error))
        found = visit.signed_in
        if found is None:
            return _sign_in(scope, page=page) if way is Way.INSIDE else None
        path: str = scope["path"]
        owner = Owner.of(found)
        owners = self._host.owners
        if path.startswith(_MEDIA) and not owners.owns_file(owner, path):
            return PlainTextResponse("Not found", HTTPStatus.NOT_FOUND)
        if path.startswith(_UPLOADS) and not owners.owns_session(owner, path.removeprefix(_UPLOADS).split("/")[0]):
            return PlainTextResponse("Not found", HTTPStatus.NOT_FOUND)
        if page and found.rotate_due and visit.token is not None:
            await self._renew(visit, visit.token, found.expires_at)
        return None

    async def _renew(self, visit: Visit, token: str, expires_at: datetime) -> None:
        try:
            renewed = await asyncio.to_thread(self._host.doors.sessions.rotate, token)
        except AdjoinError as error:
            _log.warning("a session's token was not renewed", error=str(error))
            return  # the next page tries again
        if renewed is not None:
            set_session(visit, renewed, expires_at)

    async def _enter(self, visit: Visit) -> None:
        if visit.token is not None:
            visit.signed_in = await self._host.doors.enter(visit.token, address=visit.address)

    def _unavailable(self, error: AdjoinError, *, page: bool) -> Response:
        _log.error("who asks could not be found out", error=str(error))
        text = "Your sign-in cannot be checked at the moment. Try again in a minute; you stay signed in."
        return notice(HTTPStatus.SERVICE_UNAVAILABLE, "One moment", text, page=page, headers={"Retry-After": "15"})

    # Websockets

    async def _open(self, scope: Scope, receive: Receive, send: Send, headers: Headers, visit: Visit, way: Way) -> None:
        refusal = self._foreign(scope, headers, way)
        if refusal is None:
            try:
                await self._enter(visit)
            except AdjoinError as error:
                _log.error("who opens a websocket could not be found out", error=str(error))
        found = visit.signed_in
        if refusal is not None or found is None:
            await receive()  # the handshake
            await send({"type": "websocket.close", "code": 1008, "reason": "You are not signed in."})
            return
        kept = _without(scope, _PASSED_ON)
        passed = [found.session_id.encode(), visit.address.encode("latin-1", "replace")]
        scope["headers"] = [*self._unridden(kept, Owner.of(found)), *zip(_PASSED_ON, passed, strict=True)]
        await self._app(scope, Watched(receive, self._host.doors, found), send)

    def _unridden(self, headers: list[tuple[bytes, bytes]], owner: Owner) -> list[tuple[bytes, bytes]]:
        """Take out the session of Streamlit's that is to be resumed, unless it was made for the same sign-in.

        It is the third of the sub-protocols.
        """
        name = b"sec-websocket-protocol"
        parts = [part.strip() for key, value in headers if key == name for part in value.decode("latin-1").split(",")]
        if len(parts) < 3 or self._host.owners.owns_session(owner, parts[2]):
            return headers
        return [
            *((key, value) for key, value in headers if key != name),
            (name, ", ".join(parts[:2]).encode("latin-1")),
        ]

    # What every answer gets

    def _dressed(self, scope: Scope, send: Send, visit: Visit) -> Send:
        path: str = scope["path"]
        own = path.startswith(_OWN_PAGES)

        async def send_dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    if name == "Content-Security-Policy":
                        headers.setdefault(name, OWN_POLICY if own else value)
                    elif name == "Referrer-Policy":
                        headers.setdefault(name, value)
                    else:
                        headers[name] = value
                set_already = [value.split("=", 1)[0] for value in headers.getlist("set-cookie")]
                for name, value in visit.cookies.items():
                    if name not in set_already:
                        headers.append("Set-Cookie", value)
                if path.startswith(_MEDIA):
                    # Media are the tables and downloads of one visitor; a shared cache has no business with them.
                    headers["Cache-Control"] = "private, no-store"
                elif own or visit.cookies:
                    headers["Cache-Control"] = "no-store"
                # Static files say `*` by themselves; nobody else's page may read them through a browser.
                del headers["access-control-allow-origin"]
            await send(message)

        return send_dressed


def _sign_in(scope: Scope, *, page: bool) -> Response:
    if not page:
        return PlainTextResponse("You are not signed in.", HTTPStatus.UNAUTHORIZED)
    back = way_back(scope)
    address = f"/auth/sign-in?next={quote(back, safe='/')}" if back else "/auth/sign-in"
    return RedirectResponse(address, HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})


def _cookie(headers: Headers, name: str) -> str | None:
    """Return a cookie. One that is there twice is as good as none: only one of them can be ours."""
    found = [
        part.partition("=")[2].strip()
        for line in headers.getlist("cookie")
        for part in line.split(";")
        if part.partition("=")[0].strip() == name
    ]
    return found[0] if len(found) == 1 else None


def _without(scope: Scope, names: tuple[bytes, ...]) -> list[tuple[bytes, bytes]]:
    return [(key, value) for key, value in scope["headers"] if key.lower() not in names]


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
