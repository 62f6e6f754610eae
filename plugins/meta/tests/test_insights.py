"""Results, against a client that answers from a function."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow, ReadRequest
from adjoin.errors import ErrorKind, PlatformError
from adjoin_meta import plugin
from adjoin_meta.insights import SYNC_DAYS

_HEAVY = PlatformError("reduce", kind=ErrorKind.SPLIT)
_DAY = date(2026, 11, 1)


def _window(days=1):
    return DateWindow(since=_DAY, until=date.fromordinal(_DAY.toordinal() + days - 1))


def _row(ad="3", **figures):
    return {"campaign_id": "1", "adset_id": "2", "ad_id": ad, "date_start": "2026-11-01", **figures}


def _read(run, client, account, *, stream="ad_daily", days=1):
    async def main():
        request = ReadRequest(stream=stream, account=account, window=_window(days))
        return [batch async for batch in plugin.read(request, client)]

    return run(main())


def _rows(batches, dataset="ad_daily"):
    return [row for batch in batches if batch.dataset == dataset for row in batch.rows.to_pylist()]


def test_numbers_are_exact_and_what_is_absent_is_zero_but_video_views(fake, run, account):
    rows = [
        _row(impressions="1532", clicks="37", spend="12.37",
             actions=[{"action_type": "omni_purchase", "value": "2.5"}, {"action_type": "lead", "value": "1"},
                      {"action_type": "add_to_cart", "value": "9"}, {"action_type": "video_view", "value": "40"}],
             action_values=[{"action_type": "omni_purchase", "value": "149.7"},
                            {"action_type": "add_to_cart", "value": "900"}]),
        _row("4", impressions="9007199254740993"),
    ]  # fmt: skip
    batches = _read(run, fake(lambda _: {"data": rows}), account)
    assert [batch.rows.schema for batch in batches] == [arrow_schema("ad_daily"), arrow_schema("conversion_daily")]
    first, second = _rows(batches)
    assert first == {
        "date": _DAY, "account_id": "101", "campaign_id": "1", "ad_group_id": "2", "ad_id": "3", "impressions": 1532,
        "clicks": 37, "cost_micros": 12_370_000, "conversions": Decimal("3.5"), "conversion_value_micros": 149_700_000,
        "video_views": 40,
    }  # fmt: skip
    assert (second["impressions"], second["clicks"], second["cost_micros"]) == (9007199254740993, 0, 0)
    assert (second["conversions"], second["conversion_value_micros"], second["video_views"]) == (0, 0, None)
    by_action = {row["action"]: row for row in _rows(batches, "conversion_daily")}
    assert {action: row["conversions"] for action, row in by_action.items()} == {
        "purchases": Decimal("2.5"), "leads": 1, "add_to_cart": 9,
    }  # fmt: skip
    assert by_action["add_to_cart"]["conversion_value_micros"] == 900_000_000


def test_what_deleted_and_archived_objects_did_is_asked_for(fake, run, account):
    client = fake(lambda _: {"data": []})
    _read(run, client, account)
    params = client.sent[0].params
    (condition,) = msgspec.json.decode(params["filtering"])
    assert condition["field"] == "ad.effective_status"
    assert {"ARCHIVED", "DELETED"} < set(condition["value"])
    assert msgspec.json.decode(params["time_range"]) == {"since": "2026-11-01", "until": "2026-11-01"}
    assert params["time_increment"] == "1"


@pytest.mark.parametrize(
    ("stream", "level"),
    [("account_daily", "account"), ("campaign_daily", "campaign"), ("ad_group_daily", "adset"), ("ad_daily", "ad")],
)
def test_small_windows_are_asked_for_directly_and_large_ones_as_a_report(fake, run, account, stream, level):
    def answer(sent):
        if sent.method == "POST":
            return {"report_run_id": "77"}
        if sent.url.endswith("/77"):
            return {"async_status": "Job Completed", "async_percent_completion": 100}
        return {"data": []}

    small, large = fake(answer), fake(answer)
    _read(run, small, account, stream=stream, days=SYNC_DAYS[level])
    _read(run, large, account, stream=stream, days=SYNC_DAYS[level] + 1)
    assert [sent.method for sent in small.sent if sent.params.get("level") == level] == ["GET"]
    assert [(sent.method, sent.url) for sent in large.sent[:3]] == [
        ("POST", "/v26.0/act_101/insights"),
        ("GET", "/v26.0/77"),
        ("GET", "/v26.0/77/insights"),
    ]
    assert "fields" not in large.sent[2].params


def test_a_window_of_days_that_is_too_large_is_given_back(fake, run, account):
    with pytest.raises(PlatformError) as caught:
        _read(run, fake(lambda _: _HEAVY), account, days=2)
    assert caught.value.kind is ErrorKind.SPLIT


def test_a_day_that_is_too_large_is_read_campaigns_by_campaigns(fake, run, account):
    def answer(sent):
        if sent.url.endswith("/campaigns"):
            return {"data": [{"id": number} for number in "12345"]}
        filters = {item["field"]: item["value"] for item in msgspec.json.decode(sent.params["filtering"])}
        campaigns = filters.get("campaign.id")
        if campaigns is None or len(campaigns) > 2:
            return _HEAVY
        return {"data": [{**_row(f"9{number}", impressions="1"), "campaign_id": number} for number in campaigns]}

    rows = _rows(_read(run, fake(answer), account))
    assert sorted(row["campaign_id"] for row in rows) == list("12345")


def test_a_single_campaign_that_is_too_large_is_given_back(fake, run, account):
    with pytest.raises(PlatformError) as caught:
        _read(run, fake(lambda sent: {"data": [{"id": "1"}]} if "campaigns" in sent.url else _HEAVY), account)
    assert caught.value.kind is ErrorKind.SPLIT


def test_custom_conversions_get_their_names_from_the_account_and_only_when_they_occur(fake, run, account):
    custom = [{"action_type": "offsite_conversion.custom.77", "value": "2"}]

    def answer(sent):
        if sent.url.endswith("customconversions"):
            return {"data": [{"id": "77", "name": "Newsletter"}]}
        return {"data": [_row(impressions="1", actions=custom)]}

    batches = _read(run, fake(answer), account)
    assert [row["action"] for row in _rows(batches, "conversion_daily")] == ["Newsletter"]
    assert _rows(batches)[0]["conversions"] == 2
    plain = fake(lambda _: {"data": [_row(impressions="1")]})
    _read(run, plain, account)
    assert not any(sent.url.endswith("customconversions") for sent in plain.sent)


def test_conversions_of_campaigns_without_ads_come_without_ad_group_and_ad(fake, run, account):
    lead = [{"action_type": "lead", "value": "4"}]
    campaigns = [
        {"campaign_id": "1", "date_start": "2026-11-01", "impressions": "9", "actions": lead},
        {"campaign_id": "7", "date_start": "2026-11-01", "impressions": "5", "actions": lead},
    ]
    ads = [_row(impressions="9", actions=lead)]
    batches = _read(run, fake(lambda sent: {"data": campaigns if sent.params["level"] == "campaign" else ads}), account)
    found = [(row["campaign_id"], row["ad_group_id"], row["ad_id"]) for row in _rows(batches, "conversion_daily")]
    assert found == [("1", "2", "3"), ("7", None, None)]
    assert [row["campaign_id"] for row in _rows(batches)] == ["1"]


def test_a_row_that_comes_twice_under_new_cursors_is_noticed(fake, run, account):
    paging = {"cursors": {"after": "A"}, "next": "https://graph.facebook.com/x?after=A"}
    answers = [{"data": [_row(impressions="1")], "paging": paging}, {"data": [_row(impressions="2")]}]
    with pytest.raises(PlatformError, match="1 rows of ad_daily twice") as caught:
        _read(run, fake(lambda _: answers.pop(0)), account)
    assert caught.value.kind is ErrorKind.RESTART


def test_batches_hold_the_rows_of_many_pages(fake, run, account):
    def answer(sent):
        page = int(sent.params.get("after", "0"))
        paging = {"cursors": {"after": str(page + 1)}, "next": f"https://graph.facebook.com/x?after={page + 1}"}
        rows = [_row(f"{page}{place:03d}", impressions="1") for place in range(500)]
        return {"data": rows, "paging": paging} if page < 24 else {"data": rows}

    assert [batch.rows.num_rows for batch in _read(run, fake(answer), account)] == [10_000, 2_500]


def test_ids_that_are_no_numbers_are_kept(fake, run, account):
    rows = [_row("x1", impressions="1"), _row("99999999999999999999", impressions="1")]
    assert [row["ad_id"] for row in _rows(_read(run, fake(lambda _: {"data": rows}), account))] == [
        "x1",
        "99999999999999999999",
    ]


def test_a_figure_that_is_no_number_is_named(fake, run, account):
    with pytest.raises(PlatformError, match="'lots' is no amount") as caught:
        _read(run, fake(lambda _: {"data": [_row(spend="lots")]}), account)
    assert caught.value.kind is ErrorKind.INVALID


def test_nothing_gives_no_batch(fake, run, account):
    assert _read(run, fake(lambda _: {"data": []}), account) == []
