"""The operations of a day that a Cloud project may have, and how many it had."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adjoin_google.sandbox.errors import quota

__all__ = ["Quota"]

_DAY = timedelta(hours=24)


@dataclass(slots=True)
class Quota:
    """Counts operations over the last 24 hours of the world's clock: a query is one, whatever its pages and rows.

    Without a limit everything passes. What is refused does not count.
    """

    limit: int | None = None
    _spent: deque[tuple[datetime, int]] = field(default_factory=deque)

    def used(self, now: datetime) -> int:
        """How many operations there were in the last 24 hours."""
        while self._spent and self._spent[0][0] <= now - _DAY:
            self._spent.popleft()
        return sum(operations for _, operations in self._spent)

    def spend(self, operations: int, now: datetime) -> None:
        """Count operations; refuses those that are too many, and says when the oldest ones are forgotten."""
        if self.limit is not None and self.used(now) + operations > self.limit:
            wait = self._spent[0][0] + _DAY - now if self._spent else _DAY
            seconds = int(wait.total_seconds())
            raise quota(
                "RESOURCE_EXHAUSTED",
                f"Too many requests. Retry in {seconds} seconds.",
                seconds=seconds,
                scope="DEVELOPER",
                rate="Number of operations for explorer access",
            )
        self._spent.append((now, operations))
