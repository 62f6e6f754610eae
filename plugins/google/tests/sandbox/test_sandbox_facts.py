"""The numbers of the wire are the world's, to the last digit."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from adjoin.testing.world import World

_SINCE, _UNTIL = date(2026, 10, 20), date(2026, 11, 22)
_RANGE = f"segments.date BETWEEN '{_SINCE}' AND '{_UNTIL}'"
_SUMS = (
    "metrics.impressions, metrics.clicks, metrics.cost_micros, metrics.conversions, metrics.conversions_value, "
    "metrics.video_trueview_views"
)

#: dataset -> resource, selected ids, how they are found in a row.
_LEVELS = {
    "account_daily": ("customer", "customer.id", []),
    "campaign_daily": ("campaign", "campaign.id", [("campaign", "id")]),
    "ad_group_daily": ("ad_group", "campaign.id, ad_group.id", [("campaign", "id"), ("adGroup", "id")]),
    "ad_daily": (
        "ad_group_ad",
        "campaign.id, ad_group.id, ad_group_ad.ad.id",
        [("campaign", "id"), ("adGroup", "id"), ("adGroupAd", "ad", "id")],
    ),
    "keyword_daily": (
        "keyword_view",
        "campaign.id, ad_group.id, ad_group_criterion.criterion_id",
        [("campaign", "id"), ("adGroup", "id"), ("adGroupCriterion", "criterionId")],
    ),
    "search_term_daily": (
        "search_term_view",
        "campaign.id, ad_group.id, search_term_view.search_term",
        [("campaign", "id"), ("adGroup", "id"), ("searchTermView", "searchTerm")],
    ),
}


def _at(row, path):
    for key in path:
        row = row[key]
    return row


def _micros(value):
    return int(Decimal(str(value)) * 1_000_000)


def _figures(metrics):
    """A row's numbers as the world writes them."""
    return (
        int(metrics["impressions"]),
        int(metrics["clicks"]),
        int(metrics["costMicros"]),
        Decimal(str(metrics["conversions"])),
        _micros(metrics["conversionsValue"]),
        int(metrics["videoTrueviewViews"]),
    )


def _truth(api, dataset, account, keys):
    table = api.presence.truth(dataset, account_id=account.id, since=_SINCE, until=_UNTIL)
    found = {}
    for row in table.to_pylist():
        key = (row["date"].isoformat(), *(str(row[name]).rpartition("~")[2] for name in keys))
        found[key] = (
            row["impressions"],
            row["clicks"],
            row["cost_micros"],
            row["conversions"],
            row["conversion_value_micros"],
            row["video_views"] or 0,
        )
    return found


@pytest.mark.parametrize("currency", ["EUR", "USD", "JPY"])
@pytest.mark.parametrize("dataset", _LEVELS)
def test_gives_exactly_what_the_world_knows(api, dataset, currency):
    resource, ids, paths = _LEVELS[dataset]
    account = api.account(currency)
    rows = api.rows(f"SELECT {ids}, segments.date, {_SUMS} FROM {resource} WHERE {_RANGE}", account=account.id)
    found = {}
    for row in rows:
        key = (row["segments"]["date"], *(_at(row, path) for path in paths))
        assert key not in found
        found[key] = _figures(row["metrics"])
    keys = [name for name in api.presence.truth(dataset).column_names if name.endswith("_id") or name == "search_term"]
    truth = _truth(api, dataset, account, [name for name in keys if name != "account_id"])
    assert truth
    assert found == truth


def test_adds_up_conversions_by_action(api):
    account = api.account()
    selected = (
        "segments.date, segments.conversion_action, segments.conversion_action_name, "
        "segments.conversion_action_category, metrics.conversions, metrics.all_conversions, "
        "metrics.all_conversions_value"
    )
    names = {
        "PURCHASE": "purchases",
        "SUBMIT_LEAD_FORM": "leads",
        "SIGNUP": "registrations",
        "ADD_TO_CART": "add_to_cart",
        "BEGIN_CHECKOUT": "checkouts",
    }
    found = defaultdict(lambda: [Decimal(0), 0])
    actions = defaultdict(set)
    ads = api.rows(f"SELECT ad_group_ad.ad.id, {selected} FROM ad_group_ad WHERE {_RANGE}", account=account.id)
    without = api.rows(
        f"SELECT campaign.id, {selected} FROM campaign WHERE {_RANGE} "
        "AND campaign.advertising_channel_type = 'PERFORMANCE_MAX'",
        account=account.id,
    )
    assert without
    for row in [*ads, *without]:
        segments, metrics = row["segments"], row["metrics"]
        owner = row["adGroupAd"]["ad"]["id"] if "adGroupAd" in row else row["campaign"]["id"]
        category = segments["conversionActionCategory"]
        entry = found[owner, segments["date"], names[category]]
        entry[0] += Decimal(str(metrics["allConversions"]))
        entry[1] += _micros(metrics["allConversionsValue"])
        counted = category in ("PURCHASE", "SUBMIT_LEAD_FORM", "SIGNUP")
        assert metrics["conversions"] == (metrics["allConversions"] if counted else 0)
        actions[category].add(segments["conversionActionName"])
    table = api.presence.truth("conversion_daily", account_id=account.id, since=_SINCE, until=_UNTIL)
    truth = {
        (row["ad_id"] or row["campaign_id"], row["date"].isoformat(), row["action"]): [
            row["conversions"],
            row["conversion_value_micros"],
        ]
        for row in table.to_pylist()
    }
    assert dict(found) == truth
    assert len(actions["PURCHASE"]) == 2


@pytest.mark.parametrize("segment", ["device", "ad_network_type", "day_of_week", "week", "month", "year"])
@pytest.mark.parametrize("resource", ["customer", "campaign", "ad_group_ad", "asset_group"])
def test_segments_lose_nothing(api, resource, segment):
    sums = f"metrics.clicks, metrics.cost_micros, metrics.all_conversions FROM {resource} WHERE segments.date BETWEEN"
    days = f"'{_SINCE}' AND '{_UNTIL}'"

    def total(rows):
        metrics = [row["metrics"] for row in rows]
        return [
            sum(Decimal(str(each[name])) for each in metrics) for name in ("clicks", "costMicros", "allConversions")
        ]

    whole = api.rows(f"SELECT {sums} {days}")
    parts = api.rows(f"SELECT segments.{segment}, {sums} {days}")
    assert total(parts) == total(whole)
    assert total(whole)[0] > 0
    assert len({str(row["segments"]) for row in parts}) > (0 if segment in ("year", "ad_network_type") else 1)


def test_performance_max_exists_at_campaign_and_asset_group_level_only(api):
    campaigns = {each.id for each in api.presence.campaigns(api.account().id) if each.kind == "no_ads"}
    assert campaigns
    where = f"WHERE {_RANGE}"
    of_campaign = api.rows(f"SELECT campaign.id, metrics.cost_micros FROM campaign {where}")
    spent = {row["campaign"]["id"]: row["metrics"]["costMicros"] for row in of_campaign}
    assert all(int(spent[each]) > 0 for each in campaigns)
    groups = api.rows(f"SELECT campaign.id, asset_group.id, metrics.cost_micros FROM asset_group {where}")
    assert {row["campaign"]["id"]: row["metrics"]["costMicros"] for row in groups} == {
        each: spent[each] for each in campaigns
    }
    below = api.rows(f"SELECT campaign.id, ad_group.id, metrics.cost_micros FROM ad_group {where}")
    assert not campaigns & {row["campaign"]["id"] for row in below}


def test_rows_of_zeros_vanish_once_anything_is_segmented(api):
    plain = api.rows(f"SELECT ad_group_ad.ad.id, metrics.impressions FROM ad_group_ad WHERE {_RANGE}")
    assert {row["adGroupAd"]["ad"]["id"] for row in plain} == {ad.id for ad in api.presence.ads(api.account().id)}
    assert any(row["metrics"]["impressions"] == "0" for row in plain)
    daily = api.rows(
        f"SELECT ad_group_ad.ad.id, segments.date, metrics.video_trueview_views FROM ad_group_ad WHERE {_RANGE}"
    )
    truth = api.presence.truth("ad_daily", account_id=api.account().id, since=_SINCE, until=_UNTIL)
    watched = sum(1 for views in truth["video_views"].to_pylist() if views)
    assert len(daily) == watched < truth.num_rows


def test_a_day_may_be_restated(api):
    query = "SELECT metrics.conversions FROM customer WHERE segments.date = '2026-11-20'"
    (before,) = api.rows(query)
    api.world.set_today(api.world.today + timedelta(days=20))
    (after,) = api.rows(query)
    assert after["metrics"]["conversions"] > before["metrics"]["conversions"]


def test_zeros_are_there_and_shares_only_where_they_apply(api):
    rows = api.rows(
        "SELECT campaign.id, campaign.advertising_channel_type, segments.date, metrics.impressions, "
        "metrics.view_through_conversions, metrics.search_impression_share, metrics.content_impression_share, "
        f"metrics.search_rank_lost_impression_share FROM campaign WHERE {_RANGE}"
    )
    for row in rows:
        metrics = row["metrics"]
        assert metrics["viewThroughConversions"] == "0"
        searched = row["campaign"]["advertisingChannelType"] in ("SEARCH", "SHOPPING")
        assert ("searchImpressionShare" in metrics) == searched
        shown = row["campaign"]["advertisingChannelType"] in ("DISPLAY", "VIDEO")
        assert ("contentImpressionShare" in metrics) == shown
        if searched:
            assert 0.0999 <= metrics["searchImpressionShare"] < 1
            assert 0 <= metrics["searchRankLostImpressionShare"] <= 0.9001
    assert {row["campaign"]["advertisingChannelType"] for row in rows} > {"SEARCH"}


def test_averages_are_doubles_in_micros(api):
    rows = api.rows(
        "SELECT campaign.id, metrics.clicks, metrics.cost_micros, metrics.impressions, metrics.average_cpc, "
        f"metrics.average_cpm, metrics.ctr FROM campaign WHERE {_RANGE} AND metrics.clicks > 0"
    )
    for row in rows:
        metrics = row["metrics"]
        cost, clicks, impressions = (int(metrics[name]) for name in ("costMicros", "clicks", "impressions"))
        assert metrics["averageCpc"] == cost / clicks
        assert metrics["averageCpm"] == cost * 1000 / impressions
        assert metrics["ctr"] == clicks / impressions


def test_filters_sorts_and_limits_results(api):
    rows = api.rows(
        f"SELECT ad_group.id, segments.date, metrics.clicks FROM ad_group WHERE {_RANGE} AND metrics.clicks >= 2 "
        "AND campaign.status = ENABLED ORDER BY metrics.clicks DESC, segments.date LIMIT 7"
    )
    clicks = [int(row["metrics"]["clicks"]) for row in rows]
    assert len(clicks) == 7
    assert clicks == sorted(clicks, reverse=True)
    everything = api.presence.truth("ad_group_daily", account_id=api.account().id, since=_SINCE, until=_UNTIL)
    live = {each.id for each in api.presence.campaigns() if each.status.value in ("active", "ended")}
    known = [row["clicks"] for row in everything.to_pylist() if row["campaign_id"] in live]
    assert clicks == sorted(known, reverse=True)[:7]


def test_leaves_out_resource_names_when_asked_to(api):
    query = f"SELECT campaign.id, segments.date, metrics.clicks FROM campaign WHERE {_RANGE} LIMIT 1"
    (row,) = api.rows(query)
    assert row["campaign"]["resourceName"].endswith(f"/campaigns/{row['campaign']['id']}")
    (bare,) = api.rows(f"{query} PARAMETERS omit_unselected_resource_names = true")
    assert bare["campaign"] == {"id": row["campaign"]["id"]}


def test_a_summary_row_adds_everything_up(api):
    query = f"SELECT campaign.id, segments.date, metrics.clicks FROM campaign WHERE {_RANGE}"
    response = api.post(
        f"customers/{api.account().id}/googleAds:searchStream",
        {"query": query, "summaryRowSetting": "SUMMARY_ROW_WITH_RESULTS"},
    )
    *batches, last = response.json()
    clicks = sum(int(row["metrics"]["clicks"]) for batch in batches for row in batch["results"])
    assert last["summaryRow"]["metrics"]["clicks"] == str(clicks)
    assert "results" not in last


@pytest.mark.parametrize("resource", [resource for resource, _, _ in _LEVELS.values()])
@pytest.mark.parametrize("segments", ["", "segments.date, segments.device, ", "segments.month, "])
def test_an_account_without_anything_has_nothing_to_show(api, resource, segments):
    empty = api.presence.accounts[-1].id
    rows = api.rows(f"SELECT {segments}metrics.clicks FROM {resource} WHERE {_RANGE}", account=empty)
    # A customer is there all the same, unless segments make its zeros vanish.
    assert len(rows) == (1 if resource == "customer" and not segments else 0)


def test_results_of_an_account_without_search_are_exact_too(api):
    account = next(each for each in api.presence.accounts if each.time_zone == "Europe/Madrid")
    assert not api.presence.keywords(account.id)
    assert api.rows(f"SELECT segments.date, metrics.clicks FROM keyword_view WHERE {_RANGE}", account=account.id) == []
    rows = api.rows(f"SELECT segments.date, metrics.clicks FROM campaign WHERE {_RANGE}", account=account.id)
    truth = api.presence.totals("campaign_daily", account_id=account.id, since=_SINCE, until=_UNTIL)
    assert sum(int(row["metrics"]["clicks"]) for row in rows) == truth.clicks > 0


def test_results_stay_with_the_campaign_they_were_made_in(served):
    api = served(World.generate(seed=3, today=_UNTIL, scale=0.1, days=20))
    account = api.account()
    first, second = [each for each in api.presence.campaigns(account.id) if each.channel == "search"][:2]
    group = next(each for each in api.presence.ad_groups(account.id) if each.campaign_id == first.id)
    query = (
        "SELECT campaign.id, ad_group.id, segments.date, metrics.clicks FROM ad_group "
        "WHERE segments.date BETWEEN '2026-11-10' AND '2026-11-25'"
    )
    before = api.rows(query)
    api.presence.update(replace(group, campaign_id=second.id))
    assert api.rows(query) == before
    api.world.set_today(_UNTIL + timedelta(days=3))
    mine = [row for row in api.rows(query) if row["adGroup"]["id"] == group.id]
    found = {(row["segments"]["date"] > str(_UNTIL), row["campaign"]["id"]) for row in mine}
    assert found == {(False, first.id), (True, second.id)}


def test_all_time_totals_need_no_range(api):
    (row,) = api.rows("SELECT customer.id, metrics.clicks, metrics.cost_micros FROM customer")
    totals = api.presence.totals("account_daily", account_id=api.account().id)
    assert (int(row["metrics"]["clicks"]), int(row["metrics"]["costMicros"])) == (totals.clicks, totals.cost_micros)
