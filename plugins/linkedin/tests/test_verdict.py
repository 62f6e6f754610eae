"""What an answer means."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from adjoin.ads.v2 import Hint, Reply
from adjoin.errors import ErrorKind
from adjoin_linkedin.verdict import WARN_DAYS, inspect
from adjoin_linkedin.version import end_of

_ANALYTICS = "https://api.linkedin.com/rest/adAnalytics?accounts=List(urn%3Ali%3AsponsoredAccount%3A5)#202610"
_RULES = "https://api.linkedin.com/rest/conversions?q=account#202610"
_CAMPAIGNS = "https://api.linkedin.com/rest/adAccounts/5/adCampaigns?q=search&pageToken=***#202610"
_ACCOUNTS = "https://api.linkedin.com/rest/adAccounts?q=search#202610"
_TOKEN = "https://www.linkedin.com/oauth/v2/accessToken"
_NOON = {"Date": "Sun, 22 Nov 2026 12:30:00 GMT"}


def _reply(body, status=400, url=_CAMPAIGNS, headers=None):
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Reply(status=status, headers=headers or {}, body=raw, method="GET", url=url)


def _refused(status, message="No.", code="", *, service=None, url=_CAMPAIGNS, headers=None):
    body = {"status": status, "message": message}
    body |= {"code": code} if code else {}
    body |= {"serviceErrorCode": service} if service is not None else {}
    return inspect(_reply(body, status, url, headers))


def _invalid(field, code="PARAM_INVALID"):
    wrong = {"description": "Invalid argument", "input": {"inputPath": {"fieldPath": field}}, "code": code}
    return {
        "status": 400,
        "errorDetailType": "com.linkedin.common.error.BadRequest",
        "message": "Multiple errors occurred during the input validation. Please see errorDetails.",
        "errorDetails": {"inputErrors": [wrong]},
    }


@pytest.mark.parametrize(
    ("status", "code", "service", "message", "kind"),
    [
        (400, "PARAM_INVALID", None, "Invalid param", "invalid"),
        (400, "", None, "Request would return too many entities. ", "invalid"),
        (400, "VERSION_MISSING", None, "A version must be present", "invalid"),
        (401, "REVOKED_ACCESS_TOKEN", 65601, "The token used in the request has been revoked by the user", "refresh"),
        (401, "EXPIRED_ACCESS_TOKEN", 65602, "Expired access token", "refresh"),
        (401, "", None, "Empty oauth2_access_token", "refresh"),
        (403, "ACCESS_DENIED", 100, "Not enough permissions to access: partnerApiCampaigns.FINDER", "skip_account"),
        (404, "RESOURCE_NOT_FOUND", None, "Could not find entity", "skip_account"),
        (404, "", None, "No virtual resource found", "invalid"),
        (405, "", None, "Method not allowed", "invalid"),
        (409, "", None, "Version conflict", "invalid"),
        (414, "", None, "URI too long", "invalid"),
        (422, "", None, 'ERROR :: /objectiveType :: "X" is not an enum symbol', "invalid"),
        (426, "NONEXISTENT_VERSION", None, "Requested version 20250401 is not active", "invalid"),
        (429, "TOO_MANY_REQUESTS", 101, "Too many requests", "wait"),
        (500, "INTERNAL_SERVER_ERROR", 0, "Internal Server Error", "retry"),
        (504, "", None, "Gateway timeout", "retry"),
    ],
)
def test_each_refusal_has_its_kind(status, code, service, message, kind):
    fault = _refused(status, message, code, service=service).fault
    assert fault.kind == kind
    assert fault.code == (code or (str(service) if service else str(status)))
    assert str(status) in fault.message
    assert message.strip().rstrip(".") in fault.message


def test_what_support_wants_to_know_is_said():
    body = {"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED", "message": "Not enough permissions"}
    fault = inspect(_reply(body, 403, _ANALYTICS, {"X-LI-UUID": "AAYz=="})).fault
    assert fault.request_id == "AAYz=="
    assert fault.message == (
        "LinkedIn allows no access: it takes the scope r_ads_reporting and a role in the ad account: "
        "Not enough permissions (HTTP status 403, serviceErrorCode 100, LinkedIn-Version 202610)"
    )


def test_the_fields_that_are_wrong_are_named():
    fault = inspect(_reply(_invalid("search/account"))).fault
    assert fault.kind is ErrorKind.INVALID
    assert "search/account: Invalid argument [PARAM_INVALID]" in fault.message


@pytest.mark.parametrize(
    "body", [_invalid("pageToken"), {"status": 400, "message": "Invalid page token", "code": "PARAM_INVALID"}]
)
def test_a_refused_page_token_begins_the_listing_again(body):
    fault = inspect(_reply(body)).fault
    assert (fault.kind, fault.code) == (ErrorKind.RESTART, "page-token")


@pytest.mark.parametrize(
    ("url", "message", "kind"),
    [
        (_ANALYTICS, "Not enough permissions to access: adAnalytics.FINDER-statistics.20261001", "skip_account"),
        (_CAMPAIGNS, "Not enough permissions", "skip_account"),
        (_ACCOUNTS, "Not enough permissions to access: adAccounts.FINDER-search.20261001", "reconnect"),
        (_ANALYTICS, "The token lacks the scope r_ads_reporting", "reconnect"),
        (_RULES, "The token lacks the scope r_conversions", "skip_account"),  # only names are missing without it
    ],
)
def test_where_no_account_is_named_or_a_scope_is_a_person_must_consent_again(url, message, kind):
    assert _refused(403, message, "ACCESS_DENIED", url=url).fault.kind == kind


def test_a_retired_version_names_the_setting_and_the_version():
    fault = _refused(426, "Requested version 20250401 is not active", "NONEXISTENT_VERSION").fault
    assert "ADJOIN_LINKEDIN_API_VERSION" in fault.message
    assert "202610" in fault.message


def test_a_daily_limit_waits_until_midnight_utc():
    message = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."
    verdict = _refused(429, message, "TOO_MANY_REQUESTS", headers=_NOON)
    assert verdict.fault.retry_after == timedelta(hours=11, minutes=30)
    assert verdict.hints == (Hint(scope="app", wait=timedelta(hours=11, minutes=30)),)


@pytest.mark.parametrize("whose", ["MEMBER", "APPLICATION_AND_MEMBER"])
def test_a_members_daily_limit_is_not_the_apps(whose):
    message = f"Resource level throttle {whose} DAY limit for calls to this resource is reached."
    verdict = _refused(429, message, "TOO_MANY_REQUESTS", headers=_NOON)
    assert verdict.fault.retry_after == timedelta(hours=11, minutes=30)
    assert verdict.hints == ()


def test_a_daily_limit_without_a_date_is_tried_again_in_an_hour():
    assert _refused(429, "DAY limit").fault.retry_after == timedelta(hours=1)
    assert _refused(429, "DAY limit", headers={"Date": "yesterday"}).fault.retry_after == timedelta(hours=1)


def test_any_other_throttle_leaves_the_wait_to_the_client_unless_it_says_one():
    assert _refused(429, "Too many requests").fault.retry_after is None
    assert _refused(429, "DAY limit", headers={"Retry-After": "2"}).fault.retry_after == timedelta(seconds=2)
    assert inspect(_reply(b"<html>", 429)).fault.kind is ErrorKind.WAIT


@pytest.mark.parametrize(
    ("error", "description", "kind"),
    [
        ("invalid_grant", "gone", "reconnect"),
        ("invalid_request", "The provided refresh token is invalid, expired or revoked", "reconnect"),
        ("invalid_request", "A required parameter is missing", "invalid"),
        ("invalid_client", "Client authentication failed", "invalid"),
    ],
)
def test_refusals_of_the_token_endpoint(error, description, kind):
    fault = inspect(_reply({"error": error, "error_description": description}, 400, _TOKEN)).fault
    assert (fault.kind, fault.code) == (kind, error)
    assert description in fault.message


@pytest.mark.parametrize("body", [b"", b"Service Unavailable", b"<html>", b'{"elements":[{"id":1', b'"te', b"\xff"])
def test_a_good_status_with_something_else_than_json_is_repeated(body):
    fault = inspect(_reply(body, 200)).fault
    assert (fault.kind, fault.code) == (ErrorKind.RETRY, "garbled")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "retry"), (401, "refresh"), (403, "retry"), (404, "retry"), (429, "wait"), (503, "retry"), (999, "retry")],
)
def test_a_refusal_that_cannot_be_read_goes_by_its_status(status, kind):
    assert inspect(_reply(b'{"status":403,"message":"Not eno', status)).fault.kind == kind


@pytest.mark.parametrize("body", [{"elements": []}, {"id": 5}, {"access_token": "x"}])
def test_good_answers_have_no_fault(body):
    assert inspect(_reply(body, 200)).fault is None


def test_creating_and_changing_answer_without_a_body():
    for status in (201, 204):
        assert inspect(Reply(status=status, headers={}, body=b"", method="POST", url=_CAMPAIGNS)).fault is None


def test_a_large_page_is_not_decoded():
    page = b'{"elements":[' + b'{"broken' * 100_000 + b"]}"
    assert inspect(_reply(page, 200)).fault is None
    assert inspect(_reply(page[:-1], 200)).fault.kind is ErrorKind.RETRY


@pytest.mark.parametrize(
    ("day", "warns"), [("15 Aug 2027", False), ("16 Aug 2027", True), ("01 Oct 2027", True), ("22 Nov 2026", False)]
)
def test_the_end_of_a_version_is_announced_sixty_days_before(day, warns):
    reply = _reply({"elements": []}, 200, headers={"Date": f"Mon, {day} 12:00:00 GMT"})
    warning = inspect(reply).warning
    assert bool(warning) is warns
    if warns:
        assert "202610" in warning
        assert "2027-10-15" in warning
        assert "ADJOIN_LINKEDIN_API_VERSION" in warning


def test_an_answer_of_no_version_or_no_time_warns_of_nothing():
    assert WARN_DAYS == 60
    assert inspect(_reply({}, 200, _TOKEN, {"Date": "Mon, 01 Oct 2029 12:00:00 GMT"})).warning == ""
    assert inspect(_reply({}, 200)).warning == ""


@pytest.mark.parametrize(
    ("version", "end"), [("202304", "2024-04-15"), ("202504.02", "2026-04-15"), ("2023", None), ("202313", None)]
)
def test_versions_live_for_a_year(version, end):
    assert (str(end_of(version)) if end else end_of(version)) == (end or None)


@pytest.mark.parametrize("error", ["invalid_client", "invalid_client_id"])
def test_an_unknown_app_names_the_settings(error):
    """The operator has mixed up the registrations of two platforms, say."""
    fault = inspect(_reply({"error": error, "error_description": "Client authentication failed"}, 401, _TOKEN)).fault
    assert "ADJOIN_LINKEDIN_CLIENT_ID" in fault.message
    assert "Client authentication failed" in fault.message
