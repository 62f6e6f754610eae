"""Connecting a platform in the browser: to its consent page, back with the answer, and which accounts to read.

The state that has to come back is bound to the browser's session, the person and the workspace, and is good once
(`adjoin.access.consent_attempts`). Nothing is stored unless the platform lists accounts with what it gave.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import structlog
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from adjoin.access.consent_attempts import LIFETIME, Asked, Attempt, ConsentAttempts
from adjoin.connecting import Authorising, address_at
from adjoin.errors import AdjoinError, UnknownName, UsageError
from adjoin_dashboard.door import csrf
from adjoin_dashboard.door.account_choice import account_routes
from adjoin_dashboard.door.connect_answers import (
    Declined,
    find_connection,
    manager_of,
    refused,
    signed_in_of,
    text_of,
)
from adjoin_dashboard.door.leaving import leave
from adjoin_dashboard.door.rendering import render
from adjoin_dashboard.door.visitor import actor_of

if TYPE_CHECKING:
    from starlette.datastructures import FormData, QueryParams
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from adjoin.access.signed_in import SignedIn
    from adjoin.ads import v2
    from adjoin.db.models import Connection
    from adjoin_dashboard.host import Host

__all__ = ["BACK", "routes"]

#: Where platforms send the browser back to; operators register it with them, after the dashboard's address.
BACK = "/connect/back"

_LONGEST_LABEL = 80
_LONGEST_WORD = 60
_DECLINED = frozenset({"access_denied", "user_cancelled_authorize", "user_cancelled_login"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a platform can be connected: itself, or its stand-in. `missing` are settings that it needs first."""

    name: str
    title: str
    base_url: str
    missing: list[str]


def routes(host: Host) -> list[BaseRoute]:
    """Return the routes below /connect."""
    desk = _Desk(host)
    return [
        Route(BACK, desk.back, methods=["GET"]),
        *account_routes(host),
        Route("/connect/{platform}", desk.show, methods=["GET"]),
        Route("/connect/{platform}", desk.begin, methods=["POST"]),
    ]


class _Desk:
    """The endpoints, with what they share."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def _attempts(self) -> ConsentAttempts:
        runtime = self._host.runtime
        return ConsentAttempts(runtime.store, runtime.vault, runtime.clock)

    async def show(self, request: Request) -> Response:
        """The page before the platform's: what is going to happen, and what to call the connection."""
        try:
            return await asyncio.to_thread(self._form, request)
        except AdjoinError as error:
            return refused(request, error)

    async def begin(self, request: Request) -> Response:
        """Store an attempt and send the browser to the consent page."""
        await csrf.check(request)
        form = await request.form()
        try:
            url = await asyncio.to_thread(self._begin, request, form)
        except AdjoinError as error:
            return refused(request, error)
        return leave(url)

    async def back(self, request: Request) -> Response:
        """Take the platform's answer."""
        if request.method != "GET":  # HEAD would use the answer up without anybody seeing what came of it
            return Response(status_code=HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "GET"})
        signed_in = signed_in_of(request)
        query = request.query_params
        try:
            attempt = await asyncio.to_thread(
                self._attempts.take,
                _single(query, "state"),
                session_id=signed_in.session_id,
                user_id=signed_in.user_id,
                workspace_id=signed_in.workspace_id,
            )
            code = _code(query, self._host.platform_title(attempt.asked.platform))
            made = await self._connect(request, attempt, code)
        except AdjoinError as error:
            return refused(request, error)
        new = "" if attempt.asked.connection_id else "?new=1"
        return RedirectResponse(f"/connect/accounts/{quote(made, safe='')}{new}", HTTPStatus.SEE_OTHER)

    async def _connect(self, request: Request, attempt: Attempt, code: str) -> str:
        """Exchange the code and store the connection; return its id."""
        runtime, asked = self._host.runtime, attempt.asked
        authorising = Authorising(runtime.kernel, runtime.connections, asked.platform, asked.base_url)
        connected = await authorising.connect(
            attempt.flow.grant(code),
            workspace_id=attempt.workspace_id,
            label=asked.label,
            connection_id=asked.connection_id,
            by=actor_of(request),
        )
        structlog.get_logger("adjoin.connecting").info(
            "platform connected",
            workspace=attempt.workspace_id,
            platform=asked.platform,
            connection=connected.connection.id,
            renewed=connected.renewed,
        )
        return connected.connection.id

    def _form(self, request: Request) -> Response:
        signed_in = manager_of(request)
        platform = request.path_params["platform"]
        described = self._described(platform)
        again = self._again(signed_in, platform, request.query_params.get("connection", ""))
        places = self._places(platform, described, again)
        return render(
            request,
            "connect_platform.html",
            platform=described.title,
            path=f"/connect/{quote(platform, safe='')}",
            workspace=signed_in.workspace_name,
            again=again,
            places=places,
            ready=[place for place in places if not place.missing],
            unset=[place for place in places if place.missing],
            redirect_uri=self._redirect_uri(request),
            docs_url=described.docs_url if described.docs_url.startswith("https://") else "",
            minutes=int(LIFETIME.total_seconds()) // 60,
            by_token=f"adjoin connect {platform} --token" if "token" in described.auth.methods else "",
            longest=_LONGEST_LABEL,
        )

    def _begin(self, request: Request, form: FormData) -> str:
        signed_in = manager_of(request)
        platform = request.path_params["platform"]
        described = self._described(platform)
        again = self._again(signed_in, platform, text_of(form, "connection"))
        chosen = text_of(form, "place")
        place = next((one for one in self._places(platform, described, again) if one.name == chosen), None)
        if place is None:
            raise UnknownName("choose where to connect: there is no such place")
        label = " ".join(text_of(form, "label").split())
        if len(label) > _LONGEST_LABEL or not label.isprintable():
            raise UsageError(f"a name has {_LONGEST_LABEL} letters at most and no control characters")
        runtime = self._host.runtime
        authorising = Authorising(runtime.kernel, runtime.connections, platform, place.base_url)
        authorising.check()
        asked = Asked(
            platform=platform,
            base_url=place.base_url,
            redirect_uri=self._redirect_uri(request),
            label=label,
            connection_id=None if again is None else again.id,
        )
        flow = self._attempts.begin(
            signed_in.workspace_id or "", signed_in.session_id, asked, pkce=authorising.pkce, by=actor_of(request)
        )
        return authorising.consent_url(flow.consent)

    def _described(self, platform: str) -> v2.Description:
        described = self._host.describe(platform)
        if "oauth" not in described.auth.methods:
            raise UsageError(f"{described.title} has no consent page; run `adjoin connect {platform} --token`")
        return described

    def _again(self, signed_in: SignedIn, platform: str, connection_id: str) -> Connection | None:
        """Return the connection that is to be authorised again, if one is named."""
        if not connection_id:
            return None
        found = find_connection(self._host, signed_in, connection_id)
        if found.platform != platform:
            raise UnknownName("there is no such connection in this workspace")
        return found

    def _places(self, platform: str, described: v2.Description, again: Connection | None) -> list[Place]:
        """Where it can be connected. Nobody types an address in: this machine would ask there."""
        connections = self._host.runtime.connections

        def place(name: str, title: str, base_url: str) -> Place:
            authorising = Authorising(self._host.kernel, connections, platform, base_url)
            return Place(name, title, base_url, authorising.missing())

        if again is not None:
            return [place("same", described.title, again.base_url)]
        found = [place("platform", described.title, described.base_url)]
        sandbox = self._host.runtime.settings.sandbox
        if sandbox:
            title = f"the sandbox on this machine ({urlsplit(sandbox).netloc}), with made-up figures"
            found.insert(0, place("sandbox", title, address_at(sandbox, platform)))
        return found

    def _redirect_uri(self, request: Request) -> str:
        """Where the platform sends the browser back to. The gate has checked the host that was asked for."""
        own = self._host.runtime.settings.base_url or str(request.base_url)
        return own.rstrip("/") + BACK


def _code(query: QueryParams, title: str) -> str:
    """Return the code of an answer. Raises Declined where there is none."""
    error, code = _single(query, "error"), _single(query, "code")
    if error in _DECLINED:
        raise Declined(f"Access was declined on the page of {title}. Nothing was stored.")
    if error or not code:
        word = "".join(c for c in error if c.isascii() and (c.isalnum() or c in "_-. "))[:_LONGEST_WORD]
        raise Declined(f"{title} did not give access ({word or 'no code came back'}). Nothing was stored.")
    return code


def _single(query: QueryParams, name: str) -> str:
    """Return a parameter that is there exactly once, else an empty text."""
    values = query.getlist(name)
    return values[0] if len(values) == 1 else ""
