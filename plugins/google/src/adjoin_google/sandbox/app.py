"""The sandbox as an ASGI application: from the HTTP request to a call and back."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from adjoin.ads.v2 import AsgiApp
from adjoin.testing.consent_screen import consent_screen
from adjoin.testing.sandbox import FaultLayer, path_below
from adjoin.testing.world import World
from adjoin_google.sandbox.calls import Call, classify, parse_path
from adjoin_google.sandbox.errors import NoRoute, Refusal, bad_payload
from adjoin_google.sandbox.oauth import OAuthRefusal
from adjoin_google.sandbox.service import Answer, Service, Sizes, new_request_id
from adjoin_google.sandbox.wire import JSON, write

__all__ = ["make_app"]

#: Where the body of a request is kept once it has been read, since faults are switched on by what it asks for.
_BODY = "adjoin_google.body"

_FORM = "application/x-www-form-urlencoded"
_NOT_FOUND = (
    "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n<p><b>404.</b> <ins>That’s an error."
    "</ins>\n<p>The requested URL <code>{path}</code> was not found on this server.  <ins>That’s all we know.</ins>\n"
)


def make_app(world: World, *, sizes: Sizes | None = None) -> AsgiApp:
    """Return the Google Ads API and its OAuth host on a world. Nothing is computed before the first request.

    `sizes` says how many rows pages and batches have, and how many operations a day may have.
    """
    sandbox = _Sandbox(world, sizes or Sizes())
    routes = [Route("/{path:path}", sandbox.endpoint, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])]

    def request_class(scope: Scope) -> str:
        return classify(path_below(scope), scope[_BODY])

    return _BodyFirst(
        FaultLayer(Starlette(routes=routes), platform="google", faults=world.faults, classify=request_class)
    )


class _BodyFirst:
    """Reads the body of a request before anything else looks at it."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return given.pop() if given else await receive()

        await self._app({**scope, _BODY: body}, again, send)


class _Sandbox:
    def __init__(self, world: World, sizes: Sizes) -> None:
        self._world = world
        self._sizes = sizes
        self._made: Service | None = None

    @property
    def _service(self) -> Service:
        if self._made is None:
            self._made = Service(self._world, self._sizes)
        return self._made

    async def endpoint(self, request: Request) -> Response:
        path = path_below(request.scope)
        if path in ("/o/oauth2/v2/auth", "/token", "/revoke"):
            return self._oauth(path, request)
        version, pretty = "v26", True
        try:
            pretty = _pretty(request)
            version, service, verb, customer_id, name = parse_path(path)
            call = Call(
                method=request.method,
                version=version,
                service=service,
                verb=verb,
                customer_id=customer_id,
                name=name,
                headers=request.headers,
                body=request.scope[_BODY],
                pretty=pretty,
            )
            return _good(self._service.answer(call))
        except NoRoute:
            return HTMLResponse(_NOT_FOUND.format(path=path), 404)
        except Refusal as refusal:
            return _refused(refusal, version, wrapped=path.endswith(":searchStream"), pretty=pretty)

    def _oauth(self, path: str, request: Request) -> Response:
        service, now = self._service, self._world.now
        due = service.faulting.due
        try:
            if path == "/o/oauth2/v2/auth":
                if screen := consent_screen(request, title="Google Ads"):
                    return screen
                where = service.tokens.consent(request.query_params, now, deny=due("token", "deny"))
                return RedirectResponse(where, 302)
            if request.method != "POST":
                return HTMLResponse(_NOT_FOUND.format(path=path), 404)
            form = _form(request)
            if due("token", "token_rejected"):
                raise OAuthRefusal("invalid_grant", "Token has been expired or revoked.")
            if due("token", "server_error"):
                return JSONResponse({"error": "internal_failure"}, 500)
            if due("token", "throttle") or due("token", "throttle_bare"):
                return JSONResponse({"error": "rate_limit_exceeded"}, 429)
            if path == "/revoke":
                service.tokens.revoke(form.get("token") or request.query_params.get("token", ""))
                return _json({})
            return _json(service.tokens.exchange(form, now))
        except OAuthRefusal as refusal:
            return _json(refusal.body, refusal.status)


def _good(answer: Answer) -> Response:
    headers = {"request-id": answer.request_id}
    if isinstance(answer.body, bytes):
        return Response(answer.body, 200, headers, JSON)
    body: Iterator[bytes] = answer.body
    return StreamingResponse(body, 200, headers, JSON)


def _refused(refusal: Refusal, version: str, *, wrapped: bool, pretty: bool) -> Response:
    """Answer an error: a bare object, but an array of one from a stream."""
    request_id = new_request_id()
    body: object = refusal.to_json(version, request_id)
    text = write([body] if wrapped else body, pretty=pretty)
    return Response(text, refusal.http_status, {"request-id": request_id, **refusal.headers}, JSON)


def _json(body: object, status: int = 200) -> Response:
    return Response(write(body, pretty=True), status, {"cache-control": "no-store"}, JSON)


def _pretty(request: Request) -> bool:
    """Read the parameters that any call may have; refuses others."""
    pretty = True
    for name, value in request.query_params.items():
        if name.lstrip("$") == "prettyPrint":
            pretty = value != "false"
        elif (name.lstrip("$"), value) != ("alt", "json"):
            raise bad_payload(
                f"Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' could not be found in request "
                "message.",
                name,
            )
    return pretty


def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != _FORM:
        raise OAuthRefusal("invalid_request", "The request body must be form-encoded.")
    body: bytes = request.scope[_BODY]
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
