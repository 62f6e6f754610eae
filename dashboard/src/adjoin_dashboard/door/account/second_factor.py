"""The second factor: setting it up, its recovery codes, and taking it away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import segno

from adjoin.access.accounts import Accounts, require_fresh
from adjoin.errors import AuthProblem
from adjoin_dashboard.context import writer_of
from adjoin_dashboard.door.account.ways_in import how_in
from adjoin_dashboard.door.asking import Asked, page
from adjoin_dashboard.door.cookies import let_in
from adjoin_dashboard.door.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from adjoin.auth.v1 import Factor
    from adjoin_dashboard.host import Host

__all__ = ["routes"]

SECOND_FACTOR = "/auth/account/second-factor"
#: As many as one account may have.
_MOST = 10


def routes(host: Host) -> list[BaseRoute]:
    """Return the page of the second factor."""
    return [page(host, SECOND_FACTOR, show, act, fields={AuthProblem.WRONG: "code"})]


async def show(asked: Asked) -> Response:
    found = asked.inside
    factors: Sequence[Factor] = ()
    if _can_have(asked):
        factors = await Accounts(asked.doors).factors(found)
    failed = asked.form.text("enrollment") if asked.problem is not None and asked.problem.field == "code" else ""
    return asked.render(
        "account/second_factor.html",
        section="second-factor",
        done=asked.done,
        can_have=_can_have(asked),
        factors=factors,
        may_add=len(factors) < _MOST,
        enrollment=failed,
        stamp=writer_of(found).stamp,
    )


async def act(asked: Asked) -> Response:
    """Begin or finish to set one up, make new recovery codes, or remove one, whichever button was pressed."""
    if not _can_have(asked):
        raise Problem("There is no second factor for the way you sign in.", status=404)
    match asked.form.shown("do"):
        case "enroll":
            return await _enroll(asked)
        case "activate":
            return await _activate(asked)
        case "codes":
            require_fresh(asked.inside, asked.doors)
            codes = await Accounts(asked.doors).recovery_codes(asked.inside, address=asked.address)
            return _show_codes(asked, codes, added=False)
        case "remove":
            await Accounts(asked.doors).remove_factor(asked.inside, asked.form.text("factor"), address=asked.address)
            return asked.go(SECOND_FACTOR, done="removed")
        case _:
            raise Problem("Say what is to be done, by one of the buttons.")


async def _enroll(asked: Asked) -> Response:
    label = asked.form.text("label", what="The name")
    if len(label) > 100:
        raise Problem("The name has at most 100 characters.", field="label")
    made = await Accounts(asked.doors).enroll(asked.inside, label)
    return asked.render(
        "account/enroll.html",
        section="second-factor",
        enrollment=made.id,
        secret=" ".join(made.secret[start : start + 4] for start in range(0, len(made.secret), 4)),
        uri=made.uri,
        picture=segno.make(made.uri, error="m").svg_data_uri(scale=5, border=3, light="#ffffff", dark="#10172a"),
    )


async def _activate(asked: Asked) -> Response:
    code = asked.form.text("code", what="The code")
    if not code:
        raise Problem("Enter the code that the app shows.", field="code")
    accounts = Accounts(asked.doors)
    issued = await accounts.activate(
        asked.inside, asked.form.text("enrollment"), code, address=asked.address, agent=asked.agent
    )
    let_in(asked.request, issued)
    found = await asked.doors.enter(issued.token, address=asked.address)
    if found is None or not asked.has_recovery_codes:
        return asked.go(SECOND_FACTOR, done="added")
    return _show_codes(asked, await accounts.recovery_codes(found, address=asked.address), added=True)


def _show_codes(asked: Asked, codes: Sequence[str], *, added: bool) -> Response:
    return asked.render(
        "account/codes.html", section="second-factor", codes=codes, added=added, email=asked.inside.email
    )


def _can_have(asked: Asked) -> bool:
    """Say whether the way somebody has come in has second factors here; whoever else vouches for them has their own."""
    return asked.can.has_second_factor and how_in(asked).own
