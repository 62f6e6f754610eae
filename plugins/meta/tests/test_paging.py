"""Pages of an edge."""

from __future__ import annotations

import hashlib
import hmac

import msgspec
import pytest

from adjoin.ads.v2 import App
from adjoin.errors import ErrorKind, PlatformError
from adjoin_meta.graph import Page, pages

_decode = msgspec.json.Decoder(Page[dict[str, str]]).decode
_HEAVY = PlatformError("reduce", kind=ErrorKind.SPLIT)


def _page(ids, *, after=None, more=True):
    body = {"data": [{"id": each} for each in ids]}
    if after:
        body["paging"] = {"cursors": {"before": "x", "after": after}}
        if more:
            body["paging"]["next"] = f"https://graph.facebook.com/v26.0/e?access_token=SECRET&limit=2&after={after}"
    return body


async def _read(client, **options):
    found = pages(client, "act_1/campaigns", {"fields": "id"}, _decode, limit=100, **options)
    return [[row["id"] for row in page] async for page in found]


def test_short_and_empty_pages_are_followed_and_the_last_cursor_is_not(fake, run):
    answers = [_page("ab", after="A"), _page("", after="B"), _page("c", after="C"), _page("d", after="D", more=False)]
    client = fake(lambda _: answers.pop(0))
    assert run(_read(client)) == [["a", "b"], [], ["c"], ["d"]]
    assert [sent.params.get("after") for sent in client.sent] == [None, "A", "B", "C"]


def test_the_token_in_the_next_link_is_not_sent_on(fake, run):
    answers = [_page("a", after="A"), _page("b")]
    client = fake(lambda _: answers.pop(0))
    run(_read(client))
    assert all("access_token" not in sent.params and "SECRET" not in sent.url for sent in client.sent)


def test_the_cursor_of_the_link_comes_before_the_one_beside_it(fake, run):
    first = _page("a", after="LINK")
    first["paging"]["cursors"]["after"] = "BESIDE"
    answers = [first, _page("b")]
    client = fake(lambda _: answers.pop(0))
    run(_read(client))
    assert client.sent[1].params["after"] == "LINK"


def test_a_cursor_that_comes_twice_ends_the_reading(fake, run):
    with pytest.raises(PlatformError, match="same cursor came twice") as caught:
        run(_read(fake(lambda sent: _page("b" if "after" in sent.params else "a", after="A"))))
    assert caught.value.kind is ErrorKind.RESTART


def test_the_same_page_twice_in_a_row_ends_the_reading_whatever_its_cursor(fake, run):
    cursors = iter(range(99))
    with pytest.raises(PlatformError, match="same page came twice in a row") as caught:
        run(_read(fake(lambda _: _page("ab", after=f"c{next(cursors)}"))))
    assert caught.value.kind is ErrorKind.RESTART


def test_empty_pages_without_end_end_the_reading(fake, run):
    cursors = iter(range(999))
    client = fake(lambda _: _page("", after=f"c{next(cursors)}"))
    with pytest.raises(PlatformError, match="51 in a row were empty") as caught:
        run(_read(client))
    assert caught.value.kind is ErrorKind.RESTART


def test_a_next_link_without_any_cursor_ends_the_reading(fake, run):
    body = {"data": [], "paging": {"next": "https://graph.facebook.com/v26.0/e?limit=2"}}
    with pytest.raises(PlatformError, match="no cursor") as caught:
        run(_read(fake(lambda _: body)))
    assert caught.value.kind is ErrorKind.RESTART


def test_the_page_size_shrinks_for_the_pages_that_follow_and_grows_back(fake, run):
    turns = iter(range(1, 99))

    def answer(sent):
        number = next(turns)
        return _HEAVY if number in (2, 3) else _page([str(number)], after=f"c{number}", more=number < 14)

    client = fake(answer)
    run(_read(client))
    assert [int(sent.params["limit"]) for sent in client.sent] == [100, 100, 50, *[25] * 8, 50, 50, 50]
    assert client.sent[2].params["after"] == "c1"


def test_what_is_too_much_at_the_smallest_size_is_given_back(fake, run):
    client = fake(lambda _: _HEAVY)
    with pytest.raises(PlatformError) as caught:
        run(_read(client))
    assert caught.value.kind is ErrorKind.SPLIT
    assert [sent.params["limit"] for sent in client.sent] == ["100", "50", "25"]


def test_a_page_that_arrives_damaged_is_asked_for_again(fake, run):
    answers = [b'{"data":[{"id":"a"},{"id":]}', _page("a")]
    assert run(_read(fake(lambda _: answers.pop(0)))) == [["a"]]


def test_a_page_that_stays_damaged_is_an_error(fake, run):
    with pytest.raises(PlatformError, match="cannot be read") as caught:
        run(_read(fake(lambda _: b'{"data":[{]}')))
    assert caught.value.kind is ErrorKind.RETRY


def test_the_proof_of_the_secret_is_sent_where_there_is_one(fake, run):
    client = fake(lambda _: _page("a"), app=App(client_id="1", client_secret="hush"))
    run(_read(client))
    right = hmac.new(b"hush", b"user-token", hashlib.sha256).hexdigest()
    assert client.sent[0].params["appsecret_proof"] == right
    plain = fake(lambda _: _page("a"))
    run(_read(plain))
    assert "appsecret_proof" not in plain.sent[0].params


@pytest.mark.parametrize(("setting", "path"), [("v25.0", "/v25.0/act_1/campaigns"), ("", "/v26.0/act_1/campaigns")])
def test_the_version_is_a_setting(fake, run, setting, path):
    client = fake(lambda _: _page("a"), app=App(extra={"api_version": setting}))
    run(_read(client))
    assert client.sent[0].url == path


def test_a_version_that_is_none_is_refused(fake, run):
    with pytest.raises(PlatformError, match="must look like"):
        run(_read(fake(lambda _: _page("a"), app=App(extra={"api_version": "26/../x"}))))
