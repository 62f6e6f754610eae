"""Sending a browser to another site after a form.

A redirect would not do: browsers hold the address that a form leads to in the end to `form-action`, which names us
alone.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["leave"]

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={url}">
<title>Leaving for {name} - Adjoin</title>
<link rel="stylesheet" href="/app/static/door.css">
</head>
<body>
<main>
<h1>Leaving for {name}</h1>
<p><a href="{url}" rel="noreferrer">Go on if nothing happens</a></p>
</main>
</body>
</html>
"""


def leave(url: str) -> Response:
    """Return a page that leads to another site at once. ValueError for what is no http or https address."""
    split = urlsplit(url)
    if split.scheme not in {"http", "https"} or not split.hostname:
        raise ValueError("a browser can only be sent to an http or https address")
    page = _PAGE.format(url=escape(url), name=escape(split.hostname))
    return HTMLResponse(page, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
