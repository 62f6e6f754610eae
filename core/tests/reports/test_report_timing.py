"""When reports are sent, and which days they are about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from adjoin.errors import BadInput
from adjoin.reports.terms import Span, days_of
from adjoin.reports.timing import Cadence, latest_slot
from adjoin.sync.cron import next_cron


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


class TestCadence:
    @pytest.mark.parametrize(
        ("cadence", "cron"),
        [
            (Cadence(every="day", at=time(6, 30)), "30 6 * * *"),
            (Cadence(every="week", weekday=0), "0 8 * * 1"),
            (Cadence(every="week", weekday=6), "0 8 * * 0"),
            (Cadence(every="month", day=28, at=time(0, 5)), "5 0 28 * *"),
        ],
    )
    def test_it_is_a_cron_line_and_back(self, cadence: Cadence, cron: str) -> None:
        assert cadence.cron == cron
        assert Cadence.of(cron) == cadence

    @pytest.mark.parametrize("line", ["*/5 * * * *", "99 99 * * *", "0 8 1 1 *", "x"])
    def test_other_lines_are_read_as_the_usual_one(self, line: str) -> None:
        assert Cadence.of(line) == Cadence()

    @pytest.mark.parametrize(
        "cadence",
        [Cadence(every="hour"), Cadence(weekday=7), Cadence(every="month", day=29), Cadence(every="month", day=0)],
    )
    def test_what_is_no_cadence(self, cadence: Cadence) -> None:
        with pytest.raises(BadInput):
            assert cadence.cron


class TestSlots:
    @pytest.mark.parametrize(
        ("now", "expected"),
        [
            (utc(2026, 3, 27, 12), utc(2026, 3, 28, 7)),  # Berlin is an hour ahead until the 29th, then two
            (utc(2026, 3, 28, 7), utc(2026, 3, 29, 6)),
            (utc(2026, 10, 24, 12), utc(2026, 10, 25, 7)),  # and an hour again
        ],
    )
    def test_eight_is_eight_whatever_the_clocks_do(self, now: datetime, expected: datetime) -> None:
        assert next_cron(Cadence(every="day").cron, "Europe/Berlin", now) == expected

    def test_an_hour_that_is_left_out_or_comes_twice_is_one_slot(self) -> None:
        """On 29 March 2026 02:30 is not there in Berlin; on 25 October it is there twice."""
        line = Cadence(every="day", at=time(2, 30)).cron
        for first in (utc(2026, 3, 27, 12), utc(2026, 10, 23, 12)):
            slots = [first]
            while len(slots) < 6:
                slots.append(next_cron(line, "Europe/Berlin", slots[-1]))
            assert len({one.date() for one in slots[1:]}) == 5
        assert next_cron(line, "Europe/Berlin", utc(2026, 3, 28, 12)) == utc(2026, 3, 29, 1, 30)

    def test_of_missed_ones_only_the_last_is_left(self) -> None:
        line, due = "0 8 * * *", utc(2026, 3, 2, 8)
        assert latest_slot(line, "UTC", due, due) == due
        assert latest_slot(line, "UTC", due, utc(2026, 3, 2, 23)) == due
        assert latest_slot(line, "UTC", due, utc(2026, 3, 5, 7, 59)) == utc(2026, 3, 4, 8)
        assert latest_slot(line, "UTC", due, utc(2026, 3, 5, 8)) == utc(2026, 3, 5, 8)

    @pytest.mark.parametrize("cadence", [Cadence(every="day"), Cadence(), Cadence(every="month", day=28)])
    def test_years_of_downtime(self, cadence: Cadence) -> None:
        """It takes no longer, and finds the very slot that going through all of them finds."""
        due = next_cron(cadence.cron, "Europe/Berlin", utc(2023, 1, 1))
        now = utc(2026, 3, 1, 12)
        found = latest_slot(cadence.cron, "Europe/Berlin", due, now)
        assert now - timedelta(days=32) < found <= now < next_cron(cadence.cron, "Europe/Berlin", found)


@pytest.mark.parametrize(
    ("span", "day", "expected"),
    [
        (Span.YESTERDAY, date(2026, 3, 1), (date(2026, 2, 28), date(2026, 2, 28))),
        (Span.DAYS_7, date(2026, 3, 1), (date(2026, 2, 22), date(2026, 2, 28))),
        (Span.LAST_WEEK, date(2026, 3, 1), (date(2026, 2, 16), date(2026, 2, 22))),  # a Sunday
        (Span.LAST_WEEK, date(2026, 3, 2), (date(2026, 2, 23), date(2026, 3, 1))),  # a Monday
        (Span.DAYS_30, date(2026, 3, 1), (date(2026, 1, 30), date(2026, 2, 28))),
        (Span.DAYS_90, date(2026, 3, 1), (date(2025, 12, 1), date(2026, 2, 28))),
        (Span.THIS_MONTH, date(2026, 3, 1), (date(2026, 2, 1), date(2026, 2, 28))),
        (Span.THIS_MONTH, date(2026, 3, 9), (date(2026, 3, 1), date(2026, 3, 8))),
        (Span.LAST_MONTH, date(2026, 3, 31), (date(2026, 2, 1), date(2026, 2, 28))),
        (Span.LAST_MONTH, date(2026, 1, 1), (date(2025, 12, 1), date(2025, 12, 31))),
        (Span.YEAR, date(2026, 1, 1), (date(2025, 1, 1), date(2025, 12, 31))),
        (Span.YEAR, date(2026, 3, 1), (date(2026, 1, 1), date(2026, 2, 28))),
    ],
)
def test_days(span: Span, day: date, expected: tuple[date, date]) -> None:
    assert days_of(span, day) == expected
