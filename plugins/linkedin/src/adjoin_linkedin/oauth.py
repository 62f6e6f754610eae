"""How a connection is authorised: consent page, code, and a renewal that does not last for ever.

An access token lives 60 days. Apps that LinkedIn approved for programmatic refresh also get a refresh token, which
lives 365 days from the consent on: renewing gives it back unchanged and does not prolong it, so a person consents again
once a year. Other apps' users consent again every 60 days.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from urllib.parse import urlencode

import msgspec

from adjoin.ads.v2 import App, Client, CodeGrant, Consent, Credential
from adjoin.errors import ErrorKind, PlatformError
from adjoin_linkedin.version import API, OAUTH

__all__ = ["SCOPES", "consent_url", "redeem", "renew"]

SCOPES = ("r_ads", "r_ads_reporting")

#: What reading takes: each of these, or the wider scope that includes it.
_NEEDED = (frozenset({"r_ads", "rw_ads"}), frozenset({"r_ads_reporting"}))

#: A token may be refused in the first moments after it was given out. Rest before the first use, in seconds.
_SETTLE = 10.0

#: What a spent refresh token is answered with.
_SPENT = frozenset({"invalid_grant", "invalid_request"})


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int | None = None
    refresh_token: str = ""
    refresh_token_expires_in: int | None = None
    scope: str = ""


def consent_url(app: App, consent: Consent, base_url: str) -> str:
    """Return the address of the consent page: on www.linkedin.com, or below the base URL of a sandbox."""
    query = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": consent.redirect_uri,
        "state": consent.state,
        "scope": " ".join(SCOPES),
    }
    return f"{_site(base_url)}/oauth/v2/authorization?{urlencode(query)}"


async def redeem(grant: CodeGrant, client: Client) -> Credential:
    """Exchange the code for a token. Raises PlatformError of kind `reconnect` if a scope to read was not granted."""
    form = {"grant_type": "authorization_code", "code": grant.code, "redirect_uri": grant.redirect_uri}
    token = await _token(client, form, repeatable=False)
    scopes = _scopes(token)
    missing = [min(either) for either in _NEEDED if scopes and not either.intersection(scopes)]
    if missing:
        raise PlatformError(
            f"LinkedIn's consent lacks the scope {' and '.join(missing)}. Add the product Advertising API to the app, "
            "then connect again and allow it.",
            kind=ErrorKind.RECONNECT,
            code="declined",
        )
    return await _settled(client, _credential(token, scopes, client.now()))


async def renew(credential: Credential, client: Client) -> Credential:
    """Get the next access token. Raises PlatformError of kind `reconnect` where only a person can.

    Safe to repeat: the refresh token stays the same.
    """
    if not credential.refresh_token:
        raise PlatformError(
            "The connection to LinkedIn cannot be renewed by a program: LinkedIn gave this app no refresh token. "
            "Connect again; that is needed every 60 days until LinkedIn approves the app for programmatic refresh.",
            kind=ErrorKind.RECONNECT,
            code="no-refresh",
        )
    form = {"grant_type": "refresh_token", "refresh_token": credential.refresh_token}
    try:
        token = await _token(client, form, repeatable=True)
    except PlatformError as error:
        if error.code not in _SPENT:
            raise
        raise PlatformError(
            "LinkedIn does not renew the connection any more: a consent lasts 365 days, or was withdrawn. "
            f"Connect again. ({error})",
            kind=ErrorKind.RECONNECT,
            code=error.code,
            request_id=error.request_id,
        ) from error
    now = client.now()
    renewed = _credential(token, _scopes(token) or credential.scopes, now)
    return await _settled(
        client,
        Credential(
            access_token=renewed.access_token,
            expires_at=renewed.expires_at,
            refresh_token=renewed.refresh_token or credential.refresh_token,
            refresh_expires_at=renewed.refresh_expires_at or credential.refresh_expires_at,
            scopes=renewed.scopes,
            can_renew=True,
            extra=credential.extra,
        ),
    )


async def _token(client: Client, form: dict[str, str], *, repeatable: bool) -> _Token:
    app = client.app
    url = "/oauth/v2/accessToken"
    reply = await client.request(
        "POST",
        f"{OAUTH}{url}" if _is_real(client.base_url) else url,
        form={**form, "client_id": app.client_id, "client_secret": app.client_secret},
        authorised=False,
        repeatable=repeatable,
    )
    try:
        return msgspec.convert(reply.json(), _Token, strict=False)
    except msgspec.ValidationError as error:
        raise PlatformError(
            "LinkedIn answered the request for a token without one", kind=ErrorKind.INVALID, code="no-token"
        ) from error


def _credential(token: _Token, scopes: tuple[str, ...], now: datetime) -> Credential:
    return Credential(
        access_token=token.access_token,
        expires_at=_after(token.expires_in, now),
        refresh_token=token.refresh_token,
        refresh_expires_at=_after(token.refresh_token_expires_in, now),
        scopes=scopes,
        can_renew=bool(token.refresh_token),
    )


async def _settled(client: Client, credential: Credential) -> Credential:
    if _is_real(client.base_url):
        await client.sleep(_SETTLE)
    return credential


def _scopes(token: _Token) -> tuple[str, ...]:
    # Asked for with blanks between them, answered with commas.
    return tuple(filter(None, re.split(r"[\s,]+", token.scope)))


def _after(seconds: int | None, now: datetime) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)


def _site(base_url: str) -> str:
    return OAUTH if _is_real(base_url) else base_url.rstrip("/")


def _is_real(base_url: str) -> bool:
    return base_url.rstrip("/") == API
