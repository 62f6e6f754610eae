"""Staging: what gets into a slice's file, what does not, and what is left after a failure."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adjoin.ads.datasets import arrow_schema
from adjoin.ads.v2 import DateWindow
from adjoin.errors import BadInput, StateError, StoreDamaged, UnknownName, WrongResult
from adjoin.facts.layout import FACTS, STAGING, fact_path, months, safe_part
from adjoin.facts.store import FactStore, StagedFile, StagedWriter

MARCH = DateWindow(since=date(2026, 3, 1), until=date(2026, 3, 31))


def batch(*rows: dict[str, Any]) -> pa.RecordBatch:
    whole = {"date": date(2026, 3, 1), "account_id": "act_1", "campaign_id": "c1", "impressions": 1}
    schema = arrow_schema("campaign_daily")
    filled = [{name: (whole | row).get(name) for name in schema.names} for row in rows]
    return pa.RecordBatch.from_pylist(filled, schema=schema)


def writer(facts: FactStore, **changes: Any) -> StagedWriter:
    about: dict[str, Any] = {
        "run_id": "run",
        "slice_id": "slice",
        "dataset": "campaign_daily",
        "platform": "meta",
        "account_id": "act_1",
        "window": MARCH,
    }
    return facts.stage(**(about | changes))


def stage(facts: FactStore, *batches: pa.RecordBatch) -> StagedWriter:
    with writer(facts) as open_writer:
        for one in batches:
            open_writer.append(one)
    return open_writer


def content(facts: FactStore, staged: StagedFile) -> Path:
    return facts.local(staged.path, expected=staged.checksum)


def files(facts: FactStore) -> list[str]:
    """What the store has; nothing that is half written lies about on this machine either."""
    drafts = [path for path in facts.root.rglob("*") if path.is_file() and "part" in path.suffix]
    drafts += [path for path in facts.root.glob("cache/facts/drafts/**/*") if path.is_file()]
    assert drafts == []
    return sorted(one.path for folder in (FACTS, STAGING) for one in facts.list(folder))


class TestStaging:
    def test_rows_come_back_exactly(self, fact_store: FactStore) -> None:
        """What was appended is in the file, with its checksum and the exact sum of each metric."""
        rows = batch(
            {"conversions": Decimal("0.1"), "cost_micros": 2**53 + 1},
            {"campaign_id": "c2", "conversions": Decimal("0.2"), "cost_micros": 2**53 + 1},
        )
        staged = stage(fact_store, rows).staged
        path = content(fact_store, staged)
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

    def test_a_slice_without_rows_has_a_file(self, fact_store: FactStore) -> None:
        """Nothing found is a result as well."""
        staged = stage(fact_store).staged
        assert staged.rows == 0
        assert pq.read_table(content(fact_store, staged)).num_rows == 0

    def test_many_small_batches_make_large_row_groups(self, fact_store: FactStore) -> None:
        """A plugin that yields small batches does not make a slow file."""
        with writer(fact_store) as open_writer:
            for number in range(70):
                open_writer.append(batch(*({"campaign_id": f"{number}-{row}"} for row in range(1000))))
        meta = pq.read_metadata(content(fact_store, open_writer.staged))
        assert [meta.row_group(index).num_rows for index in range(meta.num_row_groups)] == [65536, 70000 - 65536]

    def test_staging_again_replaces(self, fact_store: FactStore) -> None:
        """A slice that is fetched again leaves one file, the later one."""
        stage(fact_store, batch({}))
        staged = stage(fact_store, batch({}, {"campaign_id": "c2"})).staged
        assert files(fact_store) == [staged.path]
        assert pq.read_table(content(fact_store, staged)).num_rows == 2

    def test_clearing_removes_the_runs_files_only(self, fact_store: FactStore) -> None:
        """A finished run takes its staged files with it, and clearing twice is harmless."""
        stage(fact_store, batch({}))
        with writer(fact_store, run_id="other") as other:
            other.append(batch({}))
        fact_store.clear_staging("run")
        fact_store.clear_staging("run")
        assert files(fact_store) == [other.staged.path]


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
    def test_what_is_not_the_slices(self, fact_store: FactStore, case: str) -> None:
        """Rows that break the contract are refused by the name of their column, and no file stays."""
        rows, message = WRONG[case]
        with pytest.raises(WrongResult, match=message) as caught:
            stage(fact_store, batch({}), rows)
        assert caught.value.plugin == "meta"
        assert files(fact_store) == []

    def test_a_failing_block_leaves_no_file(self, fact_store: FactStore) -> None:
        """A fetch that breaks off leaves nothing that looks finished."""

        def fetch() -> None:
            with writer(fact_store) as open_writer:
                open_writer.append(batch({}))
                raise ConnectionError

        with pytest.raises(ConnectionError):
            fetch()
        assert files(fact_store) == []

    def test_unknown_dataset(self, fact_store: FactStore) -> None:
        """A dataset that does not exist is named, with those that do."""
        with pytest.raises(UnknownName, match="no dataset 'hourly'; there are account_daily"):
            writer(fact_store, dataset="hourly")

    def test_days_the_wrong_way_round(self, fact_store: FactStore) -> None:
        """A window that ends before it begins is refused."""
        window = DateWindow(since=date(2026, 3, 2), until=date(2026, 3, 1))
        with pytest.raises(BadInput, match="2026-03-02 to 2026-03-01 are the wrong way round"):
            writer(fact_store, window=window)

    def test_unfinished(self, fact_store: FactStore) -> None:
        """A writer tells of its file only when there is one."""
        with pytest.raises(ValueError, match="not closed"):
            _ = writer(fact_store).staged


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
    def test_no_room(self, fact_store: FactStore) -> None:
        """A write that the system refuses names the folder and leaves no half file."""
        rows = batch(*({"campaign_id": hashlib.sha256(str(n).encode()).hexdigest()} for n in range(20_000)))
        with small_disk(100_000), pytest.raises(StateError, match=r"Cannot write fact files in .*staging/run/slice"):
            stage(fact_store, rows)
        assert files(fact_store) == []

    def test_folder_cannot_be_made(self, tmp_path: Path) -> None:
        """A root that is no folder is named."""
        (tmp_path / "staging").write_text("")
        with pytest.raises(StateError, match=r"Cannot write fact files in .*staging"):
            stage(FactStore(tmp_path), batch({}))

    def test_a_changed_file_is_damaged(self, tmp_path: Path) -> None:
        """A file whose bytes have changed is named, with what to do."""
        staged = stage(FactStore(tmp_path), batch({})).staged
        path = tmp_path / staged.path
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(StoreDamaged, match=r"campaign_daily\.parquet is damaged.*adjoin sync"):
            FactStore(tmp_path).intact(staged.path, expected=staged.checksum)

    def test_a_missing_file_is_damage(self, tmp_path: Path) -> None:
        """A file that is gone is named."""
        with pytest.raises(StoreDamaged, match=r"gone\.parquet cannot be read: No such file"):
            FactStore(tmp_path).intact("gone.parquet", expected="")


class TestStore:
    def test_a_file_is_there_when_published(self, fact_store: FactStore) -> None:
        """Finished is not published: until then the store has nothing, and a block that is left leaves nothing."""
        path, schema = "facts/default/meta/act%2F1/ad_daily/2026-03/f.parquet", batch({}).schema
        with fact_store.create(path, schema) as file:
            file.append(batch({}))
            found = file.finish()
            assert fact_store.size(path) is None
        assert files(fact_store) == []
        with fact_store.create(path, schema, compression_level=9) as file:
            file.append(batch({}))
            assert file.publish() == found
        assert files(fact_store) == [path]
        assert fact_store.size(path) == file.bytes == fact_store.local(path, expected=found).stat().st_size
        assert [(one.path, one.bytes) for one in fact_store.list("facts")] == [(path, file.bytes)]
        assert list(fact_store.list("facts/other")) == []

    def test_the_size_is_compared_where_it_is_known(self, tmp_path: Path) -> None:
        """A file that was cut short is found without reading it."""
        facts = FactStore(tmp_path)
        staged = stage(facts, batch({})).staged
        size = facts.size(staged.path)
        assert size is not None
        assert facts.local(staged.path, expected=staged.checksum, size=size) == tmp_path / staged.path
        with pytest.raises(StoreDamaged, match=rf"has {size} bytes instead of {size + 1}\. .*adjoin sync"):
            facts.local(staged.path, expected=staged.checksum, size=size + 1)
        with pytest.raises(StoreDamaged, match="cannot be read: No such file"):
            facts.local("facts/gone.parquet", expected="", size=1)

    def test_removing_is_harmless_when_it_is_gone(self, fact_store: FactStore) -> None:
        """What is removed is gone, for all ways to ask."""
        staged = stage(fact_store, batch({})).staged
        fact_store.remove(staged.path)
        fact_store.remove(staged.path)
        assert fact_store.size(staged.path) is None
        assert files(fact_store) == []
        for ask in (fact_store.intact, fact_store.verify):
            with pytest.raises(StoreDamaged, match=r"campaign_daily\.parquet (cannot be read|is gone).*adjoin sync"):
                ask(staged.path, expected=staged.checksum)

    def test_a_checked_file_is_what_was_written(self, fact_store: FactStore) -> None:
        """Intact and verify pass for a good file and name one with another checksum."""
        staged = stage(fact_store, batch({})).staged
        fact_store.verify(staged.path, expected=staged.checksum)
        assert (
            hashlib.sha256(fact_store.intact(staged.path, expected=staged.checksum).read_bytes()).hexdigest()
            == staged.checksum
        )
        for ask in (fact_store.intact, fact_store.verify):
            with pytest.raises(StoreDamaged, match=r"campaign_daily\.parquet is damaged: its checksum has changed"):
                ask(staged.path, expected="0" * 64)

    def test_what_is_spilled_goes_with_the_run(self, fact_store: FactStore) -> None:
        """A run's scratch folder is on this machine, no part of the store, and cleared with its staged files."""
        folder = fact_store.scratch("run") / ".spill-1"
        folder.mkdir(parents=True)
        (folder / "block").write_bytes(b"x")
        assert files(fact_store) == []
        fact_store.clear_staging("run")
        assert not folder.exists()

    def test_drafts_of_the_killed_are_swept(self, fact_store: FactStore) -> None:
        """Half-written and spilled files go when they are old, but not those of a run that is under way."""
        mine, theirs = writer(fact_store, run_id="mine"), writer(fact_store, run_id="theirs")
        mine.__enter__()
        theirs.__enter__()
        (fact_store.scratch("mine") / ".spill-1").mkdir(parents=True)
        (fact_store.scratch("mine") / ".spill-1" / "block").write_bytes(b"x")
        kept = stage(fact_store, batch({})).staged
        now = datetime.now(UTC)
        assert fact_store.sweep_drafts(older_than=now - timedelta(hours=1)) == 0
        assert fact_store.sweep_drafts(older_than=now + timedelta(hours=1), keep=["theirs"]) == 2
        assert fact_store.sweep_drafts(older_than=now + timedelta(hours=1), keep=["theirs"]) == 0
        theirs.append(batch({}))
        theirs.close()
        assert files(fact_store) == sorted([kept.path, theirs.staged.path])
        for one in (mine, theirs):
            one.__exit__(ValueError, None, None)

    def test_drafts_of_busy_accounts_stay(self, fact_store: FactStore) -> None:
        """A clock that jumps ahead does not take away a file that is being written."""
        later = datetime.now(UTC) + timedelta(days=3)
        path = "facts/default/meta/act_1/ad_daily/2026-03/f.parquet"
        with fact_store.create(path, batch({}).schema) as file:
            assert fact_store.sweep_drafts(older_than=later, folders=["facts/default/meta/act_1"]) == 0
            file.publish()
        assert files(fact_store) == [path]

    def test_checking_the_store_leaves_nothing(self, fact_store: FactStore) -> None:
        """A store that works passes its check and is as before."""
        fact_store.check()
        assert files(fact_store) == []


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
