"""Blocks of whole rows from a zip."""

from __future__ import annotations

import csv
import io
from zipfile import BadZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin_microsoft.archive import check_archive, line_blocks

_CELLS = st.text(alphabet='ab",;\r\n \u20ac', max_size=6)


def test_the_byte_order_mark_is_left_out(make_zip):
    assert list(line_blocks(io.BytesIO(make_zip(b"\xef\xbb\xbfa\r\nb\r\n")))) == [b"a\r\nb\r\n"]


@given(rows=st.lists(st.lists(_CELLS, min_size=2, max_size=3), min_size=1, max_size=20), size=st.integers(1, 40))
def test_blocks_put_together_are_the_file_and_each_ends_with_a_row(rows, size):
    import zipfile

    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    content = text.getvalue().encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", content)
    blocks = list(line_blocks(file, block_bytes=size))
    assert b"".join(blocks) == content
    assert all(block.endswith(b"\r\n") and block.count(b'"') % 2 == 0 for block in blocks)


def test_the_last_row_may_lack_its_line_break(make_zip):
    assert list(line_blocks(io.BytesIO(make_zip(b"a\nb")))) == [b"a\n", b"b"]


def test_a_file_that_ends_inside_quotes_is_cut_short(make_zip):
    with pytest.raises(BadZipFile, match="middle of a row"):
        list(line_blocks(io.BytesIO(make_zip(b'"a"\r\n"b'))))


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_a_zip_that_is_cut_is_noticed_before_it_is_read(make_zip, part):
    whole = make_zip(b"a\r\n" * 1000)
    with pytest.raises(BadZipFile):
        check_archive(io.BytesIO(whole[: int(len(whole) * part)]))
    check_archive(io.BytesIO(whole))


def test_a_zip_with_another_number_of_files_is_none_of_ours(make_zip):
    with pytest.raises(BadZipFile, match="it has 2"):
        check_archive(io.BytesIO(make_zip(b"a", members=2)))


def test_damage_inside_is_noticed(make_zip):
    content = bytes(range(256)) * 4000
    damaged = bytearray(make_zip(content))
    damaged[len(damaged) // 2 : len(damaged) // 2 + 20] = b"\x00" * 20
    with pytest.raises(BadZipFile):
        list(line_blocks(io.BytesIO(bytes(damaged))))
