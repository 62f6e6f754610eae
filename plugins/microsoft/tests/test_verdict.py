"""What answers mean."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from adjoin.ads.v2 import Reply
from adjoin.errors import ErrorKind
from adjoin_microsoft.verdict import EXPIRED_URL, inspect

CAMPAIGNS = "https://campaign.api.bingads.microsoft.com/CampaignManagement/v13/X"
CUSTOMERS = "https://clientcenter.api.bingads.microsoft.com/CustomerManagement/v13/X"


def _reply(body, status=400, *, method="POST", url=CAMPAIGNS, headers=None):
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Reply(status=status, headers=headers or {}, body=raw, method=method, url=url)


def _fault(body, status=400, **more):
    fault = inspect(_reply(body, status, **more)).fault
    assert fault is not None
    return fault


def _ad_api(*codes):
    errors = [{"Code": code, "ErrorCode": f"Name{code}", "Message": f"Text {code}.", "Detail": None} for code in codes]
    return {"TrackingId": "5e0c", "Type": "AdApiFaultDetail", "Errors": errors}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (0, ErrorKind.RETRY),
        (100, ErrorKind.INVALID),
        (105, ErrorKind.REFRESH),
        (106, ErrorKind.SKIP_ACCOUNT),
        (109, ErrorKind.REFRESH),
        (113, ErrorKind.INVALID),
        (116, ErrorKind.INVALID),
        (117, ErrorKind.WAIT),
        (120, ErrorKind.RECONNECT),
        (126, ErrorKind.RECONNECT),
        (201, ErrorKind.INVALID),
        (202, ErrorKind.RETRY),
        (207, ErrorKind.WAIT),
        (208, ErrorKind.SKIP_ACCOUNT),
        (303, ErrorKind.INVALID),
        (1008, ErrorKind.SKIP_ACCOUNT),
        (1030, ErrorKind.INVALID),
        (2003, ErrorKind.SKIP_ACCOUNT),
        (2004, ErrorKind.WAIT),
        (2034, ErrorKind.INVALID),
        (2100, ErrorKind.RESTART),
        (3030, ErrorKind.INVALID),
        (4204, ErrorKind.WAIT),
        (99999, ErrorKind.INVALID),
    ],
)
@pytest.mark.parametrize("status", [400, 500])
def test_the_code_decides_and_not_the_status(code, kind, status):
    fault = _fault(_ad_api(code), status)
    assert (fault.kind, fault.code, fault.request_id) == (kind, str(code), "5e0c")
    assert f"Name{code}: Text {code}" in fault.message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (_ad_api(117) | {"Errors": [{"Code": 117, "ErrorCode": "A", "Message": "B", "Detail": "C"}]}, "A: B: C"),
        (
            {
                "TrackingId": "5e0c",
                "Type": "ApiFaultDetail",
                "OperationErrors": [{"Code": 117, "ErrorCode": "A", "Message": "B", "Details": "C"}],
                "BatchErrors": [],
            },
            "A: B: C",
        ),
        (
            {
                "TrackingId": "5e0c",
                "Type": "ApiFault",
                "OperationErrors": [{"Code": 117, "Message": "B", "Details": None}],
            },
            "B [117]",
        ),
        (
            {
                "TrackingId": "5e0c",
                "Type": "ApiFaultDetail",
                "OperationErrors": [],
                "BatchErrors": [{"Type": "BatchError", "Code": 117, "Index": 3, "Message": "B"}],
            },
            "(entry 3)",
        ),
        (
            {
                "TrackingId": "5e0c",
                "Type": "EditorialApiFaultDetail",
                "OperationErrors": None,
                "BatchErrors": None,
                "EditorialErrors": [{"Type": "EditorialError", "Code": 117, "Message": "B", "ReasonCode": 7}],
            },
            "B [117]",
        ),
    ],
)
def test_every_shape_of_a_fault_is_read(body, said):
    fault = _fault(body)
    assert (fault.kind, fault.request_id) == (ErrorKind.WAIT, "5e0c")
    assert said in fault.message


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ((0, 117), ErrorKind.WAIT),
        ((0, 113), ErrorKind.INVALID),
        ((113, 109), ErrorKind.REFRESH),
        ((113, 106), ErrorKind.SKIP_ACCOUNT),
        ((0, 0), ErrorKind.RETRY),
    ],
)
def test_of_several_errors_the_one_that_decides_is_found_anywhere(codes, kind):
    assert _fault(_ad_api(*codes)).kind is kind


def test_a_long_list_of_errors_is_cut():
    assert _fault(_ad_api(*range(2010, 2020))).message.endswith("and 7 more")


@pytest.mark.parametrize(("code", "wait"), [(117, 60), (207, 30), (4204, 900), (3227, 900)])
def test_how_long_to_stay_away_is_known_where_no_answer_says(code, wait):
    assert _fault(_ad_api(code)).retry_after == timedelta(seconds=wait)


@pytest.mark.parametrize(("code", "alone"), [(117, False), (207, False), (4204, True), (2004, True)])
def test_a_long_wait_holds_up_nothing_else(code, alone):
    hints = inspect(_reply(_ad_api(code))).hints
    assert [hint.wait for hint in hints] == ([timedelta(0)] if alone else [])


def test_a_wait_that_the_answer_tells_is_left_to_it():
    assert _fault(_ad_api(117), headers={"Retry-After": "2"}).retry_after is None


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (105, "ADJOIN_MICROSOFT_DEVELOPER_TOKEN"),
        (106, "may not see this account"),
        (303, "retired"),
        (1102, "not by their account number"),
        (126, "with Google"),
    ],
)
def test_the_message_says_what_to_do(code, hint):
    assert hint in _fault(_ad_api(code)).message


def test_a_user_without_rights_of_its_own_has_to_be_another_one():
    assert _fault(_ad_api(106), url=CUSTOMERS).kind is ErrorKind.RECONNECT


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"", ErrorKind.INVALID),
        (401, b"", ErrorKind.REFRESH),
        (403, b"<html>no</html>", ErrorKind.SKIP_ACCOUNT),
        (429, b"<html><h1>Too many</h1> requests</html>", ErrorKind.WAIT),
        (500, b"<html>", ErrorKind.RETRY),
        (503, b"{}", ErrorKind.RETRY),
    ],
)
def test_without_codes_the_status_decides(status, body, kind):
    fault = _fault(body, status, headers={"TrackingId": "in-header"})
    assert (fault.kind, fault.request_id) == (kind, "in-header")
    assert "<" not in fault.message


def test_a_body_that_is_no_json_is_shown_in_part():
    fault = _fault(b"<html><h1>Too many</h1> requests" + b"x" * 10_000, 429)
    assert "Too many requests" in fault.message
    assert len(fault.message) < 400
    assert fault.retry_after == timedelta(seconds=60)


def test_429_waits_whatever_the_codes():
    assert _fault(_ad_api(100), 429).kind is ErrorKind.WAIT


@pytest.mark.parametrize("status", [401, 403, 404])
def test_storage_that_refuses_an_address_asks_for_a_fresh_one(status):
    xml = b'<?xml version="1.0"?><Error><Code>AuthenticationFailed</Code></Error>'
    fault = _fault(xml, status, method="GET", url="https://files.example/1.zip?sig=***")
    assert (fault.kind, fault.code) == (ErrorKind.RESTART, EXPIRED_URL)


@pytest.mark.parametrize("body", [b"", b'{"Accounts":[', b"<html>", b'{"PartialErrors":[{"Code":'])
def test_a_good_answer_that_is_cut_is_asked_for_again(body):
    assert _fault(body, 200).code == "garbled"


@pytest.mark.parametrize("body", [{}, {"Accounts": []}, {"Goals": [], "PartialErrors": []}, {"PartialErrors": None}])
def test_a_good_answer_is_no_fault(body):
    assert inspect(_reply(body, 200)).fault is None


def test_what_passes_is_repeated_even_inside_a_good_answer():
    partial = {"Ids": [None], "PartialErrors": [{"Type": "BatchError", "Index": 0, "Code": 117, "Message": "slow"}]}
    assert _fault(partial, 200).kind is ErrorKind.WAIT


def test_entries_that_cannot_be_read_are_left_to_the_caller():
    partial = {"Goals": [None], "PartialErrors": [{"Type": "BatchError", "Index": 0, "Code": 5317, "Message": "no"}]}
    assert inspect(_reply(partial, 200)).fault is None


def test_fields_and_values_that_are_new_do_no_harm():
    body = _ad_api(117) | {"New": {"a": [1]}, "Type": "NewFault"}
    body["Errors"][0] |= {"Newer": 1}
    assert _fault(body).kind is ErrorKind.WAIT
