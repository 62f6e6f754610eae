"""A mutate on its way: what it is about to create, so that later operations can build on earlier ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias, TypeVar

from adjoin.ads.v2 import Status
from adjoin.testing.world import (
    Presence,
    WorldAd,
    WorldAdGroup,
    WorldCampaign,
    WorldKeyword,
    minor_unit_micros,
)
from adjoin_google.sandbox.catalog import find, known_fields, snake
from adjoin_google.sandbox.hierarchy import Node
from adjoin_google.sandbox.objects import Objects, budget_id
from adjoin_google.sandbox.operations import Operation
from adjoin_google.sandbox.states import CHANNELS
from adjoin_google.sandbox.store import Budget, Store

__all__ = ["STATUSES", "Draft", "Known", "Steps", "given_status", "is_gone"]

#: Carries out an operation that has been checked, and returns the resource name.
Steps: TypeAlias = Callable[[], str]

Known: TypeAlias = WorldCampaign | WorldAdGroup | WorldAd | WorldKeyword | Budget

ItemT = TypeVar("ItemT", WorldCampaign, WorldAdGroup, WorldAd, WorldKeyword)

STATUSES = {"ENABLED": Status.ACTIVE, "PAUSED": Status.PAUSED}
_GONE = (Status.REMOVED, Status.ARCHIVED)
_TEMPORARY = re.compile(r"customers/(\d+)/([A-Za-z]+)/(-\d+)")
_CHANNEL_OF = {native: channel for channel, native in CHANNELS.items()}


@dataclass(slots=True)
class _Pending:
    kind: str
    value: dict[str, Any]
    failed: bool = False
    real: str = ""


@dataclass(slots=True, kw_only=True)
class Draft:
    """What one request has done so far, and the account that it changes."""

    world: Presence
    objects: Objects
    store: Store
    node: Node
    now: datetime
    pending: dict[str, _Pending] = field(default_factory=dict)
    taken: set[tuple[str, ...]] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)

    @property
    def unit(self) -> int:
        """The micros that amounts are multiples of."""
        return max(10_000, minor_unit_micros(self.node.currency))

    @property
    def today(self) -> date:
        return self.world.today(self.node.id)

    def named(self, collection: str, ids: str) -> str:
        return f"customers/{self.node.id}/{collection}/{ids}"

    # --- creating -----------------------------------------------------------------------------------------------------

    def reserve(self, operation: Operation) -> None:
        """Note a create under its temporary name; refuses names that are not temporary, or not the first of theirs."""
        if operation.mask is not None:
            raise operation.problem("fieldMaskError", "FIELD_MASK_NOT_ALLOWED", "The field mask is not allowed.")
        name = operation.name
        if not name:
            return
        found = _TEMPORARY.fullmatch(name)
        if found is None or found[1] != self.node.id or found[2] != operation.kind.collection:
            raise operation.problem(
                "newResourceCreationError",
                "CANNOT_SET_ID_FOR_CREATE",
                "Do not set the id field while creating new resources.",
                "resource_name",
            )
        if any(known.rpartition("/")[2] == found[3] for known in self.pending):
            raise operation.problem(
                "newResourceCreationError",
                "DUPLICATE_TEMP_IDS",
                "Creating more than one resource with the same temp ID is not allowed.",
                "resource_name",
            )
        self.pending[name] = _Pending(operation.kind.name, operation.value)

    def fail(self, operation: Operation) -> None:
        """Note that an operation came to nothing."""
        if operation.verb == "create" and operation.name in self.pending:
            self.pending[operation.name].failed = True

    def made(self, operation: Operation, real: str) -> str:
        """Note the real name of what has been created."""
        if operation.name in self.pending:
            self.pending[operation.name].real = real
        return real

    def real(self, name: str) -> str:
        """Return the real name behind a temporary one."""
        return self.pending[name].real if name in self.pending else name

    def real_id(self, name: str) -> str:
        return self.real(name).rpartition("/")[2]

    # --- what there is ------------------------------------------------------------------------------------------------

    def refer(self, operation: Operation, key: str, kind: str) -> dict[str, Any] | Known:
        """Return what a field of an operation names: an object of the world, or the value of one about to be made."""
        name = operation.value.get(key)
        path = snake(key)
        if not name:
            raise operation.required(path)
        made = self.pending.get(str(name))
        if made is not None and made.kind == kind:
            if made.failed:
                raise operation.problem(
                    "newResourceCreationError",
                    "TEMP_ID_RESOURCE_HAD_ERRORS",
                    "The temp ID refers to a resource that had errors.",
                    path,
                )
            return made.value
        found = self.find(kind, str(name))
        if found is None or is_gone(found):
            raise operation.problem(
                "mutateError", "RESOURCE_NOT_FOUND", "Resource was not found.", path, trigger=str(name)
            )
        return found

    def find(self, kind: str, name: str) -> Known | None:
        """Return what there is of a resource name in the account, removed or not."""
        prefix, _, ids = name.rpartition("/")
        if not prefix.startswith(f"customers/{self.node.id}/"):
            return None
        if kind == "campaign_budget":
            return self._budget(ids)
        own = ids if kind == "ad_group_criterion" else ids.rpartition("~")[2]
        found = self.world.find(own)
        kinds: dict[str, type[Known]] = {
            "campaign": WorldCampaign,
            "ad_group": WorldAdGroup,
            "ad_group_ad": WorldAd,
            "ad": WorldAd,
            "ad_group_criterion": WorldKeyword,
        }
        if not isinstance(found, kinds[kind]) or found.account_id != self.node.id:
            return None
        if isinstance(found, WorldAd) and kind == "ad_group_ad" and ids != f"{found.ad_group_id}~{found.id}":
            return None
        return found

    def current(self, item: ItemT) -> ItemT:
        """Return an object as it is by now, earlier operations of this request included."""
        found = self.world.find(item.id)
        assert isinstance(found, type(item))
        return found

    def _budget(self, budget: str) -> Budget | None:
        made = self.store.budgets.get(budget)
        if made is not None:
            return made
        for campaign in self.world.campaigns(self.node.id):
            if budget_id(campaign.id) == budget and campaign.id not in self.store.budget_of:
                return self.objects.own_budget(campaign)
        return None

    def target(self, operation: Operation) -> Known:
        """Return what an update or a remove is about; refuses what is not there, is gone, or was here before."""
        name = operation.name
        path = ("resource_name",) if operation.verb == "update" else ()
        if not name:
            raise operation.problem("requestError", "RESOURCE_NAME_MISSING", "Resource name is missing.", *path)
        if not name.startswith(f"customers/{self.node.id}/{operation.kind.collection}/"):
            raise operation.problem(
                "requestError", "RESOURCE_NAME_MALFORMED", "Resource name is malformed.", *path, trigger=name
            )
        if name in self.touched:
            raise operation.problem(
                "mutateError",
                "ID_EXISTS_IN_MULTIPLE_MUTATES",
                "Cannot mutate the same resource twice in one request.",
                *path,
                trigger=name,
            )
        self.touched.add(name)
        found = self.find(operation.kind.name, name)
        if found is None:
            raise operation.problem("mutateError", "RESOURCE_NOT_FOUND", "Resource was not found.", *path, trigger=name)
        if is_gone(found):
            raise operation.problem(
                "contextError",
                "OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE",
                "The operation is not allowed for removed resources.",
                *path,
            )
        return found

    def channel(self, owner: dict[str, Any] | Known) -> str:
        """The channel of a campaign, or of the campaign of an ad group, made already or not."""
        if isinstance(owner, WorldCampaign):
            return owner.channel
        if isinstance(owner, WorldAdGroup):
            campaign = self.world.find(owner.campaign_id)
            assert isinstance(campaign, WorldCampaign)
            return campaign.channel
        assert isinstance(owner, dict)
        if "advertisingChannelType" in owner:
            return _CHANNEL_OF.get(str(owner["advertisingChannelType"]), "")
        name = str(owner.get("campaign", ""))
        above = self.pending[name].value if name in self.pending else self.find("campaign", name)
        return self.channel(above) if above is not None else ""

    # --- updating -----------------------------------------------------------------------------------------------------

    def mask(self, operation: Operation, fixed: frozenset[str]) -> list[tuple[str, ...]]:
        """Return the paths of an update, in camelCase; refuses unknown ones, parents of others, and fixed ones."""
        if operation.mask is None or not operation.mask:
            raise operation.problem("fieldMaskError", "FIELD_MASK_MISSING", "The field mask must be provided.")
        resource = "ad_group_ad" if operation.kind.name == "ad" else operation.kind.name
        start = "ad." if operation.kind.name == "ad" else ""
        for path in operation.mask:
            name = start + ".".join(snake(part) for part in path.split("."))
            where = tuple(name.removeprefix(start).split("."))
            field_ = find(f"{resource}.{name}")
            if field_ is None:
                below = any(known.startswith(f"{resource}.{name}.") for known in known_fields())
                code = "FIELD_HAS_SUBFIELDS" if below else "FIELD_NOT_FOUND"
                message = f"The field mask contained an invalid field: '{'/'.join(where)}'."
                raise operation.problem("fieldMaskError", code, message, *where)
            if name in fixed:
                raise operation.problem("fieldError", "IMMUTABLE_FIELD", "The field cannot be modified.", *where)
        return [tuple(path.split(".")) for path in operation.mask]


def is_gone(known: Known) -> bool:
    return known.removed if isinstance(known, Budget) else known.status in _GONE


def given_status(operation: Operation, default: str) -> Status:
    """Return the status that an operation sets; what is removed is removed by `remove`."""
    status = str(operation.value.get("status", default))
    if status not in STATUSES:
        raise operation.problem(
            "enumError", "ENUM_VALUE_NOT_PERMITTED", "The enum value is not permitted.", "status", trigger=status
        )
    return STATUSES[status]
