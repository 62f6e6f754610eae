"""Pages of search: fixed in size, with tokens that end."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from adjoin.testing.world import World

_QUERY = "SELECT ad_group_ad.ad.id FROM ad_group_ad"
_SIZE = 7


@pytest.fixture
def paged(served):
    return served(World.generate(seed=3, today=date(2026, 11, 22), scale=0.02, days=20), page=_SIZE)


def _ids(body):
    return [row["adGroupAd"]["ad"]["id"] for row in body["results"]]


def _page(api, token=None, **more):
    return api.search(_QUERY, more={**({"pageToken": token} if token else {}), **more})


def _all(api, most=20):
    pages, token = [], None
    while len(pages) < most:
        body = _page(api, token).json()
        pages.append(_ids(body))
        token = body.get("nextPageToken")
        if token is None:
            break
    return pages


def test_pages_hold_all_rows_once(paged):
    pages = _all(paged)
    assert [len(page) for page in pages[:-1]] == [_SIZE] * (len(pages) - 1)
    assert len(pages) > 1
    known = [ad.id for ad in paged.presence.ads(paged.account().id)]
    assert sorted(each for page in pages for each in page) == sorted(known)


def test_pages_do_not_change_while_they_are_read(paged):
    first = _page(paged).json()
    known = len(paged.presence.ads(paged.account().id))
    group = paged.presence.ad_groups(paged.account().id)[0]
    paged.presence.create_ad(ad_group_id=group.id, name="Later")
    ids, body = _ids(first), first
    while "nextPageToken" in body:
        body = _page(paged, body["nextPageToken"]).json()
        ids += _ids(body)
    assert len(ids) == len(set(ids)) == known


def test_the_total_is_told_when_asked_for(paged):
    settings = {"searchSettings": {"returnTotalResultsCount": True}}
    first = _page(paged, **settings).json()
    assert first["totalResultsCount"] == str(len(paged.presence.ads(paged.account().id)))
    assert "totalResultsCount" not in _page(paged).json()
    second = _page(paged, first["nextPageToken"], **settings)
    assert second.json()["totalResultsCount"] == first["totalResultsCount"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"pageSize": 100}, "requestError.PAGE_SIZE_NOT_SUPPORTED"),
        ({"pageToken": "nonsense"}, "requestError.INVALID_PAGE_TOKEN"),
        ({"pageToken": "x", "validateOnly": True}, "requestError.VALIDATE_ONLY_REQUEST_HAS_PAGE_TOKEN"),
        (
            {"searchSettings": {"returnSummaryRow": True}},
            "requestError.CANNOT_RETURN_SUMMARY_ROW_FOR_REQUEST_WITHOUT_METRICS",
        ),
        ({"query": ""}, "requestError.REQUIRED_FIELD_MISSING"),
    ],
)
def test_refuses_what_search_does_not_take(paged, codes, more, code):
    response = paged.search(_QUERY, more=more)
    assert response.status_code == 400
    assert codes(response) == [code]


def test_a_token_belongs_to_its_query_and_ends(paged, codes):
    token = _page(paged).json()["nextPageToken"]
    other = paged.search(f"{_QUERY} LIMIT 50", more={"pageToken": token})
    assert codes(other) == ["requestError.INVALID_PAGE_TOKEN"]
    counted = _page(paged, token, searchSettings={"returnTotalResultsCount": True})
    assert codes(counted) == ["requestError.TOTAL_RESULTS_COUNT_NOT_ORIGINALLY_REQUESTED"]
    assert _page(paged, token).status_code == 200
    paged.world.set_now(paged.world.now + timedelta(hours=2))
    assert codes(_page(paged, token)) == ["requestError.EXPIRED_PAGE_TOKEN"]


@pytest.mark.parametrize(
    ("kind", "code"),
    [("page_expired", "requestError.EXPIRED_PAGE_TOKEN"), ("page_invalid", "requestError.INVALID_PAGE_TOKEN")],
)
def test_a_page_token_may_be_refused(paged, codes, kind, code):
    paged.fault(kind, "entities", times=1)
    token = _page(paged).json()["nextPageToken"]
    assert codes(_page(paged, token)) == [code]
    assert _page(paged, token).status_code == 200


def test_a_page_may_come_twice(paged):
    paged.fault("page_duplicate", "entities", times=1)
    pages = _all(paged)
    assert pages[0] == pages[1]
    assert len(pages) > 2


def test_pages_may_never_end(paged):
    paged.fault("page_endless", "entities")
    assert len(_all(paged, most=30)) == 30


def test_nothing_but_the_number_may_be_asked_for(paged):
    settings = {"searchSettings": {"omitResults": True, "returnTotalResultsCount": True}}
    body = paged.search(_QUERY, more=settings).json()
    assert "results" not in body
    assert int(body["totalResultsCount"]) > 0


def test_a_query_may_only_be_checked(paged, codes):
    assert paged.search(_QUERY, more={"validateOnly": True}).json() == {}
    wrong = paged.search("SELECT x.y FROM campaign", more={"validateOnly": True})
    assert codes(wrong) == ["queryError.UNRECOGNIZED_FIELD"]
