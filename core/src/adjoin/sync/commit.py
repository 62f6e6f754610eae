"""Commits what a run has staged for an account: reconcile, write the new month files, swap them in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.clock import Clock
from adjoin.db import Store, cover
from adjoin.db.models import Connection, FactFile, Slice, SliceState
from adjoin.errors import StateError
from adjoin.facts.commit import NewMonth, Replacement, Target, replace_month, swap
from adjoin.facts.layout import months
from adjoin.facts.store import FactStore, StagedFile
from adjoin.sync.differences import Difference, added
from adjoin.sync.planner import account_today
from adjoin.sync.reconcile import Grain, reconcile
from adjoin.sync.runs import Attempt, RunBook
from adjoin.sync.settled import SettledGrains
from adjoin.sync.states import SLICE_TABLE, SliceEvent

__all__ = ["AccountCommit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Staged:
    """A staged file and the days that it answers for."""

    window: v2.DateWindow
    file: StagedFile
    begun_at: datetime  # when its reading began, by the platform's clock: ours may jump


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCommit:
    """Commits the accounts of one attempt, each in a transaction of its own.

    `platform_now` tells the platform's time: look-back is counted by it.
    """

    attempt: Attempt
    connection: Connection
    description: v2.Description
    book: RunBook
    store: Store
    facts: FactStore
    clock: Clock
    platform_now: Callable[[], datetime]

    def commit(self, account: v2.Account) -> int:
        """Make the account's staged slices current and return how many there were.

        New files are written first; the transaction swaps them in, moves the coverage and marks the slices, and does
        nothing at all if the attempt no longer owns the run. Files of a commit that did not happen are removed. Raises
        Fenced, StoreDamaged, StateError, or WrongResult for rows that came twice.

        Days count as read when the reading of their dataset began: what was staged before an interruption is no newer
        than that.
        """
        slices = self._slices(account)
        if not slices:
            return 0
        staged = _by_dataset(slices)
        now = self.clock.now()
        new: list[NewMonth] = []
        try:
            new += self._new_months(account, staged)  # finds a staged file that is damaged
            differences = self._reconcile(account, staged)
            with self.book.fenced(self.attempt, now=now) as (session, run):
                now = self.clock.now()  # within the transaction: no reader sees the days before they are there
                swap(session, new, now=now)
                for dataset, files in staged.items():
                    cover(
                        session,
                        workspace_id=self.attempt.workspace_id,
                        platform=self.connection.platform,
                        account_id=account.id,
                        dataset=dataset,
                        days=sorted({day for one in files for day in _days(one.window)}),
                        run_id=self.attempt.run_id,
                        fetched_at=min(one.begun_at for one in files),
                    )
                for piece in slices:
                    stored = session.get_one(Slice, (piece.workspace_id, piece.id))
                    stored.state = SLICE_TABLE.after(stored.state, SliceEvent.COMMIT)
                    session.add(stored)
                if differences:
                    run.differences = added(run.differences, differences)
                    run.unexplained += sum(one.known is None for one in differences)
        except BaseException:
            with suppress(StateError):  # the reason for the failure says more
                self._discard(new)
            raise
        return len(slices)

    def _discard(self, new: Sequence[NewMonth]) -> None:
        """Remove files that the database does not know: where a connection breaks at its end, it may know them."""
        with self.store.read() as session:
            ids = [month.file.id for month in new]
            known = set(session.exec(select(col(FactFile.id)).where(col(FactFile.id).in_(ids))))
        for month in new:
            if month.file.id not in known:
                self.facts.remove(month.file.path)

    def _slices(self, account: v2.Account) -> list[Slice]:
        with self.store.read() as session:
            query = select(Slice).where(
                col(Slice.workspace_id) == self.attempt.workspace_id,
                col(Slice.run_id) == self.attempt.run_id,
                col(Slice.account_id) == account.id,
                col(Slice.state) == SliceState.STAGED,
            )
            return list(session.exec(query.order_by(col(Slice.id))))

    def _reconcile(self, account: v2.Account, staged: dict[str, list[_Staged]]) -> list[Difference]:
        new = {
            name: Grain(
                files=[self.facts.local(one.file.path, expected=one.file.checksum) for one in files],
                days=frozenset(day for one in files for day in _days(one.window)),
            )
            for name, files in staged.items()
        }
        return reconcile(
            account_id=account.id,
            currency=account.currency,
            staged=new,
            committed=SettledGrains(
                workspace_id=self.attempt.workspace_id,
                platform=self.connection.platform,
                account=account,
                description=self.description,
                store=self.store,
                facts=self.facts,
                now=self.platform_now(),
            ).beside({name: grain.days for name, grain in new.items()}),
            known_gaps=self.description.known_gaps,
            still_moving=account_today(account, self.platform_now()),
        )

    def _new_months(self, account: v2.Account, staged: dict[str, list[_Staged]]) -> Iterator[NewMonth]:
        for dataset, files in staged.items():
            touched = sorted({month for one in files for month in months(one.window.since, one.window.until)})
            current = self._current(account, dataset, touched)
            for month in touched:
                made = replace_month(
                    self.facts,
                    Target(
                        workspace_id=self.attempt.workspace_id,
                        platform=self.connection.platform,
                        account_id=account.id,
                        currency=account.currency,
                        dataset=dataset,
                        month=month,
                    ),
                    [Replacement(window=one.window, staged=one.file) for one in files],
                    current=current.get(month),
                    run_id=self.attempt.run_id,
                    now=self.clock.now(),
                )
                if made is not None:
                    yield made

    def _current(self, account: v2.Account, dataset: str, touched: Sequence[date]) -> dict[date, FactFile]:
        with self.store.read() as session:
            query = select(FactFile).where(
                col(FactFile.workspace_id) == self.attempt.workspace_id,
                col(FactFile.platform) == self.connection.platform,
                col(FactFile.account_id) == account.id,
                col(FactFile.dataset) == dataset,
                col(FactFile.month).in_(touched),  # the others do not matter, however long the history
                col(FactFile.superseded_at).is_(None),
            )
            return {file.month: file for file in session.exec(query)}


def _by_dataset(slices: list[Slice]) -> dict[str, list[_Staged]]:
    found: dict[str, list[_Staged]] = defaultdict(list)
    for piece in slices:
        begun_at = piece.asked_at or piece.started_at  # runs of earlier releases have noted only ours
        if piece.since is None or piece.until is None or begun_at is None:
            continue
        window = v2.DateWindow(since=piece.since, until=piece.until)
        for raw in piece.staged:
            file = StagedFile(**raw)
            found[file.dataset].append(_Staged(window=window, file=file, begun_at=begun_at))
    return dict(found)


def _days(window: v2.DateWindow) -> Iterator[date]:
    for offset in range(window.days):
        yield window.since + timedelta(days=offset)
