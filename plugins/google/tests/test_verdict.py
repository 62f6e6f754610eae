"""What answers mean."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from adjoin.ads.v2 import Hint, Reply
from adjoin.errors import ErrorKind
from adjoin_google.verdict import inspect

_FAILURE = "type.googleapis.com/google.ads.googleads.{}.errors.GoogleAdsFailure"
_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


def _reply(body, *, status=400, headers=None):
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    url = "https://googleads.googleapis.com/v26/customers/1234567890/googleAds:searchStream"
    return Reply(status=status, headers=headers or {}, body=raw, method="POST", url=url)


def _failure(code, *, message="no", version="v26", status="INVALID_ARGUMENT", before=(), **error):
    family, _, name = code.partition(".")
    return {
        "error": {
            "code": 400,
            "message": "Request contains an invalid argument.",
            "status": status,
            "details": [
                *before,
                {
                    "@type": _FAILURE.format(version),
                    "errors": [{"errorCode": {family: name}, "message": message, **error}],
                    "requestId": "Qreq",
                },
            ],
        }
    }


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("queryError.UNRECOGNIZED_FIELD", "invalid"),
        ("queryError.EXPECTED_FILTERS_ON_DATE_RANGE", "invalid"),
        ("queryError.REQUESTED_METRICS_FOR_MANAGER", "skip_account"),
        ("requestError.UNSUPPORTED_VERSION", "invalid"),
        ("requestError.EXPIRED_PAGE_TOKEN", "restart"),
        ("requestError.INVALID_PAGE_TOKEN", "restart"),
        ("requestError.CANNOT_BE_EXECUTED_BY_MANAGER_ACCOUNT", "skip_account"),
        ("internalError.TRANSIENT_ERROR", "retry"),
        ("internalError.INTERNAL_ERROR", "retry"),
        ("internalError.DEADLINE_EXCEEDED", "split"),
        ("databaseError.CONCURRENT_MODIFICATION", "retry"),
        ("quotaError.RESOURCE_EXHAUSTED", "wait"),
        ("quotaError.RESOURCE_TEMPORARILY_EXHAUSTED", "wait"),
        ("quotaError.EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION", "wait"),
        ("quotaError.EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION", "wait"),
        ("quotaError.SOMETHING_NEW", "wait"),
        ("authenticationError.OAUTH_TOKEN_EXPIRED", "refresh"),
        ("authenticationError.OAUTH_TOKEN_INVALID", "refresh"),
        ("authenticationError.OAUTH_TOKEN_REVOKED", "reconnect"),
        ("authenticationError.NOT_ADS_USER", "reconnect"),
        ("authenticationError.TWO_STEP_VERIFICATION_NOT_ENROLLED", "reconnect"),
        ("authenticationError.CUSTOMER_NOT_FOUND", "skip_account"),
        ("authorizationError.USER_PERMISSION_DENIED", "skip_account"),
        ("authorizationError.CUSTOMER_NOT_ENABLED", "skip_account"),
        ("authorizationError.CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION", "invalid"),
        ("authorizationError.METRIC_ACCESS_DENIED", "invalid"),
        ("headerError.INVALID_LOGIN_CUSTOMER_ID", "invalid"),
        ("brandNewError.OF_NEXT_YEAR", "invalid"),
    ],
)
def test_the_code_decides_and_not_the_http_status(code, kind):
    for status in (200, 400, 401, 403, 500):
        body = _failure(code)
        for shape in (body, [body]):
            fault = inspect(_reply(shape, status=status)).fault
            assert fault.kind == kind, status
            assert fault.code == code
            assert fault.request_id == "Qreq"


def test_the_failure_is_found_by_its_type_wherever_it_is_and_of_any_version():
    info = {"@type": _INFO, "reason": "X"}
    body = _failure("quotaError.RESOURCE_EXHAUSTED", version="v31", before=[info, {"@type": "other"}, {}])
    assert inspect(_reply(body)).fault.code == "quotaError.RESOURCE_EXHAUSTED"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("UNAUTHENTICATED", "refresh"),
        ("RESOURCE_EXHAUSTED", "wait"),
        ("UNAVAILABLE", "retry"),
        ("INTERNAL", "retry"),
        ("UNKNOWN", "retry"),
        ("ABORTED", "retry"),
        ("DEADLINE_EXCEEDED", "split"),
        ("PERMISSION_DENIED", "invalid"),
        ("INVALID_ARGUMENT", "invalid"),
        ("NOT_FOUND", "invalid"),
    ],
)
def test_without_a_code_the_status_of_the_body_decides(status, kind):
    assert inspect(_reply({"error": {"code": 400, "message": "m", "status": status}})).fault.kind == kind


@pytest.mark.parametrize(
    ("reason", "status", "kind", "words"),
    [
        ("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "PERMISSION_DENIED", "reconnect", "allow it"),
        ("SERVICE_DISABLED", "PERMISSION_DENIED", "invalid", "switched off in the Cloud project"),
        ("ACCESS_TOKEN_EXPIRED", "UNAUTHENTICATED", "refresh", "access token"),
    ],
)
def test_the_front_end_gives_reasons(reason, status, kind, words):
    body = {"error": {"code": 403, "message": "m", "status": status, "details": [{"@type": _INFO, "reason": reason}]}}
    fault = inspect(_reply(body, status=403)).fault
    assert fault.kind == kind
    assert words in fault.message
    assert fault.code == reason


def test_a_quota_says_how_long_and_for_whom():
    details = {
        "quotaErrorDetails": {"rateScope": "DEVELOPER", "rateName": "Number of operations", "retryDelay": "900s"}
    }
    verdict = inspect(_reply(_failure("quotaError.RESOURCE_EXHAUSTED", details=details), status=429))
    assert verdict.fault.retry_after == timedelta(minutes=15)
    assert verdict.hints == (Hint(scope="app", wait=timedelta(minutes=15)),)
    assert "Number of operations" in verdict.fault.message
    details["quotaErrorDetails"] |= {"rateScope": "ACCOUNT", "retryDelay": "1.500s"}
    verdict = inspect(_reply(_failure("quotaError.RESOURCE_TEMPORARILY_EXHAUSTED", details=details), status=429))
    assert verdict.hints == (Hint(scope="account", wait=timedelta(seconds=1.5)),)


def test_a_quota_without_a_wait_leaves_it_to_the_client_unless_it_is_a_long_one():
    bare = inspect(_reply(_failure("quotaError.RESOURCE_EXHAUSTED"), status=429))
    assert bare.fault.retry_after is None
    assert bare.hints == ()
    long = inspect(_reply(_failure("quotaError.EXCESSIVE_LONG_TERM_QUERY_RESOURCE_CONSUMPTION"), status=429))
    assert long.fault.retry_after == timedelta(hours=1)


def test_googles_retry_info_counts_too():
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
    body = {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": [detail]}}
    assert inspect(_reply(body, status=429)).fault.retry_after == timedelta(seconds=7)


def test_the_place_of_a_mistake_is_shown():
    location = {"fieldPathElements": [{"fieldName": "operations", "index": 1}, {"fieldName": "create"}]}
    fault = inspect(_reply(_failure("fieldError.REQUIRED", message="Missing.", location=location))).fault
    assert fault.message == "Google refused: Missing. (at operations[1].create)"


def test_of_several_errors_the_one_that_says_what_to_do_decides():
    body = _failure("queryError.UNRECOGNIZED_FIELD")
    body["error"]["details"][0]["errors"].append({"errorCode": {"internalError": "TRANSIENT_ERROR"}, "message": "x"})
    assert inspect(_reply(body)).fault.kind is ErrorKind.RETRY


@pytest.mark.parametrize(
    ("status", "code", "kind", "words"),
    [
        (400, "invalid_grant", "reconnect", "Testing"),
        (401, "unauthorized_client", "reconnect", "another OAuth client"),
        (401, "invalid_client", "invalid", "ADJOIN_GOOGLE_CLIENT_ID"),
        (400, "invalid_request", "invalid", "Token has been expired"),
        (500, "internal_failure", "retry", "Token has been expired"),
        (503, "whatever", "retry", "Token has been expired"),
    ],
)
def test_the_token_endpoint_has_a_shape_of_its_own(status, code, kind, words):
    body = {"error": code, "error_description": "Token has been expired or revoked."}
    fault = inspect(_reply(body, status=status)).fault
    assert fault.kind == kind
    assert fault.code == code
    assert words in fault.message


def test_a_retired_version_is_said_in_words():
    fault = inspect(_reply(_failure("requestError.UNSUPPORTED_VERSION"))).fault
    assert "retired" in fault.message
    assert "ADJOIN_GOOGLE_API_VERSION" in fault.message
    page = inspect(_reply(b"<!DOCTYPE html>\n<html lang=en>", status=404)).fault
    assert page.kind is ErrorKind.INVALID
    assert "ADJOIN_GOOGLE_API_VERSION" in page.message
    assert "/v26/customers" in page.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, "retry"), (400, "retry"), (401, "retry"), (403, "retry"), (429, "wait"), (502, "retry")],
)
def test_a_gateway_that_answers_in_googles_place(status, kind):
    assert inspect(_reply(b"<html>Bad Gateway</html>", status=status)).fault.kind == kind


@pytest.mark.parametrize("body", [b'{"error": {"code": 4', b"[{", b""])
def test_a_refusal_that_was_cut_off_is_asked_for_again(body):
    assert inspect(_reply(body, status=400 if body else 500)).fault.kind is ErrorKind.RETRY


@pytest.mark.parametrize("body", [{"resourceNames": []}, [], [{"results": []}], {}, {"access_token": "x"}])
def test_good_answers_are_no_faults(body):
    assert inspect(_reply(body, status=200)).fault is None


@pytest.mark.parametrize(
    "body",
    [
        {"error": None},
        {"error": {"details": "x", "status": 7}},
        {"error": {"details": [None, 7, {"@type": 7}, {"@type": _FAILURE.format("v26"), "errors": "x"}]}},
        {"error": {"details": [{"@type": _FAILURE.format("v26"), "errors": [{"errorCode": [], "location": 1}]}]}},
        {"error": {"details": [{"@type": _FAILURE.format("v26"), "errors": [{"details": {"quotaErrorDetails": 1}}]}]}},
    ],
)
def test_no_shape_makes_it_raise(body):
    for status in (200, 400, 500):
        assert inspect(_reply(body, status=status)).fault is not None


def test_the_request_id_comes_from_the_header_where_the_body_has_none():
    body = {"error": {"code": 401, "message": "m", "status": "UNAUTHENTICATED"}}
    assert inspect(_reply(body, status=401, headers={"Request-Id": "Hid"})).fault.request_id == "Hid"
