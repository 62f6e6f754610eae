"""Processes that start while the database is away wait for it, whatever of theirs asks it first."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import scheduler

from adjoin.cli.worker import _serve
from adjoin.db import Store
from adjoin.db.patience import when_reachable
from adjoin.errors import StateError, StoreUnreachable
from adjoin.runtime import Runtime
from adjoin.settings import load_settings


def run_worker() -> None:
    with Runtime(load_settings()) as runtime:
        asyncio.run(_serve(runtime, concurrency=1, grace=1))


def run_scheduler() -> None:
    asyncio.run(scheduler.main())


@pytest.fixture
def signals() -> Iterator[None]:
    """Gives the handlers of signals back, which the processes set for themselves."""
    kept = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT)}
    yield
    for name, handler in kept.items():
        signal.signal(name, handler)


@pytest.mark.usefixtures("signals")
@pytest.mark.parametrize(
    ("start", "executor"), [(run_worker, "workers"), (run_scheduler, "workers"), (run_scheduler, "embedded")]
)
def test_it_waits_from_its_first_question(
    start: Callable[[], None], executor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of many machines is the database's, so that even telling the time has to wait."""
    tries = []

    def away(*_: object, **__: object) -> Store:
        tries.append(1)
        if len(tries) < 4:
            raise StoreUnreachable("The database cannot be reached: it is starting up")
        raise StateError("It answers: enough for this test.")

    monkeypatch.setattr(Store, "open", away)
    monkeypatch.setitem(when_reachable.__kwdefaults__, "every", 0.001)
    monkeypatch.setenv("ADJOIN_HOME", str(tmp_path))
    monkeypatch.setenv("ADJOIN_EXECUTOR", executor)
    monkeypatch.setenv("ADJOIN_DATABASE_URL", "postgresql://somebody@database.example/adjoin")
    with pytest.raises(StateError, match="enough for this test"):
        start()
    assert len(tries) == 4
