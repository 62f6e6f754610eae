"""Jobs: ordered, followed, fetched."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft.jobs import Job, Progress, State, perform

PENDING, FAILED = Progress(state=State.PENDING), Progress(state=State.FAILED, reason="too hard")
READY = Progress(state=State.READY, url="https://files.example/1.zip?sig=secret-signature")


class _Server:
    """Says `answers` one after the other, the last for ever, and counts what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.orders = 0

    async def order(self):
        self.orders += 1
        return f"id-{self.orders}"

    async def ask(self, job_id):
        assert job_id == f"id-{self.orders}"
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def job(self):
        return Job(what="the thing", order=self.order, ask=self.ask)


async def _carried_out(client, server):
    """What the job came to, and how often it showed life before."""
    signs, content = 0, None
    async with aclosing(perform(client, server.job)) as steps:
        async for step in steps:
            if step is None:
                signs += 1
            else:
                content = step.outdated if step.file is None else step.file.read()
    return content, signs


@pytest.fixture
def archive(make_zip):
    return make_zip(b"a,b\r\n1,2\r\n")


def test_it_is_polled_ever_more_slowly_until_it_is_ready(fake, run, archive):
    client = fake(lambda sent: archive)
    content, signs = run(_carried_out(client, _Server(*[PENDING] * 12, READY)))
    assert (content, signs) == (archive, 0)
    assert client.slept == [0.1, 0.3, 0.6, 1, 2, 3, 5, 5, 10, 10, 20, 30, 30]


def test_the_file_is_fetched_without_anything_of_ours(fake, run, archive):
    client = fake(lambda sent: archive)
    run(_carried_out(client, _Server(READY)))
    (sent,) = client.sent
    assert (sent.method, sent.authorised, sent.headers, sent.account) == ("GET", False, {}, "")


def test_it_shows_life_while_it_takes_long(fake, run, archive):
    _, signs = run(_carried_out(fake(lambda sent: archive), _Server(*[PENDING] * 44, READY)))
    assert signs == 8  # 1,077 seconds


def test_after_an_hour_it_is_left_to_a_later_run(fake, run):
    client = fake(lambda sent: b"")
    with pytest.raises(PlatformError, match="after 60 minutes") as caught:
        run(_carried_out(client, _Server(PENDING)))
    assert caught.value.kind is ErrorKind.WAIT
    assert caught.value.retry_after.total_seconds() == 3600
    assert 3600 <= sum(client.slept) < 3700


def test_a_job_without_a_file_has_no_rows(fake, run):
    assert run(_carried_out(fake(lambda sent: b""), _Server(Progress(state=State.NOTHING)))) == (False, 0)


def test_a_job_that_cannot_tell_changes_says_so(fake, run):
    assert run(_carried_out(fake(lambda sent: b""), _Server(Progress(state=State.OUTDATED)))) == (True, 0)


def test_a_failed_job_is_ordered_again(fake, run, archive):
    server = _Server(FAILED, FAILED, READY)
    assert run(_carried_out(fake(lambda sent: archive), server))[0] == archive
    assert server.orders == 3


def test_a_job_that_fails_three_times_asks_for_less(fake, run):
    server = _Server(FAILED)
    with pytest.raises(PlatformError, match="failed 3 times to make the thing: too hard") as caught:
        run(_carried_out(fake(lambda sent: b""), server))
    assert caught.value.kind is ErrorKind.SPLIT


def test_a_job_that_is_forgotten_is_ordered_again(fake, run, archive):
    gone = PlatformError("unknown", kind=ErrorKind.RESTART, code="2100")
    server = _Server(PENDING, gone, READY)
    assert run(_carried_out(fake(lambda sent: archive), server))[0] == archive
    assert server.orders == 2


def test_a_job_that_is_always_forgotten_is_an_error(fake, run):
    server = _Server(PlatformError("unknown", kind=ErrorKind.RESTART, code="2100"))
    with pytest.raises(PlatformError, match="unknown"):
        run(_carried_out(fake(lambda sent: b""), server))
    assert server.orders == 3


def test_an_expired_address_is_replaced_by_a_fresh_one(fake, run, refused, archive):
    fresh = Progress(state=State.READY, url="https://files.example/fresh.zip")
    client = fake(lambda sent: archive if "fresh" in sent.url else refused(403, b"<Error>AuthenticationFailed</Error>"))
    assert run(_carried_out(client, _Server(READY, fresh)))[0] == archive
    assert len(client.sent) == 2


@pytest.mark.parametrize("damage", [b"", b"<html>no zip</html>", "half"])
def test_a_file_that_is_no_whole_zip_is_fetched_again(fake, run, archive, damage):
    bad = archive[: len(archive) // 2] if damage == "half" else damage
    bodies = [bad, bad, archive]
    client = fake(lambda sent: bodies.pop(0))
    assert run(_carried_out(client, _Server(READY)))[0] == archive


def test_a_file_that_never_arrives_is_an_error_without_its_address(fake, run, refused):
    client = fake(lambda sent: b"<html>")
    with pytest.raises(PlatformError, match="did not arrive whole in 4 attempts") as caught:
        run(_carried_out(client, _Server(READY)))
    assert caught.value.kind is ErrorKind.RETRY
    assert "secret-signature" not in str(caught.value)


def test_what_is_wrong_for_good_is_not_repeated(fake, run):
    error = PlatformError("other host", kind=ErrorKind.INVALID, code="other_host")
    client = fake(lambda sent: error)
    with pytest.raises(PlatformError, match="other host"):
        run(_carried_out(client, _Server(READY)))
    assert len(client.sent) == 1
