"""The cookie that holds a session's token, and how cookies of the doors are written."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from adjoin_dashboard.door.visitor import Visit, visit_of

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import HTTPConnection

    from adjoin.access.sessions import Issued

__all__ = ["clear_session", "cookie", "cookie_name", "let_in", "session_token", "set_session"]

SESSION_COOKIE = "adjoin_session"


def cookie_name(name: str, *, secure: bool) -> str:
    """Return a cookie's full name. Over https its prefix has browsers refuse one that another host or path has set."""
    return f"__Host-{name}" if secure else name


def cookie(
    name: str,
    value: str,
    *,
    secure: bool,
    lasting: timedelta | None = None,
    same_site: Literal["Lax", "Strict"] = "Lax",
) -> str:
    """Return a Set-Cookie header, for the whole host and no script. Without `lasting` it ends with the browser."""
    parts = [f"{name}={value}", "Path=/", "HttpOnly", f"SameSite={same_site}"]
    if lasting is not None:
        parts.append(f"Max-Age={max(int(lasting.total_seconds()), 0)}")
    if secure:
        parts.append("Secure")
    return "; ".join(parts)


def session_token(request: HTTPConnection) -> str | None:
    """Return the token of the browser's session cookie, good or not, also of one that still owes a second factor."""
    return visit_of(request).token


def let_in(request: HTTPConnection, issued: Issued) -> None:
    """Have the answer to this request carry a new session, pending ones as well."""
    set_session(visit_of(request), issued.token, issued.session.expires_at)


def clear_session(request: HTTPConnection) -> None:
    """Have the answer to this request take the session's cookie away. It does not end the session."""
    visit = visit_of(request)
    name = cookie_name(SESSION_COOKIE, secure=visit.secure)
    visit.cookies[name] = cookie(name, "", secure=visit.secure, lasting=timedelta(0))


def set_session(visit: Visit, token: str, expires_at: datetime) -> None:
    """Have the answer carry a token until its session's end."""
    name = cookie_name(SESSION_COOKIE, secure=visit.secure)
    visit.cookies[name] = cookie(name, token, secure=visit.secure, lasting=expires_at - visit.now)
