"""A run that was killed or stopped goes on where it was, and never twice."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date

import pytest

from adjoin.contracts import CONTRACTS
from adjoin.db.models import FactFile, RunState, SliceState
from adjoin.errors import ErrorKind, Fenced, PlatformError, StateError
from adjoin.kernel import Kernel
from adjoin.sync import commit, runs
from adjoin.sync.planner import PlannedSlice
from adjoin.sync.states import SliceEvent

START = date(2026, 3, 5)


def second_account(request):
    return request.account.id == "a2" and request.stream == "campaign_daily"


def asked(platform):
    return [(one.account.id, one.stream) for one in platform.asked]


def test_a_killed_run_is_resumed_without_fetching_again(any_house):
    """What was staged is not asked for a second time, and the result is whole."""
    house = any_house
    attempt = house.interrupted(second_account)
    assert house.book.get("default", attempt.run_id).state is RunState.RUNNING
    run = house.resume()
    assert asked(house.platform) == [("a2", "campaign_daily")]
    assert (run.state, run.id, run.attempts, run.epoch) == (RunState.SUCCEEDED, attempt.run_id, 2, 2)
    assert (run.slices_done, run.rows) == (run.slices_total, 2 * (2 + 11 + 22))
    house.assert_whole(START)


def test_a_run_that_is_told_to_stop_goes_back_to_the_queue(house):
    """Cancelling releases the run; the next process resumes it without looking for orphans."""
    attempt = house.interrupted(second_account, gently=True)
    assert house.book.get("default", attempt.run_id).state is RunState.QUEUED
    assert not [name for name in house.files() if name.endswith(".part")]
    house.platform.asked.clear()
    again = house.take()
    assert again.resumed
    assert house.execute(again).state is RunState.SUCCEEDED
    assert asked(house.platform) == [("a2", "campaign_daily")]
    house.assert_whole(START)


def test_an_account_whose_slices_were_all_staged_is_committed_without_asking(house, monkeypatch):
    """Killed between the last fetch and the commit, nothing is fetched again."""
    monkeypatch.setattr("adjoin.sync.commit.swap", _die)
    house.platform.listing = house.platform.listing[:1]
    house.enqueue()
    with pytest.raises(_KilledError):
        asyncio.run(house.engine._execute(house.take()))
    monkeypatch.undo()
    run = house.resume()
    assert house.platform.asked == []
    assert run.state is RunState.SUCCEEDED
    house.assert_whole(START)


class _KilledError(BaseException):
    pass


def _die(*_args, **_options):
    raise _KilledError


@pytest.mark.parametrize("damage", ["cut", "gone", "changed"])
def test_a_staged_file_that_was_damaged_is_fetched_again(house, damage):
    """Nothing is built on a file that is not as it was written."""
    attempt = house.interrupted(second_account)
    (staged,) = [one for piece in house.slices(attempt) if piece.state is SliceState.STAGED for one in piece.staged]
    path = house.home / staged["path"]
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    else:
        content = bytearray(path.read_bytes())
        content[60] ^= 1
        path.write_bytes(content)
    run = house.resume()
    assert sorted(asked(house.platform)) == [("a2", "account_daily"), ("a2", "campaign_daily")]
    assert (run.state, run.slices_done) == (RunState.SUCCEEDED, run.slices_total)
    assert run.rows == 2 * (2 + 11 + 22)
    house.assert_whole(START)


def test_an_account_that_went_while_the_run_was_interrupted_is_said(house):
    """What was read of it is not committed behind the operator's back, and the run does not call itself whole."""
    house.interrupted(second_account)
    house.platform.listing = house.platform.listing[:1]
    run = house.resume()
    assert run.state is RunState.PARTLY
    assert "account a2 is not there any more: what was read of it is left out" in run.notes
    assert {row["account_id"] for row in house.committed("account_daily")} == {"a1"}


def test_a_resumed_run_that_fails_has_still_brought_something(house):
    """Accounts of an earlier attempt count: the run ends partly, not as failed."""
    house.interrupted(second_account)
    house.platform.refuse = lambda request: PlatformError("no", kind=ErrorKind.SKIP_ACCOUNT)
    run = house.resume()
    assert run.state is RunState.PARTLY
    assert house.stored_connection().last_sync_at is not None


class TestFence:
    """An attempt that was frozen, and wakes when another one owns the run, changes nothing."""

    @pytest.fixture
    def late(self, any_house):
        """The first attempt, after a second one has taken the run."""
        late = any_house.interrupted(second_account)
        any_house.book.requeue_orphans()
        any_house.now = any_house.take()
        return late

    def test_it_cannot_write(self, any_house, late):
        """Not plan, not split, not update, not release, not finish."""
        book, now = any_house.book, any_house.clock.now()
        piece = any_house.slices(late)[0]
        part = PlannedSlice(account_id="a1", stream="campaigns", window=None)
        before = [one.model_dump() for one in any_house.slices(late)], book.get("default", late.run_id).model_dump()
        for write in (
            lambda: book.plan(late, [part], now=now),
            lambda: book.split(late, piece, [part], now=now),
            lambda: book.move_slice(late, piece, SliceEvent.FAIL, now=now),
            lambda: book.release(late, now=now),
            lambda: book.finish(late, now=now, state=RunState.FAILED, error="late"),
        ):
            with pytest.raises(Fenced, match=r"was taken over \(attempt 1 is not the current one\)"):
                write()
        after = [one.model_dump() for one in any_house.slices(late)], book.get("default", late.run_id).model_dump()
        assert after == before

    def test_it_cannot_go_on(self, any_house, late):
        """It ends with Fenced, and the run of the other one is whole."""
        with pytest.raises(Fenced):
            asyncio.run(any_house.engine.execute(late))
        run = any_house.execute(any_house.now)
        assert run.state is RunState.SUCCEEDED
        any_house.assert_whole(START)

    def test_a_run_that_has_ended_is_closed(self, any_house, late):
        """The same attempt cannot write after the end of the run, either."""
        any_house.execute(any_house.now)
        with pytest.raises(Fenced):
            any_house.book.move_slice(
                any_house.now, any_house.slices(late)[0], SliceEvent.REPEAT, now=any_house.clock.now()
            )


@pytest.mark.parametrize("stream", ["account_daily", "campaign_daily"])
def test_an_attempt_that_loses_the_run_while_it_reads_leaves_no_file(any_house, stream):
    """It wakes with a slice in its hands: neither the slice nor the new attempt's files are touched."""
    house = any_house
    house.platform.concurrency = 1
    house.enqueue()
    attempt = house.take()

    seconds = []

    def taken_over(request):
        if request.account.id == "a2" and request.stream == stream:
            house.platform.answer = lambda request: None
            house.book.requeue_orphans()
            seconds.append(_elsewhere(house, house.take()))

    house.platform.answer = taken_over
    with pytest.raises(Fenced):
        asyncio.run(house.engine.execute(attempt))
    assert [run.state for run in seconds] == [RunState.SUCCEEDED]
    assert all(name.startswith("facts/") for name in house.files())
    house.assert_whole(START)
    assert len(house.files()) == 4  # accounts times datasets


def _elsewhere(house, attempt):
    """Execute as another process does, while the plugin of this one waits."""
    kernel = Kernel(CONTRACTS)
    kernel.add("fake", "ads", 2, house.platform)
    first, house.kernel = house.kernel, kernel
    house.connections._kernel = kernel
    try:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(house.execute, attempt).result(30)
    finally:
        house.kernel = first
        house.connections._kernel = first
        kernel.close()


def test_a_commit_that_lost_the_run_removes_its_files(any_house, monkeypatch):
    """The files were written before the transaction found out."""
    house = any_house
    house.enqueue()
    attempt = house.take()
    original = commit.replace_month

    def slow(*args, **options):
        made = original(*args, **options)
        house.book.requeue_orphans()
        return made

    monkeypatch.setattr(commit, "replace_month", slow)
    with pytest.raises(Fenced):
        asyncio.run(house.engine.execute(attempt))
    monkeypatch.undo()
    assert not [name for name in house.files() if name.startswith("facts/")]
    assert house.committed("account_daily") == []
    assert house.execute(house.take()).state is RunState.SUCCEEDED
    house.assert_whole(START)


def test_files_of_a_commit_whose_end_is_unknown_are_kept(house, monkeypatch):
    """The connection broke after the database had committed: what it knows must not be removed."""
    house.platform.listing = house.platform.listing[:1]
    house.enqueue()
    attempt = house.take()
    original = runs.RunBook.fenced
    broken = []

    @contextmanager
    def fenced(self, *args, **options):
        with original(self, *args, **options) as (session, run):
            yield session, run
            commits = any(isinstance(one, FactFile) for one in session.identity_map.values())
        if commits and not broken:
            broken.append(True)
            raise StateError("The database cannot be reached.")

    monkeypatch.setattr(runs.RunBook, "fenced", fenced)
    run = house.execute(attempt)
    assert broken
    assert (run.state, run.error) == (RunState.FAILED, "The database cannot be reached.")
    monkeypatch.undo()
    house.assert_whole(START)
    house.sync()
    house.assert_whole(START)
