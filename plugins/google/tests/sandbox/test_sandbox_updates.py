"""Updates and removals: what is taken, what is refused and where, and that it can be read back."""

from __future__ import annotations

import pytest

from adjoin.ads.v2 import Status


class TestUpdates:
    def test_pauses_and_resumes_everything(self, shop):
        for service, ids in (
            ("campaigns", shop.campaign.id),
            ("adGroups", shop.group.id),
            ("adGroupAds", f"{shop.group.id}~{shop.ad.id}"),
            ("adGroupCriteria", shop.keyword.id),
        ):
            name = shop.named(service, ids)
            known = ids if service == "adGroupCriteria" else ids.rpartition("~")[2]
            for native, status in (("PAUSED", Status.PAUSED), ("ENABLED", Status.ACTIVE)):
                update = {"update": {"resourceName": name, "status": native}, "updateMask": "status"}
                assert shop.done(service, update) == [name]
                assert shop.api.presence.find(known).status is status

    def test_changes_only_what_the_mask_names(self, shop):
        name = shop.named("adGroups", shop.group.id)
        value = {"resourceName": name, "name": "Ignored", "cpcBidMicros": "1200000"}
        shop.done("adGroups", {"update": value, "updateMask": "cpcBidMicros"})
        (row,) = shop.rows(
            f"SELECT ad_group.name, ad_group.cpc_bid_micros FROM ad_group WHERE ad_group.id = {shop.group.id}"
        )
        assert row["adGroup"] == {"resourceName": name, "name": shop.group.name, "cpcBidMicros": "1200000"}

    def test_clears_what_the_mask_names_and_the_object_lacks(self, shop):
        name = shop.named("adGroups", shop.group.id)
        mask = {"updateMask": "cpcBidMicros,trackingUrlTemplate"}
        value = {"resourceName": name, "cpcBidMicros": "1200000", "trackingUrlTemplate": "https://t.example/{lpurl}"}
        query = (
            "SELECT ad_group.cpc_bid_micros, ad_group.tracking_url_template FROM ad_group "
            f"WHERE ad_group.id = {shop.group.id}"
        )
        shop.done("adGroups", {"update": value, **mask})
        assert shop.rows(query)[0]["adGroup"] == value
        shop.done("adGroups", {"update": {"resourceName": name}, **mask})
        assert shop.rows(query)[0]["adGroup"] == {"resourceName": name}
        assert shop.api.presence.find(shop.group.id).bid_micros is None

    def test_keeps_details_that_the_world_has_no_place_for(self, shop):
        name = shop.named("campaigns", shop.campaign.id)
        update = {"resourceName": name, "targetCpa": {"targetCpaMicros": "5000000"}}
        shop.done("campaigns", {"update": update, "updateMask": "targetCpa.targetCpaMicros"})
        (row,) = shop.rows(
            "SELECT campaign.bidding_strategy_type, campaign.target_cpa.target_cpa_micros FROM campaign "
            f"WHERE campaign.id = {shop.campaign.id}"
        )
        assert row["campaign"]["biddingStrategyType"] == "TARGET_CPA"
        assert row["campaign"]["targetCpa"] == {"targetCpaMicros": "5000000"}

    def test_changes_a_budget_where_it_is(self, shop):
        campaign = next(each for each in shop.api.presence.campaigns(shop.account.id) if each.daily_budget_micros)
        query = f"SELECT campaign.campaign_budget FROM campaign WHERE campaign.id = {campaign.id}"
        budget = shop.rows(query)[0]["campaign"]["campaignBudget"]
        update = {"update": {"resourceName": budget, "amountMicros": "25000000"}, "updateMask": "amountMicros"}
        assert shop.done("campaignBudgets", update) == [budget]
        assert shop.api.presence.find(campaign.id).daily_budget_micros == 25_000_000
        (row,) = shop.rows(
            "SELECT campaign.id, campaign_budget.amount_micros, campaign_budget.reference_count FROM campaign "
            f"WHERE campaign.id = {campaign.id}"
        )
        assert row["campaignBudget"] == {"resourceName": budget, "amountMicros": "25000000", "referenceCount": "1"}

    def test_a_shared_budget_changes_for_all_its_campaigns(self, shop):
        (budget,) = shop.done("campaignBudgets", {"create": {"name": "Shared", "amountMicros": "9000000"}})
        names = [
            shop.done("campaigns", shop.new_campaign(name=name, campaignBudget=budget))[0] for name in ("One", "Two")
        ]
        update = {"update": {"resourceName": budget, "amountMicros": "8000000"}, "updateMask": "amountMicros"}
        shop.done("campaignBudgets", update)
        found = [shop.api.presence.find(name.rpartition("/")[2]).daily_budget_micros for name in names]
        assert found == [8_000_000, 8_000_000]
        (row,) = shop.rows(
            "SELECT campaign_budget.reference_count FROM campaign_budget WHERE campaign_budget.name = 'Shared'"
        )
        assert row["campaignBudget"]["referenceCount"] == "2"

    def test_changes_what_an_ad_says(self, shop):
        texts = [{"text": "One"}, {"text": "Two"}, {"text": "Three"}]
        name = shop.named("ads", shop.ad.id)
        update = {
            "resourceName": name,
            "responsiveSearchAd": {"headlines": texts},
            "finalUrls": ["https://shop.example/new"],
        }
        mask = "responsiveSearchAd.headlines,finalUrls"
        assert shop.done("ads", {"update": update, "updateMask": mask}) == [name]
        ad = shop.api.presence.find(shop.ad.id)
        assert (ad.headline, ad.landing_url, ad.name) == ("One", "https://shop.example/new", shop.ad.name)
        (row,) = shop.rows(
            "SELECT ad_group_ad.ad.responsive_search_ad.headlines, ad_group_ad.ad.responsive_search_ad.path1 "
            f"FROM ad_group_ad WHERE ad_group_ad.ad.id = {shop.ad.id}"
        )
        assert row["adGroupAd"]["ad"]["responsiveSearchAd"] == {"headlines": texts, "path1": "shop"}

    def test_removes_for_good(self, shop, codes):
        name = shop.named("adGroupCriteria", shop.keyword.id)
        assert shop.done("adGroupCriteria", {"remove": name}) == [name]
        assert shop.api.presence.find(shop.keyword.id).status is Status.REMOVED
        again = shop.mutate("adGroupCriteria", {"remove": name})
        assert codes(again) == ["contextError.OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE"]

    def test_a_paused_ad_stops_delivering(self, shop):
        from datetime import timedelta

        world = shop.api.world
        name = shop.named("adGroupAds", f"{shop.group.id}~{shop.ad.id}")
        shop.done("adGroupAds", {"update": {"resourceName": name, "status": "PAUSED"}, "updateMask": "status"})
        world.set_today(world.today + timedelta(days=3))
        rows = shop.rows(
            f"SELECT segments.date, metrics.impressions FROM ad_group_ad WHERE ad_group_ad.ad.id = {shop.ad.id} "
            "AND segments.date DURING LAST_7_DAYS"
        )
        assert max(row["segments"]["date"] for row in rows) <= "2026-11-22"

    @pytest.mark.parametrize(
        ("mask", "code", "place"),
        [
            (None, "fieldMaskError.FIELD_MASK_MISSING", "operations[0].update"),
            ("nonsense", "fieldMaskError.FIELD_NOT_FOUND", "operations[0].update.nonsense"),
            ("targetCpa", "fieldMaskError.FIELD_HAS_SUBFIELDS", "operations[0].update.target_cpa"),
            (
                "advertisingChannelType",
                "fieldError.IMMUTABLE_FIELD",
                "operations[0].update.advertising_channel_type",
            ),
        ],
    )
    def test_refuses_masks(self, shop, codes, mask, code, place, places):
        operation = {"update": {"resourceName": shop.named("campaigns", shop.campaign.id)}}
        response = shop.mutate("campaigns", operation | ({"updateMask": mask} if mask else {}))
        assert response.status_code == 400
        assert codes(response) == [code]
        assert places(response) == [place]

    def test_refuses_a_mask_in_snake_case(self, shop):
        operation = {"update": {"resourceName": shop.named("adGroups", shop.group.id)}, "updateMask": "cpc_bid_micros"}
        response = shop.mutate("adGroups", operation)
        assert response.status_code == 400
        assert response.json()["error"]["message"].startswith("Invalid JSON payload received.")

    def test_refuses_what_is_not_there(self, shop, codes):
        response = shop.mutate("campaigns", {"remove": shop.named("campaigns", "1")})
        assert response.status_code == 404
        assert codes(response) == ["mutateError.RESOURCE_NOT_FOUND"]
        foreign = next(each for each in shop.api.presence.campaigns() if each.account_id != shop.account.id)
        for name in (
            shop.named("campaigns", foreign.id),
            shop.named("adGroups", shop.group.id).replace("adGroups", "campaigns"),
        ):
            assert codes(shop.mutate("campaigns", {"remove": name})) == ["mutateError.RESOURCE_NOT_FOUND"]
        assert codes(shop.mutate("campaigns", {"remove": "campaigns/1"})) == ["requestError.RESOURCE_NAME_MALFORMED"]

    def test_refuses_the_same_resource_twice(self, shop, codes):
        name = shop.named("campaigns", shop.campaign.id)
        update = {"update": {"resourceName": name, "status": "PAUSED"}, "updateMask": "status"}
        response = shop.mutate("campaigns", update, {"remove": name})
        assert codes(response) == ["mutateError.ID_EXISTS_IN_MULTIPLE_MUTATES"]
        assert shop.api.presence.find(shop.campaign.id).status is Status.ACTIVE

    def test_a_status_of_removed_is_set_by_remove_only(self, shop, codes):
        name = shop.named("campaigns", shop.campaign.id)
        update = {"update": {"resourceName": name, "status": "REMOVED"}, "updateMask": "status"}
        assert codes(shop.mutate("campaigns", update)) == ["enumError.ENUM_VALUE_NOT_PERMITTED"]

    def test_texts_of_an_ad_are_not_changed_through_its_ad_group(self, shop, codes):
        name = shop.named("adGroupAds", f"{shop.group.id}~{shop.ad.id}")
        update = {"update": {"resourceName": name, "ad": {"name": "x"}}, "updateMask": "ad.name"}
        assert codes(shop.mutate("adGroupAds", update)) == ["fieldError.IMMUTABLE_FIELD"]
