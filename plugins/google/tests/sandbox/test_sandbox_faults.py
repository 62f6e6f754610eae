"""Faults in the vendor's own shape."""

from __future__ import annotations

from datetime import date

import pytest

from adjoin.testing.world import World

_QUERY = "SELECT campaign.id FROM campaign"
_DAILY = (
    "SELECT ad_group_ad.ad.id, segments.date, metrics.clicks FROM ad_group_ad "
    "WHERE segments.date BETWEEN '2026-11-01' AND '2026-11-22'"
)


@pytest.fixture
def streaming(served):
    """Small batches of a small world."""
    return served(World.generate(seed=3, today=date(2026, 11, 22), scale=0.02, days=20), batch=50)


@pytest.mark.parametrize(
    ("kind", "status", "code", "seconds"),
    [
        ("throttle", 429, "quotaError.RESOURCE_TEMPORARILY_EXHAUSTED", "1s"),
        ("throttle_bare", 429, "quotaError.RESOURCE_TEMPORARILY_EXHAUSTED", None),
        ("quota_exhausted", 429, "quotaError.RESOURCE_EXHAUSTED", "900s"),
        ("quota_short", 429, "quotaError.EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION", "2s"),
        ("server_error", 500, "internalError.TRANSIENT_ERROR", None),
        ("deadline", 504, "internalError.DEADLINE_EXCEEDED", None),
        ("version_retired", 400, "requestError.UNSUPPORTED_VERSION", None),
        ("account_forbidden", 403, "authorizationError.USER_PERMISSION_DENIED", None),
        ("account_disabled", 403, "authorizationError.CUSTOMER_NOT_ENABLED", None),
    ],
)
def test_refuses_a_request(api, codes, kind, status, code, seconds):
    api.fault(kind, "entities", times=1)
    response = api.stream(_QUERY)
    assert response.status_code == status
    assert codes(response) == [code]
    (failure,) = [each for each in response.json()[0]["error"]["details"] if "errors" in each]
    details = failure["errors"][0].get("details", {})
    assert details.get("quotaErrorDetails", {}).get("retryDelay") == seconds
    if not kind.startswith("account_"):
        assert api.stream(_QUERY).status_code == 200


@pytest.mark.parametrize("kind", ["account_forbidden", "account_disabled"])
def test_one_account_is_refused_until_the_faults_are_cleared(api, kind):
    api.fault(kind)
    first, second = api.account("EUR").id, api.account("USD").id
    # Managers are asked for all accounts, so they go on.
    assert api.stream("SELECT customer_client.id FROM customer_client", account=api.manager_id).status_code == 200
    assert [api.stream(_QUERY, account=each).status_code for each in (first, second, first)] == [403, 200, 403]
    api.world.faults.clear()
    assert api.stream(_QUERY, account=first).status_code == 200


@pytest.mark.parametrize(
    ("query", "request_class"),
    [
        (_QUERY, "entities"),
        (_DAILY, "facts"),
        ("SELECT campaign.id FROM campaign WHERE metrics.clicks > 1", "facts"),
        ("SELECT customer_client.id FROM customer_client", "accounts"),
        ("SELECT customer.id FROM customer", "accounts"),
        ("SELECT segments.date, metrics.clicks FROM customer WHERE segments.date DURING TODAY", "facts"),
    ],
)
def test_requests_are_classed_by_what_they_ask_for(own, query, request_class):
    before = own.world.faults.requests().get("google", {}).get(request_class, 0)
    login = own.manager_id
    before = own.world.faults.requests()["google"].get(request_class, 0)
    assert own.stream(query, login=login).status_code == 200
    assert own.world.faults.requests()["google"][request_class] == before + 1


def test_other_requests_have_classes_too(own):
    own.mutate("campaigns", [{"remove": "x"}])
    own.http.post("/token", data={})
    counts = own.world.faults.requests()["google"]
    assert counts["mutate"] == counts["token"] == 1
    assert counts["accounts"] >= 1


def test_an_expired_token_is_refused_once(api):
    api.fault("token_expired", "facts", times=1)
    response = api.stream(_DAILY)
    assert response.status_code == 401
    assert response.json()[0]["error"]["details"][0]["reason"] == "ACCESS_TOKEN_EXPIRED"
    assert api.stream(_DAILY).status_code == 200


def test_a_revoked_grant_takes_both_tokens_along(own, codes):
    login = own.manager_id
    own.fault("token_revoked", "entities", times=1)
    for _ in range(2):
        response = own.stream(_QUERY, login=login)
        assert response.status_code == 401
        assert codes(response) == ["authenticationError.OAUTH_TOKEN_REVOKED"]
    form = {
        "grant_type": "refresh_token",
        "refresh_token": own.world.refresh_token("google"),
        "client_id": "sandbox-app",
        "client_secret": "sandbox-secret",
    }
    assert own.http.post("/token", data=form).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("kind", "status", "batches"),
    [
        ("throttle_in_200", "RESOURCE_EXHAUSTED", 0),
        ("throttle_late", "RESOURCE_EXHAUSTED", 1),
        ("internal_late", "INTERNAL", 1),
    ],
)
def test_an_error_may_come_inside_an_answer_with_200(streaming, strictly, kind, status, batches):
    streaming.fault(kind, "facts", times=1)
    response = streaming.stream(_DAILY)
    assert response.status_code == 200
    *rows, last = response.json()
    assert [len(strictly("SearchGoogleAdsStreamResponse", batch).results) for batch in rows] == [50] * batches
    assert last["error"]["status"] == status
    assert set(last) == {"error"}


def test_batches_hold_all_rows_once(streaming, strictly):
    response = streaming.stream(_DAILY)
    batches = [strictly("SearchGoogleAdsStreamResponse", batch) for batch in response.json()]
    assert len(batches) > 2
    assert [len(batch.results) for batch in batches[:-1]] == [50] * (len(batches) - 1)
    truth = streaming.presence.truth("ad_daily", account_id=streaming.account().id, since=date(2026, 11, 1))
    clicked = sum(1 for clicks in truth["clicks"].to_pylist() if clicks)
    assert sum(len(batch.results) for batch in batches) == clicked
    assert [bool(batch.query_resource_consumption) for batch in batches] == [False] * (len(batches) - 1) + [True]


def test_a_stream_without_rows_may_be_an_empty_array(api):
    query = f"{_QUERY} WHERE campaign.id = 1"
    assert [set(batch) for batch in api.stream(query).json()] == [
        {"fieldMask", "requestId", "queryResourceConsumption"}
    ]
    api.fault("empty_array", "entities", times=1)
    assert api.stream(query).json() == []


def test_a_version_that_is_switched_off_is_a_page_of_html(api):
    api.fault("version_unrouted", "entities", times=1)
    response = api.stream(_QUERY)
    assert response.status_code == 404
    assert response.text.startswith("<!DOCTYPE html>")


def test_a_mutate_may_meet_another_one(own, codes):
    own.fault("concurrent", "mutate", times=1)
    response = own.mutate("campaigns", [{"remove": f"customers/{own.account().id}/campaigns/1"}])
    assert response.status_code == 409
    assert codes(response) == ["databaseError.CONCURRENT_MODIFICATION"]


def test_values_of_a_version_to_come_leave_the_numbers_alone(api):
    query = _DAILY.replace("FROM", ", ad_group.type, campaign.advertising_channel_type, ad_group_ad.ad.type FROM")
    plain = api.rows(query)
    api.fault("unknown_values", "facts", times=1)
    strange = api.rows(query)
    assert [row["metrics"]["clicks"] for row in strange] == [row["metrics"]["clicks"] for row in plain]
    assert {row["adGroup"]["type"] for row in strange} == {"HOLOGRAPHIC_STANDARD"}
    assert {row["campaign"]["advertisingChannelType"] for row in strange} == {"HOLOGRAPHIC"}
    assert all("sentiment" in row["campaign"] and "orbit" in row["segments"] for row in strange)
    api.fault("unknown_values", "entities", times=1)
    rows = api.rows("SELECT campaign.advertising_channel_type, campaign.status FROM campaign")
    known = {row["campaign"]["advertisingChannelType"] for row in rows}
    assert known == {"HOLOGRAPHIC", "PERFORMANCE_MAX"}


def test_a_request_may_ask_for_its_own_fault(api):
    assert api.stream(_QUERY, headers={"x-sandbox-fault": "server_error"}).status_code == 500
    assert api.stream(_QUERY).status_code == 200


def test_answers_are_compact_when_asked_to(api):
    path = f"/v26/customers/{api.account().id}/googleAds:searchStream"
    headers = api.headers(api.manager_id)
    pretty = api.http.post(path, json={"query": _QUERY}, headers=headers)
    compact = api.http.post(f"{path}?prettyPrint=false&alt=json", json={"query": _QUERY}, headers=headers)
    assert b'\n  "results": [' in pretty.content
    assert b"\n  " not in compact.content
    assert pretty.json()[0]["results"] == compact.json()[0]["results"]
    refused = api.http.post(f"{path}?fields=x", json={"query": _QUERY}, headers=headers)
    assert refused.status_code == 400


def test_requests_with_unknown_keys_are_refused(api):
    response = api.post(f"customers/{api.account().id}/googleAds:searchStream", {"query": _QUERY, "pageSize": 5})
    assert response.status_code == 400
    (error,) = response.json()
    assert 'Unknown name "pageSize"' in error["error"]["message"]
