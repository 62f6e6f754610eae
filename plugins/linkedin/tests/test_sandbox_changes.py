"""What the sandbox lets one change: into the world, and readable back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from urllib.parse import unquote

import httpx
import pytest

from adjoin.ads.v2 import Status
from adjoin.testing.world import World

#: Plain HTTP needs no certificates, whose loading takes longer than a request.
_put = partial(httpx.put, verify=False)
_request = partial(httpx.request, verify=False)

TODAY = date(2026, 11, 22)
NOW = round(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp() * 1000)
DAY = 86_400_000
_TARGETING = {"include": {"and": [{"or": {"urn:li:adTargetingFacet:locations": ["urn:li:geo:103644278"]}}]}}


class Caller:
    """Sends what LinkedIn's documents show."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.world = sandbox.world
        self.presence = sandbox.world.on("linkedin")
        self.account = next(each for each in self.presence.accounts if each.currency == "EUR")
        self.base = f"/rest/adAccounts/{self.account.id}"

    def send(self, method, path, body=None, restli=None):
        headers = {
            "Authorization": f"Bearer {self.world.token('linkedin')}",
            "LinkedIn-Version": "202610",
            "X-Restli-Protocol-Version": "2.0.0",
            **({"X-RestLi-Method": restli} if restli else {}),
        }
        return _request(method, f"{self.sandbox.url}{path}", json=body, headers=headers)

    def create(self, kind, body):
        answer = self.send("POST", f"{self.base}/{kind}", body, "CREATE")
        assert answer.status_code == 201, answer.text
        assert answer.content == b""
        return answer.headers["x-restli-id"]

    def patch(self, kind, key, **fields):
        return self.send("POST", f"{self.base}/{kind}/{key}", {"patch": {"$set": fields}}, "PARTIAL_UPDATE")

    def read(self, kind, key):
        answer = self.send("GET", f"{self.base}/{kind}/{key}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def group(self, **changed):
        return {
            "account": f"urn:li:sponsoredAccount:{self.account.id}",
            "name": "Q4 – größer",
            "status": "DRAFT",
            "runSchedule": {"start": NOW, "end": NOW + 30 * DAY},
            "totalBudget": {"amount": "5000", "currencyCode": "EUR"},
            **changed,
        }

    def campaign(self, group, **changed):
        return {
            "account": f"urn:li:sponsoredAccount:{self.account.id}",
            "campaignGroup": f"urn:li:sponsoredCampaignGroup:{group}",
            "name": "Q4 A",
            "type": "SPONSORED_UPDATES",
            "status": "DRAFT",
            "objectiveType": "WEBSITE_VISIT",
            "costType": "CPC",
            "unitCost": {"amount": "5.25", "currencyCode": "EUR"},
            "dailyBudget": {"amount": "25", "currencyCode": "EUR"},
            "locale": {"country": "DE", "language": "de"},
            "associatedEntity": "urn:li:organization:2414183",
            "offsiteDeliveryEnabled": False,
            "audienceExpansionEnabled": False,
            "politicalIntent": "NOT_POLITICAL",
            "runSchedule": {"start": NOW + DAY},
            "targetingCriteria": _TARGETING,
            **changed,
        }

    def post(self, media=None):
        return {
            "author": "urn:li:organization:2414183",
            "commentary": "Text",
            "visibility": "PUBLIC",
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": False,
            "distribution": {"feedDistribution": "NONE", "targetEntities": [], "thirdPartyDistributionChannels": []},
            "adContext": {"dscAdAccount": f"urn:li:sponsoredAccount:{self.account.id}", "dscStatus": "ACTIVE"},
            "content": {"media": {"id": media, "title": "Headline"}} if media else {},
            "contentLandingPage": "https://example.com/",
            "contentCallToActionLabel": "LEARN_MORE",
        }

    def image(self):
        order = {"initializeUploadRequest": {"owner": "urn:li:organization:2414183"}}
        answer = self.send("POST", "/rest/images?action=initializeUpload", order, "ACTION")
        assert answer.status_code == 200, answer.text
        return answer.json()["value"]


@pytest.fixture
def caller(serve):
    """A world of its own, as it is changed."""
    with serve(World.generate(seed=5, today=TODAY, scale=0.04, days=20)) as sandbox:
        yield Caller(sandbox)


@pytest.fixture
def refused(sandbox):
    """The world of all tests, for what is refused and so changes nothing."""
    return Caller(sandbox)


def wrong(answer):
    assert answer.status_code == 400, answer.text
    return {
        (each["input"]["inputPath"]["fieldPath"], each["code"]) for each in answer.json()["errorDetails"]["inputErrors"]
    }


def encoded(urn):
    return urn.replace(":", "%3A")


class TestCreating:
    """From a campaign group down to a creative."""

    def test_a_whole_tree_is_made_and_read_back(self, caller):
        group_id = caller.create("adCampaignGroups", caller.group())
        group = caller.read("adCampaignGroups", group_id)
        assert group["runSchedule"] == {"start": NOW, "end": NOW + 30 * DAY}
        assert (group["name"], group["status"], group["totalBudget"]["amount"]) == ("Q4 – größer", "DRAFT", "5000")
        known = caller.presence.find(group_id)
        assert (known.status, known.lifetime_budget_micros) == (Status.PAUSED, 5_000_000_000)
        assert known.end_date == TODAY + timedelta(days=30)

        campaign_id = caller.create("adCampaigns", caller.campaign(group_id))
        campaign = caller.read("adCampaigns", campaign_id)
        assert {name: campaign[name] for name in caller.campaign(group_id)} == caller.campaign(group_id)
        known = caller.presence.find(campaign_id)
        assert (known.campaign_id, known.bid_micros, known.daily_budget_micros) == (group_id, 5_250_000, 25_000_000)

        image = caller.image()
        assert caller.send("GET", f"/rest/images/{encoded(image['image'])}").json()["status"] == "WAITING_UPLOAD"
        headers = {"Authorization": f"Bearer {caller.world.token('linkedin')}"}
        assert _put(image["uploadUrl"], content=b"PNG", headers=headers).status_code == 201
        assert caller.send("GET", f"/rest/images/{encoded(image['image'])}").json()["status"] == "AVAILABLE"

        made = caller.send("POST", "/rest/posts", caller.post(image["image"]), "CREATE")
        assert made.status_code == 201
        post = made.headers["x-restli-id"]
        assert caller.send("GET", f"/rest/posts/{encoded(post)}").json()["commentary"] == "Text"

        body = {
            "campaign": f"urn:li:sponsoredCampaign:{campaign_id}",
            "intendedStatus": "DRAFT",
            "content": {"reference": post},
            "name": "A1",
        }
        key = caller.create("creatives", body)
        assert unquote(key).startswith("urn:li:sponsoredCreative:")
        creative = caller.read("creatives", key)
        assert {name: creative[name] for name in body} == body
        assert creative["review"]["status"] == "PENDING"
        ad = caller.presence.find(unquote(key).rpartition(":")[2])
        assert (ad.headline, ad.landing_url, ad.ad_group_id) == ("Headline", "https://example.com/", campaign_id)

    def test_the_answer_says_where_it_is(self, caller):
        answer = caller.send("POST", f"{caller.base}/adCampaignGroups", caller.group())
        assert answer.headers["location"] == (
            f"/adAccounts/{caller.account.id}/adCampaignGroups/{answer.headers['x-restli-id']}"
        )

    def test_a_post_and_its_creative_in_one(self, caller):
        campaign = next(each for each in caller.presence.ad_groups(caller.account.id))
        image = caller.image()
        headers = {"Authorization": f"Bearer {caller.world.token('linkedin')}"}
        _put(image["uploadUrl"], content=b"PNG", headers=headers)
        creative = {"campaign": f"urn:li:sponsoredCampaign:{campaign.id}", "intendedStatus": "DRAFT", "name": "A1"}
        body = {"creative": {**creative, "inlineContent": {"post": caller.post(image["image"])}}}
        path = f"{caller.base}/creatives?action=createInline"
        caller.sandbox.fault("image_not_ready", "mutate", times=1)
        early = caller.send("POST", path, body, "ACTION")
        assert (early.status_code, early.json()["message"]) == (404, f"Could not find entity {image['image']}")
        made = caller.send("POST", path, body, "ACTION").json()["value"]["creative"]
        node = caller.read("creatives", encoded(made))
        assert node["name"] == "A1"
        assert caller.send("GET", f"/rest/posts/{encoded(node['content']['reference'])}").status_code == 200

    def test_text_ads_need_a_campaign_of_their_type(self, caller):
        group = caller.create("adCampaignGroups", caller.group())
        content = {"textAd": {"headline": "Buy", "landingPage": "https://example.com/"}}
        keys = {}
        for type_ in ("TEXT_AD", "SPONSORED_UPDATES"):
            campaign = caller.create("adCampaigns", caller.campaign(group, type=type_))
            keys[type_] = {
                "campaign": f"urn:li:sponsoredCampaign:{campaign}",
                "intendedStatus": "ACTIVE",
                "content": content,
            }
        assert caller.read("creatives", caller.create("creatives", keys["TEXT_AD"]))["content"] == content
        answer = caller.send("POST", f"{caller.base}/creatives", keys["SPONSORED_UPDATES"], "CREATE")
        assert wrong(answer) == {("content", "FIELD_INVALID")}

    @pytest.mark.parametrize(
        ("changed", "problems"),
        [
            ({"name": None}, {("name", "MISSING_FIELD")}),
            ({"name": None, "runSchedule": None}, {("name", "MISSING_FIELD"), ("runSchedule", "MISSING_FIELD")}),
            ({"name": "x" * 101}, {("name", "FIELD_INVALID")}),
            ({"account": "urn:li:sponsoredAccount:5"}, {("account", "FIELD_INVALID")}),
            ({"status": "ARCHIVED"}, {("status", "FIELD_INVALID")}),
            ({"runSchedule": {"start": NOW - 1, "end": NOW + DAY}}, {("runSchedule/start", "FIELD_INVALID")}),
            ({"runSchedule": {"start": NOW, "end": NOW}}, {("runSchedule/end", "FIELD_INVALID")}),
            ({"runSchedule": {"start": NOW}}, {("runSchedule/end", "MISSING_FIELD")}),
            (
                {"totalBudget": {"amount": "5000", "currencyCode": "USD"}},
                {("totalBudget/currencyCode", "FIELD_INVALID")},
            ),
            (
                {"totalBudget": {"amount": "50.005", "currencyCode": "EUR"}},
                {("totalBudget/amount", "FIELD_INVALID")},
            ),
            (
                {"totalBudget": None, "dailyBudget": {"amount": "50", "currencyCode": "EUR"}},
                {("dailyBudget", "FIELD_INVALID")},
            ),
        ],
    )
    def test_rules_of_campaign_groups(self, refused, changed, problems):
        body = {name: value for name, value in refused.group(**changed).items() if value is not None}
        before = len(refused.presence.campaigns())
        assert wrong(refused.send("POST", f"{refused.base}/adCampaignGroups", body, "CREATE")) == problems
        assert len(refused.presence.campaigns()) == before

    @pytest.mark.parametrize(
        ("changed", "problems"),
        [
            ({"politicalIntent": None}, {("politicalIntent", "MISSING_FIELD")}),
            ({"offsiteDeliveryEnabled": None}, {("offsiteDeliveryEnabled", "MISSING_FIELD")}),
            ({"dailyBudget": None}, {("dailyBudget", "MISSING_FIELD")}),
            ({"dailyBudget": {"amount": "9.99", "currencyCode": "EUR"}}, {("dailyBudget/amount", "FIELD_INVALID")}),
            ({"associatedEntity": None}, {("associatedEntity", "MISSING_FIELD")}),
            ({"targetingCriteria": {"include": {"and": []}}}, {("targetingCriteria", "FIELD_INVALID")}),
            (
                {"totalBudget": {"amount": "100", "currencyCode": "EUR"}, "pacingStrategy": "ACCELERATED"},
                {("pacingStrategy", "FIELD_INVALID"), ("runSchedule/end", "MISSING_FIELD")},
            ),
        ],
    )
    def test_rules_of_campaigns(self, caller, changed, problems):
        group = caller.create("adCampaignGroups", without(caller.group(), "totalBudget"))
        body = {name: value for name, value in caller.campaign(group, **changed).items() if value is not None}
        assert wrong(caller.send("POST", f"{caller.base}/adCampaigns", body, "CREATE")) == problems

    def test_a_campaign_needs_a_group_of_its_account(self, refused):
        answer = refused.send("POST", f"{refused.base}/adCampaigns", refused.campaign("17"), "CREATE")
        assert wrong(answer) == {("campaignGroup", "FIELD_INVALID")}

    def test_a_creative_needs_a_post_that_exists(self, refused):
        campaign = refused.presence.ad_groups(refused.account.id)[0]
        body = {
            "campaign": f"urn:li:sponsoredCampaign:{campaign.id}",
            "intendedStatus": "DRAFT",
            "content": {"reference": "urn:li:share:1"},
        }
        assert refused.send("POST", f"{refused.base}/creatives", body, "CREATE").status_code == 404
        body["campaign"] = "urn:li:sponsoredCampaign:17"
        assert wrong(refused.send("POST", f"{refused.base}/creatives", body, "CREATE")) == {
            ("campaign", "FIELD_INVALID")
        }

    def test_what_breaks_the_shape_is_said_at_once(self, refused):
        body = refused.campaign("1", objectiveType="WEBSITE_CONVERSIONS", colour="red", offsiteDeliveryEnabled="no")
        answer = refused.send("POST", f"{refused.base}/adCampaigns", body, "CREATE")
        assert answer.status_code == 422
        assert answer.json()["message"].splitlines() == [
            'ERROR :: /objectiveType :: "WEBSITE_CONVERSIONS" is not an enum symbol',
            "ERROR :: /offsiteDeliveryEnabled :: no cannot be coerced to Boolean",
            "ERROR :: /colour :: unrecognized field found but not allowed",
        ]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("dailyBudget", {"amount": 25, "currencyCode": "EUR"}),
            ("dailyBudget", {"amount": "25"}),
            ("runSchedule", {"end": 5}),
            ("runSchedule", {"start": "2026-11-22"}),
            ("campaignGroup", "604716214"),
            ("locale", "de_DE"),
            ("politicalIntent", "MAYBE"),
        ],
    )
    def test_values_of_the_wrong_kind_are_refused(self, refused, field, value):
        answer = refused.send("POST", f"{refused.base}/adCampaigns", refused.campaign("1", **{field: value}), "CREATE")
        assert answer.status_code == 422
        assert answer.json()["message"].startswith(f"ERROR :: /{field}")

    def test_nothing_is_made_in_a_canceled_account(self, refused):
        account = next(each for each in refused.presence.accounts if each.name.endswith("(old)"))
        body = refused.group(
            account=f"urn:li:sponsoredAccount:{account.id}", totalBudget={"amount": "50", "currencyCode": "USD"}
        )
        answer = refused.send("POST", f"/rest/adAccounts/{account.id}/adCampaignGroups", body, "CREATE")
        assert wrong(answer) == {("account", "FIELD_INVALID")}

    def test_broken_json_is_refused(self, refused):
        answer = refused.send("POST", f"{refused.base}/adCampaignGroups", [1], "CREATE")
        assert answer.status_code == 400


class TestChanging:
    """Partial updates."""

    def test_a_pause_stops_delivery_and_is_read_back(self, caller):
        live = caller.presence.truth("ad_daily", account_id=caller.account.id, since=TODAY)
        ad_id = live["ad_id"][0].as_py()
        key = f"urn%3Ali%3AsponsoredCreative%3A{ad_id}"
        answer = caller.patch("creatives", key, intendedStatus="PAUSED")
        assert (answer.status_code, answer.content) == (204, b"")
        assert caller.read("creatives", key)["intendedStatus"] == "PAUSED"
        caller.world.set_today(TODAY + timedelta(days=2))
        later = caller.presence.truth("ad_daily", account_id=caller.account.id, since=TODAY + timedelta(days=1))
        assert ad_id not in later["ad_id"].to_pylist()
        assert caller.patch("creatives", key, intendedStatus="ACTIVE").status_code == 204
        assert caller.presence.find(ad_id).status is Status.ACTIVE

    def test_names_budgets_and_bids(self, caller):
        campaign = caller.presence.ad_groups(caller.account.id)[0]
        money = {"amount": "40.50", "currencyCode": "EUR"}
        answer = caller.patch("adCampaigns", campaign.id, name="Neu", dailyBudget=money, unitCost=money)
        assert answer.status_code == 204, answer.text
        node = caller.read("adCampaigns", campaign.id)
        assert (node["name"], node["dailyBudget"], node["unitCost"]) == ("Neu", money, money)
        known = caller.presence.find(campaign.id)
        assert (known.name, known.daily_budget_micros, known.bid_micros) == ("Neu", 40_500_000, 40_500_000)
        assert node["changeAuditStamps"]["lastModified"]["time"] == NOW

    def test_what_the_world_does_not_know_is_kept_too(self, caller):
        campaign = caller.presence.ad_groups(caller.account.id)[0]
        assert caller.patch("adCampaigns", campaign.id, locale={"country": "FR", "language": "fr"}).status_code == 204
        assert caller.read("adCampaigns", campaign.id)["locale"] == {"country": "FR", "language": "fr"}

    def test_a_campaign_moves_to_another_group(self, caller):
        campaign = caller.presence.ad_groups(caller.account.id)[0]
        group = caller.create("adCampaignGroups", caller.group())
        urn = f"urn:li:sponsoredCampaignGroup:{group}"
        assert caller.patch("adCampaigns", campaign.id, campaignGroup=urn).status_code == 204
        assert caller.read("adCampaigns", campaign.id)["campaignGroup"] == urn
        assert caller.presence.find(campaign.id).campaign_id == group
        other = "urn:li:sponsoredCampaignGroup:17"
        assert wrong(caller.patch("adCampaigns", campaign.id, campaignGroup=other)) == {
            ("campaignGroup", "FIELD_INVALID")
        }

    def test_fields_are_removed_and_records_patched_inside(self, caller):
        made = caller.create("adCampaignGroups", caller.group())
        path = f"{caller.base}/adCampaignGroups/{made}"
        patch = {"patch": {"runSchedule": {"$set": {"end": NOW + 10 * DAY}}}}
        assert caller.send("POST", path, patch, "PARTIAL_UPDATE").status_code == 204
        assert caller.read("adCampaignGroups", made)["runSchedule"] == {"start": NOW, "end": NOW + 10 * DAY}
        patch = {"patch": {"$delete": ["totalBudget"], "runSchedule": {"$delete": ["end"]}}}
        assert caller.send("POST", path, patch, "PARTIAL_UPDATE").status_code == 204
        node = caller.read("adCampaignGroups", made)
        assert "totalBudget" not in node
        assert node["runSchedule"] == {"start": NOW}
        assert caller.presence.find(made).end_date is None

    def test_the_method_header_is_needed(self, refused):
        group = refused.presence.campaigns(refused.account.id)[0]
        answer = refused.send("POST", f"{refused.base}/adCampaignGroups/{group.id}", {"patch": {"$set": {"name": "X"}}})
        assert answer.status_code == 400
        assert refused.presence.find(group.id).name == group.name

    @pytest.mark.parametrize(
        "body",
        [
            {"$set": {"name": "X"}},
            {"patch": [1]},
            {"patch": {"$move": {}}},
            {"patch": {"$set": 5}},
            {"patch": {}, "x": 1},
        ],
    )
    def test_what_is_no_patch_is_refused(self, refused, body):
        group = refused.presence.campaigns(refused.account.id)[0]
        answer = refused.send("POST", f"{refused.base}/adCampaignGroups/{group.id}", body, "PARTIAL_UPDATE")
        assert answer.status_code == 400

    def test_what_stays_as_it_is_cannot_be_set(self, refused):
        group = refused.presence.campaigns(refused.account.id)[0]
        account = "urn:li:sponsoredAccount:5"
        assert wrong(refused.patch("adCampaignGroups", group.id, account=account)) == {("account", "FIELD_INVALID")}
        answer = refused.patch("adCampaignGroups", group.id, servingStatuses=["RUNNABLE", "X"])
        assert answer.status_code == 422
        assert wrong(refused.patch("adCampaignGroups", group.id, status="REMOVED")) == {("status", "FIELD_INVALID")}
        assert refused.patch("adCampaignGroups", group.id, status="RUNNING").status_code == 422

    def test_deletion_is_asked_for_by_a_state(self, caller):
        group = caller.presence.campaigns(caller.account.id)[0]
        assert caller.patch("adCampaignGroups", group.id, status="PENDING_DELETION").status_code == 204
        assert caller.read("adCampaignGroups", group.id)["status"] == "PENDING_DELETION"
        assert caller.presence.find(group.id).status is Status.REMOVED
        assert wrong(caller.patch("adCampaignGroups", group.id, status="ACTIVE")) == {("status", "FIELD_INVALID")}

    def test_a_change_in_the_world_wins_over_what_was_kept(self, caller):
        made = caller.create("adCampaignGroups", caller.group())
        known = caller.presence.find(made)
        caller.presence.update(replace(known, status=Status.ACTIVE, end_date=TODAY + timedelta(days=3)))
        node = caller.read("adCampaignGroups", made)
        assert node["status"] == "ACTIVE"
        assert node["runSchedule"]["end"] == NOW // DAY * DAY + 4 * DAY

    def test_unknown_objects_and_methods(self, refused):
        assert refused.patch("adCampaigns", "17", name="X").status_code == 404
        group = refused.presence.campaigns(refused.account.id)[0]
        assert refused.send("PUT", f"{refused.base}/adCampaignGroups/{group.id}", {}).status_code == 405
        assert refused.send("POST", "/rest/adAccounts", {}, "CREATE").status_code == 405


class TestDeleting:
    """Only drafts go."""

    def test_a_draft_is_gone_afterwards(self, caller):
        made = caller.create("adCampaignGroups", caller.group())
        assert caller.send("DELETE", f"{caller.base}/adCampaignGroups/{made}").status_code == 204
        assert caller.send("GET", f"{caller.base}/adCampaignGroups/{made}").status_code == 404
        found = caller.send("GET", f"{caller.base}/adCampaignGroups?q=search&search=(status:(values:List(REMOVED)))")
        assert made not in {str(each["id"]) for each in found.json()["elements"]}

    def test_anything_else_stays(self, refused):
        group = refused.presence.campaigns(refused.account.id)[0]
        assert wrong(refused.send("DELETE", f"{refused.base}/adCampaignGroups/{group.id}")) == {
            ("status", "FIELD_INVALID")
        }


class TestBatches:
    """Several at once: what is refused does not stop the rest."""

    def test_create_change_and_delete(self, caller):
        path = f"{caller.base}/adCampaignGroups"
        body = {"elements": [caller.group(), caller.group(name="x" * 101)]}
        good, bad = caller.send("POST", path, body, "BATCH_CREATE").json()["elements"]
        assert (good["status"], bad["status"], bad["error"]["status"]) == (201, 400, 400)
        made = good["id"]
        patches = {"entities": {made: {"patch": {"$set": {"name": "Neu"}}}, "17": {"patch": {"$set": {"name": "X"}}}}}
        answer = caller.send("POST", f"{path}?ids=List({made},17)", patches, "BATCH_PARTIAL_UPDATE").json()
        assert answer["results"] == {made: {"status": 204}}
        assert answer["errors"]["17"]["status"] == 404
        assert caller.presence.find(made).name == "Neu"
        gone = caller.send("DELETE", f"{path}?ids=List({made})", restli="BATCH_DELETE").json()
        assert gone == {"results": {made: {"status": 204}}, "errors": {}}
        assert caller.send("GET", f"{path}/{made}").status_code == 404


class TestImages:
    """Uploads."""

    def test_an_upload_needs_its_address_and_a_token(self, caller):
        image = caller.image()
        assert _put(image["uploadUrl"], content=b"PNG").status_code == 401
        headers = {"Authorization": f"Bearer {caller.world.token('linkedin')}"}
        assert _put(image["uploadUrl"] + "x", content=b"PNG", headers=headers).status_code == 404
        caller.world.now += timedelta(days=2)
        assert _put(image["uploadUrl"], content=b"PNG", headers=headers).status_code == 404

    def test_a_post_cannot_show_an_image_that_is_not_there(self, caller):
        image = caller.image()["image"]
        answer = caller.send("POST", "/rest/posts", caller.post(image), "CREATE")
        assert (answer.status_code, answer.json()["message"]) == (404, f"Could not find entity {image}")

    def test_posts_need_their_fields_and_an_author_one_speaks_for(self, refused):
        body = without(refused.post(), "visibility")
        assert wrong(refused.send("POST", "/rest/posts", body, "CREATE")) == {("visibility", "MISSING_FIELD")}
        other = {**refused.post(), "author": "urn:li:organization:5"}
        assert refused.send("POST", "/rest/posts", other, "CREATE").status_code == 403


def without(body, name):
    return {key: value for key, value in body.items() if key != name}
