"""The vendor's own client works against the sandbox, so the sandbox speaks the vendor's wire format."""

from __future__ import annotations

from datetime import UTC, date, datetime
from urllib.parse import quote

import pytest
import requests
from linkedin_api.clients.auth.client import AuthClient
from linkedin_api.clients.auth.utils import oauth
from linkedin_api.clients.restli.client import RestliClient
from linkedin_api.common import constants
from linkedin_api.common.errors import ResponseFormattingError

from adjoin.testing.world import World
from adjoin_linkedin.sandbox.oauth import APP_ID, APP_SECRET

TODAY = date(2026, 11, 22)
NOW = round(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp() * 1000)
_RANGE = {"start": {"year": 2026, "month": 11, "day": 1}, "end": {"year": 2026, "month": 11, "day": 22}}
_STATES = ["ACTIVE", "ARCHIVED", "CANCELED", "DRAFT", "PAUSED", "PENDING_DELETION", "REMOVED"]


class Vendor:
    """The vendor's client with token and version given."""

    def __init__(self, sandbox):
        self.world = sandbox.world
        self.presence = sandbox.world.on("linkedin")
        self.account = next(each for each in self.presence.accounts if each.currency == "EUR")
        self.client = RestliClient()
        self.common = {"access_token": sandbox.world.token("linkedin"), "version_string": "202610"}

    def __getattr__(self, name):
        return lambda path, **given: getattr(self.client, name)(resource_path=path, **{**self.common, **given})

    def base(self, kind):
        return f"/adAccounts/{self.account.id}/{kind}"


@pytest.fixture
def vendor(serve, monkeypatch):
    """Serves a world of its own, as it is changed."""
    with serve(World.generate(seed=6, today=TODAY, scale=0.05, days=30)) as sandbox:
        monkeypatch.setattr(constants, "VERSIONED_BASE_URL", f"{sandbox.url}/rest")
        monkeypatch.setattr(constants, "NON_VERSIONED_BASE_URL", f"{sandbox.url}/v2")
        # The client copies this one where it builds the address of the consent page.
        for module in (constants, oauth):
            monkeypatch.setattr(module, "OAUTH_BASE_URL", f"{sandbox.url}/oauth/v2")
        made = Vendor(sandbox)
        yield made
        made.client.session.close()


def test_authorises(vendor):
    auth = AuthClient(APP_ID, APP_SECRET, "http://127.0.0.1:9/callback")
    try:
        url = auth.generate_member_auth_url(scopes=["r_ads", "r_ads_reporting"], state="s1")
        back = requests.get(url, allow_redirects=False, timeout=10).headers["location"]
        code = dict(part.split("=") for part in back.partition("?")[2].split("&"))["code"]
        first = auth.exchange_auth_code_for_access_token(code)
        assert (first.status_code, first.expires_in, first.scope) == (200, 5_184_000, "r_ads,r_ads_reporting")
        second = auth.exchange_refresh_token_for_access_token(first.refresh_token)
        assert second.refresh_token == first.refresh_token
        known = auth.introspect_access_token(second.access_token)
        assert (known.active, known.status, known.client_id) == (True, "active", APP_ID)
        assert vendor.finder("/adAccounts", finder_name="search", access_token=second.access_token).elements
    finally:
        auth.session.close()


def test_finds_accounts_and_roles(vendor):
    roles = vendor.finder("/adAccountUsers", finder_name="authenticatedUser", query_params={"count": 1000})
    assert (len(roles.elements), roles.paging.total) == (6, 6)
    criteria = {"search": {"status": {"values": ["ACTIVE", "CANCELED"]}, "test": False}, "pageSize": 1000}
    found = vendor.finder("/adAccounts", finder_name="search", query_params=criteria)
    assert [str(each["id"]) for each in found.elements] == [each.id for each in vendor.presence.accounts]


def test_gets_one_and_many(vendor):
    one = vendor.get("/adAccounts/{id}", path_keys={"id": int(vendor.account.id)}, query_params={"fields": "id,name"})
    assert one.entity == {"id": int(vendor.account.id), "name": vendor.account.name}
    ids = [int(each.id) for each in vendor.presence.campaigns(vendor.account.id)]
    many = vendor.batch_get(vendor.base("adCampaignGroups"), ids=[*ids, 17])
    assert set(many.results) == {str(each) for each in ids}
    assert many.statuses == {"17": 404}


def test_reads_creatives_by_urn_and_follows_pages(vendor):
    known = {f"urn:li:sponsoredCreative:{ad.id}": ad for ad in vendor.presence.ads(vendor.account.id)}
    params = {"intendedStatuses": _STATES, "pageSize": 5, "sortOrder": "ASCENDING"}
    found, token = [], ""
    while True:
        more = {"pageToken": token} if token else {}
        page = vendor.finder(vendor.base("creatives"), finder_name="criteria", query_params={**params, **more})
        found += [each["id"] for each in page.elements]
        # The client drops what leads to the next page.
        token = page.response.json()["metadata"].get("nextPageToken", "")
        if not token:
            break
    assert sorted(found) == sorted(known)
    urn = found[0]
    node = vendor.get(f"{vendor.base('creatives')}/{{id}}", path_keys={"id": urn}).entity
    assert node["name"] == known[urn].name


def test_asks_for_results(vendor):
    params = {
        "pivots": ["CAMPAIGN", "CREATIVE"],
        "timeGranularity": "DAILY",
        "dateRange": _RANGE,
        "accounts": [f"urn:li:sponsoredAccount:{vendor.account.id}"],
        "fields": "dateRange,pivotValues,impressions",
    }
    found = vendor.finder("/adAnalytics", finder_name="statistics", query_params=params).elements
    truth = vendor.presence.totals("ad_daily", account_id=vendor.account.id, since=date(2026, 11, 1), until=TODAY)
    assert sum(each["impressions"] for each in found) == truth.impressions


def test_tunnels_what_is_too_long_for_a_url(vendor):
    known = [f"urn:li:sponsoredCreative:{ad.id}" for ad in vendor.presence.ads(vendor.account.id)]
    urns = (known + [f"urn:li:sponsoredCreative:{number}" for number in range(200)])[:200]
    params = {
        "pivot": "CREATIVE",
        "timeGranularity": "ALL",
        "dateRange": _RANGE,
        "creatives": urns,
        "fields": "pivotValues,impressions",
    }
    answer = vendor.finder("/adAnalytics", finder_name="analytics", query_params=params)
    assert answer.response.request.method == "POST"
    truth = vendor.presence.totals("ad_daily", account_id=vendor.account.id, since=date(2026, 11, 1), until=TODAY)
    assert sum(each["impressions"] for each in answer.elements) == truth.impressions
    groups = [int(each.id) for each in vendor.presence.campaigns(vendor.account.id)]
    many = vendor.batch_get(vendor.base("adCampaignGroups"), ids=groups + list(range(900)))
    assert len(many.results) == len(groups)


def group_body(account, **changed):
    return {
        "account": f"urn:li:sponsoredAccount:{account.id}",
        "name": "Größe (1), 'neu'",
        "status": "DRAFT",
        "runSchedule": {"start": NOW},
        **changed,
    }


def test_creates_changes_and_deletes(vendor):
    made = vendor.create(vendor.base("adCampaignGroups"), entity=group_body(vendor.account))
    assert (made.status_code, made.entity) == (201, None)
    key = {"id": int(made.decoded_entity_id)}
    path = f"{vendor.base('adCampaignGroups')}/{{id}}"
    assert vendor.get(path, path_keys=key).entity["name"] == "Größe (1), 'neu'"
    changed = vendor.partial_update(path, path_keys=key, patch_set_object={"name": "B"})
    assert changed.status_code == 204
    assert vendor.get(path, path_keys=key).entity["name"] == "B"
    assert vendor.presence.find(made.entity_id).name == "B"
    assert vendor.delete(path, path_keys=key).status_code == 204
    assert vendor.get(path, path_keys=key).status_code == 404


def test_creates_changes_and_deletes_several(vendor):
    path = vendor.base("adCampaignGroups")
    made = vendor.batch_create(path, entities=[group_body(vendor.account), group_body(vendor.account, name="")])
    assert [each.status for each in made.elements] == [201, 400]
    ids = [int(made.elements[0].id), 17]
    changed = vendor.batch_partial_update(path, ids=ids, patch_set_objects=[{"name": "C"}, {"name": "D"}])
    assert {key: result.status for key, result in changed.results.items()} == {made.elements[0].id: 204}
    gone = vendor.batch_delete(path, ids=ids)
    assert {key: result.status for key, result in gone.results.items()} == {made.elements[0].id: 204}


def test_makes_a_creative_with_its_post(vendor):
    campaign = vendor.presence.ad_groups(vendor.account.id)[0]
    order = {"initializeUploadRequest": {"owner": "urn:li:organization:2414183"}}
    image = vendor.action("/images", action_name="initializeUpload", action_params=order).value
    headers = {"Authorization": f"Bearer {vendor.common['access_token']}"}
    assert requests.put(image["uploadUrl"], data=b"PNG", headers=headers, timeout=10).status_code == 201
    post = {
        "author": "urn:li:organization:2414183",
        "commentary": "Text",
        "visibility": "PUBLIC",
        "lifecycleState": "PUBLISHED",
        "distribution": {"feedDistribution": "NONE"},
        "content": {"media": {"id": image["image"], "title": "Headline"}},
        "contentLandingPage": "https://example.com",
    }
    share = vendor.create("/posts", entity=post).decoded_entity_id
    body = {
        "campaign": f"urn:li:sponsoredCampaign:{campaign.id}",
        "intendedStatus": "DRAFT",
        "content": {"reference": share},
        "name": "A1",
    }
    made = vendor.create(vendor.base("creatives"), entity=body)
    assert made.entity_id == quote(made.decoded_entity_id, safe="")
    ad = vendor.presence.find(made.decoded_entity_id.rpartition(":")[2])
    assert (ad.headline, ad.ad_group_id) == ("Headline", campaign.id)
    path = f"{vendor.base('creatives')}/{{id}}"
    key = {"id": made.decoded_entity_id}
    assert vendor.partial_update(path, path_keys=key, patch_set_object={"intendedStatus": "ACTIVE"}).status_code == 204
    assert vendor.get(path, path_keys=key).entity["intendedStatus"] == "ACTIVE"


def test_hands_on_what_the_sandbox_refuses(vendor):
    retired = vendor.finder("/adAccounts", finder_name="search", version_string="202504")
    assert (retired.status_code, retired.response.json()["code"]) == (426, "NONEXISTENT_VERSION")
    unknown = vendor.finder("/adAccounts", finder_name="search", access_token="x")
    assert (unknown.status_code, unknown.response.json()["serviceErrorCode"]) == (401, 65600)
    wrong = vendor.create(vendor.base("adCampaignGroups"), entity=group_body(vendor.account, status="RUNNING"))
    assert (wrong.status_code, wrong.entity["message"]) == (422, 'ERROR :: /status :: "RUNNING" is not an enum symbol')
    missing = vendor.get("/adAccounts/{id}", path_keys={"id": 5})
    assert missing.entity["message"] == "Not enough permissions to access: partnerApiAdAccounts.GET.20261001"
    with pytest.raises(ResponseFormattingError):
        vendor.batch_create(vendor.base("adCampaigns"), entities=[], access_token="x")
