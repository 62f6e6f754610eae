"""The code flow with PKCE: sending a browser to a party, and checking what it brings back."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import structlog

from adjoin.auth.v1 import AuthContext, External, Proof, Start
from adjoin.errors import AuthError
from adjoin_auth.asking import Answer, NoAnswer, ask
from adjoin_auth.jwks import BadToken, verified
from adjoin_auth.local.throttle import Rule, Turn, take
from adjoin_auth.oidc import refusals
from adjoin_auth.oidc.discovery import Discovered, Discovery
from adjoin_auth.oidc.settings import PartySettings
from adjoin_auth.oidc.tokens import LEEWAY, Identified, identity_of, is_verified, text_of

__all__ = ["LASTING", "finish", "start"]

#: How long somebody may take at the party.
LASTING = timedelta(minutes=10)

#: Each state once: what is taken out of this bucket is back only when the state has long run out.
_ONCE = Rule("external", burst=1, interval=2 * LASTING)

_log = structlog.get_logger("adjoin.sign_in")
_LONGEST_CODE = 4_096
_DECLINED = frozenset({"access_denied", "login_required", "interaction_required", "consent_required"})
_PASSING = frozenset({"server_error", "temporarily_unavailable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """One sign-in on its way, as it is kept with the browser."""

    party: str
    issuer: str
    redirect_uri: str
    at: float
    again: bool
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    def packed(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpacked(cls, kept: bytes) -> _Begun:
        """Read what was kept. Raises ValueError, TypeError or KeyError for anything else."""
        return cls(**json.loads(kept))


async def start(discovery: Discovery, party: PartySettings, redirect_uri: str, *, again: bool, now: datetime) -> Start:
    """Begin to ask a party. Raises AuthError of kind `unavailable`."""
    try:
        found = await discovery.find(party, now)
    except NoAnswer as error:
        raise _unavailable(party, error) from None
    begun = _Begun(
        party=party.name,
        issuer=party.issuer,
        redirect_uri=redirect_uri,
        at=now.timestamp(),
        again=again,
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
    )
    challenge = base64.urlsafe_b64encode(hashlib.sha256(begun.verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": party.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(party.scopes),
        "state": begun.state,
        "nonce": begun.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **({"max_age": "0"} if again else {}),
    }
    joint = "&" if urlsplit(found.authorization_endpoint).query else "?"
    return Start(url=f"{found.authorization_endpoint}{joint}{urlencode(query)}", kept=begun.packed())


async def finish(discovery: Discovery, party: PartySettings, context: AuthContext, answer: External) -> Proof:
    """Check what the browser brings back, and have the party say who it is. Raises AuthError."""
    begun = await _claimed(party, context, answer)
    now = context.now()
    try:
        found = await discovery.find(party, now)
        _check_sender(party, found, answer.query)
        _check_error(party, answer.query)
        code = answer.query.get("code", "")
        if not 0 < len(code) <= _LONGEST_CODE:
            raise refusals.refused(party.title)
        tokens = await _exchange(discovery, party, found, begun, code)
        signed = await verified(_text(tokens, "id_token"), found.keys, algorithms=found.algorithms, now=now)
        access_token = _text(tokens, "access_token", required=False)
        who = identity_of(
            signed,
            issuer=party.issuer,
            client_id=party.client_id,
            nonce=begun.nonce,
            access_token=access_token,
            now=now,
        )
        if begun.again:
            _check_anew(party, who, begun)
        if access_token and found.userinfo_endpoint and not (who.email and who.email_verified):
            who = await _more(discovery, found, who, access_token)
    except NoAnswer as error:
        raise _unavailable(party, error) from None
    except BadToken as error:
        _log.warning("a party's word is not believed", party=party.name, issuer=party.issuer, why=str(error))
        raise refusals.not_believed(party.title) from None
    return Proof(
        issuer=party.issuer,
        subject=who.subject,
        email=who.email,
        email_verified=bool(who.email) and who.email_verified,
        name=who.name,
        picture_url=who.picture,
        proven_at=who.proven_at,
    )


async def _claimed(party: PartySettings, context: AuthContext, answer: External) -> _Begun:
    """Return the start that an answer belongs to, and use it up. Raises AuthError of kind `bad_link`."""
    try:
        begun = _Begun.unpacked(answer.kept)
        age = context.now().timestamp() - begun.at
    except (ValueError, TypeError, KeyError):
        raise refusals.not_ours() from None
    ours = (begun.party, begun.issuer, begun.redirect_uri) == (party.name, party.issuer, answer.redirect_uri)
    state = answer.query.get("state", "").encode("utf-8", "surrogatepass")
    if not ours or not hmac.compare_digest(state, begun.state.encode()) or not 0 <= age < LASTING.total_seconds():
        raise refusals.not_ours()

    def use_up() -> bool:
        with context.write() as session:
            return take(session, Turn(_ONCE, begun.state), context.now()) is None

    if not await asyncio.to_thread(use_up):
        raise refusals.not_ours()
    return begun


def _check_sender(party: PartySettings, found: Discovered, query: Mapping[str, str]) -> None:
    """Refuse the answer of another party, which would be handed our code (RFC 9207)."""
    said = query.get("iss")
    if said is None and not found.says_issuer:
        return
    if said != party.issuer:
        raise BadToken("the answer is of another issuer")


def _check_error(party: PartySettings, query: Mapping[str, str]) -> None:
    if "error" not in query:
        return
    error = _plain(query["error"])
    _log.warning("a party refuses a sign-in", party=party.name, issuer=party.issuer, error=error)
    if error in _DECLINED:
        raise refusals.cancelled(party.title)
    if error in _PASSING:
        raise refusals.unavailable(party.title)
    raise refusals.refused(party.title)


async def _exchange(
    discovery: Discovery, party: PartySettings, found: Discovered, begun: _Begun, code: str
) -> Mapping[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": begun.redirect_uri,
        "code_verifier": begun.verifier,
    }
    headers = {}
    if not party.client_secret:
        form["client_id"] = party.client_id
    elif "client_secret_basic" in found.client_auth:
        pair = f"{quote(party.client_id, safe='')}:{quote(party.client_secret, safe='')}"  # RFC 6749, section 2.3.1
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    elif "client_secret_post" in found.client_auth:
        form |= {"client_id": party.client_id, "client_secret": party.client_secret}
    else:
        raise NoAnswer("the issuer takes the secret of a client neither by `basic` nor by `post`")
    answer = await ask("POST", found.token_endpoint, headers=headers, form=form, bounds=discovery.bounds)
    if answer.status != 200:
        raise _refused_code(party, answer)
    return answer.object()


def _refused_code(party: PartySettings, answer: Answer) -> AuthError | NoAnswer:
    """Tell a code that is not good any more from a party that does not work or does not know us."""
    try:
        error = _plain(answer.object().get("error"))
    except NoAnswer as unreadable:
        return unreadable
    if answer.status < 500 and error == "invalid_grant":
        _log.warning("a party does not take its code", party=party.name, issuer=party.issuer)
        return refusals.not_ours()
    return NoAnswer(f"{answer.host} refuses a code with status {answer.status}: {error}")


def _check_anew(party: PartySettings, who: Identified, begun: _Begun) -> None:
    if who.proven_at is None or who.proven_at.timestamp() < begun.at - LEEWAY.total_seconds():
        raise refusals.too_late(party.title)


async def _more(discovery: Discovery, found: Discovered, who: Identified, access_token: str) -> Identified:
    """Ask for what the ID token left out. It must be about the same person, section 5.3.2."""
    answer = await ask(
        "GET",
        found.userinfo_endpoint,
        headers={"Authorization": f"Bearer {access_token}"},
        bounds=discovery.bounds,
    )
    if answer.status != 200:
        raise NoAnswer(f"{answer.host} answers with status {answer.status} to the request for the person's profile")
    more = answer.object()
    if more.get("sub") != who.subject:
        raise BadToken("the profile is of somebody else")
    email = text_of(more, "email")
    if email and (not who.email or email == who.email):
        who = replace(who, email=email, email_verified=is_verified(more))
    return replace(who, name=who.name or text_of(more, "name"), picture=who.picture or text_of(more, "picture"))


def _text(tokens: Mapping[str, Any], name: str, *, required: bool = True) -> str:
    value = tokens.get(name)
    if isinstance(value, str) and value.isascii() and value.isprintable():
        return value
    if required or value is not None:
        raise BadToken(f"the party gives no {name}")
    return ""


def _plain(error: object) -> str:
    """An error's code as it may be logged."""
    text = error if isinstance(error, str) else ""
    return "".join(sign for sign in text if sign.isalnum() or sign in "_-.")[:60] or "no reason given"


def _unavailable(party: PartySettings, error: NoAnswer) -> AuthError:
    _log.warning("a party cannot be asked", party=party.name, issuer=party.issuer, why=str(error))
    return refusals.unavailable(party.title)
