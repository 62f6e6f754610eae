"""The graph itself: which node or edge a call means, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from adjoin.testing.world import World, WorldAccount
from adjoin_meta.sandbox.actions import SYNONYMS, custom_id
from adjoin_meta.sandbox.calls import Answer, Call
from adjoin_meta.sandbox.changes import Changes
from adjoin_meta.sandbox.errors import (
    Refusal,
    bad_parameter,
    forbidden_write,
    missing_token,
    no_such_object,
    no_such_path,
    reduce_data,
    revoked_token,
)
from adjoin_meta.sandbox.faulting import Faulting
from adjoin_meta.sandbox.fields import parse_fields, select
from adjoin_meta.sandbox.filters import json_list, matches, parse_filtering
from adjoin_meta.sandbox.insights import Insights, Query
from adjoin_meta.sandbox.oauth import Tokens
from adjoin_meta.sandbox.objects import FIELDS, HIDDEN, KINDS, Objects
from adjoin_meta.sandbox.paging import Window, page_body, page_window, paging_block
from adjoin_meta.sandbox.reports import QUICK, USUAL, Reports, Run, State
from adjoin_meta.sandbox.results import Results
from adjoin_meta.sandbox.rules import LEAST_BUDGET
from adjoin_meta.sandbox.tomorrow import NEWER, NEWER_TEXT, TOMORROW
from adjoin_meta.sandbox.usage import Usage

__all__ = ["Graph", "Weight"]

_EDGES = {"campaigns": "campaign", "adsets": "adset", "ads": "ad", "adcreatives": "creative"}

#: What an edge sends when no fields are named.
_DEFAULTS = {"account": "id,account_id", "creative": "id"}


#: Reports of up to so many rows need no waiting.
_QUICK_ROWS = 2_500


class Weight(msgspec.Struct, frozen=True, kw_only=True):
    """From how many rows on the API says that it is too much: of a page, of a direct query, of a report."""

    page: int = 1_000
    query: int = 100_000
    report: int = 2_000_000


class Graph:
    """Answers calls from the world. One instance per sandbox; what it counts and hands out lives here."""

    def __init__(self, world: World, weight: Weight) -> None:
        self.world = world
        self.weight = weight
        self.presence = world.on("meta")
        self.objects = Objects(self.presence)
        self.insights = Insights(self.presence, self.objects)
        self.changes = Changes(self.presence, self.objects, lambda: world.now)
        self.reports = Reports()
        self.tokens = Tokens(world.token("meta"))
        self.usage = Usage()
        self.faulting = Faulting(world, self.usage)

    def answer(self, call: Call) -> Answer:
        """Answer one call. Raises Refusal."""
        account_id = self._bucket(call)
        self.usage.count(account_id)
        request_class = call.request_class
        self.faulting.refuse(request_class, account_id, call.params)
        if "ids" in call.params and not call.path:
            raise bad_parameter("The ids parameter is not supported any more; use batch requests")
        if call.path == ("debug_token",):
            return Answer.of(self.tokens.debug(call.params, call.token, self.world.now))
        if not call.token:
            raise missing_token()
        if self.faulting.due(request_class, "token_revoked"):
            self.tokens.revoke(call.token)
            raise revoked_token()
        self.tokens.check(call.token, self.world.now)
        if proof := call.params.get("appsecret_proof"):
            self.tokens.check_proof(call.token, proof)
        found = self._route(call)
        headers = self.usage.headers(account_id, insights=request_class == "facts")
        if self.faulting.due(request_class, "version_warning"):
            headers["x-ad-api-version-warning"] = (
                f"The call has been auto-upgraded, as {call.version} will be deprecated."
            )
        return Answer(body=found.body, status=found.status, headers={**headers, **found.headers})

    def _bucket(self, call: Call) -> str:
        """The bare id of the account that a call counts for, empty where it is none's."""
        first = call.path[0] if call.path else ""
        if first.startswith("act_"):
            return first.removeprefix("act_")
        run = self.reports.find(first, self.world.now)
        if run is not None:
            return run.query.account_id.removeprefix("act_")
        found = self.presence.find(first)
        return found.account_id.removeprefix("act_") if found else ""

    def _route(self, call: Call) -> Answer:
        if call.request_class == "mutate":
            return self._change(call)
        if call.method not in ("GET", "POST"):
            raise Refusal(f"Unsupported {call.method.lower()} request.", code=100, type_="GraphMethodException")
        match call.path:
            case ("me",):
                return Answer.of({"id": "10000000000000001", "name": "Sandbox User"})
            case ("me", "permissions"):
                return Answer.of({"data": self.tokens.permissions(call.token, self.world.now)})
            case ("me", "adaccounts"):
                return self._page(call, "account", [self._account_node(each) for each in self.presence.accounts])
            case (node_id,):
                return self._node(call, node_id)
            case (node_id, edge):
                return self._edge(call, node_id, edge)
        raise no_such_path("/".join(call.path))

    def _change(self, call: Call) -> Answer:
        if "ads_management" not in self.tokens.check(call.token, self.world.now).scopes:
            raise forbidden_write()
        match call.method, call.path:
            case "POST", (node_id, edge):
                account, scope = self._scope(node_id)
                if scope is not None:
                    raise Refusal("Unsupported post request.", code=100, type_="GraphMethodException")
                answer = self.changes.create(edge, account, call.params)
            case "POST", (node_id,):
                answer = self.changes.update(node_id, call.params)
            case "DELETE", (node_id,):
                answer = self.changes.delete(node_id)
            case _:
                raise no_such_path("/".join(call.path))
        self.insights.forget()
        return Answer.of(answer)

    # --- nodes and edges ----------------------------------------------------------------------------------------------

    def _node(self, call: Call, node_id: str) -> Answer:
        if run := self.reports.find(node_id, self.world.now):
            return Answer.of(run.poll())
        found = self.objects.node(node_id)
        if found is None:
            raise no_such_object(node_id)
        level, node = found
        fields = call.params.get("fields") or _DEFAULTS.get(level, "id")
        shown = select(node, parse_fields(fields), kind=KINDS[level], known=FIELDS[level])
        return Answer.of(self._of_tomorrow(call, [shown])[0])

    def _account_node(self, account: WorldAccount) -> dict[str, Any]:
        node = self.objects.account_node(account)
        return node | {"account_status": 2, "disable_reason": 1} if self.faulting.disabled(account.id) else node

    def _of_tomorrow(self, call: Call, nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Nodes as they are, or with values and fields that nobody knows yet."""
        if not self.faulting.due(call.request_class, "unknown_values"):
            return nodes
        return [
            node | {name: value for name, value in TOMORROW.items() if name in node} | dict(NEWER) for node in nodes
        ]

    def _edge(self, call: Call, node_id: str, edge: str) -> Answer:
        run = self.reports.find(node_id, self.world.now)
        if run is not None and edge == "insights":
            return self._report_page(call, run)
        account, scope = self._scope(node_id)
        if edge == "insights":
            return self._insights(call, account, scope)
        if edge == "customconversions" and scope is None:
            return self._page(call, "customconversion", self._custom_conversions(account))
        if edge == "adimages" and scope is None:
            return self._page(call, "image", self._images(call, account))
        if edge == "minimum_budgets" and scope is None:
            return Answer.of({"data": [_minimum(account)]})
        level = _EDGES.get(edge)
        if level is None:
            raise no_such_path(edge)
        nodes = self.objects.of(level, account.id)
        if scope is not None:
            key = "id" if scope[0] == level else f"{scope[0]}_id"
            if level == "creative":
                ads = [ad for ad in self.presence.ads(account.id) if ad.id == scope[1]]
                nodes = (self.objects.creatives.of(ad) for ad in ads)
            else:
                nodes = (node for node in nodes if node.get(key) == scope[1])
        return self._page(call, level, self._filtered(call.params, level, list(nodes)))

    def _scope(self, node_id: str) -> tuple[WorldAccount, tuple[str, str] | None]:
        """The account that a node belongs to, and its level and id if it is not the account itself."""
        if node_id.startswith("act_"):
            account = self.objects.account(node_id)
            if account is None:
                raise no_such_object(node_id)
            return account, None
        found, item = self.objects.node(node_id), self.presence.find(node_id)
        if found is None or item is None:
            raise no_such_object(node_id)
        return self.presence.account(item.account_id), (found[0], node_id)

    def _filtered(self, params: Mapping[str, str], level: str, nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if level == "creative":
            return nodes
        filters = parse_filtering(params.get("filtering", ""))
        states = json_list(params.get("effective_status", ""), "effective_status")
        stated = bool(states) or any(condition.field.endswith("effective_status") for condition in filters)
        if states:
            nodes = [node for node in nodes if node["effective_status"] in states]
        elif not stated:
            nodes = [node for node in nodes if node["effective_status"] not in HIDDEN]
        if since := params.get("updated_since"):
            if level == "campaign":
                raise bad_parameter("Unsupported parameter updated_since")
            nodes = [node for node in nodes if _epoch(node["updated_time"]) >= int(since)]
        for condition in filters:
            of_level, _, attribute = condition.field.partition(".")
            if of_level != level:
                raise bad_parameter(f"Filtering field {condition.field} is invalid")
            nodes = [node for node in nodes if matches(_comparable(node, attribute), condition)]
        return nodes

    def _images(self, call: Call, account: WorldAccount) -> list[dict[str, Any]]:
        hashes = json_list(call.params.get("hashes", ""), "hashes")
        bare = account.id.removeprefix("act_")
        images = [image for image in self.objects.creatives.images.values() if image["account_id"] == bare]
        return [image for image in images if not hashes or image["hash"] in hashes]

    def _custom_conversions(self, account: WorldAccount) -> list[dict[str, Any]]:
        truth = self.presence.truth("conversion_daily", account_id=account.id)
        actions = {str(action) for action in truth["action"].unique().to_pylist()}
        return [
            {"id": custom_id(action), "account_id": account.id.removeprefix("act_"), "name": action}
            for action in sorted(actions)
            if action not in SYNONYMS
        ]

    def _page(self, call: Call, level: str, nodes: Sequence[dict[str, Any]]) -> Answer:
        window = self._window(call)
        fields = parse_fields(call.params.get("fields") or _DEFAULTS.get(level, "id"))
        kind, known = KINDS[level], FIELDS[level]
        if self.faulting.due(call.request_class, "page_duplicate") and window.start:
            shown = nodes[max(0, window.start - window.limit) : window.start]
        else:
            shown = nodes[window.start : window.stop]
        if window.limit > self.weight.page:
            raise reduce_data()
        rows = self._of_tomorrow(call, [select(node, fields, kind=kind, known=known) for node in shown])
        # Refuse unknown fields of an empty list too.
        select({"id": ""}, fields, kind=kind, known=known)
        endless = self.faulting.due(call.request_class, "page_endless")
        body = page_body(
            rows, total=len(nodes), window=window, url=call.url, params=call.params, token=call.token, endless=endless
        )
        return Answer(body=body)

    # --- insights -----------------------------------------------------------------------------------------------------

    def _insights(self, call: Call, account: WorldAccount, scope: tuple[str, str] | None) -> Answer:
        query = self.insights.query(account, call.params, self.world.now, scope)
        if call.method == "POST":
            states = self.faulting.report_states()
            unknown = 2 if self.faulting.due("report", "report_unknown") else 0
            run = self.reports.order(query, self.world.now, states=states or self._course(query), unknown_polls=unknown)
            return Answer.of({"report_run_id": run.id})
        results = self.insights.results(query)
        if len(results) > self.weight.query:
            raise reduce_data()
        return self._results_page(call, results)

    def _course(self, query: Query) -> tuple[State, ...]:
        """How a report goes on: by its size."""
        rows = len(self.insights.results(query))
        if rows > self.weight.report:
            return (State("Job Running", 10), State("Job Failed", 10, (-3, 1504045, "The report is too large")))
        return QUICK if rows <= _QUICK_ROWS else USUAL

    def _report_page(self, call: Call, run: Run) -> Answer:
        if not run.completed:
            raise Refusal("(#2601) The report is not ready to be read", code=2601)
        wanted = parse_fields(call.params.get("fields", ""))
        if missing := [name for name in wanted if name not in run.query.fields]:
            raise bad_parameter(
                f"Cannot include {', '.join(missing)} in summary param because they weren't there while creating the "
                "report run"
            )
        return self._results_page(call, self.insights.results(run.query))

    def _results_page(self, call: Call, results: Results) -> Answer:
        window = self._window(call)
        if window.limit > self.weight.page:
            raise reduce_data()
        if self.faulting.due("facts", "page_duplicate") and window.start:
            # The page before once more, under the cursors that belong here.
            rows = results.page(max(0, window.start - window.limit), window.start)
        elif self.faulting.due("facts", "page_empty"):
            rows, window = [], Window(window.start, window.limit)
        else:
            rows = results.page(window.start, window.stop)
        total = len(results)
        if not total:
            return Answer(body=b'{"data":[]}')
        shown = min(window.stop, total) - window.start if rows else 0
        endless = self.faulting.due("facts", "page_endless")
        if endless and not rows:  # what lies behind the end is the last page once more
            rows = results.page(max(0, total - window.limit), total)
        if self.faulting.due("facts", "unknown_values"):
            rows = [f"{{{NEWER_TEXT},{row[1:]}" for row in rows]
        paging = paging_block(call.url, call.params, call.token, window, shown, total, endless=endless)
        # A cursor that leads back to this very page: a client that trusts it never ends.
        if self.faulting.due("facts", "page_circle") and "after" in call.params:
            paging["cursors"]["after"] = call.params["after"]
            paging["next"] = f"{call.url}?after={call.params['after']}"
        body = f'{{"data":[{",".join(rows)}],"paging":{msgspec.json.encode(paging).decode()}}}'
        return Answer(body=body.encode())

    def _window(self, call: Call) -> Window:
        window = page_window(call.params)
        short = self.faulting.argument(call.request_class, "page_short")
        return window if short is None else Window(window.start, min(window.limit, short))


def _minimum(account: WorldAccount) -> dict[str, object]:
    return {
        "currency": account.currency,
        "min_daily_budget_imp": LEAST_BUDGET,
        "min_daily_budget_high_freq": 5 * LEAST_BUDGET,
        "min_daily_budget_low_freq": 40 * LEAST_BUDGET,
        "min_daily_budget_video_views": 5 * LEAST_BUDGET,
    }


def _comparable(node: Mapping[str, Any], attribute: str) -> object:
    """A time compares by its seconds since 1970."""
    value = node.get(attribute)
    return _epoch(value) if attribute.endswith("_time") and isinstance(value, str) else value


def _epoch(stamp: str) -> int:
    return int(datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S%z").timestamp())
