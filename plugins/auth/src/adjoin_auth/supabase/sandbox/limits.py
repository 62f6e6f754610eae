"""The server's own rate limits: buckets for each network address, without a Retry-After."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from adjoin_auth.supabase.sandbox.errors import Refusal

__all__ = ["LIMITS", "UNLIMITED", "Limit", "Limits"]


@dataclass(frozen=True, slots=True)
class Limit:
    """So many in a time, and so many at once."""

    many: int
    within: timedelta
    burst: int = 30


_FIVE_MINUTES = timedelta(minutes=5)
#: What a hosted project begins with.
LIMITS: Mapping[str, Limit] = {
    "token": Limit(150, _FIVE_MINUTES),
    "verify": Limit(30, _FIVE_MINUTES),
    "recover": Limit(30, _FIVE_MINUTES),
    "resend": Limit(30, _FIVE_MINUTES),
    "signup": Limit(30, _FIVE_MINUTES),
    "user": Limit(30, _FIVE_MINUTES),
    "factors": Limit(15, timedelta(minutes=1)),
}
#: A project whose operator has raised the limits.
UNLIMITED: Mapping[str, Limit] = {}


class Limits:
    """Counts requests."""

    def __init__(self, limits: Mapping[str, Limit]) -> None:
        self._limits = limits
        self._left: dict[tuple[str, str], tuple[float, datetime]] = {}

    def count(self, name: str, address: str, now: datetime) -> None:
        limit = self._limits.get(name)
        if limit is None:
            return
        left, at = self._left.get((name, address), (float(limit.burst), now))
        refilled = left + (now - at).total_seconds() * limit.many / limit.within.total_seconds()
        left = min(float(limit.burst), refilled)
        if left < 1:
            self._left[name, address] = (left, now)
            raise Refusal(429, "over_request_rate_limit", "Request rate limit reached")
        self._left[name, address] = (left - 1, now)
