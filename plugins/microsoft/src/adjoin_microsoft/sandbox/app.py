"""The sandbox as an ASGI application: from the HTTP request to a call of a service and back."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any
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
from adjoin_microsoft.sandbox.calls import SERVICES, Call, classify
from adjoin_microsoft.sandbox.errors import RawRefusal, Refusal, bad_body, fault
from adjoin_microsoft.sandbox.oauth import TokenRefusal
from adjoin_microsoft.sandbox.services import Options, Services

__all__ = ["make_app"]

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_ZIP = "application/x-zip-compressed"


def make_app(
    world: World,
    *,
    pending_polls: int = 1,
    report_slots: int | None = None,
    rotation_strict: bool = False,
    single_use_links: bool = False,
) -> AsgiApp:
    """Return the API on a world, all services on one port. Nothing is computed before the first request.

    `pending_polls` of each report or bulk download show it as not done. `report_slots` reports may be pending at the
    same time. With `rotation_strict` a refresh token that has been replaced no longer works, and with
    `single_use_links` a link to a file works once.
    """
    options = Options(
        pending_polls=pending_polls,
        report_slots=report_slots,
        rotation_strict=rotation_strict,
        single_use_links=single_use_links,
    )
    sandbox = _Sandbox(world, options)
    routes = [Route("/{path:path}", sandbox.endpoint, methods=["GET", "POST", "PUT", "DELETE"])]
    return FaultLayer(Starlette(routes=routes), platform="microsoft", faults=world.faults, classify=_request_class)


def _request_class(scope: Scope) -> str:
    return classify(scope["method"], path_below(scope))


class _Sandbox:
    def __init__(self, world: World, options: Options) -> None:
        self._world = world
        self._options = options
        self._made: Services | None = None

    @property
    def _services(self) -> Services:
        if self._made is None:
            self._made = Services(self._world, self._options)
        return self._made

    async def endpoint(self, request: Request) -> Response:
        tracking_id = str(uuid.uuid4())
        headers = {"TrackingId": tracking_id, "RequestId": tracking_id}
        try:
            return await self._answer(request, headers)
        except Refusal as refusal:
            return Response(refusal.body(tracking_id), refusal.status, headers, _JSON)
        except RawRefusal as refusal:
            return Response(refusal.text, refusal.status, headers, refusal.media_type)
        except TokenRefusal as refusal:
            return Response(refusal.body(self._world.now, tracking_id), refusal.status, headers, _JSON)

    async def _answer(self, request: Request, headers: Mapping[str, str]) -> Response:
        parts = tuple(part for part in request.path_params["path"].split("/") if part)
        now, services = self._world.now, self._services
        given = {name.lower(): value for name, value in request.headers.items()}
        if parts[:1] == ("blob",) and request.method == "GET":
            content = services.file("/".join(parts[1:]), dict(request.query_params), given, now)
            return Response(content, 200, headers, _ZIP)
        if parts[1:] == ("oauth2", "v2.0", "authorize") and request.method == "GET":
            if screen := consent_screen(request, title="Microsoft Advertising"):
                return screen
            return RedirectResponse(services.dialog(dict(request.query_params), now), 302)
        if parts[1:] == ("oauth2", "v2.0", "token") and request.method == "POST":
            return _json(services.exchange(await _form(request), now), headers)
        if len(parts) < 3 or parts[0] not in SERVICES:
            return Response("", 404, headers)
        if parts[1] != "v13":
            raise fault(303, details=parts[1])
        call = Call(
            method=request.method,
            service=parts[0],
            operation="/".join(parts[2:]),
            body=await _body(request),
            headers=given,
            # request.base_url would leave out where the sandbox is mounted.
            base=f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}",
        )
        return _json(services.answer(call, now), headers)


def _json(value: object, headers: Mapping[str, str]) -> Response:
    return Response(msgspec.json.encode(value), 200, dict(headers), "application/json; charset=utf-8")


async def _form(request: Request) -> Mapping[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != _FORM:
        raise TokenRefusal("invalid_request", 900144, "The request body must contain the parameter 'grant_type'.")
    body = (await request.body()).decode("utf-8", "replace")
    return dict(parse_qsl(body, keep_blank_values=True))


async def _body(request: Request) -> dict[str, Any]:
    """Read the JSON object of a request; every operation has one."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _JSON:
        raise RawRefusal("", status=415, media_type=_JSON)
    try:
        return msgspec.json.decode(await request.body(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise bad_body("$", str(error)) from None
