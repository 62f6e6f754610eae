"""Days of several files as one sorted stream: in memory, day by day and by DuckDB alike."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.ads.v2 import DateWindow
from adjoin.facts._by_day import Bundle, bundles, parted
from adjoin.facts._merge import Part, merged, without

MARCH = date(2026, 3, 1)
WHOLE = DateWindow(since=MARCH, until=date(2026, 3, 31))
FIELDS: list[pa.Field[Any]] = [
    pa.field("date", pa.date32()),
    pa.field("id", pa.string()),
    pa.field("conversions", pa.decimal128(18, 9)),
    pa.field("clicks", pa.int64()),
]
SCHEMA = pa.schema(FIELDS)


def window(since: int, until: int) -> DateWindow:
    return DateWindow(since=day(since), until=day(until))


def day(number: int) -> date:
    return MARCH + timedelta(days=number - 1)


class TestWithout:
    def test_the_days_between_and_around_are_left(self) -> None:
        """Windows may lie in any order, overlap, touch, and reach beyond the whole."""
        taken = [window(20, 22), window(4, 6), window(5, 9), window(10, 10), window(31, 40)]
        assert without(WHOLE, taken) == [window(1, 3), window(11, 19), window(23, 30)]

    def test_nothing_is_left_of_what_is_taken_whole(self) -> None:
        """Then there is no window at all."""
        assert without(WHOLE, [window(-5, 40)]) == []
        assert without(WHOLE, [window(16, 31), window(1, 15)]) == []

    def test_windows_elsewhere_take_nothing(self) -> None:
        """Those before and after the whole do not count."""
        assert without(WHOLE, [window(-5, 0), window(32, 40)]) == [WHOLE]

    @given(st.lists(st.tuples(st.integers(-3, 35), st.integers(-3, 35)), max_size=5))
    def test_as_sets_of_days(self, pairs: list[tuple[int, int]]) -> None:
        """What is left are the days of the whole that no window has, each once."""
        windows = [window(*sorted(pair)) for pair in pairs]
        left = [one.since + timedelta(days=at) for one in without(WHOLE, windows) for at in range(one.days)]
        assert left == [
            one
            for one in (day(number) for number in range(1, 32))
            if not any(taken.since <= one <= taken.until for taken in windows)
        ]


def part(folder: Path, name: str, rows: list[tuple[int, str | None]], days: list[DateWindow]) -> Part:
    path = folder / f"it's {name}.parquet"
    columns: list[pa.Array[Any]] = [
        pa.array([day(number) for number, _ in rows], pa.date32()),
        pa.array([key for _, key in rows], pa.string()),
        pa.array([number for number, _ in rows], pa.int64()).cast(pa.decimal128(19, 0)).cast(SCHEMA.field(2).type),
        pa.array(range(len(rows)), pa.int64()),
    ]
    pq.write_table(pa.table(columns, schema=SCHEMA), path, store_decimal_as_integer=True)
    return Part(path=path, rows=len(rows), days=days, within=WHOLE)


KEYS = st.tuples(st.integers(1, 31), st.sampled_from([None, "", "a", "B", "é", "z", "10", "9"]))
# No key twice among all parts: those are refused later, and their order is open.
ROWS = st.lists(KEYS, unique=True, max_size=20)


@settings(max_examples=20, deadline=None)
@given(ROWS, st.tuples(st.integers(1, 31), st.integers(1, 31)))
def test_all_ways_give_the_same_rows(rows: list[tuple[int, str | None]], pair: tuple[int, int]) -> None:
    """Sorted by bytes, missing keys first, values untouched, and only the days asked for, however it is done."""
    chosen = window(*sorted(pair))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept = without(WHOLE, [chosen])
        parts = [part(folder, "old", rows[::2], kept), part(folder, "new", rows[1::2], [chosen])]
        here, by_day, duckdb = (
            pa.Table.from_batches(
                merged(parts, columns=SCHEMA.names, keys=("date", "id"), spill=folder / "spill", in_memory=in_memory),
                schema=SCHEMA,
            )
            for in_memory in (1000, 2, 0)
        )
        assert not list((folder / "spill").glob("*")), "what was spilled is gone"
    assert here.equals(by_day)
    assert here.equals(duckdb)
    expected = [(day(at), key) for at, key in rows[::2] if not chosen.since <= day(at) <= chosen.until]
    expected += [(day(at), key) for at, key in rows[1::2] if chosen.since <= day(at) <= chosen.until]
    expected.sort(key=lambda row: (row[0], row[1] is not None, (row[1] or "").encode()))
    assert list(zip(here["date"].to_pylist(), here["id"].to_pylist(), strict=True)) == expected


@pytest.mark.parametrize("in_memory", [1000, 1, 0])
def test_no_days_no_rows(tmp_path: Path, in_memory: int) -> None:
    """A file of which nothing is wanted is not even opened."""
    gone = Part(path=tmp_path / "missing.parquet", rows=3, days=[], within=WHOLE)
    assert list(merged([gone], columns=["date"], keys=["date"], spill=tmp_path, in_memory=in_memory)) == []


class TestBundles:
    def test_days_are_bundled_up_to_the_limit(self) -> None:
        """In order, whole days only; a day that is too large stands alone."""
        rows = {day(5): 3, day(1): 2, day(2): 2, day(9): 11, day(10): 1}
        assert bundles(rows, 5) == [
            Bundle(day(1), day(2), 4),
            Bundle(day(5), day(5), 3),
            Bundle(day(9), day(9), 11),
            Bundle(day(10), day(10), 1),
        ]

    def test_no_days_no_bundles(self) -> None:
        """Nothing comes of nothing."""
        assert bundles({}, 5) == []


def test_what_is_missing_in_one_file_only_is_kept(tmp_path: Path) -> None:
    """A file that says a column is never missing, and one where it is."""
    strict = pa.schema([pa.field("date", pa.date32(), nullable=False), pa.field("id", pa.string(), nullable=False)])
    pq.write_table(pa.table([[day(1), day(2)], ["b", "c"]], schema=strict), tmp_path / "strict.parquet")
    loose = pa.schema([pa.field("date", pa.date32()), pa.field("id", pa.string())])
    pq.write_table(pa.table([[day(1), day(2)], [None, "a"]], schema=loose), tmp_path / "loose.parquet")
    parts = [
        Part(path=tmp_path / f"{name}.parquet", rows=2, days=[WHOLE], within=WHOLE) for name in ("strict", "loose")
    ]
    found = merged(parts, columns=["date", "id"], keys=["date", "id"], spill=tmp_path / "spill", in_memory=2)
    assert [row["id"] for batch in found for row in batch.to_pylist()] == [None, "b", "a", "c"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    """Not even half a file of a bundle."""
    rows = pa.table([[day(1), day(2)]], schema=pa.schema([pa.field("date", pa.date32())]))

    def cut_off() -> Iterator[pa.Table]:
        yield rows
        raise OSError("the disk is full")

    with (
        pytest.raises(OSError, match="disk is full"),
        parted(cut_off(), bundles({day(1): 1, day(2): 1}, 1), tmp_path / "spill"),
    ):
        pytest.fail("not reached")
    assert not list((tmp_path / "spill").iterdir())
