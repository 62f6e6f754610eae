"""Who asks: what the gate has found out about a request, for the routes behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from adjoin.access.actors import Actor
    from adjoin.access.signed_in import SignedIn

__all__ = ["Visit", "actor_of", "address_of", "agent_of", "visit_of", "visitor"]

#: Where the gate puts it in the ASGI scope.
SCOPE_KEY = "adjoin.visit"
_LONGEST_AGENT = 400


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request: who is signed in, if anybody, and from where. `token` is the cookie's, good or not.

    `secure` says that people reach the dashboard over https. The gate sends `cookies`, by their names, with the answer.
    """

    address: str
    secure: bool
    now: datetime
    token: str | None = field(default=None, repr=False)
    signed_in: SignedIn | None = None
    form_token: str | None = field(default=None, repr=False)
    cookies: dict[str, str] = field(default_factory=dict, repr=False)


def visit_of(request: HTTPConnection) -> Visit:
    """Return what the gate knows of a request. RuntimeError where there is no gate before the route."""
    found = request.scope.get(SCOPE_KEY)
    if not isinstance(found, Visit):
        raise RuntimeError("there is no gate before this route")
    return found


def visitor(request: HTTPConnection) -> SignedIn | None:
    """Return who is signed in. None also while a second factor is owed."""
    return visit_of(request).signed_in


def actor_of(request: HTTPConnection) -> Actor:
    """Return who acts, for the audit log and roles. RuntimeError where nobody is signed in."""
    from adjoin.access.actors import Actor

    visit = visit_of(request)
    if visit.signed_in is None:
        raise RuntimeError("nobody is signed in: the gate should have refused this request")
    return Actor.user(visit.signed_in.user_id, address=visit.address)


def address_of(request: HTTPConnection) -> str:
    """Return the network address of who asks, also behind a trusted proxy; empty where it is unknown."""
    return visit_of(request).address


def agent_of(request: HTTPConnection) -> str:
    """Return the browser's own name for itself, shortened."""
    return request.headers.get("user-agent", "")[:_LONGEST_AGENT]
