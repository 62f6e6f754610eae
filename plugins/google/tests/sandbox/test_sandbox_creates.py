"""What cannot be created, and where the request is wrong."""

from __future__ import annotations

import pytest

from adjoin.ads.v2 import Status


class TestCreates:
    @pytest.mark.parametrize(
        ("changed", "code", "field"),
        [
            ({"name": None}, "fieldError.REQUIRED", "name"),
            ({"containsEuPoliticalAdvertising": None}, "fieldError.REQUIRED", "contains_eu_political_advertising"),
            (
                {"containsEuPoliticalAdvertising": "UNSPECIFIED"},
                "enumError.ENUM_VALUE_NOT_PERMITTED",
                "contains_eu_political_advertising",
            ),
            ({"advertisingChannelType": None}, "fieldError.REQUIRED", "advertising_channel_type"),
            (
                {"advertisingChannelType": "HOTEL"},
                "campaignError.ADVERTISING_CHANNEL_TYPE_NOT_AVAILABLE_FOR_ACCOUNT_TYPE",
                "advertising_channel_type",
            ),
            ({"campaignBudget": None}, "fieldError.REQUIRED", "campaign_budget"),
            ({"campaignBudget": "customers/1/campaignBudgets/1"}, "mutateError.RESOURCE_NOT_FOUND", "campaign_budget"),
            ({"manualCpc": None}, "fieldError.REQUIRED", "campaign_bidding_strategy"),
            ({"targetSpend": {}}, "biddingError.INVALID_ANONYMOUS_BIDDING_STRATEGY_TYPE", "manual_cpc"),
            ({"startDateTime": "2026-11-21 00:00:00"}, "campaignError.CANNOT_SET_DATE_TO_PAST", "start_date_time"),
            ({"startDateTime": "2026-12-01"}, "dateError.INVALID_STRING_DATE_TIME_SECONDS", "start_date_time"),
            (
                {"endDateTime": "2026-12-01 00:00:00"},
                "dateError.DATE_RANGE_ERROR_END_TIME_MUST_BE_THE_END_OF_A_DAY",
                "end_date_time",
            ),
            (
                {"startDateTime": "2026-12-02 00:00:00", "endDateTime": "2026-12-01 23:59:59"},
                "dateRangeError.START_DATE_AFTER_END_DATE",
                "end_date_time",
            ),
            (
                {"networkSettings": {"targetGoogleSearch": False}},
                "campaignError.CAMPAIGN_MUST_TARGET_AT_LEAST_ONE_NETWORK",
                "network_settings",
            ),
            ({"status": "REMOVED"}, "enumError.ENUM_VALUE_NOT_PERMITTED", "status"),
        ],
    )
    def test_refuses_campaigns(self, shop, codes, changed, code, field, places):
        response = shop.mutate("campaigns", shop.new_campaign(**changed))
        assert codes(response) == [code]
        assert places(response) == [f"operations[0].create.{field}"]

    def test_names_of_campaigns_are_unique_until_removed(self, shop, codes, places):
        duplicate = shop.new_campaign(name=shop.campaign.name)
        assert codes(shop.mutate("campaigns", duplicate)) == ["campaignError.DUPLICATE_CAMPAIGN_NAME"]
        shop.done("campaigns", {"remove": shop.named("campaigns", shop.campaign.id)})
        shop.done("campaigns", duplicate)
        twice = [shop.new_campaign(name="Twice"), shop.new_campaign(name="Twice")]
        response = shop.mutate("campaigns", *twice)
        assert codes(response) == ["campaignError.DUPLICATE_CAMPAIGN_NAME"]
        assert places(response) == ["operations[1].create.name"]
        assert not shop.rows("SELECT campaign.id FROM campaign WHERE campaign.name = 'Twice'")

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            ({"amountMicros": "5000001"}, "campaignBudgetError.NON_MULTIPLE_OF_MINIMUM_CURRENCY_UNIT"),
            ({"amountMicros": "-10000"}, "campaignBudgetError.NEGATIVE_MONEY_AMOUNT"),
            ({"amountMicros": "0"}, "rangeError.TOO_LOW"),
            ({"amountMicros": "90000000000000000"}, "campaignBudgetError.MONEY_AMOUNT_TOO_LARGE"),
            ({}, "fieldError.REQUIRED"),
            ({"amountMicros": "10000", "name": ""}, "fieldError.REQUIRED"),
            (
                {"amountMicros": "10000", "period": "CUSTOM_PERIOD"},
                "campaignBudgetError.BUDGET_AMOUNT_MUST_BE_UNSET_FOR_CUSTOM_BUDGET_PERIOD",
            ),
            (
                {"totalAmountMicros": "10000"},
                "campaignBudgetError.TOTAL_BUDGET_AMOUNT_MUST_BE_UNSET_FOR_BUDGET_PERIOD_DAILY",
            ),
        ],
    )
    def test_refuses_budgets(self, shop, codes, value, code):
        assert codes(shop.mutate("campaignBudgets", {"create": {"name": "B", **value}})) == [code]

    def test_amounts_are_multiples_of_the_currencys_unit(self, own, codes):
        account = own.account("JPY")
        for amount, wanted in (("10000", "NON_MULTIPLE_OF_MINIMUM_CURRENCY_UNIT"), ("3000000", "")):
            create = {"create": {"name": f"B{amount}", "amountMicros": amount}}
            response = own.mutate("campaignBudgets", [create], account=account.id)
            found = codes(response) if response.status_code != 200 else []
            assert found == ([f"campaignBudgetError.{wanted}"] if wanted else [])

    def test_a_budget_of_its_own_serves_one_campaign(self, shop, codes):
        first = shop.new_campaign(name="First")
        shop.done("campaigns", first)
        budget = first["create"]["campaignBudget"]
        second = shop.new_campaign(name="Second", campaignBudget=budget)
        assert codes(shop.mutate("campaigns", second)) == [
            "campaignBudgetError.CANNOT_USE_IMPLICITLY_SHARED_CAMPAIGN_BUDGET_WITH_MULTIPLE_CAMPAIGNS"
        ]
        assert codes(shop.mutate("campaignBudgets", {"remove": budget})) == [
            "campaignBudgetError.CAMPAIGN_BUDGET_IN_USE"
        ]

    def test_a_lifetime_budget_needs_an_end(self, shop, codes):
        budget = {"name": "Life", "period": "CUSTOM_PERIOD", "totalAmountMicros": "90000000", "explicitlyShared": False}
        (name,) = shop.done("campaignBudgets", {"create": budget})
        response = shop.mutate("campaigns", shop.new_campaign(campaignBudget=name))
        assert codes(response) == ["campaignError.END_DATE_TIME_REQUIRED_FOR_TOTAL_BUDGET"]
        (made,) = shop.done("campaigns", shop.new_campaign(campaignBudget=name, endDateTime="2026-12-31 23:59:59"))
        campaign = shop.api.presence.find(made.rpartition("/")[2])
        assert (campaign.daily_budget_micros, campaign.lifetime_budget_micros) == (None, 90_000_000)

    @pytest.mark.parametrize(
        ("value", "code", "field"),
        [
            ({"name": ""}, "adGroupError.MISSING_ADGROUP_NAME", "name"),
            ({"cpcBidMicros": "1200001"}, "biddingError.BID_TOO_MANY_FRACTIONAL_DIGITS", "cpc_bid_micros"),
            ({"type": "DISPLAY_STANDARD"}, "adGroupError.AD_GROUP_TYPE_NOT_VALID_FOR_ADVERTISING_CHANNEL_TYPE", "type"),
            ({"campaign": ""}, "fieldError.REQUIRED", "campaign"),
        ],
    )
    def test_refuses_ad_groups(self, shop, codes, value, code, field, places):
        create = {"name": "Fresh", "campaign": shop.named("campaigns", shop.campaign.id), **value}
        response = shop.mutate("adGroups", {"create": create})
        assert codes(response) == [code]
        assert places(response) == [f"operations[0].create.{field}"]

    def test_performance_max_takes_no_ad_groups(self, shop, codes):
        campaign = next(each for each in shop.api.presence.campaigns(shop.account.id) if each.kind == "no_ads")
        create = {"name": "Fresh", "campaign": shop.named("campaigns", campaign.id)}
        assert codes(shop.mutate("adGroups", {"create": create})) == [
            "adGroupError.CANNOT_ADD_AD_GROUP_FOR_CAMPAIGN_TYPE"
        ]

    @pytest.mark.parametrize(
        ("keyword", "code"),
        [
            ({"text": "", "matchType": "EXACT"}, "fieldError.REQUIRED"),
            ({"text": "bread"}, "fieldError.REQUIRED"),
            ({"text": "b" * 81, "matchType": "EXACT"}, "criterionError.KEYWORD_TEXT_TOO_LONG"),
            ({"text": "a b c d e f g h i j k", "matchType": "EXACT"}, "criterionError.KEYWORD_HAS_TOO_MANY_WORDS"),
            ({"text": "bread!", "matchType": "EXACT"}, "criterionError.KEYWORD_HAS_INVALID_CHARS"),
        ],
    )
    def test_refuses_keywords(self, shop, codes, keyword, code):
        create = {"adGroup": shop.named("adGroups", shop.group.id), "keyword": keyword}
        assert codes(shop.mutate("adGroupCriteria", {"create": create})) == [code]

    def test_keywords_belong_to_the_search_and_come_once(self, shop, codes):
        group = shop.named("adGroups", shop.group.id)
        keyword = {"text": shop.keyword.text, "matchType": shop.keyword.match_type.upper()}
        known = shop.mutate("adGroupCriteria", {"create": {"adGroup": group, "keyword": keyword}})
        assert codes(known) == ["mutateError.RESOURCE_ALREADY_EXISTS"]
        (name,) = shop.done(
            "adGroupCriteria",
            {"create": {"adGroup": group, "keyword": {"text": "bread", "matchType": "EXACT"}, "status": "PAUSED"}},
        )
        made = shop.api.presence.find(name.rpartition("/")[2])
        assert (made.text, made.match_type, made.status) == ("bread", "exact", Status.PAUSED)
        other = next(
            each
            for each in shop.api.presence.ad_groups()
            if shop.api.presence.find(each.campaign_id).channel != "search" and each.status is Status.ACTIVE
        )
        create = {"adGroup": f"customers/{other.account_id}/adGroups/{other.id}", "keyword": keyword}
        response = shop.api.mutate("adGroupCriteria", [{"create": create}], account=other.account_id)
        assert codes(response) == ["adGroupCriterionError.CANNOT_ADD_CRITERIA_TYPE"]

    @pytest.mark.parametrize(
        ("ad", "code", "field"),
        [
            ({"headlines": 2}, "adError.INVALID_NUMBER_OF_ELEMENTS", "ad.responsive_search_ad.headlines"),
            ({"descriptions": 5}, "adError.INVALID_NUMBER_OF_ELEMENTS", "ad.responsive_search_ad.descriptions"),
            ({"text": "x" * 31}, "adError.TOO_LONG", "ad.responsive_search_ad.headlines[0].text"),
            ({"path2": "x"}, "adError.CANNOT_SET_PATH2_WITHOUT_PATH1", "ad.responsive_search_ad.path2"),
            ({"finalUrls": []}, "collectionSizeError.TOO_FEW", "ad.final_urls"),
        ],
    )
    def test_refuses_search_ads(self, shop, codes, ad, code, field, places):
        texts = {
            "headlines": [{"text": ad.get("text", "Bread")}] * ad.get("headlines", 3),
            "descriptions": [{"text": "Fresh"}] * ad.get("descriptions", 2),
        } | ({"path2": ad["path2"]} if "path2" in ad else {})
        value = {"responsiveSearchAd": texts, "finalUrls": ad.get("finalUrls", ["https://shop.example/"])}
        create = {"adGroup": shop.named("adGroups", shop.group.id), "ad": value}
        response = shop.mutate("adGroupAds", {"create": create})
        assert codes(response) == [code]
        assert places(response) == [f"operations[0].create.{field}"]
