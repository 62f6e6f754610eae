"""What the sandbox knows by heart is what the vendor's own REST client has."""

from __future__ import annotations

import importlib
import warnings
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from pydantic.warnings import PydanticDeprecatedSince20

from adjoin_microsoft.sandbox import (
    ad_changes,
    ad_group_changes,
    budget_changes,
    bulk_file,
    campaign_changes,
    keyword_changes,
    states,
)
from adjoin_microsoft.sandbox.bulk_file import ENTITIES
from adjoin_microsoft.sandbox.columns import REPORT_COLUMNS
from adjoin_microsoft.sandbox.goals import GOAL_TYPES
from adjoin_microsoft.sandbox.report_time import AGGREGATIONS
from adjoin_microsoft.sandbox.zones import REPORT_ZONES, account_zone


@pytest.fixture(scope="module")
def sdk():
    """The client's models. Importing them is deprecated use of pydantic some hundred times."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticDeprecatedSince20)
        names = ("campaign", "customer", "reporting", "bulk")
        return SimpleNamespace(**{name: importlib.import_module(f"openapi_client.models.{name}") for name in names})


@pytest.mark.parametrize("kind", sorted(REPORT_COLUMNS))
def test_columns_of_reports(sdk, kind):
    known = {each.value for each in getattr(sdk.reporting, f"{kind}ReportColumn")}
    assert known == REPORT_COLUMNS[kind]


def test_time_zones(sdk):
    assert {each.value for each in sdk.reporting.ReportTimeZone} == set(REPORT_ZONES)
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    made = {account_zone(zone, now) for zone in REPORT_ZONES.values()}
    assert made == {each.value for each in sdk.customer.TimeZoneType}


def test_enumerations(sdk):
    models = sdk.campaign
    assert [str(each) for each in models.CampaignType] == list(states.CAMPAIGN_TYPES)
    assert [each.value for each in models.AdType] == list(states.AD_TYPES)
    assert {each.value for each in sdk.reporting.ReportAggregation} == set(AGGREGATIONS)
    assert [str(each) for each in models.ConversionGoalType] == list(GOAL_TYPES)
    assert {each.value for each in sdk.bulk.DownloadEntity} >= ENTITIES


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("Campaign", campaign_changes._FIELDS),
        ("AdGroup", ad_group_changes._FIELDS),
        ("Keyword", keyword_changes._FIELDS),
        ("Budget", budget_changes._FIELDS),
        ("ResponsiveSearchAd", ad_changes._COMMON | ad_changes._FIELDS["ResponsiveSearch"]),
        ("ExpandedTextAd", ad_changes._COMMON | ad_changes._FIELDS["ExpandedText"]),
        ("ResponsiveAd", ad_changes._COMMON | ad_changes._FIELDS["ResponsiveAd"]),
        ("ProductAd", ad_changes._COMMON | ad_changes._FIELDS["Product"]),
    ],
)
def test_fields_that_can_be_set(sdk, model, fields):
    assert {each.alias for each in getattr(sdk.campaign, model).model_fields.values()} == fields


def test_columns_of_bulk_files(sdk):
    known = importlib.import_module("bingads.v13.internal.bulk.string_table")._StringTable
    assert {value for name, value in vars(known).items() if name[0] != "_"} >= set(bulk_file._COLUMNS)
