"""Runs: one active per connection, the most urgent first, and nobody works on one that is not theirs."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest

from adjoin.ads import v2
from adjoin.db.models import Connection, Run, RunState, RunTrigger, SliceState
from adjoin.errors import Fenced, UnknownName
from adjoin.sync import runs
from adjoin.sync.planner import PlannedSlice
from adjoin.sync.runs import RunBook
from adjoin.sync.states import SliceEvent

HOUR = timedelta(hours=1)


def connection(house, name):
    """Another connection, whose credential does not matter."""
    with house.store.write() as session:
        session.add(
            Connection(workspace_id="default", id=name, platform="fake", label=name, created_at=house.clock.now())
        )


def enqueue(house, name, trigger=RunTrigger.PERSON, **options):
    return house.book.enqueue(
        workspace_id="default", connection_id=name, trigger=trigger, now=house.clock.now(), **options
    )


def slices(*days):
    return [
        PlannedSlice(
            account_id="a1",
            stream="account_daily",
            window=v2.DateWindow(since=date(2026, 3, day), until=date(2026, 3, day)),
        )
        for day in days
    ]


def test_a_connection_has_one_active_run(any_house):
    """Asking again gives the run that is queued or running; a new one comes after its end."""
    name = any_house.connection.id
    first, new = enqueue(any_house, name)
    assert new
    assert enqueue(any_house, name)[0].id == first.id
    attempt = any_house.take()
    again, new = enqueue(any_house, name, since=date(2026, 3, 1), until=date(2026, 3, 2))
    assert (again.id, again.state, new) == (first.id, RunState.RUNNING, False)
    any_house.book.finish(attempt, now=any_house.clock.now(), state=RunState.SUCCEEDED)
    other, new = enqueue(any_house, name)
    assert new
    assert other.id != first.id


def test_racing_threads_get_one_run(any_house):
    """Whoever loses the race is given the winner's run."""
    barrier = Barrier(4)

    def ask(_):
        barrier.wait(10)
        return enqueue(any_house, any_house.connection.id)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(4)))
    assert len({run.id for run, _ in found}) == 1
    assert [new for _, new in found].count(True) == 1


_ENQUEUE = """
import sys
from datetime import UTC, datetime
from adjoin.db import Store
from adjoin.db.models import RunTrigger
from adjoin.sync.runs import RunBook
from adjoin.sync.states import SliceEvent
with Store.open(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    run, new = RunBook(store).enqueue(
        workspace_id="default", connection_id=sys.argv[2], trigger=RunTrigger.PERSON, now=datetime.now(UTC)
    )
    print(run.id, new)
"""


def test_racing_processes_get_one_run(any_house):
    """The database decides, not the process."""
    url = any_house.store._url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", _ENQUEUE, url, any_house.connection.id]
    racing = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in racing:
        assert process.stdout.readline() == "ready\n"
    for process in racing:
        process.stdin.write("go\n")
        process.stdin.flush()
    found = [process.communicate(timeout=30)[0].split() for process in racing]
    assert len({run_id for run_id, _ in found}) == 1
    assert sorted(new for _, new in found) == ["False", "True"]


def test_the_most_urgent_run_goes_first(any_house):
    """A person, then the schedule, then backfill; of equals the one that waits longest."""
    for name, trigger in [
        ("backfill", RunTrigger.BACKFILL),
        ("schedule", RunTrigger.SCHEDULE),
        ("person", RunTrigger.PERSON),
        ("later", RunTrigger.SCHEDULE),
        ("resume", RunTrigger.RESUME),
    ]:
        connection(any_house, name)
        enqueue(any_house, name, trigger)
        any_house.clock.advance(1)
    assert [any_house.take().connection_id for _ in range(5)] == ["person", "resume", "schedule", "later", "backfill"]
    assert any_house.book.take_next(now=any_house.clock.now()) is None


def test_a_run_waits_for_its_time(any_house):
    """`not_before` holds it back."""
    run = any_house.enqueue()
    with any_house.store.write() as session:
        stored = session.get_one(Run, ("default", run.id))
        stored.not_before = any_house.clock.now() + HOUR
        session.add(stored)
    assert any_house.book.take_next(now=any_house.clock.now()) is None
    assert any_house.book.take_next(now=any_house.clock.now() + HOUR) is not None


def test_two_takers_never_get_the_same_run(any_house):
    """Each run is taken once, however many take at the same time."""
    names = [f"c{number}" for number in range(6)]
    for name in names:
        connection(any_house, name)
        enqueue(any_house, name)
    barrier = Barrier(3)

    def take(_):
        barrier.wait(10)
        return [one for one in (any_house.book.take_next(now=any_house.clock.now()) for _ in range(3)) if one]

    with ThreadPoolExecutor(3) as pool:
        taken = [attempt.run_id for found in pool.map(take, range(3)) for attempt in found]
    assert len(taken) == len(set(taken))
    while (attempt := any_house.book.take_next(now=any_house.clock.now())) is not None:
        taken.append(attempt.run_id)
    assert len(taken) == 6


def test_orphans_are_queued_again_under_a_new_epoch(any_house):
    """What was running belongs to the next one who takes it, and to nobody else."""
    any_house.enqueue()
    first = any_house.take()
    assert any_house.book.requeue_orphans() == 1
    assert any_house.book.requeue_orphans() == 0
    second = any_house.take()
    assert (second.run_id, second.epoch, second.resumed) == (first.run_id, 2, True)
    with pytest.raises(Fenced):
        any_house.book.release(first, now=any_house.clock.now())


def test_ended_runs_are_no_orphans(any_house):
    """They stay as they ended."""
    any_house.enqueue()
    attempt = any_house.take()
    any_house.book.finish(attempt, now=any_house.clock.now(), state=RunState.PARTLY)
    assert any_house.book.requeue_orphans() == 0
    assert any_house.book.get("default", attempt.run_id).state is RunState.PARTLY


def test_progress_counts_each_slice_once(any_house):
    """Through splitting, failing and being fetched again, what is done never exceeds what there is."""
    house, now = any_house, any_house.clock.now()
    house.enqueue()
    attempt = house.take()

    def progress():
        run = house.book.get("default", attempt.run_id)
        return run.slices_done, run.slices_total, run.rows

    def move(piece, event, **changes):
        house.book.move_slice(attempt, piece, event, now=now, **changes)

    first, second = house.book.plan(attempt, slices(1, 2), now=now)
    assert progress() == (0, 2, 0)
    move(first, SliceEvent.START)
    move(first, SliceEvent.STAGE, rows=10)
    assert progress() == (1, 2, 10)
    move(second, SliceEvent.START)
    parts = house.book.split(attempt, second, slices(2, 3), now=now)
    assert progress() == (2, 4, 10)
    assert [one.id for one in parts] == [f"{attempt.run_id}-00000{n}" for n in (2, 3)]
    move(parts[0], SliceEvent.FAIL, error="no")
    assert progress() == (3, 4, 10)
    move(first, SliceEvent.REPEAT, rows=0)
    assert progress() == (2, 4, 0)
    move(parts[0], SliceEvent.REPEAT)
    assert progress() == (1, 4, 0)
    for piece in (first, *parts):
        move(piece, SliceEvent.START)
        move(piece, SliceEvent.STAGE, rows=5)
    assert progress() == (4, 4, 15)


def test_a_split_happens_whole_or_not_at_all(house, monkeypatch):
    """A whole slice and its halves side by side would give each row twice."""
    now = house.clock.now()
    house.enqueue()
    attempt = house.take()
    (whole,) = house.book.plan(attempt, slices(1), now=now)

    def die(*_args, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs, "move_slice", die)
        with pytest.raises(KeyboardInterrupt):
            house.book.split(attempt, whole, slices(1, 2), now=now)
    assert [one.state for one in house.slices(attempt)] == [SliceState.PLANNED]
    assert house.book.get("default", attempt.run_id).slices_total == 1


def test_slices_keep_their_order_beyond_a_thousand(house):
    """Ids sort as they were planned."""
    house.enqueue()
    attempt = house.take()
    made = house.book.plan(attempt, slices(*[1] * 1100), now=house.clock.now())
    assert [one.id for one in house.book.slices(attempt)] == [one.id for one in made]


def test_the_latest_runs_come_with_their_connections(house):
    """Newest first, as many as asked for."""
    connection(house, "other")
    first = house.enqueue()
    house.clock.advance(1)
    second, _ = enqueue(house, "other")
    found = house.book.latest("default")
    assert [(run.id, one.label) for run, one in found] == [(second.id, "other"), (first.id, "Fake")]
    assert len(house.book.latest("default", limit=1)) == 1
    assert house.book.latest("another") == []


def test_an_unknown_run_is_said(house):
    """With where to look."""
    with pytest.raises(UnknownName, match="there is no run 'x'; `adjoin runs` lists them"):
        RunBook(house.store).get("default", "x")
