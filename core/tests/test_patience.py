"""A process that starts waits for a database that is away, and for nothing else."""

from __future__ import annotations

import asyncio

import pytest

from adjoin.db.patience import when_reachable
from adjoin.errors import StateError, StoreUnreachable


class Start:
    """Fails so often, then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.tries = list(failures), 0

    def __call__(self) -> str:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        return "begun"


def waited(start: Start, *, patience: float, stopped: bool = False) -> str:
    async def wait() -> str:
        stop = asyncio.Event()
        if stopped:
            stop.set()
        return await when_reachable(start, stop=stop, patience=patience, every=0.001)

    return asyncio.run(wait())


AWAY = StoreUnreachable("The database cannot be reached: it is starting up")


def test_it_begins_when_the_database_is_there() -> None:
    """After as many attempts as it takes."""
    start = Start(AWAY, AWAY, AWAY)
    assert waited(start, patience=60) == "begun"
    assert start.tries == 4


@pytest.mark.parametrize(("patience", "stopped"), [(0, False), (60, True)])
def test_it_ends_when_nobody_waits_any_more(patience: float, stopped: bool) -> None:
    """Without patience, or when it is told to stop meanwhile."""
    start = Start(AWAY, AWAY)
    with pytest.raises(StoreUnreachable, match="starting up"):
        waited(start, patience=patience, stopped=stopped)
    assert start.tries == 1


def test_what_waiting_does_not_mend_is_raised_at_once() -> None:
    """A store that was never made, say."""
    start = Start(StateError("There is no store here."))
    with pytest.raises(StateError, match="no store"):
        waited(start, patience=60)
    assert start.tries == 1
