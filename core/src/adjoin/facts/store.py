"""The fact store: staged files of slices, and the folder they share with the published ones."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.ads.v2 import DateWindow
from adjoin.errors import BadInput, StoreDamaged, UnknownName, WrongResult
from adjoin.facts import sums
from adjoin.facts._parquet import ParquetFile, checksum, explained
from adjoin.facts.layout import STAGING, safe_part, staged_path

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FactStore", "StagedFile", "StagedWriter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedFile:
    """A slice's rows of one dataset, safe on disk. `path` is relative to the root; `sums` as in FactFile."""

    dataset: str
    path: str
    rows: int
    checksum: str
    sums: Mapping[str, str | None]


class FactStore:
    """The folder of fact files.

    Files are written once and never changed; the database says which are current.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def stage(
        self,
        *,
        run_id: str,
        slice_id: str,
        dataset: str,
        platform: str,
        account_id: str,
        window: DateWindow,
    ) -> StagedWriter:
        """Return a writer for the rows of one slice; staging a slice again replaces what it had."""
        if dataset not in DATASETS:
            raise UnknownName(f"There is no dataset {dataset!r}; there are {', '.join(DATASETS)}.")
        path = staged_path(run_id=run_id, slice_id=slice_id, dataset=dataset)
        return StagedWriter(self.root, path, dataset=dataset, platform=platform, account_id=account_id, window=window)

    def intact(self, path: str, *, expected: str) -> Path:
        """Return the absolute path of a file whose checksum is as expected; StoreDamaged names one that is not."""
        absolute = self.root / path
        try:
            found = checksum(absolute)
        except OSError as error:
            raise StoreDamaged(f"The fact file {absolute} cannot be read: {error.strerror}. {_REMEDY}") from error
        if found != expected:
            raise StoreDamaged(f"The fact file {absolute} is damaged: its checksum has changed. {_REMEDY}")
        return absolute

    def clear_staging(self, run_id: str) -> None:
        """Remove what a run has staged. Harmless when there is nothing."""
        folder = self.root / STAGING / safe_part(run_id)
        with explained(folder):
            if folder.exists():
                shutil.rmtree(folder)

    def remove(self, path: str) -> None:
        """Remove one file, as one that was written for a commit that did not happen.

        Harmless when it is gone.
        """
        with explained((self.root / path).parent):
            (self.root / path).unlink(missing_ok=True)


_REMEDY = "Restore it from a backup, or sync these days again with `adjoin sync --since ... --until ...`."


class StagedWriter:
    """Writes the batches of a slice, and lets nothing in that is not the slice's.

    A context manager: at the end of the block the file is published and `staged` tells of it; when the
    block raises, nothing stays. WrongResult, with the platform as its plugin, names the column that is off.
    Duplicate rows are found at commit. Blocks on the disk; memory is bounded by one row group.
    """

    def __init__(
        self,
        root: Path,
        path: str,
        *,
        dataset: str,
        platform: str,
        account_id: str,
        window: DateWindow,
    ) -> None:
        if window.since > window.until:
            raise BadInput(f"The days {window} are the wrong way round.")
        self.dataset = dataset
        self._path = path
        self._platform = platform
        self._account = account_id
        self._window = window
        self._schema = arrow_schema(dataset)
        self._metrics = DATASETS[dataset].metrics
        self._file = ParquetFile(root / path, self._schema)
        self._sums: sums.Sums = dict.fromkeys(self._metrics)
        self._staged: StagedFile | None = None

    @property
    def rows(self) -> int:
        """Rows so far."""
        return self._file.rows

    @property
    def staged(self) -> StagedFile:
        """The finished file. ValueError before the block has ended."""
        if self._staged is None:
            raise ValueError("the staged file is not closed yet")
        return self._staged

    def __enter__(self) -> Self:
        self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self._file.__exit__(kind, error, trace)

    def append(self, batch: pa.RecordBatch) -> None:
        """Check and write some rows, in exactly the published schema of the dataset."""
        self._check(batch)
        sums.add(self._sums, batch, self._metrics)
        self._file.append(batch.cast(self._schema))

    def close(self) -> StagedFile:
        """Publish the file and return it; the end of the block does this too."""
        if self._staged is None:
            found = self._file.publish()
            self._staged = StagedFile(
                dataset=self.dataset,
                path=self._path,
                rows=self._file.rows,
                checksum=found,
                sums=sums.as_text(self._sums),
            )
        return self._staged

    def _check(self, batch: pa.RecordBatch) -> None:
        import pyarrow.compute as pc

        expected = self._schema
        if batch.schema.names != expected.names:
            missing = [name for name in expected.names if name not in batch.schema.names]
            unknown = [name for name in batch.schema.names if name not in expected.names]
            raise self._wrong(
                f"the columns {', '.join(missing)} are missing"
                if missing
                else f"the columns {', '.join(unknown)} are not part of it"
                if unknown
                else f"the columns are in another order than {', '.join(expected.names)}"
            )
        for field in expected:
            column = batch.column(field.name)
            if column.type != field.type:
                raise self._wrong(f"column {field.name} is {column.type} instead of {field.type}")
            if column.null_count and not field.nullable:
                raise self._wrong(f"column {field.name} has {column.null_count} empty values")
        if not batch.num_rows:
            return
        accounts = pc.unique(batch.column("account_id")).to_pylist()
        if accounts != [self._account]:
            other = next(one for one in accounts if one != self._account)
            raise self._wrong(f"column account_id holds {other!r}, and {self._account!r} was asked for")
        dates = batch.column("date")
        for day in (pc.min(dates).as_py(), pc.max(dates).as_py()):
            if not self._window.since <= day <= self._window.until:
                raise self._wrong(f"column date holds {day}, and {self._window} was asked for")

    def _wrong(self, what: str) -> WrongResult:
        return WrongResult(
            f"{self._platform} sent rows of {self.dataset} that cannot be used: {what}.", plugin=self._platform
        )
