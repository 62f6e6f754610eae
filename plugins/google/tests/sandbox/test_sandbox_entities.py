"""Campaigns and all below them as the wire has them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adjoin.ads.v2 import Status


def test_campaigns_have_their_budgets(api):
    rows = api.rows(
        "SELECT campaign.id, campaign.name, campaign.status, campaign.advertising_channel_type, "
        "campaign.start_date_time, campaign.end_date_time, campaign_budget.id, campaign_budget.amount_micros, "
        "campaign_budget.total_amount_micros, campaign_budget.period, customer.currency_code FROM campaign"
    )
    found = {row["campaign"]["id"]: row for row in rows}
    for campaign in api.presence.campaigns(api.account().id):
        row, budget = found[campaign.id]["campaign"], found[campaign.id]["campaignBudget"]
        assert row["name"] == campaign.name
        assert row["startDateTime"] == f"{campaign.start_date} 00:00:00"
        assert row.get("endDateTime") == (campaign.end_date and f"{campaign.end_date} 23:59:59")
        assert found[campaign.id]["customer"]["currencyCode"] == "EUR"
        if campaign.lifetime_budget_micros is not None:
            assert budget["totalAmountMicros"] == str(campaign.lifetime_budget_micros)
            assert budget["period"] == "CUSTOM_PERIOD"
            assert "amountMicros" not in budget
        else:
            groups = [each for each in api.presence.ad_groups() if each.campaign_id == campaign.id]
            amount = campaign.daily_budget_micros or sum(group.daily_budget_micros or 0 for group in groups)
            assert budget["amountMicros"] == str(amount)
            assert budget["period"] == "DAILY"
    assert len(found) == len(api.presence.campaigns(api.account().id))


_STATES = [
    (Status.ACTIVE, "ENABLED", "SERVING", "ELIGIBLE"),
    (Status.PAUSED, "PAUSED", "SUSPENDED", "PAUSED"),
    (Status.ENDED, "ENABLED", "ENDED", "ENDED"),
    (Status.ARCHIVED, "REMOVED", "NONE", "REMOVED"),
    (Status.REMOVED, "REMOVED", "NONE", "REMOVED"),
]


@pytest.mark.parametrize(("status", "native", "serving", "primary"), _STATES)
def test_campaigns_say_how_they_are(own, status, native, serving, primary):
    campaign = own.presence.campaigns(own.account().id)[0]
    own.presence.update(replace(campaign, status=status, end_date=None))
    (row,) = own.rows(
        "SELECT campaign.status, campaign.serving_status, campaign.primary_status FROM campaign "
        f"WHERE campaign.id = {campaign.id}"
    )
    found = row["campaign"]
    assert (found["status"], found["servingStatus"], found["primaryStatus"]) == (native, serving, primary)


@pytest.mark.parametrize(
    ("status", "native", "review", "approval"),
    [
        (Status.ACTIVE, "ENABLED", "REVIEWED", "APPROVED"),
        (Status.PENDING, "ENABLED", "REVIEW_IN_PROGRESS", "UNKNOWN"),
        (Status.REJECTED, "ENABLED", "REVIEWED", "DISAPPROVED"),
        (Status.REMOVED, "REMOVED", "REVIEWED", "APPROVED"),
    ],
)
def test_ads_say_what_the_review_found(own, status, native, review, approval):
    ad = own.presence.ads(own.account().id)[0]
    own.presence.update(replace(ad, status=status))
    (row,) = own.rows(
        "SELECT ad_group_ad.status, ad_group_ad.policy_summary.review_status, "
        "ad_group_ad.policy_summary.approval_status FROM ad_group_ad "
        f"WHERE ad_group_ad.ad.id = {ad.id}"
    )
    assert row["adGroupAd"]["status"] == native
    assert row["adGroupAd"]["policySummary"] == {"reviewStatus": review, "approvalStatus": approval}


def test_keywords_share_numbers_across_ad_groups(api):
    rows = api.rows(
        "SELECT ad_group_criterion.criterion_id, ad_group_criterion.keyword.text, "
        "ad_group_criterion.keyword.match_type, ad_group_criterion.cpc_bid_micros, ad_group_criterion.negative, "
        "ad_group.id FROM ad_group_criterion WHERE ad_group_criterion.type = 'KEYWORD'"
    )
    known = {each.id: each for each in api.presence.keywords(api.account().id)}
    assert len(rows) == len(known) > 0
    for row in rows:
        criterion = row["adGroupCriterion"]
        keyword = known[f"{row['adGroup']['id']}~{criterion['criterionId']}"]
        assert criterion["resourceName"].endswith(f"/adGroupCriteria/{keyword.id}")
        assert criterion["keyword"] == {"text": keyword.text, "matchType": keyword.match_type.upper()}
        assert criterion.get("cpcBidMicros") == (keyword.bid_micros and str(keyword.bid_micros))
        assert criterion["negative"] is False
    assert len({row["adGroupCriterion"]["criterionId"] for row in rows}) < len(rows)


def test_what_has_no_value_is_absent_and_what_is_zero_is_not(api):
    rows = api.rows("SELECT ad_group.id, ad_group.target_cpa_micros, ad_group.labels FROM ad_group")
    assert all(set(row["adGroup"]) == {"resourceName", "id"} for row in rows)
    rows = api.rows("SELECT campaign_budget.id, campaign_budget.explicitly_shared FROM campaign_budget")
    assert all(row["campaignBudget"]["explicitlyShared"] is False for row in rows)


def test_performance_max_has_asset_groups(api):
    rows = api.rows("SELECT asset_group.id, asset_group.name, campaign.id FROM asset_group")
    known = {each.id for each in api.presence.campaigns(api.account().id) if each.channel == "performance_max"}
    assert {row["campaign"]["id"] for row in rows} == known != set()


def test_says_which_conversions_count(api):
    rows = api.rows(
        "SELECT conversion_action.id, conversion_action.category, conversion_action.include_in_conversions_metric, "
        "conversion_action.click_through_lookback_window_days FROM conversion_action"
    )
    counted = {}
    for row in rows:
        action = row["conversionAction"]
        counted.setdefault(action["category"], set()).add(action["includeInConversionsMetric"])
        assert action["clickThroughLookbackWindowDays"] == "30"
    assert counted == {
        "PURCHASE": {True},
        "SUBMIT_LEAD_FORM": {True},
        "SIGNUP": {True},
        "ADD_TO_CART": {False},
        "BEGIN_CHECKOUT": {False},
    }
    assert len({row["conversionAction"]["id"] for row in rows}) == 6


def test_a_world_from_a_file_keeps_its_own_actions(served, tmp_path):
    from datetime import date

    from adjoin.testing.world import World

    path = tmp_path / "results.csv"
    path.write_text(
        "date,campaign_id,ad_group_id,ad_id,impressions,clicks,cost,Brochure\n2026-11-01,11,22,33,100,7,1.25,3\n"
    )
    api = served(World.from_csv(path, today=date(2026, 11, 22)))
    account = api.presence.accounts[0].id
    (row,) = api.rows(
        "SELECT campaign.id, segments.conversion_action_name, segments.conversion_action_category, "
        "metrics.conversions, metrics.all_conversions FROM campaign WHERE segments.date = '2026-11-01'",
        account=account,
    )
    assert row["segments"] == {"conversionActionName": "Brochure", "conversionActionCategory": "DEFAULT"}
    assert row["metrics"] == {"conversions": 3, "allConversions": 3}
