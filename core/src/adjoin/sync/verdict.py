"""What becomes of a run: what has gone wrong in it, how it ends, and whether it is tried again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from adjoin.db.models import ConnectionState, RunState, Slice
from adjoin.errors import AdjoinError, ErrorKind, PlatformError, PluginBusy, PluginTimeout, StateError, StoreDamaged
from adjoin.sync.retries import DAMAGED, STOPPED, TIMEOUT, may_pass, retry_time

__all__ = ["Failure", "Progress", "Verdict", "judge", "kind_of"]

_DEAD = (ErrorKind.RECONNECT, ErrorKind.REFRESH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Something that a run left out, in words for people, and its kind as `slices.error_kind` holds it."""

    text: str
    kind: str
    wait: timedelta = timedelta(0)  #: how long the platform asks to stay away

    @classmethod
    def of(cls, piece: Slice, reason: str, *, kind: str, wait: timedelta = timedelta(0)) -> Self:
        """Say of a slice what has become of it."""
        what = piece.stream if piece.since is None else f"{piece.stream} {piece.since} to {piece.until}"
        return cls(text=f"account {piece.account_id}, {what}: {reason}", kind=kind, wait=wait)


@dataclass(slots=True)
class Progress:
    """What is known of a run while it is executed. `committed` counts the slices of facts that are.

    `unanswerable` says why nothing of what was asked for can be read; `fatal` is what ended the run.
    """

    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    committed: int = 0
    unanswerable: str = ""
    fatal: AdjoinError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a run ends. `retry_at` is when it is tried again; `health` the state of its connection from now on.

    `broken` says whether something went wrong, and not just something was asked for that cannot be.
    """

    state: RunState
    error: str | None
    retry_at: datetime | None
    health: ConnectionState
    broken: bool


def judge(progress: Progress, *, tries: int, now: datetime) -> Verdict:
    """Decide how a run ends that followed on `tries` others for the same."""
    fatal = progress.fatal
    error = str(fatal) if fatal is not None else _summary(failure.text for failure in progress.failures)
    error = error or progress.unanswerable or None
    state = RunState.SUCCEEDED if error is None else RunState.PARTLY if progress.committed else RunState.FAILED
    broken = fatal is not None or bool(progress.failures)
    if isinstance(fatal, PlatformError) and fatal.kind in _DEAD:
        health = ConnectionState.RECONNECT
    elif state is RunState.FAILED and broken:
        health = ConnectionState.ERROR
    else:
        health = ConnectionState.OK
    failures = progress.failures
    if fatal is not None:  # decides alone: what cannot be repaired by waiting would only fail again
        wait = (isinstance(fatal, PlatformError) and fatal.retry_after) or timedelta(0)
        failures = [Failure(text=str(fatal), kind=kind_of(fatal), wait=wait)]
    passing = [failure for failure in failures if may_pass(failure.kind)]
    wait = max((failure.wait for failure in passing), default=timedelta(0))
    return Verdict(
        state=state,
        error=error,
        retry_at=retry_time(tries, now=now, wait=wait) if passing else None,
        health=health,
        broken=broken,
    )


def kind_of(error: Exception) -> str:
    """Return what `slices.error_kind` calls an error."""
    match error:
        case PlatformError():
            return str(error.kind)
        case PluginTimeout() | PluginBusy():
            return TIMEOUT
        case StoreDamaged():
            return DAMAGED
        case StateError():
            return STOPPED
        case AdjoinError():
            return "plugin"
        case _:
            return "unexpected"


def _summary(failures: Iterable[str]) -> str | None:
    first, *rest = [*failures, ""]
    return f"{first} (and {len(rest) - 1} more)" if len(rest) > 1 else first or None
