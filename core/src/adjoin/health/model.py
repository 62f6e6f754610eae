"""What is said about the health of a connection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

__all__ = ["ConnectionHealth", "Finding", "Problem", "Severity", "Verdict", "verdict_of"]


class Severity(StrEnum):
    """How much a finding matters. A `note` is worth knowing and changes no verdict."""

    NOTE = "note"
    ATTENTION = "attention"
    BROKEN = "broken"


class Verdict(StrEnum):
    """How a connection is: its worst finding says. `broken` gets no data until somebody does something."""

    HEALTHY = "healthy"
    ATTENTION = "attention"
    BROKEN = "broken"


class Problem(StrEnum):
    """The kinds of findings, for those who count them."""

    RECONNECT = "reconnect"  #: the platform no longer lets us in
    EXPIRES = "expires"  #: the authorisation ends soon, or has ended
    SWITCHED_OFF = "switched_off"  #: the connection is disabled
    NO_PLUGIN = "no_plugin"  #: the platform's plugin is not loaded
    LATE = "late"  #: older than its schedule allows
    FAILED = "failed"  #: the last run failed, or parts of it
    RETRY = "retry"  #: what failed is tried again later
    STUCK = "stuck"  #: a run that nobody works on
    SCHEDULE = "schedule"  #: a schedule that cannot be used, or is paused
    ACCOUNT_GONE = "account_gone"  #: the platform does not list an account any more
    ACCOUNT_UNREADABLE = "account_unreadable"  #: the platform lists an account and does not let it be read
    SILENT = "silent"  #: days without rows where there used to be some
    SHRUNK = "shrunk"  #: a month that was read again has far fewer rows than before
    GAPS = "gaps"  #: days that were never read
    WARNING = "warning"  #: what the platform says of versions and limits
    DIFFERENCES = "differences"  #: grains that do not add up, and nothing explains it


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to know about a connection, in sentences for people.

    `what` is the case, `why` is the reason as far as it is known, `advice` what to do (empty: nothing). `since` is when
    it began, where that is known.
    """

    problem: Problem
    severity: Severity
    what: str
    why: str = ""
    advice: str = ""
    since: datetime | None = None
    account_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionHealth:
    """How a connection is. `findings` are sorted, the worst first.

    `synced_at` is when a run last brought data, `due_at` when the next one should have done so by its schedule (None
    without one), and `late` by how much that has passed; zero while it is in time.
    """

    workspace_id: str
    connection_id: str
    platform: str
    label: str
    verdict: Verdict
    synced_at: datetime | None
    due_at: datetime | None
    late: timedelta
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Finding | None:
        """The finding that matters most, if it matters at all."""
        first = self.findings[0] if self.findings else None
        return None if first is None or first.severity is Severity.NOTE else first


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """Return what the worst finding makes of it."""
    found = {one.severity for one in findings}
    if Severity.BROKEN in found:
        return Verdict.BROKEN
    return Verdict.ATTENTION if Severity.ATTENTION in found else Verdict.HEALTHY
