"""One call, and pages."""

from __future__ import annotations

from itertools import count

import msgspec
import pytest

from adjoin.ads.v2 import App
from adjoin.errors import ErrorKind, PlatformError
from adjoin_linkedin.rest import Page, call, pages


class _Thing(msgspec.Struct):
    id: int


_decode = msgspec.json.Decoder(Page[_Thing]).decode
_EXPIRED = PlatformError("token", kind=ErrorKind.RESTART, code="page-token")


def _page(*numbers, after=None):
    return {"elements": [{"id": number} for number in numbers], "metadata": {"nextPageToken": after} if after else {}}


def _read(run, client, **params):
    async def main():
        listed = pages(client, "things", {"q": "search", **params}, _decode, size=2)
        return [[thing.id for thing in page] async for page in listed]

    return run(main())


def test_pages_follow_the_token_with_everything_else_unchanged(fake, run):
    answers = {None: _page(1, 2, after="a+/="), "a%2B%2F%3D": _page(3, after="B"), "B": {"elements": [{"id": 4}]}}
    client = fake(lambda sent: answers[sent.params.get("pageToken")])
    assert _read(run, client, search={"test": False}) == [[1, 2], [3], [4]]
    for sent in client.sent:
        assert {name: sent.params[name] for name in ("q", "search", "pageSize")} == {
            "q": "search",
            "search": "(test:false)",
            "pageSize": "2",
        }
        assert "start" not in sent.params


def test_an_empty_page_is_not_the_end_and_an_empty_token_is(fake, run):
    answers = {None: _page(after="A"), "A": _page(5, after="B"), "B": {**_page(6), "metadata": {"nextPageToken": ""}}}
    assert _read(run, fake(lambda sent: answers[sent.params.get("pageToken")])) == [[5], [6]]


def test_what_comes_twice_is_yielded_once(fake, run):
    answers = {None: _page(1, 2, after="A"), "A": _page(1, 2, after="B"), "B": _page(2, 3)}
    assert _read(run, fake(lambda sent: answers[sent.params.get("pageToken")])) == [[1, 2], [3]]


def test_a_refused_page_token_begins_again_without_showing_anything_twice(fake, run):
    refused = [_EXPIRED]

    def answer(sent):
        if sent.params.get("pageToken") != "A":
            return _page(1, 2, after="A")
        return refused.pop() if refused else _page(3)

    client = fake(answer)
    assert _read(run, client) == [[1, 2], [3]]
    assert [sent.params.get("pageToken") for sent in client.sent] == [None, "A", None, "A"]


def test_a_page_token_that_is_always_refused_is_given_back(fake, run):
    client = fake(lambda sent: _EXPIRED if "pageToken" in sent.params else _page(1, after="A"))
    with pytest.raises(PlatformError) as caught:
        _read(run, client)
    assert caught.value.kind is ErrorKind.RESTART
    assert len(client.sent) == 6


def test_the_same_token_twice_ends_the_reading(fake, run):
    numbers = count()
    with pytest.raises(PlatformError, match="same page token came twice") as caught:
        _read(run, fake(lambda _: _page(next(numbers), after="A")))
    assert caught.value.kind is ErrorKind.RESTART


def test_new_tokens_for_ever_with_nothing_new_end_the_reading(fake, run):
    numbers = count()
    client = fake(lambda _: _page(1, after=str(next(numbers))))
    with pytest.raises(PlatformError, match="brought nothing new") as caught:
        _read(run, client)
    assert caught.value.kind is ErrorKind.RESTART
    assert len(client.sent) < 20


def test_an_answer_that_cannot_be_decoded_is_asked_for_again(fake, run):
    answers = [b'{"elements":[{"id":"x"}]}', b'{"elements":7}', _page(1)]
    assert _read(run, fake(lambda _: answers.pop(0))) == [[1]]
    with pytest.raises(PlatformError, match="3 times in a row") as caught:
        _read(run, fake(lambda _: {"no": "elements"}))
    assert caught.value.kind is ErrorKind.RETRY


def test_the_version_goes_into_the_header_and_behind_the_address(fake, run):
    client = fake(lambda _: {}, app=App(extra={"api_version": "202611"}))
    run(call(client, "adAccounts/5", {}, method="GET"))
    (sent,) = client.sent
    assert sent.url == "/rest/adAccounts/5#202611"
    assert sent.headers == {
        "LinkedIn-Version": "202611",
        "X-Restli-Protocol-Version": "2.0.0",
        "X-RestLi-Method": "GET",
    }
