"""Reading the body of an answer that nobody vouches for: bounded as it arrives and as it unfolds."""

from __future__ import annotations

import asyncio
import zlib

import httpx

from adjoin.outgoing.errors import OutgoingError, Reason

__all__ = ["DEFAULT_CHARSET", "charset_of", "media_type", "read_body"]

DEFAULT_CHARSET = "utf-8"

_GZIP = 31  # zlib's word for: a gzip header, the largest window
_TURN = 128  # pieces after which others have their turn, as those that wait in a buffer never pause by themselves
# What servers say and mean (WHATWG's Encoding standard). Others are not looked up: some of Python's codecs are slow
# (idna), and some turn plain text into markup (utf-7).
_CHARSETS = {
    "utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "cp1252", "ascii": "cp1252", "iso-8859-1": "cp1252",
    "latin1": "cp1252", "windows-1252": "cp1252", "cp1252": "cp1252", "iso-8859-9": "cp1254",
    "utf-16": "utf-16-le", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be", "shift_jis": "cp932", "shift-jis": "cp932",
    "sjis": "cp932", "gb2312": "gb18030", "gbk": "gb18030", "euc-kr": "cp949", "tis-620": "cp874",
    "windows-874": "cp874",
} | {
    name: name for name in (
        "windows-1250", "windows-1251", "windows-1253", "windows-1254", "windows-1255", "windows-1256", "windows-1257",
        "windows-1258", "iso-8859-2", "iso-8859-3", "iso-8859-4", "iso-8859-5", "iso-8859-6",
        "iso-8859-7", "iso-8859-8", "iso-8859-10", "iso-8859-13", "iso-8859-14", "iso-8859-15", "iso-8859-16",
        "koi8-r", "koi8-u", "euc-jp", "iso-2022-jp", "gb18030", "big5",
    )
}  # fmt: skip


async def read_body(response: httpx.Response, *, raw_bytes: int, body_bytes: int, shown: str) -> bytes:
    """Read a body of at most `raw_bytes` as sent and `body_bytes` as it unfolds; OutgoingError for any other.

    Only gzip is unfolded, as nothing else is asked for, and never further than the bound: a small body can hold
    gigabytes. What follows the end of the compressed data is left unread.
    """
    inflate = _inflater(response, shown)
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > raw_bytes:
        raise _too_large(shown, raw_bytes)
    arrived = 0
    body = bytearray()
    pieces = 0
    async for piece in response.aiter_raw():
        pieces += 1
        if pieces % _TURN == 0:
            await asyncio.sleep(0)
        arrived += len(piece)
        if arrived > raw_bytes:
            raise _too_large(shown, raw_bytes)
        if inflate is None:
            body += piece
        else:
            try:
                body += inflate.decompress(piece, body_bytes + 1 - len(body))
            except zlib.error:
                raise _damaged(shown, "its compression is damaged") from None
        if len(body) > body_bytes:
            raise _too_large(shown, body_bytes)
        if inflate is not None and inflate.eof:
            break
    if inflate is not None and arrived and not inflate.eof:
        raise _damaged(shown, "its compression is damaged")
    return bytes(body)


def media_type(headers: httpx.Headers) -> str:
    """The type that an answer says it is of, in lower case and without parameters; empty if it says none."""
    said: str = headers.get("content-type", "")
    return said.partition(";")[0].strip().lower()


def charset_of(headers: httpx.Headers) -> str:
    """The codec for an answer's text: what it says, or UTF-8 if it says nothing or nothing sensible."""
    for parameter in headers.get("content-type", "").split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return _CHARSETS.get(value.strip().strip("\"'").lower(), DEFAULT_CHARSET)
    return DEFAULT_CHARSET


def _inflater(response: httpx.Response, shown: str) -> zlib._Decompress | None:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        return None
    if encoding in {"gzip", "x-gzip"}:
        return zlib.decompressobj(_GZIP)
    raise _damaged(shown, "it is encoded in a way that was not asked for")


def _too_large(shown: str, limit: int) -> OutgoingError:
    return OutgoingError(f"The answer of {shown} is larger than {limit:,} bytes", reason=Reason.TOO_LARGE)


def _damaged(shown: str, why: str) -> OutgoingError:
    return OutgoingError(f"The answer of {shown} cannot be read: {why}", reason=Reason.DAMAGED)
