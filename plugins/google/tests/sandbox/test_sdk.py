"""The vendor's own messages read every body strictly, and what they write is understood."""

from __future__ import annotations

import json

import pytest
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.ads.googleads.v26.services.types import google_ads_service
from google.ads.googleads.v26.services.types.google_ads_service import (
    MutateGoogleAdsRequest,
    SearchGoogleAdsRequest,
    SearchGoogleAdsStreamRequest,
)
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor

from adjoin_google.sandbox.catalog import RESOURCES, enum_values, known_fields

_KINDS = {
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_ENUM: "enum",
    FieldDescriptor.TYPE_MESSAGE: "message",
}
_DAYS = "segments.date BETWEEN '2026-11-01' AND '2026-11-10'"
_METRICS = ", ".join(name for name in sorted(known_fields()) if name.startswith("metrics."))
_PLAIN_METRICS = ", ".join(each for each in _METRICS.split(", ") if not each.endswith("_share"))
_ACTIONS = "segments.conversion_action, segments.conversion_action_name, segments.conversion_action_category"
_CONVERSIONS = "metrics.conversions, metrics.conversions_value, metrics.all_conversions, metrics.all_conversions_value"
_CHANGED = "last_change_date_time BETWEEN '2026-10-01' AND '2026-11-22'"
_EVENTS = "change_date_time BETWEEN '2026-10-30' AND '2026-11-22'"


def _everything(resource):
    """All fields of a resource and of those that may be selected beside it."""
    return ", ".join(name for name in known_fields() if name.partition(".")[0] in (resource, *RESOURCES[resource]))


_QUERIES = [
    *(f"SELECT {_everything(each)} FROM {each}" for each in RESOURCES if each[:6] not in ("change", "search")),
    f"SELECT {_everything('change_status')} FROM change_status WHERE change_status.{_CHANGED} LIMIT 10000",
    f"SELECT {_everything('change_event')} FROM change_event WHERE change_event.{_EVENTS} LIMIT 10000",
    *(f"SELECT {_METRICS}, segments.date FROM {each} WHERE {_DAYS}" for each in ("customer", "campaign", "ad_group")),
    *(
        f"SELECT {_everything(each)}, {_PLAIN_METRICS}, segments.date, segments.week, segments.month, "
        f"segments.quarter, segments.year, segments.day_of_week, segments.device FROM {each} WHERE {_DAYS}"
        for each in ("ad_group_ad", "keyword_view", "search_term_view", "asset_group")
    ),
    f"SELECT campaign.id, segments.date, segments.ad_network_type, metrics.clicks FROM campaign WHERE {_DAYS}",
    f"SELECT ad_group_ad.ad.id, segments.date, {_ACTIONS}, {_CONVERSIONS} FROM ad_group_ad WHERE {_DAYS}",
    "SELECT campaign.id FROM campaign WHERE campaign.id = 1",
]


@pytest.mark.parametrize("resource", [*RESOURCES, "segments", "metrics"])
def test_the_catalogue_is_the_vendors(resource):
    for name, field in known_fields().items():
        if field.resource != resource:
            continue
        message = google_ads_service.GoogleAdsRow.pb().DESCRIPTOR
        for part in name.split("."):
            found = message.fields_by_name.get(part) or message.fields_by_name[f"{part}_"]
            message = found.message_type
        kind = _KINDS[found.type]
        assert field.kind == ("date" if field.kind == "date" and kind == "string" else kind), name
        assert field.repeated == found.is_repeated, name
        if kind == "enum":
            assert enum_values(field.enum) == {value.name for value in found.enum_type.values}, name


@pytest.mark.parametrize("query", _QUERIES)
def test_streams_are_read_strictly(api, strictly, query):
    response = api.stream(query)
    assert response.status_code == 200, response.text
    batches = [strictly("SearchGoogleAdsStreamResponse", batch) for batch in response.json()]
    assert batches
    assert all(batch.request_id == response.headers["request-id"] for batch in batches)
    asked = query.removeprefix("SELECT ").partition(" FROM")[0].replace("type_", "type").split(", ")
    assert [path.replace("type_", "type") for path in batches[0].field_mask.paths] == asked


@pytest.mark.parametrize("query", _QUERIES[::3])
def test_pages_are_read_strictly(api, strictly, query):
    response = api.search(query, more={"searchSettings": {"returnTotalResultsCount": True}})
    page = strictly("SearchGoogleAdsResponse", response.json())
    assert page.total_results_count == len(page.results)


def test_rows_hold_what_was_asked_for(api, strictly):
    ads = api.presence.ads(api.account().id)
    (batch,) = api.stream(
        "SELECT ad_group_ad.ad.id, ad_group_ad.ad.type, ad_group_ad.ad.final_urls, ad_group_ad.status FROM ad_group_ad"
    ).json()
    rows = strictly("SearchGoogleAdsStreamResponse", batch).results
    assert {row.ad_group_ad.ad.id: list(row.ad_group_ad.ad.final_urls) for row in rows} == {
        int(ad.id): [ad.landing_url] for ad in ads
    }


def test_accessible_customers_are_read_strictly(api, strictly):
    body = api.http.get("/v26/customers:listAccessibleCustomers", headers=api.headers()).json()
    message = strictly("ListAccessibleCustomersResponse", body)
    assert message.resource_names[0] == f"customers/{api.manager_id}"


@pytest.mark.parametrize(
    "kind", ["throttle", "throttle_bare", "quota_exhausted", "quota_short", "server_error", "deadline", "token_revoked"]
)
def test_failures_are_read_strictly(served, kind):
    from datetime import date

    from adjoin.testing.world import World

    api = served(World.generate(seed=1, today=date(2026, 11, 22), scale=0.02, days=3))
    api.fault(kind, "entities", times=1)
    response = api.search("SELECT campaign.id FROM campaign")
    details = response.json()["error"]["details"]
    (detail,) = [each for each in details if each["@type"].endswith("v26.errors.GoogleAdsFailure")]
    body = {key: value for key, value in detail.items() if key != "@type"}
    failure = json_format.Parse(json.dumps(body), GoogleAdsFailure.pb()(), ignore_unknown_fields=False)
    assert failure.request_id == response.headers["request-id"]
    waits = {"throttle": 1, "quota_short": 2, "quota_exhausted": 900}
    assert failure.errors[0].details.quota_error_details.retry_delay.seconds == waits.get(kind, 0)


def test_requests_of_the_vendor_are_understood(api):
    account = api.account().id
    query = "SELECT campaign.id FROM campaign ORDER BY campaign.id"
    for request, path in (
        (SearchGoogleAdsRequest(customer_id=account, query=query), "search"),
        (
            SearchGoogleAdsRequest(
                customer_id=account, query=query, search_settings={"return_total_results_count": True}
            ),
            "search",
        ),
        (
            SearchGoogleAdsStreamRequest(customer_id=account, query=query, summary_row_setting="NO_SUMMARY_ROW"),
            "searchStream",
        ),
    ):
        body = json_format.MessageToDict(type(request).pb(request))
        response = api.post(f"customers/{account}/googleAds:{path}", body)
        assert response.status_code == 200, response.text


@pytest.mark.parametrize("snake", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_a_campaign_written_by_the_vendors_messages_comes_to_life(own, strictly, whole, snake):
    account = own.account().id
    customer = f"customers/{account}"
    request = MutateGoogleAdsRequest(
        customer_id=account,
        response_content_type="MUTABLE_RESOURCE" if whole else "RESOURCE_NAME_ONLY",
        mutate_operations=[
            {
                "campaign_budget_operation": {
                    "create": {
                        "resource_name": f"{customer}/campaignBudgets/-1",
                        "name": "Budget",
                        "amount_micros": 20_000_000,
                        "explicitly_shared": False,
                    }
                }
            },
            {
                "campaign_operation": {
                    "create": {
                        "resource_name": f"{customer}/campaigns/-2",
                        "name": "By message",
                        "status": "PAUSED",
                        "advertising_channel_type": "SEARCH",
                        "campaign_budget": f"{customer}/campaignBudgets/-1",
                        "manual_cpc": {"enhanced_cpc_enabled": False},
                        "network_settings": {"target_google_search": True, "target_search_network": True},
                        "contains_eu_political_advertising": "DOES_NOT_CONTAIN_EU_POLITICAL_ADVERTISING",
                        "start_date_time": "2026-12-01 00:00:00",
                        "end_date_time": "2026-12-31 23:59:59",
                    }
                }
            },
            {
                "ad_group_operation": {
                    "create": {
                        "resource_name": f"{customer}/adGroups/-3",
                        "name": "Group 1",
                        "campaign": f"{customer}/campaigns/-2",
                        "status": "ENABLED",
                        "type_": "SEARCH_STANDARD",
                        "cpc_bid_micros": 1_000_000,
                    }
                }
            },
            {
                "ad_group_criterion_operation": {
                    "create": {
                        "ad_group": f"{customer}/adGroups/-3",
                        "status": "ENABLED",
                        "keyword": {"text": "sourdough bread", "match_type": "PHRASE"},
                    }
                }
            },
            {
                "ad_group_ad_operation": {
                    "create": {
                        "ad_group": f"{customer}/adGroups/-3",
                        "status": "PAUSED",
                        "ad": {
                            "final_urls": ["https://example.com/bread"],
                            "responsive_search_ad": {
                                "headlines": [{"text": text} for text in ("Fresh Bread", "Order Now", "Baked Daily")],
                                "descriptions": [{"text": text} for text in ("Sourdough and rye.", "Order by noon.")],
                                "path1": "bread",
                            },
                        },
                    }
                }
            },
        ],
    )
    body = json_format.MessageToDict(MutateGoogleAdsRequest.pb(request), preserving_proto_field_name=snake)
    body = json.loads(json.dumps(body).replace('"type_"', '"type"'))
    response = own.post(f"{customer}/googleAds:mutate", body)
    assert response.status_code == 200, response.text
    answer = strictly("MutateGoogleAdsResponse", response.json())
    results = answer.mutate_operation_responses
    assert [each.WhichOneof("response") for each in results] == [
        "campaign_budget_result",
        "campaign_result",
        "ad_group_result",
        "ad_group_criterion_result",
        "ad_group_ad_result",
    ]
    campaign = results[1].campaign_result
    assert campaign.campaign.name == ("By message" if whole else "")
    rows = own.rows(
        "SELECT campaign.id, campaign.status, campaign.bidding_strategy_type, campaign.start_date_time, "
        "campaign.end_date_time, campaign_budget.amount_micros, campaign_budget.explicitly_shared FROM campaign "
        "WHERE campaign.name = 'By message'"
    )
    assert [row["campaign"] | row["campaignBudget"] for row in rows] == [
        {
            "resourceName": rows[0]["campaignBudget"]["resourceName"],
            "id": campaign.resource_name.rpartition("/")[2],
            "status": "PAUSED",
            "biddingStrategyType": "MANUAL_CPC",
            "startDateTime": "2026-12-01 00:00:00",
            "endDateTime": "2026-12-31 23:59:59",
            "amountMicros": "20000000",
            "explicitlyShared": False,
        }
    ]
    ad = own.presence.find(results[4].ad_group_ad_result.resource_name.rpartition("~")[2])
    assert (ad.headline, ad.landing_url, ad.format) == ("Fresh Bread", "https://example.com/bread", "text")


def test_partial_failures_are_read_strictly(own, strictly):
    account = own.account()
    group = next(each for each in own.presence.ad_groups(account.id) if each.status == "active")
    customer = f"customers/{account.id}"
    response = own.mutate(
        "adGroups",
        [
            {"create": {"name": "New one", "campaign": f"{customer}/campaigns/{group.campaign_id}"}},
            {"create": {"name": group.name, "campaign": f"{customer}/campaigns/{group.campaign_id}"}},
        ],
        account=account.id,
        partialFailure=True,
    )
    assert response.status_code == 200
    from google.ads.googleads.v26.services.types.ad_group_service import MutateAdGroupsResponse

    body = response.json()
    message = json_format.Parse(json.dumps(body), MutateAdGroupsResponse.pb()(), ignore_unknown_fields=False)
    assert message.partial_failure_error.code == 3
    assert [bool(result.resource_name) for result in message.results] == [True, False]
    failure = GoogleAdsFailure.pb()()
    assert message.partial_failure_error.details[0].Unpack(failure)
    (error,) = failure.errors
    assert [(part.field_name, part.index) for part in error.location.field_path_elements] == [
        ("operations", 1),
        ("create", 0),
        ("name", 0),
    ]


def test_the_field_catalogue_is_read_strictly(api):
    from google.ads.googleads.v26.resources.types.google_ads_field import GoogleAdsField
    from google.ads.googleads.v26.services.types.google_ads_field_service import SearchGoogleAdsFieldsResponse

    one = api.http.get("/v26/googleAdsFields/campaign.status", headers=api.headers()).json()
    field = json_format.Parse(json.dumps(one), GoogleAdsField.pb()(), ignore_unknown_fields=False)
    assert list(field.enum_values) == sorted(enum_values("CampaignStatus"))
    query = "SELECT name, category, selectable, selectable_with, data_type, is_repeated WHERE name LIKE 'ad_group%'"
    response = api.post("googleAdsFields:search", {"query": query})
    found = json_format.Parse(response.text, SearchGoogleAdsFieldsResponse.pb()(), ignore_unknown_fields=False)
    assert {"ad_group", "ad_group.id", "ad_group_ad.ad.id"} <= {each.name for each in found.results}
    assert found.total_results_count == len(found.results)
