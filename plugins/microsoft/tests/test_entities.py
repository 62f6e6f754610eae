"""Campaigns, ad groups, ads and keywords from bulk downloads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adjoin.ads.v2 import ReadRequest, Status
from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.entities import read_entities

COLUMNS = ("Type", "Status", "Id", "Parent Id", "Campaign", "Ad Group", "Keyword", "Match Type", "Extra", "Name")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEAD = [("Format Version", "", "", "", "", "", "", "", "", "6.0"), ("Account", "", "180012345", "5")]
GROUP = ("Ad Group", "Active", "21", "11", "Brand", "G")
CAMPAIGN = ("Campaign", "Active", "11", "180012345", "Brand")
AD = ("Responsive Search Ad", "Active", "31", "21", "Brand", "G")
KEYWORD = ("Keyword", "Active", "51", "21", "Brand", "G", "shoes", "Exact")


@dataclass
class Bulk:
    """Answers the operations of bulk downloads with the records of a request, or with a state."""

    make_csv: Callable[..., bytes]
    make_zip: Callable[..., bytes]
    records: Callable[[Mapping[str, Any]], Sequence[Sequence[str]] | str]
    requests: list[Mapping[str, Any]] = field(default_factory=list)

    def __call__(self, sent: Any) -> Any:
        if sent.path == "/Bulk/v13/Campaigns/DownloadByAccountIds":
            self.requests.append(sent.json)
            return {"DownloadRequestId": str(len(self.requests))}
        number = int(sent.json["RequestId"] if sent.method == "POST" else sent.path[1:])
        records = self.records(self.requests[number - 1])
        if sent.method == "POST":
            state = records if isinstance(records, str) else "Completed"
            return {"RequestStatus": state, "ResultFileUrl": f"https://files.example/{number}", "Errors": []}
        rows = [(*record, *[""] * (len(COLUMNS) - len(record))) for record in records]
        return self.make_zip(self.make_csv([COLUMNS, *rows]))


@pytest.fixture
def bulk(make_csv, make_zip):
    return lambda records: Bulk(make_csv, make_zip, records)


def _read(run, client, account, stream, since=None):
    async def collect():
        request = ReadRequest(stream=stream, account=account, updated_since=since)
        return [entity async for batch in read_entities(request, client) for entity in batch.entities]

    return run(collect())


@pytest.mark.parametrize(
    ("stream", "downloads", "ids"),
    [
        ("campaigns", ["Campaigns"], ["11"]),
        ("ad_groups", ["AdGroups"], ["21"]),
        ("ads", ["AdGroups", "Ads"], ["31"]),
        ("keywords", ["AdGroups", "Keywords"], ["51"]),
    ],
)
def test_a_stream_is_one_download_of_which_its_records_are_read(fake, run, bulk, account, stream, downloads, ids):
    server = bulk(lambda request: [*HEAD, CAMPAIGN, GROUP, AD, KEYWORD])
    client = fake(server)
    assert [entity.id for entity in _read(run, client, account, stream)] == ids
    assert server.requests == [
        {
            "AccountIds": ["180012345"],
            "CompressionType": "Zip",
            "DataScope": "EntityData",
            "DownloadEntities": downloads,
            "DownloadFileType": "Csv",
            "FormatVersion": "6.0",
            "LastSyncTimeInUTC": None,
        }
    ]


@pytest.mark.parametrize("stream", ["ads", "keywords"])
@pytest.mark.parametrize("order", [1, -1])
def test_the_campaign_comes_from_the_ad_group_wherever_its_record_is(fake, run, bulk, account, stream, order):
    server = bulk(lambda request: [GROUP, AD, KEYWORD][::order])
    (entity,) = _read(run, fake(server), account, stream)
    assert (entity.campaign_id, entity.ad_group_id, entity.account_id) == ("11", "21", "180012345")


@pytest.mark.parametrize("kind", ["Product Ad", "Hologram Ad"])
def test_an_ad_of_any_kind_is_an_ad(fake, run, bulk, account, kind):
    server = bulk(lambda request: [GROUP, (kind, *AD[1:])])
    assert [entity.id for entity in _read(run, fake(server), account, "ads")] == ["31"]


def test_a_negative_keyword_is_no_keyword(fake, run, bulk, account):
    server = bulk(lambda request: [GROUP, ("Ad Group Negative Keyword", *KEYWORD[1:])])
    assert _read(run, fake(server), account, "keywords") == []


def test_an_ad_without_an_ad_group_asks_to_be_read_again(fake, run, bulk, account):
    with pytest.raises(PlatformError, match="ad group 21") as caught:
        _read(run, fake(bulk(lambda request: [AD])), account, "ads")
    assert caught.value.kind is ErrorKind.RESTART


def test_changes_are_asked_for_by_the_instant(fake, run, bulk, account):
    gone = ("Campaign", "Deleted", "12", "180012345", "Old")
    server = bulk(lambda request: [CAMPAIGN, gone])
    found = _read(run, fake(server), account, "campaigns", NOW - timedelta(hours=5))
    assert [(entity.id, entity.status) for entity in found] == [("11", Status.ACTIVE), ("12", Status.REMOVED)]
    assert server.requests[0]["LastSyncTimeInUTC"] == "2026-11-22T07:00:00"


def test_longer_ago_than_microsoft_remembers_all_are_read(fake, run, bulk, account):
    server = bulk(lambda request: [CAMPAIGN])
    _read(run, fake(server), account, "campaigns", NOW - timedelta(days=30))
    assert server.requests[0]["LastSyncTimeInUTC"] is None


def test_where_changes_cannot_be_told_all_are_read(fake, run, bulk, account):
    server = bulk(lambda request: "FailedFullSyncRequired" if request["LastSyncTimeInUTC"] else [CAMPAIGN])
    found = _read(run, fake(server), account, "campaigns", NOW - timedelta(hours=5))
    assert [entity.id for entity in found] == ["11"]
    assert [bool(request["LastSyncTimeInUTC"]) for request in server.requests] == [True, False]


def test_ad_groups_that_have_not_changed_are_looked_up_once(fake, run, bulk, account):
    server = bulk(lambda request: [AD, (*AD[:2], "32", *AD[3:])] if request["LastSyncTimeInUTC"] else [GROUP])
    found = _read(run, fake(server), account, "ads", NOW - timedelta(hours=5))
    assert [(entity.id, entity.campaign_id) for entity in found] == [("31", "11"), ("32", "11")]
    assert [request["DownloadEntities"] for request in server.requests] == [["AdGroups", "Ads"], ["AdGroups"]]


def test_without_ads_among_the_changes_nothing_is_looked_up(fake, run, bulk, account):
    server = bulk(lambda request: [GROUP])
    assert _read(run, fake(server), account, "ads", NOW - timedelta(hours=5)) == []
    assert len(server.requests) == 1


def test_a_deleted_ad_of_an_ad_group_that_is_long_gone_is_left_out(fake, run, bulk, account):
    deleted = ("Responsive Search Ad", "Deleted", "31", "21")
    server = bulk(lambda request: [deleted] if request["LastSyncTimeInUTC"] else [])
    assert _read(run, fake(server), account, "ads", NOW - timedelta(hours=5)) == []


@pytest.mark.parametrize(("state", "kind"), [("Failed", ErrorKind.SPLIT), ("Dreaming", ErrorKind.RETRY)])
def test_a_download_that_fails_is_an_error(fake, run, bulk, account, state, kind):
    with pytest.raises(PlatformError, match=r"account 180012345|Dreaming") as caught:
        _read(run, fake(bulk(lambda request: state)), account, "campaigns")
    assert caught.value.kind is kind


def test_a_value_that_cannot_be_read_names_its_record(fake, run, account, make_csv, make_zip):
    columns = ("Type", "Id", "Budget")
    file = make_zip(make_csv([columns, ("Campaign", "11", "much")]))

    def answer(sent):
        if sent.method == "GET":
            return file
        return {"DownloadRequestId": "1", "RequestStatus": "Completed", "ResultFileUrl": "https://files.example/1"}

    with pytest.raises(PlatformError, match="Campaign 11"):
        _read(run, fake(answer), account, "campaigns")


def test_a_value_that_is_marked_as_deleted_is_none(fake, run, account, make_csv, make_zip):
    file = make_zip(make_csv([("Type", "Id", "Bid", "Parent Id"), (*GROUP[:1], "21", "", "11"),
                              ("Keyword", "51", "delete_value", "21")]))  # fmt: skip

    def answer(sent):
        if sent.method == "GET":
            return file
        return {"DownloadRequestId": "1", "RequestStatus": "Completed", "ResultFileUrl": "https://files.example/1"}

    (found,) = _read(run, fake(answer), account, "keywords")
    assert found.bid_micros is None
