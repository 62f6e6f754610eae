"""What a contender measures of itself, and how it tells."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

__all__ = ["arguments", "compete", "peak"]


def arguments() -> tuple[str, Path, str, str]:
    """Return what the driver gives a contender: address, working folder, first and last day."""
    _, url, folder, since, until = sys.argv
    return url, Path(folder), since, until


def compete(url: str, load: Callable[[], object], found: Callable[[], dict[str, dict[str, int]]]) -> None:
    """Load both generations one over the other, and print what it cost and what is there after each."""
    report: dict[str, Any] = {"start_up_cpu": time.process_time(), "start_mb": peak()}
    for name, generation in (("first", 1), ("again", 2)):
        with urlopen(f"{url}/generation/{generation}"):
            pass
        cpu, wall = time.process_time(), time.perf_counter()
        load()
        report[name] = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "peak_mb": peak()}
        report[name]["found"] = found()
    print(json.dumps(report))


def peak() -> float:
    """Return the most memory that this process has held so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # of this program alone; getrusage counts the process that started it as well
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
