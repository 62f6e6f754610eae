"""The API itself: what each call answers, on the world."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from adjoin.testing.world import World
from adjoin_google.sandbox.calls import Call
from adjoin_google.sandbox.entities import read_entities
from adjoin_google.sandbox.errors import NoRoute, Refusal, invalid
from adjoin_google.sandbox.facts import read_facts
from adjoin_google.sandbox.faulting import Faulting
from adjoin_google.sandbox.gaql import parse
from adjoin_google.sandbox.googlefields import describe_field, search_fields
from adjoin_google.sandbox.hierarchy import Hierarchy, Node
from adjoin_google.sandbox.mutating import Mutating
from adjoin_google.sandbox.oauth import Tokens
from adjoin_google.sandbox.objects import Objects
from adjoin_google.sandbox.paging import Asked, Pages
from adjoin_google.sandbox.plan import Plan, plan
from adjoin_google.sandbox.quotas import Quota
from adjoin_google.sandbox.rows import Rows
from adjoin_google.sandbox.store import Store
from adjoin_google.sandbox.wire import read_object, read_text_map, write

__all__ = ["Answer", "Service", "Sizes", "new_request_id"]

_SUMMARY_SETTINGS = "UNSPECIFIED UNKNOWN NO_SUMMARY_ROW SUMMARY_ROW_WITH_RESULTS SUMMARY_ROW_ONLY"


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows a page of `search` has, and a batch of `searchStream`; operations of 24 hours (None: unlimited)."""

    page: int = 10_000
    batch: int = 10_000
    daily_operations: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A good answer: JSON, in pieces if it is a stream."""

    body: bytes | Iterator[bytes]
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The rows of a query and what it asked for."""

    plan: Plan
    rows: Rows
    summary: str

    @property
    def mask(self) -> str:
        return ",".join(".".join(field.path) for field in self.plan.fields)

    @property
    def consumption(self) -> str:
        """What the query is said to have cost."""
        return str(1 + len(self.rows) * len(self.plan.fields) // 1_000)


def new_request_id() -> str:
    return secrets.token_urlsafe(16)


class Service:
    """Answers calls from the world. One instance per sandbox; what it hands out and keeps lives here."""

    def __init__(self, world: World, sizes: Sizes) -> None:
        self.world = world
        self.sizes = sizes
        self.presence = world.on("google")
        self.hierarchy = Hierarchy(self.presence, world.seed)
        self.store = Store()
        self.objects = Objects(self.presence, self.hierarchy, self.store)
        self.mutating = Mutating(self.presence, self.objects, self.store)
        self.tokens = Tokens(world.token("google"), world.refresh_token("google"))
        self.pages = Pages()
        self.quota = Quota(sizes.daily_operations)
        self.faulting = Faulting(world)

    def answer(self, call: Call) -> Answer:
        """Answer one call. Raises Refusal or NoRoute."""
        request_class = call.request_class
        self.faulting.refuse(request_class, call.version)
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
        if self.faulting.due(request_class, "token_revoked"):
            self.tokens.withdraw(token)
        self.tokens.check(token, self.world.now)
        self.quota.spend(_operations(call), self.world.now)
        request_id = new_request_id()
        match (call.method, call.service, call.verb):
            case ("GET", "customers", "listAccessibleCustomers"):
                return self._accessible(call, request_id)
            case ("GET", "googleAdsFields", "get"):
                return Answer(body=write(describe_field(call.name), pretty=call.pretty), request_id=request_id)
            case ("POST", "googleAdsFields", "search"):
                body = search_fields(read_object(call.body))
                return Answer(body=write(body, pretty=call.pretty), request_id=request_id)
            case ("POST", "googleAds", "search"):
                return self._search(call, request_id)
            case ("POST", "googleAds", "searchStream"):
                return self._stream(call, request_id)
            case ("POST", service, "mutate") if self.mutating.serves(service):
                return self._mutate(call, request_id)
        raise NoRoute

    # --- customers ----------------------------------------------------------------------------------------------------

    def _accessible(self, call: Call, request_id: str) -> Answer:
        names = [f"customers/{customer_id}" for customer_id in self.hierarchy.accessible()]
        return Answer(body=write({"resourceNames": names}, pretty=call.pretty), request_id=request_id)

    def _customer(self, call: Call) -> Node:
        node = self.hierarchy.reach(call.customer_id, call.headers.get("login-customer-id"))
        if not node.manager:
            self.faulting.refuse_account(call.request_class, node.id)
        return node

    # --- queries ------------------------------------------------------------------------------------------------------

    def _find(self, call: Call, text: str, *, summary: bool, rows: Rows | None = None) -> _Found:
        """Find the rows of a query, unless they are known from an earlier page."""
        node = self._customer(call)
        if not text:
            raise invalid("requestError", "REQUIRED_FIELD_MISSING", "Required field is missing.", path=("query",))
        today = self.presence.today(node.id) if not node.manager else self.world.today
        asked = plan(parse(text), today=today, manager=node.manager)
        if summary and not asked.metrics:
            raise invalid(
                "requestError",
                "CANNOT_RETURN_SUMMARY_ROW_FOR_REQUEST_WITHOUT_METRICS",
                "Cannot return summary row for a request without metrics.",
            )
        if rows is not None and not summary:
            return _Found(plan=asked, rows=rows, summary="")
        strange = self.faulting.due(call.request_class, "unknown_values")
        if not asked.is_facts:
            return _Found(plan=asked, rows=read_entities(asked, node, self.objects, strange=strange), summary="")
        facts = read_facts(asked, node, self.objects, self.world.now, strange=strange)
        return _Found(plan=asked, rows=rows or facts, summary=facts.summary() if summary else "")

    def _search(self, call: Call, request_id: str) -> Answer:
        given = read_object(call.body)
        kinds = {"query": "string", "pageToken": "string", "pageSize": "int32", "validateOnly": "bool"}
        request = read_text_map(given, {**kinds, "searchSettings": "object", "customerId": "string"})
        settings = read_text_map(
            request.get("searchSettings", {}),
            {"omitResults": "bool", "returnSummaryRow": "bool", "returnTotalResultsCount": "bool"},
            "search_settings",
        )
        if request.get("pageSize"):
            raise invalid(
                "requestError",
                "PAGE_SIZE_NOT_SUPPORTED",
                "Setting the page size is not supported. Search Responses will have fixed page size of '10000' rows.",
            )
        query, token = str(request.get("query", "")), str(request.get("pageToken", ""))
        total, summary = settings.get("returnTotalResultsCount", False), settings.get("returnSummaryRow", False)
        asked = Asked(customer_id=call.customer_id, query=query, total=total)
        if token and request.get("validateOnly"):
            raise invalid("requestError", "VALIDATE_ONLY_REQUEST_HAS_PAGE_TOKEN", "A page token is not allowed.")
        rows, start = None, 0
        if token:
            self.faulting.refuse_page(call.request_class)
            self._customer(call)
            rows, start = self.pages.take(token, asked, self.world.now)
        found = self._find(call, query, summary=summary, rows=rows)
        if request.get("validateOnly"):
            return Answer(body=write({}, pretty=call.pretty), request_id=request_id)
        if settings.get("omitResults"):
            body = self._page_body(found, asked, [], "")
            return Answer(body=write(body, pretty=call.pretty), request_id=request_id)
        return Answer(body=write(self._page(call, found, asked, start), pretty=call.pretty), request_id=request_id)

    def _page(self, call: Call, found: _Found, asked: Asked, start: int) -> bytes:
        size, now = self.sizes.page, self.world.now
        shown = start
        if start and self.faulting.due(call.request_class, "page_duplicate"):
            shown = max(0, start - size)
        texts = found.rows.texts(shown, shown + size)
        after = ""
        if start + size < len(found.rows):
            after = self.pages.keep(asked, found.rows, start + size, now)
        elif self.faulting.due(call.request_class, "page_endless"):
            after = self.pages.keep(asked, found.rows, start, now)
        return self._page_body(found, asked, texts, after)

    def _page_body(self, found: _Found, asked: Asked, texts: list[str], after: str) -> bytes:
        parts = [f'"results":[{",".join(texts)}]' if texts else ""]
        parts.append(f'"nextPageToken":"{after}"' if after else "")
        parts.append(f'"totalResultsCount":"{len(found.rows)}"' if asked.total else "")
        parts.append(f'"fieldMask":"{found.mask}"')
        # The summary is on the last page.
        parts.append(f'"summaryRow":{found.summary}' if found.summary and not after else "")
        parts.append(f'"queryResourceConsumption":"{found.consumption}"')
        return f"{{{','.join(filter(None, parts))}}}".encode()

    def _stream(self, call: Call, request_id: str) -> Answer:
        kinds = {"query": "string", "summaryRowSetting": _SUMMARY_SETTINGS, "customerId": "string"}
        request = read_text_map(read_object(call.body), kinds)
        setting = request.get("summaryRowSetting", "")
        found = self._find(call, str(request.get("query", "")), summary=setting.startswith("SUMMARY_ROW"))
        error, late = self.faulting.inside(call.request_class)
        empty = self.faulting.due(call.request_class, "empty_array")
        batches = self._batches(found, request_id, rows=setting != "SUMMARY_ROW_ONLY")
        if empty and not len(found.rows):
            batches = iter(())
        if error is not None:
            batches = _broken_off(batches, error, call.version, request_id, late=late)
        return Answer(body=_array(batches, pretty=call.pretty), request_id=request_id)

    def _batches(self, found: _Found, request_id: str, *, rows: bool) -> Iterator[bytes]:
        """Write the batches one after the other, as they are asked for."""
        size = self.sizes.batch
        count = len(found.rows) if rows else 0
        for start in range(0, max(count, 1), size):
            texts = found.rows.texts(start, start + size) if count else []
            parts = [f'"results":[{",".join(texts)}]' if texts else ""]
            parts.append(f'"fieldMask":"{found.mask}"')
            parts.append(f'"requestId":"{request_id}"')
            if start + size >= count and not found.summary:
                parts.append(f'"queryResourceConsumption":"{found.consumption}"')
            yield f"{{{','.join(filter(None, parts))}}}".encode()
        if found.summary:
            tail = f'"requestId":"{request_id}","queryResourceConsumption":"{found.consumption}"'
            yield f'{{"fieldMask":"{found.mask}","summaryRow":{found.summary},{tail}}}'.encode()

    # --- changes ------------------------------------------------------------------------------------------------------

    def _mutate(self, call: Call, request_id: str) -> Answer:
        node = self._customer(call)
        self.faulting.refuse_mutate()
        if node.manager:
            raise invalid(
                "requestError",
                "CANNOT_BE_EXECUTED_BY_MANAGER_ACCOUNT",
                "The request cannot be executed by a manager account.",
            )
        given = read_object(call.body)
        if self.faulting.due("mutate", "eu_undeclared"):
            self.mutating.forget_declaration(node.id)
        draft = self.mutating.draft(node, self.world.now)
        body = self.mutating.apply(call.service, given, draft, version=call.version, request_id=request_id)
        return Answer(body=write(body, pretty=call.pretty), request_id=request_id)


def _operations(call: Call) -> int:
    """What a call costs: further pages are part of their query, each change of a mutate is one."""
    if call.verb == "search" and b'"pageToken"' in call.body:
        return 0
    if call.verb != "mutate":
        return 1
    given = read_object(call.body)
    changes = given.get("mutateOperations" if call.service == "googleAds" else "operations", [])
    return max(1, len(changes)) if isinstance(changes, list) else 1


def _array(batches: Iterator[bytes], *, pretty: bool) -> Iterator[bytes]:
    """Write batches as one JSON array."""
    yield b"["
    for number, batch in enumerate(batches):
        yield (b",\n" if number else b"") + write(batch, pretty=pretty)
    yield b"]\n"


def _broken_off(
    batches: Iterator[bytes], error: Refusal, version: str, request_id: str, *, late: bool
) -> Iterator[bytes]:
    """End a stream with an error: after its first batch, or before any."""
    if late:
        yield next(batches)
    yield msgspec.json.encode(error.to_json(version, request_id))
