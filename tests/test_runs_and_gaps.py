"""The commands that say what runs do, what is missing, and how far back a connection is read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlmodel import col, delete, select

from adjoin.cli.runs import what_to_know
from adjoin.db import Store
from adjoin.db.models import DEFAULT_WORKSPACE, Connection, Coverage, Run, RunState, RunTrigger, Slice, SliceState
from adjoin.sync.asking import Scope, ask


@pytest.fixture
def store(synced: Path):
    with Store.open(f"sqlite:///{synced / 'adjoin.db'}") as store:
        yield store


@pytest.fixture(autouse=True)
def short_history(adjoin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJOIN_HISTORY_DAYS", "40")


def queue(store: Store, trigger=RunTrigger.SCHEDULE, **scope) -> Run:
    """Queue a run as a scheduler does that stands still now."""
    with store.write() as session:
        connection = session.exec(select(Connection)).one()
        run, new = ask(
            session,
            workspace_id=DEFAULT_WORKSPACE,
            connection_id=connection.id,
            trigger=trigger,
            now=datetime.now(UTC),
            scope=Scope(**scope),
        )
    assert new
    return run


def ended(store: Store, **values) -> Run:
    """A run that ended as these values say, with one slice that failed."""
    run = queue(store)
    with store.write() as session:
        stored = session.get_one(Run, (DEFAULT_WORKSPACE, run.id))
        for name, value in {"state": RunState.PARTLY, "slices_total": 2, "slices_done": 2, **values}.items():
            setattr(stored, name, value)
        session.add(stored)
        session.add(
            Slice(
                workspace_id=DEFAULT_WORKSPACE,
                run_id=run.id,
                account_id="1",
                stream="ad_daily",
                since=date(2026, 3, 1),
                until=date(2026, 3, 4),
                state=SliceState.FAILED,
                error="it is down",
                error_kind="retry",
            )
        )
    return run


class TestRuns:
    def test_a_run_is_shown_by_the_start_of_its_id(self, adjoin, synced: Path) -> None:
        [run] = adjoin("runs", "--json").json
        answer = adjoin("runs", "show", run["run_id"][:8])
        assert answer.code == 0
        assert f"run {run['run_id']} of Meta Ads" in answer.out
        assert "asked for by: a person" in answer.out
        assert "state: succeeded" in answer.out
        assert "Missing" not in answer.out
        shown = adjoin("runs", "show", run["run_id"], "--json").json
        assert {name: shown[name] for name in run} == run
        assert (shown["missing"], shown["retried_by"]) == ([], None)

    def test_what_is_missing_is_said_and_when_it_is_tried_again(self, adjoin, store: Store) -> None:
        """In plain words, and as data."""
        run = ended(
            store,
            error="account 1, ad_daily 2026-03-01 to 2026-03-04: it is down",
            retry_at=datetime(2026, 11, 22, 14, 5, tzinfo=UTC),
            tries=1,
        )
        out = adjoin("runs", "show", run.id[:8]).out
        assert "what follows: tried again at 2026-11-22 14:05 UTC by a running scheduler (at most 4 times)" in out
        assert "ad_daily" in out
        assert "2026-03-01 to 2026-03-04" in out
        assert "tried again 2026-11-22 14:05 UTC" in adjoin("runs").out.replace("\n", " ")
        shown = adjoin("runs", "show", run.id[:8], "--json").json
        assert shown["missing"] == [
            {
                "account_id": "1",
                "dataset": "ad_daily",
                "since": "2026-03-01",
                "until": "2026-03-04",
                "reason": "it is down",
                "passing": True,
            }
        ]

    def test_what_has_tried_it_again_is_named(self, adjoin, store: Store) -> None:
        run = ended(store)
        again = queue(store, RunTrigger.RESUME)
        with store.write() as session:
            stored = session.get_one(Run, (DEFAULT_WORKSPACE, again.id))
            stored.retry_of = run.id
            session.add(stored)
        assert f"run {again.id[:8]} has tried it again: queued" in adjoin("runs", "show", run.id).out
        assert adjoin("runs", "show", run.id, "--json").json["retried_by"] == again.id

    @pytest.mark.parametrize("command", ["show", "cancel"])
    @pytest.mark.parametrize(("name", "words"), [("nothing", "there is no run 'nothing'"), ("", "there is no run ''")])
    def test_a_run_that_is_not_there_is_said(self, adjoin, synced: Path, command: str, name: str, words: str) -> None:
        answer = adjoin("runs", command, name)
        assert answer.code == 2
        assert words in answer.err
        assert "`adjoin runs` lists them" in answer.err

    def test_the_start_of_several_ids_is_not_enough(self, adjoin, store: Store) -> None:
        with store.write() as session:
            connection = session.exec(select(Connection)).one()
            for number in range(2):
                session.add(
                    Run(
                        workspace_id=DEFAULT_WORKSPACE,
                        id=f"zz{number}",
                        connection_id=connection.id,
                        state=RunState.SUCCEEDED,
                        trigger=RunTrigger.PERSON,
                        created_at=datetime.now(UTC),
                    )
                )
        answer = adjoin("runs", "show", "zz")
        assert (answer.code, "several runs begin with 'zz'" in answer.err) == (2, True)
        assert adjoin("runs", "show", "zz1", "--json").json["run_id"] == "zz1"


class TestCancel:
    def test_a_waiting_run_is_cancelled(self, adjoin, store: Store) -> None:
        run = queue(store)
        answer = adjoin("runs", "cancel", run.id[:8])
        assert (answer.code, answer.err.strip()) == (0, f"run {run.id[:8]} is cancelled; it had not been under way")
        assert adjoin("runs", "--json").json[0]["state"] == "cancelled"
        again = adjoin("runs", "cancel", run.id[:8])
        assert (again.code, "has ended already (cancelled)" in again.err) == (2, True)

    def test_a_run_under_way_is_asked_to_end(self, adjoin, store: Store) -> None:
        run = queue(store)
        with store.write() as session:
            stored = session.get_one(Run, (DEFAULT_WORKSPACE, run.id))
            stored.state = RunState.RUNNING
            session.add(stored)
        assert adjoin("runs", "cancel", run.id, "--json").json["state"] == "running"
        assert "is being cancelled" in adjoin("runs").out


class TestSync:
    def test_a_click_takes_over_what_waits(self, adjoin, store: Store) -> None:
        """The waiting run becomes the person's own: there is one, and it reads everything."""
        waiting = queue(store, RunTrigger.BACKFILL, until=date(2026, 2, 10))
        [run] = adjoin("sync", "--json").json
        assert (run["run_id"], run["trigger"], run["until"], run["state"]) == (waiting.id, "person", None, "succeeded")

    def test_days_that_wait_are_read_before_what_is_asked_for(self, adjoin, store: Store) -> None:
        """Neither takes the other's place."""
        waiting = queue(store, since=date(2026, 3, 1), until=date(2026, 3, 2))
        [run] = adjoin("sync", "--json").json
        assert run["run_id"] != waiting.id
        states = {one["run_id"]: one["state"] for one in adjoin("runs", "--json").json}
        assert (states[waiting.id], states[run["run_id"]]) == ("succeeded", "succeeded")

    def test_a_long_history_is_read_to_its_start(self, adjoin, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """By several runs, which are one sync for the person who asked; afterwards nothing is missing."""
        monkeypatch.setenv("ADJOIN_HISTORY_DAYS", "230")
        runs = adjoin("sync", "--json").json
        assert [(one["trigger"], one["until"], one["state"]) for one in runs] == [
            ("person", None, "succeeded"),
            ("backfill", runs[1]["until"], "succeeded"),
        ]
        assert adjoin("gaps").out.strip() == "No day is missing."
        spans = {
            (one["since"], one["until"], one["state"]) for c in adjoin("gaps", "--json").json for one in c["spans"]
        }
        assert spans == {("2025-07-28", "2026-03-15", "covered")}
        monkeypatch.setenv("ADJOIN_HISTORY_DAYS", "400")
        said = adjoin("sync").err
        assert said.startswith("Meta Ads: succeeded, ")
        assert "(2 runs, newest days first)" in said

    def test_full_lists_everything_again(self, adjoin, store: Store) -> None:
        """Where the last listing is fresh, an ordinary sync asks for changes at most."""
        [ordinary] = adjoin("sync", "--json").json
        [full] = adjoin("sync", "--full", "--json").json
        assert (ordinary["full"], full["full"]) == (False, True)
        with store.read() as session:
            listed = session.exec(
                select(col(Slice.updated_since)).where(Slice.run_id == full["run_id"], col(Slice.since).is_(None))
            ).all()
        assert listed
        assert set(listed) == {None}


class TestHistory:
    def test_it_can_be_set_earlier_and_is_filled(self, adjoin, store: Store) -> None:
        assert "is read from 40 days before" in adjoin("connections", "history", "meta").err
        answer = adjoin("connections", "history", "meta", "--since", "2026-01-20", "--json")
        assert answer.json["history_start"] == "2026-01-20"
        assert {one["spans"][0]["state"] for one in adjoin("gaps", "--json").json} == {"missing"}
        assert adjoin("sync").code == 0
        assert {one["spans"][0]["since"] for one in adjoin("gaps", "--json").json} == {"2026-01-20"}
        assert adjoin("gaps").out.strip() == "No day is missing."
        assert adjoin("connections", "--json").json[0]["history_start"] == "2026-01-20"

    def test_what_the_platform_does_not_answer_is_said(self, adjoin, synced: Path) -> None:
        said = adjoin("connections", "history", "Meta Ads", "--since", "2015-01-01").err
        assert "is read from 2015-01-01 on" in said
        assert "answers for all datasets from about" in said

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["tiktok", "--since", "2026-01-01"], "there is no connection 'tiktok'; there are meta"),
            (["meta", "--since", "yesterday"], "--since 'yesterday' is not a day"),
            (["meta", "--since", "2999-01-01"], "lies in the future"),
        ],
    )
    def test_bad_words_are_said(self, adjoin, synced: Path, arguments: list[str], words: str) -> None:
        answer = adjoin("connections", "history", *arguments)
        assert (answer.code, words in answer.err) == (2, True), answer.err


class TestGaps:
    def test_a_hole_is_shown_and_the_next_sync_fills_it(self, adjoin, store: Store) -> None:
        assert adjoin("gaps").out.strip() == "No day is missing."
        gone = [date(2026, 2, 20), date(2026, 2, 21)]
        with store.write() as session:
            account = session.exec(select(col(Coverage.account_id))).first()
            session.exec(
                delete(Coverage).where(
                    col(Coverage.day).in_(gone), col(Coverage.account_id) == account, Coverage.dataset == "ad_daily"
                )
            )
        out = adjoin("gaps").out
        assert all(word in out for word in ("ad_daily", "2026-02-20", "2026-02-21", "missing"))
        [calendar] = adjoin("gaps", "--account", account, "--dataset", "ad_daily", "--json").json
        assert calendar["missing_days"] == 2
        assert [(one["days"], one["state"]) for one in calendar["spans"]][1] == (2, "missing")
        assert adjoin("sync").code == 0
        assert adjoin("gaps").out.strip() == "No day is missing."

    def test_all_shows_what_is_there(self, adjoin, synced: Path) -> None:
        out = adjoin("gaps", "--all", "--dataset", "ad_daily", "--until", "2026-03-17").out
        assert "there" in out
        assert "still to come" in out

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--account", "9"], "no connection reaches an account '9'"),
            (["--dataset", "hourly"], "there is no dataset 'hourly'"),
            (["--platform", "tiktok"], "no ads plugin 'tiktok'"),
            (["--since", "2026-03-02", "--until", "2026-03-01"], "--since 2026-03-02 lies after --until 2026-03-01"),
        ],
    )
    def test_names_that_are_not_there_are_said(self, adjoin, synced: Path, arguments: list[str], words: str) -> None:
        answer = adjoin("gaps", *arguments)
        assert (answer.code, words in answer.err) == (2, True), answer.err


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"state": RunState.SUCCEEDED}, ""),
        (
            {"state": RunState.QUEUED, "not_before": datetime(2026, 1, 1, 2, 3, tzinfo=UTC)},
            "waits until 2026-01-01 02:03 UTC",
        ),
        ({"state": RunState.RUNNING, "cancel_requested_at": datetime(2026, 1, 1, tzinfo=UTC)}, "is being cancelled"),
        ({"state": RunState.FAILED, "error": "no"}, "no"),
        (
            {"state": RunState.PARTLY, "error": "no", "retry_at": datetime(2026, 1, 1, tzinfo=UTC)},
            "no; tried again 2026-01-01 00:00 UTC",
        ),
    ],
)
def test_one_line_says_what_to_know(values: dict, words: str) -> None:
    run = Run(workspace_id="w", connection_id="c", trigger=RunTrigger.PERSON, **values)
    assert what_to_know(run) == words
