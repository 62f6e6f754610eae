"""The faults that the sandbox acts out, in the vendor's own shapes."""

from __future__ import annotations

import httpx
import pytest

from adjoin_microsoft.sandbox.caller import Caller, codes
from adjoin_microsoft.sandbox.calls import classify
from adjoin_microsoft.sandbox.directory import Directory

FIGURES = ("TimePeriod", "CampaignId", "Clicks")
CAMPAIGNS = "CampaignManagement/v13/Campaigns/QueryByAccountId"


@pytest.fixture
def caller(sandbox):
    return Caller.of(sandbox.url, sandbox.world)


@pytest.mark.parametrize(
    ("method", "path", "request_class"),
    [
        ("POST", "/common/oauth2/v2.0/token", "token"),
        ("GET", "/common/oauth2/v2.0/authorize", "token"),
        ("POST", "/CustomerManagement/v13/Accounts/Search", "accounts"),
        ("POST", "/CampaignManagement/v13/Ads/QueryByAdGroupId", "entities"),
        ("POST", "/CampaignManagement/v13/Campaigns", "mutate"),
        ("PUT", "/CampaignManagement/v13/Ads", "mutate"),
        ("DELETE", "/CampaignManagement/v13/Keywords", "mutate"),
        ("POST", "/Bulk/v13/Campaigns/DownloadByAccountIds", "entities"),
        ("GET", "/blob/bulk/1.zip", "entities"),
        ("POST", "/Reporting/v13/GenerateReport/Poll", "report"),
        ("GET", "/blob/reports/1.zip", "facts"),
        ("GET", "/nonsense", "other"),
    ],
)
def test_requests_have_classes(method, path, request_class):
    assert classify(method, path) == request_class


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [
        ("throttle", (400, [117])),
        ("server_error", (500, [0])),
        ("token_expired", (401, [109])),
        ("version_retired", (400, [303])),
        ("account_forbidden", (403, [106])),
        ("account_disabled", (400, [1008])),
    ],
)
def test_a_call_is_refused_once(sandbox, caller, kind, refusal):
    sandbox.fault(kind, "entities", times=1)
    body = {"AccountId": caller.account.id}
    assert codes(caller.post(CAMPAIGNS, body)) == refusal
    sandbox.world.faults.clear()
    assert caller.post(CAMPAIGNS, body).status_code == 200


def test_a_bare_throttle_has_no_body_of_the_api(sandbox, caller):
    sandbox.fault("throttle_bare", times=1)
    answer = caller.post(CAMPAIGNS, {"AccountId": caller.account.id})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (429, "text/html")
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("kind", ["account_forbidden", "account_disabled"])
def test_one_account_refuses_and_the_others_go_on(sandbox, caller, kind):
    sandbox.fault(kind)
    assert caller.post(CAMPAIGNS, {"AccountId": caller.account.id}).status_code in (400, 403)
    assert codes(caller.submit("CampaignPerformance", FIGURES)) == (400, [2003])
    other = Caller(sandbox.url, sandbox.world, sandbox.world.on("microsoft").accounts[1])
    assert other.post(CAMPAIGNS, {"AccountId": other.account.id}).status_code == 200
    assert other.submit("CampaignPerformance", FIGURES).status_code == 200


@pytest.mark.parametrize(("kind", "code"), [("report_queue_full", 207), ("report_incomplete", 2004)])
def test_an_order_of_a_report_is_refused(sandbox, caller, kind, code):
    sandbox.fault(kind, "report", times=1)
    answer = caller.submit("CampaignPerformance", FIGURES)
    assert codes(answer) == (400, [code])
    assert answer.json()["Type"] == "ApiFaultDetail"
    assert caller.submit("CampaignPerformance", FIGURES).status_code == 200


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("report_failed", ["Pending", "Error", "Error"]),
        ("report_stuck", ["Pending", "Pending", "Pending"]),
        ("report_slow", ["Pending", "Pending", "Pending"]),
        ("report_empty", ["Pending", "Success", "Success"]),
    ],
)
def test_a_report_takes_another_course(sandbox, caller, kind, seen):
    sandbox.fault(kind, "report", times=1)
    report_id = caller.submit("CampaignPerformance", FIGURES).json()["ReportRequestId"]
    polls = [caller.poll(report_id) for _ in range(3)]
    assert [poll["Status"] for poll in polls] == seen
    assert {poll["ReportDownloadUrl"] for poll in polls} == {None}


def test_a_slow_report_is_done_in_the_end(sandbox, caller):
    sandbox.fault("report_slow", "report", times=1)
    assert caller.rows("CampaignPerformance", FIGURES)


def test_a_link_has_expired_and_a_new_one_works(sandbox, caller):
    sandbox.fault("download_expired", "facts", times=1)
    report_id = caller.submit("CampaignPerformance", FIGURES).json()["ReportRequestId"]
    caller.poll(report_id)
    assert httpx.get(caller.poll(report_id)["ReportDownloadUrl"]).status_code == 403
    assert httpx.get(caller.poll(report_id)["ReportDownloadUrl"]).status_code == 200


@pytest.mark.parametrize(
    ("kind", "status"),
    [("report_failed", "Failed"), ("bulk_full_sync", "FailedFullSyncRequired")],
)
def test_a_bulk_download_fails(sandbox, caller, kind, status):
    sandbox.fault(kind, "entities", times=1)
    since = "2026-11-20T00:00:00"
    assert caller.bulk(["Campaigns"], LastSyncTimeInUTC=since) == [{"RequestStatus": status}]
    assert caller.bulk(["Campaigns"], LastSyncTimeInUTC=since)[1]["Type"] == "Account"


def test_bulk_has_a_quota_of_its_own(sandbox, caller):
    sandbox.fault("quota_exhausted", times=1)
    body = {"AccountIds": [caller.account.id], "DownloadEntities": ["Campaigns"], "FormatVersion": "6.0"}
    assert codes(caller.post("Bulk/v13/Campaigns/DownloadByAccountIds", body)) == (400, [4204])


class TestPages:
    def pages(self, caller, size, count):
        user_id = Directory(caller.world.on("microsoft"), caller.world.seed).user_id
        body = {"Predicates": [{"Field": "UserId", "Operator": "Equals", "Value": user_id}]}
        for index in range(count):
            asked = body | {"PageInfo": {"Index": index, "Size": size}}
            answer = caller.post("CustomerManagement/v13/Accounts/Search", asked).json()
            yield [each["Id"] for each in answer["Accounts"]]

    def test_a_page_comes_twice(self, sandbox, caller):
        first, *_ = fine = list(self.pages(caller, 2, 3))
        assert len({each for page in fine for each in page}) == 6
        sandbox.fault("page_duplicate", "accounts", times=1)
        assert list(self.pages(caller, 2, 2)) == [first, first]

    def test_pages_never_end(self, sandbox, caller):
        sandbox.fault("page_endless", "accounts")
        assert [len(page) for page in self.pages(caller, 4, 4)] == [4, 4, 4, 4]


class TestNewValues:
    def test_objects_have_fields_and_values_that_nobody_knows(self, sandbox, caller):
        sandbox.fault("unknown_values")
        kinds = "Search, Shopping, Audience, PerformanceMax"
        answer = caller.read("Campaigns/QueryByAccountId", {"AccountId": caller.account.id, "CampaignType": kinds})
        assert "SandboxNews" in answer
        assert answer["Campaigns"][-1]["Status"] == "Hibernating"
        assert answer["Campaigns"][-1]["SandboxField"]

    def test_downloads_have_rows_and_columns_that_nobody_knows(self, sandbox, caller):
        plain = caller.bulk(["Campaigns", "Keywords"])
        sandbox.fault("unknown_values")
        news = caller.bulk(["Campaigns", "Keywords"])
        assert {row["Type"] for row in news} - {row["Type"] for row in plain} == {"Sandbox Curiosity"}
        assert "Hibernating" in {row["Status"] for row in news}
        assert "Sandbox News" in news[0]
