"""Reads the `actions` of many rows at once, without making an object of each.

An insights row has half a dozen entries of which one or two are of use, and to decode them all is most of what a row
costs. Meta writes them in one way, `{"action_type":"lead","value":"3"}`, so they are taken apart as text. Whatever is
written in another way, with further windows behind for instance, is decoded as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adjoin_meta.conversions import VIDEO_VIEW, code_of

__all__ = ["Action", "Marks", "join_rows", "read_actions"]

Ints: TypeAlias = npt.NDArray[np.int64]

#: The two keys of an entry, up to where the name and the figure begin.
_NAME_KEY, _VALUE_KEY = b'"action_type":"', b'"value":"'

#: Two around each of `action_type`, its name, `value` and its figure.
_QUOTES = 8

_NEITHER = -1
_VIEW = -2


class Action(msgspec.Struct, gc=False):
    """One entry of `actions` or `action_values`; windows other than the ad set's own are not read."""

    action_type: str
    value: str = "0"


_decode = msgspec.json.Decoder(list[Action]).decode


@dataclass(frozen=True, slots=True)
class Marks:
    """Figures by action: of which row, the code of Meta's name for it, the figure as it was written."""

    places: Ints
    codes: Ints
    figures: pa.Array[Any]
    view_places: Ints
    views: pa.Array[Any]


def join_rows(entries: list[msgspec.Raw]) -> bytes:
    """Return the undecoded actions of rows as one text, a line each."""
    joined = b"\n".join(entries)
    if joined.count(b"\n") == len(entries) - 1:
        return joined
    # JSON has no line break inside its strings, so one between them may go.
    return b"\n".join([bytes(entry).replace(b"\n", b" ") for entry in entries])


def read_actions(lines: bytes) -> Marks:
    """Return what the rows of a joined text say, without what is neither a result nor a play of a video.

    ValueError (msgspec's) for a line that is no list of actions.
    """
    found = _as_text(lines)
    return _as_json(lines) if found is None else found


def _as_text(lines: bytes) -> Marks | None:
    """Take the text apart where its quotes are; None if something in it is not written in the usual way."""
    letters = np.frombuffer(lines, dtype=np.uint8)
    found = np.flatnonzero(letters == ord('"'))
    if b"\\" in lines or len(found) % _QUOTES:
        return None
    quotes = found.reshape(-1, _QUOTES)
    if not (_starts(lines, quotes[:, 0], _NAME_KEY) and _starts(lines, quotes[:, 4], _VALUE_KEY)):
        return None
    if (quotes[:, 4] - quotes[:, 3] != len('",')).any():  # a figure in an object of its own belongs to no name
        return None
    encoded = _between(lines, quotes[:, 2:4]).dictionary_encode()
    names = [str(name) for name in encoded.dictionary.to_pylist()]
    marks = np.array([_mark(name) for name in names], dtype=np.int64)[encoded.indices.to_numpy()]
    ends = np.searchsorted(quotes[:, 0], np.append(np.flatnonzero(letters == ord("\n")), len(lines)))
    rows = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
    results, views = np.flatnonzero(marks >= 0), np.flatnonzero(marks == _VIEW)
    return Marks(
        rows[results],
        marks[results],
        _between(lines, quotes[results, 6:]),
        rows[views],
        _between(lines, quotes[views, 6:]),
    )


def _starts(text: bytes, places: Ints, key: bytes) -> bool:
    """Say whether the key stands at all of these places; eight letters are compared as one number."""
    eights: npt.NDArray[np.uint64] = np.ndarray((max(len(text) - 7, 0),), "<u8", text, strides=(1,))
    if len(places) and places[-1] + len(key) > len(text):
        return False
    parts = {start: key[start : start + 8] for start in (0, len(key) - 8)}
    return all((eights[places + start] == np.frombuffer(part, "<u8")[0]).all() for start, part in parts.items())


def _between(text: bytes, quotes: Ints) -> pa.Array[Any]:
    """Return what stands between pairs of quotes. Arrow sees every other piece of the text where it lies."""
    bounds = (quotes + np.array([1, 0])).ravel()
    pieces = pa.LargeStringArray.from_buffers(max(len(bounds) - 1, 0), pa.py_buffer(bounds), pa.py_buffer(text))
    return pieces.take(pa.array(np.arange(0, len(bounds), 2), pa.int64()))


def _as_json(lines: bytes) -> Marks:
    found: list[tuple[int, int, str]] = []
    for place, line in enumerate(lines.split(b"\n")):
        if line.strip():
            found += [(place, _mark(action.action_type), action.value) for action in _decode(line)]
    results = [entry for entry in found if entry[1] >= 0]
    views = [entry for entry in found if entry[1] == _VIEW]
    return Marks(
        np.array([place for place, _, _ in results], dtype=np.int64),
        np.array([mark for _, mark, _ in results], dtype=np.int64),
        pa.array([value for _, _, value in results], pa.large_string()),
        np.array([place for place, _, _ in views], dtype=np.int64),
        pa.array([value for _, _, value in views], pa.large_string()),
    )


def _mark(name: str) -> int:
    code = code_of(name)
    return code if code >= 0 else _VIEW if name == VIDEO_VIEW else _NEITHER
