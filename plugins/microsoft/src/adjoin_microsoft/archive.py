"""Reads the zip of a job: one CSV inside, as blocks of whole lines, so that memory stays bounded."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO
from zipfile import BadZipFile, ZipFile

__all__ = ["check_archive", "line_blocks"]

#: Bytes of CSV that are worked on at once.
BLOCK_BYTES = 1024 * 1024

_BOM = b"\xef\xbb\xbf"


def check_archive(file: IO[bytes]) -> None:
    """Raise BadZipFile unless the file is a whole zip with one member: the list of members is at its end."""
    file.seek(0)
    with ZipFile(file) as archive:
        _member(archive)


def line_blocks(file: IO[bytes], *, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Yield the CSV in blocks of about this size that end at the end of a row, without the byte order mark.

    A line break inside quotes ends no row. Raises BadZipFile for a member that is damaged or cut short.
    """
    file.seek(0)
    with ZipFile(file) as archive, archive.open(_member(archive)) as member:
        rest = b""
        first = True
        while True:
            try:
                piece = member.read(block_bytes)
            except (zlib.error, EOFError) as error:
                raise BadZipFile(f"the file is damaged: {error}") from error
            block = rest + piece
            if first:
                block = block.removeprefix(_BOM)
                first = False
            if not piece:
                if block.count(b'"') % 2:
                    raise BadZipFile("the file ends in the middle of a row")
                if block:
                    yield block
                return
            end = _end_of_rows(block)
            rest = block[end:]
            if end:
                yield block[:end]


def _member(archive: ZipFile) -> str:
    names = archive.namelist()
    if len(names) != 1:
        raise BadZipFile(f"one file was expected in the zip, it has {len(names)}")
    return names[0]


def _end_of_rows(block: bytes) -> int:
    """Return the place behind the last line break that is outside quotes; 0 if there is none.

    Quotes inside quotes are doubled, so an even number of them before the break says that it is outside.
    """
    quotes = block.count(b'"')
    end = len(block)
    while True:
        at = block.rfind(b"\n", 0, end)
        if at < 0:
            return 0
        quotes -= block.count(b'"', at, end)
        if quotes % 2 == 0:
            return at + 1
        end = at
