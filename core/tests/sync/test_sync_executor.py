"""The executor: one process, several runs at once, and no run that is forgotten."""

from __future__ import annotations

import asyncio
import queue
import subprocess
import sys
import threading
import warnings
from datetime import date, timedelta
from decimal import Decimal

import pytest

from adjoin.ads import v2
from adjoin.contract import hookimpl
from adjoin.db.models import ConnectionState, EntityKind, RunState
from adjoin.errors import StateError
from adjoin.kernel import ContractDeprecation
from adjoin.surface import v1 as surface
from adjoin.testing.packages import on_path

START = date(2026, 3, 5)
TODAY = date(2026, 3, 15)


def of_a1(request):
    return request.account.id == "a1" and request.stream == "campaign_daily"


_HOLD = """
import fcntl, sys
file = open(sys.argv[1], "a+")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_one_process_executes(house):
    """While another one does, this one does not; the lock of a process that was killed is free."""
    other = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(house.home / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with other:
        assert other.stdout.readline() == b"held\n"
        house.enqueue()
        attempt = house.take()
        with house.executor.exclusive() as mine:
            assert not mine
        assert house.book.get("default", attempt.run_id).state is RunState.RUNNING  # it is the other one's
        other.kill()
        other.wait(10)
        with house.executor.exclusive() as mine:
            assert mine
            assert house.book.get("default", attempt.run_id).state is RunState.QUEUED
            with house.executor.exclusive() as again:
                assert not again


def test_a_lock_that_cannot_be_had_is_said(house):
    """With the file and the reason."""
    (house.home / "lock").mkdir()
    with pytest.raises(StateError, match="lock cannot be opened: Is a directory"), house.executor.exclusive():
        pass


def test_what_is_queued_is_executed(house):
    """All of it, to the end."""
    house.enqueue()
    asyncio.run(house.executor.run_until_idle())
    house.assert_whole(START)


def serving(house, body):
    """Serve while `body` runs, then stop."""
    executor = house.executor

    async def main():
        stop = asyncio.Event()
        served = asyncio.create_task(executor.serve(stop))
        try:
            await asyncio.to_thread(body)
        finally:
            stop.set()
            await asyncio.wait_for(served, 20)

    asyncio.run(main())


def wait_for(heard, name, state="succeeded"):
    """Wait until the run of a connection has ended."""
    for _ in range(10):
        event = heard.get(timeout=20)
        if event.data["connection_id"] == name:
            assert event.data["state"] == state
            return
    raise AssertionError(f"{name} did not end")


@pytest.fixture
def heard(house):
    events = queue.Queue()

    class Listener:
        @hookimpl
        def on_event(self, event: surface.Event) -> None:
            events.put(event)

    house.kernel.add("listener", "surface", 1, Listener())
    return events


def test_a_long_run_does_not_hold_up_the_others(house, heard):
    """A run that comes due while another one is at work is begun at once."""
    slow = house.platform
    fast = type(slow)(listing=[slow.account("f1")])
    house.kernel.add("fast", "ads", 2, fast)
    other = house.connect(platform="fast")
    slow.hold = of_a1

    def body():
        house.enqueue()
        assert slow.held.wait(20)
        house.book.enqueue(workspace_id="default", connection_id=other.id, trigger="person", now=house.clock.now())
        wait_for(heard, other.id)

    serving(house, body)
    (run,) = [run for run, one in house.book.latest("default") if one.id == house.connection.id]
    assert run.state is RunState.QUEUED  # the one that was at work when the process was stopped


def test_a_store_that_is_away_for_a_while_is_no_end(house, heard, monkeypatch):
    """The process goes on, and takes the run when the store is back."""
    taking, failures = house.book.take_next, threading.Event()
    executor = house.executor
    left = [1, 2, 3]

    def away(**options):
        if left:
            left.pop()
            raise StateError("The database cannot be reached.")
        failures.set()
        return taking(**options)

    monkeypatch.setattr(executor._runs, "take_next", away)
    monkeypatch.setattr(type(house), "executor", executor)
    serving(house, lambda: (house.enqueue(), wait_for(heard, house.connection.id)))
    assert failures.is_set()
    house.assert_whole(START)


def test_a_run_whose_failure_could_not_be_recorded_is_taken_again(house, heard, monkeypatch):
    """Else the connection would count as busy for ever."""
    executor = house.executor
    monkeypatch.setattr(type(house), "executor", executor)
    finish, broken = type(house.book).finish, [1, 2]

    def away(self, attempt, **options):
        if broken:
            broken.pop()
            raise StateError("The database cannot be reached.")
        finish(self, attempt, **options)

    monkeypatch.setattr(type(house.book), "finish", away)

    def body():
        house.enqueue()
        wait_for(heard, house.connection.id, "failed")
        wait_for(heard, house.connection.id, "succeeded")

    serving(house, body)
    ((run, _),) = house.book.latest("default")
    assert (run.state, run.attempts) == (RunState.SUCCEEDED, 2)
    house.assert_whole(START)


V1 = """
import datetime
from decimal import Decimal
from adjoin.ads import v1
from adjoin.contract import hookimpl

class Plugin:
    asked = []

    @hookimpl
    def accounts(self, token):
        assert token == "token"
        return [v1.Account(id="r1", name="Rows", currency="USD", time_zone="America/New_York")]

    @hookimpl
    def campaigns(self, account, token):
        return [v1.Campaign(id="c1", name="One"), v1.Campaign(id="c2", name="Two", status="paused")]

    @hookimpl
    def performance(self, account, start, end):
        self.asked.append((start, end))
        days = [start + datetime.timedelta(days=n) for n in range((end - start).days + 1)]
        return [
            v1.Performance(
                date=day, campaign_id="c1", impressions=day.day, clicks=1, cost_micros=day.day * 1_234_567,
                conversions=Decimal("0.125"),
            )
            for day in days
        ]

plugin = Plugin()
"""


def test_a_plugin_of_version_1_syncs(any_house, tmp_path):
    """Installed as a package, lifted by the upgrader, from its accounts to the committed rows."""
    house = any_house
    with on_path(tmp_path / "packages") as packages:
        packages.add(
            "adjoin-rows", modules={"rowsplugin": V1}, entry_points={"adjoin.ads.v1": {"rows": "rowsplugin:plugin"}}
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ContractDeprecation)
            house.kernel = house.connections._kernel = packages.load(strict=True)
        made = house.connections.connect("rows", base_url="", credential=v2.Credential(access_token="token"))
        house.connection = asyncio.run(made).connection
        house.history_days = 20
        run = house.sync()
        assert (run.state, run.error) == (RunState.SUCCEEDED, None)
        assert [
            (row["date"], row["campaign_id"], row["impressions"], row["cost_micros"], row["conversions"])
            for row in house.committed("campaign_daily")
        ] == [
            (day, "c1", day.day, day.day * 1_234_567, Decimal("0.125"))
            for day in (date(2026, 2, 23) + timedelta(days=n) for n in range(21))
        ]
        found = house.entities("r1")
        assert {name: (one.kind, one.status) for name, one in found.items()} == {
            "c1": (EntityKind.CAMPAIGN, "active"),
            "c2": (EntityKind.CAMPAIGN, "paused"),
        }
        house.clock.advance(3600)
        assert house.sync().state is RunState.SUCCEEDED


def test_a_plugin_without_inspect_is_served_by_the_status(house):
    """Optional hooks may be missing; the default verdict decides."""
    assert not house.kernel.hook(v2.Ads.inspect).implemented_by("fake")
    assert house.sync().state is RunState.SUCCEEDED


def test_connecting_again_renews_the_connection(house):
    """The one that reaches the same accounts is used again, with its history and schedule."""
    again = house.connect("another token")
    assert again.id == house.connection.id
    assert again.credential_version == 2
    assert house.stored_connection().state is ConnectionState.OK


def test_an_account_stays_with_the_connection_that_reads_it(house):
    """Two connections that reach the same account do not read it twice, and it is said."""
    house.platform.listing = [house.platform.account("b1")]
    second = house.connect("token of another person")
    assert second.id != house.connection.id
    house.platform.listing = [house.platform.account(name) for name in ("a1", "a2", "b1")]
    run = house.sync()
    assert run.notes == ["account b1 (Shop b1) is read through another connection already"]
    assert {one.account.id for one in house.platform.asked} == {"a1", "a2"}
