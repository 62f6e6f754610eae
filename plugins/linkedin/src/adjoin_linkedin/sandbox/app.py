"""The sandbox as an ASGI application: from the HTTP request to a call and back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from email.message import Message
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from adjoin.ads.v2 import AsgiApp
from adjoin.testing.consent_screen import consent_screen
from adjoin.testing.sandbox import FaultLayer
from adjoin.testing.world import World
from adjoin_linkedin.sandbox.calls import Answer, Call, classify
from adjoin_linkedin.sandbox.errors import Refusal, not_found
from adjoin_linkedin.sandbox.limits import Limits
from adjoin_linkedin.sandbox.oauth import OAuthRefusal, Tokens
from adjoin_linkedin.sandbox.params import Params
from adjoin_linkedin.sandbox.restli import parse_query
from adjoin_linkedin.sandbox.service import Service

__all__ = ["make_app"]

_FORM = "application/x-www-form-urlencoded"
_OVERRIDE = "x-http-method-override"

#: Characters of a query in a URL; longer ones have to come as a body.
_LONGEST_QUERY = 4_096


def make_app(world: World, *, limits: Limits | None = None, timer: Callable[[], float] = time.monotonic) -> AsgiApp:
    """Return LinkedIn's API on a world. Nothing is computed before the first request.

    `timer` gives the seconds by which the throttle of analytics forgets.
    """
    sandbox = _Sandbox(world, limits or Limits(), timer)
    routes = [Route("/{path:path}", sandbox.endpoint, methods=["GET", "POST", "PUT", "DELETE"])]
    return FaultLayer(Starlette(routes=routes), platform="linkedin", faults=world.faults, classify=_request_class)


def _request_class(scope: Scope) -> str:
    method = Headers(scope=scope).get(_OVERRIDE, scope["method"]).upper()
    return classify(method, _path(scope))


def _path(scope: Scope) -> tuple[str, ...]:
    """The raw parts of the path below the mount: what is percent-encoded stays so."""
    raw = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    root = str(scope.get("root_path", ""))
    return tuple(part for part in raw.removeprefix(root).split("/") if part)


class _Sandbox:
    def __init__(self, world: World, limits: Limits, timer: Callable[[], float]) -> None:
        self._world = world
        self._limits = limits
        self._timer = timer
        self._tokens = Tokens.seeded(world.token("linkedin"), world.refresh_token("linkedin"), world.now)
        self._made: Service | None = None

    @property
    def _service(self) -> Service:
        if self._made is None:
            self._made = Service(self._world, self._limits, self._tokens, self._timer)
        return self._made

    async def endpoint(self, request: Request) -> Response:
        path = _path(request.scope)
        try:
            if path[:2] == ("oauth", "v2"):
                return await self._oauth(request, path[2:])
            answer = await self._answer(request, path)
        except OAuthRefusal as refusal:
            answer = Answer.of(refusal.body, status=refusal.status)
        except Refusal as refusal:
            answer = Answer.of(refusal.to_json(), status=refusal.status, headers=refusal.headers)
        headers = {"X-LI-UUID": uuid.uuid4().hex, "X-RestLi-Protocol-Version": "2.0.0", **answer.headers}
        return Response(answer.body, answer.status, headers, "application/json" if answer.body else None)

    async def _oauth(self, request: Request, path: tuple[str, ...]) -> Response:
        now, service = self._world.now, self._service
        if path == ("authorization",) and request.method == "GET":
            if screen := consent_screen(request, title="LinkedIn Ads"):
                return screen
            deny = service.faulting.due("token", "deny")
            return RedirectResponse(self._tokens.consent(dict(request.query_params), now, deny=deny), 302)
        if path not in (("accessToken",), ("introspectToken",)) or request.method != "POST":
            raise not_found("No virtual resource found")
        if request.headers.get("content-type", "").partition(";")[0].strip() != _FORM:
            raise OAuthRefusal("invalid_request", f"The Content-Type must be {_FORM}")
        service.faulting.refuse("token")
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
        if path == ("introspectToken",):
            return _json(self._tokens.introspect(form, now))
        reject = service.faulting.due("token", "token_rejected")
        return _json(self._tokens.exchange(form, now, reject=reject))

    async def _answer(self, request: Request, path: tuple[str, ...]) -> Answer:
        service = self._service
        token = _bearer(request.headers)
        # Starlette's base_url leaves out where the sandbox is mounted.
        base = f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"
        body = await request.body()
        match path:
            case ("dms-uploads", upload) if request.method == "PUT":
                self._tokens.check(token, self._world.now)
                service.content.upload(upload, body, self._world.now)
                return Answer(status=201)
            case ("v2", ("me" | "userinfo") as name):
                service.faulting.refuse("accounts")
                self._tokens.check(token, self._world.now)
                key = "id" if name == "me" else "sub"
                return Answer.of({key: "sandbox01", "localizedFirstName": "Sandbox", "localizedLastName": "User"})
            case ("rest", *parts):
                method, query, content = _untunnelled(request, body)
                protocol2 = request.headers.get("x-restli-protocol-version", "1.0.0").startswith("2.")
                call = Call(
                    method=method,
                    path=tuple(parts),
                    params=Params(parse_query(query, protocol2=protocol2)),
                    body=content,
                    token=token,
                    version=request.headers.get("linkedin-version", ""),
                    protocol2=protocol2,
                    base=base,
                )
                return service.answer(call, request.headers.get("x-restli-method", ""))
        raise not_found("No virtual resource found")


def _bearer(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _json(value: object) -> Response:
    return Response(Answer.of(value).body, media_type="application/json")


def _untunnelled(request: Request, body: bytes) -> tuple[str, str, bytes]:
    """Return method, raw query and body. A query that is too long for a URL comes as the body of a POST, alone or as
    the first of two parts."""
    query = request.scope["query_string"].decode("latin-1")
    method = request.headers.get(_OVERRIDE, "").upper()
    if len(query) > _LONGEST_QUERY:
        raise Refusal("Request URI is too long", status=414)
    if not method:
        return request.method, query, body
    if request.method != "POST":
        raise Refusal("X-HTTP-Method-Override needs POST")
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip() == _FORM:
        return method, _joined(query, body), b""
    if not kind.startswith("multipart/mixed"):
        raise Refusal(f"A tunnelled query comes as {_FORM} or multipart/mixed", status=415)
    parts = _parts(kind, body)
    return method, _joined(query, parts.get(_FORM, b"")), parts.get("application/json", b"")


def _joined(query: str, more: bytes) -> str:
    return "&".join(filter(None, (query, more.decode("latin-1").strip())))


def _parts(kind: str, body: bytes) -> dict[str, bytes]:
    """The parts of a multipart body by their type."""
    message = Message()
    message["content-type"] = kind
    boundary = f"--{message.get_boundary('')}".encode()
    found: dict[str, bytes] = {}
    for part in body.split(boundary)[1:-1]:
        head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
        found[head.decode("latin-1").partition(":")[2].partition(";")[0].strip()] = content
    return found
