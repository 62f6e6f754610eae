"""One call to the sandbox: what its path means, and of which class it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from adjoin_google.sandbox.errors import NoRoute, unsupported_version

__all__ = ["Call", "classify", "parse_path"]

#: The major versions that answer, and those that say that they are retired; others are not routed at all.
_ALIVE = frozenset({"v23", "v24", "v25", "v26"})
_RETIRED = frozenset({"v20", "v21", "v22"})

_CUSTOMER = re.compile(r"customers/([^/:]+)/([A-Za-z]+):([A-Za-z]+)")
_FIELD = re.compile(r"googleAdsFields/([\w.]+)")
_RESULTS = re.compile(rb"\b(?:metrics|segments)\.", re.IGNORECASE)
_ACCOUNTS = re.compile(rb"\bFROM\s+customer(?:_client)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is asked. `service` is the collection (`googleAds`, `campaigns`, ...), `verb` what to do with it."""

    method: str
    version: str
    service: str
    verb: str
    customer_id: str = ""
    name: str = ""
    headers: Mapping[str, str]
    body: bytes
    pretty: bool = True

    @property
    def request_class(self) -> str:
        return _class(self.verb, self.body)


def parse_path(path: str) -> tuple[str, str, str, str, str]:
    """Return version, service, verb, customer id and name; NoRoute for what is not routed.

    Refuses versions that have been retired.
    """
    version, _, rest = path.strip("/").partition("/")
    if version in _RETIRED:
        raise unsupported_version(version)
    if version not in _ALIVE:
        raise NoRoute
    if rest == "customers:listAccessibleCustomers":
        return version, "customers", "listAccessibleCustomers", "", ""
    if rest == "googleAdsFields:search":
        return version, "googleAdsFields", "search", "", ""
    if found := _FIELD.fullmatch(rest):
        return version, "googleAdsFields", "get", "", found[1]
    if found := _CUSTOMER.fullmatch(rest):
        return version, found[2], found[3], found[1], ""
    raise NoRoute


def classify(path: str, body: bytes) -> str:
    """Return the class of a request, by which faults are switched on. Queries are classed by what they ask for."""
    first = path.strip("/").partition("/")[0]
    if first in ("token", "revoke", "o"):
        return "token"
    return _class(path.rpartition(":")[2], body)


def _class(verb: str, body: bytes) -> str:
    if verb == "listAccessibleCustomers":
        return "accounts"
    if verb == "mutate":
        return "mutate"
    if _RESULTS.search(body):
        return "facts"
    return "accounts" if _ACCOUNTS.search(body) else "entities"
