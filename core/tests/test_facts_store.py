"""Staging: what gets into a slice's file, what does not, and what is left after a failure."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow
from adjoin.errors import BadInput, StateError, StoreDamaged, UnknownName, WrongResult
from adjoin.facts.layout import fact_path, months, safe_part
from adjoin.facts.store import FactStore, StagedWriter

MARCH = DateWindow(since=date(2026, 3, 1), until=date(2026, 3, 31))


def batch(*rows: dict[str, Any]) -> pa.RecordBatch:
    whole = {"date": date(2026, 3, 1), "account_id": "act_1", "campaign_id": "c1", "impressions": 1}
    schema = arrow_schema("campaign_daily")
    filled = [{name: (whole | row).get(name) for name in schema.names} for row in rows]
    return pa.RecordBatch.from_pylist(filled, schema=schema)


def writer(root: Path, **changes: Any) -> StagedWriter:
    about: dict[str, Any] = {
        "run_id": "run",
        "slice_id": "slice",
        "dataset": "campaign_daily",
        "platform": "meta",
        "account_id": "act_1",
        "window": MARCH,
    }
    return FactStore(root).stage(**(about | changes))


def stage(root: Path, *batches: pa.RecordBatch) -> StagedWriter:
    with writer(root) as open_writer:
        for one in batches:
            open_writer.append(one)
    return open_writer


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


class TestStaging:
    def test_rows_come_back_exactly(self, tmp_path: Path) -> None:
        """What was appended is in the file, with its checksum and the exact sum of each metric."""
        rows = batch(
            {"conversions": Decimal("0.1"), "cost_micros": 2**53 + 1},
            {"campaign_id": "c2", "conversions": Decimal("0.2"), "cost_micros": 2**53 + 1},
        )
        staged = stage(tmp_path, rows).staged
        path = tmp_path / staged.path
        assert pq.read_table(path).to_batches()[0].equals(rows)
        assert staged.checksum == hashlib.sha256(path.read_bytes()).hexdigest()
        assert staged.rows == 2
        assert staged.sums == {
            "impressions": "2",
            "clicks": None,
            "cost_micros": str(2**54 + 2),
            "conversions": "0.3",
            "conversion_value_micros": None,
            "video_views": None,
        }

    def test_a_slice_without_rows_has_a_file(self, tmp_path: Path) -> None:
        """Nothing found is a result as well."""
        staged = stage(tmp_path).staged
        assert staged.rows == 0
        assert pq.read_table(tmp_path / staged.path).num_rows == 0

    def test_many_small_batches_make_large_row_groups(self, tmp_path: Path) -> None:
        """A plugin that yields small batches does not make a slow file."""
        with writer(tmp_path) as open_writer:
            for number in range(70):
                open_writer.append(batch(*({"campaign_id": f"{number}-{row}"} for row in range(1000))))
        meta = pq.read_metadata(tmp_path / open_writer.staged.path)
        assert [meta.row_group(index).num_rows for index in range(meta.num_row_groups)] == [65536, 70000 - 65536]

    def test_staging_again_replaces(self, tmp_path: Path) -> None:
        """A slice that is fetched again leaves one file, the later one."""
        stage(tmp_path, batch({}))
        staged = stage(tmp_path, batch({}, {"campaign_id": "c2"})).staged
        assert files(tmp_path) == [staged.path]
        assert pq.read_table(tmp_path / staged.path).num_rows == 2

    def test_clearing_removes_the_runs_files_only(self, tmp_path: Path) -> None:
        """A finished run takes its staged files with it, and clearing twice is harmless."""
        stage(tmp_path, batch({}))
        with writer(tmp_path, run_id="other") as other:
            other.append(batch({}))
        FactStore(tmp_path).clear_staging("run")
        FactStore(tmp_path).clear_staging("run")
        assert files(tmp_path) == [other.staged.path]


WRONG = {
    "a column is missing": (batch({}).drop_columns(["clicks"]), "columns clicks are missing"),
    "a column is unknown": (
        batch({}).append_column("spend", pa.array([1])),
        "columns spend are not part of it",
    ),
    "another order": (batch({}).select(list(reversed(batch({}).schema.names))), "in another order than date"),
    "a float": (
        batch({}).set_column(5, "cost_micros", pa.array([1.5])),
        "column cost_micros is double instead of int64",
    ),
    "an empty key": (batch({"campaign_id": None}), "column campaign_id has 1 empty values"),
    "another account": (
        batch({}, {"account_id": "act_2"}),
        "column account_id holds 'act_2', and 'act_1' was asked for",
    ),
    "a day too early": (batch({"date": date(2026, 2, 28)}), "column date holds 2026-02-28, and 2026-03-01 to"),
    "a day too late": (batch({}, {"date": date(2026, 4, 1)}), "column date holds 2026-04-01"),
}


class TestRefusals:
    @pytest.mark.parametrize("case", WRONG)
    def test_what_is_not_the_slices(self, tmp_path: Path, case: str) -> None:
        """Rows that break the contract are refused by the name of their column, and no file stays."""
        rows, message = WRONG[case]
        with pytest.raises(WrongResult, match=message) as caught:
            stage(tmp_path, batch({}), rows)
        assert caught.value.plugin == "meta"
        assert files(tmp_path) == []

    def test_a_failing_block_leaves_no_file(self, tmp_path: Path) -> None:
        """A fetch that breaks off leaves nothing that looks finished."""

        def fetch() -> None:
            with writer(tmp_path) as open_writer:
                open_writer.append(batch({}))
                raise ConnectionError

        with pytest.raises(ConnectionError):
            fetch()
        assert files(tmp_path) == []

    def test_unknown_dataset(self, tmp_path: Path) -> None:
        """A dataset that does not exist is named, with those that do."""
        with pytest.raises(UnknownName, match="no dataset 'hourly'; there are account_daily"):
            writer(tmp_path, dataset="hourly")

    def test_days_the_wrong_way_round(self, tmp_path: Path) -> None:
        """A window that ends before it begins is refused."""
        window = DateWindow(since=date(2026, 3, 2), until=date(2026, 3, 1))
        with pytest.raises(BadInput, match="2026-03-02 to 2026-03-01 are the wrong way round"):
            writer(tmp_path, window=window)

    def test_unfinished(self, tmp_path: Path) -> None:
        """A writer tells of its file only when there is one."""
        with pytest.raises(ValueError, match="not closed"):
            _ = writer(tmp_path).staged


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """Let the system refuse to write files beyond a size, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class TestDisk:
    def test_no_room(self, tmp_path: Path) -> None:
        """A write that the system refuses names the folder and leaves no half file."""
        rows = batch(*({"campaign_id": hashlib.sha256(str(n).encode()).hexdigest()} for n in range(20_000)))
        with small_disk(100_000), pytest.raises(StateError, match=r"Cannot write fact files in .*staging/run/slice"):
            stage(tmp_path, rows)
        assert files(tmp_path) == []

    def test_folder_cannot_be_made(self, tmp_path: Path) -> None:
        """A root that is no folder is named."""
        (tmp_path / "staging").write_text("")
        with pytest.raises(StateError, match=r"Cannot write fact files in .*staging"):
            stage(tmp_path, batch({}))

    def test_a_changed_file_is_damaged(self, tmp_path: Path) -> None:
        """A file whose bytes have changed is named, with what to do."""
        staged = stage(tmp_path, batch({})).staged
        path = tmp_path / staged.path
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(StoreDamaged, match=r"campaign_daily\.parquet is damaged.*adjoin sync"):
            FactStore(tmp_path).intact(staged.path, expected=staged.checksum)

    def test_a_missing_file_is_damage(self, tmp_path: Path) -> None:
        """A file that is gone is named."""
        with pytest.raises(StoreDamaged, match=r"gone\.parquet cannot be read: No such file"):
            FactStore(tmp_path).intact("gone.parquet", expected="")


class TestPaths:
    @pytest.mark.parametrize(
        ("text", "part"),
        [
            ("act_1", "act_1"),
            ("..", "%2E."),
            (".", "%2E"),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
            ("a\\b\0c", "a%5Cb%00c"),
            ("Grün & Söhne", "Gr%C3%BCn%20%26%20S%C3%B6hne"),
        ],
    )
    def test_names_stay_one_part(self, text: str, part: str) -> None:
        """Whatever a platform calls its accounts, a path never leaves the folder."""
        assert safe_part(text) == part

    @pytest.mark.parametrize("text", ["", "x" * 300])
    def test_impossible_names(self, text: str) -> None:
        """A name that no file system takes is refused."""
        with pytest.raises(BadInput, match="cannot be used in a file's path"):
            safe_part(text)

    def test_a_files_path_tells_what_it_holds(self) -> None:
        """Files lie by workspace, platform, account, dataset and month."""
        path = fact_path(
            workspace_id="default",
            platform="meta",
            account_id="act/1",
            dataset="ad_daily",
            month=date(2026, 3, 1),
            file_id="f",
        )
        assert path == "facts/default/meta/act%2F1/ad_daily/2026-03/f.parquet"

    def test_months_that_days_touch(self) -> None:
        """Both ends count, across a year's end."""
        assert list(months(date(2025, 12, 31), date(2026, 2, 1))) == [
            date(2025, 12, 1),
            date(2026, 1, 1),
            date(2026, 2, 1),
        ]
