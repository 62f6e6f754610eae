"""Cron lines: read as cron reads them, and on the days that clocks are changed, once for each time that is meant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.errors import BadInput
from adjoin.sync.cron import find_zone, next_cron

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)  # a Wednesday
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def days(line: str, count: int = 7) -> str:
    """The weekdays of the next slots of a line."""
    found, now = [], NOW
    for _ in range(count):
        now = next_cron(line, "UTC", now)
        found.append(f"{now:%a}")
    return " ".join(found)


class TestCron:
    @pytest.mark.parametrize(
        ("field", "expected"),
        [
            ("0", "Sun Sun Sun"),
            ("7", "Sun Sun Sun"),
            ("1", "Mon Mon Mon"),
            ("sun", "Sun Sun Sun"),
            ("FRI", "Fri Fri Fri"),
            ("1-5", "Thu Fri Mon Tue Wed Thu"),
            ("0-2", "Sun Mon Tue Sun Mon"),
            ("0-6", "Thu Fri Sat Sun Mon"),
            ("5-7", "Fri Sat Sun Fri"),
            ("fri-sun", "Fri Sat Sun Fri"),
            ("mon,3,5", "Fri Mon Wed Fri"),
            ("1-5/2", "Fri Mon Wed Fri"),
            ("*/2", "Thu Sat Sun Tue Thu"),
            ("0,6", "Sat Sun Sat"),
            ("0-7", "Thu Fri Sat Sun"),
            ("2/3", "Fri Tue Fri"),
            ("*", "Thu Fri Sat"),
        ],
    )
    def test_weekdays_are_those_of_cron(self, field: str, expected: str) -> None:
        """0 and 7 are Sunday, in single numbers, ranges, lists and steps; names mean what they say."""
        assert days(f"0 8 * * {field}", len(expected.split())) == expected

    def test_day_and_weekday_together_mean_either(self) -> None:
        """As in cron: the 13th, and each Friday."""
        found, now = [], NOW
        for _ in range(4):
            now = next_cron("0 0 16 * 5", "UTC", now)
            found.append(now.day)
        assert found == [13, 16, 20, 27]

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("30 6 * * *", datetime(2026, 3, 12, 6, 30, tzinfo=UTC)),
            ("0 12 * * *", datetime(2026, 3, 12, 12, tzinfo=UTC)),
            ("*/15 * * * *", datetime(2026, 3, 11, 12, 15, tzinfo=UTC)),
            ("0 0 1 jan *", datetime(2027, 1, 1, tzinfo=UTC)),
            ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ],
    )
    def test_the_next_slot_is_after_now(self, line: str, expected: datetime) -> None:
        """Never now itself, or a slot would fire twice."""
        assert next_cron(line, "UTC", NOW) == expected

    def test_slots_follow_the_zone_through_summer_time(self) -> None:
        """Six in the morning stays six in the morning."""
        before = next_cron("0 6 * * *", "Europe/Berlin", datetime(2026, 3, 28, 0, tzinfo=UTC))
        after = next_cron("0 6 * * *", "Europe/Berlin", datetime(2026, 3, 29, 0, tzinfo=UTC))
        assert (before, after) == (datetime(2026, 3, 28, 5, tzinfo=UTC), datetime(2026, 3, 29, 4, tzinfo=UTC))
        night = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)  # 2:00 in Berlin, for the first time that night
        assert next_cron("0 3 * * *", "Europe/Berlin", night) == datetime(2026, 10, 25, 2, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("line", "zone", "message"),
        [
            ("0 6 * *", "UTC", "must have five fields: minute hour day month weekday"),
            ("", "UTC", "must have five fields"),
            ("0 6 * * * *", "UTC", "has 6 fields"),
            ("61 6 * * *", "UTC", "'61 6 .*' cannot be used: '61' is no minute; write 0 to 59"),
            ("a 6 * * *", "UTC", "'a' is no minute"),
            ("0 24 * * *", "UTC", "'24' is no hour; write 0 to 23"),
            ("0 6 0 * *", "UTC", "'0' is no day; write 1 to 31"),
            ("0 6 * 13 *", "UTC", "'13' is no month; write 1 to 12 or jan to dec"),
            ("0 6 * feb-jan *", "UTC", "the months 'feb-jan' are the wrong way round"),
            ("*/0 6 * * *", "UTC", "the step '0' of its minute must be a whole number from 1 on"),
            ("*/x 6 * * *", "UTC", "the step 'x' of its minute"),
            ("1- 6 * * *", "UTC", "'' is no minute"),
            ("0 6 * * 8", "UTC", "'8' is no weekday; write 0 to 7 or sun to sat"),
            ("0 6 * * someday", "UTC", "'someday' is no weekday"),
            ("0 6 * * 5-2", "UTC", "the weekdays '5-2' are the wrong way round"),
            ("0 6 * * 1/0", "UTC", "cannot be used"),
            ("0 6 * * ,", "UTC", "cannot be used"),
            ("0 6 * * *", "Mars/Olympus", "there is no time zone 'Mars/Olympus'; write a name such as Europe/Berlin"),
            ("0 6 * * *", "", "there is no time zone ''"),
            ("0 6 * * *", "../etc/passwd", "there is no time zone"),
            ("0 6 30 2 *", "UTC", "never comes due"),
        ],
    )
    def test_what_cannot_be_used_is_refused(self, line: str, zone: str, message: str) -> None:
        """With what is wrong."""
        with pytest.raises(BadInput, match=message):
            next_cron(line, zone, NOW)


@pytest.mark.parametrize(
    ("given_name", "nearest"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("europe/berlin ", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("Asia/Calcuta", "Asia/Calcutta"),
    ],
)
def test_an_impossible_zone_is_told_with_the_nearest_names(given_name: str, nearest: str) -> None:
    """So that nobody has to look up the list."""
    with pytest.raises(BadInput, match=f"did you mean .*{nearest}"):
        find_zone(given_name)


def slots(line: str, zone: str, since: datetime, until: datetime) -> list[str]:
    """All slots of a span, as local wall times with their offset from UTC."""
    found, now = [], since
    while (now := next_cron(line, zone, now)) <= until:
        local = now.astimezone(ZoneInfo(zone))
        found.append(f"{local:%H:%M}{local.utcoffset().total_seconds() / 3600:+g}")
    return found


class TestChangedClocks:
    """In Berlin, clocks go from 2:00 to 3:00 on 29 March 2026, and from 3:00 back to 2:00 on 25 October."""

    SPRING = (datetime(2026, 3, 28, 23, 30, tzinfo=UTC), datetime(2026, 3, 29, 3, tzinfo=UTC))
    FALL = (datetime(2026, 10, 24, 22, 30, tzinfo=UTC), datetime(2026, 10, 25, 3, tzinfo=UTC))

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("30 2 * * *", ["02:30+2"]),
            ("0 2,3 * * *", ["02:00+2", "03:00+1"]),
            ("0 1-3 * * *", ["01:00+2", "02:00+2", "03:00+1"]),
            ("0 */2 * * *", ["02:00+2", "04:00+1"]),
            ("*/30 2 * * *", ["02:00+2", "02:30+2"]),
            ("0 * * * *", ["01:00+2", "02:00+2", "02:00+1", "03:00+1", "04:00+1"]),
            (
                "*/30 * * * *",
                ["01:00+2", "01:30+2", "02:00+2", "02:30+2", "02:00+1", "02:30+1", "03:00+1", "03:30+1", "04:00+1"],
            ),
        ],
    )
    def test_when_an_hour_is_repeated(self, line: str, expected: list[str]) -> None:
        """A time that is named comes once, the first time; a line for every hour follows real time."""
        assert slots(line, "Europe/Berlin", *self.FALL) == expected

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("30 2 * * *", ["03:30+2"]),
            ("0 2 * * *", ["03:00+2"]),
            ("0 2,3 * * *", ["03:00+2"]),
            ("15,45 2,3 * * *", ["03:15+2", "03:45+2"]),
            ("0 */2 * * *", ["03:00+2", "04:00+2"]),
            ("0 * * * *", ["01:00+1", "03:00+2", "04:00+2", "05:00+2"]),
            (
                "*/30 * * * *",
                ["01:00+1", "01:30+1", "03:00+2", "03:30+2", "04:00+2", "04:30+2", "05:00+2"],
            ),
        ],
    )
    def test_when_an_hour_is_left_out(self, line: str, expected: list[str]) -> None:
        """A time that does not exist comes an hour later by the clock, once; real half hours go on."""
        assert slots(line, "Europe/Berlin", *self.SPRING) == expected

    def test_where_the_hour_before_midnight_is_left_out(self) -> None:
        """In Nuuk it is 23:00 on 28 March when the 29th begins: Saturday's 23:30 comes on Sunday at 0:30."""
        since = datetime(2026, 3, 28, 12, tzinfo=UTC)
        assert slots("30 23 * * *", "America/Nuuk", since, since + 2 * DAY) == ["00:30-1", "23:30-1"]

    def test_where_clocks_change_by_half_an_hour(self) -> None:
        """On Lord Howe, every hour on the half hour: once for each time that the clock shows it."""
        since = datetime(2026, 4, 4, 12, tzinfo=UTC)
        assert slots("45 * * * *", "Australia/Lord_Howe", since, since + 5 * HOUR) == [
            "23:45+11",
            "00:45+11",
            "01:45+11",
            "01:45+10.5",
            "02:45+10.5",
        ]

    @settings(max_examples=60, deadline=None)
    @given(
        hour=st.integers(0, 23),
        minute=st.integers(0, 59),
        zone=st.sampled_from(
            [
                "Europe/Berlin",
                "America/New_York",
                "America/Sao_Paulo",
                "Asia/Kolkata",
                "Pacific/Auckland",
                "Africa/Cairo",
            ]
        ),
        start=st.dates(date(2025, 1, 1), date(2027, 12, 1)),
    )
    def test_a_daily_time_comes_once_a_day(self, hour: int, minute: int, zone: str, start: date) -> None:
        """For each day one slot, on that day, whatever the clocks do."""
        now = datetime(start.year, start.month, start.day, tzinfo=ZoneInfo(zone)).astimezone(UTC) - timedelta(seconds=1)
        days = []
        for _ in range(40):
            now = next_cron(f"{minute} {hour} * * *", zone, now)
            days.append(now.astimezone(ZoneInfo(zone)).date())
        assert days == [start + timedelta(days=n) for n in range(40)]
