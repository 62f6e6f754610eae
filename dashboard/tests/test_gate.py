"""The gate lets in what is ours, and nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from adjoin_dashboard.gate import Gate, security_headers


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """What the gate guards: answers everything."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    response = PlainTextResponse("reached", headers={"Access-Control-Allow-Origin": "*"})
    await response(scope, receive, send)


@dataclass
class Answer:
    """What came back."""

    messages: list[Message]

    @property
    def status_code(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> Headers:
        return Headers(raw=self.messages[0]["headers"])

    @property
    def text(self) -> str:
        return bytes(self.messages[1]["body"]).decode()


class Client:
    """Speaks ASGI to the gate, without a network."""

    def __init__(self) -> None:
        self._gate = Gate(behind, hosts=("127.0.0.1", "localhost"), headers=security_headers())

    def get(self, path: str, headers: dict[str, str] | None = None, kind: str = "http") -> Answer:
        sent = {"Host": "127.0.0.1:8501"} | (headers or {})
        scope = {
            "type": kind,
            "method": "GET",
            "path": path,
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        }
        messages: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        async def send(message: Message) -> None:
            messages.append(message)

        asyncio.run(self._gate(scope, receive, send))
        return Answer(messages)


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.mark.parametrize(
    "path", ["/_stcore/agent/interact", "/_stcore/metrics", "/_stcore/script-health-check", "/runs/_stcore/metrics"]
)
def test_side_doors_are_closed(client: Client, path: str) -> None:
    """They answer as if they did not exist."""
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost:9000", "LOCALHOST"])
def test_our_names_are_answered(client: Client, host: str) -> None:
    """A tunnel from another port is fine."""
    assert client.get("/", headers={"Host": host}).text == "reached"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "localhost@evil.example"])
def test_foreign_names_are_refused(client: Client, host: str) -> None:
    """A name that someone lets resolve to this machine does not reach the data."""
    assert client.get("/", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:9999", "null"])
def test_requests_of_other_sites_are_refused(client: Client, origin: str) -> None:
    """Also those of other servers on this machine."""
    assert client.get("/", headers={"Origin": origin}).status_code == 403


def test_websockets_of_other_sites_are_refused(client: Client) -> None:
    """A page of another site cannot open a session."""
    answer = client.get("/_stcore/stream", {"Origin": "https://evil.example"}, kind="websocket")
    assert [message["type"] for message in answer.messages] == ["websocket.close"]


def test_our_own_websocket_is_let_through(client: Client) -> None:
    """The dashboard itself works."""
    answer = client.get("/_stcore/stream", {"Origin": "http://127.0.0.1:8501"}, kind="websocket")
    assert [message["type"] for message in answer.messages] == ["websocket.accept"]


def test_every_answer_has_the_security_headers(client: Client) -> None:
    """Refusals too; and nobody else's page may read an answer."""
    for path in ("/", "/_stcore/metrics"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_the_one_inline_script_of_streamlit_is_allowed_by_its_hash() -> None:
    """And no other one."""
    policy = security_headers()["Content-Security-Policy"]
    assert policy.count("'sha256-") == 1
    assert "'unsafe-inline'" not in policy.split("style-src")[0]


def test_media_are_not_stored_by_caches(client: Client) -> None:
    """Tables and downloads belong to the visitor."""
    assert client.get("/media/abc.csv").headers["cache-control"] == "private, no-store"
