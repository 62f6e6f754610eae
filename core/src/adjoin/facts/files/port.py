"""What the fact store asks of a place that keeps finished files."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

__all__ = ["DAMAGED", "Files", "StoredFile"]

#: What to do about a fact file that is gone or changed; the end of a message.
DAMAGED = "Restore it from a backup, or sync these days again with `adjoin sync --since ... --until ...`."


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that the store has. `path` is relative to its root, with slashes; `modified_at` is the store's clock."""

    path: str
    bytes: int
    modified_at: datetime


class Files(Protocol):
    """Keeps files that are written once and never changed, by their path relative to the root.

    Paths are made of `/` and come from `adjoin.facts.layout`. All methods block and are safe in threads. They raise
    StateError, which says what store it is, why it failed and what to do, when the store cannot be used; a file that
    is gone or changed is StoreDamaged.
    """

    @property
    def where(self) -> str:
        """The store in words for people: a folder or a URL, never with a secret."""
        ...

    def draft(self, path: str) -> Path:
        """Return where on this machine a new file is written, before it is kept."""
        ...

    def keep(self, path: str, draft: Path, *, checksum: str) -> None:
        """Make a finished draft part of the store; the draft may be gone afterwards.

        When this raises, the store does not have the file.
        """
        ...

    def take(self, path: str, source: Path, *, checksum: str) -> None:
        """Make a copy of a finished file part of the store; the source stays. When this raises, as in `keep`."""
        ...

    def local(self, path: str, *, expected: str, size: int | None = None) -> Path:
        """Return a file of this machine with the content of a stored one; see `FactStore.local`."""
        ...

    def intact(self, path: str, *, expected: str) -> Path:
        """Return a file of this machine whose checksum was found to be as expected; see `FactStore.intact`."""
        ...

    def verify(self, path: str, *, expected: str) -> None:
        """Read the stored file itself, past any cache, and compare its checksum."""
        ...

    def scratch(self, path: str) -> Path:
        """Return a folder of this machine for what is not worth keeping. It may not exist yet."""
        ...

    def size(self, path: str) -> int | None:
        """Return a stored file's size in bytes, or None when there is no such file."""
        ...

    def list(self, folder: str) -> Iterator[StoredFile]:
        """Yield all finished files below a folder, in no particular order; none when there is no such folder."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file. Harmless when it is gone."""
        ...

    def clear(self, folder: str) -> None:
        """Remove all files below a folder. Harmless when there are none."""
        ...

    def sweep(self, *, older_than: datetime, keep: Collection[str] = ()) -> int:
        """Remove what killed writers left on this machine, last written before a time; return how many files.

        What lies below the folders of `keep` stays.
        """
        ...
