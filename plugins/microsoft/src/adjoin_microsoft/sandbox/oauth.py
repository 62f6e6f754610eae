"""The Microsoft identity platform: a dialog that consents by itself, codes, access tokens, rotating refresh tokens.

Refresh tokens rotate: each use gives a new one. The one before still works, unless replays are refused.
"""

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

import msgspec

__all__ = ["APP_ID", "APP_SECRET", "SCOPE", "TokenRefusal", "Tokens"]

APP_ID = "sandbox-app"
APP_SECRET = "sandbox-secret"  # noqa: S105 - made up, and told to everyone
SCOPE = "https://ads.microsoft.com/msads.manage"

_LIFE = timedelta(seconds=3599)
_REFRESH_LIFE = timedelta(days=90)
_CODE_LIFE = timedelta(minutes=10)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "testserver"})
_KNOWN_SCOPES = frozenset({SCOPE, "offline_access", "openid", "profile", "email"})


class TokenRefusal(Exception):
    """An error of the token endpoint, in its own form."""

    def __init__(self, error: str, code: int, text: str, *, status: int = 400) -> None:
        super().__init__(text)
        self.error = error
        self.code = code
        self.text = text
        self.status = status

    def body(self, now: datetime, trace_id: str) -> bytes:
        stamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
        correlation_id = trace_id[::-1]
        description = (
            f"AADSTS{self.code}: {self.text} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {stamp}"
        )
        return msgspec.json.encode(
            {
                "error": self.error,
                "error_description": description,
                "error_codes": [self.code],
                "timestamp": stamp,
                "trace_id": trace_id,
                "correlation_id": correlation_id,
                "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
            }
        )


def rejected() -> TokenRefusal:
    """A grant that needs a new consent."""
    return TokenRefusal(
        "invalid_grant",
        70000,
        "The user could not be authenticated or the grant is expired. The user must first sign in and if needed grant "
        "the client application access to the requested scope.",
    )


def withdrawn() -> TokenRefusal:
    return TokenRefusal(
        "invalid_grant", 50173, "The provided grant has expired due to it being revoked, a fresh auth token is needed."
    )


@dataclass(frozen=True, slots=True)
class _Code:
    redirect_uri: str
    made_at: datetime
    challenge: str
    offline: bool


@dataclass(slots=True)
class _Grant:
    """What one consent gave: all its refresh tokens, of which the last one is the newest."""

    newest: str
    expires_at: datetime | None
    withdrawn: bool = False


@dataclass(slots=True)
class Tokens:
    """All codes and tokens that are out. `first_access` and `first_refresh` work from the start, without an end."""

    first_access: str
    first_refresh: str
    _codes: dict[str, _Code] = field(default_factory=dict)
    _access: dict[str, datetime | None] = field(default_factory=dict)
    _withdrawn: set[str] = field(default_factory=set)
    _grants: dict[str, _Grant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._access[self.first_access] = None
        self._grants[self.first_refresh] = _Grant(self.first_refresh, None)

    def dialog(self, params: Mapping[str, str], now: datetime, *, deny: bool) -> str:
        """Return where the browser is sent after the dialog. Consents at once, or refuses if told to (`deny=1`)."""
        redirect_uri = params.get("redirect_uri", "")
        _check_app(params)
        if urlsplit(redirect_uri).hostname not in _LOOPBACK:
            raise TokenRefusal(
                "invalid_client",
                50011,
                f"The reply url specified in the request does not match the reply urls configured for the "
                f"application: '{APP_ID}'.",
            )
        if params.get("response_type") != "code":
            raise TokenRefusal("unsupported_response_type", 70005, "The response type is not supported.")
        scopes = _scopes(params.get("scope", ""))
        if SCOPE not in scopes:
            raise TokenRefusal(
                "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid."
            )
        state = {"state": params["state"]} if "state" in params else {}
        if deny or params.get("deny"):
            text = "AADSTS65004: User declined to consent to access the app."
            query = {"error": "access_denied", "error_description": text, **state}
        else:
            code = f"M.C1_SANDBOX.{secrets.token_urlsafe(24)}"
            challenge = params.get("code_challenge", "")
            if challenge and params.get("code_challenge_method") != "S256":
                raise TokenRefusal("invalid_request", 9002325, "Only the code challenge method S256 is accepted.")
            self._codes[code] = _Code(redirect_uri, now, challenge, "offline_access" in scopes)
            query = {"code": code, **state}
        joint = "&" if urlsplit(redirect_uri).query else "?"
        return f"{redirect_uri}{joint}{urlencode(query)}"

    def exchange(self, params: Mapping[str, str], now: datetime, *, strict: bool) -> dict[str, Any]:
        """Answer the token endpoint. With `strict` a refresh token that has been replaced is refused."""
        _check_app(params)
        if not hmac.compare_digest(params.get("client_secret", "").encode(), APP_SECRET.encode()):
            raise TokenRefusal(
                "invalid_client", 7000215, f"Invalid client secret provided for app '{APP_ID}'.", status=401
            )
        if unknown := _scopes(params.get("scope", "")) - _KNOWN_SCOPES:
            raise TokenRefusal("invalid_scope", 70011, f"The scope '{min(unknown)}' is not valid.")
        kind = params.get("grant_type")
        if kind == "authorization_code":
            return self._redeem(params, now)
        if kind == "refresh_token":
            return self._renew(params.get("refresh_token", ""), now, strict=strict)
        raise TokenRefusal("unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{kind}'.")

    def _redeem(self, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
        code = self._codes.pop(params.get("code", ""), None)
        if code is None:
            raise TokenRefusal("invalid_grant", 54005, "OAuth2 Authorization code was already redeemed.")
        if now - code.made_at > _CODE_LIFE:
            raise TokenRefusal("invalid_grant", 70008, "The provided authorization code has expired.")
        if params.get("redirect_uri") != code.redirect_uri:
            raise TokenRefusal(
                "invalid_grant",
                500112,
                "The reply address does not match the one provided when the code was requested.",
            )
        if code.challenge:
            digest = hashlib.sha256(params.get("code_verifier", "").encode()).digest()
            made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if not hmac.compare_digest(made, code.challenge.rstrip("=")):
                raise TokenRefusal(
                    "invalid_grant", 501481, "The Code_Verifier does not match the code_challenge of the request."
                )
        grant = _Grant("", now + _REFRESH_LIFE) if code.offline else None
        return self._issue(grant, now)

    def _renew(self, token: str, now: datetime, *, strict: bool) -> dict[str, Any]:
        grant = self._grants.get(token)
        if grant is None:
            raise rejected()
        if grant.withdrawn:
            raise withdrawn()
        if grant.expires_at is not None and grant.expires_at <= now:
            raise TokenRefusal("invalid_grant", 700082, "The refresh token has expired due to inactivity.")
        if strict and token != grant.newest:
            raise rejected()
        grant.expires_at = now + _REFRESH_LIFE
        return self._issue(grant, now)

    def _issue(self, grant: _Grant | None, now: datetime) -> dict[str, Any]:
        token = f"EwSANDBOX{secrets.token_hex(32)}"
        self._access[token] = now + _LIFE
        seconds = int(_LIFE.total_seconds())
        reply: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": SCOPE,
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": token,
        }
        if grant is not None:
            grant.newest = f"M.C1_SANDBOX.{secrets.token_urlsafe(32)}"
            self._grants[grant.newest] = grant
            reply["refresh_token"] = grant.newest
        return reply

    def state(self, token: str, now: datetime) -> str:
        """Say what an access token is worth: `good`, `expired` or `bad`."""
        if token not in self._access or token in self._withdrawn:
            return "bad"
        expires_at = self._access[token]
        return "good" if expires_at is None or expires_at > now else "expired"

    def revoke_all(self) -> None:
        """Withdraw everything that is out, as when the user changes the password. A new consent works again."""
        self._withdrawn.update(self._access)
        for grant in self._grants.values():
            grant.withdrawn = True


def _check_app(params: Mapping[str, str]) -> None:
    app = params.get("client_id", "")
    if app != APP_ID:
        raise TokenRefusal(
            "unauthorized_client",
            700016,
            f"Application with identifier '{app}' was not found in the directory 'Microsoft Accounts'.",
        )


def _scopes(text: str) -> frozenset[str]:
    return frozenset(scope for scope in text.split(" ") if scope)
