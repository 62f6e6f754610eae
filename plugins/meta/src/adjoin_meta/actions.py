"""Reads the `actions` of many rows at once, without making an object of each.

An insights row has half a dozen entries of which one or two are of use, and to decode them all is most of what a row
costs. Meta writes them in one way, `{"action_type":"lead","value":"3"}` with further windows behind, so they are taken
apart as text. Whatever is written in another way is decoded as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from adjoin_meta.conversions import VIDEO_VIEW, code_of

__all__ = ["Action", "Marks", "join_rows", "read_actions"]

Ints: TypeAlias = npt.NDArray[np.int64]

_ENTRY = '{"action_type":"'
_VALUE = '","value":"'
_NO_PLACES: Ints = np.zeros(0, dtype=np.int64)
_NO_FIGURES: pa.Array[Any] = pa.array([], pa.large_string())

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
    """Take the text apart; None if something in it is not written in the usual way."""
    pieces = pc.split_pattern(pa.array([lines.decode()], pa.large_string()), pattern=_ENTRY).flatten()
    if len(pieces) - 1 != lines.count(b'"action_type"') or b"\\" in lines:
        return None
    if len(pieces) == 1:
        return Marks(_NO_PLACES, _NO_PLACES, _NO_FIGURES, _NO_PLACES, _NO_FIGURES)
    breaks = _line_breaks(cast("pa.StringArray", pieces))
    if breaks.sum() != lines.count(b"\n"):
        return None
    rows = np.cumsum(breaks)[:-1]
    split = _halves(pieces[1:], _VALUE)
    if split is None:
        return None
    encoded = split[0].dictionary_encode()
    names = [str(name) for name in encoded.dictionary.to_pylist()]
    if any('"' in name for name in names):
        return None  # another key stands between the name and its value
    marks = np.array([_mark(name) for name in names], dtype=np.int64)[encoded.indices.to_numpy()]
    results, views = np.flatnonzero(marks >= 0), np.flatnonzero(marks == _VIEW)
    figures = _halves(split[1].take(pa.array(results, pa.int64())), '"')
    plays = _halves(split[1].take(pa.array(views, pa.int64())), '"')
    if figures is None or plays is None:
        return None
    return Marks(rows[results], marks[results], figures[0], rows[views], plays[0])


def _line_breaks(pieces: pa.StringArray) -> Ints:
    """Count the line breaks in each piece. Only the last one of a line has any, and the next line's bracket."""
    breaks = np.zeros(len(pieces), dtype=np.int64)
    last = np.flatnonzero(np.asarray(pc.ends_with(pieces, pattern="[")))
    last = np.append(last, len(pieces) - 1) if len(last) and last[-1] != len(pieces) - 1 else last
    breaks[last] = np.asarray(pc.count_substring(pieces.take(pa.array(last, pa.int64())), pattern="\n"))
    return breaks


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


def _halves(texts: pa.Array[Any], mark: str) -> tuple[pa.Array[Any], pa.Array[Any]] | None:
    """Return what stands before and after the first `mark` in each text; None if one has none."""
    parts = pc.split_pattern(texts, pattern=mark, max_splits=1)
    flat = parts.flatten()
    if not (np.asarray(pc.list_value_length(parts)) == 2).all():
        return None
    even = np.arange(0, len(flat), 2)
    return flat.take(pa.array(even, pa.int64())), flat.take(pa.array(even + 1, pa.int64()))
