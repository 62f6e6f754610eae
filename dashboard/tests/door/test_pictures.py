"""Pictures of people are small, drawn anew, and fetched seldom; initials stand in for them."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime

import pytest
from PIL import Image

from adjoin.clock import ManualClock
from adjoin.outgoing.errors import OutgoingError, Reason
from adjoin_dashboard.door.pictures import Pictures, initials, picture_path, picture_tag

NOW = datetime(2026, 11, 21, 5, 14, tzinfo=UTC)


def photograph(kind: str = "JPEG", size: tuple[int, int] = (400, 200)) -> bytes:
    out = io.BytesIO()
    comment = {"comment": b"where it was taken"} if kind in ("GIF", "JPEG") else {}
    Image.new("RGB", size, "#cc3300").save(out, kind, **comment)
    return out.getvalue()


class Web:
    """Answers with what it is given, and counts."""

    def __init__(self, answer: bytes | Exception) -> None:
        self.answer, self.asked = answer, 0

    async def __call__(self, url: str) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_what_is_fetched_is_drawn_anew(kind: str, clock: ManualClock) -> None:
    """A browser gets a small square PNG, and nothing else that was in the file."""
    made = asyncio.run(Pictures(Web(photograph(kind)), clock).of("https://example.com/a"))
    assert made is not None
    assert b"where it was taken" not in made
    with Image.open(io.BytesIO(made)) as picture:
        assert (picture.format, picture.size) == ("PNG", (96, 96))


@pytest.mark.parametrize(
    "answer",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"not a picture",
        b"",
        photograph("PNG")[:60],
        photograph("PNG", (6000, 5000)),
        OutgoingError("no", reason=Reason.UNREACHABLE),
    ],
    ids=["svg", "text", "nothing", "cut short", "too many pixels", "unreachable"],
)
def test_what_cannot_be_shown_is_not_asked_again_for_a_while(answer: bytes | Exception, clock: ManualClock) -> None:
    """Nobody waits twice for an address that gives nothing; after ten minutes it may."""
    web = Web(answer)
    pictures = Pictures(web, clock)

    async def three_times() -> list[bytes | None]:
        first = [await pictures.of("https://example.com/a"), await pictures.of("https://example.com/a")]
        clock.advance(11 * 60)
        return [*first, await pictures.of("https://example.com/a")]

    assert asyncio.run(three_times()) == [None] * 3
    assert web.asked == 2


def test_many_who_look_at_once_fetch_once(clock: ManualClock) -> None:
    """And it is kept for hours."""
    web = Web(photograph())
    pictures = Pictures(web, clock)

    async def all_at_once() -> set[bytes | None]:
        found = await asyncio.gather(*(pictures.of("https://example.com/a") for _ in range(20)))
        clock.advance(5 * 3600)
        return {*found, await pictures.of("https://example.com/a")}

    assert len(asyncio.run(all_at_once())) == 1
    assert web.asked == 1


def test_only_so_many_are_kept(clock: ManualClock) -> None:
    """Memory has a bound; the one that was looked at the longest ago goes."""
    web = Web(OutgoingError("no", reason=Reason.UNREACHABLE))
    pictures = Pictures(web, clock)

    async def ask(urls: list[str]) -> None:
        for url in urls:
            await pictures.of(url)

    asyncio.run(ask([f"https://example.com/{number}" for number in range(501)]))
    asyncio.run(ask(["https://example.com/500"]))
    assert web.asked == 501
    asyncio.run(ask(["https://example.com/0"]))
    assert web.asked == 502


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ada Lovelace", "AL"),
        ("ada.lovelace@example.com", "AE"),
        ("Grace Brewster Murray Hopper", "GH"),
        ("小明", "小"),
        ("", "?"),
        ("<script> &x", "?"),
        ("& Co", "C"),
    ],
)
def test_initials(name: str, letters: str) -> None:
    """The first and the last word count, and what is no letter or digit is left out."""
    assert f">{letters}</text>" in initials(name).decode()


def test_the_address_changes_with_what_is_seen() -> None:
    """So browsers may keep a picture, and show the new one at once."""
    paths: set[str] = {picture_path("u1", *each) for each in (("Ada", ""), ("Ada", "https://a"), ("Bea", ""))}
    assert len(paths) == 3
    assert "%22%3E" in picture_tag('u"><b>', "Ada", "")
