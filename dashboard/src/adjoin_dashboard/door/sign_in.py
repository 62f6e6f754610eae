"""Signing in, the second factor, and signing out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from adjoin.auth.v1 import Credentials
from adjoin.errors import AuthError, AuthProblem
from adjoin_dashboard.door.asking import Asked, page
from adjoin_dashboard.door.cookies import clear_session, session_token
from adjoin_dashboard.door.problems import Problem

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from adjoin.access.signed_in import SignedIn
    from adjoin_dashboard.host import Host

__all__ = ["routes"]

SIGN_IN = "/auth/sign-in"
_ENDED = "ended"


def routes(host: Host) -> list[BaseRoute]:
    """Return the pages where people come in and leave."""
    return [
        page(host, SIGN_IN, show_sign_in, sign_in, fields={AuthProblem.WRONG: "password"}),
        page(host, "/auth/second-factor", show_second_factor, second_factor, fields={AuthProblem.WRONG: "code"}),
        page(host, "/auth/sign-out", show_sign_out, sign_out),
    ]


async def show_sign_in(asked: Asked) -> Response:
    if asked.visitor is not None and asked.problem is None:
        return asked.go(asked.next)
    may_register = asked.host.runtime.settings.registration == "open" and asked.can.can_sign_up
    return asked.render("sign_in.html", may_register=may_register, done=asked.done)


async def sign_in(asked: Asked) -> Response:
    _needs_passwords(asked)
    email = asked.form.text("email", what="The e-mail address")
    if not email:
        raise Problem("Enter your e-mail address.", field="email")
    password = asked.form.secret("password")
    credentials = Credentials(email=email, password=password, address=asked.address)
    return await asked.come_in(await asked.doors.sign_in(credentials, agent=asked.agent))


async def show_second_factor(asked: Asked) -> Response:
    if asked.visitor is not None and asked.problem is None:
        return asked.go(asked.next)
    if await _pending(asked) is None:
        return asked.go(SIGN_IN, next=asked.next, done=_ENDED)
    return asked.render("second_factor.html")


async def second_factor(asked: Asked) -> Response:
    token = session_token(asked.request)
    code = asked.form.text("code", what="The code")
    if not code:
        raise Problem("Enter the code.", field="code")
    if token is None:
        return asked.go(SIGN_IN, next=asked.next, done=_ENDED)
    try:
        issued = await asked.doors.second_factor(token, code, address=asked.address, agent=asked.agent)
    except AuthError as error:
        if error.kind is AuthProblem.ENDED:
            return asked.go(SIGN_IN, next=asked.next, done=_ENDED)
        raise
    return await asked.come_in(issued)


async def show_sign_out(asked: Asked) -> Response:
    if asked.visitor is None:
        clear_session(asked.request)
        return asked.go(SIGN_IN, done="out")
    return asked.render("sign_out.html")


async def sign_out(asked: Asked) -> Response:
    """End the session, or all of the person's; also one that owes a second factor."""
    found = asked.visitor
    if found is not None and asked.form.shown("where") == "everywhere":
        await asked.doors.sign_out_everywhere(found, address=asked.address)
    else:
        token = session_token(asked.request)
        if token is not None:
            await asked.doors.sign_out(token, address=asked.address)
    clear_session(asked.request)
    return asked.go(SIGN_IN, done="out") if asked.next == "/" else asked.go(asked.next)


async def _pending(asked: Asked) -> SignedIn | None:
    token = session_token(asked.request)
    if token is None:
        return None
    return await asyncio.to_thread(asked.doors.sessions.find_pending, token, address=asked.address)


def _needs_passwords(asked: Asked) -> None:
    if not asked.can.has_passwords:
        raise Problem("Nobody signs in with a password here. Choose another way.", status=404)
