"""The page of an invitation: what it offers, and how to take it, by who is signed in, known, or new.

Its token waits in a cookie of the browser while somebody signs in, so that it is never part of an address.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from adjoin.access import invitations
from adjoin.access.actors import Actor
from adjoin.auth import v1
from adjoin.errors import AuthError, AuthProblem, UnknownName
from adjoin.tokens import INVITATION, kind_of
from adjoin_dashboard.door.asking import Asked, page
from adjoin_dashboard.door.cookies import cookie, cookie_name
from adjoin_dashboard.door.problems import Problem
from adjoin_dashboard.door.visitor import visit_of

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from adjoin.access.invitations import Offer
    from adjoin.access.sessions import Issued
    from adjoin_dashboard.host import Host

__all__ = ["routes", "waits"]

_PATH = invitations.LINK_PATH
_COOKIE = "adjoin_invitation"
_WAITS = timedelta(hours=1)
_FIELDS = {AuthProblem.WEAK_PASSWORD: "new_password"}


def routes(host: Host) -> list[BaseRoute]:
    """Return the page of an invitation."""
    return [page(host, _PATH, show, act, fields=_FIELDS)]


async def show(asked: Asked) -> Response:
    token = _kept(asked)
    offer = None
    if token:
        try:
            offer = await _look(asked, token)
        except AuthError as error:
            _keep(asked, "")
            return asked.render("invitation.html", offer=None, gone=str(error))
    may_join = asked.host.runtime.settings.registration != "closed" and asked.can.has_passwords
    return asked.render("invitation.html", offer=offer, gone="", may_join=may_join, path=_PATH)


async def act(asked: Asked) -> Response:
    """Look at an invitation, take it, or register by it, whichever button was pressed."""
    match asked.form.shown("do"):
        case "accept":
            return await _accept(asked)
        case "join":
            return await _join(asked)
        case "forget":
            _keep(asked, "")
            return asked.go("/" if asked.visitor is not None else "/auth/sign-in")
        case _:
            return await _open(asked)


async def _open(asked: Asked) -> Response:
    token = asked.form.text("token", what="The code")
    if not token:
        raise Problem(
            "The link has come without its code. Open it from the mail again, or copy what stands behind # in it.",
            field="token",
        )
    await _look(asked, token)
    _keep(asked, token)
    return asked.go(_PATH)


async def _accept(asked: Asked) -> Response:
    found, token = asked.visitor, _kept(asked)
    if found is None:
        return asked.go("/auth/sign-in", next=_PATH)
    by = Actor.user(found.user_id, address=asked.address)

    def accept() -> str:
        with asked.host.store.write() as session:
            return invitations.accept(session, token, by=by, now=asked.host.clock.now()).workspace_id

    workspace_id = await asyncio.to_thread(accept)
    _keep(asked, "")
    with suppress(UnknownName):  # they were taken out again in that moment
        await asyncio.to_thread(asked.doors.sessions.choose_workspace, found.session_id, workspace_id)
    return asked.go("/")


async def _join(asked: Asked) -> Response:
    if asked.visitor is not None:
        return asked.go(_PATH)
    token = _kept(asked)
    offer = await _look(asked, token)
    name = asked.form.text("name", what="The name")
    form = v1.SignUp(email=offer.email, password=asked.form.secret("new_password"), name=name, address=asked.address)
    if not asked.host.kernel.hook(v1.Auth.admit).implemented_by(asked.doors.provider.name):
        # It mails a link of its own before it takes somebody; the invitation waits as long as its cookie does.
        await asked.doors.sign_up(form, invitation=token)
        return asked.go("/auth/register", done="sent", next=_PATH)
    issued: Issued = await asked.doors.join(form, token, agent=asked.agent)
    _keep(asked, "")
    return await asked.come_in(issued, to="/")


def waits(asked: Asked) -> str | None:
    """Return the page of the invitation that waits in this browser for somebody to sign in; None where none does."""
    return _PATH if _kept(asked) else None


async def _look(asked: Asked, token: str) -> Offer:
    def look() -> Offer:
        with asked.host.store.read() as session:
            return invitations.look(session, token, now=asked.host.clock.now())

    return await asyncio.to_thread(look)


def _kept(asked: Asked) -> str:
    name = cookie_name(_COOKIE, secure=visit_of(asked.request).secure)
    token = asked.request.cookies.get(name, "")
    return token if kind_of(token) == INVITATION else ""


def _keep(asked: Asked, token: str) -> None:
    """Have the browser keep a token for a while, or none."""
    visit = visit_of(asked.request)
    name = cookie_name(_COOKIE, secure=visit.secure)
    lasting = _WAITS if token else timedelta(0)
    visit.cookies[name] = cookie(name, token, secure=visit.secure, lasting=lasting)
