"""The limiter that all workers share: a row per bucket in PostgreSQL, one statement per question."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from adjoin.http.limiter import (
    ASSUMED_PER_SECOND,
    FULL,
    FULL_BLOCK,
    HORIZON,
    LONGEST_BLOCK,
    LONGEST_FULL_BLOCK,
    RECOVERY_STEP,
    Bucket,
    Permit,
    factor_for,
)

if TYPE_CHECKING:
    from adjoin.db import Store

__all__ = ["SharedLimiter"]

# Of two processes that ask for the same buckets one waits for the other; the order of the keys keeps them from waiting
# for each other. The time is taken once the rows are locked. Losing the last moments in a crash of the server does no
# harm, so that nothing waits for its disk.
_LOCKED = """
WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
asked AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(CAST(:buckets AS jsonb)) AS asked(key text, per_second float8, burst float8)
),
locked AS MATERIALIZED (
    SELECT rate_buckets.*, asked.per_second, asked.burst
    FROM rate_buckets JOIN asked ON asked.key = rate_buckets.key
    ORDER BY rate_buckets.key
    FOR UPDATE OF rate_buckets
),
clock AS MATERIALIZED (
    SELECT coalesce(CAST(:now AS float8), extract(epoch FROM clock_timestamp())::float8) AS now, found
    FROM (SELECT count(*) AS found FROM locked) AS counted, quick
),
known AS MATERIALIZED (
    SELECT locked.*, clock.now,
        least(1, factor * power(2, least(10, greatest(0, floor((clock.now - factor_since) / :recovery))))) AS left_over
    FROM locked, clock
)"""

_ASK = sa.text(
    _LOCKED  # noqa: S608 - two constants
    + """,
paced AS MATERIALIZED (
    SELECT known.*, per_second IS NOT NULL OR left_over < 1 AS is_paced,
        coalesce(per_second, :assumed) * left_over AS rate
    FROM known
),
based AS MATERIALIZED (
    SELECT paced.*, greatest(tat, now - burst / rate) AS base FROM paced
),
bids AS MATERIALIZED (
    SELECT based.*,
        CASE WHEN is_paced THEN base + :cost / rate ELSE tat END AS new_tat,
        greatest(
            CASE WHEN is_paced THEN base + least(:cost, burst) / rate - now ELSE 0 END, blocked_until - now, 0
        ) AS wait
    FROM based
),
verdict AS MATERIALIZED (
    SELECT coalesce(max(wait), 0) AS wait, count(*) = (SELECT count(*) FROM asked) AS complete FROM bids
),
taken AS (
    UPDATE rate_buckets SET tat = greatest(bids.new_tat, bids.blocked_until)
    FROM bids, verdict
    WHERE rate_buckets.key = bids.key AND verdict.complete AND verdict.wait <= :horizon
        AND rate_buckets.tat <> greatest(bids.new_tat, bids.blocked_until)
    RETURNING 1
)
SELECT complete, wait <= :horizon AS granted, wait FROM verdict
"""
)

_REPORT = sa.text(
    _LOCKED  # noqa: S608 - two constants
    + """,
counted AS MATERIALIZED (
    SELECT known.*,
        CASE WHEN :full THEN full_in_a_row + 1 ELSE 0 END AS in_a_row,
        :factor < 1 AND :factor <= left_over AS is_slower,
        -- Answers to requests that were under way when the block began do not prolong it.
        CAST(:wait AS float8) IS NULL AND :full AND blocked_until > now AS is_late
    FROM known
),
told AS MATERIALIZED (
    SELECT counted.*,
        CASE
            WHEN is_late THEN NULL
            WHEN CAST(:wait AS float8) IS NOT NULL THEN least(CAST(:wait AS float8), :longest_block)
            WHEN :full THEN least(:full_block * power(2, least(in_a_row - 1, 10)), :longest_full_block)
        END AS wait
    FROM counted
),
news AS MATERIALIZED (
    SELECT key,
        CASE WHEN wait > 0 THEN greatest(blocked_until, now + wait) ELSE blocked_until END AS blocked_until,
        CASE WHEN is_slower THEN :factor ELSE factor END AS factor,
        CASE WHEN is_slower THEN now ELSE factor_since END AS factor_since,
        in_a_row - CASE WHEN is_late THEN 1 ELSE 0 END AS full_in_a_row
    FROM told
),
noted AS (
    UPDATE rate_buckets SET blocked_until = news.blocked_until, factor = news.factor,
        factor_since = news.factor_since, full_in_a_row = news.full_in_a_row
    FROM news
    WHERE rate_buckets.key = news.key AND (
        rate_buckets.blocked_until, rate_buckets.factor, rate_buckets.factor_since, rate_buckets.full_in_a_row
    ) IS DISTINCT FROM (news.blocked_until, news.factor, news.factor_since, news.full_in_a_row)
    RETURNING 1
)
SELECT found = 1 FROM clock
"""
)

_MAKE = sa.text("""
INSERT INTO rate_buckets (key, tat, blocked_until, factor, factor_since, full_in_a_row)
SELECT key, 0, 0, 1, 0, 0 FROM jsonb_to_recordset(CAST(:buckets AS jsonb)) AS asked(key text) ORDER BY key
ON CONFLICT DO NOTHING
""")


class SharedLimiter:
    """A RateLimiter for any number of processes on one PostgreSQL database, by the server's clock.

    It paces as the limiter in memory does: what one process is told by a platform holds for all of them from the next
    question on. Usable from any thread and any event loop. `now` stands in for the server's clock, in seconds.
    """

    def __init__(self, store: Store, *, now: Callable[[], float] | None = None) -> None:
        self._store = store
        self._now = now

    async def ask(self, buckets: Sequence[Bucket], cost: int = 1) -> Permit:
        if not buckets:
            return Permit(granted=True, wait=0.0)
        return await asyncio.to_thread(self._ask, buckets, cost)

    async def report(self, bucket: Bucket, *, used: float = 0.0, wait: timedelta | None = None) -> None:
        await asyncio.to_thread(self._report, bucket, used, wait)

    def _ask(self, buckets: Sequence[Bucket], cost: int) -> Permit:
        values = {"cost": float(cost), "assumed": ASSUMED_PER_SECOND, "horizon": HORIZON}
        while True:
            verdict = self._execute(_ASK, buckets, values)
            if verdict.complete:
                return Permit(granted=verdict.granted, wait=verdict.wait)
            self._make(buckets)

    def _report(self, bucket: Bucket, used: float, wait: timedelta | None) -> None:
        values = {
            "factor": factor_for(used),
            "full": used >= FULL,
            "wait": None if wait is None else wait.total_seconds(),
            "full_block": FULL_BLOCK.total_seconds(),
            "longest_full_block": LONGEST_FULL_BLOCK.total_seconds(),
            "longest_block": LONGEST_BLOCK.total_seconds(),
        }
        while not self._execute(_REPORT, [bucket], values)[0]:
            self._make([bucket])

    def _make(self, buckets: Sequence[Bucket]) -> None:
        with self._store.statements() as connection:
            connection.execute(_MAKE, {"buckets": _as_json(buckets)})

    def _execute(self, statement: sa.TextClause, buckets: Sequence[Bucket], values: dict[str, Any]) -> sa.Row[Any]:
        own = {"buckets": _as_json(buckets), "recovery": RECOVERY_STEP, "now": self._now() if self._now else None}
        with self._store.statements() as connection:
            return connection.execute(statement, values | own).one()


def _as_json(buckets: Sequence[Bucket]) -> str:
    return json.dumps([{"key": one.key, "per_second": one.per_second, "burst": one.burst} for one in buckets])
