"""The sandbox's wire format for reading: headers, searches, pages, nodes, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

import httpx
import pytest

from adjoin.ads.v2 import Status
from adjoin.testing.world import World

#: Plain HTTP needs no certificates, whose loading takes longer than a request.
_get = partial(httpx.get, verify=False)

_ALL = "ACTIVE,ARCHIVED,CANCELED,DRAFT,PAUSED,PENDING_DELETION,REMOVED"
_EVERY_STATE = f"search=(status:(values:List({_ALL})))"
_CREATIVES = f"q=criteria&intendedStatuses=List({_ALL})"


@pytest.fixture
def get(sandbox):
    """Ask for a path with its raw query; headers may be changed, or left out with None."""

    def ask(path, **headers):
        sent = {
            "Authorization": f"Bearer {sandbox.world.token('linkedin')}",
            "LinkedIn-Version": "202610",
            "X-Restli-Protocol-Version": "2.0.0",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        shown = {name: value for name, value in sent.items() if value is not None}
        return _get(f"{sandbox.url}{path}", headers=shown)

    return ask


@pytest.fixture
def presence(sandbox):
    return sandbox.world.on("linkedin")


@pytest.fixture
def account(presence):
    return next(each for each in presence.accounts if each.currency == "EUR")


def pages(get, path):
    """All elements of a search, page by page."""
    token, found = "", []
    while True:
        answer = get(f"{path}&pageToken={token}" if token else path)
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["elements"])
        token = quote(answer.json()["metadata"].get("nextPageToken", ""), safe="")
        if not token:
            return found


def inputs(answer):
    """What a refusal says is wrong."""
    assert answer.status_code == 400, answer.text
    return [
        (each["input"]["inputPath"]["fieldPath"], each["code"]) for each in answer.json()["errorDetails"]["inputErrors"]
    ]


class TestHeaders:
    """What every call needs, and what every answer has."""

    @pytest.mark.parametrize("version", ["202512", "202610", "202611", "202610.01"])
    def test_living_versions_answer(self, get, version):
        answer = get("/rest/adAccounts?q=search", LinkedIn_Version=version)
        assert answer.status_code == 200
        assert answer.headers["x-li-uuid"]

    @pytest.mark.parametrize(
        ("version", "named"),
        [("202504", "20250401"), ("202511", "20251101"), ("202612", "20261201"), ("202613", "202613"), ("x", "x")],
    )
    def test_others_are_refused_as_not_active(self, get, version, named):
        answer = get("/rest/adAccounts?q=search", LinkedIn_Version=version)
        assert (answer.status_code, answer.headers["x-restli-gateway-error"]) == (426, "true")
        assert answer.json() == {
            "status": 426,
            "code": "NONEXISTENT_VERSION",
            "message": f"Requested version {named} is not active",
        }

    def test_a_version_ends_in_the_middle_of_its_month_a_year_later(self, get, sandbox):
        ask = lambda: get("/rest/adAccounts?q=search", LinkedIn_Version="202512").status_code  # noqa: E731
        sandbox.world.set_now(datetime(2026, 12, 15, tzinfo=UTC))
        assert ask() == 200
        sandbox.world.set_now(datetime(2026, 12, 16, tzinfo=UTC))
        assert ask() == 426

    def test_a_world_of_any_year_is_served_in_the_version_the_sandbox_speaks(self, get, sandbox):
        for year in (2017, 2030):
            sandbox.world.set_now(datetime(year, 5, 1, tzinfo=UTC))
            assert get("/rest/adAccounts?q=search").status_code == 200

    def test_a_missing_version_is_said(self, get):
        answer = get("/rest/adAccounts?q=search", LinkedIn_Version=None)
        assert (answer.status_code, answer.json()["code"]) == (400, "VERSION_MISSING")

    def test_a_method_that_does_not_fit_is_refused(self, get):
        assert get("/rest/adAccounts?q=search", X_RestLi_Method="FINDER").status_code == 200
        assert get("/rest/adAccounts?q=search", X_RestLi_Method="CREATE").status_code == 400

    def test_without_the_protocol_header_the_old_syntax_is_spoken(self, get, account):
        old = "/rest/adAccounts?q=search&search.status.values[0]=ACTIVE&search.test=false"
        assert len(get(old, X_Restli_Protocol_Version=None).json()["elements"]) == 5
        new = "/rest/adAccounts?q=search&search=(status:(values:List(ACTIVE)))"
        assert inputs(get(new, X_Restli_Protocol_Version=None)) == [("search", "PARAM_INVALID")]

    @pytest.mark.parametrize(
        "path",
        ["/rest/adCampaigns?q=search", "/rest/creatives?q=criteria", "/rest/nonsense", "/nonsense", "/rest"],
    )
    def test_paths_that_are_gone_or_never_were(self, get, path):
        assert (get(path).status_code, get(path).json()["code"]) == (404, "RESOURCE_NOT_FOUND")

    def test_the_old_base_only_knows_who_one_is(self, get):
        assert get("/v2/me").json()["id"]
        assert get("/v2/userinfo").json()["sub"]
        assert get("/v2/adAccountsV2").status_code == 404


class TestAccounts:
    """Accounts and the roles in them."""

    def test_roles_come_in_counted_pages_with_a_link_to_the_next(self, get, presence):
        first = get("/rest/adAccountUsers?q=authenticatedUser&count=4").json()
        assert first["paging"] | {"links": []} == {"start": 0, "count": 4, "total": 6, "links": []}
        second = get(first["paging"]["links"][0]["href"]).json()
        assert second["paging"]["links"] == []
        found = [each["account"].rpartition(":")[2] for page in (first, second) for each in page["elements"]]
        assert found == [account.id for account in presence.accounts]
        assert first["elements"][0]["role"] == "ACCOUNT_BILLING_ADMIN"
        assert inputs(get("/rest/adAccountUsers?q=authenticatedUser&count=1001")) == [("count", "PARAM_INVALID")]

    def test_roles_of_one_account(self, get, account):
        urn = f"urn%3Ali%3AsponsoredAccount%3A{account.id}"
        assert len(get(f"/rest/adAccountUsers?q=accounts&accounts={urn}").json()["elements"]) == 1

    def test_search_by_status_type_name_and_id(self, get, account, presence):
        def ids(criteria):
            answer = get(f"/rest/adAccounts?q=search&search=({criteria})")
            return [str(each["id"]) for each in answer.json()["elements"]]

        everything = [each.id for each in presence.accounts]
        (disabled,) = ids("status:(values:List(CANCELED))")
        assert ids("status:(values:List(ACTIVE,CANCELED)),test:false,type:(values:List(BUSINESS))") == everything
        assert ids("type:(values:List(ENTERPRISE))") == []
        assert ids("test:true") == []
        assert ids(f"id:(values:List(urn%3Ali%3AsponsoredAccount%3A{disabled},{account.id}))") == [account.id, disabled]
        assert ids("name:(values:List(Northern%20Light%20%28old%29))") == [disabled]

    def test_one_account(self, get, account):
        node = get(f"/rest/adAccounts/{account.id}").json()
        assert (node["id"], node["name"], node["currency"]) == (int(account.id), account.name, "EUR")
        assert get(f"/rest/adAccounts/{account.id}?fields=id,currency").json() == {"id": node["id"], "currency": "EUR"}

    def test_accounts_that_are_none(self, get):
        assert get("/rest/adAccounts/5").status_code == 403
        assert inputs(get("/rest/adAccounts/urn%3Ali%3AsponsoredAccount%3A5")) == [("key", "PARAM_INVALID")]


class TestSearches:
    """Campaign groups, campaigns and creatives."""

    def test_every_object_is_found_in_its_place(self, get, presence):
        for account in presence.accounts:
            base = f"/rest/adAccounts/{account.id}"
            (groups,) = pages(get, f"{base}/adCampaignGroups?q=search&{_EVERY_STATE}&pageSize=1000")
            (campaigns,) = pages(
                get, f"{base}/adCampaigns?q=search&{_EVERY_STATE.replace('))', ',COMPLETED))')}&pageSize=1000"
            )
            creatives = [each for page in pages(get, f"{base}/creatives?{_CREATIVES}&pageSize=100") for each in page]
            assert {str(each["id"]): each["name"] for each in groups} == {
                each.id: each.name for each in presence.campaigns(account.id)
            }
            assert {str(each["id"]): each["campaignGroup"] for each in campaigns} == {
                each.id: f"urn:li:sponsoredCampaignGroup:{each.campaign_id}" for each in presence.ad_groups(account.id)
            }
            assert {each["id"]: each["campaign"] for each in creatives} == {
                f"urn:li:sponsoredCreative:{each.id}": f"urn:li:sponsoredCampaign:{each.ad_group_id}"
                for each in presence.ads(account.id)
            }

    def test_nodes_have_the_shape_of_the_api(self, get, account, presence):
        base = f"/rest/adAccounts/{account.id}"
        group = get(f"{base}/adCampaignGroups?q=search").json()["elements"][0]
        known = presence.find(str(group["id"]))
        assert group["account"] == f"urn:li:sponsoredAccount:{account.id}"
        assert group["changeAuditStamps"]["created"]["time"] == round(known.created_at.timestamp() * 1000)
        campaign = get(f"{base}/adCampaigns?q=search").json()["elements"][0]
        assert isinstance(campaign["id"], int)
        assert campaign["politicalIntent"] == "NOT_POLITICAL"
        assert None not in campaign.values()
        creative = get(f"{base}/creatives?q=criteria").json()["elements"][0]
        assert creative["id"].startswith("urn:li:sponsoredCreative:")
        assert {"createdAt", "lastModifiedAt", "review", "content"} <= set(creative)

    def test_pages_follow_their_tokens_and_ignore_start(self, get, account):
        base = f"/rest/adAccounts/{account.id}/creatives?{_CREATIVES}"
        whole = [each["id"] for page in pages(get, f"{base}&pageSize=100") for each in page]
        parts = pages(get, f"{base}&pageSize=7")
        assert [each["id"] for page in parts for each in page] == whole
        assert len(parts) == -(-len(whole) // 7) > 2
        first = get(f"{base}&pageSize=7&start=7&count=7").json()
        assert [each["id"] for each in first["elements"]] == whole[:7]

    def test_the_order_can_be_turned(self, get, account):
        base = f"/rest/adAccounts/{account.id}/creatives?{_CREATIVES}&pageSize=100"
        up = [each["id"] for page in pages(get, base) for each in page]
        down = [each["id"] for page in pages(get, f"{base}&sortOrder=DESCENDING") for each in page]
        assert down == up[::-1]

    def test_a_token_is_good_for_its_own_search_only(self, get, account):
        base = f"/rest/adAccounts/{account.id}/creatives"
        token = get(f"{base}?{_CREATIVES}&pageSize=7").json()["metadata"]["nextPageToken"]
        token = quote(token, safe="")
        assert get(f"{base}?{_CREATIVES}&pageSize=9&pageToken={token}").status_code == 200
        assert inputs(get(f"{base}?q=criteria&pageSize=7&pageToken={token}")) == [("pageToken", "PARAM_INVALID")]
        assert inputs(get(f"{base}?{_CREATIVES}&pageToken=bogus")) == [("pageToken", "PARAM_INVALID")]

    def test_what_is_over_shows_only_where_asked_for(self, get, account):
        base = f"/rest/adAccounts/{account.id}/creatives"
        shown = {each["intendedStatus"] for each in get(f"{base}?q=criteria").json()["elements"]}
        assert not shown & {"ARCHIVED", "REMOVED"}
        archived = get(f"{base}?q=criteria&intendedStatuses=List(ARCHIVED)").json()["elements"]
        assert {each["intendedStatus"] for each in archived} == {"ARCHIVED"}

    def test_criteria_of_creatives(self, get, account, presence):
        base = f"/rest/adAccounts/{account.id}/creatives?{_CREATIVES}"
        group = presence.ad_groups(account.id)[0]
        found = get(f"{base}&campaigns=List(urn%3Ali%3AsponsoredCampaign%3A{group.id})").json()["elements"]
        assert len(found) == len([ad for ad in presence.ads(account.id) if ad.ad_group_id == group.id])
        one = found[0]
        assert get(f"{base}&creatives=List({one['id'].replace(':', '%3A')})").json()["elements"] == [one]
        with_post = next(each for each in found if "reference" in each["content"])
        reference = with_post["content"]["reference"].replace(":", "%3A")
        assert get(f"{base}&contentReferences=List({reference})").json()["elements"] == [with_post]
        assert get(f"{base}&isTestAccount=true").json()["elements"] == []

    def test_criteria_of_campaigns(self, get, account, presence):
        base = f"/rest/adAccounts/{account.id}/adCampaigns?q=search"
        group = presence.campaigns(account.id)[0]
        found = get(f"{base}&search=(campaignGroup:(values:List(urn%3Ali%3AsponsoredCampaignGroup%3A{group.id})))")
        assert {each["campaignGroup"].rpartition(":")[2] for each in found.json()["elements"]} == {group.id}

    def test_many_ids_at_once(self, get, account, presence):
        first, second = presence.campaigns(account.id)[0].id, presence.ads(account.id)[0].id
        groups = get(f"/rest/adAccounts/{account.id}/adCampaignGroups?ids=List({first},17)").json()
        assert list(groups["results"]) == [first]
        assert groups["statuses"] == {"17": 404}
        assert groups["errors"]["17"]["status"] == 404
        urn = f"urn%3Ali%3AsponsoredCreative%3A{second}"
        creatives = get(f"/rest/adAccounts/{account.id}/creatives?ids=List({urn})").json()
        assert list(creatives["results"]) == [f"urn:li:sponsoredCreative:{second}"]
        assert get(f"/rest/adAccounts/{account.id}/creatives/{urn}").json() == next(iter(creatives["results"].values()))

    @pytest.mark.parametrize(
        ("path", "refused"),
        [
            ("adCampaigns?q=search&pageSize=1001", [("pageSize", "PARAM_INVALID")]),
            ("creatives?q=criteria&pageSize=101", [("pageSize", "PARAM_INVALID")]),
            ("creatives?q=criteria&pageSize=0", [("pageSize", "PARAM_INVALID")]),
            ("adCampaigns?q=search&nonsense=1", [("nonsense", "QUERY_PARAM_NOT_ALLOWED")]),
            ("adCampaigns?q=search&search=(colour:(values:List(RED)))", [("search/colour", "PARAM_INVALID")]),
            ("adCampaigns?q=search&search=(status:(values:List(RED)))", [("search/status/values", "PARAM_INVALID")]),
            ("adCampaigns?q=search&search=%28status%3A%28values%3AList%28X%29%29%29", [("search", "PARAM_INVALID")]),
            ("creatives?q=criteria&campaigns=List(5)", [("campaigns", "PARAM_INVALID")]),
            ("creatives?q=criteria&campaigns=List(urn%253Ali%253Ax%253A5)", [("campaigns", "PARAM_INVALID")]),
            ("creatives/urn:li:sponsoredCreative:5", [("key", "PARAM_INVALID")]),
            ("creatives/5", [("key", "PARAM_INVALID")]),
            ("adCampaigns?ids=5", [("ids", "PARAM_INVALID")]),
        ],
    )
    def test_mistakes_are_refused_with_the_place_of_the_input(self, get, account, path, refused):
        assert inputs(get(f"/rest/adAccounts/{account.id}/{path}")) == refused

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("adCampaigns/17", 404),
            ("creatives/urn%3Ali%3AsponsoredCreative%3A5", 404),
            ("creatives?q=search", 404),
            ("adCampaigns", 405),
        ],
    )
    def test_what_is_not_there_or_not_offered(self, get, account, path, status):
        assert get(f"/rest/adAccounts/{account.id}/{path}").status_code == status

    def test_an_object_of_another_account_is_not_found(self, get, account, presence):
        other = next(each for each in presence.campaigns() if each.account_id != account.id)
        assert get(f"/rest/adAccounts/{account.id}/adCampaignGroups/{other.id}").status_code == 404

    def test_too_much_without_pages_is_refused(self, serve):
        world = World.generate(seed=1, today=datetime(2026, 11, 22, tzinfo=UTC).date(), scale=0.02, days=10)
        with serve(world, unpaged=5) as sandbox:
            account = world.on("linkedin").accounts[0]
            headers = {
                "Authorization": f"Bearer {world.token('linkedin')}",
                "LinkedIn-Version": "202610",
                "X-Restli-Protocol-Version": "2.0.0",
            }
            url = f"{sandbox.url}/rest/adAccounts/{account.id}/creatives?{_CREATIVES}"
            refused = _get(url, headers=headers)
            assert refused.json() == {"status": 400, "message": "Request would return too many entities. "}
            assert _get(f"{url}&pageSize=5", headers=headers).status_code == 200


class TestStates:
    """How the world's states are said."""

    @pytest.fixture
    def node_of(self, get):
        def find(item):
            kinds = {"WorldCampaign": "adCampaignGroups", "WorldAdGroup": "adCampaigns", "WorldAd": "creatives"}
            kind = kinds[type(item).__name__]
            key = f"urn%3Ali%3AsponsoredCreative%3A{item.id}" if kind == "creatives" else item.id
            return get(f"/rest/adAccounts/{item.account_id}/{kind}/{key}").json()

        return find

    @pytest.mark.parametrize(
        ("status", "intended", "review"),
        [
            (Status.ACTIVE, "ACTIVE", "APPROVED"),
            (Status.PAUSED, "PAUSED", "APPROVED"),
            (Status.PENDING, "ACTIVE", "PENDING"),
            (Status.REJECTED, "ACTIVE", "REJECTED"),
            (Status.ARCHIVED, "ARCHIVED", "APPROVED"),
            (Status.REMOVED, "REMOVED", "APPROVED"),
        ],
    )
    def test_of_creatives(self, presence, node_of, status, intended, review):
        ads = [each for each in presence.ads() if each.status is status]
        for ad in ads[:3]:
            node = node_of(ad)
            assert (node["intendedStatus"], node["review"]["status"]) == (intended, review)
            if intended == "ACTIVE" and review == "APPROVED":
                assert node["isServing"] == ("servingHoldReasons" not in node)
        assert ads or status in (Status.PENDING, Status.REJECTED)

    def test_a_group_that_is_over_is_active_and_held_by_its_schedule(self, presence, node_of):
        group = next(each for each in presence.campaigns() if each.status is Status.ENDED)
        node = node_of(group)
        assert node["status"] == "ACTIVE"
        assert "CAMPAIGN_GROUP_END_DATE_HOLD" in node["servingStatuses"]
        end = datetime.fromtimestamp(node["runSchedule"]["end"] / 1000, UTC)
        assert (end.date() - group.end_date).days == 1

    def test_campaigns_know_what_holds_them(self, presence, node_of):
        paused = next(each for each in presence.ad_groups() if each.status is Status.PAUSED)
        assert "STOPPED" in node_of(paused)["servingStatuses"]


class TestContent:
    """Posts behind creatives, conversions, the organisation."""

    def test_the_post_of_a_creative(self, get, account, presence):
        ad = next(each for each in presence.ads(account.id) if each.format == "video")
        post = get(f"/rest/posts/urn%3Ali%3AugcPost%3A7{ad.id}").json()
        assert post["content"]["media"]["title"] == ad.headline
        assert post["contentLandingPage"] == ad.landing_url
        many = get(f"/rest/posts?ids=List(urn%3Ali%3AugcPost%3A7{ad.id},urn%3Ali%3Ashare%3A1)").json()
        assert many["results"] == {post["id"]: post}
        assert many["statuses"] == {"urn:li:share:1": 404}
        assert get(f"/rest/posts/urn%3Ali%3Ashare%3A7{ad.id}").status_code == 404

    def test_text_ads_carry_their_text_themselves(self, get, account, presence):
        ad = next(each for each in presence.ads() if each.format == "text")
        key = f"urn%3Ali%3AsponsoredCreative%3A{ad.id}"
        content = get(f"/rest/adAccounts/{ad.account_id}/creatives/{key}").json()["content"]
        assert content["textAd"]["headline"] == ad.headline
        assert content["textAd"]["landingPage"] == ad.landing_url

    def test_conversions_of_an_account(self, get, account):
        urn = f"urn%3Ali%3AsponsoredAccount%3A{account.id}"
        found = get(f"/rest/conversions?q=account&account={urn}").json()["elements"]
        assert {each["type"]: each["name"] for each in found} == {"PURCHASE": "Purchase", "SIGN_UP": "Sign-up"}
        assert inputs(get("/rest/conversions?q=account&account=5")) == [("account", "PARAM_INVALID")]

    def test_the_organisation(self, get):
        assert get("/rest/organizations/2414183").json()["localizedName"]
        assert get("/rest/organizations/1").status_code == 404
