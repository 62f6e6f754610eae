"""Authorisation: the login dialog that consents by itself, codes, long-lived tokens, and what a token may do."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from adjoin_meta.sandbox.errors import Refusal, expired_token, invalid_token, revoked_token

__all__ = ["APP_ID", "APP_SECRET", "Tokens"]

APP_ID = "sandbox-app"
APP_SECRET = "sandbox-secret"  # noqa: S105 - made up, and told to everyone

_SHORT, _LONG = timedelta(hours=1), timedelta(days=60)
_DATA_ACCESS = timedelta(days=90)
_CODE_LIFE = timedelta(minutes=10)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "testserver"})
_USER_ID = "10000000000000001"
_DEFAULT_SCOPES = ("ads_read", "ads_management", "business_management")


@dataclass(slots=True)
class _Code:
    redirect_uri: str
    made_at: datetime
    scopes: tuple[str, ...]


@dataclass(slots=True)
class _Token:
    made_at: datetime
    expires_at: datetime | None
    scopes: tuple[str, ...]
    system_user: bool = False
    revoked: bool = False


@dataclass(slots=True)
class Tokens:
    """All codes and tokens that are out. The one of `forever` works from the start, as a system user's does."""

    forever: str
    _codes: dict[str, _Code] = field(default_factory=dict)
    _tokens: dict[str, _Token] = field(default_factory=dict)

    def dialog(self, params: Mapping[str, str], now: datetime, *, deny: bool) -> str:
        """Return where the browser is sent after the dialog. Consents at once, or refuses if told to (`deny=1`)."""
        redirect_uri = params.get("redirect_uri", "")
        if params.get("client_id") != APP_ID:
            raise Refusal("Invalid App ID: The provided app ID does not look like a valid app ID.", code=101)
        if urlsplit(redirect_uri).hostname not in _LOOPBACK:
            raise Refusal(
                "URL blocked: This redirect failed because the redirect URI is not white-listed in the app's client "
                "OAuth settings.",
                code=191,
            )
        if deny or params.get("deny"):
            query = {
                "error": "access_denied",
                "error_reason": "user_denied",
                "error_description": "The user denied your request.",
                "state": params.get("state", ""),
            }
        else:
            code = secrets.token_urlsafe(24)
            # A user may decline single permissions: `decline=ads_read` acts that out.
            declined = params.get("decline", "").split(",")
            asked = [scope for scope in params.get("scope", "").replace(" ", ",").split(",") if scope]
            scopes = tuple(scope for scope in asked or _DEFAULT_SCOPES if scope not in declined)
            self._codes[code] = _Code(redirect_uri, now, (*scopes, "public_profile"))
            query = {"code": code, "state": params.get("state", "")}
        joint = "&" if urlsplit(redirect_uri).query else "?"
        return f"{redirect_uri}{joint}{urlencode(query)}"

    def exchange(self, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
        """Answer `oauth/access_token`: a code for a short token, a short token for a long one."""
        if params.get("client_id") != APP_ID:
            raise Refusal("Error validating application. Invalid application ID.", code=101)
        if not hmac.compare_digest(params.get("client_secret", "").encode(), APP_SECRET.encode()):
            raise Refusal("Error validating client secret.", code=1)
        if params.get("grant_type") == "fb_exchange_token":
            old = self.check(params.get("fb_exchange_token", ""), now)
            return self._issue(old.scopes, now, _LONG)
        code = self._codes.pop(params.get("code", ""), None)
        if code is None:
            raise Refusal("This authorization code has been used.", code=100, subcode=36009)
        if now - code.made_at > _CODE_LIFE:
            raise Refusal("This authorization code has expired.", code=100, subcode=36007)
        if params.get("redirect_uri") != code.redirect_uri:
            raise Refusal(
                "Error validating verification code. Please make sure your redirect_uri is identical to the one you "
                "used in the OAuth dialog request",
                code=100,
                subcode=36008,
            )
        return self._issue(code.scopes, now, _SHORT)

    def _issue(self, scopes: tuple[str, ...], now: datetime, life: timedelta) -> dict[str, Any]:
        token = f"EAASANDBOX{secrets.token_hex(24)}"
        self._tokens[token] = _Token(now, now + life, scopes)
        return {"access_token": token, "token_type": "bearer", "expires_in": int(life.total_seconds())}

    def check(self, token: str, now: datetime) -> _Token:
        """Return what is known of a token that works; refuse the others with the reason."""
        known = self._tokens.get(token)
        if known is None:
            if token != self.forever:
                raise invalid_token()
            known = _Token(now - timedelta(days=1), None, (*_DEFAULT_SCOPES, "public_profile"), system_user=True)
        if known.revoked:
            raise revoked_token()
        if known.expires_at is not None and known.expires_at <= now:
            raise expired_token(known.expires_at.strftime("%A, %d-%b-%y %H:%M:%S PST"))
        return known

    def revoke(self, token: str) -> None:
        """Withdraw a token for good, as when the user's password changes. The one of `forever` stays."""
        if token in self._tokens:
            self._tokens[token].revoked = True

    def check_proof(self, token: str, proof: str) -> None:
        """Refuse a wrong `appsecret_proof`."""
        right = hmac.new(APP_SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(proof.encode(), right.encode()):
            raise Refusal(
                "Invalid appsecret_proof provided in the API argument", code=100, type_="GraphMethodException"
            )

    def debug(self, params: Mapping[str, str], caller: str, now: datetime) -> dict[str, Any]:
        """Answer `debug_token`. The caller is the app (`id|secret`) or any token that works."""
        if caller != f"{APP_ID}|{APP_SECRET}":
            self.check(caller, now)
        token = params.get("input_token", "")
        try:
            known = self.check(token, now)
        except Refusal as refusal:
            error = {"code": refusal.code, "message": refusal.message, "subcode": refusal.subcode or 0}
            return {"data": {"is_valid": False, "scopes": [], "error": error}}
        return {
            "data": {
                "app_id": APP_ID,
                "type": "SYSTEM_USER" if known.system_user else "USER",
                "application": "Adjoin sandbox",
                "data_access_expires_at": 0 if known.system_user else _epoch(known.made_at + _DATA_ACCESS),
                "expires_at": 0 if known.expires_at is None else _epoch(known.expires_at),
                "is_valid": True,
                "issued_at": _epoch(known.made_at),
                "scopes": list(known.scopes),
                "user_id": _USER_ID,
            }
        }

    def permissions(self, token: str, now: datetime) -> list[dict[str, str]]:
        """Answer `me/permissions`: each that is known, granted or declined."""
        granted = self.check(token, now).scopes
        return [
            {"permission": scope, "status": "granted" if scope in granted else "declined"}
            for scope in sorted({*granted, *_DEFAULT_SCOPES})
        ]


def _epoch(moment: datetime) -> int:
    return int(moment.timestamp())
