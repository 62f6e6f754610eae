"""Runs a program that takes another process for dead after 6 seconds, not 30: `python hasty.py PROGRAM.py`.

In place of a program, `-m MODULE` runs a module; arguments may follow. Tests of what happens then would wait for most
of their time.
"""

from __future__ import annotations

import runpy
import sys
from datetime import timedelta

from adjoin.db import engine
from adjoin.sync.engine import Engine
from adjoin.sync.workers import sweep
from adjoin.sync.workers.worker import Worker

BEAT = 1.0
STALE_AFTER = timedelta(seconds=6)


def main() -> None:
    for made in (Engine, Worker):
        defaults = made.__init__.__kwdefaults__
        assert "beat_seconds" in defaults
        defaults["beat_seconds"] = BEAT
    assert sweep.STALE_AFTER > STALE_AFTER
    sweep.STALE_AFTER = STALE_AFTER
    assert STALE_AFTER.total_seconds() < engine.IDLE_SECONDS
    engine.IDLE_SECONDS = STALE_AFTER.total_seconds()
    sys.argv = sys.argv[1:]
    if sys.argv[0] == "-m":
        sys.argv = sys.argv[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
