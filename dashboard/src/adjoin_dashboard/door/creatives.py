"""Pictures of ads: fetched by the server, so that browsers ask no platform; a drawn card where there is none."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from adjoin.access.permissions import Permission
from adjoin.db.models import Entity, EntityKind
from adjoin_dashboard.door.pictures import GROUNDS, HEADERS, Pictures, fetcher, upright
from adjoin_dashboard.door.visitor import visitor

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from adjoin_dashboard.host import Host

__all__ = ["drawn_card", "routes"]

PATH = "/creative/picture"
_WIDTH, _HEIGHT = 480, 300  # pixels at most, for fine screens
_KEPT = 300  # of some 30 kB
_LONGEST_ID = 300
_LINE, _LINES = 30, 3  # signs and lines of a drawn card


def routes(host: Host) -> list[BaseRoute]:
    """Return the route of the pictures of ads: of the workspace that the visitor looks at."""
    pictures = Pictures(fetcher(host), host.clock, draw=_within, most=_KEPT)

    async def creative(request: Request) -> Response:
        asking = visitor(request)
        ids = [request.query_params.get(name, "") for name in ("platform", "account", "ad")]
        usable = all(ids) and not any("\0" in one or len(one) > _LONGEST_ID for one in ids)
        if asking is None or asking.workspace_id is None or not usable or not asking.may(Permission.READ_REPORTS):
            raise HTTPException(404)
        found = await asyncio.to_thread(_find, host, asking.workspace_id, asking.user_id, ids)
        if found is None:
            raise HTTPException(404)
        made = await pictures.of(found.url) if found.url else None
        if made is None:
            return Response(drawn_card(found.name, found.kind), media_type="image/svg+xml", headers=HEADERS)
        return Response(made, media_type="image/jpeg", headers=HEADERS)

    return [Route(PATH, creative, methods=["GET"])]


def drawn_card(name: str, kind: str) -> bytes:
    """Return a picture of an ad's kind and the beginning of its name, always in the same colour, as SVG."""
    colour = GROUNDS[sha256((kind or name).encode()).digest()[0] % len(GROUNDS)]
    lines: list[str] = []
    for word in " ".join(name.split()).split(" "):
        if lines and len(lines[-1]) + len(word) < _LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word[:_LINE])
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], f"{lines[_LINES - 1][: _LINE - 1]}…"]
    first = 150 - 15 * (len(lines) - 1) + (10 if kind else 0)
    texts = "".join(
        f'<text x="240" y="{first + 32 * number}" font-size="24" font-weight="600">{_plain(line)}</text>'
        for number, line in enumerate(lines)
    )
    if kind:
        texts += f'<text x="240" y="60" font-size="18" opacity="0.85">{_plain(kind[:40])}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="{colour}"/>'
        f'<g fill="#fff" font-family="sans-serif" text-anchor="middle" dominant-baseline="central">{texts}</g></svg>'
    ).encode()


def _plain(text: str) -> str:
    """Return text for XML, which knows no control signs."""
    return escape("".join(sign for sign in text if sign.isprintable()))


@dataclass(frozen=True, slots=True)
class _Ad:
    """What is stored of an ad. `url` is where its picture is, on a host of the platform's."""

    name: str
    kind: str
    url: str


def _find(host: Host, workspace_id: str, user_id: str, ids: list[str]) -> _Ad | None:
    platform, account, ad = ids
    with host.store.scoped(workspace_id, user_id).read() as session:
        found = session.get(Entity, (workspace_id, platform, account, EntityKind.AD, ad))
        if found is None:
            return None
        kind, url = (found.detail.get(name) for name in ("format", "thumbnail_url"))
        return _Ad(found.name or ad, kind if isinstance(kind, str) else "", url if isinstance(url, str) else "")


def _within(body: bytes) -> bytes:
    """Return a picture no larger than is shown, drawn anew on white as JPEG."""
    from PIL import Image

    given = upright(body)
    given.thumbnail((_WIDTH, _HEIGHT))
    flat = Image.new("RGB", given.size, "#FFFFFF")
    flat.paste(given, mask=given.getchannel("A"))
    out = io.BytesIO()
    flat.save(out, "JPEG", quality=82)
    return out.getvalue()
