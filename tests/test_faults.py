"""Every fault on every platform: the figures equal the truth exactly, or the run says what is wrong, nothing wrong is
committed, and the next run makes it good.

One server holds the sandboxes of all platforms, on one advertiser. Each test has an installation of its own, whose
clock only moves when something waits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from adjoin.ads import v2
from adjoin.ads.datasets import DATASETS
from adjoin.db import Store
from adjoin.db.models import Connection, ConnectionState, Run, RunState, SliceState
from adjoin.errors import StateError
from adjoin.kernel import Kernel
from adjoin.sync.shared_credential import SharedCredential
from adjoin.testing.faults import EVERYWHERE, ON_PLATFORMS, Fault
from adjoin.testing.house import House
from adjoin.testing.server import running, sandbox_app
from adjoin.testing.world import World

PLATFORMS = ("google", "linkedin", "meta", "microsoft")
TODAY = date(2026, 11, 5)  # the United States changed their clocks on 1 November, Europe on 25 October
HISTORY = 4

_STREAMED = "results and lists arrive as one stream without pages"
_DIRECT = "results are answers to questions: nothing is ordered and waited for"

#: Kinds that do not exist on a platform, and why.
ABSENT: dict[str, dict[str, str]] = {
    "google": {
        "page_expired": _STREAMED,
        "page_invalid": _STREAMED,
        "page_duplicate": _STREAMED,
        "page_endless": _STREAMED,
        "report_failed": _DIRECT,
        "report_stuck": _DIRECT,
        "report_empty": _DIRECT,
    },
    "linkedin": {
        "throttle_in_200": "a refusal has a status of its own",
        "report_failed": _DIRECT,
        "report_stuck": _DIRECT,
        "report_empty": _DIRECT,
    },
    "meta": {
        "token_rejected": "there are no refresh tokens: a person logs in again",
        "report_empty": "a report without results is an empty list like any other",
    },
    "microsoft": {
        "throttle_in_200": "a throttled call is answered with a fault and its status; partial errors are of changes",
        "page_expired": "pages have numbers, which do not expire",
        "page_invalid": "pages have numbers, which are all valid",
    },
}

#: Platforms whose tokens only a person renews.
NO_RENEWAL = frozenset({"meta"})

#: Platforms that go on answering for a disabled account.
READABLE_WHEN_DISABLED = frozenset({"linkedin", "meta"})

#: What else has to be on so that a list has a second page.
SHORT_PAGES: dict[str, Callable[[str], list[Fault]]] = {
    "google": lambda kind: [],
    "linkedin": lambda kind: [],
    "meta": lambda kind: [Fault(kind="page_short:7")],
    "microsoft": lambda kind: [Fault(kind="page_endless", times=1)] if kind == "page_duplicate" else [],
}

#: The requests on which one account is refused, where listing the accounts asks each of them.
FORBIDDEN = {"google": "facts"}

everywhere = pytest.mark.parametrize("platform", PLATFORMS)


@dataclass
class Sandboxes:
    """The sandboxes that are being served."""

    world: World
    url: str
    kernel: Kernel

    def faults(self, *faults: Fault) -> None:
        self.world.faults.add(*faults)

    def fired(self, kind: str) -> int:
        return sum(one.kind == kind for one in self.world.faults.fired)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    kernel = Kernel.load(strict=True)
    yield kernel
    kernel.close()


@pytest.fixture(scope="module")
def served(kernel: Kernel) -> Iterator[Sandboxes]:
    world = World.generate(seed=3, today=TODAY, scale=0.02, days=18)
    apps = {name: kernel.hook(v2.Ads.sandbox).one(name, world=world) for name in PLATFORMS}
    with running(sandbox_app(apps, world)) as url:
        yield Sandboxes(world, url, kernel)


@pytest.fixture
def sandboxes(served: Sandboxes) -> Iterator[Sandboxes]:
    served.world.faults.clear()
    served.world.set_today(TODAY)
    yield served
    served.world.faults.clear()
    served.world.set_today(TODAY)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty database: copying it is quicker than making one."""
    path = tmp_path_factory.mktemp("template") / "adjoin.db"
    with Store.open(f"sqlite:///{path}", check_schema=False) as store:
        store.initialise(now=datetime(2026, 11, 5, tzinfo=UTC))
    return path.read_bytes()


@dataclass
class Installed:
    """A house that is connected to a platform, and the truth about it."""

    house: House
    sandboxes: Sandboxes
    platform: str
    history: int = HISTORY
    connection: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = self.connect()

    @property
    def presence(self) -> Any:
        return self.sandboxes.world.on(self.platform)

    @property
    def description(self) -> v2.Description:
        return self.sandboxes.kernel.hook(v2.Ads.describe).one(self.platform)

    def connect(self) -> Connection:
        """Connect once more; an account in EUR and the one without any data are chosen."""
        connection = self.house.connect(self.platform, f"{self.sandboxes.url}/{self.platform}")
        self.choose(0, 5)
        return connection

    def choose(self, *numbers: int) -> None:
        """Choose the accounts to be read, by their place in the world."""
        self.house.keep(self.platform, [self.presence.accounts[number].id for number in numbers])

    def sync(self) -> Run:
        return self.house.sync(self.connection)

    @property
    def state(self) -> ConnectionState:
        return self.house.connection(self.connection).state

    def datasets(self) -> list[str]:
        return [name for one in self.description.streams if one.kind == "facts" for name in (one.name, *one.yields)]

    def account_ids(self) -> list[str]:
        return [one.id for one in self.house.accounts(self.platform) if one.selected and one.readable]

    def since(self, account_id: str) -> date:
        """The first day that a run reads."""
        first: date = self.presence.today(account_id) - timedelta(days=self.history)
        return first

    def truth(self, dataset: str, account_id: str) -> list[dict[str, Any]]:
        since, today = self.since(account_id), self.presence.today(account_id)
        return self.presence.truth(dataset, account_id=account_id, since=since, until=today).to_pylist()

    def assert_whole(self, *account_ids: str) -> None:
        """Every dataset of these accounts (default: all chosen) is there, for every day, and equals the truth."""
        for dataset in dict.fromkeys(self.datasets()):
            wanted = account_ids or tuple(self.account_ids())
            rows = [
                row
                for row in self.house.rows(self.platform, dataset)
                if row["account_id"] in wanted and row["date"] >= self.since(row["account_id"])
            ]
            truth = [row for account_id in wanted for row in self.truth(dataset, account_id)]
            assert _sorted(dataset, rows) == _sorted(dataset, truth), dataset
            covered = self.house.covered(self.platform, dataset)
            for account_id in wanted:
                today = self.presence.today(account_id)
                days = {(account_id, today - timedelta(days=n)) for n in range(self.history + 1)}
                assert days <= covered, (dataset, account_id)

    def assert_nothing_wrong(self) -> None:
        """What is committed, however little, equals the truth of the days that count as read."""
        for dataset in dict.fromkeys(self.datasets()):
            covered = self.house.covered(self.platform, dataset)
            rows = self.house.rows(self.platform, dataset)
            truth = [
                row
                for account_id in self.account_ids()
                for row in self.truth(dataset, account_id)
                if (account_id, row["date"]) in covered
            ]
            assert _sorted(dataset, rows) == _sorted(dataset, truth), dataset

    def assert_one_left_out(self, run: Run) -> None:
        """One account, named in the run's error, has failed slices; the others are whole."""
        failed = {piece.account_id for piece in self.house.slices(run) if piece.state is SliceState.FAILED}
        assert len(failed) == 1, f"faults of one account failed slices of {failed}"
        assert min(failed) in (run.error or "")
        assert self.state is not ConnectionState.RECONNECT
        self.assert_whole(*(one for one in self.account_ids() if one not in failed))
        self.assert_nothing_wrong()

    def acts_out(self, kind: str) -> None:
        """Leave a test out where the platform has no such thing; the table says why."""
        if kind in ABSENT[self.platform]:
            pytest.skip(f"{self.platform} has no {kind}: {ABSENT[self.platform][kind]}")

    def assert_healed(self) -> None:
        """With the fault gone, a day later on our clock, the next run is whole."""
        self.sandboxes.world.faults.clear()
        self.house.clock.advance(26 * 3600)
        run = self.sync()
        assert (run.state, run.error) == (RunState.SUCCEEDED, None)
        assert self.state is ConnectionState.OK
        self.assert_whole()


def _sorted(dataset: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    keys = ("account_id", "date", *DATASETS[dataset].keys)
    return sorted(rows, key=lambda row: [str(row[key]) for key in keys])


@pytest.fixture
def house(tmp_path: Path, sandboxes: Sandboxes, template: bytes) -> Iterator[House]:
    (tmp_path / "adjoin.db").write_bytes(template)
    store = Store.open(f"sqlite:///{tmp_path / 'adjoin.db'}")
    made = House(tmp_path, kernel=sandboxes.kernel, now=sandboxes.world.now, store=store, history_days=HISTORY)
    yield made
    made.close()


@pytest.fixture
def installed(house: House, sandboxes: Sandboxes, platform: str) -> Installed:
    return Installed(house, sandboxes, platform)


def _fault(kind: str, request_class: str = "*", **options: Any) -> Fault:
    return Fault(kind=kind, request_class=request_class, **options)


class TestWithoutFaults:
    @everywhere
    def test_the_figures_are_the_truth(self, installed):
        """Also those of an account with no data at all: its days count as read and have no rows."""
        installed.choose(0, 1, 2, 3, 4, 5)
        run = installed.sync()
        assert (run.state, run.error) == (RunState.SUCCEEDED, None)
        assert all(one["known"] for one in run.differences), run.differences
        installed.assert_whole()
        empty = installed.presence.accounts[5]
        assert installed.presence.campaigns(empty.id) == ()
        assert not installed.presence.truth("account_daily", account_id=empty.id).num_rows
        assert (empty.id, TODAY) in installed.house.covered(installed.platform, "account_daily")

    @pytest.mark.parametrize(
        "now",
        [
            datetime(2026, 10, 24, 22, 30, tzinfo=UTC),  # half past midnight in Berlin, in summer time for the last day
            datetime(2026, 10, 25, 22, 30, tzinfo=UTC),  # the hour that the longer day has more
            datetime(2026, 11, 1, 5, 30, tzinfo=UTC),  # half past one in New York, the first time
            datetime(2026, 11, 1, 6, 30, tzinfo=UTC),  # and the second time
        ],
        ids=str,
    )
    @everywhere
    def test_a_day_at_a_change_of_the_clocks_is_whole(self, house, sandboxes, platform, now):
        """Today, yesterday and the day before are those of each account's own zone."""
        sandboxes.world.set_now(now)
        installed = Installed(House(house.home, kernel=house.kernel, now=now, store=house.store, history_days=2),
                              sandboxes, platform, history=2)  # fmt: skip
        installed.choose(0, 1)
        run = installed.sync()
        assert (run.state, run.error) == (RunState.SUCCEEDED, None)
        installed.assert_whole()


class TestPassing:
    """Faults that pass: the run succeeds, and the figures are exact."""

    @pytest.mark.parametrize(
        "kinds",
        [
            ("status:500", "status:502", "status:503"),
            ("cut_before", "cut_headers"),
            ("cut_body", "cut_after"),
            ("truncate", "garbage"),
            ("slow", "latency:20"),
            ("throttle",),
            ("throttle_bare",),
            ("throttle_in_200",),
            ("server_error",),
        ],
        ids="+".join,
    )
    @everywhere
    def test_now_and_then_on_any_request(self, installed, sandboxes, platform, kinds):
        for place, kind in enumerate(kinds):
            installed.acts_out(kind)
            sandboxes.faults(_fault(kind, every=4, after=place, times=4))
        run = installed.sync()
        assert (run.state, run.error) == (RunState.SUCCEEDED, None)
        assert {sandboxes.fired(kind) for kind in kinds} == {4}
        installed.assert_whole()

    @pytest.mark.parametrize("kind", ["cut_body", "truncate", "garbage"])
    @everywhere
    def test_on_every_other_answer_with_results(self, installed, sandboxes, platform, kind):
        """Rows, files and archives: half of one is never taken for all of it."""
        sandboxes.faults(_fault(kind, "facts", every=2, times=6))
        run = installed.sync()
        assert (run.state, run.error) == (RunState.SUCCEEDED, None)
        assert sandboxes.fired(kind) == 6
        installed.assert_whole()

    @pytest.mark.parametrize("kind", ["page_expired", "page_invalid", "page_duplicate", "page_endless"])
    @everywhere
    def test_once_on_a_page(self, installed, sandboxes, platform, kind):
        installed.acts_out(kind)
        sandboxes.faults(_fault(kind, times=1), *SHORT_PAGES[platform](kind))
        run = installed.sync()
        assert (run.state, run.error) == (RunState.SUCCEEDED, None)
        assert sandboxes.fired(kind) == 1
        installed.assert_whole()

    @everywhere
    def test_a_report_that_fails_once(self, installed, sandboxes, platform):
        installed.acts_out("report_failed")
        sandboxes.faults(_fault("report_failed", times=2))
        run = installed.sync()
        assert (run.state, run.error) == (RunState.SUCCEEDED, None)
        assert sandboxes.fired("report_failed") == 2
        installed.assert_whole()

    @everywhere
    def test_an_access_token_that_expires_in_the_middle(self, installed, sandboxes, platform):
        """It is renewed, once, and what it had read so far is kept; without renewal the owner is asked."""
        sandboxes.faults(_fault("token_expired", after=12, times=1))
        run = installed.sync()
        assert sandboxes.fired("token_expired") == 1
        if platform in NO_RENEWAL:
            assert installed.state is ConnectionState.RECONNECT
            assert "Connect again" in (run.error or "")
            installed.assert_nothing_wrong()
            installed.connection = installed.connect()
            installed.assert_healed()
            return
        assert (run.state, run.error) == (RunState.SUCCEEDED, None)
        installed.assert_whole()
        assert sandboxes.world.faults.requests()[platform]["token"] > 0
        assert (
            installed.house.connection(installed.connection).credential_version
            > installed.connection.credential_version
        )


class TestLastingAndHarmless:
    """Faults that stay and change nothing."""

    @everywhere
    def test_values_and_fields_that_nobody_knows_yet(self, installed, sandboxes, platform):
        sandboxes.faults(_fault("unknown_values"))
        run = installed.sync()
        assert (run.state, run.error) == (RunState.SUCCEEDED, None)
        assert sandboxes.fired("unknown_values") > 5
        installed.assert_whole()

    @pytest.mark.parametrize("kind", ["clock_skew", "clock_skew:-300"])
    @everywhere
    def test_a_platform_whose_clock_is_five_minutes_off(self, installed, sandboxes, platform, kind):
        sandboxes.faults(_fault(kind))
        run = installed.sync()
        assert (run.state, run.error) == (RunState.SUCCEEDED, None)
        assert sandboxes.fired(kind) > 5
        installed.assert_whole()

    @pytest.mark.parametrize("minutes", [-5, 5])
    @everywhere
    def test_a_machine_whose_clock_is_five_minutes_off(self, house, sandboxes, platform, minutes):
        wrong = sandboxes.world.now + timedelta(minutes=minutes)
        installed = Installed(
            House(house.home, kernel=house.kernel, now=wrong, store=house.store, history_days=HISTORY),
            sandboxes,
            platform,
        )
        run = installed.sync()
        assert (run.state, run.error) == (RunState.SUCCEEDED, None)
        installed.assert_whole()


class TestLasting:
    """Faults that stay: the right thing is said and done, nothing wrong is committed, and the next run is whole."""

    @everywhere
    def test_a_withdrawn_authorisation_asks_for_its_owner_and_others_go_on(self, installed, sandboxes, platform):
        other = next(name for name in PLATFORMS if name != platform)
        beside = Installed(installed.house, sandboxes, other)
        sandboxes.faults(_fault("token_revoked", after=9, times=1))
        run = installed.sync()
        assert sandboxes.fired("token_revoked") == 1
        assert installed.state is ConnectionState.RECONNECT
        assert "Connect again" in (run.error or "")
        installed.assert_nothing_wrong()
        assert beside.sync().state is RunState.SUCCEEDED
        beside.assert_whole()
        assert installed.sync().state is not RunState.SUCCEEDED, "it stays withdrawn"
        installed.connection = installed.connect()
        installed.assert_healed()

    @everywhere
    def test_a_refresh_token_that_is_refused_asks_for_the_owner(self, installed, sandboxes, platform):
        installed.acts_out("token_rejected")
        sandboxes.faults(_fault("token_expired", after=9, times=1), _fault("token_rejected", "token"))
        run = installed.sync()
        assert sandboxes.fired("token_rejected") >= 1
        assert installed.state is ConnectionState.RECONNECT
        assert "onnect again" in (run.error or "")
        installed.assert_nothing_wrong()
        sandboxes.world.faults.clear()
        installed.connection = installed.connect()
        installed.assert_healed()

    @pytest.mark.parametrize("lost", ["cut_headers", "crash"])
    @everywhere
    def test_a_new_refresh_token_that_is_lost_on_the_way(self, installed, sandboxes, platform, lost, monkeypatch):
        """The platform has given out a new one and its answer is cut, or the process dies before it is stored.

        Where the old one is dead by then, the owner is asked; otherwise the next attempt goes on with it.
        """
        if platform in NO_RENEWAL:
            installed.acts_out("token_rejected")
        sandboxes.faults(_fault("token_expired", after=9, times=1))
        if lost == "crash":

            def save(*_: Any) -> None:
                raise StateError("the process died here")

            monkeypatch.setattr(SharedCredential, "_save", save)
        else:
            sandboxes.faults(_fault(lost, "token", times=1))
        run = installed.sync()
        installed.assert_nothing_wrong()
        if lost == "crash":
            assert run.state is not RunState.SUCCEEDED
            assert "the process died here" in (run.error or "")
            monkeypatch.undo()
            sandboxes.faults(_fault("token_expired", times=1))  # the next process finds the old one, expired
            run = installed.sync()
        if installed.state is ConnectionState.RECONNECT:
            assert "onnect again" in (run.error or "")
            installed.connection = installed.connect()
        else:
            assert (run.state, run.error) == (RunState.SUCCEEDED, None)
            installed.assert_whole()
        installed.assert_healed()

    @everywhere
    def test_one_account_that_is_forbidden_is_left_out_and_said(self, installed, sandboxes, platform):
        installed.choose(0, 2, 5)
        sandboxes.faults(_fault("account_forbidden", FORBIDDEN.get(platform, "*"), times=1))
        run = installed.sync()
        assert run.state is RunState.PARTLY
        installed.assert_one_left_out(run)
        installed.assert_healed()

    @everywhere
    def test_one_account_that_is_disabled(self, installed, sandboxes, platform):
        """Where a disabled account can be read its past is there; elsewhere it is left out and said."""
        installed.choose(0, 2, 5)
        sandboxes.faults(_fault("account_disabled", times=1))
        run = installed.sync()
        assert sandboxes.fired("account_disabled") == 1
        if platform in READABLE_WHEN_DISABLED:
            assert run.state is RunState.SUCCEEDED
            installed.assert_whole()
        else:
            installed.assert_one_left_out(run)
        installed.assert_healed()

    @everywhere
    def test_a_quota_that_is_used_up_is_left_to_a_later_run(self, installed, sandboxes, platform):
        sandboxes.faults(_fault("quota_exhausted", after=2))
        run = installed.sync()
        assert sandboxes.fired("quota_exhausted") >= 1
        assert run.state in (RunState.PARTLY, RunState.FAILED)
        # The first slice that failed was refused, or not even sent since another one had been.
        assert "throttl" in (run.error or "") or "limits leave no room" in (run.error or "")
        assert installed.state is not ConnectionState.RECONNECT
        installed.assert_nothing_wrong()
        installed.assert_healed()

    @everywhere
    def test_a_throttle_that_does_not_end_is_left_to_a_later_run(self, installed, sandboxes, platform):
        sandboxes.faults(_fault("throttle", after=9))
        run = installed.sync()
        assert run.state in (RunState.PARTLY, RunState.FAILED)
        # The first slice that failed was refused, or not even sent since another one had been.
        assert "throttl" in (run.error or "") or "limits leave no room" in (run.error or "")
        installed.assert_nothing_wrong()
        installed.assert_healed()

    @pytest.mark.parametrize("kind", ["status:503", "truncate"])
    @everywhere
    def test_a_platform_that_is_down(self, installed, sandboxes, platform, kind):
        sandboxes.faults(_fault(kind, after=9))
        run = installed.sync()
        assert run.state in (RunState.PARTLY, RunState.FAILED)
        assert run.error
        assert installed.state is not ConnectionState.RECONNECT
        installed.assert_nothing_wrong()
        installed.assert_healed()

    @everywhere
    def test_a_retired_version_is_said_in_words(self, installed, sandboxes, platform):
        sandboxes.faults(_fault("version_retired"))
        run = installed.sync()
        assert run.state is RunState.FAILED
        assert "version" in (run.error or "")
        assert installed.state is ConnectionState.ERROR
        installed.assert_nothing_wrong()
        installed.assert_healed()

    @everywhere
    def test_pages_that_never_end_end_as_an_error(self, installed, sandboxes, platform):
        installed.acts_out("page_endless")
        sandboxes.faults(_fault("page_endless"))
        run = installed.sync()
        assert sandboxes.fired("page_endless") >= 1
        assert run.state in (RunState.PARTLY, RunState.FAILED)
        assert run.error
        installed.assert_nothing_wrong()
        installed.assert_healed()

    @pytest.mark.parametrize("kind", ["report_stuck", "report_failed"])
    @everywhere
    def test_a_report_that_comes_to_nothing(self, installed, sandboxes, platform, kind):
        """It is given up with a clear word, or what it was for is read in another way."""
        installed.acts_out(kind)
        sandboxes.faults(_fault(kind, times=6))  # each stuck one is asked about for an hour
        run = installed.sync()
        assert sandboxes.fired(kind) >= 1
        if run.state is RunState.SUCCEEDED:
            installed.assert_whole()
        else:
            assert run.error
            installed.assert_nothing_wrong()
        installed.assert_healed()

    @everywhere
    def test_a_report_that_ends_without_a_file_though_there_are_results(self, installed, sandboxes, platform):
        """Such an answer means that there is nothing: one dataset is empty, all others are exact.

        A day later the same days are read again, and it is there.
        """
        installed.acts_out("report_empty")
        sandboxes.faults(_fault("report_empty", times=1))
        run = installed.sync()
        assert sandboxes.fired("report_empty") == 1
        assert run.state is RunState.SUCCEEDED
        incomplete = []
        for dataset in installed.datasets():
            rows = installed.house.rows(platform, dataset)
            truth = [row for account_id in installed.account_ids() for row in installed.truth(dataset, account_id)]
            if _sorted(dataset, rows) != _sorted(dataset, truth):
                incomplete.append(dataset)
                assert rows == []
        assert len(incomplete) <= 1, incomplete
        sandboxes.world.set_today(TODAY + timedelta(days=1))
        installed.assert_healed()


class TestTable:
    """What is said about the kinds is so."""

    @everywhere
    def test_no_kind_is_left_out_without_a_reason(self, platform):
        assert set(ABSENT) == set(PLATFORMS)
        assert set(ABSENT[platform]) <= set(ON_PLATFORMS)
        assert all(ABSENT[platform].values())

    def test_every_kind_has_a_test(self):
        source = Path(__file__).read_text(encoding="utf-8")
        missing = [kind for kind in (*EVERYWHERE, *ON_PLATFORMS) if f'"{kind}"' not in source]
        assert not missing

    @everywhere
    def test_absent_kinds_are_acted_out_by_nobody(self, installed, sandboxes, platform):
        """With all of them switched on, a run is as if there were no faults."""
        kinds = ABSENT[platform]
        sandboxes.faults(*map(_fault, kinds))
        run = installed.sync()
        assert (run.state, run.error) == (RunState.SUCCEEDED, None)
        assert not sandboxes.world.faults.fired
        installed.assert_whole()
