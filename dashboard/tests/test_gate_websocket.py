"""Websockets: who is let in, what the script is told, and that each message is for somebody who is still there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from adjoin.access.actors import SYSTEM
from adjoin.access.members import remove
from adjoin.access.sessions import Issued
from adjoin.access.signed_in import SessionLevel
from adjoin.clock import ManualClock
from adjoin.db.models import DEFAULT_WORKSPACE, Workspace
from adjoin.db.people import Member, Role
from adjoin.errors import AuthError, AuthProblem
from adjoin_dashboard.gate import Gate
from adjoin_dashboard.host import Host, open_host
from adjoin_dashboard.owners import Owner
from adjoin_dashboard.testing import make_store, sign_in

START = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)
ORIGIN = {"Origin": "http://127.0.0.1:8501"}
_people = count()


class Socket:
    """A websocket that is opened through the gate, and what arrives behind it."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.headers = Headers()
        self.arrived: list[BackMsg] = []
        self.sent: list[Message] = []

    def open(
        self,
        issued: Issued | None,
        *messages: Any,
        headers: dict[str, str] | None = None,
        path: str = "/_stcore/stream",
        protocols: str = "",
        peer: str = "127.0.0.1",
    ) -> Socket:
        """Open it and send messages: bytes, or functions that are called in between."""
        asyncio.run(self._open(issued, messages, headers, path, protocols, peer))
        return self

    async def _open(
        self,
        issued: Issued | None,
        messages: tuple[Any, ...],
        headers: dict[str, str] | None,
        path: str,
        protocols: str,
        peer: str,
    ) -> None:
        sent = {"Host": "127.0.0.1:8501"} | (ORIGIN if headers is None else headers)
        if issued is not None:
            sent["Cookie"] = f"adjoin_session={issued.token}"
        if protocols:
            sent["Sec-WebSocket-Protocol"] = protocols
        scope: Scope = {
            "type": "websocket",
            "path": path,
            "client": (peer, 40_000),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        }
        waiting: list[Any] = [{"type": "websocket.connect"}, *messages]

        async def receive() -> Message:
            while waiting:
                one = waiting.pop(0)
                if isinstance(one, dict):
                    return one
                if isinstance(one, bytes):
                    return {"type": "websocket.receive", "bytes": one}
                await asyncio.to_thread(one)
            return {"type": "websocket.disconnect", "code": 1000}

        async def send(message: Message) -> None:
            self.sent.append(message)

        await Gate(self._behind, host=self.host)(scope, receive, send)
        await self.host.doors.settle()

    async def _behind(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers = Headers(scope=scope)
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            arrived = BackMsg()
            arrived.ParseFromString(message["bytes"])
            self.arrived.append(arrived)

    @property
    def is_open(self) -> bool:
        return self.sent == [{"type": "websocket.accept"}]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("home")
    with make_store(made, [], now=START) as store, store.write() as session:
        session.add(Workspace(id="second", name="Second", created_at=START))
    return made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def host(home: Path, clock: ManualClock) -> Iterator[Host]:
    with open_host(home, clock=clock) as opened:
        yield opened


@pytest.fixture
def socket(host: Host) -> Socket:
    return Socket(host)


@pytest.fixture
def issued(host: Host) -> Issued:
    """Somebody new, signed in."""
    return sign_in(host.store, now=START, email=f"person{next(_people)}@example.com", role="analyst")


def click(fragment: str = "") -> bytes:
    """Return what the browser sends when a button is pressed, in a fragment where one is named."""
    message = BackMsg()
    message.rerun_script.query_string = "range=7"
    message.rerun_script.page_script_hash = "abc"
    message.rerun_script.fragment_id = fragment
    message.rerun_script.widget_states.widgets.add(id="button", trigger_value=True)
    message.rerun_script.context_info.timezone = "Europe/Berlin"
    return message.SerializeToString()


def is_plain(message: BackMsg) -> bool:
    """Say whether a message reruns the page and does nothing else."""
    asked = message.rerun_script
    return message.WhichOneof("type") == "rerun_script" and not asked.fragment_id and not asked.widget_states.widgets


def test_who_is_signed_in_is_let_in(socket: Socket, issued: Issued) -> None:
    """The script is told by which session, and from where."""
    assert socket.open(issued, peer="203.0.113.9").is_open
    assert socket.headers["x-adjoin-session"] == issued.session.id
    assert socket.headers["x-adjoin-address"] == "203.0.113.9"


def test_nobody_else_is(socket: Socket, host: Host) -> None:
    """No cookie, a second factor that is owed, and a session that has ended; on any path."""
    pending = sign_in(host.store, now=START, level=SessionLevel.PENDING)
    gone = sign_in(host.store, now=START)
    host.doors.sessions.end(gone.session.user_id, gone.session.id)
    for one, path in ((None, "/_stcore/stream"), (None, "/static/x"), (pending, "/_stcore/stream"), (gone, "/x")):
        socket.sent.clear()
        socket.open(one, path=path)
        assert [message["type"] for message in socket.sent] == ["websocket.close"]


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"} | ORIGIN])
def test_other_sites_cannot_open_one(socket: Socket, issued: Issued, headers: dict[str, str]) -> None:
    """Their page would be sent the visitor's cookie."""
    socket.open(issued, headers=headers)
    assert [message["type"] for message in socket.sent] == ["websocket.close"]


def test_nobody_can_say_who_they_are_by_a_header(socket: Socket, issued: Issued) -> None:
    """What a client sends under these names does not reach the script."""
    socket.open(issued, headers=ORIGIN | {"X-Adjoin-Session": "another", "x-adjoin-address": "1.2.3.4"})
    assert socket.headers.getlist("x-adjoin-session") == [issued.session.id]
    assert socket.headers.getlist("x-adjoin-address") == ["127.0.0.1"]


def test_messages_of_who_is_there_arrive_as_they_are(socket: Socket, issued: Issued) -> None:
    """Buttons, fragments and heartbeats."""
    heartbeat = BackMsg(app_heartbeat=True).SerializeToString()
    socket.open(issued, click(), click("fragment"), heartbeat)
    assert [message.SerializeToString() for message in socket.arrived] == [click(), click("fragment"), heartbeat]


def test_after_the_sign_out_nothing_is_done_any_more(socket: Socket, host: Host, issued: Issued) -> None:
    """A button, a fragment and a download become a plain rerun, which says that the session has ended."""
    download = BackMsg()
    download.backend_operation_request.SetInParent()

    def end() -> None:
        host.doors.sessions.end(issued.session.user_id, issued.session.id)

    socket.open(issued, click(), end, click(), click("fragment"), download.SerializeToString())
    assert [is_plain(message) for message in socket.arrived] == [False, True, True, True]
    kept = socket.arrived[1].rerun_script
    assert (kept.query_string, kept.page_script_hash) == ("range=7", "abc")
    assert kept.context_info.timezone == "Europe/Berlin"


def test_a_change_of_role_or_workspace_draws_the_page_anew(
    socket: Socket, host: Host, clock: ManualClock, issued: Issued
) -> None:
    """A fragment would go on with what it was given before. After that things go on."""

    def demote() -> None:
        with host.store.write() as session:
            member = session.exec(select(Member).where(Member.user_id == issued.session.user_id)).one()
            member.role = Role.VIEWER
        clock.advance(1)

    def remove_them() -> None:
        with host.store.write() as session:
            remove(session, DEFAULT_WORKSPACE, issued.session.user_id, by=SYSTEM, now=clock.now())
        clock.advance(1)

    socket.open(issued, demote, click("fragment"), click(), remove_them, click("fragment"))
    assert [is_plain(message) for message in socket.arrived] == [True, False, True]


def test_another_workspace_draws_the_page_anew(socket: Socket, host: Host, issued: Issued) -> None:
    """Also when it was chosen in another tab."""
    with host.store.write() as session:
        user_id = issued.session.user_id
        session.add(Member(workspace_id="second", user_id=user_id, role=Role.ANALYST, created_at=START))

    def choose() -> None:
        host.doors.sessions.choose_workspace(issued.session.id, "second")

    socket.open(issued, click(), choose, click(), click())
    assert [is_plain(message) for message in socket.arrived] == [False, True, False]


def test_what_is_for_developers_does_not_arrive(socket: Socket, issued: Issued) -> None:
    """Emptying the caches concerns everybody. What cannot be read is thrown away as well."""
    socket.open(issued, BackMsg(clear_cache=True).SerializeToString(), b"\xff\xff", click())
    assert len(socket.arrived) == 1


def test_a_sign_in_that_cannot_be_checked_does_nothing(
    socket: Socket, host: Host, issued: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is drawn anew and says so."""

    async def fail(*_: object) -> None:
        raise AuthError("Not now.", kind=AuthProblem.UNAVAILABLE)

    monkeypatch.setattr(type(host.doors), "still_in", fail)
    socket.open(issued, click())
    assert [is_plain(message) for message in socket.arrived] == [True]


class TestRiding:
    """The third sub-protocol names a session of Streamlit's to go on with."""

    def test_ones_own_is_resumed(self, socket: Socket, host: Host, issued: Issued) -> None:
        """A tab that was disconnected for a moment goes on."""
        found = host.still_in(issued.session.id)
        assert found is not None
        host.owners._sessions["mine"] = Owner.of(found)
        socket.open(issued, protocols="streamlit, xsrf, mine")
        assert socket.headers["sec-websocket-protocol"] == "streamlit, xsrf, mine"

    @pytest.mark.parametrize("name", ["theirs", "never"])
    def test_anothers_is_not(self, socket: Socket, host: Host, issued: Issued, name: str) -> None:
        """Somebody else's in the same browser, and one that is not known."""
        other = host.still_in(sign_in(host.store, now=START).session.id)
        assert other is not None
        host.owners._sessions["theirs"] = Owner.of(other)
        socket.open(issued, protocols=f"streamlit, xsrf, {name}")
        assert socket.headers["sec-websocket-protocol"] == "streamlit, xsrf"
