"""Signing in at the sandbox: the dialog, codes, and refresh tokens that rotate."""

from __future__ import annotations

import base64
import hashlib
from datetime import date, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from adjoin.testing.faults import Fault
from adjoin.testing.server import running
from adjoin.testing.world import World
from adjoin_microsoft.sandbox import make_app
from adjoin_microsoft.sandbox.caller import Caller, codes

SCOPE = "https://ads.microsoft.com/msads.manage offline_access"
DONE = "http://localhost/done"


class Login:
    """A browser and a server that sign in."""

    def __init__(self, url, world):
        self.url = url
        self.world = world

    def dialog(self, **changed):
        query = {
            "client_id": "sandbox-app",
            "response_type": "code",
            "redirect_uri": DONE,
            "scope": SCOPE,
            "state": "s",
        } | changed
        return httpx.get(f"{self.url}/common/oauth2/v2.0/authorize", params=query)

    def code(self, **changed):
        return parse_qs(urlsplit(self.dialog(**changed).headers["location"]).query)["code"][0]

    def token(self, **form):
        app = {"client_id": "sandbox-app", "client_secret": "sandbox-secret", "scope": SCOPE}
        return httpx.post(f"{self.url}/common/oauth2/v2.0/token", data=app | form)

    def redeem(self, code, **changed):
        return self.token(**{"grant_type": "authorization_code", "code": code, "redirect_uri": DONE} | changed)

    def renew(self, token, **changed):
        return self.token(**{"grant_type": "refresh_token", "refresh_token": token} | changed)


@pytest.fixture
def login():
    world = World.generate(seed=3, today=date(2026, 11, 22), scale=0.02, days=10)
    with running(make_app(world)) as url:
        yield Login(url, world)


def refusal(answer):
    body = answer.json()
    assert body["error_description"].startswith(f"AADSTS{body['error_codes'][0]}: ")
    assert set(body) >= {"timestamp", "trace_id", "correlation_id"}
    return answer.status_code, body["error"], body["error_codes"][0]


def test_consents_at_once_and_gives_a_code_for_both_tokens(login):
    back = login.dialog()
    assert back.status_code == 302
    assert parse_qs(urlsplit(back.headers["location"]).query)["state"] == ["s"]
    reply = login.redeem(login.code()).json()
    assert reply["token_type"] == "Bearer"
    assert (reply["expires_in"], reply["ext_expires_in"]) == (3599, 3599)
    assert reply["scope"] == "https://ads.microsoft.com/msads.manage"
    assert reply["refresh_token"]


def test_any_tenant_will_do(login):
    form = {"grant_type": "refresh_token", "client_id": "sandbox-app", "client_secret": "sandbox-secret"}
    form["refresh_token"] = login.world.refresh_token("microsoft")
    assert httpx.post(f"{login.url}/organizations/oauth2/v2.0/token", data=form).status_code == 200


def test_without_offline_access_there_is_no_refresh_token(login):
    reply = login.redeem(login.code(scope="https://ads.microsoft.com/msads.manage")).json()
    assert "refresh_token" not in reply


@pytest.mark.parametrize(
    ("changed", "error", "code"),
    [
        ({"client_id": "other"}, "unauthorized_client", 700016),
        ({"redirect_uri": "https://shop.example/done"}, "invalid_client", 50011),
        ({"response_type": "token"}, "unsupported_response_type", 70005),
        ({"scope": "offline_access"}, "invalid_scope", 70011),
        ({"code_challenge": "x", "code_challenge_method": "plain"}, "invalid_request", 9002325),
    ],
)
def test_the_dialog_refuses_what_does_not_fit(login, changed, error, code):
    assert refusal(login.dialog(**changed)) == (400, error, code)


def test_the_user_may_decline(login):
    back = parse_qs(urlsplit(login.dialog(deny="1").headers["location"]).query)
    assert (back["error"], back["state"]) == (["access_denied"], ["s"])


def test_a_code_works_once_for_ten_minutes_and_for_its_address(login):
    code = login.code()
    assert login.redeem(code).status_code == 200
    assert refusal(login.redeem(code)) == (400, "invalid_grant", 54005)
    assert refusal(login.redeem(login.code(), redirect_uri="http://localhost/x")) == (400, "invalid_grant", 500112)
    code = login.code()
    login.world.now += timedelta(minutes=11)
    assert refusal(login.redeem(code)) == (400, "invalid_grant", 70008)


def test_a_code_with_a_challenge_needs_its_verifier(login):
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {"code_challenge": challenge, "code_challenge_method": "S256"}
    assert refusal(login.redeem(login.code(**asked), code_verifier="w" * 43)) == (400, "invalid_grant", 501481)
    assert refusal(login.redeem(login.code(**asked))) == (400, "invalid_grant", 501481)
    assert login.redeem(login.code(**asked), code_verifier=verifier).status_code == 200


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client", 7000215)),
        ({"client_id": "other"}, (400, "unauthorized_client", 700016)),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
        ({"scope": "https://graph.microsoft.com/.default"}, (400, "invalid_scope", 70011)),
        ({"refresh_token": "made-up"}, (400, "invalid_grant", 70000)),
    ],
)
def test_the_token_endpoint_refuses_what_does_not_fit(login, changed, refused):
    assert refusal(login.renew(login.world.refresh_token("microsoft"), **changed)) == refused


def test_each_renewal_gives_a_new_refresh_token_and_the_old_one_still_works(login):
    first = login.world.refresh_token("microsoft")
    second = login.renew(first).json()["refresh_token"]
    third = login.renew(second).json()["refresh_token"]
    assert len({first, second, third}) == 3
    assert login.renew(first).status_code == 200


def test_a_replaced_refresh_token_may_be_refused(login):
    login.world.faults.add(Fault(kind="rotation_strict", request_class="token"))
    first = login.world.refresh_token("microsoft")
    second = login.renew(first).json()["refresh_token"]
    assert refusal(login.renew(first)) == (400, "invalid_grant", 70000)
    assert login.renew(second).status_code == 200
    with running(make_app(login.world, rotation_strict=True)) as url:
        strict = Login(url, login.world)
        login.world.faults.clear()
        assert strict.renew(first).status_code == 200
        assert refusal(strict.renew(first)) == (400, "invalid_grant", 70000)


def test_an_unused_refresh_token_ends_after_ninety_days(login):
    token = login.redeem(login.code()).json()["refresh_token"]
    login.world.now += timedelta(days=90)
    assert refusal(login.renew(token)) == (400, "invalid_grant", 700082)


def test_withdrawn_access_needs_a_new_consent(login):
    caller = Caller.of(login.url, login.world)
    ask = "CustomerManagement/v13/User/Query"
    login.world.faults.add(Fault(kind="token_revoked", request_class="accounts", times=1))
    assert codes(caller.post(ask, {})) == (401, [105])
    assert refusal(login.renew(login.world.refresh_token("microsoft"))) == (400, "invalid_grant", 50173)
    fresh = login.redeem(login.code()).json()
    assert caller.post(ask, {}, Authorization=f"Bearer {fresh['access_token']}").status_code == 200
    assert login.renew(fresh["refresh_token"]).status_code == 200


def test_a_rejected_renewal_says_so(login):
    login.world.faults.add(Fault(kind="token_rejected", request_class="token", times=1))
    token = login.world.refresh_token("microsoft")
    assert refusal(login.renew(token)) == (400, "invalid_grant", 70000)
    assert login.renew(token).status_code == 200
