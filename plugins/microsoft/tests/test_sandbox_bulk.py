"""Bulk downloads of the sandbox: all objects of an account, or what has changed."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from adjoin.ads.v2 import Status
from adjoin.testing.server import running
from adjoin.testing.world import World
from adjoin_microsoft.sandbox import make_app
from adjoin_microsoft.sandbox.caller import Caller, codes
from adjoin_microsoft.sandbox.states import GONE

ALL = ("Campaigns", "AdGroups", "Ads", "Keywords")
ORDER = "Bulk/v13/Campaigns/DownloadByAccountIds"


@pytest.fixture
def served():
    world = World.generate(seed=4, today=date(2026, 11, 22), scale=0.1, days=60)
    with running(make_app(world)) as url:
        yield SimpleNamespace(world=world, url=url)


@pytest.fixture
def caller(served):
    return Caller.of(served.url, served.world)


def _sync(world):
    return world.now.strftime("%Y-%m-%dT%H:%M:%S")


def _of(rows, kind):
    return {row["Id"]: row for row in rows if row["Type"] == kind}


def test_a_file_begins_with_its_version_and_the_account(caller):
    version, account, *rows = caller.bulk(ALL)
    assert (version["Type"], version["Name"]) == ("Format Version", "6.0")
    assert (account["Type"], account["Id"]) == ("Account", caller.account.id)
    assert account["Parent Id"] == caller.headers["CustomerId"]
    assert account["Sync Time"] == "11/22/2026 12:00:00.000"
    order = [row["Type"] for row in rows]
    assert order == sorted(order, key=lambda kind: ("Campaign", "Ad Group", "Ad", "Keyword").index(_kind(kind)))


def _kind(name):
    return "Ad" if name.endswith(" Ad") else name


def test_a_full_download_has_everything_that_is_not_deleted(caller):
    rows = caller.bulk(ALL)
    world = caller.world.on("microsoft")
    gone = {each.id for each in (*world.campaigns(), *world.ad_groups()) if each.status in GONE}

    def known(items):
        return {
            each.id
            for each in items
            if each.status not in GONE
            and not {getattr(each, "campaign_id", ""), getattr(each, "ad_group_id", "")} & gone
        }

    assert _of(rows, "Campaign").keys() == known(world.campaigns(caller.account.id))
    assert _of(rows, "Ad Group").keys() == known(world.ad_groups(caller.account.id))
    assert _of(rows, "Keyword").keys() == known(world.keywords(caller.account.id))
    ads = {row["Id"] for row in rows if row["Type"].endswith(" Ad")}
    assert ads == known(world.ads(caller.account.id))
    assert "Deleted" not in Counter(row["Status"] for row in rows)


def test_rows_say_what_the_objects_are(caller):
    rows = caller.bulk(ALL)
    world = caller.world.on("microsoft")
    for campaign in world.campaigns(caller.account.id):
        if (row := _of(rows, "Campaign").get(campaign.id)) is None:
            continue
        assert (row["Campaign"], row["Parent Id"]) == (campaign.name, caller.account.id)
        if campaign.daily_budget_micros is not None:
            assert float(row["Budget"]) * 1_000_000 == campaign.daily_budget_micros
            assert row["Budget Type"] == "DailyBudgetStandard"
    for keyword in world.keywords(caller.account.id):
        if (row := _of(rows, "Keyword").get(keyword.id)) is not None:
            assert (row["Keyword"], row["Match Type"].lower()) == (keyword.text, keyword.match_type)
            micros = round(float(row["Bid"]) * 1_000_000) if row["Bid"] else None
            assert (row["Parent Id"], micros) == (keyword.ad_group_id, keyword.bid_micros)
    for ad in world.ads(caller.account.id):
        if (row := _of(rows, "Responsive Search Ad").get(ad.id)) is not None:
            assert json.loads(row["Headline"])[0]["text"] == ad.headline
            assert (row["Parent Id"], row["Final Url"]) == (ad.ad_group_id, ad.landing_url)
        if (row := _of(rows, "Expanded Text Ad").get(ad.id)) is not None:
            assert row["Title Part 1"] == ad.headline


def test_only_what_is_asked_for_comes(caller):
    kinds = {row["Type"] for row in caller.bulk(["Keywords"])}
    assert kinds == {"Format Version", "Account", "Keyword"}
    kinds = {row["Type"] for row in caller.bulk(["ExpandedTextAds"])}
    assert kinds == {"Format Version", "Account", "Expanded Text Ad"}


def test_what_has_changed_since_comes_with_what_was_deleted(caller):
    world = caller.world.on("microsoft")
    since = _sync(caller.world)
    caller.world.now += timedelta(hours=1)
    assert len(caller.bulk(ALL, LastSyncTimeInUTC=_sync(caller.world))) == 2
    ads = [ad for ad in world.ads(caller.account.id) if ad.status is Status.ACTIVE]
    gone = {each.id for each in (*world.campaigns(), *world.ad_groups()) if each.status in GONE}
    first, second = [ad for ad in ads if not {ad.campaign_id, ad.ad_group_id} & gone][:2]
    world.update(replace(first, headline="New"))
    world.update(replace(second, status=Status.REMOVED))
    rows = caller.bulk(ALL, LastSyncTimeInUTC=since)[2:]
    assert {(row["Id"], row["Status"]) for row in rows} == {(first.id, "Active"), (second.id, "Deleted")}
    assert {row["Modified Time"] for row in rows} == {"11/22/2026 13:00:00.000"}
    assert second.id not in {row["Id"] for row in caller.bulk(ALL)}


def test_of_a_deleted_parent_only_the_parent_shows(caller):
    world = caller.world.on("microsoft")
    since = _sync(caller.world)
    campaign = next(each for each in world.campaigns(caller.account.id) if each.kind == "normal")
    group = next(each for each in world.ad_groups(caller.account.id) if each.campaign_id == campaign.id)
    world.update(replace(group, status=Status.REMOVED))
    world.update(replace(campaign, status=Status.ARCHIVED))
    rows = caller.bulk(ALL, LastSyncTimeInUTC=since)[2:]
    assert [(row["Type"], row["Id"], row["Status"]) for row in rows] == [("Campaign", campaign.id, "Deleted")]


def test_after_thirty_days_everything_must_be_asked_for(caller):
    month_ago = caller.world.now - timedelta(days=30)
    assert caller.bulk(ALL, LastSyncTimeInUTC=month_ago.strftime("%Y-%m-%dT%H:%M:%S"))[1]["Type"] == "Account"
    earlier = month_ago - timedelta(seconds=1)
    failed = [{"RequestStatus": "FailedFullSyncRequired"}]
    assert caller.bulk(ALL, LastSyncTimeInUTC=earlier.strftime("%Y-%m-%dT%H:%M:%S")) == failed


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"AccountIds": None}, (400, [3306])),
        ({"AccountIds": ["1", "2"]}, (400, [3201])),
        ({"AccountIds": ["180012345"]}, (403, [106])),
        ({"AccountIds": ["F120ABCD"]}, (400, [100])),
        ({"DownloadEntities": []}, (400, [3210])),
        ({"DownloadEntities": ["Balloons"]}, (400, [100])),
        ({"FormatVersion": "5.0"}, (400, [3211])),
        ({"DataScope": "Everything"}, (400, [100])),
        ({"DownloadFileType": "Pdf"}, (400, [100])),
        ({"CompressionType": "GZip"}, (400, [204])),
        ({"LastSyncTimeInUTC": "yesterday"}, (400, [100])),
        ({"LastSyncTimeInUTC": "2026-11-23T00:00:00"}, (400, [3208])),
        ({"LastSyncTimeInUTC": "2026-11-20T00:00:00", "DataScope": "EntityData, QualityScoreData"}, (400, [3603])),
        ({"Colour": "blue"}, (400, [100])),
    ],
)
def test_orders_that_do_not_fit_are_refused(caller, changed, refusal):
    order = {"AccountIds": [caller.account.id], "DownloadEntities": ["Campaigns"], "FormatVersion": "6.0"}
    assert codes(caller.post(ORDER, order | changed)) == refusal


def test_single_campaigns_can_be_downloaded(caller):
    world = caller.world.on("microsoft")
    campaign = next(each for each in world.campaigns(caller.account.id) if each.status not in GONE)
    part = {"CampaignId": campaign.id, "ParentAccountId": caller.account.id}
    order = {"Campaigns": [part], "DownloadEntities": list(ALL), "FormatVersion": "6.0"}
    path = "Bulk/v13/Campaigns/DownloadByCampaignIds"
    assert caller.post(path, order).json()["DownloadRequestId"]
    assert codes(caller.post(path, order | {"Campaigns": [part | {"CampaignId": "1"}]})) == (400, [1100])
    assert codes(caller.post(path, order | {"Campaigns": [part | {"ParentAccountId": "1"}]})) == (400, [3203])
    assert codes(caller.post(path, order | {"Campaigns": []})) == (400, [1118])


def test_downloads_are_known_for_two_days(caller):
    ask = "Bulk/v13/BulkDownloadStatus/Query"
    assert codes(caller.post(ask, {"RequestId": "nonsense"})) == (400, [3205])
    order = {"AccountIds": [caller.account.id], "DownloadEntities": ["Campaigns"], "FormatVersion": "6.0"}
    made = {"RequestId": caller.post(ORDER, order).json()["DownloadRequestId"]}
    status = caller.post(ask, made).json()
    assert (status["RequestStatus"], status["ResultFileUrl"], status["Errors"]) == ("InProgress", None, None)
    caller.world.now += timedelta(days=2)
    assert codes(caller.post(ask, made)) == (400, [3205])


def test_a_campaign_without_a_budget_of_its_own_shows_a_shared_one(caller):
    world = caller.world.on("microsoft")
    rows = caller.bulk(["Campaigns", "Budgets"])
    budgets = _of(rows, "Budget")
    for campaign in world.campaigns(caller.account.id):
        row = _of(rows, "Campaign").get(campaign.id)
        if row is None:
            continue
        own = campaign.daily_budget_micros is not None or campaign.lifetime_budget_micros is not None
        assert bool(row["Budget Id"]) is not own
        if not own:
            below = [group for group in world.ad_groups() if group.campaign_id == campaign.id]
            micros = sum(group.daily_budget_micros or 0 for group in below)
            assert float(row["Budget"]) * 1_000_000 == micros
            assert budgets[row["Budget Id"]]["Budget"] == row["Budget"]
