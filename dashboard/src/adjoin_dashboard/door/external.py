"""Signing in by somebody else's word: sending a browser to a party, and taking it back.

What was begun stays with the browser in a sealed cookie, so that nobody else can bring an answer to it. It lasts as
long as the provider lets it last, ten minutes at most; each answer is good once.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from adjoin.access.accounts import FRESH
from adjoin.auth.v1 import External, Party
from adjoin.errors import AuthError, AuthProblem, SecretError, UnknownName
from adjoin_dashboard.door.asking import PROVE, Asked, page
from adjoin_dashboard.door.cookies import cookie, cookie_name
from adjoin_dashboard.door.leaving import leave
from adjoin_dashboard.door.problems import Problem
from adjoin_dashboard.door.visitor import visit_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from adjoin.access.signed_in import SignedIn
    from adjoin_dashboard.host import Host

__all__ = ["Purpose", "party_of", "routes"]

_COOKIE = "adjoin_with"
_SEALED_FOR = "external sign-in"
_LASTING = timedelta(minutes=10)
_MOST_COOKIE = 3_900  # browsers keep 4,096 bytes, with the name


class Purpose(StrEnum):
    """What somebody is sent to a party for: the field `purpose` of the form."""

    SIGN_IN = "sign-in"
    LINK = "link"  #: to sign in by it from now on
    AGAIN = "again"  #: to prove once more to be themselves


class _Begun(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is on their way to a party. `session` is the one that they had, where it must still be that."""

    purpose: Purpose
    session: str
    next: str
    redirect_uri: str
    at: datetime
    kept: bytes

    def __repr__(self) -> str:
        return f"_Begun({self.purpose})"


def routes(host: Host) -> list[BaseRoute]:
    """Return where people leave for a party, and where they come back to."""
    path = "/auth/with/{party}"
    return [page(host, f"{path}/back", come_back), page(host, path, show, begin)]


def party_of(host: Host, found: SignedIn) -> Party | None:
    """Return the party by whose word somebody has come in; None for whoever has shown a password here."""
    issuer, by_party, _ = found.subject.partition(" ")
    parties = host.runtime.doors.provider.description.parties
    return next((one for one in parties if by_party and one.issuer == issuer), None)


async def show(asked: Asked) -> Response:
    """There is nothing to see: who comes by an address of before, or was refused, starts from the page for it."""
    if asked.problem is not None:
        return asked.render("problem.html")
    return asked.go("/auth/sign-in")


async def begin(asked: Asked) -> Response:
    try:
        purpose = Purpose(asked.form.text("purpose") or Purpose.SIGN_IN)
    except ValueError:
        raise Problem("This form is not known here. Open the page again and repeat.") from None
    party = asked.request.path_params["party"]
    session = "" if purpose is Purpose.SIGN_IN else asked.inside.session_id
    if purpose is Purpose.LINK and not _is_fresh(asked):
        return asked.go(PROVE, next=asked.next)
    redirect_uri = f"{_base(asked)}/auth/with/{quote(party, safe='')}/back"
    try:
        start = await asked.doors.start_external(party, redirect_uri, again=purpose is Purpose.AGAIN)
    except UnknownName:
        raise _unknown() from None
    begun = _Begun(
        purpose=purpose,
        session=session,
        next=asked.next,
        redirect_uri=redirect_uri,
        at=asked.host.clock.now(),
        kept=start.kept,
    )
    _keep(asked, party, begun)
    return leave(start.url)


async def come_back(asked: Asked) -> Response:
    if asked.request.method != "GET":  # a look at the head would use up the answer
        raise Problem("This address is for browsers that come back from a sign-in.", status=405)
    party = asked.request.path_params["party"]
    begun = _take(asked, party)
    query = asked.request.query_params
    if begun is None or len(query.multi_items()) != len(query):  # RFC 6749, 3.1: nothing comes twice
        raise _not_ours()
    answer = External(party=party, query=dict(query), kept=begun.kept, redirect_uri=begun.redirect_uri)
    try:
        if begun.purpose is Purpose.SIGN_IN:
            issued = await asked.doors.finish_external(answer, address=asked.address, agent=asked.agent)
            return await asked.come_in(issued, begun.next)
        found = asked.inside
        if found.session_id != begun.session:
            raise _not_ours()
        if begun.purpose is Purpose.LINK:
            await asked.doors.link_external(found, answer)
            return asked.go(begun.next, done="linked")
        await asked.doors.prove_external(found, answer)
    except UnknownName:
        raise _unknown() from None
    return asked.go(begun.next)


def _is_fresh(asked: Asked) -> bool:
    return asked.inside.proven_within(FRESH, now=asked.host.clock.now())


def _base(asked: Asked) -> str:
    """Return our own address as the browser knows it. The gate has checked the host."""
    url = asked.request.url
    return (asked.host.runtime.settings.base_url or f"{url.scheme}://{url.netloc}").rstrip("/")


def _keep(asked: Asked, party: str, begun: _Begun) -> None:
    vault = asked.host.runtime.vault
    sealed = vault.seal(msgspec.msgpack.encode(begun), workspace="", purpose=_SEALED_FOR, record=party)
    value = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
    if len(value) > _MOST_COOKIE:
        raise Problem("The page that you want to go to has too long an address. Start from the first page.")
    _set(asked.request, value, _LASTING)


def _take(asked: Asked, party: str) -> _Begun | None:
    """Return what this browser has begun with a party, once: the answer takes the cookie away."""
    request = asked.request
    value = request.cookies.get(cookie_name(_COOKIE, secure=visit_of(request).secure), "")
    _set(request, "", timedelta(0))
    try:
        sealed = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        data = asked.host.runtime.vault.open(sealed, workspace="", purpose=_SEALED_FOR, record=party)
        begun = msgspec.msgpack.decode(data, type=_Begun)
    except (ValueError, binascii.Error, SecretError, msgspec.DecodeError):
        return None
    age = asked.host.clock.now() - begun.at
    return begun if timedelta(0) <= age < _LASTING else None


def _set(request: Request, value: str, lasting: timedelta) -> None:
    visit = visit_of(request)
    name = cookie_name(_COOKIE, secure=visit.secure)
    visit.cookies[name] = cookie(name, value, secure=visit.secure, lasting=lasting, same_site="Lax")


def _not_ours() -> AuthError:
    return AuthError(
        "This sign-in was not begun in this browser, has been used already, or took longer than ten minutes. Start "
        "again.",
        kind=AuthProblem.BAD_LINK,
    )


def _unknown() -> Problem:
    return Problem("There is no such sign-in here any more. Choose another one.", status=404)
