"""The gateway: keys, rate limits, what is broken on demand, and the endpoints behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from adjoin.clock import Clock
from adjoin.testing.server import running
from adjoin_auth.supabase.sandbox.accounts import AccountEndpoints
from adjoin_auth.supabase.sandbox.errors import OAuthRefusal, Refusal, refused, refused_by_oauth
from adjoin_auth.supabase.sandbox.operators import OperatorEndpoints
from adjoin_auth.supabase.sandbox.parties import PartyEndpoints
from adjoin_auth.supabase.sandbox.project import Project, Switches
from adjoin_auth.supabase.sandbox.second_factors import FactorEndpoints

__all__ = ["Sandbox", "serving"]

_KEYLESS = ("/authorize", "/callback", "/_party/", "/verify", "/health")
_LONGEST_BODY = 1024 * 1024


class Sandbox:
    """A server whose project can be made anew, so that one server does for many tests."""

    def __init__(self) -> None:
        self.url = ""
        self._app: ASGIApp | None = None

    def begin(self, clock: Clock, switches: Switches | None = None) -> Project:
        """Forget everybody and begin a new project."""
        project = Project(clock, switches)
        project.url = self.url
        self._app = _app(project)
        return project

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._app is not None, "begin() a project first"
        await self._app(scope, receive, send)


@contextmanager
def serving() -> Iterator[Sandbox]:
    """Serve the stand-in on a free port of this machine, in a thread."""
    sandbox = Sandbox()
    with running(sandbox) as url:
        sandbox.url = url
        yield sandbox


def _app(project: Project) -> ASGIApp:
    routes = [
        *AccountEndpoints(project).routes(),
        *FactorEndpoints(project).routes(),
        *PartyEndpoints(project).routes(),
        *OperatorEndpoints(project).routes(),
    ]
    handlers = {Refusal: refused, OAuthRefusal: refused_by_oauth}
    return _Gateway(
        Starlette(routes=[Mount("/auth/v1", app=Starlette(routes=routes, exception_handlers=handlers))]), project
    )


class _Gateway:
    def __init__(self, app: ASGIApp, project: Project) -> None:
        self._app = app
        self._project = project

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        refusal = self._refusal(request)
        app: ASGIApp = self._app if refusal is None else await refused(request, refusal)
        if self._project.broken is not None and not self._project.broken[1]:
            app = _plain(self._project.broken[0])
        await app(scope, receive, send)

    def _refusal(self, request: Request) -> Refusal | None:
        project = self._project
        path = request.url.path.removeprefix("/auth/v1")
        query = f"?{request.url.query}" if request.url.query else ""
        project.requests.append(f"{request.method} {path}{query}")
        project.forwarded.append(request.headers.get("sb-forwarded-for", ""))
        if project.broken is not None:
            return Refusal(
                project.broken[0], project.broken[1] or "unexpected_failure", "The server is broken on demand"
            )
        key = request.headers.get("apikey", "")
        if key not in (project.key, project.secret_key) and not path.startswith(_KEYLESS):
            return Refusal(401, "", "Invalid API key")
        if int(request.headers.get("content-length") or 0) > _LONGEST_BODY:
            return Refusal(413, "request_body_too_large", "Request body too large")
        client = request.client.host if request.client else ""
        name = path.strip("/").partition("/")[0]
        try:
            if not (name == "user" and request.method == "GET"):
                project.limits.count(name, client, project.now)
        except Refusal as refusal:
            return refusal
        return None


def _plain(status: int) -> Response:
    return JSONResponse(None, status) if status < 500 else Response("upstream connect error", status)
