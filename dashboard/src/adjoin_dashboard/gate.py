"""The gate: every request and websocket passes it before Streamlit sees it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Collection, Mapping
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CLOSED", "Gate", "security_headers"]

#: Doors of Streamlit's that nobody needs here: the interface for programs, metrics and the script check.
CLOSED = ("/_stcore/agent", "/_stcore/metrics", "/_stcore/script-health-check")

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def security_headers() -> Mapping[str, str]:
    """Return the headers that every response carries.

    Nothing may be loaded from another host, and no page may frame the dashboard. Vega's sparklines need
    'unsafe-eval'; the one inline script of Streamlit's page is allowed by its hash.
    """
    page = files("streamlit").joinpath("static/index.html").read_text(encoding="utf-8")
    hashes = "".join(f" 'sha256-{_digest(script)}'" for script in _INLINE_SCRIPT.findall(page))
    policy = (
        "default-src 'self'",
        f"script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval'{hashes}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


class Gate:
    """Refuses foreign hosts and origins and the closed doors, and adds the security headers.

    The server listens on this machine only and asks nobody to sign in. A page of another site could still reach it
    through the visitor's browser, by a name that resolves to 127.0.0.1, so the Host and the Origin must be our own.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], headers: Mapping[str, str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._headers = dict(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})
            return
        send = self._with_headers(scope, send)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            status, text = refusal
            await PlainTextResponse(text, status_code=status)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _name(f"//{host}") not in self._hosts:
            return HTTPStatus.MISDIRECTED_REQUEST, "This server does not answer under that name."
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return HTTPStatus.FORBIDDEN, "Requests from other sites are refused."
        if any(door in scope["path"] for door in CLOSED):
            return HTTPStatus.NOT_FOUND, "Not found"
        return None

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        # Media are the tables and downloads of one visitor; a shared cache has no business with them.
        private = scope["path"].startswith("/media/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                if private:
                    headers["Cache-Control"] = "private, no-store"
                # Static files say `*` by themselves; nobody else's page may read them through a browser.
                del headers["access-control-allow-origin"]
            await send(message)

        return send_with_headers


def _name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()
