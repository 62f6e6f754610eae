"""The fact store: staged files of slices, and the folder they share with the published ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from adjoin.ads.datasets import DATASETS, arrow_schema
from adjoin.ads.v2 import DateWindow
from adjoin.errors import BadInput, UnknownName, WrongResult
from adjoin.facts import sums
from adjoin.facts._parquet import ParquetFile
from adjoin.facts.engine import FactEngine
from adjoin.facts.files import Files, LocalFiles, StoredFile, open_files
from adjoin.facts.layout import STAGING, safe_part, staged_path

if TYPE_CHECKING:
    import pyarrow as pa

    from adjoin.settings import Settings

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
    """The fact files, in a folder of this machine or in object storage.

    Files are written once and never changed; the database says which are current. Paths are relative to the store's
    root. Methods block and are safe in threads. They raise StateError where the store cannot be used, and StoreDamaged
    for a file that is gone or changed.
    """

    def __init__(self, root: Path, files: Files | None = None) -> None:
        """Take the home folder, and where the files are kept when that is not below it."""
        self.root = root
        self.files: Files = LocalFiles(root) if files is None else files
        self.engine = FactEngine()  # opens nothing before it is asked

    @classmethod
    def open(cls, settings: Settings, environ: Mapping[str, str] | None = None) -> Self:
        """Return the store that the operator has set. Raises BadInput for a setting that cannot be used."""
        return cls(settings.home, open_files(settings, environ))

    @property
    def where(self) -> str:
        """The store in words for people: a folder, or a URL without secrets."""
        return self.files.where

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
        file = self.create(path, arrow_schema(dataset))
        return StagedWriter(file, path, dataset=dataset, platform=platform, account_id=account_id, window=window)

    def create(self, path: str, schema: pa.Schema, *, compression_level: int | None = None) -> ParquetFile:
        """Return a new file to write. When its `publish` returns, the store has it; before that, nothing of it.

        The level is that of zstd, None for its default.
        """
        return ParquetFile(
            self.files.draft(path), schema, keep=partial(self._keep, path), compression_level=compression_level
        )

    def take(self, path: str, source: Path, *, checksum: str) -> None:
        """Keep a copy of a finished file of this machine under a path; the source stays."""
        self.files.take(path, source, checksum=checksum)

    def local(self, path: str, *, expected: str, size: int | None = None) -> Path:
        """Return a file of this machine to read, with the content of the store's file.

        With a local store it is the file itself, not read here; only its size is compared where one is given. From
        object storage it is a copy, fetched once and checked against the checksum; it stays readable for an hour
        after each call. StoreDamaged names a file that is gone or changed.
        """
        return self.files.local(path, expected=expected, size=size)

    def intact(self, path: str, *, expected: str) -> Path:
        """Return a file of this machine to read, after comparing its checksum; StoreDamaged names one that is not so.

        From object storage it is a copy, as from `local`, and the store was asked whether it still has the file.
        """
        return self.files.intact(path, expected=expected)

    def verify(self, path: str, *, expected: str) -> None:
        """Read the whole of the stored file, past any cache; StoreDamaged unless it has the checksum."""
        self.files.verify(path, expected=expected)

    def size(self, path: str) -> int | None:
        """Return the size of a stored file in bytes, or None when there is none."""
        return self.files.size(path)

    def list(self, folder: str) -> Iterator[StoredFile]:
        """Yield all finished files below a folder, such as `layout.FACTS` or `layout.STAGING`, in no order."""
        return self.files.list(folder)

    def scratch(self, run_id: str) -> Path:
        """Return a run's folder of this machine for what is spilled; it goes with `clear_staging`."""
        return self.files.scratch(f"{STAGING}/{safe_part(run_id)}")

    def clear_staging(self, run_id: str) -> None:
        """Remove what a run has staged. Harmless when there is nothing."""
        self.files.clear(f"{STAGING}/{safe_part(run_id)}")

    def sweep_drafts(self, *, older_than: datetime, keep: Collection[str] = (), folders: Collection[str] = ()) -> int:
        """Remove half-written files of killed processes, last written before a time; return how many.

        `keep` are ids of runs whose drafts stay: a slow slice may not write for hours. So do those below `folders`,
        such as the accounts that are being committed: a clock that jumps must not make their drafts old.
        """
        kept = [f"{STAGING}/{safe_part(run_id)}" for run_id in keep]
        return self.files.sweep(older_than=older_than, keep=[*kept, *(folder.rstrip("/") for folder in folders)])

    def remove(self, path: str) -> None:
        """Remove one file, as one that was written for a commit that did not happen.

        Harmless when it is gone.
        """
        self.files.remove(path)

    def check(self) -> None:
        """Write, read and remove a small file, as `adjoin doctor` does. Raises StateError where that fails."""
        import pyarrow as pa

        run_id = f"check-{uuid4().hex}"
        path = staged_path(run_id=run_id, slice_id="check", dataset="check")
        schema = pa.schema([pa.field("here", pa.string())])
        with self.create(path, schema) as file:
            file.append(pa.RecordBatch.from_pydict({"here": ["yes"]}, schema=schema))
            found = file.publish()
        try:
            self.verify(path, expected=found)
        finally:
            self.clear_staging(run_id)

    def _keep(self, path: str, draft: Path, checksum: str) -> None:
        self.files.keep(path, draft, checksum=checksum)


class StagedWriter:
    """Writes the batches of a slice, and lets nothing in that is not the slice's.

    A context manager: at the end of the block the file is published and `staged` tells of it; when the
    block raises, nothing stays. WrongResult, with the platform as its plugin, names the column that is off.
    Duplicate rows are found at commit. Blocks on the disk; memory is bounded by one row group.
    """

    def __init__(
        self,
        file: ParquetFile,
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
        self._file = file
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
