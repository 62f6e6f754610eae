"""Registering, and what to do about a password that is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoin.auth.v1 import SignUp
from adjoin.errors import AuthProblem
from adjoin_dashboard.door.asking import Asked, page
from adjoin_dashboard.door.problems import Problem

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from adjoin_dashboard.host import Host

__all__ = ["routes"]

REGISTER, FORGOT = "/auth/register", "/auth/forgot"
_SENT = "sent"
_FIELDS = {
    AuthProblem.WEAK_PASSWORD: "new_password",
    AuthProblem.BAD_EMAIL: "email",
}


def routes(host: Host) -> list[BaseRoute]:
    """Return the pages for who has no account yet, or no password any more."""
    return [
        page(host, REGISTER, show_register, register, fields=_FIELDS),
        page(host, FORGOT, show_forgot, forgot, fields=_FIELDS),
    ]


async def show_register(asked: Asked) -> Response:
    if asked.visitor is not None and asked.problem is None:
        return asked.go(asked.next)
    if asked.done == _SENT:
        return asked.render("sent.html", why="register", mailer=asked.host.runtime.settings.mailer)
    registration = asked.host.runtime.settings.registration if asked.can.can_sign_up else "closed"
    return asked.render("register.html", registration=registration)


async def register(asked: Asked) -> Response:
    """Register somebody. The answer is the same whether or not their address is known."""
    if not (asked.can.can_sign_up and asked.can.has_passwords):
        raise Problem("Nobody registers with a password here.", status=404)
    email = asked.form.text("email", what="The e-mail address")
    if not email:
        raise Problem("Enter your e-mail address.", field="email")
    form = SignUp(
        email=email,
        password=asked.form.secret("new_password"),
        name=asked.form.text("name", what="The name"),
        address=asked.address,
    )
    await asked.doors.sign_up(form)
    return asked.go(REGISTER, done=_SENT, next=asked.next)


async def show_forgot(asked: Asked) -> Response:
    if asked.done == _SENT:
        return asked.render("sent.html", why="forgot", mailer=asked.host.runtime.settings.mailer)
    return asked.render("forgot.html")


async def forgot(asked: Asked) -> Response:
    """Mail a link for a new password. The answer is the same whether or not the address is known."""
    if not asked.can.has_passwords:
        raise Problem("Nobody has a password here.", status=404)
    email = asked.form.text("email", what="The e-mail address")
    if not email:
        raise Problem("Enter your e-mail address.", field="email")
    await asked.doors.ask_reset(email, address=asked.address)
    return asked.go(FORGOT, done=_SENT)
