"""Plans a run: its slices are those of an attempt that was interrupted, checked, or new ones by the planner's rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeAlias

from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.db import Store
from adjoin.db.models import Connection, Coverage, Slice, SliceState
from adjoin.errors import StoreDamaged
from adjoin.facts.store import FactStore
from adjoin.sync.planner import (
    Listing,
    PlannedSlice,
    account_today,
    first_readable_day,
    newest_unread,
    plan_account,
)
from adjoin.sync.retries import CRASH
from adjoin.sync.runs import Attempt, RunBook
from adjoin.sync.states import SliceEvent
from adjoin.sync.verdict import Failure

__all__ = ["RunPlan", "RunPlanner", "history_start", "read_days"]

#: When each day of a stream was last read.
_Read: TypeAlias = dict[str, dict[date, datetime]]

#: Older listings decide nothing, as a complete one is due each day; so years of slices are not looked through.
_LISTINGS_COUNT = timedelta(days=2)

#: A slice that was begun this often, and was under way again when its process ended, may be what ends it.
_MOST_STARTS = 9


@dataclass(slots=True, kw_only=True)
class RunPlan:
    """What a run reads. `older_until` is the newest day that is left to backfill, None where nothing is.

    `unanswerable` says why nothing of what was asked for can be read.
    """

    slices: list[Slice] = field(default_factory=list)
    older_until: date | None = None
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unanswerable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlanner:
    """Plans the run of one attempt. `accounts` are those that may be read, by id.

    `now` is our clock, `platform_now` the platform's: that decides which days there are. History reaches back
    `history_days` where the connection does not say from when on.
    """

    store: Store
    book: RunBook
    facts: FactStore
    attempt: Attempt
    connection: Connection
    description: v2.Description
    accounts: Mapping[str, v2.Account]
    now: datetime
    platform_now: datetime
    history_days: int

    def plan(self) -> RunPlan:
        """Write down the slices of the run, or take up those that are there. Raises Fenced."""
        plan = RunPlan()
        chosen = self._dated(plan)
        read = {
            account.id: read_days(
                self.store, self.connection, account.id, self.description, streams=self.attempt.streams
            )
            for account in chosen
        }
        known = self.book.slices(self.attempt)
        if known:
            plan.slices = [self._recover(piece, plan) for piece in known]
        else:
            self._begin(chosen, read, plan)
        if self._asked is None:
            plan.older_until = self._older(chosen, read, plan.slices)
        return plan

    @property
    def _asked(self) -> v2.DateWindow | None:
        if self.attempt.since is None or self.attempt.until is None:
            return None
        return v2.DateWindow(since=self.attempt.since, until=self.attempt.until)

    def _dated(self, plan: RunPlan) -> list[v2.Account]:
        """Return the accounts to read; one whose day nobody can tell is left out and said."""
        chosen = []
        for account in self.accounts.values():
            if self.attempt.accounts is not None and account.id not in self.attempt.accounts:
                continue
            try:
                account_today(account, self.platform_now)
            except (ValueError, OSError, KeyError):  # what zoneinfo raises for names that are none
                text = (
                    f"account {account.id} was not read: {self.description.title} gives it the time zone "
                    f"{account.time_zone!r}, which does not exist"
                )
                plan.failures.append(Failure(text=text, kind="invalid"))
            else:
                chosen.append(account)
        return chosen

    def _begin(self, accounts: Collection[v2.Account], read: Mapping[str, _Read], plan: RunPlan) -> None:
        """Make a new plan and write it down."""
        attempt, asked, title = self.attempt, self._asked, self.description.title
        listings: dict[str, dict[str, Listing]] = {}
        if not attempt.full:
            listings = self.book.listings(self.connection, since=self.now - _LISTINGS_COUNT)
        planned: list[PlannedSlice] = []
        beyond: dict[str, date] = {}  # streams that do not reach back to the days asked for
        for account in accounts:
            planned += plan_account(
                account,
                self.description,
                now=self.platform_now,
                history_start=self._history_start(account),
                fetched=read[account.id],
                listed=listings.get(account.id),
                asked=asked,
                backfill_until=attempt.until if asked is None else None,
                streams=attempt.streams,
            )
            if asked is not None:
                today = account_today(account, self.platform_now)
                beyond |= _beyond(self.description, attempt.streams, today, asked.since)
        if asked is not None and accounts and not any(piece.window for piece in planned):
            plan.unanswerable = (
                f"{asked} has no day that can be read: {_reach(beyond) or 'the days lie ahead'} "
                f"({title}; today is {self.platform_now:%Y-%m-%d} there)"
            )
        elif beyond:
            plan.notes.append(f"not all of {asked} can be read: {_reach(beyond)} ({title})")
        plan.slices = self.book.plan(attempt, planned, now=self.now)

    def _older(
        self, accounts: Collection[v2.Account], read: Mapping[str, _Read], slices: Iterable[Slice]
    ) -> date | None:
        """Return the newest day that is neither there nor in this run's slices; backfill goes back from there."""
        planned: dict[tuple[str, str], set[date]] = defaultdict(set)
        for piece in slices:
            if piece.since is not None and piece.until is not None:
                days = (piece.until - piece.since).days + 1
                planned[piece.account_id, piece.stream].update(piece.since + timedelta(days=n) for n in range(days))
        found = [
            newest_unread(
                account,
                self.description,
                now=self.platform_now,
                history_start=self._history_start(account),
                read={name: days.keys() | planned[account.id, name] for name, days in read[account.id].items()},
                until=self.attempt.until,
                streams=self.attempt.streams,
            )
            for account in accounts
        ]
        return max((day for day in found if day is not None), default=None)

    def _history_start(self, account: v2.Account) -> date:
        return history_start(self.connection, account_today(account, self.platform_now), self.history_days)

    def _recover(self, piece: Slice, plan: RunPlan) -> Slice:
        """Keep a staged slice whose files are all there; fetch again what was under way or had failed."""
        staged_well = piece.state is SliceState.STAGED and all(self._is_intact(file) for file in piece.staged)
        if staged_well or piece.state in (SliceState.COMMITTED, SliceState.SPLIT, SliceState.PLANNED):
            return piece
        if piece.state is SliceState.FETCHING and piece.attempts >= _MOST_STARTS:
            reason = f"begun {piece.attempts} times, and the process ended while it was read; it is left out for now"
            self._move(piece, SliceEvent.FAIL, error=reason, error_kind=CRASH, finished_at=self.now)
            plan.failures.append(Failure.of(piece, reason, kind=CRASH))
        else:
            self._move(piece, SliceEvent.REPEAT, error=None, error_kind=None, rows=0)
        return piece

    def _move(self, piece: Slice, event: SliceEvent, **changes: object) -> None:
        self.book.move_slice(self.attempt, piece, event, now=self.now, **changes)

    def _is_intact(self, staged: dict[str, str]) -> bool:
        try:
            self.facts.intact(staged["path"], expected=staged["checksum"])
        except StoreDamaged:
            return False
        return True


def history_start(connection: Connection, today: date, history_days: int) -> date:
    """Return the first day that is read for an account of a connection, as far as the platform answers for it."""
    return connection.history_start or today - timedelta(days=history_days)


def read_days(
    store: Store,
    connection: Connection,
    account_id: str,
    description: v2.Description,
    *,
    streams: Collection[str] | None = None,
) -> _Read:
    """Return per stream of facts the days that are committed, and when each was last read.

    A day counts only where all datasets that the stream yields have it: one that a newer plugin yields besides is
    missing in the days that were read before.
    """
    with store.read() as session:
        query = select(col(Coverage.dataset), col(Coverage.day), col(Coverage.fetched_at)).where(
            col(Coverage.workspace_id) == connection.workspace_id,
            col(Coverage.platform) == connection.platform,
            col(Coverage.account_id) == account_id,
        )
        by_dataset: dict[str, dict[date, datetime]] = defaultdict(dict)
        for dataset, day, fetched_at in session.exec(query):
            by_dataset[dataset][day] = fetched_at
    found: _Read = {}
    for stream in description.streams:
        if stream.kind == "facts" and (streams is None or stream.name in streams):
            days = by_dataset.get(stream.name, {})
            for name in stream.yields:
                other = by_dataset.get(name, {})
                days = {day: min(at, other[day]) for day, at in days.items() if day in other}
            found[stream.name] = days
    return found


def _beyond(description: v2.Description, streams: Collection[str] | None, today: date, since: date) -> dict[str, date]:
    """Return the streams of facts whose first day lies after a day that is asked for, with that first day."""
    firsts = {
        stream.name: first_readable_day(stream, today)
        for stream in description.streams
        if stream.kind == "facts" and (streams is None or stream.name in streams)
    }
    return {name: first for name, first in firsts.items() if first is not None and first > since}


def _reach(beyond: dict[str, date]) -> str:
    """Say how far back the platform answers, in as few words as the streams allow."""
    by_day: dict[date, list[str]] = defaultdict(list)
    for name, first in sorted(beyond.items()):
        by_day[first].append(name)
    if len(by_day) == 1:
        (first,) = by_day
        return f"the platform answers from {first} on"
    return "the platform answers from " + ", ".join(
        f"{first} on for {' and '.join(names)}" for first, names in sorted(by_day.items())
    )
