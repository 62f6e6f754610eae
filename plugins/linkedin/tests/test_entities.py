"""Accounts, campaign groups, campaigns and creatives, against a client that answers from a function."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from adjoin.ads.v2 import AccountStatus, ReadRequest, Status
from adjoin.errors import ErrorKind, PlatformError
from adjoin_linkedin import plugin
from adjoin_linkedin.statuses import ad_status, status

_STAMPS = {"created": {"time": 1542042798000}, "lastModified": {"time": 1542129293297}}
_CAMPAIGN = {"id": 7, "name": "C", "campaignGroup": "urn:li:sponsoredCampaignGroup:3", "status": "ACTIVE"}


def _read(run, client, account, stream):
    async def main():
        return [batch async for batch in plugin.read(ReadRequest(stream=stream, account=account), client)]

    return [entity for batch in run(main()) for entity in batch.entities]


def _one(run, fake, account, stream, raw):
    (entity,) = _read(run, fake(lambda _: {"elements": [raw]}), account, stream)
    return entity


def _creatives(raw, campaigns=(_CAMPAIGN,)):
    return lambda sent: {"elements": [raw] if sent.path.endswith("/creatives") else list(campaigns)}


def test_a_campaign_group_becomes_a_campaign(fake, run, account):
    campaign = _one(run, fake, account, "campaigns", {
        "id": 603407684123456789, "name": "Refresh group", "account": "urn:li:sponsoredAccount:101", "status": "PAUSED",
        "runSchedule": {"start": 1761955200000, "end": 1764547200000},
        "totalBudget": {"amount": "60000.05", "currencyCode": "EUR"}, "servingStatuses": ["BILLING_HOLD"],
        "objectiveType": "LEAD_GENERATION", "changeAuditStamps": _STAMPS, "test": False,
    })  # fmt: skip
    assert (campaign.id, campaign.account_id, campaign.name) == ("603407684123456789", "101", "Refresh group")
    assert (campaign.status, campaign.native_status) == (Status.PAUSED, "PAUSED")
    assert (campaign.daily_budget_micros, campaign.lifetime_budget_micros) == (None, 60_000_050_000)
    # Ends at midnight of December 1st, so November 30th is the last day.
    assert (campaign.start_date, campaign.end_date) == (date(2025, 11, 1), date(2025, 11, 30))
    assert (campaign.objective, campaign.channel) == ("leads", "social")
    assert campaign.updated_at == datetime(2018, 11, 13, 17, 14, 53, 297000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("native", "objective"),
    [("WEBSITE_CONVERSION", "sales"), ("JOB_APPLICANT", "jobs"), ("TALENT_LEADS_V2", "other"), (None, None)],
)
def test_objectives_get_canonical_words(fake, run, account, native, objective):
    raw = {"id": 1, "status": "ACTIVE"} | ({"objectiveType": native} if native else {})
    assert _one(run, fake, account, "campaigns", raw).objective == objective


def test_a_group_whose_time_is_over_has_ended(fake, run, account):
    raw = {"id": 1, "status": "ACTIVE", "runSchedule": {"start": 0, "end": 1_000_000_000_000}}
    assert _one(run, fake, account, "campaigns", raw).status is Status.ENDED
    raw["runSchedule"]["end"] = 4_000_000_000_000
    assert _one(run, fake, account, "campaigns", raw).status is Status.ACTIVE


def test_a_campaign_becomes_an_ad_group(fake, run, account):
    group = _one(run, fake, account, "ad_groups", {
        **_CAMPAIGN, "type": "SPONSORED_UPDATES", "unitCost": {"amount": "15.5", "currencyCode": "EUR"},
        "dailyBudget": {"amount": "18", "currencyCode": "EUR"}, "changeAuditStamps": _STAMPS,
        "targetingCriteria": {"include": {"and": []}},
    })  # fmt: skip
    assert (group.id, group.campaign_id, group.bid_micros, group.daily_budget_micros) == (
        "7",
        "3",
        15_500_000,
        18_000_000,
    )


def test_what_is_not_there_is_none_and_a_name_falls_back_to_the_number(fake, run, account):
    group = _one(run, fake, account, "ad_groups", {"id": 7})
    assert (group.name, group.status, group.campaign_id) == ("7", Status.UNKNOWN, "")
    assert (group.bid_micros, group.daily_budget_micros, group.updated_at) == (None, None, None)


def test_a_creative_becomes_an_ad_with_the_group_of_its_campaign(fake, run, account):
    client = fake(_creatives({
        "id": "urn:li:sponsoredCreative:119962155", "campaign": "urn:li:sponsoredCampaign:7", "name": "A1",
        "intendedStatus": "ACTIVE", "review": {"status": "APPROVED"}, "lastModifiedAt": 1624249280000,
        "content": {"reference": "urn:li:share:6778045555198214144"},
    }))  # fmt: skip
    (ad,) = _read(run, client, account, "ads")
    assert (ad.id, ad.ad_group_id, ad.campaign_id, ad.name) == ("119962155", "7", "3", "A1")
    assert (ad.status, ad.native_status, ad.landing_url) == (Status.ACTIVE, "ACTIVE", None)
    assert ad.format is None
    assert ad.updated_at == datetime(2021, 6, 21, 4, 21, 20, tzinfo=UTC)


def test_a_text_ad_has_its_headline_and_landing_page_inline(fake, run, account):
    content = {"textAd": {"headline": "Buy", "description": "Now", "landingPage": "https://shop.example/a"}}
    raw = {"id": "urn:li:sponsoredCreative:9", "campaign": "urn:li:sponsoredCampaign:7", "content": content}
    (ad,) = _read(run, fake(_creatives(raw)), account, "ads")
    assert (ad.name, ad.landing_url, ad.format) == ("Buy", "https://shop.example/a", "Text ad")


def test_campaigns_that_the_list_lacks_are_asked_for_by_their_ids(fake, run, account):
    raw = {"id": "urn:li:sponsoredCreative:9", "campaign": "urn:li:sponsoredCampaign:8"}

    def answer(sent):
        if "ids" in sent.params:
            assert (sent.params["ids"], sent.headers["X-RestLi-Method"]) == ("List(8)", "BATCH_GET")
            return {"results": {"8": {**_CAMPAIGN, "id": 8}}, "statuses": {}, "errors": {}}
        return _creatives(raw)(sent)

    (ad,) = _read(run, fake(answer), account, "ads")
    assert (ad.ad_group_id, ad.campaign_id) == ("8", "3")


def test_every_state_is_asked_for(fake, run, account):
    client = fake(lambda _: {"elements": []})
    for stream in ("campaigns", "ad_groups", "ads"):
        _read(run, client, account, stream)
    groups, campaigns, *_, creatives = client.sent
    assert groups.path == "/rest/adAccounts/101/adCampaignGroups"
    assert groups.params["search"] == (
        "(status:(values:List(ACTIVE,ARCHIVED,CANCELED,DRAFT,PAUSED,PENDING_DELETION,REMOVED)))"
    )
    assert campaigns.path == "/rest/adAccounts/101/adCampaigns"
    assert "COMPLETED" in campaigns.params["search"]
    assert creatives.path == "/rest/adAccounts/101/creatives"
    assert (creatives.params["q"], creatives.params["pageSize"]) == ("criteria", "100")
    assert creatives.params["intendedStatuses"].startswith("List(ACTIVE,ARCHIVED,")
    assert {sent.headers["X-RestLi-Method"] for sent in client.sent} == {"FINDER"}


@pytest.mark.parametrize(
    ("native", "meant"),
    [
        ("CANCELED", "ended"),
        ("COMPLETED", "ended"),
        ("DRAFT", "pending"),
        ("PENDING_DELETION", "removed"),
        ("NOVEL", "unknown"),
    ],
)
def test_states(native, meant):
    assert status(native) == meant


@pytest.mark.parametrize(
    ("intended", "review", "meant", "word"),
    [
        ("ACTIVE", "APPROVED", "active", "ACTIVE"),
        ("ACTIVE", "REJECTED", "rejected", "REJECTED"),
        ("ACTIVE", "NEEDS_REVIEW", "pending", "NEEDS_REVIEW"),
        ("ACTIVE", "PARTIALLY_APPROVED", "active", "ACTIVE"),
        ("PAUSED", "REJECTED", "paused", "PAUSED"),
        ("ARCHIVED", "PENDING", "archived", "ARCHIVED"),
    ],
)
def test_a_creative_is_what_its_owner_intends_unless_the_review_holds_it_back(intended, review, meant, word):
    assert ad_status(intended, review) == (meant, word)


def test_a_value_that_cannot_be_read_is_named(fake, run, account):
    with pytest.raises(PlatformError, match="'lots' is no amount of money") as caught:
        _one(run, fake, account, "campaigns", {"id": 1, "dailyBudget": {"amount": "lots", "currencyCode": "EUR"}})
    assert caught.value.kind is ErrorKind.INVALID


_ACCOUNT = {"id": 5, "name": "Company A", "currency": "USD", "status": "ACTIVE", "test": False}


@pytest.mark.parametrize(
    ("native", "serving", "meant"),
    [
        ("ACTIVE", ["RUNNABLE"], AccountStatus.ACTIVE),
        ("ACTIVE", ["BILLING_HOLD", "STOPPED"], AccountStatus.LIMITED),
        ("ACTIVE", ["QUANTUM_HOLD", "RUNNABLE"], AccountStatus.ACTIVE),
        ("DRAFT", ["RUNNABLE"], AccountStatus.LIMITED),
        ("CANCELED", [], AccountStatus.DISABLED),
        ("PENDING_DELETION", [], AccountStatus.CLOSED),
        ("NOVEL", [], AccountStatus.UNKNOWN),
    ],
)
def test_accounts_of_every_state_are_listed_and_readable(fake, run, native, serving, meant):
    client = fake(lambda _: {"elements": [{**_ACCOUNT, "status": native, "servingStatuses": serving}]})
    (got,) = run(plugin.accounts(client))
    assert (got.id, got.currency, got.time_zone, got.status, got.native_status) == ("5", "USD", "UTC", meant, native)
    assert got.readable
    (sent,) = client.sent
    assert sent.params["search"] == "(status:(values:List(ACTIVE,CANCELED,DRAFT,PENDING_DELETION,REMOVED)))"


def test_test_accounts_and_holds_are_noted(fake, run):
    raw = {**_ACCOUNT, "test": True, "servingStatuses": ["BILLING_HOLD"]}
    (got,) = run(plugin.accounts(fake(lambda _: {"elements": [raw]})))
    assert got.extra == {"test": "true", "serving_statuses": "BILLING_HOLD"}
