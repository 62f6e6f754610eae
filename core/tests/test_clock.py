"""What time it is at a platform, whatever becomes of our own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from adjoin.clock import ManualClock, PlatformClock

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOLD = "Sun, 01 Nov 2026 08:00:00 GMT"


class Jumping(ManualClock):
    """A clock that somebody sets; its stopwatch goes on."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


def test_a_jump_of_our_clock_does_not_reach_the_platforms_time():
    ours = Jumping(START)
    clock = PlatformClock(ours)
    clock.hear(TOLD)
    ours.ahead = timedelta(days=-5)
    ours.advance(60)
    assert clock.now() == datetime(2026, 11, 1, 8, 1, tzinfo=UTC)


def test_before_the_first_answer_it_is_our_time():
    ours = Jumping(START)
    assert PlatformClock(ours).now() == START


def test_a_header_that_cannot_be_read_changes_nothing():
    clock = PlatformClock(Jumping(START))
    clock.hear("yesterday")
    assert clock.now() == START
