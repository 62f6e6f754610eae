"""Secrets that can be found again, and looking for them in files, in output and in the process list."""

from __future__ import annotations

import base64
import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_LOOK_AGAIN = 0.1  # seconds


@dataclass(frozen=True)
class Canary:
    """A secret that can be found again. `core` is random and inside of it; any half of it counts as found."""

    name: str
    text: str
    core: str

    @property
    def spellings(self) -> Iterator[bytes]:
        whole = self.core.encode()
        for half in (whole[: len(whole) // 2], whole[len(whole) // 2 :]):
            yield half
            yield half.hex().encode()
            for shift in range(3):  # base64 of a longer text looks one of three ways, by where in it this stands
                encoded = base64.b64encode(b"\0" * shift + half)
                yield encoded[4 if shift else 0 : len(encoded) - 4]


def canary(name: str, form: str = "{}") -> Canary:
    core = secrets.token_hex(16)
    return Canary(name, form.format(core), core)


def key_canary() -> Canary:
    text = base64.urlsafe_b64encode(os.urandom(32)).decode()
    return Canary("key", text, text[:42])


def found_in(data: bytes, canaries: Iterable[Canary]) -> set[str]:
    """Name the canaries that occur, as they are or encoded for URLs, JSON, base64 or hex."""
    return {one.name for one in canaries if any(spelling in data for spelling in one.spellings)}


def found_below(folder: Path, canaries: Iterable[Canary]) -> dict[str, set[str]]:
    """Search every file below a folder, and its name; the database's as any other."""
    looked_for = list(canaries)
    found = {}
    for path in sorted(folder.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        if hit := found_in(str(path).encode() + b"\n" + data, looked_for):
            found[str(path.relative_to(folder))] = hit
    return found


class ProcessList:
    """What a look at the process list shows of the processes below this one, as long as the block lasts."""

    def __init__(self) -> None:
        self.shown: set[bytes] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> ProcessList:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(_LOOK_AGAIN):
            self.look()

    def look(self) -> None:
        for pid in descendants():
            try:
                self.shown.add(Path(f"/proc/{pid}/cmdline").read_bytes())
            except OSError:  # it has ended
                continue


def descendants() -> set[int]:
    """The processes that this one has started, and those that they have."""
    found: set[int] = set()
    more = {os.getpid()}
    while more:
        found |= more
        more = {child for parent in more for child in _children(parent)} - found
    return found - {os.getpid()}


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            yield from map(int, task.read_text().split())
        except OSError:  # it has ended
            continue
