"""The vendor's own SDK works against the sandbox, so the sandbox speaks the vendor's wire format."""

from __future__ import annotations

import pytest
from facebook_business.adobjects.ad import Ad
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.adreportrun import AdReportRun
from facebook_business.adobjects.campaign import Campaign
from facebook_business.adobjects.user import User
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

from adjoin_meta.sandbox.oauth import APP_ID, APP_SECRET

_RANGE = {"since": "2026-11-01", "until": "2026-11-07"}


@pytest.fixture
def api(sandbox, monkeypatch):
    monkeypatch.setattr(FacebookSession, "GRAPH", sandbox.url)
    made = FacebookAdsApi(FacebookSession(APP_ID, APP_SECRET, sandbox.world.token("meta")))
    yield made
    made._session.requests.close()


@pytest.fixture
def account(api, sandbox):
    known = next(each for each in sandbox.world.on("meta").accounts if each.currency == "EUR")
    return AdAccount(f"act_{known.id}", api=api)


def test_lists_accounts(api, sandbox):
    found = User("me", api=api).get_ad_accounts(fields=["account_id", "name", "account_status", "currency"])
    assert [each["account_id"] for each in found] == [each.id for each in sandbox.world.on("meta").accounts]
    assert all(isinstance(each["account_status"], int) for each in found)


def test_reads_an_account_by_its_id(account, sandbox):
    node = account.api_get(fields=["name", "timezone_name"])
    assert node["timezone_name"] == "Europe/Berlin"


def test_pages_through_ads_in_every_state(account, sandbox):
    states = [value for name, value in vars(Ad.EffectiveStatus).items() if name[0] != "_"]
    found = account.get_ads(fields=["name", "creative"], params={"effective_status": states, "limit": 7})
    ids = [ad["id"] for ad in found]
    known = sandbox.world.on("meta").ads(account.get_id_assured().removeprefix("act_"))
    assert sorted(ids) == sorted(ad.id for ad in known)
    assert len(ids) > 14
    assert found.total() == len(ids)


def test_hides_what_is_archived_unless_asked(account):
    default = {campaign["effective_status"] for campaign in account.get_ads(fields=["effective_status"])}
    assert default
    assert not default & {"ARCHIVED", "DELETED"}


def test_follows_the_edges_of_a_campaign(account, api):
    campaign = account.get_campaigns(fields=["name"])[0]
    sets = Campaign(campaign["id"], api=api).get_ad_sets(fields=["campaign_id"])
    assert {each["campaign_id"] for each in sets} == {campaign["id"]}


def test_reads_insights_at_once(account):
    rows = account.get_insights(
        fields=["impressions", "spend", "actions", "campaign_name"],
        params={"level": "campaign", "time_range": _RANGE, "time_increment": 1, "limit": 3},
    )
    found = list(rows)
    assert len(found) > 3
    assert all(row["impressions"].isdecimal() and row["campaign_name"] for row in found)
    assert {row["date_start"] for row in found} <= {f"2026-11-0{day}" for day in range(1, 8)}


def test_reads_insights_as_a_report(account, api):
    params = {"level": "ad", "time_range": _RANGE, "time_increment": 1}
    run = account.get_insights_async(fields=["ad_id", "impressions"], params=params)
    assert isinstance(run, AdReportRun)
    for _ in range(10):
        run.api_get()
        if run[AdReportRun.Field.async_status] == "Job Completed":
            break
    assert run[AdReportRun.Field.async_percent_completion] == 100
    direct = account.get_insights(fields=["ad_id", "impressions"], params={**params, "limit": 500})
    by_key = lambda rows: {(row["ad_id"], row["date_start"]): row["impressions"] for row in rows}  # noqa: E731
    assert by_key(run.get_insights(params={"limit": 100})) == by_key(direct)


def test_sums_over_the_whole_range_when_no_increment_is_given(account):
    (whole,) = account.get_insights(fields=["impressions"], params={"time_range": _RANGE})
    daily = account.get_insights(fields=["impressions"], params={"time_range": _RANGE, "time_increment": 1})
    assert int(whole["impressions"]) == sum(int(row["impressions"]) for row in daily)


def test_sends_several_calls_at_once(account, api):
    batch = api.new_batch()
    answers = []
    for limit in (1, 2):
        account.get_campaigns(
            fields=["name"],
            params={"limit": limit},
            batch=batch,
            success=lambda response: answers.append(len(response.json()["data"])),
            failure=lambda response: answers.append(response.error()),
        )
    Campaign("1", api=api).api_get(
        batch=batch, success=answers.append, failure=lambda r: answers.append(r.error().api_error_code())
    )
    assert batch.execute() is None
    assert answers == [1, 2, 100]


def test_raises_what_the_sandbox_refuses(account, api, sandbox):
    with pytest.warns(UserWarning, match="nonsense"), pytest.raises(FacebookRequestError) as unknown:
        account.get_campaigns(fields=["nonsense"])
    assert unknown.value.api_error_code() == 100
    assert "nonexisting field (nonsense) on node type (Campaign)" in unknown.value.api_error_message()
    with pytest.raises(FacebookRequestError) as missing:
        Campaign("12345", api=api).api_get()
    assert missing.value.api_error_subcode() == 33
    sandbox.fault("throttle", times=1)
    with pytest.raises(FacebookRequestError) as throttled:
        account.api_get()
    assert (throttled.value.api_error_code(), throttled.value.api_error_subcode()) == (17, 2446079)
    sandbox.fault("server_error", times=1)
    with pytest.raises(FacebookRequestError) as passing:
        account.api_get()
    assert passing.value.api_transient_error()
