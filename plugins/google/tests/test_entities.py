"""Campaigns, ad groups, ads and keywords, all of them or those that have changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from adjoin.ads.v2 import Ad, AdGroup, Campaign, Keyword, Status
from adjoin.errors import ErrorKind, PlatformError
from adjoin_google.changes import MOST

_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
_NAME = "customers/1234567890"


def _campaign(number="11", status="ENABLED", serving="SERVING", *, budget=None, **more):
    known = {"id": number, "name": "Bröd & Co", "status": status, "servingStatus": serving}
    row = {"campaign": {**known, "advertisingChannelType": "SEARCH", "startDateTime": "2026-01-05 00:00:00", **more}}
    return row | ({"campaignBudget": budget} if budget else {})


def _ad(number="33", *, status="ENABLED", ad=None, **more):
    return {
        "adGroupAd": {"ad": {"id": number, "type": "RESPONSIVE_SEARCH_AD", **(ad or {})}, "status": status, **more},
        "adGroup": {"id": "22"},
        "campaign": {"id": "11"},
    }


def _entities(batches):
    return [one for batch in batches for one in batch.entities]


def test_a_campaign(fake, read):
    budget = {"resourceName": "x", "amountMicros": "25000000", "period": "DAILY"}
    (found,) = _entities(read(fake(lambda _: [_campaign(budget=budget)]), "campaigns"))
    assert found == Campaign(
        id="11", account_id="1234567890", name="Bröd & Co", status=Status.ACTIVE, native_status="ENABLED",
        channel="search", daily_budget_micros=25_000_000, start_date=date(2026, 1, 5),
    )  # fmt: skip


def test_a_budget_for_the_whole_life_and_an_end(fake, read):
    row = _campaign(budget={"totalAmountMicros": "900000000"}, endDateTime="2026-12-31 23:59:59")
    (found,) = _entities(read(fake(lambda _: [row]), "campaigns"))
    assert (found.daily_budget_micros, found.lifetime_budget_micros) == (None, 900_000_000)
    assert found.end_date == date(2026, 12, 31)


def test_the_end_that_means_none(fake, read):
    (found,) = _entities(read(fake(lambda _: [_campaign(endDateTime="2037-12-30 23:59:59")]), "campaigns"))
    assert found.end_date is None


@pytest.mark.parametrize(
    ("status", "serving", "known", "words"),
    [
        ("ENABLED", "SERVING", Status.ACTIVE, "ENABLED"),
        ("ENABLED", "NONE", Status.ACTIVE, "ENABLED"),
        ("ENABLED", "ENDED", Status.ENDED, "ENABLED/ENDED"),
        ("ENABLED", "PENDING", Status.PENDING, "ENABLED/PENDING"),
        ("PAUSED", "ENDED", Status.PAUSED, "PAUSED"),
        ("REMOVED", "NONE", Status.REMOVED, "REMOVED"),
        ("OF_NEXT_YEAR", "X", Status.UNKNOWN, "OF_NEXT_YEAR"),
    ],
)
def test_states_of_campaigns(fake, read, status, serving, known, words):
    (found,) = _entities(read(fake(lambda _: [_campaign(status=status, serving=serving)]), "campaigns"))
    assert (found.status, found.native_status) == (known, words)


@pytest.mark.parametrize(
    ("kind", "channel"),
    [
        ("PERFORMANCE_MAX", "performance_max"),
        ("MULTI_CHANNEL", "app"),
        ("DEMAND_GEN", "demand_gen"),
        ("TRAVEL", "hotel"),
        ("OF_NEXT_YEAR", "other"),
        ("UNSPECIFIED", None),
    ],
)
def test_channels(fake, read, kind, channel):
    (found,) = _entities(read(fake(lambda _: [_campaign(advertisingChannelType=kind)]), "campaigns"))
    assert found.channel == channel


def test_an_ad_group(fake, read):
    row = {
        "adGroup": {"id": "22", "name": "G", "status": "PAUSED", "cpcBidMicros": "1200000"},
        "campaign": {"id": "11"},
    }
    (found,) = _entities(read(fake(lambda _: [row]), "ad_groups"))
    assert found == AdGroup(
        id="22", account_id="1234567890", campaign_id="11", name="G", status=Status.PAUSED, native_status="PAUSED",
        bid_micros=1_200_000,
    )  # fmt: skip


def test_an_ad(fake, read):
    (found,) = _entities(read(fake(lambda _: [_ad(ad={"name": "A", "finalUrls": ["https://a.example/"]})]), "ads"))
    assert found == Ad(
        id="33", account_id="1234567890", campaign_id="11", ad_group_id="22", name="A", status=Status.ACTIVE,
        native_status="ENABLED", landing_url="https://a.example/",
        format="Responsive search ad",
    )  # fmt: skip


def test_an_ad_without_a_name_is_called_by_its_headlines_or_its_kind(fake, read):
    headlines = [{"text": "Fresh bread", "pinnedField": "HEADLINE_1"}, {"text": "Order now"}, {"text": "Third"}]
    rows = [_ad("1", ad={"responsiveSearchAd": {"headlines": headlines}}), _ad("2")]
    names = [one.name for one in _entities(read(fake(lambda _: rows), "ads"))]
    assert names == ["Fresh bread | Order now", "Responsive search ad 2"]


@pytest.mark.parametrize(
    ("status", "more", "known", "words"),
    [
        ("ENABLED", {"primaryStatus": "ELIGIBLE"}, Status.ACTIVE, "ENABLED"),
        ("ENABLED", {"primaryStatus": "PENDING"}, Status.PENDING, "ENABLED/PENDING"),
        (
            "ENABLED",
            {"primaryStatus": "NOT_ELIGIBLE", "policySummary": {"approvalStatus": "DISAPPROVED"}},
            Status.REJECTED,
            "ENABLED/DISAPPROVED",
        ),
        ("PAUSED", {"policySummary": {"approvalStatus": "DISAPPROVED"}}, Status.PAUSED, "PAUSED"),
        ("REMOVED", {}, Status.REMOVED, "REMOVED"),
    ],
)
def test_states_of_ads(fake, read, status, more, known, words):
    (found,) = _entities(read(fake(lambda _: [_ad(status=status, **more)]), "ads"))
    assert (found.status, found.native_status) == (known, words)


def test_a_keyword(fake, read):
    criterion = {"criterionId": "77", "status": "ENABLED", "keyword": {"text": "sourdough", "matchType": "PHRASE"}}
    rows = [
        {"adGroupCriterion": {**criterion, "cpcBidMicros": "5"}, "adGroup": {"id": "22"}, "campaign": {"id": "11"}},
        {
            "adGroupCriterion": {**criterion, "keyword": {"matchType": "OF_NEXT_YEAR"}},
            "adGroup": {"id": "23"},
            "campaign": {"id": "11"},
        },
    ]
    client = fake(lambda _: rows)
    first, second = _entities(read(client, "keywords"))
    assert first == Keyword(
        id="22~77", account_id="1234567890", campaign_id="11", ad_group_id="22", name="sourdough", match_type="phrase",
        status=Status.ACTIVE, native_status="ENABLED", bid_micros=5,
    )  # fmt: skip
    assert (second.id, second.match_type, second.bid_micros) == ("23~77", "unknown", None)
    assert "ad_group_criterion.negative = FALSE" in client.sent[0].query


def test_an_ad_in_two_ad_groups_comes_once(fake, read):
    assert len(_entities(read(fake(lambda _: [_ad(), _ad(status="PAUSED")]), "ads"))) == 1


@pytest.mark.parametrize("stream", ["campaigns", "ad_groups", "ads"])
def test_nothing_is_left_out_by_its_state(fake, read, stream):
    client = fake(lambda _: [])
    assert read(client, stream) == []
    assert "WHERE" not in client.sent[0].query


def test_a_day_that_is_none_is_named(fake, read):
    with pytest.raises(PlatformError, match="cannot be read"):
        read(fake(lambda _: [_campaign(startDateTime="soon")]), "campaigns")


def test_a_list_cannot_be_split_and_is_asked_for_again(fake, read):
    with pytest.raises(PlatformError) as caught:
        read(fake(lambda _: PlatformError("slow", kind=ErrorKind.SPLIT)), "ads")
    assert caught.value.kind is ErrorKind.RETRY


# --- changes ----------------------------------------------------------------------------------------------------------


def _change(kind, name, at="2026-11-22 12:30:00.123456", **more):
    return {"changeStatus": {"resourceType": kind, "lastChangeDateTime": at, **more, **name}}


def _google(changes, rows):
    """Answer the list of changes from a list of its answers, and everything else with rows."""
    changes = list(changes)
    return lambda sent: changes.pop(0) if "FROM change_status" in sent.query else rows


def test_only_what_has_changed_is_read_and_what_was_removed_comes_as_removed(fake, read):
    changes = [
        _change("AD_GROUP", {"adGroup": f"{_NAME}/adGroups/22"}, resourceStatus="CHANGED"),
        _change("AD_GROUP", {"adGroup": f"{_NAME}/adGroups/23"}, resourceStatus="REMOVED"),
        _change("AD_GROUP", {"adGroup": f"{_NAME}/adGroups/22"}),
    ]
    rows = [
        {"adGroup": {"id": "22", "status": "ENABLED"}, "campaign": {"id": "11"}},
        {"adGroup": {"id": "23", "status": "REMOVED"}, "campaign": {"id": "11"}},
    ]
    client = fake(_google([changes], rows))
    found = _entities(read(client, "ad_groups", since=_NOON - timedelta(hours=2)))
    assert [(one.id, one.status) for one in found] == [("22", Status.ACTIVE), ("23", Status.REMOVED)]
    asked, wanted = (sent.query for sent in client.sent)
    # 10:00 UTC is 11:00 in Berlin; an hour more for the night when clocks go back.
    assert asked == (
        "SELECT change_status.last_change_date_time, change_status.resource_type, change_status.ad_group "
        "FROM change_status WHERE change_status.last_change_date_time BETWEEN '2026-11-22 10:00:00' AND "
        "'2026-11-23 13:00:00' AND change_status.resource_type IN ('AD_GROUP') "
        "ORDER BY change_status.last_change_date_time ASC LIMIT 10000 PARAMETERS omit_unselected_resource_names = true"
    )
    assert f"WHERE ad_group.resource_name IN ('{_NAME}/adGroups/22', '{_NAME}/adGroups/23') " in wanted


def test_the_night_when_clocks_go_back_loses_no_change(fake, read):
    """At 00:30 UTC it is half past two in Berlin, and an hour later it is so again."""
    client = fake(_google([[]], []))
    client.now = lambda: datetime(2026, 10, 25, 2, tzinfo=UTC)
    read(client, "ads", since=datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    assert "BETWEEN '2026-10-25 01:30:00' AND '2026-10-26 03:00:00'" in client.sent[0].query


def test_a_changed_budget_is_a_changed_campaign(fake, read):
    changes = [
        _change("CAMPAIGN", {"campaign": f"{_NAME}/campaigns/11"}),
        _change("CAMPAIGN_BUDGET", {"campaignBudget": f"{_NAME}/campaignBudgets/5"}),
    ]
    client = fake(_google([changes], [_campaign()]))
    found = _entities(read(client, "campaigns", since=_NOON))
    assert [one.id for one in found] == ["11"]
    assert [sent.query.partition("WHERE ")[2].partition(" PARA")[0] for sent in client.sent[1:]] == [
        f"campaign.resource_name IN ('{_NAME}/campaigns/11')",
        f"campaign.campaign_budget IN ('{_NAME}/campaignBudgets/5')",
    ]


def test_changed_keywords_keep_the_conditions_of_keywords(fake, read):
    changes = [_change("AD_GROUP_CRITERION", {"adGroupCriterion": f"{_NAME}/adGroupCriteria/22~77"})]
    client = fake(_google([changes], []))
    assert read(client, "keywords", since=_NOON) == []
    assert (
        "ad_group_criterion.negative = FALSE AND ad_group_criterion.resource_name IN "
        f"('{_NAME}/adGroupCriteria/22~77')" in client.sent[1].query
    )


def test_nothing_has_changed(fake, read):
    client = fake(_google([[]], [_campaign()]))
    assert read(client, "campaigns", since=_NOON) == []
    assert len(client.sent) == 1


def test_what_google_does_not_remember_is_read_whole(fake, read):
    client = fake(lambda _: [_campaign()])
    assert len(_entities(read(client, "campaigns", since=_NOON - timedelta(days=89)))) == 1
    assert len(client.sent) == 1
    assert "change_status" not in client.sent[0].query


def _many(first, count, *, second=None):
    start = datetime(2026, 11, 22, 12, 30)  # noqa: DTZ001 - local time
    return [
        _change(
            "AD_GROUP_AD",
            {"adGroupAd": f"{_NAME}/adGroupAds/22~{number}"},
            at=f"{second or start + timedelta(seconds=number / 10)}",
        )
        for number in range(first, first + count)
    ]


def test_more_changes_than_one_query_gives_are_asked_for_from_the_last_second_on(fake, read):
    first = _many(0, MOST)
    second = _many(MOST - 3, 8)
    client = fake(_google([first, second], [_ad()]))
    read(client, "ads", since=_NOON)
    bounds = [sent.query.partition("BETWEEN '")[2][:19] for sent in client.sent[:2]]
    assert bounds == ["2026-11-22 12:00:00", "2026-11-22 12:46:39"]
    # So many are read whole: that is one query as well.
    assert len(client.sent) == 3
    assert "WHERE" not in client.sent[2].query


def test_more_changes_in_a_second_than_one_query_gives_are_read_whole(fake, read):
    same = _many(0, MOST, second="2026-11-22 12:00:00.5")
    client = fake(_google([same], [_ad()]))
    assert len(_entities(read(client, "ads", since=_NOON))) == 1
    assert len(client.sent) == 2
