"""The sandbox as an ASGI application: from the HTTP request to a call and back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from adjoin.ads.v2 import AsgiApp
from adjoin.testing.consent_screen import consent_screen
from adjoin.testing.sandbox import FaultLayer, path_below
from adjoin.testing.world import World
from adjoin_meta.sandbox.batch import answer_batch
from adjoin_meta.sandbox.calls import Answer, Call, classify, split_path
from adjoin_meta.sandbox.errors import Refusal, bad_parameter
from adjoin_meta.sandbox.graph import Graph, Weight

__all__ = ["make_app"]

_JSON = "text/javascript; charset=UTF-8"
_FORM = "application/x-www-form-urlencoded"


def make_app(world: World, *, weight: Weight | None = None) -> AsgiApp:
    """Return the Graph API on a world. Nothing is computed before the first request.

    `weight` says from how many rows on the API asks for less.
    """
    sandbox = _Sandbox(world, weight or Weight())
    routes = [Route("/{path:path}", sandbox.endpoint, methods=["GET", "POST", "DELETE"])]
    return FaultLayer(Starlette(routes=routes), platform="meta", faults=world.faults, classify=_request_class)


def _request_class(scope: Scope) -> str:
    try:
        _, path = split_path(path_below(scope))
    except Refusal:
        return "other"
    return classify(scope["method"], path)


class _Sandbox:
    def __init__(self, world: World, weight: Weight) -> None:
        self._world = world
        self._weight = weight
        self._made: Graph | None = None

    @property
    def _graph(self) -> Graph:
        if self._made is None:
            self._made = Graph(self._world, self._weight)
        return self._made

    async def endpoint(self, request: Request) -> Response:
        try:
            params = await _params(request)
            path = request.path_params["path"]
            if path.rstrip("/").endswith("dialog/oauth"):
                return consent_screen(request, title="Meta Ads") or self._dialog(path, params)
            base = str(request.base_url).rstrip("/")
            answer = self._answer(request.method, path, params, _token(request, params), base)
        except Refusal as refusal:
            answer = _refused(refusal)
        return Response(answer.body, answer.status, {**answer.headers, "x-fb-trace-id": _trace_id()}, _JSON)

    def _dialog(self, path: str, params: Mapping[str, str]) -> Response:
        split_path(path)
        graph = self._graph
        deny = graph.faulting.due("token", "deny")
        return RedirectResponse(graph.tokens.dialog(params, self._world.now, deny=deny), 302)

    def _answer(self, method: str, path: str, params: Mapping[str, str], token: str, base: str) -> Answer:
        version, parts = split_path(path)
        graph = self._graph
        if parts == ("oauth", "access_token"):
            graph.usage.count("")
            graph.faulting.refuse("token")
            return Answer.of(graph.tokens.exchange(params, self._world.now))
        if not parts and method == "POST":
            graph.faulting.refuse("batch")
            graph.tokens.check(token, self._world.now)

            def inner(method: str, path: str, given: Mapping[str, str]) -> Answer:
                try:
                    return self._answer(method, path, given, given.get("access_token", token), base)
                except Refusal as refusal:
                    return _refused(refusal)

            return Answer.of(answer_batch(params, inner))
        call = Call(method=method, version=version, path=parts, params=params, token=token, base=base)
        return graph.answer(call)


def _refused(refusal: Refusal) -> Answer:
    return Answer(body=refusal.body(_trace_id()), status=refusal.status, headers=refusal.headers)


def _trace_id() -> str:
    return f"A{secrets.token_urlsafe(16)}"


def _token(request: Request, params: Mapping[str, str]) -> str:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return params.get("access_token") or (bearer if scheme.lower() == "bearer" else "")


async def _params(request: Request) -> dict[str, str]:
    """All parameters, of the query and of the body, whichever form that has."""
    params = dict(request.query_params)
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "application/json":
        try:
            given = msgspec.json.decode(await request.body() or b"{}", type=dict[str, object])
        except msgspec.DecodeError:
            raise bad_parameter("The body is not a JSON object") from None
        texts = {
            name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in given.items()
        }
        return params | texts
    if kind == _FORM:
        body = (await request.body()).decode("utf-8", "replace")
        params |= dict(parse_qsl(body, keep_blank_values=True))
    elif kind == "multipart/form-data":
        async with request.form() as form:
            params |= {name: value for name, value in form.items() if isinstance(value, str)}
    return params
