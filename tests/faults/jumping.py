"""Runs a program on a clock that another process sets: `python jumping.py FILE PROGRAM.py`.

FILE holds by how many seconds the clock is ahead of the machine's, and may change at any time.
"""

from __future__ import annotations

import runpy
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adjoin.clock import SystemClock


def main() -> None:
    ahead, program = Path(sys.argv[1]), sys.argv[2]

    def now(_clock: SystemClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(ahead.read_text()))

    SystemClock.now = now  # type: ignore[method-assign]
    sys.argv = [program]
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
