"""Results, against a client that answers from a function."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import Account, DateWindow, ReadRequest
from adjoin.errors import ErrorKind, PlatformError
from adjoin_linkedin import plugin
from adjoin_linkedin.facts import MOST_ROWS, read_facts

_DAY = date(2026, 11, 1)
_DENIED = PlatformError("no role in this account", kind=ErrorKind.SKIP_ACCOUNT)


def _window(days=1):
    return DateWindow(since=_DAY, until=_DAY + timedelta(days=days - 1))


def _range(day):
    point = {"year": day.year, "month": day.month, "day": day.day}
    return {"start": point, "end": point}


def _row(creative=3, campaign=2, group=1, *, day=_DAY, **figures):
    urns = [f"urn:li:sponsoredCampaignGroup:{group}", f"urn:li:sponsoredCampaign:{campaign}"]
    urns += [f"urn:li:sponsoredCreative:{creative}"] if creative else []
    return {"pivotValues": urns, "dateRange": _range(day), **figures}


def _by_rule(rule, number=1, value="0.0", **where):
    row = _row(None, **where, externalWebsiteConversions=number, conversionValueInLocalCurrency=value)
    return {**row, "pivotValues": [*row["pivotValues"], f"urn:lla:llaPartnerConversion:{rule}"]}


def _read(run, client, account, stream="ad_daily", days=1, **options):
    async def main():
        request = ReadRequest(stream=stream, account=account, window=_window(days))
        return [batch async for batch in read_facts(request, client, **options)]

    return run(main())


def _rows(batches):
    return [row for batch in batches for row in batch.rows.to_pylist()]


def test_numbers_are_exact_and_what_is_absent_is_zero(fake, run, account):
    rows = [
        _row(impressions=1532, clicks=37, costInLocalCurrency="19.91833", externalWebsiteConversions=3,
             oneClickLeads=2, conversionValueInLocalCurrency="149.7", videoViews=40, landingPageClicks=5),
        _row(4, impressions=9007199254740993),
    ]  # fmt: skip
    (batch,) = _read(run, fake(lambda _: {"elements": rows, "paging": {"start": 0, "count": 10}}), account)
    assert batch.rows.schema == arrow_schema("ad_daily")
    first, second = _rows([batch])
    assert first == {
        "date": _DAY, "account_id": "101", "campaign_id": "1", "ad_group_id": "2", "ad_id": "3", "impressions": 1532,
        "clicks": 37, "cost_micros": 19_918_330, "conversions": Decimal(5), "conversion_value_micros": 149_700_000,
        "video_views": 40,
    }  # fmt: skip
    assert (second["impressions"], second["clicks"], second["cost_micros"]) == (9007199254740993, 0, 0)
    assert (second["conversions"], second["conversion_value_micros"], second["video_views"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("stream", "asked"),
    [
        ("account_daily", {"q": "analytics", "pivot": "ACCOUNT"}),
        ("campaign_daily", {"q": "analytics", "pivot": "CAMPAIGN_GROUP"}),
        ("ad_group_daily", {"q": "statistics", "pivots": "List(CAMPAIGN_GROUP,CAMPAIGN)"}),
        ("ad_daily", {"q": "statistics", "pivots": "List(CAMPAIGN_GROUP,CAMPAIGN,CREATIVE)"}),
    ],
)
def test_one_question_per_account_and_days(fake, run, account, stream, asked):
    client = fake(lambda sent: {"elements": []})
    _read(run, client, account, stream, days=30)
    sent = client.sent[0]
    assert sent.path == "/rest/adAnalytics"
    assert asked.items() <= sent.params.items()
    assert sent.params["dateRange"] == "(start:(year:2026,month:11,day:1),end:(year:2026,month:11,day:30))"
    assert sent.params["timeGranularity"] == "DAILY"
    assert sent.urns == ["urn:li:sponsoredAccount:101"]
    assert sent.params["fields"].split(",")[:2] == ["dateRange", "pivotValues"]


def test_nothing_is_nothing_only_if_the_account_may_be_read(fake, run, account):
    client = fake(lambda sent: {"id": 101} if sent.path.endswith("/101") else {"elements": []})
    assert _read(run, client, account) == []
    assert [sent.path for sent in client.sent] == ["/rest/adAnalytics", "/rest/adAccounts/101"]
    with pytest.raises(PlatformError) as caught:
        _read(run, fake(lambda sent: _DENIED if sent.path.endswith("/101") else {"elements": []}), account)
    assert caught.value.kind is ErrorKind.SKIP_ACCOUNT


class _Cutting:
    """LinkedIn with its limit: shows the latest days first and leaves the rest out."""

    def __init__(self, rows, most):
        self.rows = rows
        self.most = most
        self.asked = []

    def __call__(self, sent):
        if sent.path != "/rest/adAnalytics":
            return {"elements": []}
        numbers = [int("".join(filter(str.isdigit, part))) for part in sent.params["dateRange"].split(",")]
        since, until = date(*numbers[:3]), date(*numbers[3:])
        self.asked.append((since, until))
        found = [row for row in self.rows if since <= date(*row["dateRange"]["start"].values()) <= until]
        if sent.params.get("campaigns"):
            found = [row for row in found if row["pivotValues"][1] in sent.urns]
        if sent.params.get("pivot") == "CAMPAIGN":
            urns = dict.fromkeys(row["pivotValues"][1] for row in found)
            found = [{"pivotValues": [urn], "dateRange": _range(since)} for urn in urns]
        return {"elements": sorted(found, key=lambda row: row["dateRange"]["start"]["day"], reverse=True)[: self.most]}


def _many(creatives, days, campaigns=7):
    return [
        _row(number, 100_000_000 + number % campaigns, day=_DAY + timedelta(days=day), impressions=number)
        for day in range(days)
        for number in range(1, creatives + 1)
    ]


@pytest.mark.parametrize("most", [1_000, 61, 60, 31, 11, 8])
def test_an_answer_of_full_length_is_asked_for_in_parts(fake, run, account, most):
    linkedin = _Cutting(_many(30, 10), most)
    rows = _rows(_read(run, fake(linkedin), account, days=10, most_rows=most))
    assert sorted((row["date"], int(row["ad_id"])) for row in rows) == [
        (_DAY + timedelta(days=day), number) for day in range(10) for number in range(1, 31)
    ]
    assert all(row["impressions"] == int(row["ad_id"]) for row in rows)


@given(
    sizes=st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=5), min_size=1, max_size=9),
    most=st.integers(7, 40),
)
def test_however_the_rows_are_spread_each_arrives_once(fake, run, sizes, most):
    """`sizes` is the number of creatives with results, by day and campaign."""
    rows = [
        _row(1 + campaign * 10 + number, 100 + campaign, day=_DAY + timedelta(days=day), impressions=1)
        for day, campaigns in enumerate(sizes)
        for campaign, creatives in enumerate(campaigns)
        for number in range(creatives)
    ]
    account = Account(id="101", name="", currency="EUR", time_zone="UTC")
    client = fake(_Cutting(rows, most))
    found = _rows(_read(run, client, account, days=len(sizes), most_rows=most))
    wanted = [(date(*row["dateRange"]["start"].values()), row["pivotValues"][2].rpartition(":")[2]) for row in rows]
    assert sorted((row["date"], row["ad_id"]) for row in found) == sorted(wanted)


def test_once_cut_the_days_after_it_are_asked_for_in_parts_as_short(fake, run, account):
    linkedin = _Cutting(_many(30, 8), 61)
    _read(run, fake(linkedin), account, days=8, most_rows=61)
    day = lambda number: _DAY + timedelta(days=number - 1)  # noqa: E731
    assert linkedin.asked == [
        (day(1), day(8)),
        (day(1), day(4)),
        (day(1), day(2)),
        (day(3), day(4)),
        (day(5), day(6)),
        (day(7), day(8)),
    ]


def test_linkedins_own_limit_is_15000_rows(fake, run, account):
    linkedin = _Cutting(_many(MOST_ROWS // 2, 2), MOST_ROWS)
    batches = _read(run, fake(linkedin), account, days=2)
    assert [batch.rows.num_rows for batch in batches] == [7_500, 7_500]
    assert MOST_ROWS == 15_000


def test_a_day_too_large_is_read_by_the_campaigns_that_have_rows_in_it(fake, run, account):
    linkedin = _Cutting(_many(600, 1, campaigns=300), 350)
    client = fake(linkedin)
    assert len(_rows(_read(run, client, account, most_rows=350))) == 600
    listing = client.sent[1]
    assert listing.params["pivot"] == "CAMPAIGN"
    parts = client.sent[2:]
    assert [len(sent.urns) for sent in parts] == [100, 100, 100]
    # As long as they are they go into the body.
    assert {sent.method for sent in parts} == {"POST"}
    assert all(sent.repeatable for sent in parts)


def test_a_campaign_too_large_for_one_day_is_said_and_not_cut(fake, run, account):
    with pytest.raises(PlatformError, match="50 rows or more for 2026-11-01 alone") as caught:
        _read(run, fake(_Cutting(_many(60, 1, campaigns=1), 50)), account, most_rows=50)
    assert caught.value.kind is ErrorKind.SPLIT


def test_conversions_come_by_action_with_the_leads_of_forms(fake, run, account):
    rules = [
        {"id": 71, "name": "Order", "type": "PURCHASE"},
        {"id": 72, "name": "Order by phone", "type": "PURCHASE"},
        {"id": 73, "name": "Newsletter", "type": "OTHER", "enabled": True},
        {"id": 74, "name": "Form on our site", "type": "LEAD"},
    ]

    def answer(sent):
        if sent.path == "/rest/conversions":
            assert sent.params["account"] == "urn%3Ali%3AsponsoredAccount%3A101"
            return {"elements": rules, "paging": {"start": 0, "count": 1000, "total": 4}}
        if "CONVERSION" in sent.params["pivots"]:
            purchases = [_by_rule(71, 2, "10.00001"), _by_rule(72, 1, "5")]
            return {"elements": [*purchases, _by_rule(73, 4), _by_rule(74, 1), _by_rule(79, 0)]}
        assert sent.params["fields"] == "dateRange,pivotValues,oneClickLeads"
        return {"elements": [_row(None, oneClickLeads=6), _row(None, 5, oneClickLeads=0)]}

    (batch,) = _read(run, fake(answer), account, "conversion_daily")
    assert batch.rows.schema == arrow_schema("conversion_daily")
    rows = {row["action"]: row for row in _rows([batch])}
    assert {action: (row["conversions"], row["conversion_value_micros"]) for action, row in rows.items()} == {
        "purchases": (3, 15_000_010),
        "Newsletter": (4, 0),
        "leads": (7, 0),
    }
    assert {(row["campaign_id"], row["ad_group_id"], row["ad_id"]) for row in rows.values()} == {("1", "2", None)}


def test_rules_are_only_asked_for_when_one_occurs_and_page_by_start(fake, run, account):
    def leads_only(sent):
        return {"elements": [] if "CONVERSION" in sent.params["pivots"] else [_row(None, oneClickLeads=1)]}

    client = fake(leads_only)
    assert [row["action"] for row in _rows(_read(run, client, account, "conversion_daily"))] == ["leads"]
    assert not any(sent.path == "/rest/conversions" for sent in client.sent)

    def many(sent):
        if sent.path == "/rest/conversions":
            start = int(sent.params["start"])
            return {"elements": [{"id": n, "name": f"Rule {n}"} for n in range(start, min(start + 1_000, 1_500))]}
        return {"elements": [_by_rule(1_400)] if "CONVERSION" in sent.params["pivots"] else []}

    assert [row["action"] for row in _rows(_read(run, fake(many), account, "conversion_daily"))] == ["Rule 1400"]


def test_rules_that_may_not_be_read_leave_the_numbers_with_the_rules_number(fake, run, account):
    def answer(sent):
        if sent.path == "/rest/conversions":
            return _DENIED
        return {"elements": [_by_rule(71, 2)] if "CONVERSION" in sent.params["pivots"] else []}

    (row,) = _rows(_read(run, fake(answer), account, "conversion_daily"))
    assert (row["action"], row["conversions"]) == ("conversion 71", 2)


@pytest.mark.parametrize("kind", [ErrorKind.RECONNECT, ErrorKind.RETRY, ErrorKind.INVALID])
def test_a_fault_while_rules_are_read_renames_nothing(fake, run, account, kind):
    """A token that ends between the figures and the rules would else turn purchases into `conversion 71`."""

    def answer(sent):
        if sent.path == "/rest/conversions":
            return PlatformError("a fault", kind=kind)
        return {"elements": [_by_rule(71, 2)] if "CONVERSION" in sent.params["pivots"] else []}

    with pytest.raises(PlatformError, match="a fault"):
        _read(run, fake(answer), account, "conversion_daily")


def test_the_same_object_and_day_may_be_written_in_more_than_one_way(fake, run, account):
    body = (
        b'{"elements":[{"pivotValues":["urn:li:sponsoredCampaignGroup:1"],"impressions":1,'
        b'"dateRange":{"start":{"year":2026,"month":11,"day":1},"end":{"year":2026,"month":11,"day":1}}},'
        b'{"dateRange": {"end": {"day":1}, "start": {"day": 1, "month": 11, "year": 2026}},'
        b'"pivotValues": [ "urn:li:sponsoredCampaignGroup:%d" ], "impressions": 2}]}'
    )
    (batch,) = _read(run, fake(lambda _: body % 2), account, "campaign_daily")
    assert batch.rows["campaign_id"].to_pylist() == ["1", "2"]
    assert batch.rows["date"].to_pylist() == [_DAY, _DAY]
    with pytest.raises(PlatformError, match="1 rows twice"):
        _read(run, fake(lambda _: body % 1), account, "campaign_daily")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([_row(costInLocalCurrency="lots")], "'lots' is no amount"),
        ([_row(), _row()], "1 rows twice"),
        ([_row(None)], "2 pivotValues in place of 3"),
        ([_row("x1")], "sponsoredCreative"),
        ([{**_row(), "pivotValues": 7}], "unreadable"),
        ([{**_row(), "pivotValues": _row()["pivotValues"][::-1]}], "was asked for"),
        ([_row(day=date(2026, 11, 2))], "a row of 2026-11-02"),
        ([{**_row(), "dateRange": {"start": {"year": 2026, "month": 13, "day": 1}}}], "month must be in"),
    ],
)
def test_what_cannot_be_right_is_named_and_not_stored(fake, run, account, rows, words):
    with pytest.raises(PlatformError, match=words) as caught:
        _read(run, fake(lambda _: {"elements": rows}), account)
    assert caught.value.kind is ErrorKind.INVALID


@pytest.mark.parametrize(
    ("stream", "words"), [("ad_daily", "needs a window of days"), ("weather_daily", "no stream 'weather_daily'")]
)
def test_facts_want_a_window_and_a_known_name(fake, run, account, stream, words):
    async def main(client):
        return [batch async for batch in plugin.read(ReadRequest(stream=stream, account=account), client)]

    with pytest.raises(PlatformError, match=words) as caught:
        run(main(fake(lambda _: {"elements": []})))
    assert caught.value.kind is ErrorKind.INVALID
