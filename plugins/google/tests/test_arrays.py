"""Reading a JSON array element by element while it arrives, cut anywhere."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adjoin_google.arrays import ArrayReader, Garbled

#: Texts that look like what the reader looks for.
_TRICKY = st.sampled_from(
    ['"fieldMask":', "fieldMask", '\\"requestId\\":{', "}]", '{"', "\\", '"', "\n", "äöü€😀", '},{"results":[', ""]
)
_TEXT = st.text(max_size=8) | _TRICKY
_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_ROWS = st.lists(st.dictionaries(_TEXT, _VALUE, max_size=3), max_size=4)
_TAIL = {"fieldMask": "campaign.id", "requestId": "r1", "queryResourceConsumption": "7"}
_BATCH = _ROWS.map(lambda rows: {"results": rows, **_TAIL})
_FIRST_TAIL = _ROWS.map(lambda rows: {**_TAIL, "results": rows})
_ERROR = _VALUE.map(lambda value: {"error": {"code": 400, "details": [{"requestId": "r2", "errors": [value]}]}})
_NESTED = _ROWS.map(lambda rows: {"results": [{"a": [1], "fieldMask": "x"}, {"requestId": {}}], "more": rows, **_TAIL})
_BARE = st.dictionaries(_TEXT, _VALUE, max_size=3)
_ELEMENTS = st.lists(_BATCH | _FIRST_TAIL | _ERROR | _NESTED | _BARE, max_size=4)


def _cut(data, places):
    ends = sorted({place % (len(data) + 1) for place in places})
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def _read(chunks):
    reader = ArrayReader(msgspec.json.decode)
    found = [one for chunk in chunks for one in reader.take(chunk)]
    return found + reader.end()


@settings(max_examples=400, deadline=None)
@given(elements=_ELEMENTS, places=st.lists(st.integers(0, 10_000), max_size=12), indent=st.sampled_from([None, 0, 2]))
def test_any_array_cut_anywhere_gives_its_elements(elements, places, indent):
    body = json.dumps(elements, indent=indent, ensure_ascii=bool(places and places[0] % 2)).encode()
    assert _read(_cut(body, places)) == elements


@given(elements=_ELEMENTS)
@settings(max_examples=60, deadline=None)
def test_byte_by_byte(elements):
    body = json.dumps(elements).encode()
    assert _read([body[place : place + 1] for place in range(len(body))]) == elements


@settings(max_examples=200, deadline=None)
@given(elements=_ELEMENTS, data=st.data())
def test_a_body_that_does_not_close_is_noticed(elements, data):
    body = json.dumps(elements).encode()
    short = body[: data.draw(st.integers(0, len(body) - 1))]
    with pytest.raises(Garbled):
        _read([short])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"<html>",
        b"[1]",
        b"[{}][",
        b"[{} {}]",
        b"[,{}]",
        b"[{},]",
        b'[{"results":[}]',
        b'[{"a":"\xff"}]',
    ],
)
def test_what_is_no_array_of_objects_is_refused(body):
    with pytest.raises(Garbled):
        _read([body])


def test_an_element_is_there_as_soon_as_its_last_brace_is():
    reader = ArrayReader(msgspec.json.decode)
    assert reader.take(b'[{"results":[{"a":1}],"fieldMask":"a"') == []
    assert reader.take(b"}") == [{"results": [{"a": 1}], "fieldMask": "a"}]
    assert reader.take(b',{"results":[],"requestId":"r"}') == [{"results": [], "requestId": "r"}]
    assert reader.take(b"]") == []
    assert reader.end() == []


def test_no_more_than_an_element_is_held():
    batch = json.dumps({"results": [{"id": str(n)} for n in range(200)], **_TAIL}).encode()
    reader = ArrayReader(lambda data: len(data))
    reader.take(b"[" + batch)
    for _ in range(50):
        assert reader.take(b",\n" + batch) == [len(batch)]
        assert len(reader._buffer) == 0


def test_an_element_without_an_end_does_not_fill_the_memory():
    reader = ArrayReader(msgspec.json.decode, largest=1_000)
    reader.take(b'[{"results":[' + b"1," * 400)
    with pytest.raises(Garbled, match="more than 1,000 bytes"):
        reader.take(b"1," * 400)


class _Row(msgspec.Struct):
    id: int


class _Batch(msgspec.Struct):
    results: list[_Row] = []


def test_a_value_of_another_type_is_no_garbage():
    reader = ArrayReader(msgspec.json.Decoder(_Batch).decode)
    with pytest.raises(msgspec.ValidationError, match="Expected `int`"):
        reader.take(b'[{"results":[{"id":[]}],"fieldMask":"id"}]')
