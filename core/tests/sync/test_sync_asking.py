"""Who asks for a run, what becomes of one that is queued already, and whose turn it is."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest

from adjoin.db.models import Connection, Run, RunState, RunTrigger, Workspace
from adjoin.errors import Fenced
from adjoin.sync.asking import Scope, ask, covers
from adjoin.sync.retries import queue_retries
from adjoin.sync.runs import RunBook

HOUR = timedelta(hours=1)
DAYS = {"since": date(2026, 3, 1), "until": date(2026, 3, 5)}


def enqueue(house, trigger=RunTrigger.PERSON, *, connection=None, workspace="default", **options):
    run, new = house.book.enqueue(
        workspace_id=workspace,
        connection_id=connection or house.connection.id,
        trigger=trigger,
        now=house.clock.now(),
        **options,
    )
    return run, new


def change(house, run, **values):
    with house.store.write() as session:
        stored = session.get_one(Run, (run.workspace_id, run.id))
        for name, value in values.items():
            setattr(stored, name, value)
        session.add(stored)


def limits(run):
    return (run.since, run.until, run.accounts, run.streams)


class TestLifting:
    def test_a_click_lifts_a_waiting_run(self, any_house):
        """It goes first, waits no longer, and reads everything; there is still one run."""
        house = any_house
        first, _ = enqueue(house, RunTrigger.BACKFILL, until=date(2025, 12, 31))
        change(house, first, not_before=house.clock.now() + HOUR)
        run, new = enqueue(house)
        assert (run.id, new) == (first.id, False)
        stored = house.book.get("default", first.id)
        assert (stored.trigger, stored.priority, stored.not_before) == (RunTrigger.PERSON, 10, None)
        assert limits(stored) == (None, None, None, None)
        assert house.take().run_id == first.id

    def test_a_retry_becomes_a_click_of_everything(self, house):
        """It is no retry any more: should it fail, the pauses begin anew."""
        first, _ = enqueue(house, RunTrigger.RESUME, accounts=["a1"])
        change(house, first, tries=3)
        run, _ = enqueue(house, full=True)
        assert (limits(run), run.tries, run.full, run.trigger) == ((None,) * 4, 0, True, RunTrigger.PERSON)

    def test_a_slot_lifts_backfill_and_waits_as_long_as_it_was_to_wait(self, house):
        first, _ = enqueue(house, RunTrigger.BACKFILL, until=date(2025, 12, 31))
        later = house.clock.now() + HOUR
        change(house, first, not_before=later)
        run, _ = enqueue(house, RunTrigger.SCHEDULE)
        assert (run.trigger, run.priority, run.not_before, run.until) == (RunTrigger.SCHEDULE, 0, later, None)

    def test_a_slot_does_not_take_a_click_back(self, house):
        enqueue(house)
        run, _ = enqueue(house, RunTrigger.SCHEDULE)
        assert (run.trigger, run.priority) == (RunTrigger.PERSON, 10)

    @pytest.mark.parametrize("trigger", [RunTrigger.BACKFILL, RunTrigger.RESUME])
    def test_what_nobody_waits_for_changes_nothing(self, house, trigger):
        enqueue(house, RunTrigger.SCHEDULE, accounts=["a1"])
        run, new = enqueue(house, trigger)
        assert (new, run.trigger, run.priority, run.accounts) == (False, RunTrigger.SCHEDULE, 0, ["a1"])

    def test_limits_are_joined(self, house):
        """Whoever asked for less gets what they asked for all the same."""
        enqueue(house, accounts=["a1"], streams=["account_daily"])
        run, _ = enqueue(house, accounts=["a2"], streams=["campaign_daily"])
        assert limits(run) == (None, None, ["a1", "a2"], ["account_daily", "campaign_daily"])

    @pytest.mark.parametrize(("first", "then"), [({}, DAYS), (DAYS, {})])
    def test_days_that_were_asked_for_are_never_lost(self, house, first, then):
        """No one run reads both, so the waiting one stays as it is and says that it does not cover the other."""
        run, _ = enqueue(house, RunTrigger.SCHEDULE, **first)
        again, new = enqueue(house, **then)
        assert (again.id, new, again.priority) == (run.id, False, 10)
        assert limits(again) == limits(run)
        assert not covers(again, Scope(**then))
        assert covers(again, Scope(**first))

    def test_a_plan_that_was_made_stays(self, house):
        """A run that was interrupted goes on with its slices; it only goes sooner."""
        attempt = house.interrupted(lambda request: request.account.id == "a2", gently=True)
        change(house, house.book.get("default", attempt.run_id), accounts=["a1", "a2"], priority=-10)
        run, _ = enqueue(house)
        assert (run.accounts, run.priority) == (["a1", "a2"], 10)
        assert not covers(run, Scope())

    def test_a_running_run_is_left_alone(self, house):
        enqueue(house, RunTrigger.BACKFILL, until=date(2025, 12, 31))
        house.take()
        run, new = enqueue(house)
        assert (new, run.state, run.priority, run.until) == (False, RunState.RUNNING, -10, date(2025, 12, 31))


@pytest.mark.parametrize(
    ("run", "asked", "covered"),
    [
        ({}, {}, True),
        ({"accounts": ["a1"]}, {}, False),
        ({}, {"accounts": ["a1"]}, True),
        ({"accounts": ["a1", "a2"]}, {"accounts": ["a2"]}, True),
        ({"streams": ["ads"]}, {"streams": ["ads", "campaigns"]}, False),
        ({"until": date(2026, 1, 1)}, {}, False),
        (DAYS, DAYS, True),
        (DAYS, {"since": date(2026, 3, 2), "until": date(2026, 3, 3)}, True),
        (DAYS, {"since": date(2026, 3, 2), "until": date(2026, 3, 6)}, False),
        ({}, {"full": True}, False),
        ({"full": True}, {"full": True}, True),
    ],
)
def test_what_a_run_covers(run, asked, covered):
    made = Run(workspace_id="w", connection_id="c", trigger=RunTrigger.PERSON, **run)
    assert covers(made, Scope(**asked)) is covered


def test_racing_askers_share_one_run_and_the_widest_scope(any_house):
    """Clicks and slots at the same moment: one run, which reads what all of them asked for."""
    house = any_house
    barrier = Barrier(4)

    def click(number):
        barrier.wait(10)
        with house.store.write() as session:
            return ask(
                session,
                workspace_id="default",
                connection_id=house.connection.id,
                trigger=RunTrigger.PERSON,
                now=house.clock.now(),
                scope=Scope(accounts=[f"a{number}"]),
            )

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(click, range(4)))
    assert len({run.id for run, _ in found}) == 1
    assert Counter(new for _, new in found) == {True: 1, False: 3}
    assert house.book.get("default", found[0][0].id).accounts == ["a0", "a1", "a2", "a3"]


class TestFairness:
    @pytest.fixture
    def tenants(self, any_house):
        """Two workspaces: one with many connections that were all queued first, one with a few."""
        with any_house.store.write() as session:
            for workspace, count in (("big", 8), ("small", 2)):
                session.add(Workspace(id=workspace, name=workspace, created_at=any_house.clock.now()))
                session.flush()
                for number in range(count):
                    session.add(
                        Connection(
                            workspace_id=workspace,
                            id=f"{workspace}{number}",
                            platform="fake",
                            label=workspace,
                            created_at=any_house.clock.now(),
                        )
                    )
        return any_house

    def queue(self, house, trigger=RunTrigger.SCHEDULE, *, only=None):
        for workspace, count in (("big", 8), ("small", 2)):
            for number in range(count):
                if only in (None, workspace):
                    enqueue(house, trigger, workspace=workspace, connection=f"{workspace}{number}")
                    house.clock.advance(1)

    def take(self, house, count, **options):
        book = RunBook(house.store, **options)
        taken = [book.take_next(now=house.clock.now(), worker="w") for _ in range(count)]
        return [None if one is None else one.workspace_id for one in taken]

    def test_the_workspace_with_fewer_running_runs_goes_first(self, tenants):
        """However many runs the other one queued before."""
        self.queue(tenants)
        assert self.take(tenants, 6) == ["big", "small", "big", "small", "big", "big"]

    def test_who_is_urgent_goes_before_who_is_next(self, tenants):
        """A person's click does not wait for another workspace's slots."""
        self.queue(tenants, only="small")
        self.take(tenants, 1)
        enqueue(tenants, workspace="small", connection="small1")
        self.queue(tenants, only="big")
        assert self.take(tenants, 2) == ["small", "big"]

    def test_a_workspace_has_so_many_running_runs_at_most(self, tenants):
        """The rest stays queued until one has ended."""
        self.queue(tenants, only="big")
        assert self.take(tenants, 5, per_workspace=3) == ["big"] * 3 + [None, None]

    def test_who_took_it_is_written_down(self, tenants):
        self.queue(tenants, only="small")
        self.take(tenants, 1)
        (run, _) = tenants.book.latest("small")[1]
        assert (run.worker, run.state) == ("w", RunState.RUNNING)


class TestTakingOne:
    def test_a_run_is_taken_once(self, any_house):
        """A second worker that was handed the same finds nothing to do."""
        run, _ = enqueue(any_house)
        first = any_house.book.take(run.id, now=any_house.clock.now(), worker="w1")
        assert (first.run_id, first.epoch) == (run.id, 1)
        assert any_house.book.take(run.id, now=any_house.clock.now(), worker="w2") is None
        assert any_house.book.get("default", run.id).worker == "w1"

    def test_racing_workers_take_it_once(self, any_house):
        run, _ = enqueue(any_house)
        barrier = Barrier(4)

        def take(_):
            barrier.wait(10)
            return any_house.book.take(run.id, now=any_house.clock.now())

        with ThreadPoolExecutor(4) as pool:
            assert sum(one is not None for one in pool.map(take, range(4))) == 1

    def test_what_is_not_there_not_due_or_over_is_nothing_to_do(self, any_house):
        house, now = any_house, any_house.clock.now()
        assert house.book.take("nothing", now=now) is None
        run, _ = enqueue(house)
        assert house.book.take(run.id, now=now, workspace_id="another") is None
        change(house, run, not_before=now + HOUR)
        assert house.book.take(run.id, now=now) is None
        attempt = house.book.take(run.id, now=now + HOUR, workspace_id="default")
        house.book.finish(attempt, now=now, state=RunState.SUCCEEDED)
        assert house.book.take(run.id, now=now + HOUR) is None


class TestStale:
    def stale(self, house, minutes=2):
        return house.book.requeue_stale(now=house.clock.now(), older_than=timedelta(minutes=minutes))

    def test_a_run_without_a_heartbeat_is_queued_again(self, any_house):
        """What beats is left alone; who wakes late finds the run taken over."""
        house = any_house
        run, _ = enqueue(house)
        attempt = house.take()
        house.clock.advance(100)
        assert house.book.heartbeat(attempt, now=house.clock.now()) is False
        house.clock.advance(100)
        assert self.stale(house) == []
        house.clock.advance(100)
        assert self.stale(house) == [run.id]
        assert self.stale(house) == []
        second = house.take()
        assert (second.run_id, second.epoch, second.resumed) == (run.id, 2, True)
        with pytest.raises(Fenced):
            house.book.heartbeat(attempt, now=house.clock.now())

    def test_a_run_that_is_lost_again_and_again_waits_longer_each_time_and_then_fails(self, house):
        """What takes its process along must not do so for ever."""
        run, _ = enqueue(house)
        pauses = []
        while house.book.get("default", run.id).state is RunState.QUEUED:
            stored = house.book.get("default", run.id)
            if stored.not_before is not None:
                pauses.append((stored.not_before - house.clock.now()) // timedelta(minutes=1))
                house.clock.advance((stored.not_before - house.clock.now()).total_seconds())
            house.take()
            house.clock.advance(300)
            assert self.stale(house) == [run.id]
        assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
        ended = house.book.get("default", run.id)
        assert (ended.state, ended.attempts, ended.finished_at) == (RunState.FAILED, 25, house.clock.now())
        assert ended.error.startswith("the process that worked on it ended 25 times")

    def test_one_that_was_to_be_cancelled_is(self, any_house):
        house = any_house
        for requeue in (lambda: self.stale(house), house.book.requeue_orphans):
            run, _ = enqueue(house)
            house.take()
            house.book.request_cancel("default", run.id, now=house.clock.now())
            house.clock.advance(300)
            requeue()
            assert house.book.get("default", run.id).state is RunState.CANCELLED

    def test_two_sweepers_lose_nothing(self, any_house):
        house = any_house
        run, _ = enqueue(house)
        house.take()
        house.clock.advance(300)
        barrier = Barrier(2)

        def sweep(_):
            barrier.wait(10)
            return self.stale(house)

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(sweep, range(2))) == [[], [run.id]]
        assert house.take().run_id == run.id


def test_a_slice_that_takes_its_process_along_is_left_out(house):
    """After so many processes the rest of the run goes on without it; it is tried again later, in a run of its own."""
    house.platform.concurrency = 1
    house.interrupted(lambda request: request.account.id == "a1" and request.stream == "campaign_daily")
    for _ in range(8):
        house.book.requeue_orphans()
        house.interrupted(lambda request: request.account.id == "a1" and request.stream == "campaign_daily")
    run = house.resume()
    assert run.state is RunState.PARTLY
    assert run.error == (
        "account a1, campaign_daily 2026-03-05 to 2026-03-15: begun 9 times, and the process ended while it was "
        "read; it is left out for now"
    )
    assert {row["account_id"] for row in house.committed("account_daily")} == {"a1", "a2"}
    assert {row["account_id"] for row in house.committed("campaign_daily")} == {"a2"}
    house.clock.advance(600)
    (again,) = queue_retries(house.store, now=house.clock.now())
    assert house.execute(house.take()).id == again
    house.assert_whole(date(2026, 3, 5))
