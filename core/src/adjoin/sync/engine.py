"""Executes one sync run: plan, fetch and stage, reconcile, commit. What may go wrong with one account stays with it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import structlog
from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.clock import Clock
from adjoin.db import Store
from adjoin.db.models import Account, Connection, ConnectionState, Coverage, RunState, Slice, SliceState
from adjoin.errors import (
    AdjoinError,
    ErrorKind,
    Fenced,
    PlatformError,
    StateError,
    StoreDamaged,
    WrongResult,
)
from adjoin.facts.store import FactStore
from adjoin.http.client import ApiClient
from adjoin.kernel import Kernel
from adjoin.sync.commit import AccountCommit
from adjoin.sync.connections import Connections
from adjoin.sync.entities import save_accounts
from adjoin.sync.fetch import SliceReader
from adjoin.sync.planner import PlannedSlice, account_today, first_readable_day, plan_account
from adjoin.sync.runs import Attempt, RunBook

__all__ = ["Engine"]

#: Tries of one slice or listing where the fault may pass; the client has repeated the single request before that.
_TRIES = 3
_LONGEST_WAIT = timedelta(minutes=10)  # a throttled slice that must wait longer is left to the next run
_AT_ONCE = 4  # slices of one run: with as many runs as the executor allows, a plugin's lane has slots left for renewals


@dataclass(slots=True)
class _Progress:
    """What is known of a run while it is executed."""

    open: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # slices not ended, by account
    skipped: dict[str, str] = field(default_factory=dict)  # accounts that the platform closed to us, and why
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    committed: int = 0
    unanswerable: str = ""  # why nothing of what was asked for can be read
    fatal: AdjoinError | None = None


class Engine:
    """Executes runs. One engine may execute several at once."""

    def __init__(
        self,
        *,
        store: Store,
        kernel: Kernel,
        connections: Connections,
        facts: FactStore,
        clock: Clock,
        history_days: int = 730,
    ) -> None:
        self._store = store
        self._kernel = kernel
        self._connections = connections
        self._facts = facts
        self._clock = clock
        self._history_days = history_days
        self._book = RunBook(store)
        self._log = structlog.get_logger("adjoin.sync")

    async def execute(self, attempt: Attempt) -> RunState:
        """Bring a run to its end and return how it ended. Raises Fenced when another attempt has taken it over.

        When it is cancelled, what was staged stays and the run goes back to the queue.
        """
        log = self._log.bind(run=attempt.run_id, epoch=attempt.epoch)
        log.info("run started", resumed=attempt.resumed)
        try:
            state = await self._execute(attempt)
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.to_thread(self._book.release, attempt, now=self._clock.now()))
            log.info("run interrupted")
            raise
        log.info("run ended", state=str(state))
        return state

    async def _execute(self, attempt: Attempt) -> RunState:
        connection = await asyncio.to_thread(self._connection, attempt)
        progress = _Progress()
        client: ApiClient | None = None
        try:
            client = self._connections.client(connection)
            accounts = await self._accounts(attempt, connection, client, progress)
            await self._read_all(attempt, connection, client, accounts, progress)
        except Fenced:
            raise
        except AdjoinError as error:
            progress.fatal = progress.fatal or error
        finally:
            if client is not None:
                await client.aclose()
        return await self._finish(attempt, connection, client, progress)

    async def _accounts(
        self, attempt: Attempt, connection: Connection, client: ApiClient, progress: _Progress
    ) -> dict[str, v2.Account]:
        """List the accounts, note what changed, and return those that are to be read."""
        listed = await self._list(connection, client)

        def save() -> dict[str, v2.Account]:
            with self._book.fenced(attempt, now=self._clock.now()) as (session, _):
                stored = session.get_one(Connection, (connection.workspace_id, connection.id))
                progress.notes += save_accounts(session, stored, listed, now=self._clock.now())
                session.flush()
                query = select(col(Account.id)).where(
                    col(Account.workspace_id) == connection.workspace_id,
                    col(Account.connection_id) == connection.id,
                    col(Account.selected).is_(True),
                    col(Account.readable).is_(True),
                    col(Account.gone_at).is_(None),
                )
                wanted = set(session.exec(query))
            return {account.id: account for account in listed if account.id in wanted}

        return await asyncio.to_thread(save)

    async def _list(self, connection: Connection, client: ApiClient) -> list[v2.Account]:
        """Ask for the accounts; a passing fault is repeated as it is for a slice."""
        hook = self._kernel.hook(v2.Ads.accounts)
        for tried in range(1, _TRIES):
            try:
                return await hook.aone(connection.platform, client=client)
            except PlatformError as error:
                pause = _pause(error, tried)
                if pause is None:
                    raise
                await self._clock.sleep(pause)
        return await hook.aone(connection.platform, client=client)

    async def _read_all(
        self,
        attempt: Attempt,
        connection: Connection,
        client: ApiClient,
        accounts: dict[str, v2.Account],
        progress: _Progress,
    ) -> None:
        description = self._connections.describe(connection.platform)
        slices = await asyncio.to_thread(
            self._slices, attempt, connection, description, accounts, client.now(), progress
        )
        todo: asyncio.LifoQueue[Slice] = asyncio.LifoQueue()
        for piece in reversed(slices):
            if piece.state in (SliceState.PLANNED, SliceState.FETCHING):
                todo.put_nowait(piece)
                progress.open[piece.account_id] += 1
        reader = SliceReader(
            attempt=attempt,
            connection=connection,
            description=description,
            kernel=self._kernel,
            client=client,
            book=self._book,
            facts=self._facts,
            clock=self._clock,
        )
        commit = AccountCommit(
            attempt=attempt,
            connection=connection,
            description=description,
            book=self._book,
            store=self._store,
            facts=self._facts,
            clock=self._clock,
            platform_now=client.now,
        )

        async def settle(account_id: str) -> None:
            """Commit an account once nothing of it is open any more."""
            if progress.open[account_id] > 0 or account_id not in accounts:
                return
            try:
                progress.committed += await asyncio.to_thread(commit.commit, accounts[account_id])
            except (WrongResult, StoreDamaged) as error:
                progress.failures.append(f"account {account_id} could not be committed: {error}")
            except AdjoinError:
                raise
            except Exception as error:  # noqa: BLE001 - the boundary: one account must not stop the others
                progress.failures.append(f"account {account_id} could not be committed: {self._unexpected(error)}")

        async def work() -> None:
            while not todo.empty():
                piece = todo.get_nowait()
                parts = await self._read_one(attempt, reader, accounts, piece, progress)
                for part in reversed(parts):
                    todo.put_nowait(part)
                progress.open[piece.account_id] += len(parts) - 1
                await settle(piece.account_id)

        # A resumed run may find accounts whose slices were all staged when it was interrupted.
        staged = {piece.account_id for piece in slices if piece.state is SliceState.STAGED}
        for account_id in sorted(staged - set(progress.open)):
            await settle(account_id)
        progress.failures += [
            f"account {account_id} is not there any more: what was read of it is left out"
            for account_id in sorted(staged - set(accounts))
        ]
        progress.committed += sum(piece.state is SliceState.COMMITTED and piece.since is not None for piece in slices)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(max(description.max_concurrency, 1), _AT_ONCE, todo.qsize())):
                    group.create_task(work())
        except BaseExceptionGroup as errors:
            raise _first(errors) from errors

    async def _read_one(
        self,
        attempt: Attempt,
        reader: SliceReader,
        accounts: dict[str, v2.Account],
        piece: Slice,
        progress: _Progress,
    ) -> list[Slice]:
        """Read one slice to its end; returns the smaller slices where the platform wants less at once."""
        account = accounts.get(piece.account_id)
        if progress.fatal is not None:
            return await self._fail(attempt, piece, progress, str(progress.fatal), kind="stopped", quiet=True)
        if account is None:
            return await self._fail(attempt, piece, progress, "the account is not there any more", kind="skip_account")
        if piece.account_id in progress.skipped:
            reason = progress.skipped[piece.account_id]
            return await self._fail(attempt, piece, progress, reason, kind="skip_account", quiet=True)
        for tried in range(1, _TRIES + 1):
            try:
                await reader.read(account, piece)
            except PlatformError as error:
                pause = _pause(error, tried) if tried < _TRIES else None
                if pause is not None:
                    await self._clock.sleep(pause)
                    continue
                match error.kind:
                    case ErrorKind.SPLIT if piece.since != piece.until:
                        return await asyncio.to_thread(self._split, attempt, piece)
                    case ErrorKind.RECONNECT | ErrorKind.REFRESH:
                        progress.fatal = error
                        return await self._fail(attempt, piece, progress, str(error), kind=error.kind, quiet=True)
                    case ErrorKind.SPLIT if piece.since is not None:
                        reason = f"{error}; a single day is the least that can be asked for"
                        return await self._fail(attempt, piece, progress, reason, kind=error.kind)
                    case ErrorKind.SKIP_ACCOUNT:
                        progress.skipped[piece.account_id] = str(error)
                        return await self._fail(attempt, piece, progress, str(error), kind=error.kind)
                    case _:
                        return await self._fail(attempt, piece, progress, str(error), kind=error.kind)
            except StateError as error:  # the disk is full, the store is gone: no other slice would fare better
                progress.fatal = error
                raise
            except Fenced:
                raise
            except AdjoinError as error:
                return await self._fail(attempt, piece, progress, str(error), kind="plugin")
            except Exception as error:  # noqa: BLE001 - the boundary: one slice must not stop the others
                return await self._fail(attempt, piece, progress, self._unexpected(error), kind="unexpected")
            else:
                return []
        raise AssertionError("the last try returns or raises")

    async def _fail(
        self, attempt: Attempt, piece: Slice, progress: _Progress, error: str, *, kind: str, quiet: bool = False
    ) -> list[Slice]:
        now = self._clock.now()
        await asyncio.to_thread(
            self._book.update_slice,
            attempt,
            piece,
            now=now,
            state=SliceState.FAILED,
            error=error,
            error_kind=str(kind),
            finished_at=now,
        )
        if not quiet:
            progress.failures.append(f"account {piece.account_id}, {_what(piece)}: {error}")
        return []

    def _split(self, attempt: Attempt, piece: Slice) -> list[Slice]:
        since, until = _window(piece)
        middle = since + (until - since) // 2
        halves = [(since, middle), (middle + timedelta(days=1), until)]
        parts = [
            PlannedSlice(
                account_id=piece.account_id,
                stream=piece.stream,
                window=v2.DateWindow(since=first, until=last),
            )
            for first, last in reversed(halves)
        ]
        return self._book.split(attempt, piece, parts, now=self._clock.now())

    def _connection(self, attempt: Attempt) -> Connection:
        with self._store.read() as session:
            return session.get_one(Connection, (attempt.workspace_id, attempt.connection_id))

    def _slices(
        self,
        attempt: Attempt,
        connection: Connection,
        description: v2.Description,
        accounts: dict[str, v2.Account],
        now: datetime,
        progress: _Progress,
    ) -> list[Slice]:
        """Return the run's slices: those of an interrupted attempt, checked, or a new plan.

        `now` is the platform's: it decides which days there are.
        """
        known = self._book.slices(attempt)
        if known:
            return [self._recover(attempt, piece) for piece in known]
        asked = None
        if attempt.since is not None and attempt.until is not None:
            asked = v2.DateWindow(since=attempt.since, until=attempt.until)
        # Older listings decide nothing, as a complete one is due each day; so years of slices are not looked through.
        listings = self._book.listings(connection, since=self._clock.now() - timedelta(days=2))
        planned: list[PlannedSlice] = []
        beyond: dict[str, date] = {}  # streams that do not reach back to the days asked for
        for account in accounts.values():
            if attempt.accounts is not None and account.id not in attempt.accounts:
                continue
            try:
                today = account_today(account, now)
            except (ValueError, OSError, KeyError):  # what zoneinfo raises for names that are none
                progress.failures.append(
                    f"account {account.id} was not read: {description.title} gives it the time zone "
                    f"{account.time_zone!r}, which does not exist"
                )
                continue
            start = connection.history_start or today - timedelta(days=self._history_days)
            planned += plan_account(
                account,
                description,
                now=now,
                history_start=start,
                fetched=self._fetched(connection, account.id),
                listed=listings.get(account.id),
                asked=asked,
                streams=attempt.streams,
            )
            if asked is not None:
                beyond |= _beyond(description, attempt.streams, today, asked.since)
        if asked is not None and accounts and not any(piece.window for piece in planned):
            progress.unanswerable = (
                f"{asked} has no day that can be read: {_reach(beyond) or 'the days lie ahead'} "
                f"({description.title}; today is {now:%Y-%m-%d} there)"
            )
        elif beyond:
            progress.notes.append(f"not all of {asked} can be read: {_reach(beyond)} ({description.title})")
        return self._book.plan(attempt, planned, now=self._clock.now())

    def _recover(self, attempt: Attempt, piece: Slice) -> Slice:
        """Keep a staged slice whose files are all there; fetch again what was under way or had failed."""
        staged_well = piece.state is SliceState.STAGED and all(self._is_intact(file) for file in piece.staged)
        if staged_well or piece.state in (SliceState.COMMITTED, SliceState.SPLIT, SliceState.PLANNED):
            return piece
        self._book.update_slice(
            attempt, piece, now=self._clock.now(), state=SliceState.PLANNED, error=None, error_kind=None, rows=0
        )
        return piece

    def _is_intact(self, staged: dict[str, str]) -> bool:
        try:
            self._facts.intact(staged["path"], expected=staged["checksum"])
        except StoreDamaged:
            return False
        return True

    def _fetched(self, connection: Connection, account_id: str) -> dict[str, dict[date, datetime]]:
        with self._store.read() as session:
            query = select(col(Coverage.dataset), col(Coverage.day), col(Coverage.fetched_at)).where(
                col(Coverage.workspace_id) == connection.workspace_id,
                col(Coverage.platform) == connection.platform,
                col(Coverage.account_id) == account_id,
            )
            found: dict[str, dict[date, datetime]] = defaultdict(dict)
            for dataset, day, fetched_at in session.exec(query):
                found[dataset][day] = fetched_at
        return found

    async def _finish(
        self, attempt: Attempt, connection: Connection, client: ApiClient | None, progress: _Progress
    ) -> RunState:
        now = self._clock.now()
        error = str(progress.fatal) if progress.fatal is not None else _summary(progress.failures)
        error = error or progress.unanswerable or None
        whole = error is None
        state = RunState.SUCCEEDED if whole else RunState.PARTLY if progress.committed else RunState.FAILED
        lost = isinstance(progress.fatal, PlatformError) and progress.fatal.kind in (
            ErrorKind.RECONNECT,
            ErrorKind.REFRESH,
        )
        broken = progress.fatal is not None or bool(progress.failures)  # and not just asked for what cannot be
        health: dict[str, object] = {
            "state": ConnectionState.RECONNECT
            if lost
            else ConnectionState.ERROR
            if state is RunState.FAILED and broken
            else ConnectionState.OK,
            "last_error": error if broken else None,
            "warning": "; ".join(await asyncio.to_thread(self._warnings, attempt, client)) or None,
        }
        if progress.committed or whole:
            health["last_sync_at"] = now
        await asyncio.to_thread(
            self._book.finish,
            attempt,
            now=now,
            state=state,
            error=error,
            notes=[*progress.notes, *progress.failures[:50]],
            requests=0 if client is None else client.requests,
            operations=0 if client is None else client.operations,
            connection=health,
        )
        try:  # an ended run is never resumed
            await asyncio.to_thread(self._facts.clear_staging, attempt.run_id)
        except StateError as failure:
            self._log.warning("staged files could not be removed", run=attempt.run_id, error=str(failure))
        return state

    def _warnings(self, attempt: Attempt, client: ApiClient | None) -> list[str]:
        """What the operator should know ahead of time: what the platform said, and an authorisation that ends soon."""
        connection = self._connection(attempt)
        found = self._connections.warnings.pop(connection.id, [])
        if client is None or connection.expires_at is None:
            return found
        left = connection.expires_at - client.now()
        if left <= self._connections.describe(connection.platform).auth.warn_before:
            found.append(
                f"the authorisation ends on {connection.expires_at:%Y-%m-%d}; run `adjoin connect "
                f"{connection.platform}` before that"
            )
        return found

    def _unexpected(self, error: Exception) -> str:
        self._log.error("unexpected error", error=type(error).__name__, exc_info=error)
        return f"unexpected {type(error).__name__}; see the log"


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that says most: that the run was taken over, or else the first one."""
    fenced, rest = errors.split(Fenced)
    chosen = (fenced or rest or errors).exceptions[0]
    return _first(chosen) if isinstance(chosen, BaseExceptionGroup) else chosen


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


def _pause(error: PlatformError, tried: int) -> float | None:
    """Seconds to wait before what failed is repeated; None where it is not to be."""
    if error.kind in (ErrorKind.RETRY, ErrorKind.RESTART):
        return 2.0**tried
    wait = error.retry_after or timedelta(minutes=1)
    return wait.total_seconds() if error.kind is ErrorKind.WAIT and wait <= _LONGEST_WAIT else None


def _window(piece: Slice) -> tuple[date, date]:
    if piece.since is None or piece.until is None:
        raise ValueError("a list of entities has no window")
    return piece.since, piece.until


def _what(piece: Slice) -> str:
    return piece.stream if piece.since is None else f"{piece.stream} {piece.since} to {piece.until}"


def _summary(failures: Iterable[str]) -> str | None:
    first, *rest = [*failures, ""]
    return f"{first} (and {len(rest) - 1} more)" if len(rest) > 1 else first or None
