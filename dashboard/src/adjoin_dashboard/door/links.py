"""Where mailed links lead. A link is redeemed by a button, never by looking: programs follow links too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoin.errors import AuthError, AuthProblem
from adjoin_dashboard.door import invitation
from adjoin_dashboard.door.asking import Asked, page
from adjoin_dashboard.door.problems import Problem

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from adjoin_dashboard.host import Host

__all__ = ["routes"]

_TOKEN = {AuthProblem.BAD_LINK: "token", AuthProblem.LINK_EXPIRED: "token"}
_STILL_GOOD = frozenset(
    {AuthProblem.WEAK_PASSWORD, AuthProblem.THROTTLED, AuthProblem.UNAVAILABLE, None}
)  # None: the form itself was not filled in


def routes(host: Host) -> list[BaseRoute]:
    """Return the pages of the links in mails of the auth provider."""
    return [
        page(host, "/auth/confirm", show_confirm, confirm, fields=_TOKEN),
        page(host, "/auth/reset", show_reset, reset, fields=_TOKEN | {AuthProblem.WEAK_PASSWORD: "new_password"}),
        page(host, "/auth/change-email", show_change_email, change_email, fields=_TOKEN),
    ]


async def show_confirm(asked: Asked) -> Response:
    return asked.render("confirm.html", token=_token_again(asked))


async def confirm(asked: Asked) -> Response:
    """Redeem the link of somebody who has registered, and let them in."""
    issued = await asked.doors.confirm(_token(asked), address=asked.address, agent=asked.agent)
    return await asked.come_in(issued, to=invitation.waits(asked))


async def show_reset(asked: Asked) -> Response:
    return asked.render("reset.html", token=_token_again(asked))


async def reset(asked: Asked) -> Response:
    """Set a new password by a link, and let them in."""
    password = asked.form.secret("new_password")
    issued = await asked.doors.reset(_token(asked), password, address=asked.address, agent=asked.agent)
    return await asked.come_in(issued)


async def show_change_email(asked: Asked) -> Response:
    return asked.render("change_email.html", token=_token_again(asked), email="", half="")


async def change_email(asked: Asked) -> Response:
    """Redeem the link that was sent to a new address. Nobody is let in by it."""
    try:
        email = await asked.doors.confirm_email(_token(asked), address=asked.address)
    except AuthError as error:
        if error.kind is not AuthProblem.UNCONFIRMED:
            raise
        # Some providers mail a link to both addresses, and this was the first of the two.
        return asked.render("change_email.html", token="", email="", half=str(error))
    if asked.visitor is not None:
        asked.doors.sessions.forget([asked.visitor.session_id])
    return asked.render("change_email.html", token="", email=email, half="")


def _token(asked: Asked) -> str:
    token = asked.form.text("token", what="The code")
    if not token:
        raise Problem(
            "The link has come without its code. Open it from the mail again, or copy what stands behind # in it.",
            field="token",
        )
    return token


def _token_again(asked: Asked) -> str:
    """Return the token that was sent, where it is still good and the form is to be sent again."""
    if asked.problem is None or asked.problem.kind not in _STILL_GOOD:
        return ""
    return asked.form.shown("token")
