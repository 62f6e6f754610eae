"""Without a session nothing is served but what is on the list: generated from the routes of the app as it is served."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from starlette.routing import Mount, Route, WebSocketRoute

from adjoin.access.signed_in import SessionLevel
from adjoin.clock import ManualClock
from adjoin_dashboard.testing import make_store, sign_in

from .served import Served, filled, served

NOW = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)

#: What is answered to anybody. Whoever adds a line here says why nobody has to sign in for it.
PUBLIC = {
    "/healthz",  # whether the server is well
    "/_stcore/health",  # the same, of Streamlit
    "/app/static/{path:path}",  # our own style, script and pictures
    "/auth/sign-in",
    "/auth/second-factor",
    "/auth/sign-out",
    "/auth/register",
    "/auth/forgot",
    "/auth/confirm",  # these four take a token that was mailed
    "/auth/reset",
    "/auth/change-email",
    "/auth/invitation",
    "/auth/with/{party}",  # leads to somebody else's sign-in and back
    "/auth/with/{party}/back",
}

#: Streamlit's own doors, which are there for nobody.
CLOSED = {
    "/_stcore/agent/interact",
    "/_stcore/agent/mcp",
    "/_stcore/agent/openapi.json",
    "/_stcore/metrics",
    "/auth/login",
    "/auth/logout",
    "/oauth2callback",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home: Path = tmp_path_factory.mktemp("home")
    make_store(home, [], now=NOW).close()
    with served(home, clock=ManualClock(NOW)) as serving:
        yield serving


@pytest.fixture(scope="module")
def visitors(server: Served) -> list[str | None]:
    """Nobody, who owes a second factor, whose session is over, and who has made a cookie up."""
    store = server.host.store
    pending = sign_in(store, now=NOW, email="pending@example.com", level=SessionLevel.PENDING)
    over = sign_in(store, now=NOW, email="over@example.com")
    server.host.doors.sessions.end(over.session.user_id, over.session.id)
    return [None, pending.token, over.token, "made up"]


def asked(server: Served) -> list[tuple[str, str, str]]:
    """Each route with each of its methods and an address of it."""
    return [
        (route.path, method, filled(route.path, dict.fromkeys(route.param_convertors, "x")))
        for route in server.routes
        if isinstance(route, Route)
        for method in sorted(route.methods or {"GET"})
    ]


def test_every_route_is_public_or_needs_a_session(server: Served, visitors: list[str | None]) -> None:
    """A page leads to the sign-in; anything else is refused, and nothing of it is run."""
    found = set()
    networks = (f"10.{number >> 8}.{number & 255}.1" for number in count())  # so that nobody is slowed down
    for path, method, address in asked(server):
        found.add(path)
        if path in PUBLIC:
            continue
        page = method in {"GET", "HEAD"}
        expected = 404 if path in CLOSED else 303 if page else 401
        for token in visitors:
            answer = server.ask(method, address, token=token, address=next(networks))
            assert (answer.status, path, method) == (expected, path, method)
            if expected == 303:
                assert (answer.header("location") or "").startswith("/auth/sign-in")
            plain = {"accept": "*/*"}
            script = server.ask(method, address, token=token, headers=plain, address=next(networks))
            assert (script.status, path, method) == (404 if path in CLOSED else 401, path, method)
    assert found >= PUBLIC
    assert found >= CLOSED


def test_what_is_no_route_needs_a_session_as_well(server: Served, visitors: list[str | None]) -> None:
    """The front end answers under every address; it is given to who is signed in."""
    assert [type(route) for route in server.routes if not isinstance(route, Route)] == [WebSocketRoute, Mount]
    for token in visitors:
        for address in ("/", "/overview", "/no/such/page", "/index.html", "/auth", "/connect", "/x/none/none"):
            assert server.ask("GET", address, token=token).status == 303


def test_no_websocket_opens_without_a_session(server: Served, visitors: list[str | None]) -> None:
    """The script never runs for nobody."""
    for token in visitors:
        with server.tab(token=token or "") as tab, pytest.raises(AssertionError, match="was refused"):
            tab.open("overview")


def test_what_is_public_is_reached(server: Served) -> None:
    """Nobody who may come in is sent away before."""
    for path, method, address in asked(server):
        if path in PUBLIC and method == "GET":
            answer = server.ask(method, address)
            sent_away = (answer.header("location") or "").startswith("/auth/sign-in?next=")
            assert (answer.status < 500, answer.status != 401, sent_away) == (True, True, False)
