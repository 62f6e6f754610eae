"""How a process holds memory: what Arrow and the C library keep of it after use."""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["give_back", "hold_little"]

#: `M_ARENA_MAX` of glibc's malloc.h.
_ARENA_MAX = -8


def hold_little() -> None:
    """Let Arrow take memory from the system, and the system's threads share one heap. Called before Arrow is loaded.

    Arrow's own allocator keeps what is given back, and so does each of glibc's heaps, which it opens by the dozen for a
    process with threads: a large sync held twice the memory it used. The environment decides where it says something
    (ARROW_DEFAULT_MEMORY_POOL, MALLOC_ARENA_MAX).
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if "MALLOC_ARENA_MAX" not in os.environ and (set_option := _of_glibc("mallopt")):
        set_option(_ARENA_MAX, 1)


def give_back() -> None:
    """Return memory that is not in use to the system. Takes milliseconds; does nothing where there is no glibc."""
    if trim := _of_glibc("malloc_trim"):
        trim(0)


def _of_glibc(name: str) -> ctypes._NamedFuncPointer | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None  # musl has neither
