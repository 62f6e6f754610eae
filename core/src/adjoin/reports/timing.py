"""When a report is sent: each day, each week on a day, or each month on a day, at a time."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

import msgspec

from adjoin.errors import BadInput
from adjoin.sync.cron import next_cron

__all__ = ["LAST_MONTH_DAY", "Cadence", "latest_slot"]

#: The last day of a month that each month has.
LAST_MONTH_DAY = 28
#: Any cadence comes due at least once in so long.
_AROUND = timedelta(days=40)


class Cadence(msgspec.Struct, frozen=True, kw_only=True):
    """How often a report is sent. `weekday` counts for weeks, 0 is Monday; `day` for months, from 1 to 28."""

    every: str = "week"  #: day, week or month
    at: time = time(8)
    weekday: int = 0
    day: int = 1

    @property
    def cron(self) -> str:
        """The cron line. Raises BadInput for a cadence that is none."""
        if self.every not in ("day", "week", "month") or not 0 <= self.weekday <= 6:
            raise BadInput("a report is sent each day, each week on one of its days, or each month on one of its days")
        if self.every == "month" and not 1 <= self.day <= LAST_MONTH_DAY:
            raise BadInput(f"choose a day of the month from 1 to {LAST_MONTH_DAY}: not every month has the others")
        day = str(self.day) if self.every == "month" else "*"
        weekday = str((self.weekday + 1) % 7) if self.every == "week" else "*"
        return f"{self.at.minute} {self.at.hour} {day} * {weekday}"

    @classmethod
    def of(cls, cron: str) -> Cadence:
        """Read a cron line that `cron` has written; any other one is read as Monday at 8."""
        found = re.fullmatch(r"(\d{1,2}) (\d{1,2}) (\*|\d{1,2}) \* (\*|[0-6])", cron)
        if found is None:
            return cls()
        minute, hour, day, weekday = found.groups()
        try:
            at = time(int(hour), int(minute))
        except ValueError:
            return cls()
        if day != "*":
            return cls(every="month", at=at, day=int(day))
        if weekday != "*":
            return cls(every="week", at=at, weekday=(int(weekday) - 1) % 7)
        return cls(every="day", at=at)


def latest_slot(cron: str, time_zone: str, due: datetime, now: datetime) -> datetime:
    """Return the last time that a report should have been sent, from `due` on; `due` where there was none since.

    Of several that were missed only this one is sent. Raises BadInput as `next_cron`.
    """
    slot = due
    following = next_cron(cron, time_zone, max(due, now - _AROUND))
    while following <= now:
        slot, following = following, next_cron(cron, time_zone, following)
    return slot
