"""The columns of the reports, as the enumerations of the vendor's REST client (13.0.30) list them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ATTRIBUTES", "IMPRESSION_SHARE", "REPORT_COLUMNS", "REQUIRED", "SHARE_EXCLUDES", "words"]


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


#: Columns that every report here has.
_EVERYWHERE = words(
    """
    AccountName AccountNumber AccountId TimePeriod Impressions Clicks Ctr Spend Conversions ConversionRate
    CostPerConversion DeviceType Assists Revenue ReturnOnAdSpend CostPerAssist RevenuePerConversion RevenuePerAssist
    AccountStatus AllConversions AllRevenue AllConversionRate AllCostPerConversion AllReturnOnAdSpend
    AllRevenuePerConversion Goal GoalType ConversionsQualified AllConversionsQualified
    """
)

REPORT_COLUMNS: Mapping[str, frozenset[str]] = {
    "AccountPerformance": _EVERYWHERE
    | words(
        """
        CurrencyCode AdDistribution AverageCpc AveragePosition LowQualityClicks LowQualityClicksPercent
        LowQualityImpressions LowQualityImpressionsPercent LowQualityConversions LowQualityConversionRate
        DeviceOS ImpressionSharePercent ImpressionLostToBudgetPercent ImpressionLostToRankAggPercent
        PhoneImpressions PhoneCalls Ptr Network TopVsOther BidMatchType DeliveredMatchType
        LowQualityGeneralClicks LowQualitySophisticatedClicks ExactMatchImpressionSharePercent CustomerId
        CustomerName ClickSharePercent AbsoluteTopImpressionSharePercent TopImpressionShareLostToRankPercent
        TopImpressionShareLostToBudgetPercent AbsoluteTopImpressionShareLostToRankPercent
        AbsoluteTopImpressionShareLostToBudgetPercent TopImpressionSharePercent AbsoluteTopImpressionRatePercent
        TopImpressionRatePercent ViewThroughConversions AudienceImpressionSharePercent
        AudienceImpressionLostToRankPercent AudienceImpressionLostToBudgetPercent AverageCpm
        LowQualityConversionsQualified ViewThroughConversionsQualified ViewThroughRevenue VideoViews
        ViewThroughRate AverageCPV VideoViewsAt25Percent VideoViewsAt50Percent VideoViewsAt75Percent
        CompletedVideoViews VideoCompletionRate TotalWatchTimeInMS AverageWatchTimePerVideoView
        AverageWatchTimePerImpression Sales CostPerSale RevenuePerSale Installs CostPerInstall RevenuePerInstall
        Downloads PostClickDownloadRate CostPerDownload AppInstalls PostClickInstallRate CPI Purchases
        PostInstallPurchaseRate CPP Subscriptions PostInstallSubscriptionRate CPS NewCustomerConversions
        NewCustomerRevenue NewCustomerConversionRate NewCustomerCPA NewCustomerReturnOnAdSpend ConversionDelay
        UnknownCustomerConversions UnknownCustomerRevenue NewCustomerCount NewCustomerSpend
        """
    ),
    "CampaignPerformance": _EVERYWHERE
    | words(
        """
        CampaignStatus CampaignName CampaignId CurrencyCode AdDistribution AverageCpc AveragePosition
        LowQualityClicks LowQualityClicksPercent LowQualityImpressions LowQualityImpressionsPercent
        LowQualityConversions LowQualityConversionRate DeviceOS ImpressionSharePercent
        ImpressionLostToBudgetPercent ImpressionLostToRankAggPercent QualityScore ExpectedCtr AdRelevance
        LandingPageExperience HistoricalQualityScore HistoricalExpectedCtr HistoricalAdRelevance
        HistoricalLandingPageExperience PhoneImpressions PhoneCalls Ptr Network TopVsOther BidMatchType
        DeliveredMatchType TrackingTemplate CustomParameters BudgetName BudgetStatus BudgetAssociationStatus
        LowQualityGeneralClicks LowQualitySophisticatedClicks CampaignLabels ExactMatchImpressionSharePercent
        CustomerId CustomerName ClickSharePercent AbsoluteTopImpressionSharePercent FinalUrlSuffix CampaignType
        TopImpressionShareLostToRankPercent TopImpressionShareLostToBudgetPercent
        AbsoluteTopImpressionShareLostToRankPercent AbsoluteTopImpressionShareLostToBudgetPercent
        TopImpressionSharePercent AbsoluteTopImpressionRatePercent TopImpressionRatePercent BaseCampaignId
        ViewThroughConversions AudienceImpressionSharePercent AudienceImpressionLostToRankPercent
        AudienceImpressionLostToBudgetPercent RelativeCtr AverageCpm LowQualityConversionsQualified
        ViewThroughConversionsQualified ViewThroughRevenue VideoViews ViewThroughRate AverageCPV
        VideoViewsAt25Percent VideoViewsAt50Percent VideoViewsAt75Percent CompletedVideoViews
        VideoCompletionRate TotalWatchTimeInMS AverageWatchTimePerVideoView AverageWatchTimePerImpression Sales
        CostPerSale RevenuePerSale Installs CostPerInstall RevenuePerInstall Downloads PostClickDownloadRate
        CostPerDownload AppInstalls PostClickInstallRate CPI Purchases PostInstallPurchaseRate CPP Subscriptions
        PostInstallSubscriptionRate CPS NewCustomerConversions NewCustomerRevenue NewCustomerConversionRate
        NewCustomerCPA NewCustomerReturnOnAdSpend ConversionDelay UnknownCustomerConversions
        UnknownCustomerRevenue NewCustomerCount NewCustomerSpend MarketingObjective Channel SubChannel
        """
    ),
    "AdGroupPerformance": _EVERYWHERE
    | words(
        """
        Status CampaignName CampaignId AdGroupName AdGroupId CurrencyCode AdDistribution AverageCpc
        AveragePosition Language DeviceOS ImpressionSharePercent ImpressionLostToBudgetPercent
        ImpressionLostToRankAggPercent QualityScore ExpectedCtr AdRelevance LandingPageExperience
        HistoricalQualityScore HistoricalExpectedCtr HistoricalAdRelevance HistoricalLandingPageExperience
        PhoneImpressions PhoneCalls Ptr Network TopVsOther BidMatchType DeliveredMatchType TrackingTemplate
        CustomParameters CampaignStatus AdGroupLabels ExactMatchImpressionSharePercent CustomerId CustomerName
        ClickSharePercent AbsoluteTopImpressionSharePercent FinalUrlSuffix CampaignType
        TopImpressionShareLostToRankPercent TopImpressionShareLostToBudgetPercent
        AbsoluteTopImpressionShareLostToRankPercent AbsoluteTopImpressionShareLostToBudgetPercent
        TopImpressionSharePercent AbsoluteTopImpressionRatePercent TopImpressionRatePercent BaseCampaignId
        ViewThroughConversions AudienceImpressionSharePercent AudienceImpressionLostToRankPercent
        AudienceImpressionLostToBudgetPercent RelativeCtr AdGroupType AverageCpm ViewThroughConversionsQualified
        ViewThroughRevenue VideoViews ViewThroughRate AverageCPV VideoViewsAt25Percent VideoViewsAt50Percent
        VideoViewsAt75Percent CompletedVideoViews VideoCompletionRate TotalWatchTimeInMS
        AverageWatchTimePerVideoView AverageWatchTimePerImpression Sales CostPerSale RevenuePerSale Installs
        CostPerInstall RevenuePerInstall GoalId MarketingObjective Channel SubChannel
        """
    ),
    "AdPerformance": _EVERYWHERE
    | words(
        """
        CampaignName CampaignId AdGroupName AdId AdGroupId AdTitle AdDescription AdDescription2 AdType
        CurrencyCode AdDistribution AverageCpc AveragePosition DestinationUrl Language DisplayUrl AdStatus
        Network TopVsOther BidMatchType DeliveredMatchType DeviceOS TrackingTemplate CustomParameters FinalUrl
        FinalMobileUrl FinalAppUrl CampaignStatus AdGroupStatus TitlePart1 TitlePart2 TitlePart3 Headline
        LongHeadline BusinessName Path1 Path2 AdLabels CustomerId CustomerName CampaignType BaseCampaignId
        FinalUrlSuffix ViewThroughConversions AbsoluteTopImpressionRatePercent TopImpressionRatePercent
        AverageCpm ViewThroughConversionsQualified ViewThroughRevenue VideoViews ViewThroughRate AverageCPV
        VideoViewsAt25Percent VideoViewsAt50Percent VideoViewsAt75Percent CompletedVideoViews
        VideoCompletionRate TotalWatchTimeInMS AverageWatchTimePerVideoView AverageWatchTimePerImpression
        AdStrength AdStrengthActionItems GoalId MarketingObjective Channel SubChannel
        """
    ),
    "KeywordPerformance": _EVERYWHERE
    | words(
        """
        CampaignName CampaignId AdGroupName AdGroupId Keyword KeywordId AdId AdType DestinationUrl CurrentMaxCpc
        CurrencyCode DeliveredMatchType AdDistribution AverageCpc AveragePosition BidMatchType QualityScore
        ExpectedCtr AdRelevance LandingPageExperience Language HistoricalQualityScore HistoricalExpectedCtr
        HistoricalAdRelevance HistoricalLandingPageExperience QualityImpact CampaignStatus AdGroupStatus
        KeywordStatus Network TopVsOther DeviceOS TrackingTemplate CustomParameters FinalUrl FinalMobileUrl
        FinalAppUrl BidStrategyType KeywordLabels Mainline1Bid MainlineBid FirstPageBid FinalUrlSuffix
        BaseCampaignId ViewThroughConversions AbsoluteTopImpressionRatePercent TopImpressionRatePercent
        AverageCpm ViewThroughConversionsQualified ViewThroughRevenue GoalId MarketingObjective Channel
        SubChannel
        """
    ),
    "SearchQueryPerformance": _EVERYWHERE
    | words(
        """
        CampaignName CampaignId AdGroupName AdGroupId AdId AdType DestinationUrl BidMatchType DeliveredMatchType
        CampaignStatus AdStatus AverageCpc AveragePosition SearchQuery Keyword AdGroupCriterionId Language
        KeywordId Network TopVsOther DeviceOS AdGroupStatus KeywordStatus CampaignType CustomerId CustomerName
        AbsoluteTopImpressionRatePercent TopImpressionRatePercent AverageCpm AssetGroupName AssetGroupId
        AssetGroupStatus MarketingObjective Channel SubChannel
        """
    ),
    "ConversionPerformance": _EVERYWHERE
    | words(
        """
        CampaignName CampaignId AdGroupName AdGroupId Keyword KeywordId CampaignStatus AdGroupStatus
        KeywordStatus ViewThroughConversions ViewThroughConversionsQualified ViewThroughRevenue GoalId
        MarketingObjective Channel SubChannel
        """
    ),
}

#: The columns that say what a row is about; all others are measures.
ATTRIBUTES = words(
    """
    AccountName AccountNumber AccountId TimePeriod CurrencyCode AdDistribution DeviceType DeviceOS Network
    TopVsOther BidMatchType DeliveredMatchType AccountStatus CustomerId CustomerName Goal GoalType GoalId
    ConversionDelay CampaignStatus CampaignName CampaignId CampaignType BudgetName BudgetStatus
    BudgetAssociationStatus CampaignLabels BaseCampaignId MarketingObjective Channel SubChannel TrackingTemplate
    CustomParameters FinalUrlSuffix Status AdGroupName AdGroupId AdGroupLabels AdGroupStatus AdGroupType Language
    AdId AdTitle AdDescription AdDescription2 AdType AdStatus AdLabels AdStrength AdStrengthActionItems
    DestinationUrl DisplayUrl FinalUrl FinalMobileUrl FinalAppUrl TitlePart1 TitlePart2 TitlePart3 Headline
    LongHeadline BusinessName Path1 Path2 Keyword KeywordId KeywordStatus KeywordLabels CurrentMaxCpc
    BidStrategyType SearchQuery AdGroupCriterionId AssetGroupName AssetGroupId AssetGroupStatus Mainline1Bid
    MainlineBid FirstPageBid
    """
)

IMPRESSION_SHARE = words(
    """
    AbsoluteTopImpressionRatePercent AbsoluteTopImpressionShareLostToBudgetPercent
    AbsoluteTopImpressionShareLostToRankPercent AbsoluteTopImpressionSharePercent
    AudienceImpressionLostToBudgetPercent AudienceImpressionLostToRankPercent AudienceImpressionSharePercent
    ClickSharePercent ExactMatchImpressionSharePercent ImpressionLostToBudgetPercent ImpressionLostToRankAggPercent
    ImpressionSharePercent RelativeCtr
    """
)

#: Attributes that exclude the columns of impression share, by report.
SHARE_EXCLUDES: Mapping[str, frozenset[str]] = {
    "AccountPerformance": frozenset({"BidMatchType", "DeviceOS", "Goal", "GoalType", "TopVsOther"}),
    "AdGroupPerformance": frozenset({"BidMatchType", "DeviceOS", "Goal", "GoalType", "TopVsOther"}),
    "CampaignPerformance": words(
        "BidMatchType BudgetAssociationStatus BudgetName BudgetStatus DeviceOS Goal GoalType TopVsOther"
    ),
}

#: Columns without which a report is refused, beside an attribute and a measure. TimePeriod is listed as required by the
#: vendor, but a report without it is made as a summary.
REQUIRED: Mapping[str, frozenset[str]] = {"SearchQueryPerformance": frozenset({"SearchQuery"})}
