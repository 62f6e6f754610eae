"""Reads a JSON array element by element while it arrives, so that no more than one element is held.

Google streams a result as one array of batches. To find the end of a batch cheaply, only what follows its rows is
looked at: the key `fieldMask` or `requestId`. A quote inside a JSON string is always escaped, so `"fieldMask"` with its
quotes is a key (or a whole string), never a part of a text. Whether the end is right shows when the element is decoded,
as no object is the beginning of another one; if it is not, every brace of the element is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

__all__ = ["ArrayReader", "Garbled"]

T = TypeVar("T")

_TAIL_KEYS = (b'"fieldMask"', b'"requestId"')
_LONGEST_TAIL_KEY = max(map(len, _TAIL_KEYS))

#: A whole string, a brace or bracket, or the quote of a string whose end has not arrived.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["{}\[\]]', re.DOTALL)
_BLANK = re.compile(rb"[ \t\r\n]*+")

_OPENING, _CLOSING, _QUOTE = frozenset(b"{["), frozenset(b"}]"), ord('"')


class Garbled(ValueError):
    """What arrived is no JSON array, or not a whole one."""


class ArrayReader(Generic[T]):
    """Decodes the elements of one array. Not safe for several threads at once.

    `decode` gets the bytes of one element; msgspec.ValidationError from it is passed on, any other DecodeError becomes
    Garbled. So does an element of more than `largest` bytes.
    """

    def __init__(self, decode: Callable[[bytes], T], *, largest: int = 256 * 1024 * 1024) -> None:
        self._decode = decode
        self._largest = largest
        self._buffer = bytearray()
        self._at = 0  # where the next element, comma or bracket is looked for
        self._expected = "["
        self._looked = 0  # up to where the tail's keys have been looked for
        self._scanned: int | None = None  # up to where braces have been counted, None: not begun
        self._depth = 0
        self._guessed = False

    def take(self, data: bytes) -> list[T]:
        """Add what has arrived and return the elements that are complete. Garbled if it can be no JSON array."""
        self._buffer += data
        found = self._read(last=False)
        if len(self._buffer) > self._largest:
            raise Garbled(f"an element has more than {self._largest:,} bytes")
        return found

    def end(self) -> list[T]:
        """Return what is left when all has arrived. Garbled if the array is not closed."""
        found = self._read(last=True)
        if self._expected:
            raise Garbled("the answer ends in the middle")
        return found

    def _read(self, *, last: bool) -> list[T]:
        found: list[T] = []
        while self._advance():
            if self._scanned is None and not self._guess():
                if not last:
                    break
                self._count_from(self._at, depth=0)  # without a tail, as an error may be
            if (end := self._scan()) is None:
                break
            try:
                found.append(self._decode(bytes(memoryview(self._buffer)[self._at : end])))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                if self._guessed:
                    self._count_from(self._at, depth=0)
                    continue
                if isinstance(error, msgspec.ValidationError):
                    raise
                raise Garbled(str(error)) from error
            self._at, self._scanned, self._expected = end, None, ",]"
        self._forget()
        return found

    def _advance(self) -> bool:
        """Move to the beginning of the next element; False if it is not there yet, or there is none."""
        while True:
            self._at = _end_of_blank(self._buffer, self._at)
            if self._at == len(self._buffer):
                return False
            sign = chr(self._buffer[self._at])
            if sign not in self._expected:
                raise Garbled(f"there is {sign!r} where one of {self._expected or 'nothing'!r} should be")
            if sign == "{":
                return True
            self._expected = {"[": "{]", ",": "{", "]": ""}[sign]
            self._at += 1

    def _guess(self) -> bool:
        """Take the first key of a tail for the element's own; False if there is none yet."""
        start = max(self._at, self._looked)
        for key in _TAIL_KEYS:
            if (found := self._buffer.find(key, start)) >= 0:
                self._count_from(found, depth=1, guessed=True)
                return True
        self._looked = len(self._buffer) - _LONGEST_TAIL_KEY
        return False

    def _count_from(self, place: int, *, depth: int, guessed: bool = False) -> None:
        self._scanned, self._depth, self._guessed = place, depth, guessed

    def _scan(self) -> int | None:
        """Count braces on, as far as there are any, and return where the element ends."""
        for token in _TOKEN.finditer(self._buffer, self._scanned or 0):
            first = self._buffer[token.start()]
            if first == _QUOTE and token.end() - token.start() == 1:
                self._scanned = token.start()
                return None
            self._scanned = token.end()
            if first in _OPENING:
                self._depth += 1
            elif first in _CLOSING:
                self._depth -= 1
                if self._depth == 0:
                    return token.end()
        return None

    def _forget(self) -> None:
        """Let go of what has been read."""
        del self._buffer[: self._at]
        self._looked -= self._at
        if self._scanned is not None:
            self._scanned -= self._at
        self._at = 0


def _end_of_blank(buffer: bytearray, start: int) -> int:
    found = _BLANK.match(buffer, start)
    return found.end() if found else start
