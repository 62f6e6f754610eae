"""Authorisation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from adjoin.ads.v2 import App, CodeGrant, Consent, Credential
from adjoin.errors import ErrorKind, PlatformError
from adjoin_meta import plugin
from adjoin_meta.sandbox.oauth import APP_ID, APP_SECRET
from adjoin_meta.version import GRAPH

_HERE = "http://127.0.0.1:5/callback"
_CONSENT = Consent(redirect_uri=_HERE, state="st/ate")
_APP = App(client_id=APP_ID, client_secret=APP_SECRET)


def _query(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def _consented(sandbox, extra=""):
    url = plugin.consent_url(_APP, _CONSENT, sandbox.url) + extra
    answer = httpx.get(url, follow_redirects=False)
    assert answer.status_code == 302
    return _query(answer.headers["location"])


def _redeem(sandbox, code, *, redirect_uri=_HERE, app=_APP):
    grant = CodeGrant(code=code, redirect_uri=redirect_uri)
    return sandbox.call(lambda client: plugin.redeem(grant, client), token=None, app=app)


def test_the_dialog_is_on_another_host_than_the_api():
    url = plugin.consent_url(App(client_id="42"), _CONSENT, GRAPH)
    assert url.startswith("https://www.facebook.com/v26.0/dialog/oauth?")
    assert _query(url) == {
        "client_id": "42",
        "redirect_uri": _HERE,
        "state": "st/ate",
        "response_type": "code",
        "scope": "ads_read,business_management",
    }


def test_login_for_business_names_a_configuration_instead_of_permissions():
    query = _query(plugin.consent_url(App(client_id="42", extra={"config_id": "9"}), _CONSENT, GRAPH))
    assert query["config_id"] == "9"
    assert "scope" not in query


def test_a_code_becomes_a_token_that_lives_sixty_days_and_works(sandbox):
    back = _consented(sandbox)
    assert back["state"] == "st/ate"
    credential = _redeem(sandbox, back["code"])
    assert credential.expires_at == sandbox.world.now + timedelta(days=60)
    assert credential.can_renew is False
    assert "ads_read" in credential.scopes
    found = sandbox.call(plugin.accounts, token=credential.access_token)
    assert len(found) == 6


def test_a_refusal_comes_back_as_one(sandbox):
    assert _consented(sandbox, "&deny=1")["error"] == "access_denied"
    sandbox.fault("deny", "token", times=1)
    assert _consented(sandbox)["error_reason"] == "user_denied"


def test_a_code_works_once(sandbox):
    code = _consented(sandbox)["code"]
    _redeem(sandbox, code)
    with pytest.raises(PlatformError, match="has been used"):
        _redeem(sandbox, code)


def test_a_code_wants_the_same_address_and_the_right_secret(sandbox):
    with pytest.raises(PlatformError, match="redirect_uri is identical"):
        _redeem(sandbox, _consented(sandbox)["code"], redirect_uri=f"{_HERE}/")
    with pytest.raises(PlatformError):
        _redeem(sandbox, _consented(sandbox)["code"], app=App(client_id=APP_ID, client_secret="wrong-one"))


def test_without_the_permission_to_read_ads_there_is_no_connection(sandbox):
    code = _consented(sandbox, "&decline=ads_read")["code"]
    with pytest.raises(PlatformError, match="ads_read was declined") as caught:
        _redeem(sandbox, code)
    assert caught.value.kind is ErrorKind.RECONNECT


def test_strangers_and_foreign_addresses_are_refused_by_the_dialog(sandbox):
    stranger = plugin.consent_url(App(client_id="other"), _CONSENT, sandbox.url)
    assert httpx.get(stranger).json()["error"]["code"] == 101
    foreign = plugin.consent_url(_APP, Consent(redirect_uri="https://evil.example/", state=""), sandbox.url)
    assert httpx.get(foreign).json()["error"]["code"] == 191


def test_a_missing_expiry_is_no_error_and_debug_token_fills_it_in(fake, run):
    def answer(sent):
        if sent.url.endswith("debug_token"):
            assert sent.headers["Authorization"] == "Bearer 1|2"
            return {"data": {"is_valid": True, "expires_at": 0, "data_access_expires_at": 1_800_000_000}}
        assert sent.params == {}
        return {"access_token": "long" if "fb_exchange_token" in sent.form else "short"}

    client = fake(answer, app=App(client_id="1", client_secret="2"))
    credential = run(plugin.redeem(CodeGrant(code="c", redirect_uri=_HERE), client))
    assert credential.access_token == "long"
    assert credential.expires_at == datetime.fromtimestamp(1_800_000_000, UTC)
    assert [sent.repeatable for sent in client.sent[:2]] == [False, True]
    assert not any(sent.authorised for sent in client.sent)


def test_a_failing_debug_token_does_not_fail_the_connection(fake, run):
    def answer(sent):
        if sent.url.endswith("debug_token"):
            return PlatformError("no", kind=ErrorKind.INVALID)
        return {"access_token": "t", "expires_in": 60}

    client = fake(answer)
    credential = run(plugin.redeem(CodeGrant(code="c", redirect_uri=_HERE), client))
    assert credential.expires_at == client.now() + timedelta(minutes=1)


@pytest.mark.parametrize(("days", "words"), [(-1, "has expired"), (5, "cannot be renewed by a program")])
def test_renewing_says_that_a_person_must_connect_again(fake, run, days, words):
    client = fake(lambda _: {})
    credential = Credential(access_token="t", expires_at=client.now() + timedelta(days=days))
    with pytest.raises(PlatformError, match=words) as caught:
        run(plugin.renew(credential, client))
    assert caught.value.kind is ErrorKind.RECONNECT


def test_a_token_ends_after_its_time(sandbox):
    credential = _redeem(sandbox, _consented(sandbox)["code"])
    sandbox.world.set_now(sandbox.world.now + timedelta(days=61))
    with pytest.raises(PlatformError, match="token has expired") as caught:
        sandbox.call(plugin.accounts, token=credential.access_token)
    assert caught.value.kind is ErrorKind.RECONNECT
