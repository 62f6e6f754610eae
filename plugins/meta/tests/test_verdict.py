"""What answers mean."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from adjoin.ads.v2 import Hint, Reply
from adjoin.errors import ErrorKind
from adjoin_meta.verdict import inspect


def _reply(body, *, status=400, headers=None, url="https://graph.facebook.com/v26.0/1"):
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Reply(status=status, headers=headers or {}, body=raw, url=url)


def _error(code, subcode=None, message="no", **more):
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "Atrace", **more}
    return {"error": error | ({"error_subcode": subcode} if subcode is not None else {})}


@pytest.mark.parametrize(
    ("code", "subcode", "kind"),
    [
        (1, None, "retry"), (1, 99, "retry"), (1, 2853001, "invalid"), (2, None, "retry"),
        (4, None, "wait"), (4, 1504022, "wait"), (4, 1504039, "wait"), (10, None, "skip_account"),
        (17, 2446079, "wait"), (32, None, "wait"), (341, None, "wait"), (613, None, "wait"), (613, 1487632, "wait"),
        (613, 1487742, "wait"), (613, 5044001, "wait"), (613, 4841018, "wait"), (80000, 2446079, "wait"),
        (80004, 2446079, "wait"), (80014, None, "wait"), (99, None, "retry"), (104, None, "retry"),
        (960, None, "retry"), (100, None, "invalid"), (100, 33, "invalid"), (100, 3191001, "skip_account"),
        (102, None, "reconnect"), (190, None, "reconnect"), (190, 458, "reconnect"), (190, 460, "reconnect"),
        (190, 463, "reconnect"), (190, 467, "reconnect"), (200, None, "skip_account"), (294, None, "reconnect"),
        (299, None, "skip_account"), (200, 4841013, "wait"), (368, None, "wait"), (2500, None, "invalid"),
        (2601, None, "invalid"), (2635, None, "invalid"), (2642, None, "restart"), (3018, None, "invalid"),
        (-2, 2490547, "retry"), (-3, 1504045, "split"), (100, 1504018, "split"), (2, 1504038, "split"),
        (2, 1504041, "invalid"), (2, 1504042, "invalid"), (2, 1504043, "retry"), (2, 1504044, "retry"),
        (100, 1487534, "split"), (4711, None, "invalid"),
    ],
)  # fmt: skip
def test_the_code_decides_and_not_the_status(code, subcode, kind):
    for status in (200, 400, 401, 403, 500):
        fault = inspect(_reply(_error(code, subcode), status=status)).fault
        assert fault is not None
        assert fault.kind == kind, status
        assert fault.request_id == "Atrace"


def test_asking_for_less_is_a_split():
    message = "Please reduce the amount of data you're asking for, then retry your request"
    assert inspect(_reply(_error(1, message=message), status=500)).fault.kind is ErrorKind.SPLIT


def test_what_meta_calls_transient_is_repeated():
    assert inspect(_reply(_error(4711, is_transient=True))).fault.kind is ErrorKind.RETRY


def test_a_report_field_that_comes_and_goes_is_repeated():
    message = "(#100) Cannot include ad_id in summary param because they weren't there while creating the report run"
    assert inspect(_reply(_error(100, message=message))).fault.kind is ErrorKind.RETRY


def test_an_account_out_of_reach_is_skipped_and_other_objects_are_not():
    out_of_reach = inspect(_reply(_error(100, 33), url="https://graph.facebook.com/v26.0/act_1/insights"))
    assert out_of_reach.fault.kind is ErrorKind.SKIP_ACCOUNT
    assert inspect(_reply(_error(100, message="(#100) Missing permissions"))).fault.kind is ErrorKind.SKIP_ACCOUNT


@pytest.mark.parametrize("data", ['{"blame_field_specs":[["x"]]}', {"blame_field_specs": [["x"]]}])
def test_error_data_may_be_text_or_an_object(data):
    fault = inspect(_reply(_error(100, 1885272, error_data=data, error_user_title="Low", error_user_msg="More"))).fault
    assert fault.message == "Meta refused: Low: More"
    assert fault.code == "100/1885272"


def test_the_message_for_a_dead_token_says_what_to_do():
    fault = inspect(_reply(_error(190, 463, message="Session has expired"))).fault
    assert "expired. Connect again." in fault.message


def test_the_message_for_a_dead_version_names_the_setting():
    assert "api_version" in inspect(_reply(_error(2635))).fault.message


@pytest.mark.parametrize("body", [b"", b"Service Unavailable", b"<html>", b'{"data":[{"id":"1"', b"[1", b'"text"'])
def test_a_good_status_with_something_else_than_json_is_repeated(body):
    fault = inspect(_reply(body, status=200)).fault
    assert fault.kind is ErrorKind.RETRY
    assert fault.code == "garbled"


@pytest.mark.parametrize(
    ("status", "kind"), [(500, "retry"), (502, "retry"), (503, "retry"), (429, "wait"), (404, "invalid")]
)
def test_without_an_error_in_the_body_the_status_decides(status, kind):
    assert inspect(_reply(b"{}", status=status)).fault.kind == kind


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "retry"), (404, "retry"), (500, "retry"), (503, "retry"), (429, "wait")]
)
def test_a_refusal_that_was_cut_off_is_repeated(status, kind):
    assert inspect(_reply(b'{"error":{"message":"(#17) User requ', status=status)).fault.kind == kind


@pytest.mark.parametrize("body", [{"data": []}, {"id": "1"}, [{"code": 200, "body": "{}"}], {"success": True}])
def test_good_answers_have_no_fault(body):
    assert inspect(_reply(body, status=200)).fault is None


def test_an_answer_without_success_is_a_fault():
    assert inspect(_reply({"success": False}, status=200)).fault.kind is ErrorKind.INVALID


def test_a_large_page_is_not_decoded():
    page = b'{"data":[' + b'{"broken' * 100_000 + b"]}"
    assert inspect(_reply(page, status=200)).fault is None


def test_minutes_and_seconds_are_told_apart():
    business = '{"101":[{"type":"ads_insights","call_count":100,"estimated_time_to_regain_access":3}]}'
    by_minutes = inspect(_reply(_error(80000, 2446079), headers={"x-business-use-case-usage": business}))
    assert by_minutes.fault.retry_after == timedelta(minutes=3)
    assert by_minutes.hints == (Hint(scope="account", used=1.0, wait=timedelta(minutes=3), account="101"),)
    account = '{"acc_id_util_pct":100,"reset_time_duration":90}'
    by_seconds = inspect(_reply(_error(17, 2446079), headers={"X-Ad-Account-Usage": account}))
    assert by_seconds.fault.retry_after == timedelta(seconds=90)


@pytest.mark.parametrize(
    ("code", "subcode", "wait"),
    [
        (17, 2446079, timedelta(minutes=5)),
        (4, None, timedelta(minutes=1)),
        (613, 1487632, timedelta(hours=1)),
        (368, None, timedelta(hours=2)),
    ],
)
def test_without_headers_each_throttle_has_a_wait_of_its_own(code, subcode, wait):
    assert inspect(_reply(_error(code, subcode))).fault.retry_after == wait


def test_usage_headers_become_hints_on_good_answers():
    headers = {
        "X-App-Usage": '{"call_count":28,"total_time":25,"total_cputime":61}',
        "X-Ad-Account-Usage": '{"acc_id_util_pct":9.5,"reset_time_duration":100}',
        "X-FB-Ads-Insights-Throttle": '{"app_id_util_pct":12.5,"acc_id_util_pct":10}',
        "X-Business-Use-Case-Usage": '{"101":[{"call_count":95},{"call_count":3}]}',
    }
    hints = inspect(_reply({"data": []}, status=200, headers=headers)).hints
    assert [(hint.scope, round(hint.used, 3), hint.wait, hint.account) for hint in hints] == [
        ("app", 0.61, None, ""),
        ("account", 0.095, None, ""),
        ("app", 0.125, None, ""),
        ("account", 0.1, None, ""),
        ("account", 0.95, None, "101"),
        ("account", 0.03, None, "101"),
    ]


def test_headers_that_cannot_be_read_say_nothing():
    headers = {"X-App-Usage": "busy", "X-Business-Use-Case-Usage": "[]"}
    assert inspect(_reply({"data": []}, status=200, headers=headers)).hints == ()


def test_a_warning_about_the_version_reaches_the_operator():
    verdict = inspect(_reply({"data": []}, status=200, headers={"X-Ad-Api-Version-Warning": "v25.0 ends"}))
    assert "v25.0 ends" in verdict.warning
