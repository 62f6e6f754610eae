"""Pictures of ads: for members alone, small and drawn anew; a drawn card where a platform has none to show."""

from __future__ import annotations

import asyncio
import io
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest
from PIL import Image
from starlette.applications import Starlette

from adjoin.clock import ManualClock
from adjoin.db.models import Entity, EntityKind
from adjoin.outgoing.errors import OutgoingError, Reason
from adjoin_dashboard.door import creatives
from adjoin_dashboard.door.creatives import drawn_card, routes
from adjoin_dashboard.door.pictures import Pictures
from adjoin_dashboard.host import Host

from .conftest import NOW, People

HOSTILE = '</text><script>alert("x")</script> & \u202e🙂 \x07 $x$'
URL = "https://scontent.example/1.jpg?oe=1"


def photograph(size: tuple[int, int] = (2000, 1000), kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", size, (200, 30, 0, 128)).save(out, kind)
    return out.getvalue()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What is fetched, by address; anything else cannot be reached."""
    pages: dict[str, bytes] = {}

    async def fetch(url: str) -> bytes:
        if url not in pages:
            raise OutgoingError("no", reason=Reason.UNREACHABLE)
        return pages[url]

    monkeypatch.setattr(creatives, "fetcher", lambda _: fetch)
    return pages


@pytest.fixture
def asked_by(monkeypatch: pytest.MonkeyPatch, people: People) -> SimpleNamespace:
    """Who asks, by name; "" is nobody."""
    asking = SimpleNamespace(name="dee")
    monkeypatch.setattr(
        creatives, "visitor", lambda _: people.host.still_in(people.sessions[asking.name]) if asking.name else None
    )
    return asking


@pytest.fixture
def ask(host: Host, web: dict[str, bytes], asked_by: SimpleNamespace) -> Any:
    def add(own: str, name: str, **detail: Any) -> None:
        with host.store.write() as session:
            session.add(
                Entity(
                    workspace_id="default", platform="meta", account_id="act_1", kind=EntityKind.AD, id=own, name=name,
                    status="active", detail=detail, first_seen_at=NOW, last_seen_at=NOW,
                )
            )  # fmt: skip

    add("a1", "Summer", format="Image ad", thumbnail_url=URL)
    add("a2", HOSTILE, format="Video ad", thumbnail_url="https://gone.example/")
    add("a3", "Plain")
    add("a4", "Odd", format=7, thumbnail_url=["x"])
    transport = httpx.ASGITransport(app=Starlette(routes=routes(host)))

    async def get(ad: str, account: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get("/creative/picture", params={"platform": "meta", "account": account, "ad": ad})

    return lambda ad, account="act_1": asyncio.run(get(ad, account))


def test_a_picture_is_fetched_by_the_server_and_drawn_anew(ask: Any, web: dict[str, bytes]) -> None:
    web[URL] = photograph()
    answer = ask("a1")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert "private" in answer.headers["cache-control"]
    with Image.open(io.BytesIO(answer.content)) as drawn:
        assert (drawn.format, drawn.size) == ("JPEG", (480, 240))


@pytest.mark.parametrize("ad", ["a1", "a2", "a3", "a4"])
def test_what_cannot_be_fetched_is_a_drawn_card(ask: Any, ad: str) -> None:
    answer = ask(ad)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    ET.fromstring(answer.text)


@pytest.mark.parametrize("body", [b"<svg/>", b"", b"GIF89a", photograph()[:80]])
def test_what_is_no_picture_is_a_drawn_card(ask: Any, web: dict[str, bytes], body: bytes) -> None:
    web[URL] = body
    assert ask("a1").headers["content-type"] == "image/svg+xml"


def test_nobody_else_gets_it(ask: Any, asked_by: SimpleNamespace) -> None:
    """Who is a member elsewhere, or not signed in, is answered as for an ad that is not there."""
    for name in ("eve", ""):
        asked_by.name = name
        assert (ask("a1").status_code, ask("zz").status_code) == (404, 404)
    asked_by.name = "dee"
    assert [ask(*one).status_code for one in [("zz",), ("a1", "act_2"), ("",), ("a\0",), ("x" * 400,)]] == [404] * 5


def test_a_card_shows_kind_and_name_as_they_are() -> None:
    """Whatever a name holds, it is text in the drawing, and fits."""
    found = ET.fromstring(drawn_card(HOSTILE, "Video ad").decode())
    assert {one.tag.rpartition("}")[2] for one in found.iter()} == {"svg", "rect", "g", "text"}
    assert "alert" in "".join(found.itertext())
    assert len(list(found.iter("{http://www.w3.org/2000/svg}text"))) <= 4
    assert len(drawn_card("word " * 500, "x" * 500)) < 1_500
    assert drawn_card("A", "Image ad") == drawn_card("A", "Image ad")
    ET.fromstring(drawn_card("", "").decode())


def test_pictures_are_kept_within_bounds() -> None:
    """By default and by what a caller says."""
    asked = []

    async def fetch(url: str) -> bytes:
        asked.append(url)
        return photograph((10, 10))

    pictures = Pictures(fetch, ManualClock(NOW), draw=lambda body: body[:4], most=1)

    async def look() -> list[bytes | None]:
        return [await pictures.of(url) for url in ("https://a", "https://b", "https://b", "https://a")]

    assert asyncio.run(look()) == [photograph((10, 10))[:4]] * 4
    assert asked == ["https://a", "https://b", "https://a"]
