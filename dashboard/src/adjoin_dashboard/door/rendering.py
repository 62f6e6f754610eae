"""Own pages as HTML: the templates, and what each of them may use."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from adjoin_dashboard.door.csrf import FIELD, form_token
from adjoin_dashboard.door.visitor import visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["render"]


def render(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> Response:
    """Return a page made from a template of `door/templates`. Everything that is put into it is escaped.

    Beside `values` it may use `visitor`, who is signed in or None, and `csrf()`, the text of the field named
    `csrf_name`.
    """
    page = _environment().get_template(template)
    text = page.render(visitor=visitor(request), csrf=lambda: form_token(request), csrf_name=FIELD, **values)
    return HTMLResponse(text, status_code=status, headers=headers)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("adjoin_dashboard.door", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
