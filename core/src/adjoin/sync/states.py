"""The states of runs and slices as tables: what may happen in which state, and where it leads. All moves go by them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from adjoin.db.models import RunState, SliceState

__all__ = ["RUN_TABLE", "SLICE_TABLE", "IllegalMove", "Move", "RunEvent", "SliceEvent", "StateTable"]

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class IllegalMove(RuntimeError):
    """Something happened to a run or a slice that cannot happen in its state: our bug."""


class RunEvent(StrEnum):
    """What happens to a run."""

    TAKE = "take"  #: a process begins to work on it
    RELEASE = "release"  #: the process is told to stop and gives it back
    LOSE = "lose"  #: the process is gone, or does not answer any more
    CANCEL = "cancel"  #: a person does not want it any more
    SUCCEED = "succeed"  #: everything was read and committed
    END_PARTLY = "end partly"  #: something was committed, something is missing
    FAIL = "fail"  #: nothing was committed


class SliceEvent(StrEnum):
    """What happens to a slice."""

    START = "start"  #: the platform is asked for it; again after a fault that may pass
    STAGE = "stage"  #: all its rows are in staged files
    COMMIT = "commit"  #: its rows are current; entities are as soon as they are read
    SPLIT = "split"  #: it was too large, and smaller ones replace it
    FAIL = "fail"  #: it cannot be read or committed in this run
    REPEAT = "repeat"  #: another attempt of the run has to read it again


class Move(NamedTuple, Generic[S, E]):
    """In `state`, `event` leads to `next`."""

    state: S
    event: E
    next: S


class StateTable(Generic[S, E]):
    """All moves of one kind of row, and the state in which a row is made."""

    def __init__(self, start: S, *moves: tuple[S, E, S]) -> None:
        self.start = start
        self.moves = tuple(Move(*move) for move in moves)
        self._next = {(move.state, move.event): move.next for move in self.moves}

    def __iter__(self) -> Iterator[Move[S, E]]:
        return iter(self.moves)

    def after(self, state: S, event: E) -> S:
        """Return where an event leads. Raises IllegalMove where it cannot happen."""
        try:
            return self._next[state, event]
        except KeyError:
            possible = ", ".join(move.event for move in self.moves if move.state == state) or "nothing any more"
            raise IllegalMove(
                f"{type(state).__name__} {state!s} does not know {event!s}; possible: {possible}"
            ) from None

    def before(self, event: E) -> tuple[S, ...]:
        """Return the states in which an event may happen, to move many rows with one statement."""
        return tuple(move.state for move in self.moves if move.event == event)


RUN_TABLE = StateTable(
    RunState.QUEUED,
    (RunState.QUEUED, RunEvent.TAKE, RunState.RUNNING),
    (RunState.QUEUED, RunEvent.CANCEL, RunState.CANCELLED),
    (RunState.RUNNING, RunEvent.RELEASE, RunState.QUEUED),
    (RunState.RUNNING, RunEvent.LOSE, RunState.QUEUED),
    (RunState.RUNNING, RunEvent.CANCEL, RunState.CANCELLED),
    (RunState.RUNNING, RunEvent.SUCCEED, RunState.SUCCEEDED),
    (RunState.RUNNING, RunEvent.END_PARTLY, RunState.PARTLY),
    (RunState.RUNNING, RunEvent.FAIL, RunState.FAILED),
)

SLICE_TABLE = StateTable(
    SliceState.PLANNED,
    (SliceState.PLANNED, SliceEvent.START, SliceState.FETCHING),
    (SliceState.PLANNED, SliceEvent.FAIL, SliceState.FAILED),
    (SliceState.FETCHING, SliceEvent.START, SliceState.FETCHING),
    (SliceState.FETCHING, SliceEvent.STAGE, SliceState.STAGED),
    (SliceState.FETCHING, SliceEvent.COMMIT, SliceState.COMMITTED),
    (SliceState.FETCHING, SliceEvent.SPLIT, SliceState.SPLIT),
    (SliceState.FETCHING, SliceEvent.FAIL, SliceState.FAILED),
    (SliceState.FETCHING, SliceEvent.REPEAT, SliceState.PLANNED),
    (SliceState.STAGED, SliceEvent.COMMIT, SliceState.COMMITTED),
    (SliceState.STAGED, SliceEvent.FAIL, SliceState.FAILED),
    (SliceState.STAGED, SliceEvent.REPEAT, SliceState.PLANNED),
    (SliceState.FAILED, SliceEvent.REPEAT, SliceState.PLANNED),
)
