"""From a session of Supabase Auth to a proof: the token is checked, and what people may write of themselves is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import msgspec
import structlog
from supabase_auth.types import Session, User

from adjoin.auth.v1 import Level, Proof
from adjoin_auth.asking import NoAnswer
from adjoin_auth.jwks import BadToken, verified
from adjoin_auth.supabase.calls import Call, Tokens
from adjoin_auth.supabase.refusals import ended, unavailable

__all__ = ["Claims", "claims_of", "has_ended", "pack", "proof_of", "tokens_of", "unpack"]

_log = structlog.get_logger("adjoin.sign_in.supabase")

_ALGORITHMS = ("ES256", "RS256")
_LEEWAY = timedelta(seconds=60)
_AUDIENCE = "authenticated"
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says that counts."""

    subject: str
    second_factor: bool
    expires_at: datetime


class _Kept(msgspec.Struct, frozen=True):
    access: str
    refresh: str


def pack(tokens: Tokens) -> bytes:
    """Return what is kept with a session."""
    return msgspec.msgpack.encode(_Kept(tokens.access, tokens.refresh))


def unpack(kept: bytes) -> Tokens:
    """Read what was kept. Raises AuthError of kind `ended` for anything else."""
    try:
        found = msgspec.msgpack.decode(kept, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ended() from None
    return Tokens(found.access, found.refresh)


def tokens_of(session: Session) -> Tokens:
    """Return the tokens of a session."""
    return Tokens(session.access_token, session.refresh_token)


async def proof_of(call: Call, tokens: Tokens, user: User) -> Proof:
    """Say who a session is of, and how well that is proven. A token of somebody else is not believed."""
    claims = await claims_of(call, tokens)
    if claims.subject != user.id or user.is_anonymous:
        _log.error("a token of Supabase and its user are not the same")
        raise unavailable()
    confirmed = user.email_confirmed_at is not None and not await call.known.autoconfirm(call.now)
    return Proof(
        subject=user.id,
        email=user.email or "",
        email_verified=confirmed,
        level=Level.SECOND_FACTOR if claims.second_factor else Level.PASSWORD,
        needs_second_factor=not claims.second_factor and _has_factor(user),
        name=_text(user.user_metadata, "full_name", "name"),
        picture_url=_text(user.user_metadata, "avatar_url", "picture", longest=2_000),
        expires_at=claims.expires_at,
        kept=pack(tokens),
    )


async def claims_of(call: Call, tokens: Tokens) -> Claims:
    """Check a token: signature, issuer, audience, times.

    Tokens of projects that still sign with a shared secret (HS256) cannot be checked here: Supabase is asked whether
    it takes them. Raises AuthError of kind `unavailable`; what is wrong is in the log.
    """
    try:
        if _algorithm(tokens.access) == "HS256":
            claims = _unchecked(tokens.access)
            user = await call.user(tokens)
            if user.id != claims.get("sub"):
                raise BadToken("Supabase says that the token is of somebody else")
        else:
            signed = await verified(tokens.access, call.known.keys, algorithms=_ALGORITHMS, now=call.now)
            claims = signed.claims
        return _judged(claims, issuer=call.project.issuer, now=call.now)
    except (BadToken, NoAnswer) as error:
        _log.error("a token of Supabase is not believed", problem=str(error))
        raise unavailable() from None


def _judged(claims: Mapping[str, Any], *, issuer: str, now: datetime) -> Claims:
    audience, subject, expires = claims.get("aud"), claims.get("sub"), claims.get("exp")
    if claims.get("iss") != issuer:
        raise BadToken(f"it is not of {issuer}; where that is right, set ADJOIN_AUTH_SUPABASE_ISSUER")
    if audience != _AUDIENCE and not (isinstance(audience, list) and _AUDIENCE in audience):
        raise BadToken(f"it is not for {_AUDIENCE!r}")
    if claims.get("role") != _AUDIENCE:
        raise BadToken(f"it is not of somebody in the role {_AUDIENCE!r}")
    if not isinstance(subject, str) or not subject or isinstance(expires, bool) or not isinstance(expires, int | float):
        raise BadToken("it does not say whose it is or when it ends")
    for name, far in (("iat", _LEEWAY), ("nbf", _LEEWAY)):
        begins = claims.get(name)
        if isinstance(begins, int | float) and begins > (now + far).timestamp():
            raise BadToken("it is of the future: set this machine's clock")
    if expires + _LEEWAY.total_seconds() <= now.timestamp():
        raise BadToken("it has ended already: set this machine's clock")
    return Claims(subject, claims.get("aal") == "aal2", datetime.fromtimestamp(expires, UTC))


def _algorithm(token: str) -> str:
    try:
        return str(jwt.get_unverified_header(token).get("alg"))
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise BadToken("the token is malformed") from None


def _unchecked(token: str) -> Mapping[str, Any]:
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise BadToken("the token is malformed") from None


def has_ended(tokens: Tokens, now: datetime) -> bool:
    """Say whether an access token that we kept is too old to act with."""
    try:
        expires = _unchecked(tokens.access).get("exp")
    except BadToken:
        return True
    return not isinstance(expires, int | float) or expires <= now.timestamp() + 5


def _has_factor(user: User) -> bool:
    return any(factor.status == "verified" for factor in user.factors or ())


def _text(metadata: Mapping[str, Any], *names: str, longest: int = _LONGEST) -> str:
    for name in names:
        value = metadata.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()[:longest]
    return ""
