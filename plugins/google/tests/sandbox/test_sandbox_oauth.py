"""Consent, tokens, renewal and their end."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

_SCOPE = "https://www.googleapis.com/auth/adwords"
_BACK = "http://127.0.0.1:8000/back"
_VERIFIER = "v" * 64
_CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(_VERIFIER.encode()).digest()).decode().rstrip("=")
_APP = {"client_id": "sandbox-app", "client_secret": "sandbox-secret"}
_ASKED = {
    "client_id": "sandbox-app",
    "redirect_uri": _BACK,
    "response_type": "code",
    "scope": _SCOPE,
    "state": "s1",
    "access_type": "offline",
    "prompt": "consent",
    "code_challenge": _CHALLENGE,
    "code_challenge_method": "S256",
}


def _consent(api, **changed):
    return api.http.get("/o/oauth2/v2/auth", params={**_ASKED, **changed})


def _code(api, **changed):
    response = _consent(api, **changed)
    assert response.status_code == 302
    query = parse_qs(urlsplit(response.headers["location"]).query)
    assert query["state"] == ["s1"]
    return query["code"][0]


def _token(api, **form):
    return api.http.post("/token", data={**_APP, **form})


def _redeem(api, given, **changed):
    form = {"grant_type": "authorization_code", "code": given, "redirect_uri": _BACK, "code_verifier": _VERIFIER}
    return _token(api, **{**form, **changed})


def _refresh(api, token):
    return _token(api, grant_type="refresh_token", refresh_token=token)


def _works(api, token):
    response = api.http.get("/v26/customers:listAccessibleCustomers", headers=api.headers(token=token))
    return response.status_code == 200


def test_a_code_brings_a_pair_of_tokens_once(own):
    code = _code(own)
    first = _redeem(own, code)
    body = first.json()
    assert first.status_code == 200
    assert body["expires_in"] == 3599
    assert body["scope"] == _SCOPE
    assert body["token_type"] == "Bearer"
    assert body["access_token"].startswith("ya29.")
    assert body["refresh_token"].startswith("1//0")
    assert _works(own, body["access_token"])
    second = _redeem(own, code)
    assert (second.status_code, second.json()) == (
        400,
        {"error": "invalid_grant", "error_description": "Bad Request"},
    )


def test_a_renewal_brings_no_new_refresh_token(own):
    refresh = own.world.refresh_token("google")
    body = _refresh(own, refresh).json()
    assert "refresh_token" not in body
    assert _works(own, body["access_token"])
    assert _refresh(own, refresh).status_code == 200


def test_without_prompt_only_the_first_consent_brings_a_refresh_token(own):
    assert "refresh_token" in _redeem(own, _code(own, prompt="")).json()
    assert "refresh_token" not in _redeem(own, _code(own, prompt="")).json()
    assert "refresh_token" in _redeem(own, _code(own)).json()
    assert "refresh_token" not in _redeem(own, _code(own, access_type="online")).json()


def test_an_access_token_ends_after_an_hour_of_the_worlds_clock(own):
    token = _refresh(own, own.world.refresh_token("google")).json()["access_token"]
    own.world.set_now(own.world.now + timedelta(seconds=3598))
    assert _works(own, token)
    own.world.set_now(own.world.now + timedelta(seconds=1))
    assert not _works(own, token)
    response = own.http.get("/v26/customers:listAccessibleCustomers", headers=own.headers(token=token))
    assert response.json()["error"]["details"][0]["reason"] == "ACCESS_TOKEN_EXPIRED"
    assert _works(own, own.world.token("google"))


def test_a_code_ends_after_ten_minutes(own):
    code = _code(own)
    own.world.set_now(own.world.now + timedelta(minutes=11))
    assert _redeem(own, code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_verifier": ""}, "invalid_grant"),
        ({"code_verifier": "w" * 64}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:8001/back"}, "redirect_uri_mismatch"),
        ({"code": "4/0Anonsense"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
    ],
)
def test_refuses_a_wrong_exchange(own, changed, error):
    response = _redeem(own, _code(own), **changed)
    assert response.status_code == 400
    assert response.json()["error"] == error


@pytest.mark.parametrize("wrong", [{"client_id": "other"}, {"client_secret": "other"}])
def test_refuses_a_wrong_app(own, wrong):
    form = {"grant_type": "refresh_token", "refresh_token": own.world.refresh_token("google")}
    response = _token(own, **form, **wrong)
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_client"


def test_revoking_either_token_ends_both(own):
    body = _redeem(own, _code(own)).json()
    assert own.http.post("/revoke", data={"token": body["access_token"]}).json() == {}
    assert not _works(own, body["access_token"])
    response = _refresh(own, body["refresh_token"])
    assert response.status_code == 400
    assert response.json() == {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    again = own.http.post("/revoke", data={"token": body["refresh_token"]})
    assert (again.status_code, again.json()["error"]) == (400, "invalid_token")
    assert _works(own, own.world.token("google"))


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "other"}, "invalid_client"),
        ({"redirect_uri": "https://elsewhere.example/back"}, "redirect_uri_mismatch"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "invalid_scope"),
        ({"response_type": "token"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_the_consent_page_refuses_what_it_cannot_do(own, changed, error):
    assert _consent(own, **changed).json()["error"] == error


def test_the_user_may_say_no(own):
    for response in (_consent(own, deny="1"), _denied(own)):
        query = parse_qs(urlsplit(response.headers["location"]).query)
        assert query == {"error": ["access_denied"], "state": ["s1"]}


def _denied(own):
    own.fault("deny", "token", times=1)
    return _consent(own)


def test_the_token_endpoint_takes_forms_only(own):
    response = own.http.post("/token", json={"grant_type": "refresh_token"})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def test_a_rejected_refresh_token_is_an_invalid_grant(own):
    own.fault("token_rejected", "token", times=1)
    response = _refresh(own, own.world.refresh_token("google"))
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert _refresh(own, own.world.refresh_token("google")).status_code == 200


@pytest.mark.parametrize(("kind", "status"), [("server_error", 500), ("throttle", 429), ("throttle_bare", 429)])
def test_the_token_endpoint_may_be_out_of_order_for_a_while(own, kind, status):
    own.fault(kind, "token", times=1)
    assert _refresh(own, own.world.refresh_token("google")).status_code == status
    assert _refresh(own, own.world.refresh_token("google")).status_code == 200
