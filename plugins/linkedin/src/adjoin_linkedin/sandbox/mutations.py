"""The calls that change something: create, partial update, delete, their batches, and the actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from adjoin.testing.world import World, WorldAccount, WorldAd, WorldAdGroup, WorldCampaign
from adjoin_linkedin.sandbox import urns
from adjoin_linkedin.sandbox.calls import Answer, Call
from adjoin_linkedin.sandbox.changes import Changes
from adjoin_linkedin.sandbox.content import Content
from adjoin_linkedin.sandbox.errors import InputError, Refusal, bad_input, method_not_allowed, not_found, param_invalid
from adjoin_linkedin.sandbox.faulting import Faulting
from adjoin_linkedin.sandbox.objects import Objects

__all__ = ["Mutations"]


@dataclass(frozen=True, slots=True)
class Mutations:
    """Answers what changes the world, or the posts and images beside it."""

    world: World
    objects: Objects
    content: Content
    faulting: Faulting

    def below(self, call: Call, method: str, account: WorldAccount) -> Answer:
        """Answer a change of a campaign group, campaign or creative."""
        resource, key = call.path[2], call.path[3] if len(call.path) > 3 else None
        changes = Changes(self.objects, self.content, account, self.world.now)
        if key is not None:
            call.params.allow()
            item = self._item(resource, call.text_key(key), account)
            if method == "PARTIAL_UPDATE":
                changes.update(resource, item, call.json())
            elif method == "DELETE":
                changes.delete(resource, item)
            else:
                raise method_not_allowed(method)
            return Answer(status=204)
        if method == "CREATE":
            call.params.allow()
            return _created(call, changes.create(resource, call.json()))
        if method == "ACTION" and resource == "creatives":
            call.params.allow("action")
            if call.params.text("action") != "createInline":
                raise not_found(f"No action {call.params.text('action')!r} on creatives")
            made = changes.create_inline(call.json(), ready=self._ready())
            return Answer.of({"value": {"creative": made}}, headers=_created(call, made).headers)
        if method == "BATCH_CREATE":
            call.params.allow()
            return Answer.of({"elements": [self._try_create(changes, resource, each) for each in _elements(call)]})
        if method == "BATCH_PARTIAL_UPDATE":
            entities = call.json().get("entities")
            if not isinstance(entities, dict):
                raise bad_input(InputError("entities", "Field is required", "MISSING_FIELD"))
            bodies = {key: body for key, body in entities.items() if isinstance(body, dict)}
            return self._each(
                call,
                lambda key: changes.update(resource, self._item(resource, key, account), bodies.get(key, {})),
            )
        if method == "BATCH_DELETE":
            return self._each(call, lambda key: changes.delete(resource, self._item(resource, key, account)))
        raise method_not_allowed(method)

    def posts(self, call: Call, method: str) -> Answer:
        """Answer the creation of a post."""
        if method != "CREATE" or len(call.path) > 1:
            raise method_not_allowed(method)
        body = call.json()
        self.content.check_post(body, ready=self._ready())
        return _created(call, self.content.add_post(body, self.world.now), encoded=False)

    def images(self, call: Call, method: str) -> Answer:
        """Answer the order of an upload."""
        if method != "ACTION" or len(call.path) > 1 or call.params.text("action") != "initializeUpload":
            raise method_not_allowed(method)
        return Answer.of(self.content.begin_upload(call.json(), base=call.base, now=self.world.now))

    def _ready(self) -> bool:
        return not self.faulting.due("mutate", "image_not_ready")

    def _item(self, resource: str, key: str, account: WorldAccount) -> WorldCampaign | WorldAdGroup | WorldAd:
        found: WorldCampaign | WorldAdGroup | WorldAd | None
        if resource == "creatives":
            found = self.objects.creative_of(urns.bare(key, urns.CREATIVE, path="key"))
        else:
            found = self.objects.group_of(key) if resource == "adCampaignGroups" else self.objects.campaign_of(key)
        if found is None or found.account_id != account.id:
            raise not_found(f"{resource} {key} was not found")
        return found

    def _try_create(self, changes: Changes, resource: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"status": 201, "id": changes.create(resource, body)}
        except Refusal as refusal:
            return {"status": refusal.status, "error": refusal.to_json()}

    def _each(self, call: Call, change: Callable[[str], None]) -> Answer:
        """Change one after the other; what is refused does not stop the rest."""
        call.params.allow("ids")
        ids = call.params.texts("ids")
        if not ids:
            raise param_invalid("ids", "Invalid argument: a list of ids is needed")
        results: dict[str, Mapping[str, int]] = {}
        errors: dict[str, dict[str, Any]] = {}
        for key in ids:
            try:
                change(key)
                results[key] = {"status": 204}
            except Refusal as refusal:
                errors[key] = refusal.to_json()
        return Answer.of({"results": results, "errors": errors})


def _created(call: Call, made: str, *, encoded: bool = True) -> Answer:
    """Answer with the id in the headers alone. URNs of creatives come percent-encoded, those of posts as they are."""
    key = quote(made, safe="")
    headers = {"x-restli-id": key if encoded else made, "Location": f"/{'/'.join(call.path)}/{key}"}
    return Answer(status=201, headers=headers)


def _elements(call: Call) -> list[dict[str, Any]]:
    elements = call.json().get("elements")
    if not isinstance(elements, list) or not all(isinstance(each, dict) for each in elements):
        raise bad_input(InputError("elements", "Field is required", "MISSING_FIELD"))
    return elements
