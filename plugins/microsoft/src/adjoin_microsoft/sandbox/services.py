"""All services behind one door: who is asking, about which account, and which service answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adjoin.testing.world import World, WorldAccount
from adjoin_microsoft.sandbox.bulk import Bulk
from adjoin_microsoft.sandbox.calls import Call, classify, id_of
from adjoin_microsoft.sandbox.customers import Customers
from adjoin_microsoft.sandbox.details import Details
from adjoin_microsoft.sandbox.directory import Directory
from adjoin_microsoft.sandbox.errors import RawRefusal, fault, missing_header, operation_error
from adjoin_microsoft.sandbox.faulting import Faulting
from adjoin_microsoft.sandbox.goals import Goals
from adjoin_microsoft.sandbox.links import Links
from adjoin_microsoft.sandbox.mutations import Mutations
from adjoin_microsoft.sandbox.oauth import Tokens
from adjoin_microsoft.sandbox.objects import Objects
from adjoin_microsoft.sandbox.reading import Reading
from adjoin_microsoft.sandbox.report_file import ReportWriter
from adjoin_microsoft.sandbox.reports import Reports

__all__ = ["DEVELOPER_TOKEN", "Options", "Services"]

DEVELOPER_TOKEN = "sandbox-developer_token"  # noqa: S105 - made up, and told to everyone


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a test may choose, see `make_app`."""

    pending_polls: int
    report_slots: int | None
    rotation_strict: bool
    single_use_links: bool


class Services:
    """The API on a world."""

    def __init__(self, world: World, options: Options) -> None:
        presence = world.on("microsoft")
        self._options = options
        self._tokens = Tokens(world.token("microsoft"), world.refresh_token("microsoft"))
        self._faulting = Faulting(world.faults, self._tokens)
        self._directory = Directory(presence, world.seed)
        objects = Objects(presence, Details(presence))
        goals = Goals(presence)
        links = Links(single_use=options.single_use_links)
        self._customers = Customers(self._directory, self._faulting)
        self._reading = Reading(objects, goals, self._faulting)
        self._mutations = Mutations(objects)
        self._reports = Reports(
            objects,
            self._directory,
            ReportWriter(objects, self._directory, goals),
            self._faulting,
            links,
            pending_polls=options.pending_polls,
            slots=options.report_slots,
        )
        self._bulk = Bulk(objects, self._directory, self._faulting, links, pending_polls=options.pending_polls)

    # --- signing in ---------------------------------------------------------------------------------------------------

    def dialog(self, params: Mapping[str, str], now: datetime) -> str:
        """Return where the consent dialog sends the browser."""
        return self._tokens.dialog(params, now, deny=self._faulting.due("token", "deny"))

    def exchange(self, params: Mapping[str, str], now: datetime) -> Mapping[str, Any]:
        """Answer the token endpoint."""
        self._faulting.refuse_token()
        strict = self._options.rotation_strict or self._faulting.due("token", "rotation_strict")
        return self._tokens.exchange(params, now, strict=strict)

    # --- services -----------------------------------------------------------------------------------------------------

    def answer(self, call: Call, now: datetime) -> Mapping[str, Any]:
        """Answer a call to a service."""
        request_class = classify(call.method, f"{call.service}/v13/{call.operation}")
        self._faulting.refuse(request_class)
        self._check_credentials(call, now)
        if call.service == "CustomerManagement":
            return self._customers.answer(call, now)
        account = self._account(call)
        if call.service == "Reporting":
            return self._reports.answer(call, now)
        self._faulting.refuse_account(account.id, request_class)
        if call.service == "Bulk":
            return self._bulk.answer(call, account, now)
        if request_class == "entities":
            return self._reading.answer(call, account, now)
        return self._mutations.answer(call, account, now)

    def file(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: datetime) -> bytes:
        """Return a file of results."""
        if self._faulting.due("facts" if path.startswith("reports/") else "entities", "throttle_bare"):
            raise RawRefusal("", status=429, media_type="application/xml")
        if path.startswith("reports/"):
            return self._reports.file(path, params, headers, now)
        return self._bulk.file(path, params, headers, now)

    def _check_credentials(self, call: Call, now: datetime) -> None:
        scheme, _, token = call.header("Authorization").partition(" ")
        state = self._tokens.state(token, now) if scheme.lower() == "bearer" else "bad"
        if state == "expired":
            raise fault(109, status=401)
        if state == "bad" or call.header("DeveloperToken") != DEVELOPER_TOKEN:
            raise fault(105, status=401)

    def _account(self, call: Call) -> WorldAccount:
        """Return the account that the headers name; it must be the one that the body names, and of their customer."""
        given = call.header("CustomerAccountId")
        if not given:
            raise operation_error(1030) if call.service == "CampaignManagement" else missing_header("CustomerAccountId")
        customer = call.header("CustomerId")
        if not customer:
            raise missing_header("CustomerId")
        account = self._directory.account(id_of(given, "CustomerAccountId"))
        id_of(customer, "CustomerId")
        if account is None or self._directory.customer_of(account).id != customer:
            raise fault(106, status=403)
        if call.service == "CampaignManagement" and call.id("AccountId") not in ("", account.id):
            raise operation_error(1102)
        return account
