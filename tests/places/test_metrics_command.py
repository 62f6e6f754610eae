"""`adjoin metrics`: what the workspace defines itself is tried, stored, listed and removed."""

from __future__ import annotations

import json
from typing import Any

from adjoin.access.audit import entries


def metrics(adjoin: Any) -> dict[str, Any]:
    return {one["name"]: one for one in adjoin("--workspace", "ours", "metrics", "--json").json["metrics"]}


def test_a_metric(adjoin, town) -> None:
    """With --try nothing is stored; a formula that cannot be read is refused both ways, saying where."""
    terms = ("--formula", "conversion_value_micros - cost_micros", "--unit", "money", "--good", "up")
    tried = adjoin("--workspace", "ours", "metrics", "define", "profit", *terms, "--try", "--currency", "EUR")
    assert tried.code == 0, tried.err
    assert tried.out.startswith("No results from")
    assert "profit" not in metrics(adjoin)
    assert adjoin("--workspace", "ours", "metrics", "define", "profit", *terms).code == 0
    found = metrics(adjoin)["profit"]
    assert (found["title"], found["unit"], found["good"], found["custom"]) == ("Profit", "money", "up", True)
    assert "conversion_daily" not in found["datasets"]
    assert found["sums"] == ["conversion_value_micros", "cost_micros"]
    for more in ((), ("--try",)):
        wrong = adjoin("--workspace", "ours", "metrics", "define", "odd", "--formula", "clicks *", *more)
        assert wrong.code == 2
        assert "character 9" in wrong.err
    assert adjoin("--workspace", "ours", "metrics", "forget", "profit").code == 0
    assert "profit" not in metrics(adjoin)
    with town.open() as store, store.read() as session:
        noted = [(one.action, one.object_id, one.actor) for one in entries(session, "ours").entries]
    assert noted == [("metric.forgotten", "profit", "system"), ("metric.defined", "profit", "system")]


def test_a_naming_convention(adjoin, town) -> None:
    terms = ("--pattern", "{animal} {event}", "--value", "animal:Owl=Eule: große")
    tried = adjoin("--workspace", "ours", "metrics", "fields", "define", "animals", *terms, "--try", "--json").json
    assert (tried["names"], tried["matched"], tried["unmatched"]) == (1, 1, [])
    assert tried["examples"] == [{"name": "Owl Sale", "values": {"animal": "Eule: große", "event": "Sale"}}]
    said = adjoin("--workspace", "ours", "metrics", "fields", "define", "animals", *terms, "--try")
    assert "1 of 1 names fit" in said.err
    assert adjoin("--workspace", "ours", "metrics", "fields", "define", "animals", *terms).code == 0
    listed = {one["name"]: one for one in adjoin("--workspace", "ours", "metrics", "fields", "--json").json}
    assert listed["animals"]["values"] == {"animal": {"Owl": "Eule: große"}}
    dimensions = {one["name"]: one for one in adjoin("--workspace", "ours", "metrics", "--json").json["dimensions"]}
    assert (dimensions["event"]["of"], dimensions["event"]["custom"]) == ("campaign", True)
    assert dimensions["event"]["datasets"] == dimensions["campaign"]["datasets"]
    wrong = adjoin(
        "--workspace", "ours", "metrics", "fields", "define", "odd", "--pattern", "{a}_{b}", "--value", "a=b"
    )
    assert (wrong.code, "FIELD:TEXT=VALUE" in wrong.err) == (2, True)
    assert adjoin("--workspace", "ours", "metrics", "fields", "forget", "animals").code == 0
    assert "animals" not in json.dumps(adjoin("--workspace", "ours", "metrics", "fields", "--json").json)
