"""Authorisation: the consent page that consents by itself, codes, and the tokens that are out.

An access token lives 60 days. Its refresh token lives 365 days from the consent; refreshing does not make it longer.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from adjoin_linkedin.sandbox.errors import token_refused

__all__ = ["APP_ID", "APP_SECRET", "SCOPES", "OAuthRefusal", "Tokens"]

APP_ID = "sandbox-app"
APP_SECRET = "sandbox-secret"  # noqa: S105 - made up, and told to everyone

#: What the app may ask for.
SCOPES = (
    "r_ads",
    "rw_ads",
    "r_ads_reporting",
    "r_organization_social",
    "w_organization_social",
    "rw_conversions",
    "r_basicprofile",
)

_ACCESS, _REFRESH = timedelta(days=60), timedelta(days=365)
_CODE_LIFE = timedelta(minutes=30)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "testserver"})
_INVALID_GRANT = "The provided authorization grant or refresh token is invalid, expired or revoked"


class OAuthRefusal(Exception):
    """An error of the authorisation host, which speaks OAuth's own shape."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": error, "error_description": description}


@dataclass(frozen=True, slots=True)
class _Code:
    redirect_uri: str
    made_at: datetime
    scopes: tuple[str, ...]


@dataclass(slots=True)
class _Consent:
    """What a member has agreed to: the tokens hang on it."""

    scopes: tuple[str, ...]
    authorized_at: datetime
    refresh_token: str
    revoked: bool = False

    @property
    def ends_at(self) -> datetime:
        return self.authorized_at + _REFRESH


@dataclass(frozen=True, slots=True)
class _Token:
    consent: _Consent
    made_at: datetime
    expires_at: datetime | None


@dataclass(slots=True)
class Tokens:
    """All codes and tokens that are out. Those that the world names work from the start."""

    _codes: dict[str, _Code] = field(default_factory=dict)
    _access: dict[str, _Token] = field(default_factory=dict)
    _refresh: dict[str, _Consent] = field(default_factory=dict)

    @classmethod
    def seeded(cls, access_token: str, refresh_token: str, born: datetime) -> Tokens:
        """Return tokens with a consent that was given when the sandbox was born. Its first token does not expire."""
        made = cls()
        consent = _Consent(SCOPES, born, refresh_token)
        made._refresh[refresh_token] = consent
        made._access[access_token] = _Token(consent, born, None)
        return made

    def consent(self, params: Mapping[str, str], now: datetime, *, deny: bool) -> str:
        """Return where the browser is sent after the consent page. Consents at once, or refuses if told to."""
        redirect_uri = params.get("redirect_uri", "")
        if params.get("client_id") != APP_ID:
            raise OAuthRefusal("invalid_client_id", "The passed in client_id is invalid", status=401)
        if params.get("response_type") != "code":
            raise OAuthRefusal("invalid_request", 'A required parameter "response_type" is missing')
        if urlsplit(redirect_uri).hostname not in _LOOPBACK:
            raise OAuthRefusal("invalid_redirect_uri", "The redirect_uri does not match the registered value")
        scopes = tuple(params.get("scope", "").replace(",", " ").split())
        query = {"state": params["state"]} if "state" in params else {}
        if unknown := [scope for scope in scopes if scope not in SCOPES]:
            query |= {
                "error": "unauthorized_scope_error",
                "error_description": f'Scope "{unknown[0]}" is not authorized for your application',
            }
        elif deny or params.get("deny"):
            query |= {
                "error": "user_cancelled_authorize",
                "error_description": "The user cancelled the authorization",
            }
        else:
            code = f"AQ{secrets.token_urlsafe(48)}"
            self._codes[code] = _Code(redirect_uri, now, scopes)
            query |= {"code": code}
        joint = "&" if urlsplit(redirect_uri).query else "?"
        return f"{redirect_uri}{joint}{urlencode(query)}"

    def exchange(self, params: Mapping[str, str], now: datetime, *, reject: bool) -> dict[str, Any]:
        """Answer `accessToken`: a code or a refresh token for an access token."""
        _check_app(params)
        grant_type = params.get("grant_type")
        if grant_type == "refresh_token":
            consent = self._refresh.get(params.get("refresh_token", ""))
            if reject or consent is None or consent.revoked or consent.ends_at <= now:
                raise OAuthRefusal("invalid_grant", _INVALID_GRANT)
            return self._issue(consent, now)
        if grant_type != "authorization_code":
            raise OAuthRefusal("unsupported_grant_type", f'The grant type "{grant_type or ""}" is not supported')
        code = self._codes.pop(params.get("code", ""), None)
        if code is None or now - code.made_at > _CODE_LIFE or params.get("redirect_uri") != code.redirect_uri:
            raise OAuthRefusal(
                "invalid_request",
                "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code. "
                "Or authorization code expired. Or external member binding exists",
            )
        consent = _Consent(code.scopes, now, f"AQW{secrets.token_urlsafe(48)}")
        self._refresh[consent.refresh_token] = consent
        return self._issue(consent, now)

    def _issue(self, consent: _Consent, now: datetime) -> dict[str, Any]:
        token = f"AQX{secrets.token_urlsafe(60)}"
        # When the consent is about to end, both end together.
        ends_at = min(now + _ACCESS, consent.ends_at)
        self._access[token] = _Token(consent, now, ends_at)
        return {
            "access_token": token,
            "expires_in": int((ends_at - now).total_seconds()),
            "refresh_token": consent.refresh_token,
            "refresh_token_expires_in": int((consent.ends_at - now).total_seconds()),
            "scope": ",".join(consent.scopes),
        }

    def check(self, token: str, now: datetime) -> tuple[str, ...]:
        """Return the scopes of a token that works; refuse the others with the reason."""
        if not token:
            raise token_refused("empty")
        known = self._access.get(token)
        if known is None:
            raise token_refused("invalid")
        if known.consent.revoked:
            raise token_refused("revoked")
        if known.expires_at is not None and known.expires_at <= now:
            raise token_refused("expired")
        return known.consent.scopes

    def revoke_all(self) -> None:
        """Withdraw all that members have agreed to, until they agree again."""
        for consent in self._refresh.values():
            consent.revoked = True

    def introspect(self, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """Answer `introspectToken`, for access tokens and refresh tokens."""
        _check_app(params)
        text = params.get("token", "")
        token, consent = self._access.get(text), self._refresh.get(text)
        if token is not None:
            consent, made_at, ends_at = token.consent, token.made_at, token.expires_at or token.consent.ends_at
        elif consent is not None:
            made_at, ends_at = consent.authorized_at, consent.ends_at
        else:
            return {"active": False}
        status = "revoked" if consent.revoked else "expired" if ends_at <= now else "active"
        return {
            "active": status == "active",
            "status": status,
            "client_id": APP_ID,
            "scope": ",".join(consent.scopes),
            "authorized_at": int(consent.authorized_at.timestamp()),
            "created_at": int(made_at.timestamp()),
            "expires_at": int(ends_at.timestamp()),
            "auth_type": "3L",
        }


def _check_app(params: Mapping[str, str]) -> None:
    secret = params.get("client_secret", "").encode()
    if params.get("client_id") != APP_ID or not hmac.compare_digest(secret, APP_SECRET.encode()):
        raise OAuthRefusal("invalid_client", "Client authentication failed", status=401)
