"""The fields that can be asked for, by resource and kind, as the vendor's v26 messages have them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["FIELDS"]

#: resource (or `segments`, `metrics`) -> kind of value -> names. `[]` marks fields with several values.
FIELDS: Mapping[str, Mapping[str, str]] = {
    "customer": {
        "string": (
            "resource_name descriptive_name currency_code time_zone tracking_url_template final_url_suffix "
            "location_asset_auto_migration_done_date_time image_asset_auto_migration_done_date_time"
        ),
        "int64": "id",
        "bool": (
            "auto_tagging_enabled has_partners_badge manager test_account location_asset_auto_migration_done "
            "image_asset_auto_migration_done"
        ),
        "enum:CustomerPayPerConversionEligibilityFailureReason[]": "pay_per_conversion_eligibility_failure_reasons",
        "double": "optimization_score optimization_score_weight",
        "enum:CustomerStatus": "status",
        "enum:BrandSafetySuitability": "video_brand_safety_suitability",
        "enum:EuPoliticalAdvertisingStatus": "contains_eu_political_advertising",
    },
    "customer_client": {
        "string": "resource_name client_customer time_zone descriptive_name currency_code",
        "bool": "hidden test_account manager",
        "int64": "level id",
        "string[]": "applied_labels",
        "enum:CustomerStatus": "status",
    },
    "campaign": {
        "string": (
            "resource_name name tracking_url_template base_campaign campaign_budget "
            "accessible_bidding_strategy campaign_group start_date_time end_date_time final_url_suffix "
            "hotel_property_asset_set lift_measurement_config aca_migration_date_time "
            "broad_match_migration_date_time bidding_strategy"
        ),
        "int64": (
            "id target_cpa.target_cpa_micros target_cpa.cpc_bid_ceiling_micros "
            "target_cpa.cpc_bid_floor_micros target_roas.cpc_bid_ceiling_micros "
            "target_roas.cpc_bid_floor_micros target_roas.target_roas_tolerance_percent_millis "
            "target_spend.target_spend_micros target_spend.cpc_bid_ceiling_micros "
            "maximize_conversions.cpc_bid_ceiling_micros maximize_conversions.cpc_bid_floor_micros "
            "maximize_conversions.target_cpa_micros maximize_conversion_value.cpc_bid_ceiling_micros "
            "maximize_conversion_value.cpc_bid_floor_micros "
            "maximize_conversion_value.target_roas_tolerance_percent_millis"
        ),
        "enum:CampaignPrimaryStatus": "primary_status",
        "enum:CampaignPrimaryStatusReason[]": "primary_status_reasons",
        "enum:CampaignStatus": "status",
        "enum:CampaignServingStatus": "serving_status",
        "enum:BiddingStrategySystemStatus": "bidding_strategy_system_status",
        "enum:AdServingOptimizationStatus": "ad_serving_optimization_status",
        "enum:AdvertisingChannelType": "advertising_channel_type",
        "enum:AdvertisingChannelSubType": "advertising_channel_sub_type",
        "string[]": "labels",
        "enum:CampaignExperimentType": "experiment_type",
        "enum:BiddingStrategyType": "bidding_strategy_type",
        "enum:PaymentMode": "payment_mode",
        "double": "optimization_score target_roas.target_roas maximize_conversion_value.target_roas",
        "enum:AssetFieldType[]": "excluded_parent_asset_field_types",
        "enum:AssetSetType[]": "excluded_parent_asset_set_types feed_types",
        "enum:ListingType": "listing_type",
        "enum:CampaignKeywordMatchType": "keyword_match_type",
        "bool": (
            "brand_guidelines_enabled view_through_conversion_optimization_enabled "
            "missing_eu_political_advertising_declaration network_settings.target_google_search "
            "network_settings.target_search_network network_settings.target_content_network "
            "network_settings.target_partner_search_network network_settings.target_youtube "
            "network_settings.target_google_tv_network manual_cpc.enhanced_cpc_enabled"
        ),
        "enum:EuPoliticalAdvertisingStatus": "contains_eu_political_advertising",
    },
    "campaign_budget": {
        "string": "resource_name name",
        "int64": (
            "id amount_micros total_amount_micros reference_count recommended_budget_amount_micros "
            "recommended_budget_estimated_change_weekly_clicks "
            "recommended_budget_estimated_change_weekly_cost_micros "
            "recommended_budget_estimated_change_weekly_interactions "
            "recommended_budget_estimated_change_weekly_views aligned_bidding_strategy_id"
        ),
        "enum:BudgetStatus": "status",
        "enum:BudgetDeliveryMethod": "delivery_method",
        "bool": "explicitly_shared has_recommended_budget",
        "enum:BudgetPeriod": "period",
        "enum:BudgetType": "type",
    },
    "ad_group": {
        "string": "resource_name name base_ad_group tracking_url_template campaign final_url_suffix",
        "int64": (
            "id cpc_bid_micros effective_cpc_bid_micros cpm_bid_micros target_cpa_micros cpv_bid_micros "
            "target_cpm_micros percent_cpc_bid_micros fixed_cpm_micros target_cpv_micros target_cpc_micros "
            "effective_target_cpa_micros effective_target_cpc"
        ),
        "enum:AdGroupStatus": "status",
        "enum:AdGroupType": "type",
        "enum:AdGroupAdRotationMode": "ad_rotation_mode",
        "double": "target_roas effective_target_roas",
        "bool": "optimized_targeting_enabled exclude_demographic_expansion",
        "enum:TargetingDimension": "display_custom_bid_dimension",
        "enum:BiddingSource": "effective_target_cpa_source effective_target_roas_source effective_target_cpc_source",
        "string[]": "labels",
        "enum:AssetFieldType[]": "excluded_parent_asset_field_types",
        "enum:AssetSetType[]": "excluded_parent_asset_set_types",
        "enum:AdGroupPrimaryStatus": "primary_status",
        "enum:AdGroupPrimaryStatusReason[]": "primary_status_reasons",
    },
    "ad_group_ad": {
        "string": (
            "resource_name ad_group start_date_time end_date_time ad.resource_name ad.tracking_url_template "
            "ad.final_url_suffix ad.display_url ad.name ad.responsive_search_ad.path1 "
            "ad.responsive_search_ad.path2 ad.responsive_display_ad.business_name "
            "ad.responsive_display_ad.call_to_action_text ad.video_responsive_ad.breadcrumb1 "
            "ad.video_responsive_ad.breadcrumb2 ad.expanded_text_ad.headline_part1 "
            "ad.expanded_text_ad.headline_part2 ad.expanded_text_ad.headline_part3 "
            "ad.expanded_text_ad.description ad.expanded_text_ad.description2 ad.expanded_text_ad.path1 "
            "ad.expanded_text_ad.path2 ad.text_ad.headline ad.text_ad.description1 ad.text_ad.description2"
        ),
        "enum:AdGroupAdStatus": "status",
        "enum:AdStrength": "ad_strength",
        "string[]": "action_items labels ad.final_urls ad.final_mobile_urls",
        "enum:AdGroupAdPrimaryStatus": "primary_status",
        "enum:AdGroupAdPrimaryStatusReason[]": "primary_status_reasons",
        "enum:PolicyReviewStatus": "policy_summary.review_status",
        "enum:PolicyApprovalStatus": "policy_summary.approval_status",
        "int64": "ad.id",
        "enum:AdType": "ad.type",
        "bool": "ad.added_by_google_ads",
        "enum:Device": "ad.device_preference",
        "enum:SystemManagedResourceSource": "ad.system_managed_resource_source",
        "message[]": (
            "ad.responsive_search_ad.headlines ad.responsive_search_ad.descriptions "
            "ad.responsive_display_ad.headlines ad.responsive_display_ad.descriptions "
            "ad.video_responsive_ad.headlines ad.video_responsive_ad.long_headlines "
            "ad.video_responsive_ad.descriptions"
        ),
        "message": "ad.responsive_display_ad.long_headline",
    },
    "ad_group_criterion": {
        "string": "resource_name display_name ad_group final_url_suffix tracking_url_template keyword.text",
        "int64": (
            "criterion_id cpc_bid_micros cpm_bid_micros cpv_bid_micros percent_cpc_bid_micros "
            "effective_cpc_bid_micros effective_cpm_bid_micros effective_cpv_bid_micros "
            "effective_percent_cpc_bid_micros"
        ),
        "enum:AdGroupCriterionStatus": "status",
        "enum:CriterionType": "type",
        "bool": "negative require_eu_political_advertising_declaration",
        "enum:CriterionSystemServingStatus": "system_serving_status",
        "enum:AdGroupCriterionApprovalStatus": "approval_status",
        "string[]": "disapproval_reasons labels final_urls final_mobile_urls",
        "double": "bid_modifier",
        "enum:BiddingSource": (
            "effective_cpc_bid_source effective_cpm_bid_source effective_cpv_bid_source "
            "effective_percent_cpc_bid_source"
        ),
        "enum:AdGroupCriterionPrimaryStatus": "primary_status",
        "enum:AdGroupCriterionPrimaryStatusReason[]": "primary_status_reasons",
        "enum:KeywordMatchType": "keyword.match_type",
        "int32": "quality_info.quality_score",
        "enum:QualityScoreBucket": (
            "quality_info.creative_quality_score quality_info.post_click_quality_score "
            "quality_info.search_predicted_ctr"
        ),
    },
    "keyword_view": {
        "string": "resource_name",
    },
    "search_term_view": {
        "string": "resource_name search_term ad_group",
        "enum:SearchTermTargetingStatus": "status",
    },
    "asset_group": {
        "string": "resource_name campaign name path1 path2 tracking_url_template final_url_suffix",
        "int64": "id",
        "string[]": "final_urls final_mobile_urls",
        "enum:AssetGroupStatus": "status",
        "enum:AssetGroupPrimaryStatus": "primary_status",
        "enum:AssetGroupPrimaryStatusReason[]": "primary_status_reasons",
        "enum:AdStrength": "ad_strength",
    },
    "conversion_action": {
        "string": "resource_name name owner_customer app_id value_settings.default_currency_code",
        "int64": (
            "id click_through_lookback_window_days view_through_lookback_window_days phone_call_duration_seconds"
        ),
        "enum:ConversionActionStatus": "status",
        "enum:ConversionActionType": "type",
        "enum:ConversionOrigin": "origin",
        "bool": "primary_for_goal include_in_conversions_metric value_settings.always_use_default_value",
        "enum:ConversionActionCategory": "category",
        "enum:ConversionActionCountingType": "counting_type",
        "enum:MobileAppVendor": "mobile_app_vendor",
        "double": "value_settings.default_value",
        "enum:AttributionModel": "attribution_model_settings.attribution_model",
        "enum:DataDrivenModelStatus": "attribution_model_settings.data_driven_model_status",
    },
    "change_status": {
        "string": (
            "resource_name last_change_date_time campaign ad_group ad_group_ad ad_group_criterion "
            "campaign_criterion ad_group_bid_modifier shared_set campaign_shared_set asset customer_asset "
            "campaign_asset ad_group_asset combined_audience asset_group asset_set campaign_budget "
            "campaign_asset_set"
        ),
        "enum:ChangeStatusResourceType": "resource_type",
        "enum:ChangeStatusOperation": "resource_status",
    },
    "change_event": {
        "string": "resource_name change_date_time change_resource_name user_email campaign ad_group asset",
        "enum:ChangeEventResourceType": "change_resource_type",
        "enum:ChangeClientType": "client_type",
        "enum:ResourceChangeOperation": "resource_change_operation",
    },
    "segments": {
        "enum:AdNetworkType": "ad_network_type",
        "string": "conversion_action conversion_action_name date month quarter week",
        "enum:ConversionActionCategory": "conversion_action_category",
        "enum:DayOfWeek": "day_of_week",
        "enum:Device": "device",
        "int32": "year",
    },
    "metrics": {
        "double": (
            "all_conversions all_conversions_value average_cost average_cpc average_cpm "
            "content_budget_lost_impression_share content_impression_share content_rank_lost_impression_share "
            "conversions conversions_value cost_per_all_conversions cost_per_conversion cross_device_conversions ctr "
            "interaction_rate search_absolute_top_impression_share search_budget_lost_impression_share "
            "search_exact_match_impression_share search_impression_share search_rank_lost_impression_share "
            "search_top_impression_share video_trueview_view_rate"
        ),
        "int64": (
            "active_view_impressions clicks cost_micros engagements impressions interactions invalid_clicks "
            "video_trueview_views view_through_conversions"
        ),
    },
}
