"""How a connection is authorised: consent page, code, long-lived token.

Meta has no refresh tokens. A user's token lives about 60 days and then a person must log in again; the token of a
system user may live for ever and is pasted instead.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import msgspec

from adjoin.ads.v2 import App, Client, CodeGrant, Consent, Credential
from adjoin.errors import ErrorKind, PlatformError
from adjoin_meta.version import GRAPH, api_version

__all__ = ["SCOPES", "consent_url", "redeem", "renew"]

SCOPES = ("ads_read", "business_management")

#: Either of these lets results be read.
_READING = frozenset({"ads_read", "ads_management"})


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int | None = None


class _Debugged(msgspec.Struct):
    is_valid: bool = True
    type: str = ""
    user_id: str = ""
    expires_at: int = 0
    data_access_expires_at: int = 0
    scopes: list[str] = []


class _Debug(msgspec.Struct):
    data: _Debugged


def consent_url(app: App, consent: Consent, base_url: str) -> str:
    """Return the login dialog's address: on www.facebook.com, or below the base URL of a sandbox."""
    site = "https://www.facebook.com" if base_url.rstrip("/") == GRAPH else base_url.rstrip("/")
    query = {
        "client_id": app.client_id,
        "redirect_uri": consent.redirect_uri,
        "state": consent.state,
        "response_type": "code",
    }
    # Facebook Login for Business names a configuration where plain Login lists permissions.
    config_id = app.extra.get("config_id", "")
    query |= {"config_id": config_id} if config_id else {"scope": ",".join(SCOPES)}
    return f"{site}/{api_version(app)}/dialog/oauth?{urlencode(query)}"


async def redeem(grant: CodeGrant, client: Client) -> Credential:
    """Exchange the code for a short-lived token and that for a long-lived one.

    The expiry is the earlier of the token's own and that of the access to data (90 days after the login). Raises
    PlatformError of kind `reconnect` if the user declined the permission to read ads.
    """
    app = client.app
    secrets = {"client_id": app.client_id, "client_secret": app.client_secret}
    code = {"code": grant.code, "redirect_uri": grant.redirect_uri}
    short = await _token(client, secrets | code, repeatable=False)
    exchange = {"grant_type": "fb_exchange_token", "fb_exchange_token": short.access_token}
    long = await _token(client, secrets | exchange, repeatable=True)
    debugged = await _debug(client, long.access_token)
    scopes = tuple(debugged.scopes) if debugged else ()
    if scopes and not _READING.intersection(scopes):
        raise PlatformError(
            "The permission ads_read was declined at Meta's consent page. Connect again and allow it.",
            kind=ErrorKind.RECONNECT,
            code="declined",
        )
    return Credential(
        access_token=long.access_token,
        expires_at=_expiry(long, debugged, client.now()),
        scopes=scopes,
        can_renew=False,
        extra={"user_id": debugged.user_id, "token_type": debugged.type} if debugged else {},
    )


def renew(credential: Credential, now: datetime) -> Credential:
    """Say that a person has to connect again: Meta offers no other way for a user's token."""
    ended = credential.expires_at is not None and credential.expires_at <= now
    raise PlatformError(
        f"The connection to Meta {'has expired' if ended else 'cannot be renewed by a program'}: tokens of Meta users "
        "live about 60 days. Connect again, or use a system user's token, which does not expire.",
        kind=ErrorKind.RECONNECT,
        code="no-refresh",
    )


async def _token(client: Client, form: dict[str, str], *, repeatable: bool) -> _Token:
    # Sent as a form, so that neither the secret nor the code ends up in anybody's log of addresses.
    reply = await client.request(
        "POST",
        f"/{api_version(client.app)}/oauth/access_token",
        form=form,
        authorised=False,
        repeatable=repeatable,
    )
    try:
        return msgspec.convert(reply.json(), _Token, strict=False)
    except msgspec.ValidationError as error:
        raise PlatformError(
            "Meta answered the exchange of tokens without a token",
            kind=ErrorKind.INVALID,
            code="no-token",
        ) from error


async def _debug(client: Client, token: str) -> _Debugged | None:
    """Ask what the token may do and for how long. What it says is useful, not needed: a refusal gives None."""
    app = client.app
    try:
        reply = await client.request(
            "GET",
            f"/{api_version(app)}/debug_token",
            params={"input_token": token},
            headers={"Authorization": f"Bearer {app.client_id}|{app.client_secret}"},
            authorised=False,
        )
        return msgspec.convert(reply.json(), _Debug, strict=False).data
    except (PlatformError, msgspec.ValidationError):
        return None


def _expiry(token: _Token, debugged: _Debugged | None, now: datetime) -> datetime | None:
    ends = [] if token.expires_in is None else [now + timedelta(seconds=token.expires_in)]
    if debugged is not None:
        stamps = (debugged.expires_at, debugged.data_access_expires_at)
        ends += [datetime.fromtimestamp(stamp, UTC) for stamp in stamps if stamp > 0]
    return min(ends, default=None)
