"""Fact files in object storage, read and written through copies on this machine."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from adjoin.errors import StateError, StoreDamaged
from adjoin.facts.files.cache import Cache
from adjoin.facts.files.port import DAMAGED, StoredFile

__all__ = ["Objects", "RemoteFiles"]


class Objects(Protocol):
    """Object storage below one prefix. Methods and errors as in `Files`; objects appear whole or not at all."""

    @property
    def where(self) -> str: ...

    def put(self, source: Path, path: str) -> None:
        """Store a finished file of this machine under a path."""
        ...

    def get(self, path: str, target: Path) -> str:
        """Write a stored file to `target`, which may exist, and return its checksum. StoreDamaged when it is gone."""
        ...

    def checksum(self, path: str) -> str:
        """Read a stored file and return its checksum. StoreDamaged when it is gone."""
        ...

    def size(self, path: str) -> int | None: ...

    def list(self, folder: str) -> Iterator[StoredFile]: ...

    def remove(self, path: str) -> None: ...

    def clear(self, folder: str) -> None: ...


class RemoteFiles:
    """Object storage with a cache in front: what is written here or read once is not fetched again."""

    def __init__(self, objects: Objects, cache: Cache) -> None:
        self.objects = objects
        self.cache = cache

    @property
    def where(self) -> str:
        return self.objects.where

    def draft(self, path: str) -> Path:
        return self.cache.draft(path)

    def keep(self, path: str, draft: Path, *, checksum: str) -> None:
        self.objects.put(draft, path)
        try:
            self.cache.add(path, draft, checksum=checksum)
        except (StateError, OSError):  # the store has it; who reads it here fetches it
            draft.unlink(missing_ok=True)

    def take(self, path: str, source: Path, *, checksum: str) -> None:
        self.objects.put(source, path)

    def local(self, path: str, *, expected: str, size: int | None = None) -> Path:
        return self.cache.get(path, expected=expected, fetch=partial(self.objects.get, path))

    def intact(self, path: str, *, expected: str) -> Path:
        copy = self.cache.get(path, expected=expected, fetch=partial(self.objects.get, path), check=True)
        stored, size = self.objects.size(path), copy.stat().st_size
        if stored is None:
            raise StoreDamaged(f"The fact file {self.where}/{path} is gone. {DAMAGED}")
        if stored != size:
            raise StoreDamaged(f"The fact file {self.where}/{path} has {stored} bytes instead of {size}. {DAMAGED}")
        return copy

    def verify(self, path: str, *, expected: str) -> None:
        if self.objects.checksum(path) != expected:
            raise StoreDamaged(f"The fact file {self.where}/{path} is damaged: its checksum has changed. {DAMAGED}")

    def scratch(self, path: str) -> Path:
        return self.cache.scratch(path)

    def size(self, path: str) -> int | None:
        return self.objects.size(path)

    def list(self, folder: str) -> Iterator[StoredFile]:
        return self.objects.list(folder)

    def remove(self, path: str) -> None:
        self.cache.forget(path)
        self.objects.remove(path)

    def clear(self, folder: str) -> None:
        self.cache.forget_below(folder)
        self.objects.clear(folder)

    def sweep(self, *, older_than: datetime, keep: Collection[str] = ()) -> int:
        """Sweep the cache. An upload that was cut off is no object, so there is nothing of it to find in the store."""
        return self.cache.sweep(older_than=older_than.timestamp(), keep=keep)
