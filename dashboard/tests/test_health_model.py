"""What the Data health page says, without drawing it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from adjoin.health import ConnectionHealth, Finding, Problem, Severity, Verdict
from adjoin.sync.gaps import Calendar, DayState, Span
from adjoin.writing import Writer
from adjoin_dashboard.health.model import STATES, gap_calendar, gaps, health_lines, strip_summary

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def health(verdict: Verdict = Verdict.HEALTHY, *findings: Finding, **values: object) -> ConnectionHealth:
    defaults: dict[str, object] = {"synced_at": NOW - HOUR, "due_at": NOW + 5 * HOUR, "late": timedelta(0)}
    return ConnectionHealth(
        workspace_id="default",
        connection_id="c",
        platform="meta",
        label="Shop",
        verdict=verdict,
        findings=findings,
        **(defaults | values),  # type: ignore[arg-type]
    )


def calendar(*spans: tuple[str, str, DayState], dataset: str = "ad_daily") -> Calendar:
    return Calendar(
        connection_id="c",
        platform="meta",
        account_id="a",
        account_name="Shop",
        dataset=dataset,
        spans=tuple(
            Span(since=date.fromisoformat(since), until=date.fromisoformat(until), state=state)
            for since, until, state in spans
        ),
    )


C, M = DayState.COVERED, DayState.MISSING


@pytest.mark.parametrize(
    ("values", "freshness"),
    [
        ({}, "60 min ago, next in 5 h"),
        ({"synced_at": NOW - 9 * HOUR, "due_at": NOW - 3 * HOUR, "late": 3 * HOUR}, "9 h ago, 3 h late"),
        ({"synced_at": NOW - 60 * HOUR, "due_at": None}, "2 days ago"),
        ({"synced_at": None}, "never synced"),
    ],
)
def test_freshness_is_in_words(values: dict[str, object], freshness: str) -> None:
    """How old, and how late or when the next data comes."""
    assert health_lines([health(**values)], title=str.title, now=NOW)[0].freshness == freshness


def test_the_worst_connection_comes_first_with_its_problem() -> None:
    """The problem and the advice fit a cell, which shows no markup."""
    finding = Finding(
        problem=Problem.RECONNECT,
        severity=Severity.BROKEN,
        what="the platform says no",
        why="revoked",
        advice="Run `adjoin connect meta`.",
    )
    note = Finding(problem=Problem.RETRY, severity=Severity.NOTE, what="tried again")
    broken, healthy = health_lines(
        [health(Verdict.HEALTHY, note), health(Verdict.BROKEN, finding)], title=str.title, now=NOW
    )
    assert (broken.status, broken.name) == ("✕ Broken", "Meta (Shop)")
    assert (broken.problem, broken.advice) == ("The platform says no: revoked", "Run adjoin connect meta.")
    assert (healthy.status, healthy.problem, healthy.advice) == ("✓ Healthy", None, None)
    assert "1 to look at" in broken.headline
    assert "1 to know" in healthy.headline


def test_gaps_are_listed_with_their_reason() -> None:
    """The longest first; a hole is not the same as history that is still to come."""
    one = calendar(("2026-11-01", "2026-11-10", M), ("2026-11-11", "2026-11-15", C), ("2026-11-16", "2026-11-17", M))
    told = [(gap.days, gap.count, gap.why) for gap in gaps([one], Writer())]
    assert told == [
        ("1–10 Nov 2026", 10, "older history, still to be read"),
        ("16–17 Nov 2026", 2, "not read yet; the next run reads it"),
    ]
    assert strip_summary([one]) == "ad_daily: 12 days missing"
    assert strip_summary([calendar(("2026-11-01", "2026-11-02", C))]) == "no day is missing"


class TestStrips:
    def test_each_day_is_a_cell_in_the_colour_of_its_state(self) -> None:
        """With its dataset, day and state in words for the tooltip; states that do not occur have no legend."""
        one = calendar(("2026-11-01", "2026-11-02", C), ("2026-11-03", "2026-11-03", M))
        two = calendar(("2026-11-01", "2026-11-03", C), dataset="account_daily")
        option, _ = gap_calendar([two, one], Writer(), dark=False)
        assert option["yAxis"]["data"] == ["ad_daily", "account_daily"]  # drawn from below
        there, missing = option["series"]
        assert (there["name"], missing["name"]) == ("There", "Missing")
        assert len(there["data"]) == 5
        assert [(cell["name"], cell["itemStyle"]["color"]) for cell in missing["data"]] == [
            ("ad_daily, 3 Nov 2026: Missing", STATES[M][1])
        ]

    @pytest.mark.parametrize("state", DayState)
    def test_every_state_has_its_colours(self, state: DayState) -> None:
        """By days and by weeks."""
        for since in ("2026-11-01", "2024-11-01"):
            option, _ = gap_calendar([calendar((since, "2026-11-02", state))], Writer(), dark=False)
            assert [one["name"] for one in option["series"]] == [STATES[state][0]]

    def test_the_dark_theme_has_its_own_colours(self) -> None:
        """Both are told apart from the ground."""
        one = calendar(("2026-11-01", "2026-11-02", C))
        light, dark = (
            gap_calendar([one], Writer(), dark=dark)[0]["series"][0]["itemStyle"]["color"] for dark in (False, True)
        )
        assert light != dark

    def test_a_long_time_is_shown_by_weeks_with_the_worst_day_of_each(self) -> None:
        """One missing day in three years is still seen."""
        one = calendar(
            ("2024-01-01", "2025-05-05", C), ("2025-05-06", "2025-05-06", M), ("2025-05-07", "2026-11-20", C)
        )
        option, _ = gap_calendar([one], Writer(), dark=False)
        there, missing = option["series"]
        assert len(there["data"]) + len(missing["data"]) == len(option["xAxis"]["data"]) == 151
        assert [cell["name"] for cell in missing["data"]] == ["ad_daily, 5–11 May 2025: Missing"]
