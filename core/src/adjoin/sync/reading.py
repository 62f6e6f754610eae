"""Reads the slices of a run, several at once, and commits each account when its last one is done."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from adjoin.ads import v2
from adjoin.clock import Clock
from adjoin.db.models import Slice, SliceState
from adjoin.errors import AdjoinError, ErrorKind, Fenced, PlatformError, StateError, StoreDamaged, WrongResult
from adjoin.sync.commit import AccountCommit
from adjoin.sync.fetch import SliceReader
from adjoin.sync.planner import PlannedSlice
from adjoin.sync.retries import STOPPED
from adjoin.sync.runs import Attempt, CancelAsked, RunBook
from adjoin.sync.states import SliceEvent
from adjoin.sync.verdict import Failure, Progress, kind_of

__all__ = ["TRIES", "RunReader", "pause_after"]

#: Tries of one slice or listing where the fault may pass; the client has repeated the single request before that.
TRIES = 3
_LONGEST_WAIT = timedelta(minutes=10)  # a throttled slice that must wait longer is left to the next run
_AT_ONCE = 4  # slices of one run: with as many runs as the executor allows, a plugin's lane has slots left for renewals


@dataclass(slots=True, kw_only=True)
class RunReader:
    """Reads what one attempt has planned. What goes wrong is noted in `progress`; one account does not stop another."""

    attempt: Attempt
    accounts: Mapping[str, v2.Account]
    reader: SliceReader
    committer: AccountCommit
    book: RunBook
    clock: Clock
    progress: Progress
    concurrency: int
    _todo: asyncio.LifoQueue[Slice] = field(default_factory=asyncio.LifoQueue)
    _open: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # slices not ended, by account
    _skipped: dict[str, str] = field(default_factory=dict)  # accounts that the platform closed to us, and why

    async def read(self, slices: Sequence[Slice]) -> None:
        """Read and commit. Raises Fenced, CancelAsked, and StateError where no other slice would fare better."""
        for piece in reversed(slices):
            if piece.state in (SliceState.PLANNED, SliceState.FETCHING):
                self._todo.put_nowait(piece)
                self._open[piece.account_id] += 1
        # A resumed run may find accounts whose slices were all staged when it was interrupted.
        staged = {piece.account_id for piece in slices if piece.state is SliceState.STAGED}
        for account_id in sorted(staged - set(self._open)):
            await self._settle(account_id)
        for account_id in sorted(staged - set(self.accounts)):
            text = "is not there any more: what was read of it is left out"
            await self._leave_out(account_id, text, kind=ErrorKind.SKIP_ACCOUNT)
        self.progress.committed += sum(
            piece.state is SliceState.COMMITTED and piece.since is not None for piece in slices
        )
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(max(self.concurrency, 1), _AT_ONCE, self._todo.qsize())):
                    group.create_task(self._work())
        except BaseExceptionGroup as errors:
            raise _first(errors) from errors

    async def _work(self) -> None:
        while not self._todo.empty():
            piece = self._todo.get_nowait()
            parts = await self._read_one(piece)
            for part in reversed(parts):
                self._todo.put_nowait(part)
            self._open[piece.account_id] += len(parts) - 1
            await self._settle(piece.account_id)

    async def _settle(self, account_id: str) -> None:
        """Commit an account once nothing of it is open any more."""
        if self._open[account_id] > 0 or account_id not in self.accounts:
            return
        try:
            self.progress.committed += await asyncio.to_thread(self.committer.commit, self.accounts[account_id])
        except (WrongResult, StoreDamaged) as error:
            await self._leave_out(account_id, f"could not be committed: {error}", kind=kind_of(error))
        except AdjoinError:
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: one account must not stop the others
            await self._leave_out(account_id, f"could not be committed: {_unexpected(error)}", kind=kind_of(error))

    async def _leave_out(self, account_id: str, reason: str, *, kind: str) -> None:
        """Note that what was staged of an account is not used."""
        self.progress.failures.append(Failure(text=f"account {account_id} {reason}", kind=kind))
        now = self.clock.now()
        await asyncio.to_thread(self.book.fail_staged, self.attempt, account_id, error=reason, kind=kind, now=now)

    async def _read_one(self, piece: Slice) -> list[Slice]:
        """Read one slice to its end; returns the smaller slices where the platform wants less at once."""
        account = self.accounts.get(piece.account_id)
        if self.progress.fatal is not None:
            return await self._fail(piece, str(self.progress.fatal), kind=STOPPED, quiet=True)
        if account is None:
            return await self._fail(piece, "the account is not there any more", kind=ErrorKind.SKIP_ACCOUNT)
        if piece.account_id in self._skipped:
            reason = self._skipped[piece.account_id]
            return await self._fail(piece, reason, kind=ErrorKind.SKIP_ACCOUNT, quiet=True)
        for tried in range(1, TRIES + 1):
            try:
                await self.reader.read(account, piece)
            except PlatformError as error:
                pause = pause_after(error, tried) if tried < TRIES else None
                if pause is None:
                    return await self._refused(piece, error)
                await self.clock.sleep(pause)
            except StateError as error:  # the disk is full, the store is gone: no other slice would fare better
                self.progress.fatal = error
                raise
            except (Fenced, CancelAsked):
                raise
            except AdjoinError as error:
                return await self._fail(piece, str(error), kind=kind_of(error))
            except Exception as error:  # noqa: BLE001 - the boundary: one slice must not stop the others
                return await self._fail(piece, _unexpected(error), kind=kind_of(error))
            else:
                return []
        raise AssertionError("the last try returns or raises")

    async def _refused(self, piece: Slice, error: PlatformError) -> list[Slice]:
        """Do what the platform's refusal calls for."""
        match error.kind:
            case ErrorKind.SPLIT if piece.since != piece.until:
                return await asyncio.to_thread(self._split, piece)
            case ErrorKind.RECONNECT | ErrorKind.REFRESH:
                self.progress.fatal = error
                return await self._fail(piece, str(error), kind=error.kind, quiet=True)
            case ErrorKind.SPLIT if piece.since is not None:
                reason = f"{error}; a single day is the least that can be asked for"
                return await self._fail(piece, reason, kind=error.kind)
            case ErrorKind.SKIP_ACCOUNT:
                self._skipped[piece.account_id] = str(error)
        return await self._fail(piece, str(error), kind=error.kind, wait=error.retry_after)

    async def _fail(
        self, piece: Slice, reason: str, *, kind: str, quiet: bool = False, wait: timedelta | None = None
    ) -> list[Slice]:
        now = self.clock.now()
        await asyncio.to_thread(
            self.book.move_slice,
            self.attempt,
            piece,
            SliceEvent.FAIL,
            now=now,
            error=reason,
            error_kind=str(kind),
            finished_at=now,
        )
        if not quiet:
            self.progress.failures.append(Failure.of(piece, reason, kind=kind, wait=wait or timedelta(0)))
        return []

    def _split(self, piece: Slice) -> list[Slice]:
        if piece.since is None or piece.until is None:
            raise ValueError("a list of entities has no window")
        middle = piece.since + (piece.until - piece.since) // 2
        halves = [(middle + timedelta(days=1), piece.until), (piece.since, middle)]
        parts = [
            PlannedSlice(
                account_id=piece.account_id, stream=piece.stream, window=v2.DateWindow(since=first, until=last)
            )
            for first, last in halves
        ]
        return self.book.split(self.attempt, piece, parts, now=self.clock.now())


def pause_after(error: PlatformError, tried: int) -> float | None:
    """Return the seconds to wait before what failed is repeated; None where it is not to be."""
    if error.kind in (ErrorKind.RETRY, ErrorKind.RESTART):
        return 2.0**tried
    wait = error.retry_after or timedelta(minutes=1)
    return wait.total_seconds() if error.kind is ErrorKind.WAIT and wait <= _LONGEST_WAIT else None


def _unexpected(error: Exception) -> str:
    structlog.get_logger("adjoin.sync").error("unexpected error", error=type(error).__name__, exc_info=error)
    return f"unexpected {type(error).__name__}; see the log"


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that says most: that the run was taken over, or else the first one."""
    fenced, rest = errors.split(Fenced)
    chosen = (fenced or rest or errors).exceptions[0]
    return _first(chosen) if isinstance(chosen, BaseExceptionGroup) else chosen
