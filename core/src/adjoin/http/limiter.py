"""Pacing requests: buckets by GCRA (the generic cell rate algorithm), fed by what the platform says of its limits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, Protocol

from adjoin.ads.v2 import Hint, RateLimit
from adjoin.clock import Clock
from adjoin.errors import ErrorKind, PlatformError

__all__ = ["Bucket", "Limiter", "Pace", "Permit", "RateLimiter", "factor_for"]

Scope = Literal["app", "credential", "account"]

#: A permit is granted this long ahead. Who must wait longer asks again, so that a block reaches everyone who waits.
HORIZON = 0.25
#: The pace of a bucket without a declared rate, once the platform says that it is more than half full.
ASSUMED_PER_SECOND = 10.0
#: How long a bucket is blocked when the platform says it is full but not for how long; doubles while it stays full.
FULL_BLOCK = timedelta(seconds=60)
LONGEST_FULL_BLOCK = timedelta(minutes=10)
#: Seconds without bad news after which the pace doubles again.
RECOVERY_STEP = 30.0
#: No platform means more than this; it bounds what a garbled header can do.
LONGEST_BLOCK = timedelta(days=2)

# (how full the platform says the bucket is, the part of the pace that is left); between them it falls evenly.
_SLOWDOWN = ((0.50, 1.0), (0.75, 0.5), (0.90, 0.1))
#: How full a bucket counts as full.
FULL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What requests share: `burst` at once, then `per_second`. Without a rate it only blocks and slows down as told."""

    key: str
    per_second: float | None = None
    burst: int = 1

    def __post_init__(self) -> None:
        if self.per_second is not None and self.per_second <= 0:
            raise ValueError(f"bucket {self.key}: the rate must be above zero, got {self.per_second}")
        if self.burst < 1:
            raise ValueError(f"bucket {self.key}: the burst must be at least 1, got {self.burst}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Granted, to be used after `wait` seconds; or not granted, to be asked for again then."""

    granted: bool
    wait: float


class RateLimiter(Protocol):
    """What all workers share: in memory for one process, a row per bucket in a database for many."""

    async def ask(self, buckets: Sequence[Bucket], cost: int = 1) -> Permit:
        """Take `cost` permits from all buckets, or from none if one of them has a longer wait than a moment."""
        ...

    async def report(self, bucket: Bucket, *, used: float = 0.0, wait: timedelta | None = None) -> None:
        """Pass on how full the platform says the bucket is (0 to 1), or how long to stay away."""
        ...


@dataclass(slots=True)
class _State:
    """What is known of a bucket. Instants are seconds of the monotonic clock."""

    tat: float = float("-inf")  # the theoretical arrival time of the next request
    blocked_until: float = float("-inf")
    factor: float = 1.0
    factor_since: float = 0.0
    full_in_a_row: int = 0

    def factor_at(self, now: float) -> float:
        steps = int((now - self.factor_since) // RECOVERY_STEP)
        # Ten doublings lead from any factor to 1.
        return min(1.0, self.factor * 2.0 ** min(steps, 10))


@dataclass(slots=True)
class _Bid:
    state: _State
    new_tat: float
    wait: float = field(default=0.0)


class Limiter:
    """The limiter of one process, in memory. Usable from any thread and any event loop.

    `blocked` holds blocks from before a restart. `persist(key, until)` is told of each new block; it is called in a
    thread of its own, so it may write to a database.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        blocked: Mapping[str, datetime] | None = None,
        persist: Callable[[str, datetime], None] | None = None,
    ) -> None:
        self._clock = clock
        self._persist = persist
        self._lock = threading.Lock()
        self._states: dict[str, _State] = {}
        for key, until in (blocked or {}).items():
            remaining = (until - clock.now()).total_seconds()
            self._states[key] = _State(blocked_until=clock.monotonic() + remaining)

    async def ask(self, buckets: Sequence[Bucket], cost: int = 1) -> Permit:
        with self._lock:
            now = self._clock.monotonic()
            bids = [self._bid(bucket, cost, now) for bucket in buckets]
            wait = max((bid.wait for bid in bids), default=0.0)
            if wait > HORIZON:
                return Permit(granted=False, wait=wait)
            for bid in bids:
                bid.state.tat = max(bid.new_tat, bid.state.blocked_until)
            return Permit(granted=True, wait=wait)

    async def report(self, bucket: Bucket, *, used: float = 0.0, wait: timedelta | None = None) -> None:
        with self._lock:
            until = self._note(bucket.key, used, wait)
        if until is not None and self._persist is not None:
            await asyncio.to_thread(self._persist, bucket.key, until)

    def _bid(self, bucket: Bucket, cost: int, now: float) -> _Bid:
        state = self._states.setdefault(bucket.key, _State(factor_since=now))
        blocked = max(state.blocked_until - now, 0.0)
        factor = state.factor_at(now)
        if bucket.per_second is None and factor >= 1.0:
            return _Bid(state, new_tat=state.tat, wait=blocked)
        rate = (bucket.per_second or ASSUMED_PER_SECOND) * factor
        base = max(state.tat, now - bucket.burst / rate)
        # More than the burst could never be saved up: it is granted as the burst is, and those who come later pay.
        ready = base + min(cost, bucket.burst) / rate
        return _Bid(state, new_tat=base + cost / rate, wait=max(ready - now, blocked, 0.0))

    def _note(self, key: str, used: float, wait: timedelta | None) -> datetime | None:
        now = self._clock.monotonic()
        state = self._states.setdefault(key, _State(factor_since=now))
        state.full_in_a_row = state.full_in_a_row + 1 if used >= FULL else 0
        factor = factor_for(used)
        current = state.factor_at(now)
        if factor < 1.0 and factor <= current:
            state.factor, state.factor_since = factor, now
        if wait is None and used >= FULL:
            # Answers to requests that were under way when the block began do not prolong it.
            if state.blocked_until > now:
                state.full_in_a_row -= 1
                return None
            wait = min(FULL_BLOCK * 2 ** min(state.full_in_a_row - 1, 10), LONGEST_FULL_BLOCK)
        if wait is None or wait <= timedelta(0):
            return None
        wait = min(wait, LONGEST_BLOCK)
        blocked_until = now + wait.total_seconds()
        if blocked_until <= state.blocked_until:
            return None
        state.blocked_until = blocked_until
        return self._clock.now() + wait


class Pace:
    """The limits of one connection: which buckets a request takes from, and which one a hint is about.

    Connections of the same registered app share the app's buckets, and those of their accounts. `waits_at_most` bounds
    how long a request is held back; a longer wait is for the engine to plan around.
    """

    def __init__(
        self,
        limiter: RateLimiter,
        *,
        clock: Clock,
        platform: str,
        client_id: str,
        connection: str,
        limits: Iterable[RateLimit] = (),
        waits_at_most: timedelta = timedelta(seconds=60),
    ) -> None:
        self._limiter = limiter
        self._clock = clock
        self._waits_at_most = waits_at_most.total_seconds()
        self._app = f"app:{platform}:{client_id}"
        self._credential = f"credential:{platform}:{connection}"
        self._account = f"account:{platform}:{client_id}:"
        self._limits = tuple(limits)

    async def acquire(self, account: str = "", cost: int = 1) -> None:
        """Wait until a request may be sent. PlatformError(kind=wait) where that is too far off."""
        buckets = self._buckets(account)
        while True:
            permit = await self._limiter.ask(buckets, cost)
            if permit.wait > self._waits_at_most:
                raise PlatformError(
                    f"The platform's limits leave no room for another request within {permit.wait:.0f} seconds",
                    kind=ErrorKind.WAIT,
                    code="paced",
                    retry_after=timedelta(seconds=permit.wait),
                )
            if permit.wait > 0:
                await self._clock.sleep(permit.wait)
            if permit.granted:
                return

    async def report(self, hint: Hint, account: str = "") -> None:
        """Pass on a hint of the platform's. `account` stands in where the hint is about an account and names none."""
        named = hint.account or account
        if hint.scope == "account" and not named:
            return
        await self._limiter.report(self._scope(hint.scope, named)[0], used=hint.used, wait=hint.wait)

    def _buckets(self, account: str) -> list[Bucket]:
        buckets = self._scope("app", "") + self._scope("credential", "")
        return buckets + self._scope("account", account) if account else buckets

    def _scope(self, scope: Scope, account: str) -> list[Bucket]:
        """The buckets of a scope: one per declared limit, at least one. Hints go to the first."""
        key = {"app": self._app, "credential": self._credential, "account": self._account + account}[scope]
        declared = [limit for limit in self._limits if limit.scope == scope]
        if not declared:
            return [Bucket(key=key)]
        return [
            Bucket(key=f"{key}#{n}" if n else key, per_second=limit.per_second, burst=limit.burst)
            for n, limit in enumerate(declared)
        ]


def factor_for(used: float) -> float:
    """Return the part of the pace that is left at this usage."""
    for (low, high_factor), (high, low_factor) in pairwise(_SLOWDOWN):
        if used <= low:
            return high_factor
        if used < high:
            return high_factor + (low_factor - high_factor) * (used - low) / (high - low)
    return _SLOWDOWN[-1][1]
