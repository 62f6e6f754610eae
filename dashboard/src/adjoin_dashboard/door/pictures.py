"""Pictures of people: fetched by the server, so that browsers ask nobody else; initials where there is none."""

from __future__ import annotations

import asyncio
import io
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import datetime, timedelta
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

import sqlalchemy as sa
import structlog
from sqlmodel import col, select
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from adjoin.db.people import Member, User
from adjoin.outgoing.addresses import read_allowed
from adjoin.outgoing.errors import OutgoingError
from adjoin.outgoing.fetch import Bounds, Outgoing
from adjoin_dashboard.door.visitor import visitor

if TYPE_CHECKING:
    from PIL.Image import Image
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from adjoin.clock import Clock
    from adjoin_dashboard.host import Host

__all__ = ["GROUNDS", "HEADERS", "Pictures", "fetcher", "initials", "picture_path", "picture_tag", "routes", "upright"]

Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]
Draw: TypeAlias = Callable[[bytes], bytes]

_log = structlog.get_logger("adjoin.pictures")

PATH = "/auth/picture/{user_id}"
_SIDE = 96  # pixels, three times as many as are shown, for fine screens
_MOST_PIXELS = 25_000_000  # of what is fetched: a large photograph
_FORMATS = ("GIF", "JPEG", "PNG", "WEBP")
_KEPT, _KEPT_FOR, _FAILED_FOR = 500, timedelta(hours=6), timedelta(minutes=10)
_AT_ONCE = 4
GROUNDS = ("#364FC7", "#A61E4D", "#5F3DC4", "#0B7285", "#2B8A3E", "#A34600", "#495057", "#862E9C")
_BOUNDS = Bounds(
    total=timedelta(seconds=5), step=timedelta(seconds=3), raw_bytes=3_000_000, body_bytes=3_000_000, redirects=3
)
HEADERS = {"Cache-Control": "private, max-age=3600"}


def picture_path(user_id: str, name: str, url: str) -> str:
    """Return the address of somebody's picture; it changes with what is seen, so that browsers may keep it."""
    version = sha256(f"{name}\n{url}".encode()).hexdigest()[:10]
    return f"/auth/picture/{quote(user_id, safe='')}?v={version}"


def picture_tag(user_id: str, name: str, url: str, *, side: int = 32) -> str:
    """Return HTML for Streamlit that shows somebody's picture, round, beside their name. `side` is in pixels."""
    path = picture_path(user_id, name, url)
    return f'<img src="{path}" alt="" width="{side}" height="{side}" style="border-radius: 50%; display: block">'


def routes(host: Host) -> list[BaseRoute]:
    """Return the route of pictures: of oneself, and of the members of the workspace that is looked at."""
    pictures = Pictures(fetcher(host), host.clock)

    async def picture(request: Request) -> Response:
        asking = visitor(request)
        user_id: str = request.path_params["user_id"]
        if asking is None:
            raise HTTPException(404)
        found = await asyncio.to_thread(_find, host, user_id, asking.user_id, asking.workspace_id)
        if found is None:
            raise HTTPException(404)
        name, url = found
        made = await pictures.of(url) if url else None
        if made is None:
            return Response(initials(name), media_type="image/svg+xml", headers=HEADERS)
        return Response(made, media_type="image/png", headers=HEADERS)

    return [Route(PATH, picture, methods=["GET"])]


class Pictures:
    """Small pictures by their addresses, made from what is fetched. Failures are kept too, for a shorter time.

    `draw` makes what is shown out of the bytes that were fetched, anew; by default a square.
    """

    def __init__(self, fetch: Fetch, clock: Clock, *, draw: Draw | None = None, most: int = _KEPT) -> None:
        self._fetch, self._clock, self._draw, self._most = fetch, clock, draw or _small, most
        self._kept: OrderedDict[str, tuple[datetime, bytes | None]] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[bytes | None]] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def of(self, url: str) -> bytes | None:
        """Return the picture, a PNG of 96 by 96 pixels by default; None where the address gives none to show."""
        kept = self._kept.get(url)
        if kept is not None and self._clock.now() < kept[0]:
            self._kept.move_to_end(url)
            return kept[1]
        task = self._under_way.get(url)
        if task is None:
            task = self._under_way[url] = asyncio.create_task(self._make(url))
            task.add_done_callback(lambda _: self._under_way.pop(url, None))
        return await asyncio.shield(task)

    async def _make(self, url: str) -> bytes | None:
        made = None
        try:
            async with self._slots:
                made = await asyncio.to_thread(self._draw, await self._fetch(url))
        except OutgoingError as error:
            _log.info("a picture cannot be fetched", reason=str(error.reason))
        except _unreadable() as error:
            _log.info("a picture cannot be read", reason=type(error).__name__)
        self._kept[url] = (self._clock.now() + (_FAILED_FOR if made is None else _KEPT_FOR), made)
        self._kept.move_to_end(url)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return made


def initials(name: str) -> bytes:
    """Return a picture of the first letters of a name, always in the same colour, as SVG."""
    words = [word for word in name.replace("@", " ").split() if word[0].isalnum()]
    letters = "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper() or "?"
    colour = GROUNDS[sha256(name.encode()).digest()[0] % len(GROUNDS)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96"><rect width="96" height="96" fill="{colour}"/>'
        '<text x="48" y="50" fill="#fff" font-family="sans-serif" font-size="40" font-weight="600" '
        f'text-anchor="middle" dominant-baseline="central">{escape(letters[:2])}</text></svg>'
    ).encode()


def _find(host: Host, user_id: str, asking: str, workspace_id: str | None) -> tuple[str, str] | None:
    """Return the name and the picture's address of somebody who may be seen."""
    shared = sa.exists().where(col(Member.user_id) == col(User.id), col(Member.workspace_id) == workspace_id)
    query = select(User.name, User.email, User.picture_url).where(
        col(User.id) == user_id, col(User.deleted_at).is_(None), sa.or_(col(User.id) == asking, shared)
    )
    with host.store.read() as session:
        found = session.exec(query).one_or_none()
    return None if found is None else (found[0] or found[1], found[2])


def upright(body: bytes) -> Image:
    """Read a picture that was fetched, the right way up. Raises what `Pictures` takes for a picture that is none."""
    from PIL import Image, ImageOps

    with closing(Image.open(io.BytesIO(body), formats=_FORMATS)) as given:
        if given.width * given.height > _MOST_PIXELS:
            raise ValueError("too many pixels")
        return ImageOps.exif_transpose(given).convert("RGBA")


def fetcher(host: Host) -> Fetch:
    """Return what fetches pictures, without reaching what only this machine can reach."""
    outgoing = Outgoing(allowed=read_allowed(host.runtime.settings.outgoing_allow), bounds=_BOUNDS)

    async def fetch(url: str) -> bytes:
        return (await outgoing.get(url, accept=("image/*",))).body

    return fetch


def _small(body: bytes) -> bytes:
    """Return a picture cut to a small square, drawn anew: nothing else of what was fetched reaches a browser."""
    from PIL import ImageOps

    out = io.BytesIO()
    ImageOps.fit(upright(body), (_SIDE, _SIDE)).save(out, "PNG")
    return out.getvalue()


def _unreadable() -> tuple[type[Exception], ...]:
    """What Pillow raises for bytes that are no picture, or a broken or hostile one."""
    from PIL import Image

    return (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError)
