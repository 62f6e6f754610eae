"""The service itself: which resource a call means, who may ask it, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adjoin.testing.world import World, WorldAccount
from adjoin_linkedin.sandbox import urns
from adjoin_linkedin.sandbox.analytics import Analytics, Meter
from adjoin_linkedin.sandbox.calls import Answer, Call, classify, restli_method
from adjoin_linkedin.sandbox.content import Content
from adjoin_linkedin.sandbox.conversions import conversion_nodes
from adjoin_linkedin.sandbox.errors import (
    Refusal,
    access_denied,
    method_not_allowed,
    not_found,
    param_invalid,
)
from adjoin_linkedin.sandbox.faulting import Faulting, surprise
from adjoin_linkedin.sandbox.limits import Limits
from adjoin_linkedin.sandbox.mutations import Mutations
from adjoin_linkedin.sandbox.oauth import Tokens
from adjoin_linkedin.sandbox.objects import PERSON, Objects
from adjoin_linkedin.sandbox.paging import counted_page, token_page
from adjoin_linkedin.sandbox.questions import ask
from adjoin_linkedin.sandbox.search import find_creatives, search
from adjoin_linkedin.sandbox.versions import check_version

__all__ = ["Service"]

#: The scopes of which one is needed, for reading and for changing.
_SCOPES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "adAnalytics": (frozenset({"r_ads_reporting"}), frozenset()),
    "conversions": (frozenset({"r_ads", "rw_ads", "rw_conversions"}), frozenset({"rw_conversions"})),
    "posts": (frozenset({"r_organization_social", "w_organization_social"}), frozenset({"w_organization_social"})),
    "images": (frozenset({"w_organization_social", "rw_ads"}), frozenset({"w_organization_social", "rw_ads"})),
    "organizations": (frozenset({"r_organization_social", "w_organization_social", "r_ads", "rw_ads"}), frozenset()),
}
_ADS = (frozenset({"r_ads", "rw_ads"}), frozenset({"rw_ads"}))

_BELOW_ACCOUNT = ("adCampaignGroups", "adCampaigns", "creatives")


class Service:
    """Answers calls from the world. One instance per sandbox; what it counts and hands out lives here."""

    def __init__(self, world: World, limits: Limits, tokens: Tokens, timer: Callable[[], float]) -> None:
        self.world = world
        self.limits = limits
        self.tokens = tokens
        self.presence = world.on("linkedin")
        self.faulting = Faulting(world.faults, tokens)
        self.objects = Objects(self.presence, disabled=self.faulting.disabled)
        self.content = Content(self.objects)
        self.mutations = Mutations(world, self.objects, self.content, self.faulting)
        self.analytics = Analytics(self.presence, limits, Meter(limits, timer), self._of_types)

    def answer(self, call: Call, named_method: str) -> Answer:
        """Answer one call. Raises Refusal."""
        request_class = classify(call.method, ("rest", *call.path))
        self.faulting.refuse(request_class, call.version)
        scopes = self.tokens.check(call.token, self.world.now)
        version = check_version(call.version, self.world.today)
        resource = call.path[2] if len(call.path) > 2 else call.path[0] if call.path else ""
        keyed = len(call.path) % 2 == 0
        method = restli_method(call.method, named_method, keyed=keyed, params=call.params)
        finder = call.params.text("q") if method == "FINDER" else ""
        operation = f"partnerApi{resource[:1].upper()}{resource[1:]}.{method}{finder and f'-{finder}'}.{version}"
        reading, changing = _SCOPES.get(resource, _ADS)
        if not (changing if call.method != "GET" else reading).intersection(scopes):
            raise access_denied(operation)
        return self._route(call, method, request_class, operation)

    def _route(self, call: Call, method: str, request_class: str, operation: str) -> Answer:
        match call.path:
            case ("adAnalytics",):
                return self._analytics(call, method, operation)
            case ("adAccountUsers",):
                return self._users(call, method)
            case ("adAccounts", *_):
                return self._below_accounts(call, method, request_class, operation)
            case ("conversions",):
                return self._conversions(call, method, operation)
            case ("organizations", number):
                return self._one(self.content.organization(call.text_key(number)), call, method)
            case ("posts", *rest) if len(rest) <= 1:
                return self._posts(call, method, rest)
            case ("images", *rest) if len(rest) <= 1:
                return self._images(call, method, rest)
        raise not_found(f"No virtual resource found for /{'/'.join(call.path)}")

    # --- accounts and what is below them ------------------------------------------------------------------------------

    def _below_accounts(self, call: Call, method: str, request_class: str, operation: str) -> Answer:
        if len(call.path) == 1:
            nodes = [self.objects.account(each) for each in self.presence.accounts]
            if method == "FINDER":
                _only_finder(call, "search")
                found = search(call.params, "adAccounts", nodes)
                return self._page(call, found, request_class, self.limits.page)
            return self._batch(call, method, {str(node["id"]): node for node in nodes}, "")
        account = self._account(call.text_key(call.path[1]), request_class, operation)
        if len(call.path) == 2:
            return self._one(self.objects.account(account), call, method)
        resource = call.path[2]
        if resource not in _BELOW_ACCOUNT or len(call.path) > 4:
            raise not_found(f"No virtual resource found for /{'/'.join(call.path)}")
        if call.method != "GET":
            return self.mutations.below(call, method, account)
        nodes = self._nodes(resource, account)
        if method == "FINDER":
            if resource == "creatives":
                _only_finder(call, "criteria")
                found, largest = find_creatives(call.params, nodes), self.limits.creatives_page
            else:
                _only_finder(call, "search")
                found, largest = search(call.params, resource, nodes), self.limits.page
            return self._page(call, found, request_class, largest)
        by_key = {str(node["id"]): node for node in nodes}
        kind = urns.CREATIVE if resource == "creatives" else ""
        if len(call.path) == 3:
            return self._batch(call, method, by_key, kind)
        key = _key(call.text_key(call.path[3]), kind)
        if key not in by_key:
            raise not_found(f"{resource} {key} was not found")
        return self._one(by_key[key], call, method)

    def _nodes(self, resource: str, account: WorldAccount) -> list[dict[str, Any]]:
        make = {
            "adCampaignGroups": self.objects.groups,
            "adCampaigns": self.objects.campaigns,
            "creatives": self.objects.creatives,
        }[resource]
        return make(account)

    def _account(self, account_id: str, request_class: str, operation: str) -> WorldAccount:
        if not account_id.isdecimal():
            raise param_invalid("key", f"Invalid argument: {account_id!r} is not an account id")
        self.faulting.account(request_class, account_id, operation)
        account = next((each for each in self.presence.accounts if each.id == account_id), None)
        if account is None:
            # The API does not tell what is not there from what may not be seen.
            raise access_denied(operation)
        return account

    def _page(self, call: Call, nodes: list[dict[str, Any]], request_class: str, largest: int) -> Answer:
        page = token_page(call, nodes, largest=largest, limits=self.limits, faulting=self.faulting, kind=request_class)
        page["elements"] = self._shown(call, page["elements"], request_class)
        return Answer.of(page)

    def _batch(self, call: Call, method: str, by_key: Mapping[str, dict[str, Any]], kind: str) -> Answer:
        if method != "BATCH_GET":
            raise method_not_allowed(method)
        call.params.allow("ids", "fields")
        ids = call.params.texts("ids")
        if not ids:
            raise param_invalid("ids", "Invalid argument: a list of ids is needed")
        keys = [_key(each, kind) for each in ids]
        found = {key: self._shown(call, [by_key[key]], "entities")[0] for key in keys if key in by_key}
        missing = [key for key in keys if key not in by_key]
        return Answer.of(
            {
                "results": found,
                "statuses": dict.fromkeys(missing, 404),
                "errors": {key: not_found(f"{key} was not found").to_json() for key in missing},
            }
        )

    def _one(self, node: dict[str, Any], call: Call, method: str) -> Answer:
        if method != "GET":
            raise method_not_allowed(method)
        call.params.allow("fields")
        return Answer.of(self._shown(call, [node], "entities")[0])

    def _shown(
        self, call: Call, nodes: Sequence[dict[str, Any]], request_class: str, *, words: bool = True
    ) -> list[dict[str, Any]]:
        """Project the nodes to the fields that are asked for."""
        wanted = {name for name in call.params.text("fields").split(",") if name}
        shown = [{name: value for name, value in node.items() if not wanted or name in wanted} for node in nodes]
        if self.faulting.due(request_class, "unknown_values"):
            shown = [surprise(node, words=words) for node in shown]
        return shown

    def _users(self, call: Call, method: str) -> Answer:
        if method != "FINDER":
            raise method_not_allowed(method)
        call.params.allow("q", "accounts", "start", "count", "fields")
        accounts: Sequence[WorldAccount] = self.presence.accounts
        if _only_finder(call, "authenticatedUser", "accounts") == "accounts":
            asked = call.params.values.get("accounts", "")
            first = asked[0] if isinstance(asked, list) and asked else asked
            number = urns.bare(str(first), urns.ACCOUNT, path="accounts")
            accounts = [each for each in accounts if each.id == number]
        nodes = [
            {
                "account": f"{urns.ACCOUNT}{account.id}",
                "user": PERSON,
                "role": "ACCOUNT_BILLING_ADMIN",
                "changeAuditStamps": self.objects.account(account)["changeAuditStamps"],
                "version": {"versionTag": "1"},
            }
            for account in accounts
        ]
        return Answer.of(counted_page(call, self._shown(call, nodes, "accounts")))

    # --- beside the accounts ------------------------------------------------------------------------------------------

    def _analytics(self, call: Call, method: str, operation: str) -> Answer:
        if method != "FINDER":
            raise method_not_allowed(method)
        question = ask(call.params, self.limits, self.world.today)
        for account_id in sorted(question.facets.get("accounts", ())):
            self.faulting.account("facts", account_id, operation)
        extra = '"introducedIn2027":{"score":0.5}' if self.faulting.due("facts", "unknown_values") else ""
        elements = ",".join(self.analytics.elements(question, extra=extra))
        body = f'{{"paging":{{"start":0,"count":10,"links":[]}},"elements":[{elements}]}}'
        return Answer(body=body.encode())

    def _of_types(self, types: frozenset[str]) -> set[str]:
        return {
            str(node["id"])
            for account in self.presence.accounts
            for node in self.objects.campaigns(account)
            if node["type"] in types
        }

    def _conversions(self, call: Call, method: str, operation: str) -> Answer:
        if method != "FINDER":
            raise method_not_allowed(method)
        _only_finder(call, "account")
        call.params.allow("q", "account", "start", "count", "fields")
        number = urns.bare(call.params.text("account"), urns.ACCOUNT, path="account")
        account = self._account(number, "entities", operation)
        nodes = self._shown(call, conversion_nodes(self.presence, account), "entities", words=False)
        return Answer.of(counted_page(call, nodes))

    def _posts(self, call: Call, method: str, rest: Sequence[str]) -> Answer:
        if call.method != "GET":
            return self.mutations.posts(call, method)
        if rest:
            return self._one(self.content.post(call.text_key(rest[0])), call, method)
        if method == "BATCH_GET":
            found: dict[str, dict[str, Any]] = {}
            for urn in call.params.texts("ids") or ():
                try:
                    found[urn] = self.content.post(urn)
                except Refusal:
                    continue
            return self._batch(call, method, found, "")
        raise method_not_allowed(method)

    def _images(self, call: Call, method: str, rest: Sequence[str]) -> Answer:
        if call.method != "GET":
            return self.mutations.images(call, method)
        if rest:
            return self._one(self.content.image(call.text_key(rest[0])), call, method)
        raise method_not_allowed(method)


def _only_finder(call: Call, *names: str) -> str:
    finder = call.params.text("q")
    if finder not in names:
        raise not_found(f"No finder {finder!r} on /{'/'.join(call.path)}")
    return finder


def _key(text: str, kind: str) -> str:
    """A key as nodes are found by it. Creatives go by their URN."""
    return f"{kind}{urns.bare(text, kind, path='key')}" if kind else text
