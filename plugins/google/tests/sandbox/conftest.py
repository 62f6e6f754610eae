"""Talking to the sandbox as any program would, and reading its answers with the vendor's own messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import pytest

from adjoin.ads.v2 import Status
from adjoin.testing.faults import Fault
from adjoin.testing.world import World, WorldAccount
from adjoin_google.sandbox import make_app
from adjoin_google.sandbox.service import Sizes

TODAY = date(2026, 11, 22)

#: The login customer that means: whichever manager is above everything.
ABOVE_ALL = "the manager above all"


@dataclass(frozen=True)
class Http:
    """Asks an application without a network in between."""

    app: Any

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


@dataclass
class Api:
    """A sandbox, and short ways to ask it."""

    world: World
    http: Http

    @property
    def presence(self) -> Any:
        return self.world.on("google")

    @property
    def manager_id(self) -> str:
        """The manager above all accounts."""
        response = self.http.get("/v26/customers:listAccessibleCustomers", headers=self.headers())
        return response.json()["resourceNames"][0].removeprefix("customers/")

    def account(self, currency: str = "EUR") -> WorldAccount:
        return next(each for each in self.presence.accounts if each.currency == currency)

    def headers(self, login: str | None = None, token: str | None = None) -> dict[str, str]:
        headers = {"authorization": f"Bearer {token or self.world.token('google')}"}
        if login == ABOVE_ALL:
            headers["login-customer-id"] = self.manager_id
        elif login is not None:
            headers["login-customer-id"] = login
        return headers

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        login: str | None = ABOVE_ALL,
        version: str = "v26",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        return self.http.post(f"/{version}/{path}", json=body, headers={**self.headers(login), **(headers or {})})

    def stream(self, query: str, *, account: str = "", **options: Any) -> httpx.Response:
        account = account or self.account().id
        return self.post(f"customers/{account}/googleAds:searchStream", {"query": query}, **options)

    def search(self, query: str, *, account: str = "", more: Mapping[str, Any] | None = None) -> httpx.Response:
        account = account or self.account().id
        return self.post(f"customers/{account}/googleAds:search", {"query": query, **(more or {})})

    def rows(self, query: str, *, account: str = "", **options: Any) -> list[dict[str, Any]]:
        """All rows of a streamed query."""
        response = self.stream(query, account=account, **options)
        assert response.status_code == 200, response.text
        return [row for batch in response.json() for row in batch.get("results", ())]

    def mutate(self, service: str, operations: list[dict[str, Any]], *, account: str = "", **more: Any) -> Any:
        account = account or self.account().id
        key = "mutateOperations" if service == "googleAds" else "operations"
        return self.post(f"customers/{account}/{service}:mutate", {key: operations, **more})

    def fault(self, kind: str, request_class: str = "*", **options: Any) -> None:
        self.world.faults.add(Fault(kind=kind, request_class=request_class, **options))


def codes(response: httpx.Response) -> list[str]:
    """The codes of an error answer, as family.CODE."""
    body = response.json()
    error = (body[0] if isinstance(body, list) else body)["error"]
    return [
        f"{family}.{code}"
        for detail in error.get("details", ())
        for each in detail.get("errors", ())
        for family, code in each["errorCode"].items()
    ]


@pytest.fixture(name="codes")
def _codes() -> Callable[[httpx.Response], list[str]]:
    return codes


def _served(world: World, **sizes: int) -> Api:
    return Api(world, Http(make_app(world, sizes=Sizes(**sizes))))


@pytest.fixture
def served() -> Callable[..., Api]:
    """Serve a world of one's own: `served(world, batch=100)`."""
    return _served


@pytest.fixture(scope="session")
def _shared_world() -> World:
    return World.generate(seed=1, today=TODAY, scale=0.1, days=90, fractional=True)


@pytest.fixture
def api(_shared_world: World) -> Iterator[Api]:
    """A small world, with its faults off and its clock at noon of 2026-11-22. Not to be changed."""
    _shared_world.faults.clear()
    _shared_world.set_today(TODAY)
    yield _served(_shared_world)
    _shared_world.faults.clear()
    _shared_world.set_today(TODAY)


@pytest.fixture
def own() -> Api:
    """A very small world that a test may change."""
    return _served(World.generate(seed=3, today=TODAY, scale=0.02, days=20))


DECLARED = {"containsEuPoliticalAdvertising": "DOES_NOT_CONTAIN_EU_POLITICAL_ADVERTISING"}


class Shop:
    """An account with something of everything, and short ways to change it."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.account = api.account()
        self.customer = f"customers/{self.account.id}"
        world = api.presence
        self.campaign = next(
            each
            for each in world.campaigns(self.account.id)
            if each.channel == "search" and each.status is Status.ACTIVE
        )
        self.group = next(
            each
            for each in world.ad_groups(self.account.id)
            if each.campaign_id == self.campaign.id and each.status is Status.ACTIVE
        )
        self.ad = next(
            each
            for each in world.ads(self.account.id)
            if each.ad_group_id == self.group.id and each.status is Status.ACTIVE
        )
        self.keyword = next(
            each
            for each in world.keywords(self.account.id)
            if each.ad_group_id == self.group.id and each.status is Status.ACTIVE
        )

    def named(self, collection: str, ids: str) -> str:
        return f"{self.customer}/{collection}/{ids}"

    def mutate(self, service: str, *operations: dict[str, Any], **more: Any) -> Any:
        return self.api.mutate(service, list(operations), account=self.account.id, **more)

    def done(self, service: str, *operations: dict[str, Any], **more: Any) -> list[str]:
        """The resource names of what has been changed."""
        response = self.mutate(service, *operations, **more)
        assert response.status_code == 200, response.text
        return [result["resourceName"] for result in response.json()["results"]]

    def rows(self, query: str) -> list[dict[str, Any]]:
        return self.api.rows(query, account=self.account.id)

    def new_campaign(self, **changed: Any) -> dict[str, Any]:
        (budget,) = self.done(
            "campaignBudgets", {"create": {"amountMicros": "5000000", "explicitlyShared": False, "name": "b"}}
        )
        value = {
            "name": "New",
            "status": "PAUSED",
            "advertisingChannelType": "SEARCH",
            "campaignBudget": budget,
            "manualCpc": {},
            **DECLARED,
            **changed,
        }
        return {"create": {key: given for key, given in value.items() if given is not None}}


@pytest.fixture
def shop(own: Api) -> Shop:
    return Shop(own)


def whole_campaign(shop: Shop, **changed: Any) -> list[dict[str, Any]]:
    """A campaign with its budget, an ad group and a keyword, in the order of the types."""
    budget = {"resourceName": shop.named("campaignBudgets", "-1"), "amountMicros": "5000000", "explicitlyShared": False}
    campaign = {
        "resourceName": shop.named("campaigns", "-2"),
        "name": "Whole",
        "status": "PAUSED",
        "advertisingChannelType": "SEARCH",
        "campaignBudget": shop.named("campaignBudgets", "-1"),
        "maximizeConversions": {},
        **DECLARED,
        **changed,
    }
    group = {
        "resourceName": shop.named("adGroups", "-3"),
        "name": "Group",
        "campaign": shop.named("campaigns", "-2"),
        "type": "SEARCH_STANDARD",
    }
    keyword = {"adGroup": shop.named("adGroups", "-3"), "keyword": {"text": "bread", "matchType": "BROAD"}}
    return [
        {"campaignBudgetOperation": {"create": budget}},
        {"campaignOperation": {"create": campaign}},
        {"adGroupOperation": {"create": group}},
        {"adGroupCriterionOperation": {"create": keyword}},
    ]


@pytest.fixture(name="whole_campaign")
def _whole_campaign(shop: Shop) -> list[dict[str, Any]]:
    """Operations that create a campaign and everything that belongs to it."""
    return whole_campaign(shop)


def places(response: httpx.Response) -> list[str]:
    """Where the errors of an answer are, as operations[0].create.name."""
    details = response.json()["error"]["details"]
    return [
        ".".join(
            part["fieldName"] + (f"[{part['index']}]" if "index" in part else "")
            for part in error["location"]["fieldPathElements"]
        )
        for error in details[0]["errors"]
    ]


@pytest.fixture(name="places")
def _places() -> Callable[[httpx.Response], list[str]]:
    return places


@pytest.fixture
def strictly() -> Callable[..., Any]:
    """Read a body with the vendor's message of a name; anything that the message does not know is an error."""
    from google.ads.googleads.v26.services.types import customer_service, google_ads_service
    from google.protobuf import json_format

    def read(name: str, body: object) -> Any:
        module = customer_service if hasattr(customer_service, name) else google_ads_service
        message = getattr(module, name).pb()()
        return json_format.Parse(json.dumps(body), message, ignore_unknown_fields=False)

    return read
