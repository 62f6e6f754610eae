"""The sandbox's authorisation: codes, tokens, and how long they live."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from adjoin.testing.world import World
from adjoin_linkedin.sandbox.oauth import APP_ID, APP_SECRET, SCOPES

#: Plain HTTP needs no certificates, whose loading takes longer than a request.
_get = partial(httpx.get, verify=False)
_post = partial(httpx.post, verify=False)

_BACK = "http://127.0.0.1:8123/callback?from=adjoin"
_EVERYTHING = " ".join(SCOPES)
_APP = {"client_id": APP_ID, "client_secret": APP_SECRET}


@pytest.fixture
def served(serve):
    """A world of its own, as tokens are withdrawn and the clock is moved."""
    with serve(World.generate(seed=2, today=date(2026, 11, 22), scale=0.02, days=10)) as sandbox:
        yield sandbox


def consent(sandbox, **changed):
    params = {"response_type": "code", "client_id": APP_ID, "redirect_uri": _BACK, "state": "s1", "scope": "r_ads"}
    answer = _get(f"{sandbox.url}/oauth/v2/authorization", params={**params, **changed})
    if answer.status_code != 302:
        return answer.status_code, answer.json()
    return 302, {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def token(sandbox, path="accessToken", **form):
    answer = _post(f"{sandbox.url}/oauth/v2/{path}", data={**_APP, **form})
    return answer.status_code, answer.json()


def accounts(sandbox, access_token):
    headers = {
        "Authorization": f"Bearer {access_token}",
        "LinkedIn-Version": "202610",
        "X-Restli-Protocol-Version": "2.0.0",
    }
    answer = _get(f"{sandbox.url}/rest/adAccounts?q=search", headers=headers)
    return answer.status_code, answer.json()


def redeemed(sandbox, scope=_EVERYTHING):
    code = consent(sandbox, scope=scope)[1]["code"]
    status, answer = token(sandbox, grant_type="authorization_code", code=code, redirect_uri=_BACK)
    assert status == 200
    return answer


def test_consents_at_once_and_gives_code_and_state_back(served):
    status, given = consent(served)
    assert status == 302
    assert (given["state"], given["from"]) == ("s1", "adjoin")
    assert given["code"]


def test_a_refusal_of_the_member_and_an_unknown_scope_come_back_as_errors(served):
    assert consent(served, deny="1")[1]["error"] == "user_cancelled_authorize"
    assert consent(served, scope="r_everything")[1]["error"] == "unauthorized_scope_error"
    served.fault("deny", "token", times=1)
    assert consent(served)[1]["error"] == "user_cancelled_authorize"


@pytest.mark.parametrize(
    "changed",
    [{"client_id": "other"}, {"redirect_uri": "https://evil.example/"}, {"response_type": "token"}],
)
def test_the_consent_page_refuses_what_it_does_not_know(sandbox, changed):
    status, answer = consent(sandbox, **changed)
    assert status in (400, 401)
    assert set(answer) == {"error", "error_description"}


def test_a_code_gives_a_token_of_60_days_and_a_refresh_token_of_365(served):
    answer = redeemed(served, scope="r_ads r_ads_reporting")
    assert answer["expires_in"] == 5_184_000
    assert answer["refresh_token_expires_in"] == 31_536_000
    assert answer["scope"] == "r_ads,r_ads_reporting"
    assert accounts(served, answer["access_token"])[0] == 200


def test_a_code_works_once_and_for_half_an_hour(served):
    code = consent(served)[1]["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": _BACK}
    assert token(served, **form)[0] == 200
    assert token(served, **form) == (
        400,
        {
            "error": "invalid_request",
            "error_description": "Unable to retrieve access token: appid/redirect uri/code verifier does not match "
            "authorization code. Or authorization code expired. Or external member binding exists",
        },
    )
    late = consent(served)[1]["code"]
    served.world.now += timedelta(minutes=31)
    assert token(served, **{**form, "code": late})[0] == 400


def test_refreshing_keeps_the_refresh_token_and_its_end(served):
    first = redeemed(served)
    served.world.now += timedelta(days=100)
    assert accounts(served, first["access_token"]) == (
        401,
        {"status": 401, "serviceErrorCode": 65602, "code": "EXPIRED_ACCESS_TOKEN", "message": "Expired access token"},
    )
    status, second = token(served, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert status == 200
    assert second["refresh_token"] == first["refresh_token"]
    assert second["refresh_token_expires_in"] == 265 * 86_400
    assert accounts(served, second["access_token"])[0] == 200


def test_near_the_end_both_tokens_end_together(served):
    first = redeemed(served)
    served.world.now += timedelta(days=360)
    _, last = token(served, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert last["expires_in"] == last["refresh_token_expires_in"] == 5 * 86_400
    served.world.now += timedelta(days=5)
    assert token(served, grant_type="refresh_token", refresh_token=first["refresh_token"])[1]["error"] == (
        "invalid_grant"
    )


def test_the_tokens_of_the_world_work_from_the_start(served):
    assert accounts(served, served.world.token("linkedin"))[0] == 200
    status, answer = token(served, grant_type="refresh_token", refresh_token=served.world.refresh_token("linkedin"))
    assert (status, answer["refresh_token"]) == (200, served.world.refresh_token("linkedin"))
    assert accounts(served, answer["access_token"])[0] == 200


def test_wrong_secrets_and_grants_are_refused(served):
    assert token(served, client_secret="x", grant_type="refresh_token")[0] == 401
    assert token(served, grant_type="client_credentials")[1]["error"] == "unsupported_grant_type"
    assert token(served, grant_type="refresh_token", refresh_token="AQWother")[1]["error"] == "invalid_grant"
    as_json = _post(f"{served.url}/oauth/v2/accessToken", json=_APP)
    assert as_json.json()["error"] == "invalid_request"


def test_introspection_tells_what_a_token_is(served):
    given = redeemed(served, scope="r_ads")
    _, known = token(served, "introspectToken", token=given["access_token"])
    assert known["active"]
    assert (known["status"], known["scope"], known["auth_type"]) == ("active", "r_ads", "3L")
    assert known["expires_at"] - known["created_at"] == 5_184_000
    served.world.now += timedelta(days=61)
    assert token(served, "introspectToken", token=given["access_token"])[1]["status"] == "expired"
    assert token(served, "introspectToken", token=given["refresh_token"])[1]["status"] == "active"
    assert token(served, "introspectToken", token="other")[1] == {"active": False}


def test_tokens_are_asked_for_and_must_be_known(served):
    answer = _get(f"{served.url}/rest/adAccounts?q=search", headers={"LinkedIn-Version": "202610"})
    assert (answer.status_code, answer.json()["message"]) == (401, "Empty oauth2_access_token")
    assert accounts(served, "other")[1]["serviceErrorCode"] == 65600


def test_a_scope_that_is_missing_is_refused_by_name(served):
    given = redeemed(served, scope="r_ads_reporting")
    status, answer = accounts(served, given["access_token"])
    assert (status, answer["serviceErrorCode"], answer["code"]) == (403, 100, "ACCESS_DENIED")
    assert answer["message"] == "Not enough permissions to access: partnerApiAdAccounts.FINDER-search.20261001"


def test_revoked_tokens_stay_so_until_the_member_consents_again(served):
    given = redeemed(served)
    served.fault("token_revoked", "accounts", times=1)
    status, answer = accounts(served, given["access_token"])
    assert (status, answer["code"], answer["serviceErrorCode"]) == (401, "REVOKED_ACCESS_TOKEN", 65601)
    assert accounts(served, given["access_token"])[0] == 401
    assert token(served, grant_type="refresh_token", refresh_token=given["refresh_token"])[1]["error"] == (
        "invalid_grant"
    )
    assert accounts(served, redeemed(served)["access_token"])[0] == 200


def test_the_token_endpoint_knows_no_expired_access_token_and_no_version(served):
    for kind in ("token_expired", "version_retired"):
        served.fault(kind)
    form = {"grant_type": "refresh_token", "refresh_token": served.world.refresh_token("linkedin")}
    assert token(served, **form)[0] == 200
    assert accounts(served, served.world.token("linkedin"))[0] == 401


def test_an_expired_or_rejected_token_can_be_acted_out(served):
    given = redeemed(served)
    served.fault("token_expired", "accounts", times=1)
    assert accounts(served, given["access_token"])[1]["code"] == "EXPIRED_ACCESS_TOKEN"
    assert accounts(served, given["access_token"])[0] == 200
    served.fault("token_rejected", "token", times=1)
    form = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    assert token(served, **form)[1]["error"] == "invalid_grant"
    assert token(served, **form)[0] == 200
