"""Somebody else's word, asked for by Supabase: OAuth with PKCE, whose verifier is ours and comes back later."""

from __future__ import annotations

import base64
import hashlib
import secrets
from urllib.parse import urlencode

import msgspec
import structlog

from adjoin.auth.v1 import External, Proof, Start
from adjoin.errors import AuthError, AuthProblem, UnknownName
from adjoin_auth.local.refusals import bad_link
from adjoin_auth.supabase.calls import Call
from adjoin_auth.supabase.proofs import proof_of, tokens_of
from adjoin_auth.supabase.refusals import CODES, translated, unavailable

__all__ = ["finish", "start"]

_log = structlog.get_logger("adjoin.sign_in.supabase")

_LONGEST_CODE = 500


class _Kept(msgspec.Struct, frozen=True):
    party: str
    verifier: str


def start(call: Call, party: str, redirect_uri: str, *, again: bool) -> Start:
    """Say where to send the browser. Supabase keeps its own state towards the party; the verifier binds the answer."""
    if party not in call.project.parties:
        raise UnknownName(f"nobody is known as {party[:60]!r}; ADJOIN_AUTH_SUPABASE_PARTIES lists who is")
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "provider": party,
        "redirect_to": redirect_uri,
        "code_challenge": challenge,
        "code_challenge_method": "s256",
    }
    if again:
        query["prompt"] = "login"  # passed on to the party
    kept = msgspec.msgpack.encode(_Kept(party, verifier))
    return Start(url=f"{call.project.auth_url}/authorize?{urlencode(query)}", kept=kept)


async def finish(call: Call, answer: External) -> Proof:
    """Exchange the code that the browser has brought back."""
    try:
        kept = msgspec.msgpack.decode(answer.kept, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise bad_link() from None
    if kept.party != answer.party:
        raise bad_link()
    if "error" in answer.query or "error_code" in answer.query:
        raise _said_no(answer.query.get("error", ""), answer.query.get("error_code", ""))
    code = answer.query.get("code", "")
    if not code or len(code) > _LONGEST_CODE:
        raise bad_link()
    async with call.guest() as client:
        with translated({"validation_failed": bad_link, "bad_json": bad_link}):
            given = await client.exchange_code_for_session(
                {"auth_code": code, "code_verifier": kept.verifier, "redirect_to": answer.redirect_uri}
            )
    if given.session is None:
        raise unavailable()
    return await proof_of(call, tokens_of(given.session), given.session.user)


def _said_no(error: str, code: str) -> AuthError:
    if code in CODES:
        return CODES[code]()
    if error == "server_error" or code == "unexpected_failure":
        _log.error("Supabase could not ask a party", code=code[:60])
        return unavailable()
    return AuthError(
        "The other sign-in was refused or broken off. Try again, or use another way.", kind=AuthProblem.REFUSED
    )
