"""What an ID token must say to be believed: OpenID Connect Core 1.0, section 3.1.3.7."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from adjoin_auth.jwks import BadToken, Signed

__all__ = ["LEEWAY", "Identified", "identity_of", "is_verified", "text_of"]

#: How far the party's clock and ours may be apart.
LEEWAY = timedelta(minutes=2)

_LONGEST_SUBJECT = 255  # section 2 of the standard
_LONGEST_TEXT = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """Who somebody is by an ID token. Texts are empty where it does not say."""

    subject: str
    email: str = ""
    email_verified: bool = False
    name: str = ""
    picture: str = ""
    proven_at: datetime | None = None


def identity_of(
    signed: Signed, *, issuer: str, client_id: str, nonce: str, access_token: str, now: datetime
) -> Identified:
    """Check what a token with a good signature says. Raises BadToken."""
    claims = signed.claims
    if claims.get("iss") != issuer:
        raise BadToken("the token is of another issuer")
    _check_audience(claims, client_id)
    _check_times(claims, now)
    found = claims.get("nonce")
    if not isinstance(found, str) or not hmac.compare_digest(found.encode(), nonce.encode()):
        raise BadToken("the token belongs to another sign-in: its nonce is not ours")
    if "at_hash" in claims and claims["at_hash"] != _half_hash(signed.algorithm, access_token):
        raise BadToken("the token belongs to another access token")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise BadToken("the token names nobody")
    return Identified(
        subject=subject,
        email=text_of(claims, "email"),
        email_verified=is_verified(claims),
        name=text_of(claims, "name"),
        picture=text_of(claims, "picture"),
        proven_at=_instant(claims, "auth_time") if "auth_time" in claims else None,
    )


def is_verified(claims: Mapping[str, Any]) -> bool:
    """Whether the party knows the e-mail to be the person's. Some write the word in quotes; leaving it out is no."""
    said = claims.get("email_verified")
    return said is True or said == "true"


def text_of(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim that is a text; what is none, or too long for one, counts as not said."""
    value = claims.get(name)
    return value if isinstance(value, str) and len(value) <= _LONGEST_TEXT else ""


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    given = claims.get("aud")
    audience = [given] if isinstance(given, str) else given
    if not isinstance(audience, list) or client_id not in audience:
        raise BadToken("the token is meant for another application")
    authorized = claims.get("azp")
    if authorized is None and len(audience) > 1:
        raise BadToken("the token is meant for several applications and does not say which one asked")
    if authorized is not None and authorized != client_id:
        raise BadToken("another application asked for the token")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    if _instant(claims, "exp") <= now - LEEWAY:
        raise BadToken("the token has expired; are both clocks right?")
    if _instant(claims, "iat") > now + LEEWAY:
        raise BadToken("the token is from the future; are both clocks right?")
    if "nbf" in claims and _instant(claims, "nbf") > now + LEEWAY:
        raise BadToken("the token is not good yet; are both clocks right?")


def _instant(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadToken(f"the token's {name} is no time")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadToken(f"the token's {name} is no time") from error


def _half_hash(algorithm: str, access_token: str) -> str:
    """The left half of the hash that belongs to the algorithm (section 3.1.3.6); Ed25519 goes with SHA-512."""
    name = "sha512" if algorithm == "EdDSA" else f"sha{algorithm[-3:]}"
    digest = hashlib.new(name, access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
