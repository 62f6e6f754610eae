"""Slots: the instants at which a schedule comes due.

Jitter delays a schedule by a time of its own, drawn from its id and the same for every slot: schedules with one line
spread over the span, while the gaps between the slots of one stay exact and nothing drifts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

from adjoin.db.models import Schedule
from adjoin.errors import BadInput
from adjoin.sync.cron import find_zone, next_cron

__all__ = ["LONGEST", "delay_of", "first_slot", "is_missed", "next_after", "park", "unpark"]

#: The longest interval and jitter that make sense.
LONGEST = timedelta(days=366)

_A_LITTLE_LATE = timedelta(hours=1)
_CENTURY = timedelta(days=36525)


def delay_of(schedule: Schedule) -> timedelta:
    """Return how much later than its cron line, or than the start of its first interval, a schedule comes due."""
    if schedule.jitter_seconds <= 0:
        return timedelta(0)
    share = int.from_bytes(blake2b(schedule.id.encode(), digest_size=8).digest()) / 2**64
    return timedelta(seconds=int(share * schedule.jitter_seconds))


def next_after(schedule: Schedule, now: datetime) -> datetime:
    """Return the first slot after `now`: intervals keep the phase of `next_run_at`, cron follows the time zone.

    The same work however long ago the last slot was. Raises BadInput where the schedule says no usable time.
    """
    if schedule.cron is not None:
        delay = delay_of(schedule)
        return next_cron(schedule.cron, schedule.time_zone, now - delay) + delay
    every = _every(schedule)
    return schedule.next_run_at + every * ((now - schedule.next_run_at) // every + 1)


def first_slot(schedule: Schedule, now: datetime) -> datetime:
    """Return the first slot of a new schedule, or of one that was changed. Raises BadInput as `next_after` does."""
    if schedule.cron is not None:
        return next_after(schedule, now)
    find_zone(schedule.time_zone)
    return now + _every(schedule) + delay_of(schedule)


def is_missed(schedule: Schedule, now: datetime) -> bool:
    """Say whether the due slot is past: an hour late, or as late as the slots are apart where that is less."""
    late = now - schedule.next_run_at
    return late >= _A_LITTLE_LATE or next_after(schedule, schedule.next_run_at) <= now


def park(schedule: Schedule, now: datetime) -> None:
    """Pause a schedule. Its next slot is put a century away, so that a tick does not come across it each time."""
    schedule.enabled = False
    ahead = now + _CENTURY
    try:
        every = _every(schedule)
    except BadInput:  # cron, which has no phase to keep
        schedule.next_run_at = ahead
    else:
        schedule.next_run_at += every * ((ahead - schedule.next_run_at) // every + 1)


def unpark(schedule: Schedule, now: datetime) -> None:
    """Let a paused schedule go on with its first slot from now on. Raises BadInput as `next_after` does."""
    schedule.next_run_at = next_after(schedule, now)
    schedule.enabled = True


def _every(schedule: Schedule) -> timedelta:
    if not schedule.every_seconds:
        raise BadInput(f"schedule {schedule.name!r} has neither a cron line nor an interval")
    if not 0 < schedule.every_seconds <= LONGEST.total_seconds():
        raise BadInput(
            f"schedule {schedule.name!r} has an interval of {schedule.every_seconds:,} seconds; "
            f"it may be 1 second to {LONGEST.days} days"
        )
    return timedelta(seconds=schedule.every_seconds)
