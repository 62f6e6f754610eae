"""`adjoin schedules`: shown, set, paused and removed by a person who makes mistakes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adjoin.cli.schedules import parse_span
from adjoin.db import Store
from adjoin.db.models import Connection, Schedule
from adjoin.errors import BadInput
from adjoin.sync.schedules import dispatch_due, ensure_schedule


@pytest.fixture
def home(adjoin, tmp_path: Path) -> Path:
    """An installation with two connections to Meta, one to Google, and a job."""
    assert adjoin("init").code == 0
    now = datetime.now(UTC)
    with Store.open(f"sqlite:///{tmp_path / 'home' / 'adjoin.db'}") as store, store.write() as session:
        for name, platform, label in [
            ("aaaa1111", "meta", "ACME on Meta"),
            ("aaaa2222", "meta", "Other on Meta"),
            ("bbbb1111", "google", "Google Ads"),
        ]:
            session.add(Connection(workspace_id="default", id=name, platform=platform, label=label, created_at=now))
            session.flush()
            ensure_schedule(session, workspace_id="default", connection_id=name, now=now)
        session.add(
            Schedule(
                workspace_id="default",
                job="core/retention",
                name="as offered",
                every_seconds=86400,
                next_run_at=now + timedelta(days=1),
            )
        )
    return tmp_path / "home"


def only(found: list[dict]) -> dict:
    (one,) = found
    return one


def test_all_schedules_are_shown_with_their_next_time(adjoin, home: Path) -> None:
    """Connections and jobs, for people and for scripts."""
    found = adjoin("schedules", "--json").json
    assert [one["connection"] or one["job"] for one in found][-1] == "core/retention"
    assert {one["connection"] for one in found} == {"ACME on Meta", "Other on Meta", "Google Ads", None}
    google = next(one for one in found if one["platform"] == "google")
    due = datetime.fromisoformat(google["next_run_at"])
    assert timedelta(hours=5, minutes=55) < due - datetime.now(UTC) <= timedelta(hours=6, minutes=5)
    assert (google["every_seconds"], google["jitter_seconds"], google["catch_up"]) == (21600, 300, "latest")
    shown = adjoin("schedules").out
    assert "every 6h, spread over 5m" in shown
    assert f"{due:%Y-%m-%d %H:%M}" in shown
    assert "core/retention" in shown


def test_without_any_it_says_where_they_come_from(adjoin) -> None:
    """Rather than show an empty table."""
    adjoin("init")
    assert "each connection gets one when it is made" in adjoin("schedules").out
    assert adjoin("schedules", "--json").json == []


def test_a_cron_line_is_set_with_its_zone(adjoin, home: Path) -> None:
    """The next time is the one that the line names there."""
    answer = adjoin(
        *("schedules", "set", "google", "--cron", "30 6 * * 1-5", "--zone", "Europe/Berlin"),
        *("--jitter", "0", "--catch-up", "none", "--json"),
    )
    one = only(answer.json)
    assert (one["cron"], one["every_seconds"], one["time_zone"]) == ("30 6 * * 1-5", None, "Europe/Berlin")
    assert (one["jitter_seconds"], one["catch_up"]) == (0, "none")
    due = datetime.fromisoformat(one["next_run_at"])
    assert due.hour in (4, 5)
    assert (due.minute, due.weekday() < 5) == (30, True)
    assert one in adjoin("schedules", "--json").json


def test_what_is_not_given_stays(adjoin, home: Path) -> None:
    """An interval replaces a cron line, and the rest is as it was."""
    adjoin("schedules", "set", "google", "--cron", "0 6 * * *", "--catch-up", "all")
    one = only(adjoin("schedules", "set", "google", "--every", "1h30m", "--json").json)
    assert (one["cron"], one["every_seconds"], one["jitter_seconds"], one["catch_up"]) == (None, 5400, 300, "all")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cron", "0 26 * * *"], "the cron line '0 26 * * *' cannot be used: '26' is no hour; write 0 to 23"),
        (["--cron", "daily"], "has 1 fields and must have five fields: minute hour day month weekday"),
        (["--cron", "0 0 31 2 *"], "never comes due"),
        (["--zone", "Europe/Berln"], "there is no time zone 'Europe/Berln'; did you mean Europe/Berlin"),
        (["--every", "10s"], "an interval may be from 1 minute to 366 days"),
        (["--every", "6 hours"], "--every '6 hours' is not a length of time; write such as 90s, 30m, 6h, 1d or 1h30m"),
        (["--every", "9000d"], "an interval may be from 1 minute to 366 days"),
        (["--jitter", "7h"], "the jitter must not be longer than the interval"),
        (["--jitter", "-5m"], "is not a length of time"),
        (["--catch-up", "some"], "--catch-up 'some' is none of latest, all, none"),
        (["--cron", "0 6 * * *", "--every", "6h"], "either a cron line or an interval"),
        ([], "say what to set: --cron, --every, --zone, --jitter or --catch-up"),
    ],
)
def test_bad_input_is_refused_and_changes_nothing(adjoin, home: Path, arguments: list[str], message: str) -> None:
    """Exit code 2, and what is wrong with which part."""
    before = adjoin("schedules", "--json").json
    answer = adjoin("schedules", "set", "google", *arguments)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert adjoin("schedules", "--json").json == before


@pytest.mark.parametrize("command", [["set", "--every", "1h"], ["pause"], ["resume"], ["remove"]])
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("linkedin", "there is no connection or job 'linkedin'; the connections are: ACME on Meta, Other on Meta"),
        ("meta", "'meta' means several connections: aaaa1111 (ACME on Meta), aaaa2222 (Other on Meta); name one by"),
    ],
)
def test_who_is_meant_must_be_clear(adjoin, home: Path, command: list[str], target: str, message: str) -> None:
    """Names that are unknown, or of several, are told with the names there are."""
    answer = adjoin("schedules", command[0], target, *command[1:])
    assert answer.code == 2
    assert message in answer.err


@pytest.mark.parametrize("target", ["aaaa1111", "aaaa11", "ACME on Meta"])
def test_a_connection_goes_by_its_name_or_id(adjoin, home: Path, target: str) -> None:
    """Or the beginning of its id."""
    assert only(adjoin("schedules", "pause", target, "--json").json)["connection_id"] == "aaaa1111"


def test_a_paused_schedule_rests_until_it_is_resumed(adjoin, home: Path) -> None:
    """It has no next time meanwhile, and setting another one does not wake it."""
    (before,) = [one for one in adjoin("schedules", "--json").json if one["platform"] == "google"]
    paused = only(adjoin("schedules", "pause", "google", "--json").json)
    assert (paused["enabled"], paused["next_run_at"]) == (False, None)
    assert "paused" in adjoin("schedules").out
    assert only(adjoin("schedules", "pause", "google", "--json").json) == paused
    changed = only(adjoin("schedules", "set", "google", "--every", "2h", "--json").json)
    assert (changed["enabled"], changed["next_run_at"], changed["every_seconds"]) == (False, None, 7200)
    with Store.open(f"sqlite:///{home / 'adjoin.db'}") as store:
        assert len(dispatch_due(store, now=datetime.now(UTC) + timedelta(days=1))) == 2  # the other two
    resumed = only(adjoin("schedules", "resume", "google", "--json").json)
    assert resumed["enabled"]
    assert datetime.fromisoformat(resumed["next_run_at"]) - datetime.now(UTC) <= timedelta(hours=2)
    assert only(adjoin("schedules", "resume", "google", "--json").json) == resumed
    assert before["schedule_id"] == resumed["schedule_id"]


def test_a_job_can_be_set_too(adjoin, home: Path) -> None:
    """By the name that the list shows."""
    one = only(adjoin("schedules", "set", "core/retention", "--cron", "0 3 * * sun", "--json").json)
    assert (one["job"], one["cron"], one["connection"]) == ("core/retention", "0 3 * * sun", None)


def test_a_removed_schedule_can_be_set_again(adjoin, home: Path) -> None:
    """It needs to be told when, then."""
    assert "removed: Google Ads, every 6h" in adjoin("schedules", "remove", "google").err
    assert len(adjoin("schedules", "--json").json) == 3
    for command in ("remove", "pause", "resume"):
        assert "'google' has no schedule" in adjoin("schedules", command, "google").err
    answer = adjoin("schedules", "set", "google", "--jitter", "5m")
    assert (answer.code, "'google' has no schedule yet; say when with --cron or --every" in answer.err) == (2, True)
    assert only(adjoin("schedules", "set", "google", "--every", "1d", "--json").json)["platform"] == "google"


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("90s", 90), ("30m", 1800), ("6h", 21600), ("1d 12h", 129600), ("2w", 1209600)]
)
def test_lengths_of_time(text: str, expected: int) -> None:
    """A number with its unit, or several."""
    assert parse_span(text, "--every") == timedelta(seconds=expected)


@pytest.mark.parametrize("text", ["", "5", "h", "1.5h", "6h!", "99999999999999d", "6 hours"])
def test_what_is_no_length_of_time(text: str) -> None:
    """Is refused, with the option."""
    with pytest.raises(BadInput, match=r"--every .* is not a length of time"):
        parse_span(text, "--every")
