"""How a connection is authorised: consent page, code, and access tokens of an hour that are renewed.

The refresh token stays the same. It dies when the user withdraws it, when it was not used for six months, and after
seven days while the consent screen of the OAuth client is in Testing.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import msgspec

from adjoin.ads.v2 import App, Client, CodeGrant, Consent, Credential
from adjoin.errors import ErrorKind, PlatformError
from adjoin_google.version import API

__all__ = ["SCOPE", "consent_url", "redeem", "renew"]

#: The only one there is: Google has none for reading alone.
SCOPE = "https://www.googleapis.com/auth/adwords"

_CONSENT_HOST = "https://accounts.google.com"
_TOKEN_HOST = "https://oauth2.googleapis.com"  # noqa: S105 - an address


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int | None = None
    refresh_token: str = ""
    refresh_token_expires_in: int | None = None
    scope: str = ""


def consent_url(app: App, consent: Consent, base_url: str) -> str:
    """Return the consent page's address: on accounts.google.com, or below the base URL of a sandbox."""
    query = {
        "client_id": app.client_id,
        "redirect_uri": consent.redirect_uri,
        "response_type": "code",
        "scope": SCOPE,
        "state": consent.state,
        # Without these two there is no refresh token when a user consents again.
        "access_type": "offline",
        "prompt": "consent",
    }
    if consent.code_challenge:
        query |= {"code_challenge": consent.code_challenge, "code_challenge_method": "S256"}
    return f"{_host(base_url, _CONSENT_HOST)}/o/oauth2/v2/auth?{urlencode(query)}"


async def redeem(grant: CodeGrant, client: Client) -> Credential:
    """Exchange the code for an access token and a refresh token.

    Raises PlatformError of kind `reconnect` if the user left out the permission, or if Google gave no refresh token.
    """
    form = {"grant_type": "authorization_code", "code": grant.code, "redirect_uri": grant.redirect_uri}
    if grant.code_verifier:
        form["code_verifier"] = grant.code_verifier
    token = await _token(client, form, repeatable=False)
    if token.scope and SCOPE not in token.scope.split():
        raise PlatformError(
            "The permission to see Google Ads was not given at the consent page. Connect again and allow it.",
            kind=ErrorKind.RECONNECT,
            code="declined",
        )
    if not token.refresh_token:
        raise PlatformError(
            "Google gave access for an hour only and nothing to renew it with. Remove Adjoin's access at "
            "myaccount.google.com/permissions and connect again.",
            kind=ErrorKind.RECONNECT,
            code="no-refresh-token",
        )
    return _credential(token, client, Credential(access_token=""))


async def renew(credential: Credential, client: Client) -> Credential:
    """Exchange the refresh token for a new access token. Raises PlatformError of kind `reconnect` if it is dead."""
    if not credential.refresh_token:
        raise PlatformError(
            "The connection to Google has nothing to renew itself with. Connect again.",
            kind=ErrorKind.RECONNECT,
            code="no-refresh-token",
        )
    form = {"grant_type": "refresh_token", "refresh_token": credential.refresh_token}
    return _credential(await _token(client, form, repeatable=True), client, credential)


def _credential(token: _Token, client: Client, known: Credential) -> Credential:
    now = client.now()
    refresh_ends = known.refresh_expires_at
    if token.refresh_token_expires_in is not None:
        refresh_ends = now + timedelta(seconds=token.refresh_token_expires_in)
    return Credential(
        access_token=token.access_token,
        expires_at=None if token.expires_in is None else now + timedelta(seconds=token.expires_in),
        refresh_token=token.refresh_token or known.refresh_token,
        refresh_expires_at=refresh_ends,
        scopes=tuple(token.scope.split()) or known.scopes,
        can_renew=True,
        extra=known.extra,
    )


async def _token(client: Client, form: dict[str, str], *, repeatable: bool) -> _Token:
    app = client.app
    reply = await client.request(
        "POST",
        f"{_host(client.base_url, _TOKEN_HOST)}/token",
        form={**form, "client_id": app.client_id, "client_secret": app.client_secret},
        authorised=False,
        repeatable=repeatable,
        cost=0,  # no operation of the API
    )
    try:
        return msgspec.convert(reply.json(), _Token, strict=False)
    except msgspec.ValidationError as error:
        raise PlatformError(
            "Google answered the exchange of tokens without a token", kind=ErrorKind.INVALID, code="no-token"
        ) from error


def _host(base_url: str, vendors: str) -> str:
    """Return Google's host for a service, or the sandbox, which has all of them."""
    base = base_url.rstrip("/")
    return vendors if base == API else base
