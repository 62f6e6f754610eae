"""Executes one sync run: plan, fetch and stage, reconcile, commit. What may go wrong with one account stays with it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime

import structlog
from sqlmodel import col, select

from adjoin.ads import v2
from adjoin.clock import Clock
from adjoin.db import Store
from adjoin.db.models import Account, Connection, RunState
from adjoin.errors import AdjoinError, Fenced, PlatformError, StateError
from adjoin.facts.store import FactStore
from adjoin.http.client import ApiClient
from adjoin.kernel import Kernel
from adjoin.sync.commit import AccountCommit
from adjoin.sync.connections import Connections
from adjoin.sync.entities import save_accounts
from adjoin.sync.fetch import SliceReader
from adjoin.sync.planning import RunPlan, RunPlanner
from adjoin.sync.pulse import BEAT_SECONDS, Pulse
from adjoin.sync.reading import TRIES, RunReader, pause_after
from adjoin.sync.runs import Attempt, CancelAsked, RunBook
from adjoin.sync.verdict import Progress, judge

__all__ = ["Engine"]


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
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self._store = store
        self._kernel = kernel
        self._connections = connections
        self._facts = facts
        self._clock = clock
        self._history_days = history_days
        self._beat_seconds = beat_seconds
        self._book = RunBook(store)
        self._log = structlog.get_logger("adjoin.sync")

    async def execute(self, attempt: Attempt) -> RunState:
        """Bring a run to its end and return how it ended. Raises Fenced when another attempt has taken it over.

        Every `beat_seconds` it tells the store that it is alive. A run that a person cancels ends by the next beat or
        slice: what was committed stays. When this call is cancelled, as for a stop of the process, what was staged
        stays and the run goes back to the queue.
        """
        log = self._log.bind(run=attempt.run_id, epoch=attempt.epoch)
        log.info("run started", resumed=attempt.resumed)
        work = asyncio.create_task(self._execute(attempt))
        loop = asyncio.get_running_loop()
        with Pulse(
            self._book,
            attempt,
            clock=self._clock,
            every=self._beat_seconds,
            stop=lambda: loop.call_soon_threadsafe(work.cancel),
        ) as pulse:
            try:
                await asyncio.wait({work})
            except asyncio.CancelledError:
                await _stop(work)
                with suppress(Fenced):  # it has ended in this moment, or is another one's
                    await asyncio.shield(asyncio.to_thread(self._book.release, attempt, now=self._clock.now()))
                log.info("run interrupted")
                raise
        state = await self._outcome(attempt, work, pulse)
        log.info("run ended", state=str(state))
        return state

    async def _outcome(self, attempt: Attempt, work: asyncio.Task[RunState], pulse: Pulse) -> RunState:
        """Return how the run ended by itself, or end it where a person or another attempt stopped it."""
        if not work.cancelled():
            with suppress(CancelAsked):
                return work.result()
        elif pulse.fenced is not None:
            raise pulse.fenced
        elif not pulse.cancel_asked:
            raise RuntimeError("something inside the run cancelled it")
        state = RunState.CANCELLED
        try:
            await asyncio.to_thread(self._book.finish, attempt, now=self._clock.now(), state=state)
        except Fenced:
            ended = await asyncio.to_thread(self._book.ended_as, attempt)
            if ended is None:
                raise
            state = ended  # it came to its own end in this moment
        await self._clear_staging(attempt)
        return state

    async def _execute(self, attempt: Attempt) -> RunState:
        connection = await asyncio.to_thread(self._connection, attempt)
        progress = Progress()
        plan = RunPlan()
        client: ApiClient | None = None
        try:
            client = self._connections.client(connection)
            accounts = await self._accounts(attempt, connection, client, progress)
            plan = await asyncio.to_thread(self._plan, attempt, connection, accounts, client.now())
            progress.failures += plan.failures
            progress.notes += plan.notes
            progress.unanswerable = plan.unanswerable
            await self._reader(attempt, connection, client, accounts, progress).read(plan.slices)
        except (Fenced, CancelAsked):
            raise
        except AdjoinError as error:
            progress.fatal = progress.fatal or error
        finally:
            if client is not None:
                await client.aclose()
        return await self._finish(attempt, client, progress, plan)

    async def _accounts(
        self, attempt: Attempt, connection: Connection, client: ApiClient, progress: Progress
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
        for tried in range(1, TRIES):
            try:
                return await hook.aone(connection.platform, client=client)
            except PlatformError as error:
                pause = pause_after(error, tried)
                if pause is None:
                    raise
                await self._clock.sleep(pause)
        return await hook.aone(connection.platform, client=client)

    def _plan(
        self, attempt: Attempt, connection: Connection, accounts: dict[str, v2.Account], platform_now: datetime
    ) -> RunPlan:
        return RunPlanner(
            store=self._store,
            book=self._book,
            facts=self._facts,
            attempt=attempt,
            connection=connection,
            description=self._connections.describe(connection.platform),
            accounts=accounts,
            now=self._clock.now(),
            platform_now=platform_now,
            history_days=self._history_days,
        ).plan()

    def _reader(
        self,
        attempt: Attempt,
        connection: Connection,
        client: ApiClient,
        accounts: dict[str, v2.Account],
        progress: Progress,
    ) -> RunReader:
        description = self._connections.describe(connection.platform)
        return RunReader(
            attempt=attempt,
            accounts=accounts,
            reader=SliceReader(
                attempt=attempt,
                connection=connection,
                description=description,
                kernel=self._kernel,
                client=client,
                book=self._book,
                facts=self._facts,
                clock=self._clock,
            ),
            committer=AccountCommit(
                attempt=attempt,
                connection=connection,
                description=description,
                book=self._book,
                store=self._store,
                facts=self._facts,
                clock=self._clock,
                platform_now=client.now,
            ),
            book=self._book,
            clock=self._clock,
            progress=progress,
            concurrency=description.max_concurrency,
        )

    def _connection(self, attempt: Attempt) -> Connection:
        with self._store.read() as session:
            return session.get_one(Connection, (attempt.workspace_id, attempt.connection_id))

    async def _finish(self, attempt: Attempt, client: ApiClient | None, progress: Progress, plan: RunPlan) -> RunState:
        now = self._clock.now()
        verdict = judge(progress, tries=attempt.tries, now=now)
        warnings = await asyncio.to_thread(self._warnings, attempt, client)
        health: dict[str, object] = {"warning": "; ".join(warnings) or None}
        if verdict.broken or not attempt.is_backfill:  # old days that came in say nothing of what failed before
            health |= {"state": verdict.health, "last_error": verdict.error if verdict.broken else None}
        if not attempt.is_backfill and (progress.committed or verdict.error is None):
            health["last_sync_at"] = now
        await asyncio.to_thread(
            self._book.finish,
            attempt,
            now=now,
            state=verdict.state,
            error=verdict.error,
            notes=[*progress.notes, *(failure.text for failure in progress.failures[:50])],
            requests=0 if client is None else client.requests,
            operations=0 if client is None else client.operations,
            connection=health,
            retry_at=verdict.retry_at,
            backfill_until=None if verdict.state is RunState.FAILED or progress.fatal else plan.older_until,
        )
        await self._clear_staging(attempt)
        return verdict.state

    async def _clear_staging(self, attempt: Attempt) -> None:
        """Remove what was staged: an ended run is never resumed."""
        try:
            await asyncio.to_thread(self._facts.clear_staging, attempt.run_id)
        except StateError as failure:
            self._log.warning("staged files could not be removed", run=attempt.run_id, error=str(failure))

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


async def _stop(task: asyncio.Task[RunState]) -> None:
    """Cancel a task and wait for its end, however it ends."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # looked at, so that nobody misses it
