"""Conversions by action."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest

from adjoin.ads.datasets import arrow_schema
from adjoin.errors import ErrorKind, PlatformError

_FIRST, _SECOND = date(2026, 11, 1), date(2026, 11, 2)
_DAYS = (_FIRST, _SECOND)


def _row(category="PURCHASE", name="Shop", *, day=_FIRST, ad="33", campaign="11", **metrics):
    keys = {"campaign": {"id": campaign}}
    if ad:
        keys |= {"adGroup": {"id": "22"}, "adGroupAd": {"ad": {"id": ad}}}
    action = f"customers/1234567890/conversionActions/{name}"
    segments = {"conversionAction": action, "conversionActionName": name, "conversionActionCategory": category}
    return {**keys, "segments": {"date": day.isoformat(), **segments}, "metrics": metrics}


@pytest.fixture
def found(fake, read):
    """Read conversions of ads and of campaigns without ads; return the rows and the client."""

    def reading(ads, campaigns=()):
        def answer(sent):
            rows = campaigns if "PERFORMANCE_MAX" in sent.query else ads
            return rows if isinstance(rows, bytes) else list(rows)

        client = fake(answer)
        batches = read(client, "conversion_daily", _DAYS)
        for batch in batches:
            assert batch.dataset == "conversion_daily"
            assert batch.rows.schema == arrow_schema("conversion_daily")
            batch.rows.validate(full=True)
        return [row for batch in batches for row in batch.rows.to_pylist()], client

    return reading


def test_what_is_asked_for(found):
    rows, client = found([])
    assert rows == []
    metrics = (
        "segments.date, segments.conversion_action, segments.conversion_action_name, "
        "segments.conversion_action_category, metrics.conversions, metrics.conversions_value, "
        "metrics.all_conversions, metrics.all_conversions_value"
    )
    end = "ORDER BY segments.date ASC PARAMETERS omit_unselected_resource_names = true"
    days = "segments.date BETWEEN '2026-11-01' AND '2026-11-02'"
    ads, campaigns = (sent.query for sent in client.sent)
    assert ads == f"SELECT campaign.id, ad_group.id, ad_group_ad.ad.id, {metrics} FROM ad_group_ad WHERE {days} {end}"
    assert campaigns == (
        f"SELECT campaign.id, {metrics} FROM campaign WHERE {days} "
        f"AND campaign.advertising_channel_type = 'PERFORMANCE_MAX' {end}"
    )


def test_a_primary_action_counts_conversions_and_another_all_conversions(found):
    rows, _ = found(
        [
            _row(conversions=2.5, conversionsValue=149.7, allConversions=3, allConversionsValue=180),
            _row("ADD_TO_CART", "Cart", conversions=0, conversionsValue=0, allConversions=9, allConversionsValue=900),
        ]
    )
    assert {row["action"]: (row["conversions"], row["conversion_value_micros"]) for row in rows} == {
        "purchases": (Decimal("2.5"), 149_700_000),
        "add_to_cart": (Decimal(9), 900_000_000),
    }
    assert rows[0] | {"action": "", "conversions": 0, "conversion_value_micros": 0} == {
        "date": _FIRST, "account_id": "1234567890", "campaign_id": "11", "ad_group_id": "22", "ad_id": "33",
        "action": "", "conversions": 0, "conversion_value_micros": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("category", "action"),
    [
        ("PURCHASE", "purchases"),
        ("SUBMIT_LEAD_FORM", "leads"),
        ("SIGNUP", "registrations"),
        ("ADD_TO_CART", "add_to_cart"),
        ("BEGIN_CHECKOUT", "checkouts"),
        ("DEFAULT", "Newsletter"),
        ("OF_NEXT_YEAR", "Newsletter"),
    ],
)
def test_categories_have_our_names_and_all_else_the_advertisers(found, category, action):
    ((row,), _) = found([_row(category, "Newsletter", conversions=1, allConversions=1)])
    assert row["action"] == action


def test_several_actions_of_one_kind_are_added_up_but_not_over_days_or_ads(found):
    rows, _ = found(
        [
            _row(name="Tag", conversions=0.1, conversionsValue=1.1),
            _row(name="Import", conversions=0.2, conversionsValue=2.2),
            _row(name="Old tag", allConversions=5, allConversionsValue=1),
            _row(ad="34", conversions=7),
            _row(day=_SECOND, conversions=8),
        ]
    )
    numbers = {(row["date"], row["ad_id"]): (row["conversions"], row["conversion_value_micros"]) for row in rows}
    assert numbers == {
        (_FIRST, "33"): (Decimal("5.3"), 4_300_000),
        (_FIRST, "34"): (Decimal(7), 0),
        (_SECOND, "33"): (Decimal(8), 0),
    }


def test_those_of_one_day_are_added_up_over_batches(found):
    batches = [
        [_row(conversions=1)],
        [_row(name="Import", conversions=2), _row(day=_SECOND, conversions=4)],
        [_row(day=_SECOND, name="Import", conversions=8)],
    ]
    body = json.dumps([{"results": rows, "fieldMask": "x"} for rows in batches]).encode()
    rows, _ = found(body)
    assert [(row["date"], row["conversions"]) for row in rows] == [(_FIRST, 3), (_SECOND, 12)]


def test_campaigns_without_ads_come_without_ad_group_and_ad(found):
    rows, _ = found(
        [_row(conversions=1)],
        [_row(ad="", campaign="99", conversions=4), _row(ad="", campaign="99", name="B", conversions=1)],
    )
    assert [(row["campaign_id"], row["ad_group_id"], row["ad_id"], row["conversions"]) for row in rows] == [
        ("11", "22", "33", 1),
        ("99", None, None, 5),
    ]


def test_days_out_of_order_are_noticed(found):
    batches = [[_row(day=_SECOND, conversions=1)], [_row(conversions=2)]]
    with pytest.raises(PlatformError, match="order of days") as caught:
        found(json.dumps([{"results": rows, "fieldMask": "x"} for rows in batches]).encode())
    assert caught.value.kind is ErrorKind.RESTART


def test_an_action_without_a_name_cannot_be_kept(found):
    with pytest.raises(PlatformError, match="name of its action"):
        found([_row("DEFAULT", "", conversions=1)])
