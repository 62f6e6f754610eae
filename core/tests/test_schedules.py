"""Schedules: each slot queues once, none is lost, and one that cannot be used harms no other."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from unittest.mock import patch

import pytest
from sqlmodel import select

from adjoin.clock import ManualClock
from adjoin.db import Store
from adjoin.db.models import CatchUp, Connection, ConnectionState, Run, RunState, RunTrigger, Schedule, Workspace
from adjoin.errors import BadInput, Fenced
from adjoin.sync.leases import LeaseKeeper
from adjoin.sync.schedules import DEFAULT_EVERY, dispatch_due, due_schedules, ensure_schedule
from adjoin.sync.slots import first_slot, next_after, park, unpark

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)  # a Wednesday
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def connect(store: Store, name: str = "c1", state: ConnectionState = ConnectionState.OK) -> None:
    with store.write() as session:
        session.add(
            Connection(workspace_id="default", id=name, platform="meta", label=name, created_at=NOW, state=state)
        )


def schedule(store: Store, name: str = "s1", **options: object) -> None:
    values = {"connection_id": "c1", "every_seconds": 3600, "next_run_at": NOW} | options
    with store.write() as session:
        session.add(Schedule(workspace_id="default", id=name, name="sync", **values))


def stored(store: Store, name: str = "s1") -> Schedule:
    with store.read() as session:
        return session.get_one(Schedule, ("default", name))


def runs(store: Store) -> list[Run]:
    with store.read() as session:
        return list(session.exec(select(Run)))


def finish_all(store: Store) -> None:
    with store.write() as session:
        for run in session.exec(select(Run)):
            run.state = RunState.SUCCEEDED
            session.add(run)


def test_a_due_slot_queues_one_run(store: Store) -> None:
    """Once, with what a schedule's run has; the schedule moves on."""
    connect(store)
    schedule(store)
    assert dispatch_due(store, now=NOW - timedelta(seconds=1)) == []
    (queued,) = dispatch_due(store, now=NOW)
    assert dispatch_due(store, now=NOW) == []
    (run,) = runs(store)
    assert (run.id, run.connection_id, run.state, run.trigger) == (queued, "c1", RunState.QUEUED, RunTrigger.SCHEDULE)
    assert (stored(store).next_run_at, stored(store).last_run_at) == (NOW + HOUR, NOW)


def test_racing_dispatchers_queue_once(store: Store) -> None:
    """Two schedulers at once are as good as one."""
    for number in range(5):
        connect(store, f"c{number}")
        schedule(store, f"s{number}", connection_id=f"c{number}")
    schedule(store, "all", connection_id=None)
    barrier = Barrier(3)

    def dispatch(_: int) -> list[str]:
        barrier.wait(10)
        return [run for _ in range(3) for run in dispatch_due(store, now=NOW)]

    with ThreadPoolExecutor(3) as pool:
        queued = [run for found in pool.map(dispatch, range(3)) for run in found]
    assert sorted(queued) == sorted(run.id for run in runs(store))
    assert sorted(run.connection_id for run in runs(store)) == [f"c{number}" for number in range(5)]


@pytest.mark.parametrize("catch_up", [CatchUp.LATEST, CatchUp.ALL])
def test_two_schedulers_without_a_lease_lose_no_slot_and_fire_none_twice(store: Store, catch_up: CatchUp) -> None:
    """Row locks and the transaction alone keep them apart: after 30 slots of 12 schedules there are 360 runs."""
    for n in range(12):
        connect(store, f"c{n}")
        schedule(store, f"s{n}", connection_id=f"c{n}", every_seconds=60, catch_up=catch_up)
    slots, minute = 30, timedelta(minutes=1)
    barrier = Barrier(2)

    def dispatch(url: str) -> int:
        """Tick with a database connection of its own, both at once, at times at which nothing is due as well."""
        queued = 0
        with Store.open(url) as mine:
            for slot in range(slots):
                for late in (0, 20, 40):
                    barrier.wait(30)
                    queued += len(dispatch_due(mine, now=NOW + slot * minute + timedelta(seconds=late)))
                if barrier.wait(30) == 0:
                    finish_all(store)
                barrier.wait(30)
        return queued

    url = store._url.render_as_string(hide_password=False)
    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(dispatch, [url, url]))
    assert sum(counts) == len(runs(store)) == 12 * slots
    per_connection = Counter(run.connection_id for run in runs(store))
    assert set(per_connection.values()) == {slots}
    assert {stored(store, f"s{n}").next_run_at for n in range(12)} == {NOW + slots * minute}


def test_a_run_that_is_still_active_takes_the_slot(store: Store) -> None:
    """There is one active run per connection, so the slot passes; the next one counts again."""
    connect(store)
    schedule(store)
    dispatch_due(store, now=NOW)
    assert dispatch_due(store, now=NOW + HOUR) == []
    finish_all(store)
    assert len(dispatch_due(store, now=NOW + 2 * HOUR)) == 1


@pytest.mark.parametrize(
    ("state", "queues"),
    [
        (ConnectionState.OK, True),
        (ConnectionState.ERROR, True),
        (ConnectionState.RECONNECT, False),
        (ConnectionState.DISABLED, False),
    ],
)
def test_connections_that_cannot_be_used_are_left_alone(
    sqlite_store: Store, state: ConnectionState, queues: bool
) -> None:
    """One that failed is tried again; one that waits for a person, or is switched off, is not, and that is said."""
    connect(sqlite_store, state=state)
    schedule(sqlite_store)
    assert bool(dispatch_due(sqlite_store, now=NOW)) == queues
    found = stored(sqlite_store)
    assert (found.next_run_at, found.last_run_at) == (NOW + HOUR, NOW if queues else None)
    assert found.last_error == {
        ConnectionState.RECONNECT: "the connection waits to be authorised again; run `adjoin connect` for its platform",
        ConnectionState.DISABLED: "the connection is switched off; nothing is synced until it is switched on again",
    }.get(state)


def test_an_error_is_forgotten_when_the_next_slot_comes_about(sqlite_store: Store) -> None:
    """What is shown is how it stands."""
    connect(sqlite_store)
    schedule(sqlite_store, last_error="it was switched off")
    dispatch_due(sqlite_store, now=NOW)
    assert stored(sqlite_store).last_error is None


def test_a_schedule_without_a_connection_counts_for_all(sqlite_store: Store) -> None:
    """Of its workspace, as far as they can be used and are idle."""
    for name, state in [("c1", ConnectionState.OK), ("c2", ConnectionState.OK), ("c3", ConnectionState.RECONNECT)]:
        connect(sqlite_store, name, state)
    schedule(sqlite_store, connection_id=None)
    assert len(dispatch_due(sqlite_store, now=NOW)) == 2


def test_a_schedule_that_is_switched_off_queues_nothing(sqlite_store: Store) -> None:
    """It keeps its next slot for the day that it is switched on again."""
    connect(sqlite_store)
    schedule(sqlite_store, enabled=False)
    assert dispatch_due(sqlite_store, now=NOW + DAY) == []
    assert stored(sqlite_store).next_run_at == NOW


def test_a_schedule_that_cannot_be_used_leaves_the_others_alone(store: Store) -> None:
    """It says why and is looked at again in an hour."""
    connect(store)
    connect(store, "c2")
    schedule(store, "cron", every_seconds=None, cron="0 26 * * *")
    schedule(store, "zone", every_seconds=None, cron="0 6 * * *", time_zone="Europe/Berln")
    schedule(store, "nothing", every_seconds=None)
    schedule(store, "long", every_seconds=2**31 - 1)
    schedule(store, "good", connection_id="c2")
    assert len(dispatch_due(store, now=NOW)) == 1
    assert [run.connection_id for run in runs(store)] == ["c2"]
    for name, reason in [
        ("cron", "'26' is no hour"),
        ("zone", "did you mean Europe/Berlin"),
        ("nothing", "neither a cron line nor an interval"),
        ("long", "it may be 1 second to 366 days"),
    ]:
        found = stored(store, name)
        assert found.next_run_at == NOW + HOUR
        assert reason in found.last_error


def test_a_slot_makes_a_waiting_part_the_whole(store: Store) -> None:
    """A retry of one account, or a step of history, that has not begun yet reads all instead."""
    connect(store)
    schedule(store)
    with store.write() as session:
        waiting = Run(workspace_id="default", connection_id="c1", trigger=RunTrigger.RESUME, created_at=NOW)
        waiting.accounts = ["a1"]
        session.add(waiting)
    assert dispatch_due(store, now=NOW) == []
    (run,) = runs(store)
    assert (run.id, run.trigger, run.accounts) == (waiting.id, RunTrigger.SCHEDULE, None)
    assert stored(store).next_run_at == NOW + HOUR


def test_a_slot_waits_while_history_is_read(store: Store) -> None:
    """Its runs follow one on the other, so that the slot would be passed over for days; it comes in between."""
    connect(store)
    schedule(store)
    with store.write() as session:
        session.add(
            Run(
                workspace_id="default",
                connection_id="c1",
                trigger=RunTrigger.BACKFILL,
                state=RunState.RUNNING,
                until=NOW.date(),
                created_at=NOW,
            )
        )
    assert dispatch_due(store, now=NOW) == []
    assert stored(store).next_run_at == NOW
    finish_all(store)
    assert len(dispatch_due(store, now=NOW + timedelta(minutes=5))) == 1


def test_a_job_is_not_a_sync(sqlite_store: Store) -> None:
    """Schedules of jobs are for the job board."""
    connect(sqlite_store)
    schedule(sqlite_store, connection_id=None, job="tidy/up")
    assert dispatch_due(sqlite_store, now=NOW) == []
    assert stored(sqlite_store).next_run_at == NOW


def test_all_that_is_due_is_queued_in_one_go(store: Store) -> None:
    """However many there are: 1,200 at once, each with a run of its own."""
    with store.write() as session:
        for n in range(1200):
            session.add(Connection(workspace_id="default", id=f"c{n}", platform="meta", label="c", created_at=NOW))
            session.add(
                Schedule(
                    workspace_id="default",
                    id=f"s{n}",
                    name="sync",
                    connection_id=f"c{n}",
                    every_seconds=60,
                    next_run_at=NOW,
                )
            )
    assert len(dispatch_due(store, now=NOW)) == 1200
    assert {run.connection_id for run in runs(store)} == {f"c{n}" for n in range(1200)}
    assert dispatch_due(store, now=NOW) == []


def test_who_has_lost_the_lease_queues_nothing(store: Store) -> None:
    """A scheduler that was frozen wakes up and finds another one at work."""
    connect(store)
    schedule(store)
    clock = ManualClock(NOW)
    frozen, other = (LeaseKeeper(store, "scheduler", clock=clock, holder=name) for name in ("frozen", "other"))
    held = frozen.keep()
    assert held is not None
    clock.advance(11)
    assert other.keep() is not None
    with pytest.raises(Fenced, match="was taken over by another process"):
        dispatch_due(store, now=NOW, lease=held)
    assert runs(store) == []
    assert len(dispatch_due(store, now=NOW, lease=other.held)) == 1


def test_the_schedules_of_a_workspace_that_is_to_be_deleted_rest(store: Store) -> None:
    """Those of others fire, and its own again once it is kept."""
    connect(store)
    schedule(store)
    with store.write() as session:
        session.add(Workspace(id="leaving", name="Leaving", created_at=NOW, delete_after=NOW + 30 * DAY))
        session.add(Connection(workspace_id="leaving", id="c2", platform="meta", label="c2", created_at=NOW))
        for name, connection_id in (("s2", "c2"), ("s3", None)):
            session.add(
                Schedule(
                    workspace_id="leaving",
                    id=name,
                    connection_id=connection_id,
                    name="sync",
                    every_seconds=3600,
                    next_run_at=NOW,
                )
            )
    dispatch_due(store, now=NOW)
    assert [run.workspace_id for run in runs(store)] == ["default"]
    assert dispatch_due(store, now=NOW) == []
    with store.write() as session:
        session.get_one(Workspace, "leaving").delete_after = None
    dispatch_due(store, now=NOW)
    assert sorted(run.workspace_id for run in runs(store)) == ["default", "leaving"]


def plan(store: Store) -> str:
    """How the database finds what is due."""
    with store.write() as session:
        query = due_schedules(NOW).compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN QUERY PLAN" if store.dialect == "sqlite" else "EXPLAIN"
        return "\n".join(str(row) for row in session.connection().exec_driver_sql(f"{explain} {query}").all())


def test_looking_for_what_is_due_reads_no_table_from_end_to_end(store: Store) -> None:
    """Along the index of the next slots, and by key from there."""
    with store.write() as session:
        connection = session.connection()
        for n in range(3000):
            connection.execute(
                Workspace.__table__.insert(), Workspace(id=f"w{n}", name="w", created_at=NOW).model_dump()
            )
            connection.execute(
                Connection.__table__.insert(),
                Connection(workspace_id="default", id=f"c{n}", platform="m", label="c", created_at=NOW).model_dump(),
            )
            connection.execute(
                Schedule.__table__.insert(),
                Schedule(
                    workspace_id="default",
                    id=f"s{n}",
                    name="sync",
                    connection_id=f"c{n}",
                    every_seconds=60,
                    next_run_at=NOW + timedelta(minutes=n - 10),
                ).model_dump(),
            )
            connection.execute(
                Run.__table__.insert(),
                Run(
                    workspace_id="default",
                    id=f"r{n}",
                    connection_id=f"c{n}",
                    trigger=RunTrigger.SCHEDULE,
                    state=RunState.SUCCEEDED if n % 3 else RunState.RUNNING,
                    created_at=NOW,
                ).model_dump(),
            )
        connection.exec_driver_sql("ANALYZE")
    found = plan(store)
    assert "ix_schedules_next_run_at" in found
    assert "Seq Scan" not in found
    assert not re.search(r"SCAN (schedules|connections|runs|workspaces)", found)
    assert "uq_runs_one_active" in found


@pytest.mark.parametrize("day", [datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)])
@pytest.mark.parametrize("catch_up", [CatchUp.LATEST, CatchUp.ALL])
def test_a_nightly_sync_runs_once_when_clocks_are_changed(
    sqlite_store: Store, day: datetime, catch_up: CatchUp
) -> None:
    """Ticked through the night of the change in Berlin, half past two comes about once; with jitter, too."""
    connect(sqlite_store)
    schedule(
        sqlite_store,
        every_seconds=None,
        cron="30 2 * * *",
        time_zone="Europe/Berlin",
        jitter_seconds=1800,
        catch_up=catch_up,
        next_run_at=day - timedelta(days=1),
    )
    with sqlite_store.write() as session:
        found = session.get_one(Schedule, ("default", "s1"))
        found.next_run_at = next_after(found, day - timedelta(hours=3))
        session.add(found)
    for minute in range(0, 20 * 60, 10):
        dispatch_due(sqlite_store, now=day + timedelta(minutes=minute))
        finish_all(sqlite_store)
    assert len(runs(sqlite_store)) == 1


class TestCatchUp:
    """A day without a scheduler has passed: 24 hourly slots were missed, the 25th is due now."""

    def dispatch(self, store: Store, ticks: int) -> int:
        """Tick, and end each run at once."""
        queued = 0
        for _ in range(ticks):
            queued += len(dispatch_due(store, now=NOW + DAY))
            finish_all(store)
        return queued

    @pytest.mark.parametrize(
        ("catch_up", "expected"), [(CatchUp.LATEST, 1), (CatchUp.NONE, 0), (CatchUp.ALL, 25)], ids=str
    )
    def test_missed_slots(self, sqlite_store: Store, catch_up: CatchUp, expected: int) -> None:
        """One run for all that was missed, none, or one for each."""
        connect(sqlite_store)
        schedule(sqlite_store, catch_up=catch_up)
        assert self.dispatch(sqlite_store, 30) == expected
        assert stored(sqlite_store).next_run_at == NOW + DAY + HOUR

    def test_each_missed_slot_waits_for_the_run_of_the_last(self, sqlite_store: Store) -> None:
        """None is swallowed because the one before is still at work."""
        connect(sqlite_store)
        schedule(sqlite_store, catch_up=CatchUp.ALL)
        assert len(dispatch_due(sqlite_store, now=NOW + DAY)) == 1
        assert dispatch_due(sqlite_store, now=NOW + DAY) == []
        assert stored(sqlite_store).next_run_at == NOW + HOUR
        finish_all(sqlite_store)
        assert len(dispatch_due(sqlite_store, now=NOW + DAY)) == 1

    @pytest.mark.parametrize("catch_up", [CatchUp.LATEST, CatchUp.NONE, CatchUp.ALL])
    @pytest.mark.parametrize(
        "timing", [{"every_seconds": 1}, {"every_seconds": None, "cron": "* * * * *"}], ids=["second", "minute"]
    )
    @pytest.mark.parametrize("state", [ConnectionState.OK, ConnectionState.DISABLED])
    def test_a_week_of_missed_slots_is_not_counted_through(
        self, sqlite_store: Store, catch_up: CatchUp, timing: dict[str, object], state: ConnectionState
    ) -> None:
        """604,800 of them cost what one costs: one transaction, and two looks at the cron line at most."""
        connect(sqlite_store, state=state)
        schedule(sqlite_store, catch_up=catch_up, **timing)
        with patch("adjoin.sync.schedules.next_after", wraps=next_after) as asked:
            dispatch_due(sqlite_store, now=NOW + 7 * DAY)
        assert asked.call_count == 1
        dispatch_due(sqlite_store, now=NOW + 7 * DAY)
        queues = state is ConnectionState.OK and catch_up is not CatchUp.NONE
        assert len(runs(sqlite_store)) == int(queues)
        if not (queues and catch_up is CatchUp.ALL):
            assert stored(sqlite_store).next_run_at > NOW + 7 * DAY

    def test_all_without_a_usable_connection_goes_on_at_once(self, sqlite_store: Store) -> None:
        """For a whole workspace as for one connection: there is nothing to queue for each slot."""
        connect(sqlite_store, state=ConnectionState.RECONNECT)
        schedule(sqlite_store, connection_id=None, catch_up=CatchUp.ALL)
        assert dispatch_due(sqlite_store, now=NOW + DAY) == []
        found = stored(sqlite_store)
        assert found.next_run_at == NOW + DAY + HOUR
        assert "no connection of the workspace can be used" in found.last_error

    def test_waiting_for_each_slot_holds_up_no_other(self, sqlite_store: Store) -> None:
        """However many wait for the run of their last slot, a schedule that came due later has its turn."""
        for n in range(600):
            connect(sqlite_store, f"c{n}")
            schedule(sqlite_store, f"s{n}", connection_id=f"c{n}", catch_up=CatchUp.ALL)
        connect(sqlite_store, "late")
        assert len(dispatch_due(sqlite_store, now=NOW + DAY)) == 600
        schedule(sqlite_store, "late", connection_id="late", next_run_at=NOW + DAY)
        assert len(dispatch_due(sqlite_store, now=NOW + DAY)) == 1

    def test_a_slot_that_is_a_little_late_is_not_missed(self, sqlite_store: Store) -> None:
        """`none` is about downtime, not about a tick that came a minute late."""
        connect(sqlite_store)
        schedule(sqlite_store, catch_up=CatchUp.NONE)
        assert len(dispatch_due(sqlite_store, now=NOW + timedelta(minutes=1))) == 1

    @pytest.mark.parametrize("late", [timedelta(minutes=30), timedelta(hours=2)])
    def test_a_cron_slot_is_missed_after_an_hour(self, sqlite_store: Store, late: timedelta) -> None:
        """A cron line has no interval to tell."""
        connect(sqlite_store)
        schedule(sqlite_store, catch_up=CatchUp.NONE, every_seconds=None, cron="0 12 * * *")
        assert bool(dispatch_due(sqlite_store, now=NOW + late)) == (late < HOUR)
        assert stored(sqlite_store).next_run_at == NOW + DAY


class TestNextSlot:
    @pytest.mark.parametrize(
        ("passed", "expected"),
        [
            (timedelta(0), HOUR),
            (timedelta(minutes=59), HOUR),
            (HOUR, 2 * HOUR),
            (timedelta(hours=30, minutes=1), 31 * HOUR),
            (-timedelta(minutes=1), timedelta(0)),
        ],
    )
    def test_intervals_keep_their_phase(self, passed: timedelta, expected: timedelta) -> None:
        """However long nothing ran, slots stay where they were."""
        hourly = Schedule(workspace_id="default", name="sync", every_seconds=3600, next_run_at=NOW)
        assert next_after(hourly, NOW + passed) == NOW + expected

    @pytest.mark.parametrize("timing", [{"cron": "0 * * * *"}, {"every_seconds": 3600}], ids=["cron", "interval"])
    def test_jitter_spreads_schedules_and_never_drifts(self, timing: dict[str, object]) -> None:
        """Not all connections start on the hour; but the slots of one are as far apart as without jitter."""
        delays = []
        for _ in range(50):
            one = Schedule(workspace_id="default", name="sync", jitter_seconds=300, next_run_at=NOW, **timing)
            one.next_run_at = first = first_slot(one, NOW)
            for _ in range(1000):
                one.next_run_at = next_after(one, one.next_run_at)
            assert one.next_run_at == first + 1000 * HOUR
            delays.append((first - NOW).total_seconds() % 3600)
        assert all(0 <= delay < 300 for delay in delays)
        assert len(set(delays)) > 30
        assert 100 < sum(delays) / 50 < 200

    def test_jitter_does_not_fire_a_slot_twice(self) -> None:
        """Between the time of the cron line and the time of the schedule, the slot of today is still to come."""
        daily = Schedule(workspace_id="default", name="sync", cron="0 13 * * *", jitter_seconds=3000, next_run_at=NOW)
        slot = next_after(daily, NOW)
        assert next_after(daily, slot - timedelta(seconds=1)) == slot
        assert next_after(daily, slot) == slot + DAY

    @pytest.mark.parametrize(
        ("timing", "phase"), [({"cron": "0 6 * * *"}, timedelta(hours=18)), ({"every_seconds": 86400}, timedelta(0))]
    )
    def test_a_pause_keeps_the_phase(self, timing: dict[str, object], phase: timedelta) -> None:
        """It goes on with the next slot that there would have been."""
        one = Schedule(workspace_id="default", name="sync", next_run_at=NOW + phase, **timing)
        park(one, NOW)
        assert not one.enabled
        assert one.next_run_at > NOW + 36500 * DAY
        unpark(one, NOW + 10 * DAY + HOUR)
        assert one.enabled
        assert one.next_run_at == NOW + 10 * DAY + (phase or DAY)

    @pytest.mark.parametrize("seconds", [-5, 10**9, 10**15])
    def test_an_impossible_interval_is_refused(self, seconds: int) -> None:
        """Before it is added to a date."""
        one = Schedule(workspace_id="default", name="sync", every_seconds=seconds, next_run_at=NOW)
        with pytest.raises(BadInput, match="it may be 1 second to 366 days"):
            next_after(one, NOW)

    def test_neither_cron_nor_interval_is_refused(self) -> None:
        """A schedule must say when."""
        empty = Schedule(workspace_id="default", name="nightly", next_run_at=NOW)
        with pytest.raises(BadInput, match="schedule 'nightly' has neither a cron line nor an interval"):
            next_after(empty, NOW)


def test_a_new_connection_gets_one_schedule(sqlite_store: Store) -> None:
    """Its first slot is an interval away, as connecting syncs by itself; connecting again changes nothing."""
    connect(sqlite_store)
    for moment in (NOW, NOW + HOUR):
        with sqlite_store.write() as session:
            ensure_schedule(session, workspace_id="default", connection_id="c1", now=moment)
    with sqlite_store.read() as session:
        (made,) = session.exec(select(Schedule)).all()
    assert made.connection_id == "c1"
    assert NOW + DEFAULT_EVERY <= made.next_run_at <= NOW + DEFAULT_EVERY + timedelta(minutes=5)
