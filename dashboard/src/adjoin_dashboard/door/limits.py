"""How often one address may send forms: a bucket of tokens for each, that fills again by itself."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from adjoin_dashboard.door.addresses import group_of

if TYPE_CHECKING:
    from adjoin.clock import Clock

__all__ = ["Limits"]

_MOST = 20_000


class Limits:
    """Allows `burst` at once and `per_minute` in the long run, for each IPv4 address or /64 network of IPv6.

    It is of this process, and comes on top of what the auth provider allows for each e-mail and address.
    """

    def __init__(self, clock: Clock, *, burst: int = 30, per_minute: int = 30) -> None:
        self._clock = clock
        self._burst = float(burst)
        self._rate = per_minute / 60
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> float:
        """Take one; return 0, or after how many seconds there is one again."""
        now = self._clock.monotonic()
        group = group_of(address)
        with self._lock:
            left, since = self._buckets.pop(group, (self._burst, now))
            left = min(self._burst, left + (now - since) * self._rate)
            allowed = left >= 1
            self._buckets[group] = (left - 1 if allowed else left, now)
            if len(self._buckets) > _MOST:
                self._buckets.popitem(last=False)  # the one that was quiet for longest
        return 0.0 if allowed else (1 - left) / self._rate
