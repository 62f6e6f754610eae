"""The sandbox's wire format: who may call, what an account is, and what is refused before a service looks at it."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from adjoin.testing.server import running, sandbox_app
from adjoin_microsoft.sandbox import make_app
from adjoin_microsoft.sandbox.caller import Caller, codes, days
from adjoin_microsoft.sandbox.directory import Directory
from adjoin_microsoft.sandbox.zones import REPORT_ZONES, account_zone, report_zone_of

SEARCH = "CustomerManagement/v13/Accounts/Search"
CAMPAIGNS = "CampaignManagement/v13/Campaigns/QueryByAccountId"


@pytest.fixture
def caller(sandbox):
    return Caller.of(sandbox.url, sandbox.world)


def _of_user(caller, **more):
    user_id = Directory(caller.world.on("microsoft"), caller.world.seed).user_id
    return {
        "Predicates": [{"Field": "UserId", "Operator": "Equals", "Value": user_id}],
        "PageInfo": {"Index": 0, "Size": 1000},
        **more,
    }


class TestCredentials:
    @pytest.mark.parametrize(
        "changed",
        [
            {"Authorization": None},
            {"Authorization": "Bearer nonsense"},
            {"Authorization": "Basic abc"},
            {"DeveloperToken": None},
            {"DeveloperToken": "BBD37VB98"},
        ],
    )
    def test_a_call_needs_both_tokens(self, caller, changed):
        for path in (SEARCH, CAMPAIGNS):
            answer = caller.post(path, {}, **changed)
            assert codes(answer) == (401, [105])
            assert answer.json()["Errors"][0]["ErrorCode"] == "InvalidCredentials"

    @pytest.mark.parametrize(
        ("changed", "refusal"),
        [
            ({"CustomerAccountId": None}, (400, [1030])),
            ({"CustomerId": None}, (400, [116])),
            ({"CustomerAccountId": "F120ABCD"}, (400, [100])),
            ({"CustomerAccountId": "180012345"}, (403, [106])),
            ({"CustomerId": "5"}, (403, [106])),
        ],
    )
    def test_campaign_calls_need_the_account_and_its_customer(self, caller, changed, refusal):
        assert codes(caller.post(CAMPAIGNS, {"AccountId": caller.account.id}, **changed)) == refusal

    def test_the_body_names_the_account_of_the_header(self, caller):
        other = caller.world.on("microsoft").accounts[1].id
        assert codes(caller.post(CAMPAIGNS, {"AccountId": other})) == (400, [1102])
        assert codes(caller.post(CAMPAIGNS, {})) == (400, [1102])

    @pytest.mark.parametrize("service", ["Reporting/v13/GenerateReport/Submit", "Bulk/v13/BulkDownloadStatus/Query"])
    def test_reports_and_downloads_need_the_headers_too(self, caller, service):
        assert codes(caller.post(service, {}, CustomerAccountId=None)) == (400, [116])

    def test_an_access_token_lasts_an_hour(self, sandbox, caller):
        form = {
            "client_id": "sandbox-app",
            "client_secret": "sandbox-secret",
            "grant_type": "refresh_token",
            "refresh_token": sandbox.world.refresh_token("microsoft"),
        }
        token = httpx.post(f"{sandbox.url}/common/oauth2/v2.0/token", data=form).json()["access_token"]
        signed = {"Authorization": f"Bearer {token}"}
        sandbox.world.now += timedelta(seconds=3598)
        assert caller.post(SEARCH, _of_user(caller), **signed).status_code == 200
        sandbox.world.now += timedelta(seconds=1)
        assert codes(caller.post(SEARCH, _of_user(caller), **signed)) == (401, [109])


class TestTransport:
    def test_every_answer_has_a_tracking_id_and_is_json(self, caller):
        fine, refused = caller.post(SEARCH, _of_user(caller)), caller.post(SEARCH, [])
        assert all(uuid.UUID(answer.headers["TrackingId"]) for answer in (fine, refused))
        assert refused.json()["TrackingId"] == refused.headers["TrackingId"]
        assert {answer.headers["content-type"].split(";")[0] for answer in (fine, refused)} == {"application/json"}

    def test_what_is_no_json_object_is_no_request(self, caller, sandbox):
        assert codes(caller.post(SEARCH, [])) == (400, [100])
        cut = httpx.post(
            f"{sandbox.url}/{SEARCH}", content=b'{"Pred', headers=caller.headers | {"Content-Type": "application/json"}
        )
        assert codes(cut) == (400, [100])
        plain = httpx.post(f"{sandbox.url}/{SEARCH}", content=b"{}", headers=caller.headers)
        assert plain.status_code == 415

    def test_keys_are_case_sensitive_and_known(self, caller):
        answer = caller.post(CAMPAIGNS, {"accountId": caller.account.id})
        assert codes(answer) == (400, [100])
        assert "$.accountId" in answer.json()["Errors"][0]["Detail"]

    def test_another_version_is_not_supported(self, caller):
        assert codes(caller.post(CAMPAIGNS.replace("v13", "v12"), {})) == (400, [303])

    @pytest.mark.parametrize("path", ["CampaignManagement/v13/Labels", "CustomerManagement/v13/Account"])
    def test_operations_that_are_not_offered_say_so(self, caller, path):
        assert codes(caller.call("PUT", path, {})) == (400, [204])

    def test_links_lead_to_where_the_sandbox_is_mounted(self, sandbox):
        app = sandbox_app({"microsoft": make_app(sandbox.world)}, sandbox.world)
        with running(app) as url:
            caller = Caller.of(f"{url}/microsoft", sandbox.world)
            assert caller.rows("AccountPerformance", ["TimePeriod", "Clicks"])
            assert caller.bulk(["Campaigns"])[1]["Type"] == "Account"

    def test_unknown_paths_are_not_found(self, sandbox):
        assert httpx.get(f"{sandbox.url}/nonsense").status_code == 404


class TestAccounts:
    def test_accounts_are_spread_over_two_customers(self, caller):
        found = caller.post(SEARCH, _of_user(caller)).json()["Accounts"]
        assert [each["Id"] for each in found] == [each.id for each in caller.world.on("microsoft").accounts]
        assert len({each["ParentCustomerId"] for each in found}) == 2
        assert all(each["Number"][0].isalpha() and not each["Number"].isdecimal() for each in found)
        assert {each["AccountLifeCycleStatus"] for each in found} == {"Active", "Suspended"}
        by_name = {each["Name"]: each["TimeZone"] for each in found}
        assert by_name["ノルトリヒト 日本"] == "OsakaSapporoTokyo"

    def test_ids_are_texts_and_nothing_is_missing(self, caller):
        (first, *_) = caller.post(SEARCH, _of_user(caller)).json()["Accounts"]
        assert isinstance(first["Id"], str)
        assert first["PauseReason"] is None
        assert first["LinkedAgencies"] == []
        assert first["AccountMode"] is None

    @pytest.mark.parametrize("info", [None, {}, {"Index": 0, "Size": 0}])
    def test_without_a_size_the_page_is_empty(self, caller, info):
        assert caller.post(SEARCH, _of_user(caller, PageInfo=info)).json() == {"Accounts": []}

    def test_a_page_has_a_thousand_at_most(self, caller):
        assert codes(caller.post(SEARCH, _of_user(caller, PageInfo={"Index": 0, "Size": 1001}))) == (400, [201])

    @pytest.mark.parametrize(
        "predicates",
        [
            [],
            [{"Field": "Color", "Operator": "Equals", "Value": "blue"}],
            [{"Field": "AccountName", "Operator": "Contains", "Value": "Nor"}],
            [{"Field": "AccountName", "Operator": "In", "Value": "North"}],
            [{"Field": "UserId", "Operator": "Equals", "Value": "me"}],
            [{"Field": "AccountLifeCycleStatus", "Operator": "Equals", "Value": "Active"}],
            [{"Field": "AccountName", "Operator": "Contains", "Value": "North"}] * 2,
        ],
    )
    def test_predicates_that_do_not_hold_are_refused(self, caller, predicates):
        body = {"Predicates": predicates, "PageInfo": {"Index": 0, "Size": 10}}
        answer = caller.post(SEARCH, body)
        assert codes(answer) == (400, [3030])
        assert answer.json()["Type"] == "ApiFault"
        assert "ErrorCode" not in answer.json()["OperationErrors"][0]

    def test_predicates_narrow_down(self, caller):
        def names(*predicates):
            body = {"Predicates": list(predicates), "PageInfo": {"Index": 0, "Size": 10}}
            return [each["Name"] for each in caller.post(SEARCH, body).json()["Accounts"]]

        light = {"Field": "AccountName", "Operator": "Contains", "Value": "northern"}
        assert len(names(light)) == 2
        active = {"Field": "AccountLifeCycleStatus", "Operator": "Equals", "Value": "Active"}
        assert len(names(light, active)) == 1
        ids = ",".join(each.id for each in caller.world.on("microsoft").accounts[:2])
        assert len(names({"Field": "AccountId", "Operator": "In", "Value": ids})) == 2

    def test_the_suspended_account_can_be_read(self, sandbox):
        caller = Caller.of(sandbox.url, sandbox.world, named="(old)")
        assert caller.read("Campaigns/QueryByAccountId", {"AccountId": caller.account.id}) == {"Campaigns": []}
        early = days(date(2026, 9, 1), date(2026, 9, 7))
        assert len(caller.rows("AccountPerformance", ["TimePeriod", "Spend"], Time=early)) == 7


class TestZones:
    def test_four_zones_are_spelled_differently_by_accounts(self, sandbox):
        now = sandbox.world.now
        differing = {
            (name, account_zone(zone, now)) for name, zone in REPORT_ZONES.items() if account_zone(zone, now) != name
        }
        assert len(differing) == 4
        assert ("AthensIslandanbulMinsk", "AthensBuckarestIstanbul") in differing

    def test_a_zone_without_a_name_takes_one_with_its_offset(self, sandbox):
        now = sandbox.world.now
        made = ZoneInfo(REPORT_ZONES[report_zone_of("Europe/Oslo", now)])
        assert now.astimezone(made).utcoffset() == now.astimezone(ZoneInfo("Europe/Oslo")).utcoffset()
