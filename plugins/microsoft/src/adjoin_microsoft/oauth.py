"""How a connection is authorised: consent at Microsoft's identity platform, then tokens that rotate.

An access token lives about an hour. Each renewal brings a new refresh token, good for about 90 days; the old one must
not be used again.
"""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlencode

import msgspec

from adjoin.ads.v2 import App, Client, CodeGrant, Consent, Credential
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.services import in_production

__all__ = ["SCOPES", "consent_url", "redeem", "renew"]

#: Without `offline_access` no refresh token comes back.
SCOPES = ("https://ads.microsoft.com/msads.manage", "offline_access")

_LOGIN = "https://login.microsoftonline.com"

#: Work, school and personal accounts alike.
_DEFAULT_TENANT = "common"
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]{0,127}")


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int | None = None
    refresh_token: str = ""
    scope: str = ""


def consent_url(app: App, consent: Consent, base_url: str) -> str:
    """Return the address of the consent page: Microsoft's, or below the base URL of a sandbox."""
    query = {
        "client_id": app.client_id,
        "response_type": "code",
        "redirect_uri": consent.redirect_uri,
        "response_mode": "query",
        "scope": " ".join(SCOPES),
        "state": consent.state,
        # The advertiser's account is often not the one that the browser is signed in with.
        "prompt": "select_account",
    }
    if consent.code_challenge:
        query |= {"code_challenge": consent.code_challenge, "code_challenge_method": "S256"}
    return f"{_endpoint(app, base_url)}/authorize?{urlencode(query)}"


async def redeem(grant: CodeGrant, client: Client) -> Credential:
    """Exchange the code for tokens. Raises PlatformError; a code works once, so this is never repeated."""
    form = {"grant_type": "authorization_code", "code": grant.code, "redirect_uri": grant.redirect_uri}
    if grant.code_verifier:
        form["code_verifier"] = grant.code_verifier
    return await _tokens(client, form, repeatable=False)


async def renew(credential: Credential, client: Client) -> Credential:
    """Exchange the refresh token for new tokens; PlatformError of kind `reconnect` when Microsoft declines it.

    Repeating is harmless where no answer came: Microsoft takes the same refresh token again for a while.
    """
    if not credential.refresh_token:
        raise PlatformError(
            "The connection to Microsoft Advertising has no refresh token, so it cannot be renewed. Connect again",
            kind=ErrorKind.RECONNECT,
            code="no-refresh-token",
        )
    form = {"grant_type": "refresh_token", "refresh_token": credential.refresh_token}
    return await _tokens(client, form, repeatable=True, previous=credential)


async def _tokens(
    client: Client, form: dict[str, str], *, repeatable: bool, previous: Credential | None = None
) -> Credential:
    app = client.app
    form |= {"client_id": app.client_id, "scope": " ".join(SCOPES)}
    # Registrations as a mobile or desktop app have no secret and are refused when they send one.
    if app.client_secret:
        form["client_secret"] = app.client_secret
    reply = await client.request(
        "POST", f"{_endpoint(app, client.base_url)}/token", form=form, authorised=False, repeatable=repeatable
    )
    try:
        token = msgspec.json.decode(reply.body, type=_Token, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PlatformError(
            "Microsoft answered the exchange of tokens without a token", kind=ErrorKind.INVALID, code="no-token"
        ) from error
    refresh_token = token.refresh_token or (previous.refresh_token if previous else "")
    return Credential(
        access_token=token.access_token,
        expires_at=None if token.expires_in is None else client.now() + timedelta(seconds=token.expires_in),
        refresh_token=refresh_token,
        scopes=tuple(token.scope.split()),
        can_renew=bool(refresh_token),
    )


def _endpoint(app: App, base_url: str) -> str:
    tenant = app.extra.get("tenant", "") or _DEFAULT_TENANT
    if not _TENANT.fullmatch(tenant):
        raise PlatformError(
            f"The tenant is set to {tenant!r}; it must be common, organizations, consumers, a domain, or the "
            "directory's id",
            kind=ErrorKind.INVALID,
            code="tenant",
        )
    return f"{_LOGIN if in_production(base_url) else base_url.rstrip('/')}/{tenant}/oauth2/v2.0"
