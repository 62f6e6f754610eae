"""Asynchronous reports."""

from __future__ import annotations

import pytest

from adjoin.errors import ErrorKind, PlatformError
from adjoin_meta.reports import run_report

_DONE = {"async_status": "Job Completed", "async_percent_completion": 100}
_UNKNOWN = {"error": {"message": "does not exist", "type": "GraphMethodException", "code": 100, "error_subcode": 33}}


def _client(fake, *polls):
    states = iter(polls)
    last = polls[-1]
    return fake(lambda sent: {"report_run_id": "77"} if sent.method == "POST" else next(states, last))


def _running(percent, status="Job Running"):
    return {"id": "77", "async_status": status, "async_percent_completion": percent}


def _orders(client):
    return sum(sent.method == "POST" for sent in client.sent)


def _run(run, client):
    return run(run_report(client, "101", {"level": "ad"}))


def test_a_report_is_waited_for_with_growing_pauses(fake, run):
    client = _client(fake, _running(0, "Job Not Started"), *[_running(10)] * 8, _DONE)
    assert _run(run, client) == "77"
    assert client.slept == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30]
    assert client.sent[0].form == {"level": "ad"}


def test_a_hundred_percent_does_not_count_while_it_runs(fake, run):
    client = _client(fake, _running(100), {**_DONE, "async_percent_completion": 90}, _DONE)
    _run(run, client)
    assert len(client.slept) == 2


def test_the_id_may_be_a_number(fake, run):
    client = fake(lambda sent: {"report_run_id": 77} if sent.method == "POST" else _DONE)
    assert _run(run, client) == "77"


def test_a_report_may_be_unknown_just_after_it_was_ordered(fake, run):
    assert _run(run, _client(fake, _UNKNOWN, _UNKNOWN, _running(10), _DONE)) == "77"


def test_a_report_that_stays_unknown_is_an_error(fake, run):
    with pytest.raises(PlatformError, match="does not exist"):
        _run(run, _client(fake, _UNKNOWN))


@pytest.mark.parametrize("status", ["Job Failed", "Job Skipped"])
def test_a_failed_or_skipped_report_is_ordered_once_more(fake, run, status):
    client = _client(fake, _running(10), _running(0, status), _DONE)
    assert _run(run, client) == "77"
    assert _orders(client) == 2


@pytest.mark.parametrize("status", ["Job Failed", "Job Skipped"])
def test_a_report_that_fails_twice_is_to_be_split(fake, run, status):
    client = _client(fake, _running(0, status))
    with pytest.raises(PlatformError) as caught:
        _run(run, client)
    assert caught.value.kind is ErrorKind.SPLIT
    assert _orders(client) == 2


def test_a_report_that_is_too_large_is_to_be_split_at_once(fake, run):
    failed = {**_running(10, "Job Failed"), "error_code": -3, "error_subcode": 1504045, "error_message": "too large"}
    client = _client(fake, failed)
    with pytest.raises(PlatformError, match="too large") as caught:
        _run(run, client)
    assert caught.value.kind is ErrorKind.SPLIT
    assert _orders(client) == 1


def test_a_report_that_is_wrong_is_not_ordered_again(fake, run):
    failed = {**_running(10, "Job Failed"), "error_code": 2, "error_subcode": 1504042, "error_message": "bad metric"}
    client = _client(fake, failed)
    with pytest.raises(PlatformError, match="bad metric") as caught:
        _run(run, client)
    assert caught.value.kind is ErrorKind.INVALID
    assert _orders(client) == 1


def test_a_report_that_takes_too_long_is_to_be_split(fake, run):
    client = _client(fake, _running(10))
    with pytest.raises(PlatformError, match="not ready") as caught:
        _run(run, client)
    assert caught.value.kind is ErrorKind.SPLIT
    assert sum(client.slept) < 600
