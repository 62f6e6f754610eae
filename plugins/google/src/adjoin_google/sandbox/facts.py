"""Answers to queries for results: the world's numbers beside the attributes of what they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from adjoin_google.sandbox.catalog import camel, find
from adjoin_google.sandbox.hierarchy import Node
from adjoin_google.sandbox.matching import comparable, matcher
from adjoin_google.sandbox.metrics import SUMS, metric_texts, metric_values, needed_sums
from adjoin_google.sandbox.objects import Object, Objects
from adjoin_google.sandbox.plan import Plan
from adjoin_google.sandbox.rows import Shape, row_text
from adjoin_google.sandbox.store import pick
from adjoin_google.sandbox.tables import Wanted, build

__all__ = ["read_facts"]

#: By which columns a resource of a row is found.
_FOUND_BY: Mapping[str, tuple[str, ...]] = {
    "customer": (),
    "campaign": ("campaign_id",),
    "campaign_budget": ("campaign_id",),
    "asset_group": ("campaign_id",),
    "ad_group": ("ad_group_id",),
    "ad_group_ad": ("ad_id",),
    "ad_group_criterion": ("keyword_id",),
    "keyword_view": ("keyword_id",),
    "search_term_view": ("campaign_id", "ad_group_id", "search_term"),
}


def read_facts(plan: Plan, node: Node, objects: Objects, as_of: datetime, *, strange: bool) -> _Facts:
    """Work out the rows of a query."""
    names = [field.name.partition(".")[2] for field in plan.segments]
    asked = [field.name for field in (*plan.metrics, *(test.field for test in plan.tests))]
    wanted = Wanted(
        resource=plan.resource,
        account_id=node.id,
        span=plan.span,
        as_of=as_of,
        segments=tuple(names),
        all_conversions=any("all_conversions" in name for name in asked),
    )
    table = build(objects.world, wanted)
    if names and plan.metrics:
        # Once anything is segmented, rows disappear in which all selected metrics are zero.
        needed = {column for field in plan.metrics for column in needed_sums(field.name.partition(".")[2])}
        there = np.zeros(table.num_rows, dtype=bool)
        for column in needed:
            there |= table[column].to_numpy() != 0
        table = table.filter(there)
    columns: dict[str, Sequence[Any]] = {name: table[name].to_pylist() for name in table.column_names}
    columns["channel"] = _channels(objects, node, columns, table.num_rows)
    found = _Found(objects, node, columns)
    places = _selected(plan, columns, found, table.num_rows)
    return _Facts(plan=plan, columns=columns, found=found, places=places, shape=Shape(plan, strange=strange))


def _channels(objects: Objects, node: Node, columns: Mapping[str, Sequence[Any]], count: int) -> list[str]:
    """The channel of each row's campaign, empty where a row is of more than one."""
    campaigns = columns.get("campaign_id")
    if campaigns is None:
        return [""] * count
    known = {each.id: each.channel for each in objects.world.campaigns(node.id)}
    return [known[campaign] for campaign in campaigns]


def _selected(plan: Plan, columns: Mapping[str, Sequence[Any]], found: _Found, count: int) -> list[int]:
    """The places of the rows that meet all conditions, in the order asked for; otherwise the last day comes first."""
    places = list(range(count)) if plan.order else list(range(count - 1, -1, -1))
    for test in plan.tests:
        meets, values = matcher(test), _values(test.field.name, columns, found, places)
        places = [place for place, value in zip(places, values, strict=True) if meets(value)]
    for order in reversed(plan.order):
        field = find(order.field)
        assert field is not None
        values = _values(order.field, columns, found, places)
        keyed = [comparable(field, value) for value in values]
        sort = sorted(range(len(places)), key=keyed.__getitem__, reverse=order.descending)
        places = [places[position] for position in sort]
    return places[: plan.limit]


def _values(name: str, columns: Mapping[str, Sequence[Any]], found: _Found, places: Sequence[int]) -> list[Any]:
    """One field of some rows."""
    field = find(name)
    assert field is not None
    short = name.partition(".")[2]
    if field.resource == "metrics":
        return metric_values(short, columns, places)
    if field.resource == "segments":
        return [columns[short][place] for place in places]
    value_of = found.getter(field.resource)
    return [pick(value_of(place), field.path[1:]) for place in places]


class _Found:
    """Finds the resources that rows belong to, each of them once."""

    def __init__(self, objects: Objects, node: Node, columns: Mapping[str, Sequence[Any]]) -> None:
        world = objects.world
        self._objects = objects
        self._node = node
        self._columns = columns
        self._campaigns = {each.id: each for each in world.campaigns(node.id)}
        self._groups = {each.id: each for each in world.ad_groups(node.id)}
        self._ads = {each.id: each for each in world.ads(node.id)} if "ad_id" in columns else {}
        self._keywords = {each.id: each for each in world.keywords(node.id)} if "keyword_id" in columns else {}
        self._known: dict[tuple[str, ...], Object] = {}

    def key_columns(self, resource: str) -> list[Sequence[Any]]:
        return [self._columns[name] for name in _FOUND_BY[resource]]

    def getter(self, resource: str) -> Callable[[int], Object]:
        """Return a function from the place of a row to the resource."""
        columns = self.key_columns(resource)
        return lambda place: self.value(resource, *[column[place] for column in columns])

    def value(self, resource: str, *key: str) -> Object:
        known = self._known.get((resource, *key))
        if known is None:
            known = self._known[resource, *key] = self._make(resource, *key)
        return known

    def _make(self, resource: str, *key: str) -> Object:
        objects, account_id = self._objects, self._node.id
        match resource:
            case "customer":
                return objects.customer(self._node)
            case "campaign":
                return objects.campaign(self._campaigns[key[0]])
            case "campaign_budget":
                return objects.budget(self._campaigns[key[0]])
            case "asset_group":
                return objects.asset_group(self._campaigns[key[0]])
            case "ad_group":
                group = self._groups[key[0]]
                return objects.ad_group(group, self._campaigns[group.campaign_id])
            case "ad_group_ad":
                ad = self._ads[key[0]]
                return objects.ad_group_ad(ad, self._campaigns[ad.campaign_id])
            case "ad_group_criterion":
                return objects.keyword(self._keywords[key[0]])
            case "keyword_view":
                return objects.keyword_view(account_id, key[0])
        return objects.search_term_view(account_id, *key)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """The rows of one query, in a fixed order."""

    plan: Plan
    columns: Mapping[str, Sequence[Any]]
    found: _Found
    places: Sequence[int]
    shape: Shape

    def __len__(self) -> int:
        return len(self.places)

    def texts(self, start: int, stop: int) -> list[str]:
        """Return rows as JSON texts. Written column by column, since a backfill asks for a great many."""
        places = self.places[start:stop]
        columns = [self._members(resource, places) for resource in self.plan.shown]
        if self.plan.metrics:
            columns.append(self._metrics(places))
        if self.plan.segments:
            columns.append(self._segments(places))
        return [row_text(parts) for parts in zip(*columns, strict=True)]

    def summary(self) -> str:
        """Return the metrics of all rows together as the JSON object of a row."""
        sums: dict[str, Sequence[Any]] = {
            name: [sum(self.columns[name][place] for place in self.places)] for name in SUMS
        }
        columns = {**sums, "channel": [""]}
        texts = [text for field in self.plan.metrics for text in metric_texts(field, columns, [0])]
        return f'{{"metrics":{row_text(texts)}}}'

    def _members(self, resource: str, places: Sequence[int]) -> list[str]:
        columns = self.found.key_columns(resource)
        known: dict[tuple[Any, ...], str] = {}
        texts: list[str] = []
        for place in places:
            key = tuple(column[place] for column in columns)
            text = known.get(key)
            if text is None:
                text = known[key] = self.shape.member(resource, self.found.value(resource, *key))
            texts.append(text)
        return texts

    def _metrics(self, places: Sequence[int]) -> list[str]:
        columns = [metric_texts(field, self.columns, places) for field in self.plan.metrics]
        if self.shape.strange:
            columns.append(['"holographicViews":"17"'] * len(places))
        return [f'"metrics":{row_text(parts)}' for parts in zip(*columns, strict=True)]

    def _segments(self, places: Sequence[int]) -> list[str]:
        names = [field.name.partition(".")[2] for field in self.plan.segments]
        columns = [self.columns[name] for name in names]
        known: dict[tuple[Any, ...], str] = {}
        texts: list[str] = []
        for place in places:
            key = tuple(column[place] for column in columns)
            text = known.get(key)
            if text is None:
                pairs = zip(names, key, strict=True)
                values = {camel(name): int(value) if name == "year" else value for name, value in pairs}
                if self.shape.strange:
                    values["orbit"] = "LOW"
                text = known[key] = f'"segments":{msgspec.json.encode(values).decode()}'
            texts.append(text)
        return texts
