"""Forms: what proves that a form was made by us, for this browser.

Of somebody who is signed in it is bound to the session, and lasts as long. Of anybody else a cookie has the same text,
which no other site can read or set.
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from adjoin.access.session_tokens import SessionToken
from adjoin_dashboard.door.cookies import cookie, cookie_name
from adjoin_dashboard.door.visitor import visit_of

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["FIELD", "ForeignForm", "check", "form_token"]

#: The name of the hidden field.
FIELD = "csrf"
_COOKIE = "adjoin_form"
_TEXT = re.compile(r"[0-9A-Za-z_-]{43}")


class ForeignForm(HTTPException):
    """A form that was not made for this browser, or before it signed in or out. The detail is for people."""

    def __init__(self) -> None:
        super().__init__(403, "This form is too old, or was not made for this browser. Open the page again and repeat.")


def form_token(request: Request) -> str:
    """Return the text of the hidden field `csrf`. The answer sets the cookie that goes with it, where it takes one."""
    visit = visit_of(request)
    if visit.form_token is None:
        visit.form_token = _of_session(request) or _of_cookie(request)
    if visit.form_token is None:
        visit.form_token = secrets.token_urlsafe(32)
        name = cookie_name(_COOKIE, secure=visit.secure)
        visit.cookies[name] = cookie(name, visit.form_token, secure=visit.secure, same_site="Strict")
    return visit.form_token


async def check(request: Request) -> None:
    """Raise ForeignForm unless the form that was sent is ours. `await request.form()` works afterwards as well."""
    expected = _of_session(request) or _of_cookie(request)
    try:
        form = await request.form()
    except (UnicodeError, LookupError):  # a charset that cannot be read, which no browser sends
        raise ForeignForm from None
    sent = form.get(FIELD)
    if expected is None or not isinstance(sent, str) or not hmac.compare_digest(sent.encode(), expected.encode()):
        await form.close()
        raise ForeignForm


def _of_session(request: Request) -> str | None:
    visit = visit_of(request)
    shown = SessionToken.read(visit.token or "")
    if visit.signed_in is None or shown is None:
        return None
    # The half of the token that stays is a secret of this browser and the key; the session's id comes from it.
    return hmac.new(shown.family.encode(), b"form " + visit.signed_in.session_id.encode(), sha256).hexdigest()


def _of_cookie(request: Request) -> str | None:
    value = request.cookies.get(cookie_name(_COOKIE, secure=visit_of(request).secure), "")
    return value if _TEXT.fullmatch(value) else None
