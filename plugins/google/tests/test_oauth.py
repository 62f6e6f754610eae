"""Authorisation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from adjoin.ads.v2 import App, CodeGrant, Consent, Credential
from adjoin.errors import ErrorKind, PlatformError
from adjoin.oauth import ConsentFlow
from adjoin_google import plugin
from adjoin_google.oauth import SCOPE
from adjoin_google.version import API

_HERE = "http://127.0.0.1:5/callback"
_CONSENT = Consent(redirect_uri=_HERE, state="st/ate", code_challenge="challenge")
_APP = App(client_id="sandbox-app", client_secret="sandbox-secret")
_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def _query(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _redeem(run, client, **more):
    return run(plugin.redeem(CodeGrant(code="the-code", redirect_uri=_HERE, **more), client))


def test_the_consent_page_is_asked_for_a_refresh_token_each_time():
    url = plugin.consent_url(App(client_id="42", client_secret="hidden"), _CONSENT, API)
    assert url.startswith("https://accounts.google.com/o/oauth2/v2/auth?")
    assert _query(url) == {
        "client_id": "42",
        "redirect_uri": _HERE,
        "response_type": "code",
        "scope": "https://www.googleapis.com/auth/adwords",
        "state": "st/ate",
        "access_type": "offline",
        "prompt": "consent",
        "code_challenge": "challenge",
        "code_challenge_method": "S256",
    }


def test_a_sandbox_has_its_own_consent_page():
    assert plugin.consent_url(_APP, _CONSENT, "http://127.0.0.1:8900/google/").startswith(
        "http://127.0.0.1:8900/google/o/oauth2/v2/auth?"
    )


def test_a_code_becomes_a_credential(fake, run):
    answer = {
        "access_token": "ya29.a", "expires_in": 3599, "refresh_token": "1//0r", "scope": f"openid {SCOPE}",
        "token_type": "Bearer", "refresh_token_expires_in": 604800,
    }  # fmt: skip
    client = fake(lambda _: answer, app=App(client_id="1", client_secret="2"))
    assert _redeem(run, client, code_verifier="verifier") == Credential(
        access_token="ya29.a",
        expires_at=_NOON + timedelta(seconds=3599),
        refresh_token="1//0r",
        refresh_expires_at=_NOON + timedelta(days=7),
        scopes=("openid", SCOPE),
        can_renew=True,
    )
    (sent,) = client.sent
    assert (sent.method, sent.url) == ("POST", "https://oauth2.googleapis.com/token")
    assert sent.form == {
        "grant_type": "authorization_code", "code": "the-code", "redirect_uri": _HERE, "code_verifier": "verifier",
        "client_id": "1", "client_secret": "2",
    }  # fmt: skip
    assert (sent.authorised, sent.repeatable, sent.cost, sent.params) == (False, False, 0, {})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"access_token": "a", "expires_in": 1, "scope": "openid", "refresh_token": "r"}, "permission"),
        ({"access_token": "a", "expires_in": 1, "scope": SCOPE}, "myaccount.google.com/permissions"),
    ],
)
def test_what_would_be_no_lasting_connection_is_none(fake, run, answer, words):
    with pytest.raises(PlatformError, match=words) as caught:
        _redeem(run, fake(lambda _: answer))
    assert caught.value.kind is ErrorKind.RECONNECT


def test_renewing_keeps_the_old_refresh_token(fake, run):
    client = fake(lambda _: {"access_token": "new", "expires_in": 3599, "scope": SCOPE})
    old = Credential(access_token="old", refresh_token="1//0r", scopes=(SCOPE,), can_renew=True)
    renewed = run(plugin.renew(old, client))
    assert (renewed.access_token, renewed.refresh_token) == ("new", "1//0r")
    assert renewed.expires_at == _NOON + timedelta(seconds=3599)
    assert renewed.can_renew
    assert client.sent[0].form["grant_type"] == "refresh_token"
    assert client.sent[0].repeatable is True


def test_a_new_refresh_token_takes_the_place_of_the_old_one(fake, run):
    client = fake(lambda _: {"access_token": "new", "refresh_token": "1//new"})
    renewed = run(plugin.renew(Credential(access_token="old", refresh_token="1//old"), client))
    assert (renewed.refresh_token, renewed.expires_at) == ("1//new", None)


def test_a_dead_refresh_token_says_what_may_have_ended_it(fake, run):
    dead = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    with pytest.raises(PlatformError, match="still in Testing") as caught:
        run(plugin.renew(Credential(access_token="a", refresh_token="1//secret"), fake(lambda _: dead)))
    assert caught.value.kind is ErrorKind.RECONNECT
    assert "1//secret" not in str(caught.value)


def test_without_a_refresh_token_a_person_must_connect_again(fake, run):
    with pytest.raises(PlatformError, match="Connect again") as caught:
        run(plugin.renew(Credential(access_token="a"), fake(lambda _: {})))
    assert caught.value.kind is ErrorKind.RECONNECT


def test_an_answer_without_a_token_is_none(fake, run):
    with pytest.raises(PlatformError, match="without a token") as caught:
        run(plugin.renew(Credential(access_token="a", refresh_token="r"), fake(lambda _: {})))
    assert caught.value.kind is ErrorKind.INVALID


# --- with the sandbox -------------------------------------------------------------------------------------------------


def _consented(sandbox):
    flow = ConsentFlow.begin(_HERE, pkce=True)
    answer = httpx.get(plugin.consent_url(_APP, flow.consent, sandbox.url), follow_redirects=False)
    assert answer.status_code == 302
    back = _query(answer.headers["location"])
    assert flow.accepts(back["state"])
    return flow.grant(back["code"])


def _connect(sandbox, grant, *, app=_APP):
    return sandbox.call(lambda client: plugin.redeem(grant, client), token=None, app=app)


def test_a_whole_connection_works_and_renews(sandbox):
    credential = _connect(sandbox, _consented(sandbox))
    assert credential.can_renew
    assert credential.expires_at > sandbox.world.now
    assert sandbox.call(plugin.accounts, token=credential.access_token)
    renewed = sandbox.call(lambda client: plugin.renew(credential, client), token=None)
    assert renewed.refresh_token == credential.refresh_token
    assert sandbox.call(plugin.accounts, token=renewed.access_token)


def test_a_code_works_once_and_with_its_secret(sandbox):
    grant = _consented(sandbox)
    with pytest.raises(PlatformError, match="ADJOIN_GOOGLE_CLIENT_SECRET"):
        _connect(sandbox, grant, app=App(client_id="sandbox-app", client_secret="wrong"))
    grant = _consented(sandbox)
    _connect(sandbox, grant)
    with pytest.raises(PlatformError) as caught:
        _connect(sandbox, grant)
    assert caught.value.kind is ErrorKind.RECONNECT


def test_an_access_token_ends_after_an_hour(sandbox):
    credential = _connect(sandbox, _consented(sandbox))
    sandbox.world.set_now(sandbox.world.now + timedelta(hours=2))
    with pytest.raises(PlatformError) as caught:
        sandbox.call(plugin.accounts, token=credential.access_token)
    assert caught.value.kind is ErrorKind.RECONNECT
