"""Many changes at once: all or none, those that are right, or only a check."""

from __future__ import annotations

import pytest

DECLARED = {"containsEuPoliticalAdvertising": "DOES_NOT_CONTAIN_EU_POLITICAL_ADVERTISING"}


def _whole(shop, **changed):
    """A campaign with its budget, an ad group and a keyword, in the order of the types."""
    budget = {"resourceName": shop.named("campaignBudgets", "-1"), "amountMicros": "5000000", "explicitlyShared": False}
    campaign = {
        "resourceName": shop.named("campaigns", "-2"),
        "name": "Whole",
        "status": "PAUSED",
        "advertisingChannelType": "SEARCH",
        "campaignBudget": shop.named("campaignBudgets", "-1"),
        "maximizeConversions": {},
        **DECLARED,
        **changed,
    }
    group = {
        "resourceName": shop.named("adGroups", "-3"),
        "name": "Group",
        "campaign": shop.named("campaigns", "-2"),
        "type": "SEARCH_STANDARD",
    }
    keyword = {"adGroup": shop.named("adGroups", "-3"), "keyword": {"text": "bread", "matchType": "BROAD"}}
    return [
        {"campaignBudgetOperation": {"create": budget}},
        {"campaignOperation": {"create": campaign}},
        {"adGroupOperation": {"create": group}},
        {"adGroupCriterionOperation": {"create": keyword}},
    ]


class TestManyAtOnce:
    def test_temporary_ids_join_what_is_made_together(self, shop):
        response = shop.mutate("googleAds", *_whole(shop))
        assert response.status_code == 200, response.text
        names = [next(iter(each.values()))["resourceName"] for each in response.json()["mutateOperationResponses"]]
        keyword = shop.api.presence.find(names[3].rpartition("/")[2])
        assert keyword.ad_group_id == names[2].rpartition("/")[2]
        assert keyword.campaign_id == names[1].rpartition("/")[2]
        assert shop.api.presence.find(keyword.campaign_id).daily_budget_micros == 5_000_000

    def test_one_bad_operation_stops_all(self, shop, codes, places):
        before = len(shop.api.presence.campaigns()), len(shop.api.presence.keywords())
        operations = _whole(shop, name=shop.campaign.name)
        response = shop.mutate("googleAds", *operations)
        assert response.status_code == 400
        assert codes(response) == [
            "campaignError.DUPLICATE_CAMPAIGN_NAME",
            "newResourceCreationError.TEMP_ID_RESOURCE_HAD_ERRORS",
            "newResourceCreationError.TEMP_ID_RESOURCE_HAD_ERRORS",
        ]
        assert places(response)[0] == "mutate_operations[1].campaign_operation.create.name"
        assert (len(shop.api.presence.campaigns()), len(shop.api.presence.keywords())) == before
        assert not shop.rows(
            "SELECT campaign_budget.id FROM campaign_budget WHERE campaign_budget.amount_micros = 5000000"
        )

    def test_only_checks_when_asked_to(self, shop, codes):
        before = len(shop.api.presence.campaigns())
        assert shop.mutate("googleAds", *_whole(shop), validateOnly=True).json() == {}
        assert len(shop.api.presence.campaigns()) == before
        wrong = shop.mutate("googleAds", *_whole(shop, name=shop.campaign.name), validateOnly=True)
        assert codes(wrong)[0] == "campaignError.DUPLICATE_CAMPAIGN_NAME"

    def test_carries_out_what_is_right_when_asked_to(self, shop):
        response = shop.mutate(
            "adGroups",
            {"remove": shop.named("adGroups", "1")},
            {"create": {"name": "Fresh", "campaign": shop.named("campaigns", shop.campaign.id)}},
            partialFailure=True,
        )
        body = response.json()
        assert response.status_code == 200
        assert body["results"][0] == {}
        assert body["results"][1]["resourceName"]
        (error,) = body["partialFailureError"]["details"][0]["errors"]
        assert error["errorCode"] == {"mutateError": "RESOURCE_NOT_FOUND"}
        assert error["location"]["fieldPathElements"][0] == {"fieldName": "operations", "index": 0}

    def test_refuses_ids_that_are_not_temporary_or_not_unique(self, shop, codes):
        operations = _whole(shop)
        operations[1]["campaignOperation"]["create"]["resourceName"] = shop.named("campaigns", "77")
        assert codes(shop.mutate("googleAds", *operations))[0] == "newResourceCreationError.CANNOT_SET_ID_FOR_CREATE"
        operations = _whole(shop)
        operations[2]["adGroupOperation"]["create"]["resourceName"] = shop.named("adGroups", "-2")
        assert "newResourceCreationError.DUPLICATE_TEMP_IDS" in codes(shop.mutate("googleAds", *operations))

    def test_temporary_ids_are_defined_before_they_are_used(self, shop, codes):
        budget, campaign, *_ = _whole(shop)
        assert codes(shop.mutate("googleAds", campaign, budget)) == ["mutateError.RESOURCE_NOT_FOUND"]

    def test_answers_with_the_objects_when_asked_to(self, shop):
        response = shop.mutate("googleAds", *_whole(shop), responseContentType="MUTABLE_RESOURCE")
        result = response.json()["mutateOperationResponses"][1]["campaignResult"]
        assert result["campaign"]["name"] == "Whole"
        assert result["campaign"]["biddingStrategyType"] == "MAXIMIZE_CONVERSIONS"
        assert result["campaign"]["resourceName"] == result["resourceName"]


class TestRequests:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"operations": [], "extra": 1}, 'Unknown name "extra"'),
            ({"operations": [{"create": {"nonsense": 1}}]}, "Unknown name \"nonsense\" at 'operations[0].create'"),
            ({"operations": [{"create": {"networkSettings": 1}}]}, "at 'operations[0].create.network_settings'"),
            ({"operations": [{"create": {"status": "LIVE"}}]}, "at 'operations[0].create.status' (TYPE_ENUM)"),
            ({"operations": [{"create": {"name": 5}}]}, "at 'operations[0].create.name' (TYPE_STRING)"),
            ({"operations": [{"create": {}, "remove": "x"}]}, "oneof"),
            ({"operations": {}}, "Invalid value at 'operations'"),
            ({"operations": [{"create": {}}], "validateOnly": "yes"}, "Invalid value at 'validateOnly'"),
        ],
    )
    def test_refuses_what_is_no_request(self, shop, body, message):
        response = shop.api.post(f"{shop.customer}/campaigns:mutate", body)
        assert response.status_code == 400
        assert message in response.json()["error"]["message"]

    def test_refuses_what_is_no_json(self, shop):
        headers = shop.api.headers(shop.api.manager_id)
        path = f"/v26/{shop.customer}/campaigns:mutate"
        response = shop.api.http.post(path, content=b"{", headers=headers)
        assert response.status_code == 400
        assert response.json()["error"]["details"][0]["@type"].endswith("google.rpc.BadRequest")

    def test_refuses_nothing_and_too_much(self, shop, codes):
        assert codes(shop.mutate("campaigns")) == ["requestError.OPERATION_REQUIRED"]
        assert codes(shop.mutate("campaigns", {})) == ["requestError.OPERATION_REQUIRED"]
        many = [{"remove": shop.named("campaigns", "1")}] * 10_001
        assert codes(shop.mutate("campaigns", *many)) == ["requestError.TOO_MANY_MUTATE_OPERATIONS"]

    def test_managers_have_no_campaigns(self, own, codes):
        response = own.mutate("campaigns", [{"remove": "x"}], account=own.manager_id)
        assert codes(response) == ["requestError.CANNOT_BE_EXECUTED_BY_MANAGER_ACCOUNT"]


class TestPoliticalAdvertising:
    def test_one_undeclared_campaign_stops_all_changes(self, shop, codes):
        shop.api.fault("eu_undeclared", "mutate", times=1)
        update = {
            "update": {"resourceName": shop.named("adGroups", shop.group.id), "status": "PAUSED"},
            "updateMask": "status",
        }
        for _ in range(2):
            response = shop.mutate("adGroups", update)
            assert codes(response) == ["mutateError.EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED"]
        (row,) = shop.rows(
            "SELECT campaign.id, campaign.contains_eu_political_advertising, "
            "campaign.missing_eu_political_advertising_declaration FROM campaign "
            "WHERE campaign.missing_eu_political_advertising_declaration = TRUE"
        )
        name = row["campaign"]["resourceName"]
        assert "containsEuPoliticalAdvertising" not in row["campaign"]
        more = {"resourceName": name, "status": "PAUSED", **DECLARED}
        both = {"update": more, "updateMask": "status,containsEuPoliticalAdvertising"}
        assert codes(shop.mutate("campaigns", both)) == ["mutateError.EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED"]
        shop.done("campaigns", {"update": more, "updateMask": "containsEuPoliticalAdvertising"})
        shop.done("adGroups", update)
