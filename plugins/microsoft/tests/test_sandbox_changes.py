"""Changes through the sandbox: each is readable back, and what fails of a list is told under HTTP 200."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from adjoin.ads.v2 import Status
from adjoin.testing.server import running
from adjoin.testing.world import World
from adjoin_microsoft.sandbox import make_app
from adjoin_microsoft.sandbox.caller import Caller, codes

KINDS = "Search, Shopping, Audience, PerformanceMax"
PLAN = {
    "Name": "Plan",
    "BudgetType": "DailyBudgetStandard",
    "DailyBudget": 50.0,
    "TimeZone": "AmsterdamBerlinBernRomeStockholmVienna",
}
GROUP = {"Name": "Group", "Network": "OwnedAndOperatedOnly"}


def _texts(*texts):
    return [{"Asset": {"Type": "TextAsset", "Text": text}} for text in texts]


AD = {
    "Type": "ResponsiveSearch",
    "FinalUrls": ["https://shop.example/"],
    "Headlines": _texts("One", "Two", "Three"),
    "Descriptions": _texts("First text", "Second text"),
}
KEYWORD = {"Text": "shoes", "MatchType": "Phrase", "Bid": {"Amount": 0.7}}


@pytest.fixture(scope="module")
def served():
    world = World.generate(seed=5, today=date(2026, 11, 22), scale=0.02, days=30)
    with running(make_app(world)) as url:
        yield SimpleNamespace(world=world, url=url)


class Desk(Caller):
    """A caller that adds and changes things one at a time."""

    __slots__ = ()

    def change_one(self, method, kind, above, given):
        """Send one item; return its id, or its error's code if it failed."""
        answer = self.change(method, kind, above | {kind: [given]})
        if answer["PartialErrors"]:
            (error,) = answer["PartialErrors"]
            assert error["Index"] == 0
            return error["Code"]
        ids = answer.get(f"{kind[:-1]}Ids")
        return ids[0] if ids else None

    def campaign(self, **given):
        return self.change_one("POST", "Campaigns", {"AccountId": self.account.id}, PLAN | given)

    def update_campaign(self, **given):
        return self.change_one("PUT", "Campaigns", {"AccountId": self.account.id}, given)

    def read_campaign(self, campaign_id):
        body = {"AccountId": self.account.id, "CampaignIds": [campaign_id], "CampaignType": KINDS}
        return self.read("Campaigns/QueryByIds", body)["Campaigns"][0]

    def find(self, object_id):
        return self.world.on("microsoft").find(object_id)


@pytest.fixture
def desk(served):
    return Desk.of(served.url, served.world)


@pytest.fixture
def campaign(desk, request):
    """A new campaign of the search with a name of its own; it is deleted in the end."""
    made = desk.campaign(Name=request.node.name[:100], CampaignType="Search")
    yield made
    desk.change("DELETE", "Campaigns", {"AccountId": desk.account.id, "CampaignIds": [made]})


@pytest.fixture
def group(desk, campaign):
    return desk.change_one("POST", "AdGroups", {"CampaignId": campaign}, GROUP)


class TestCampaigns:
    def test_what_is_added_can_be_read(self, desk):
        scheme = {"Type": "MaxClicks", "MaxCpc": {"Amount": 1.5}}
        made = desk.campaign(Name="Added", BiddingScheme=scheme, Languages=["All"], FinalUrlSuffix="a=b")
        read = desk.read_campaign(made)
        assert (read["Name"], read["Status"], read["CampaignType"]) == ("Added", "Paused", "Search")
        assert (read["DailyBudget"], read["BudgetId"], read["IsPolitical"]) == (50.0, None, False)
        assert (read["BiddingScheme"], read["Languages"], read["FinalUrlSuffix"]) == (scheme, ["All"], "a=b")
        known = desk.find(made)
        assert (known.status, known.channel, known.daily_budget_micros) == (Status.PAUSED, "search", 50_000_000)

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"Name": None}, 1101),
            ({"Name": "x" * 129}, 1101),
            ({"Id": "5"}, 1004),
            ({"BudgetType": None}, 1121),
            ({"BudgetType": "DailyBudgetAccelerated"}, 1121),
            ({"BudgetType": "LifetimeBudgetStandard"}, 1121),
            ({"CampaignType": "Audience", "BudgetType": "LifetimeBudgetStandard"}, 1121),
            ({"DailyBudget": None}, 1106),
            ({"DailyBudget": 0}, 1106),
            ({"DailyBudget": "50"}, 1106),
            ({"TimeZone": None}, 1109),
            ({"TimeZone": "Europe/Berlin"}, 1014),
            ({"Status": "Deleted"}, 1120),
            ({"CampaignType": "Search,Shopping"}, 1158),
            ({"CampaignType": "Hotel"}, 5703),
            ({"BiddingScheme": {"Type": "TargetCpa"}}, 5703),
            ({"BudgetId": "77"}, 4916),
            ({"IsPolitical": True}, 9101),
        ],
    )
    def test_what_does_not_fit_is_not_added(self, desk, given, code):
        assert desk.campaign(**{"Name": "Never"} | given) == code

    @pytest.mark.parametrize(
        "given",
        [
            {"Colour": "blue"},
            {"CampaignType": "Balloon"},
            {"BudgetType": "Weekly"},
            {"BiddingScheme": {"Type": "Luck"}},
            {"BiddingScheme": {"Type": []}},
            {"BiddingScheme": {}},
            {"Name": 5},
        ],
    )
    def test_what_cannot_be_read_fails_the_whole_request(self, desk, given):
        body = {"AccountId": desk.account.id, "Campaigns": [PLAN | given]}
        assert codes(desk.post("CampaignManagement/v13/Campaigns", body)) == (400, [100])

    def test_ids_keep_their_places_and_failed_ones_are_null(self, desk):
        plans = [PLAN | {"Name": name} for name in ("Twice", "TWICE", "Once")]
        answer = desk.change("POST", "Campaigns", {"AccountId": desk.account.id, "Campaigns": [*plans, None]})
        assert [each is None for each in answer["CampaignIds"]] == [False, True, False, True]
        assert [(error["Index"], error["Code"]) for error in answer["PartialErrors"]] == [(1, 1115), (3, 1103)]
        assert answer["PartialErrors"][0] == {
            "Type": "BatchError",
            "Index": 1,
            "Code": 1115,
            "ErrorCode": "CampaignServiceCannotCreateDuplicateCampaign",
            "Message": "An attempt was made to create a duplicate of a campaign that already exists.",
            "Details": None,
            "FieldPath": "Name",
            "ForwardCompatibilityMap": None,
        }

    @pytest.mark.parametrize(("plans", "code"), [([], 1113), ([PLAN] * 101, 1114)])
    def test_a_list_has_one_to_a_hundred(self, desk, plans, code):
        body = {"AccountId": desk.account.id, "Campaigns": plans}
        assert codes(desk.post("CampaignManagement/v13/Campaigns", body)) == (400, [code])

    def test_a_change_leaves_alone_what_it_does_not_name(self, desk, campaign):
        before = desk.read_campaign(campaign)
        assert desk.update_campaign(Id=campaign, DailyBudget=75.25) is None
        assert desk.read_campaign(campaign) == before | {"DailyBudget": 75.25}
        assert desk.update_campaign(Id=campaign, Status="Active", Name="Other", DailyBudget=None) is None
        assert desk.read_campaign(campaign) == before | {"DailyBudget": 75.25, "Status": "Active", "Name": "Other"}

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"Id": "5", "Name": "x"}, 1100),
            ({"CampaignType": "Shopping"}, 1155),
            ({"Status": "Suspended"}, 1120),
            ({"DailyBudget": -1}, 1106),
            ({"BudgetId": "0"}, 1106),
        ],
    )
    def test_changes_that_do_not_fit_fail(self, desk, campaign, given, code):
        assert desk.update_campaign(**{"Id": campaign} | given) == code

    def test_a_deleted_campaign_can_no_longer_be_read_nor_changed(self, desk):
        made = desk.campaign(Name="Short-lived")
        body = {"AccountId": desk.account.id, "CampaignIds": [made, "5"]}
        errors = desk.change("DELETE", "Campaigns", body)["PartialErrors"]
        assert [(error["Index"], error["Code"]) for error in errors] == [(1, 1100)]
        assert desk.read_campaign(made) is None
        assert desk.update_campaign(Id=made, Name="Back") == 1100
        assert desk.find(made).status is Status.REMOVED
        assert isinstance(desk.campaign(Name="Short-lived"), str)

    def test_a_deleted_campaign_stays_in_reports(self, desk):
        columns = ["TimePeriod", "CampaignId", "CampaignName", "CampaignStatus", "Clicks"]
        before = desk.rows("CampaignPerformance", columns)
        victim = before[0]["CampaignId"]
        known = desk.find(victim)
        body = {"AccountId": desk.account.id, "CampaignIds": [victim]}
        assert desk.change("DELETE", "Campaigns", body) == {"PartialErrors": []}
        after = desk.rows("CampaignPerformance", columns)
        assert [row | {"CampaignStatus": ""} for row in after] == [row | {"CampaignStatus": ""} for row in before]
        assert {row["CampaignStatus"] for row in after if row["CampaignId"] == victim} == {"Deleted"}
        desk.world.on("microsoft").update(known)

    def test_a_lifetime_budget_needs_dates_of_the_campaign(self, desk):
        dated = {"StartDate": "2026-12-01T00:00:00", "EndDate": "2026-12-31T00:00:00", "UseCampaignLevelDates": True}
        made = desk.campaign(Name="Life", CampaignType="Audience", BudgetType="LifetimeBudgetStandard", **dated)
        read = desk.read_campaign(made)
        assert {name: read[name] for name in dated} == dated
        assert (read["BudgetType"], read["DailyBudget"]) == ("LifetimeBudgetStandard", 50.0)
        assert desk.find(made).lifetime_budget_micros == 50_000_000
        desk.update_campaign(Id=made, DailyBudget=80)
        assert desk.find(made).lifetime_budget_micros == 80_000_000

    def test_results_stop_with_the_campaign(self, desk):
        world = desk.world.on("microsoft")
        running_one = next(
            each for each in world.campaigns(desk.account.id) if each.status is Status.ACTIVE and each.curve is not None
        )
        tomorrow = date(2026, 11, 23)
        ask = {"account_id": desk.account.id, "since": tomorrow, "until": tomorrow}

        def clicks():
            desk.world.set_today(tomorrow)
            rows = world.truth("campaign_daily", **ask).to_pylist()
            desk.world.set_today(date(2026, 11, 22))
            return sum(row["clicks"] for row in rows if row["campaign_id"] == running_one.id)

        assert clicks() > 0
        desk.update_campaign(Id=running_one.id, Status="Paused")
        assert clicks() == 0
        desk.update_campaign(Id=running_one.id, Status="Active")
        assert clicks() > 0


class TestBudgets:
    def one(self, desk, method, **given):
        return desk.change_one(method, "Budgets", {}, given)

    def test_campaigns_share_a_budget_until_they_have_their_own(self, desk, campaign):
        made = self.one(desk, "POST", Name="Shared", Amount=100.0, BudgetType="DailyBudgetStandard")
        assert desk.update_campaign(Id=campaign, BudgetId=made) is None
        assert (desk.read_campaign(campaign)["BudgetId"], desk.read_campaign(campaign)["DailyBudget"]) == (made, 100.0)
        assert desk.update_campaign(Id=campaign, DailyBudget=5) == 1159
        assert self.one(desk, "PUT", Id=made, Amount=120) is None
        assert desk.read_campaign(campaign)["DailyBudget"] == 120.0
        assert desk.find(campaign).daily_budget_micros == 120_000_000
        (read,) = desk.read("Budgets/QueryByIds", {"BudgetIds": [made]})["Budgets"]
        assert (read["Amount"], read["AssociationCount"]) == (120.0, 1)
        (error,) = desk.change("DELETE", "Budgets", {"BudgetIds": [made]})["PartialErrors"]
        assert error["Code"] == 4918
        assert desk.update_campaign(Id=campaign, BudgetId="0", DailyBudget=30) is None
        assert (desk.read_campaign(campaign)["BudgetId"], desk.read_campaign(campaign)["DailyBudget"]) == (None, 30.0)
        assert desk.change("DELETE", "Budgets", {"BudgetIds": [made]}) == {"PartialErrors": []}
        assert desk.read("Budgets/QueryByIds", {"BudgetIds": [made]})["Budgets"] == [None]

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"Name": ""}, 4904),
            ({"Amount": None}, 4910),
            ({"Amount": 0}, 4912),
            ({"BudgetType": None}, 4908),
            ({"Id": "5"}, 4903),
        ],
    )
    def test_what_does_not_fit_is_not_added(self, desk, given, code):
        plan = {"Name": "Never", "Amount": 5.0, "BudgetType": "DailyBudgetStandard"}
        assert self.one(desk, "POST", **plan | given) == code

    def test_names_are_taken_once(self, desk):
        plan = {"Name": "Only one", "Amount": 5.0, "BudgetType": "DailyBudgetStandard"}
        made = self.one(desk, "POST", **plan)
        assert self.one(desk, "POST", **plan | {"Name": "ONLY ONE"}) == 4907
        assert self.one(desk, "PUT", Id=made, Name="Only one", Amount=6) is None
        assert self.one(desk, "PUT", Id="5", Amount=6) == 4916


class TestAdGroups:
    def one(self, desk, campaign, method, **given):
        return desk.change_one(method, "AdGroups", {"CampaignId": campaign}, given)

    def test_what_is_added_and_changed_can_be_read(self, desk, campaign, group):
        change = {"Id": group, "Status": "Active", "CpcBid": {"Amount": 1.25}, "EndDate": _day(2027, 1, 31)}
        assert self.one(desk, campaign, "PUT", **change) is None
        (read,) = desk.read("AdGroups/QueryByCampaignId", {"CampaignId": campaign})["AdGroups"]
        assert (read["Name"], read["Status"], read["CpcBid"]) == ("Group", "Active", {"Amount": 1.25})
        assert (read["EndDate"], read["Network"]) == (_day(2027, 1, 31), "OwnedAndOperatedOnly")
        assert desk.find(group).bid_micros == 1_250_000

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"Name": " "}, 1202),
            ({"Name": "x" * 257}, 1202),
            ({"Name": "GROUP"}, 1214),
            ({"Network": None}, 1222),
            ({"Status": "Expired"}, 1217),
            ({"CpcBid": {"Amount": -1}}, 1507),
            ({"EndDate": {"Year": 2026, "Month": 2, "Day": 30}}, 1233),
            ({"EndDate": {"Year": 2026, "Month": 11, "Day": 1}}, 1233),
            (
                {"StartDate": {"Year": 2027, "Month": 2, "Day": 1}, "EndDate": {"Year": 2027, "Month": 1, "Day": 1}},
                1204,
            ),
        ],
    )
    def test_what_does_not_fit_is_not_added(self, desk, campaign, group, given, code):
        assert self.one(desk, campaign, "POST", **GROUP | {"Name": "Never"} | given) == code

    def test_deleting_leaves_nothing_to_read(self, desk, campaign, group):
        body = {"CampaignId": campaign, "AdGroupIds": [group]}
        assert desk.change("DELETE", "AdGroups", body) == {"PartialErrors": []}
        assert desk.read("AdGroups/QueryByCampaignId", {"CampaignId": campaign}) == {"AdGroups": []}
        answer = desk.post("CampaignManagement/v13/Keywords/QueryByAdGroupId", {"AdGroupId": group})
        assert codes(answer) == (400, [1201])

    def test_the_campaign_must_be_there_and_take_groups(self, desk):
        path = "CampaignManagement/v13/AdGroups"
        assert codes(desk.post(path, {"CampaignId": "5", "AdGroups": [GROUP]})) == (400, [1100])
        wide = desk.campaign(Name="Everywhere", CampaignType="PerformanceMax")
        assert codes(desk.post(path, {"CampaignId": wide, "AdGroups": [GROUP]})) == (400, [5703])

    def test_the_strategy_is_told_if_asked_for(self, desk, campaign):
        body = {"CampaignId": campaign, "AdGroups": [GROUP], "ReturnInheritedBidStrategyTypes": True}
        assert desk.change("POST", "AdGroups", body)["InheritedBidStrategyTypes"] == ["EnhancedCpc"]


class TestAds:
    def one(self, desk, group, method, **given):
        return desk.change_one(method, "Ads", {"AdGroupId": group}, given)

    def read(self, desk, group):
        return desk.read("Ads/QueryByAdGroupId", {"AdGroupId": group, "AdTypes": ["ResponsiveSearch"]})["Ads"]

    def test_what_is_added_and_changed_can_be_read(self, desk, group):
        pinned = [{**AD["Headlines"][0], "PinnedField": "Headline1"}, *AD["Headlines"][1:]]
        made = self.one(desk, group, "POST", **AD | {"Headlines": pinned, "Path1": "shoes", "Path2": "sale"})
        (read,) = self.read(desk, group)
        assert [link["Asset"]["Text"] for link in read["Headlines"]] == ["One", "Two", "Three"]
        assert [link["PinnedField"] for link in read["Headlines"]] == ["Headline1", None, None]
        assert (read["Path1"], read["Path2"], read["Status"]) == ("shoes", "sale", "Active")
        assert (desk.find(made).headline, desk.find(made).landing_url) == ("One", "https://shop.example/")
        change = {"Id": made, "Type": "ResponsiveSearch", "Headlines": _texts("Four", "Five", "Six", "Seven")}
        assert self.one(desk, group, "PUT", **change, Status="Paused") is None
        (read,) = self.read(desk, group)
        assert [link["Asset"]["Text"] for link in read["Headlines"]] == ["Four", "Five", "Six", "Seven"]
        assert (read["Path1"], read["Status"], len(read["Descriptions"])) == ("shoes", "Paused", 2)
        body = {"AdGroupId": group, "AdIds": [made, "5"]}
        assert [error["Code"] for error in desk.change("DELETE", "Ads", body)["PartialErrors"]] == [1308]
        assert self.read(desk, group) == []

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"Headlines": None}, 6200),
            ({"Headlines": _texts("One", "Two")}, 6212),
            ({"Headlines": _texts(*[f"Text {number}" for number in range(16)])}, 6210),
            ({"Headlines": _texts("One", "Two", "x" * 31)}, 6208),
            ({"Headlines": _texts("One", "Two", "One")}, 6202),
            ({"Headlines": [*AD["Headlines"][1:], {**AD["Headlines"][0], "PinnedField": "Description1"}]}, 6204),
            ({"Headlines": [*AD["Headlines"][1:], {**AD["Headlines"][0], "PinnedField": "Top"}]}, 6214),
            ({"Headlines": [*AD["Headlines"][1:], {"Asset": {"Type": "ImageAsset"}}]}, 6215),
            ({"Descriptions": None}, 6201),
            ({"Descriptions": _texts("One")}, 6213),
            ({"Descriptions": _texts("One", "x" * 91)}, 6209),
            ({"FinalUrls": []}, 2608),
            ({"FinalUrls": ["https://shop.example/"] * 11}, 2609),
            ({"FinalUrls": ["shop.example"]}, 2611),
            ({"Path1": "x" * 16}, 6217),
            ({"Path2": "sale"}, 6221),
            ({"Status": "Inactive"}, 1357),
            ({"Headlines": _texts("One", "Two", "Click here")}, 1042),
            ({"Id": "5"}, 1004),
        ],
    )
    def test_what_does_not_fit_is_not_added(self, desk, group, given, code):
        assert self.one(desk, group, "POST", **AD | given) == code

    def test_types_belong_to_campaigns_and_old_ones_are_gone(self, desk, group):
        shown = {"Type": "ResponsiveAd", "Headline": "One", "FinalUrls": ["https://shop.example/"]}
        assert self.one(desk, group, "POST", **shown) == 5121
        old = {"Type": "ExpandedText", "TitlePart1": "One", "FinalUrls": ["https://shop.example/"]}
        assert self.one(desk, group, "POST", **old) == 2805
        made = self.one(desk, group, "POST", **AD)
        assert self.one(desk, group, "PUT", Id=made, Type="Product") == 1360
        assert self.one(desk, group, "POST", **AD) == 1313

    @pytest.mark.parametrize("given", [{"Type": "Poem"}, {"Type": None}, {"Headline": "One"}])
    def test_an_ad_that_cannot_be_read_fails_the_whole_request(self, desk, group, given):
        answer = desk.post("CampaignManagement/v13/Ads", {"AdGroupId": group, "Ads": [AD | given]})
        assert codes(answer) == (400, [100])

    def test_a_list_has_one_to_fifty(self, desk, group):
        path = "CampaignManagement/v13/Ads"
        assert codes(desk.post(path, {"AdGroupId": group, "Ads": []})) == (400, [1310])
        assert codes(desk.post(path, {"AdGroupId": group, "Ads": [AD] * 51})) == (400, [1311])

    def test_reading_needs_the_types_of_ads(self, desk, group):
        path = "CampaignManagement/v13/Ads/QueryByAdGroupId"
        assert codes(desk.post(path, {"AdGroupId": group})) == (400, [512])
        assert codes(desk.post(path, {"AdGroupId": group, "AdTypes": ["Poem"]})) == (400, [100])


class TestKeywords:
    def one(self, desk, group, method, **given):
        return desk.change_one(method, "Keywords", {"AdGroupId": group}, given)

    def test_what_is_added_and_changed_can_be_read(self, desk, group):
        made = self.one(desk, group, "POST", **KEYWORD)
        assert self.one(desk, group, "PUT", Id=made, Bid={"Amount": 0.9}, Status="Paused") is None
        (read,) = desk.read("Keywords/QueryByAdGroupId", {"AdGroupId": group})["Keywords"]
        assert (read["Text"], read["MatchType"], read["Bid"]) == ("shoes", "Phrase", {"Amount": 0.9})
        assert (read["Status"], read["EditorialStatus"]) == ("Paused", "Active")
        assert desk.find(made).bid_micros == 900_000
        body = {"AdGroupId": group, "KeywordIds": [made, "5"]}
        assert [error["Code"] for error in desk.change("DELETE", "Keywords", body)["PartialErrors"]] == [1501]
        assert desk.read("Keywords/QueryByAdGroupId", {"AdGroupId": group}) == {"Keywords": []}

    @pytest.mark.parametrize(
        ("given", "code"),
        [
            ({"Text": ""}, 1503),
            ({"Text": "x" * 101}, 1503),
            ({"MatchType": None}, 1543),
            ({"Bid": {"Amount": 0}}, 1507),
            ({"Status": "Deleted"}, 1531),
            ({"Id": "5"}, 1004),
        ],
    )
    def test_what_does_not_fit_is_not_added(self, desk, group, given, code):
        assert self.one(desk, group, "POST", **KEYWORD | given) == code

    def test_text_and_match_type_stay(self, desk, group):
        made = self.one(desk, group, "POST", **KEYWORD)
        assert self.one(desk, group, "POST", **KEYWORD | {"Text": "SHOES"}) == 1542
        assert isinstance(self.one(desk, group, "POST", **KEYWORD | {"MatchType": "Exact"}), str)
        assert self.one(desk, group, "PUT", Id=made, Text="boots") == 1504
        assert self.one(desk, group, "PUT", Id=made, MatchType="Broad") == 1545

    def test_only_campaigns_of_the_search_have_keywords(self, desk):
        for kind, code in (("Shopping", 1604), ("Audience", 5703)):
            campaign = desk.campaign(Name=f"No words {kind}", CampaignType=kind)
            group = desk.change_one("POST", "AdGroups", {"CampaignId": campaign}, GROUP)
            answer = desk.post("CampaignManagement/v13/Keywords", {"AdGroupId": group, "Keywords": [KEYWORD]})
            assert codes(answer) == (400, [code])


def _day(year, month, day):
    return {"Year": year, "Month": month, "Day": day}
