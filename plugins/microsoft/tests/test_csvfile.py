"""CSV files of Microsoft as tables of text."""

from __future__ import annotations

import csv
import io
from functools import partial

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin.errors import ErrorKind, PlatformError
from adjoin_microsoft import csvfile
from adjoin_microsoft.archive import line_blocks

COLUMNS = ("TimePeriod", "AccountId", "Spend")
ROWS = [COLUMNS, ("2026-10-01", "1", "1.50"), ("2026-10-02", "1", "--"), ("2026-10-03", "1", "")]


def _read(file, columns=COLUMNS, **more):
    return pa.concat_tables(csvfile.read_tables(io.BytesIO(file), columns, what="The file", **more)).to_pylist()


def _want(*spends):
    return [
        {"TimePeriod": f"2026-10-0{n}", "AccountId": "1", "Spend": spend} for n, spend in enumerate(spends, start=1)
    ]


def test_two_signs_say_that_there_is_no_value(make_zip, make_csv):
    assert _read(make_zip(make_csv(ROWS))) == _want("1.50", None, None)


def test_quotes_may_be_missing(make_zip, make_csv):
    assert _read(make_zip(make_csv(ROWS, quoting=csv.QUOTE_MINIMAL))) == _want("1.50", None, None)


def test_columns_may_come_in_another_order_and_beside_others(make_zip, make_csv):
    rows = [(spend, "new", account, day) for day, account, spend in ROWS]
    rows[0] = ("Spend", "Newer", "AccountId", "TimePeriod")
    assert _read(make_zip(make_csv(rows))) == _want("1.50", None, None)


def test_a_column_that_was_asked_for_and_did_not_come_is_named(make_zip, make_csv):
    with pytest.raises(PlatformError, match="no column Spend") as caught:
        _read(make_zip(make_csv([row[:2] for row in ROWS])))
    assert caught.value.kind is ErrorKind.INVALID


def test_columns_that_need_not_be_there_are_null(make_zip, make_csv):
    found = _read(make_zip(make_csv([row[:2] for row in ROWS])), all_there=False)
    assert [row["Spend"] for row in found] == [None, None, None]


def test_a_head_and_a_foot_that_came_all_the_same_are_passed_over(make_zip, make_csv):
    head = [("Report Name: Adjoin",), ("Report Time: 10/1/2026,10/3/2026",), ("Rows: 3",), ()]
    foot = [(), ("@2026 Microsoft Corporation. All rights reserved. ",)]
    assert _read(make_zip(make_csv([*head, *ROWS, *foot]))) == _want("1.50", None, None)


def test_a_file_with_names_only_has_no_rows(make_zip, make_csv):
    assert list(csvfile.read_tables(io.BytesIO(make_zip(make_csv(ROWS[:1]))), COLUMNS, what="The file")) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>\x00\xff\xfe this is no answer</html>",
        b'"TimePeriod","AccountId","Spend"\r\n"2026-10-01","1"\r\n',
        b'"TimePeriod","AccountId","Spend"\r\n"2026-10-01","1","1.5',
        b'"TimePeriod","AccountId","Spend"\r\n"2026-10-01","1","\xff"\r\n',
    ],
)
def test_damage_is_a_reason_to_fetch_it_again(make_zip, content):
    with pytest.raises(PlatformError) as caught:
        _read(make_zip(content))
    assert caught.value.kind is ErrorKind.RETRY


_TEXT = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc"), include_characters='\n",'), min_size=1)


@given(terms=st.lists(_TEXT.filter(lambda text: text not in csvfile.NULLS), min_size=1, max_size=20))
def test_any_search_term_arrives_as_it_was(terms):
    import zipfile

    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows([["SearchQuery"], *([t] for t in terms)])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", text.getvalue().encode())
    tables = csvfile.read_tables(file, ["SearchQuery"], what="The file")
    assert [row["SearchQuery"] for table in tables for row in table.to_pylist()] == terms


def test_a_large_file_comes_in_pieces(make_zip, make_csv, monkeypatch):
    monkeypatch.setattr(csvfile, "line_blocks", partial(line_blocks, block_bytes=2_000))
    rows = [("2026-10-01", "1", str(number)) for number in range(1_000)]
    file = io.BytesIO(make_zip(make_csv([COLUMNS, *rows])))
    tables = list(csvfile.read_tables(file, COLUMNS, what="The file"))
    assert len(tables) > 5
    assert pa.concat_tables(tables)["Spend"].to_pylist() == [str(number) for number in range(1_000)]
