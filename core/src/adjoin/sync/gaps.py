"""The calendar of a dataset: which days are there, which are missing and why, per account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Session, col, select

from adjoin.ads import v2
from adjoin.db.access import Access
from adjoin.db.models import Account, Connection, Coverage, Run, Slice, SliceState
from adjoin.errors import UnknownName
from adjoin.sync.asking import active_run
from adjoin.sync.planner import first_readable_day
from adjoin.sync.planning import history_start

__all__ = ["Calendar", "DayState", "Span", "calendars"]

#: A failure is told as the reason for a gap while it is that recent.
_RECENT = timedelta(days=14)


class DayState(StrEnum):
    """How a day of a dataset stands."""

    COVERED = "covered"
    MISSING = "missing"  #: within reach and never read; the next runs read it
    UNDER_WAY = "under_way"  #: as missing, and a run that is queued or running reads it, or the runs after it
    FAILED = "failed"  #: as missing, and the last try has failed
    BEYOND_RETENTION = "beyond_retention"  #: the platform does not answer that far back
    BEFORE_HISTORY = "before_history"  #: before the day from which on the connection is read
    TO_COME = "to_come"  #: it has not begun in the account's time zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Days in a row that stand alike, both ends included; `reason` says why reading them failed."""

    since: date
    until: date
    state: DayState
    reason: str = ""

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The days of one dataset of an account, oldest first, without a hole between the spans."""

    connection_id: str
    platform: str
    account_id: str
    account_name: str
    dataset: str
    spans: tuple[Span, ...]

    @property
    def gaps(self) -> tuple[Span, ...]:
        """The days that should be there, are not, and are not under way."""
        return tuple(span for span in self.spans if span.state in (DayState.MISSING, DayState.FAILED))

    @property
    def missing_days(self) -> int:
        return sum(span.days for span in self.gaps)


def calendars(
    store: Access,
    describe: Callable[[str], v2.Description],
    *,
    workspace_id: str,
    now: datetime,
    history_days: int,
    platform: str | None = None,
    connection_id: str | None = None,
    accounts: Collection[str] = (),
    datasets: Collection[str] = (),
    since: date | None = None,
    until: date | None = None,
) -> list[Calendar]:
    """Return a calendar per account that is read and dataset of its platform, in this order.

    It goes from `since` to `until`; without them, from the start of history or the oldest day that is there to the
    account's today. `describe` gives what a platform's plugin says of it; a platform without plugin is left out.
    """
    found: list[Calendar] = []
    with store.read() as session:
        for connection in _connections(session, workspace_id, platform, connection_id):
            try:
                description = describe(connection.platform)
            except UnknownName:
                continue
            reader = _Reader(
                session=session,
                connection=connection,
                streams={
                    name: stream
                    for stream in description.streams
                    if stream.kind == "facts"
                    for name in (stream.name, *stream.yields)
                    if not datasets or name in datasets
                },
                now=now + _ahead(session, connection),
                history_days=history_days,
                since=since,
                until=until,
            )
            found += reader.read(_accounts(session, connection, accounts), recent=now - _RECENT)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Makes the calendars of one connection. `now` is the platform's time."""

    session: Session
    connection: Connection
    streams: Mapping[str, v2.Stream]
    now: datetime
    history_days: int
    since: date | None
    until: date | None

    def read(self, accounts: Collection[Account], *, recent: datetime) -> Iterator[Calendar]:
        blocks = self._blocks([account.id for account in accounts])
        failures = self._failures(recent)
        active = active_run(self.session, self.connection.workspace_id, self.connection.id)
        for account in accounts:
            today = _today(account, self.now)
            if today is None:
                continue
            start = history_start(self.connection, today, self.history_days)
            for dataset, stream in self.streams.items():
                block = blocks.get((account.id, dataset))
                first = self.since or min(start, block.first if block is not None else start)
                last = self.until or today
                stands = _Stands(
                    covered=self._covered(account.id, dataset, block),
                    failed=failures.get((account.id, stream.name), {}),
                    start=start,
                    retained=first_readable_day(stream, today) or date.min,
                    today=today,
                    under_way=_reading(active, account.id, stream.name),
                )
                yield Calendar(
                    connection_id=self.connection.id,
                    platform=self.connection.platform,
                    account_id=account.id,
                    account_name=account.name,
                    dataset=dataset,
                    spans=tuple(stands.spans(first, last)),
                )

    def _blocks(self, account_ids: Collection[str]) -> dict[tuple[str, str], _Block]:
        """Count the days of each dataset: where they lie in a row, none of them has to be looked at."""
        query = (
            sa.select(
                col(Coverage.account_id),
                col(Coverage.dataset),
                sa.func.min(col(Coverage.day)),
                sa.func.max(col(Coverage.day)),
                sa.func.count(),
            )
            .where(*self._of_connection(), col(Coverage.account_id).in_(account_ids))
            .group_by(col(Coverage.account_id), col(Coverage.dataset))
        )
        return {
            (account_id, dataset): _Block(first=first, last=last, days=days)
            for account_id, dataset, first, last, days in self.session.connection().execute(query)
        }

    def _covered(self, account_id: str, dataset: str, block: _Block | None) -> Collection[date]:
        if block is None:
            return frozenset()
        if block.is_whole:
            return _Between(block.first, block.last)
        query = select(col(Coverage.day)).where(
            *self._of_connection(), col(Coverage.account_id) == account_id, col(Coverage.dataset) == dataset
        )
        return frozenset(self.session.exec(query))

    def _of_connection(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (
            col(Coverage.workspace_id) == self.connection.workspace_id,
            col(Coverage.platform) == self.connection.platform,
        )

    def _failures(self, recent: datetime) -> dict[tuple[str, str], dict[date, str]]:
        """Return per account and stream why the last try to read a day has failed."""
        query = (
            select(Slice)
            .join(Run, sa.and_(col(Run.workspace_id) == col(Slice.workspace_id), col(Run.id) == col(Slice.run_id)))
            .where(
                col(Run.workspace_id) == self.connection.workspace_id,
                col(Run.connection_id) == self.connection.id,
                col(Run.created_at) >= recent,
                col(Slice.state) == SliceState.FAILED,
                col(Slice.since).is_not(None),
            )
            .order_by(col(Run.created_at), col(Slice.id))
        )
        found: dict[tuple[str, str], dict[date, str]] = defaultdict(dict)
        for piece in self.session.exec(query):
            if piece.since is not None and piece.until is not None:
                days = found[piece.account_id, piece.stream]
                days.update(dict.fromkeys(_days(piece.since, piece.until), piece.error or ""))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """How many days of a dataset there are, and between which."""

    first: date
    last: date
    days: int

    @property
    def is_whole(self) -> bool:
        return (self.last - self.first).days + 1 == self.days


class _Between(Collection[date]):
    """All days from the first to the last."""

    def __init__(self, first: date, last: date) -> None:
        self._first, self._last = first, last

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self._first <= day <= self._last

    def __iter__(self) -> Iterator[date]:
        return _days(self._first, self._last)

    def __len__(self) -> int:
        return (self._last - self._first).days + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stands:
    """What is known of the days of a dataset of an account."""

    covered: Collection[date]
    failed: Mapping[date, str]
    start: date
    retained: date
    today: date
    under_way: _Between | None

    def spans(self, first: date, last: date) -> Iterator[Span]:
        """Yield the days from the first to the last, those in a row that stand alike together."""
        for (state, reason), days in groupby(_days(first, last), key=self._stand):
            row = list(days)
            yield Span(since=row[0], until=row[-1], state=state, reason=reason)

    def _stand(self, day: date) -> tuple[DayState, str]:
        state = self._state(day)
        return state, self.failed.get(day, "") if state is DayState.FAILED else ""

    def _state(self, day: date) -> DayState:
        if day in self.covered:
            return DayState.COVERED
        if day > self.today:
            return DayState.TO_COME
        if day < self.retained:
            return DayState.BEYOND_RETENTION
        if day < self.start:
            return DayState.BEFORE_HISTORY
        if self.under_way is not None and day in self.under_way:
            return DayState.UNDER_WAY
        return DayState.FAILED if day in self.failed else DayState.MISSING


def _connections(
    session: Session, workspace_id: str, platform: str | None, connection_id: str | None
) -> list[Connection]:
    query = select(Connection).where(col(Connection.workspace_id) == workspace_id)
    if platform is not None:
        query = query.where(col(Connection.platform) == platform)
    if connection_id is not None:
        query = query.where(col(Connection.id) == connection_id)
    return list(session.exec(query.order_by(col(Connection.created_at), col(Connection.id))))


def _accounts(session: Session, connection: Connection, wanted: Collection[str]) -> list[Account]:
    query = select(Account).where(
        col(Account.workspace_id) == connection.workspace_id,
        col(Account.connection_id) == connection.id,
        col(Account.selected).is_(True),
        col(Account.readable).is_(True),
        col(Account.gone_at).is_(None),
    )
    if wanted:
        query = query.where(col(Account.id).in_(wanted))
    return list(session.exec(query.order_by(col(Account.id))))


def _reading(run: Run | None, account_id: str, stream: str) -> _Between | None:
    """Return the days that an active run reads of a stream, or those that it queues after itself."""
    if run is None or account_id not in (run.accounts or [account_id]) or stream not in (run.streams or [stream]):
        return None
    return _Between(run.since or date.min, run.until or date.max)


def _ahead(session: Session, connection: Connection) -> timedelta:
    """Return how far the platform's clock was ahead of ours when it was last asked: it says which day it is there."""
    query = (
        select(col(Slice.asked_at), col(Slice.started_at))
        .join(Run, sa.and_(col(Run.workspace_id) == col(Slice.workspace_id), col(Run.id) == col(Slice.run_id)))
        .where(
            col(Run.workspace_id) == connection.workspace_id,
            col(Run.connection_id) == connection.id,
            col(Slice.asked_at).is_not(None),
            col(Slice.started_at).is_not(None),
        )
        .order_by(col(Run.created_at).desc())
        .limit(1)
    )
    for asked_at, started_at in session.exec(query):
        if asked_at is not None and started_at is not None:
            return asked_at - started_at
    return timedelta(0)


def _today(account: Account, now: datetime) -> date | None:
    """Return the account's day; None where its zone does not exist, as the runs say."""
    try:
        return now.astimezone(ZoneInfo(account.time_zone)).date()
    except (ValueError, OSError, KeyError):
        return None


def _days(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
