"""Operations of a day: what counts as one, and what happens when they are used up."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from adjoin.testing.world import World

_QUERY = "SELECT ad_group_ad.ad.id FROM ad_group_ad"


@pytest.fixture
def limited(served):
    """Ten operations a day, small pages."""
    world = World.generate(seed=3, today=date(2026, 11, 22), scale=0.02, days=20)
    return served(world, page=5, batch=5, daily_operations=10)


def test_a_query_is_one_operation_whatever_its_rows_and_pages(limited):
    login = limited.manager_id  # one operation
    for _ in range(3):
        assert len(limited.stream(_QUERY, login=login).json()) > 1
    body = limited.post(f"customers/{limited.account().id}/googleAds:search", {"query": _QUERY}, login=login).json()
    while token := body.get("nextPageToken"):
        more = {"query": _QUERY, "pageToken": token}
        body = limited.post(f"customers/{limited.account().id}/googleAds:search", more, login=login).json()
    statuses = [limited.stream(_QUERY, login=login).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]


def test_each_change_is_one_operation(limited, codes):
    login, account = limited.manager_id, limited.account().id
    path = f"customers/{account}/campaignBudgets:mutate"

    def create(count):
        operations = [{"create": {"name": f"B{n}", "amountMicros": "10000"}} for n in range(count)]
        return limited.post(path, {"operations": operations, "validateOnly": True}, login=login)

    assert create(7).status_code == 200
    refused = create(3)
    assert refused.status_code == 429
    assert codes(refused) == ["quotaError.RESOURCE_EXHAUSTED"]
    assert create(2).status_code == 200


def test_says_when_the_oldest_operations_are_forgotten(limited):
    login = limited.manager_id
    limited.world.set_now(limited.world.now + timedelta(hours=1))
    for _ in range(9):
        limited.stream(_QUERY, login=login)
    limited.world.set_now(limited.world.now + timedelta(hours=22, minutes=30))
    response = limited.stream(_QUERY, login=login)
    (detail,) = response.json()[0]["error"]["details"]
    details = detail["errors"][0]["details"]["quotaErrorDetails"]
    assert (details["retryDelay"], details["rateScope"]) == ("1800s", "DEVELOPER")
    limited.world.set_now(limited.world.now + timedelta(minutes=30))
    assert limited.stream(_QUERY, login=login).status_code == 200
