"""Records of bulk files as entities."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from adjoin.ads.v2 import Status
from adjoin_microsoft.bulk import COLUMNS
from adjoin_microsoft.records import ad, ad_group, campaign, keyword, money, parse_date, parse_time

TODAY = date(2026, 11, 22)


def _row(**cells):
    return dict.fromkeys(COLUMNS) | {name.replace("_", " "): value for name, value in cells.items()}


def test_a_campaign(account):
    made = campaign(
        _row(
            Id="11", Parent_Id="180012345", Campaign="Brand", Status="Active", Campaign_Type="PerformanceMax",
            Budget="50.25", Budget_Type="DailyBudgetStandard", Start_Date="11/1/2026", End_Date="12/31/2026",
            Modified_Time="04/27/2023 18:00:14.970",
        ),
        account, "", TODAY,
    )  # fmt: skip
    assert (made.id, made.account_id, made.name, made.channel) == ("11", "180012345", "Brand", "performance_max")
    assert (made.status, made.native_status, made.objective) == (Status.ACTIVE, "Active", None)
    assert (made.daily_budget_micros, made.lifetime_budget_micros) == (50_250_000, None)
    assert (made.start_date, made.end_date) == (date(2026, 11, 1), date(2026, 12, 31))
    assert made.updated_at == datetime(2023, 4, 27, 18, 0, 14, 970_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("native", "end", "status"),
    [
        ("Active", None, Status.ACTIVE),
        ("Active", "11/22/2026", Status.ACTIVE),
        ("Active", "11/21/2026", Status.ENDED),
        ("Paused", "11/21/2026", Status.PAUSED),
        ("BudgetPaused", None, Status.PAUSED),
        ("BudgetAndManualPaused", None, Status.PAUSED),
        ("Suspended", None, Status.PAUSED),
        ("Deleted", None, Status.REMOVED),
        ("Dreaming", None, Status.UNKNOWN),
    ],
)
def test_the_state_of_a_campaign(account, native, end, status):
    made = campaign(_row(Id="11", Status=native, End_Date=end), account, "", TODAY)
    assert (made.status, made.native_status) == (status, native)


def test_a_budget_for_life(account):
    made = campaign(_row(Id="11", Budget="900", Budget_Type="LifetimeBudgetStandard"), account, "", TODAY)
    assert (made.daily_budget_micros, made.lifetime_budget_micros) == (None, 900_000_000)


@pytest.mark.parametrize(
    ("native", "channel"),
    [
        ("Search", "search"),
        ("DynamicSearchAds", "search"),
        ("Shopping", "shopping"),
        ("Audience", "display"),
        ("Hotel", "hotel"),
        ("App", "app"),
        ("NewerThanWeKnow", "other"),
        (None, None),
    ],
)
def test_where_a_campaign_shows_its_ads(account, native, channel):
    assert campaign(_row(Id="11", Campaign_Type=native), account, "", TODAY).channel == channel


@pytest.mark.parametrize(("native", "status"), [("Expired", Status.ENDED), ("Active", Status.ACTIVE)])
def test_an_ad_group(account, native, status):
    made = ad_group(_row(Id="21", Ad_Group="G", Status=native, Cpc_Bid="0.55"), account, "11", TODAY)
    assert (made.id, made.campaign_id, made.name, made.status) == ("21", "11", "G", status)
    assert (made.bid_micros, made.daily_budget_micros) == (550_000, None)


def test_an_ad(account):
    made = ad(
        _row(
            Type="Responsive Search Ad", Id="31", Parent_Id="21", Status="Active", Editorial_Status="Active",
            Headline='[{"id":1,"pinnedField":"","text":"First"},{"id":2,"text":"Second"}]',
            Final_Url="https://example.com/a;b?x=1; https://example.com/c",
        ),
        account, "11", TODAY,
    )  # fmt: skip
    assert (made.id, made.campaign_id, made.ad_group_id, made.name) == ("31", "11", "21", "First")
    assert made.landing_url == "https://example.com/a;b?x=1"
    assert made.format == "Responsive Search Ad"
    assert (made.status, made.native_status) == (Status.ACTIVE, "Active")


@pytest.mark.parametrize(
    ("cells", "name"),
    [
        ({"Headline": "Plain"}, "Plain"),
        ({"Headline": "[not JSON"}, "[not JSON"),
        ({"Headlines": '[{"text":"One"}]'}, "One"),
        ({"Headlines": '[{"text":""}]', "Long Headline": "Long"}, "Long"),
        ({"Title Part 1": "Title"}, "Title"),
        ({"Title": "Old"}, "Old"),
        ({"Promotion": "Free shipping"}, "Free shipping"),
        ({"Text": "Words"}, "Words"),
        ({}, "Product Ad 31"),
    ],
)
def test_an_ad_is_named_by_its_first_text(account, cells, name):
    assert ad(_row(Type="Product Ad", Id="31") | cells, account, "11", TODAY).name == name


@pytest.mark.parametrize(
    ("native", "editorial", "status", "shown"),
    [
        ("Active", "Active", Status.ACTIVE, "Active"),
        ("Active", "ActiveLimited", Status.ACTIVE, "Active (ActiveLimited)"),
        ("Active", "Inactive", Status.PENDING, "Active (Inactive)"),
        ("Active", "Disapproved", Status.REJECTED, "Active (Disapproved)"),
        ("Paused", "Disapproved", Status.PAUSED, "Paused (Disapproved)"),
        ("Deleted", None, Status.REMOVED, "Deleted"),
    ],
)
def test_the_review_decides_too(account, native, editorial, status, shown):
    row = _row(Id="31", Status=native, Editorial_Status=editorial)
    for made in (ad(row, account, "11", TODAY), keyword(row, account, "11", TODAY)):
        assert (made.status, made.native_status) == (status, shown)


@pytest.mark.parametrize(
    ("native", "match"), [("Exact", "exact"), ("Phrase", "phrase"), ("Broad", "broad"), ("Content", "unknown")]
)
def test_a_keyword(account, native, match):
    made = keyword(
        _row(Id="51", Parent_Id="21", Keyword="red shoes", Match_Type=native, Bid="0.3"), account, "11", TODAY
    )
    assert (made.id, made.ad_group_id, made.campaign_id, made.name) == ("51", "21", "11", "red shoes")
    assert (made.match_type, made.bid_micros) == (match, 300_000)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        (None, None),
        ("", None),
        ("12.5", 12_500_000),
        ("1,250.00", 1_250_000_000),
        ("0.0000005", 0),
        ("400", 400_000_000),
    ],
)
def test_money_is_exact(text, micros):
    assert money(text) == micros


@pytest.mark.parametrize(("read", "text"), [(money, "much"), (parse_time, "yesterday"), (parse_date, "2026-01-01")])
def test_what_cannot_be_read_is_an_error(read, text):
    with pytest.raises(ValueError, match=r"."):
        read(text)


def test_a_time_may_lack_its_milliseconds():
    assert parse_time("04/27/2023 18:00:14") == datetime(2023, 4, 27, 18, 0, 14, tzinfo=UTC)
