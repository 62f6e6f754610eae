"""Authorisation: the consent page that consents by itself, the token endpoint, and what a token is worth."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from adjoin_google.sandbox.errors import invalid_token, missing_token, revoked_token

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "SCOPE", "OAuthRefusal", "Tokens"]

CLIENT_ID = "sandbox-app"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105 - made up, and told to everyone
SCOPE = "https://www.googleapis.com/auth/adwords"

_ACCESS_SECONDS = 3599
_CODE_LIFE = timedelta(minutes=10)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "testserver"})


class OAuthRefusal(Exception):
    """An error of the token endpoint: a flat body, unlike the API's."""

    def __init__(self, error: str, description: str = "", *, status: int = 400) -> None:
        super().__init__(description or error)
        self.status = status
        self.body = {"error": error} | ({"error_description": description} if description else {})


def _dead_grant() -> OAuthRefusal:
    return OAuthRefusal("invalid_grant", "Token has been expired or revoked.")


@dataclass(slots=True)
class _Code:
    redirect_uri: str
    made_at: datetime
    challenge: str
    offline: bool


@dataclass(slots=True)
class _Grant:
    """What a user has consented to; withdrawing it kills all its tokens."""

    revoked: bool = False


@dataclass(slots=True)
class _Access:
    grant: _Grant
    expires_at: datetime | None


@dataclass(slots=True)
class Tokens:
    """All codes and tokens that are out.

    The pair given at the start works at once; its access token never expires by itself, as worlds move their clock.
    """

    first_access: str
    first_refresh: str
    _codes: dict[str, _Code] = field(default_factory=dict)
    _access: dict[str, _Access] = field(default_factory=dict)
    _refresh: dict[str, _Grant] = field(default_factory=dict)
    _consented: bool = False

    def __post_init__(self) -> None:
        grant = _Grant()
        self._access[self.first_access] = _Access(grant, None)
        self._refresh[self.first_refresh] = grant

    # --- consent ------------------------------------------------------------------------------------------------------

    def consent(self, params: Mapping[str, str], now: datetime, *, deny: bool) -> str:
        """Return where the browser is sent after the page. Consents at once, or refuses if told to (`deny=1`)."""
        redirect_uri = params.get("redirect_uri", "")
        if params.get("client_id") != CLIENT_ID:
            raise OAuthRefusal("invalid_client", "The OAuth client was not found.", status=401)
        if urlsplit(redirect_uri).hostname not in _LOOPBACK:
            raise OAuthRefusal(
                "redirect_uri_mismatch", "The redirect URI in the request does not match the ones authorized."
            )
        if params.get("response_type") != "code":
            raise OAuthRefusal("invalid_request", "Required parameter is missing: response_type")
        if SCOPE not in params.get("scope", "").split():
            raise OAuthRefusal("invalid_scope", "Some requested scopes were invalid.")
        challenge = params.get("code_challenge", "")
        if challenge and params.get("code_challenge_method") != "S256":
            raise OAuthRefusal("invalid_request", "code_challenge_method is not supported")
        if deny or params.get("deny"):
            query = {"error": "access_denied"}
        else:
            code = f"4/0A{secrets.token_urlsafe(48)}"
            # Without prompt=consent a refresh token comes only with the first consent.
            offline = params.get("access_type") == "offline"
            offline = offline and ("consent" in params.get("prompt", "").split() or not self._consented)
            self._codes[code] = _Code(redirect_uri, now, challenge, offline)
            self._consented = True
            query = {"code": code, "scope": SCOPE}
        if "state" in params:
            query["state"] = params["state"]
        joint = "&" if urlsplit(redirect_uri).query else "?"
        return f"{redirect_uri}{joint}{urlencode(query)}"

    # --- token endpoint -----------------------------------------------------------------------------------------------

    def exchange(self, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """Answer the token endpoint: a code or a refresh token for an access token."""
        grant_type = params.get("grant_type", "")
        if grant_type not in ("authorization_code", "refresh_token"):
            if not grant_type:
                raise OAuthRefusal("invalid_request", "Required parameter is missing: grant_type")
            raise OAuthRefusal("unsupported_grant_type", f"Invalid grant_type: {grant_type}")
        if params.get("client_id") != CLIENT_ID:
            raise OAuthRefusal("invalid_client", "The OAuth client was not found.", status=401)
        if not hmac.compare_digest(params.get("client_secret", "").encode(), CLIENT_SECRET.encode()):
            raise OAuthRefusal("invalid_client", "Unauthorized", status=401)
        if grant_type == "refresh_token":
            token = params.get("refresh_token", "")
            if not token:
                raise OAuthRefusal("invalid_request", "Missing required parameter: refresh_token")
            grant = self._refresh.get(token)
            if grant is None:
                raise OAuthRefusal("invalid_grant", "Bad Request")
            if grant.revoked:
                raise _dead_grant()
            # A renewal brings no new refresh token: the old one stays.
            return self._issue(grant, now)
        return self._redeem(params, now)

    def _redeem(self, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
        code = self._codes.pop(params.get("code", ""), None)
        if code is None or now - code.made_at > _CODE_LIFE:
            raise OAuthRefusal("invalid_grant", "Bad Request")
        if params.get("redirect_uri") != code.redirect_uri:
            raise OAuthRefusal("redirect_uri_mismatch", "Bad Request")
        if code.challenge:
            verifier = params.get("code_verifier", "")
            if not verifier:
                raise OAuthRefusal("invalid_grant", "Missing code verifier.")
            digest = hashlib.sha256(verifier.encode()).digest()
            if base64.urlsafe_b64encode(digest).decode().rstrip("=") != code.challenge:
                raise OAuthRefusal("invalid_grant", "Invalid code verifier.")
        grant = _Grant()
        answer = self._issue(grant, now)
        if code.offline:
            refresh = f"1//0{secrets.token_urlsafe(48)}"
            self._refresh[refresh] = grant
            answer["refresh_token"] = refresh
        return answer

    def _issue(self, grant: _Grant, now: datetime) -> dict[str, Any]:
        token = f"ya29.{secrets.token_urlsafe(64)}"
        self._access[token] = _Access(grant, now + timedelta(seconds=_ACCESS_SECONDS))
        return {"access_token": token, "expires_in": _ACCESS_SECONDS, "scope": SCOPE, "token_type": "Bearer"}

    def revoke(self, token: str) -> None:
        """Withdraw what a token stands for, whichever of the two it is."""
        access = self._access.get(token)
        grant = access.grant if access is not None else self._refresh.get(token)
        if grant is None or grant.revoked:
            raise OAuthRefusal("invalid_token", "Token expired or revoked")
        grant.revoked = True

    # --- the API ------------------------------------------------------------------------------------------------------

    def check(self, token: str, now: datetime) -> None:
        """Refuse a request whose token is missing, unknown, expired or withdrawn."""
        if not token:
            raise missing_token()
        known = self._access.get(token)
        if known is None:
            raise invalid_token()
        if known.grant.revoked:
            raise revoked_token()
        if known.expires_at is not None and known.expires_at <= now:
            raise invalid_token(expired=True)

    def withdraw(self, token: str) -> None:
        """Withdraw the grant of an access token, as when the user takes the app's access away."""
        known = self._access.get(token)
        if known is not None:
            known.grant.revoked = True
