"""Where each of Microsoft's services is, and one call of one operation.

Every operation is a JSON request at the vendor's path, `/CustomerManagement/v13/Accounts/Search` say. The prefix says
the service and so the host; in a sandbox all services are below one base URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from adjoin.ads.v2 import Account, Client, Reply
from adjoin.errors import ErrorKind, PlatformError

__all__ = ["BASE_URL", "HOSTS", "address", "call", "in_production"]

T = TypeVar("T")

#: The host of Campaign Management, which stands for the platform.
BASE_URL = "https://campaign.api.bingads.microsoft.com"

_HOST_OF: Mapping[str, str] = {
    "CampaignManagement": BASE_URL,
    "CustomerManagement": "https://clientcenter.api.bingads.microsoft.com",
    "Reporting": "https://reporting.api.bingads.microsoft.com",
    "Bulk": "https://bulk.api.bingads.microsoft.com",
}

#: The hosts of the other services, which get the connection's token too.
HOSTS: tuple[str, ...] = tuple(host for host in _HOST_OF.values() if host != BASE_URL)


def in_production(base_url: str) -> bool:
    """Say whether a base URL is Microsoft's own and not a sandbox's."""
    return base_url.rstrip("/") == BASE_URL


def address(base_url: str, path: str) -> str:
    """Return the address of an operation, from its path `/<Service>/v13/<Operation>`."""
    host = _HOST_OF[path.split("/", 2)[1]] if in_production(base_url) else base_url.rstrip("/")
    return f"{host}{path}"


async def call(
    client: Client, path: str, body: Mapping[str, object], kind: type[T], *, account: Account | None = None
) -> T:
    """Ask an operation that reads and return its answer. Reads are POST, and harmless to send twice.

    With `account` the request carries its two ids, as all services but Customer Management want. Accounts that an
    agency is linked to answer to the customer that they belong to, or else to the user's own. Raises PlatformError.
    """
    customers = [""] if account is None else _customers(account)
    for place, customer in enumerate(customers, start=1):
        try:
            reply = await _send(client, path, body, account, customer)
        except PlatformError as error:
            if error.code == "106" and place < len(customers):
                continue
            raise
        return _decoded(reply, kind)
    raise AssertionError("unreachable")


def _customers(account: Account) -> list[str]:
    known = (account.extra.get("customer_id", ""), account.extra.get("user_customer_id", ""))
    return [each for each in dict.fromkeys(known) if each] or [""]


async def _send(client: Client, path: str, body: Mapping[str, object], account: Account | None, customer: str) -> Reply:
    headers = {"DeveloperToken": client.app.extra.get("developer_token", ""), "Accept": "application/json"}
    if account is not None:
        headers["CustomerAccountId"] = account.id
        if customer:
            headers["CustomerId"] = customer
    return await client.request(
        "POST",
        address(client.base_url, path),
        headers=headers,
        json=body,
        account=account.id if account else "",
        repeatable=True,
    )


def _decoded(reply: Reply, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PlatformError(
            f"Microsoft answered {reply.method} {reply.url} with something else than expected: {error}",
            kind=ErrorKind.RETRY,
            code="garbled",
            request_id=reply.headers.get("trackingid", ""),
        ) from error
