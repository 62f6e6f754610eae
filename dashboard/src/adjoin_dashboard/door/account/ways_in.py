"""How somebody signs in: the password, the e-mail address, and others whose word is taken."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlmodel import select

from adjoin.access.accounts import Accounts
from adjoin.access.signed_in import SessionLevel
from adjoin.db.people import Identity
from adjoin.errors import AuthError, AuthProblem
from adjoin_dashboard.door.asking import Asked, page
from adjoin_dashboard.door.cookies import let_in
from adjoin_dashboard.door.external import party_of
from adjoin_dashboard.door.problems import Problem

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from adjoin.auth.v1 import Party
    from adjoin_dashboard.host import Host

__all__ = ["HowIn", "how_in", "routes"]

WAYS_IN = "/auth/account/sign-in"
_FIELDS = {
    AuthProblem.WEAK_PASSWORD: "new_password",
    AuthProblem.BAD_EMAIL: "email",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HowIn:
    """How this session came about: by the auth provider's `own` sign-in, or by the word of a `party`.

    `proof` is what proves again that it is they.
    """

    own: bool
    party: Party | None
    proof: Literal["password", "code", "party", "none"]


def how_in(asked: Asked) -> HowIn:
    """Say how who is signed in has come in."""
    found = asked.inside
    own = " " not in found.subject
    party = party_of(asked.host, found)
    if found.level is SessionLevel.SECOND_FACTOR:
        return HowIn(own=own, party=party, proof="code")
    if own:
        return HowIn(own=True, party=None, proof="password" if asked.can.has_passwords else "none")
    return HowIn(own=False, party=party, proof="none" if party is None else "party")


def routes(host: Host) -> list[BaseRoute]:
    """Return the page about passwords and e-mail addresses."""
    return [page(host, WAYS_IN, show, change, fields=_FIELDS)]


async def show(asked: Asked) -> Response:
    found = asked.inside
    known = await asyncio.to_thread(_issuers, asked, found.user_id) if asked.can.parties else frozenset()
    return asked.render(
        "account/ways_in.html",
        section="sign-in",
        done=asked.done,
        how=how_in(asked),
        linked=[one for one in asked.can.parties if one.issuer in known],
        others=[one for one in asked.can.parties if one.issuer not in known],
        path=WAYS_IN,
    )


async def change(asked: Asked) -> Response:
    """Change the password, or have a link sent to a new e-mail address."""
    if not (how_in(asked).own and asked.can.has_passwords):
        raise Problem("You have no password here.", status=404)
    found, accounts = asked.inside, Accounts(asked.doors)
    match asked.form.shown("do"):
        case "password":
            current = asked.form.secret("current_password", what="The current password")
            new = asked.form.secret("new_password", what="The new password")
            try:
                issued = await accounts.change_password(found, current, new, address=asked.address, agent=asked.agent)
            except AuthError as error:
                raise Problem.of(error, _FIELDS | {AuthProblem.WRONG: "current_password"}) from error
            let_in(asked.request, issued)
            return asked.go(WAYS_IN, done="password")
        case "email":
            email = asked.form.text("email", what="The e-mail address")
            if not email:
                raise Problem("Enter the new e-mail address.", field="email")
            try:
                await accounts.change_email(found, asked.form.secret("password"), email)
            except AuthError as error:
                raise Problem.of(error, _FIELDS | {AuthProblem.WRONG: "password"}) from error
            return asked.go(WAYS_IN, done="email")
        case _:
            raise Problem("Say what is to be changed: the password or the e-mail address.")


def _issuers(asked: Asked, user_id: str) -> frozenset[str]:
    with asked.host.store.read() as session:
        return frozenset(session.exec(select(Identity.issuer).where(Identity.user_id == user_id)).all())
