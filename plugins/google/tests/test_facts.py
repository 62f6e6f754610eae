"""Results: what is asked for, and what rows become."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import Account, App, ReadRequest
from adjoin.errors import ErrorKind, PlatformError
from adjoin_google import plugin

_DAY = date(2026, 11, 1)
_ONE = (_DAY, _DAY)


def _row(day="2026-11-01", metrics=None, **keys):
    return {"segments": {"date": day}, "metrics": metrics or {}, **keys}


def _rows(batches):
    return [row for batch in batches for row in batch.rows.to_pylist()]


@pytest.mark.parametrize(
    ("stream", "source", "keys"),
    [
        ("account_daily", "customer", "customer.id"),
        ("campaign_daily", "campaign", "campaign.id"),
        ("ad_group_daily", "ad_group", "campaign.id, ad_group.id"),
        ("ad_daily", "ad_group_ad", "campaign.id, ad_group.id, ad_group_ad.ad.id"),
        ("keyword_daily", "keyword_view", "campaign.id, ad_group.id, ad_group_criterion.criterion_id"),
        ("search_term_daily", "search_term_view", "campaign.id, ad_group.id, search_term_view.search_term"),
    ],
)
def test_one_query_for_a_window_closed_on_both_sides_and_without_a_condition_on_states(
    fake, read, stream, source, keys
):
    client = fake(lambda _: [])
    assert read(client, stream, (date(2026, 11, 1), date(2026, 11, 14))) == []
    views = "" if stream in ("keyword_daily", "search_term_daily") else ", metrics.video_trueview_views"
    (sent,) = client.sent
    assert sent.query == (
        f"SELECT {keys}, segments.date, metrics.impressions, metrics.clicks, metrics.cost_micros, metrics.conversions, "
        f"metrics.conversions_value{views} FROM {source} WHERE segments.date BETWEEN '2026-11-01' AND '2026-11-14' "
        "PARAMETERS omit_unselected_resource_names = true"
    )
    assert sent.headers["login-customer-id"] == "1111111111"
    assert sent.account == "1234567890"


def test_a_row_of_ads(fake, read):
    rows = [
        _row(
            metrics={
                "impressions": "9007199254740993", "clicks": "37", "costMicros": "15230001", "conversions": 2.5,
                "conversionsValue": 180.75, "videoTrueviewViews": "0", "ofNextYear": {"x": [1]},
            },
            campaign={"resourceName": "customers/1234567890/campaigns/11", "id": "11"},
            adGroup={"id": "22"},
            adGroupAd={"ad": {"id": "33"}, "status": "OF_NEXT_YEAR"},
            ofNextYear=1,
        ),
        _row(metrics={"conversions": 3}, campaign={"id": "11"}, adGroup={"id": "22"}, adGroupAd={"ad": {"id": "34"}}),
    ]  # fmt: skip
    (batch,) = read(fake(lambda _: rows), "ad_daily", _ONE)
    assert batch.dataset == "ad_daily"
    assert batch.rows.schema == arrow_schema("ad_daily")
    batch.rows.validate(full=True)
    assert batch.rows.to_pylist() == [
        {
            "date": _DAY, "account_id": "1234567890", "campaign_id": "11", "ad_group_id": "22", "ad_id": "33",
            "impressions": 9007199254740993, "clicks": 37, "cost_micros": 15230001, "conversions": Decimal("2.5"),
            "conversion_value_micros": 180_750_000, "video_views": 0,
        },
        {
            "date": _DAY, "account_id": "1234567890", "campaign_id": "11", "ad_group_id": "22", "ad_id": "34",
            "impressions": 0, "clicks": 0, "cost_micros": 0, "conversions": Decimal(3),
            "conversion_value_micros": 0, "video_views": 0,
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "keys", "read_as"),
    [
        ("account_daily", {"customer": {"id": "1234567890"}}, {}),
        ("campaign_daily", {"campaign": {"id": "11"}}, {"campaign_id": "11"}),
        (
            "ad_group_daily",
            {"campaign": {"id": "11"}, "adGroup": {"id": "22"}},
            {"campaign_id": "11", "ad_group_id": "22"},
        ),
        (
            "keyword_daily",
            {"campaign": {"id": "11"}, "adGroup": {"id": "22"}, "adGroupCriterion": {"criterionId": "77"}},
            {"campaign_id": "11", "ad_group_id": "22", "keyword_id": "22~77"},
        ),
        (
            "search_term_daily",
            {"campaign": {"id": "11"}, "adGroup": {"id": "22"}, "searchTermView": {"searchTerm": 'bröd "färskt"'}},
            {"campaign_id": "11", "ad_group_id": "22", "search_term": 'bröd "färskt"'},
        ),
    ],
)
def test_keys_of_the_other_datasets(fake, read, stream, keys, read_as):
    (row,) = _rows(read(fake(lambda _: [_row(metrics={"clicks": "1"}, **keys)]), stream, _ONE))
    assert {name: row[name] for name in read_as} == read_as
    assert row["clicks"] == 1
    assert (row["video_views"] is None) == (stream in ("keyword_daily", "search_term_daily"))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (_row(day="yesterday", campaign={"id": "1"}), "yesterday"),
        (_row(metrics={"clicks": "many"}, campaign={"id": "1"}), "Expected `int`"),
        (_row(metrics={"clicks": "1"}), "ids of campaign_daily"),
        (_row(metrics={"conversions": 1e300}, campaign={"id": "1"}), "1e\\+300"),
        ({"metrics": {}, "campaign": {"id": "1"}}, "segments"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(fake, read, row, words):
    with pytest.raises(PlatformError, match="cannot be read") as caught:
        read(fake(lambda _: [_row(campaign={"id": "1"}), row]), "campaign_daily", _ONE)
    assert caught.value.kind is ErrorKind.INVALID
    assert caught.match(words)


def test_too_many_days_at_once_are_given_back_to_be_split(fake, read):
    slow = PlatformError("too slow", kind=ErrorKind.SPLIT, code="internalError.DEADLINE_EXCEEDED")
    with pytest.raises(PlatformError) as caught:
        read(fake(lambda _: slow), "ad_daily", (_DAY, date(2026, 11, 2)))
    assert caught.value.kind is ErrorKind.SPLIT


def test_a_single_day_cannot_be_split_and_is_asked_for_again(fake, read):
    slow = PlatformError("too slow", kind=ErrorKind.SPLIT, code="internalError.DEADLINE_EXCEEDED")
    with pytest.raises(PlatformError, match="too slow") as caught:
        read(fake(lambda _: slow), "ad_daily", _ONE)
    assert caught.value.kind is ErrorKind.RETRY


def test_an_unknown_dataset_is_refused_with_those_there_are(fake, read):
    with pytest.raises(PlatformError, match="no 'weather_daily'; it has account_daily") as caught:
        read(fake(lambda _: []), "weather_daily", _ONE)
    assert caught.value.kind is ErrorKind.INVALID


def test_results_need_a_window(fake, read):
    with pytest.raises(PlatformError, match="window of days") as caught:
        read(fake(lambda _: []), "ad_daily")
    assert caught.value.kind is ErrorKind.INVALID


def test_an_account_of_another_platform_is_refused_before_anything_is_sent(fake, run):
    client = fake(lambda _: [])
    stranger = Account(id="act_1", name="", currency="EUR", time_zone="UTC")

    async def read():
        async for _ in plugin.read(ReadRequest(stream="campaigns", account=stranger), client):
            pass

    with pytest.raises(PlatformError, match="ten digits"):
        run(read())
    assert client.sent == []


def test_an_account_that_was_found_otherwise_goes_through_the_operators_manager(fake, run):
    client = fake(lambda _: [], app=App(extra={"login_customer_id": "999-999-9999"}))
    bare = Account(id="1234567890", name="", currency="EUR", time_zone="UTC")

    async def read():
        async for _ in plugin.read(ReadRequest(stream="campaigns", account=bare), client):
            pass

    run(read())
    assert client.sent[0].headers["login-customer-id"] == "9999999999"
