"""Rest.li's query language as the sandbox reads it."""

from __future__ import annotations

import pytest
from linkedin_api.clients.restli.utils.encoder import param_encode

from adjoin_linkedin.sandbox.errors import Refusal
from adjoin_linkedin.sandbox.params import Params
from adjoin_linkedin.sandbox.restli import parse_key, parse_query


def read(raw, *, protocol2=True):
    return parse_query(raw, protocol2=protocol2)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("q=search", {"q": "search"}),
        ("a=List(urn%3Ali%3Ax%3A1,2)", {"a": ["urn:li:x:1", "2"]}),
        ("a=List()", {"a": []}),
        ("a=()", {"a": {}}),
        ("a=(b:(c:List(1,(d:2))),e:f)", {"a": {"b": {"c": ["1", {"d": "2"}]}, "e": "f"}}),
        ("a=''", {"a": ""}),
        ("a=%28not%20a%20record%29", {"a": "(not a record)"}),
        ("fields=a,b,c&pageToken=a%2Bb%3D", {"fields": "a,b,c", "pageToken": "a+b="}),
        ("a=b=c&&d=", {"a": "b=c", "d": ""}),
    ],
)
def test_reads_protocol_2(raw, value):
    assert read(raw) == value


def test_reads_what_the_vendors_client_writes():
    given = {"search": {"status": {"values": ["A", "(b),:'"]}, "test": False}, "ids": [1, 2], "näme": "ü ö"}
    assert read(param_encode(given)) == {
        "search": {"status": {"values": ["A", "(b),:'"]}, "test": "false"},
        "ids": ["1", "2"],
        "näme": "ü ö",
    }


@pytest.mark.parametrize(
    "raw", ["a=List(urn:li:x:1)", "a=urn:li:x:1", "a=List(1", "a=(b)", "a=(b:1", "a=List(1))", "a=1,2", "a=List(1,,(2)"]
)
def test_refuses_what_is_not_well_formed_and_names_the_parameter(raw):
    with pytest.raises(Refusal) as refused:
        read(raw)
    assert [(each.path, each.code) for each in refused.value.inputs] == [("a", "PARAM_INVALID")]


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (
            "accounts[0]=urn:li:x:5&accounts%5B1%5D=urn:li:x:6&dateRange.start.year=2026&dateRange.start.month=10",
            {"accounts": ["urn:li:x:5", "urn:li:x:6"], "dateRange": {"start": {"year": "2026", "month": "10"}}},
        ),
        ("search.status.values[0]=ACTIVE", {"search": {"status": {"values": ["ACTIVE"]}}}),
        ("ids=1&ids=2&ids=3", {"ids": ["1", "2", "3"]}),
        ("a=List(1)", {"a": "List(1)"}),
    ],
)
def test_reads_protocol_1_where_it_is_asked_for(raw, value):
    assert read(raw, protocol2=False) == value


def test_refuses_names_of_protocol_1_that_contradict_each_other():
    with pytest.raises(Refusal):
        read("a=1&a.b=2", protocol2=False)


def test_reads_keys_of_paths():
    assert parse_key("urn%3Ali%3AsponsoredCreative%3A1", protocol2=True) == "urn:li:sponsoredCreative:1"
    compound = "(account:urn%3Ali%3AsponsoredAccount%3A5,user:urn%3Ali%3Aperson%3AX)"
    assert parse_key(compound, protocol2=True) == {"account": "urn:li:sponsoredAccount:5", "user": "urn:li:person:X"}
    with pytest.raises(Refusal):
        parse_key("urn:li:sponsoredCreative:1", protocol2=True)
    assert parse_key("urn:li:x:1", protocol2=False) == "urn:li:x:1"


def test_wrapped_values_are_plain_ones():
    params = Params(read("pivot=(value:CREATIVE)&pivots=List((value:A),B)"))
    assert params.text("pivot") == "CREATIVE"
    assert params.texts("pivots") == ["A", "B"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda params: params.text("list"),
        lambda params: params.texts("text"),
        lambda params: params.record("text"),
        lambda params: params.number("text", 1),
        lambda params: params.flag("text"),
        lambda params: params.choice("text", ("A",)),
        lambda params: params.texts("nested"),
        lambda params: params.allow("text", "list"),
    ],
)
def test_values_of_another_kind_are_refused(ask):
    with pytest.raises(Refusal) as refused:
        ask(Params(read("text=abc&list=List(1)&nested=List(List(1))")))
    assert refused.value.status == 400
