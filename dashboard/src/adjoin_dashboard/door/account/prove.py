"""Proving again to be oneself, before something that matters; then back to where one was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjoin.access.accounts import Accounts
from adjoin.errors import AuthProblem
from adjoin_dashboard.door.account.ways_in import how_in
from adjoin_dashboard.door.asking import PROVE, Asked, page
from adjoin_dashboard.door.problems import Problem

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from adjoin_dashboard.host import Host

__all__ = ["routes"]


def routes(host: Host) -> list[BaseRoute]:
    """Return the page on which people prove again to be themselves."""
    return [page(host, PROVE, show, prove, fields={AuthProblem.WRONG: "proof"})]


async def show(asked: Asked) -> Response:
    return asked.render("account/prove.html", section="", how=how_in(asked))


async def prove(asked: Asked) -> Response:
    found = asked.inside
    match how_in(asked).proof:
        case "code":
            code = asked.form.text("proof", what="The code")
            if not code:
                raise Problem("Enter the code.", field="proof")
            await Accounts(asked.doors).prove_again(found, code=code)
        case "password":
            await Accounts(asked.doors).prove_again(found, password=asked.form.secret("proof"))
        case _:
            raise Problem("Prove it there where you sign in, by the button below.")
    return asked.go(asked.next)
