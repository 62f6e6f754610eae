"""Fact files in a folder of this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from adjoin.errors import StoreDamaged
from adjoin.facts._parquet import checksum, explained
from adjoin.facts.files.port import DAMAGED, StoredFile
from adjoin.facts.layout import FACTS, STAGING

__all__ = ["LocalFiles"]


class LocalFiles:
    """A folder. Files are written in place, so that keeping and reading them costs nothing more."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def where(self) -> str:
        return str(self.root)

    def draft(self, path: str) -> Path:
        return self.root / path

    def keep(self, path: str, draft: Path, *, checksum: str) -> None:
        """Do nothing: the draft lies where it belongs."""

    def take(self, path: str, source: Path, *, checksum: str) -> None:
        whole = self.root / path
        draft = whole.with_name(f".{whole.name}.{os.getpid()}.part")
        with explained(whole.parent):
            whole.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(source, draft)
                with draft.open("rb+") as file:
                    os.fsync(file.fileno())
                draft.replace(whole)
            finally:
                draft.unlink(missing_ok=True)

    def local(self, path: str, *, expected: str, size: int | None = None) -> Path:
        absolute = Path(f"{self.root}/{path}")  # a question may read a thousand files, and `/` takes its time
        if size is None:
            return absolute
        try:
            found = absolute.stat().st_size
        except OSError as error:
            raise self._unreadable(absolute, error) from error
        if found != size:
            raise StoreDamaged(f"The fact file {absolute} has {found} bytes instead of {size}. {DAMAGED}")
        return absolute

    def intact(self, path: str, *, expected: str) -> Path:
        absolute = self.root / path
        try:
            found = checksum(absolute)
        except OSError as error:
            raise self._unreadable(absolute, error) from error
        if found != expected:
            raise StoreDamaged(f"The fact file {absolute} is damaged: its checksum has changed. {DAMAGED}")
        return absolute

    def verify(self, path: str, *, expected: str) -> None:
        self.intact(path, expected=expected)

    def scratch(self, path: str) -> Path:
        return self.root / path

    def size(self, path: str) -> int | None:
        try:
            return (self.root / path).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(self.root / path, error) from error

    def list(self, folder: str) -> Iterator[StoredFile]:
        """Yield finished files; what is half written or spilled has a name that starts with a dot."""
        for parent, folders, names in os.walk(self.root / folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if name.startswith("."):
                    continue
                path = Path(parent, name)
                try:
                    found = path.stat()
                except FileNotFoundError:  # removed meanwhile
                    continue
                yield StoredFile(
                    path=str(PurePosixPath(path.relative_to(self.root))),
                    bytes=found.st_size,
                    modified_at=datetime.fromtimestamp(found.st_mtime, UTC),
                )

    def remove(self, path: str) -> None:
        with explained((self.root / path).parent):
            (self.root / path).unlink(missing_ok=True)

    def clear(self, folder: str) -> None:
        absolute = self.root / folder
        with explained(absolute):
            if absolute.exists():
                shutil.rmtree(absolute)

    def sweep(self, *, older_than: datetime, keep: Collection[str] = ()) -> int:
        removed = 0
        for top in (FACTS, STAGING):
            for parent, _, names in os.walk(self.root / top):
                folder = f"{PurePosixPath(Path(parent).relative_to(self.root))}/"
                spilled = "/." in folder
                if any(folder.startswith(f"{kept}/") for kept in keep):
                    continue
                for path in (Path(parent, name) for name in names if spilled or name.startswith(".")):
                    with explained(path.parent), suppress(FileNotFoundError):
                        if path.stat().st_mtime < older_than.timestamp():
                            path.unlink()
                            removed += 1
        return removed

    @staticmethod
    def _unreadable(path: Path, error: OSError) -> StoreDamaged:
        return StoreDamaged(f"The fact file {path} cannot be read: {error.strerror}. {DAMAGED}")
