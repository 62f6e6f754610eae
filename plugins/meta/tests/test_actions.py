"""Actions of many rows, taken apart as text and as JSON: both ways must say the same."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin_meta import actions
from adjoin_meta.actions import join_rows, read_actions
from adjoin_meta.conversions import code_of

_NAMES = st.sampled_from(
    [
        "lead",
        "omni_purchase",
        "video_view",
        "link_click",
        "offsite_conversion.custom.77",
        "onsite_conversion.lead_grouped",
    ]
)
_ENTRIES = st.lists(st.tuples(_NAMES, st.decimals(0, 10**6, places=2).map(str)), max_size=5)


def _lines(rows, **style):
    raws = [
        msgspec.Raw(json.dumps([{"action_type": name, "value": value} for name, value in row], **style).encode())
        if row
        else msgspec.Raw(b"")
        for row in rows
    ]
    return join_rows(raws)


def _said(marks):
    results = zip(marks.places.tolist(), marks.codes.tolist(), marks.figures.to_pylist(), strict=True)
    return sorted(results), sorted(zip(marks.view_places.tolist(), marks.views.to_pylist(), strict=True))


@given(st.lists(_ENTRIES, min_size=1, max_size=6))
def test_text_and_json_say_the_same(rows):
    lines = _lines(rows, separators=(",", ":"))
    as_text = actions._as_text(lines)
    assert as_text is not None
    assert _said(as_text) == _said(actions._as_json(lines))
    expected = sorted((at, code_of(n), v) for at, row in enumerate(rows) for n, v in row if code_of(n) >= 0)
    assert _said(as_text)[0] == expected


@pytest.mark.parametrize(
    "line",
    [
        b'[{"action_type": "lead", "value": "3"}]',  # with spaces
        b'[\n  {"action_type": "lead",\n   "value": "3"}]',  # pretty
        b'[{"action_type":"lead","value" :"3"}]',
        b'[{"object_type":"lead","action_type":"lead","value":"3"}]',  # a key before
        b'[{"action_type":"lead","value":"3","7d_click":"9"}]',  # a window behind
        b'[{"value":"3","action_type":"lead"}]',  # the other way round
        b'[{"action_type":"lead","7d_click":"9","value":"3"}]',  # a key between
        b'[{"action_type":"lea\\u0064","value":"3"}]',  # escaped
    ],
)
def test_what_is_written_in_another_way_is_decoded(line):
    lines = join_rows([msgspec.Raw(b""), msgspec.Raw(line), msgspec.Raw(b"[]")])
    assert actions._as_text(lines) is None
    assert _said(read_actions(lines)) == ([(1, code_of("lead"), "3")], [])


def test_further_windows_are_not_read():
    lines = (
        b'[{"action_type":"lead","value":"3","1d_view":"1"},{"action_type":"video_view","value":"8","7d_click":"2"}]'
    )
    assert _said(read_actions(lines)) == ([(0, code_of("lead"), "3")], [(0, "8")])


def test_a_figure_without_a_name_is_refused():
    """It stands in an object of its own; the name beside it has none."""
    lines = join_rows([msgspec.Raw(b'[{"action_type":"lead"},{"value":"3"}]')])
    with pytest.raises(ValueError, match="action_type"):
        read_actions(lines)


def test_no_row_has_any():
    assert _said(read_actions(join_rows([msgspec.Raw(b"")] * 3))) == ([], [])
