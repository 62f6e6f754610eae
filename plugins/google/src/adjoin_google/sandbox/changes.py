"""What has changed: rows of `change_status`, one per object, and of `change_event`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from adjoin.ads.v2 import Status
from adjoin.testing.world import WorldAd, WorldAdGroup, WorldCampaign, WorldKeyword, WorldObject
from adjoin_google.sandbox.changetimes import Changes
from adjoin_google.sandbox.hierarchy import Node
from adjoin_google.sandbox.objects import Object, Objects, stamp
from adjoin_google.sandbox.plan import Plan

__all__ = ["change_rows"]

_NUMBERS = {"CAMPAIGN": 5, "AD_GROUP": 3, "AD_GROUP_AD": 2, "AD_GROUP_CRITERION": 4, "CAMPAIGN_BUDGET": 12}
_OPERATIONS = {"ADDED": "CREATE", "CHANGED": "UPDATE", "REMOVED": "REMOVE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What changed last, when, and how; `names` are the resource names of the object and all above it."""

    kind: str
    at: datetime
    operation: str
    names: Mapping[str, str]
    row: Mapping[str, Object]


def change_rows(
    plan: Plan,
    node: Node,
    objects: Objects,
    campaigns: Mapping[str, Object],
    groups: Mapping[str, Mapping[str, Object]],
) -> Iterator[Mapping[str, Object]]:
    """Yield the rows within the moments that are asked for, in no order."""
    changes = plan.changes
    assert changes is not None
    # The same local time comes twice in an autumn night: look a little further, then compare local times.
    zone = ZoneInfo(node.time_zone)
    since = changes.since.replace(tzinfo=zone) - timedelta(hours=2)
    for change in _changes(node, objects, since, campaigns, groups):
        local = change.at.astimezone(zone).replace(tzinfo=None)
        if _within(local, changes):
            yield {**change.row, plan.resource: _row(change, plan.resource, node)}


def _within(moment: datetime, changes: Changes) -> bool:
    return changes.since <= moment <= changes.until


def _row(change: _Change, resource: str, node: Node) -> Object:
    number = f"{int(change.at.timestamp() * 1_000_000)}-{_NUMBERS[change.kind]}"
    own = list(change.names.values())[-1]
    last = own.rpartition("/")[2]
    if resource == "change_status":
        return {
            "resourceName": f"customers/{node.id}/changeStatus/{number}-{last}",
            "lastChangeDateTime": stamp(change.at, node.time_zone, micros=True),
            "resourceType": change.kind,
            "resourceStatus": change.operation,
            **change.names,
        }
    return {
        "resourceName": f"customers/{node.id}/changeEvents/{number}~{last}",
        "changeDateTime": stamp(change.at, node.time_zone, micros=True),
        "changeResourceType": change.kind,
        "changeResourceName": own,
        "clientType": "GOOGLE_ADS_WEB_CLIENT",
        "userEmail": "anna@shop.example",
        "resourceChangeOperation": _OPERATIONS[change.operation],
        **{name: value for name, value in change.names.items() if name in ("campaign", "adGroup")},
    }


def _changes(
    node: Node,
    objects: Objects,
    since: datetime,
    campaigns: Mapping[str, Object],
    groups: Mapping[str, Mapping[str, Object]],
) -> Iterator[_Change]:
    store = objects.store
    for item in objects.world.changed_since(node.id, since):
        if store.touched.get(item.id) is item:
            continue  # only its budget has changed, which is a resource of its own
        kind, names, row = _place(item, node, campaigns, groups)
        yield _Change(kind=kind, at=item.updated_at, operation=_operation(item), names=names, row=row)
    prefix = f"customers/{node.id}/"
    for name, at in store.budget_changes.items():
        if name.startswith(prefix) and at >= since:
            yield _Change(kind="CAMPAIGN_BUDGET", at=at, operation="CHANGED", names={"campaignBudget": name}, row={})


def _operation(item: WorldObject) -> str:
    if item.status in (Status.REMOVED, Status.ARCHIVED):
        return "REMOVED"
    return "ADDED" if item.updated_at == item.created_at else "CHANGED"


def _place(
    item: WorldObject, node: Node, campaigns: Mapping[str, Object], groups: Mapping[str, Mapping[str, Object]]
) -> tuple[str, dict[str, str], Mapping[str, Object]]:
    """The kind of an object, the resource names from the campaign down to it, and the resources of its row."""
    customer = f"customers/{node.id}"
    if isinstance(item, WorldCampaign):
        return "CAMPAIGN", {"campaign": f"{customer}/campaigns/{item.id}"}, {"campaign": campaigns[item.id]}
    names = {"campaign": f"{customer}/campaigns/{item.campaign_id}"}
    if isinstance(item, WorldAdGroup):
        return "AD_GROUP", {**names, "adGroup": f"{customer}/adGroups/{item.id}"}, groups[item.id]
    names["adGroup"] = f"{customer}/adGroups/{item.ad_group_id}"
    row = groups[item.ad_group_id]
    if isinstance(item, WorldAd):
        return "AD_GROUP_AD", {**names, "adGroupAd": f"{customer}/adGroupAds/{item.ad_group_id}~{item.id}"}, row
    assert isinstance(item, WorldKeyword)
    return "AD_GROUP_CRITERION", {**names, "adGroupCriterion": f"{customer}/adGroupCriteria/{item.id}"}, row
