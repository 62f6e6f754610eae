"""The vendor's own SDK creates, changes and deletes in the sandbox; what it wrote is in the world and reads back."""

from __future__ import annotations

from datetime import date

import pytest
from facebook_business.adobjects.ad import Ad
from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.adcreative import AdCreative
from facebook_business.adobjects.adset import AdSet
from facebook_business.adobjects.campaign import Campaign
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession

from adjoin.ads.v2 import DateWindow, ReadRequest, Status
from adjoin.testing.world import World
from adjoin_meta import plugin
from adjoin_meta.sandbox.oauth import APP_ID, APP_SECRET

TODAY = date(2026, 11, 22)

CAMPAIGN = {
    "name": "Autumn",
    "objective": "OUTCOME_SALES",
    "status": "PAUSED",
    "special_ad_categories": [],
    "daily_budget": 5000,
    "bid_strategy": "LOWEST_COST_WITHOUT_CAP",
}
TARGETING = {
    "geo_locations": {"countries": ["US"]},
    "age_min": 18,
    "age_max": 65,
    "targeting_automation": {"advantage_audience": 0},
}
AD_SET = {
    "name": "Everybody",
    "billing_event": "IMPRESSIONS",
    "optimization_goal": "OFFSITE_CONVERSIONS",
    "targeting": TARGETING,
    "status": "PAUSED",
}
STORY = {"page_id": "1", "link_data": {"link": "https://shop.example/autumn", "message": "New", "name": "Leaves"}}
VALIDATE = {"execution_options": ["validate_only"]}


@pytest.fixture
def sandbox(serve):
    """A world of the test's own, since it is changed."""
    with serve(World.generate(seed=1, today=TODAY, scale=0.02, days=10)) as served:
        yield served


@pytest.fixture
def presence(sandbox):
    return sandbox.world.on("meta")


@pytest.fixture
def api(sandbox, monkeypatch):
    monkeypatch.setattr(FacebookSession, "GRAPH", sandbox.url)
    made = FacebookAdsApi(FacebookSession(APP_ID, APP_SECRET, sandbox.world.token("meta")))
    yield made
    made._session.requests.close()


@pytest.fixture
def account(api, presence):
    known = next(each for each in presence.accounts if each.currency == "EUR")
    return AdAccount(f"act_{known.id}", api=api)


def _refused(work):
    with pytest.raises(FacebookRequestError) as caught:
        work()
    return caught.value.api_error_code(), caught.value.api_error_subcode()


@pytest.fixture
def campaign(account):
    return account.create_campaign(params=CAMPAIGN)


@pytest.fixture
def ad_set(account, campaign):
    return account.create_ad_set(params={**AD_SET, "campaign_id": campaign["id"]})


@pytest.fixture
def ad(account, ad_set):
    creative = account.create_ad_creative(params={"name": "C", "object_story_spec": STORY})
    return account.create_ad(
        params={
            "name": "Leaf",
            "adset_id": ad_set["id"],
            "creative": {"creative_id": creative["id"]},
            "status": "ACTIVE",
        }
    )


def test_a_whole_tree_is_created_and_is_in_the_world(sandbox, presence, account, campaign, ad_set, ad):
    known = presence.find(campaign["id"])
    assert (known.name, known.status, known.daily_budget_micros) == ("Autumn", Status.PAUSED, 50_000_000)
    assert presence.find(ad_set["id"]).campaign_id == campaign["id"]
    made = presence.find(ad["id"])
    assert (made.headline, made.landing_url, made.ad_group_id) == (
        "Leaves",
        "https://shop.example/autumn",
        ad_set["id"],
    )


def test_what_was_written_reads_back(account, campaign, ad_set, ad, api):
    fields = ["name", "objective", "daily_budget", "lifetime_budget", "bid_strategy", "status", "effective_status"]
    node = Campaign(campaign["id"], api=api).api_get(fields=fields)
    assert node["objective"] == "OUTCOME_SALES"
    assert (node["daily_budget"], node["lifetime_budget"]) == ("5000", "0")
    group = AdSet(ad_set["id"], api=api).api_get(fields=["targeting", "effective_status", "billing_event"])
    assert group["targeting"]["age_max"] == 65
    assert group["effective_status"] == "PAUSED"
    read = Ad(ad["id"], api=api).api_get(fields=["creative", "effective_status", "status"])
    assert (read["status"], read["effective_status"]) == ("ACTIVE", "ADSET_PAUSED")
    story = AdCreative(read["creative"]["id"], api=api).api_get(fields=["object_story_spec", "name"])
    assert story["object_story_spec"]["link_data"]["name"] == "Leaves"


def test_the_plugin_reads_what_the_sdk_wrote(sandbox, account, campaign, ad_set, ad):
    async def work(client):
        mine = next(each for each in await plugin.accounts(client) if f"act_{each.id}" == account.get_id())
        request = ReadRequest(stream="ads", account=mine)
        return {each.id: each async for batch in plugin.read(request, client) for each in batch.entities}

    found = sandbox.call(work)[ad["id"]]
    assert found.landing_url == "https://shop.example/autumn"
    assert (found.name, found.ad_group_id, found.status) == ("Leaf", ad_set["id"], Status.PAUSED)


def test_changes_reach_the_world_and_only_what_is_named_changes(presence, campaign, api):
    node = Campaign(campaign["id"], api=api)
    node.api_update(params={"daily_budget": 7000})
    known = presence.find(campaign["id"])
    assert (known.daily_budget_micros, known.name) == (70_000_000, "Autumn")
    node.api_update(params={"name": "Winter", "status": "ACTIVE"})
    known = presence.find(campaign["id"])
    assert (known.daily_budget_micros, known.name, known.status) == (70_000_000, "Winter", Status.ACTIVE)


def test_a_paused_campaign_stops_delivery_and_an_active_one_goes_on(sandbox, presence, api):
    live = next(
        each
        for each in presence.campaigns()
        if each.status is Status.ACTIVE and presence.totals("campaign_daily", account_id=each.account_id).rows
    )
    Campaign(live.id, api=api).api_update(params={"status": "PAUSED"})
    sandbox.world.set_today(date(2026, 11, 24))

    async def rows():
        client = sandbox.client()
        window = DateWindow(since=date(2026, 11, 24), until=date(2026, 11, 24))
        mine = next(each for each in await plugin.accounts(client) if each.id == live.account_id)
        request = ReadRequest(stream="campaign_daily", account=mine, window=window)
        found = [row for batch in [b async for b in plugin.read(request, client)] for row in batch.rows.to_pylist()]
        await client.aclose()
        return {row["campaign_id"] for row in found}

    import asyncio

    assert live.id not in asyncio.run(rows())
    Campaign(live.id, api=api).api_update(params={"status": "ACTIVE"})
    sandbox.world.set_today(date(2026, 11, 25))
    assert presence.find(live.id).status is Status.ACTIVE


def test_deleting_hides_an_object_from_lists_and_not_from_its_id(presence, account, campaign, ad_set, api):
    AdSet(ad_set["id"], api=api).api_delete()
    assert presence.find(ad_set["id"]).status is Status.REMOVED
    listed = {each["id"] for each in account.get_ad_sets(fields=["name"])}
    assert ad_set["id"] not in listed
    assert AdSet(ad_set["id"], api=api).api_get(fields=["effective_status"])["effective_status"] == "DELETED"
    assert _refused(lambda: AdSet(ad_set["id"], api=api).api_update(params={"name": "x"})) == (100, 1487056)


def test_archiving_shows_in_the_state(presence, campaign, ad_set, api):
    Campaign(campaign["id"], api=api).api_update(params={"status": "ARCHIVED"})
    assert presence.find(campaign["id"]).status is Status.ARCHIVED
    assert AdSet(ad_set["id"], api=api).api_get(fields=["effective_status"])["effective_status"] == "ARCHIVED"


def test_an_image_gets_a_hash_and_is_found_by_it(account):
    first = account.create_ad_image(params={"bytes": "aGVsbG8=", "name": "hello"})
    again = account.create_ad_image(params={"bytes": "aGVsbG8="})
    assert first["hash"] == again["hash"]
    found = account.get_ad_images(fields=["hash", "name"], params={"hashes": [first["hash"]]})
    assert [each["hash"] for each in found] == [first["hash"]]


def test_an_ad_may_spell_its_creative_out_and_take_another_one_later(presence, account, ad_set, api):
    made = account.create_ad(
        params={"name": "Inline", "adset_id": ad_set["id"], "creative": {"object_story_spec": STORY}}
    )
    assert presence.find(made["id"]).headline == "Leaves"
    video = {
        "page_id": "1",
        "video_data": {"title": "Film", "call_to_action": {"value": {"link": "https://f.example"}}},
    }
    other = account.create_ad_creative(params={"name": "V", "object_story_spec": video})
    Ad(made["id"], api=api).api_update(params={"creative": {"creative_id": other["id"]}})
    known = presence.find(made["id"])
    assert (known.format, known.headline, known.landing_url) == ("video", "Film", "https://f.example")
    (creative,) = Ad(made["id"], api=api).get_ad_creatives(fields=["title"])
    assert creative["title"] == "Film"


@pytest.mark.parametrize("kind", ["campaign", "adset", "creative", "ad", "change"])
def test_validating_writes_nothing(presence, account, campaign, ad_set, ad, api, kind):
    before = (presence.campaigns(), presence.ad_groups(), presence.ads())
    creative = {"object_story_spec": STORY}
    {
        "campaign": lambda: account.create_campaign(params=CAMPAIGN | VALIDATE),
        "adset": lambda: account.create_ad_set(params=AD_SET | {"campaign_id": campaign["id"]} | VALIDATE),
        "creative": lambda: account.create_ad_creative(params={"name": "V"} | creative | VALIDATE),
        "ad": lambda: account.create_ad(
            params={"name": "V", "adset_id": ad_set["id"], "creative": creative} | VALIDATE
        ),
        "change": lambda: Campaign(campaign["id"], api=api).api_update(params={"name": "V"} | VALIDATE),
    }[kind]()
    assert (presence.campaigns(), presence.ad_groups(), presence.ads()) == before


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"objective": "CONVERSIONS"}, (100, None)),
        ({"status": "ARCHIVED"}, (100, None)),
        ({"special_ad_categories": ["CREDIT"]}, (100, None)),
        ({"daily_budget": 5}, (100, 1885272)),
        ({"lifetime_budget": 50000}, (100, None)),
        ({"daily_budget": None}, (100, 4834011)),
        ({"is_adset_budget_sharing_enabled": True}, (100, 4834002)),
        ({"daily_budget": None, "bid_strategy": None, "is_adset_budget_sharing_enabled": True}, (100, 4834005)),
        ({"daily_budget": None, "lifetime_budget": 50000}, (100, None)),
        ({"smart_promotion_type": "GUIDED_CREATION"}, (100, None)),
        ({"special_ad_categories": None}, (100, None)),
    ],
)
def test_a_campaign_that_meta_would_refuse_is_refused(presence, account, change, code):
    before = presence.campaigns()
    params = {name: value for name, value in (CAMPAIGN | change).items() if value is not None}
    assert _refused(lambda: account.create_campaign(params=params)) == code
    assert _refused(lambda: account.create_campaign(params=params | VALIDATE)) == code
    assert presence.campaigns() == before


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"daily_budget": 1000}, (100, 1885621)),
        ({"targeting": {"geo_locations": {"countries": ["US"]}}}, (100, 1870227)),
        ({"targeting": TARGETING | {"age_max": 40, "targeting_automation": {"advantage_audience": 1}}}, (100, 1870188)),
        ({"targeting": TARGETING | {"age_min": 30, "targeting_automation": {"advantage_audience": 1}}}, (100, 1870189)),
        ({"targeting": TARGETING | {"geo_locations": {"countries": ["DE"]}}}, (100, 3858081)),
        (
            {"targeting": TARGETING | {"geo_locations": {"countries": ["DE"]}}, "dsa_beneficiary": "Shop"},
            (100, 3858079),
        ),
        ({"bid_strategy": "COST_CAP"}, (100, 1815857)),
        ({"targeting": {"targeting_automation": {"advantage_audience": 0}}}, (100, 1885364)),
        ({"campaign_id": "404"}, (100, 33)),
        ({"name": "x" * 401}, (100, 1487007)),
    ],
)
def test_an_ad_set_that_meta_would_refuse_is_refused(presence, account, campaign, change, code):
    before = presence.ad_groups()
    params = AD_SET | {"campaign_id": campaign["id"]} | change
    assert _refused(lambda: account.create_ad_set(params=params)) == code
    assert presence.ad_groups() == before


def test_an_ad_set_has_the_budget_where_its_campaign_has_none(presence, account, api):
    params = {name: value for name, value in CAMPAIGN.items() if name not in ("daily_budget", "bid_strategy")}
    campaign = account.create_campaign(params=params | {"is_adset_budget_sharing_enabled": False})
    wanted = AD_SET | {"campaign_id": campaign["id"]}
    assert _refused(lambda: account.create_ad_set(params=wanted)) == (100, None)
    assert _refused(lambda: account.create_ad_set(params=wanted | {"daily_budget": 900})) == (100, 2490487)
    capped = {"bid_strategy": "LOWEST_COST_WITH_BID_CAP", "bid_amount": 150, "daily_budget": 900}
    group = account.create_ad_set(params=wanted | capped)
    known = presence.find(group["id"])
    assert (known.daily_budget_micros, known.bid_micros) == (9_000_000, 1_500_000)
    assert _refused(lambda: Campaign(campaign["id"], api=api).api_update(params={"daily_budget": 900})) == (
        100,
        1885621,
    )


def test_budgets_of_an_ad_set_may_change_four_times_an_hour(sandbox, presence, account, api):
    group = next(each for each in presence.ad_groups() if each.daily_budget_micros)
    node = AdSet(group.id, api=api)
    for budget in (1000, 2000, 3000, 4000):
        node.api_update(params={"daily_budget": budget})
    assert _refused(lambda: node.api_update(params={"daily_budget": 5000})) == (613, 1487632)
    sandbox.world.set_today(date(2026, 11, 23))
    node.api_update(params={"daily_budget": 5000})


def test_a_creatives_texts_cannot_be_changed(account, api):
    made = account.create_ad_creative(params={"name": "C", "object_story_spec": STORY})
    AdCreative(made["id"], api=api).api_update(params={"name": "D"})
    assert AdCreative(made["id"], api=api).api_get(fields=["name"])["name"] == "D"
    assert _refused(lambda: AdCreative(made["id"], api=api).api_update(params={"object_story_spec": STORY})) == (
        100,
        None,
    )


def test_what_belongs_to_another_account_is_not_there(presence, account, api, ad_set):
    other = next(each for each in presence.accounts if each.currency == "JPY")
    elsewhere = AdAccount(f"act_{other.id}", api=api)
    params = {"name": "A", "adset_id": ad_set["id"], "creative": {"object_story_spec": STORY}}
    assert _refused(lambda: elsewhere.create_ad(params=params)) == (100, 33)


def test_an_account_names_its_least_budgets(account):
    (row,) = account.get_minimum_budgets(fields=["currency", "min_daily_budget_imp"])
    assert (row["currency"], row["min_daily_budget_imp"]) == ("EUR", 100)


def test_a_lost_answer_leaves_what_was_created(sandbox, presence, account):
    """There is no key against creating twice: whoever gets no answer has to look for the name."""
    sandbox.fault("cut_body", "mutate", times=1)
    with pytest.raises(OSError, match=r"IncompleteRead|Connection|broken"):
        account.create_campaign(params=CAMPAIGN | {"name": "Lost"})
    assert [each.name for each in presence.campaigns()].count("Lost") == 1
    found = account.get_campaigns(
        fields=["name"], params={"filtering": [{"field": "campaign.name", "operator": "EQUAL", "value": "Lost"}]}
    )
    assert len(found) == 1
