"""What the pages for connecting share: who may be here, which connection is meant, and how a refusal is said."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from adjoin.access.permissions import Permission
from adjoin.db.models import Connection
from adjoin.errors import (
    AdjoinError,
    ConsentError,
    ConsentProblem,
    Forbidden,
    PlatformError,
    PluginError,
    UnknownName,
    UsageError,
)
from adjoin_dashboard.door.rendering import render
from adjoin_dashboard.door.visitor import visitor

if TYPE_CHECKING:
    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from adjoin.access.signed_in import SignedIn
    from adjoin_dashboard.host import Host

__all__ = ["Declined", "find_connection", "manager_of", "refused", "signed_in_of", "text_of"]

_STATUS = {
    ConsentProblem.UNKNOWN: HTTPStatus.BAD_REQUEST,
    ConsentProblem.EXPIRED: HTTPStatus.GONE,
    ConsentProblem.USED: HTTPStatus.GONE,
    ConsentProblem.FOREIGN_SESSION: HTTPStatus.FORBIDDEN,
    ConsentProblem.FOREIGN_WORKSPACE: HTTPStatus.FORBIDDEN,
}


class Declined(UsageError):
    """The person said no on the platform's page, or the platform did."""


def signed_in_of(request: Request) -> SignedIn:
    """Return who is signed in, which the gate has made sure of."""
    found = visitor(request)
    if found is None:
        raise RuntimeError("nobody is signed in: the gate should have refused this request")
    return found


def manager_of(request: Request) -> SignedIn:
    """Return who asks. Raises Forbidden unless they may manage connections in the workspace they look at."""
    found = signed_in_of(request)
    found.required(Permission.MANAGE_CONNECTIONS)
    return found


def find_connection(host: Host, signed_in: SignedIn, connection_id: str) -> Connection:
    """Return a connection of the workspace that somebody looks at. Raises UnknownName, also for those of others."""
    found = None
    if connection_id.isprintable():  # PostgreSQL takes no text with a NUL
        with host.store.scoped(signed_in.workspace_id or "-", signed_in.user_id).read() as session:
            found = session.get(Connection, (signed_in.workspace_id, connection_id))
    if found is None:
        raise UnknownName("there is no such connection in this workspace")
    return found


def refused(request: Request, error: AdjoinError) -> Response:
    """Return the page that says why nothing was done."""
    title, status = _reason(error)
    return render(
        request,
        "connect_refused.html",
        status=status,
        title=title,
        text=_sentence(str(error)),
    )


def text_of(form: FormData, name: str) -> str:
    """Return a field of a form as text, empty where it is missing or a file."""
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _reason(error: AdjoinError) -> tuple[str, int]:
    match error:
        case ConsentError():
            return "This answer is not taken", _STATUS[error.problem]
        case Declined():
            return "Not connected", HTTPStatus.OK
        case Forbidden():
            return "Your role does not allow this", HTTPStatus.FORBIDDEN
        case UnknownName():
            return "There is nothing here", HTTPStatus.NOT_FOUND
        case PlatformError():
            return "The platform did not give access", HTTPStatus.BAD_GATEWAY
        case PluginError():
            return "The platform's plugin failed", HTTPStatus.BAD_GATEWAY
        case UsageError():
            return "Not connected", HTTPStatus.BAD_REQUEST
        case _:
            return "Not connected", HTTPStatus.CONFLICT


def _sentence(text: str) -> str:
    whole = text[:1].upper() + text[1:]
    return whole if whole.endswith((".", "!", "?")) else f"{whole}."
