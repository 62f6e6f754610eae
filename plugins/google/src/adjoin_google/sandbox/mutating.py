"""Mutates: all operations of a request or none, those that are right, or only a check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from adjoin.testing.world import Presence
from adjoin_google.sandbox.advertising import prepare_ad, prepare_ad_group_ad
from adjoin_google.sandbox.budgeting import prepare_budget
from adjoin_google.sandbox.campaigning import DECLARATION, prepare_campaign
from adjoin_google.sandbox.catalog import camel
from adjoin_google.sandbox.drafts import Draft, Steps, is_gone
from adjoin_google.sandbox.errors import AdsError, Refusal, ads_status
from adjoin_google.sandbox.grouping import prepare_ad_group, prepare_keyword
from adjoin_google.sandbox.hierarchy import Node
from adjoin_google.sandbox.objects import Object, Objects
from adjoin_google.sandbox.operations import KINDS, Operation, Problem, read_operations
from adjoin_google.sandbox.store import Budget, Store
from adjoin_google.sandbox.wire import read_text_map

__all__ = ["Mutating"]

_PREPARE: Mapping[str, Callable[[Operation, Draft], Steps]] = {
    "campaign_budget": prepare_budget,
    "campaign": prepare_campaign,
    "ad_group": prepare_ad_group,
    "ad_group_criterion": prepare_keyword,
    "ad_group_ad": prepare_ad_group_ad,
    "ad": prepare_ad,
}
_OPTIONS = {
    "customerId": "string",
    "partialFailure": "bool",
    "validateOnly": "bool",
    "responseContentType": "UNSPECIFIED RESOURCE_NAME_ONLY MUTABLE_RESOURCE",
}


class Mutating:
    """Carries out mutates on the world."""

    def __init__(self, world: Presence, objects: Objects, store: Store) -> None:
        self._world = world
        self._objects = objects
        self._store = store

    def serves(self, service: str) -> bool:
        """Whether there is a mutate of this collection."""
        return service == "googleAds" or service in KINDS

    def forget_declaration(self, account_id: str) -> None:
        """Let the account's first campaign lack its declaration on political advertising."""
        live = [campaign for campaign in self._world.campaigns(account_id) if not is_gone(campaign)]
        self._store.undeclared.update(campaign.id for campaign in live[:1])

    def draft(self, node: Node, now: datetime) -> Draft:
        """Begin a mutate of an account."""
        return Draft(world=self._world, objects=self._objects, store=self._store, node=node, now=now)

    def apply(self, service: str, given: Mapping[str, Any], draft: Draft, *, version: str, request_id: str) -> Object:
        """Answer a request. Everything is checked before anything is changed. Raises Refusal."""
        several = service == "googleAds"
        key = "mutateOperations" if several else "operations"
        request = read_text_map(given, {**_OPTIONS, key: "list"})
        operations = read_operations(service, request.get(key, []))
        steps: list[Steps | None] = []
        errors: list[AdsError] = []
        for operation in operations:
            try:
                self._check_declarations(operation, draft)
                steps.append(_PREPARE[operation.kind.name](operation, draft))
            except Problem as problem:
                draft.fail(operation)
                errors += problem.errors
                steps.append(None)
        partial = bool(request.get("partialFailure"))
        if errors and not partial:
            missing = all(error.code == "RESOURCE_NOT_FOUND" for error in errors)
            raise Refusal(404 if missing else 400, *errors)
        answer: Object = {}
        if errors:
            answer["partialFailureError"] = ads_status(errors, version, request_id)
        if request.get("validateOnly"):
            return answer
        whole = request.get("responseContentType") == "MUTABLE_RESOURCE"
        results = [
            self._result(operation, step, draft, whole=whole, several=several)
            for operation, step in zip(operations, steps, strict=True)
        ]
        answer["mutateOperationResponses" if several else "results"] = results
        return answer

    def _check_declarations(self, operation: Operation, draft: Draft) -> None:
        """Refuse any change while a campaign of the account lacks its declaration, except those that give it."""
        if not any(campaign.id in self._store.undeclared for campaign in self._world.campaigns(draft.node.id)):
            return
        if operation.kind.name == "campaign" and operation.mask == (DECLARATION,):
            return
        raise operation.problem(
            "mutateError",
            "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED",
            "Campaigns of this account lack their declaration on EU political advertising.",
        )

    def _result(self, operation: Operation, step: Steps | None, draft: Draft, *, whole: bool, several: bool) -> Object:
        result: Object = {}
        if step is not None:
            name = step()
            result["resourceName"] = name
            if whole and operation.verb != "remove":
                result[camel(operation.kind.name)] = self._whole(operation.kind.name, name, draft)
        if not several:
            return result
        return {operation.kind.result: result} if result else {}

    def _whole(self, kind: str, name: str, draft: Draft) -> Object:
        """The resource of a name as it is now."""
        found = draft.find(kind, name)
        assert found is not None
        if isinstance(found, Budget):
            return self._objects.budget_object(found)
        return self._objects.resource(kind, found)
