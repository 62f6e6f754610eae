"""Authorisation."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from adjoin.ads.v2 import App, CodeGrant, Consent, Credential
from adjoin.errors import ErrorKind, PlatformError
from adjoin_linkedin import plugin
from adjoin_linkedin.version import API, api_version

_HERE = "http://127.0.0.1:5/callback"
_CONSENT = Consent(redirect_uri=_HERE, state="st/ate")
_APP = App(client_id="sandbox-app", client_secret="sandbox-secret")
_LIVE = {
    "access_token": "next",
    "expires_in": 5_184_000,
    "refresh_token": "fixed",
    "refresh_token_expires_in": 31_536_000,
    "scope": "r_ads,r_ads_reporting",
}


def _query(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _consented(sandbox):
    answer = httpx.get(plugin.consent_url(_APP, _CONSENT, sandbox.url), follow_redirects=False)
    assert answer.status_code == 302
    return _query(answer.headers["location"])


def _redeem(sandbox, code, *, redirect_uri=_HERE, app=_APP):
    grant = CodeGrant(code=code, redirect_uri=redirect_uri)
    return sandbox.call(lambda client: plugin.redeem(grant, client), keeper=False, app=app)


def _renew(sandbox, credential):
    return sandbox.call(lambda client: plugin.renew(credential, client), keeper=False)


def test_the_consent_page_is_on_another_host_than_the_api():
    url = plugin.consent_url(App(client_id="42"), _CONSENT, API)
    assert url.startswith("https://www.linkedin.com/oauth/v2/authorization?")
    assert _query(url) == {
        "response_type": "code",
        "client_id": "42",
        "redirect_uri": _HERE,
        "state": "st/ate",
        "scope": "r_ads r_ads_reporting",
    }


def test_a_code_becomes_a_token_that_works(sandbox):
    back = _consented(sandbox)
    assert back["state"] == "st/ate"
    credential = _redeem(sandbox, back["code"])
    assert credential.expires_at == sandbox.world.now + timedelta(days=60)
    assert credential.refresh_expires_at - sandbox.world.now <= timedelta(days=365)
    assert credential.can_renew
    assert {"r_ads", "r_ads_reporting"} <= set(credential.scopes)
    assert len(sandbox.call(plugin.accounts, credential=credential)) == 6


def test_a_code_works_once_and_wants_the_same_address_and_the_right_secret(sandbox):
    code = _consented(sandbox)["code"]
    _redeem(sandbox, code)
    for wrong in (
        {"code": code},
        {"code": _consented(sandbox)["code"], "redirect_uri": f"{_HERE}/"},
        {"code": _consented(sandbox)["code"], "app": App(client_id="sandbox-app", client_secret="wrong-one")},
    ):
        with pytest.raises(PlatformError) as caught:
            _redeem(sandbox, **wrong)
        assert wrong["code"] not in str(caught.value)
        assert "sandbox-secret" not in str(caught.value)


def test_renewing_gives_a_new_token_and_keeps_the_end_of_the_consent(sandbox):
    first = _redeem(sandbox, _consented(sandbox)["code"])
    sandbox.world.set_now(sandbox.world.now + timedelta(days=50))
    second = _renew(sandbox, first)
    assert second.access_token != first.access_token
    assert second.refresh_token == first.refresh_token
    assert abs(second.refresh_expires_at - first.refresh_expires_at) <= timedelta(seconds=1)
    assert second.expires_at == sandbox.world.now + timedelta(days=60)
    assert len(sandbox.call(plugin.accounts, credential=second)) == 6


def test_after_a_year_a_person_must_consent_again(sandbox):
    credential = _redeem(sandbox, _consented(sandbox)["code"])
    sandbox.world.set_now(sandbox.world.now + timedelta(days=366))
    with pytest.raises(PlatformError, match="a consent lasts 365 days") as caught:
        _renew(sandbox, credential)
    assert caught.value.kind is ErrorKind.RECONNECT
    assert credential.refresh_token not in str(caught.value)


def test_an_expired_token_is_renewed_on_the_way(sandbox):
    credential = _redeem(sandbox, _consented(sandbox)["code"])
    sandbox.world.set_now(sandbox.world.now + timedelta(days=61))
    assert len(sandbox.call(plugin.accounts, credential=credential)) == 6


def test_an_app_without_programmatic_refresh_needs_a_person_every_sixty_days(fake, run):
    client = fake(lambda _: {"access_token": "t", "expires_in": 5_184_000})
    credential = run(plugin.redeem(CodeGrant(code="c", redirect_uri=_HERE), client))
    assert credential.can_renew is False
    assert credential.expires_at == client.now() + timedelta(days=60)
    with pytest.raises(PlatformError, match="every 60 days") as caught:
        run(plugin.renew(credential, client))
    assert caught.value.kind is ErrorKind.RECONNECT
    assert len(client.sent) == 1


def test_secrets_go_into_the_body_and_a_code_is_never_repeated(fake, run):
    client = fake(lambda _: _LIVE, app=App(client_id="1", client_secret="2"))
    run(plugin.redeem(CodeGrant(code="c", redirect_uri=_HERE), client))
    (sent,) = client.sent
    assert (sent.method, sent.url) == ("POST", "https://www.linkedin.com/oauth/v2/accessToken")
    assert sent.form == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": _HERE,
        "client_id": "1",
        "client_secret": "2",
    }
    assert (sent.authorised, sent.repeatable) == (False, False)


def test_the_first_use_of_a_token_waits_a_moment_at_linkedin_only(fake, run):
    real, local = fake(lambda _: _LIVE), fake(lambda _: _LIVE, base_url="http://127.0.0.1:9/linkedin")
    for client in (real, local):
        run(plugin.renew(Credential(access_token="t", refresh_token="fixed"), client))
    assert real.slept == [10.0]
    assert local.slept == []
    assert local.sent[0].url == "/oauth/v2/accessToken"


@pytest.mark.parametrize("scope", ["r_ads", "r_ads_reporting", "r_basicprofile rw_ads"])
def test_without_the_scopes_to_read_there_is_no_connection(fake, run, scope):
    with pytest.raises(PlatformError, match="lacks the scope") as caught:
        run(plugin.redeem(CodeGrant(code="c", redirect_uri=_HERE), fake(lambda _: {**_LIVE, "scope": scope})))
    assert caught.value.kind is ErrorKind.RECONNECT


@pytest.mark.parametrize("scope", ["r_ads,r_ads_reporting", "rw_ads r_ads_reporting", ""])
def test_wider_scopes_do_as_well_and_none_told_is_no_refusal(fake, run, scope):
    client = fake(lambda _: {**_LIVE, "scope": scope})
    assert run(plugin.redeem(CodeGrant(code="c", redirect_uri=_HERE), client)).can_renew


def test_a_renewal_that_repeats_no_refresh_token_keeps_the_old_one(fake, run):
    client = fake(lambda _: {"access_token": "next", "expires_in": 60})
    ends = client.now() + timedelta(days=100)
    old = Credential(access_token="t", refresh_token="fixed", refresh_expires_at=ends, scopes=("r_ads",))
    new = run(plugin.renew(old, client))
    assert (new.refresh_token, new.refresh_expires_at, new.scopes) == ("fixed", ends, ("r_ads",))


def test_a_wrong_secret_is_not_the_users_fault(fake, run):
    refused = {"status": 401, "error": "invalid_client", "error_description": "Client authentication failed"}
    with pytest.raises(PlatformError, match="Client authentication failed") as caught:
        run(plugin.renew(Credential(access_token="t", refresh_token="fixed"), fake(lambda _: refused)))
    assert caught.value.kind is ErrorKind.INVALID


def test_an_answer_without_a_token_is_none(fake, run):
    with pytest.raises(PlatformError, match="without one"):
        run(plugin.redeem(CodeGrant(code="c", redirect_uri=_HERE), fake(lambda _: {"ok": True})))


@pytest.mark.parametrize("version", ["202610", "202512", "202611.01", ""])
def test_the_version_is_a_setting(version):
    assert api_version(App(extra={"api_version": version})) == (version or "202610")


@pytest.mark.parametrize("version", ["v26.0", "202613", "2026", "202610&x=1", "202610\n"])
def test_a_version_that_is_none_is_refused(version):
    with pytest.raises(PlatformError, match="api_version"):
        api_version(App(extra={"api_version": version}))
