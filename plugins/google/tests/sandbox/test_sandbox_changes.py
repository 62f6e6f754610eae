"""What changed since when, in the account's own time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from adjoin.ads.v2 import Status

_FIELDS = (
    "change_status.resource_type, change_status.resource_status, change_status.last_change_date_time, "
    "change_status.campaign, change_status.ad_group, change_status.ad_group_ad, change_status.ad_group_criterion, "
    "change_status.campaign_budget"
)


def _local(api, moment):
    return moment.astimezone(ZoneInfo(api.account().time_zone)).strftime("%Y-%m-%d %H:%M:%S")


def _changes(api, since, until=None, *, more=""):
    until = until or api.world.now
    rows = api.rows(
        f"SELECT {_FIELDS} FROM change_status WHERE change_status.last_change_date_time BETWEEN "
        f"'{_local(api, since)}' AND '{_local(api, until)}' {more} "
        "ORDER BY change_status.last_change_date_time LIMIT 10000"
    )
    return [row["changeStatus"] for row in rows]


@pytest.fixture
def later(own):
    """The world an hour on, and the instant before."""
    before = own.world.now + timedelta(minutes=30)
    own.world.set_now(own.world.now + timedelta(hours=1))
    return before


def test_finds_what_was_changed_added_and_removed(own, later):
    world, account = own.presence, own.account()
    campaign = world.campaigns(account.id)[0]
    group = world.ad_groups(account.id)[0]
    ad = next(each for each in world.ads(account.id) if each.status is Status.ACTIVE)
    keyword = world.keywords(account.id)[0]
    world.update(replace(campaign, name="Renamed"))
    world.update(replace(ad, status=Status.REMOVED))
    world.update(replace(keyword, bid_micros=10_000))
    made = world.create_ad_group(campaign_id=group.campaign_id, name="Fresh")
    customer = f"customers/{account.id}"
    found = {
        (change["resourceType"], change["resourceStatus"]): change.get("adGroupAd")
        or change.get("adGroupCriterion")
        or change.get("adGroup")
        or change["campaign"]
        for change in _changes(own, later)
    }
    assert found == {
        ("CAMPAIGN", "CHANGED"): f"{customer}/campaigns/{campaign.id}",
        ("AD_GROUP", "ADDED"): f"{customer}/adGroups/{made.id}",
        ("AD_GROUP_AD", "REMOVED"): f"{customer}/adGroupAds/{ad.ad_group_id}~{ad.id}",
        ("AD_GROUP_CRITERION", "CHANGED"): f"{customer}/adGroupCriteria/{keyword.id}",
    }


def test_times_are_the_accounts_own(own, later):
    campaign = own.presence.campaigns(own.account().id)[0]
    own.presence.update(replace(campaign, name="Renamed"))
    (change,) = _changes(own, later)
    local = datetime.fromisoformat(change["lastChangeDateTime"]).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    assert local == own.world.now
    assert _changes(own, later, later + timedelta(minutes=1)) == []


def test_a_change_of_a_budget_is_the_budgets(own, later, shop):
    campaign = next(each for each in own.presence.campaigns(own.account().id) if each.daily_budget_micros)
    query = f"SELECT campaign.campaign_budget FROM campaign WHERE campaign.id = {campaign.id}"
    budget = own.rows(query)[0]["campaign"]["campaignBudget"]
    update = {"update": {"resourceName": budget, "amountMicros": "25000000"}, "updateMask": "amountMicros"}
    shop.done("campaignBudgets", update)
    (change,) = _changes(own, later)
    assert (change["resourceType"], change["campaignBudget"]) == ("CAMPAIGN_BUDGET", budget)
    assert "campaign" not in change
    # A change of the campaign itself shows again, at the same instant too.
    own.presence.update(replace(own.presence.find(campaign.id), name="Renamed"))
    assert {each["resourceType"] for each in _changes(own, later)} == {"CAMPAIGN", "CAMPAIGN_BUDGET"}


def test_filters_by_kind(own, later):
    own.presence.update(replace(own.presence.campaigns(own.account().id)[0], name="Renamed"))
    kinds = "AND change_status.resource_type IN ('AD_GROUP', 'AD_GROUP_AD')"
    assert _changes(own, later, more=kinds) == []
    assert len(_changes(own, later, more=kinds.replace("'AD_GROUP',", "'CAMPAIGN',"))) == 1


_TIME = "change_status.last_change_date_time"
_SELECT = "SELECT change_status.resource_type FROM change_status"


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("LIMIT 10", "CHANGE_DATE_RANGE_INFINITE"),
        (f"WHERE {_TIME} IS NULL LIMIT 10", "CHANGE_DATE_RANGE_INFINITE"),
        (f"WHERE {_TIME} >= '2026-11-01' LIMIT 10", "CHANGE_DATE_RANGE_INFINITE"),
        (f"WHERE {_TIME} >= '2026-11-02' AND {_TIME} <= '2026-11-01' LIMIT 10", "CHANGE_DATE_RANGE_NEGATIVE"),
        (f"WHERE {_TIME} BETWEEN '2026-08-01' AND '2026-11-01' LIMIT 10", "START_DATE_TOO_OLD"),
        (f"WHERE {_TIME} DURING LAST_7_DAYS", "LIMIT_NOT_SPECIFIED"),
        (f"WHERE {_TIME} DURING LAST_7_DAYS LIMIT 10001", "INVALID_LIMIT_CLAUSE"),
    ],
)
def test_refuses_open_old_and_unlimited_ranges(own, codes, rest, code):
    assert codes(own.search(f"{_SELECT} {rest}")) == [f"changeStatusError.{code}"]


def test_refuses_a_time_in_another_form(own, codes):
    rest = f"WHERE {_TIME} BETWEEN '2026-11-01T00:00:00Z' AND '2026-11-02' LIMIT 10"
    assert codes(own.search(f"{_SELECT} {rest}")) == ["queryError.INVALID_DATE_FORMAT"]


def test_events_reach_back_thirty_days(own, later, codes):
    own.presence.update(replace(own.presence.campaigns(own.account().id)[0], name="Renamed"))
    query = (
        "SELECT change_event.change_resource_type, change_event.resource_change_operation FROM change_event "
        "WHERE change_event.change_date_time BETWEEN '{}' AND '2026-11-23' LIMIT 100"
    )
    (row,) = own.rows(query.format(_local(own, later)))
    assert row["changeEvent"]["changeResourceType"] == "CAMPAIGN"
    assert row["changeEvent"]["resourceChangeOperation"] == "UPDATE"
    assert codes(own.search(query.format("2026-10-01"))) == ["changeEventError.START_DATE_TOO_OLD"]
