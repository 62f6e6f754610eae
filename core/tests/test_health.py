"""How a connection is: what is found, how bad it is, and what is said to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.db import Store
from adjoin.db.models import (
    Account,
    Connection,
    ConnectionState,
    Entity,
    EntityKind,
    FactFile,
    Run,
    RunState,
    RunTrigger,
    Schedule,
    Slice,
    SliceState,
)
from adjoin.facts.store import FactStore
from adjoin.health import ConnectionHealth, Finding, Problem, Severity, Verdict, connection_health
from adjoin.health.advice import advice_for, meaning_of

NOW = datetime(2026, 4, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
META = v2.Description(
    title="Meta", base_url="https://x.example", api_version="1", auth=v2.Auth(warn_before=timedelta(days=5)), streams=()
)


class Installation:
    """One connection with one account and a schedule every six hours, synced an hour ago; tests change it."""

    def __init__(self, store: Store, home: Path) -> None:
        self.store = store
        self.facts = FactStore(home)
        self.add(
            Connection(
                workspace_id="default",
                id="meta",
                platform="meta",
                label="Meta",
                created_at=NOW - 90 * DAY,
                last_sync_at=NOW - HOUR,
            ),
            Account(
                workspace_id="default",
                platform="meta",
                id="act_1",
                connection_id="meta",
                name="Shop",
                currency="EUR",
                time_zone="UTC",
                first_seen_at=NOW - 90 * DAY,
                last_seen_at=NOW - HOUR,
            ),
            Schedule(
                workspace_id="default",
                id="s",
                connection_id="meta",
                name="sync",
                every_seconds=6 * 3600,
                next_run_at=NOW + 5 * HOUR,
            ),
        )

    def add(self, *rows: Any) -> None:
        with self.store.write() as session:
            session.add_all(rows)

    def change(self, model: type[Any], key: tuple[str, ...], **values: Any) -> None:
        with self.store.write() as session:
            row = session.get_one(model, key)
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)

    def connection(self, **values: Any) -> None:
        self.change(Connection, ("default", "meta"), **values)

    def run(
        self, run_id: str = "r1", *, ago: timedelta = HOUR, state: RunState = RunState.SUCCEEDED, **values: Any
    ) -> None:
        defaults: dict[str, Any] = {"trigger": RunTrigger.SCHEDULE, "started_at": NOW - ago}
        if state.ended:
            defaults["finished_at"] = NOW - ago
        self.add(
            Run(
                workspace_id="default",
                id=run_id,
                connection_id="meta",
                state=state,
                created_at=NOW - ago,
                **(defaults | values),
            )
        )

    def failed(self, kind: str, error: str = "It broke.", *, account: str = "act_1", run: str = "r1") -> None:
        self.add(
            Slice(
                workspace_id="default",
                run_id=run,
                account_id=account,
                stream="ad_daily",
                since=date(2026, 4, 1),
                until=date(2026, 4, 19),
                state=SliceState.FAILED,
                error=error,
                error_kind=kind,
            )
        )

    def health(self, **options: Any) -> ConnectionHealth:
        (one,) = connection_health(self.store, self.facts, now=NOW, **({"platforms": {"meta": META}} | options))
        return one

    def only(self, problem: Problem) -> Finding:
        """The one finding, which must be of this kind."""
        health = self.health()
        assert [one.problem for one in health.findings] == [problem], health.findings
        return health.findings[0]


@pytest.fixture
def here(store: Store, tmp_path: Path) -> Installation:
    return Installation(store, tmp_path)


def test_a_connection_in_time_is_healthy(here: Installation) -> None:
    """Nothing to say, and it is said when the next data is due."""
    here.run()
    health = here.health()
    assert (health.verdict, health.findings, health.worst) == (Verdict.HEALTHY, (), None)
    assert (health.synced_at, health.due_at, health.late) == (NOW - HOUR, NOW + 5 * HOUR, timedelta(0))


class TestLateness:
    @pytest.mark.parametrize(
        ("synced", "verdict", "late"),
        [
            (timedelta(hours=6, minutes=20), Verdict.HEALTHY, timedelta(minutes=20)),
            (timedelta(hours=7), Verdict.ATTENTION, timedelta(hours=1)),
            (timedelta(hours=31), Verdict.BROKEN, timedelta(hours=25)),
        ],
    )
    def test_it_is_counted_from_the_slot_after_the_last_sync(
        self, here: Installation, synced: timedelta, verdict: Verdict, late: timedelta
    ) -> None:
        """A run needs its time, so half an hour is nothing; more than a day and two intervals is broken."""
        here.connection(last_sync_at=NOW - synced)
        here.change(Schedule, ("default", "s"), next_run_at=NOW - synced + 6 * HOUR)
        health = here.health()
        assert (health.verdict, health.late) == (verdict, late)

    def test_it_is_said_by_how_much_and_what_to_do(self, here: Installation) -> None:
        """With both instants, and that nobody has looked at the schedule."""
        here.connection(last_sync_at=NOW - 9 * HOUR)
        here.change(Schedule, ("default", "s"), next_run_at=NOW - 3 * HOUR)
        finding = here.only(Problem.LATE)
        assert finding.what == (
            "data is 3 hours late: last brought up to date 2026-04-20 03:00 UTC, due 2026-04-20 09:00 UTC"
        )
        assert "no scheduler" in finding.why
        assert "scheduler.py" in finding.advice
        assert finding.since == NOW - 3 * HOUR

    def test_cron_lines_count_in_their_zone(self, here: Installation) -> None:
        """Due at 6:00 in Berlin, 4:00 UTC."""
        here.connection(last_sync_at=NOW - 20 * HOUR)
        here.change(
            Schedule,
            ("default", "s"),
            cron="0 6 * * *",
            every_seconds=None,
            time_zone="Europe/Berlin",
            next_run_at=NOW + 16 * HOUR,
        )
        assert here.health().due_at == datetime(2026, 4, 20, 4, tzinfo=UTC)

    def test_a_run_under_way_is_no_reason_to_worry(self, here: Installation) -> None:
        """It is worked on right now."""
        here.connection(last_sync_at=NOW - 9 * HOUR)
        here.run(state=RunState.RUNNING, heartbeat_at=NOW)
        assert here.health().verdict is Verdict.HEALTHY

    def test_the_first_data_is_due_one_slot_after_connecting(self, here: Installation) -> None:
        """A connection that never got anything is late like any other."""
        here.connection(last_sync_at=None, created_at=NOW - 8 * HOUR)
        here.change(Schedule, ("default", "s"), next_run_at=NOW - 2 * HOUR)
        assert "nothing was synced yet" in here.only(Problem.LATE).what


class TestAuthorisation:
    def test_a_lost_one_is_broken_and_says_how_to_connect(self, here: Installation) -> None:
        """One finding, not one for each part that could not be read."""
        here.connection(state=ConnectionState.RECONNECT, last_error="Token was revoked.")
        here.run(state=RunState.FAILED, error="Token was revoked.")
        here.failed("reconnect")
        finding = here.only(Problem.RECONNECT)
        assert (finding.severity, finding.why) == (Severity.BROKEN, "Token was revoked.")
        assert "adjoin connect meta" in finding.advice

    @pytest.mark.parametrize(
        ("left", "verdict"), [(6 * DAY, Verdict.HEALTHY), (4 * DAY, Verdict.ATTENTION), (-DAY, Verdict.BROKEN)]
    )
    def test_its_end_is_said_ahead_of_time(self, here: Installation, left: timedelta, verdict: Verdict) -> None:
        """As long before as the platform's plugin wants."""
        here.connection(expires_at=NOW + left)
        assert here.health().verdict is verdict

    def test_the_engines_warning_of_it_is_not_said_twice(self, here: Installation) -> None:
        """The other half of the warning stays."""
        text = "v19 ends soon; the authorisation ends on 2026-04-24; run `adjoin connect meta` before that"
        here.connection(expires_at=NOW + 4 * DAY, warning=text)
        findings = {one.problem: one for one in here.health().findings}
        assert findings.keys() == {Problem.EXPIRES, Problem.WARNING}
        assert findings[Problem.WARNING].why == "v19 ends soon"

    def test_the_platforms_clock_decides(self, here: Installation) -> None:
        """Where it is three weeks behind ours, what ends by ours tomorrow has three weeks left."""
        here.connection(expires_at=NOW + DAY)
        here.run()
        here.add(
            Slice(
                workspace_id="default",
                run_id="r1",
                account_id="act_1",
                stream="ads",
                state=SliceState.COMMITTED,
                started_at=NOW - HOUR,
                asked_at=NOW - HOUR - 21 * DAY,
            )
        )
        assert here.health().verdict is Verdict.HEALTHY

    def test_a_switched_off_one_says_only_that(self, here: Installation) -> None:
        """Nobody expects data of it."""
        here.connection(state=ConnectionState.DISABLED, last_sync_at=NOW - 30 * DAY)
        assert here.only(Problem.SWITCHED_OFF).severity is Severity.ATTENTION

    def test_a_missing_plugin_is_said(self, here: Installation) -> None:
        """Its connections cannot be synced from here."""
        assert [one.problem for one in here.health(platforms={}).findings] == [Problem.NO_PLUGIN]


class TestFailures:
    @pytest.mark.parametrize("kind", ["retry", "wait", "split", "skip_account", "invalid", "plugin", "unexpected"])
    def test_every_kind_has_its_meaning_and_advice(self, here: Installation, kind: str) -> None:
        """In plain words, with the platform's own text behind them."""
        here.run(state=RunState.PARTLY, error="x")
        here.failed(kind, "Error #17")
        finding = here.only(Problem.FAILED)
        assert finding.why == f"{meaning_of(kind)}: Error #17"
        assert meaning_of(kind)
        assert finding.advice == advice_for(kind, "meta")
        assert finding.what == "1 part of Shop (act_1) could not be read"
        assert (finding.severity, finding.account_id) == (Severity.ATTENTION, "act_1")

    def test_what_is_tried_again_needs_nobody(self, here: Installation) -> None:
        """It says when, and that there is nothing to do."""
        here.connection(state=ConnectionState.ERROR)
        here.run(state=RunState.FAILED, error="x", retry_at=NOW + HOUR, tries=1)
        here.failed("retry")
        failed, again = here.health().findings
        assert (failed.severity, failed.advice) == (
            Severity.ATTENTION,
            "Nothing yet: it is tried again at 2026-04-20 13:00 UTC.",
        )
        assert (again.problem, again.severity) == (Problem.RETRY, Severity.NOTE)
        assert "try 3" in again.what

    def test_what_is_being_tried_again_needs_nobody_either(self, here: Installation) -> None:
        """The retry is queued or running, so its time is not there any more."""
        here.run("r1", ago=2 * HOUR, state=RunState.FAILED, error="x")
        here.failed("retry")
        here.run("r2", ago=timedelta(minutes=1), state=RunState.RUNNING, heartbeat_at=NOW, retry_of="r1")
        assert here.only(Problem.FAILED).advice == "Nothing yet: it is being tried again."
        assert here.health().verdict is Verdict.ATTENTION

    def test_a_run_that_failed_for_good_is_broken(self, here: Installation) -> None:
        """With the run's own words where no part says more."""
        here.run(state=RunState.FAILED, error="The disk is full.")
        finding = here.only(Problem.FAILED)
        assert (finding.severity, finding.why) == (Severity.BROKEN, "The disk is full.")

    def test_what_was_stopped_by_another_failure_is_not_counted(self, here: Installation) -> None:
        """One reason is enough."""
        here.run(state=RunState.PARTLY)
        here.failed("invalid")
        here.failed("stopped")
        assert here.only(Problem.FAILED).what.startswith("1 part ")

    def test_a_retry_that_worked_settles_its_accounts(self, here: Installation) -> None:
        """The other accounts' failures of the run before still stand."""
        here.run("r1", ago=2 * HOUR, state=RunState.PARTLY)
        here.failed("retry", account="act_1")
        here.failed("invalid", account="act_2")
        here.run("r2", trigger=RunTrigger.RESUME, retry_of="r1", accounts=["act_1"])
        assert here.only(Problem.FAILED).account_id == "act_2"
        here.run("r3", ago=timedelta(minutes=5))
        assert here.health().verdict is Verdict.HEALTHY

    def test_an_error_stays_after_its_run_was_cleaned_up(self, here: Installation) -> None:
        """The connection itself remembers it."""
        here.connection(state=ConnectionState.ERROR, last_error="No such host.")
        assert here.only(Problem.FAILED).why == "No such host."

    def test_a_platforms_warning_is_passed_on(self, here: Installation) -> None:
        """Versions end, and somebody has to act before."""
        here.connection(warning="v19 ends on 2026-06-01")
        assert here.only(Problem.WARNING).why == "v19 ends on 2026-06-01"


class TestRuns:
    @pytest.mark.parametrize(
        ("silent", "severity"),
        [(timedelta(minutes=1), None), (timedelta(minutes=5), Severity.ATTENTION), (2 * HOUR, Severity.BROKEN)],
    )
    def test_one_without_a_sign_of_life_is_stuck(
        self, here: Installation, silent: timedelta, severity: Severity | None
    ) -> None:
        """It names the process that had it."""
        here.run(state=RunState.RUNNING, heartbeat_at=NOW - silent, worker="box/12")
        if severity is None:
            assert here.health().findings == ()
        else:
            finding = here.only(Problem.STUCK)
            assert (finding.severity, "box/12" in finding.why) == (severity, True)

    def test_one_that_waits_says_why(self, here: Installation) -> None:
        """The last note of the run, where somebody has left one."""
        here.run(state=RunState.QUEUED, ago=20 * timedelta(minutes=1), notes=["waits for a worker with the plugin"])
        assert here.only(Problem.STUCK).why == "waits for a worker with the plugin"

    def test_one_that_is_due_later_does_not_wait(self, here: Installation) -> None:
        """It was told to."""
        here.run(state=RunState.QUEUED, ago=5 * HOUR, not_before=NOW + HOUR)
        assert here.health().findings == ()


class TestSchedules:
    def test_a_paused_one_is_said(self, here: Installation) -> None:
        """Nobody is reminded otherwise, and nothing is late then."""
        here.change(Schedule, ("default", "s"), enabled=False)
        here.connection(last_sync_at=NOW - 30 * DAY)
        assert "paused" in here.only(Problem.SCHEDULE).what
        assert here.health().due_at is None

    def test_one_that_cannot_be_used_is_said(self, here: Installation) -> None:
        """With the reason."""
        here.change(Schedule, ("default", "s"), cron="nonsense", every_seconds=None, last_error="five fields")
        assert here.only(Problem.SCHEDULE).why == "five fields"

    def test_one_for_the_whole_workspace_counts(self, here: Installation) -> None:
        """It has no connection of its own."""
        here.change(Schedule, ("default", "s"), connection_id=None)
        assert here.health().due_at == NOW + 5 * HOUR


class TestAccounts:
    def test_one_that_has_gone_is_news_for_a_month(self, here: Installation) -> None:
        """Then it is a note."""
        here.change(Account, ("default", "meta", "act_1"), gone_at=NOW - 2 * DAY)
        assert here.only(Problem.ACCOUNT_GONE).severity is Severity.ATTENTION
        here.change(Account, ("default", "meta", "act_1"), gone_at=NOW - 40 * DAY)
        assert here.health().verdict is Verdict.HEALTHY

    def test_one_that_never_could_be_read_is_a_note(self, here: Installation) -> None:
        """As a manager account, which holds no results."""
        here.change(Account, ("default", "meta", "act_1"), readable=False, note="not read: MANAGER")
        finding = here.only(Problem.ACCOUNT_UNREADABLE)
        assert (finding.severity, finding.why) == (Severity.NOTE, "MANAGER")


def clicks(*days: date) -> list[dict[str, Any]]:
    return [{"date": day, "clicks": 1, "conversions": Decimal(1)} for day in days]


def span(first: date, last: date, skip: Callable[[date], bool] = lambda day: False) -> list[date]:
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in days if not skip(day)]


@pytest.fixture
def read(here: Installation, put_facts: Any) -> Callable[..., None]:
    """Commits days of rows for act_1; everything up to the 20th was read."""

    def put(last: date, *, dataset: str = "account_daily", skip: Callable[[date], bool] = lambda day: False) -> None:
        days = span(date(2026, 3, 1), last, skip)
        rows = [row | ({} if dataset == "account_daily" else {"campaign_id": "c"}) for row in clicks(*days)]
        put_facts(dataset, *rows, days=(date(2026, 3, 1), NOW.date()))

    return put


class TestSilence:
    def test_days_without_rows_are_said(self, here: Installation, read: Callable[..., None]) -> None:
        """From the first one on, with the advice to look into the platform."""
        read(date(2026, 4, 14))
        finding = here.only(Problem.SILENT)
        assert finding.what == "account Shop (act_1) has no rows from 2026-04-15 to 2026-04-18"
        assert (finding.account_id, finding.since) == ("act_1", datetime(2026, 4, 15, tzinfo=UTC))

    @pytest.mark.parametrize("last", [date(2026, 4, 20), date(2026, 4, 18), date(2026, 4, 17)])
    def test_the_last_days_may_be_late(self, here: Installation, read: Callable[..., None], last: date) -> None:
        """Today and yesterday say nothing, and one day alone is a holiday."""
        read(last)
        assert here.health().findings == ()

    def test_an_account_that_rests_at_weekends_is_not_silent_then(
        self, here: Installation, read: Callable[..., None]
    ) -> None:
        """The 18th and 19th of April 2026 are a weekend."""
        read(date(2026, 4, 16), skip=lambda day: day.weekday() >= 5)
        assert here.health().findings == ()
        read(date(2026, 4, 15), skip=lambda day: day.weekday() >= 5)
        assert here.only(Problem.SILENT).what.endswith("from 2026-04-16 to 2026-04-18")

    def test_days_that_were_not_read_are_not_silent(self, here: Installation, put_facts: Any) -> None:
        """Nobody knows what is in them."""
        days = span(date(2026, 3, 1), date(2026, 4, 10))
        put_facts("account_daily", *clicks(*days), days=(date(2026, 3, 1), date(2026, 4, 11)))
        assert here.health().findings == ()

    def test_an_account_at_rest_is_no_news(self, here: Installation, read: Callable[..., None]) -> None:
        """After four weeks it is how things are."""
        read(date(2026, 3, 15))
        assert here.health().findings == ()

    @pytest.mark.parametrize(("status", "silent"), [("active", True), ("paused", False)])
    def test_without_a_running_campaign_nothing_is_expected(
        self, here: Installation, read: Callable[..., None], status: str, silent: bool
    ) -> None:
        """Somebody has switched them off."""
        read(date(2026, 4, 14))
        here.add(
            Entity(
                workspace_id="default",
                platform="meta",
                account_id="act_1",
                kind=EntityKind.CAMPAIGN,
                id="c",
                name="c",
                status=status,
                first_seen_at=NOW,
                last_seen_at=NOW,
            )
        )
        assert (here.health().verdict is Verdict.ATTENTION) is silent

    def test_one_silent_dataset_is_named_with_those_that_have_rows(
        self, here: Installation, read: Callable[..., None]
    ) -> None:
        """That is rather the platform's or the plugin's doing."""
        read(date(2026, 4, 19))
        read(date(2026, 4, 14), dataset="campaign_daily")
        finding = here.only(Problem.SILENT)
        assert "no rows in campaign_daily from" in finding.what
        assert finding.why.startswith("account_daily has rows for them")

    def test_a_month_that_lost_most_of_its_rows_is_said(self, here: Installation, put_facts: Any) -> None:
        """The platform answered with less when the days were read again."""
        march = [{"date": date(2026, 3, 1), "campaign_id": str(n), "clicks": 1} for n in range(60)]
        window = (date(2026, 3, 1), date(2026, 3, 31))
        put_facts("campaign_daily", *march, days=window)
        put_facts("campaign_daily", *march[:20], days=window)
        with here.store.write() as session:
            for file in session.exec(select(FactFile).where(col(FactFile.superseded_at).is_not(None))):
                file.superseded_at = NOW - HOUR
                session.add(file)
        finding = here.only(Problem.SHRUNK)
        assert finding.what == "account Shop (act_1): campaign_daily of 2026-03 went from 60 to 20 rows"


class TestDifferences:
    def test_unexplained_ones_are_said_with_their_amount(self, here: Installation) -> None:
        """The first of them in full, the others counted."""
        base = {"account_id": "act_1", "finer": "ad_daily", "coarser": "account_daily", "days": 1}
        base |= {"metric": "cost_micros", "first_day": "2026-04-01", "last_day": "2026-04-01", "difference": "1500000"}
        here.run(unexplained=3, differences=[base | {"known": "why"}, base | {"known": None}])
        finding = here.only(Problem.DIFFERENCES)
        assert finding.what == (
            "Shop (act_1), 2026-04-01: account_daily has 1.50 EUR more spend than ad_daily. The reason is not known. "
            "(and 2 more)"
        )
        assert "--account act_1 --since 2026-04-01" in finding.advice

    def test_known_ones_are_no_problem(self, here: Installation) -> None:
        """The platform has said why."""
        here.run(differences=[{"account_id": "act_1", "known": "why"}])
        assert here.health().findings == ()


def test_the_worst_comes_first_and_decides(here: Installation) -> None:
    """A table shows the first finding."""
    here.connection(warning="soon", last_sync_at=NOW - 60 * HOUR)
    health = here.health()
    assert [one.severity for one in health.findings] == [Severity.BROKEN, Severity.ATTENTION]
    assert (health.verdict, health.worst) == (Verdict.BROKEN, health.findings[0])


def test_a_workspace_sees_its_own(here: Installation) -> None:
    """Another one's connections are not in it; None is for those who watch the whole installation."""
    assert connection_health(here.store, here.facts, now=NOW, platforms={}, workspace_id="other") == []


@pytest.fixture
def counted(here: Installation) -> Iterator[list[str]]:
    """The statements that are sent from now on."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    sa.event.listen(here.store._engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(here.store._engine, "before_cursor_execute", note)


def test_the_number_of_queries_does_not_grow(here: Installation, counted: list[str]) -> None:
    """Thirty connections cost as many as one."""
    here.run()
    counted.clear()
    here.health()
    alone = len(counted)
    for number in range(30):
        here.add(
            Connection(
                workspace_id="default", id=f"c{number}", platform="meta", label=f"c{number}", created_at=NOW - DAY
            ),
            Run(
                workspace_id="default",
                connection_id=f"c{number}",
                state=RunState.SUCCEEDED,
                trigger=RunTrigger.SCHEDULE,
                created_at=NOW,
            ),
        )
    counted.clear()
    connection_health(here.store, here.facts, now=NOW, platforms={"meta": META})
    assert len(counted) == alone
