"""Queries in Rest.li's own language."""

from __future__ import annotations

from datetime import date
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjoin_linkedin.restli import date_range, encode, query_string, urn

_VALUES = st.recursive(
    st.text(max_size=12)
    | st.integers().map(str)
    | st.sampled_from(["true", "List(", "a,b", "(k:v)", "urn:li:x:1", "''", "%3A"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=4),
    max_leaves=12,
)


class _Reader:
    """Reads what was written, the way a server does: structure first, then the percent signs of each text."""

    def __init__(self, raw: str) -> None:
        self.raw = raw
        self.at = 0

    def value(self):
        if self.raw.startswith("List(", self.at):
            self.at += len("List(")
            return list(self.items(self.value))
        if self.raw.startswith("(", self.at):
            self.at += 1
            return dict(self.items(self.pair))
        return self.text()

    def items(self, read):
        while self.raw[self.at] != ")":
            yield read()
            if self.raw[self.at] == ",":
                self.at += 1
        self.at += 1

    def pair(self):
        key = self.text()
        assert self.raw[self.at] == ":"
        self.at += 1
        return key, self.value()

    def text(self):
        start = self.at
        while self.at < len(self.raw) and self.raw[self.at] not in "(),:":
            self.at += 1
        raw = self.raw[start : self.at]
        return "" if raw == "''" else unquote(raw, errors="strict")


@given(_VALUES)
def test_whatever_is_written_can_be_read_back(value):
    reader = _Reader(encode(value))
    assert reader.value() == value
    assert reader.at == len(reader.raw)


@given(_VALUES)
def test_nothing_written_breaks_the_query_or_the_address(value):
    assert not set(encode(value)) & set('&=#?/+ "<>[]{}\\^`|\n')


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("ACTIVE", "ACTIVE"),
        ("urn:li:sponsoredAccount:5", "urn%3Ali%3AsponsoredAccount%3A5"),
        ("", "''"),
        ("a b/c+d=é", "a%20b%2Fc%2Bd%3D%C3%A9"),
        (7, "7"),
        (True, "true"),
        (False, "false"),
        ([], "List()"),
        (("A", 1), "List(A,1)"),
        ({"status": {"values": ["A", "B"]}, "test": False}, "(status:(values:List(A,B)),test:false)"),
    ],
)
def test_values_are_written_as_the_protocol_says(value, written):
    assert encode(value) == written


def test_a_query_reads_as_linkedins_own_example():
    query = query_string(
        {
            "q": "analytics",
            "pivot": "CAMPAIGN",
            "timeGranularity": "DAILY",
            "dateRange": date_range(date(2026, 10, 1), date(2026, 10, 31)),
            "accounts": [urn("sponsoredAccount", "512352200")],
        },
        fields=("dateRange", "pivotValues", "impressions"),
    )
    assert query == (
        "q=analytics&pivot=CAMPAIGN&timeGranularity=DAILY"
        "&dateRange=(start:(year:2026,month:10,day:1),end:(year:2026,month:10,day:31))"
        "&accounts=List(urn%3Ali%3AsponsoredAccount%3A512352200)&fields=dateRange,pivotValues,impressions"
    )
