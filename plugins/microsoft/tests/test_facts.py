"""Results from reports."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow, ReadRequest
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.facts import read_facts

WINDOW = DateWindow(since=date(2026, 10, 1), until=date(2026, 10, 31))
FIGURES = ("120", "7", "12.34", "1.25", "99.90")
DAY = "2026-10-05"
PURCHASE = {"Id": "1", "Name": "Sale", "Type": "Event", "GoalCategory": "Purchase"}


def _goals(*goals):
    return lambda sent: {"ConversionGoals": list(goals), "PartialErrors": []}


def _read(run, client, account, stream, window=WINDOW):
    async def collect():
        request = ReadRequest(stream=stream, account=account, window=window)
        return [batch async for batch in read_facts(request, client)]

    batches = run(collect())
    assert all(batch.dataset == stream and batch.rows.schema == arrow_schema(stream) for batch in batches)
    return [row for batch in batches for row in batch.rows.to_pylist()]


@pytest.mark.parametrize(
    ("stream", "ids"),
    [
        ("account_daily", {}),
        ("campaign_daily", {"campaign_id": "11"}),
        ("ad_group_daily", {"campaign_id": "11", "ad_group_id": "21"}),
        ("ad_daily", {"campaign_id": "11", "ad_group_id": "21", "ad_id": "31"}),
    ],
)
def test_a_row_is_exact(fake, run, reports, account, stream, ids):
    client = fake(reports(lambda request: [(DAY, account.id, *ids.values(), *FIGURES, "4")]))
    assert _read(run, client, account, stream) == [
        {
            "date": date(2026, 10, 5),
            "account_id": account.id,
            **ids,
            "impressions": 120,
            "clicks": 7,
            "cost_micros": 12_340_000,
            "conversions": Decimal("1.25"),
            "conversion_value_micros": 99_900_000,
            "video_views": 4,
        }
    ]


@pytest.mark.parametrize(("stream", "key"), [("keyword_daily", "keyword_id"), ("search_term_daily", "search_term")])
def test_keywords_and_search_terms_have_no_video_views(fake, run, reports, account, stream, key):
    client = fake(reports(lambda request: [(DAY, account.id, "11", "21", "x", *FIGURES)]))
    (row,) = _read(run, client, account, stream)
    assert (row[key], row["video_views"], row["clicks"]) == ("x", None, 7)


def test_no_file_is_no_rows(fake, run, reports, account):
    assert _read(run, fake(reports(lambda request: None)), account, "ad_daily") == []


def test_a_value_that_is_not_given_is_null(fake, run, reports, account):
    client = fake(reports(lambda request: [(DAY, account.id, *["--"] * 6)]))
    (row,) = _read(run, client, account, "account_daily")
    assert {value for name, value in row.items() if name not in ("date", "account_id")} == {None}


def test_traffic_without_a_keyword_is_no_keywords(fake, run, reports, account):
    rows = [(DAY, account.id, "11", "21", "--", *FIGURES), (DAY, account.id, "11", "21", "51", *FIGURES)]
    found = _read(run, fake(reports(lambda request: rows)), account, "keyword_daily")
    assert [row["keyword_id"] for row in found] == ["51"]


def test_a_search_term_without_an_ad_group_is_kept(fake, run, reports, account):
    client = fake(reports(lambda request: [(DAY, account.id, "11", "", "shoes", *FIGURES)]))
    (row,) = _read(run, client, account, "search_term_daily")
    assert row["ad_group_id"] == "0"


def test_days_to_come_are_not_asked_for(fake, run, reports, account):
    server = reports(lambda request: None)
    client = fake(server)  # noon of 2026-11-22
    _read(run, client, account, "ad_daily", DateWindow(since=date(2026, 11, 20), until=date(2026, 11, 30)))
    assert server.requests[0]["Time"]["CustomDateRangeEnd"] == {"Year": 2026, "Month": 11, "Day": 22}
    _read(run, client, account, "ad_daily", DateWindow(since=date(2026, 11, 23), until=date(2026, 11, 30)))
    assert len(server.requests) == 1


def test_it_shows_life_while_microsoft_works(fake, run, reports, account):
    client = fake(reports(lambda request: [(DAY, account.id, *FIGURES, "4")], pending=44))

    async def sizes():
        request = ReadRequest(stream="account_daily", account=account, window=WINDOW)
        return [batch.rows.num_rows async for batch in read_facts(request, client)]

    assert run(sizes()) == [0] * 8 + [1]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("2026-11-05", "180012345", *FIGURES, "4")], "2026-11-05"),
        ([(DAY, "999", *FIGURES, "4")], "rows of account 999"),
        ([(DAY, "180012345", "many", *FIGURES)], "many"),
    ],
)
def test_what_was_not_asked_for_is_an_error(fake, run, reports, account, rows, words):
    with pytest.raises(PlatformError, match=words) as caught:
        _read(run, fake(reports(lambda request: rows)), account, "account_daily")
    assert caught.value.kind is ErrorKind.INVALID


def test_a_file_that_is_cut_is_an_error_that_passes(fake, run, reports, account, make_zip):
    cut = make_zip(b'"TimePeriod","AccountId"')
    with pytest.raises(PlatformError) as caught:
        _read(run, fake(reports(lambda request: cut)), account, "account_daily")
    assert caught.value.kind is ErrorKind.INVALID  # the names are there, and two are not enough


def test_a_window_is_needed(fake, run, account):
    with pytest.raises(PlatformError, match="window"):
        _read(run, fake(lambda sent: {}), account, "ad_daily", None)


def test_a_stream_that_there_is_not_is_named(fake, run, account):
    with pytest.raises(PlatformError, match="'weather_daily'") as caught:
        _read(run, fake(lambda sent: {}), account, "weather_daily")
    assert caught.value.kind is ErrorKind.INVALID


# --- by action ------------------------------------------------------------------------------------------------------


def _by_goal(ads, campaigns):
    return lambda request: ads if request["Type"].startswith("AdPerformance") else campaigns


def test_goals_become_actions(fake, run, reports, account):
    ads = [
        (DAY, account.id, "11", "21", "31", "Sale", "2.50", "80.00"),
        (DAY, account.id, "11", "21", "31", "Newsletter", "1.00", "0.00"),
        (DAY, account.id, "11", "21", "31", "--", "0", "0"),
    ]
    server = reports(_by_goal(ads, None), others=_goals(PURCHASE))
    client = fake(server)
    found = _read(run, client, account, "conversion_daily")
    assert [(row["action"], row["conversions"], row["conversion_value_micros"]) for row in found] == [
        ("purchases", Decimal("2.5"), 80_000_000),
        ("Newsletter", Decimal(1), 0),
    ]
    assert {(row["campaign_id"], row["ad_group_id"], row["ad_id"]) for row in found} == {("11", "21", "31")}
    asked = client.sent[0]
    assert asked.path == "/CampaignManagement/v13/ConversionGoals/QueryByIds"
    assert asked.json["ReturnAdditionalFields"] == "GoalCategory"


def test_rows_without_a_result_are_left_out(fake, run, reports, account):
    ads = [
        (DAY, account.id, "11", "21", "31", "Sale", "0.00", "0.00"),
        (DAY, account.id, "11", "21", "31", "Sale", "--", ""),
        (DAY, account.id, "11", "21", "32", "Sale", "0.00", "5.00"),
    ]
    found = _read(run, fake(reports(_by_goal(ads, None), others=_goals(PURCHASE))), account, "conversion_daily")
    assert [row["ad_id"] for row in found] == ["32"]


def test_several_goals_of_a_category_are_one_action(fake, run, reports, account):
    second = PURCHASE | {"Id": "2", "Name": "Sale in the app"}
    ads = [
        (DAY, account.id, "11", "21", "31", "Sale", "2.50", "80.00"),
        (DAY, account.id, "11", "21", "32", "Sale", "1.00", "1.00"),
        (DAY, account.id, "11", "21", "31", "Sale in the app", "0.25", "0.50"),
    ]
    server = reports(_by_goal(ads, None), others=_goals(PURCHASE, second))
    found = _read(run, fake(server), account, "conversion_daily")
    assert sorted((row["ad_id"], row["conversions"], row["conversion_value_micros"]) for row in found) == [
        ("31", Decimal("2.75"), 80_500_000),
        ("32", Decimal(1), 1_000_000),
    ]


def test_campaigns_without_ads_have_rows_of_their_own(fake, run, reports, account):
    ads = [(DAY, account.id, "11", "21", "31", "Sale", "2.50", "80.00")]
    campaigns = [
        (DAY, account.id, "11", "Sale", "2.50", "80.00"),
        (DAY, account.id, "12", "Sale", "3.00", "7.00"),
        ("2026-10-06", account.id, "11", "Sale", "1.00", "1.00"),
    ]
    server = reports(_by_goal(ads, campaigns), others=_goals(PURCHASE))
    found = _read(run, fake(server), account, "conversion_daily")
    assert [(row["date"].day, row["campaign_id"], row["ad_id"]) for row in found] == [
        (5, "11", "31"),
        (5, "12", None),
        (6, "11", None),
    ]


def test_a_deleted_goal_is_not_mixed_up_with_an_action_of_its_name(fake, run, reports, account):
    ads = [
        (DAY, account.id, "11", "21", "31", "Sale", "1.00", "0"),
        (DAY, account.id, "11", "21", "31", "purchases", "2.00", "0"),
    ]
    found = _read(run, fake(reports(_by_goal(ads, None), others=_goals(PURCHASE))), account, "conversion_daily")
    assert [row["action"] for row in found] == ["purchases", "purchases (deleted goal)"]


@pytest.mark.parametrize(
    ("goal", "action"),
    [
        ({"Name": "A", "GoalCategory": "SubmitLeadForm"}, "leads"),
        ({"Name": "A", "GoalCategory": "Signup"}, "registrations"),
        ({"Name": "A", "GoalCategory": "AddToCart"}, "add_to_cart"),
        ({"Name": "A", "GoalCategory": "BeginCheckout"}, "checkouts"),
        ({"Name": "A", "Type": "AppInstall", "GoalCategory": None}, "app_installs"),
        ({"Name": "A", "GoalCategory": "PageView"}, "A"),
        ({"Name": "A", "GoalCategory": "NewerThanWeKnow"}, "A"),
    ],
)
def test_the_category_of_a_goal_names_its_action(fake, run, reports, account, goal, action):
    ads = [(DAY, account.id, "11", "21", "31", "A", "1.00", "0")]
    server = reports(_by_goal(ads, None), others=_goals(None, goal))
    assert [row["action"] for row in _read(run, fake(server), account, "conversion_daily")] == [action]
