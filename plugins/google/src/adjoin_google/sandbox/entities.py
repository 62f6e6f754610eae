"""Answers to queries for what there is: customers, campaigns and all below them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from adjoin_google.sandbox.catalog import find
from adjoin_google.sandbox.changes import change_rows
from adjoin_google.sandbox.hierarchy import Node
from adjoin_google.sandbox.matching import comparable, matcher
from adjoin_google.sandbox.objects import Object, Objects
from adjoin_google.sandbox.plan import Plan
from adjoin_google.sandbox.rows import Shape, row_text
from adjoin_google.sandbox.store import pick

__all__ = ["read_entities"]

#: The resources of a row by name.
_Row: TypeAlias = "Mapping[str, Object]"


def read_entities(plan: Plan, node: Node, objects: Objects, *, strange: bool) -> _Entities:
    """Find the rows of a query."""
    rows = list(_rows(plan, node, objects))
    for test in plan.tests:
        meets, path = matcher(test), test.field.path[1:]
        rows = [row for row in rows if meets(pick(row.get(test.field.resource, {}), path))]
    for order in reversed(plan.order):
        field = find(order.field)
        assert field is not None
        keys = [comparable(field, pick(row.get(field.resource, {}), field.path[1:])) for row in rows]
        sort = sorted(range(len(rows)), key=keys.__getitem__, reverse=order.descending)
        rows = [rows[place] for place in sort]
    return _Entities(plan=plan, rows=rows[: plan.limit], shape=Shape(plan, strange=strange))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entities:
    """The rows of one query, in a fixed order."""

    plan: Plan
    rows: Sequence[_Row]
    shape: Shape

    def __len__(self) -> int:
        return len(self.rows)

    def texts(self, start: int, stop: int) -> list[str]:
        """Return rows as JSON texts. Resources that a row does not have (of a change, say) are left out."""
        shown = self.plan.shown
        return [
            row_text([self.shape.member(name, row[name]) for name in shown if name in row])
            for row in self.rows[start:stop]
        ]


def _rows(plan: Plan, node: Node, objects: Objects) -> Iterator[_Row]:
    customer = objects.customer(node)
    if plan.resource == "customer":
        yield {"customer": customer}
    elif plan.resource == "customer_client":
        for client in objects.customer_clients(node):
            yield {"customer": customer, "customer_client": client}
    elif not node.manager:
        for row in _of_account(plan, node, objects):
            yield {"customer": customer, **row}


def _of_account(plan: Plan, node: Node, objects: Objects) -> Iterator[_Row]:
    world = objects.world
    known = {each.id: each for each in world.campaigns(node.id)}
    match plan.resource:
        case "campaign":
            for campaign in known.values():
                budget = objects.budget(campaign)
                yield {"campaign": objects.campaign(campaign), "campaign_budget": budget}
            return
        case "campaign_budget":
            yield from ({"campaign_budget": budget} for budget in objects.budgets(node.id))
            return
        case "conversion_action":
            for action in objects.actions(node.id):
                yield {"conversion_action": objects.conversion_action(action, node.id)}
            return
        case "asset_group":
            for campaign in known.values():
                if campaign.channel == "performance_max":
                    yield {"asset_group": objects.asset_group(campaign), "campaign": objects.campaign(campaign)}
            return
    campaigns = {each.id: objects.campaign(each) for each in known.values()}
    groups = {
        each.id: {"campaign": campaigns[each.campaign_id], "ad_group": objects.ad_group(each, known[each.campaign_id])}
        for each in world.ad_groups(node.id)
    }
    match plan.resource:
        case "ad_group":
            yield from groups.values()
        case "ad_group_ad":
            for ad in world.ads(node.id):
                yield {**groups[ad.ad_group_id], "ad_group_ad": objects.ad_group_ad(ad, known[ad.campaign_id])}
        case "ad_group_criterion" | "keyword_view":
            for keyword in world.keywords(node.id):
                yield {
                    **groups[keyword.ad_group_id],
                    "ad_group_criterion": objects.keyword(keyword),
                    "keyword_view": objects.keyword_view(node.id, keyword.id),
                }
        case "change_status" | "change_event":
            yield from change_rows(plan, node, objects, campaigns, groups)
