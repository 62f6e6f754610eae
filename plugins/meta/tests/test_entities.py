"""Campaigns, ad sets and ads."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from adjoin.ads.v2 import Account, AccountStatus, ReadRequest, Status
from adjoin.errors import ErrorKind, PlatformError
from adjoin_meta import plugin
from adjoin_meta.entities import parse_time


def _read(run, client, account, stream, **more):
    async def main():
        request = ReadRequest(stream=stream, account=account, **more)
        return [entity async for batch in plugin.read(request, client) for entity in batch.entities]

    return run(main())


@pytest.mark.parametrize(
    "text",
    ["2026-09-02T03:04:05-0700", "2026-09-02t03:04:05-07:00", "2026-09-02T10:04:05Z", "2026-09-02 10:04:05 0000"],
)
def test_times_are_read_leniently(text):
    assert parse_time(text) == datetime(2026, 9, 2, 10, 4, 5, tzinfo=UTC)


def test_what_is_no_time_is_refused():
    assert parse_time(None) is None
    with pytest.raises(ValueError, match="no time"):
        parse_time("yesterday")


def test_a_campaign_has_budgets_in_micros_and_days_of_the_account(fake, run, account):
    raw = {
        "id": "1", "name": "Ü", "objective": "OUTCOME_SALES", "effective_status": "WITH_ISSUES",
        "daily_budget": "5000", "lifetime_budget": "0", "start_time": "2026-01-01T00:00:00+0100",
        "stop_time": "2026-02-01T00:00:00+0100", "updated_time": "2026-01-05T08:00:00+0100",
    }  # fmt: skip
    (campaign,) = _read(run, fake(lambda _: {"data": [raw]}), account, "campaigns")
    assert campaign.daily_budget_micros == 50_000_000
    assert campaign.lifetime_budget_micros is None
    assert (campaign.start_date, campaign.end_date) == (date(2026, 1, 1), date(2026, 1, 31))
    assert (campaign.objective, campaign.status, campaign.native_status) == ("sales", Status.PENDING, "WITH_ISSUES")
    assert campaign.updated_at == datetime(2026, 1, 5, 7, tzinfo=UTC)


def test_an_ad_set_in_yen_has_no_minor_units(fake, run):
    account = Account(id="7", name="JP", currency="JPY", time_zone="Asia/Tokyo")
    raw = {
        "id": "2",
        "campaign_id": "1",
        "effective_status": "CAMPAIGN_PAUSED",
        "daily_budget": "5000",
        "bid_amount": 30,
    }
    (group,) = _read(run, fake(lambda _: {"data": [raw]}), account, "ad_groups")
    assert (group.daily_budget_micros, group.bid_micros) == (5_000_000_000, 30_000_000)
    assert (group.status, group.native_status) == (Status.PAUSED, "CAMPAIGN_PAUSED")


@pytest.mark.parametrize(
    ("creative", "url"),
    [
        ({"link_url": "https://a.example"}, "https://a.example"),
        ({"object_story_spec": {"link_data": {"link": "https://b.example"}}}, "https://b.example"),
        (
            {"object_story_spec": {"video_data": {"call_to_action": {"value": {"link": "https://c.example"}}}}},
            "https://c.example",
        ),
        ({"object_story_spec": {"template_data": {"link": "https://d.example"}}}, "https://d.example"),
        (
            {"object_story_spec": {"link_data": {"child_attachments": [{"link": "https://e.example"}, {}]}}},
            "https://e.example",
        ),
        ({"asset_feed_spec": {"link_urls": [{"website_url": "https://f.example"}]}}, "https://f.example"),
        ({"object_story_spec": {"video_data": {}}}, None),
        ({"asset_feed_spec": {"link_urls": []}}, None),
        ({}, None),
    ],
)
def test_an_ads_landing_page_is_found_wherever_the_creative_keeps_it(fake, run, account, creative, url):
    raw = {"id": "3", "campaign_id": "1", "adset_id": "2", "effective_status": "DISAPPROVED", "creative": creative}
    (ad,) = _read(run, fake(lambda _: {"data": [raw]}), account, "ads")
    assert ad.landing_url == url
    assert ad.status is Status.REJECTED


@pytest.mark.parametrize(
    ("creative", "kind"),
    [
        ({"object_story_spec": {"link_data": {"link": "https://b.example"}}}, "Image ad"),
        ({"object_story_spec": {"link_data": {"child_attachments": [{"link": "https://e.example"}]}}}, "Carousel ad"),
        ({"object_story_spec": {"template_data": {"link": "https://d.example"}}}, "Catalogue ad"),
        ({"object_story_spec": {"video_data": {}}}, "Video ad"),
        ({"asset_feed_spec": {"link_urls": []}, "object_story_spec": {"video_data": {}}}, "Flexible ad"),
        ({"link_url": "https://a.example"}, None),
    ],
)
def test_an_ads_format_is_told_by_its_story(fake, run, account, creative, kind):
    raw = {"id": "3", "campaign_id": "1", "adset_id": "2", "effective_status": "ACTIVE", "creative": creative}
    (ad,) = _read(run, fake(lambda _: {"data": [raw]}), account, "ads")
    assert ad.format == kind


@pytest.mark.parametrize(("stream", "level"), [("campaigns", "campaign"), ("ad_groups", "adset"), ("ads", "ad")])
def test_all_states_are_asked_for(fake, run, account, stream, level):
    client = fake(lambda _: {"data": []})
    _read(run, client, account, stream)
    assert {"ARCHIVED", "DELETED"} < set(msgspec.json.decode(client.sent[0].params["effective_status"]))


def test_changes_only_are_asked_for_in_two_ways(fake, run, account):
    since = datetime(2026, 11, 1, tzinfo=UTC)
    client = fake(lambda _: {"data": []})
    _read(run, client, account, "campaigns", updated_since=since)
    _read(run, client, account, "ads", updated_since=since)
    (condition,) = msgspec.json.decode(client.sent[0].params["filtering"])
    assert condition == {"field": "campaign.updated_time", "operator": "GREATER_THAN", "value": 1_793_491_200}
    assert client.sent[1].params["updated_since"] == "1793491200"


def test_an_object_that_moves_between_pages_comes_once(fake, run, account):
    paging = {"cursors": {"after": "A"}, "next": "https://graph.facebook.com/x?after=A"}
    answers = [{"data": [{"id": "1"}, {"id": "2"}], "paging": paging}, {"data": [{"id": "2"}, {"id": "3"}]}]
    found = _read(run, fake(lambda _: answers.pop(0)), account, "campaigns")
    assert [campaign.id for campaign in found] == ["1", "2", "3"]


def test_a_creative_that_meta_cannot_read_costs_the_creatives_and_not_the_ads(fake, run, account):
    bad = PlatformError("creative", kind=ErrorKind.INVALID, code="100/2446289")
    ads = {"data": [{"id": "3", "campaign_id": "1", "adset_id": "2", "effective_status": "ACTIVE"}]}
    found = _read(run, fake(lambda sent: bad if "creative" in sent.params["fields"] else ads), account, "ads")
    assert [ad.id for ad in found] == ["3"]


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [
        (1, AccountStatus.ACTIVE, "ACTIVE"),
        (2, AccountStatus.DISABLED, "DISABLED"),
        (3, AccountStatus.LIMITED, "UNSETTLED"),
        (9, AccountStatus.ACTIVE, "IN_GRACE_PERIOD"),
        (101, AccountStatus.CLOSED, "CLOSED"),
        (555, AccountStatus.UNKNOWN, "555"),
    ],
)
def test_accounts_of_every_status_are_listed_and_readable(fake, run, number, status, word):
    raw = {"id": "act_9", "account_id": "9", "name": "N", "account_status": number, "currency": "EUR",
           "timezone_name": "Europe/Berlin"}  # fmt: skip
    (found,) = run(plugin.accounts(fake(lambda _: {"data": [raw]})))
    assert (found.id, found.status, found.native_status, found.readable) == ("9", status, word, True)
