"""One query and the ways its answer can break."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest

from adjoin.ads.v2 import App
from adjoin.errors import ErrorKind, PlatformError
from adjoin_google.search import Batch, search

_decode = msgspec.json.Decoder(Batch[dict]).decode
_FAILURE = "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure"


def _batch(*numbers):
    return json.dumps({"results": [{"n": n} for n in numbers], "fieldMask": "n", "requestId": "r"}).encode()


def _body(*batches):
    return b"[" + b",\r\n".join(batches) + b"]"


def _error(code, **details):
    family, _, name = code.partition(".")
    errors = [{"errorCode": {family: name}, "message": "m", "details": details}]
    return json.dumps({"error": {"code": 9, "details": [{"@type": _FAILURE, "errors": errors}]}}).encode()


def _search(client):
    def numbers(rows):
        return [row["n"] for row in rows]

    return search(client, "SELECT x", _decode, numbers, customer_id="1234567890", login_customer_id="111")


@pytest.fixture
def found(run):
    """Run a search to its end and return the numbers of each batch."""

    async def collect(client):
        return [part async for part in _search(client)]

    return lambda client: run(collect(client))


def test_what_is_sent(fake, found):
    client = fake(lambda _: _body(_batch(1)), app=App(extra={"developer_token": "legacy", "api_version": "v27"}))
    assert found(client) == [[1]]
    (sent,) = client.sent
    assert (sent.method, sent.url) == ("POST", "/v27/customers/1234567890/googleAds:searchStream")
    assert sent.query == "SELECT x"
    assert sent.headers == {"login-customer-id": "111", "developer-token": "legacy"}
    assert sent.params == {"prettyPrint": "false"}
    assert (sent.account, sent.cost) == ("1234567890", 1)


def test_without_a_developer_token_there_is_no_header(fake, found):
    client = fake(lambda _: _body(_batch(1)))
    found(client)
    assert client.sent[0].headers == {"login-customer-id": "111"}


@pytest.mark.parametrize("body", [b"[]", b'[{"fieldMask":"n","requestId":"r"}]', b'[{"results":[],"requestId":"r"}]'])
def test_nothing_gives_nothing(fake, found, body):
    assert found(fake(lambda _: body)) == []


def test_batches_come_one_by_one_whatever_the_pieces(fake, found, pieces):
    body = _body(_batch(1, 2), _batch(3), _batch(4, 5))
    chunks = [body[place : place + 7] for place in range(0, len(body), 7)]
    assert found(fake(lambda _: pieces(list(chunks)))) == [[1, 2], [3], [4, 5]]


def test_large_answers_are_read_piece_by_piece(fake, run, pieces):
    """The first batch is passed on while the rest has not even been asked for."""
    batch = json.dumps({"results": [{"n": 1, "pad": "x" * 600_000}], "fieldMask": "n"}).encode()
    whole = _body(*[batch] * 6)
    chunks = [whole[place : place + 100_000] for place in range(0, len(whole), 100_000)]
    stream = pieces(chunks)
    taken = 0
    original = stream.chunks

    async def counted():
        nonlocal taken
        async for chunk in original():
            taken += 1
            yield chunk

    stream.chunks = counted

    async def first():
        reading = _search(fake(lambda _: stream))
        got = await anext(reading)
        seen = taken
        await reading.aclose()
        return got, seen

    got, seen = run(first())
    assert got == [1]
    assert seen < len(chunks)


@pytest.mark.parametrize("end", [b"", b",", b",\n{", b',{"results":[{"n":'])
def test_an_answer_that_does_not_close_is_asked_for_again(fake, found, end):
    answers = [b"[" + _batch(1) + end, _body(_batch(1), _batch(2))]
    client = fake(lambda _: answers.pop(0))
    assert found(client) == [[1], [2]]
    assert client.slept == [1.0]


def test_a_cut_connection_is_asked_for_again_while_nothing_was_passed_on(fake, found, pieces):
    cut = PlatformError("cut", kind=ErrorKind.RETRY, code="cut")
    answers = [pieces([b"[" + _batch(1), cut]), pieces([cut]), _body(_batch(1))]
    client = fake(lambda _: answers.pop(0))
    assert found(client) == [[1]]
    assert client.slept == [1.0, 2.0]
    assert client.open == 0


def test_a_cut_after_something_was_passed_on_is_for_the_slice_to_repeat(fake, run, pieces):
    cut = PlatformError("cut", kind=ErrorKind.RETRY, code="cut")
    big = json.dumps({"results": [{"n": 1}], "pad": "x" * (1 << 20), "fieldMask": "n"}).encode()
    client = fake(lambda _: pieces([b"[" + big + b",", big + b",", cut]))
    seen = []

    async def collect():
        async for part in _search(client):
            seen.append(part)  # noqa: PERF401 - what was passed on before the error counts

    with pytest.raises(PlatformError, match="cut") as caught:
        run(collect())
    assert caught.value.kind is ErrorKind.RETRY
    assert seen == [[1]]
    assert len(client.sent) == 1


def test_an_answer_that_never_closes_is_given_up(fake, found):
    client = fake(lambda _: b"[" + _batch(1))
    with pytest.raises(PlatformError, match="broke off") as caught:
        found(client)
    assert caught.value.kind is ErrorKind.RETRY
    assert len(client.sent) == 3


def test_a_refusal_to_begin_with_is_not_asked_again(fake, found):
    """The client has repeated it already as far as that helps."""
    client = fake(lambda _: PlatformError("gone", kind=ErrorKind.RETRY))
    with pytest.raises(PlatformError, match="gone"):
        found(client)
    assert len(client.sent) == 1


@pytest.mark.parametrize("before", [[], [_batch(1)], [_batch(1), _batch(2)]])
def test_an_error_inside_a_good_answer_is_one_in_any_place(fake, found, before):
    body = _body(*before, _error("authorizationError.CUSTOMER_NOT_ENABLED"))
    with pytest.raises(PlatformError, match="not enabled") as caught:
        found(fake(lambda _: body))
    assert caught.value.kind is ErrorKind.SKIP_ACCOUNT


def test_a_passing_error_inside_a_good_answer_is_asked_again(fake, found):
    answers = [_body(_error("internalError.TRANSIENT_ERROR")), _body(_batch(1))]
    client = fake(lambda _: answers.pop(0))
    assert found(client) == [[1]]


def test_a_throttle_inside_a_good_answer_waits_as_told(fake, found):
    told = {"quotaErrorDetails": {"retryDelay": "2s"}}
    quota = "quotaError.RESOURCE_TEMPORARILY_EXHAUSTED"
    answers = [_body(_error(quota, **told)), _body(_error(quota)), _body(_batch(1))]
    client = fake(lambda _: answers.pop(0))
    assert found(client) == [[1]]
    assert client.slept == [2.0, 10.0]


def test_a_long_throttle_is_for_the_run_to_plan_around(fake, found):
    told = {"quotaErrorDetails": {"retryDelay": "900s"}}
    client = fake(lambda _: _body(_error("quotaError.RESOURCE_EXHAUSTED", **told)))
    with pytest.raises(PlatformError) as caught:
        found(client)
    assert caught.value.kind is ErrorKind.WAIT
    assert caught.value.retry_after.total_seconds() == 900
    assert client.slept == []


def test_a_token_that_ends_while_reading_is_renewed_by_the_next_request(fake, found):
    answers = [_body(_error("authenticationError.OAUTH_TOKEN_EXPIRED")), _body(_batch(1))]
    assert found(fake(lambda _: answers.pop(0))) == [[1]]


def test_leaving_early_closes_the_answer(fake, pieces):
    big = json.dumps({"results": [{"n": 1}], "pad": "x" * (1 << 20), "fieldMask": "n"}).encode()
    client = fake(lambda _: pieces([b"[" + big + b",", big + b",", big + b"]"]))

    async def leave():
        reading = _search(client)
        await anext(reading)
        assert client.open == 1
        await reading.aclose()
        return client.open

    assert asyncio.run(leave()) == 0
