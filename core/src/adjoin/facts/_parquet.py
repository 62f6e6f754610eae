"""Parquet files that appear under their name whole, or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from adjoin.errors import StateError
from adjoin.memory import give_back

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ParquetFile", "checksum", "explained"]

#: Rows of a row group. Fixed, so that the same rows make the same bytes however they arrive.
_GROUP_ROWS = 64 * 1024
#: After so many rows, what making them has left in the process's heap is worth to be returned.
_GIVE_BACK_ROWS = 4 * _GROUP_ROWS

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and try again",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than the system allows",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
}


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn the operating system's refusals into StateError that names the folder."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
        raise StateError(f"Cannot write fact files in {folder}: {reason}.") from error


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ParquetFile:
    """A Parquet file while it is written: below a temporary name until `publish`, gone if that never comes.

    Batches of any size are gathered into row groups of equal size, so memory stays bounded. `keep` is called with
    the path and the checksum once the file has its name; when it raises, the file is taken back. Raises StateError
    when the folder cannot be written.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        *,
        keep: Callable[[Path, str], None] | None = None,
        compression_level: int | None = None,
    ) -> None:
        self.path = path
        self.rows = 0
        self._keep = keep
        self._level = compression_level
        self._finished: str | None = None
        self._bytes = 0
        self._schema = schema
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._writer: Any = None

    @property
    def bytes(self) -> int:
        """The size of the file in bytes. ValueError before it is finished."""
        if self._finished is None:
            raise ValueError("the file is not finished yet")
        return self._bytes

    def __enter__(self) -> Self:
        import pyarrow.parquet as pq

        with explained(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(
                self._temporary,
                self._schema,
                compression="zstd",
                compression_level=self._level,
                store_decimal_as_integer=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing writes the footer; on a full disk that fails again, and the file is thrown away in any case.
        try:
            if self._writer is not None:
                self._writer.close()
        except OSError:
            pass
        finally:
            self._temporary.unlink(missing_ok=True)

    def append(self, batch: pa.RecordBatch) -> None:
        """Add rows. The batch has the file's schema."""
        self.rows += batch.num_rows
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        if self._waiting_rows >= _GROUP_ROWS:
            self._write(whole_groups=True)
            if self.rows // _GIVE_BACK_ROWS > (self.rows - batch.num_rows) // _GIVE_BACK_ROWS:
                give_back()

    def finish(self) -> str:
        """Write the end of the file and return its checksum. It has no name yet, and may still be left unpublished."""
        if self._finished is None:
            with explained(self.path.parent):
                self._write(whole_groups=False)
                self._writer.close()
                self._writer = None
                self._bytes = self._temporary.stat().st_size
                self._finished = checksum(self._temporary)
        return self._finished

    def publish(self) -> str:
        """Give the file its name, safe against a power cut, and return its checksum."""
        found = self.finish()
        try:
            with explained(self.path.parent):
                with self._temporary.open("rb+") as file:
                    os.fsync(file.fileno())
                self._temporary.replace(self.path)
                _sync_folder(self.path.parent)
            if self._keep is not None:
                self._keep(self.path, found)
        except BaseException:
            self._temporary.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)  # it has its name already when the folder cannot be synced
            raise
        return found

    def _write(self, *, whole_groups: bool) -> None:
        import pyarrow as pa

        table = pa.Table.from_batches(self._waiting, schema=self._schema)
        take = table.num_rows - (table.num_rows % _GROUP_ROWS if whole_groups else 0)
        with explained(self.path.parent):
            if take:
                self._writer.write_table(table.slice(0, take).combine_chunks(), row_group_size=_GROUP_ROWS)
        rest = table.slice(take)
        self._waiting = rest.to_batches()
        self._waiting_rows = rest.num_rows


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
