"""Conditions on rows of facts: the SQL of a `Keep` lets pass what its words say."""

from __future__ import annotations

from datetime import date
from itertools import product

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin.facts.engine import FactEngine
from adjoin.facts.reading import Keep

COLUMNS = ("platform", "account_id", "ad_id")
TEXTS = ("a", "B", "b", "it's", 'x"y', "", "a), ('b'")
ROWS = [*product(("meta", "Google"), TEXTS, (*TEXTS, None))]

_pairs = st.tuples(st.sampled_from(COLUMNS), st.sampled_from(("meta", "Google", "google", *TEXTS)))
_values = st.lists(_pairs, min_size=1, max_size=3, unique_by=lambda pair: pair[0]).map(tuple)
_keeps = st.builds(
    Keep,
    st.lists(_values, max_size=6).map(tuple),
    negate=st.booleans(),
    folded=st.booleans(),
    within=st.booleans(),
)


@pytest.fixture(scope="module")
def rows():
    """A table of all combinations of a few texts, hostile ones among them, and of nothing."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE facts (platform VARCHAR, account_id VARCHAR, ad_id VARCHAR)")
        connection.executemany("INSERT INTO facts VALUES (?, ?, ?)", ROWS)
        yield connection


def found(connection: duckdb.DuckDBPyConnection, keep: Keep) -> list[tuple]:
    return connection.execute(f"SELECT * FROM facts WHERE {keep.sql}").fetchall()


def is_like(row: tuple, keep: Keep, value: tuple[tuple[str, str], ...]) -> bool:
    """Say the same in plain Python."""
    for column, text in value:
        held = row[COLUMNS.index(column)]
        if held is None:
            return False
        if keep.folded or keep.within:
            held, text = held.lower(), text.lower()
        if not (text in held if keep.within else held == text):
            return False
    return True


@settings(max_examples=60)
@given(keep=_keeps)
def test_the_rows_that_pass_are_those_that_the_words_say(rows, keep: Keep) -> None:
    """For any set of values, over one column or several, and what is missing is like none of them."""
    expected = [row for row in ROWS if any(is_like(row, keep, value) for value in keep.values) is not keep.negate]
    assert sorted(found(rows, keep), key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("negate", [False, True])
def test_a_thousand_whole_paths_are_one_look_up(rows, negate: bool) -> None:
    """DuckDB is not given a thousand conditions: planning those takes seconds."""
    paths = [tuple(zip(COLUMNS, ("meta", f"{number}", "a"), strict=True)) for number in range(999)]
    keep = Keep((*paths, tuple(zip(COLUMNS, ("meta", "B", "a"), strict=True))), negate=negate)
    assert keep.sql.count("AND") == 0
    assert len(found(rows, keep)) == (len(ROWS) - 1 if negate else 1)


class TestCursors:
    """Cursors are lent again, clean; one whose query failed is not."""

    def test_one_is_lent_again(self) -> None:
        engine = FactEngine()
        with engine.cursor() as first:
            pass
        with engine.cursor() as again, engine.cursor() as other:
            assert again is first
            assert other is not first

    def test_one_that_failed_is_closed(self) -> None:
        engine = FactEngine()
        with pytest.raises(duckdb.CatalogException), engine.cursor() as failed:
            failed.execute("SELECT * FROM nowhere")
        with engine.cursor() as another:
            assert another is not failed
            assert another.execute("SELECT period_start('month', DATE '2026-03-05')").fetchall() == [
                (date(2026, 3, 1),)
            ]
