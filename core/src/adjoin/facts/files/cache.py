"""Copies of stored files on this machine: fetched once, checked, and let go of when they take too much room."""

from __future__ import annotations

import fcntl
import math
import os
import shutil
import time
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from uuid import uuid4

from adjoin.errors import StoreDamaged
from adjoin.facts._parquet import checksum, explained
from adjoin.facts.files.port import DAMAGED

__all__ = ["KEPT_SECONDS", "Cache"]

#: How long a copy that was handed out is safe from being let go of.
KEPT_SECONDS = 3600.0

_TOUCH_SECONDS = 60.0  # how exactly the last use is noted
_DRAFT_SECONDS = 7 * 24 * 3600.0  # after which a draft must be one of a process that was killed
_STRIPES = 256


@dataclass(frozen=True, slots=True)
class _Copy:
    path: Path
    bytes: int
    used_at: float


class Cache:
    """A folder of copies that several processes and threads share, bounded in size.

    A copy's name holds its path in the store and its checksum, so a stored file that changes is another copy. A copy
    appears whole or not at all, by renaming. It is checked against its checksum when it arrives and when a process
    first uses it, later only by size, time and inode; one that is off is thrown away and fetched again.

    When the copies take more than `limit` bytes, those go first whose use is longest ago, but none that was handed out
    within the last hour: the limit gives way to that. What is open meanwhile stays readable, as the system keeps an
    unlinked file until it is closed. The last use is the access time of the copy, so it is known across processes and
    restarts. Handing out takes a shared lock on the folder and letting go an exclusive one, so that the two never meet.
    """

    def __init__(self, folder: Path, *, limit: int, now: Callable[[], float] = time.time) -> None:
        """Take the folder, the bytes it may hold, and a clock in seconds that is the one of the file system."""
        self.folder = folder
        self.limit = limit
        self._now = now
        self._files = folder / "files"
        self._drafts = folder / "drafts"
        self._scratch = folder / "scratch"
        self._checked: dict[Path, tuple[int, int, int]] = {}
        self._unseen: int | None = None  # bytes added since the copies were last counted; None before that

    def draft(self, path: str) -> Path:
        """Return a new name for a file that is written or fetched, on the same file system as the copies."""
        return self._drafts / PurePosixPath(path).parent / f"{uuid4().hex}.parquet"

    def scratch(self, path: str) -> Path:
        """Return a folder for what is not worth keeping; it goes with `forget_below`."""
        return self._scratch / path

    def get(self, path: str, *, expected: str, fetch: Callable[[Path], str], check: bool = False) -> Path:
        """Return the copy with this checksum; where there is none that is good, `fetch` it once.

        `fetch` writes the file and returns its checksum; others that want the same file wait for it. With `check` the
        copy is read as a whole before it is handed out. Raises StoreDamaged when what was fetched is something else.
        """
        found = self._find(path, expected, check=check)
        if found is not None:
            return found
        with self._locked(f"{zlib.crc32(expected.encode()) % _STRIPES:02x}.fetch", fcntl.LOCK_EX):
            # Another thread or process may have fetched it while this one waited.
            found = self._find(path, expected, check=check)
            return found if found is not None else self._fetch(path, expected, fetch)

    def add(self, path: str, draft: Path, *, checksum: str) -> Path:
        """Take a finished draft in as the copy of a stored file. The draft is gone afterwards."""
        copy = self._place(path, checksum)
        with explained(self.folder):
            found = draft.stat()
            with self._locked("lock", fcntl.LOCK_SH):
                copy.parent.mkdir(parents=True, exist_ok=True)
                now = self._now()
                os.utime(draft, (now, found.st_mtime))
                draft.replace(copy)
            self._remember(copy, copy.stat())
        self._make_room(found.st_size)
        return copy

    def forget(self, path: str) -> None:
        """Let go of the copies of a file."""
        pattern = self._place(path, "*")
        with explained(self.folder), self._locked("lock", fcntl.LOCK_EX):
            for copy in pattern.parent.glob(pattern.name):
                copy.unlink(missing_ok=True)

    def forget_below(self, folder: str) -> None:
        """Let go of all copies of files below a folder, and of what was spilled there."""
        with explained(self.folder), self._locked("lock", fcntl.LOCK_EX):
            for inside in (self._files, self._drafts, self._scratch):
                shutil.rmtree(inside / folder, ignore_errors=True)

    def trim(self) -> None:
        """Let go of the copies whose use is longest ago, until the rest takes nine tenths of the limit."""
        copies = sorted(self._copies(), key=lambda one: one.used_at)
        total = sum(one.bytes for one in copies)
        self._unseen = 0
        wanted = self.limit if total <= self.limit else self.limit * 9 // 10
        for one in copies:
            if total <= wanted or not self._let_go(one.path):
                break
            total -= one.bytes
        self._prune()

    def sweep(self, *, older_than: float, keep: Collection[str] = ()) -> int:
        """Remove what killed processes had begun to write, fetch or spill before a time; return how many files.

        What lies below the folders of `keep` stays.
        """
        removed = 0
        for inside in (self._drafts, self._scratch):
            for parent, _, names in os.walk(inside):
                below = f"{PurePosixPath(Path(parent).relative_to(inside))}/"
                if any(below.startswith(f"{folder}/") for folder in keep):
                    continue
                for name in names:
                    with suppress(FileNotFoundError):
                        if Path(parent, name).stat().st_mtime < older_than:
                            Path(parent, name).unlink()
                            removed += 1
        return removed

    def _place(self, path: str, checksum: str) -> Path:
        pure = PurePosixPath(path)
        return self._files / pure.parent / f"{pure.stem}.{checksum[:32]}{pure.suffix}"

    def _find(self, path: str, expected: str, *, check: bool) -> Path | None:
        """Return the copy where it is good, noting that it is in use now."""
        copy, now = self._place(path, expected), self._now()
        try:
            found = copy.stat()
            if not check and abs(now - found.st_atime) <= _TOUCH_SECONDS and self._is_checked(copy, found):
                return copy  # in use lately, so nobody lets go of it and no lock is needed
            with self._locked("lock", fcntl.LOCK_SH):
                found = copy.stat()
                with explained(self.folder):
                    os.utime(copy, ns=(int(now * 1e9), found.st_mtime_ns))
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not check and self._is_checked(copy, found):
            return copy
        try:
            good = checksum(copy) == expected
        except OSError:
            good = False
        if good:
            self._remember(copy, found)
            return copy
        self._checked.pop(copy, None)
        with self._locked("lock", fcntl.LOCK_EX), suppress(OSError):
            if _signature(copy.stat()) == _signature(found):  # else someone has put a good one in its place
                copy.unlink()
        return None

    def _fetch(self, path: str, expected: str, fetch: Callable[[Path], str]) -> Path:
        draft = self.draft(path)
        with explained(self.folder):
            draft.parent.mkdir(parents=True, exist_ok=True)
        try:
            # One that arrives damaged is fetched once more before the stored file is blamed.
            if fetch(draft) != expected and fetch(draft) != expected:
                raise StoreDamaged(f"The fact file {path} is damaged: its checksum has changed. {DAMAGED}")
            return self.add(path, draft, checksum=expected)
        finally:
            draft.unlink(missing_ok=True)

    def _is_checked(self, copy: Path, found: os.stat_result) -> bool:
        return self._checked.get(copy) == _signature(found)

    def _remember(self, copy: Path, found: os.stat_result) -> None:
        self._checked[copy] = _signature(found)

    def _make_room(self, added: int) -> None:
        if self._unseen is not None:
            self._unseen += added
        if self._unseen is None or self._unseen > self.limit // 20:
            self.trim()
            self.sweep(older_than=self._now() - _DRAFT_SECONDS)

    def _copies(self) -> Iterator[_Copy]:
        for parent, _, names in os.walk(self._files):
            for name in names:
                path = Path(parent, name)
                with suppress(FileNotFoundError):
                    found = path.stat()
                    yield _Copy(path, found.st_size, found.st_atime)

    def _let_go(self, copy: Path) -> bool:
        """Remove a copy; False when it was handed out lately, as all that are newer were too."""
        with self._locked("lock", fcntl.LOCK_EX), suppress(FileNotFoundError):
            if self._now() - copy.stat().st_atime <= KEPT_SECONDS + _TOUCH_SECONDS:
                return False
            copy.unlink()
        self._checked.pop(copy, None)
        return True

    def _prune(self) -> None:
        """Remove folders that have become empty: of copies, which are made under the lock, and old ones of drafts."""
        before = self._now() - _DRAFT_SECONDS
        with self._locked("lock", fcntl.LOCK_EX):
            for inside, age in ((self._files, math.inf), (self._drafts, before), (self._scratch, before)):
                for parent, folders, _ in os.walk(inside, topdown=False):
                    for path in (Path(parent, name) for name in folders):
                        with suppress(OSError):
                            if path.stat().st_mtime < age:
                                path.rmdir()

    @contextmanager
    def _locked(self, name: str, kind: int) -> Iterator[BinaryIO]:
        """Hold a lock of this folder. It goes with the process, however that ends."""
        locks = self.folder / "locks"
        with explained(self.folder):
            try:
                file = (locks / name).open("ab")
            except FileNotFoundError:
                locks.mkdir(parents=True, exist_ok=True)
                file = (locks / name).open("ab")
        with file:
            fcntl.flock(file, kind)
            yield file


def _signature(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns
