"""Which requests need somebody who is signed in. What is not named here does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.routing import Match, Route
from starlette.types import Scope

__all__ = ["CLOSED", "CLOSED_PATHS", "DOORS", "OPEN", "OPEN_BELOW", "Way", "Ways", "is_navigation", "way_back"]

#: Doors of Streamlit's that nobody needs here: the interface for programs, metrics and the script check.
CLOSED = ("/_stcore/agent", "/_stcore/metrics", "/_stcore/script-health-check")
#: Its own sign-in, which is not ours.
CLOSED_PATHS = frozenset({"/auth/login", "/auth/logout", "/oauth2callback"})

#: Files that are the same for everybody, and whether the server is well.
OPEN = frozenset({"/healthz", "/favicon.ico", "/favicon.png", "/_stcore/health"})
OPEN_BELOW = ("/static/", "/app/static/")

#: Where people come in. They may be signed in already.
DOORS = frozenset(
    {
        "/auth/sign-in",
        "/auth/second-factor",
        "/auth/register",
        "/auth/forgot",
        "/auth/confirm",
        "/auth/reset",
        "/auth/change-email",
        "/auth/invitation",
        "/auth/sign-out",
    }
)
DOORS_BELOW = ("/auth/with/",)


class Way(Enum):
    """What a request needs."""

    CLOSED = "closed"  #: there is nothing
    OPEN = "open"  #: nobody is asked who they are
    DOOR = "door"  #: whoever comes is let through; who is signed in is known
    INSIDE = "inside"  #: somebody who is signed in


@dataclass(frozen=True, slots=True)
class Ways:
    """Tells what a request needs. `plugin_routes` are all routes of plugins in their order, and which are public."""

    plugin_routes: Sequence[tuple[Route, bool]] = ()

    def of(self, scope: Scope) -> Way:
        """Return what a request or a websocket needs."""
        path: str = scope["path"]
        if path in CLOSED_PATHS or any(door in path for door in CLOSED):
            return Way.CLOSED
        if scope["type"] == "websocket" or _is_crooked(path):
            return Way.INSIDE
        if path in OPEN or path.startswith(OPEN_BELOW):
            return Way.OPEN
        if path in DOORS or path.startswith(DOORS_BELOW) or self._is_public(scope):
            return Way.DOOR
        return Way.INSIDE

    def _is_public(self, scope: Scope) -> bool:
        """The first route that matches answers, so it alone decides."""
        if not scope["path"].startswith("/x/"):
            return False
        return next((public for route, public in self.plugin_routes if route.matches(scope)[0] is Match.FULL), False)


def is_navigation(scope: Scope, headers: Headers) -> bool:
    """Say whether a browser asks for a page that it will show, so that it can be sent elsewhere."""
    if scope["method"] not in {"GET", "HEAD"}:
        return False
    mode = headers.get("sec-fetch-mode")
    return mode == "navigate" if mode is not None else "text/html" in headers.get("accept", "")


def way_back(scope: Scope) -> str:
    """Return the address of a page without its host, for coming back after the sign-in; empty for the first page."""
    path = quote(scope["path"], safe="/")
    if not path.startswith("/") or path.startswith("//") or path == "/":
        path = "/"
    query = scope.get("query_string", b"").decode("latin-1")
    found = f"{path}?{query}" if query else path
    return "" if found == "/" else found


def _is_crooked(path: str) -> bool:
    """Say whether a path may lead elsewhere than where it seems to."""
    return "//" in path or "\\" in path or "\x00" in path or any(part in {".", ".."} for part in path.split("/"))
