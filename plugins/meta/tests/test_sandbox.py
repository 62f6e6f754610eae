"""The sandbox's wire format, where the plugin and the SDK do not look."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import httpx
import pytest

from adjoin_meta.sandbox.insights import months_back
from adjoin_meta.sandbox.results import spend_text
from adjoin_meta.sandbox.usage import Usage


@pytest.fixture
def get(sandbox):
    token = sandbox.world.token("meta")

    def ask(path, **params):
        headers = {"Authorization": f"Bearer {token}"}
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
        return httpx.get(f"{sandbox.url}{path}", params=texts, headers=headers)

    return ask


@pytest.fixture
def account_id(sandbox):
    return next(each.id for each in sandbox.world.on("meta").accounts if each.currency == "EUR")


@pytest.mark.parametrize("path", ["/v24.0/me", "/v3.1/me/adaccounts"])
def test_retired_versions_say_so(get, path):
    error = get(path).json()["error"]
    assert error["code"] == 2635
    assert set(error) >= {"message", "type", "code", "fbtrace_id"}


@pytest.mark.parametrize("path", ["/v25.0/me", "/v26.0/me", "/v26.0/me/", "/me"])
def test_living_versions_and_slashes_at_the_end_work(get, path):
    assert get(path).status_code == 200


def test_the_token_may_stand_in_the_query_or_in_a_form(sandbox, account_id):
    token = sandbox.world.token("meta")
    assert httpx.get(f"{sandbox.url}/v26.0/me", params={"access_token": token}).status_code == 200
    form = {"access_token": token, "level": "account"}
    assert "report_run_id" in httpx.post(f"{sandbox.url}/v26.0/act_{account_id}/insights", data=form).json()


def test_without_a_token_or_with_a_wrong_one_nothing_is_shown(sandbox):
    assert httpx.get(f"{sandbox.url}/v26.0/me").json()["error"]["code"] == 2500
    wrong = httpx.get(f"{sandbox.url}/v26.0/me", params={"access_token": "x"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, 190)


def test_a_wrong_proof_of_the_secret_is_refused(get):
    error = get("/v26.0/me", appsecret_proof="00").json()["error"]
    assert error["type"] == "GraphMethodException"


def test_next_is_an_absolute_link_with_the_token_and_the_last_page_has_a_cursor_only(get, sandbox, account_id):
    first = get(f"/v26.0/act_{account_id}/ads", limit="5").json()
    assert first["paging"]["next"].startswith(f"{sandbox.url}/v26.0/act_{account_id}/ads?access_token=")
    followed, pages = first, 1
    while "next" in followed["paging"]:
        followed, pages = httpx.get(followed["paging"]["next"]).json(), pages + 1
    assert pages > 2
    assert followed["paging"]["cursors"]["after"]


def test_an_edge_shows_25_and_only_ids_by_default(get, account_id):
    page = get(f"/v26.0/act_{account_id}/ads").json()["data"]
    assert len(page) == 25
    assert all(set(node) == {"id"} for node in page)


def test_an_empty_edge_has_no_paging(get, sandbox):
    empty = next(a.id for a in sandbox.world.on("meta").accounts if "empty" in a.name)
    assert get(f"/v26.0/act_{empty}/campaigns").json() == {"data": []}


def test_an_alien_cursor_is_refused(get, account_id):
    assert get(f"/v26.0/act_{account_id}/ads", after="bogus").json()["error"]["code"] == 2642


def test_a_summary_counts_everything(get, account_id):
    body = get(f"/v26.0/act_{account_id}/ads", summary="true", limit="1").json()
    assert body["summary"]["total_count"] > 1


def test_filters_by_state_name_and_time(get, account_id):
    path = f"/v26.0/act_{account_id}/ads"
    archived = get(path, fields="effective_status", effective_status=["ARCHIVED"], limit="100").json()["data"]
    assert {node["effective_status"] for node in archived} == {"ARCHIVED"}
    filters = [{"field": "ad.name", "operator": "CONTAIN", "value": "video"}]
    named = get(path, fields="name", filtering=filters, limit="100").json()["data"]
    assert named
    assert all("video" in node["name"] for node in named)
    late = [{"field": "ad.updated_time", "operator": "GREATER_THAN", "value": 4_000_000_000}]
    assert get(path, filtering=late).json() == {"data": []}
    assert get(path, updated_since="4000000000").json() == {"data": []}
    refused = get(path, filtering=[{"field": "ad.name", "operator": "LIKE", "value": "x"}])
    assert refused.json()["error"]["code"] == 100


def test_fields_are_expanded_where_asked(get, account_id):
    plain = get(f"/v26.0/act_{account_id}/ads", fields="creative", limit="1").json()["data"][0]
    assert set(plain["creative"]) == {"id"}
    deep = get(f"/v26.0/act_{account_id}/ads", fields="creative{id,object_story_spec},adset{name}", limit="1")
    node = deep.json()["data"][0]
    assert set(node["creative"]) == {"id", "object_story_spec"}
    assert set(node["adset"]) == {"id", "name"}
    creative = get(f"/v26.0/{node['creative']['id']}", fields="object_story_spec").json()
    assert creative["object_story_spec"] == node["creative"]["object_story_spec"]
    assert get(f"/v26.0/act_{account_id}/ads", fields="creative{id").json()["error"]["code"] == 100


def test_the_default_of_insights_hides_archived_ads_and_a_filter_shows_them(get, account_id):
    ask = {
        "level": "ad",
        "fields": "ad_id",
        "limit": "500",
        "time_range": {"since": "2026-09-01", "until": "2026-11-20"},
    }
    default = {row["ad_id"] for row in get(f"/v26.0/act_{account_id}/insights", **ask).json()["data"]}
    states = ["ACTIVE", "PAUSED", "CAMPAIGN_PAUSED", "ADSET_PAUSED", "ARCHIVED", "DELETED", "PENDING_REVIEW"]
    filters = [{"field": "ad.effective_status", "operator": "IN", "value": states}]
    every = {row["ad_id"] for row in get(f"/v26.0/act_{account_id}/insights", filtering=filters, **ask).json()["data"]}
    assert default < every


def test_one_event_is_listed_under_many_names_and_zeros_are_left_out(get, account_id):
    ask = {"level": "account", "fields": "impressions,spend,actions,action_values", "date_preset": "last_28d"}
    (row,) = get(f"/v26.0/act_{account_id}/insights", **ask).json()["data"]
    actions = {action["action_type"]: action["value"] for action in row["actions"]}
    assert actions["purchase"] == actions["omni_purchase"] == actions["offsite_conversion.fb_pixel_purchase"]
    assert "link_click" in actions
    assert "reach" not in row
    assert (row["date_start"], row["date_stop"]) == ("2026-10-25", "2026-11-21")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"time_range": '{"since":"2023-10-21","until":"2023-10-22"}'}, 3018),
        ({"time_range": "yesterday"}, 100),
        ({"date_preset": "last_century"}, 100),
        ({"time_increment": "91"}, 100),
        ({"level": "planet"}, 100),
        ({"fields": "nonsense"}, 100),
        ({"date_format": "U"}, 100),
        ({"breakdowns": "age"}, 100),
        ({"limit": "0"}, 100),
        ({"limit": "5000"}, 1),
    ],
)
def test_insights_refuse_what_the_api_refuses(get, account_id, params, code):
    assert get(f"/v26.0/act_{account_id}/insights", **params).json()["error"]["code"] == code


@pytest.mark.parametrize(
    ("preset", "since", "until"),
    [
        ("yesterday", "2026-11-21", "2026-11-21"),
        ("this_quarter", "2026-10-01", "2026-11-22"),
        ("last_month", "2026-10-01", "2026-10-31"),
        ("last_week_mon_sun", "2026-11-09", "2026-11-15"),
        ("last_week_sun_sat", "2026-11-15", "2026-11-21"),
        ("this_week_mon_today", "2026-11-16", "2026-11-22"),
        ("this_week_sun_today", "2026-11-22", "2026-11-22"),
    ],
)
def test_presets_are_counted_from_the_accounts_today(get, account_id, preset, since, until):
    (row,) = get(f"/v26.0/act_{account_id}/insights", date_preset=preset).json()["data"]
    assert (row["date_start"], row["date_stop"]) == (since, until)


def test_months_are_those_of_the_calendar_cut_at_the_ends(get, account_id):
    ask = {"fields": "impressions", "time_range": {"since": "2026-09-20", "until": "2026-11-10"}}
    monthly = get(f"/v26.0/act_{account_id}/insights", time_increment="monthly", **ask).json()["data"]
    (whole,) = get(f"/v26.0/act_{account_id}/insights", **ask).json()["data"]
    assert [(row["date_start"], row["date_stop"]) for row in monthly] == [
        ("2026-09-20", "2026-09-30"),
        ("2026-10-01", "2026-10-31"),
        ("2026-11-01", "2026-11-10"),
    ]
    assert sum(int(row["impressions"]) for row in monthly) == int(whole["impressions"])


def test_a_version_that_will_be_retired_is_warned_of_in_a_header(sandbox, get):
    sandbox.fault("version_warning", times=1)
    assert "v25.0" in get("/v25.0/me").headers["x-ad-api-version-warning"]
    assert "x-ad-api-version-warning" not in get("/v25.0/me").headers


def test_values_of_tomorrow_stand_where_those_of_today_were(sandbox, get, account_id):
    sandbox.fault("unknown_values", times=2)
    node = get(f"/v26.0/act_{account_id}/campaigns", fields="effective_status,objective").json()["data"][0]
    assert (node["effective_status"], node["objective"]) == ("IN_ORBIT", "OUTCOME_TELEPATHY")
    assert "novelty_index" in get(f"/v26.0/act_{account_id}/insights").json()["data"][0]


def test_an_account_that_is_singled_out_is_listed_as_disabled_and_still_answers(sandbox, get):
    sandbox.fault("account_disabled", times=1)
    states = [
        get("/v26.0/me/adaccounts", fields="account_status").json()["data"][number]["account_status"]
        for number in (0, 0, 1)
    ]
    assert states == [2, 2, 1]
    first = sandbox.world.on("meta").accounts[0].id
    assert get(f"/v26.0/act_{first}/insights").status_code == 200


def test_an_issued_token_stays_withdrawn_and_the_one_from_the_start_does_not(sandbox, get):
    sandbox.fault("token_revoked", times=1)
    assert get("/v26.0/me").json()["error"]["error_subcode"] == 460
    assert get("/v26.0/me").status_code == 200


def test_insights_of_a_campaign_show_that_campaign(get, sandbox, account_id):
    campaign = sandbox.world.on("meta").campaigns(account_id)[0]
    body = get(f"/v26.0/{campaign.id}/insights", fields="campaign_id,spend", date_preset="last_30d").json()
    assert {row["campaign_id"] for row in body["data"]} == {campaign.id}


def test_a_report_cannot_be_read_before_it_is_complete(sandbox, get, account_id):
    token = {"access_token": sandbox.world.token("meta")}
    run = httpx.post(f"{sandbox.url}/v26.0/act_{account_id}/insights", data=token).json()["report_run_id"]
    assert get(f"/v26.0/{run}/insights").json()["error"]["code"] == 2601
    assert get(f"/v26.0/{run}").json()["async_status"] == "Job Completed"
    assert get(f"/v26.0/{run}/insights").json()["data"]


def test_a_large_report_runs_for_a_while(sandbox, get, account_id):
    sandbox.fault("report_full_but_running", "report", times=1)
    token = {"access_token": sandbox.world.token("meta")}
    run = httpx.post(f"{sandbox.url}/v26.0/act_{account_id}/insights", data=token).json()["report_run_id"]
    polls = [get(f"/v26.0/{run}").json() for _ in range(4)]
    seen = [(poll["async_status"], poll["async_percent_completion"]) for poll in polls]
    assert seen == [("Job Running", 40), ("Job Running", 100), ("Job Running", 100), ("Job Completed", 100)]


def test_unknown_paths_and_ids_are_told_apart(get, account_id):
    assert get(f"/v26.0/act_{account_id}/nonsense").json()["error"]["code"] == 2500
    unknown = get("/v26.0/987654321").json()["error"]
    assert (unknown["code"], unknown["error_subcode"], unknown["type"]) == (100, 33, "GraphMethodException")


def test_usage_headers_rise_with_calls():
    usage = Usage()
    for _ in range(50_000):
        usage.count("101")
    headers = usage.headers("101", insights=True)
    assert json.loads(headers["X-FB-Ads-Insights-Throttle"])["acc_id_util_pct"] == 50
    (entry,) = json.loads(headers["X-Business-Use-Case-Usage"])["101"]
    assert entry["type"] == "ads_insights"


def test_a_batch_takes_fifty_and_answers_each_as_text(sandbox):
    token = sandbox.world.token("meta")

    def send(entries, **more):
        form = {"access_token": token, "batch": json.dumps(entries), **more}
        return httpx.post(f"{sandbox.url}/", data=form).json()

    fine = send([{"method": "GET", "relative_url": "v26.0/me"}, {"method": "GET", "relative_url": "nonsense"}])
    assert [entry["code"] for entry in fine] == [200, 400]
    assert json.loads(fine[0]["body"])["id"]
    assert "headers" not in send([{"relative_url": "me"}], include_headers="false")[0]
    assert send([{"relative_url": "me"}] * 51)["error"]["type"] == "GraphBatchException"
    assert httpx.post(f"{sandbox.url}/", data={"access_token": "x", "batch": "[]"}).json()["error"]["code"] == 190


def test_many_ids_in_one_read_are_gone(get):
    assert get("/v26.0/", ids="1,2").json()["error"]["code"] == 100


def test_permissions_and_debug_token(sandbox, get):
    granted = {each["permission"]: each["status"] for each in get("/v26.0/me/permissions").json()["data"]}
    assert granted["ads_read"] == "granted"
    app = {"access_token": "sandbox-app|sandbox-secret"}
    good = httpx.get(
        f"{sandbox.url}/v26.0/debug_token", params={**app, "input_token": sandbox.world.token("meta")}
    ).json()["data"]
    assert (good["is_valid"], good["expires_at"], good["type"]) == (True, 0, "SYSTEM_USER")
    bad = httpx.get(f"{sandbox.url}/v26.0/debug_token", params={**app, "input_token": "x"})
    assert bad.status_code == 200
    assert bad.json()["data"]["error"]["code"] == 190


def test_37_months_before_a_long_month_is_the_last_day_of_a_short_one():
    assert months_back(date(2026, 3, 31), 37) == date(2023, 2, 28)


@pytest.mark.parametrize(
    ("micros", "text"), [(12_370_000, "12.37"), (5_000_000, "5"), (100_000, "0.10"), (1, "0.000001"), (1_500, "0.0015")]
)
def test_spend_is_written_as_a_decimal(micros, text):
    assert spend_text(micros) == text
    assert Decimal(text) * 1_000_000 == micros
