"""Consent, and tokens that rotate."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from adjoin.ads import v2
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft import oauth
from adjoin_microsoft.services import BASE_URL

CONSENT = v2.Consent(redirect_uri="https://adjoin.example/back", state="abc", code_challenge="chal")
GRANT = v2.CodeGrant(code="the-code", redirect_uri="https://adjoin.example/back", code_verifier="the-verifier")
TOKEN = {
    "token_type": "Bearer",
    "scope": "https://ads.microsoft.com/msads.manage",
    "expires_in": 3599,
    "ext_expires_in": 3599,
    "access_token": "access-1",
    "refresh_token": "refresh-2",
}


def _error(number, error="invalid_grant", text="The grant is expired.\r\nTrace ID: 1\r\nTimestamp: 2"):
    return {
        "error": error,
        "error_description": f"AADSTS{number}: {text}",
        "error_codes": [number],
        "timestamp": "2026-01-02 03:04:05Z",
        "trace_id": "t",
        "correlation_id": "c",
    }


def test_the_consent_page_is_the_identity_platforms():
    url = urlsplit(oauth.consent_url(v2.App(client_id="app"), CONSENT, BASE_URL))
    query = parse_qs(url.query)
    assert f"{url.scheme}://{url.netloc}{url.path}" == (
        "https://login.microsoftonline.com/common/oauth2/v2.0/authorize"
    )
    assert query["scope"] == ["https://ads.microsoft.com/msads.manage offline_access"]
    assert query["response_type"] == ["code"]
    assert (query["code_challenge"], query["code_challenge_method"]) == (["chal"], ["S256"])


def test_a_sandbox_consents_below_its_base_url_and_in_the_tenant_that_is_set():
    app = v2.App(client_id="app", extra={"tenant": "contoso.onmicrosoft.com"})
    url = oauth.consent_url(app, CONSENT, "http://127.0.0.1:8900/microsoft")
    assert url.startswith("http://127.0.0.1:8900/microsoft/contoso.onmicrosoft.com/oauth2/v2.0/authorize?")


def test_a_tenant_cannot_lead_elsewhere():
    with pytest.raises(PlatformError, match="tenant") as caught:
        oauth.consent_url(v2.App(extra={"tenant": "../evil"}), CONSENT, BASE_URL)
    assert caught.value.kind is ErrorKind.INVALID


def test_a_code_is_exchanged_once(fake, run):
    client = fake(lambda sent: TOKEN)
    credential = run(oauth.redeem(GRANT, client))
    (sent,) = client.sent
    assert sent.url == "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    assert sent.form == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": "https://adjoin.example/back",
        "code_verifier": "the-verifier",
        "client_id": "sandbox-app",
        "client_secret": "sandbox-secret",
        "scope": "https://ads.microsoft.com/msads.manage offline_access",
    }
    assert (sent.authorised, sent.repeatable) == (False, False)
    assert credential == v2.Credential(
        access_token="access-1",
        refresh_token="refresh-2",
        expires_at=datetime(2026, 11, 22, 12, 59, 59, tzinfo=UTC),
        scopes=("https://ads.microsoft.com/msads.manage",),
        can_renew=True,
    )


def test_an_app_without_a_secret_sends_none(fake, run):
    client = fake(lambda sent: TOKEN, app=v2.App(client_id="desktop"))
    run(oauth.redeem(GRANT, client))
    assert "client_secret" not in client.sent[0].form


def test_renewing_brings_the_next_refresh_token(fake, run):
    client = fake(lambda sent: TOKEN)
    old = v2.Credential(access_token="access-0", refresh_token="refresh-1", can_renew=True)
    renewed = run(oauth.renew(old, client))
    assert renewed.refresh_token == "refresh-2"
    assert (client.sent[0].form["grant_type"], client.sent[0].form["refresh_token"]) == ("refresh_token", "refresh-1")
    assert client.sent[0].repeatable


def test_a_renewal_without_a_new_refresh_token_keeps_the_old_one(fake, run):
    client = fake(lambda sent: {"access_token": "access-1", "expires_in": 3599})
    old = v2.Credential(access_token="access-0", refresh_token="refresh-1", can_renew=True)
    assert run(oauth.renew(old, client)).refresh_token == "refresh-1"


def test_without_a_refresh_token_a_person_must_connect_again(fake, run):
    with pytest.raises(PlatformError, match="Connect again") as caught:
        run(oauth.renew(v2.Credential(access_token="a"), fake(lambda sent: TOKEN)))
    assert caught.value.kind is ErrorKind.RECONNECT


@pytest.mark.parametrize(
    ("number", "error", "kind", "hint"),
    [
        (70000, "invalid_grant", ErrorKind.RECONNECT, "Connect again"),
        (700082, "invalid_grant", ErrorKind.RECONNECT, "90 days"),
        (50076, "interaction_required", ErrorKind.RECONNECT, "Multi-factor"),
        (99999, "invalid_grant", ErrorKind.RECONNECT, "Connect again"),
        (7000215, "invalid_client", ErrorKind.INVALID, "the secret's value"),
        (700025, "invalid_request", ErrorKind.INVALID, "no secret"),
        (50011, "invalid_request", ErrorKind.INVALID, "to the byte"),
        (650052, "invalid_client", ErrorKind.INVALID, "administrator"),
        (90033, "temporarily_unavailable", ErrorKind.RETRY, "expired"),
    ],
)
def test_a_refusal_says_what_to_do(fake, run, refused, number, error, kind, hint):
    old = v2.Credential(access_token="access-0", refresh_token="refresh-1", can_renew=True)
    with pytest.raises(PlatformError) as caught:
        run(oauth.renew(old, fake(lambda sent: refused(400, _error(number, error)))))
    assert caught.value.kind is kind
    assert caught.value.code == f"AADSTS{number}"
    assert hint in str(caught.value)
    assert "Trace ID" not in str(caught.value)
    assert "refresh-1" not in str(caught.value)


def test_an_answer_without_a_token_is_an_error(fake, run):
    with pytest.raises(PlatformError, match="without a token"):
        run(oauth.redeem(GRANT, fake(lambda sent: {"token_type": "Bearer"})))
