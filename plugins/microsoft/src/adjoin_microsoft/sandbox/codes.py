"""The codes of the API with their symbolic names and messages, as the vendor's list of operation errors has them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["problem"]

_COMMON: Mapping[int, tuple[str, str]] = {
    0: ("InternalError", "An internal error has occurred."),
    100: ("NullRequest", "The request message is null."),
    105: (
        "InvalidCredentials",
        "Authentication failed. Either supplied credentials are invalid or the account is inactive",
    ),
    106: ("UserIsNotAuthorized", "The user is not authorized to perform this operation."),
    109: (
        "AuthenticationTokenExpired",
        "Authentication token expired. Please renew it or obtain a new token.",
    ),
    116: ("RequestMissingHeaders", "One or more required header elements are missing from the request."),
    117: (
        "CallRateExceeded",
        (
            "You have exceeded the number of calls that you are allowed to make in a minute. Please reduce the "
            "number of calls that you make per minute."
        ),
    ),
    201: ("ApiInputValidationError", "One or more input elements failed validation."),
    203: ("NullParameter", "The parameter cannot be null."),
    204: ("OperationNotSupported", "The operation is not supported."),
    207: (
        "ConcurrentRequestOverLimit",
        (
            "You have already reached the maximum number of concurrent report requests. Please wait until the previous "
            "reports are completed and then try to submit a new request."
        ),
    ),
    208: ("InvalidAccount", "The account is not valid."),
    303: ("ApiVersionNoLongerSupported", "The API version that you called is no longer supported."),
    3030: ("InvalidPredicate", "The predicate is invalid."),
}

_CAMPAIGN: Mapping[int, tuple[str, str]] = {
    512: ("FilterListOverLimit", "The associated filter list exceeds the size limit."),
    513: ("EntityIdsArrayExceedsLimit", "The number of entity IDs exceeds the maximum allowed."),
    514: ("IdsNotPassed", "Ids passed are null or empty."),
    516: (
        "EntityIdFilterMismatch",
        "The type of the entity that was specified by ID does not match provided entity filter type.",
    ),
    1004: ("IdShouldBeNullOnAdd", "The identifier property must be null for an add operation."),
    1008: ("InvalidAccountStatus", "The account status is not valid for the requested operation."),
    1014: ("TimeZoneValueInvalid", "The time zone value is not valid."),
    1030: (
        "AccountIdHasToBeSpecified",
        "The CustomerAccountId element must be specified for this operation.",
    ),
    1042: ("EditorialValidationError", "The specified entity did not pass editorial validation."),
    1100: ("InvalidCampaignId", "The campaign identifier is not valid."),
    1101: ("InvalidCampaignName", "The campaign name is not valid."),
    1102: ("InvalidAccountId", "The account identifier is not valid."),
    1103: ("NullCampaign", "The campaign object is null."),
    1106: ("InvalidDailyBudget", "The campaign's daily budget is not valid."),
    1107: ("DuplicateCampaignIds", "Duplicate identifiers are contained in the array of campaigns."),
    1109: ("TimeZoneNotEnabled", "The campaign's time zone must be set."),
    1113: ("CampaignsArrayShouldNotBeNullOrEmpty", "The array of campaigns is null or empty."),
    1114: ("CampaignsArrayExceedsLimit", "The list of campaigns exceeds the limit."),
    1115: (
        "CannotCreateDuplicateCampaign",
        "An attempt was made to create a duplicate of a campaign that already exists.",
    ),
    1118: ("CampaignIdsArrayShouldNotBeNullOrEmpty", "The array of campaign identifiers is null or empty."),
    1119: ("CampaignIdsArrayExceedsLimit", "The list of campaign identifiers exceeds the limit."),
    1120: ("InvalidCampaignStatus", "The campaign status is not valid for the requested operation."),
    1121: ("InvalidBudgetType", "The campaign's budget type is missing or is not valid."),
    1155: ("CampaignTypeImmutable", "The campaign type field of a campaign cannot be updated."),
    1158: ("CampaignTypeLimitExceeded", "You can specify a maximum of one campaign type for a campaign."),
    1159: (
        "CannotUpdateSharedBudget",
        "You cannot update shared budget through Campaign Entity, please use Budget entity to update shared budget.",
    ),
    1200: ("NullAdGroup", "The ad group is null or empty."),
    1201: ("InvalidAdGroupId", "The ad group ID is not valid."),
    1202: ("InvalidAdGroupName", "The ad group name is not valid."),
    1203: ("DuplicateInAdGroupIds", "Duplicate identifiers are contained in the array of ad groups."),
    1204: ("AdGroupEndDateShouldBeAfterStartDate", "The ad group's end date must follow its start date."),
    1209: ("AdGroupsArrayShouldNotBeNullOrEmpty", "The array of ad groups cannot be null or empty."),
    1210: ("AdGroupsArrayExceedsLimit", "The number of ad groups exceeds the limit."),
    1214: (
        "CannotCreateDuplicateAdGroup",
        "An attempt was made to create a duplicate of an ad group that already exists.",
    ),
    1217: (
        "CannotOperateOnAdGroupInCurrentState",
        "The requested operation cannot be performed on an ad group in its current state.",
    ),
    1218: ("AdGroupIdsArrayShouldNotBeNullOrEmpty", "The array of ad group identifiers cannot be null or empty."),
    1219: ("AdGroupIdsArrayExceedsLimit", "The number of ad group identifiers exceeds the limit."),
    1222: ("AdGroupInvalidMedium", "The ad group's network is missing or not valid."),
    1232: ("AdGroupInvalidStartDate", "The start date specified in the ad group is not valid."),
    1233: ("AdGroupInvalidEndDate", "The end date specified in the ad group is not valid."),
    1257: ("MissingLanguage", "The language is not provided."),
    1300: ("NullAd", "The ad object is null."),
    1308: ("InvalidAdId", "The ad identifier is not valid."),
    1309: ("DuplicateInAdIds", "The array of ad identifiers contains one or more duplicates."),
    1310: ("AdsArrayShouldNotBeNullOrEmpty", "The array of ads cannot be null or empty."),
    1311: ("AdsArrayExceedsLimit", "The number of ads exceeds the limit."),
    1313: ("DuplicateAd", "An attempt was made to create a duplicate of an ad that already exists."),
    1351: ("AdIdsArrayShouldNotBeNullOrEmpty", "The array of ad identifiers cannot be null or empty."),
    1352: ("AdIdsArrayExceedsLimit", "The array of ad identifiers exceeds the limit."),
    1357: (
        "CannotOperateOnAdInCurrentState",
        "The operation could not be performed on the specified ad in its current state.",
    ),
    1360: ("AdTypeDoesNotMatch", "The type of the ad cannot be changed after the ad has been created."),
    1500: ("NullKeyword", "The keyword is null or empty."),
    1501: ("InvalidKeywordId", "The keyword identifier is not valid."),
    1502: ("DuplicateInKeywordIds", "The array of keyword identifiers contains one or more duplicates."),
    1503: ("InvalidKeywordText", "The keyword text is not valid."),
    1504: ("CannotChangeTextOnUpdate", "The keyword text cannot be updated."),
    1505: ("KeywordsArrayShouldNotBeNullOrEmpty", "The array of keywords cannot be null or empty."),
    1506: ("KeywordsArrayExceedsLimit", "The number of keywords exceeds the maximum limit."),
    1507: ("InvalidBidAmounts", "One or more of the keyword bid values are not valid."),
    1529: ("KeywordIdsArrayShouldNotBeNullOrEmpty", "The array of keyword identifiers cannot be empty or null."),
    1530: ("KeywordIdsArrayExceedsLimit", "The number of keyword identifiers exceeds the maximum limit."),
    1531: ("InvalidKeywordStatus", "The keyword status is not valid for the requested operation."),
    1542: (
        "KeywordAndMatchTypeCombinationAlreadyExists",
        "A keyword with the specified match type already exists.",
    ),
    1545: (
        "KeywordMatchTypeChangeNotAllowedInUpdate",
        "You may not change the match type of a keyword when you update it.",
    ),
    1604: ("EntityNotAllowedForShoppingCampaign", "You cannot add this entity to a campaign of type Shopping."),
    1543: ("KeywordBidRequired", "The keyword's match type is missing or not valid."),
    2805: ("AdTypeInvalid", "Creating or updating ads of this type is not allowed."),
    3201: ("AccountIdsLengthExceeded", "The list of account IDs exceeds the maximum number allowed."),
    3203: ("CampaignsContainsMultipleAccounts", "The list of campaigns must belong to the same account."),
    3205: ("InvalidDownloadRequestId", "The download request ID is not valid."),
    3208: ("LastSyncTimeCannotBeInTheFuture", "The last sync time cannot be later than now."),
    3306: ("AccountIdsArrayShouldNotBeNullOrEmpty", "The list of account IDs cannot be null or empty."),
    3603: ("FullSyncRequired", "The last sync time must be null."),
    4901: ("BudgetsNullOrEmpty", "The budget list should not be null or empty."),
    4902: ("BudgetIsNull", "The budget should not be null."),
    4903: ("BudgetIdShouldBeNullOnAdd", "The budget id is read-only and must be null."),
    4904: ("BudgetNameMissing", "The budget name should not be null or empty."),
    4907: ("DuplicateBudgetName", "The budget name already exists."),
    4908: ("BudgetTypeCannotBeNullOnAdd", "The budget type must be specified."),
    4910: ("BudgetAmountMissing", "The budget amount is not provided."),
    4912: ("BudgetAmountIsBelowLimit", "The budget amount is below the limit."),
    4913: ("BudgetBatchLimitExceeded", "The budget list exceeds the maximum batch size."),
    4915: ("DuplicateBudgetId", "The budget list contains duplicate budget ids."),
    4916: ("BudgetIdInvalid", "The budget id is invalid."),
    4918: (
        "BudgetIsSharedWithCampaigns",
        "The budget is shared with at least one campaign, therefore it can't be deleted.",
    ),
    6200: ("ResponsiveSearchAdHeadlinesNullOrEmpty", "The headlines cannot be null or empty."),
    6201: ("ResponsiveSearchAdDescriptionsNullOrEmpty", "The descriptions cannot be null or empty."),
    6202: ("ResponsiveSearchAdDuplicateHeadlines", "Duplicate headlines are not allowed."),
    6203: ("ResponsiveSearchAdDuplicateDescriptions", "Duplicate descriptions are not allowed."),
    6204: ("ResponsiveSearchAdHeadlinesPinnedFieldMismatch", "Incorrect pinned field for headline."),
    6205: ("ResponsiveSearchAdDescriptionsPinnedFieldMismatch", "Incorrect pinned field for description."),
    6208: ("ResponsiveSearchAdHeadlineTooLong", "Headline is too long."),
    6209: ("ResponsiveSearchAdDescriptionTooLong", "Description is too long."),
    6210: ("ResponsiveSearchAdHeadlinesMaxCountExceeded", "The number of headlines is more than maximum allowed."),
    6211: (
        "ResponsiveSearchAdDescriptionsMaxCountExceeded",
        "The number of descriptions is more than maximum allowed.",
    ),
    6212: ("ResponsiveSearchAdHeadlinesLessThanMinRequired", "The number of headlines is less than minimum allowed."),
    6213: (
        "ResponsiveSearchAdDescriptionsLessThanMinRequired",
        "The number of descriptions is less than minimum allowed.",
    ),
    6214: ("ResponsiveSearchAdPinnedFieldInvalid", "The pinned field of asset link is invalid."),
    6215: (
        "ResponsiveSearchAdAssetTypeInvalidForField",
        "The provided asset type is not valid for this field.",
    ),
    6217: ("ResponsiveSearchAdPath1TooLong", "Path 1 is over the character limit."),
    6218: ("ResponsiveSearchAdPath2TooLong", "Path 2 is over the character limit."),
    6221: ("ResponsiveSearchAdPath2SetWithoutPath1", "Path2 is set without path1."),
    2608: ("UrlsArrayShouldNotBeNullOrEmpty", "The array of URLs cannot be null or empty."),
    2609: ("UrlsArrayExceedsLimit", "The number of elements in the array of URLs exceeds the limit."),
    2611: ("InvalidUrl", "One or more of the URLs are not valid."),
}

_REPORTING: Mapping[int, tuple[str, str]] = {
    2001: ("NullReportRequest", "The report request is null."),
    2002: ("UnknownReportType", "The report request type is not valid."),
    2003: (
        "AccountNotAuthorized",
        "The specified report request contains at least one account that you do not have privileges to access.",
    ),
    2004: (
        "NoCompleteDataAvaliable",
        (
            "You requested a report with complete data for all included campaigns. Currently only partial data is "
            "available in the respective time zone of one or more campaigns. Please try again later or submit a report "
            "request for partial data."
        ),
    ),
    2005: (
        "InvalidDataAvailabilityAndTimePeriodCombination",
        (
            "The report request indicates that complete data is required; however, the request contains a report time "
            "period for which complete data cannot be returned."
        ),
    ),
    2006: ("InvalidReportName", "The report request contains a report name that is not valid."),
    2007: ("InvalidReportAggregation", "The report aggregation is not valid for the specified report time period."),
    2008: (
        "InvalidReportTimeSelection",
        (
            "The report time is null or contains more than one predefined time, custom date, or custom date range "
            "start and end."
        ),
    ),
    2009: (
        "InvalidCustomDateRangeStart",
        "The report time contains a custom date range start value that is not valid.",
    ),
    2010: ("InvalidCustomDateRangeEnd", "The report time contains a custom date range end value that is not valid."),
    2011: (
        "EndDateBeforeStartDate",
        (
            "The report time contains a custom date range that is not valid; the end date cannot be earlier than the "
            "start date."
        ),
    ),
    2014: ("NullColumns", "The list of columns to include in the report cannot be null or empty."),
    2015: (
        "RequiredColumnsNotSelected",
        "The list of columns to include in the report must contain all required columns.",
    ),
    2016: ("DuplicateColumns", "The list of columns to include in the report contains duplicate."),
    2017: ("NoMeasureSelected", "The report request does not specify at least one measurement column."),
    2019: (
        "InvalidCampaignIdInCampaignReportScope",
        "The campaign report scope contains a campaign identifier that is not valid.",
    ),
    2022: (
        "InvalidAdGroupIdInAdGroupReportScope",
        "The ad group report scope contains an ad group identifier that is not valid.",
    ),
    2026: ("InvalidAccountReportScope", "The account report scope does not contain account identifiers."),
    2034: (
        "InvalidTimePeriodColumnForSummaryReport",
        "The TimePeriod column cannot be specified in a report request that has a summary aggregation.",
    ),
    2041: ("InvalidFutureStartDate", "The specified report time start date is in the future."),
    2059: ("UnsuportedTimeGrain", "The report type does not support the specified time grain."),
    2060: ("InvalidFilterOrScopeValue", "Invalid filter or scope value."),
    2100: ("InvalidReportId", "The report identifier is not valid."),
}

_BULK: Mapping[int, tuple[str, str]] = {
    3211: ("BulkServiceFormatVersionNotSupported", "The format version is not supported."),
    3210: ("BulkServiceMinimumRequiredEntitiesNotSpecified", "At least one download entity must be specified."),
    4204: (
        "BulkServiceNoMoreCallsPermittedForTheTimePeriod",
        (
            "No more bulk upload or download calls will be permitted for this account for the current time period. "
            "If you have reached your bulk upload limit, the bulk download operations may still be available, or "
            "vice versa."
        ),
    ),
}

#: Names that have no prefix although they are of Campaign Management.
_GOALS: Mapping[int, tuple[str, str]] = {
    5121: ("AdTypeInvalidForAdGroup", "The ad type is not valid for the ad group type."),
    5300: ("InvalidUetTagId", "The UET Tag ID is invalid."),
    5314: ("InvalidConversionGoalId", "The Conversion Goal ID is invalid."),
    5318: (
        "ConversionGoalIdArrayExceedsLimit",
        "The list of Conversion Goal IDs exceeds the limit for the current operation.",
    ),
    5329: ("ConversionGoalTypesNotPassed", "The Conversion Goal types are required."),
    5703: ("NotSupportedForThisCampaignType", "Not Supported For This Campaign Type."),
    5704: (
        "AdGroupLanguageNotSupported",
        "Language for each ad group is not supported. You can set campaign languages.",
    ),
    # The vendor names this refusal; its number is not published.
    9101: ("PoliticalCampaignsAreNotSupported", "Political campaigns are not supported."),
}

_PREFIXED = {code: (f"CampaignService{name}", message) for code, (name, message) in _CAMPAIGN.items()}
_ALL = {**_COMMON, **_PREFIXED, **_REPORTING, **_BULK, **_GOALS}


def problem(code: int) -> tuple[str, str]:
    """Return the symbolic name (of reports without a prefix, as REST bodies have it) and the message of a code."""
    return _ALL[code]
