"""Answers of the gate itself: a page for people, a line of text for programs."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

__all__ = ["notice"]

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - Adjoin</title>
<link rel="stylesheet" href="/app/static/door.css">
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
{link}</main>
</body>
</html>
"""


def notice(
    status: int,
    title: str,
    text: str,
    *,
    page: bool,
    link: tuple[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an answer that says something; `page` for a browser that shows it. `link` is an address and its words."""
    if not page:
        return PlainTextResponse(text, status_code=status, headers=headers)
    shown = "" if link is None else f'<p><a href="{escape(link[0])}">{escape(link[1])}</a></p>\n'
    return HTMLResponse(
        _PAGE.format(title=escape(title), text=escape(text), link=shown), status_code=status, headers=headers
    )
