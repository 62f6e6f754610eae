"""What a process keeps of memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

_HELD = """
import sys
from adjoin.memory import give_back, hold_little

hold_little()
import pyarrow

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 >> 20

print(pyarrow.default_memory_pool().backend_name)
# Small pieces, every second of which stays: what is free lies between what is used.
kept = [bytes(60_000) for _ in range(4_000)]
del kept[::2]
before = resident()
give_back()
print(before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_what_is_free_is_given_back() -> None:
    """Even where it lies between what is in use, and Arrow takes its memory from the same heap."""
    done = subprocess.run([sys.executable, "-c", _HELD], capture_output=True, text=True, check=True)
    pool, returned = done.stdout.split()
    assert pool == "system"
    assert int(returned) > 50  # MB of 120
