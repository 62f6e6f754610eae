"""The sandbox kit: what every platform's stand-in needs beside its own wire format.

def sandbox(world: World) -> AsgiApp:
    app = Starlette(routes=[...])
    return FaultLayer(app, platform="meta", faults=world.faults, classify=request_class)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import httpx
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adjoin.errors import BadInput
from adjoin.testing.faults import FAULT_HEADER, Faults

__all__ = ["CUT_EXTENSION", "SKEW_EXTENSION", "Classify", "FaultLayer", "path_below"]

#: The server's way to close a connection in the middle of an answer (an ASGI extension of `adjoin.testing.server`).
CUT_EXTENSION = "adjoin.cut"

#: The server's way to tell another time in the Date header of an answer: called with the seconds that it is ahead.
SKEW_EXTENSION = "adjoin.skew"

#: Says what class a request is of (`adjoin.testing.faults.REQUEST_CLASSES`), from its ASGI scope.
Classify: TypeAlias = Callable[[Scope], str]

_STATUS_TEXT = {"500": "Internal Server Error", "502": "Bad Gateway", "503": "Service Unavailable"}
_SPOILT = ("cut_headers", "cut_body", "cut_after", "truncate", "garbage", "slow")
_GARBAGE = b"<html>\x00\xff\xfe this is no answer</html>"
_DRIPS = 8
_DRIP_SECONDS = 0.02
_SKEW_SECONDS = "300"


def path_below(scope: Scope) -> str:
    """Return the path of a request below the point where the sandbox is mounted: /v26.0/me, not /meta/v26.0/me."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] or "/" if f"{path}/".startswith(f"{root}/") else path


class FaultLayer:
    """An ASGI layer around a platform's sandbox that counts its requests and acts out the faults of any platform.

    A fault before the answer (`status`, `cut_before`) leaves the sandbox unasked, so nothing happened; with the others
    the request was served and only the answer is lost. Without a server (httpx.ASGITransport) a cut connection
    is raised as the error that a client would have got.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        platform: str,
        faults: Faults,
        classify: Classify,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.app = app
        self.platform = platform
        self.faults = faults
        self.classify = classify
        self.sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Starlette's `request.base_url` would leave out where the sandbox is mounted, and links would lead nowhere.
        scope["app_root_path"] = scope.get("root_path", "")
        request_class = self.classify(scope)
        self.faults.count_request(self.platform, request_class)
        try:
            asked = self.faults.asked_for(Headers(scope=scope).get(FAULT_HEADER, ""))
        except BadInput as error:
            await JSONResponse({"error": str(error)}, status_code=400)(scope, receive, send)
            return
        with asked:
            await self._serve(request_class, scope, receive, send)

    async def _serve(self, request_class: str, scope: Scope, receive: Receive, send: Send) -> None:
        take, take_argument = self.faults.take, self.faults.take_argument
        if (milliseconds := take_argument(request_class, "latency")) is not None:
            await self.sleep(int(milliseconds) / 1000)
        if (ahead := take_argument(request_class, "clock_skew")) is not None:
            scope.get("extensions", {}).get(SKEW_EXTENSION, _nowhere)(int(ahead or _SKEW_SECONDS))
        if (status := take_argument(request_class, "status")) is not None:
            text = _STATUS_TEXT.get(status, "Fault")
            await PlainTextResponse(text, status_code=int(status))(scope, receive, send)
            return
        if take(request_class, "cut_before"):
            # What the client sent is read first: closing on unread bytes may look different to it each time.
            while (await receive()).get("more_body"):
                pass
            await _cut(scope, receive)
            return
        changed = next((kind for kind in _SPOILT if take(request_class, kind)), None)
        if changed is None:
            await self.app(scope, receive, send)
            return
        answer = _Answer()
        await self.app(scope, receive, answer.collect)
        await self._spoil(changed, answer, scope, receive, send)

    async def _spoil(self, kind: str, answer: _Answer, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytes(answer.body)
        half = body[: len(body) // 2]
        if kind in ("cut_headers", "cut_body"):
            # The whole length is promised, so that the client notices what is missing.
            await send(answer.start(length=max(len(body), 1)))
            if kind == "cut_body" and half:
                await send({"type": "http.response.body", "body": half, "more_body": True})
            await _cut(scope, receive)
        elif kind == "cut_after":
            await send(answer.start(length=len(body)))
            await send({"type": "http.response.body", "body": body, "more_body": False})
            if CUT_EXTENSION in scope.get("extensions", {}):  # without a server there is nothing left to cut
                scope["extensions"][CUT_EXTENSION]()
        elif kind == "slow":
            await send(answer.start(length=len(body)))
            size = max(1, -(-len(body) // _DRIPS))
            for begin in range(0, len(body), size):
                piece = body[begin : begin + size]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await self.sleep(_DRIP_SECONDS)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            changed = half if kind == "truncate" else _GARBAGE
            await send(answer.start(length=len(changed)))
            await send({"type": "http.response.body", "body": changed, "more_body": False})


class _Answer:
    """A sandbox's answer, kept back until it is spoilt."""

    def __init__(self) -> None:
        self.first: Message = {}
        self.body = bytearray()

    async def collect(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.first = message
        else:
            self.body += message.get("body", b"")

    def start(self, *, length: int) -> Message:
        kept = [(name, value) for name, value in self.first.get("headers", ()) if name.lower() != b"content-length"]
        return {**self.first, "headers": [*kept, (b"content-length", str(length).encode())]}


def _nowhere(_seconds: int) -> None:
    """Without a server there is no Date header that could be wrong."""


async def _cut(scope: Scope, receive: Receive) -> None:
    """Close the connection, after what was sent has left."""
    cut = scope.get("extensions", {}).get(CUT_EXTENSION)
    if cut is None:
        raise httpx.RemoteProtocolError("The sandbox cut the connection.")
    cut()
    # Ending before the server has noticed would make it answer with a 500 of its own.
    while (await receive())["type"] != "http.disconnect":
        pass
