"""Decides what a run reads: per account and stream the days that are new, may be restated, or are missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from adjoin.ads.v2 import Account, DateWindow, Description, Stream

__all__ = [
    "CHUNK_DAYS",
    "Listing",
    "PlannedSlice",
    "account_today",
    "days_in_reach",
    "first_readable_day",
    "look_back_horizon",
    "newest_unread",
    "plan_account",
    "windows_of",
]

#: How many days that were never read a run reads of a stream, the newest ones. The rest is left to the runs after it,
#: so that fresh figures are there first. A chunk goes on to the start of its oldest month: files hold whole months.
CHUNK_DAYS = 92

#: The part of a tier's interval after which it counts as passed. A run at the same hour of each day comes a little less
#: than a day after the last one had read, and must not wait for another day.
_PUNCTUALITY = 0.9

#: How often an incremental list of entities is read from end to end all the same.
_COMPLETE_EVERY = timedelta(days=1)

#: Platforms write their lists of changes some minutes late.
_CHANGES_LAG = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSlice:
    """A stream of an account to be read; entities have no window."""

    account_id: str
    stream: str
    window: DateWindow | None
    updated_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """When, by the platform's clock, a list of entities was last read: at all, and from end to end."""

    asked_at: datetime
    complete_at: datetime | None


def account_today(account: Account, now: datetime) -> date:
    """Return the day it is in the account's time zone."""
    return now.astimezone(ZoneInfo(account.time_zone)).date()


def plan_account(
    account: Account,
    description: Description,
    *,
    now: datetime,
    history_start: date,
    fetched: Mapping[str, Mapping[date, datetime]],
    listed: Mapping[str, Listing] | None = None,
    asked: DateWindow | None = None,
    backfill_until: date | None = None,
    streams: Collection[str] | None = None,
    chunk_days: int = CHUNK_DAYS,
) -> list[PlannedSlice]:
    """Return the slices for one account: entities first, then facts with the newest days first.

    `fetched` says per stream when each committed day was last read, `listed` per list of entities when that was; a list
    that it does not name is read from end to end. Without more, these are the days that the rules call for, but of
    those that were never read only the newest chunk. With `asked`, exactly those days are read again, as far as the
    platform still answers for them. With `backfill_until`, only the newest chunk of the days up to that one that were
    never read, and no entities. `streams` limits it to some of them.
    """
    today = account_today(account, now)
    offered = [stream for stream in description.streams if streams is None or stream.name in streams]
    planned = [
        PlannedSlice(
            account_id=account.id,
            stream=stream.name,
            window=None,
            updated_since=_changes_since(stream, (listed or {}).get(stream.name), now),
        )
        for stream in offered
        if stream.kind == "entities" and backfill_until is None
    ]
    facts: list[PlannedSlice] = []
    for stream in offered:
        if stream.kind != "facts":
            continue
        read = fetched.get(stream.name, {})
        if asked is not None:
            days: Iterable[date] = days_in_reach(stream, today, asked.since, until=asked.until)
        else:
            reach = list(days_in_reach(stream, today, history_start, until=backfill_until))
            days = _newest([day for day in reach if day not in read], chunk_days)
            if backfill_until is None:
                days = [*days, *_restated(stream, reach, today, now, ZoneInfo(account.time_zone), read)]
        facts += [
            PlannedSlice(account_id=account.id, stream=stream.name, window=window)
            for window in windows_of(days, stream.max_window_days)
        ]
    facts.sort(key=lambda piece: piece.window.until if piece.window else date.max, reverse=True)
    return planned + facts


def newest_unread(
    account: Account,
    description: Description,
    *,
    now: datetime,
    history_start: date,
    read: Mapping[str, Collection[date]],
    until: date | None = None,
    streams: Collection[str] | None = None,
) -> date | None:
    """Return the newest day within reach that some stream of facts has not read, None where there is none."""
    today = account_today(account, now)
    unread = [
        max((day for day in days_in_reach(stream, today, history_start, until=until) if day not in known), default=None)
        for stream in description.streams
        if stream.kind == "facts" and (streams is None or stream.name in streams)
        for known in [read.get(stream.name, ())]
    ]
    return max((day for day in unread if day is not None), default=None)


def days_in_reach(stream: Stream, today: date, since: date, *, until: date | None = None) -> Iterator[date]:
    """Yield the days from `since` to `until` or today that the platform answers for, oldest first."""
    first = max(since, first_readable_day(stream, today) or since)
    return _days(first, today if until is None else min(until, today))


def windows_of(days: Iterable[date], longest: int) -> list[DateWindow]:
    """Join days into windows that lie in one calendar month each and are at most `longest` days long."""
    windows: list[DateWindow] = []
    for day in sorted(set(days)):
        last = windows[-1] if windows else None
        if last is not None and _continues(last, day, longest):
            windows[-1] = DateWindow(since=last.since, until=day)
        else:
            windows.append(DateWindow(since=day, until=day))
    return windows


def _changes_since(stream: Stream, last: Listing | None, now: datetime) -> datetime | None:
    """Return from when on changes are asked for, None to list everything.

    What a platform has forgotten shows only in a complete listing, so there is one each day.
    """
    if not stream.incremental or last is None or last.complete_at is None:
        return None
    if now - last.complete_at >= _COMPLETE_EVERY * _PUNCTUALITY or last.asked_at > now:
        return None
    return last.asked_at - _CHANGES_LAG


def _continues(window: DateWindow, day: date, longest: int) -> bool:
    same_month = (day.year, day.month) == (window.until.year, window.until.month)
    return same_month and day - window.until == timedelta(days=1) and window.days < longest


def first_readable_day(stream: Stream, today: date) -> date | None:
    """Return the oldest day that the platform answers for, None where it knows no limit."""
    return None if stream.retention_days is None else today - timedelta(days=stream.retention_days)


def look_back_horizon(stream: Stream) -> int:
    """Return the age in days from which on a day is not read again by itself: the longest look-back, at least 1."""
    return max([tier.days for tier in stream.look_back] + [1])


def _newest(days: list[date], most: int) -> list[date]:
    """Return the newest of these days, which come oldest first: about `most`, in whole months, and no small rest."""
    if len(days) <= most + most // 3:
        return days
    first = days[-most].replace(day=1)
    return [day for day in days if day >= first]


def _restated(
    stream: Stream,
    reach: Iterable[date],
    today: date,
    now: datetime,
    zone: ZoneInfo,
    fetched: Mapping[date, datetime],
) -> Iterator[date]:
    """Yield the days that were read and must be read again.

    That is so when a look-back tier covers a day and the tier's interval has passed; or when it left the last tier
    before it was read for the last time, as after a long standstill. A day that was read before it was over is read
    again where nothing is ever restated, too.
    """
    horizon = look_back_horizon(stream)
    for day in reach:
        read_at = fetched.get(day)
        if read_at is None:
            continue
        age = (today - day).days
        if age >= horizon:
            age_when_read = (read_at.astimezone(zone).date() - day).days
            if age_when_read < horizon:
                yield day
            continue
        if any(age < tier.days and now - read_at >= tier.every * _PUNCTUALITY for tier in stream.look_back):
            yield day


def _days(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
